"""Multipliers follow covariates; segments and losses are as defined."""

from datetime import date

import numpy as np
import polars as pl
import pytest

from forecasting.drivers import multipliers
from forecasting.metrics import naive_scale, pinball
from forecasting.panel import Panel
from forecasting.segments import kinds, name, segment


def panel_of(y: np.ndarray, **known: np.ndarray) -> Panel:
    ids = pl.Series([f"s{row}" for row in range(len(y))])
    return Panel(ids, date(2025, 1, 6), 7, y.astype(np.float32), np.zeros(len(y), np.int32), 1, known)


def test_a_slope_is_learned_from_all_series_together() -> None:
    chance = np.random.default_rng(1)
    price = chance.normal(0, 0.3, (40, 61)).astype(np.float32)
    level = np.exp(chance.normal(6, 1, (40, 1)))
    factors, _ = multipliers(panel_of(chance.poisson(level * np.exp(-2.0 * price[:, :60])), price=price))
    assert factors is not None
    assert factors.shape == (40, 61)
    expected = np.exp(-2.0 * (price - price[:, :60].mean(axis=1, keepdims=True)))
    np.testing.assert_allclose(factors, expected, rtol=0.05)


def test_what_came_later_is_not_looked_at() -> None:
    chance = np.random.default_rng(2)
    price, y = chance.normal(0, 0.3, (10, 41)).astype(np.float32), chance.poisson(9.0, (10, 40)).astype(float)
    later = np.where(np.arange(40) >= 30, 500.0, y)
    first, second = multipliers(panel_of(y, price=price), 30)[0], multipliers(panel_of(later, price=price), 30)[0]
    assert first is not None
    assert second is not None
    np.testing.assert_array_equal(first, second)


def test_covariates_that_never_change_drive_nothing() -> None:
    assert multipliers(panel_of(np.ones((2, 9)))) == (None, None)
    assert multipliers(panel_of(np.ones((2, 9)), holiday=np.zeros((2, 10), np.float32))) == (None, None)


def test_series_are_told_apart_by_how_much_and_how_regularly_they_sell() -> None:
    y = np.array([[200, 210, 190, 200], [40, 1, 2, 37], [0, 0, 9, 0], [0, 1, 0, 20]], float)
    codes = kinds(panel_of(y))
    assert [name(int(segment(np.array([kind]), np.array([1]), 3)[0])) for kind in codes] == [
        "A smooth, near",
        "B erratic, near",
        "C intermittent, near",
        "C lumpy, near",
    ]
    assert segment(np.array([0] * 6), np.arange(1, 7), 6).tolist() == [0, 0, 1, 1, 2, 2]


def test_losses_are_as_defined() -> None:
    # 0.1 * (10 - 4) and (1 - 0.9) * (12 - 10), halved
    assert pinball(np.array([10.0]), np.array([[4.0, 12.0]]), (0.1, 0.9)) == pytest.approx([(0.6 + 0.2) / 2])
    assert naive_scale(np.array([[1.0, 5.0, np.nan, 9.0, 4.0], [1, 1, 1, 1, 1]]), 1).tolist() == [4.5, 1.0]
