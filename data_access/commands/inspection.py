"""What a person decides about units that came back: restock, refurbish, discard, repaired, or back to waiting. Checked, audited, versioned.

A decision is an inspection event like those that feeds send, in the same transaction as its audit entry.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import uuid4

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from data_access.domain.events import OWN_SOURCE
from data_access.domain.permissions import Permission
from data_access.domain.returns.fates import NEXT, STATES, Components, Fate, steps_of, units_of
from data_access.engine import now_us
from data_access.errors import ChangedMeanwhile, Conflict, InvalidInput, Refused
from data_access.events.ingest import take_in
from data_access.events.models import InspectedUnits, Inspection
from data_access.schema.catalog import product
from data_access.schema.orders import order_line
from data_access.schema.returns import return_hold, return_line
from data_access.write.audited_edits import Audited, author
from data_access.write.kernel import work
from data_access.write.unit_of_work import UnitOfWork

PERMISSION: Final[Permission] = "inspect returns"
MOST_NOTE: Final = 500
MOST_AT_ONCE: Final = 500
_LINES: Final = (
    sa.select(
        return_line,
        order_line.c.line_ref,
        sa.func.coalesce(order_line.c.sku, return_line.c.sku).label("sold_as"),
        sa.func.coalesce(order_line.c.kit_version, product.c.kit_version).label("kit_version"),
    )
    .join(product, product.c.sku == return_line.c.sku)
    .join(order_line, order_line.c.id == return_line.c.line_id, isouter=True)
)
_Part = tuple[str, str, str | None]  # channel, return, and which part of it
_KIND: Final = Audited("return", "return", ("fates", "disposition", "inspected_at"))


@dataclass(frozen=True, slots=True)
class UnitDecision:
    """Units of a return line (`return_line.id`) become something else. `sku`: as stocked, of a kit a component.

    `version`: how many steps the person saw that the line had gone through (`queries.returns.inspection`).
    """

    return_id: int
    sku: str
    quantity: int
    after: Fate
    version: int
    before: Fate = "waiting"


def inspect(engine: Engine, decisions: Sequence[UnitDecision], actor: str, note: str = "") -> list[int]:
    """Carry out decisions, all or none; their audit entries, which `undo` takes. `note`: of the units' condition.

    Raises:
        Forbidden: the actor may not inspect returns.
        Refused: a field is wrong, by the decision's place.
        ChangedMeanwhile: somebody decided on one of the lines since the person saw it.
        Conflict: units that were put back for sale are sold or promised by now.
        InvalidInput: there are not as many such units, or what would be sellable is held at inspection.

    """
    refusals = {place: wrong for place, one in enumerate(decisions) if (wrong := _problems(one))}
    if len(note) > MOST_NOTE:
        refusals.setdefault(0, {})["note"] = f"Write a note of at most {MOST_NOTE} characters."
    if not 0 < len(decisions) <= MOST_AT_ONCE:
        refusals.setdefault(0, {})["return_id"] = f"Choose between 1 and {MOST_AT_ONCE} returned lines at once."
    if refusals:
        raise Refused(refusals)

    def edit(unit: UnitOfWork) -> list[int]:
        return _carry_out(unit, decisions, "inspect", note.strip() or None)

    return work(engine, actor, PERMISSION, edit, rows=2_000 + 30 * len(decisions))


def undo(engine: Engine, audit_ids: Sequence[int], actor: str) -> list[int]:
    """Take back decisions by their audit entries, all or none, by decisions to the contrary; the entries of these.

    Raises:
        Forbidden: the actor may not inspect returns.
        InvalidInput: there is no such decision.
        Conflict: something was decided on the line since, or its units are sold or promised by now.

    """

    def edit(unit: UnitOfWork) -> list[int]:
        contrary = [one for audit_id in audit_ids for one in _contrary(unit, audit_id)]
        return _carry_out(unit, contrary, "undo", f"undo of {', '.join(f'change {one}' for one in audit_ids)}")

    return work(engine, actor, PERMISSION, edit, rows=2_000 + 60 * len(audit_ids))


def _problems(decision: UnitDecision) -> dict[str, str]:
    if decision.quantity < 1:
        return {"quantity": "Give a number of units of 1 or more."}
    if decision.after not in NEXT[decision.before]:
        return {"after": f"Units that are {decision.before} cannot become {decision.after}."}
    return {}


def _carry_out(unit: UnitOfWork, decisions: Sequence[UnitDecision], action: str, why: str | None) -> list[int]:
    ids = return_line.c.id.in_({one.return_id for one in decisions})
    keys = sorted({(row["channel_id"], row["return_ref"]) for row in _read(unit.connection, ids).values()})
    unit.lock_parents({f"return:{channel_id}:{return_ref}" for channel_id, return_ref in keys})
    # again: another may have decided while this one waited
    rows = _read(unit.connection, sa.tuple_(return_line.c.channel_id, return_line.c.return_ref).in_(keys))
    made = {return_id: unit.lookups.components(row["sold_as"], row["kit_version"]) for return_id, row in rows.items()}
    for one in decisions:
        _require(unit.connection, one, rows, made)
    _require_not_held(unit.connection, decisions, rows)
    note = why if action == "inspect" else None
    parts = dict.fromkeys(_part(rows[one.return_id]) for one in decisions)
    events = [_event(part, [one for one in decisions if _part(rows[one.return_id]) == part], rows, note) for part in parts]
    for outcome in take_in(unit, events):
        if outcome.status != "applied":
            raise Conflict(outcome.reason or "The units are not what they were any more: look at the return again. Nothing was changed.")
    # of all lines of the returns: where two are alike, the other one may have been taken
    return [
        unit.audit(action, (_KIND.entity, return_id), _KIND.values(row), _KIND.values({**row, **changed}), why)
        for return_id, row in rows.items()
        if (changed := unit.changed(return_line, return_id))
    ]


def _event(part: _Part, decisions: Sequence[UnitDecision], rows: Mapping[int, Mapping[str, Any]], note: str | None) -> Inspection:
    now = now_us()
    units = [
        InspectedUnits(
            line_ref=rows[one.return_id]["line_ref"],
            sku=one.sku,
            quantity=one.quantity,
            before=one.before,
            after=one.after,
            note=note,
        )
        for one in decisions
    ]
    return Inspection(
        source=OWN_SOURCE,
        event_id=str(uuid4()),
        occurred_at=now,
        received_at=now,
        channel_id=part[0],
        return_ref=part[1],
        part=part[2],
        units=tuple(units),
    )


def _part(row: Mapping[str, Any]) -> _Part:
    return row["channel_id"], row["return_ref"], row["part"]


def _read(connection: Connection, which: sa.ColumnElement[bool]) -> dict[int, dict[str, Any]]:
    return {row["id"]: dict(row) for row in connection.execute(_LINES.where(which).order_by(return_line.c.id)).mappings()}


def _require(connection: Connection, decision: UnitDecision, rows: Mapping[int, dict[str, Any]], made: Mapping[int, Components]) -> None:
    """The line is there, moves stock, is as the person saw it, and has as many such units."""
    row = rows.get(decision.return_id)
    if row is None:
        raise ChangedMeanwhile(
            "The return is not there any more: what brought it was taken back. Nothing was changed.", {}, None, "someone"
        )
    if not row["moves_stock"]:
        raise InvalidInput(f"Return {row['return_ref']} is history from before stock was counted: there is nothing to put back.")
    steps = steps_of(row, made[decision.return_id])
    if len(steps) != decision.version:
        values = _KIND.values(row) or {}
        by = author(connection, [(_KIND.entity, str(decision.return_id))], row)
        sentence = f"{by.capitalize()} decided on return {row['return_ref']} meanwhile: look at what is left of it. Nothing was changed."
        raise ChangedMeanwhile(sentence, values, len(steps), by)
    there = units_of(row["quantity"], made[decision.return_id], steps)[decision.sku, decision.before]
    if decision.quantity > there:
        raise InvalidInput(f"Return {row['return_ref']} has only {there} of {decision.sku} that are {decision.before}: decide on no more.")


def _require_not_held(connection: Connection, decisions: Sequence[UnitDecision], rows: Mapping[int, dict[str, Any]]) -> None:
    """Nothing becomes sellable that is held at inspection."""
    for_sale = [one for one in decisions if STATES[one.after] == "sellable"]
    skus = {one.sku for one in for_sale} | {str(rows[one.return_id]["sold_as"]) for one in for_sale}
    held = connection.execute(
        sa.select(return_hold.c.sku, return_hold.c.why).where(return_hold.c.sku.in_(skus)).order_by(return_hold.c.sku)
    )
    for sku, why in held:
        raise InvalidInput(f"{sku} is held at inspection ({why}): refurbish or discard it, or ask a manager to lift the hold.")


def _contrary(unit: UnitOfWork, audit_id: int) -> list[UnitDecision]:
    """The decisions that take back one, the last step first."""
    change = _KIND.written(unit.connection, audit_id)
    row = _read(unit.connection, return_line.c.id == change.thing_id).get(change.thing_id)
    _KIND.require_last(unit.connection, change, row)
    if row is None:
        return []
    made = unit.lookups.components(row["sold_as"], row["kit_version"])
    steps = steps_of(row, made)
    fresh = Counter(steps) - Counter(steps_of({**row, **(change.before or {})}, made))
    return [
        UnitDecision(change.thing_id, step.sku, step.quantity, step.before, len(steps), step.after)
        for step in reversed(steps)
        for _ in range(fresh[step])
    ]
