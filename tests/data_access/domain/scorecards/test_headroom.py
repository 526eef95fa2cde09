"""Headroom, what leaves the window and when, states, open orders that would tip a rate."""

from dataclasses import replace
from datetime import date, timedelta
from fractions import Fraction

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_access.domain.scorecards.headroom import AT_RISK, Headroom, at_risk, headroom, roll_off, state
from data_access.domain.scorecards.observe import observe
from data_access.domain.scorecards.rates import CELLS, Rate, daily, first_day, months_before, rate, rolling, wilson
from data_access.domain.scorecards.registry import Metric, Window, registry
from data_access.domain.scorecards.subjects import subjects
from tests.data_access.domain.scorecards.small_facts import CHANNELS, Order, OrderLine, facts, utc

BY_ID = {metric.id: metric for metric in registry()}
AMAZON = BY_ID["amazon-late-shipment-10d"]
DAY = date(2026, 3, 29)

targets = st.builds(
    lambda metric, share, direction, strict, cap: replace(metric, target=share, direction=direction, strict=strict, extra_cap=cap),
    st.just(AMAZON),
    st.integers(1, 999).map(lambda parts: Fraction(parts, 1000)),
    st.sampled_from(["lower", "higher"]),
    st.booleans(),
    st.none() | st.integers(0, 8),
)


def _meets(misses: int, denominator: int, metric: Metric) -> bool:
    """Whether the target is met, as a person would check it: by the rate that the metric's name says."""
    numerator = misses if metric.direction == "lower" else denominator - misses
    share = Fraction(numerator, denominator)
    inside = share <= metric.target if metric.direction == "lower" else share >= metric.target
    if metric.strict and share == metric.target:
        inside = False
    return inside and (metric.extra_cap is None or misses <= metric.extra_cap)


@given(targets, st.integers(1, 500), st.data())
def test_headroom_is_the_most_that_still_meets_the_target(metric: Metric, denominator: int, data: st.DataObject) -> None:
    misses = data.draw(st.integers(0, denominator))
    room = headroom(misses, denominator, metric)
    assert room.further is not None
    assert room.excess is not None
    if _meets(misses, denominator, metric):
        assert room.excess == 0
        assert _meets(misses + room.further, denominator, metric)
        assert not _meets(misses + room.further + 1, denominator, metric)
    else:
        assert room.further == 0
        assert not _meets(misses - room.excess + 1, denominator, metric)
        assert _meets(misses - room.excess, denominator, metric)


@pytest.mark.parametrize(
    ("metric", "misses", "denominator", "further", "excess"),
    [
        ("amazon-late-shipment-10d", 3, 100, 0, 0),  # 4/100 is not below 4 %
        ("amazon-late-shipment-10d", 4, 100, 0, 1),
        ("amazon-late-shipment-10d", 3, 101, 1, 0),  # 4/101 = 3.96 %
        ("walmart-cancellation-30d", 1, 100, 1, 0),  # 2/100 is at most 2 %
        ("walmart-valid-tracking-30d", 0, 100, 1, 0),  # 99/100 is at least 99 %
        ("walmart-valid-tracking-30d", 15, 304, 0, 12),  # 289/304: at most 3 of 304 may miss
        ("ebay-late-shipment-top-rated", 2, 1000, 3, 0),  # 3 % would be 30, the cap is 5
        ("ebay-late-shipment-top-rated", 7, 1000, 0, 2),
    ],
)
def test_headroom_by_hand(metric: str, misses: int, denominator: int, further: int, excess: int) -> None:
    assert headroom(misses, denominator, BY_ID[metric]) == Headroom(further, excess)


def test_without_orders_there_is_no_headroom() -> None:
    assert headroom(0, 0, AMAZON) == Headroom(None, None)
    assert state(rate(CELLS.to_frame(), AMAZON, DAY), AMAZON) == "no orders"


def _cells(counts: dict[date, tuple[int, int]]) -> pl.DataFrame:
    rows = [
        ("a", "late_shipment", "order", "ship_by", day, what, None, n)
        for day, pair in counts.items()
        for what, n in zip(("ok", "miss"), pair, strict=True)
    ]
    return pl.DataFrame(rows, CELLS, orient="row")


days = st.dictionaries(
    st.integers(0, 400).map(lambda back: DAY - timedelta(days=back)), st.tuples(st.integers(0, 40), st.integers(0, 5)), max_size=60
)
lags = st.integers(0, 14)


@given(days, st.sampled_from([Window(days=7), Window(days=30), Window(months=1), Window(months=3)]), lags, st.integers(0, 40))
def test_leaving_out_what_leaves_gives_tomorrows_rate(counts: dict[date, tuple[int, int]], window: Window, lag: int, back: int) -> None:
    metric, day = replace(AMAZON, window=window, reporting_lag=lag), DAY - timedelta(days=back)
    cells = _cells(counts)
    now, tomorrow = rate(cells, metric, day), rate(cells, metric, day + timedelta(days=1))
    left = {at: pair for at, pair in counts.items() if at < tomorrow.first and now.first <= at}
    came = counts.get(tomorrow.last, (0, 0))
    assert tomorrow.misses == now.misses - sum(missed for _, missed in left.values()) + came[1]
    assert tomorrow.denominator == now.denominator - sum(sum(pair) for pair in left.values()) + sum(came)
    leaving = roll_off(daily(cells, now.first, now.last), now, metric)
    assert leaving["misses"].sum() == now.misses
    gone = leaving.filter(pl.col("leaves_on") <= day + timedelta(days=1))
    assert dict(gone.select("day", "misses").iter_rows()) == {at: missed for at, (_, missed) in left.items() if missed}


@given(days, st.sampled_from([Window(days=7), Window(months=3), Window(months=3, fallback_months=12, enough=60)]), lags)
def test_the_line_of_the_chart_is_the_rate_of_each_day(counts: dict[date, tuple[int, int]], window: Window, lag: int) -> None:
    metric, cells = replace(AMAZON, window=window, reporting_lag=lag), _cells(counts)
    for row in rolling(cells, metric, DAY - timedelta(days=20), DAY).iter_rows():
        one = rate(cells, metric, row[0])
        assert row[1:] == (one.numerator, one.denominator, one.misses, one.rate)


def test_when_past_misses_leave() -> None:
    cells = _cells({date(2026, 3, 20): (0, 2), date(2026, 3, 25): (50, 0), date(2026, 3, 29): (0, 1)})
    now = rate(cells, AMAZON, DAY)
    assert roll_off(daily(cells, now.first, now.last), now, AMAZON).rows() == [
        (date(2026, 3, 20), 2, date(2026, 3, 30), 1),  # ten days later
        (date(2026, 3, 29), 1, date(2026, 4, 8), 0),
    ]


def test_months_of_the_calendar() -> None:
    assert months_before(date(2026, 5, 31), 3) == date(2026, 2, 28)
    assert first_day(Window(months=3), date(2026, 11, 30)) == date(2026, 8, 31)
    assert first_day(Window(months=3, fallback_months=12, enough=400), DAY, 399) == date(2025, 3, 30)
    assert first_day(Window(months=3, fallback_months=12, enough=400), DAY, 400) == date(2025, 12, 30)


@pytest.mark.parametrize(
    ("ok", "misses", "expected"),
    [
        (960, 40, "breach"),  # 4 % is not below 4 %
        (975, 25, "watch"),  # 39 - 25 = 14 more; 25 in 10 days are 17.5 in 7
        (985, 15, "safe"),  # 24 more; 10.5 in 7
        (10, 0, "safe"),  # no headroom at all, but no misses either
    ],
)
def test_states(ok: int, misses: int, expected: str) -> None:
    assert state(rate(_cells({DAY: (ok, misses)}), AMAZON, DAY), AMAZON) == expected


def test_an_outlook_that_crosses_the_target_is_to_be_watched() -> None:
    assert state(rate(_cells({DAY: (985, 15)}), AMAZON, DAY), AMAZON, worst_share=0.041) == "watch"


def test_wilson_interval() -> None:
    low, high = wilson(289, 304)
    assert low == pytest.approx(0.9202, abs=5e-5)  # by hand: (0.95066 + 0.00632 -+ 0.02515) / 1.01264
    assert high == pytest.approx(0.9699, abs=5e-5)
    assert wilson(0, 10)[0] == 0.0
    assert wilson(10, 10)[1] == 1.0
    assert wilson(0, 0) == (None, None)


def test_open_orders_that_would_tip_the_rate() -> None:
    placed, now = utc("2026-03-27 09:00"), utc("2026-03-29 10:00")
    due = ["2026-03-28 21:59", "2026-03-29 21:59", "2026-03-29 22:00", None]
    orders = [Order(placed, [OrderLine(1, utc(at) if at else None)], number=number) for number, at in enumerate(due[:3], 1)]
    seen = observe(subjects(facts(orders), CHANNELS), "late_shipment", "order").collect()
    risks = at_risk(seen, Headroom(1, 0), now, "Europe/Berlin")
    assert risks.schema == AT_RISK
    assert risks.select("order_id", "urgency", "misses", "tips").rows() == [
        (1, "overdue", 0, False),
        (2, "due today", 1, False),
        (3, "due later", 2, True),  # Monday 00:00 in Berlin
    ]
    waiting = observe(subjects(facts(orders[:1]), CHANNELS), "cancellation", "order").collect()
    assert at_risk(waiting, Headroom(0, 0), now, "Europe/Berlin").select("urgency", "tips").rows() == [("no deadline", True)]


@pytest.mark.parametrize(("denominator", "is_small"), [(0, True), (99, True), (100, False)])
def test_a_rate_of_under_a_hundred_says_little(denominator: int, is_small: bool) -> None:
    assert Rate(DAY, DAY, 0, denominator, 0, 0, {}, None, None, None).is_small == is_small
