"""What a person does with a listing's maximum, the most units to show on it: set, undo. Each is checked, audited and versioned."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from data_access.domain.buffer_rules import LARGEST, MAX_REASON
from data_access.errors import Refused
from data_access.schema.audit import ingest_lock
from data_access.schema.catalog import listing
from data_access.write.audited_edits import Audited, author, changed_meanwhile
from data_access.write.bulk import among
from data_access.write.kernel import work
from data_access.write.unit_of_work import Unit

_MAXIMUM: Final = Audited("listing_maximum", "listing", ("maximum",))


@dataclass(frozen=True, slots=True)
class MaximumChange:
    """A listing's new maximum in units, or None for no cap; `version`: of the listing, as the person saw it."""

    listing_id: int
    maximum: int | None
    version: int


def set_maximum(engine: Engine, changes: Sequence[MaximumChange], actor: str, why: str) -> int:
    """Set the maximum of listings, all or none; how many really changed.

    Raises:
        Forbidden: the actor may not change buffers.
        Refused: no reason is given, a maximum cannot be taken, or a listing is named twice.
        ChangedMeanwhile: a listing was changed since the person saw it, or is not there.

    """
    if not why.strip() or len(why) > MAX_REASON:
        raise Refused({0: {"why": f"Say why the maximum changes, in at most {MAX_REASON} characters."}})

    def edit(unit: Unit) -> int:
        connection = unit.connection
        _take_turn(connection)
        stored = _stored(connection, [change.listing_id for change in changes])
        for change in changes:
            _require_version(connection, change, stored.get(change.listing_id))
        _refuse(changes)
        wanted = {change.listing_id: change.maximum for change in changes if change.maximum != stored[change.listing_id]["maximum"]}
        for key, maximum in wanted.items():
            unit.audit("set_maximum", (_MAXIMUM.entity, key), _MAXIMUM.values(stored[key]), {"maximum": maximum}, why.strip())
        _write(unit, wanted, [_name(stored[key]) for key in wanted])
        return len(wanted)

    return work(engine, actor, "change buffers", edit, rows=len(changes))


def undo(engine: Engine, audit_id: int, actor: str) -> int:
    """Take back a change of a listing's maximum (`audit_entry.id`), if it was not changed since; the listing's id.

    Raises:
        Forbidden: the actor may not change buffers.
        InvalidInput: there is no such change.
        Conflict: the maximum was changed since.

    """

    def edit(unit: Unit) -> int:
        connection = unit.connection
        _take_turn(connection)
        change = _MAXIMUM.written(connection, audit_id)
        key = change.thing_id
        stored = _stored(connection, [key])
        _MAXIMUM.require_last(connection, change, stored.get(key))
        assert change.before is not None  # noqa: S101 - only a listing that is there has a maximum set
        unit.audit("undo", (_MAXIMUM.entity, key), change.after, change.before, f"undo of change {audit_id}")
        _write(unit, {key: change.before["maximum"]}, [_name(stored[key])])
        return key

    return work(engine, actor, "change buffers", edit)


def _take_turn(connection: Connection) -> None:
    # a file of listings that is being taken in holds all of these, and writes back the maximum that it read before
    connection.execute(sa.select(ingest_lock.c.stripe).where(ingest_lock.c.stripe == 0).with_for_update())


def _stored(connection: Connection, listing_ids: Sequence[int]) -> dict[int, dict[str, Any]]:
    rows = connection.execute(sa.select(listing).where(among(connection, listing.c.listing_id, listing_ids))).mappings()
    return {row["listing_id"]: dict(row) for row in rows}


def _name(stored: Mapping[str, Any]) -> str:
    return f"{stored['channel_id']}:{stored['external_sku']}"


def _require_version(connection: Connection, change: MaximumChange, stored: Mapping[str, Any] | None) -> None:
    if stored is None:
        raise changed_meanwhile(f"listing {change.listing_id}", None, None, "someone")
    if stored["version"] != change.version:
        # whoever maps a listing to a SKU raises its version too
        by = author(connection, [(_MAXIMUM.entity, str(change.listing_id)), ("listing", _name(stored))], stored)
        raise changed_meanwhile(f"listing {_name(stored)}", _MAXIMUM.values(stored), stored["version"], by)


def _refuse(changes: Sequence[MaximumChange]) -> None:
    """Refuse what cannot be set.

    Raises:
        Refused: by the place of each change, at its maximum.

    """
    refusals, seen = {}, set()
    for place, change in enumerate(changes):
        sentence = _problem(change.maximum)
        if not sentence and change.listing_id in seen:
            sentence = "This listing is named twice: give it one maximum."
        if sentence:
            refusals[place] = {"maximum": sentence}
        seen.add(change.listing_id)
    if refusals:
        raise Refused(refusals)


def _problem(maximum: int | None) -> str:
    if maximum is None or 0 <= maximum <= LARGEST["units"]:
        return ""
    if maximum < 0:
        return f"{maximum:,} is negative: give 0 or more units, or none for no maximum."
    return f"{maximum:,} units is more than a maximum may be ({LARGEST['units']:,.0f}): give less, or none for no maximum."


def _write(unit: Unit, maxima: Mapping[int, int | None], names: Sequence[str]) -> None:
    if not maxima:
        return
    change = sa.update(listing).where(listing.c.listing_id == sa.bindparam("b_id"))
    values: dict[str, Any] = {"maximum": sa.bindparam("b_maximum"), "version": listing.c.version + 1}
    unit.connection.execute(change.values(**values), [{"b_id": key, "b_maximum": maximum} for key, maximum in maxima.items()])
    for name in names:
        unit.touch("catalog", "listing", name)
