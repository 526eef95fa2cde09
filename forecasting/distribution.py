"""From a mean and a dispersion to calibrated quantiles.

Demand is taken to be negative binomial with mean mu and variance mu + alpha mu^2 (Hilbe, *Negative Binomial Regression*, NB2), and then
corrected: G, the distribution of the randomised probability integral transform (Czado, Gneiting and Held, *Predictive Model Assessment
for Count Data*, 2009) on periods that the model had not seen, tells at which probability of the negative binomial the wanted quantile
really lies. Counts get whole quantiles, the least k with P(Y <= k) >= q; other demand gets the continuous ones in between.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Codes = NDArray[np.int64]

LEAST_MEAN, MOST_MEAN = 1e-3, 1e7
LEAST_ALPHA, MOST_ALPHA = 5e-3, 60.0
SCORES: Final = np.linspace(-3.6, 3.6, 97)
"""Normal scores of the probabilities that are tabulated."""

SHRINK: Final = 100.0, 10_000.0
"""Rows of all that a kind's own distribution is mixed with, and rows of its kind that a segment's is."""


@dataclass(frozen=True, slots=True)
class _Table:
    log_mean: Array
    log_alpha: Array
    values: Array  # mean x alpha x score


@lru_cache(maxsize=1)
def _table() -> _Table:
    from scipy.special import ndtr
    from scipy.stats import gamma, nbinom

    log_mean = np.linspace(np.log(LEAST_MEAN), np.log(MOST_MEAN), 185)
    log_alpha = np.linspace(np.log(LEAST_ALPHA), np.log(MOST_ALPHA), 48)
    mean, alpha, p = np.exp(log_mean)[:, None, None], np.exp(log_alpha)[None, :, None], ndtr(SCORES)[None, None, :]
    size = 1.0 / alpha
    values = np.empty((len(log_mean), len(log_alpha), len(SCORES)))
    large = np.exp(log_mean) > 400.0
    values[large] = gamma.ppf(p, size, scale=mean[large] * alpha)
    chance = size / (size + mean[~large])
    k = nbinom.ppf(p, size, chance)
    above = nbinom.cdf(k, size, chance)
    below = np.where(k > 0, nbinom.cdf(k - 1, size, chance), 0.0)
    values[~large] = k - 1.0 + np.clip((p - below) / np.maximum(above - below, 1e-12), 0.0, 1.0)
    return _Table(log_mean, log_alpha, values)


def transform(y: Array, mean: Array, alpha: Array, luck: Array) -> Array:
    """Randomised probability integral transform: P(Y < y) + luck P(Y = y), uniform where the distribution is right. `luck`: 0 to 1."""
    from scipy.special import betainc, gammainc

    mean, alpha = _bounded(mean, alpha)
    size = 1.0 / alpha
    k = np.floor(y)
    chance = size / (size + mean)
    upto = betainc(size, k + 1.0, chance)
    before = np.where(k > 0, betainc(size, np.maximum(k, 1.0), chance), 0.0)
    levels = before + luck * (upto - before)
    large = mean > 400.0
    levels[large] = gammainc(size[large], y[large] / (mean[large] * alpha[large]))
    return np.asarray(levels)


def _bounded(mean: Array, alpha: Array) -> tuple[Array, Array]:
    return np.clip(mean, LEAST_MEAN, MOST_MEAN), np.clip(alpha, LEAST_ALPHA, MOST_ALPHA)


@dataclass(frozen=True, slots=True)
class Calibration:
    """For each segment, the normal score of the negative binomial's probability that holds each share of what came: segments x `SCORES`."""

    levels: Array

    def at(self, quantiles: Sequence[float]) -> Array:
        """The normal scores of the probabilities to ask for: segments x quantiles."""
        from scipy.special import ndtri

        wanted = ndtri(np.asarray(quantiles))
        return np.stack([np.interp(wanted, SCORES, row) for row in self.levels])

    def shares(self, values: Array, segment: Codes) -> Array:
        """The calibrated probability of what the negative binomial calls `values`."""
        from scipy.special import ndtr, ndtri

        score = np.clip(ndtri(np.clip(values, 1e-9, 1.0 - 1e-9)), SCORES[0], SCORES[-1])
        calibrated = np.empty(len(values))
        for number in np.unique(segment):
            mine = segment == number
            calibrated[mine] = ndtr(np.interp(score[mine], self.levels[number], SCORES))
        return calibrated


def uncalibrated(segments: int) -> Calibration:
    """Takes the distribution at its word."""
    return Calibration(np.tile(SCORES, (segments, 1)))


def calibrate(values: Array, segment: Codes, segments: int, each: int) -> Calibration:
    """A calibration from transforms of what came, by segment. `each`: how many segments in a row make a kind.

    A segment with few rows borrows from its kind, and that from all together (`SHRINK`).
    """
    from scipy.special import ndtr, ndtri

    grid = ndtr(SCORES)
    order = np.argsort(segment, kind="stable")
    bounds = np.searchsorted(segment[order], np.arange(segments + 1))
    pooled = _shares(values, grid)
    levels = np.empty((segments, len(SCORES)))
    for start in range(0, segments, each):
        kind = _mixed(values[order[bounds[start] : bounds[start + each]]], pooled, SHRINK[0])
        for number in range(start, start + each):
            shares = _mixed(values[order[bounds[number] : bounds[number + 1]]], kind, SHRINK[1])
            strict = np.maximum.accumulate(np.clip(shares, 1e-9, 1.0 - 1e-9)) + np.arange(len(grid)) * 1e-12
            levels[number] = np.interp(SCORES, ndtri(np.clip(strict, 1e-9, 1 - 1e-9)), SCORES)
    return Calibration(levels)


def _mixed(own: Array, others: Array, weight: float) -> Array:
    """Shares of some values up to each of `SCORES`, mixed with those of others as if these were so many."""
    from scipy.special import ndtr

    share = len(own) / (len(own) + weight)
    return share * _shares(own, ndtr(SCORES)) + (1.0 - share) * others


def _shares(values: Array, grid: Array) -> Array:
    """Share of values up to each grid point, with half a value's doubt at both ends."""
    return (np.searchsorted(np.sort(values), grid, side="right") + grid) / (len(values) + 1.0)


def quantiles_of(mean: Array, alpha: Array, segment: Codes, scores: Array, whole: bool) -> Array:
    """Quantiles of rows (rows x quantiles): `scores` (segments x quantiles) from `Calibration.at`. `whole`: demand is counted in units."""
    table = _table()
    mean, alpha = _bounded(mean, alpha)
    row, row_share = _between(np.log(mean), table.log_mean)
    column, column_share = _between(np.log(alpha), table.log_alpha)
    quantiles = np.empty((len(mean), scores.shape[1]))
    order = np.argsort(segment, kind="stable")
    bounds = np.searchsorted(segment[order], np.arange(len(scores) + 1))
    for number in np.flatnonzero(np.diff(bounds)):
        at = order[bounds[number] : bounds[number + 1]]
        i, j, a, b = row[at], column[at], row_share[at], column_share[at]
        for quantile, score in enumerate(scores[number]):
            place, share = _between(np.array([score]), SCORES)
            plane = table.values[:, :, place[0]] * (1.0 - share[0]) + table.values[:, :, place[0] + 1] * share[0]
            low = plane[i, j] * (1.0 - b) + plane[i, j + 1] * b
            high = plane[i + 1, j] * (1.0 - b) + plane[i + 1, j + 1] * b
            quantiles[at, quantile] = low * (1.0 - a) + high * a
    if whole:
        quantiles = np.ceil(quantiles - 1e-6)
    np.maximum(quantiles, 0.0, out=quantiles)
    return np.maximum.accumulate(quantiles, axis=1)


def _between(values: Array, grid: Array) -> tuple[Codes, Array]:
    """Index of the grid point below and the share of the way to the next; the grid is even."""
    place = np.clip((values - grid[0]) / (grid[1] - grid[0]), 0.0, len(grid) - 1.0)
    below = np.minimum(place.astype(np.int64), len(grid) - 2)
    return below, place - below
