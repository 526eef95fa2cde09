"""The channel and location that a file is imported for, where the mapping's own are not meant."""

from dataclasses import dataclass, replace
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from data_access.errors import InvalidInput
from data_access.imports.files.mapping import LoadedMapping, Mapping
from data_access.imports.files.mapping_parts import ChannelPart, LocationPart
from data_access.schema.catalog import location
from data_access.schema.channels import channel


@dataclass(frozen=True, slots=True)
class ChosenPlaces:
    """Ids of a channel and a location that the store has; None for the mapping's own."""

    channel_id: str | None = None
    location_id: str | None = None


def placed(connection: Connection, loaded: LoadedMapping, places: ChosenPlaces) -> tuple[LoadedMapping, dict[str, Any]]:
    """The mapping for these places, and what a retry needs to make it so again.

    For another channel it has a name of its own, for rows of two shops may have the same order ids.

    Raises:
        InvalidInput: the store has no such channel or location.

    """
    chosen: dict[str, Any] = {}
    name = loaded.name
    if places.channel_id is not None:
        chosen["channel"] = channel_part(connection, places.channel_id).model_dump()
        name = f"{name}:{places.channel_id}"
    if places.location_id is not None:
        chosen["location"] = location_part(connection, places.location_id).model_dump()
    return replace(loaded, name=name, mapping=at_places(loaded.mapping, chosen)), chosen


def at_places(mapping: Mapping, chosen: dict[str, Any]) -> Mapping:
    """A mapping for the places that its import was for, as `placed` returned them."""
    update: dict[str, ChannelPart | LocationPart] = {}
    if "channel" in chosen:
        update["channel"] = ChannelPart.model_validate(chosen["channel"])
    if "location" in chosen:
        update["location"] = LocationPart.model_validate(chosen["location"])
    return mapping.model_copy(update=update)


def location_zones(connection: Connection) -> dict[str, str]:
    """The IANA name of each location's time zone."""
    return {row.location_id: row.time_zone for row in connection.execute(sa.select(location.c.location_id, location.c.time_zone))}


def channel_part(connection: Connection, channel_id: str) -> ChannelPart:
    """A channel of the store as a mapping has it.

    Raises:
        InvalidInput: there is none of that id.

    """
    row = connection.execute(sa.select(channel).where(channel.c.channel_id == channel_id)).one_or_none()
    if row is None:
        raise InvalidInput(f"There is no channel {channel_id!r}: import channels first, or give one that the store has.")
    return ChannelPart(
        id=row.channel_id,
        name=row.name,
        kind=row.kind,
        currency=row.currency,
        time_zone=row.time_zone,
        marketplace=row.marketplace,
        country=row.country,
        stale_after_hours=max(row.stale_after_seconds // 3_600, 1),
    )


def location_part(connection: Connection, location_id: str) -> LocationPart:
    """A location of the store as a mapping has it.

    Raises:
        InvalidInput: there is none of that id.

    """
    row = connection.execute(sa.select(location).where(location.c.location_id == location_id)).one_or_none()
    if row is None:
        raise InvalidInput(f"There is no location {location_id!r}: import locations first, or give one that the store has.")
    return LocationPart(id=row.location_id, name=row.name, kind=row.kind, country=row.country, region=row.region, time_zone=row.time_zone)
