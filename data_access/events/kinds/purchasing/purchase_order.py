"""An order placed with a supplier."""

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from data_access.domain.events import Event, EventPart, Id, Micros, Price, Units
from data_access.events.context import Contradiction, EventContext, NotYet
from data_access.events.kind import EventKind
from data_access.events.needs import Needs
from data_access.schema.purchasing import purchase_order, purchase_order_line


class PurchaseOrderLine(EventPart):
    sku: Id
    quantity: Units
    unit_cost: Price | None = None


class PurchaseOrder(Event):
    """An order placed with a supplier. One line a SKU."""

    kind: Literal["purchase_order"] = "purchase_order"
    po_ref: Id
    supplier_id: Id
    location_id: Id
    expected_at: Micros | None = None
    lines: Annotated[tuple[PurchaseOrderLine, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _one_line_a_sku(self) -> "PurchaseOrder":
        if len({line.sku for line in self.lines}) < len(self.lines):
            raise ValueError("two lines of one purchase order have the same sku")
        return self


def _handle(context: EventContext, event: PurchaseOrder, row_id: int) -> list[str]:
    unit = context.unit
    if not unit.lookups.has_supplier(event.supplier_id):
        raise NotYet(f"supplier:{event.supplier_id}")
    context.need_location(event.location_id)
    context.need_stocked(line.sku for line in event.lines)
    if context.purchases[event.po_ref] is not None:
        raise Contradiction(f"Purchase order {event.po_ref} was placed by another event: it stands; send the new one under its own number.")
    po_id = unit.ids.take()
    unit.add(
        purchase_order,
        {
            "id": po_id,
            "event_id": row_id,
            "po_ref": event.po_ref,
            "supplier_id": event.supplier_id,
            "location_id": event.location_id,
            "placed_at": event.occurred_at,
            "expected_at": event.expected_at,
        },
    )
    lines: dict[str, dict[str, Any]] = {}
    for line in event.lines:
        row = {
            "id": unit.ids.take(),
            "po_id": po_id,
            "sku": line.sku,
            "location_id": event.location_id,
            "quantity": line.quantity,
            "received_quantity": 0,
            "unit_cost": line.unit_cost,
            "first_received_at": None,
        }
        unit.add(purchase_order_line, row)
        lines[line.sku] = {**row, "new": row}
        unit.ledger.order_more(line.sku, event.location_id, line.quantity)
    context.purchases[event.po_ref] = lines
    unit.touch("purchasing", "purchase_order", po_id)
    return [f"po:{event.po_ref}"]


def _needs(event: PurchaseOrder) -> Needs:
    return Needs(purchase=event.po_ref, skus=tuple(line.sku for line in event.lines))


KIND = EventKind(model=PurchaseOrder, label="Purchase order", rank=0, needs=_needs, handle=_handle)
