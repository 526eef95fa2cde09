"""When something was in stock, and for what share of each day: from the changes of its stock.

A stretch is a time during which a row held, from `since` to before `until`, in microseconds since 1970. Stretches of a row do not overlap.
"""

from dataclasses import dataclass
from datetime import date
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Numbers = NDArray[np.int32]
Floats = NDArray[np.float64]

HOURS: Final = 24
SECOND: Final = 1_000_000
"""Microseconds: moments are told apart by the second."""


@dataclass(frozen=True, slots=True)
class Stretches:
    """Stretches of rows, by row and time."""

    row: Numbers
    since: Ints
    until: Ints

    def __len__(self) -> int:
        return len(self.row)

    def take(self, chosen: NDArray[np.intp]) -> "Stretches":
        """Some of them."""
        return Stretches(self.row[chosen], self.since[chosen], self.until[chosen])


def held(end: Ints, need: Ints, changes: pl.DataFrame, begins: int, ends: int) -> Stretches:
    """When the balance of each row was at least what it needs, between two moments.

    Args:
        end: each row's balance right before `ends`; the balances before that are played backwards.
        need: units that each row needs.
        changes: row (Int32), at (Int64, microseconds from `begins` to before `ends`), units (signed); in any order.
        begins: the first moment.
        ends: the moment after the last.

    """
    width = (ends - begins) // SECOND + 1
    starts = np.arange(len(end), dtype=np.int64) * width
    moments = changes["row"].to_numpy().astype(np.int64) * width + (changes["at"].to_numpy() - begins) // SECOND
    key = np.concatenate([starts, moments])
    order = np.argsort(key)
    key = key[order]
    total = np.cumsum(np.concatenate([np.zeros(len(end), np.int64), changes["units"].to_numpy()])[order])
    settled = np.append(key[1:] != key[:-1], True)[: len(key)]
    key, total = key[settled], total[settled]
    row = (key // width).astype(np.int32)
    last = np.append(row[1:] != row[:-1], True)[: len(row)]
    enough = end[row] - total[last][row] + total >= need[row]
    return _stretches(row, begins + key % width * SECOND, enough, ends)


def overlapping(row: Numbers, stretches: Stretches, need: Ints) -> Stretches:
    """When at least `need` (by row) of the stretches that belong to a row held at once.

    `row`: the row that each stretch belongs to, instead of its own.
    """
    rows = np.concatenate([row, row])
    at = np.concatenate([stretches.since, stretches.until])
    change = np.repeat(np.array([1, -1]), len(row))
    order = np.lexsort((at, rows))
    rows, at = rows[order].astype(np.int32), at[order]
    running = np.cumsum(change[order])  # 0 after each row's last
    settled = np.append((rows[1:] != rows[:-1]) | (at[1:] != at[:-1]), True)[: len(rows)]
    rows, at = rows[settled], at[settled]
    return _stretches(rows, at, running[settled] >= need[rows], 0)


def _stretches(row: Numbers, at: Ints, holds: NDArray[np.bool_], ends: int) -> Stretches:
    """From states that begin at moments; those that hold at the last of their row do so until `ends`."""
    if not len(row):
        return Stretches(row, at, at)
    new = np.append(True, row[1:] != row[:-1])
    before = np.append(False, holds[:-1]) & ~new
    begun = np.flatnonzero(holds & ~before)
    last = np.append(new[1:], True)
    stopped = np.concatenate([np.flatnonzero(~holds & before), np.flatnonzero(holds & last)])
    until = np.concatenate([at[~holds & before], np.full(len(stopped) - int((~holds & before).sum()), ends, np.int64)])
    return Stretches(row[begun], at[begun], until[np.argsort(stopped, kind="stable")])


@dataclass(frozen=True, slots=True)
class Clock:
    """A channel's days, and how its demand is spread over their hours: what a part of a day weighs."""

    zone: str
    start: date
    passed: Floats  # share of a day's demand before each hour, and 1

    @staticmethod
    def of(zone: str, start: date, hours: Floats) -> "Clock":
        """The clock of a channel, from what each hour of its days weighs."""
        return Clock(zone, start, np.append(0.0, np.cumsum(hours / hours.sum())))

    def position(self, at: Ints) -> Floats:
        """Moments as days since the start: whole days, and the share of the day's demand that comes before."""
        local = pl.Series(at, dtype=pl.Int64).cast(pl.Datetime("us", "UTC")).dt.convert_time_zone(self.zone)
        days = (local.dt.date().cast(pl.Int32) - (self.start - date(1970, 1, 1)).days).to_numpy()
        hour = local.dt.hour().to_numpy().astype(np.int64)
        within = (local.dt.minute().cast(pl.Int64) * 60 + local.dt.second()).to_numpy() / 3_600
        position_in_days: Floats = days + self.passed[hour] + within * (self.passed[hour + 1] - self.passed[hour])
        return position_in_days


def shares(stretches: Stretches, clock: Clock, rows: int, days: int) -> NDArray[np.float32]:
    """The share of each day that the stretches of a row cover, weighed by the clock: rows x days."""
    since = np.clip(clock.position(stretches.since), 0, days)
    until = np.clip(clock.position(stretches.until), 0, days)
    some = until > since
    row, since, until = stretches.row[some], since[some], until[some]
    first, last = since.astype(np.int64), until.astype(np.int64)
    covered = np.zeros((rows, days + 2), np.float32)
    cells, begin = covered.reshape(-1), row.astype(np.int64) * (days + 2)
    # all days from the first to before the last, as steps up and down; then what is missing on the first and covered on the last
    np.add.at(cells, begin + first, np.float32(1))
    np.add.at(cells, begin + last, np.float32(-1))
    np.cumsum(covered, axis=1, out=covered)
    np.add.at(cells, begin + first, (first - since).astype(np.float32))
    np.add.at(cells, begin + last, (until - last).astype(np.float32))
    return np.clip(covered[:, :days], 0.0, 1.0)
