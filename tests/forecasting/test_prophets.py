"""Prophet on sums that matter much: what it tells apart, and what is taken where it has too little to go by."""

from datetime import date

import numpy as np
import polars as pl
import pytest

from forecasting.models import prophets
from forecasting.panel import Panel

START = date(2025, 1, 6)  # a Monday
DAYS, HORIZON = 182, 7


def panel(y: np.ndarray, first: list[int] | None = None, discount: np.ndarray | None = None) -> Panel:
    """Daily series; `discount`: known as far ahead as it reaches."""
    count, periods = y.shape
    known, ahead = {}, 0
    if discount is not None:
        known, ahead = {"discount": discount.astype(np.float32)}, discount.shape[1] - periods
    ids = pl.Series("unique_id", [f"n{row:02d}" for row in range(count)])
    return Panel(ids, START, 1, y.astype(np.float32), np.array(first or [0] * count, np.int32), ahead, known)


def test_no_series_have_no_forecast() -> None:
    mean, components = prophets.forecast(panel(np.zeros((0, 30))), HORIZON)
    assert mean.shape == (0, HORIZON)
    assert components.is_empty()
    assert components.schema == prophets.COMPONENTS


def test_a_series_known_for_too_short_or_that_never_changes_gets_its_mean() -> None:
    y = np.tile([2.0, 4.0], (3, 45))
    y[0, 59:] = np.nan  # 59 known days: one too few
    y[1] = 3.0
    y[2] = np.nan
    mean, components = prophets.forecast(panel(y, [0, 30, 0]), HORIZON)
    np.testing.assert_array_equal(mean, np.repeat([[np.float64(y[0, :59].mean())], [3.0], [0.0]], HORIZON, axis=1))
    assert components.group_by("unique_id", maintain_order=True).len().rows() == [("n00", 97), ("n01", 67), ("n02", 97)]
    assert components.select("weekly", "yearly", "holidays", "discount").to_numpy().any() is np.False_
    assert components.filter(pl.col("unique_id") == "n01")["trend"].unique().to_list() == [3.0]
    assert components["ds"].min() == START
    assert components["ds"].max() == date(2025, 4, 12)


def test_more_series_than_a_few_are_worked_on_by_other_processes_and_come_back_in_order() -> None:
    y = np.arange(1.0, prophets.FEW + 2)[:, None] * np.ones(30)
    mean, components = prophets.forecast(panel(y), 2)
    np.testing.assert_array_equal(mean, np.repeat(y[:, :1], 2, axis=1))
    assert components["unique_id"].unique(maintain_order=True).to_list() == [f"n{row:02d}" for row in range(prophets.FEW + 1)]


def test_a_discount_known_ahead_raises_what_is_expected_and_one_that_is_not_known_does_not() -> None:
    discount = np.zeros((1, DAYS + 3))
    discount[0, 20:DAYS:13] = 0.2
    discount[0, DAYS:] = 0.2  # three days ahead are known
    y = 50.0 * (1.0 + 5.0 * discount[:, :DAYS])
    mean, components = prophets.forecast(panel(y, discount=discount), HORIZON)
    assert mean[0, :3] == pytest.approx(np.full(3, 100.0), rel=0.05)
    assert mean[0, 3:] == pytest.approx(np.full(4, 50.0), rel=0.05)
    raised = 1.0 + components["discount"][-HORIZON:]  # against the mean of all days, discounted ones among them
    assert (raised / raised[-1]).to_list() == pytest.approx([2.0] * 3 + [1.0] * 4, abs=0.02)


def test_a_discount_that_never_was_says_nothing() -> None:
    y = 50.0 + 10.0 * (np.arange(DAYS) % 7 == 5)[None]
    discount = np.zeros((1, DAYS + HORIZON))
    discount[0, DAYS:] = 0.3
    mean, components = prophets.forecast(panel(y, discount=discount), HORIZON)
    plain, _ = prophets.forecast(panel(y), HORIZON)
    np.testing.assert_array_equal(mean, plain)
    assert components["discount"].unique().to_list() == [0.0]
    assert mean[0].argmax() == 5  # the horizon begins on a Monday


def test_holidays_of_a_country_are_told_apart() -> None:
    days = pl.date_range(START, date(2026, 12, 24), eager=True)
    is_christmas = ((days.dt.month() == 12) & (days.dt.day() == 25)).to_numpy()
    y = np.where(is_christmas, 10.0, 50.0 + np.arange(len(days)) % 2)[None]
    mean, components = prophets.forecast(panel(y), 2, "US")
    christmas = components.filter(pl.col("ds").is_in([date(2025, 12, 25), date(2026, 12, 25)]))["holidays"]
    assert (christmas < -0.5).all()
    assert mean[0, 0] < 0.6 * mean[0, 1]
    _, without = prophets.forecast(panel(y), 2)
    assert without["holidays"].unique().to_list() == [0.0]
