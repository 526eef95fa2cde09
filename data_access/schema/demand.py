"""What moves demand: promotions and prices."""

from sqlalchemy import CheckConstraint, Column, Float, ForeignKey, Index, String, Table, TypedColumns

from data_access.schema.base import Money, metadata


class _Promotion(TypedColumns):
    promotion_id = Column(String, primary_key=True, comment="Short id of the promotion.")
    channel_id = Column(String, ForeignKey("channel.channel_id"), primary_key=True, comment="Where it ran.")
    sku = Column(String, ForeignKey("product.sku"), primary_key=True, comment="What was discounted.")
    starts_on = Column(String(10), nullable=False, comment="First day, in the channel's time zone.")
    ends_on = Column(String(10), nullable=False, comment="Last day, in the channel's time zone.")
    discount = Column(Float, nullable=False, comment="Share of the price, above 0 and below 1.")


promotion = Table(
    "promotion",
    metadata,
    _Promotion,
    Index(None, "sku"),
    CheckConstraint("discount > 0 and discount < 1", name="discount"),
    CheckConstraint("ends_on >= starts_on", name="days"),
    comment="Discounts of a SKU on a channel.",
)


class _ChannelPrice(TypedColumns):
    channel_id = Column(String, ForeignKey("channel.channel_id"), primary_key=True, comment="The channel.")
    sku = Column(String, ForeignKey("product.sku"), primary_key=True, comment="The SKU.")
    valid_from_on = Column(String(10), primary_key=True, comment="First day of this price, in the channel's time zone.")
    price = Column(Money, nullable=False, comment="In 1/10,000 of the channel's currency, before promotions.")


channel_price = Table("channel_price", metadata, _ChannelPrice, comment="Prices by channel and SKU, by their first day.")

__all__ = ["channel_price", "promotion"]
