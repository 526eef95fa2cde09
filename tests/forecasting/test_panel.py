"""A panel is made of good frames; of others it says which series and column is wrong."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest

from forecasting.errors import InvalidPanel
from forecasting.panel import panel

DAY = date(2026, 3, 2)  # a Monday


def rows(**columns: list[Any]) -> pl.DataFrame:
    return pl.DataFrame(columns)


def days(*ahead: int) -> list[date]:
    return [DAY + timedelta(days=one) for one in ahead]


GOOD = rows(unique_id=["b", "a", "a", "b"], ds=days(1, 3, 0, 2), y=[2, 5, 1, None])


def test_missing_periods_have_no_demand_and_unknown_ones_are_missing() -> None:
    good = panel(GOOD)
    assert good.ids.to_list() == ["a", "b"]
    assert (good.start, good.periods, good.first.tolist()) == (DAY, 4, [0, 1])
    np.testing.assert_array_equal(good.y, np.array([[1, 0, 0, 5], [np.nan, 2, np.nan, 0]], np.float32))


def test_weeks_are_periods_of_seven_days() -> None:
    weekly = panel(rows(unique_id=["a"] * 3, ds=days(0, 14, 21), y=[1.0, 2.0, 3.0]), "1w")
    np.testing.assert_array_equal(weekly.y, [[1, 0, 2, 3]])
    assert weekly.day(4) == DAY + timedelta(days=28)


def test_demand_is_scaled_by_the_share_in_stock_and_unknown_below_half() -> None:
    scaled = panel(rows(unique_id=["a"] * 4, ds=days(0, 1, 2, 3), y=[4, 4, 4, 0], available=[1.0, 0.5, 0.4, 0.0]))
    np.testing.assert_array_equal(scaled.y, np.array([[4, 8, np.nan, np.nan]], np.float32))


def test_covariates_are_known_ahead_and_their_past_comes_from_the_history_first() -> None:
    history = rows(unique_id=["a", "a", "b"], ds=days(0, 1, 1), y=[1, 2, 3], price=[9.0, None, 7.0], visits=[1, 2, 3])
    ahead = rows(unique_id=["a", "a", "a", "b", "b"], ds=days(1, 2, 3, 2, 3), price=[8.0, 6.0, 5.0, 4.0, 3.0])
    whole = panel(history, covariates=ahead, horizon=2)
    np.testing.assert_array_equal(whole.known["price"], np.array([[9, 8, 6, 5], [np.nan, 7, 4, 3]], np.float32))
    np.testing.assert_array_equal(whole.past["visits"], np.array([[1, 2], [np.nan, 3]], np.float32))
    shared = panel(history.drop("price"), covariates=rows(ds=days(0, 1, 2, 3), holiday=[False, True, False, True]), horizon=2)
    np.testing.assert_array_equal(shared.known["holiday"], [[0, 1, 0, 1]] * 2)


def test_what_was_known_before_a_period_has_only_the_series_that_had_begun() -> None:
    earlier = panel(GOOD).until(1)
    assert (earlier.ids.to_list(), earlier.periods, earlier.ahead) == (["a"], 1, 3)


@pytest.mark.parametrize(
    ("history", "sentence"),
    [
        (GOOD.drop("y"), "The history has no column y: it needs unique_id, ds and y."),
        (GOOD.head(0), "The history has no rows: give at least one period of one series."),
        (rows(unique_id=[7], ds=days(0), y=[1]), "The column unique_id holds Int64, not text: turn its ids into text"),
        (rows(unique_id=["a", None], ds=days(0, 1), y=[1, 1]), "Row 2 of the history has no unique_id: fill it or leave the row out."),
        (rows(unique_id=["a"], ds=[None], y=[1]).cast({"ds": pl.Date}), "Row 1 of the history has no ds"),
        (rows(unique_id=["a"], ds=["2026-03-02"], y=[1]), "The column ds of the history holds String: give dates."),
        (rows(unique_id=["a"], ds=[datetime(2026, 3, 2, tzinfo=UTC)], y=[1]), "The column ds of the history has the time zone UTC"),
        (
            rows(unique_id=["a"], ds=[datetime(2026, 3, 2, 7, tzinfo=UTC).replace(tzinfo=None)], y=[1]),
            "The column ds of the history has times within a day",
        ),
        (rows(unique_id=["a"], ds=days(0), y=["many"]), "The column y of the history holds String: give numbers."),
        (rows(unique_id=["a", "b"], ds=days(0, 1), y=[1, -2]), "The column y of series “b” is below 0 on 2026-03-03"),
        (rows(unique_id=["a"], ds=days(0), y=[float("inf")]), "The column y of series “a” is infinite on 2026-03-02"),
        (rows(unique_id=["a", "a"], ds=days(0, 0), y=[1, 2]), "Series “a” has 2026-03-02 twice (column ds)"),
        (rows(unique_id=["a"], ds=days(0), y=[1], available=[1.5]), "The column available of series “a” is not between 0 and 1"),
        (rows(unique_id=["a"], ds=days(0), y=[1], price=[float("-inf")]), "The column price of series “a” is infinite"),
        (rows(unique_id=["a"], ds=days(0), y=[1], note=["x"]), "The column note of the history holds String: give numbers."),
        (rows(unique_id=["a", "a"], ds=days(0, 1), y=[1, 2], category=["x", "y"]), "The column category of series “a” changes"),
    ],
)
def test_what_cannot_be_taken_is_said(history: pl.DataFrame, sentence: str) -> None:
    with pytest.raises(InvalidPanel) as refusal:
        panel(history)
    assert str(refusal.value).startswith(sentence)


@pytest.mark.parametrize(
    ("covariates", "sentence"),
    [
        (rows(price=[1.0]), "The covariates have no column ds"),
        (
            rows(ds=days(4), holiday=[1]),
            "The covariate holiday of series “all” is not known on 2026-03-07: give it for all 2 periods ahead",
        ),
        (
            rows(unique_id=["a", "a", "b"], ds=days(4, 5, 4), price=[1.0, 1.0, 1.0]),
            "The covariate price of series “b” is not known on 2026-03-07",
        ),
        (rows(ds=days(4, 4, 5), holiday=[1, 1, 1]), "The covariates of series “all” have 2026-03-06 twice (column ds)"),
        (rows(ds=days(4, 5), holiday=[float("inf"), 1.0]), "The covariate holiday of series “a” is infinite"),
        (rows(ds=days(4, 5), holiday=["x", "y"]), "The column holiday of the covariates holds String: give numbers."),
    ],
)
def test_covariates_that_cannot_be_taken_are_said(covariates: pl.DataFrame, sentence: str) -> None:
    with pytest.raises(InvalidPanel) as refusal:
        panel(GOOD, covariates=covariates, horizon=2)
    assert str(refusal.value).startswith(sentence)


def test_other_frequencies_are_said() -> None:
    with pytest.raises(InvalidPanel, match="The frequency “1h” is not known: choose 1d"):
        panel(GOOD, "1h")
    with pytest.raises(InvalidPanel, match="Weeks of series “a” begin on another day than most"):
        panel(rows(unique_id=["b", "b", "a"], ds=days(0, 7, 1), y=[1, 2, 3]), "1w")


def test_all_series_are_taken_without_a_copy_and_alike() -> None:
    whole = panel(rows(unique_id=["a", "a", "b"], ds=days(0, 2, 1), y=[1, 2, 3]))
    both = np.arange(2)
    taken = whole.take(both, 2)
    assert np.shares_memory(taken.y, whole.y)
    assert (taken.periods, taken.ahead, taken.ids.to_list()) == (2, 1, ["a", "b"])
    other = whole.take(both[::-1], 2)
    np.testing.assert_array_equal(other.y, taken.y[::-1])
    assert (other.periods, other.ahead, other.ids.to_list()) == (2, 1, ["b", "a"])
