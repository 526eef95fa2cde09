"""A signed correction of stock."""

from typing import Annotated, Literal

from pydantic import Field

from data_access.domain.events import Event, Id, SignedStateUnits, Text
from data_access.events.context import EventContext
from data_access.events.kind import EventKind
from data_access.events.needs import Needs


class Adjustment(Event):
    """A signed correction with its reason."""

    kind: Literal["adjustment"] = "adjustment"
    location_id: Id
    reason: Text
    lines: Annotated[tuple[SignedStateUnits, ...], Field(min_length=1)]


def _handle(context: EventContext, event: Adjustment, row_id: int) -> list[str]:
    context.need_location(event.location_id)
    context.need_stocked(line.sku for line in event.lines)
    for line in event.lines:
        key = (line.sku, event.location_id, line.state)
        context.unit.ledger.move(row_id, event.occurred_at, key, "adjustment", line.quantity)
    return []


def _needs(event: Adjustment) -> Needs:
    return Needs(skus=tuple(line.sku for line in event.lines))


KIND = EventKind(model=Adjustment, label="Adjustment", rank=40, movement_kinds=("adjustment",), needs=_needs, handle=_handle)
