"""Where things are sold: channels, the locations that serve them, and how fresh their data are."""

from typing import Final

from sqlalchemy import CheckConstraint, Column, ForeignKey, Integer, String, Table, TypedColumns

from data_access.schema.base import Micros, metadata, one_of

CHANNEL_KINDS: Final = ("marketplace", "webstore", "social", "retail")


class _Channel(TypedColumns):
    channel_id = Column(String, primary_key=True, comment="Short id of the channel.")
    name = Column(String, nullable=False, comment="Name shown to people.")
    kind = Column(String, nullable=False, comment="marketplace, webstore, social or retail.")
    marketplace = Column(String, nullable=True, comment="Whose rules apply (amazon, ebay, ...); empty for own channels.")
    currency = Column(String(3), nullable=False, comment="ISO 4217 code its prices are in.")
    time_zone = Column(String, nullable=False, comment="IANA name; cuts the channel's days.")
    country = Column(String(2), nullable=True, comment="ISO 3166 code of its home market.")
    position = Column(Integer, nullable=False, comment="Order on pages; fixes the channel's colour.")
    stale_after_seconds = Column(Integer, nullable=False, comment="Older data than this are called stale.")
    version = Column(Integer, nullable=False, server_default="1", comment="Raised by each change.")


channel = Table(
    "channel",
    metadata,
    _Channel,
    CheckConstraint(one_of("kind", CHANNEL_KINDS), name="kind"),
    comment="Places that sell.",
)


class _ChannelLocation(TypedColumns):
    channel_id = Column(String, ForeignKey("channel.channel_id"), primary_key=True, comment="The channel served.")
    location_id = Column(String, ForeignKey("location.location_id"), primary_key=True, comment="The location that serves it.")
    priority = Column(Integer, nullable=False, comment="1 is tried first when a sale is allocated.")


channel_location = Table(
    "channel_location", metadata, _ChannelLocation, comment="Which locations serve which channel, in order of priority."
)


class _ChannelState(TypedColumns):
    channel_id = Column(String, ForeignKey("channel.channel_id"), primary_key=True, comment="The channel.")
    synced_until = Column(Micros, nullable=False, comment="All that happened on the channel up to here is known.")
    received_at = Column(Micros, nullable=False, comment="When something last came in from the channel.")


channel_state = Table("channel_state", metadata, _ChannelState, comment="How fresh each channel's data are.")

__all__ = ["CHANNEL_KINDS", "channel", "channel_location", "channel_state"]
