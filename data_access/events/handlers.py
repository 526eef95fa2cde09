"""What each kind of event does: checks first, then the ledger and the facts. Called by `ingest` alone.

A function of `APPLY` takes in one event, or raises before it has changed anything: `NotYet` with the key of the parent that is
missing, `Refused` with a sentence. It returns the keys of the parents that it made, for others may wait for them.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import sqlalchemy as sa

from data_access.domain import events as ev
from data_access.domain.ledger_state import Line
from data_access.errors import OnHandError
from data_access.prepared import Prepared, in_list
from data_access.schema.catalog import listing, product
from data_access.schema.orders import cancellation, order_line, sales_order, shipment
from data_access.schema.purchasing import purchase_order, purchase_order_line
from data_access.schema.returns import return_line
from data_access.write.ledger_reader import disposition_effects
from data_access.write.unit_of_work import Unit

_ORDERS: Final = Prepared(
    sa.select(sales_order.c.id, sales_order.c.order_ref).where(
        sales_order.c.channel_id == sa.bindparam("channel"), in_list(sales_order.c.order_ref, "refs")
    )
)
_SHIPMENTS: Final = Prepared(
    sa.select(shipment, sales_order.c.order_ref, sales_order.c.id.label("order_id"))
    .join(order_line, order_line.c.id == shipment.c.line_id)
    .join(sales_order, sales_order.c.id == order_line.c.order_id)
    .where(sales_order.c.channel_id == sa.bindparam("channel"), in_list(sales_order.c.order_ref, "refs"))
)
_RETURNS: Final = Prepared(
    # a kit that came back without its order line is taken for what the kit is made of now
    sa.select(return_line, sa.func.coalesce(order_line.c.kit_version, product.c.kit_version).label("kit_version"))
    .join(product, product.c.sku == return_line.c.sku)
    .join(order_line, order_line.c.id == return_line.c.line_id, isouter=True)
    .where(return_line.c.channel_id == sa.bindparam("channel"), in_list(return_line.c.return_ref, "refs"))
)
_PURCHASES: Final = Prepared(
    sa.select(purchase_order_line, purchase_order.c.po_ref)
    .join(purchase_order, purchase_order.c.id == purchase_order_line.c.po_id)
    .where(in_list(purchase_order.c.po_ref, "refs"))
)

OrderEvent = ev.Sale | ev.Cancellation | ev.Shipment | ev.ReturnReceived
PackageEvent = ev.Tracking | ev.Scan | ev.Delivery
StockEvent = ev.Receipt | ev.Transfer | ev.Adjustment | ev.Count | ev.Opening | ev.WriteOff


class NotYet(Exception):
    """The event's parent is missing; `key` names it."""

    def __init__(self, key: str) -> None:
        super().__init__(key)
        self.key = key


class Refused(OnHandError):
    """The event contradicts what is known; the sentence says how."""


@dataclass(slots=True)
class Order:
    """A known order and its lines by their reference."""

    order_id: int
    lines: dict[str, Line] = field(default_factory=dict)


@dataclass(slots=True)
class World:
    """What the events of one unit of work refer to. None: looked up, and not there."""

    unit: Unit
    orders: dict[tuple[str, str], Order | None] = field(default_factory=dict)
    packages: dict[tuple[str, str], dict[str, list[dict[str, Any]]]] = field(default_factory=dict)
    sent: dict[tuple[str, str], list[dict[str, Any]]] = field(default_factory=dict)
    returns: dict[tuple[str, str], list[dict[str, Any]]] = field(default_factory=dict)
    purchases: dict[str, dict[str, dict[str, Any]] | None] = field(default_factory=dict)

    def load(self, events: Sequence[ev.Event]) -> None:
        """Look up, set-based, what is not known yet."""
        self._load_orders({(e.channel_id, e.order_ref) for e in events if isinstance(e, OrderEvent)})
        self._load_packages({(e.channel_id, e.order_ref) for e in events if isinstance(e, PackageEvent)})
        self._load_returns({(e.channel_id, e.return_ref) for e in events if isinstance(e, ev.ReturnReceived | ev.Inspection)})
        self._load_purchases({e.po_ref for e in events if isinstance(e, ev.PurchaseOrder | ev.Receipt) and e.po_ref is not None})
        self._load_stock(events)

    def _load_orders(self, keys: set[tuple[str, str]]) -> None:
        found: dict[int, Order] = {}
        for channel_id, refs in _by_channel(keys - self.orders.keys()):
            self.orders.update({(channel_id, ref): None for ref in refs})
            for row in _ORDERS.all(self.unit.connection, channel=channel_id, refs=refs):
                self.orders[(channel_id, row.order_ref)] = found[row.id] = Order(row.id)
        for line_ref, line in self.unit.load_lines(list(found)):
            found[line.order_id].lines[line_ref] = line

    def _load_packages(self, keys: set[tuple[str, str]]) -> None:
        for channel_id, refs in _by_channel(keys - self.packages.keys()):
            self.packages.update({(channel_id, ref): {} for ref in refs})
            for row in _SHIPMENTS.all(self.unit.connection, channel=channel_id, refs=refs):
                self.packages[(channel_id, row.order_ref)].setdefault(row.shipment_ref, []).append(row._asdict())
            for ref in refs:
                for sent in self.sent.get((channel_id, ref), ()):
                    self.packages[(channel_id, ref)].setdefault(sent["shipment_ref"], []).append(sent)

    def _load_returns(self, keys: set[tuple[str, str]]) -> None:
        for channel_id, refs in _by_channel(keys - self.returns.keys()):
            self.returns.update({(channel_id, ref): [] for ref in refs})
            for row in _RETURNS.all(self.unit.connection, channel=channel_id, refs=refs):
                components = self.unit.catalogue.components(row.sku, row.kit_version)
                self.returns[(channel_id, row.return_ref)].append({**row._asdict(), "components": components})

    def _load_purchases(self, refs: set[str]) -> None:
        missing = sorted(refs - self.purchases.keys())
        self.purchases.update(dict.fromkeys(missing))
        for row in _PURCHASES.all(self.unit.connection, refs=missing) if missing else ():
            lines = self.purchases[row.po_ref] or {}
            lines[row.sku] = row._asdict()
            self.purchases[row.po_ref] = lines

    def _load_stock(self, events: Sequence[ev.Event]) -> None:
        catalogue = self.unit.catalogue
        skus = {sku for event in events for sku in skus_of(event)}
        skus |= {sku for event in events for pair in listings_of(event) if (sku := catalogue.listed(*pair)[1]) is not None}
        parts = {
            part for sku in skus if (version := catalogue.kit_version(sku)) is not None for part, _ in catalogue.components(sku, version)
        }
        for event in events:
            if isinstance(event, ev.Inspection):
                parts |= {part for row in self.returns[(event.channel_id, event.return_ref)] for part, _ in row["components"]}
            elif isinstance(event, ev.Receipt) and event.po_ref is not None:
                parts |= set(self.purchases[event.po_ref] or ())
        self.unit.load_skus(parts)

    def order(self, event: ev.Cancellation | ev.Shipment | ev.ReturnReceived, line_refs: Iterable[str]) -> Order:
        """The event's order, with all of these lines."""
        found = self.orders[(event.channel_id, event.order_ref)]
        if found is None:
            raise NotYet(f"order:{event.channel_id}:{event.order_ref}")
        for line_ref in line_refs:
            if line_ref not in found.lines:
                raise NotYet(f"line:{event.channel_id}:{event.order_ref}:{line_ref}")
        return found

    def need_location(self, *location_ids: str | None) -> None:
        """All of these locations must be known."""
        for location_id in location_ids:
            if location_id is not None and not self.unit.catalogue.has_location(location_id):
                raise NotYet(f"location:{location_id}")

    def need_stocked(self, skus: Iterable[str]) -> None:
        """All of these SKUs must be known, and none a kit."""
        for sku in skus:
            version = self.unit.catalogue.kit_version(sku)
            if version is None:
                raise NotYet(f"sku:{sku}")
            if version:
                raise Refused(f"{sku} is a kit, and kits hold no stock: send the event for its components.")


def _by_channel(keys: Iterable[tuple[str, str]]) -> list[tuple[str, list[str]]]:
    grouped: dict[str, list[str]] = {}
    for channel_id, ref in sorted(keys):
        grouped.setdefault(channel_id, []).append(ref)
    return list(grouped.items())


def keys_of(event: ev.Event) -> list[str]:
    """The parents to lock before an event is looked at."""
    keys = []
    if isinstance(event, OrderEvent | PackageEvent):
        keys.append(f"order:{event.channel_id}:{event.order_ref}")
    if isinstance(event, ev.ReturnReceived | ev.Inspection):
        keys.append(f"return:{event.channel_id}:{event.return_ref}")
    if isinstance(event, ev.PurchaseOrder | ev.Receipt) and event.po_ref is not None:
        keys.append(f"po:{event.po_ref}")
    return keys or [f"event:{event.source}:{event.event_id}"]


def skus_of(event: ev.Event) -> list[str]:
    """SKUs that an event names itself."""
    if isinstance(event, ev.Sale):
        return [line.sku for line in event.lines if line.sku is not None]
    if isinstance(event, StockEvent | ev.PurchaseOrder):
        return [line.sku for line in event.lines]
    return []


def listings_of(event: ev.Event) -> list[tuple[str, str]]:
    """Listings (channel, external SKU) that an event names."""
    if isinstance(event, ev.Sale):
        return [(event.channel_id, line.external_sku) for line in event.lines if line.sku is None and line.external_sku is not None]
    return []


# ---- orders --------------------------------------------------------------------------------------------------------


def _sku_of(world: World, event: ev.Sale, line: ev.SaleLine) -> str:
    catalogue = world.unit.catalogue
    if line.sku is not None:
        if catalogue.kit_version(line.sku) is None:
            raise NotYet(f"sku:{line.sku}")
        return line.sku
    external_sku = str(line.external_sku)
    known, sku = catalogue.listed(event.channel_id, external_sku)
    if sku is not None:
        return sku
    if not known:
        world.unit.add(
            listing,
            {
                "listing_id": world.unit.ids.take(),
                "channel_id": event.channel_id,
                "external_sku": external_sku,
                "sku": None,
                "title": None,
                "maximum": None,
                "first_seen_at": event.received_at,
            },
        )
        catalogue.seen(event.channel_id, external_sku)
        world.unit.touch("inbox", "listing", f"{event.channel_id}:{external_sku}")
    raise NotYet(f"listing:{event.channel_id}:{external_sku}")


def _skus_of_lines(world: World, event: ev.Sale) -> list[str]:
    """The SKU of each line; of all that are missing each is noted, and the first is waited for."""
    skus, missing = [], []
    for line in event.lines:
        try:
            skus.append(_sku_of(world, event, line))
        except NotYet as not_yet:
            missing.append(not_yet)
    if missing:
        raise missing[0]
    return skus


def _sale(world: World, event: ev.Sale, row_id: int) -> list[str]:
    unit = world.unit
    if not unit.catalogue.has_channel(event.channel_id):
        raise NotYet(f"channel:{event.channel_id}")
    world.need_location(event.location_id)
    skus = _skus_of_lines(world, event)
    key = (event.channel_id, event.order_ref)
    order = world.orders[key]
    known = set(order.lines) if order else set()
    if taken := [line.line_ref for line in event.lines if line.line_ref in known]:
        raise Refused(
            f"Line {taken[0]} of order {event.order_ref} on {event.channel_id} was placed by another event: it stands; "
            "send what changed as a cancellation or under a line of its own."
        )
    if order is None:
        order = world.orders[key] = Order(unit.ids.take())
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
        order.lines[sale_line.line_ref] = _place(world, event, row_id, order, sale_line, sku)
    prefix = f"{event.channel_id}:{event.order_ref}"
    made = [f"order:{prefix}", *(f"line:{prefix}:{line.line_ref}" for line in event.lines)]
    return [*made, f"shipment:{prefix}:till"] if event.is_till else made


def _place(world: World, event: ev.Sale, row_id: int, order: Order, sale_line: ev.SaleLine, sku: str) -> Line:
    unit = world.unit
    kit_version = unit.catalogue.kit_version(sku) or 0
    line = Line(
        line_id=unit.ids.take(),
        order_id=order.order_id,
        channel_id=event.channel_id,
        sku=sku,
        components=unit.catalogue.components(sku, kit_version),
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
        _send(world, row_id, line, sale_line.quantity, "till", event.location_id, event.occurred_at, event.order_ref, handed_over=True)
    return line


def _send(
    world: World,
    row_id: int,
    line: Line,
    units: int,
    shipment_ref: str,
    location_id: str,
    at: int,
    order_ref: str,
    carrier: str | None = None,
    handed_over: bool = False,
) -> None:
    row = {
        "id": world.unit.ids.take(),
        "event_id": row_id,
        "line_id": line.line_id,
        "shipment_ref": shipment_ref,
        "location_id": location_id,
        "quantity": units,
        "shipped_at": at,
        "carrier": carrier,
        "tracking_number": None,
        "tracking_uploaded_at": None,
        "first_scan_at": None,
        "last_scan_at": None,
        "delivered_at": at if handed_over else None,
        "moves_stock": True,
    }
    world.unit.add(shipment, row)
    sent = {**row, "order_id": line.order_id, "new": row}
    key = (line.channel_id, order_ref)
    world.sent.setdefault(key, []).append(sent)
    if key in world.packages:
        world.packages[key].setdefault(shipment_ref, []).append(sent)
    world.unit.ledger.ship(line, units, location_id, row_id, at)


def _cancellation(world: World, event: ev.Cancellation, row_id: int) -> list[str]:
    order = world.order(event, (line.line_ref for line in event.lines))
    wanted = event.lines or tuple(ev.CancelledLine(line_ref=ref) for ref in order.lines)
    for cancelled in wanted:
        line = order.lines[cancelled.line_ref]
        units = cancelled.quantity or line.quantity
        world.unit.add(
            cancellation,
            {
                "id": world.unit.ids.take(),
                "event_id": row_id,
                "line_id": line.line_id,
                "quantity": units,
                "cancelled_at": event.occurred_at,
                "reason": event.reason,
                "cancelled_by": event.cancelled_by,
            },
        )
        world.unit.ledger.cancel(line, units)
    return []


def _shipment(world: World, event: ev.Shipment, row_id: int) -> list[str]:
    order = world.order(event, (line.line_ref for line in event.lines))
    world.need_location(event.location_id)
    for shipped in event.lines:
        line = order.lines[shipped.line_ref]
        _send(
            world, row_id, line, shipped.quantity, event.shipment_ref, event.location_id, event.occurred_at, event.order_ref, event.carrier
        )
    return [f"shipment:{event.channel_id}:{event.order_ref}:{event.shipment_ref}"]


def _package(world: World, event: PackageEvent, change: Callable[[Mapping[str, Any]], dict[str, Any]]) -> list[str]:
    """Change the rows of a package. The earliest event of a kind wins, so that the order of arrival does not matter."""
    rows = world.packages[(event.channel_id, event.order_ref)].get(event.shipment_ref)
    if not rows:
        raise NotYet(f"shipment:{event.channel_id}:{event.order_ref}:{event.shipment_ref}")
    for row in rows:
        values = change(row)
        row.update(values)
        if "new" in row:
            row["new"].update(values)
        elif values:
            world.unit.change(shipment, row["id"], values)
        world.unit.touch("orders", "order", row["order_id"])
    return []


def _tracking(world: World, event: ev.Tracking, _row_id: int) -> list[str]:
    def change(row: Mapping[str, Any]) -> dict[str, Any]:
        before = row["tracking_uploaded_at"]
        if before is not None and (before, row["tracking_number"]) <= (event.occurred_at, event.tracking_number):
            return {}
        return {
            "tracking_uploaded_at": event.occurred_at,
            "tracking_number": event.tracking_number,
            "carrier": event.carrier or row["carrier"],
        }

    return _package(world, event, change)


def _scan(world: World, event: ev.Scan, _row_id: int) -> list[str]:
    return _package(
        world,
        event,
        lambda row: {
            "first_scan_at": min(event.occurred_at, row["first_scan_at"] or event.occurred_at),
            "last_scan_at": max(event.occurred_at, row["last_scan_at"] or 0),
        },
    )


def _delivery(world: World, event: ev.Delivery, _row_id: int) -> list[str]:
    return _package(world, event, lambda row: {"delivered_at": min(event.occurred_at, row["delivered_at"] or event.occurred_at)})


# ---- returns -------------------------------------------------------------------------------------------------------


def _return_received(world: World, event: ev.ReturnReceived, row_id: int) -> list[str]:
    order = world.order(event, (line.line_ref for line in event.lines))
    world.need_location(event.location_id)
    key = (event.channel_id, event.return_ref)
    if world.returns[key]:
        raise Refused(
            f"Return {event.return_ref} on {event.channel_id} was received by another event: it stands; "
            "send further units under a return id of their own."
        )
    unit = world.unit
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
        world.returns[key].append({**row, "components": line.components, "new": row})
        line.returned += returned.quantity
        unit.ledger.dirty_lines[line.line_id] = line
        for sku, per in line.components:
            unit.ledger.move(row_id, event.occurred_at, sku, event.location_id, "unsellable", "return_received", returned.quantity * per)
        unit.touch("returns", "return", row["id"])
    return [f"return:{event.channel_id}:{event.return_ref}"]


def _inspection(world: World, event: ev.Inspection, row_id: int) -> list[str]:
    rows = world.returns[(event.channel_id, event.return_ref)]
    if not rows:
        raise NotYet(f"return:{event.channel_id}:{event.return_ref}")
    if any(row["inspected_at"] is not None for row in rows):
        raise Refused(
            f"Return {event.return_ref} on {event.channel_id} was inspected already: its units can be put back only once; "
            "correct the stock with an adjustment."
        )
    unit = world.unit
    values = {"inspected_at": event.occurred_at, "disposition": event.disposition}
    for row in rows:
        row.update(values)
        if "new" in row:
            row["new"].update(values)
        else:
            unit.change(return_line, row["id"], values)
        unit.touch("returns", "return", row["id"])
        for effect in disposition_effects(row["quantity"], event.disposition, event.occurred_at):
            for sku, per in row["components"]:
                unit.ledger.move(row_id, event.occurred_at, sku, row["location_id"], effect.state, effect.kind, effect.quantity * per)
    return []


# ---- stock and purchasing ------------------------------------------------------------------------------------------


def _purchase_order(world: World, event: ev.PurchaseOrder, row_id: int) -> list[str]:
    unit = world.unit
    if not unit.catalogue.has_supplier(event.supplier_id):
        raise NotYet(f"supplier:{event.supplier_id}")
    world.need_location(event.location_id)
    world.need_stocked(line.sku for line in event.lines)
    if world.purchases[event.po_ref] is not None:
        raise Refused(f"Purchase order {event.po_ref} was placed by another event: it stands; send the new one under its own number.")
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
    world.purchases[event.po_ref] = lines
    unit.touch("purchasing", "purchase_order", po_id)
    return [f"po:{event.po_ref}"]


def _receipt(world: World, event: ev.Receipt, row_id: int) -> list[str]:
    unit = world.unit
    world.need_location(event.location_id)
    world.need_stocked(line.sku for line in event.lines)
    ordered = world.purchases[event.po_ref] if event.po_ref is not None else {}
    if ordered is None:
        raise NotYet(f"po:{event.po_ref}")
    for line in event.lines:
        unit.ledger.move(row_id, event.occurred_at, line.sku, event.location_id, "sellable", "receipt", line.quantity)
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


def _transfer(world: World, event: ev.Transfer, row_id: int) -> list[str]:
    world.need_location(event.from_location_id, event.to_location_id)
    world.need_stocked(line.sku for line in event.lines)
    move = world.unit.ledger.move
    for line in event.lines:
        move(row_id, event.occurred_at, line.sku, event.from_location_id, line.state, "transfer_out", -line.quantity)
        move(row_id, event.occurred_at, line.sku, event.to_location_id, line.state, "transfer_in", line.quantity)
    return []


def _adjustment(world: World, event: ev.Adjustment, row_id: int) -> list[str]:
    world.need_location(event.location_id)
    world.need_stocked(line.sku for line in event.lines)
    for line in event.lines:
        world.unit.ledger.move(row_id, event.occurred_at, line.sku, event.location_id, line.state, "adjustment", line.quantity)
    return []


def _write_off(world: World, event: ev.WriteOff, row_id: int) -> list[str]:
    world.need_location(event.location_id)
    world.need_stocked(line.sku for line in event.lines)
    for line in event.lines:
        world.unit.ledger.move(row_id, event.occurred_at, line.sku, event.location_id, line.state, "write_off", -line.quantity)
    return []


def _count(world: World, event: ev.Count | ev.Opening, row_id: int) -> list[str]:
    world.need_location(event.location_id)
    world.need_stocked(line.sku for line in event.lines)
    is_assumed = isinstance(event, ev.Opening) and event.is_assumed
    tie = f"{event.source}:{event.event_id}"
    for line in event.lines:
        world.unit.ledger.count(
            row_id, tie, event.occurred_at, line.sku, event.location_id, line.state, line.quantity, event.kind, is_assumed
        )
    return []


APPLY: Final[Mapping[str, Callable[[World, Any, int], list[str]]]] = {
    "sale": _sale,
    "cancellation": _cancellation,
    "shipment": _shipment,
    "tracking": _tracking,
    "scan": _scan,
    "delivery": _delivery,
    "return_received": _return_received,
    "inspection": _inspection,
    "purchase_order": _purchase_order,
    "receipt": _receipt,
    "transfer": _transfer,
    "adjustment": _adjustment,
    "count": _count,
    "opening": _count,
    "write_off": _write_off,
}
