"""What is withheld from channels: buffer rules and reservations."""

from sqlalchemy import CheckConstraint, Column, Float, ForeignKey, Index, Integer, String, Table, TypedColumns

from data_access.domain.buffers import BASES, LEVELS
from data_access.schema.base import Id, Micros, Units, metadata, one_of


class _BufferRule(TypedColumns):
    id = Column(Id, primary_key=True, autoincrement=False, comment="Row id, from `id_block`.")
    scope = Column(String, nullable=False, comment="What it covers, as one text: a scope has one rule.")
    level = Column(
        String,
        nullable=False,
        comment="channel_sku, sku, channel_category, category or channel: the first that covers a SKU on a channel wins. "
        "location: a SKU at a location, before the pool.",
    )
    channel_id = Column(String, ForeignKey("channel.channel_id"), nullable=True, comment="The channel, of levels that name one.")
    sku = Column(String, ForeignKey("product.sku"), nullable=True, comment="The SKU, of levels that name one.")
    category = Column(String, nullable=True, comment="The category, of levels that name one.")
    location_id = Column(String, ForeignKey("location.location_id"), nullable=True, comment="The location, of level location.")
    basis = Column(String, nullable=False, comment="units, percent (of the pool) or days (of the channel's mean daily demand).")
    amount = Column(Float, nullable=False, comment="How many units, percent or days; at most two decimals, of units none.")
    reason = Column(String, nullable=False, comment="Why it is there.")
    ends_at = Column(Micros, nullable=True, comment="First moment at which it no longer counts; empty for no end.")
    version = Column(Integer, nullable=False, server_default="1", comment="Raised by each change.")


buffer_rule = Table(
    "buffer_rule",
    metadata,
    _BufferRule,
    Index("uq_buffer_rule_scope", "scope", unique=True),
    CheckConstraint(one_of("level", LEVELS), name="level"),
    CheckConstraint(one_of("basis", BASES), name="basis"),
    CheckConstraint("amount >= 0", name="amount"),
    comment="Units withheld from channels: channel buffers and location buffers. Who changed what is in `audit_entry`.",
)


class _ChannelReservation(TypedColumns):
    id = Column(Id, primary_key=True, autoincrement=False, comment="Row id, from `id_block`.")
    sku = Column(String, ForeignKey("product.sku"), nullable=False, comment="A stocked SKU.")
    units = Column(Units, nullable=True, comment="How many; empty for all.")
    reason = Column(String, nullable=False, comment="Why it is there.")
    ends_at = Column(Micros, nullable=True, comment="First moment at which it no longer counts; empty for no end.")
    version = Column(Integer, nullable=False, server_default="1", comment="Raised by each change.")


channel_reservation = Table(
    "channel_reservation",
    metadata,
    _ChannelReservation,
    Index(None, "sku"),
    CheckConstraint("units is null or units > 0", name="units"),
    comment="Units kept for some channels, and so withheld from the others.",
)


class _ReservationChannel(TypedColumns):
    reservation_id = Column(Id, ForeignKey("channel_reservation.id"), primary_key=True, comment="The reservation.")
    channel_id = Column(String, ForeignKey("channel.channel_id"), primary_key=True, comment="A channel that it is for.")


reservation_channel = Table("reservation_channel", metadata, _ReservationChannel, comment="For whom units are kept.")


class _ReservationLocation(TypedColumns):
    reservation_id = Column(Id, ForeignKey("channel_reservation.id"), primary_key=True, comment="The reservation.")
    location_id = Column(String, ForeignKey("location.location_id"), primary_key=True, comment="A location that it is at.")


reservation_location = Table(
    "reservation_location",
    metadata,
    _ReservationLocation,
    comment="Where units are kept; a reservation without a row here is at all locations that serve its channels.",
)

__all__ = ["buffer_rule", "channel_reservation", "reservation_channel", "reservation_location"]
