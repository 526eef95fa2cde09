"""How many returns to expect by a day: by SKU, channel and reason, from what the other SKUs of the category do.

A *return* is here one row of `RETURNED`: units of one line come back together, so evidence counts rows, not units. One row per returned
line is best; where equal keys are added up, busy SKUs have fewer returns, and evidence is a little weaker. What is learned (delay, rates,
spread) is learned from returns received before the day, what is compared is received until its end.

- Delay. Share of a week's returns that are received by an age in days (from the Monday of shipping), by channel:
  `F(d) = prod_{j > d} (1 - r_j)`, `r_j` being returns of age j among those of age j or less, over weeks that are old enough to show both.
  That is the estimator of Lawless (1994), "Adjustments for reporting delays and the prediction of occurred but not reported events",
  Canadian Journal of Statistics 22(1), alias the chain ladder. A channel borrows `BORROWED` returns from all channels at each age.
- Exposure of a week: units shipped times `F(age)`, units whose return would be known by now.
- Rate of category x channel x reason: returns by exposure of the other SKUs, drawn to that of category x reason times the channel's own
  level by `BORROWED` returns, that one in turn to the rate of the reason over all categories.
- Season: in some weeks a whole category returns more (gifts in January). The expected returns of a week are multiplied by
  `(N + STEADY) / (E + STEADY)`, N returns and E expected of the other SKUs of category x reason in it and `NEARBY` weeks on either side;
  what one SKU has beyond `FAR` standard deviations in a week is cut off.
- Spread: SKUs differ by themselves. Their levels are taken as gamma with mean 1 and variance `v`, so that counts vary by
  `E + v E^2`; `v` is estimated by moments for each reason, residuals cut off at `VERY_FAR` standard deviations so that a SKU with a fault
  does not hide the next (Huber 1964, "Robust estimation of a location parameter", Annals of Mathematical Statistics 35), and is at least
  `LEAST_SPREAD`.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

WEEKS: Final = 52
"""Weeks of shipping that count, the day's own included."""

BORROWED: Final = 5.0
STEADY: Final = 20.0
NEARBY: Final = 2
"""Weeks before and after a week that tell its season."""

LEAST_SPREAD: Final = 0.02
FAR: Final = 3.0
VERY_FAR: Final = 5.0
ROUNDS: Final = 8
LITTLE: Final = 1e-9
WORTH: Final = 0.05
"""Expected returns of a stream below which it says nothing about the spread."""


@dataclass(frozen=True, slots=True)
class KnownReturns:
    """What is known on a day of the weeks that count: names of the axes (`skus`, `channels`, `reasons`), and sparse returns.

    `units` is shipped: SKU x channel x week. `category` by SKU. The rest by return: places on the axes, age in days when it was received
    (from the Monday of shipping), units, and whether it was received before the day.
    """

    skus: pl.Series
    channels: pl.Series
    reasons: pl.Series
    category: Ints
    units: Floats
    ages: Ints
    first_week: date
    sku: Ints
    channel: Ints
    reason: Ints
    week: Ints
    age: Ints
    count: Ints
    before: NDArray[np.bool_]


def known_returns(shipped: pl.DataFrame, returned: pl.DataFrame, categories: pl.DataFrame, as_of: date) -> KnownReturns:
    """Frames of `domain.returns.units` as arrays, until the end of a day.

    `categories` (sku, category) names each SKU once; SKUs that it lacks are left out, a category of null is one of its own. So are
    returns of a week in which nothing of the SKU was shipped on the channel.
    """
    monday = as_of - timedelta(days=as_of.weekday())
    first = monday - timedelta(weeks=WEEKS - 1)
    goods = categories.select("sku", "category").sort("sku")
    kept = pl.col("ship_week").is_between(first, as_of)
    sold = shipped.filter(kept & (pl.col("units") > 0))
    back = returned.filter(kept & (pl.col("received_on") <= as_of) & (pl.col("units") > 0))
    channels, reasons = sold["channel_id"].unique().sort(), back["reason"].unique().sort()
    week = (pl.col("ship_week") - first).dt.total_days() // 7
    sku, channel = _place("sku", goods["sku"]), _place("channel_id", channels)
    shape = (goods.height, len(channels), WEEKS)
    cells = sold.select(cell=(sku * len(channels) + channel) * WEEKS + week, units="units").drop_nulls()
    units = _added(cells["cell"].to_numpy(), cells["units"].to_numpy(), shape)
    rows = back.select(
        sku=sku,
        channel=channel,
        reason=_place("reason", reasons),
        week=week,
        age=(pl.col("received_on") - pl.col("ship_week")).dt.total_days().clip(0),
        units="units",
    ).drop_nulls()
    places = [rows[name].to_numpy() for name in rows.columns]
    is_known = units[places[0], places[1], places[3]] > 0
    sku_at, channel_at, reason_at, week_at, age_at, count = (place[is_known] for place in places)
    ages = (as_of - first).days - 7 * np.arange(WEEKS)
    return KnownReturns(
        skus=goods["sku"],
        channels=channels,
        reasons=reasons,
        category=goods["category"].rank("dense").fill_null(0).cast(pl.Int64).to_numpy(),
        units=units,
        ages=ages,
        first_week=first,
        sku=sku_at,
        channel=channel_at,
        reason=reason_at,
        week=week_at,
        age=age_at,
        count=count,
        before=age_at < ages[week_at],
    )


def _place(name: str, values: pl.Series) -> pl.Expr:
    """Where a column's text stands among `values`, null if nowhere."""
    return pl.col(name).cast(pl.Enum(values), strict=False).to_physical().cast(pl.Int64)


def _added(place: Ints, values: NDArray[Any], shape: tuple[int, int, int]) -> Floats:
    """Values added up by their place in an array of a shape."""
    sums = np.bincount(place, values, shape[0] * shape[1] * shape[2])
    return sums.reshape(shape).astype(np.float64, copy=False)


def received_share(known: KnownReturns) -> Floats:
    """Channel x age in days: the share of a week's returns that are received by that age; 1 where nothing is known beyond."""
    days, before = int(known.ages[0]) + 1, known.before
    shape = (len(known.channels), WEEKS, days)
    place = (known.channel[before] * WEEKS + known.week[before]) * days + known.age[before]
    counts = _added(place, np.ones(len(place)), shape)
    is_old_enough = known.ages[:, None] > np.arange(days)
    new, sofar = counts.sum(axis=1), (counts.cumsum(axis=2) * is_old_enough).sum(axis=1)
    pooled = new.sum(axis=0) / np.maximum(sofar.sum(axis=0), 1.0)
    hazard = (new + BORROWED * pooled) / (sofar + BORROWED)
    later = np.cumprod(1.0 - hazard[:, :0:-1], axis=1)[:, ::-1]
    share: Floats = np.concatenate([later, np.ones((shape[0], 1))], axis=1)
    return share


@dataclass(frozen=True, slots=True)
class ExpectedReturns:
    """By SKU x channel x week: `exposure`, units whose return would be known by now. By SKU x channel x reason: `rate` (returns by unit
    of exposure, of the other SKUs), `by_channel` (returns expected until the day before), `behind` (returns of the other SKUs that the rate
    rests on) and `units_each` (units of a return).

    `spread`: variance of SKUs' levels by reason, over all channels and on one.
    """

    exposure: Floats
    rate: Floats
    by_channel: Floats
    behind: Floats
    units_each: Floats
    spread: tuple[Floats, Floats]


def expected_returns(known: KnownReturns) -> ExpectedReturns:
    """What the delay and the other SKUs make one expect."""
    share = received_share(known)
    exposure = known.units * share[:, known.ages]
    yesterday = np.where(known.ages > 0, share[:, np.maximum(known.ages - 1, 0)], 0.0)
    seen = np.einsum("scw,cw->sc", known.units, yesterday)
    shape = (len(known.skus), len(known.channels), len(known.reasons))
    place = ((known.sku * shape[1] + known.channel) * shape[2] + known.reason)[known.before]
    returns = _added(place, np.ones(len(place)), shape)
    units = _added(place, known.count[known.before], shape)
    rate, behind = _rates(known.category, seen, returns)
    others = _others(known.category, units) + BORROWED * units.sum() / max(returns.sum(), 1.0)
    by_channel = rate * seen[:, :, None]
    spread = _spread(returns.sum(axis=1), by_channel.sum(axis=1))
    on_one = np.maximum(_spread(returns, by_channel), spread)  # a channel adds to what the SKU differs by
    return ExpectedReturns(exposure, rate, by_channel, behind, others / (behind + BORROWED), (spread, on_one))


@dataclass(frozen=True, slots=True)
class CategoryWeeks:
    """By category x reason x week: returns, those of a SKU cut off where they are far beyond its expected ones, and expected returns."""

    returns: Floats
    expected: Floats


def category_weeks(known: KnownReturns, expected: ExpectedReturns) -> CategoryWeeks:
    """Of all SKUs."""
    skus, channels, reasons = expected.rate.shape
    place = (known.sku * reasons + known.reason) * WEEKS + known.week
    counts = np.bincount(place, minlength=skus * reasons * WEEKS)
    at = np.flatnonzero(counts)
    sku, reason, week = at // (reasons * WEEKS), at // WEEKS % reasons, at % WEEKS
    each = np.zeros(len(at))
    for channel in range(channels):
        each += expected.rate[sku, channel, reason] * expected.exposure[sku, channel, week]
    categories = int(known.category.max(initial=0)) + 1
    group = (known.category[sku] * reasons + reason) * WEEKS + week
    returns = _added(group, cut_off(counts[at], each), (categories, reasons, WEEKS))
    total = np.zeros(returns.shape)
    for category in range(categories):
        members = known.category == category
        total[category] = expected.rate[members].reshape(-1, reasons).T @ expected.exposure[members].reshape(-1, WEEKS)
    return CategoryWeeks(returns, total)


def cut_off(returns: NDArray[Any], expected: Floats) -> Floats:
    """Returns of a SKU in a week, at most what is not far beyond the expected."""
    few: Floats = np.minimum(returns, expected + FAR * np.sqrt(expected) + 1.0)
    return few


def seasons(weeks: CategoryWeeks, category: Ints, reason: Ints, returns: Floats, expected: Floats) -> Floats:
    """By stream x week: what the season multiplies its expected returns by. `returns` and `expected`: of its SKU x reason by week."""
    others = weeks.returns[category, reason] - cut_off(returns, expected), weeks.expected[category, reason] - expected
    near, near_expected = (_nearby(np.maximum(one, 0.0)) for one in others)
    season: Floats = (near + STEADY) / (near_expected + STEADY)
    return season


def _nearby(weekly: Floats) -> Floats:
    """Sums over a week and those on either side."""
    sums = np.pad(weekly.cumsum(axis=1), ((0, 0), (NEARBY + 1, NEARBY)), mode="edge")
    sums[:, : NEARBY + 1] = 0.0
    near: Floats = sums[:, 2 * NEARBY + 1 :] - sums[:, : -2 * NEARBY - 1]
    return near


def _others(category: Ints, values: Floats) -> Floats:
    """Sum over the other SKUs of the category."""
    totals = np.zeros((int(category.max(initial=0)) + 1, *values.shape[1:]))
    np.add.at(totals, category, values)
    others: Floats = totals[category] - values
    return others


def _rates(category: Ints, seen: Floats, returns: Floats) -> tuple[Floats, Floats]:
    """By SKU x channel x reason: rate of the other SKUs, and the returns of theirs on the channel."""
    by_category = np.zeros((int(category.max(initial=0)) + 1, 2))
    np.add.at(by_category, category, np.stack([returns.sum(axis=(1, 2)), seen.sum(axis=1)], axis=1))
    own = by_category[:, 0] / np.maximum(by_category[:, 1], LITTLE)
    level = (returns.sum(axis=(0, 2)) + BORROWED) / (own[category] @ seen + BORROWED)
    weighed, by_reason = seen @ level, returns.sum(axis=1)
    elsewhere = np.maximum(weighed.sum() - weighed, LITTLE)[:, None]
    overall = np.minimum((by_reason.sum(axis=0) - by_reason + 0.5) / elsewhere, 1.0)  # 1 where there is no other SKU
    whole = (_others(category, by_reason) + BORROWED) / (_others(category, weighed)[:, None] + BORROWED / overall)
    behind = _others(category, returns)
    drawn_to = whole[:, None, :] * level[:, None]
    return (behind + BORROWED) / (_others(category, seen)[:, :, None] + BORROWED / drawn_to), behind


def _spread(returns: Floats, expected: Floats) -> Floats:
    """Variance of levels, by reason."""
    reasons = returns.shape[-1]
    at = np.flatnonzero(expected.ravel() > WORTH)
    mean, reason = expected.ravel()[at], at % reasons
    off, squares = np.abs(returns.ravel()[at] - mean), mean**2
    weight = np.maximum(np.bincount(reason, squares, reasons), LITTLE)
    variance = np.ones(reasons)
    for _ in range(ROUNDS):
        within = np.minimum(off, VERY_FAR * np.sqrt(mean + variance[reason] * squares) + 1.0)  # one return is never far
        variance = np.maximum(np.bincount(reason, within**2 - mean, reasons) / weight, LEAST_SPREAD)
    return variance
