"""What moves demand, promotions and prices; and the runs that forecast it."""

from typing import Final

from sqlalchemy import CheckConstraint, Column, Float, ForeignKey, Index, Integer, String, Table, TypedColumns

from data_access.schema.base import Id, Micros, Money, metadata, one_of

RUN_STATES: Final = ("running", "finished", "failed", "left")


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


class _ForecastRun(TypedColumns):
    id = Column(Id, primary_key=True, autoincrement=False, comment="Row id, from `id_block`; names the folder of the run's files.")
    state = Column(String, nullable=False, comment="running, finished, failed or left (another was begun instead).")
    asked_by = Column(String, nullable=False, comment="Who asked for it.")
    asked_at = Column(Micros, nullable=False, comment="When.")
    finished_at = Column(Micros, nullable=True, comment="When it finished or failed.")
    last_on = Column(String(10), nullable=False, comment="The last day of the history that it knows; the first day ahead follows.")
    horizon = Column(Integer, nullable=False, comment="Days ahead.")
    seed = Column(Integer, nullable=False, comment="Seed of all that is drawn.")
    inputs_version = Column(String, nullable=True, comment="State of the mirror that the history was read from.")
    learned_by = Column(Id, nullable=True, comment="The run whose models it used: its own id if it trained them.")
    reason = Column(String, nullable=True, comment="Why it trained anew, or that it did not.")
    series = Column(Integer, nullable=True, comment="SKUs on channels that it forecast.")
    fell_back = Column(Integer, nullable=True, comment="How many of them could not be forecast and got their average.")
    problem = Column(String, nullable=True, comment="Why it failed.")


forecast_run = Table(
    "forecast_run",
    metadata,
    _ForecastRun,
    Index(None, "state", "last_on"),
    CheckConstraint(one_of("state", RUN_STATES), name="state"),
    CheckConstraint("horizon > 0", name="horizon"),
    comment="Runs of the demand forecast. Quantiles, models and the model of each series are in files beside the mirror, by the run's id.",
)

__all__ = ["RUN_STATES", "channel_price", "forecast_run", "promotion"]
