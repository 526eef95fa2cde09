"""Sums of demand: their quantiles hold what they say, also where days that were forecast too low follow one another."""

from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest
from scipy.stats import nbinom

import forecasting
from forecasting import cumulative
from forecasting.engine import Context, Predicted, fit, predict
from forecasting.panel import Panel
from forecasting.segments import kinds

HORIZON = 14


def drifting(count: int, days: int, seed: int) -> np.ndarray:
    """Counts whose level wanders, so that errors of following days have the same sign."""
    rng = np.random.default_rng(seed)
    level = np.log(6.0) + 0.15 * rng.normal(size=(count, days)).cumsum(axis=1) * 0.6
    return rng.poisson(np.exp(np.clip(level, -2.0, 4.5))).astype(np.float32)


def test_eighty_of_a_hundred_sums_lie_in_the_eighty_percent_interval() -> None:
    y = drifting(120, 98, 1)
    whole = Panel(pl.Series("unique_id", [f"{row:03d}" for row in range(120)]), date(2026, 1, 1), 1, y, np.zeros(120, np.int32))
    known = whole.take(np.arange(120), 84)
    learned = cumulative.learn(known, HORIZON, 0)
    assert learned.ratios[:, -1].max() > 1.5
    predicted = predict(fit(known, HORIZON, 0), known, Context.of(known), HORIZON)
    mean, spread = cumulative.quantiles(learned, predicted, kinds(known), (0.1, 0.5, 0.9))
    came = y[:, 84:].sum(axis=1)
    inside = ((came >= spread[:, -1, 0]) & (came <= spread[:, -1, 2])).mean()
    assert 0.7 <= inside <= 0.9
    assert mean[:, -1] == pytest.approx(predicted.mean.sum(axis=1))
    independent = cumulative.quantiles(
        cumulative.Cumulative(np.ones_like(learned.ratios), learned.calibration, True), predicted, kinds(known), (0.1, 0.9)
    )
    assert (independent[1][:, -1, 1] - independent[1][:, -1, 0]).mean() < 0.9 * (spread[:, -1, 2] - spread[:, -1, 0]).mean()


def test_sums_never_fall_and_begin_with_the_first_period() -> None:
    mean = np.array([[2.0, 0.0, 3.0], [0.0, 0.0, 0.0]])
    predicted = Predicted(mean, np.full((2, 3), 0.5), np.zeros((2, 3), np.int64), np.zeros((2, 3), np.int64))
    learned = cumulative.Cumulative(np.array([[1.0, 1.0, 1.0]] * cumulative.KINDS), cumulative.uncalibrated(cumulative.SEGMENTS), True)
    sums, spread = cumulative.quantiles(learned, predicted, np.zeros(2, np.int64), (0.1, 0.55, 0.9))
    assert sums.tolist() == [[2.0, 2.0, 5.0], [0.0, 0.0, 0.0]]
    assert (np.diff(spread, axis=1) >= 0).all()
    assert (np.diff(spread, axis=2) >= 0).all()
    assert (spread[1] == 0).all()
    for period, (middle, variance) in enumerate(((2.0, 4.0), (2.0, 4.0), (5.0, 11.5))):
        size = middle**2 / (variance - middle)
        assert spread[0, period].tolist() == nbinom.ppf((0.1, 0.55, 0.9), size, size / (size + middle)).tolist()


def test_they_are_told_on_request() -> None:
    days = [date(2026, 1, 1) + timedelta(days=day) for day in range(60)]
    history = pl.concat(
        pl.DataFrame({"unique_id": [name] * 60, "ds": days, "y": drifting(1, 60, seed)[0].astype(float)})
        for seed, name in enumerate(("a", "b", "c", "d", "e", "f"))
    )
    plain = forecasting.forecast(history, horizon=7, quantiles=(0.1, 0.9))
    rows = forecasting.forecast(history, horizon=7, quantiles=(0.1, 0.9), cumulative=True)
    assert rows.select(plain.columns).equals(plain)
    assert rows.columns[len(plain.columns) :] == ["cumulative_mean", "cumulative_q0.1", "cumulative_q0.9"]
    by_series = rows.group_by("unique_id").agg(pl.col("mean").sum(), pl.col("cumulative_mean").last())
    assert by_series["mean"].to_list() == pytest.approx(by_series["cumulative_mean"].to_list())
    assert (rows["cumulative_q0.9"] >= rows["cumulative_q0.1"]).all()
