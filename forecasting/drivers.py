"""How demand follows what is known ahead (price, discount, holiday, event): a multiplier for each series and period.

Promotions have a model of their own where it can be learned (`forecasting.promotions`). Of all else, a ridge regression of log(1 + y) on
the covariates, within series, by category and drawn to that of all: common slopes say more of a price than one series' few changes. The
multiplier is 1 without promotions and at a series' mean covariates; levels are measured in units per multiplier, so that the mean of
promoted weeks is not taken for an ordinary level.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from forecasting.panel import Floats, Panel
from forecasting.promotions import Promotions, learned_multipliers
from forecasting.promotions import multipliers as promoted

DRAWN: Final = 200.0
"""Periods of all series that a category's slopes are mixed with."""

MOST: Final = 20.0
"""A multiplier is at most this and at least its inverse."""

FARTHEST: Final = 10.0
"""A logarithm beyond is taken for this."""


def multipliers(panel: Panel, until: int | None = None, law: Promotions | None = None) -> tuple[Floats | None, Promotions | None]:
    """Series x (periods + ahead); None without covariates that are known ahead. And how promotions act, where that can be learned.

    `until`: periods that are learned from; `law`: how promotions act, if it was learned before.
    """
    periods = panel.periods if until is None else until
    names = changing(panel)
    if not names:
        return None, None
    y = panel.y[:, :periods]
    law, driven = learned_multipliers(panel, periods) if law is None else (law, promoted(panel, law, periods))
    if driven is not None:
        names = [name for name in names if name != "discount"]
        y = y / driven[:, :periods] if names else y
    if names:
        others = np.exp(np.clip(_slopes(panel, names, y), -FARTHEST, FARTHEST)).astype(np.float32)
        driven = others if driven is None else driven * others
    return None if driven is None else np.clip(driven, np.float32(1.0 / MOST), np.float32(MOST)), law


def changing(panel: Panel) -> list[str]:
    """The covariates known ahead that were not always the same in the past: something can be learned of them."""
    past = {name: values[:, : panel.periods] for name, values in panel.known.items()}
    return [name for name, values in past.items() if np.fmax.reduce(values, axis=None) > np.fmin.reduce(values, axis=None)]


def _slopes(panel: Panel, names: list[str], y: Floats) -> NDArray[np.float64]:
    """What the covariates `names` add to the logarithm of demand, learned from its first periods `y`: series x (periods + ahead)."""
    periods = y.shape[1]
    known = ~np.isnan(y)
    count = np.maximum(known.sum(axis=1, keepdims=True), 1)
    logs = np.where(known, np.log1p(np.where(known, y, 0.0)), 0.0)
    logs = np.where(known, logs - logs.sum(axis=1, keepdims=True) / count, 0.0)
    deviations = []
    for name in names:
        x = panel.known[name]
        past = known & ~np.isnan(x[:, :periods])
        mean = np.where(past, x[:, :periods], 0.0).sum(axis=1, keepdims=True) / np.maximum(past.sum(axis=1, keepdims=True), 1)
        deviations.append(np.nan_to_num(x - mean).astype(np.float32))
    group = panel.statics.get("category", np.zeros(len(panel), np.int32))
    groups = int(group.max()) + 1
    together = np.zeros((groups, len(names), len(names)))
    with_demand = np.zeros((groups, len(names)))
    size = np.bincount(group, known.sum(axis=1), groups)
    for a, first in enumerate(deviations):
        here = np.where(known, first[:, :periods], 0.0)
        with_demand[:, a] = np.bincount(group, (here * logs).sum(axis=1, dtype=np.float64), groups)
        for b, second in enumerate(deviations[: a + 1]):
            sums = (here * second[:, :periods]).sum(axis=1, dtype=np.float64)
            together[:, a, b] = together[:, b, a] = np.bincount(group, sums, groups)
    all_together, all_with, total = together.sum(axis=0), with_demand.sum(axis=0), max(float(size.sum()), 1.0)
    small = np.eye(len(names)) * (np.trace(all_together) / len(names) * 1e-4 + 1e-9)
    slopes = np.stack(
        [
            np.linalg.solve(together[one] + DRAWN * all_together / total + small, with_demand[one] + DRAWN * all_with / total)
            for one in range(groups)
        ]
    )
    effect: NDArray[np.float64] = np.zeros(panel.known[names[0]].shape)
    for a, values in enumerate(deviations):
        effect += slopes[group, a][:, None] * values
    return effect
