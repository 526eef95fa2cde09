"""What is tried on the past knows nothing of what came after it; what drives demand is made up for; SKUs are drawn whole."""

from dataclasses import replace
from datetime import date

import numpy as np
import polars as pl
import pytest

from forecasting import engine
from forecasting.engine import MODELS, MOST_LEFT_OUT, Context, fit, kinds_then, predict
from forecasting.features import Rows
from forecasting.panel import Panel
from forecasting.segments import kinds


def test_the_kinds_of_what_is_held_out_are_those_of_its_origins() -> None:
    chance = np.random.default_rng(1)
    y = chance.poisson(np.linspace(0.1, 4.0, 40)[:, None], (40, 60)).astype(np.float32)
    y[:20, 30:] *= 50.0  # the little sold sell most, later
    panel = Panel(pl.Series([f"s{row}" for row in range(40)]), date(2025, 1, 6), 7, y, np.zeros(40, np.int32))
    early, late = kinds(panel.take(np.arange(40), 30)), kinds(panel.take(np.arange(40), 50))
    assert (early != late).sum() > 20
    rows = Rows(np.tile(np.arange(40), 2), np.repeat([30, 50], 40), np.full(80, 3))
    np.testing.assert_array_equal(kinds_then(panel, rows), np.concatenate([early, late]))


def driven(weeks: int, lift: float, seed: int) -> Panel:
    """Two hundred series of about 20 units a week; promoted in one week of five, the same for all, when they sell `lift` times as much."""
    chance = np.random.default_rng(seed)
    deal = np.zeros((200, weeks + 4), np.float32)
    deal[:, ::5] = 1.0
    mean = 20.0 * np.where(deal[:, :weeks] > 0, lift, 1.0)
    y = chance.poisson(mean).astype(np.float32)
    ids = pl.Series([f"s{row:03d}" for row in range(200)])
    return Panel(ids, date(2025, 1, 6), 7, y, np.zeros(200, np.int32), 4, {"deal": deal})


def test_what_promoted_weeks_fell_short_by_is_half_made_up_for() -> None:
    panel = driven(72, 3.0, 1)
    seasonal = MODELS.index("seasonal naive")  # knows of no promotion
    assert np.delete(fit(panel, 4, 0, 20_000, 40).raised, seasonal) == pytest.approx(np.ones(5), abs=0.1)
    panel.y[:, 60:] *= np.where(panel.known["deal"][:, 60:72] > 0, 1.69, 1.0)  # promotions draw more of late
    raised = fit(panel, 4, 0, 20_000, 40).raised
    assert 1.2 < raised[MODELS.index("smoothing")] < 1.4  # 1.3 is half of it, in logarithms


def test_series_are_drawn_with_all_channels_of_their_skus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "MOST_SERIES", 30)
    sku = np.repeat(np.arange(40), 4).astype(np.int32)
    y = np.ones((160, 20), np.float32)
    panel = Panel(pl.Series([f"s{row:03d}" for row in range(160)]), date(2025, 1, 6), 1, y, np.zeros(160, np.int32), statics={"sku": sku})
    rows = engine._drawn(panel, np.random.default_rng(0))
    assert len(rows) == 32
    assert np.bincount(sku[rows], minlength=40).tolist().count(4) == 8


def spiked(units: float, weeks: int = 60) -> Panel:
    """Fifty series of one unit a week, one of which once sold `units`."""
    y = np.ones((50, weeks), np.float32)
    y[7, 5] = units
    return Panel(pl.Series([f"s{row:02d}" for row in range(50)]), date(2025, 1, 6), 7, y, np.zeros(50, np.int32))


def test_what_a_lone_period_sold_is_spread_over_all_that_is_expected() -> None:
    assert Context.of(spiked(1.0)).left_out == 0.0
    assert Context.of(spiked(50.0)).left_out == pytest.approx(30 / 3_019)  # cut at 20 times the usual, of 3,019 units
    assert Context.of(spiked(5_000.0)).left_out == MOST_LEFT_OUT
    assert Context.of(spiked(5_000.0, weeks=10)).left_out == 0.0  # too young to learn from


def test_means_are_raised_by_what_is_spread_over_them() -> None:
    panel = spiked(50.0)
    context = Context.of(panel)
    fitted = fit(panel, 4, 0, 20_000, 40, context)
    raised, calm = predict(fitted, panel, context, 4), predict(fitted, panel, replace(context, left_out=0.0), 4)
    np.testing.assert_allclose(raised.mean, calm.mean * (1 + 30 / 3_019))
    np.testing.assert_array_equal(raised.alpha, calm.alpha)
