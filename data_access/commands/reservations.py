"""What a person does with reservations: save, remove, undo. Each is checked, audited and versioned in one transaction."""

from collections.abc import Mapping
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from data_access.domain.buffer_rules import MAX_REASON
from data_access.domain.reservation_rules import ReservationDraft, problems
from data_access.engine import now_us
from data_access.errors import InvalidInput, Refused
from data_access.schema.audit import store_version
from data_access.schema.buffers import channel_reservation, reservation_channel, reservation_location
from data_access.schema.catalog import location, product
from data_access.schema.channels import channel, channel_location
from data_access.write.audited_edits import Audited
from data_access.write.bulk import among
from data_access.write.kernel import work
from data_access.write.unit_of_work import Unit

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

    def edit(unit: Unit) -> int:
        connection = unit.connection
        _take_turn(connection)
        before = None
        if reservation_id is not None:
            before = _RESERVATION.require_version(connection, reservation_id, _stored(connection, reservation_id), version)
        _refuse(connection, draft, reservation_id)
        values, values_before = draft.values(), _RESERVATION.values(before)
        if values_before == values and reservation_id is not None:
            return reservation_id
        saved = unit.ids.take() if reservation_id is None else reservation_id
        _put(connection, saved, values, 1 if before is None else before["version"] + 1, is_new=before is None)
        action = "add_reservation" if before is None else "change_reservation"
        _account(unit, action, saved, values_before, values, values["reason"])
        return saved

    return work(engine, actor, "change buffers", edit, rows=2)


def remove(engine: Engine, reservation_id: int, version: int, why: str, actor: str) -> None:
    """Remove a reservation; its history stays.

    Raises:
        Forbidden: the actor may not change buffers.
        InvalidInput: no reason is given.
        ChangedMeanwhile: it was changed or removed since the person saw it.

    """
    if not why.strip() or len(why) > MAX_REASON:
        raise InvalidInput(f"Say why the reservation goes, in at most {MAX_REASON} characters.")

    def edit(unit: Unit) -> None:
        connection = unit.connection
        _take_turn(connection)
        before = _RESERVATION.require_version(connection, reservation_id, _stored(connection, reservation_id), version)
        _drop(connection, reservation_id)
        _account(unit, "remove_reservation", reservation_id, _RESERVATION.values(before), None, why.strip())

    work(engine, actor, "change buffers", edit)


def undo(engine: Engine, audit_id: int, actor: str) -> int:
    """Take back a change of a reservation (`audit_entry.id`), if nothing was changed since; the reservation's id.

    A reservation that was added goes, one that was removed comes back, one that was changed gets its values of before.

    Raises:
        Forbidden: the actor may not change buffers.
        InvalidInput: there is no such change.
        Conflict: the reservation was changed since.
        Refused: what it was cannot be saved any more.

    """

    def edit(unit: Unit) -> int:
        connection = unit.connection
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
        _account(unit, "undo", reservation_id, change.after, before, f"undo of change {audit_id}")
        return reservation_id

    return work(engine, actor, "change buffers", edit)


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
    rows = {row["id"]: dict(row) for row in connection.execute(sa.select(channel_reservation).where(which)).mappings()}
    for name, _, owner, part in _PARTS:
        parts: dict[int, list[str]] = {reservation_id: [] for reservation_id in rows}
        for reservation_id, value in connection.execute(sa.select(owner, part).where(among(connection, owner, list(rows)))):
            parts[reservation_id].append(value)
        for reservation_id, row in rows.items():
            row[name] = sorted(parts[reservation_id])
    return list(rows.values())


def _refuse(connection: Connection, draft: ReservationDraft, own_id: int | None) -> None:
    """Refuse what cannot be saved.

    Raises:
        Refused: at place 0, by field.

    """
    now = now_us()
    refusals = problems(draft, now)
    if "sku" not in refusals:
        kit_version = connection.execute(sa.select(product.c.kit_version).where(product.c.sku == draft.sku)).scalar_one_or_none()
        if kit_version is None:
            refusals["sku"] = f"There is no SKU “{draft.sku}” in this store: choose one of those listed."
        elif kit_version:
            refusals["sku"] = f"“{draft.sku}” is a kit and lies nowhere itself: reserve its components."
    for name, noun, column, given in (
        ("channel_ids", "channel", channel.c.channel_id, draft.channel_ids),
        ("location_ids", "location", location.c.location_id, draft.location_ids),
    ):
        known = set(connection.execute(sa.select(column).where(among(connection, column, given))).scalars())
        unknown = next((value for value in given if value not in known), None)
        if unknown is not None:
            refusals[name] = f"There is no {noun} “{unknown}” in this store: choose one of those listed."
    if draft.location_ids and not refusals.keys() & {"channel_ids", "location_ids"} and not _are_served(connection, draft):
        refusals["location_ids"] = "None of these locations serves the channels it is for: choose one that does, or none."
    if not refusals and _is_taken(connection, draft, own_id, now):
        refusals["sku"] = "There is a reservation for exactly this already: change that one."
    if refusals:
        raise Refused({0: refusals})


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


def _account(
    unit: Unit, action: str, reservation_id: int, before: Mapping[str, Any] | None, after: Mapping[str, Any] | None, why: str | None
) -> None:
    unit.audit(action, (_RESERVATION.entity, reservation_id), before, after, why)
    unit.touch("buffers", "reservation", reservation_id)
