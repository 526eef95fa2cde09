"""Returns besides their goods: what was asked, decided, sent back, refunded and closed, in whatever order it is told.

Return lines keep some of it: the reason that the customer gave, the approval, the refund. Whichever is told last fills it in.
"""

from collections.abc import Mapping
from typing import Any

from data_access.domain.events import Event, Id
from data_access.domain.returns.refunds import shared_out
from data_access.events.context import EventContext, NotYet
from data_access.events.judging import change_row
from data_access.events.known_cases import CASE_COLUMNS, KnownCase, ReturnKey
from data_access.events.known_facts import KnownFact
from data_access.events.needs import Needs
from data_access.schema.returns import return_case, return_line


class CaseEvent(Event):
    """Something that happened to a return, by the channel's own id of it (RMA)."""

    channel_id: Id
    return_ref: Id


def case_needs(event: CaseEvent) -> Needs:
    """The return."""
    return Needs(returns=(event.channel_id, event.return_ref))


def change_case(context: EventContext, event: CaseEvent, values: Mapping[str, Any]) -> list[str]:
    """New values of a return that is known: somebody asked for it, goods of it came in, or it was refunded.

    Raises:
        NotYet: no such return was told.

    """
    key = (event.channel_id, event.return_ref)
    if context.cases.of(key) is None and not context.facts.of_return(key) and not context.returns[key]:
        raise NotYet(name_of(key))
    set_case(context, open_case(context, key), values)
    tell_lines(context, key)
    return []


def name_of(key: ReturnKey) -> str:
    """What events that need the return wait for."""
    return f"return:{key[0]}:{key[1]}"


def open_case(context: EventContext, key: ReturnKey) -> KnownCase:
    """The case of a return; a new one if it has none."""
    case = context.cases.of(key)
    if case is None:
        row = {**dict.fromkeys(CASE_COLUMNS), "id": context.unit.ids.take(), "channel_id": key[0], "return_ref": key[1]}
        received = [fact.row["received_at"] for fact in context.facts.of_return(key)]
        received += [line["received_at"] for line in context.returns[key]]
        case = KnownCase({**row, "received_at": min(received, default=None)}, is_new=True)
        context.cases.add(key, case)
        # the row itself: what changes until it is inserted changes there
        context.unit.add(return_case, case.row)
        context.unit.touch("returns", "case", case.row["id"])
    return case


def set_case(context: EventContext, case: KnownCase, values: Mapping[str, Any]) -> None:
    """New values of a case."""
    changes = {name: value for name, value in values.items() if case.row[name] != value}
    if not changes:
        return
    case.row.update(changes)
    if not case.is_new:
        context.unit.change(return_case, case.row["id"], changes)
    context.unit.touch("returns", "case", case.row["id"])


def earliest(*times: int | None) -> int | None:
    """The earliest of the times that are known."""
    return min((at for at in times if at is not None), default=None)


def tell_lines(context: EventContext, key: ReturnKey) -> None:
    """Let the lines of a return keep what its case says of them. A return has a case, or there is nothing to tell."""
    case = context.cases.of(key)
    if case is None:
        return
    facts = context.facts.of_return(key)
    asked = {row["line_id"]: row for row in case.requests}
    refunds = _refunds(case, facts)
    for fact in facts:
        line_id = fact.row["line_id"]
        _change(context, fact, {**_of_case(case, fact.row), **_asked(fact.row, asked.get(line_id)), **refunds.get(fact.row["id"], {})})
    for row in context.returns[key]:
        values = {name: value for name, value in _of_case(case, row).items() if row[name] != value}
        if values:
            row.update(values)
            context.unit.change(return_line, row["id"], values)
            context.unit.touch("returns", "return", row["id"])


def _of_case(case: KnownCase, row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "requested_at": earliest(row["requested_at"], case.row["requested_at"]),
        "approved_at": case.row["decided_at"] if case.row["decision"] == "approved" else None,
    }


def _asked(row: Mapping[str, Any], asked: Mapping[str, Any] | None) -> dict[str, Any]:
    """What the customer said when asking, where the receipt says nothing."""
    if asked is None:
        return {}
    values: dict[str, Any] = {}
    if row["reason_code"] is None and row["return_reason"] is None:
        values = {name: asked[name] for name in ("reason_code", "return_reason")}
    if row["customer_note"] is None:
        values["customer_note"] = asked["customer_note"]
    return values


def _refunds(case: KnownCase, facts: list[KnownFact]) -> dict[int, dict[str, Any]]:
    """The refund of each return line that has one, by row id; of a line that came in in parts, by the units of each.

    Amounts of two currencies are never added: then the amount is not known.
    """
    values: dict[int, dict[str, Any]] = {}
    for line_id in {refund["line_id"] for refund in case.refunds}:
        given = [refund for refund in case.refunds if refund["line_id"] == line_id]
        parts = sorted((fact.row for fact in facts if fact.row["line_id"] == line_id), key=lambda row: row["part"] or "")
        currencies = {refund["currency"] for refund in given}
        currency = currencies.pop() if len(currencies) == 1 else None
        shares = shared_out(sum(refund["amount"] for refund in given), [row["quantity"] for row in parts])
        for row, share in zip(parts, shares, strict=True):
            values[row["id"]] = {
                "refund": share if currency is not None else None,
                "currency": currency,
                "refunded_at": min(refund["refunded_at"] for refund in given),
            }
    return values


def _change(context: EventContext, fact: KnownFact, values: Mapping[str, Any]) -> None:
    changes = {name: value for name, value in values.items() if fact.row[name] != value}
    if fact.is_new:
        fact.row.update(changes)  # it is stored when it is judged
    elif changes:
        change_row(context, fact, changes)
        context.unit.touch("returns", "return", fact.row["id"])
