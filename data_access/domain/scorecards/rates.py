"""Rates: observations counted by day, days summed over a window, the rate with its numerator and interval. Frames in, frames out.

A cell counts what became of the subjects of one channel, kind, unit and date on one local day. Cells of different orders add up, so that
what is kept for a month of orders need not be counted again until its facts change.
"""

import math
from calendar import monthrange
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

import polars as pl

from data_access.domain.scorecards.days import local_days
from data_access.domain.scorecards.observe import (
    COUNTED,
    EXCLUDED,
    KINDS,
    OBSERVATIONS,
    OPEN,
    OUTCOMES,
    REASONS,
    SPECS,
    Subjects,
    observe,
    outcome,
    reason,
    settle,
    status,
)
from data_access.domain.scorecards.registry import DATES, Metric, Window

DATED: Final[Any] = pl.Enum(list(DATES))
WANTED: Final = pl.Schema({"channel_id": pl.String, "kind": KINDS, "unit": COUNTED, "dated_by": DATED})
CELLS: Final = pl.Schema({**WANTED, "day": pl.Date(), "outcome": OUTCOMES, "reason": REASONS, "n": pl.Int64()})
"""`day` is the channel's own. What has no such date yet, or never will, is counted on the day it was placed."""
DAILY: Final = pl.Schema({"day": pl.Date, "ok": pl.Int64, "miss": pl.Int64, "open": pl.Int64, "excluded": pl.Int64})
ROLLING: Final = pl.Schema({"day": pl.Date, "numerator": pl.Int64, "denominator": pl.Int64, "misses": pl.Int64, "rate": pl.Float64})
FEW: Final = 100
"""A smaller denominator is called small: one miss more moves the rate by over a point."""
Z95: Final = 1.959963984540054
_KEY: Final = WANTED.names()


@dataclass(frozen=True, slots=True)
class Tally:
    """The cells of what is decided, and the observations that are still open. Neither depends on the time of day: keep it until the facts
    change, and ask `cells_at` for the cells of a moment.
    """

    cells: pl.DataFrame
    open: pl.DataFrame


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


def tally(found: Subjects, asked: pl.DataFrame, zone_of: Mapping[str, str]) -> Tally:
    """Count all subjects by what is asked (`WANTED`)."""
    cells, waiting = [CELLS.to_frame()], [OBSERVATIONS.to_frame()]
    days: dict[tuple[str, str], pl.Series] = {}
    for (kind, unit), part in asked.group_by("kind", "unit", maintain_order=True):
        frame = found.of(unit)
        state = frame.select(status=status(SPECS[kind, unit])).to_series()
        for (dated_by,), channels in part.group_by("dated_by", maintain_order=True):
            if (unit, dated_by) not in days:
                days[unit, dated_by] = local_days(_dated(frame, dated_by), frame["channel_id"], zone_of)
            counted = _count(frame["channel_id"], days[unit, dated_by], state, frame["weight"])
            ours = pl.col("channel_id").is_in(channels["channel_id"].implode())
            cells.append(_labelled(counted.filter(ours, pl.col("outcome") != "open"), kind, unit, dated_by))
        still = frame.filter((state == OPEN) & frame["channel_id"].is_in(part["channel_id"].implode()))
        waiting.append(observe(replace(found, **{f"{unit}s": still}), kind, unit).collect())
    return Tally(pl.concat(cells), pl.concat(waiting))


def _count(channel: pl.Series, day: pl.Series, state: pl.Series, weight: pl.Series) -> pl.DataFrame:
    """channel_id, day, outcome, reason, n. One number stands for the first three: grouping by it takes a third of the time."""
    width = EXCLUDED + len(REASONS.categories)
    assert isinstance(channel.dtype, pl.Enum)  # noqa: S101 - `subjects` made it one
    names = channel.dtype.categories
    columns = pl.DataFrame([channel.alias("channel_id"), day.alias("day"), state.alias("status"), weight.alias("n")])
    key = (pl.col("day").to_physical().cast(pl.Int64) * 1_000 + pl.col("channel_id").to_physical()) * width + pl.col("status")
    code, rest = (pl.col("key") % width).cast(pl.UInt8), pl.col("key") // width
    return (
        columns.lazy()
        .group_by(key=key)
        .agg(pl.col("n").sum())
        .select(
            channel_id=pl.lit(names).gather(rest % 1_000),
            day=(rest // 1_000).cast(pl.Int32).cast(pl.Date),
            outcome=outcome(code),
            reason=reason(code),
            n="n",
        )
        .collect()
    )


def _dated(frame: pl.DataFrame, dated_by: str) -> pl.Series:
    """The moment that dates each subject."""
    return frame[f"{dated_by}_at"].fill_null(frame["placed_at"]) if frame[f"{dated_by}_at"].null_count() else frame[f"{dated_by}_at"]


def _labelled(counted: pl.DataFrame, kind: str, unit: str, dated_by: str) -> pl.DataFrame:
    return counted.with_columns(kind=pl.lit(kind, KINDS), unit=pl.lit(unit, COUNTED), dated_by=pl.lit(dated_by, DATED)).select(
        CELLS.names()
    )


def cells_at(counted: Tally, asked: pl.DataFrame, now: datetime, zone_of: Mapping[str, str]) -> pl.DataFrame:
    """`CELLS` with what is open judged at a moment; what cannot be judged yet stays `open`."""
    waiting = settle(counted.open.lazy(), now).collect().join(asked, on=["channel_id", "kind", "unit"])
    found = [counted.cells]
    for (dated_by,), part in waiting.group_by("dated_by"):
        days = local_days(_dated(part, str(dated_by)), part["channel_id"], zone_of)
        found.append(part.with_columns(days).group_by(CELLS.names()[:-1]).agg(n=pl.col("weight").sum()).select(CELLS.names()))
    return pl.concat(found).group_by(CELLS.names()[:-1]).agg(pl.col("n").sum())


def of_metric(cells: pl.DataFrame, channel_id: str, metric: Metric) -> pl.DataFrame:
    """The cells that a metric of a channel sums up."""
    return cells.filter(
        pl.col("channel_id") == channel_id,
        pl.col("kind") == metric.computes,
        pl.col("unit") == metric.unit,
        pl.col("dated_by") == metric.dated_by,
    )


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
    first = first_day(metric.window, last, _judged(cells, first_day(metric.window, last, metric.window.enough or 0), last))
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
    found = days.join(cells.group_by("day").agg(counts), on="day", how="left", maintain_order="left")
    return found.with_columns(pl.col(DAILY.names()[1:]).fill_null(0)).select(DAILY.names())


def rolling(cells: pl.DataFrame, metric: Metric, first: date, last: date) -> pl.DataFrame:
    """`ROLLING`: the rate of a metric as seen on each local day from first to last, by what is known now. Null without a denominator."""
    lag = timedelta(days=metric.reporting_lag)
    longest = first_day(metric.window, first - lag)
    sums = daily(cells, longest - timedelta(days=1), last).with_columns(pl.col("ok", "miss").cum_sum())
    ends = pl.DataFrame({"day": pl.date_range(first, last, eager=True)}).with_columns(end=pl.col("day") - lag)

    def starts(subjects: int) -> pl.Series:
        return pl.Series([first_day(metric.window, end, subjects) - timedelta(days=1) for end in ends["end"]], dtype=pl.Date)

    def summed(before: pl.Series) -> pl.DataFrame:
        until = ends.select(day="end").join(sums, on="day", how="left", maintain_order="left")
        since = pl.DataFrame({"day": before}).join(sums, on="day", how="left", maintain_order="left")
        return pl.DataFrame({name: until[name] - since[name] for name in ("ok", "miss")})

    found = summed(starts(metric.window.enough or 0))
    if metric.window.fallback_months is not None:
        few = (found["ok"] + found["miss"]) < (metric.window.enough or 0)
        found = found.with_columns(few=few, more=pl.struct(summed(starts(0)))).select(
            pl.when("few").then(pl.col("more").struct.field(name)).otherwise(name).alias(name) for name in ("ok", "miss")
        )
    numerator, total = pl.col("miss" if metric.direction == "lower" else "ok"), pl.col("ok") + pl.col("miss")
    return ends.select("day").hstack(
        found.select(numerator=numerator, denominator=total, misses="miss", rate=pl.when(total > 0).then(numerator / total))
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
