"""Refunds at stake: worked out by hand, and for flags and returns drawn at random beside a slow reckoning."""

from datetime import date, timedelta
from fractions import Fraction
from typing import Any

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from data_access.domain.returns.at_stake import FLAG, REFUNDED, STAKES, ranked, stakes
from data_access.domain.returns.beyond_chance import FLAGS

WEEK = date(2026, 5, 4)


def flag(sku: str, channel_id: str | None, beyond: float, evidence: float = 2.0) -> dict[str, Any]:
    values = {"sku": sku, "channel_id": channel_id, "reason": "late", "since": WEEK, "units": 10, "expected_units": 1.0}
    return {**values, "shipped_units": 100, "beyond_units": beyond, "evidence": evidence}


def frame(*flags: dict[str, Any]) -> pl.DataFrame:
    return pl.DataFrame(list(flags), schema=FLAGS)


def returns(*rows: tuple[Any, ...]) -> pl.DataFrame:
    return pl.DataFrame(list(rows), schema=REFUNDED, orient="row")


def test_two_currencies_stand_apart_and_what_is_not_of_the_flag_does_not_count() -> None:
    came = returns(
        (WEEK, "web", "a", "late", 2, 400_000, "EUR"),
        (WEEK + timedelta(weeks=1), "web", "a", "late", 1, 500_000, "EUR"),
        (WEEK, "ebay", "a", "late", 1, 100_000, "GBP"),
        (WEEK, "web", "a", "late", 5, None, None),
        (WEEK - timedelta(weeks=1), "web", "a", "late", 9, 9_000_000, "EUR"),
        (WEEK, "web", "a", "size_or_fit", 9, 9_000_000, "EUR"),
        (WEEK, "web", "b", "late", 9, 9_000_000, "EUR"),
        (None, "web", "a", "late", 9, 9_000_000, "EUR"),
    )
    over_all, on_web, unknown = flag("a", None, 8.0), flag("a", "web", 6.0), flag("c", None, 5.0)
    assert stakes(frame(over_all, on_web, unknown), came).rows() == [
        ("a", None, "late", "EUR", 1_800_000, 3),  # 8 units x 90.0000 EUR / 4 units
        ("a", None, "late", "GBP", 200_000, 1),
        ("a", "web", "late", "EUR", 1_800_000, 3),  # 6 x 90 / 3
    ]


def test_the_order_is_by_money_in_the_currency_of_most_units_then_by_evidence() -> None:
    came = returns(
        (WEEK, "web", "a", "late", 4, 400_000, "EUR"),
        (WEEK, "web", "b", "late", 4, 4_000_000, "EUR"),
        (WEEK, "web", "c", "late", 7, 90_000_000, "GBP"),
    )
    flags = frame(flag("a", None, 5.0, 9.0), flag("d", None, 9.0, 4.0), flag("c", None, 9.0, 3.0), flag("b", None, 5.0, 2.0))
    of_flags = stakes(flags, came)
    assert ranked(flags, of_flags)["sku"].to_list() == ["b", "a", "d", "c"]
    assert ranked(flags, of_flags).schema == FLAGS


def test_nothing_flagged_and_nothing_known() -> None:
    empty = FLAGS.to_frame()
    assert stakes(empty, returns()).schema == STAKES
    assert ranked(empty, STAKES.to_frame()).is_empty()
    flags = frame(flag("a", None, 5.0, 1.0), flag("b", "web", 5.0, 3.0))
    assert ranked(flags, stakes(flags, returns()))["sku"].to_list() == ["b", "a"]


_FLAGS = st.lists(
    st.builds(
        flag, st.sampled_from("ab"), st.sampled_from([None, "web", "ebay"]), st.integers(1, 50).map(float), st.integers(1, 9).map(float)
    ),
    max_size=5,
    unique_by=lambda one: (one["sku"], one["channel_id"]),
)
_RETURNS = st.lists(
    st.tuples(
        st.sampled_from([WEEK - timedelta(weeks=1), WEEK, None]),
        st.sampled_from(["web", "ebay"]),
        st.sampled_from("ab"),
        st.sampled_from(["late", "size_or_fit"]),
        st.integers(1, 4),
        st.one_of(st.none(), st.integers(0, 10**7)),
        st.sampled_from(["EUR", "GBP"]),
    ),
    max_size=12,
)


@given(_FLAGS, _RETURNS)
def test_stakes_equal_a_slow_reckoning(flags: list[dict[str, Any]], came: list[tuple[Any, ...]]) -> None:
    expected = {}
    for one in flags:
        mine = [
            row
            for row in came
            if row[0] is not None and row[0] >= one["since"] and row[1] == (one["channel_id"] or row[1])
            if row[2:4] == (one["sku"], one["reason"]) and row[5] is not None
        ]
        for currency in {row[6] for row in mine}:
            of_currency = [row for row in mine if row[6] == currency]
            exact = Fraction(one["beyond_units"]) * sum(row[5] for row in of_currency) / sum(row[4] for row in mine)
            expected[(*(one[name] for name in FLAG), currency)] = (exact, sum(row[4] for row in of_currency))
    of_flags = stakes(frame(*flags), returns(*came))
    reckoned = {row[:4]: row[4:] for row in of_flags.rows()}
    assert reckoned.keys() == expected.keys()
    for key, (exact, units) in expected.items():
        assert reckoned[key][1] == units
        assert abs(reckoned[key][0] - exact) <= Fraction(51, 100)
    in_order = ranked(frame(*flags), of_flags)
    assert sorted(in_order.rows(), key=repr) == sorted(frame(*flags).rows(), key=repr)
