"""Units that came back."""

from typing import Annotated, Literal

from pydantic import Field

from data_access.domain.events import Event, EventPart, Id, Micros, Price, Text, Units
from data_access.domain.ledger_state import Key
from data_access.events.context import Contradiction, EventContext
from data_access.events.kind import EventKind
from data_access.events.needs import Needs
from data_access.schema.returns import return_line


class ReturnedUnits(EventPart):
    line_ref: Id
    quantity: Units
    reason_code: Text | None = None
    return_reason: Text | None = None
    refund: Price | None = None


class ReturnReceived(Event):
    """Units of an order came back; they wait for inspection as unsellable."""

    kind: Literal["return_received"] = "return_received"
    channel_id: Id
    order_ref: Id
    return_ref: Id
    location_id: Id
    requested_at: Micros | None = None
    lines: Annotated[tuple[ReturnedUnits, ...], Field(min_length=1)]


def _handle(context: EventContext, event: ReturnReceived, row_id: int) -> list[str]:
    order = context.order(event.channel_id, event.order_ref, (line.line_ref for line in event.lines))
    context.need_location(event.location_id)
    key = (event.channel_id, event.return_ref)
    if context.returns[key]:
        raise Contradiction(
            f"Return {event.return_ref} on {event.channel_id} was received by another event: it stands; "
            "send further units under a return id of their own."
        )
    unit = context.unit
    for returned in event.lines:
        line = order.lines[returned.line_ref]
        row = {
            "id": unit.ids.take(),
            "event_id": row_id,
            "channel_id": event.channel_id,
            "return_ref": event.return_ref,
            "line_id": line.line_id,
            "sku": line.sku,
            "location_id": event.location_id,
            "quantity": returned.quantity,
            "requested_at": event.requested_at,
            "received_at": event.occurred_at,
            "reason_code": returned.reason_code,
            "return_reason": returned.return_reason,
            "inspected_at": None,
            "disposition": None,
            "is_disposition_assumed": False,
            "refund": returned.refund,
            "currency": None,
            "moves_stock": True,
        }
        unit.add(return_line, row)
        context.returns[key].append({**row, "components": line.components, "new": row})
        line.returned += returned.quantity
        unit.ledger.dirty_lines[line.line_id] = line
        for sku, per in line.components:
            where: Key = (sku, event.location_id, "unsellable")
            unit.ledger.move(row_id, event.occurred_at, where, "return_received", returned.quantity * per)
        unit.touch("returns", "return", row["id"])
    return [f"return:{event.channel_id}:{event.return_ref}"]


def _needs(event: ReturnReceived) -> Needs:
    return Needs(order=(event.channel_id, event.order_ref), returns=(event.channel_id, event.return_ref))


KIND = EventKind(model=ReturnReceived, label="Return received", rank=130, movement_kinds=("return_received",), needs=_needs, handle=_handle)
