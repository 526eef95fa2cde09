"""Level models: smoothing, TSB, moving average, seasonal naive. One pass over the periods for all series at once.

They have no parameters that are learned together, so that short, sparse and odd series each stand on their own history. On daily panels
demand is first divided by the weekday's share in its group, and multiplied by it again ahead.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from forecasting.panel import Panel

RATES: Final = (0.03, 0.08, 0.15, 0.3, 0.5)
"""Smoothing rates that are tried for each series."""

TSB_RATES: Final = (0.1, 0.05)
"""How fast TSB learns the size of a demand, and how often there is one."""

SHARED: Final = 28.0
"""Periods with demand from which on a series counts in full in what weekdays sell."""

EVEN: Final = 4.0
"""Weeks of one series whose weekdays are alike, which the weekdays of a few are mixed with; of twice as many they speak for themselves."""

Array = NDArray[np.float64]


def weekday_shares(panel: Panel) -> Array:
    """Mean demand of each weekday against the mean of all, over all series of a channel (or all): series x 7; ones on weekly panels."""
    shares = np.ones((len(panel), 7))
    if panel.step != 1:
        return shares
    codes = panel.statics.get("channel", np.zeros(len(panel), np.int32))
    weekday = (np.arange(panel.periods) + panel.start.weekday()) % 7
    for code in np.unique(codes):
        rows = panel.y[codes == code]
        there = ~np.isnan(rows)
        level = np.where(there, rows, 0.0).sum(axis=1, keepdims=True) / np.maximum(there.sum(axis=1, keepdims=True), 1)
        active = (level > 0)[:, 0]
        if not active.any():
            continue
        weight = np.minimum((np.nan_to_num(rows) > 0).sum(axis=1) / SHARED, 1.0)
        relative = np.divide(weight, level[:, 0], out=np.zeros(len(rows)), where=active) @ np.where(there, rows, 0.0)
        sums = np.bincount(weekday, relative, 7)
        counts = np.bincount(weekday, weight @ there, 7)
        even = np.maximum(EVEN - counts / 2.0, 0.0)
        mean = np.divide(sums + even, counts + even, out=np.ones(7), where=counts + even > 0)
        shares[codes == code] = mean / max(mean.mean(), 1e-9)
    return shares


def levels(panel: Panel, shares: Array, origins: Sequence[int]) -> dict[str, dict[int, Array]]:
    """The level of each series, by model and origin, without the weekday: "smoothing", "tsb", "average"."""
    wanted = sorted(set(origins))
    weekday = (np.arange(panel.periods) + panel.start.weekday()) % 7 if panel.step == 1 else np.zeros(panel.periods, int)
    by_name: dict[str, dict[int, Array]] = {"smoothing": {}, "tsb": {}, "average": {}}
    count = len(panel)
    level = np.full((len(RATES), count), np.nan)
    error = np.zeros((len(RATES), count))
    size, chance = np.full(count, np.nan), np.full(count, np.nan)
    window = 28 if panel.step == 1 else 8
    recent = np.full((window, count), np.nan)
    rates = np.array(RATES)[:, None]
    last = wanted[-1]
    for period in range(min(last, panel.periods) + 1):
        if period in wanted:
            best = np.argmin(error, axis=0)
            by_name["smoothing"][period] = np.nan_to_num(level[best, np.arange(count)])
            by_name["tsb"][period] = np.nan_to_num(size * chance)
            known = ~np.isnan(recent)
            by_name["average"][period] = np.where(known, recent, 0.0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
        if period == last or period == panel.periods:
            break
        share = shares[:, weekday[period]]
        y = np.where(share > 0.02, panel.y[:, period] / np.maximum(share, 0.02), np.nan)
        known = ~np.isnan(y)
        fresh = known & np.isnan(level[0])
        level[:, fresh] = y[fresh]
        off = np.where(known, y - level, 0.0)
        error = 0.99 * error + off**2
        level += rates * off
        sold = known & (y > 0)
        first = sold & np.isnan(size)
        size[first], chance[first] = y[first], 0.5
        size = np.where(sold & ~first, size + TSB_RATES[0] * (y - size), size)
        chance = np.where(known & ~first & ~np.isnan(size), chance + TSB_RATES[1] * (sold - chance), chance)
        recent[period % window] = y
    return by_name
