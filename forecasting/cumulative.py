"""Demand summed over the days ahead: what a reorder point stands on.

The sum's mean is the sum of means. Its variance is not the sum of variances: days that are forecast too low follow one another. How much
more it is, by kind of series and length, is learned on the last horizon of the history, forecast from what was known before it; there the
sum's quantiles are calibrated too, as single periods are (`forecasting.distribution`).
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from forecasting.distribution import Calibration, calibrate, quantiles_of, transform, uncalibrated
from forecasting.engine import Context, Predicted, fit, predict
from forecasting.panel import Panel
from forecasting.segments import SEGMENTS, THIRDS, kinds, segment

Array = NDArray[np.float64]
Codes = NDArray[np.int64]

LEAST_HISTORY: Final = 3
"""Horizons of history below which nothing is learned: sums then are as if days were independent."""

MOST_SERIES: Final = 8_000
KINDS: Final = SEGMENTS // THIRDS
DRAWN: Final = 50.0
"""Series of all kinds that a kind's ratio is mixed with."""

MOST_RATIO: Final = 50.0


@dataclass(frozen=True, slots=True)
class Cumulative:
    """What was learned of sums. `ratios`: their variance over that of independent periods, kinds x periods ahead; `calibration`: by
    segment, the third being that of the sum's last period.
    """

    ratios: Array
    calibration: Calibration
    whole: bool


def learn(panel: Panel, horizon: int, seed: int) -> Cumulative:
    """Learn of sums from the last `horizon` periods of a panel, as they were to be expected before them."""
    known = panel.y[~np.isnan(panel.y)]
    whole = bool((np.abs(known - np.round(known)) < 1e-4).mean() > 0.98) if len(known) else True
    cut = panel.periods - horizon
    began = np.flatnonzero(panel.first < cut)
    if cut < (LEAST_HISTORY - 1) * horizon or not len(began):
        return Cumulative(np.ones((KINDS, horizon)), uncalibrated(SEGMENTS), whole)
    rng = np.random.default_rng(seed)
    if len(began) > MOST_SERIES:
        began = np.sort(rng.choice(began, MOST_SERIES, replace=False))
    before = panel.take(began, cut)
    context = Context.of(before)
    fitted = fit(before, horizon, seed, context=context)
    predicted = predict(fitted, before, context, horizon)
    y = panel.y[began, cut:].astype(np.float64)
    is_known = np.cumsum(np.isnan(y), axis=1) == 0
    came = np.cumsum(np.nan_to_num(y), axis=1)
    mean, variance = _independent(predicted)
    usable = is_known & (mean > 0)
    kind = kinds(before)
    squares = np.where(usable, np.minimum((came - mean) ** 2 / np.maximum(variance, 1e-9), MOST_RATIO), 0.0)
    sums, counts = np.zeros((KINDS, horizon)), np.zeros((KINDS, horizon))
    np.add.at(sums, kind, squares)
    np.add.at(counts, kind, usable)
    pooled = sums.sum(axis=0) / np.maximum(counts.sum(axis=0), 1.0)
    ratios = np.maximum((sums + DRAWN * pooled) / (counts + DRAWN), 0.2)
    alpha = _alpha(mean, variance * ratios[kind])
    ahead = np.broadcast_to(np.arange(1, horizon + 1), mean.shape)
    code = segment(np.repeat(kind, horizon), ahead.ravel(), horizon)
    chosen = usable.ravel()
    luck = rng.random(int(chosen.sum()))
    levels = transform(came.ravel()[chosen], mean.ravel()[chosen], alpha.ravel()[chosen], luck)
    return Cumulative(ratios, calibrate(levels, code[chosen], SEGMENTS, THIRDS), whole)


def quantiles(learned: Cumulative, predicted: Predicted, kind: Codes, levels: tuple[float, ...]) -> tuple[Array, Array]:
    """Sums from the first period ahead to each: their means (series x horizon) and quantiles (series x horizon x levels).

    `kind`: of each series (`segments.kinds`). Neither ever falls with the horizon.
    """
    mean, variance = _independent(predicted)
    horizon = mean.shape[1]
    alpha = _alpha(mean, variance * learned.ratios[kind][:, :horizon])
    ahead = np.broadcast_to(np.arange(1, horizon + 1), mean.shape)
    code = segment(np.repeat(kind, horizon), ahead.ravel(), learned.ratios.shape[1])
    spread = np.zeros((mean.size, len(levels)))
    mine = mean.ravel() > 0
    scores = learned.calibration.at(levels)
    spread[mine] = quantiles_of(mean.ravel()[mine], alpha.ravel()[mine], code[mine], scores, learned.whole)
    return mean, np.maximum.accumulate(spread.reshape(*mean.shape, -1), axis=1)


def _independent(predicted: Predicted) -> tuple[Array, Array]:
    return np.cumsum(predicted.mean, axis=1), np.cumsum(predicted.mean + predicted.alpha * predicted.mean**2, axis=1)


def _alpha(mean: Array, variance: Array) -> Array:
    return np.divide(np.maximum(variance - mean, 0.0), mean**2, out=np.zeros(mean.shape), where=mean > 0)
