"""Everything forecast at once: it adds up, parts make no difference, and one bad series stops nothing."""

from dataclasses import replace
from datetime import date

import numpy as np
import polars as pl
import pytest

from forecasting import rolling
from forecasting.engine import quantiles
from forecasting.grouping import sums
from forecasting.panel import Panel
from forecasting.rolling import Effort, Learned, Scene

SKUS, CHANNELS, DAYS, HORIZON = 12, 2, 400, 14
EFFORT = Effort(6_000, 4_000, 20)


def company() -> Panel:
    """Twelve SKUs of two categories on two channels over more than a year, with weekdays; one SKU is never sold."""
    rng = np.random.default_rng(3)
    count = SKUS * CHANNELS
    level = np.exp(rng.normal(1.0, 1.0, count))
    level[:2] = 0.0
    week = np.array([1.0, 1.0, 1.0, 1.1, 1.4, 1.0, 0.5])[np.arange(DAYS) % 7]
    y = rng.poisson(level[:, None] * week).astype(np.float32)
    sku = np.repeat(np.arange(SKUS), CHANNELS).astype(np.int32)
    return Panel(
        ids=pl.Series("unique_id", [f"{number:02d}" for number in range(count)]),
        start=date(2026, 1, 1),
        step=1,
        y=y,
        first=np.zeros(count, np.int32),
        statics={"sku": sku, "channel": np.tile([0, 1], SKUS).astype(np.int32), "category": (sku % 2).astype(np.int32)},
        labels={"sku": [f"S{number:02d}" for number in range(SKUS)], "channel": ["m", "w"], "category": ["k", "l"]},
    )


@pytest.fixture(scope="module")
def panel() -> Panel:
    return company()


@pytest.fixture(scope="module")
def learned(panel: Panel) -> tuple[Learned, pl.DataFrame]:
    return rolling.learn(Scene.of(panel), HORIZON, 0, effort=EFFORT)


def test_the_past_is_told_at_every_level(panel: Panel, learned: tuple[Learned, pl.DataFrame]) -> None:
    errors = learned[1]
    counts = errors.group_by("level", "cutoff").len().sort("level", "cutoff")
    cutoffs = [panel.day(DAYS - 2 * HORIZON - 1), panel.day(DAYS - HORIZON - 1)]
    expected = {"category": 2, "channel": 2, "channel x category": 4, "series": 24, "sku": 12, "total": 1}
    assert counts.rows() == [(level, cutoff, count) for level, count in expected.items() for cutoff in cutoffs]
    by_level = errors.group_by("level", "cutoff").agg(pl.col("y").sum().round(3), pl.col("mean").sum()).sort("cutoff", "level")
    came = by_level.filter(pl.col("cutoff") == cutoffs[0])["y"].unique().to_list()
    assert came == [float(panel.y[:, DAYS - 2 * HORIZON : DAYS - HORIZON].sum())]
    for cutoff in cutoffs:
        means = by_level.filter(pl.col("cutoff") == cutoff)["mean"].to_numpy()
        assert means == pytest.approx(np.full(6, means[0]), rel=1e-9)
    total = errors.filter(pl.col("level") == "total")
    assert ((total["mean"] / total["y"] - 1.0).abs() < 0.2).all()


def test_all_levels_add_up_and_parts_make_no_difference(
    panel: Panel, learned: tuple[Learned, pl.DataFrame], monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = Scene.of(panel)
    whole, reasons = rolling.ahead(learned[0], scene, np.arange(len(panel)))
    monkeypatch.setattr(rolling, "CHUNK", 7)
    parts = rolling.join([rolling.ahead(learned[0], scene, rows)[0] for rows in scene.parts()])
    assert reasons == {}
    assert [len(rows) for rows in scene.parts()] == [7, 7, 7, 3]
    assert (parts.mean == whole.mean).all()
    settled = rolling.settle(learned[0], scene, whole)
    assert settled.skus is not None
    assert settled.skus.mean == pytest.approx(sums(settled.series.mean, scene.tree.sku, SKUS))
    every = scene.tree.cells.astype(float)
    assert settled.above.mean == pytest.approx(every @ sums(settled.series.mean, scene.tree.cell, 4))
    assert settled.above.mean[0] == pytest.approx(settled.skus.mean.sum(axis=0))
    assert (settled.series.mean[:2] == 0).all()
    spread = quantiles(learned[0].above, settled.above, (0.1, 0.5, 0.9))
    assert (np.diff(spread, axis=2) >= 0).all()
    assert (spread[0, :, 0] < settled.above.mean[0]).all()
    assert (spread[0, :, 2] > settled.above.mean[0]).all()


def test_the_same_again_is_the_same(panel: Panel, learned: tuple[Learned, pl.DataFrame]) -> None:
    again, errors = rolling.learn(Scene.of(panel), HORIZON, 0, effort=EFFORT)
    assert errors.equals(learned[1])
    scene, rows = Scene.of(panel), np.arange(len(panel))
    one, other = (rolling.settle(models, scene, rolling.ahead(models, scene, rows)[0]) for models in (learned[0], again))
    assert np.abs(one.series.mean - other.series.mean).max() < 1e-9
    assert set(again.prophet) == {scene.above.ids[0]} | {
        name for name, level in zip(scene.above.ids, scene.tree.nodes["level"], strict=True) if again.errors.by_prophet(level)
    }


def test_a_series_that_cannot_be_forecast_gets_its_average_and_is_told(panel: Panel, learned: tuple[Learned, pl.DataFrame]) -> None:
    y = panel.y.copy()
    y[5, -1] = np.inf
    broken = Panel(panel.ids, panel.start, 1, y, panel.first, statics=panel.statics, labels=panel.labels)
    scene, rows = Scene.of(panel), np.arange(len(panel))
    scene = replace(scene, panel=broken)
    predicted, reasons = rolling.ahead(learned[0], scene, rows)
    assert list(reasons) == [5]
    assert np.isfinite(predicted.mean).all()
    assert predicted.mean[5] == pytest.approx(np.full(HORIZON, y[5, -28:-1].mean()))
    others = np.delete(rows, 5)
    whole, _ = rolling.ahead(learned[0], Scene.of(panel), rows)
    assert (predicted.mean[others] == whole.mean[others]).all()


def test_a_short_history_is_not_tried_on_the_past(panel: Panel) -> None:
    models, errors = rolling.learn(Scene.of(panel.take(np.arange(len(panel)), 20)), HORIZON, 0, effort=EFFORT)
    assert errors.is_empty()
    scene = Scene.of(panel.take(np.arange(len(panel)), 20))
    settled = rolling.settle(models, scene, rolling.ahead(models, scene, np.arange(len(panel)))[0])
    assert np.isfinite(settled.series.mean).all()


def test_many_series_are_tried_on_the_past_once(panel: Panel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rolling, "MANY", len(panel))
    _, errors = rolling.learn(Scene.of(panel), HORIZON, 0, effort=EFFORT)
    assert errors["cutoff"].unique().to_list() == [panel.day(DAYS - HORIZON - 1)]
    assert errors["level"].n_unique() == 6
