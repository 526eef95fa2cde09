"""Lone days: what a series sold once, far above everything else that it ever sold, says little of what comes.

One order of 600 is an event of its own. Learned from as it is, it raises the series' level for weeks, is carried on by whatever repeats the
past, and reaches other series through all that is measured of several: totals, groups, weekdays. So no day of a series counts as more than
`FAR` times its usual largest, unless what is known ahead explains it.
"""

from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from forecasting.panel import Floats, Panel

FAR: Final = 3.0
"""How many times the usual largest day of a series a day may be before it is a lone one."""

FAR_OF_WEEKS: Final = 10.0
"""The same of weeks, whose peaks are orders of more than one buyer oftener: cut at three, all that is sold by week is expected too low."""

FAR_KNOWN: Final = 20.0
KNOWN: Final = 8
"""The same of a series with so many demands, in a panel that can be learned from: its peaks tell how far demand strays. There a day is no
lone one either if another was as large.
"""

USUAL: Final = 0.95
"""The usual largest day: this quantile of a series' days with demand, the largest left out."""

EXPLAINED: Final = 1.2
"""Multiplier (`forecasting.drivers`) from which on what is known ahead explains a day, however much it sold."""

LEAST_SIZES: Final = 3
"""Demands from which on a group's typical demand is known."""

PART: Final = 4_000
"""Series that are looked at together."""

Array = NDArray[np.float64]


def limits(panel: Panel, driven: Floats | None = None, learnable: bool = False) -> Array:
    """The most that a day of each series counts as, in units per multiplier; infinite where no day is a lone one.

    A series with one demand alone is measured by the middle demand (the geometric mean) of its category, else of all; where there is none,
    by one unit. `driven`: multipliers of each series and period; `learnable`: whether the panel can be learned from.
    """
    count = len(panel)
    usual, second, largest, demands_of = np.full(count, np.nan), np.zeros(count), np.zeros(count), np.zeros(count, np.int64)
    sizes, owner = [], []
    for start in range(0, count, PART):
        rows = slice(start, start + PART)
        y = _ordinary(panel.y[rows], None if driven is None else driven[rows, : panel.periods])
        demands_of[rows] = demands = (y > 0).sum(axis=1)
        top = max(int(demands.max(initial=0)), 2)
        ranked = -np.sort(-y, axis=1)[:, :top] if y.shape[1] >= top else -np.sort(-np.pad(y, ((0, 0), (0, top - y.shape[1]))), axis=1)
        largest[rows], second[rows] = ranked[:, 0], ranked[:, 1]
        several = np.flatnonzero(demands > 1)
        place = (demands[several] - 2) * (1.0 - USUAL)  # from the largest of the others down
        below, share = place.astype(np.int64), place - np.floor(place)
        others = ranked[several, 1 + below], ranked[several, np.minimum(2 + below, top - 1)]
        usual[start + several] = others[0] * (1.0 - share) + np.where(share > 0, others[1], 0.0) * share
        others_of = np.where((np.arange(top) > 0) & (ranked > 0))
        sizes.append(ranked[others_of])
        owner.append(start + others_of[0])
    typical = _typical(panel, np.concatenate(sizes), np.concatenate(owner), largest)
    far = np.where((demands_of >= KNOWN) & learnable, FAR_KNOWN, FAR if panel.step == 1 else FAR_OF_WEEKS)
    most = far * np.where(np.isnan(usual), typical, usual)
    if learnable:
        most = np.maximum(most, second)
    result: Array = np.where(largest > most, most, np.inf)
    return result


def calmed(panel: Panel, most: Array, driven: Floats | None = None) -> Panel:
    """The panel in which no unexplained day counts as more than `most` (`limits`). `driven`: as there."""
    lone = np.flatnonzero(np.isfinite(most))
    if not len(lone):
        return panel
    y = panel.y.copy()
    if driven is None:
        y[lone] = np.minimum(y[lone], most[lone, None])
    else:
        factor = driven[lone, : panel.periods]
        y[lone] = np.where(factor > EXPLAINED, y[lone], np.minimum(y[lone], most[lone, None] * factor))
    return replace(panel, y=y)


def _ordinary(y: Floats, driven: Floats | None) -> Floats:
    """Demand per multiplier of what is known and not explained by what is known ahead; 0 elsewhere."""
    if driven is None:
        return np.nan_to_num(y)
    return np.where(driven > EXPLAINED, np.float32(0.0), np.nan_to_num(y) / driven)


def _typical(panel: Panel, sizes: Array, owner: NDArray[np.int64], largest: Array) -> Array:
    """The middle demand of each series' category, else of all, each series' largest left out where enough remains."""
    if len(sizes) < LEAST_SIZES:
        once = largest[largest > 0]  # one of them may be the lone day: the median does not see it
        return np.full(len(panel), np.median(once) if len(once) >= LEAST_SIZES else 1.0)
    typical = np.full(len(panel), _middle(sizes))
    if "category" in panel.statics:
        codes = panel.statics["category"]
        of_size = codes[owner]
        order = np.argsort(of_size, kind="stable")
        bounds = np.searchsorted(of_size[order], np.arange(int(codes.max()) + 2))
        for code in np.flatnonzero(np.diff(bounds) >= LEAST_SIZES):
            typical[codes == code] = _middle(sizes[order[bounds[code] : bounds[code + 1]]])
    return typical


def _middle(sizes: Array) -> float:
    """The geometric mean: where units and packs are sold, one demand more does not turn it from one to the other, as it may a median."""
    return float(np.exp(np.log(sizes).mean()))
