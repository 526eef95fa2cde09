"""An order placed on a channel, or at a till."""

from typing import Annotated, Any, Literal

import sqlalchemy as sa
from pydantic import Field, model_validator

from data_access.domain.events import Event, EventPart, Id, Micros, Price, Text, Units
from data_access.domain.ledger_state import Line
from data_access.events.context import Contradiction, EventContext, KnownOrder, NotYet
from data_access.events.judging import settle_line
from data_access.events.kind import EventKind
from data_access.events.needs import Needs
from data_access.events.packages import Package, send
from data_access.schema.catalog import listing
from data_access.schema.orders import order_line, sales_order
from data_access.schema.stock import event as event_table


class SaleLine(EventPart):
    """`sku` may be given where the source knows it; else the listing of `external_sku` tells."""

    line_ref: Id
    external_sku: Id | None = None
    sku: Id | None = None
    quantity: Units
    unit_price: Price | None = None

    @model_validator(mode="after")
    def _named(self) -> "SaleLine":
        if self.external_sku is None and self.sku is None:
            raise ValueError("a line needs an external_sku or a sku")
        return self


class Sale(Event):
    """An order placed. With `is_till`, it leaves `location_id` at once."""

    kind: Literal["sale"] = "sale"
    channel_id: Id
    order_ref: Id
    currency: Annotated[str, Field(pattern="^[A-Z]{3}$")]
    lines: Annotated[tuple[SaleLine, ...], Field(min_length=1)]
    location_id: Id | None = None
    is_till: bool = False
    ship_by_at: Micros | None = None
    deliver_by_at: Micros | None = None
    customer_ref: Text | None = None
    destination_country: Text | None = None
    destination_region: Text | None = None
    fulfilled_by: Literal["seller", "marketplace"] = "seller"

    @model_validator(mode="after")
    def _whole(self) -> "Sale":
        if self.is_till and self.location_id is None:
            raise ValueError("a sale at a till needs its location_id")
        if len({line.line_ref for line in self.lines}) < len(self.lines):
            raise ValueError("two lines of one order have the same line_ref")
        return self


def _sku_of(context: EventContext, event: Sale, line: SaleLine) -> str:
    lookups = context.unit.lookups
    if line.sku is not None:
        if lookups.kit_version(line.sku) is None:
            raise NotYet(f"sku:{line.sku}")
        return line.sku
    external_sku = str(line.external_sku)
    known, sku = lookups.listed(event.channel_id, external_sku)
    if sku is not None:
        return sku
    if not known:
        context.unit.add(
            listing,
            {
                "listing_id": context.unit.ids.take(),
                "channel_id": event.channel_id,
                "external_sku": external_sku,
                "sku": None,
                "title": None,
                "maximum": None,
                "first_seen_at": event.received_at,
            },
        )
        lookups.seen(event.channel_id, external_sku)
        context.unit.touch("inbox", "listing", f"{event.channel_id}:{external_sku}")
    raise NotYet(f"listing:{event.channel_id}:{external_sku}")


def _skus_of_lines(context: EventContext, event: Sale) -> list[str]:
    """The SKU of each line; of all that are missing each is noted, and the first is waited for."""
    skus, missing = [], []
    for line in event.lines:
        try:
            skus.append(_sku_of(context, event, line))
        except NotYet as not_yet:
            missing.append(not_yet)
    if missing:
        raise missing[0]
    return skus


def _line_of_a_file(context: EventContext, order_id: int, skus: list[str]) -> Any:
    """A line of the order and of one of the SKUs that a file told of, by a line id that events do not know; None if there is none."""
    line = order_line.c
    query = (
        sa.select(line.sku, line.line_ref)
        .join(event_table, event_table.c.id == line.event_id)
        .where(line.order_id == order_id, line.sku.in_(skus), event_table.c.source.startswith("import:"))
    )
    return context.unit.connection.execute(query.order_by(line.id).limit(1)).first()


def _handle(context: EventContext, event: Sale, row_id: int) -> list[str]:
    unit = context.unit
    if not unit.lookups.has_channel(event.channel_id):
        raise NotYet(f"channel:{event.channel_id}")
    context.need_location(event.location_id)
    skus = _skus_of_lines(context, event)
    key = (event.channel_id, event.order_ref)
    order = context.orders[key]
    known = set(order.lines) if order else set()
    if taken := [line.line_ref for line in event.lines if line.line_ref in known]:
        raise Contradiction(
            f"Line {taken[0]} of order {event.order_ref} on {event.channel_id} was placed by another event: it stands; "
            "send what changed as a cancellation or under a line of its own."
        )
    if order is not None and (line := _line_of_a_file(context, order.order_id, skus)):
        raise Contradiction(
            f"Order {event.order_ref} on {event.channel_id} has a line of {line.sku} from a file (id {line.line_ref}): it stands; "
            "send its shipments and cancellations by that id, or take the import back and send the sale again."
        )
    if order is None:
        order = context.orders[key] = KnownOrder(unit.ids.take())
        unit.add(
            sales_order,
            {
                "id": order.order_id,
                "channel_id": event.channel_id,
                "order_ref": event.order_ref,
                "placed_at": event.occurred_at,
                "currency": event.currency,
                "customer_ref": event.customer_ref,
                "destination_country": event.destination_country,
                "destination_region": event.destination_region,
                "fulfilled_by": event.fulfilled_by,
            },
        )
    for sale_line, sku in zip(event.lines, skus, strict=True):
        order.lines[sale_line.line_ref] = _place(context, event, row_id, order, sale_line, sku)
    prefix = f"{event.channel_id}:{event.order_ref}"
    keys = [f"order:{prefix}", *(f"line:{prefix}:{line.line_ref}" for line in event.lines)]
    return [*keys, f"shipment:{prefix}:till"] if event.is_till else keys


def _place(context: EventContext, event: Sale, row_id: int, order: KnownOrder, sale_line: SaleLine, sku: str) -> Line:
    unit = context.unit
    kit_version = unit.lookups.kit_version(sku) or 0
    line = Line(
        line_id=unit.ids.take(),
        order_id=order.order_id,
        channel_id=event.channel_id,
        sku=sku,
        components=unit.lookups.components(sku, kit_version),
        quantity=sale_line.quantity,
        placed_at=event.occurred_at,
        location_id=event.location_id,
    )
    unit.add_line(
        {
            "id": line.line_id,
            "order_id": order.order_id,
            "line_ref": sale_line.line_ref,
            "channel_id": event.channel_id,
            "event_id": row_id,
            "external_sku": sale_line.external_sku or sku,
            "sku": sku,
            "kit_version": kit_version,
            "quantity": sale_line.quantity,
            "unit_price": sale_line.unit_price,
            "placed_at": event.occurred_at,
            "ship_by_at": event.ship_by_at,
            "deliver_by_at": event.deliver_by_at,
            "location_id": event.location_id,
        },
        line,
    )
    unit.ledger.place(line)
    if event.is_till and event.location_id is not None:
        package = Package(event.order_ref, "till", event.location_id, event.occurred_at, is_handed_over=True)
        send(context, row_id, package, line, sale_line.quantity)
        settle_line(context, (event.channel_id, event.order_ref), line)
    return line


def _needs(event: Sale) -> Needs:
    return Needs(
        order=(event.channel_id, event.order_ref),
        skus=tuple(line.sku for line in event.lines if line.sku is not None),
        listings=tuple((event.channel_id, line.external_sku) for line in event.lines if line.sku is None and line.external_sku is not None),
    )


KIND = EventKind(model=Sale, label="Sale", rank=70, movement_kinds=("shipment",), needs=_needs, handle=_handle)
