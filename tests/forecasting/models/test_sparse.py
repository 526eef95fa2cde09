"""Young and sparse panels: a lone order is neither carried on nor passed on, and few demands are forecast by what others of a kind sell."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date

import numpy as np
import polars as pl
import pytest

from benchmarks.forecasts.sparse import HORIZON, by_library, by_run, drawn, most_units, moved
from forecasting.engine import AVERAGE, Context, fit, predict, quantiles
from forecasting.models.outliers import calmed, limits
from forecasting.panel import Panel

Forecast = Callable[[Panel], np.ndarray]

MONDAY = date(2025, 1, 6)


def panel_of(y: np.ndarray) -> Panel:
    """Days of some SKUs of one category."""
    names, numbers = [f"s{row:02d}" for row in range(len(y))], np.arange(len(y), dtype=np.int32)
    return Panel(
        pl.Series("unique_id", names),
        MONDAY,
        1,
        y.astype(np.float32),
        np.zeros(len(y), np.int32),
        statics={"sku": numbers},
        labels={"sku": names},
    )


def three(days: int, when: int, units: float) -> Panel:
    """One SKU of 3 a day, one of 2, and one that was ordered once."""
    y = np.array([[3.0], [2.0], [0.0]]).repeat(days, axis=1)
    y[2, when] = units
    return panel_of(y)


@pytest.mark.parametrize("seed", range(12))
def test_a_lone_order_is_neither_carried_on_nor_passed_on(seed: int) -> None:
    panel = drawn(seed)
    before, after = by_library(panel.plain), by_library(panel.spiked)
    assert before.sum() <= most_units(panel.plain)
    assert after.sum() <= most_units(panel.spiked)
    assert moved(panel, before, after) <= 1.0


@pytest.mark.parametrize("forecast_of", [by_library, by_run])
@pytest.mark.parametrize(("days", "when", "units"), [(150, 145, 600), (50, 0, 400)])
def test_an_order_of_hundreds_is_not_expected_again(forecast_of: Forecast, days: int, when: int, units: float) -> None:
    a, b, c = forecast_of(three(days, when, units))
    assert a == pytest.approx(42.0, rel=0.05)
    assert b == pytest.approx(28.0, rel=0.05)
    assert 0.0 < c < 7.0


@pytest.mark.parametrize("before", [0, 580])
def test_days_before_the_first_order_make_a_store_no_older(before: int) -> None:
    panel = three(150, 145, 600)
    empty = np.full((3, before), np.nan, np.float32)
    empty[2] = 0.0  # began, but sold nothing
    y = np.concatenate([empty, panel.y], axis=1)
    first = np.array([before, before, 0], np.int32)
    a, b, c = by_library(replace(panel, y=y, first=first))
    assert a == pytest.approx(42.0, rel=0.05)
    assert b == pytest.approx(28.0, rel=0.05)
    assert 0.0 < c < 7.0


@pytest.mark.parametrize("forecast_of", [by_library, by_run])
def test_a_sku_that_began_with_a_lone_order_takes_nothing_from_others(forecast_of: Forecast) -> None:
    panel = three(150, 145, 600)
    y = panel.y.copy()
    y[2, :145] = np.nan
    a, b, c = forecast_of(replace(panel, y=y, first=np.array([0, 0, 145], np.int32)))
    assert a == pytest.approx(42.0, rel=0.05)
    assert b == pytest.approx(28.0, rel=0.05)
    assert 0.0 < c < 42.0  # five days are known, and a category that sells daily


@pytest.mark.parametrize("channels", [1, 2])
def test_totals_do_not_pass_a_lone_order_on(channels: int) -> None:
    panel = drawn(3, channels=channels)
    before, after = by_run(panel.plain), by_run(panel.spiked)
    assert moved(panel, before, after) <= 1.0
    assert after.sum() <= most_units(panel.spiked)


def test_the_interval_admits_what_the_mean_does_not() -> None:
    panel = three(150, 145, 600)
    context = Context.of(panel)
    models = fit(panel, HORIZON, 0, context=context)
    predicted = predict(models, panel, context, HORIZON)
    assert (predicted.model == AVERAGE).all()
    assert predicted.alpha[2].min() > 10.0  # the standard deviation is more than three means
    assert predicted.alpha[:2].max() < 0.1
    spread = quantiles(models, predicted, (0.1, 0.9, 0.995))
    assert spread[2, :, 0].max() == 0.0
    assert (spread[2, :, 2] >= 5 * predicted.mean[2]).all()


def test_what_is_sold_seldom_is_forecast_with_its_category() -> None:
    y = np.zeros((5, 12))
    y[:4] = 4.0
    y[4, 11] = 1.0
    mean = by_library(panel_of(y))
    assert mean[:4] == pytest.approx(np.full(4, 56.0), rel=0.02)
    assert 14 / 12 < mean[4] < 8.0  # more than its own mean, less than theirs


def test_only_a_lone_day_far_above_the_usual_is_cut() -> None:
    usual = np.tile([1.0, 0.0, 2.0, 0.0, 1.0], 8)
    y = np.stack([usual, usual, usual, usual * 5])
    y[0, 7] = 90.0  # alone
    y[1, [7, 22]] = 90.0  # twice
    y[2, 7] = 5.0  # not far above
    panel = panel_of(y)
    most = limits(panel)
    assert most.tolist() == [6.0, 6.0, np.inf, np.inf]
    calm = calmed(panel, most)
    y[0, 7] = 6.0
    y[1, [7, 22]] = 6.0
    np.testing.assert_array_equal(calm.y, y.astype(np.float32))


def test_where_much_can_be_learned_only_a_peak_without_its_like_is_cut() -> None:
    usual = np.tile([1.0, 0.0, 2.0, 0.0, 1.0], 8)
    y = np.stack([usual, usual, usual, np.zeros(40)])
    y[0, 7] = 90.0  # alone
    y[1, [7, 22]] = 90.0  # twice
    y[2, 7] = 30.0  # not so far above
    y[3, [7, 22, 31]] = 1.0, 90.0, 1.0  # of few demands
    assert limits(panel_of(y), learnable=True).tolist() == [40.0, np.inf, np.inf, 3.0]


def test_a_day_that_what_is_known_ahead_explains_is_not_cut() -> None:
    y = np.tile([1.0, 0.0, 2.0, 0.0, 1.0], (1, 8))
    y[0, 7] = 90.0
    driven = np.ones((1, 40), np.float32)
    driven[0, 7] = 5.0
    assert limits(panel_of(y), driven).tolist() == [np.inf]
    driven[0, 7] = 1.1  # hardly
    most = limits(panel_of(y), driven)
    calm = calmed(panel_of(y), most, driven)
    assert calm.y[0, 7] == pytest.approx(6.6, rel=1e-5)


def test_demand_once_is_measured_by_that_of_its_category() -> None:
    y = np.zeros((6, 30))
    y[0, ::3], y[1, ::3], y[2, ::3] = 2.0, 2.0, 8.0
    y[3, 5], y[4, 5], y[5, 5] = 500.0, 500.0, 20.0
    category = np.array([0, 0, 1, 0, 1, 1], np.int32)
    panel = replace(panel_of(y), statics={"category": category}, labels={"category": ["a", "b"]})
    assert limits(panel)[3:] == pytest.approx([6.0, 24.0, np.inf])
    assert limits(panel_of(y[5:])).tolist() == [3.0]  # by one unit, where nothing else was ever sold
