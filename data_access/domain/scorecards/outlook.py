"""Where a rate will stand in a week or two: what is known, what is open, and days like those of the recent past. Frames in, frames out.

The window of the day `horizon` days ahead holds three kinds of subjects.

- Decided: they stay as they are; days that leave the window by then are left out.
- Open today: each is missed with the chance that subjects of the same age had, counted at the same hour of the same weekday in recent
  weeks: of those that were as open then, how many were missed `horizon` days later. Age is the days from its date to today (below 0: due
  later), so orders due today, overdue ones and packages without a scan have chances of their own.
- Not known yet: for each day ahead, what came in within `horizon` days for the day of the same place in a recent week, whole: a bad day is
  drawn as a bad day, so the spread is that of days, not of a coin.

`DRAWS` futures are drawn from the weeks; nearer weeks are likelier. The same input and seed give the same figures. Ages are counted in
steps of 24 hours back from now.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

from data_access.domain.facts import MICROS
from data_access.domain.scorecards.days import DAY_US, local_days
from data_access.domain.scorecards.headroom import most_misses
from data_access.domain.scorecards.observe import OUTCOMES, SPECS
from data_access.domain.scorecards.rates import Rate, first_day
from data_access.domain.scorecards.registry import Metric

HISTORY: Final = pl.Schema(
    {
        "channel_id": pl.String,
        "day": pl.Date,
        "known": pl.Int64,  # whole steps of 24 hours since it is known
        "decided": pl.Int64,  # since it is decided; -1: it is not
        "outcome": OUTCOMES,
        "n": pl.Int64,
    }
)
WEEKS: Final = 12
DRAWS: Final = 2_000
HALF_LIFE_WEEKS: Final = 6.0
ERA_WEEKS: Final = 4  # a future is made of the days of so few weeks: bad days come in runs
PRIOR: Final = 0.5  # subjects that the neighbouring ages count for
AGES: Final = (-60, -45, -30, -23, *range(-16, 4))  # days from today to its date: the least of each class
LOW, HIGH = 0.10, 0.90
_Ints = npt.NDArray[np.int64]
_Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Outlook:
    """Where a rate stands at the end of `day`, as seen now. `low` to `high` holds it in 80 of 100 cases.

    `leaving`, `leaving_misses`: subjects decided, and misses, that are in the window now and not then. `open`: subjects open now that are
    in the window then, and how many of them are `expected_misses`. `breach`: the share of futures in which the target is missed.
    """

    day: date
    mean: float
    low: float
    high: float
    worst_share: float
    breach: float
    leaving: int
    leaving_misses: int
    open: int
    expected_misses: float


def history(observations: pl.LazyFrame, dated_by: str, zone_of: Mapping[str, str], now: datetime) -> pl.DataFrame:
    """`HISTORY` of the observations (`OBSERVATIONS`) of one kind, as they stood at `now`; what came later is not looked at."""
    frame = observations.filter(pl.col("known_at") <= pl.lit(now, MICROS)).collect()
    at = frame[f"{dated_by}_at"]
    days = local_days(at.fill_null(frame["placed_at"]), frame["channel_id"], zone_of)
    moment = pl.lit(now, MICROS)
    decided = pl.coalesce("decided_at", "miss_from")
    outcome = pl.when(pl.col("outcome") == "open").then(pl.lit("miss", OUTCOMES)).otherwise("outcome")
    steps = {
        "known": (moment - pl.col("known_at")).dt.total_microseconds() // DAY_US,
        "decided": pl.when(decided <= moment).then((moment - decided).dt.total_microseconds() // DAY_US).otherwise(-1).fill_null(-1),
    }
    return (
        frame.lazy()
        .with_columns(days, outcome=outcome, **steps)
        .group_by(HISTORY.names()[:-1])
        .agg(n=pl.col("weight").sum())
        .sort(HISTORY.names())
        .collect()
    )


def outlook(past: pl.DataFrame, metric: Metric, current: Rate, today: date, horizon: int, seed: int = 0) -> Outlook | None:
    """Where a metric of a channel will stand in `horizon` days; None if there is no week of the past to learn from, or nothing to count.

    `past`: `HISTORY` of the channel and the metric's kind; `current`: its rate today.
    """
    book = _Book(past, today, metric)
    last = today + timedelta(days=horizon - metric.reporting_lag)
    usual = current.first == first_day(metric.window, current.last, metric.window.enough or 0)
    first = first_day(metric.window, last, (metric.window.enough or 0) if usual else 0)
    span = ((first - today).days, (last - today).days)
    moments = book.moments(horizon)
    if not len(moments):
        return None
    rng = np.random.default_rng(seed)
    weight = 0.5 ** (np.arange(len(moments)) / HALF_LIFE_WEEKS)
    new = np.stack([book.arrivals(int(k), horizon, span) for k in moments])  # week, day, (fine, missed)
    some = rng.choice(len(moments), (DRAWS, ERA_WEEKS), p=weight / weight.sum())
    picks = np.take_along_axis(some, rng.integers(0, ERA_WEEKS, (DRAWS, new.shape[1])), axis=1)
    came = new[picks, np.arange(new.shape[1])].sum(axis=1)
    fine, missed, expected, waiting = _open_today(book, moments, weight, horizon, span, rng)
    ok, misses = (
        held + came[:, place] + those for place, (held, those) in enumerate(zip(book.decided(0, span), (fine, missed), strict=True))
    )
    some_counted = ok + misses > 0
    if not some_counted.any():
        return None
    misses, total = misses[some_counted], (ok + misses)[some_counted]
    share = misses / total
    rate = share if metric.direction == "lower" else 1 - share
    totals, place = np.unique(total, return_inverse=True)
    over = misses > np.array([most_misses(int(one), metric) for one in totals])[place]
    now_ok, now_misses = book.decided(0, ((current.first - today).days, (current.last - today).days))
    staying = book.decided(0, ((first - today).days, (current.last - today).days))
    return Outlook(
        day=today + timedelta(days=horizon),
        mean=float(rate.mean()),
        low=float(np.quantile(rate, LOW)),
        high=float(np.quantile(rate, HIGH)),
        worst_share=float(np.quantile(share, HIGH)),
        breach=float(over.mean()),
        leaving=now_ok + now_misses - sum(staying),
        leaving_misses=now_misses - staying[1],
        open=waiting,
        expected_misses=expected,
    )


class _Book:
    """The history of one metric as arrays. A moment `k` is `k` days ago; the days `j` of a moment are counted from its own today."""

    def __init__(self, past: pl.DataFrame, today: date, metric: Metric) -> None:
        spec = SPECS[str(metric.computes), metric.unit]
        self.judges_open = spec.judges_open
        self.j = _days_from(past["day"], today)
        self.known, self.settled, self.n = (past[name].to_numpy().astype(np.int64) for name in ("known", "decided", "n"))
        code = past["outcome"].to_physical().to_numpy()
        self.is_ok, self.is_miss = code == 0, code == 1

    def moments(self, horizon: int) -> _Ints:
        """Days ago, in whole weeks, of which the next `horizon` days are over and the orders before them known; nearest first."""
        oldest = int(self.known.max()) if len(self.known) else 0
        first = -(-horizon // 7)
        return np.array([7 * week for week in range(first, first + WEEKS) if 7 * week <= oldest], np.int64)

    def decided(self, k: int, span: tuple[int, int]) -> tuple[int, int]:
        """Fine and missed in a window of a moment, of what was decided."""
        j = self.j + k
        rows = (self.known >= k) & (self.settled >= k) & (j >= span[0]) & (j <= span[1])
        return int(self.n[rows & self.is_ok].sum()), int(self.n[rows & self.is_miss].sum())

    def arrivals(self, k: int, horizon: int, span: tuple[int, int]) -> _Ints:
        """By day of the window: fine and missed `horizon` days after a moment, of what was not known at it."""
        j = self.j + k
        rows = np.flatnonzero((self.known < k) & (self.known >= k - horizon) & (j >= span[0]) & (j <= span[1]))
        decided = self.settled[rows] >= k - horizon
        fine = (decided & self.is_ok[rows]) | (~decided & self.judges_open)
        missed = decided & self.is_miss[rows]
        width = span[1] - span[0] + 1
        at = j[rows] - span[0]
        counts = [np.bincount(at, weights=self.n[rows] * held, minlength=width) for held in (fine, missed)]
        return np.stack(counts, axis=1).astype(np.int64)

    def waiting(self, k: int, span: tuple[int, int] | None = None) -> npt.NDArray[np.bool_]:
        """Rows that were known and open at a moment, and are in a window of it."""
        rows = (self.known >= k) & (self.settled < k)
        if span is not None:
            rows &= (self.j + k >= span[0]) & (self.j + k <= span[1])
        return rows

    def fates(self, k: int, horizon: int) -> _Floats:
        """By class of age: how many were open at a moment, and fine and missed `horizon` days later."""
        rows = self.waiting(k)
        decided = self.settled[rows] >= k - horizon
        fine = (decided & self.is_ok[rows]) | (~decided & self.judges_open)
        missed = decided & self.is_miss[rows]
        age = _age(self.j[rows] + k)
        return np.stack([np.bincount(age, weights=self.n[rows] * held, minlength=len(AGES) + 1) for held in (fine | True, fine, missed)], 1)


def _days_from(days: pl.Series, today: date) -> _Ints:
    days_away: _Ints = days.to_physical().to_numpy().astype(np.int64) - (today - date(1970, 1, 1)).days
    return days_away


def _age(j: _Ints) -> _Ints:
    age: _Ints = np.searchsorted(np.array(AGES), j, side="right").astype(np.int64)
    return age


def _open_today(
    book: _Book, moments: _Ints, weight: _Floats, horizon: int, span: tuple[int, int], rng: np.random.Generator
) -> tuple[_Ints, _Ints, float, int]:
    """Fine and missed of what is open today, by draw; the misses expected; how many are open."""
    rows = book.waiting(0, span)
    held = np.bincount(_age(book.j[rows]), weights=book.n[rows], minlength=len(AGES) + 1).astype(np.int64)
    fates = np.tensordot(weight, np.stack([book.fates(int(k), horizon) for k in moments]), axes=1)
    fine, missed, expected = np.zeros(DRAWS, np.int64), np.zeros(DRAWS, np.int64), 0.0
    near = fates.copy()  # an age and its neighbours: stands in where little was seen of an age
    near[1:] += fates[:-1]
    near[:-1] += fates[1:]
    often = (near[:, 2] + 0.05) / (near[:, 0] + 0.1)
    for place in np.flatnonzero(held).tolist():
        seen, good, bad = fates[place]
        share = rng.beta(bad + PRIOR * often[place], seen - bad + PRIOR * (1 - often[place]), DRAWS)
        lost = rng.binomial(held[place], share)
        missed += lost
        fine += rng.binomial(held[place] - lost, min(good / (seen - bad), 1.0) if seen > bad else 0.0)
        expected += float(held[place] * share.mean())
    return fine, missed, expected, int(held.sum())
