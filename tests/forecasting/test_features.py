"""Features say what a plain loop over the periods says."""

from datetime import date

import numpy as np
import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from forecasting.features import Features, Groups, Rows
from forecasting.models.smoothing import RATES, levels
from forecasting.panel import Panel

START = date(2025, 1, 1)  # a Wednesday


def panel_of(y: np.ndarray) -> Panel:
    first = np.array([int(np.argmax(~np.isnan(row))) for row in y], np.int32)
    return Panel(pl.Series([f"s{row}" for row in range(len(y))]), START, 1, y.astype(np.float32), first)


def column(features: Features, rows: Rows, name: str) -> np.ndarray:
    table, names = features.table(rows, np.ones(len(rows)))
    return table[:, names.index(name)]


@given(seed=st.integers(0, 10_000))
def test_windows_are_means_of_what_is_known_before_the_origin(seed: int) -> None:
    chance = np.random.default_rng(seed)
    y = chance.poisson(2.0, (4, 60)).astype(float)
    y[chance.random(y.shape) < 0.2] = np.nan
    rows = Rows(chance.integers(0, 4, 30), chance.integers(1, 60, 30), chance.integers(1, 15, 30))
    features = Features(panel_of(y), Groups(panel_of(y)))
    week, weekday = column(features, rows, "level_7"), column(features, rows, "weekday_4")
    for at, (series, origin, horizon) in enumerate(zip(rows.series, rows.origin, rows.horizon, strict=True)):
        window = y[series, max(origin - 7, 0) : origin]
        window = window[~np.isnan(window)]
        np.testing.assert_allclose(week[at], window.mean() if len(window) else np.nan, rtol=1e-5)
        target = origin + horizon - 1
        same = [period for period in range(target, -1, -7) if period < origin][:4]
        known = y[series, same][~np.isnan(y[series, same])]
        np.testing.assert_allclose(weekday[at], known.mean() if len(known) else np.nan, rtol=1e-5)


def test_nothing_after_the_origin_is_seen() -> None:
    chance = np.random.default_rng(1)
    y = chance.poisson(2.0, (5, 80)).astype(float)
    rows = Rows(np.arange(5), np.full(5, 50), np.full(5, 9))
    known, later = panel_of(y), panel_of(np.where(np.arange(80) >= 50, 99.0, y))
    first, second = Features(known, Groups(known)), Features(later, Groups(later))
    np.testing.assert_array_equal(first.scale(rows), second.scale(rows))
    np.testing.assert_array_equal(first.table(rows, first.scale(rows))[0], second.table(rows, second.scale(rows))[0])


def test_smoothing_takes_the_rate_with_the_least_error_of_each_series() -> None:
    y = np.random.default_rng(2).poisson(4.0, (3, 50)).astype(float)
    y[0, 10:14] = np.nan
    smoothed = levels(panel_of(y), np.ones((3, 7)), [20, 50])["smoothing"]
    for origin in (20, 50):
        for series in range(3):
            best: tuple[float, float] | None = None
            for rate in RATES:
                level, error = np.nan, 0.0
                for value in y[series, :origin]:
                    if np.isnan(value):
                        error *= 0.99
                        continue
                    level = value if np.isnan(level) else level
                    error = 0.99 * error + (value - level) ** 2
                    level += rate * (value - level)
                best = min(best or (np.inf, 0.0), (error, level))
            assert best is not None
            np.testing.assert_allclose(smoothed[origin][series], best[1], rtol=1e-5)
