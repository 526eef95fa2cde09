"""Forecasts of any frame: never missing, negative or infinite; the same again; and right where there is something to learn."""

from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from forecasting import InvalidPanel, backtest, forecast
from forecasting.metrics import QUANTILES

START = date(2025, 1, 6)
COLUMNS = [f"q{level:g}" for level in QUANTILES]


def history(y: np.ndarray, step: int = 1) -> pl.DataFrame:
    """A frame of series x periods."""
    count, periods = y.shape
    return pl.DataFrame(
        {
            "unique_id": [f"s{row:03}" for row in range(count) for _ in range(periods)],
            "ds": [START + timedelta(days=step * period) for _ in range(count) for period in range(periods)],
            "y": y.ravel(),
        }
    )


def sound(rows: pl.DataFrame, series: int, horizon: int) -> None:
    assert rows.height == series * horizon
    values = rows.select("mean", *COLUMNS).to_numpy()
    assert np.isfinite(values).all()
    assert (values >= 0).all()
    assert (np.diff(values[:, 1:], axis=1) >= 0).all()


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    y=st.integers(1, 4).flatmap(
        lambda count: st.integers(1, 30).flatmap(
            lambda periods: st.lists(
                st.lists(st.none() | st.floats(0, 1e6), min_size=periods, max_size=periods), min_size=count, max_size=count
            )
        )
    ),
    horizon=st.integers(1, 20),
    step=st.sampled_from([1, 7]),
)
def test_any_small_frame_has_a_forecast(y: list[list[float | None]], horizon: int, step: int) -> None:
    frame = pl.concat(
        pl.DataFrame(
            {"unique_id": f"s{row}", "ds": [START + timedelta(days=step * at) for at in range(len(values))], "y": values},
            schema={"unique_id": pl.String, "ds": pl.Date, "y": pl.Float64},
        )
        for row, values in enumerate(y)
    )
    sound(forecast(frame, horizon, "1d" if step == 1 else "1w"), len(y), horizon)


@pytest.mark.parametrize("y", [np.zeros((1, 1)), np.zeros((40, 60)), np.full((40, 60), 3.0), np.full((3, 60), np.nan)])
def test_silent_and_constant_series_are_forecast_as_such(y: np.ndarray) -> None:
    rows = forecast(history(y), 7)
    sound(rows, len(y), 7)
    level = 0.0 if np.isnan(y).all() else float(np.nanmean(y))
    assert rows["mean"].to_numpy() == pytest.approx(level, rel=0.05, abs=1e-9)


def poisson(count: int = 150, periods: int = 200, seed: int = 1) -> np.ndarray:
    chance = np.random.default_rng(seed)
    level = np.exp(chance.normal(1.0, 1.0, count))[:, None]
    week = np.array([0.6, 0.8, 1.0, 1.0, 1.2, 1.6, 0.8])[np.arange(periods) % 7]
    return chance.poisson(level * week).astype(float)


def test_the_same_again_gives_the_same() -> None:
    frame = history(poisson(50, 120))
    first, again = forecast(frame, 7, seed=5), forecast(frame.sample(fraction=1.0, shuffle=True, seed=2), 7, seed=5)
    assert np.abs(first.select("mean", *COLUMNS).to_numpy() - again.select("mean", *COLUMNS).to_numpy()).max() <= 1e-9


def test_what_there_is_to_learn_is_learned() -> None:
    whole = poisson(periods=214)
    rows = forecast(history(whole[:, :200]), 14)
    sound(rows, 150, 14)
    y, mean = whole[:, 200:], rows["mean"].to_numpy().reshape(150, 14)
    assert mean.sum() == pytest.approx(y.sum(), rel=0.03)
    best = whole[:, :200].reshape(150, -1)[:, :196].reshape(150, 28, 7).mean(axis=1)[:, (np.arange(14) + 200) % 7]
    assert np.abs(y - mean).mean() <= 1.03 * np.abs(y - best).mean()
    inside = (y >= rows["q0.1"].to_numpy().reshape(150, 14)) & (y <= rows["q0.9"].to_numpy().reshape(150, 14))
    assert 0.78 <= inside.mean() <= 0.95  # counts: the interval holds somewhat more than 80 %


def test_errors_of_the_past_are_told_by_series_and_origin() -> None:
    errors = backtest(history(poisson(60, 120)), 7, 2, models=("chosen", "average", "seasonal naive"))
    cutoffs = [START + timedelta(days=105), START + timedelta(days=112)]
    expected = [(model, cutoff, 60) for model in ("average", "chosen", "seasonal naive") for cutoff in cutoffs]
    assert errors.group_by("model", "cutoff").len().sort("model", "cutoff").rows() == expected
    assert errors["periods"].unique().to_list() == [7]
    loss = dict(errors.group_by("model").agg(pl.col("pinball").mean()).iter_rows())
    assert loss["chosen"] < 1.05 * loss["average"] < 0.8 * loss["seasonal naive"]


def test_options_that_cannot_be_taken_are_said() -> None:
    frame = history(poisson(3, 20))
    with pytest.raises(InvalidPanel, match="A horizon of 0 periods cannot be forecast: choose 1 to 730"):
        forecast(frame, 0)
    with pytest.raises(InvalidPanel, match="A horizon of 10,000 periods cannot be forecast: choose 1 to 104"):
        forecast(frame, 10_000, "1w")
    with pytest.raises(InvalidPanel, match=r"The quantiles 0\.9, 0\.1 cannot be taken"):
        forecast(frame, 7, quantiles=(0.9, 0.1))
    with pytest.raises(InvalidPanel, match="There is no model “oracle”"):
        backtest(frame, 7, 1, models=("oracle",))
    with pytest.raises(InvalidPanel, match="does not hold all origins"):
        backtest(frame, 7, 9)
