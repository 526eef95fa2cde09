"""Goods that came in."""

from typing import Annotated, Literal

from pydantic import Field

from data_access.domain.events import Event, Id, SkuUnits
from data_access.events.context import EventContext, NotYet
from data_access.events.kind import EventKind
from data_access.events.needs import Needs
from data_access.schema.purchasing import purchase_order_line


class Receipt(Event):
    """Goods came in; with `po_ref`, against that purchase order."""

    kind: Literal["receipt"] = "receipt"
    location_id: Id
    po_ref: Id | None = None
    lines: Annotated[tuple[SkuUnits, ...], Field(min_length=1)]


def _handle(context: EventContext, event: Receipt, row_id: int) -> list[str]:
    unit = context.unit
    context.need_location(event.location_id)
    context.need_stocked(line.sku for line in event.lines)
    ordered = context.purchases[event.po_ref] if event.po_ref is not None else {}
    if ordered is None:
        raise NotYet(f"po:{event.po_ref}")
    for line in event.lines:
        unit.ledger.move(row_id, event.occurred_at, (line.sku, event.location_id, "sellable"), "receipt", line.quantity)
        row = ordered.get(line.sku)
        if row is not None:
            before = max(row["quantity"] - row["received_quantity"], 0)
            row["received_quantity"] += line.quantity
            row["first_received_at"] = min(event.occurred_at, row["first_received_at"] or event.occurred_at)
            values = {"received_quantity": row["received_quantity"], "first_received_at": row["first_received_at"]}
            if "new" in row:
                row["new"].update(values)
            else:
                unit.change(purchase_order_line, row["id"], values)
            unit.ledger.order_more(line.sku, row["location_id"], max(row["quantity"] - row["received_quantity"], 0) - before)
            unit.touch("purchasing", "purchase_order", row["po_id"])
    return []


def _needs(event: Receipt) -> Needs:
    return Needs(purchase=event.po_ref, skus=tuple(line.sku for line in event.lines))


KIND = EventKind(model=Receipt, label="Receipt", rank=10, movement_kinds=("receipt",), needs=_needs, handle=_handle)
