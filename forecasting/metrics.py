"""How good forecasts are: pinball loss, bias, coverage."""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

QUANTILES: Final = (0.025, 0.1, 0.25, 0.5, 0.75, 0.9, 0.975)


def pinball(y: Array, forecasts: Array, quantiles: Sequence[float] = QUANTILES) -> Array:
    """Mean over quantiles of the pinball loss (Koenker and Bassett, 1978), row by row. `forecasts`: rows x quantiles."""
    off = y[:, None] - forecasts
    level = np.asarray(quantiles)[None, :]
    loss: Array = np.maximum(level * off, (level - 1.0) * off).mean(axis=1)
    return loss


def naive_scale(y: NDArray[np.floating[Any]], season: int) -> Array:
    """Mean absolute error of the seasonal naive forecast within each series (rows; NaN is skipped), at least 1 unit."""
    if y.shape[1] <= season:
        return np.ones(len(y))
    off = np.abs(y[:, season:] - y[:, :-season])
    known = ~np.isnan(off)
    count = known.sum(axis=1)
    mean = np.where(known, off, 0.0).sum(axis=1, dtype=np.float64) / np.maximum(count, 1)
    scale: Array = np.maximum(mean, 1.0)
    return scale
