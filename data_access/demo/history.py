"""The whole history as frames, table by table: the same size, seed, date and end give the same frames.

A history may have many millions of lines. So numbers are kept in narrow types, texts are made part by part as they are asked for, and what
is not needed any more is let go of.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

import numpy as np
import polars as pl

from data_access.demo.catalogue import catalogue, listings
from data_access.demo.company import Company, Ints
from data_access.demo.demand import Lines, draw_lines
from data_access.demo.fates import Fates, draw_fates
from data_access.demo.founding import make_company
from data_access.demo.needs import UnitNeeds
from data_access.demo.orders import (
    CHANNEL_IDS,
    LOCATION_IDS,
    Taken,
    allocation_table,
    cancellation_table,
    line_frames,
    order_frames,
    send_packages,
    shipment_frames,
    take_orders,
)
from data_access.demo.returns import ReceivedReturns, came_back, expected_tables, return_table, returned_units
from data_access.demo.rows import Events, RowNumbers, grouped, texts
from data_access.demo.specs import CHANNELS, DAY_US, HOUR_US, LOCATIONS
from data_access.demo.stock import ORDERED_US, Books, DemoLedger, Movements, count_table, movement_frames, post_orders, post_supply
from data_access.demo.supply import Simulation, Supply
from data_access.demo.truth import truth_frame
from data_access.demo.waiting import SYNC_TAKES_US, known_until
from data_access.demo.withheld import audit_table, reservation_tables, rule_table, user_table
from data_access.schema.audit import TOPICS
from data_access.store.stock_levels import for_bulk_load

Frames = Iterator[tuple[str, pl.DataFrame]]


@dataclass(slots=True)
class DemoHistory:
    """What happened until `until_us`: the supply, the truth, and the rows of the store.

    `frames`: tables with some of their rows, to be gone through once; a table's rows come in order. `numbers`: the row ids given out so
    far. `order_lines`: how many there will be.
    """

    company: Company
    frames: Frames
    truth: pl.DataFrame
    numbers: RowNumbers
    until_us: int
    supply: Supply
    order_lines: int


def make_history(size: str, seed: int, as_of: date, until_us: int | None = None) -> DemoHistory:
    """Simulate the company up to `until_us`, by default the end (UTC) of the as-of date.

    Raises:
        InvalidInput: there is no such size.

    """
    company = make_company(size, seed, as_of)
    until = company.end_us if until_us is None else min(until_us, company.end_us)
    lines = draw_lines(company, until)
    fates = draw_fates(company, lines)
    supply = Simulation(company, lines, fates, until).run()
    numbers = RowNumbers()
    events, moves = Events(numbers), Movements()
    listed = listings(company, numbers)
    counts = post_supply(company, supply, moves, events)
    taken = take_orders(company, lines, supply, until, numbers, events)
    back = came_back(company, fates, taken, until)
    truth = truth_frame(company, lines, supply, fates, back)
    drawn = _Drawn(lines, fates, supply, taken, back, listed, counts)
    frames = _frames(company, until, drawn, Books(moves, numbers, events))
    return DemoHistory(company, frames, truth, numbers, until, supply, len(taken.rows))


class _Drawn(NamedTuple):
    """What happened in the company, before it is written down in tables. `counts`: as `post_supply` returns them."""

    lines: Lines
    fates: Fates
    supply: Supply
    taken: Taken
    back: ReceivedReturns
    listed: pl.DataFrame
    counts: pl.DataFrame


def _frames(company: Company, until: int, drawn: _Drawn, books: Books) -> Frames:
    """All tables. Row ids are given out on the way, so the order of the steps is part of the history."""
    lines, fates, supply, taken, back, listed, counts = drawn
    del drawn  # what is written down is let go below
    moves, numbers, events = books
    needs = UnitNeeds(company)
    tables = catalogue(company) | {"listing": listed.drop("sku_number", "channel_number", "slot")} | _account(until)
    yield from tables.items()
    yield from _named("event", events.frames())
    yield from _named("sales_order", order_frames(company, lines, taken))
    yield from _named("order_line", line_frames(company, lines, taken, listed, returned_units(taken, back)))
    yield "allocation", allocation_table(lines, taken)
    packages = send_packages(lines, taken, events)
    yield from _named("event", events.frames())
    yield from _named("shipment", shipment_frames(company, lines, taken, packages, until, numbers))
    post_orders(lines, taken, needs, packages, moves, events)
    yield "cancellation", cancellation_table(lines, taken, numbers, events)
    yield "return_line", return_table(company, fates, taken.first_line, back, needs, books)
    yield from expected_tables(company, fates, taken, until, books).items()
    yield from _purchasing(company, supply, numbers, events).items()
    yield from _named("event", events.frames())
    allocated, backorders = _allocated(company, lines, taken, needs), _backorders(company, lines, taken, needs)
    yield "backorder_level", backorders
    del lines, fates, taken, back, packages
    ledger = DemoLedger(*moves.columns())
    yield from _named("stock_movement", movement_frames(company, ledger, moves.kinds, numbers))
    stock_counts, balances = count_table(company, ledger, counts)
    del ledger
    yield "stock_count", stock_counts
    levels = _levels(company, supply, allocated, balances)
    yield "stock_level", levels
    rules = rule_table(numbers)
    yield "buffer_rule", rules
    yield "audit_entry", audit_table(rules, until, numbers)
    yield "app_user", user_table(until)
    yield from reservation_tables(tables | {"stock_level": levels}, company.end_us, numbers).items()


def _named(table: str, frames: Iterator[pl.DataFrame]) -> Frames:
    return ((table, frame) for frame in frames)


def _purchasing(company: Company, supply: Supply, numbers: RowNumbers, events: Events) -> dict[str, pl.DataFrame]:
    number, day, supplier, place, expected = supply.orders
    placed = company.start_us + day * DAY_US + ORDERED_US + number % 4 * 60_000_000
    event = events.add("purchase_order", None, placed)
    po_id = numbers.take(len(number))
    orders = pl.DataFrame(
        {
            "id": po_id,
            "event_id": event,
            "po_ref": "PO-" + pl.Series(number + 1).cast(pl.String).str.zfill(6),
            "supplier_id": texts([f"sup-{n + 1:03d}" for n in range(len(company.suppliers.names))], supplier),
            "location_id": texts(LOCATION_IDS, place),
            "placed_at": placed,
            "expected_at": company.start_us + expected * DAY_US + 12 * HOUR_US,
        }
    )
    of, sku, units = supply.order_lines
    came_day, came_of, came_sku, _, came_units = supply.receipts
    received, first_day = _received(of, sku, came_of, came_sku, came_units, came_day)
    at = np.where(first_day >= 0, company.start_us + first_day * DAY_US + 5 * HOUR_US + (5 + of % 40) * 60_000_000, -1)
    lines = pl.DataFrame(
        {
            "id": numbers.take(len(of)),
            "po_id": po_id[of],
            "sku": texts(company.skus, sku),
            "location_id": texts(LOCATION_IDS, place[of]),
            "quantity": units,
            "received_quantity": received,
            "unit_cost": company.unit_cost[sku],
            "first_received_at": pl.Series(at).replace(-1, None),
        }
    )
    return {"purchase_order": orders, "purchase_order_line": lines}


def _received(of: Ints, sku: Ints, came_of: Ints, came_sku: Ints, came_units: Ints, came_day: Ints) -> tuple[Ints, Ints]:
    """Units received and first day of receipt (-1: none), by purchase order line. A purchase order has a SKU once."""
    width = int(sku.max()) + 1 if len(sku) else 1
    key, came = of * width + sku, came_of * width + came_sku
    order = np.argsort(key)
    at = order[np.searchsorted(key[order], came)]
    units = np.bincount(at, weights=came_units, minlength=len(of)).astype(np.int64)
    first = np.full(len(of), np.iinfo(np.int64).max)
    np.minimum.at(first, at, came_day)
    return units, np.where(units > 0, first, -1)


def _allocated(company: Company, lines: Lines, taken: Taken, needs: UnitNeeds) -> Ints:
    """Units that open lines hold: stocked SKU x location."""
    held = np.flatnonzero(taken.is_open & (taken.location >= 0))
    some = lines.part(taken.rows[held])
    at, sku, per = needs.explode(some.sku)
    units = np.zeros((company.stocked, len(LOCATIONS)), np.int64)
    np.add.at(units, (sku, taken.location[held][at]), per * some.quantity[at])
    return units


def _backorders(company: Company, lines: Lines, taken: Taken, needs: UnitNeeds) -> pl.DataFrame:
    """Rows of backorder_level."""
    some = lines.part(taken.rows[np.flatnonzero(taken.is_open & (taken.location < 0))])
    at, sku, per = needs.explode(some.sku)
    channel, units = some.channel[at], per * some.quantity[at]
    first, group = grouped(sku, channel)
    return pl.DataFrame(
        {
            "sku": texts(company.skus, sku[first]),
            "channel_id": texts(CHANNEL_IDS, channel[first]),
            "backordered": np.bincount(group, weights=units, minlength=len(first)).astype(np.int64),
        }
    )


def _levels(company: Company, supply: Supply, allocated: Ints, balances: pl.DataFrame) -> pl.DataFrame:
    """Rows of stock_level."""
    on_order = np.zeros_like(allocated)
    of, po_sku, units = supply.order_lines
    np.add.at(on_order, (po_sku, supply.orders[3][of]), units)
    np.subtract.at(on_order, (supply.receipts[2], supply.receipts[3]), supply.receipts[4])
    row, place = balances["sku"].to_numpy(), balances["location"].to_numpy()
    levels = balances.select(
        pl.lit(texts(company.skus, row)).alias("sku"),
        pl.lit(texts(LOCATION_IDS, place)).alias("location_id"),
        on_hand=pl.col("sellable") + pl.col("unsellable"),
        unsellable="unsellable",
        allocated=pl.lit(allocated[row, place]),
        on_order=pl.lit(on_order[row, place]),
        tracked_from=pl.lit(company.start_us),
        last_at="last_at",
    )
    return for_bulk_load(levels)


def _account(until: int) -> dict[str, pl.DataFrame]:
    """How fresh each channel is, and one change of everything."""
    synced = known_until(np.arange(len(CHANNELS)), until)
    lagging = np.array([spec.lag_minutes[1] > 0 for spec in CHANNELS])
    return {
        "channel_state": pl.DataFrame(
            {
                "channel_id": CHANNEL_IDS,
                "synced_until": synced,
                "received_at": np.where(lagging, synced + SYNC_TAKES_US, until),
            }
        ),
        "change_log": pl.DataFrame(
            {"topic": list(TOPICS), "version": 1, "entity": "bulk", "entity_id": "*", "logged_at": until},
            schema_overrides={"version": pl.Int64},
        ),
    }
