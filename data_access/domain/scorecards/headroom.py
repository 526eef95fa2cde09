"""How many more misses a metric can take, when past ones leave its window, and whether that is safe. Whole numbers and fractions only.

With the denominator d fixed at the current window, m misses and the share L of misses that the target allows (for a metric where higher is
better, m = denominator - numerator and L = 1 - target), the most misses inside the target are

```
floor(L d)          where the target itself is met (<=, >=)
ceil(L d) - 1       where it is not (<, >)
```

but not above the metric's own cap. Headroom is what is left of that, `excess` what is beyond it.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from math import ceil, floor
from typing import Any, Final

import polars as pl

from data_access.domain.facts import MICROS
from data_access.domain.scorecards.rates import Rate, first_day, today
from data_access.domain.scorecards.registry import Metric

STATES: Final = ("safe", "watch", "breach", "no orders")
AHEAD_DAYS: Final = 7
ROLL_OFF: Final = pl.Schema({"day": pl.Date, "misses": pl.Int64, "leaves_on": pl.Date, "left": pl.Int64})
"""`leaves_on`: the first day whose window does not hold the misses of `day`; `left`: how many of now remain in the window then."""


URGENCIES: Final[Any] = pl.Enum(["overdue", "due today", "due later", "no deadline"])
AT_RISK: Final = pl.Schema(
    {
        "order_id": pl.Int64,
        "shipment_ref": pl.String,
        "shipment_id": pl.Int64,
        "weight": pl.Int64,
        "shipped_at": MICROS,
        "miss_from": MICROS,
        "urgency": URGENCIES,
        "misses": pl.Int64,  # further misses if this and all before it are missed; what is overdue is one already
        "tips": pl.Boolean,  # with it the target is breached
    }
)


@dataclass(frozen=True, slots=True)
class Headroom:
    """`further`: misses it can still take; `excess`: misses that must leave the window. Both None without a denominator."""

    further: int | None
    excess: int | None


def most_misses(denominator: int, metric: Metric) -> int:
    """The most misses with which the target is still met."""
    exact = metric.miss_limit * denominator
    inside = ceil(exact) - 1 if metric.strict else floor(exact)
    return inside if metric.extra_cap is None else min(inside, metric.extra_cap)


def headroom(misses: int, denominator: int, metric: Metric) -> Headroom:
    """Further misses before the target is breached."""
    if denominator == 0:
        return Headroom(None, None)
    left = most_misses(denominator, metric) - misses
    return Headroom(max(left, 0), max(-left, 0))


def state(current: Rate, metric: Metric, worst_share: float | None = None) -> str:
    """One of `STATES`. Watch: at the window's own pace of misses the headroom is used up within 7 days, or the outlook's interval crosses
    the target (`worst_share`: its upper bound as a share of misses).
    """
    room = headroom(current.misses, current.denominator, metric)
    if room.further is None:
        return "no orders"
    if room.excess:
        return "breach"
    days = (current.last - current.first).days + 1
    soon = current.misses > 0 and current.misses * AHEAD_DAYS >= room.further * days
    crosses = worst_share is not None and worst_share > metric.miss_limit
    return "watch" if soon or crosses else "safe"


def roll_off(misses_by_day: pl.DataFrame, current: Rate, metric: Metric) -> pl.DataFrame:
    """`ROLL_OFF` of the misses in the window of a rate. `misses_by_day`: `rates.DAILY`."""
    inside = misses_by_day.filter(pl.col("day").is_between(current.first, current.last), pl.col("miss") > 0).sort("day")
    usual = current.first == first_day(metric.window, current.last, metric.window.enough or 0)
    subjects = (metric.window.enough or 0) if usual else 0
    lag = timedelta(days=metric.reporting_lag)
    leaves = [_first_without(day, metric, subjects) + lag for day in inside["day"]]
    total = int(inside["miss"].sum())
    return inside.select("day", misses="miss", leaves_on=pl.Series(leaves, dtype=pl.Date), left=total - pl.col("miss").cum_sum())


def _first_without(day: date, metric: Metric, subjects: int) -> date:
    """The first last day of a window that begins after the day."""
    if metric.window.days is not None:
        return day + timedelta(days=metric.window.days)
    length = day - first_day(metric.window, day, subjects)
    end = day + length - timedelta(days=4)  # months differ by at most three days
    while first_day(metric.window, end, subjects) <= day:
        end += timedelta(days=1)
    return end


def at_risk(observations: pl.DataFrame, room: Headroom, now: datetime, zone: str | None) -> pl.DataFrame:
    """`AT_RISK`: the open observations of one channel and kind, the most urgent first, and which of them would tip the rate."""
    seen = observations.filter(pl.col("outcome") == "open").sort("miss_from", "order_id", "shipment_id", nulls_last=True)
    due = pl.col("miss_from").dt.convert_time_zone(zone or "UTC").dt.date()
    urgency = (
        pl.when(pl.col("miss_from").is_null())
        .then(pl.lit("no deadline", URGENCIES))
        .when(pl.col("miss_from") < pl.lit(now, MICROS))
        .then(pl.lit("overdue", URGENCIES))
        .when(due <= today(now, zone))
        .then(pl.lit("due today", URGENCIES))
        .otherwise(pl.lit("due later", URGENCIES))
    )
    further = pl.when(pl.col("urgency") == "overdue").then(0).otherwise("weight").cum_sum()
    return (
        seen.with_columns(urgency=urgency)
        .with_columns(misses=further)
        .with_columns(tips=(pl.col("misses") > (room.further or 0)) & (pl.col("urgency") != "overdue"))
        .select(AT_RISK.names())
    )
