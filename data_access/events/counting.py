"""Counted stock: what counts and openings have in common."""

from typing import Annotated

from pydantic import Field, model_validator

from data_access.domain.events import CountedStateUnits, Event, Text
from data_access.domain.ledger_state import CountFact
from data_access.events.context import EventContext
from data_access.events.needs import Needs


class CountedStock(Event):
    """Units counted at a location; no SKU and state twice."""

    location_id: Text
    lines: Annotated[tuple[CountedStateUnits, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _once(self) -> "CountedStock":
        if len({(line.sku, line.state) for line in self.lines}) < len(self.lines):
            raise ValueError("the same sku and state counted twice in one event")
        return self


def counted_needs(event: CountedStock) -> Needs:
    """The SKUs that were counted."""
    return Needs(skus=tuple(line.sku for line in event.lines))


def take_count(context: EventContext, event: CountedStock, row_id: int, *, is_assumed: bool) -> list[str]:
    """Make the ledger equal to what was counted, by the event `row_id`."""
    context.need_location(event.location_id)
    context.need_stocked(line.sku for line in event.lines)
    tie = f"{event.source}:{event.event_id}"
    for line in event.lines:
        fact = CountFact(row_id, line.sku, event.location_id, line.state, line.quantity, event.occurred_at, tie)
        context.unit.ledger.count(fact, event.kind, is_assumed=is_assumed)
    return []
