"""How much came back, by what: figures by hand."""

from datetime import date

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_access.domain.returns.breakdown import BREAKDOWN, Dimension, breakdown, totals

WEEK = date(2026, 3, 2)
SENT = pl.Schema({"ship_week": pl.Date, "channel_id": pl.String, "sku": pl.String, "category": pl.String, "units": pl.Int64})
CAME = pl.Schema(
    {
        "ship_week": pl.Date,
        "channel_id": pl.String,
        "sku": pl.String,
        "category": pl.String,
        "units": pl.Int64,
        "reason": pl.String,
        "detail": pl.String,
        "party": pl.String,
        "refund": pl.Int64,
        "currency": pl.String,
    }
)
SHIPPED = pl.DataFrame(
    [(WEEK, "web", "A", "fruit", 60), (WEEK, "web", "B", "fruit", 20), (WEEK, "market", "A", "fruit", 20), (WEEK, "web", "C", "books", 0)],
    SENT,
    orient="row",
)
RETURNED = pl.DataFrame(
    [
        (WEEK, "web", "A", "fruit", 3, "late", None, "carrier", 300_000, "EUR"),
        (WEEK, "web", "A", "fruit", 2, "late", "never_arrived", "carrier", None, None),
        (WEEK, "market", "A", "fruit", 4, "changed_mind", None, "customer", 50_000, "GBP"),
        (WEEK, "web", "B", "fruit", 1, "unmapped", None, "unknown", 10_000, "EUR"),
        (None, "web", "A", "fruit", 10, "late", None, "carrier", 20_000, "EUR"),
    ],
    CAME,
    orient="row",
)


def test_the_totals_of_a_selection() -> None:
    sums = totals(SHIPPED, RETURNED)
    assert (sums.units_shipped, sums.units_returned, sums.controllable_units) == (100, 10, 5)
    assert (sums.rate, sums.controllable_rate) == (0.1, 0.05)
    assert (sums.unplaced_units, sums.unmapped_units) == (10, 1)
    assert sums.refunds == {"EUR": (330_000, 14), "GBP": (50_000, 4)}  # two currencies are never added
    assert sums.refund_coverage == 18 / 20


def test_of_nothing_there_is_no_rate() -> None:
    sums = totals(SHIPPED.clear(), RETURNED.clear())
    assert (sums.units_shipped, sums.rate, sums.controllable_rate, sums.refund_coverage, sums.refunds) == (0, None, None, None, {})
    assert breakdown(SHIPPED.clear(), RETURNED.clear(), "sku").rows() == []


@pytest.mark.parametrize(
    ("by", "rows"),
    [
        (
            "reason",
            [("late", 100, 5, 5, 0.05, 0.05, 0.5), ("changed_mind", 100, 4, 0, 0.04, 0.0, 0.4), ("unmapped", 100, 1, 0, 0.01, 0.0, 0.1)],
        ),
        (
            "detail",
            [
                ("changed_mind", 100, 4, 0, 0.04, 0.0, 0.4),
                ("late", 100, 3, 3, 0.03, 0.03, 0.3),
                ("late.never_arrived", 100, 2, 2, 0.02, 0.02, 0.2),
                ("unmapped", 100, 1, 0, 0.01, 0.0, 0.1),
            ],
        ),
        (
            "party",
            [("carrier", 100, 5, 5, 0.05, 0.05, 0.5), ("customer", 100, 4, 0, 0.04, 0.0, 0.4), ("unknown", 100, 1, 0, 0.01, 0.0, 0.1)],
        ),
        ("channel_id", [("web", 80, 6, 5, 0.075, 0.0625, 0.6), ("market", 20, 4, 0, 0.2, 0.0, 0.4)]),
        ("category", [("fruit", 100, 10, 5, 0.1, 0.05, 1.0), ("books", 0, 0, 0, None, None, 0.0)]),
        ("sku", [("A", 80, 9, 5, 9 / 80, 0.0625, 0.9), ("B", 20, 1, 0, 0.05, 0.0, 0.1), ("C", 0, 0, 0, None, None, 0.0)]),
    ],
)
def test_what_came_back_is_parted(by: Dimension, rows: list[tuple[object, ...]]) -> None:
    result = breakdown(SHIPPED, RETURNED, by)
    assert result.schema == BREAKDOWN
    assert result["group"].to_list() == [group for group, *_ in rows]
    for row, expected in zip(result.rows(), rows, strict=True):
        assert row[1:] == pytest.approx(expected[1:])


def test_what_came_back_of_nothing_that_was_shipped_has_no_rate() -> None:
    assert breakdown(SHIPPED.filter(pl.col("sku") != "B"), RETURNED, "sku").rows()[1] == ("B", 0, 1, 0, None, None, 0.1)


@given(st.permutations(range(RETURNED.height)), st.sampled_from(["reason", "party", "channel_id", "category", "sku"]))
def test_the_parts_are_the_whole(order: list[int], by: Dimension) -> None:
    sums, parts = totals(SHIPPED, RETURNED), breakdown(SHIPPED, RETURNED[order], by)
    assert parts.equals(breakdown(SHIPPED, RETURNED, by))
    assert parts["units_returned"].sum() == sums.units_returned
    assert parts["controllable_units"].sum() == sums.controllable_units
    assert parts["share"].sum() == pytest.approx(1.0)
