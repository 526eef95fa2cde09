"""New orders of the live simulator: drawn from the demo's own demand, sold where there is stock or where nobody knows better."""

from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np
from sqlalchemy.engine import Connection

from data_access.demo.company import Ints
from data_access.demo.demand import Lines, local_day
from data_access.demo.fulfilment import draw_traits
from data_access.demo.specs import AMAZON, CHANNELS, EBAY, HOUR_US, LEIPZIG, LOCATION_INDEX, LOCATIONS, RETAIL, SHOP_SHARES, SHOPS
from data_access.demo.waiting import draw_patience, received_later
from data_access.demo.world import SOURCE, DemoWindow, DemoWorld, Shelf, read_shelf
from data_access.events.models import Sale, SaleLine

OVERSOLD: Final = 0.25  # share of wanted lines that the lagging channel sells although there is nothing left
ZONES: Final = [ZoneInfo(spec.time_zone) for spec in CHANNELS]
SERVES: Final = [[LOCATION_INDEX[name] for name in spec.serves] for spec in CHANNELS]


def draw_wanted(world: DemoWorld, window: DemoWindow) -> Lines:
    """Lines that customers want in the window; lines of one order share their time."""
    parts: list[tuple[Ints, Ints, Ints]] = []
    for channel, spec in enumerate(CHANNELS):
        since, until = int(window.since[channel]), int(window.until[channel])
        while since < until:
            ends = min(since - since % HOUR_US + HOUR_US, until)
            clock = datetime.fromtimestamp(since / 1e6, ZONES[channel])
            wanted = world.rates((clock.date() - world.company.start).days)[:, channel]
            total = float(wanted.sum())
            count = int(world.random.poisson(total * spec.hours[clock.hour] / sum(spec.hours) * (ends - since) / HOUR_US))
            if count:
                sku = world.random.choice(len(wanted), count, p=wanted / total)
                parts.append((sku, np.full(count, channel), np.sort(world.random.integers(since, ends, count))))
            since = ends
    if not parts:
        return world.lines([], [], [], [])
    sku, channels, placed = (np.concatenate([part[column] for part in parts]) for column in range(3))
    return _orders(world, sku, channels, placed)


def _orders(world: DemoWorld, sku: Ints, channels: Ints, placed: Ints) -> Lines:
    joins = world.random.random(len(sku)) < np.array([c.joined for c in CHANNELS])[channels]
    joins &= channels != AMAZON  # what the marketplace ships itself is an order of its own
    joins[0] = False
    joins[1:] &= channels[1:] == channels[:-1]
    first = np.flatnonzero(~joins)
    order = np.cumsum(~joins) - 1
    placed = placed[first][order]
    shop = world.random.choice(np.array(SHOPS), len(first), p=SHOP_SHARES)[order]
    quantity = world.random.geometric(1.0 - world.company.multi_buy[sku])
    lines = Lines(sku, channels, local_day(world.company, placed, channels), placed, quantity, order, shop)
    return lines.take(np.lexsort((order, placed)))


def sell(world: DemoWorld, window: DemoWindow, connection: Connection) -> tuple[list[Sale], set[int]]:
    """Sales of the window, and the stocked SKUs that were wanted."""
    lines = draw_wanted(world, window)
    if len(lines) == 0:
        return [], set()
    wanted = sorted({part for sku in set(lines.sku.tolist()) for part, _ in world.parts(sku)})
    shelf = read_shelf(world, connection, wanted)
    waits = draw_patience(world.company, lines).waits
    traits = draw_traits(world.company, lines)
    received = received_later(lines.channel, lines.placed_at)
    sold: dict[int, list[tuple[int, int | None]]] = {}
    for row in range(len(lines)):
        place = _place(world, lines, row, shelf)
        if place is not None:
            _take(world, lines, row, shelf, place)
        elif not (waits[row] or (lines.channel[row] == EBAY and world.random.random() < OVERSOLD)):
            continue
        sold.setdefault(int(lines.order[row]), []).append((row, place))
    sales = []
    for rows in sold.values():
        first, place = rows[0]
        sales.append(
            make_sale(
                world,
                lines,
                [row for row, _ in rows],
                place,
                min(int(received[first]), window.now),
                int(traits.ship_by_at[first]),
                int(traits.deliver_by_at[first]),
            )
        )
    return sales, set(wanted)


def _place(world: DemoWorld, lines: Lines, row: int, shelf: Shelf) -> int | None:
    """The first location that serves the channel and has enough of all parts."""
    channel, quantity = int(lines.channel[row]), int(lines.quantity[row])
    places = [int(lines.shop[row])] if channel == RETAIL else SERVES[channel]
    parts = world.parts(int(lines.sku[row]))
    for place in places:
        if all(shelf.free[shelf.row[part], place] >= quantity * units for part, units in parts):
            return place
    return None


def _take(world: DemoWorld, lines: Lines, row: int, shelf: Shelf, place: int) -> None:
    for part, units in world.parts(int(lines.sku[row])):
        shelf.free[shelf.row[part], place] -= int(lines.quantity[row]) * units


def make_sale(
    world: DemoWorld, lines: Lines, rows: list[int], place: int | None, received_at: int, ship_by_at: int, deliver_by_at: int
) -> Sale:
    """The sale of one order's lines. `place`: where it is allocated; None leaves that to the channel's priorities."""
    first = rows[0]
    channel, placed = int(lines.channel[first]), int(lines.placed_at[first])
    spec = CHANNELS[channel]
    till, theirs = channel == RETAIL, channel == AMAZON and place == LEIPZIG
    return Sale(
        source=SOURCE,
        event_id=f"sale:{channel}:{placed}",
        occurred_at=placed,
        received_at=max(received_at, placed),
        channel_id=spec.channel_id,
        order_ref=order_ref(channel, placed),
        currency=spec.currency,
        lines=tuple(_sale_line(world, lines, row, number, theirs) for number, row in enumerate(rows, 1)),
        location_id=LOCATIONS[place].location_id if place is not None and (till or theirs) else None,
        is_till=till,
        ship_by_at=None if till else ship_by_at,
        deliver_by_at=None if till else deliver_by_at,
        customer_ref=None if till else f"{spec.channel_id[0]}-{placed % 100_000}",
        destination_country=spec.destinations[0][0],
        destination_region=spec.destinations[0][1],
        fulfilled_by="marketplace" if theirs else "seller",
    )


def _sale_line(world: DemoWorld, lines: Lines, row: int, number: int, theirs: bool) -> SaleLine:
    sku, channel = int(lines.sku[row]), int(lines.channel[row])
    listings = world.listings.get((sku, channel), [])
    fitting = [external for external in listings if external.endswith("-FBA") == theirs] or listings
    return SaleLine(
        line_ref=str(number),
        external_sku=fitting[int(lines.placed_at[row]) % len(fitting)] if fitting else None,
        sku=None if fitting else world.company.skus[sku],
        quantity=int(lines.quantity[row]),
        unit_price=price_of(world, sku, channel, int(lines.day[row])),
    )


def price_of(world: DemoWorld, sku: int, channel: int, day: int) -> int:
    """The channel's price of a day less the promotion's discount, in 1/10,000 of its currency."""
    prices, promotions = world.company.prices, world.company.promotions
    known = prices.price[(prices.sku == sku) & (prices.channel == channel) & (prices.day <= max(day, 0))]
    price = int(known[-1]) if len(known) else int(world.company.list_price[sku])
    on = (promotions.sku == sku) & (promotions.channel == channel) & (promotions.start <= day) & (promotions.end >= day)
    discount = float(promotions.discount[on][0]) if on.any() else 0.0
    return round(price * (1 - discount) / 100) * 100


def order_ref(channel: int, placed: int) -> str:
    """An order id from its time: never the same twice on a channel, and unlike those of the history."""
    left, right = divmod(placed, 10**8)
    return f"{('305', '15', 'NLL', '5770', '2001', 'TL')[channel]}-{left}-{right:08d}"
