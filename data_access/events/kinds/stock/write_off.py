"""Units thrown away, lost or used up."""

from typing import Annotated, Literal

from pydantic import Field

from data_access.domain.events import Event, Id, StateUnits, Text
from data_access.events.context import EventContext
from data_access.events.kind import EventKind
from data_access.events.needs import Needs


class WriteOff(Event):
    """Units thrown away, lost or used up, with the text somebody typed."""

    kind: Literal["write_off"] = "write_off"
    location_id: Id
    reason: Text
    lines: Annotated[tuple[StateUnits, ...], Field(min_length=1)]


def _handle(context: EventContext, event: WriteOff, row_id: int) -> list[str]:
    context.need_location(event.location_id)
    context.need_stocked(line.sku for line in event.lines)
    for line in event.lines:
        key = (line.sku, event.location_id, line.state)
        context.unit.ledger.move(row_id, event.occurred_at, key, "write_off", -line.quantity)
    return []


def _needs(event: WriteOff) -> Needs:
    return Needs(skus=tuple(line.sku for line in event.lines))


KIND = EventKind(model=WriteOff, label="Write-off", rank=60, movement_kinds=("write_off",), needs=_needs, handle=_handle)
