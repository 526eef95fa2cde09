"""The whole history as frames, one a table: the same size, seed, date and end give the same frames."""

from dataclasses import dataclass
from datetime import date

import numpy as np
import polars as pl

from data_access.demo.catalogue import catalogue, listings
from data_access.demo.company import Company, Ints, make_company
from data_access.demo.demand import Lines, draw_lines
from data_access.demo.fulfilment import NOT_YET, draw_traits
from data_access.demo.orders import (
    CHANNEL_IDS,
    LOCATION_IDS,
    Taken,
    cancellation_table,
    order_tables,
    shipment_table,
    take_orders,
)
from data_access.demo.returning import draw_returning
from data_access.demo.returns import came_back, return_tables, returned_units
from data_access.demo.rows import Events, RowNumbers, grouped, texts
from data_access.demo.specs import CHANNELS, DAY_US, HOUR_US, LOCATIONS
from data_access.demo.stock import ORDERED_US, Movements, ledger_tables, post_orders, post_supply
from data_access.demo.supply import SYNC_TAKES_US, Simulation, Supply, known_until
from data_access.demo.truth import truth_frame
from data_access.schema.audit import TOPICS


@dataclass(slots=True)
class History:
    """Rows by table; the truth; the first free row id; where the history ends."""

    company: Company
    tables: dict[str, pl.DataFrame]
    truth: pl.DataFrame
    next_id: int
    until_us: int
    supply: Supply


def make_history(size: str, seed: int, as_of: date, until_us: int | None = None) -> History:
    """Simulate the company up to `until_us`, by default the end (UTC) of the as-of date.

    Raises:
        InvalidInput: there is no such size.

    """
    company = make_company(size, seed, as_of)
    until = company.end_us if until_us is None else min(until_us, company.end_us)
    lines = draw_lines(company, until)
    traits, returning = draw_traits(company, lines), draw_returning(company, lines)
    simulation = Simulation(company, lines, traits, returning, until)
    supply = simulation.run()
    numbers = RowNumbers()
    events = Events(numbers)
    moves = Movements()
    tables = catalogue(company)
    listed = listings(company, numbers)
    counts = post_supply(company, supply, moves, events)
    taken = take_orders(company, lines, traits, supply, until, numbers, events)
    back = came_back(company, lines, taken, returning, until)
    tables |= order_tables(company, lines, traits, taken, listed, returned_units(taken, back))
    shipments, shipped_event = shipment_table(lines, traits, taken, until, numbers, events)
    post_orders(lines, taken, simulation, np.flatnonzero(taken.shipped != NOT_YET), shipped_event, moves, events)
    cancellations, _ = cancellation_table(lines, taken, numbers, events)
    tables |= {"shipment": shipments, "cancellation": cancellations}
    tables["return_line"] = return_tables(company, lines, taken, returning, back, simulation, moves, numbers, events)
    tables |= _purchasing(company, supply, numbers, events)
    ledger, balances = ledger_tables(company, moves, counts, numbers)
    tables |= ledger | _levels(company, lines, taken, simulation, supply, balances)
    tables |= {"listing": listed.drop("sku_number", "channel_number", "slot"), "event": events.frame(), **_account(until)}
    truth = truth_frame(company, lines, supply, taken, returning, back)
    return History(company, tables, truth, numbers.next_id, until, supply)


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


def _levels(
    company: Company, lines: Lines, taken: Taken, simulation: Simulation, supply: Supply, balances: pl.DataFrame
) -> dict[str, pl.DataFrame]:
    shape = (company.stocked, len(LOCATIONS))
    held = np.flatnonzero(taken.is_open & (taken.location >= 0))
    at, sku, per = simulation.explode(taken.rows[held])
    allocated = np.zeros(shape, np.int64)
    np.add.at(allocated, (sku, taken.location[held][at]), per * lines.quantity[taken.rows[held]][at])
    on_order = np.zeros(shape, np.int64)
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
        is_assumed=pl.lit(False),
    )
    owed = np.flatnonzero(taken.is_open & (taken.location < 0))
    at, sku, per = simulation.explode(taken.rows[owed])
    channel, units = lines.channel[taken.rows[owed]][at], per * lines.quantity[taken.rows[owed]][at]
    first, group = grouped(sku, channel)
    backorders = pl.DataFrame(
        {
            "sku": texts(company.skus, sku[first]),
            "channel_id": texts(CHANNEL_IDS, channel[first]),
            "backordered": np.bincount(group, weights=units, minlength=len(first)).astype(np.int64),
        }
    )
    return {"stock_level": levels, "backorder_level": backorders}


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
