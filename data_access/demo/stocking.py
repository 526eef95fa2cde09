"""Supply in the live simulator: purchase orders, receipts, transfers to where it is low, counts."""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

import numpy as np
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from data_access.demo.company import Ints, group_of_location
from data_access.demo.luck import luck
from data_access.demo.planning import order_quantities
from data_access.demo.specs import (
    DAY_US,
    GROUP_GATE,
    HAMBURG,
    HOUR_US,
    LEIPZIG,
    LOCATION_INDEX,
    LOCATIONS,
    MINUTE_US,
    ROTTERDAM,
    SHOPS,
)
from data_access.demo.world import SOURCE, DemoWindow, DemoWorld, read_shelf
from data_access.events.models import (
    Count,
    CountedStateUnits,
    Event,
    PurchaseOrder,
    PurchaseOrderLine,
    Receipt,
    SkuUnits,
    StateUnits,
    Transfer,
)
from data_access.schema.purchasing import purchase_order, purchase_order_line

READ_AGAIN_US: Final = 10 * MINUTE_US
COUNTED: Final = 5  # SKUs in one count
COUNTS_A_DAY: Final = 4.0


@dataclass(slots=True)
class Deliveries:
    """Open purchase orders with the time at which they come in, as last read."""

    read_at: int = 0
    due: list[tuple[int, Any, list[tuple[str, int]]]] = field(default_factory=list)


def receive(world: DemoWorld, window: DemoWindow, connection: Connection, deliveries: Deliveries) -> list[Event]:
    """Receipts of purchase orders that are due: early or late against what was expected, between 6 and 15 o'clock."""
    if window.now - deliveries.read_at >= READ_AGAIN_US:
        deliveries.read_at, deliveries.due = window.now, _deliveries(world, window, connection)
    events: list[Event] = []
    for when, order, lines in deliveries.due:
        if when <= window.now:
            events.append(
                Receipt(
                    source=SOURCE,
                    event_id=f"receive:{order.po_ref}",
                    occurred_at=when,
                    received_at=when,
                    location_id=order.location_id,
                    po_ref=order.po_ref,
                    lines=tuple(SkuUnits(sku=sku, quantity=units) for sku, units in lines),
                )
            )
    deliveries.due = [row for row in deliveries.due if row[0] > window.now]
    return events


def _deliveries(world: DemoWorld, window: DemoWindow, connection: Connection) -> list[tuple[int, Any, list[tuple[str, int]]]]:
    query = (
        sa.select(
            purchase_order.c.id,
            purchase_order.c.po_ref,
            purchase_order.c.supplier_id,
            purchase_order.c.location_id,
            purchase_order.c.placed_at,
            purchase_order.c.expected_at,
            purchase_order_line.c.sku,
            (purchase_order_line.c.quantity - purchase_order_line.c.received_quantity).label("units"),
        )
        .join(purchase_order, purchase_order.c.id == purchase_order_line.c.po_id)
        # the index on open lines asks for its own condition
        .where(sa.text("purchase_order_line.received_quantity < purchase_order_line.quantity"))
        .order_by(purchase_order.c.id, purchase_order_line.c.sku)
    )
    orders: dict[int, Any] = {}
    lines: dict[int, list[tuple[str, int]]] = {}
    for row in connection.execute(query):
        if row.location_id in LOCATION_INDEX:
            orders[row.id] = row
            lines.setdefault(row.id, []).append((row.sku, int(row.units)))
    if not orders:
        return []
    key = np.array(list(orders), np.int64)
    early, clock = luck(world.company.seed, "arrives", key), luck(world.company.seed, "arrives at", key)
    deliveries = []
    for number, row in enumerate(orders.values()):
        expected = row.expected_at if row.expected_at is not None else row.placed_at + 14 * DAY_US
        wait = max(expected - row.placed_at, DAY_US)
        when = row.placed_at + int(wait * (0.8 + 0.5 * early[number] ** 2))
        if when < window.begins - DAY_US:  # overdue since before we looked: within the next three days
            when = window.begins + int(early[number] * 3 * DAY_US)
        when = when - when % DAY_US + 6 * HOUR_US + int(clock[number] * 9 * HOUR_US)
        deliveries.append((max(when, row.placed_at + HOUR_US), row, lines[row.id]))
    return deliveries


def order(world: DemoWorld, window: DemoWindow, connection: Connection) -> list[Event]:
    """Purchase orders to suppliers whose hour of their weekday falls into the window."""
    company = world.company
    events: list[Event] = []
    clock = luck(company.seed, "orders at", np.arange(len(company.suppliers.names)))
    for day in range(world.day(window.begins), world.day(window.now) + 1):
        weekday = (company.start + timedelta(days=day)).weekday()
        midnight = company.start_us + day * DAY_US
        for supplier in np.flatnonzero(company.suppliers.weekday == weekday).tolist():
            when = midnight + int((7 + 8 * clock[supplier]) * HOUR_US)
            if window.begins < when <= window.now:
                events += _orders(world, connection, supplier, day, when)
    return events


def _orders(world: DemoWorld, connection: Connection, supplier: int, day: int, when: int) -> list[Event]:
    company = world.company
    lead = company.suppliers.lead[supplier]
    stocked = slice(0, company.stocked)
    due = (company.supplier == supplier) & (company.launched[stocked] <= day + lead + 12) & (company.ended[stocked] > day + lead + 14)
    sku = np.flatnonzero(due)
    if len(sku) == 0:
        return []
    shelf = read_shelf(world, connection, sku.tolist())
    group = group_of_location()
    position = shelf.free[:, : SHOPS[0]] @ group[: SHOPS[0]].astype(np.int64) + shelf.on_order @ group.astype(np.int64)
    units = order_quantities(company, day, sku, world.use(day)[sku] @ group, position)
    events: list[Event] = []
    for number, place in enumerate(GROUP_GATE):
        rows = np.flatnonzero(units[:, number])
        if len(rows):
            name = f"PO-{company.day_text(day)}-{supplier + 1:03d}-{LOCATIONS[place].location_id}"
            events.append(
                PurchaseOrder(
                    source=SOURCE,
                    event_id=f"order:{name}",
                    occurred_at=when,
                    received_at=when,
                    po_ref=name,
                    supplier_id=f"sup-{supplier + 1:03d}",
                    location_id=LOCATIONS[place].location_id,
                    expected_at=when + int(np.ceil(lead)) * DAY_US,
                    lines=tuple(
                        PurchaseOrderLine(
                            sku=company.skus[sku[row]], quantity=int(units[row, number]), unit_cost=int(company.unit_cost[sku[row]])
                        )
                        for row in rows
                    ),
                )
            )
    return events


def replenish(world: DemoWorld, window: DemoWindow, connection: Connection, wanted: set[int], used: set[int]) -> list[Event]:
    """Transfers of SKUs that were wanted to places where they are low: the fulfilment centre and shops from Hamburg, Hamburg from
    Rotterdam. SKUs of `used` are left alone: other events of the window touch them.
    """
    skus = sorted(wanted - used)
    if not skus:
        return []
    shelf = read_shelf(world, connection, skus)
    use = world.use(world.day(window.now))[skus]
    day = world.day(window.now)
    events: list[Event] = []
    for source, target, below, up_to, keep in (
        (ROTTERDAM, HAMBURG, 8, 20, 0),
        (HAMBURG, LEIPZIG, 8, 20, 4),
        *((HAMBURG, shop, 9, 30, 3) for shop in SHOPS),
    ):
        able = world.company.stocks[skus, target] & (world.company.ended[skus] > day)
        pair = (source, target)
        units = np.where(able, _to_move(shelf.free[:, pair], use[:, pair], below, up_to, keep), 0)
        rows = np.flatnonzero(units > 0)
        if len(rows):
            shelf.free[rows, source] -= units[rows]
            events.append(
                Transfer(
                    source=SOURCE,
                    event_id=f"move:{source}:{target}:{window.now}",
                    occurred_at=window.now,
                    received_at=window.now,
                    from_location_id=LOCATIONS[source].location_id,
                    to_location_id=LOCATIONS[target].location_id,
                    lines=tuple(StateUnits(sku=world.company.skus[skus[row]], quantity=int(units[row])) for row in rows),
                )
            )
    return events


def _to_move(free: Any, use: Any, below: int, up_to: int, keep: int) -> Ints:
    """Units to transfer. `free`, `use` a day: by SKU, at the source and at the target; the others: days of that use."""
    low = free[:, 1] < use[:, 1] * below + 0.5
    spare = free[:, 0] - np.ceil(use[:, 0] * keep).astype(np.int64)
    units = np.minimum(np.ceil(use[:, 1] * up_to).astype(np.int64) + 1 - free[:, 1], spare)
    moved: Ints = np.where(low, np.maximum(units, 0), 0)
    return moved


def count(world: DemoWorld, window: DemoWindow, connection: Connection, used: set[int]) -> list[Event]:
    """Now and then a few SKUs of a location are counted; one in ten is not what the ledger says."""
    hours = (window.now - window.begins) / HOUR_US
    if world.random.random() >= 1 - np.exp(-hours * COUNTS_A_DAY / 24):
        return []
    place = int(world.random.integers(len(LOCATIONS)))
    able = np.array([sku for sku in np.flatnonzero(world.company.stocks[:, place]).tolist() if sku not in used], np.int64)
    if len(able) == 0:
        return []
    skus = sorted(world.random.choice(able, min(COUNTED, len(able)), replace=False).tolist())
    shelf = read_shelf(world, connection, skus)
    quiet = [sku for sku in skus if shelf.held[shelf.row[sku], place] == 0]  # what is about to leave would be counted twice
    lines = []
    for sku in quiet:
        on_shelf = int(shelf.sellable[shelf.row[sku], place])
        draw = world.random.random()
        lines.append(
            CountedStateUnits(sku=world.company.skus[sku], quantity=max(on_shelf - 1, 0) if draw < 0.07 else on_shelf + (draw > 0.97))
        )
    if not lines:
        return []
    return [
        Count(
            source=SOURCE,
            event_id=f"count:{place}:{window.now}",
            occurred_at=window.now,
            received_at=window.now,
            location_id=LOCATIONS[place].location_id,
            lines=tuple(lines),
        )
    ]
