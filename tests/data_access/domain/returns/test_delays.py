"""The curve of return delays: by hand, and what holds for any history."""

from datetime import timedelta
from math import sqrt

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_access.domain.returns.delays import CURVES, LONGEST, PRIOR_UNITS, clump, delay_curves
from tests.data_access.domain.returns.histories import MONDAY, histories, returned_of, shipped_of, week

SIZE = "size_or_fit"


def curve(curves: pl.DataFrame, column: str, *days: int, **cell: str) -> list[float]:
    rows = curves.cast({"channel_id": pl.String, "category": pl.String}).filter(**cell).sort("days")
    return [float(value) for value in rows[column].gather(list(days))]


def test_each_cohort_counts_for_the_delays_that_it_is_old_enough_to_show() -> None:
    shipped = shipped_of(*((week(weeks), "shop", "A", 100) for weeks in (3, 2, 1)))
    returned = returned_of(
        (week(3), 5, "shop", "A", SIZE, 4),
        (week(3), 10, "shop", "A", SIZE, 4),
        (week(3), 15, "shop", "A", SIZE, 2),
        (week(2), 5, "shop", "A", SIZE, 3),
        (week(2), 10, "shop", "A", SIZE, 1),
        (week(2), 20, "shop", "A", SIZE, 7),  # not known yet
        (week(1), 5, "shop", "A", SIZE, 2),
    )
    curves = delay_curves(shipped, returned, MONDAY - timedelta(days=1))  # the cohorts are 20, 13 and 6 days old
    # 15 days: 2 of 10 units of the oldest; 10 days: 5 of 12 units of the two oldest; 5 days: all that came within 5 days
    after_5 = 0.8 * 7 / 12
    assert curve(curves, "share", 0, 4, 5, 9, 10, 14, 15, LONGEST) == pytest.approx([0, 0, after_5, after_5, 0.8, 0.8, 1, 1])
    units_together = (16 + 16 + 4 + 9 + 1 + 4) / 16
    at_15, at_10 = 0.2 / (0.8 * (10 + PRIOR_UNITS)), (5 / 12) / (7 / 12 * (12 + PRIOR_UNITS))
    deviations = [0.0, after_5 * sqrt(units_together * (at_15 + at_10)), 0.8 * sqrt(units_together * at_15), 0.0]
    assert curve(curves, "share_sd", 4, 5, 10, 15) == pytest.approx(deviations)
    assert not curves["is_settled"].any()  # 99 % are back after 15 days, and nothing was watched until day 29


def test_the_end_of_the_curve_must_have_been_watched() -> None:
    shipped = shipped_of((week(4), "shop", "A", 100))
    returned = returned_of((week(4), 5, "shop", "A", SIZE, 4), (week(4), 15, "shop", "A", SIZE, 2))
    settled = [delay_curves(shipped, returned, week(4) + timedelta(days=days))["is_settled"].all() for days in (28, 29)]
    assert settled == [False, True]
    assert not delay_curves(shipped, returned.clear(), MONDAY)["is_settled"].any()  # nothing ever came back: who knows


def test_thin_cells_are_drawn_towards_their_channel_and_this_towards_all() -> None:
    shipped = shipped_of((week(20), "shop", "A", 500), (week(20), "shop", "C", 500), (week(20), "ebay", "C", 500))
    returned = returned_of(
        (week(20), 5, "shop", "A", SIZE, 20),
        (week(20), 9, "shop", "A", SIZE, 60),
        (week(20), 5, "shop", "C", SIZE, 10),
        (week(20), 5, "ebay", "C", SIZE, 10),
    )
    curves = delay_curves(shipped, returned, MONDAY)
    everywhere = 60 / 100
    shop, ebay = (60 + 50 * everywhere) / (90 + 50), (0 + 50 * everywhere) / (10 + 50)
    late = [(60 + 50 * shop) / (80 + 50), (0 + 50 * shop) / (10 + 50), (0 + 50 * ebay) / (10 + 50)]
    cells = [{"channel_id": "shop", "category": "Clothing"}, {"channel_id": "shop", "category": "Garden"}, {"channel_id": "ebay"}]
    assert [curve(curves, "share", 5, **cell)[0] for cell in cells] == pytest.approx([1 - hazard for hazard in late])


def test_very_late_returns_count_as_of_the_last_day_and_early_ones_as_of_the_first() -> None:
    shipped = shipped_of((week(60), "shop", "A", 100))
    returned = returned_of((week(60), -3, "shop", "A", SIZE, 1), (week(60), 300, "shop", "A", SIZE, 3))
    assert curve(delay_curves(shipped, returned, MONDAY), "share", 0, LONGEST - 1, LONGEST) == pytest.approx([0.25, 0.25, 1])


def test_nothing_shipped_has_no_curve() -> None:
    nothing = delay_curves(shipped_of(), returned_of(), MONDAY)
    assert (nothing.columns, nothing.height) == (CURVES.names(), 0)
    assert clump(returned_of(), MONDAY) == 1


@given(histories(), st.integers(0, 10**6))
def test_curves_rise_from_0_to_1_and_the_order_of_rows_is_nothing(history: tuple[pl.DataFrame, pl.DataFrame], seed: int) -> None:
    shipped, returned = history
    curves = delay_curves(shipped, returned, MONDAY)
    for _, one in curves.group_by("channel_id", "category"):
        share = one["share"]
        assert len(share) == LONGEST + 1
        assert share.is_between(0, 1).all()
        assert share.diff().drop_nulls().ge(0).all()
        assert share[-1] == 1
        assert one["share_sd"].is_between(0, float("inf"), closed="left").all()
    shuffled = delay_curves(*(rows.sample(fraction=1, shuffle=True, seed=seed) for rows in history), MONDAY)
    assert shuffled.equals(curves)
