"""What returns to expect, worked by hand."""

from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest

from data_access.domain.returns.expected import LEAST_SPREAD, expected_returns, known_returns, received_share
from data_access.domain.returns.units import RETURNED, SHIPPED
from tests.data_access.domain.returns.made_up import AS_OF, made_up

MONDAY = date(2026, 3, 16)


def _shipped(*rows: tuple[date, str, int]) -> pl.DataFrame:
    """Week, SKU, units of one channel."""
    return pl.DataFrame([(week, "shop", sku, units) for week, sku, units in rows], SHIPPED, orient="row")


def _returned(*rows: tuple[date, int, str, int]) -> pl.DataFrame:
    """Week, age in days, SKU, units of one channel and reason."""
    return pl.DataFrame(
        [(week, week + timedelta(days=age), "shop", sku, "late", units) for week, age, sku, units in rows], RETURNED, orient="row"
    )


def _goods(**category: str | None) -> pl.DataFrame:
    return pl.DataFrame({"sku": list(category), "category": list(category.values())}, pl.Schema({"sku": pl.String, "category": pl.String}))


def test_share_received_by_age() -> None:
    # Two weeks, of ages 14 and 7. Of the older 4 returns at age 3 and 4 at age 10, of the younger 3 at age 3.
    # r_10 = 4 / 8, from the older alone; before age 3 nothing: r_3 = 7 / 7.
    older, younger = MONDAY - timedelta(weeks=2), MONDAY - timedelta(weeks=1)
    skus = "abcd"
    shipped = _shipped(*((week, sku, 9) for week in (older, younger) for sku in skus))
    returned = _returned(
        *((older, age, sku, 1) for age in (3, 10) for sku in skus),
        *((younger, 3, sku, 1) for sku in "abc"),
    )
    known = known_returns(shipped, returned, _goods(a="x", b="x", c="x", d="x"), MONDAY)
    share = received_share(known)[0]
    np.testing.assert_allclose(share[[0, 2, 3, 9, 10, 200]], [0.0, 0.0, 0.5, 0.5, 1.0, 1.0])


def test_a_channel_of_few_returns_borrows_the_delay_of_the_others() -> None:
    # Shop: 10 returns, half of them late: r_10 = 5 / 10. Fair: 1 early return; r_10 = (0 + 5 x 5 / 11) / (1 + 5).
    week = MONDAY - timedelta(weeks=3)
    skus = "abcde"
    shipped = _shipped(*((week, sku, 9) for sku in skus))
    returned = _returned(*((week, age, sku, 1) for age in (3, 10) for sku in skus))
    fair = [frame.head(1).with_columns(channel_id=pl.lit("fair")) for frame in (shipped, returned)]
    known = known_returns(pl.concat([shipped, fair[0]]), pl.concat([returned, fair[1]]), _goods(**dict.fromkeys(skus, "x")), MONDAY)
    assert known.channels.to_list() == ["fair", "shop"]
    share = received_share(known)[:, 5]
    np.testing.assert_allclose(share, [1 - (5 * 5 / 11) / 6, 1 - (5 + 5 * 5 / 11) / 15])


def test_rate_is_that_of_the_other_skus() -> None:
    # All shipped long ago and back at once: exposure = units. One category and channel, so its level is (20 + 5) / (20 + 5) = 1.
    # Of the others of a: 10 returns of 300 units; overall 10.5 of 300; drawn to it by 5: (10 + 5) / (300 + 5 / 0.035), twice.
    week = MONDAY - timedelta(weeks=20)
    shipped = _shipped((week, "a", 100), (week, "b", 100), (week, "c", 200))
    returned = _returned(*((week, age, "a", 2) for age in range(10)), *((week, age, sku, 1) for age in range(5) for sku in "bc"))
    known = known_returns(shipped, returned, _goods(a="x", b="x", c="x"), MONDAY)
    expected = expected_returns(known)
    whole = 15 / (300 + 5 / 0.035)
    assert expected.rate[0, 0, 0] == pytest.approx(15 / (300 + 5 / whole))
    assert expected.behind[0, 0, 0] == 10
    assert expected.exposure.sum(axis=2).tolist() == [[100.0], [100.0], [200.0]]
    assert expected.units_each[0, 0, 0] == pytest.approx((10 + 5 * 30 / 20) / (10 + 5))


def test_a_thin_category_borrows_from_the_others() -> None:
    # b is alone in its category: its rate is that of all others, drawn to by the channel's level.
    week = MONDAY - timedelta(weeks=20)
    shipped = _shipped((week, "a", 200), (week, "b", 50))
    returned = _returned(*((week, age, "a", 1) for age in range(20)), (week, 1, "b", 1))
    known = known_returns(shipped, returned, _goods(a="x", b=None), MONDAY)
    expected = expected_returns(known)
    level = (21 + 5) / (0.1 * 200 + 0.02 * 50 + 5)
    assert expected.rate[1, 0, 0] == pytest.approx(20.5 / (200 * level) * level)


def test_what_is_not_known_yet_or_not_shipped_does_not_count() -> None:
    week, old = MONDAY - timedelta(weeks=1), MONDAY - timedelta(weeks=60)
    shipped = _shipped((week, "a", 5), (old, "a", 5), (MONDAY + timedelta(weeks=1), "a", 5), (week, "unknown", 5))
    returned = _returned(
        (week, 7, "a", 1), (week, 8, "a", 1), (old, 1, "a", 1), (week, 1, "b", 1), (week, 1, "unknown", 1), (week, 2, "a", 0)
    )
    known = known_returns(shipped, returned, _goods(a="x", b="x"), MONDAY)
    assert known.units.sum() == 5
    assert known.age.tolist() == [7]
    assert known.before.tolist() == [False]


@pytest.mark.parametrize(("spread", "least", "most"), [(0.0, LEAST_SPREAD, 0.06), (0.3, 0.18, 0.45)])
def test_spread_of_levels_is_recovered(spread: float, least: float, most: float) -> None:
    company = made_up(seed=3, skus=200, spread=spread)
    expected = expected_returns(known_returns(company.shipped, company.returned, company.categories, AS_OF))
    assert least <= np.mean(expected.spread[0]) <= most
    assert (expected.spread[1] >= expected.spread[0]).all()
