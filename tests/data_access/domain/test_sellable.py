"""Which of a channel's SKUs could be sold, from hand-made stock; times are hours of four days."""

from datetime import date

import numpy as np
import polars as pl
import pytest

from data_access.domain.in_stock import HOURS, SECOND, Clock
from data_access.domain.sellable import Places, Pool, Span, places, sellable, unlimited

HOUR = 3_600 * SECOND
DAY = 24 * HOUR
DAYS = 4
CLOCK = Clock.of("UTC", date(1970, 1, 1), np.ones(HOURS))
STOCKED = pl.Schema({"sku": pl.Int32, "location": pl.Int32, "free": pl.Int64, "known_from": pl.Int64})
CHANGES = pl.Schema({"sku": pl.Int32, "location": pl.Int32, "at": pl.Int64, "units": pl.Int32})
KITS = pl.Schema({"kit": pl.Int32, "component": pl.Int32, "quantity": pl.Int64})


def known(
    stocked: list[tuple[int, int, int, int | None]],
    changes: list[tuple[int, int, int, int]],
    kits: list[tuple[int, int, int]] | None = None,
) -> Places:
    """`known_from` and times in hours."""
    at = pl.DataFrame([(sku, place, hour * HOUR, units) for sku, place, hour, units in changes], CHANGES, orient="row")
    rows = [(sku, place, free, None if hour is None else hour * HOUR) for sku, place, free, hour in stocked]
    return places(pl.DataFrame(rows, STOCKED, orient="row"), at, pl.DataFrame(kits or [], KITS, orient="row"), 9, 0, DAYS * DAY)


def shares(stock: Places, skus: list[int], pools: list[Pool], sold_from: int = 40) -> list[list[float]]:
    numbers = np.array(skus, np.int32)
    got = sellable(stock, numbers, np.full(len(skus), sold_from * HOUR), pools, Span(CLOCK, 0, DAYS * DAY, DAYS))
    return [[round(float(share), 4) for share in row] for row in got]


def test_some_location_of_the_pool_is_enough() -> None:
    stock = known([(3, 0, 0, -99), (3, 1, 1, -99), (5, 1, 0, -99)], [(3, 0, 12, -4), (3, 1, 36, 1), (7, 0, 5, 3)])
    assert shares(stock, [5, 3], [Pool((0, 1), 1.0)]) == [[0, 0, 0, 0], [0.5, 0.5, 1, 1]]
    assert shares(stock, [3], [Pool((0,), 1.0)]) == [[0.5, 0, 0, 0]]
    assert shares(stock, [3], [Pool((0,), 3.0), Pool((1,), 1.0)]) == [[0.375, 0.125, 0.25, 0.25]]
    assert shares(stock, [5], [Pool((0,), 3.0), Pool((1,), 1.0)]) == [[0, 0, 0, 0]]  # location 0 does not keep it
    assert shares(stock, [7, 3], [Pool((2,), 1.0)]) == [[1, 1, 1, 1], [1, 1, 1, 1]]  # nor does this
    assert shares(stock, [3], []) == [[1, 1, 1, 1]]


def test_before_its_stock_was_known_it_was_there_if_it_sold() -> None:
    stock = known([(0, 0, 2, 36), (1, 0, 0, None)], [(0, 0, 36, 2)])
    assert shares(stock, [0, 1], [Pool((0,), 1.0)]) == [[0, 0.5, 1, 1], [1, 1, 1, 1]]  # the other's never was
    assert shares(stock, [0, 1], [Pool((0,), 1.0)], sold_from=30) == [[1, 1, 1, 1], [1, 1, 1, 1]]


def test_kits_need_all_parts_at_one_location() -> None:
    kits = [(8, 0, 2), (8, 1, 1), (7, 0, 1), (7, 2, 1)]
    stocked = [(0, 0, 1, -9), (1, 0, 5, 24), (0, 1, 9, -9), (1, 1, 0, -9)]
    stock = known(stocked, [(0, 0, 60, -1), (1, 0, 24, 5), (1, 1, 84, -1)], kits)
    assert shares(stock, [8], [Pool((0,), 1.0)]) == [[0, 1, 0.5, 0]]
    assert shares(stock, [8], [Pool((1,), 1.0)]) == [[1, 1, 1, 0.5]]
    assert shares(stock, [8], [Pool((0,), 1.0)], sold_from=1) == [[1, 1, 0.5, 0]]  # its second part is known since the second day
    assert shares(stock, [7], [Pool((0, 1), 1.0)]) == [[1, 1, 1, 1]]  # no location keeps both of its parts


@pytest.mark.parametrize(
    ("units", "available", "first", "expected"),
    [
        ([8, 5, 5, 5], [1, 0, 0, 0], 0, False),  # 15 of 24
        ([8, 6, 6, 6], [1, 0, 0, 0], 0, True),  # 18 of 24
        ([2, 3, 3, 3], [1, 0, 0, 0], 0, False),  # too few to tell
        ([8, 9, 9, 9], [1, 0.4, 0.4, 1], 0, False),  # never without stock all day
        ([0, 0, 1, 0], [0, 0, 0, 0], 0, True),  # never had any
        ([0, 0, 1, 0], [1, 0, 0, 0], 1, True),
        ([0, 0, 1, 0], [0, 0.1, 0, 0], 0, False),
        ([0, 0, 0, 0], [0, 0, 0, 0], 0, False),
    ],
)
def test_what_sells_as_well_without_stock(units: list[float], available: list[float], first: int, expected: bool) -> None:
    result = unlimited(np.array([units], np.float32), np.array([available], np.float32), np.array([first], np.int32))
    assert result.tolist() == [expected]


def test_what_sells_as_well_without_stock_on_the_whole_channel() -> None:
    available, first = np.array([[1, 0, 0, 0]] * 2, np.float32), np.zeros(2, np.int32)
    assert unlimited(np.array([[8, 8, 8, 8], [1, 0, 0, 1]], np.float32), available, first).tolist() == [True, True]
    assert unlimited(np.array([[8, 8, 8, 8], [4, 1, 1, 0]], np.float32), available, first).tolist() == [True, False]
