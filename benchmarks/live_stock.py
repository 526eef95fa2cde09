"""How fast live stock is at 20,000 SKUs x 8 locations x 6 channels, on a scratch SQLite store.

    python benchmarks/live_stock.py [--skus 20000] [--lines 300000]

Prints the first full load, a filter change on the server, the patch after an event, and the read of the last 90 days.
"""

import argparse
import random
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import polars as pl
from sqlalchemy.engine import Engine

from dashboard.shell.data.poller import LiveStock
from data_access.domain.buffer_rules import RuleDraft
from data_access.domain.buffers import RULES
from data_access.engine import now_us, open_engine
from data_access.queries import overview
from data_access.queries.freshness import aged
from data_access.queries.live_pictures import kpis, picture
from data_access.queries.live_stock import figured, load, load_catalogue, load_withheld, matching, previewed, rows
from data_access.queries.recent import DEMAND
from data_access.queries.stock import StockFilter
from data_access.store.lifecycle import create_store

LOCATIONS = 8
CHANNELS = 6
DAY = 86_400_000_000


def insert(store: sqlite3.Connection, table: str, columns: str, values: Iterable[tuple[object, ...]]) -> None:
    """Rows into a table, without the checks of SQLAlchemy."""
    marks = ", ".join("?" for _ in columns.split(","))
    store.executemany(f"insert into {table} ({columns}) values ({marks})", values)


@dataclass(frozen=True, slots=True)
class Names:
    """What the store of a benchmark consists of, by id."""

    skus: list[str]
    kits: list[str]
    places: list[str]
    channels: list[str]

    @staticmethod
    def of(skus: int) -> "Names":
        """So many SKUs, and a kit for each 40 of them."""
        return Names(
            [f"SKU-{number:06d}" for number in range(skus)],
            [f"KIT-{number:05d}" for number in range(skus // 40)],
            [f"L{number}" for number in range(LOCATIONS)],
            [f"C{number}" for number in range(CHANNELS)],
        )


def build(path: Path, skus: int, lines: int, now: int) -> None:
    """A store of that size: levels, listings, kits, open lines, and sold and shipped lines of the last 90 days."""
    engine = open_engine(f"sqlite:///{path}")
    create_store(engine)
    engine.dispose()
    rng, names = np.random.default_rng(1), Names.of(skus)
    store = sqlite3.connect(path)
    put_company(store, names, now)
    put_lines(store, names, put_levels(store, names, rng, now), rng, lines, now)
    store.execute("update store_version set version = 1")
    store.commit()
    store.execute("analyze")
    store.commit()
    store.close()


def put_company(store: sqlite3.Connection, names: Names, now: int) -> None:
    """Locations, channels, products, kits and listings."""
    places, channels = names.places, names.channels
    insert(store, "location", "location_id, name, kind", ((place, f"Location {place}", "warehouse") for place in places))
    insert(
        store,
        "channel",
        "channel_id, name, kind, currency, time_zone, position, stale_after_seconds",
        ((one, f"Channel {one}", "marketplace", "EUR", "Europe/Berlin", number, 900) for number, one in enumerate(channels)),
    )
    insert(store, "channel_state", "channel_id, synced_until, received_at", ((one, now - 60_000_000, now) for one in channels))
    serving = [
        (one, place, 1 + number) for one in channels for number, place in enumerate(places) if number < 2 or (number + int(one[1])) % 2
    ]
    insert(store, "channel_location", "channel_id, location_id, priority", serving)
    products = [(sku, f"Product {sku}", f"Category {number % 12}", 0) for number, sku in enumerate(names.skus)]
    insert(store, "product", "sku, name, category, kit_version", products + [(kit, f"Kit {kit}", "Kits", 1) for kit in names.kits])
    parts = (
        (kit, 1, names.skus[(number * 7 + part) % len(names.skus)], 1 + part) for number, kit in enumerate(names.kits) for part in range(3)
    )
    insert(store, "kit_component", "kit_sku, kit_version, component_sku, quantity", parts)
    listed = [(one, f"{one}-{sku}", sku) for one in channels[:-1] for sku in [*names.skus, *names.kits]]
    insert(
        store,
        "listing",
        "listing_id, channel_id, external_sku, sku, first_seen_at",
        ((10_000_000 + number, *row, now) for number, row in enumerate(listed)),
    )


def put_levels(store: sqlite3.Connection, names: Names, rng: np.random.Generator, now: int) -> list[int]:
    """Stock of all SKUs at all locations; where an open line holds a unit of it (SKU x location, as one number)."""
    skus = len(names.skus)
    on_hand = rng.integers(0, 40, skus * LOCATIONS)
    allocated = np.zeros(skus * LOCATIONS, dtype=int)
    open_at = rng.choice(skus * LOCATIONS, size=skus, replace=False)
    allocated[open_at] = np.minimum(on_hand[open_at], 1)
    levels = zip(np.repeat(names.skus, LOCATIONS).tolist(), names.places * skus, on_hand.tolist(), allocated.tolist(), strict=True)
    insert(
        store,
        "stock_level",
        "sku, location_id, on_hand, unsellable, allocated, on_order, last_at, is_assumed",
        ((sku, place, units, 0, tied, 0, now, 0) for sku, place, units, tied in levels),
    )
    insert(store, "backorder_level", "sku, channel_id, backordered", ((sku, names.channels[0], 2) for sku in names.skus[::50]))
    return [int(at) for at in open_at if allocated[at]]


def put_lines(store: sqlite3.Connection, names: Names, holding: list[int], rng: np.random.Generator, lines: int, now: int) -> None:
    """Open lines that hold stock, and so many sold and shipped ones of the last 90 days with their movements."""
    skus, channels, places = len(names.skus), names.channels, names.places
    insert(
        store,
        "event",
        "id, source, event_id, kind, occurred_at, received_at, payload_hash, status",
        [(1, "bench", "1", "sale", now, now, "", "applied")],
    )
    insert(store, "sales_order", "id, channel_id, order_ref, placed_at, currency", [(1, channels[0], "1", now, "EUR")])
    open_lines = [(number, names.skus[at // LOCATIONS], now - DAY, 0, 1) for number, at in enumerate(holding, start=1)]
    sold = rng.integers(0, skus, lines).tolist()
    at = (now - rng.integers(0, 90 * DAY, lines)).tolist()
    done = [
        (len(open_lines) + number, names.skus[sku], when, 1, 0) for number, (sku, when) in enumerate(zip(sold, at, strict=True), start=1)
    ]
    columns = (
        "id, order_id, line_ref, channel_id, event_id, external_sku, sku, kit_version, quantity, placed_at, "
        "cancelled_quantity, shipped_quantity, allocated_quantity, backordered_quantity, returned_quantity"
    )
    insert(
        store,
        "order_line",
        columns,
        (
            (number, 1, str(number), random.choice(channels), 1, sku, sku, 0, 1, when, 0, shipped, tied, 0, 0)
            for number, sku, when, shipped, tied in open_lines + done
        ),
    )
    insert(store, "allocation", "line_id, location_id, quantity", ((n, places[at % LOCATIONS], 1) for n, at in enumerate(holding, start=1)))
    moves = zip(done, rng.integers(0, LOCATIONS, lines).tolist(), strict=True)
    insert(
        store,
        "stock_movement",
        "id, event_id, line_no, sku, location_id, state, kind, quantity, occurred_at",
        ((row[0], 1, row[0], row[1], places[place], "sellable", "shipment", -1, row[2]) for row, place in moves),
    )


def sell(path: Path, sku: str, version: int) -> None:
    """What a sale does to the projections, as far as the poller sees it."""
    store = sqlite3.connect(path)
    store.execute("update stock_level set allocated = allocated + 1 where sku = ? and location_id = 'L0' and allocated < on_hand", (sku,))
    store.execute("update store_version set version = ? where topic = 'stock'", (version,))
    store.execute("insert into change_log values ('stock', ?, 'sku', ?, 0)", (version, sku))
    store.commit()
    store.close()


def timed(label: str, action: Callable[[], object], times: int) -> None:
    """Median and worst time of an action."""
    seconds = []
    for _ in range(times):
        start = time.perf_counter()
        action()
        seconds.append(time.perf_counter() - start)
    show(label, seconds)


def show(label: str, seconds: list[float]) -> None:
    """Print the median and the worst of some times."""
    print(f"{label:<58} median {statistics.median(seconds) * 1000:8.1f} ms   worst {max(seconds) * 1000:8.1f} ms")


def drafts(channels: list[str], categories: list[str]) -> pl.DataFrame:
    """Buffer rules of each basis."""
    rules = [RuleDraft("channel", channel_id=one, basis="percent", amount=12.5, reason="bench") for one in channels]
    rules += [RuleDraft("category", category=one, amount=2.0, reason="bench") for one in categories]
    return pl.DataFrame([{**draft.values(), "rule_id": number, "version": 1} for number, draft in enumerate(rules)], schema=RULES)


def time_views(hub: LiveStock, engine: Engine, now: int) -> None:
    """Filters, pictures and other buffers, on what the hub has published."""
    snapshot = hub.snapshot
    catalogue, live = snapshot.catalogue, snapshot.live
    assert catalogue is not None
    assert live is not None
    ages = aged(snapshot.synced, now)

    def table(where: StockFilter) -> pl.DataFrame:
        return matching(rows(live, snapshot.recent, ages, where.channel_id, where.location_ids), where)

    for label, where in [
        ("filter change: all", StockFilter(sort="available", descending=True)),
        ("filter change: channel", StockFilter("C1", sort="available_to_sell")),
        ("filter change: two locations", StockFilter(location_ids=("L1", "L2"))),
        ("filter change: channel, category, text, state", StockFilter("C2", (), ("Category 3",), "product", ("low", "out"))),
    ]:
        timed(f"{label}: table", lambda where=where: table(where), 7)
    everything = table(StockFilter())
    whole = StockFilter()
    timed("KPIs with history", lambda: kpis(live, snapshot.recent, everything, whole), 7)
    timed("picture", lambda: picture(live, everything, whole), 7)
    timed("overview", lambda: overview.attention(everything, ages, snapshot.waiting), 7)
    buffers = drafts(["C1", "C2"], ["Category 3"])
    timed("preview of other buffers: every SKU of 2 channels, 1 category", lambda: previewed(live, now, buffers), 7)
    saved = replace(load_withheld(engine), rules=buffers)
    timed(
        "all figures after such a save",
        lambda: figured(catalogue, live.levels, live.backorders, live.allocated, saved, snapshot.recent.demand, now),
        3,
    )


def time_patches(hub: LiveStock, path: Path, skus: int) -> None:
    """From an event in the store to published figures; and a poll without any."""
    seconds = []
    for version in range(2, 22):
        sell(path, f"SKU-{random.randrange(skus):06d}", version)
        start = time.perf_counter()
        hub.poll()
        seconds.append(time.perf_counter() - start)
    show("patch after an event, poll to published", seconds)
    timed("a poll that finds nothing", hub.poll, 20)


def main() -> None:
    """Build, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--skus", type=int, default=20_000)
    parser.add_argument("--lines", type=int, default=300_000)
    given = parser.parse_args()
    now = now_us()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "bench.db"
        start = time.perf_counter()
        build(path, given.skus, given.lines, now)
        print(f"store of {given.skus:,} SKUs x {LOCATIONS} locations x {CHANNELS} channels built in {time.perf_counter() - start:.1f} s")
        engine = open_engine(f"sqlite:///{path}")
        timed(
            "first full load: catalogue, levels, all figures",
            lambda: load(engine, load_catalogue(engine), load_withheld(engine), DEMAND.to_frame(), now_us()),
            3,
        )
        hub = LiveStock(engine)
        timed("the same through the poller", hub.poll, 1)
        catalogue = hub.snapshot.catalogue
        assert catalogue is not None
        timed("last 90 days (in the background)", lambda: hub.read_recent(catalogue, now), 1)
        hub.publish(recent=hub.read_recent(catalogue, now))
        time_views(hub, engine, now)
        time_patches(hub, path, given.skus)
        engine.dispose()


if __name__ == "__main__":
    main()
