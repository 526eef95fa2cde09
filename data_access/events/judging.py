"""Facts of order lines take effect as far as all that is known allows, and lose it when a later fact says so.

What does not count is kept in `contradicted_fact`, moves no stock and is counted by nothing; its event is parked. So the store ends
the same in whatever order facts are told.
"""

import json
from collections.abc import Collection, Iterable
from typing import Any, Final

from data_access.domain.ledger_state import Line
from data_access.domain.line_facts import (
    BEYOND_ORDERED,
    BEYOND_SHIPPED,
    OTHER_UNITS,
    REPEATS,
    SAME_PACKAGE,
    FactKind,
    judge,
)
from data_access.domain.returns.fates import effects_on_stock
from data_access.events.context import EventContext
from data_access.events.known_facts import FACT_COLUMNS, FACT_TABLES, KnownFact, OrderKey
from data_access.schema.orders import contradicted_fact

_WAITS: Final = {BEYOND_SHIPPED: "shipped", BEYOND_ORDERED: "ordered", OTHER_UNITS: "package"}


def take_fact(context: EventContext, kind: FactKind, order: tuple[OrderKey, int], row: dict[str, Any]) -> None:
    """A fact that an event brings to an order (its key and row id): a row by the columns of its table.

    `settle_line` says whether it counts.
    """
    key, order_id = order
    context.facts.add(key, KnownFact(kind, order_id, row, counts=False, is_new=True))


def settle_line(context: EventContext, key: OrderKey, line: Line) -> list[str]:
    """Judge all facts of a line of the order `key`: those that count now take effect, those that count no more lose it.

    Returns the keys of the packages and returns that count now, for others may wait for them.
    """
    facts = context.facts.of_line(key, line.line_id)
    judgements = judge(line.quantity, [fact.judged() for fact in facts])
    keys: list[str] = []
    changed: set[int] = set()
    for fact in facts:
        judgement = judgements[fact.row["id"]]
        if fact.counts and judgement.code is not None:
            _effect(context, fact, line, -1)
            _set_aside(context, key, fact, judgement.code, judgement.twin)
            changed.add(fact.row["event_id"])
    for fact in facts:
        units = judgements[fact.row["id"]].units
        if units is not None and units != fact.row["quantity"]:
            _cancel_as_many(context, fact, line, units)
    for fact in facts:
        judgement = judgements[fact.row["id"]]
        if judgement.code is None and not fact.counts:
            _effect(context, fact, line, 1)
            keys.append(_count(context, key, fact))
            changed.add(fact.row["event_id"])
        elif judgement.code is not None and (fact.is_new or (fact.code, fact.twin_id) != (judgement.code, judgement.twin)):
            _set_aside(context, key, fact, judgement.code, judgement.twin)
            changed.add(fact.row["event_id"])
    for fact in facts:
        if fact.code == SAME_PACKAGE:
            _tell_twin(context, key, fact)
    context.judged.update((event_id, key) for event_id in changed)
    return [name for name in keys if name]


def waits_for(context: EventContext, event_id: int, key: OrderKey) -> str | None:
    """What an event waits for whose facts do not all count; None if they do, or only repeat what was told."""
    for fact in context.facts.of_order(key):
        if fact.row["event_id"] == event_id and not fact.counts and fact.code not in REPEATS:
            return f"{_WAITS[str(fact.code)]}:{key[0]}:{key[1]}"
    return None


def is_repeat(context: EventContext, event_id: int, key: OrderKey) -> bool:
    """Whether all facts of an event were told before by others."""
    codes = [fact.code for fact in context.facts.of_order(key) if fact.row["event_id"] == event_id]
    return bool(codes) and all(code in REPEATS for code in codes)


def change_row(context: EventContext, fact: KnownFact, values: dict[str, Any]) -> None:
    """New values of a fact, wherever it is kept."""
    if not values:
        return
    fact.row.update(values)
    unit, row_id = context.unit, fact.row["id"]
    unit.touch("orders", "order", fact.order_id)
    table = FACT_TABLES[fact.kind] if fact.counts else contradicted_fact
    stored = values if fact.counts else {"content": _content(fact)}
    new = next((row for row in unit.added(table) if row["id"] == row_id), None)
    if new is None:
        unit.change(table, row_id, stored)
    else:
        new.update(stored)


def _effect(context: EventContext, fact: KnownFact, line: Line, sign: int) -> None:
    """What a fact does to its line and to stock, or, with sign -1, that it is undone."""
    ledger, row = context.unit.ledger, fact.row
    units, moves_stock = row["quantity"], bool(row.get("moves_stock"))
    if fact.kind == "cancellation":
        (ledger.cancel if sign > 0 else ledger.take_back_cancellation)(line, units)
    elif fact.kind == "shipment":
        act = ledger.ship if sign > 0 else ledger.take_back_shipment
        act(line, units, row["location_id"], row["event_id"], row["shipped_at"], moves_stock)
    else:
        line.returned += sign * units
        ledger.dirty_lines[line.line_id] = line
        context.unit.touch("returns", "return", row["id"])
        for sku, effect in effects_on_stock(row, line.components) if moves_stock else ():
            ledger.move(row["event_id"], effect.occurred_at, (sku, row["location_id"], effect.state), effect.kind, sign * effect.quantity)


def _cancel_as_many(context: EventContext, fact: KnownFact, line: Line, units: int) -> None:
    """A cancellation cancels as many units as are left to it, whatever it says."""
    said, more = fact.judged().quantity, units - fact.row["quantity"]
    values = {"quantity": units, "said_quantity": said if said > units else None}
    if not fact.counts:
        fact.row.update(values)
        return
    ledger = context.unit.ledger
    (ledger.cancel if more > 0 else ledger.take_back_cancellation)(line, abs(more))
    change_row(context, fact, values)


def _count(context: EventContext, key: OrderKey, fact: KnownFact) -> str:
    unit = context.unit
    if not fact.is_new:
        unit.remove(contradicted_fact, fact.row["id"])
    # a copy: what is inserted changes only by `change_row`
    unit.add(FACT_TABLES[fact.kind], dict(fact.row))
    fact.counts, fact.code, fact.twin_id, fact.is_new = True, None, None, False
    if fact.kind == "return":
        return f"return:{key[0]}:{fact.row['return_ref']}"
    return f"shipment:{key[0]}:{key[1]}:{fact.row['shipment_ref']}" if fact.kind == "shipment" else ""


def _set_aside(context: EventContext, key: OrderKey, fact: KnownFact, code: str, twin_id: int | None) -> None:
    unit, row_id = context.unit, fact.row["id"]
    if fact.counts:
        unit.remove(FACT_TABLES[fact.kind], row_id)
        unit.touch("orders", "order", fact.order_id)
        unit.touch("orders", "shrunk_order", fact.order_id)
    elif not fact.is_new:
        unit.remove(contradicted_fact, row_id)
    fact.counts, fact.code, fact.twin_id, fact.is_new = False, code, twin_id, False
    unit.add(
        contradicted_fact,
        {
            "id": row_id,
            "event_id": fact.row["event_id"],
            "line_id": fact.row["line_id"],
            "channel_id": key[0],
            "order_ref": key[1],
            "kind": fact.kind,
            "reference": fact.reference,
            "code": code,
            "twin_id": twin_id,
            "content": _content(fact),
        },
    )


def _tell_twin(context: EventContext, key: OrderKey, fact: KnownFact) -> None:
    """What is known of a package under its other reference is known of the package."""
    twin = next(other for other in context.facts.of_order(key) if other.row["id"] == fact.twin_id)
    change_row(context, twin, package_facts(twin.row, fact.row))


def package_facts(known: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    """What changes of a known package by what another telling of it says: the earliest of each kind wins, and the latest scan."""
    changes: dict[str, Any] = {}
    for name in ("first_scan_at", "delivered_at"):
        changes[name] = min((at for at in (known[name], other[name]) if at is not None), default=None)
    changes["last_scan_at"] = max((at for at in (known["last_scan_at"], other["last_scan_at"]) if at is not None), default=None)
    uploads = [row for row in (known, other) if row["tracking_uploaded_at"] is not None]
    if uploads:
        first = min(uploads, key=lambda row: (row["tracking_uploaded_at"], row["tracking_number"]))
        changes |= {name: first[name] for name in ("tracking_uploaded_at", "tracking_number")}
    changes["carrier"] = known["carrier"] or other["carrier"]
    return {name: value for name, value in changes.items() if value != known[name]}


def _content(fact: KnownFact) -> str:
    return json.dumps({name: fact.row[name] for name in FACT_COLUMNS[fact.kind]}, sort_keys=True)


def settle_lines(context: EventContext, key: OrderKey, lines: Iterable[Line]) -> list[str]:
    """`settle_line` for several lines of an order."""
    return [name for line in lines for name in settle_line(context, key, line)]


def settle_known_lines(context: EventContext, key: OrderKey, line_ids: Collection[int]) -> list[str]:
    """`settle_line` for stored lines of an order, which are looked up with all their facts."""
    if not line_ids:
        return []
    context.load_orders([key])
    context.facts.load_lines(context.unit.connection, [key])
    order = context.orders[key]
    return settle_lines(context, key, (line for line in order.lines.values() if line.line_id in line_ids)) if order else []


def is_told_twice(context: EventContext, key: OrderKey, fact: KnownFact) -> bool:
    """Whether the order's line has another package with the same tracking number."""
    number = fact.row["tracking_number"]
    facts = context.facts.of_line(key, fact.row["line_id"])
    return number is not None and sum(other.kind == "shipment" and other.row["tracking_number"] == number for other in facts) > 1


def judge_again(context: EventContext, orders: Iterable[OrderKey]) -> list[str]:
    """Judge what is set aside of stored orders, of which something else changed. Returns the keys that others may wait for."""
    keys = context.facts.contradicted(context.unit.connection, orders)
    context.load_orders(keys)
    context.facts.load_lines(context.unit.connection, keys)
    known = [(key, order) for key in sorted(keys) if (order := context.orders[key]) is not None]
    return [name for key, order in known for name in settle_lines(context, key, order.lines.values())]
