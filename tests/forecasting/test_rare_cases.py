"""Panels with little to learn from, or without what most have: weeks, no SKUs, no categories, a covariate that never changed before."""

from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest
from scipy.stats import nbinom

from forecasting import backtest, cumulative, engine, hierarchy, rolling
from forecasting.engine import Context, fit, predict, transformed
from forecasting.metrics import naive_scale
from forecasting.panel import Panel, panel
from forecasting.rolling import Effort
from forecasting.segments import SEGMENTS

MONDAY = date(2025, 1, 6)
EFFORT = Effort(4_000, 3_000, 8)


def poisson(count: int, periods: int, step: int = 1, level: float = 5.0) -> Panel:
    """Series of the same level, without statics."""
    y = np.random.default_rng(7).poisson(level, (count, periods)).astype(np.float32)
    return Panel(pl.Series("unique_id", [f"s{row:03d}" for row in range(count)]), MONDAY, step, y, np.zeros(count, np.int32))


# ---- training ----


def test_a_covariate_that_only_changed_in_the_part_held_out_is_learned_from_all_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "MOST_SERIES", 120)
    whole = poisson(200, 72, 7, 20.0)
    deal = np.zeros((200, 76), np.float32)
    deal[:, [63, 66, 69, 72, 73, 74, 75]] = 1.0  # the last twelve weeks are held out; all four ahead are promoted
    whole.y[:, [63, 66, 69]] *= 3.0
    promoted = replace(whole, ahead=4, known={"deal": deal})
    context = Context.of(promoted)
    assert context.multipliers is not None
    models = fit(promoted, 4, 0, 20_000, 20, context)
    assert models.raised.tolist() == [1.0] * len(engine.MODELS)  # before it changed nothing could fall short of it
    mean = predict(models, promoted, context, 4).mean
    assert mean.mean() == pytest.approx(60.0, rel=0.15)
    again = predict(fit(promoted, 4, 0, 20_000, 20), promoted, context, 4).mean
    np.testing.assert_allclose(again, mean, rtol=0.0, atol=1e-9)


def test_a_covariate_that_changed_in_no_series_that_was_drawn_raises_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "MOST_SERIES", 120)
    whole = poisson(200, 72, 7, 20.0)
    drawn = engine._drawn(whole, np.random.default_rng(0))
    assert len(drawn) == 120
    left_out = int(np.setdiff1d(np.arange(200), drawn)[0])
    deal = np.zeros((200, 76), np.float32)
    deal[left_out, ::5] = 1.0
    promoted = replace(whole, ahead=4, known={"deal": deal})
    context = Context.of(promoted)
    assert context.multipliers is not None
    models = fit(promoted, 4, 0, 20_000, 20, context)
    assert models.raised.tolist() == [1.0] * len(engine.MODELS)
    mean = predict(models, promoted, context, 4).mean
    assert mean.mean() == pytest.approx(20.0, rel=0.05)


def test_without_anything_learned_the_transform_is_that_of_the_counts() -> None:
    whole = poisson(3, 8)
    models, context = fit(whole, 4, 0), Context.of(whole)
    assert models.mean is None
    predicted = predict(models, whole, context, 4)
    y, luck = np.full((3, 4), 6.0), np.linspace(0.05, 0.95, 12).reshape(3, 4)
    size = 1.0 / predicted.alpha
    share = size / (size + predicted.mean)
    expected = nbinom.cdf(5, size, share) + luck * nbinom.pmf(6, size, share)
    assert transformed(models, predicted, y, luck) == pytest.approx(expected, abs=0.01)


def test_what_comes_is_spread_evenly_over_what_was_predicted() -> None:
    whole = poisson(200, 84)
    known = whole.take(np.arange(200), 70)
    models = fit(known, 14, 0, 20_000, 20)
    predicted = predict(models, known, Context.of(known), 14)
    shares = transformed(models, predicted, whole.y[:, 70:].astype(float), np.random.default_rng(1).random((200, 14)))
    counts = np.histogram(shares, 4, (0.0, 1.0))[0]
    assert counts.sum() == 2_800
    assert counts / 2_800 == pytest.approx(np.full(4, 0.25), abs=0.03)


# ---- sums ----


def test_sums_of_a_short_history_are_as_if_periods_were_independent() -> None:
    learned = cumulative.learn(poisson(50, 40), 14, 0)  # three horizons are 42
    np.testing.assert_array_equal(learned.ratios, np.ones((cumulative.KINDS, 14)))
    np.testing.assert_array_equal(learned.calibration.levels, cumulative.uncalibrated(SEGMENTS).levels)
    assert learned.whole


def test_sums_of_series_that_only_just_began_are_as_if_periods_were_independent() -> None:
    late = replace(poisson(3, 60), first=np.full(3, 50, np.int32))
    np.testing.assert_array_equal(cumulative.learn(late, 14, 0).ratios, np.ones((cumulative.KINDS, 14)))


def test_sums_are_learned_of_some_series_if_there_are_many(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = poisson(12, 24)
    every = cumulative.learn(whole, 7, 0).ratios
    monkeypatch.setattr(cumulative, "MOST_SERIES", 8)
    some, again = cumulative.learn(whole, 7, 0).ratios, cumulative.learn(whole, 7, 0).ratios
    np.testing.assert_array_equal(some, again)
    assert not np.array_equal(some, every)
    assert ((some >= 0.2) & (some <= cumulative.MOST_RATIO)).all()


# ---- everything at once ----


def test_weeks_without_skus_have_a_total_without_prophet_and_add_up() -> None:
    whole = poisson(30, 80, 7)
    scene = rolling.Scene.of(whole)
    learned, errors = rolling.learn(scene, 8, 0, "US", effort=EFFORT)
    assert (learned.skus, learned.prophet, learned.components.height) == (None, {}, 0)
    assert errors.group_by("level").len().sort("level").rows() == [("series", 60), ("total", 2)]
    assert errors["cutoff"].unique().sort().to_list() == [whole.day(63), whole.day(71)]
    settled = rolling.settle(learned, scene, rolling.ahead(learned, scene, np.arange(30))[0])
    assert settled.skus is None
    assert settled.own_skus is None
    assert settled.above.mean == pytest.approx(settled.series.mean.sum(axis=0)[None])
    assert settled.above.mean.mean() == pytest.approx(150.0, rel=0.1)


def test_a_forecast_that_is_not_finite_is_replaced_by_the_average() -> None:
    whole = poisson(30, 80, 7)
    scene, rows = rolling.Scene.of(whole), np.arange(30)
    learned, _ = rolling.learn(scene, 8, 0, effort=EFFORT)
    good, reasons = rolling.ahead(learned, scene, rows)
    assert reasons == {}
    shares = scene.context.shares.copy()
    shares[5] = np.nan
    broken = replace(scene, context=replace(scene.context, shares=shares))
    predicted, reasons = rolling.ahead(learned, broken, rows[3:9])
    assert reasons == {5: "the forecast was not finite"}  # by its row in the panel, not in the part
    np.testing.assert_allclose(predicted.mean[2], np.full(8, whole.y[5, -8:].mean()), rtol=1e-12)
    assert predicted.model[2].tolist() == [engine.AVERAGE] * 8
    assert predicted.alpha[2].tolist() == [1.0] * 8
    np.testing.assert_array_equal(np.delete(predicted.mean, 2, axis=0), good.mean[[3, 4, 6, 7, 8]])


def test_skus_without_categories_are_series_without_them() -> None:
    y = np.array([[1.0, 2.0], [10.0, 20.0], [100.0, 200.0]], np.float32)
    ids = pl.Series("unique_id", ["a/x", "a/y", "b/x"])
    statics = {"sku": np.array([0, 0, 1], np.int32), "channel": np.array([0, 1, 0], np.int32)}
    whole = Panel(ids, MONDAY, 1, y, np.zeros(3, np.int32), statics=statics, labels={"sku": ["a", "b"], "channel": ["x", "y"]})
    skus = hierarchy.sku_panel(whole, hierarchy.tree(whole), hierarchy.filled(whole))
    assert (skus.ids.to_list(), skus.y.tolist()) == (["a", "b"], [[11.0, 22.0], [100.0, 200.0]])
    assert (skus.statics, skus.labels) == ({}, {})


# ---- frames ----


def test_ids_may_be_categories_and_days_midnights_and_statics_are_numbered_by_name() -> None:
    days = [MONDAY + timedelta(days=day) for day in range(2)]
    plain = pl.DataFrame({"unique_id": ["b", "b", "a"], "ds": [*days, days[0]], "y": [1, 2, 3], "category": ["toys", "toys", None]})
    other = plain.with_columns(pl.col("unique_id").cast(pl.Categorical), pl.col("ds").cast(pl.Datetime("us")))
    for frame in (plain, other):
        whole = panel(frame)
        assert (whole.ids.to_list(), whole.start, whole.y.tolist()) == (["a", "b"], MONDAY, [[3.0, 0.0], [1.0, 2.0]])
        assert whole.labels == {"category": ["", "toys"]}
        assert whole.statics["category"].tolist() == [0, 1]


def test_origins_may_be_days() -> None:
    whole = poisson(4, 60)
    frame = pl.DataFrame(
        {
            "unique_id": whole.ids.gather(np.repeat(np.arange(4), 60)),
            "ds": [whole.day(day) for day in range(60)] * 4,
            "y": whole.y.ravel().astype(float),
        }
    )
    by_day = backtest(frame, 7, [whole.day(45), whole.day(52)], models=("average",))
    assert by_day.equals(backtest(frame, 7, 2, models=("average",)))
    assert by_day["cutoff"].unique().sort().to_list() == [whole.day(45), whole.day(52)]


def test_a_history_of_no_more_than_a_season_is_scaled_by_a_unit() -> None:
    y = np.array([[0.0, 9.0, np.nan], [1.0, 1.0, 1.0]])
    assert naive_scale(y, 3).tolist() == [1.0, 1.0]
    assert naive_scale(y, 1).tolist() == [9.0, 1.0]
