"""Rates: observations counted by day, days summed over a window, the rate with its numerator and interval. Frames in, frames out.

A cell counts what became of the subjects of one channel, kind, unit and date on one local day. Cells of different orders add up, so that
what is kept for a month of orders need not be counted again until its facts change.
"""

import math
from calendar import monthrange
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import polars as pl

from data_access.domain.facts import MICROS
from data_access.domain.scorecards.days import local_days
from data_access.domain.scorecards.observe import (
    COUNTED,
    EXCLUDED,
    KINDS,
    OPEN,
    OUTCOMES,
    REASONS,
    SPECS,
    Spec,
    judged,
    outcome,
    reason,
    status,
)
from data_access.domain.scorecards.registry import DATES, Metric, Window
from data_access.domain.scorecards.subjects import NOT_YET, Subjects

DATED: Final[Any] = pl.Enum(list(DATES))
WANTED: Final = pl.Schema({"channel_id": pl.String, "kind": KINDS, "unit": COUNTED, "dated_by": DATED})
CELLS: Final = pl.Schema({**WANTED, "day": pl.Date(), "outcome": OUTCOMES, "reason": REASONS, "n": pl.Int64()})
"""`day` is the channel's own. What has no such date yet, or never will, is counted on the day it was placed."""
TALLY: Final = pl.Schema({**{name: kind for name, kind in CELLS.items() if name != "n"}, "miss_from": MICROS, "n": pl.Int64})
"""Cells in which what is open is told apart by when it becomes a miss: so they hold at any moment. Those of different orders add up."""
DAILY: Final = pl.Schema({"day": pl.Date, "ok": pl.Int64, "miss": pl.Int64, "open": pl.Int64, "excluded": pl.Int64})
ROLLING: Final = pl.Schema({"day": pl.Date, "numerator": pl.Int64, "denominator": pl.Int64, "misses": pl.Int64, "rate": pl.Float64})
FEW: Final = 100
"""A smaller denominator is called small: one miss more moves the rate by over a point."""
Z95: Final = 1.959963984540054
_KEY: Final = WANTED.names()


@dataclass(frozen=True, slots=True)
class Rate:
    """A metric of a channel at a moment. `first` to `last` are the local days of its window, both included.

    `rate`, `low` and `high` (the Wilson interval, 95 %) are null without a denominator. `numerator` is what the metric's name says: misses
    where lower is better, else the others. `open`: not judged yet, in neither. `excluded`: how many, by reason.
    """

    first: date
    last: date
    numerator: int
    denominator: int
    misses: int
    open: int
    excluded: Mapping[str, int]
    rate: float | None
    low: float | None
    high: float | None

    @property
    def is_small(self) -> bool:
        """The denominator is too small for the rate to say much."""
        return self.denominator < FEW

    @property
    def is_matured(self) -> bool:
        """Nothing in the window is still to be judged."""
        return self.open == 0


def wanted(metrics: Mapping[str, Sequence[Metric]]) -> pl.DataFrame:
    """`WANTED`: what must be counted for the metrics of each channel."""
    rows = {
        (channel, metric.computes, metric.unit, metric.dated_by)
        for channel, theirs in metrics.items()
        for metric in theirs
        if metric.computes
    }
    return pl.DataFrame(sorted(rows), WANTED, orient="row")


def tally(subjects: Subjects, asked: pl.DataFrame, zone_of: Mapping[str, str]) -> pl.DataFrame:
    """`TALLY` of all subjects by what is asked (`WANTED`): it does not depend on the time of day, so keep it until the facts change."""
    cells = [TALLY.to_frame()]
    days: dict[tuple[str, str], pl.Series] = {}
    for (kind, unit), part in asked.group_by("kind", "unit", maintain_order=True):
        frame, spec = subjects.of(unit), SPECS[kind, unit]
        state = frame.select(status=status(spec)).to_series()
        for (dated_by,), channels in part.group_by("dated_by", maintain_order=True):
            if (unit, dated_by) not in days:
                days[unit, dated_by] = local_days(_dated(frame, dated_by), frame["channel_id"], zone_of)
            counted = _count(frame["channel_id"], days[unit, dated_by], state, frame["weight"])
            waiting = _waiting(frame, days[unit, dated_by], state, spec)
            ours = pl.col("channel_id").is_in(channels["channel_id"].implode())
            cells += [_labelled(counts.filter(ours), kind, unit, dated_by) for counts in (counted, waiting)]
    return pl.concat(cells)


def _waiting(frame: pl.DataFrame, day: pl.Series, state: pl.Series, spec: Spec) -> pl.DataFrame:
    """channel_id, day, outcome, reason, miss_from, n of what is open."""
    return (
        frame.lazy()
        .with_columns(day.alias("day"))
        .filter(state == OPEN)
        .select("channel_id", "day", "weight", miss_from=spec.miss_at)
        .group_by(pl.col("channel_id").cast(pl.String), "day", miss_from=pl.when(pl.col("miss_from") < NOT_YET).then("miss_from"))
        .agg(n=pl.col("weight").sum())
        .with_columns(outcome=pl.lit("open", OUTCOMES), reason=pl.lit(None, REASONS))
        .collect()
    )


def _count(channel: pl.Series, day: pl.Series, state: pl.Series, weight: pl.Series) -> pl.DataFrame:
    """channel_id, day, outcome, reason, miss_from, n of what is decided. Channel, day and status are few: one number stands for all three,
    and counting numbers takes a tenth of the time of grouping rows.
    """
    assert isinstance(channel.dtype, pl.Enum)  # noqa: S101 - `subjects` made it one
    names, width = channel.dtype.categories, EXCLUDED + len(REASONS.categories)
    days = day.to_physical()
    first = int(days.min() or 0)  # type: ignore[arg-type]
    key = ((days.to_numpy().astype(np.int64) - first) * len(names) + channel.to_physical().to_numpy()) * width + state.to_numpy()
    counts = np.bincount(key, weights=weight.to_numpy()) if len(key) else np.zeros(0)
    occupied = np.flatnonzero(counts)
    occupied = occupied[occupied % width != OPEN]
    rest, status_of = np.divmod(occupied, width)
    code = pl.Series(status_of, dtype=pl.UInt8)
    return pl.select(
        channel_id=pl.lit(names).gather(pl.Series(rest % max(len(names), 1))),
        day=pl.Series(first + rest // max(len(names), 1)).cast(pl.Int32).cast(pl.Date),
        outcome=outcome(pl.lit(code)),
        reason=reason(pl.lit(code)),
        miss_from=pl.lit(None, MICROS),
        n=pl.Series(counts[occupied]).cast(pl.Int64),
    )


def _dated(frame: pl.DataFrame, dated_by: str) -> pl.Series:
    """The moment that dates each subject."""
    return frame[f"{dated_by}_at"].fill_null(frame["placed_at"]) if frame[f"{dated_by}_at"].null_count() else frame[f"{dated_by}_at"]


def _labelled(counted: pl.DataFrame, kind: str, unit: str, dated_by: str) -> pl.DataFrame:
    return counted.with_columns(kind=pl.lit(kind, KINDS), unit=pl.lit(unit, COUNTED), dated_by=pl.lit(dated_by, DATED)).select(
        TALLY.names()
    )


def cells_at(counted: pl.DataFrame, now: datetime) -> pl.DataFrame:
    """`CELLS` of a `TALLY` with what is open judged at a moment; what cannot be judged yet stays `open`."""
    return counted.with_columns(outcome=judged(now)).group_by(CELLS.names()[:-1]).agg(pl.col("n").sum())


def of_metric(cells: pl.DataFrame, channel_id: str, metric: Metric) -> pl.DataFrame:
    """The cells that a metric of a channel sums up."""
    return cells.filter(
        pl.col("channel_id") == channel_id,
        pl.col("kind") == metric.computes,
        pl.col("unit") == metric.unit,
        pl.col("dated_by") == metric.dated_by,
    )


def by_metric(cells: pl.DataFrame) -> dict[tuple[object, ...], pl.DataFrame]:
    """The cells by channel, kind, unit and date, as `key_of` names what a metric sums up."""
    return cells.partition_by(_KEY, as_dict=True)


def key_of(channel_id: str, metric: Metric) -> tuple[object, ...]:
    """Where `by_metric` has the cells of a metric of a channel."""
    return channel_id, metric.computes, metric.unit, metric.dated_by


def today(now: datetime, zone: str | None) -> date:
    """The calendar day of a moment in a channel's time zone; in UTC if it has none."""
    return now.astimezone(ZoneInfo(zone) if zone else UTC).date()


def months_before(day: date, months: int) -> date:
    """The same day of an earlier month, or that month's last."""
    year, month = divmod(day.year * 12 + day.month - 1 - months, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


def first_day(window: Window, last: date, subjects: int = 0) -> date:
    """The first day of a window that ends on `last`. `subjects`: how many its usual months hold, where it has a fallback."""
    if window.days is not None:
        return last - timedelta(days=window.days - 1)
    months = window.months or 0
    if window.fallback_months is not None and subjects < (window.enough or 0):
        months = window.fallback_months
    return months_before(last, months) + timedelta(days=1)


def rate(cells: pl.DataFrame, metric: Metric, day: date) -> Rate:
    """The rate of a metric, seen on a local day, from its cells (`of_metric`)."""
    last = day - timedelta(days=metric.reporting_lag)
    first = first_day(metric.window, last, metric.window.enough or 0)
    if metric.window.fallback_months is not None:
        first = first_day(metric.window, last, _judged(cells, first, last))
    window = cells.filter(pl.col("day").is_between(first, last))
    counts = dict(window.group_by("outcome").agg(pl.col("n").sum()).iter_rows())
    ok, misses = counts.get("ok", 0), counts.get("miss", 0)
    numerator, denominator = misses if metric.direction == "lower" else ok, ok + misses
    low, high = wilson(numerator, denominator)
    excluded = window.filter(pl.col("outcome") == "excluded").group_by("reason").agg(pl.col("n").sum()).sort("reason")
    share = numerator / denominator if denominator else None
    return Rate(first, last, numerator, denominator, misses, counts.get("open", 0), dict(excluded.iter_rows()), share, low, high)


def inside(observations: pl.DataFrame, metric: Metric, current: Rate, zone_of: Mapping[str, str]) -> pl.DataFrame:
    """The observations of a metric's kind, judged by `settle`, in the window of a rate, with their `day`: the orders behind the figure."""
    days = local_days(_dated(observations, metric.dated_by), observations["channel_id"], zone_of)
    return observations.with_columns(days).filter(pl.col("day").is_between(current.first, current.last))


def _judged(cells: pl.DataFrame, first: date, last: date) -> int:
    return int(cells.filter(pl.col("day").is_between(first, last), pl.col("outcome").is_in(["ok", "miss"]))["n"].sum())


def daily(cells: pl.DataFrame, first: date, last: date) -> pl.DataFrame:
    """`DAILY`: the cells of a metric, a row for every day from first to last, days without any as well."""
    counts = [pl.col("n").filter(pl.col("outcome") == name).sum().alias(name) for name in DAILY.names()[1:]]
    days = pl.DataFrame({"day": pl.date_range(first, last, eager=True)})
    counted = days.join(cells.group_by("day").agg(counts), on="day", how="left", maintain_order="left")
    return counted.with_columns(pl.col(DAILY.names()[1:]).fill_null(0)).select(DAILY.names())


def rolling(cells: pl.DataFrame, metric: Metric, first: date, last: date) -> pl.DataFrame:
    """`ROLLING`: the rate of a metric as seen on each local day from first to last, by what is known now. Null without a denominator."""
    lag = timedelta(days=metric.reporting_lag)
    before = first_day(metric.window, first - lag) - timedelta(days=1)
    sums = np.zeros((2, (last - before).days + 1), np.int64)  # fine and missed, by day
    judged = cells.filter(pl.col("outcome").is_in(["ok", "miss"]), pl.col("day").is_between(before, last, closed="right"))
    place = judged["day"].to_physical().to_numpy() - (before - date(1970, 1, 1)).days
    np.add.at(sums, ((judged["outcome"] == "miss").to_numpy().astype(np.int64), place), judged["n"].to_numpy())
    np.cumsum(sums, axis=1, out=sums)
    days = [first + timedelta(days=ahead) for ahead in range((last - first).days + 1)]
    ends = np.array([(day - lag - before).days for day in days])

    def summed(subjects: int) -> npt.NDArray[np.int64]:
        starts = np.array([(first_day(metric.window, day - lag, subjects) - before).days - 1 for day in days])
        return sums[:, ends] - sums[:, starts]

    in_window = summed(metric.window.enough or 0)
    if metric.window.fallback_months is not None:
        in_window = np.where(in_window.sum(axis=0) < (metric.window.enough or 0), summed(0), in_window)
    ok, misses = pl.Series("ok", in_window[0]), pl.Series("misses", in_window[1])
    total, numerator = ok + misses, misses if metric.direction == "lower" else ok
    return pl.DataFrame({"day": days, "numerator": numerator, "denominator": total, "misses": misses}).with_columns(
        rate=pl.when(pl.col("denominator") > 0).then(pl.col("numerator") / pl.col("denominator"))
    )


def wilson(numerator: int, denominator: int, z: float = Z95) -> tuple[float | None, float | None]:
    """The Wilson score interval of a share, 95 % by default; (None, None) without a denominator.

    E. B. Wilson, "Probable inference, the law of succession, and statistical inference", JASA 22 (1927), p. 209-212.
    """
    if denominator == 0:
        return None, None
    share = numerator / denominator
    scale = 1 + z * z / denominator
    middle = (share + z * z / (2 * denominator)) / scale
    half = z / scale * math.sqrt(share * (1 - share) / denominator + z * z / (4 * denominator * denominator))
    return max(middle - half, 0.0) if numerator else 0.0, min(middle + half, 1.0) if numerator < denominator else 1.0
