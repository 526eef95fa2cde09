"""What each series would be expected to sell without any promotion: the base that the effects of promotions are measured from.

From *ordinary* days alone: known, without a promotion of the SKU on any channel, and no rush. The base is

    rate x weekday of the channel x season of the category x level of the SKU x level of the series

where the rate is the series' mean over its whole past, and the two levels are what the SKU, and the series beside its SKU, sold within
`AROUND` days of the day against what the terms before let expect, drawn to 1 by `PRIOR` units (the mean of a gamma posterior). Channels of
a SKU that sells slowly so follow their SKU, and one that sells fast follows itself.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from forecasting.features import YEAR
from forecasting.panel import Panel

AROUND: Final = 28
"""Days on either side that a level is measured on."""

PRIOR: Final = 10.0
"""Units that a level is drawn to 1 with."""

SMOOTHED: Final = 7
"""Days on either side that a season is the mean of."""

RUSH: Final = (3.0, 5.0)
"""A day on which more sells than so many units and so many times what is expected is a rush: it tells nothing of the ordinary."""

ROUNDS: Final = 3
"""Rates and seasons are measured in turn so many times."""

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]
Index = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Baseline:
    """The base of some series. `expected`: units, series x (periods + ahead), 0 before a series began; `spread`: variance of how good a
    day is for a SKU, against a mean of 1, shared by its channels.
    """

    expected: Array
    spread: float


def baseline(panel: Panel, sku: Index, week: Array, promoted: Flags, until: int) -> Baseline:
    """The base of the series of one category.

    Args:
        panel: they alone, daily, with the static `channel`, sorted by SKU.
        sku: the number of each series' SKU.
        week: demand of each weekday, Monday first, against the mean of all: series x 7.
        promoted: series x (periods + ahead): its SKU is promoted somewhere.
        until: periods that are looked at; the base of those from there on rests on the last levels and last year's season.

    """
    days = np.arange(panel.periods + panel.ahead)
    week = np.where(days >= panel.first[:, None], week[:, (days + panel.start.weekday()) % 7], 0.0)
    starts = np.flatnonzero(np.diff(sku, prepend=-1))
    known = ~np.isnan(panel.y[:, :until]) & ~promoted[:, :until]
    y = np.where(known, panel.y[:, :until], 0.0).astype(np.float64)
    channel = panel.statics["channel"]
    ordinary = known & ~rush(y, _expected(y, known, week, channel, starts)[:, :until])
    y[~ordinary] = 0.0
    expected = _expected(y, ordinary, week, channel, starts)
    return Baseline(expected, _spread(y, expected[:, :until] * ordinary, starts))


def rush(y: Array, expected: Array) -> Flags:
    """Where more was sold than promotions and luck explain."""
    return y > RUSH[0] + RUSH[1] * expected


def _expected(y: Array, ordinary: Flags, week: Array, channel: NDArray[np.int32], starts: Index) -> Array:
    """The base from demand on ordinary days (0 elsewhere)."""
    until, periods = y.shape[1], week.shape[1]
    open_days = week[:, :until] * ordinary
    units, units_a_day, season = y.sum(axis=1), y.sum(axis=0), np.ones(periods)
    of_channel = (np.bincount(channel, units) + 0.5) / (np.bincount(channel, open_days.sum(axis=1)) + 0.5)
    for _ in range(ROUNDS):
        there = open_days @ season[:until]
        # half a unit more, at the mean rate of the category on the channel: nothing is impossible
        rate = np.where(there > 0, (units + 0.5) / (there + 0.5 / of_channel[channel]), 0.0)
        season = _season(units_a_day, rate @ open_days, periods)
    open_days *= rate[:, None] * season[:until]
    sold, awaited = _sums(y, AROUND, periods), _sums(open_days, AROUND, periods)
    count = np.diff(starts, append=len(y))
    levels = np.repeat((np.add.reduceat(sold, starts) + PRIOR) / (np.add.reduceat(awaited, starts) + PRIOR), count, axis=0)
    expected: Array = week * (rate[:, None] * season) * levels * (sold + PRIOR) / (levels * awaited + PRIOR)
    return expected


def _season(y: Array, awaited: Array, periods: int) -> Array:
    """Demand of all series together by day against what their rates let expect, smoothed; ahead as a year before, at the height of now."""
    until = len(y)
    past = (_sums(y, SMOOTHED, until) + 1.0) / (_sums(awaited, SMOOTHED, until) + 1.0)
    now, year = past[-AROUND:].mean(), YEAR[1]
    if until < year + AROUND:
        return np.concatenate([past, np.full(periods - until, now)])
    then = past[-year - AROUND : -year].mean()
    return np.concatenate([past, np.resize(past[-year:], periods - until) * now / then])


def _sums(values: Array, reach: int, periods: int) -> Array:
    """Sums along the last axis within `reach` days of each day; of days after the last one, as of that."""
    last = values.shape[-1]
    running = np.zeros((*values.shape[:-1], last + 2 * reach + 1))
    running[..., reach + 1 : reach + 1 + last] = values
    np.cumsum(running, axis=-1, out=running)
    sums = np.empty((*values.shape[:-1], periods))
    np.subtract(running[..., 2 * reach + 1 :], running[..., :last], out=sums[..., :last])
    sums[..., last:] = sums[..., last - 1, None]
    return sums


def _spread(y: Array, expected: Array, starts: Index) -> float:
    """Variance of the SKUs' days beyond that of counts, from squared errors of their sums over channels."""
    sold, awaited = np.add.reduceat(y, starts), np.add.reduceat(expected, starts)
    beyond = ((sold - awaited) ** 2 - sold).sum()
    return float(np.clip(beyond / max((awaited**2).sum(), 1e-9), 0.01, 2.0))
