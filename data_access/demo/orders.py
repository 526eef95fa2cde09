"""Orders as the channels tell them, from the lines that were taken: orders, lines, allocations, shipments, cancellations."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
import polars as pl

from data_access.demo.catalogue import BY_MARKETPLACE, MERCHANT
from data_access.demo.company import NEVER, Company, Flags, Floats, Ints, generator
from data_access.demo.demand import Lines
from data_access.demo.fulfilment import (
    BUYER,
    CARRIER_NAMES,
    MARKETPLACE,
    NOT_YET,
    SELLER,
    carriers,
    delivered_at,
    draw_traits,
    late_factor,
    missing_when_picked,
    package_times,
    shipped_at,
)
from data_access.demo.rows import PART, Events, RowNumbers, grouped, parts, texts, within
from data_access.demo.specs import CHANNELS, LEIPZIG, LOCATIONS, RETAIL
from data_access.demo.supply import GIVEN_UP, HELD, LOST, Supply
from data_access.demo.waiting import known_until, received_later, second_listing

CHANNEL_IDS: Final = [spec.channel_id for spec in CHANNELS]
LOCATION_IDS: Final = [spec.location_id for spec in LOCATIONS]
CANCELLED_BY: Final = [None, "buyer", "marketplace", "seller"]


@dataclass(slots=True)
class Taken:
    """Lines that became order lines, by number among all lines wanted (`rows`), with what became of them until the end.

    `shipped`, `delivered`, `cancelled`: when, or `NOT_YET`; `delivered` is when the package arrived, told or not. `by`: who cancelled;
    `missing`: could not be found when it was to be picked. `order`: number of the order; `first`: the first line of each order.
    `whole`: slices of the lines that leave orders whole. The ids of orders, their events and lines count from `first_order`,
    `first_event` and `first_line`.
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
    whole: list[slice]
    first_order: int
    first_event: int
    first_line: int

    @property
    def is_open(self) -> Flags:
        """Neither shipped nor cancelled."""
        is_waiting: Flags = (self.shipped == NOT_YET) & (self.cancelled == NOT_YET)
        return is_waiting


def take_orders(company: Company, lines: Lines, supply: Supply, until_us: int, numbers: RowNumbers, events: Events) -> Taken:
    """Decide what was ordered and what happened to it until `until_us`; number the rows."""
    rows = np.flatnonzero((supply.status != LOST) & (lines.placed_at <= known_until(lines.channel, until_us))).astype(np.int32)
    whole = _whole_orders(lines.order[rows])
    location, strain = supply.location[rows], late_factor(company)
    shipped, delivered, cancelled = (np.empty(len(rows), np.int64) for _ in range(3))
    by, missing, order = np.empty(len(rows), np.int8), np.empty(len(rows), bool), np.empty(len(rows), np.int32)
    firsts: list[Ints] = []
    count = 0
    for part in whole:
        some = lines.part(rows[part])
        outcomes = _outcomes(company, some, supply, rows[part], strain, until_us)
        shipped[part], delivered[part], cancelled[part], by[part], missing[part] = outcomes
        first, group = _by_time(some.placed_at, *grouped(some.order * 2 + (location[part] == LEIPZIG)))
        order[part] = group + count
        firsts.append((first + part.start).astype(np.int32))
        count += len(first)
    heads = np.concatenate(firsts)
    first_order = numbers.reserve(count)
    channel, placed_at = lines.channel[rows[heads]], lines.placed_at[rows[heads]]
    first_event = numbers.next_id
    events.add("sale", channel, placed_at, received_later(channel, placed_at))
    return Taken(
        rows,
        location,
        supply.held_day[rows],
        shipped,
        delivered,
        cancelled,
        by,
        missing,
        order,
        heads,
        whole,
        first_order,
        first_event,
        numbers.reserve(len(rows)),
    )


def _whole_orders(order: Ints) -> list[slice]:
    """Slices of about `PART` lines, cut between orders; lines of an order follow each other."""
    cuts = [0]
    while cuts[-1] < len(order):
        end = min(cuts[-1] + PART, len(order))
        while end < len(order) and order[end] == order[end - 1]:
            end += 1
        cuts.append(end)
    return [slice(begin, end) for begin, end in pairwise(cuts)] or [slice(0, 0)]


def _outcomes(
    company: Company, lines: Lines, supply: Supply, rows: Ints, strain: Floats, until_us: int
) -> tuple[Ints, Ints, Ints, Ints, Flags]:
    """When some lines (`rows` in `supply`) were shipped, delivered and cancelled; who cancelled; which were not found."""
    traits = draw_traits(company, lines)
    status, location, held_day = (kept[rows].astype(np.int64) for kept in (supply.status, supply.location, supply.held_day))
    held = np.flatnonzero(status == HELD)
    shipped, delivered = np.full(len(rows), NOT_YET), np.full(len(rows), NOT_YET)
    shipped[held] = shipped_at(company, lines, traits, strain, held, location[held], held_day[held])
    delivered[held] = delivered_at(company, lines, traits, held, location[held], shipped[held])
    unwanted = traits.cancels > 0
    missing = (status == HELD) & missing_when_picked(traits, np.arange(len(rows)), location) & ~unwanted
    cancelled = np.where(status == GIVEN_UP, supply.given_up_at[rows], NOT_YET)
    cancelled = np.where((status == HELD) & unwanted, lines.placed_at + traits.cancel_after, cancelled)
    cancelled = np.where(missing, shipped, cancelled)
    known = known_until(lines.channel, until_us)
    cancelled = np.where(cancelled > known, NOT_YET, cancelled)
    patient = np.array([c.waits > 0 for c in CHANNELS])[lines.channel]
    by = np.where(unwanted, traits.cancels, np.where(missing | ~patient, SELLER, BUYER))
    shipped = np.where(unwanted | missing | (shipped > known), NOT_YET, shipped)
    missing &= cancelled != NOT_YET
    return shipped, np.where(shipped == NOT_YET, NOT_YET, delivered), cancelled, by, missing


def _by_time(placed: Ints, first: Ints, order: Ints) -> tuple[Ints, Ints]:
    """Renumber orders by the time they were placed."""
    ranked = np.argsort(placed[first], kind="stable")
    place = np.empty(len(first), np.int64)
    place[ranked] = np.arange(len(first))
    return first[ranked], place[order]


def unit_prices(company: Company, lines: Lines) -> Ints:
    """The channel's price of the day, less the promotion's discount; rounded to a hundredth of the currency."""
    width = len(CHANNELS)
    pair = lines.sku * width + lines.channel
    day = np.maximum(lines.day, 0)
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
    rounded: Ints = np.round(price * (1 - discount) / 100).astype(np.int64) * 100
    return rounded


def order_frames(company: Company, lines: Lines, taken: Taken) -> Iterator[pl.DataFrame]:
    """Rows of sales_order."""
    channel = lines.channel[taken.rows[taken.first]]
    rng = generator(company.seed, "customers")
    customer, number = _customers(rng, channel), within(channel)
    country, region, destination = _destinations(rng, channel)
    for part in parts(len(channel)):
        first, some = taken.first[part], channel[part]
        yield pl.DataFrame(
            {
                "id": np.arange(len(some)) + taken.first_order + part.start,
                "channel_id": texts(CHANNEL_IDS, some),
                "order_ref": order_refs(some, number[part]),
                "placed_at": lines.placed_at[taken.rows[first]],
                "currency": texts([c.currency for c in CHANNELS], some),
                "customer_ref": _customer_refs(some, customer[part]),
                "destination_country": texts(country, destination[part]),
                "destination_region": texts(region, destination[part]),
                "fulfilled_by": texts(["seller", "marketplace"], (taken.location[first] == LEIPZIG).astype(np.int64)),
            }
        )


def line_frames(company: Company, lines: Lines, taken: Taken, listings: pl.DataFrame, returned: Ints) -> Iterator[pl.DataFrame]:
    """Rows of order_line. `returned`: units that came back, by line."""
    for part in taken.whole:
        some = lines.part(taken.rows[part])
        traits = draw_traits(company, some)
        location, order = taken.location[part].astype(np.int64), taken.order[part].astype(np.int64)
        is_cancelled, is_shipped = taken.cancelled[part] != NOT_YET, taken.shipped[part] != NOT_YET
        is_open = ~is_cancelled & ~is_shipped
        held = is_open & (location >= 0)
        named = (location == LEIPZIG) | (some.channel == RETAIL)
        remote = some.channel != RETAIL
        yield pl.DataFrame(
            {
                "id": np.arange(len(some)) + taken.first_line + part.start,
                "order_id": order + taken.first_order,
                "line_ref": pl.Series(within(order)).cast(pl.String),
                "channel_id": texts(CHANNEL_IDS, some.channel),
                "event_id": order + taken.first_event,
                "external_sku": _external_skus(company, some, location, listings),
                "sku": texts(company.skus, some.sku),
                "kit_version": (some.sku >= company.stocked).astype(np.int64),
                "quantity": some.quantity,
                "unit_price": unit_prices(company, some),
                "placed_at": some.placed_at,
                "ship_by_at": nullable(traits.ship_by_at, remote),
                "deliver_by_at": nullable(traits.deliver_by_at, remote),
                "location_id": texts(LOCATION_IDS, np.where(named, location, -1)),
                "cancelled_quantity": np.where(is_cancelled, some.quantity, 0),
                "shipped_quantity": np.where(is_shipped, some.quantity, 0),
                "allocated_quantity": np.where(held, some.quantity, 0),
                "backordered_quantity": np.where(is_open & ~held, some.quantity, 0),
                "returned_quantity": returned[part].astype(np.int64),
            }
        )


def allocation_table(lines: Lines, taken: Taken) -> pl.DataFrame:
    """Rows of allocation: what open lines hold."""
    held = np.flatnonzero(taken.is_open & (taken.location >= 0))
    return pl.DataFrame(
        {
            "line_id": held + taken.first_line,
            "location_id": texts(LOCATION_IDS, taken.location[held]),
            "quantity": lines.quantity[taken.rows[held]].astype(np.int64),
        }
    )


def nullable(values: Ints, given: Flags) -> pl.Series:
    """Numbers, empty where not given."""
    return pl.select(pl.when(pl.Series(given)).then(pl.Series(values)).otherwise(None)).to_series()


def order_refs(channel: Ints, number: Ints) -> pl.Series:
    """Order ids in each channel's own style, unique within the channel. `number`: of the order on its channel, from 1."""
    number = number.astype(np.int64)
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


def _customers(rng: np.random.Generator, channel: Ints) -> Ints:
    """A customer's number; some come back."""
    pool = max(int(len(channel) * 0.55), 1)
    customer: Ints = (rng.random(len(channel)) ** 1.6 * pool).astype(np.int32)
    return customer


def _customer_refs(channel: Ints, number: Ints) -> pl.Series:
    """A customer's id. Tills know nobody."""
    frame = pl.DataFrame({"channel": texts([c.channel_id[0] for c in CHANNELS], channel), "number": number, "till": channel == RETAIL})
    return frame.select(
        pl.when(pl.col("till")).then(None).otherwise(pl.col("channel") + "-" + pl.col("number").cast(pl.String))
    ).to_series()


def _destinations(rng: np.random.Generator, channel: Ints) -> tuple[list[str], list[str | None], Ints]:
    """Countries and regions by destination; the destination of each order."""
    places = [place for spec in CHANNELS for place in spec.destinations]
    number = np.empty(len(channel), np.int8)
    offset = 0
    for code, spec in enumerate(CHANNELS):
        rows = channel == code
        number[rows] = offset + rng.choice(len(spec.destinations), int(rows.sum()), p=[place[2] for place in spec.destinations])
        offset += len(spec.destinations)
    return [place[0] for place in places], [place[1] for place in places], number


def _external_skus(company: Company, lines: Lines, location: Ints, listings: pl.DataFrame) -> pl.Series:
    """The listing each line was sold by: the marketplace's own where it fulfils, else one of the SKU's listings."""
    sku, channel = lines.sku, lines.channel
    slot = np.where(second_listing(company, sku, channel, lines.placed_at), 1, MERCHANT)
    slot = np.where((location == LEIPZIG) & company.marketplace_fulfilled[sku], BY_MARKETPLACE, slot)
    table = np.full((len(company.skus), len(CHANNELS), 3), -1)
    table[listings["sku_number"].to_numpy(), listings["channel_number"].to_numpy(), listings["slot"].to_numpy()] = np.arange(len(listings))
    return listings["external_sku"].gather(table[sku, channel, slot])


@dataclass(slots=True)
class Packages:
    """Lines that were shipped, by number in `Taken` (`at`): the event of each one's package, and the package's number in its order."""

    at: Ints
    event: Ints
    number: Ints


def send_packages(lines: Lines, taken: Taken, events: Events) -> Packages:
    """Lines of an order that leave together are one package. Till sales are packages without an event of their own."""
    chunks: list[tuple[Ints, Ints, Ints]] = []
    for part in taken.whole:
        at = np.flatnonzero(taken.shipped[part] != NOT_YET) + part.start
        shipped, order = taken.shipped[at], taken.order[at]
        channel = lines.channel[taken.rows[at]]
        first, package = grouped(order, taken.location[at], shipped)
        sent = channel[first] != RETAIL
        event = order[first].astype(np.int64) + taken.first_event
        event[sent] = events.add(
            "shipment", channel[first][sent], shipped[first][sent], received_later(channel[first][sent], shipped[first][sent])
        )
        chunks.append((at.astype(np.int32), event[package].astype(np.int32), within(order[first])[package].astype(np.int8)))
    return Packages(*(np.concatenate([one[column] for one in chunks]) for column in range(3)))


def shipment_frames(
    company: Company, lines: Lines, taken: Taken, packages: Packages, until_us: int, numbers: RowNumbers
) -> Iterator[pl.DataFrame]:
    """Rows of shipment."""
    first_id = numbers.reserve(len(packages.at))
    for part in parts(len(packages.at)):
        at = packages.at[part]
        some = lines.part(taken.rows[at])
        every = np.arange(len(some))
        traits = draw_traits(company, some)
        location, shipped, delivered = taken.location[at].astype(np.int64), taken.shipped[at], taken.delivered[at]
        till = some.channel == RETAIL
        known = known_until(some.channel, until_us)
        uploaded, scan, arrival = package_times(some, traits, every, shipped, delivered)
        scanned, done = scan <= known, (arrival <= known) | till
        last_scan = np.where(done, delivered, scan)
        yield pl.DataFrame(
            {
                "id": every + first_id + part.start,
                "event_id": packages.event[part].astype(np.int64),
                "line_id": at.astype(np.int64) + taken.first_line,
                "shipment_ref": pl.Series(packages.number[part]).cast(pl.String),
                "location_id": texts(LOCATION_IDS, location),
                "quantity": some.quantity,
                "shipped_at": shipped,
                "carrier": texts(CARRIER_NAMES, np.where(till, -1, carriers(traits, every, location))),
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


def cancellation_table(lines: Lines, taken: Taken, numbers: RowNumbers, events: Events) -> pl.DataFrame:
    """Rows of cancellation, one event each."""
    at = np.flatnonzero(taken.cancelled != NOT_YET)
    some, when, by = lines.part(taken.rows[at]), taken.cancelled[at], taken.by[at]
    received = np.where(by == SELLER, when + 1_000_000, received_later(some.channel, when))
    event = events.add("cancellation", some.channel, when, received)
    waited = (by == BUYER) & (taken.held_day[at] < 0) & (when - some.placed_at > 86_400_000_000)
    reason = np.where(by == SELLER, 0, np.where(by == MARKETPLACE, 1, np.where(waited, 2, 3 + when % 3)))
    words = ["out of stock", "payment not confirmed", "took too long", "changed mind", "ordered by mistake", "found a better price"]
    return pl.DataFrame(
        {
            "id": numbers.take(len(at)),
            "event_id": event,
            "line_id": at + taken.first_line,
            "quantity": some.quantity,
            "cancelled_at": when,
            "reason": texts(words, reason),
            "cancelled_by": texts(CANCELLED_BY, by),
        }
    )
