"""Load for scratch stores: sales, shipments and tracking as 5 : 4 : 3, at a given rate, with receipts that keep the shelves full."""

import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any, Final

import numpy as np
import sqlalchemy as sa

from data_access.demo.company import Ints
from data_access.demo.demand import Lines
from data_access.demo.selling import SERVES, make_sale
from data_access.demo.specs import CHANNEL_INDEX, LOCATIONS, RETAIL
from data_access.demo.world import SOURCE, DemoWorld, in_chunks
from data_access.engine import now_us, reading
from data_access.errors import StoreReplaced, StoreUnavailable
from data_access.events.ingest import Outcome, ingest
from data_access.events.models import Event, OrderUnits, Receipt, Sale, SaleLine, Shipment, SkuUnits, Tracking
from data_access.schema.orders import allocation, order_line, sales_order

SALES, SHIPMENTS, TRACKINGS = 5, 4, 3
ROUND: Final = SALES + SHIPMENTS + TRACKINGS
FILLED: Final = 1_000  # units that a receipt brings
MOST_ROUNDS: Final = 20  # in one transaction
BEAT_SECONDS: Final = 0.25


def send_at_rate(world: DemoWorld, stop: threading.Event, rate: float, on_event: Callable[[Event, Outcome], None] | None) -> None:
    """Send `rate` events a second, in transactions of at most a few hundred, until `stop` is set.

    Raises:
        StoreReplaced: another store is at the path.

    """
    load = Load(world)
    owed, before = 0.0, time.monotonic()
    while not stop.is_set():
        now = time.monotonic()
        owed = min(owed + (now - before) * rate, ROUND * MOST_ROUNDS * 2.0)
        before = now
        rounds = min(int(owed / ROUND), MOST_ROUNDS)
        if rounds == 0 or owed < min(rate * BEAT_SECONDS, ROUND * MOST_ROUNDS):
            stop.wait(BEAT_SECONDS / 4)
            continue
        events = load.events(rounds)
        owed -= rounds * ROUND
        outcomes = _sent(world, events, stop)
        if on_event:
            for event, outcome in zip(events, outcomes, strict=False):
                on_event(event, outcome)


def _sent(world: DemoWorld, events: list[Event], stop: threading.Event) -> list[Outcome]:
    """Send events until the store takes them, or `stop` is set."""
    while not stop.is_set():
        try:
            return ingest(world.engine, events)
        except StoreReplaced:
            raise  # they are of another company
        except StoreUnavailable:
            stop.wait(1.0)
    return []


class Load:
    """Orders that wait to be shipped, and packages that wait for their tracking number."""

    def __init__(self, world: DemoWorld) -> None:
        self._world = world
        weights = world.rates(world.day(now_us()))[: world.company.stocked].copy()
        weights[:, RETAIL] = 0.0
        self._weights = (weights / weights.sum()).ravel()
        self._width = weights.shape[1]
        self._placed: deque[tuple[str, str]] = deque()
        self._shipped: deque[Shipment] = deque()
        self._last = 0
        self._left: dict[tuple[int, str], int] = {}

    def events(self, rounds: int) -> list[Event]:
        """The next events, in the order of time."""
        sales = self._sales(rounds * SALES)
        shipments = self._shipments(rounds * SHIPMENTS)
        trackings = self._trackings(rounds * TRACKINGS)
        self._placed.extend((sale.channel_id, sale.order_ref) for sale in sales)
        self._shipped.extend(shipments)
        return [*self._receipts(sales), *sales, *shipments, *trackings]

    def _times(self, count: int) -> Ints:
        first = max(now_us(), self._last + 1)
        self._last = first + count
        return np.arange(first, first + count)

    def _sales(self, count: int) -> list[Sale]:
        world = self._world
        sku, channel = np.divmod(world.random.choice(len(self._weights), count, p=self._weights), self._width)
        placed = self._times(count)
        quantity = world.random.geometric(1.0 - world.company.multi_buy[sku])
        day = np.full(count, world.day(int(placed[0])))
        lines = Lines(sku, channel, day, placed, quantity, np.arange(count), np.full(count, -1))
        return [make_sale(world, lines, [row], None, int(placed[row]), int(placed[row]), int(placed[row])) for row in range(count)]

    def _receipts(self, sales: list[Sale]) -> list[Event]:
        """Plenty of what is sold, where it is sold from first, as often as it runs out: one receipt a location."""
        units: dict[tuple[int, str], int] = {}
        for sale in sales:
            place = SERVES[CHANNEL_INDEX[sale.channel_id]][0]
            for line in sale.lines:
                for key in self._parts(place, sale, line):
                    self._left[key] = self._left.get(key, 0) - line.quantity
                    if self._left[key] < 0:
                        units[key] = units.get(key, 0) + FILLED
                        self._left[key] += FILLED
        at = sales[0].occurred_at - 1 if sales else 0
        return [
            Receipt(
                source=SOURCE,
                event_id=f"fill:{place}:{at}",
                occurred_at=at,
                received_at=at,
                location_id=LOCATIONS[place].location_id,
                lines=tuple(SkuUnits(sku=sku, quantity=count) for (where, sku), count in sorted(units.items()) if where == place),
            )
            for place in sorted({place for place, _ in units})
        ]

    def _parts(self, place: int, sale: Sale, line: SaleLine) -> list[tuple[int, str]]:
        world = self._world
        if line.sku is not None:
            sku = world.sku_of[line.sku]
        else:
            sku = world.sku_of_listing[CHANNEL_INDEX[sale.channel_id], str(line.external_sku)]
        return [(place, world.company.skus[part]) for part, _ in world.parts(sku)]

    def _shipments(self, count: int) -> list[Shipment]:
        orders = [self._placed.popleft() for _ in range(min(count, len(self._placed)))]
        by_package: dict[tuple[str, str, str], list[Any]] = {}
        with reading(self._world.engine) as connection:
            for part in in_chunks(orders):
                query = (
                    sa.select(
                        sales_order.c.channel_id,
                        sales_order.c.order_ref,
                        allocation.c.location_id,
                        allocation.c.quantity,
                        order_line.c.line_ref,
                    )
                    .join(order_line, order_line.c.order_id == sales_order.c.id)
                    .join(allocation, allocation.c.line_id == order_line.c.id)
                    .where(sa.tuple_(sales_order.c.channel_id, sales_order.c.order_ref).in_(part))
                    .order_by(sales_order.c.id, allocation.c.location_id, order_line.c.id)
                )
                for row in connection.execute(query):
                    by_package.setdefault((row.channel_id, row.order_ref, row.location_id), []).append(row)
        at = self._times(len(by_package))
        return [
            Shipment(
                source=SOURCE,
                event_id=f"ship:{channel_id}:{order_ref}:{location_id}",
                occurred_at=int(when),
                received_at=int(when),
                channel_id=channel_id,
                order_ref=order_ref,
                shipment_ref=location_id,
                location_id=location_id,
                lines=tuple(OrderUnits(line_ref=row.line_ref, quantity=row.quantity) for row in rows),
            )
            for when, ((channel_id, order_ref, location_id), rows) in zip(at, by_package.items(), strict=True)
        ]

    def _trackings(self, count: int) -> list[Tracking]:
        sent = [self._shipped.popleft() for _ in range(min(count, len(self._shipped)))]
        return [
            Tracking(
                source=SOURCE,
                event_id=f"track:{one.channel_id}:{one.order_ref}:{one.shipment_ref}",
                occurred_at=int(when),
                received_at=int(when),
                channel_id=one.channel_id,
                order_ref=one.order_ref,
                shipment_ref=one.shipment_ref,
                tracking_number=f"NL{int(when) % 10**10:010d}",
            )
            for when, one in zip(self._times(len(sent)), sent, strict=True)
        ]
