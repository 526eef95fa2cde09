"""A package that left a location."""

from typing import Annotated, Literal

from pydantic import Field

from data_access.domain.events import Event, Id, OrderUnits, Text
from data_access.events.context import EventContext
from data_access.events.kind import EventKind
from data_access.events.needs import Needs
from data_access.events.packages import Package, send


class Shipment(Event):
    """A package confirmed as shipped from the location that it really left."""

    kind: Literal["shipment"] = "shipment"
    channel_id: Id
    order_ref: Id
    shipment_ref: Id
    location_id: Id
    lines: Annotated[tuple[OrderUnits, ...], Field(min_length=1)]
    carrier: Text | None = None


def _handle(context: EventContext, event: Shipment, row_id: int) -> list[str]:
    order = context.order(event.channel_id, event.order_ref, (line.line_ref for line in event.lines))
    context.need_location(event.location_id)
    package = Package(event.order_ref, event.shipment_ref, event.location_id, event.occurred_at, event.carrier)
    for shipped in event.lines:
        send(context, row_id, package, order.lines[shipped.line_ref], shipped.quantity)
    return [f"shipment:{event.channel_id}:{event.order_ref}:{event.shipment_ref}"]


def _needs(event: Shipment) -> Needs:
    return Needs(order=(event.channel_id, event.order_ref))


KIND = EventKind(model=Shipment, label="Shipment", rank=90, movement_kinds=("shipment",), needs=_needs, handle=_handle)
