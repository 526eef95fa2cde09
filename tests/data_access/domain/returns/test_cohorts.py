"""Cohorts of returns: a table by hand, and what holds for any history."""

from datetime import date, timedelta
from math import sqrt

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal
from scipy.stats import nbinom

from data_access.domain.returns.cohorts import COHORTS, RECEIVED, Group, by_return_week, cohorts, negative_binomial
from data_access.domain.returns.delays import LONGEST
from data_access.domain.returns.usual import Usual, usual, without_skus
from tests.data_access.domain.returns.histories import MONDAY, histories, returned_of, shipped_of, week

SIZE, MIND = "size_or_fit", "changed_mind"
GROUPS: tuple[tuple[Group, ...], ...] = ((), ("channel_id",), ("category", "reason"), ("channel_id", "category", "sku", "reason"))


def basis(as_of: date, *, clump: float = 1.0, share_sd: float = 0.0, settled: bool = True) -> Usual:
    """20 % come back: half for the size, half for a changed mind; a quarter within 7 days, three quarters within 14, all within 21."""
    days = pl.DataFrame({"days": range(LONGEST + 1)}, {"days": pl.Int64})
    share = pl.when(pl.col("days") < 7).then(0.0).when(pl.col("days") < 14).then(0.25).when(pl.col("days") < 21).then(0.75).otherwise(1.0)
    sd = pl.when(share.is_between(0.0, 1.0, closed="none")).then(share_sd).otherwise(0.0)
    cell = {"channel_id": "shop", "category": "Clothing"}
    named = [pl.lit(value).cast(pl.Categorical).alias(name) for name, value in cell.items()]
    curves = days.with_columns(*named, share=share, share_sd=sd, is_settled=pl.lit(settled))
    rates = pl.DataFrame({"reason": [SIZE, MIND], "rate": [0.1, 0.1]}).with_columns(*named, reason=pl.col("reason").cast(pl.Categorical))
    return Usual(as_of, curves, rates, clump)


def weekly(*returned: tuple[int, int, str, int]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """100 units of A shipped in each of the weeks 10, 2 and 1 weeks ago; weeks ago, days after the Monday, reason and units of returns."""
    shipped = shipped_of(*((week(before), "shop", "A", 100) for before in (10, 2, 1)))
    return shipped, returned_of(*((week(before), days, "shop", "A", reason, units) for before, days, reason, units in returned))


AS_USUAL = ((10, 21, SIZE, 20), (2, 8, SIZE, 10), (2, 14, MIND, 5), (1, 7, SIZE, 5), (1, 8, SIZE, 80))


def test_what_came_back_as_usual_goes_on_as_usual() -> None:
    rows = cohorts(*weekly(*AS_USUAL), basis(MONDAY))
    assert rows.select("ship_week", "units_shipped", "units_returned", "rate", "share_back", "is_mature").rows() == [
        (week(10), 100, 20, 0.20, 1.00, True),
        (week(2), 100, 15, 0.15, 0.75, False),
        (week(1), 100, 5, 0.05, 0.25, False),  # what comes back on the next day is not known yet
    ]
    assert rows["to_come"].to_list() == pytest.approx([0, 5, 15])
    assert rows["expected_units"].to_list() == pytest.approx([20, 20, 20])
    assert rows["expected_rate"].to_list() == pytest.approx([0.2, 0.2, 0.2])
    # The mature cohort is exactly as expected, 16 units of variance less than chance has: (-16 / 4.205 + 1 / 0.0225) of
    # (400 / 4.205 + 1 / 0.0225 ** 2), where 4.205 = 2 (1 + 0.0225 * 20) ** 2. The factor rests on 4 returns and those so far.
    variation = (-16 / 4.205 + 1 / 0.0225) / (400 / 4.205 + 1 / 0.0225**2)
    weights = [0.5 ** (days / 91) for days in (70, 14, 7)]
    certainty = 1 / (variation + 1 / (4 + 20 * weights[0] + 15 * weights[1] + 5 * weights[2]))
    deviations = [0.0, sqrt(5 * (1 - 5 / 85) + 25 / (certainty + 15)), sqrt(15 * (1 - 15 / 95) + 225 / (certainty + 5))]
    assert rows["to_come_sd"].to_list() == pytest.approx(deviations)  # 0, 2.33 and 4.64
    assert rows.select("low_units", "high_units").rows() == [(20, 20), (17, 23), (14, 26)]
    assert rows["low_rate"].to_list() == pytest.approx([0.2, 0.17, 0.14])
    assert rows["high_rate"].to_list() == pytest.approx([0.2, 0.23, 0.26])


def test_a_cohort_that_comes_back_quicker_is_believed_in_part() -> None:
    phi, sd = 2.0, 0.05
    rows = cohorts(*weekly((10, 21, SIZE, 20), (2, 8, SIZE, 15), (1, 7, SIZE, 15)), basis(MONDAY, clump=phi, share_sd=sd))
    weights = [0.5 ** (days / 91) for days in (70, 14, 7)]
    back = 4 + (20 * weights[0] + 15 * weights[1] + 15 * weights[2]) / phi
    factor = back / (4 + (20 * weights[0] + 15 * weights[1] + 5 * weights[2]) / phi)
    excess = (20 - 20 * factor) ** 2 - phi * 20 * factor * (1 - 20 * factor / 100)
    spread = 2 * (phi + 0.0225 * 20 * factor) ** 2
    variation = max((excess / spread + 1 / 0.0225) / ((20 * factor) ** 2 / spread + 1 / 0.0225**2), 0)
    a, m = 1 / (variation + 1 / back), 20 * factor
    level = (a + 15 / phi) / (a + m * 0.25 / phi)
    to_come = m * 0.75 * level
    slope = m * level * (a + m / phi) / (a + m * 0.25 / phi)
    variance = phi * to_come * (1 - to_come / 85) + to_come**2 / (a + 15 / phi) + (slope * sd) ** 2
    assert rows["to_come"][-1] == pytest.approx(to_come)
    assert rows["to_come_sd"][-1] == pytest.approx(sqrt(variance))
    assert 15 < to_come < 45  # more than usual, and less than if all came back thrice as often


def test_groups_and_reasons() -> None:
    shipped, returned = weekly(*AS_USUAL)
    rows = cohorts(shipped, returned, basis(MONDAY), ("reason", "channel_id"))
    assert rows.columns == ["ship_week", "channel_id", "reason", *COHORTS.names()[5:]]
    assert rows.select("ship_week", "channel_id", "reason", "units_shipped", "units_returned").rows() == [
        (week(10), "shop", MIND, 100, 0),
        (week(10), "shop", SIZE, 100, 20),
        (week(2), "shop", MIND, 100, 5),
        (week(2), "shop", SIZE, 100, 10),
        (week(1), "shop", MIND, 100, 0),
        (week(1), "shop", SIZE, 100, 5),
    ]
    for reason in (SIZE, MIND):  # one reason alone is as the group of it
        alone = cohorts(shipped, returned, basis(MONDAY), ("channel_id",), [reason])
        assert alone.equals(rows.filter(reason=reason).drop("reason"))


def test_what_is_not_settled_is_not_mature() -> None:
    assert not cohorts(*weekly(*AS_USUAL), basis(MONDAY, settled=False))["is_mature"].any()


def test_nothing_came_back_and_nothing_was_shipped() -> None:
    shipped, returned = weekly()
    rows = cohorts(shipped, returned, usual(shipped, returned, MONDAY))
    assert rows.select("units_returned", "to_come", "high_units", "is_mature").unique().rows() == [(0, 0.0, 0, False)]
    assert cohorts(shipped, returned, usual(shipped, returned, MONDAY), ("reason",)).schema == {
        name: kind for name, kind in COHORTS.items() if name not in ("channel_id", "category", "sku")
    }
    none = cohorts(shipped.clear(), returned, basis(MONDAY))
    assert (none.height, none.columns) == (0, ["ship_week", *COHORTS.names()[5:]])


def test_more_back_than_was_shipped_expects_no_more() -> None:
    rows = cohorts(*weekly((1, 7, SIZE, 130)), basis(MONDAY))
    assert rows.select("units_returned", "to_come", "low_units", "high_units").row(-1) == (130, 0.0, 130, 130)


def test_a_channel_that_is_not_known_is_refused() -> None:
    with pytest.raises(ValueError, match="other channels and categories"):
        cohorts(shipped_of((week(1), "ebay", "A", 1)), returned_of(), basis(MONDAY))


def test_by_week_of_return() -> None:
    shipped = shipped_of((week(2), "shop", "A", 100), (week(1), "shop", "A", 40), (week(0), "shop", "A", 9))
    returned = returned_of((week(2), 6, "shop", "A", SIZE, 3), (week(2), 7, "shop", "A", MIND, 5), (week(1), 6, "shop", "A", SIZE, 5))
    returned = pl.concat([returned, returned_of((week(5), 28, "shop", "A", SIZE, 2), (week(1), 7, "shop", "A", SIZE, 4))])
    as_of = MONDAY - timedelta(days=1)
    assert by_return_week(shipped, returned, basis(as_of)).rows() == [(week(2), 3, 100, 0.03), (week(1), 12, 40, 0.3)]
    assert by_return_week(shipped, returned, basis(as_of), ("reason",)).rows() == [
        (week(2), MIND, 0, 100, 0.0),
        (week(2), SIZE, 3, 100, 0.03),
        (week(1), MIND, 5, 40, 0.125),
        (week(1), SIZE, 7, 40, 0.175),
    ]
    assert by_return_week(shipped, returned, basis(as_of), (), [MIND]).rows() == [(week(2), 0, 100, 0.0), (week(1), 5, 40, 0.125)]
    closed = by_return_week(shipped.filter(pl.col("ship_week") < week(1)), returned, basis(as_of), ("sku",))
    assert closed.rows() == [(week(2), "A", 3, 100, 0.03), (week(1), "A", 12, 0, None)]
    assert closed.schema == {name: kind for name, kind in RECEIVED.items() if name not in ("channel_id", "category", "reason")}


def test_the_distribution_has_its_mean_and_deviation() -> None:
    mean, deviation = np.array([3.0, 40.0]), np.array([2.5, 9.0])
    size, odds = negative_binomial(mean, deviation)
    assert nbinom.mean(size, odds) == pytest.approx(mean)
    assert nbinom.std(size, odds) == pytest.approx(deviation)
    poisson = negative_binomial(mean[:1], np.array([1.0]))  # never narrower than by chance alone
    assert nbinom.var(*poisson) == pytest.approx(3.0)


@given(histories(), st.sampled_from(GROUPS), st.integers(0, 10**6))
def test_of_any_history(history: tuple[pl.DataFrame, pl.DataFrame], by: tuple[Group, ...], seed: int) -> None:
    shipped, returned = history
    its = usual(shipped, returned, MONDAY)
    rows = cohorts(shipped, returned, its, by)
    known = returned.filter(pl.col("received_on") <= MONDAY)
    assert rows["units_returned"].sum() == known["units"].sum()
    if "reason" not in by:
        assert rows["units_shipped"].sum() == shipped["units"].sum()
    assert rows.filter(~pl.col("share_back").is_between(0, 1 + 1e-12)).is_empty()
    assert rows.filter(pl.col("to_come") < 0).is_empty()
    ordered = [("units_returned", "low_units"), ("low_units", "high_units"), ("units_returned", "expected_units")]
    for less, more in [*ordered, ("expected_units", "units_shipped"), ("high_units", "units_shipped")]:
        assert rows.filter(pl.col(less) > pl.col(more) + 1e-9).is_empty(), (less, more)
    if "sku" not in by:
        assert_frame_equal(cohorts(without_skus(shipped), without_skus(returned), its, by), rows)
    shuffled = [frame.sample(fraction=1, shuffle=True, seed=seed) for frame in history]
    assert_frame_equal(cohorts(*shuffled, usual(*shuffled, MONDAY), by), rows)


@given(histories(), st.sampled_from(GROUPS))
def test_a_cohort_of_long_ago_changes_no_count_of_others(history: tuple[pl.DataFrame, pl.DataFrame], by: tuple[Group, ...]) -> None:
    counts = ["ship_week", *(name for name in COHORTS if name in by), "units_shipped", "units_returned"]
    shipped, returned = (pl.concat([own, one]) for own, one in zip(history, weekly((10, 9, SIZE, 3)), strict=True))
    long_ago = shipped_of((week(90), "shop", "A", 500)), returned_of((week(90), 9, "shop", "A", SIZE, 50))
    more = [pl.concat([own, one]) for own, one in zip((shipped, returned), long_ago, strict=True)]
    before, after = cohorts(shipped, returned, usual(shipped, returned, MONDAY), by), cohorts(*more, usual(*more, MONDAY), by)
    assert after.filter(pl.col("ship_week") > week(90)).select(counts).equals(before.select(counts))
