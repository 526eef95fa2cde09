"""The ledger of the history: every movement with its event, the counts, and the levels made from them."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
import polars as pl

from data_access.demo.company import Company, Ints
from data_access.demo.demand import Lines
from data_access.demo.needs import UnitNeeds
from data_access.demo.orders import LOCATION_IDS, Packages, Taken
from data_access.demo.rows import SOURCE, Events, RowNumbers, grouped, parts, texts, within
from data_access.demo.specs import DAY_US, HOUR_US, LOCATIONS, MINUTE_US
from data_access.demo.supply import Supply

SELLABLE, UNSELLABLE = 0, 1
STATES: Final = ("sellable", "unsellable")
INSPECTED_US: Final = 4 * HOUR_US  # times of the morning, in the order in which stock changes
REPAIRED_US: Final = 5 * HOUR_US
RECEIVED_US: Final = 5 * HOUR_US + 5 * MINUTE_US
COUNTED_US: Final = 6 * HOUR_US
WRITTEN_OFF_US: Final = 6 * HOUR_US + 5 * MINUTE_US
MOVED_US: Final = 6 * HOUR_US + 10 * MINUTE_US
ORDERED_US: Final = 6 * HOUR_US + 25 * MINUTE_US


WIDTHS: Final = (np.int32, np.int32, np.int8, np.int8, np.int8, np.int32, np.int64)


class Movements:
    """Movements in the making: event, SKU, location, state, kind, signed units, time; in the types of `WIDTHS`."""

    def __init__(self) -> None:
        self.kinds: list[str] = []
        self._columns: list[list[Ints]] = [[] for _ in WIDTHS]

    def add(self, kind: str, event: Ints, sku: Ints, location: Ints, state: int, units: Ints, occurred_at: Ints) -> None:
        """Add movements of one kind and state."""
        if kind not in self.kinds:
            self.kinds.append(kind)
        size = len(sku)
        added = (event, sku, location, np.full(size, state), np.full(size, self.kinds.index(kind)), units, occurred_at)
        for column, values, width in zip(self._columns, added, WIDTHS, strict=True):
            column.append(values.astype(width))

    def columns(self) -> tuple[Ints, ...]:
        """All movements, column by column, in the order of time. They are not kept."""
        order = np.argsort(np.concatenate(self._columns[-1]), kind="stable")
        ordered: list[Ints] = []
        for column in self._columns:
            ordered.append(np.concatenate(column)[order])
            column.clear()
        return tuple(ordered)


class Books(NamedTuple):
    """Where the history is written down: its movements, row ids and events."""

    moves: Movements
    numbers: RowNumbers
    events: Events


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


def post_orders(lines: Lines, taken: Taken, needs: UnitNeeds, packages: Packages, moves: Movements, events: Events) -> None:
    """Movements of shipments, and of units that were not found when they were to be picked."""
    for part in parts(len(packages.at)):
        line = packages.at[part]
        at, sku, per = needs.explode(lines.sku[taken.rows[line]])
        units = per * lines.quantity[taken.rows[line]][at]
        moves.add("shipment", packages.event[part][at], sku, taken.location[line][at], SELLABLE, -units, taken.shipped[line][at])
    lost = np.flatnonzero(taken.missing)
    event = events.add("adjustment", None, taken.cancelled[lost])
    at, sku, per = needs.explode(lines.sku[taken.rows[lost]])
    units = per * lines.quantity[taken.rows[lost]][at]
    moves.add("adjustment", event[at], sku, taken.location[lost][at], SELLABLE, -units, taken.cancelled[lost][at])


@dataclass(slots=True)
class DemoLedger:
    """All movements, column by column, in the order of time."""

    event: Ints
    sku: Ints
    location: Ints
    state: Ints
    kind: Ints
    units: Ints
    at: Ints


def movement_frames(company: Company, ledger: DemoLedger, kinds: list[str], numbers: RowNumbers) -> Iterator[pl.DataFrame]:
    """Rows of stock_movement."""
    first_id, number = numbers.reserve(len(ledger.at)), within(ledger.event)
    for part in parts(len(ledger.at)):
        event = ledger.event[part].astype(np.int64)
        yield pl.DataFrame(
            {
                "id": np.arange(len(event)) + first_id + part.start,
                "event_id": event,
                "line_no": number[part].astype(np.int64),
                "sku": texts(company.skus, ledger.sku[part]),
                "location_id": texts(LOCATION_IDS, ledger.location[part]),
                "state": texts(STATES, ledger.state[part]),
                "kind": texts(kinds, ledger.kind[part]),
                "quantity": ledger.units[part].astype(np.int64),
                "occurred_at": ledger.at[part],
            }
        )


def count_table(company: Company, ledger: DemoLedger, counts: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Rows of stock_count, and balances by SKU and location (sku, location, sellable, unsellable, last_at)."""
    state, units, at = ledger.state, ledger.units, ledger.at
    key = ledger.sku * len(LOCATIONS) + ledger.location
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
    counted = _balances_counted(counts, key[sold], units[sold], at[sold])
    rows = pl.DataFrame(
        {
            "event_id": counts["event"],
            "sku": texts(company.skus, counts["sku"].to_numpy()),
            "location_id": texts(LOCATION_IDS, counts["location"].to_numpy()),
            "state": pl.repeat(STATES[SELLABLE], len(counts), dtype=pl.String, eager=True),
            "quantity": counted,
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
    return rows, balances


def _balances_counted(counts: pl.DataFrame, key: Ints, units: Ints, at: Ints) -> Ints:
    """What each count found: the balance up to and including its instant. Movements come in the order of time."""
    order = np.argsort(key, kind="stable").astype(np.int32)
    key = key[order].astype(np.int64)
    running = np.concatenate([[0], np.cumsum(units[order], dtype=np.int64)])
    place = counts["sku"].to_numpy() * len(LOCATIONS) + counts["location"].to_numpy()
    base = int(counts["occurred_at"].min())  # type: ignore[arg-type]
    span = max(int(at.max()), int(counts["occurred_at"].max())) // 1_000_000 - base // 1_000_000 + 2  # type: ignore[arg-type]
    ends = np.searchsorted(
        key * span + (at[order] - base) // 1_000_000,
        place * span + (counts["occurred_at"].to_numpy() - base) // 1_000_000,
        side="right",
    )
    begins = np.searchsorted(key, place, side="left")
    balance: Ints = running[ends] - running[begins]
    return balance
