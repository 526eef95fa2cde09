"""Quantiles of the negative binomial, and their calibration."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import nbinom

from forecasting.distribution import calibrate, quantiles_of, transform, uncalibrated
from forecasting.metrics import QUANTILES

NONE = np.zeros(1, np.int64)


def quantiles(mean: float, alpha: float, whole: bool = True) -> np.ndarray:
    scores = uncalibrated(1).at(QUANTILES)
    return quantiles_of(np.array([mean]), np.array([alpha]), NONE, scores, whole)[0]


@pytest.mark.parametrize("mean", [0.05, 0.4, 3.0, 40.0])
@pytest.mark.parametrize("alpha", [0.05, 0.5, 3.0])
def test_quantiles_are_those_of_the_negative_binomial(mean: float, alpha: float) -> None:
    exact = nbinom.ppf(QUANTILES, 1 / alpha, 1 / (1 + alpha * mean))
    assert np.abs(quantiles(mean, alpha) - exact).max() <= 1  # between the points of the table a step may lie one unit off
    assert np.abs(quantiles(mean, alpha) - exact).mean() <= 0.3


@given(mean=st.floats(1e-4, 1e8), alpha=st.floats(0, 1e3))
def test_quantiles_rise_and_are_finite(mean: float, alpha: float) -> None:
    values = quantiles(mean, alpha)
    assert np.isfinite(values).all()
    assert (np.diff(values) >= 0).all()
    assert (values >= 0).all()
    assert (values == np.round(values)).all()


def test_the_transform_is_uniform_where_the_distribution_is_right() -> None:
    chance = np.random.default_rng(3)
    mean, alpha = np.full(40_000, 1.7), np.full(40_000, 0.8)
    y = chance.negative_binomial(1 / 0.8, 1 / (1 + 0.8 * 1.7), 40_000).astype(float)
    levels = transform(y, mean, alpha, chance.random(40_000))
    assert np.abs(np.quantile(levels, QUANTILES) - QUANTILES).max() < 0.01


def test_calibration_mends_a_distribution_that_is_too_narrow() -> None:
    chance = np.random.default_rng(4)
    mean, guessed = np.full(60_000, 8.0), np.full(60_000, 0.05)
    y = chance.negative_binomial(1 / 0.9, 1 / (1 + 0.9 * 8.0), 60_000).astype(float)
    segment = np.arange(60_000) % 2
    values = transform(y, mean, guessed, chance.random(60_000))
    mended = calibrate(values[:30_000], segment[:30_000], 2, 1)
    calibrated = quantiles_of(mean[30_000:], guessed[30_000:], segment[30_000:], mended.at(QUANTILES), True)
    again = y[30_000:]
    held = ((again >= calibrated[:, 1]) & (again <= calibrated[:, 5])).mean()
    exact = nbinom.ppf([0.1, 0.9], 1 / 0.9, 1 / (1 + 0.9 * 8.0))
    assert held == pytest.approx(((again >= exact[0]) & (again <= exact[1])).mean(), abs=0.03)


def test_a_segment_without_rows_borrows_from_its_kind_and_a_kind_without_from_all() -> None:
    chance = np.random.default_rng(5)
    narrow, flat = chance.beta(5, 5, 20_000), chance.random(20_000)  # in segments 0 and 3; each kind has three
    mended = calibrate(np.concatenate([narrow, flat]), np.repeat([0, 3], 20_000), 9, 3)
    shares = [mended.shares(np.array([0.3]), np.array([number]))[0] for number in range(9)]
    of_narrow, of_all = (narrow <= 0.3).mean(), np.mean([(narrow <= 0.3).mean(), 0.3])
    assert shares[:3] == pytest.approx([of_narrow] * 3, abs=0.01)
    assert shares[3:6] == pytest.approx([0.3] * 3, abs=0.01)
    assert shares[6:] == pytest.approx([of_all] * 3, abs=0.01)
