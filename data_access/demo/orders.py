"""Orders as the channels tell them, from the lines that were taken: orders, lines, allocations, shipments, cancellations."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl

from data_access.demo.catalogue import BY_MARKETPLACE, MERCHANT
from data_access.demo.company import NEVER, Company, Flags, Ints, generator
from data_access.demo.demand import Lines
from data_access.demo.fulfilment import (
    BUYER,
    CARRIER_NAMES,
    MARKETPLACE,
    NOT_YET,
    SELLER,
    Traits,
    carriers,
    delivered_at,
    late_factor,
    not_found,
    package_times,
    shipped_at,
)
from data_access.demo.rows import Events, RowNumbers, grouped, texts, within
from data_access.demo.specs import CHANNELS, LEIPZIG, LOCATIONS, RETAIL
from data_access.demo.supply import GIVEN_UP, HELD, LOST, Supply, known_until, received_later

CHANNEL_IDS: Final = [spec.channel_id for spec in CHANNELS]
LOCATION_IDS: Final = [spec.location_id for spec in LOCATIONS]
CANCELLED_BY: Final = [None, "buyer", "marketplace", "seller"]


@dataclass(slots=True)
class Taken:
    """Lines that became order lines, by number among all lines wanted (`rows`), with what became of them until the end.

    `shipped`, `delivered`, `cancelled`: when, or `NOT_YET`; `delivered` is when the package arrived, told or not. `by`: who cancelled;
    `missing`: could not be found when it was to be picked. `order`: number of the order; `line_id`, `order_id`, `event`: row ids.
    """

    rows: Ints
    location: Ints
    held_day: Ints
    shipped: Ints
    delivered: Ints
    cancelled: Ints
    by: Ints
    missing: Flags
    order: Ints
    first: Ints
    line_id: Ints
    order_id: Ints
    event: Ints
    price: Ints

    @property
    def is_open(self) -> Flags:
        """Neither shipped nor cancelled."""
        found: Flags = (self.shipped == NOT_YET) & (self.cancelled == NOT_YET)
        return found


def take_orders(
    company: Company, lines: Lines, traits: Traits, supply: Supply, until_us: int, numbers: RowNumbers, events: Events
) -> Taken:
    """Decide what was ordered and what happened to it until `until_us`; number the rows."""
    known = (supply.status != LOST) & (lines.placed_at <= known_until(lines.channel, until_us))
    rows = np.flatnonzero(known)
    location, held_day, channel = supply.location[rows], supply.held_day[rows], lines.channel[rows]
    status, strain = supply.status[rows], late_factor(company)
    held = np.flatnonzero(status == HELD)
    shipped, delivered = np.full(len(rows), NOT_YET), np.full(len(rows), NOT_YET)
    shipped[held] = shipped_at(company, lines, traits, strain, rows[held], location[held], held_day[held])
    delivered[held] = delivered_at(company, lines, traits, rows[held], location[held], shipped[held])
    unwanted = traits.cancels[rows] > 0
    missing = (status == HELD) & not_found(traits, rows, location) & ~unwanted
    cancelled = np.where(status == GIVEN_UP, supply.given_up_at[rows], NOT_YET)
    cancelled = np.where((status == HELD) & unwanted, lines.placed_at[rows] + traits.cancel_after[rows], cancelled)
    cancelled = np.where(missing, shipped, cancelled)
    told = known_until(channel, until_us)
    cancelled = np.where(cancelled > told, NOT_YET, cancelled)
    patient = np.array([c.waits > 0 for c in CHANNELS])[channel]
    by = np.where(unwanted, traits.cancels[rows], np.where(missing | ~patient, SELLER, BUYER))
    shipped = np.where(unwanted | missing | (shipped > told), NOT_YET, shipped)
    missing &= cancelled != NOT_YET
    delivered = np.where(shipped == NOT_YET, NOT_YET, delivered)
    theirs = location == LEIPZIG
    first, order = grouped(lines.order[rows] * 2 + theirs)
    first, order = _by_time(lines.placed_at[rows], first, order)
    order_ids = numbers.take(len(first))
    sale = events.add("sale", channel[first], lines.placed_at[rows][first], received_later(channel[first], lines.placed_at[rows][first]))
    return Taken(
        rows,
        location,
        held_day,
        shipped,
        delivered,
        cancelled,
        by,
        missing,
        order,
        first,
        numbers.take(len(rows)),
        order_ids[order],
        sale[order],
        _unit_prices(company, lines, rows),
    )


def _by_time(placed: Ints, first: Ints, order: Ints) -> tuple[Ints, Ints]:
    """Renumber orders by the time they were placed."""
    ranked = np.argsort(placed[first], kind="stable")
    place = np.empty(len(first), np.int64)
    place[ranked] = np.arange(len(first))
    return first[ranked], place[order]


def _unit_prices(company: Company, lines: Lines, rows: Ints) -> Ints:
    """The channel's price of the day, less the promotion's discount; rounded to a hundredth of the currency."""
    width = len(CHANNELS)
    pair = lines.sku[rows] * width + lines.channel[rows]
    day = np.maximum(lines.day[rows], 0)
    prices, promotions = company.prices, company.promotions
    key = (prices.sku * width + prices.channel) * NEVER + prices.day
    price = prices.price[np.searchsorted(key, pair * NEVER + day, side="right") - 1]
    ranked = np.lexsort((promotions.start, promotions.channel, promotions.sku))
    begins = (promotions.sku * width + promotions.channel)[ranked] * NEVER + promotions.start[ranked]
    at = np.maximum(np.searchsorted(begins, pair * NEVER + day, side="right") - 1, 0)
    candidate = ranked[at]
    on = (promotions.sku[candidate] * width + promotions.channel[candidate] == pair) & (promotions.start[candidate] <= day)
    on &= promotions.end[candidate] >= day
    discount = np.where(on, promotions.discount[candidate], 0.0)
    found: Ints = np.round(price * (1 - discount) / 100).astype(np.int64) * 100
    return found


def order_tables(
    company: Company, lines: Lines, traits: Traits, taken: Taken, listings: pl.DataFrame, returned: Ints
) -> dict[str, pl.DataFrame]:
    """Rows of sales_order, order_line and allocation. `returned`: units that came back, by line."""
    rows, first = taken.rows, taken.first
    channel, quantity = lines.channel[rows], lines.quantity[rows]
    is_open = taken.is_open
    held = is_open & (taken.location >= 0)
    order_channel = channel[first]
    rng = generator(company.seed, "customers")
    orders = pl.DataFrame(
        {
            "id": taken.order_id[first],
            "channel_id": texts(CHANNEL_IDS, order_channel),
            "order_ref": order_refs(order_channel),
            "placed_at": lines.placed_at[rows][first],
            "currency": texts([c.currency for c in CHANNELS], order_channel),
            "customer_ref": _customers(rng, order_channel),
            **_destinations(rng, order_channel),
            "fulfilled_by": texts(["seller", "marketplace"], (taken.location[first] == LEIPZIG).astype(np.int64)),
        }
    )
    named = (taken.location == LEIPZIG) | (channel == RETAIL)
    remote = channel != RETAIL
    order_lines = pl.DataFrame(
        {
            "id": taken.line_id,
            "order_id": taken.order_id,
            "line_ref": pl.Series(within(taken.order)).cast(pl.String),
            "channel_id": texts(CHANNEL_IDS, channel),
            "event_id": taken.event,
            "external_sku": _external_skus(company, lines, taken, listings),
            "sku": texts(company.skus, lines.sku[rows]),
            "kit_version": (lines.sku[rows] >= company.stocked).astype(np.int64),
            "quantity": quantity,
            "unit_price": taken.price,
            "placed_at": lines.placed_at[rows],
            "ship_by_at": nullable(traits.ship_by_at[rows], remote),
            "deliver_by_at": nullable(traits.deliver_by_at[rows], remote),
            "location_id": texts(LOCATION_IDS, np.where(named, taken.location, -1)),
            "cancelled_quantity": np.where(taken.cancelled != NOT_YET, quantity, 0),
            "shipped_quantity": np.where(taken.shipped != NOT_YET, quantity, 0),
            "allocated_quantity": np.where(held, quantity, 0),
            "backordered_quantity": np.where(is_open & ~held, quantity, 0),
            "returned_quantity": returned,
        }
    )
    allocations = pl.DataFrame(
        {"line_id": taken.line_id[held], "location_id": texts(LOCATION_IDS, taken.location[held]), "quantity": quantity[held]}
    )
    return {"sales_order": orders, "order_line": order_lines, "allocation": allocations}


def nullable(values: Ints, given: Flags) -> pl.Series:
    """Numbers, empty where not given."""
    return pl.select(pl.when(pl.Series(given)).then(pl.Series(values)).otherwise(None)).to_series()


def order_refs(channel: Ints) -> pl.Series:
    """Order ids in each channel's own style, unique within the channel."""
    number = within(channel)
    mixed = number * 7_654_321 % 9_999_991
    texts_ = pl.DataFrame({"channel": channel, "number": number, "mixed": mixed}).with_columns(
        seven=pl.col("mixed").cast(pl.String).str.zfill(7),
        plain=pl.col("number").cast(pl.String).str.zfill(7),
    )
    return texts_.select(
        pl.when(pl.col("channel") == 0)
        .then(pl.lit("302-") + pl.col("seven") + "-" + pl.col("plain"))
        .when(pl.col("channel") == 1)
        .then(pl.lit("14-") + pl.col("plain").str.slice(0, 5) + pl.lit("-") + pl.col("seven").str.slice(2) + pl.col("plain").str.slice(5))
        .when(pl.col("channel") == 2)
        .then(pl.lit("NL1") + pl.col("plain"))
        .when(pl.col("channel") == 3)
        .then(pl.lit("5769") + pl.col("plain") + pl.col("seven"))
        .when(pl.col("channel") == 4)
        .then(pl.lit("2000") + pl.col("seven") + pl.col("plain"))
        .otherwise(pl.lit("T-") + pl.col("plain"))
    ).to_series()


def _customers(rng: np.random.Generator, channel: Ints) -> pl.Series:
    """A customer's id; some come back. Tills know nobody."""
    pool = max(int(len(channel) * 0.55), 1)
    number = (rng.random(len(channel)) ** 1.6 * pool).astype(np.int64)
    frame = pl.DataFrame({"channel": texts([c.channel_id[0] for c in CHANNELS], channel), "number": number, "till": channel == RETAIL})
    return frame.select(
        pl.when(pl.col("till")).then(None).otherwise(pl.col("channel") + "-" + pl.col("number").cast(pl.String))
    ).to_series()


def _destinations(rng: np.random.Generator, channel: Ints) -> dict[str, pl.Series]:
    places = [place for spec in CHANNELS for place in spec.destinations]
    number = np.empty(len(channel), np.int64)
    offset = 0
    for code, spec in enumerate(CHANNELS):
        rows = channel == code
        number[rows] = offset + rng.choice(len(spec.destinations), int(rows.sum()), p=[place[2] for place in spec.destinations])
        offset += len(spec.destinations)
    return {
        "destination_country": texts([place[0] for place in places], number),
        "destination_region": texts([place[1] for place in places], number),
    }


def _external_skus(company: Company, lines: Lines, taken: Taken, listings: pl.DataFrame) -> pl.Series:
    """The listing each line was sold by: the marketplace's own where it fulfils, else one of the SKU's listings."""
    sku, channel = lines.sku[taken.rows], lines.channel[taken.rows]
    second = generator(company.seed, "which listing").random(len(sku)) < 0.35
    second &= company.second_listing[sku, channel]
    slot = np.where(second, 1, MERCHANT)
    slot = np.where((taken.location == LEIPZIG) & company.marketplace_fulfilled[sku], BY_MARKETPLACE, slot)
    table = np.full((len(company.skus), len(CHANNELS), 3), -1)
    table[listings["sku_number"].to_numpy(), listings["channel_number"].to_numpy(), listings["slot"].to_numpy()] = np.arange(len(listings))
    return listings["external_sku"].gather(table[sku, channel, slot])


def shipment_table(
    lines: Lines, traits: Traits, taken: Taken, until_us: int, numbers: RowNumbers, events: Events
) -> tuple[pl.DataFrame, Ints]:
    """Rows of shipment, and the event of each shipped line; lines of an order that leave together are one package."""
    at = np.flatnonzero(taken.shipped != NOT_YET)
    rows, location, shipped, delivered = taken.rows[at], taken.location[at], taken.shipped[at], taken.delivered[at]
    channel = lines.channel[rows]
    till = channel == RETAIL
    first, package = grouped(taken.order[at], location, shipped)
    sent = ~till[first]
    event_of_package = np.empty(len(first), np.int64)
    event_of_package[~sent] = taken.event[at][first][~sent]
    event_of_package[sent] = events.add(
        "shipment", channel[first][sent], shipped[first][sent], received_later(channel[first][sent], shipped[first][sent])
    )
    number = within(taken.order[at][first])
    known = known_until(channel, until_us)
    uploaded, scan, arrival = package_times(lines, traits, rows, shipped, delivered)
    scanned, done = scan <= known, (arrival <= known) | till
    last_scan = np.where(done, delivered, scan)
    frame = pl.DataFrame(
        {
            "id": numbers.take(len(at)),
            "event_id": event_of_package[package],
            "line_id": taken.line_id[at],
            "shipment_ref": pl.Series(number[package]).cast(pl.String),
            "location_id": texts(LOCATION_IDS, location),
            "quantity": lines.quantity[rows],
            "shipped_at": shipped,
            "carrier": texts(CARRIER_NAMES, np.where(till, -1, carriers(traits, rows, location))),
            "tracking_number": texts([None], np.zeros(len(at), np.int64)),
            "tracking_uploaded_at": nullable(uploaded, uploaded <= known),
            "first_scan_at": nullable(scan, scanned),
            "last_scan_at": nullable(last_scan, scanned),
            "delivered_at": nullable(delivered, done),
            "moves_stock": np.ones(len(at), bool),
        }
    ).with_columns(
        tracking_number=pl.when(pl.col("tracking_uploaded_at").is_not_null())
        .then(pl.lit("NL") + pl.col("event_id").cast(pl.String).str.zfill(10))
        .otherwise(None)
    )
    return frame, frame["event_id"].to_numpy()


def cancellation_table(lines: Lines, taken: Taken, numbers: RowNumbers, events: Events) -> tuple[pl.DataFrame, Ints]:
    """Rows of cancellation (one event each), and the line (by number in `taken`) of each."""
    at = np.flatnonzero(taken.cancelled != NOT_YET)
    channel, when, by = lines.channel[taken.rows[at]], taken.cancelled[at], taken.by[at]
    told = np.where(by == SELLER, when + 1_000_000, received_later(channel, when))
    event = events.add("cancellation", channel, when, told)
    waited = (by == BUYER) & (taken.held_day[at] < 0) & (when - lines.placed_at[taken.rows[at]] > 86_400_000_000)
    reason = np.where(by == SELLER, 0, np.where(by == MARKETPLACE, 1, np.where(waited, 2, 3 + when % 3)))
    words = ["out of stock", "payment not confirmed", "took too long", "changed mind", "ordered by mistake", "found a better price"]
    frame = pl.DataFrame(
        {
            "id": numbers.take(len(at)),
            "event_id": event,
            "line_id": taken.line_id[at],
            "quantity": lines.quantity[taken.rows[at]],
            "cancelled_at": when,
            "reason": texts(words, reason),
            "cancelled_by": texts(CANCELLED_BY, by),
        }
    )
    return frame, at
