"""The base is what ordinary days say: levels, weekdays, seasons, and nothing of promotions and rushes."""

from datetime import date

import numpy as np
import polars as pl
import pytest

from forecasting.baseline import Baseline, baseline
from forecasting.models.smoothing import weekday_shares
from forecasting.panel import Panel

DAYS, AHEAD = 400, 30


def of_skus(y: np.ndarray, promoted: np.ndarray | None = None, until: int | None = None, first: int = 0) -> Baseline:
    """The base of series that are a SKU each, on one channel."""
    count = len(y)
    panel = Panel(
        pl.Series([f"s{row}" for row in range(count)]),
        date(2025, 1, 6),
        1,
        y.astype(np.float32),
        np.full(count, first, np.int32),
        AHEAD,
        statics={"channel": np.zeros(count, np.int32)},
    )
    if promoted is None:
        promoted = np.zeros((count, y.shape[1] + AHEAD), bool)
    return baseline(panel, np.arange(count), weekday_shares(panel), promoted, y.shape[1] if until is None else until)


def test_what_always_sells_the_same_is_expected_to() -> None:
    base = of_skus(np.array([[4.0] * DAYS, [0.0] * DAYS]))
    np.testing.assert_allclose(base.expected[0], 4.0, rtol=0.01)
    assert (base.expected[1] > 0).all()
    assert (base.expected[1] < 0.002).all()
    assert base.spread == 0.01


def test_weekdays_and_seasons_come_again() -> None:
    day = np.arange(2 * 364 + AHEAD)
    true = 50.0 * (1.0 + 0.5 * np.sin(2 * np.pi * day / 364)) * np.array([1, 1, 1, 1, 1.5, 1.5, 0])[day % 7]
    base = of_skus(np.tile(true[: 2 * 364], (3, 1))).expected
    assert (base[:, 6::7] == 0).all()
    open_days = day % 7 < 6
    np.testing.assert_allclose(base[0, open_days], true[open_days], rtol=0.03)


def test_promoted_days_and_rushes_tell_nothing() -> None:
    chance = np.random.default_rng(1)
    y = chance.poisson(3.0, (20, DAYS)).astype(float)
    promoted = np.zeros((20, DAYS + AHEAD), bool)
    promoted[:, 100:107] = True
    odd = y.copy()
    odd[:, 100:107] = 40.0
    odd[5, 200] = 75.0
    known = y.copy()
    known[5, 200] = np.nan
    np.testing.assert_allclose(of_skus(odd, promoted).expected, of_skus(known, promoted).expected, rtol=0.02)


def test_levels_move_with_the_series() -> None:
    y = np.where(np.arange(DAYS) < 200, 2.0, 20.0)[None, :]
    steady = np.full((30, DAYS), 20.0)
    base = of_skus(np.vstack([y, steady])).expected[0]
    assert base[:150] == pytest.approx(2.0, rel=0.1)
    assert base[250:] == pytest.approx(20.0, rel=0.1)


def test_what_comes_later_is_not_looked_at() -> None:
    y = np.random.default_rng(2).poisson(3.0, (5, DAYS)).astype(float)
    later = np.where(np.arange(DAYS) >= 300, 99.0, y)
    promoted = np.zeros((5, DAYS + AHEAD), bool)
    week = np.ones((5, 7))
    bases = []
    for values in (y, later):
        ids, first = pl.Series(["a", "b", "c", "d", "e"]), np.zeros(5, np.int32)
        panel = Panel(ids, date(2025, 1, 6), 1, values.astype(np.float32), first, AHEAD, statics={"channel": np.zeros(5, np.int32)})
        bases.append(baseline(panel, np.arange(5), week, promoted, 300).expected)
    np.testing.assert_array_equal(bases[0], bases[1])
    assert bases[0].shape == (5, DAYS + AHEAD)


def test_there_is_no_base_before_a_series_began_or_without_an_ordinary_day() -> None:
    base = of_skus(np.where(np.arange(DAYS) < 50, np.nan, 3.0)[None, :], first=50)
    assert (base.expected[0, :50] == 0).all()
    np.testing.assert_allclose(base.expected[0, 50:], 3.0, rtol=0.01)
    always = of_skus(np.full((1, DAYS), 3.0), np.ones((1, DAYS + AHEAD), bool))
    assert (always.expected == 0).all()


def test_good_and_bad_days_are_told_from_luck() -> None:
    chance = np.random.default_rng(3)
    mood = chance.gamma(1 / 0.2, 0.2, (40, DAYS))
    assert of_skus(chance.poisson(12.0 * mood).astype(float)).spread == pytest.approx(0.2, rel=0.15)
    assert of_skus(chance.poisson(12.0, (40, DAYS)).astype(float)).spread < 0.02
