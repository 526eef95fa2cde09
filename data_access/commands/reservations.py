"""What a person does with reservations: save, remove, undo. Each is checked, audited and versioned in one transaction."""

from collections.abc import Mapping
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from data_access.domain.buffer_rules import MAX_REASON
from data_access.domain.reservation_rules import ReservationDraft, problems
from data_access.engine import RowIds, now_us
from data_access.errors import InvalidInput, Refused
from data_access.schema.audit import audit_entry, store_version
from data_access.schema.buffers import channel_reservation, reservation_channel, reservation_location
from data_access.schema.catalog import location, product
from data_access.schema.channels import channel, channel_location
from data_access.write.audit import entry
from data_access.write.audited_edits import Audited, transact
from data_access.write.bulk import among
from data_access.write.unit_of_work import raise_versions

_RESERVATION: Final = Audited("reservation", "reservation", ("sku", "units", "channel_ids", "location_ids", "reason", "ends_at"))
_PARTS: Final = (
    ("channel_ids", reservation_channel, reservation_channel.c.reservation_id, reservation_channel.c.channel_id),
    ("location_ids", reservation_location, reservation_location.c.reservation_id, reservation_location.c.location_id),
)


def save(engine: Engine, draft: ReservationDraft, actor: str, reservation_id: int | None = None, version: int | None = None) -> int:
    """Save a new reservation, or new values of one that is there, as it was when the person saw it (`version`); its id.

    Raises:
        Forbidden: the actor may not change buffers.
        Refused: a field is wrong, or there is a reservation of the same scope; at place 0.
        ChangedMeanwhile: it was changed or removed since the person saw it.

    """

    def work(connection: Connection, ids: RowIds) -> int:
        _take_turn(connection)
        before = None
        if reservation_id is not None:
            before = _RESERVATION.require_version(connection, reservation_id, _stored(connection, reservation_id), version)
        _refuse(connection, draft, reservation_id)
        values, told = draft.values(), _RESERVATION.values(before)
        if told == values and reservation_id is not None:
            return reservation_id
        saved = ids.take() if reservation_id is None else reservation_id
        _put(connection, saved, values, 1 if before is None else before["version"] + 1, is_new=before is None)
        action = "add_reservation" if before is None else "change_reservation"
        _finish(connection, entry(ids, actor, action, "reservation", saved, told, values, values["reason"]))
        return saved

    return transact(engine, actor, "change buffers", 2, work)


def remove(engine: Engine, reservation_id: int, version: int, why: str, actor: str) -> None:
    """Remove a reservation; its history stays.

    Raises:
        Forbidden: the actor may not change buffers.
        InvalidInput: no reason is given.
        ChangedMeanwhile: it was changed or removed since the person saw it.

    """
    if not why.strip() or len(why) > MAX_REASON:
        raise InvalidInput(f"Say why the reservation goes, in at most {MAX_REASON} characters.")

    def work(connection: Connection, ids: RowIds) -> None:
        _take_turn(connection)
        before = _RESERVATION.require_version(connection, reservation_id, _stored(connection, reservation_id), version)
        _drop(connection, reservation_id)
        told = _RESERVATION.values(before)
        _finish(connection, entry(ids, actor, "remove_reservation", "reservation", reservation_id, told, None, why.strip()))

    transact(engine, actor, "change buffers", 1, work)


def undo(engine: Engine, audit_id: int, actor: str) -> int:
    """Take back a change of a reservation (`audit_entry.id`), if nothing was changed since; the reservation's id.

    A reservation that was added goes, one that was removed comes back, one that was changed gets its values of before.

    Raises:
        Forbidden: the actor may not change buffers.
        InvalidInput: there is no such change.
        Conflict: the reservation was changed since.
        Refused: what it was cannot be saved any more.

    """

    def work(connection: Connection, ids: RowIds) -> int:
        _take_turn(connection)
        change = _RESERVATION.written(connection, audit_id)
        reservation_id, before = change.thing_id, change.before
        stored = _stored(connection, reservation_id)
        _RESERVATION.require_last(connection, change, stored)
        if before is None:
            _drop(connection, reservation_id)
        else:
            _refuse(connection, _draft(before), reservation_id)
            version = _RESERVATION.next_version(connection, reservation_id) if stored is None else stored["version"] + 1
            _put(connection, reservation_id, before, version, is_new=stored is None)
        _finish(connection, entry(ids, actor, "undo", "reservation", reservation_id, change.after, before, f"undo of change {audit_id}"))
        return reservation_id

    return transact(engine, actor, "change buffers", 1, work)


def _draft(values: Mapping[str, Any]) -> ReservationDraft:
    parts = {name: tuple(values[name]) for name, *_ in _PARTS}
    return ReservationDraft(**{**values, **parts}, is_all=values["units"] is None)


def _take_turn(connection: Connection) -> None:
    # no index tells two reservations of one scope apart, so who writes them does so one after the other
    connection.execute(sa.select(store_version.c.version).where(store_version.c.topic == "buffers").with_for_update())


def _stored(connection: Connection, reservation_id: int) -> dict[str, Any] | None:
    return next(iter(_rows(connection, channel_reservation.c.id == reservation_id)), None)


def _rows(connection: Connection, which: sa.ColumnElement[bool]) -> list[dict[str, Any]]:
    """Reservations with their channels and locations, sorted."""
    found = {row["id"]: dict(row) for row in connection.execute(sa.select(channel_reservation).where(which)).mappings()}
    for name, _, owner, part in _PARTS:
        parts: dict[int, list[str]] = {reservation_id: [] for reservation_id in found}
        for reservation_id, value in connection.execute(sa.select(owner, part).where(among(connection, owner, list(found)))):
            parts[reservation_id].append(value)
        for reservation_id, row in found.items():
            row[name] = sorted(parts[reservation_id])
    return list(found.values())


def _refuse(connection: Connection, draft: ReservationDraft, own_id: int | None) -> None:
    """Refuse what cannot be saved.

    Raises:
        Refused: at place 0, by field.

    """
    now = now_us()
    found = problems(draft, now)
    if "sku" not in found:
        kit_version = connection.execute(sa.select(product.c.kit_version).where(product.c.sku == draft.sku)).scalar_one_or_none()
        if kit_version is None:
            found["sku"] = f"There is no SKU “{draft.sku}” in this store: choose one of those listed."
        elif kit_version:
            found["sku"] = f"“{draft.sku}” is a kit and lies nowhere itself: reserve its components."
    for name, told, column, given in (
        ("channel_ids", "channel", channel.c.channel_id, draft.channel_ids),
        ("location_ids", "location", location.c.location_id, draft.location_ids),
    ):
        known = set(connection.execute(sa.select(column).where(among(connection, column, given))).scalars())
        unknown = next((value for value in given if value not in known), None)
        if unknown is not None:
            found[name] = f"There is no {told} “{unknown}” in this store: choose one of those listed."
    if draft.location_ids and not found.keys() & {"channel_ids", "location_ids"} and not _are_served(connection, draft):
        found["location_ids"] = "None of these locations serves the channels it is for: choose one that does, or none."
    if not found and _is_taken(connection, draft, own_id, now):
        found["sku"] = "There is a reservation for exactly this already: change that one."
    if found:
        raise Refused({0: found})


def _are_served(connection: Connection, draft: ReservationDraft) -> bool:
    c = channel_location.c
    which = among(connection, c.channel_id, draft.channel_ids) & among(connection, c.location_id, draft.location_ids)
    return connection.execute(sa.select(c.channel_id).where(which).limit(1)).first() is not None


def _is_taken(connection: Connection, draft: ReservationDraft, own_id: int | None, now: int) -> bool:
    """Whether another reservation that has not ended is of the same SKU for the same channels at the same locations."""
    c = channel_reservation.c
    others = _rows(connection, (c.sku == draft.sku) & (c.ends_at.is_(None) | (c.ends_at > now)))
    values = draft.values()
    return any(row["id"] != own_id and all(row[name] == values[name] for name, *_ in _PARTS) for row in others)


def _put(connection: Connection, reservation_id: int, values: Mapping[str, Any], version: int, is_new: bool) -> None:
    c = channel_reservation.c
    row = {name: values[name] for name in ("sku", "units", "reason", "ends_at")} | {"version": version}
    if is_new:
        connection.execute(sa.insert(channel_reservation), {"id": reservation_id, **row})
    else:
        connection.execute(sa.update(channel_reservation).where(c.id == reservation_id).values(row))
    for name, table, owner, part in _PARTS:
        connection.execute(sa.delete(table).where(owner == reservation_id))
        if values[name]:
            connection.execute(sa.insert(table), [{owner.name: reservation_id, part.name: value} for value in values[name]])


def _drop(connection: Connection, reservation_id: int) -> None:
    for _, table, owner, _ in _PARTS:
        connection.execute(sa.delete(table).where(owner == reservation_id))
    connection.execute(sa.delete(channel_reservation).where(channel_reservation.c.id == reservation_id))


def _finish(connection: Connection, audit: Mapping[str, Any]) -> None:
    connection.execute(sa.insert(audit_entry), audit)
    raise_versions(connection, {"buffers": [("reservation", audit["entity_id"])]})
