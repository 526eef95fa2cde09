"""Usual rates of return, by hand."""

from datetime import date

import polars as pl
import pytest

from data_access.domain.returns.delays import CURVES
from data_access.domain.returns.usual import RATES, rates_of, usual, without_skus
from tests.data_access.domain.returns.histories import MONDAY, returned_of, shipped_of, week

SIZE, MIND = "size_or_fit", "changed_mind"


def rates(frame: pl.DataFrame) -> list[tuple[object, ...]]:
    names = [name for name in RATES if name in frame.columns]
    return frame.select(names).cast({name: RATES[name] for name in names}).sort(names).rows()


def test_returns_so_far_by_the_units_whose_returns_are_back_so_far() -> None:
    shipped = shipped_of((week(26), "shop", "A", 1000), (week(1), "shop", "A", 1000))
    # 182 days ago, which counts half: 30 within a week, 30 more in the next; last week: 20 within the week, as half of them are
    returned = returned_of(
        *((week(26), days, "shop", "A", SIZE, 30) for days in (7, 14)),
        (week(1), 7, "shop", "A", SIZE, 20),
        (week(1), 8, "shop", "A", SIZE, 40),  # not known yet
    )
    basis = usual(shipped, returned, MONDAY)
    weight = 0.5 ** (7 / 182)
    rate = (0.5 * 60 + weight * 20) / (0.5 * 1000 + weight * 1000 * 0.5)
    assert rates(basis.rates) == [("shop", "Clothing", SIZE, pytest.approx(rate))]
    assert basis.clump == pytest.approx((900 + 900 + 400) / 80)


def test_thin_rates_are_drawn_towards_the_category_and_this_towards_all() -> None:
    # so long ago that nothing is young; a week of 182 days ago counts half
    shipped = shipped_of((week(26), "shop", "A", 2000), (week(26), "shop", "C", 2000), (week(26), "ebay", "C", 20))
    returned = returned_of((week(26), 9, "shop", "A", SIZE, 300), (week(26), 9, "shop", "C", SIZE, 2), (week(26), 9, "ebay", "C", MIND, 2))
    everywhere = {SIZE: 151 / 2010, MIND: 1 / 2010}
    clothing, garden = ({reason: 5 / rate for reason, rate in everywhere.items()} for _ in range(2))
    clothing = {SIZE: (150 + 5) / (1000 + clothing[SIZE]), MIND: 5 / (1000 + clothing[MIND])}
    garden = {SIZE: (1 + 5) / (1010 + garden[SIZE]), MIND: (1 + 5) / (1010 + garden[MIND])}
    expected = [
        ("ebay", "Garden", MIND, (1 + 5) / (10 + 5 / garden[MIND])),
        ("ebay", "Garden", SIZE, 5 / (10 + 5 / garden[SIZE])),
        ("shop", "Clothing", MIND, 5 / (1000 + 5 / clothing[MIND])),
        ("shop", "Clothing", SIZE, (150 + 5) / (1000 + 5 / clothing[SIZE])),
        ("shop", "Garden", MIND, 5 / (1000 + 5 / garden[MIND])),
        ("shop", "Garden", SIZE, (1 + 5) / (1000 + 5 / garden[SIZE])),
    ]
    basis = usual(shipped, returned, MONDAY)
    assert rates(basis.rates) == [(*names, pytest.approx(rate)) for *names, rate in expected]
    assert rates(rates_of(basis, [SIZE], by_reason=False)) == [
        (*names, pytest.approx(rate)) for *names, why, rate in expected if why == SIZE
    ]
    both = [("ebay", "Garden"), ("shop", "Clothing"), ("shop", "Garden")]
    summed = [(*cell, pytest.approx(sum(rate for *names, _, rate in expected if tuple(names) == cell))) for cell in both]
    assert rates(rates_of(basis, None, by_reason=False)) == summed


def test_nothing_shipped_is_nothing_usual() -> None:
    basis = usual(shipped_of(), returned_of(), MONDAY)
    assert (basis.curves.columns, basis.curves.height, basis.rates.columns, basis.rates.height) == (CURVES.names(), 0, RATES.names(), 0)


def test_skus_added_up() -> None:
    shipped = without_skus(shipped_of((week(1), "shop", "A", 3), (week(1), "shop", "B", 4), (week(1), "shop", "C", 5)))
    assert sorted(shipped.rows()) == [(week(1), "shop", "Clothing", 7), (week(1), "shop", "Garden", 5)]
    assert "sku" not in shipped.columns
    rows = [
        (week(1), days, "shop", sku, reason, 1) for days, sku, reason in ((3, "A", SIZE), (3, "B", SIZE), (4, "A", SIZE), (3, "A", MIND))
    ]
    returned = without_skus(returned_of(*rows)).select("received_on", "reason", "units").cast({"reason": pl.String})
    assert sorted(returned.rows()) == [(date(2026, 2, 26), MIND, 1), (date(2026, 2, 26), SIZE, 2), (date(2026, 2, 27), SIZE, 1)]
