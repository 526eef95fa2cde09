"""Units moved between two locations."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from data_access.domain.events import Event, Id, StateUnits
from data_access.events.context import EventContext
from data_access.events.kind import EventKind
from data_access.events.needs import Needs


class Transfer(Event):
    """Units moved from one location to another."""

    kind: Literal["transfer"] = "transfer"
    from_location_id: Id
    to_location_id: Id
    lines: Annotated[tuple[StateUnits, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _moves(self) -> "Transfer":
        if self.from_location_id == self.to_location_id:
            raise ValueError("a transfer from a location to itself")
        return self


def _handle(context: EventContext, event: Transfer, row_id: int) -> list[str]:
    context.need_location(event.from_location_id, event.to_location_id)
    context.need_stocked(line.sku for line in event.lines)
    move = context.unit.ledger.move
    for line in event.lines:
        move(row_id, event.occurred_at, (line.sku, event.from_location_id, line.state), "transfer_out", -line.quantity)
        move(row_id, event.occurred_at, (line.sku, event.to_location_id, line.state), "transfer_in", line.quantity)
    return []


def _needs(event: Transfer) -> Needs:
    return Needs(skus=tuple(line.sku for line in event.lines))


KIND = EventKind(model=Transfer, label="Transfer", rank=50, movement_kinds=("transfer_out", "transfer_in"), needs=_needs, handle=_handle)
