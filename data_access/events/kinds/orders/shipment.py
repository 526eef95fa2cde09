"""A package that left a location."""

from collections import Counter
from typing import Annotated, Literal

from pydantic import Field

from data_access.domain.events import Event, Id, OrderUnits, Text
from data_access.events.context import EventContext
from data_access.events.judging import settle_lines
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
    units = Counter[str]()
    for shipped in event.lines:
        units[shipped.line_ref] += shipped.quantity
    for line_ref, quantity in units.items():
        send(context, row_id, package, order.lines[line_ref], quantity)
    # what is told of the package is kept with it, whether it counts or not
    key = (event.channel_id, event.order_ref)
    keys = settle_lines(context, key, (order.lines[line_ref] for line_ref in units))
    return [f"shipment:{event.channel_id}:{event.order_ref}:{event.shipment_ref}", *keys]


def _needs(event: Shipment) -> Needs:
    return Needs(facts=(event.channel_id, event.order_ref))


KIND = EventKind(model=Shipment, label="Shipment", rank=90, movement_kinds=("shipment",), needs=_needs, handle=_handle)
