"""One gradient-boosted model over all series: what they have in common is learned once, from all of them.

The mean comes from LightGBM with a Tweedie loss, on demand relative to each series' scale; a second one learns how far demand strays
from it, on periods that the first had not seen. Both are trained on a sample of rows, so that training costs the same for a thousand
series and for a hundred thousand.
"""

import os
from dataclasses import dataclass
from types import ModuleType
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from forecasting.features import Features, Rows
from forecasting.panel import Panel

SAMPLE: Final = 300_000
ROUNDS: Final = 200
MOST_TARGET: Final = 200.0
"""Targets, in units of the scale, are cut at this. At 50, a fifth of what the least sold series sell by day would be lost."""
MEAN: Final[dict[str, Any]] = {
    "objective": "tweedie",
    "tweedie_variance_power": 1.2,
    "learning_rate": 0.05,
    "num_leaves": 63,
    "min_data_in_leaf": 500,
    "feature_fraction": 0.7,
    "bagging_fraction": 0.8,
    "bagging_freq": 1,
    "lambda_l2": 1.0,
}
COMMON: Final[dict[str, Any]] = {"verbosity": -1, "deterministic": True, "force_row_wise": True}
"""Threads are as many as there are, or as `OMP_NUM_THREADS` says."""


@dataclass(slots=True)
class Pooled:
    """A trained model of the mean."""

    booster: Any

    def of_table(self, table: NDArray[np.float32], scale: NDArray[np.float64]) -> NDArray[np.float64]:
        """Expected units of rows, from their features and scales."""
        units: NDArray[np.float64] = self.booster.predict(table) * scale
        return units


def library() -> ModuleType:
    """LightGBM, imported when it is needed, which takes seconds.

    Its threads then sleep while they wait for one another: spinning, on two cores that something else uses too, they take twenty times as
    long. It has to be set before it is loaded.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    import lightgbm

    module: ModuleType = lightgbm
    return module


def sample(panel: Panel, horizon: int, count: int, rng: np.random.Generator, since: int = 1, until: int | None = None) -> Rows:
    """Rows with a known target before period `until`, whose origins are `since` or later; recent ones oftener."""
    stop = panel.periods if until is None else until
    halves = 364.0 / panel.step
    draws = int(count * 1.6)
    target = np.arange(since, stop)
    weight = 0.5 ** ((stop - target) / halves)
    when = rng.choice(target, draws, p=weight / weight.sum())
    ahead = rng.integers(1, horizon + 1, draws)
    series = rng.integers(0, len(panel), draws)
    origin = when - ahead + 1
    good = (origin >= since) & (origin > panel.first[series]) & ~np.isnan(panel.y[series, when])
    at = np.flatnonzero(good)[:count]
    return Rows(series[at], origin[at], ahead[at])


def train(features: Features, rows: Rows, seed: int, rounds: int = ROUNDS, params: dict[str, Any] | None = None) -> Pooled:
    """A model of the mean from some rows."""
    lightgbm = library()
    scale = features.scale(rows)
    table, names = features.table(rows, scale)
    target = np.minimum(features.panel.y[rows.series, rows.target] / scale, MOST_TARGET)
    categorical = [name for name in names if name in ("category", "channel", "region")]
    data = lightgbm.Dataset(table, target, feature_name=names, categorical_feature=categorical, params={"verbosity": -1})
    booster = lightgbm.train({**MEAN, **COMMON, "seed": seed, **(params or {})}, data, num_boost_round=rounds)
    return Pooled(booster)
