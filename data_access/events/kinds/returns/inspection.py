"""What became of a return."""

from collections.abc import Iterable
from typing import Any, Literal

from data_access.domain.events import Event, Id
from data_access.events.context import Contradiction, EventContext, NotYet
from data_access.events.judging import change_row
from data_access.events.kind import EventKind
from data_access.events.needs import Needs
from data_access.schema.returns import return_line
from data_access.write.ledger_reader import disposition_effects


class Inspection(Event):
    """What became of a return: restock makes it sellable, refurbish leaves it unsellable, discard takes it out."""

    kind: Literal["inspection"] = "inspection"
    channel_id: Id
    return_ref: Id
    disposition: Literal["restock", "refurbish", "discard"]


def _handle(context: EventContext, event: Inspection, row_id: int) -> list[str]:
    key = (event.channel_id, event.return_ref)
    unmatched = context.returns[key]
    facts = context.facts.of_return(key)
    if not unmatched and not facts:
        raise NotYet(f"return:{event.channel_id}:{event.return_ref}")
    if any(row["inspected_at"] is not None for row in (*unmatched, *(fact.row for fact in facts))):
        raise Contradiction(
            f"Return {event.return_ref} on {event.channel_id} was inspected already: its units can be put back only once; "
            "correct the stock with an adjustment."
        )
    values = {"inspected_at": event.occurred_at, "disposition": event.disposition}
    for row in unmatched:
        row.update(values)
        context.unit.change(return_line, row["id"], values)
        _move(context, event, row_id, row, row["components"])
    for fact in facts:
        change_row(context, fact, values)
        if fact.counts:
            _move(context, event, row_id, fact.row, context.line_of(fact).components)
    return []


def _move(context: EventContext, event: Inspection, row_id: int, row: dict[str, Any], components: Iterable[tuple[str, int]]) -> None:
    context.unit.touch("returns", "return", row["id"])
    for effect in disposition_effects(row["quantity"], event.disposition, event.occurred_at):
        for sku, per in components:
            where = (sku, row["location_id"], effect.state)
            context.unit.ledger.move(row_id, event.occurred_at, where, effect.kind, effect.quantity * per)


def _needs(event: Inspection) -> Needs:
    return Needs(returns=(event.channel_id, event.return_ref))


KIND = EventKind(
    model=Inspection, label="Inspection", rank=140, movement_kinds=("restock", "refurbish", "discard"), needs=_needs, handle=_handle
)
