"""The ledger of the history: every movement with its event, the counts, and the levels made from them."""

from dataclasses import dataclass, field
from typing import Final

import numpy as np
import polars as pl

from data_access.demo.company import Company, Ints
from data_access.demo.demand import Lines
from data_access.demo.orders import LOCATION_IDS, Taken
from data_access.demo.rows import SOURCE, Events, RowNumbers, grouped, texts, within
from data_access.demo.specs import DAY_US, HOUR_US, LOCATIONS, MINUTE_US
from data_access.demo.supply import Simulation, Supply

SELLABLE, UNSELLABLE = 0, 1
STATES: Final = ("sellable", "unsellable")
INSPECTED_US: Final = 4 * HOUR_US  # times of the morning, in the order in which stock changes
REPAIRED_US: Final = 5 * HOUR_US
RECEIVED_US: Final = 5 * HOUR_US + 5 * MINUTE_US
COUNTED_US: Final = 6 * HOUR_US
WRITTEN_OFF_US: Final = 6 * HOUR_US + 5 * MINUTE_US
MOVED_US: Final = 6 * HOUR_US + 10 * MINUTE_US
ORDERED_US: Final = 6 * HOUR_US + 25 * MINUTE_US


@dataclass(slots=True)
class Movements:
    """Movements in the making: event, SKU, location, state, kind, signed units, time."""

    parts: list[tuple[Ints, Ints, Ints, Ints, Ints, Ints, Ints]] = field(default_factory=list)
    kinds: list[str] = field(default_factory=list)

    def add(self, kind: str, event: Ints, sku: Ints, location: Ints, state: int, units: Ints, occurred_at: Ints) -> None:
        """Add movements of one kind and state."""
        if kind not in self.kinds:
            self.kinds.append(kind)
        size = len(sku)
        self.parts.append((event, sku, location, np.full(size, state), np.full(size, self.kinds.index(kind)), units, occurred_at))

    def columns(self) -> tuple[Ints, ...]:
        """All movements, column by column, in the order of time."""
        whole = [np.concatenate([part[column] for part in self.parts]) for column in range(7)]
        order = np.argsort(whole[6], kind="stable")
        return tuple(column[order] for column in whole)


def post_supply(company: Company, supply: Supply, moves: Movements, events: Events) -> pl.DataFrame:
    """Movements of openings, receipts, transfers, counts and write-offs; returns the counts (their found units still to be told)."""
    start = company.start_us
    sku, place, units = supply.openings
    first, group = grouped(place)
    opened = events.add("opening", None, np.full(len(first), start))[group]
    some = units > 0
    moves.add("opening", opened[some], sku[some], place[some], SELLABLE, units[some], np.full(int(some.sum()), start))
    counts = [pl.DataFrame({"event": opened, "sku": sku, "location": place, "occurred_at": np.full(len(sku), start), "change": units})]

    day, order, sku, place, units = supply.receipts
    at = start + day * DAY_US + RECEIVED_US + order % 40 * MINUTE_US
    first, group = grouped(day, order)
    event = events.add("receipt", None, at[first])[group]
    moves.add("receipt", event, sku, place, SELLABLE, units, at)

    day, source, target, sku, units = supply.transfers
    at = start + day * DAY_US + MOVED_US + np.where(source == 2, 0, target) * MINUTE_US
    first, group = grouped(day, source, target)
    event = events.add("transfer", None, at[first])[group]
    moves.add("transfer_out", event, sku, source, SELLABLE, -units, at)
    moves.add("transfer_in", event, sku, target, SELLABLE, units, at)

    day, sku, place, change = supply.counts
    at = start + day * DAY_US + COUNTED_US
    first, group = grouped(day, place)
    event = events.add("count", None, at[first])[group]
    some = change != 0
    moves.add("count", event[some], sku[some], place[some], SELLABLE, change[some], at[some])
    counts.append(pl.DataFrame({"event": event, "sku": sku, "location": place, "occurred_at": at, "change": change}))

    day, sku, place, units = supply.write_offs
    at = start + day * DAY_US + WRITTEN_OFF_US
    first, group = grouped(day, place)
    event = events.add("write_off", None, at[first])[group]
    moves.add("write_off", event, sku, place, SELLABLE, -units, at)
    return pl.concat(counts)


def post_orders(
    lines: Lines, taken: Taken, simulation: Simulation, shipped_rows: Ints, shipped_event: Ints, moves: Movements, events: Events
) -> None:
    """Movements of shipments, and of units that were not found when they were to be picked."""
    at, sku, per = simulation.explode(taken.rows[shipped_rows])
    units = per * lines.quantity[taken.rows[shipped_rows]][at]
    moves.add("shipment", shipped_event[at], sku, taken.location[shipped_rows][at], SELLABLE, -units, taken.shipped[shipped_rows][at])
    lost = np.flatnonzero(taken.missing)
    event = events.add("adjustment", None, taken.cancelled[lost])
    at, sku, per = simulation.explode(taken.rows[lost])
    units = per * lines.quantity[taken.rows[lost]][at]
    moves.add("adjustment", event[at], sku, taken.location[lost][at], SELLABLE, -units, taken.cancelled[lost][at])


def ledger_tables(
    company: Company, moves: Movements, counts: pl.DataFrame, numbers: RowNumbers
) -> tuple[dict[str, pl.DataFrame], pl.DataFrame]:
    """Rows of stock_movement and stock_count, and balances by SKU and location (sku, location, sellable, unsellable, last_at)."""
    event, sku, location, state, kind, units, at = moves.columns()
    movements = pl.DataFrame(
        {
            "id": numbers.take(len(event)),
            "event_id": event,
            "line_no": within(event),
            "sku": texts(company.skus, sku),
            "location_id": texts(LOCATION_IDS, location),
            "state": texts(STATES, state),
            "kind": texts(moves.kinds, kind),
            "quantity": units,
            "occurred_at": at,
        }
    )
    key = sku * len(LOCATIONS) + location
    size = company.stocked * len(LOCATIONS)
    last = np.full(size, -1)
    np.maximum.at(last, key, at)
    np.maximum.at(last, counts["sku"].to_numpy() * len(LOCATIONS) + counts["location"].to_numpy(), counts["occurred_at"].to_numpy())
    balances = pl.DataFrame(
        {
            "sku": np.arange(size) // len(LOCATIONS),
            "location": np.arange(size) % len(LOCATIONS),
            "sellable": np.bincount(key, weights=units * (state == SELLABLE), minlength=size).astype(np.int64),
            "unsellable": np.bincount(key, weights=units * (state == UNSELLABLE), minlength=size).astype(np.int64),
            "last_at": last,
        }
    ).filter(pl.col("last_at") >= 0)
    sold = state == SELLABLE
    found = _found(counts, key[sold], units[sold], at[sold])
    stock_counts = pl.DataFrame(
        {
            "event_id": counts["event"],
            "sku": texts(company.skus, counts["sku"].to_numpy()),
            "location_id": texts(LOCATION_IDS, counts["location"].to_numpy()),
            "state": pl.repeat(STATES[SELLABLE], len(counts), dtype=pl.String, eager=True),
            "quantity": found,
            "occurred_at": counts["occurred_at"],
            "kind": pl.select(
                pl.when(counts["occurred_at"] == company.start_us).then(pl.lit("opening")).otherwise(pl.lit("count"))
            ).to_series(),
        }
    ).select(
        "event_id",
        "sku",
        "location_id",
        "state",
        "quantity",
        "occurred_at",
        tie=pl.lit(SOURCE + ":") + pl.col("kind") + "-" + pl.col("event_id").cast(pl.String),
    )
    return {"stock_movement": movements, "stock_count": stock_counts}, balances


def _found(counts: pl.DataFrame, key: Ints, units: Ints, at: Ints) -> Ints:
    """What each count found: the balance up to and including its instant."""
    order = np.lexsort((at, key))
    running = np.concatenate([[0], np.cumsum(units[order])])
    place = counts["sku"].to_numpy() * len(LOCATIONS) + counts["location"].to_numpy()
    base = int(counts["occurred_at"].min())  # type: ignore[arg-type]
    span = max(int(at.max()), int(counts["occurred_at"].max())) // 1_000_000 - base // 1_000_000 + 2  # type: ignore[arg-type]
    ends = np.searchsorted(
        key[order] * span + (at[order] - base) // 1_000_000,
        place * span + (counts["occurred_at"].to_numpy() - base) // 1_000_000,
        side="right",
    )
    begins = np.searchsorted(key[order], place, side="left")
    found: Ints = running[ends] - running[begins]
    return found
