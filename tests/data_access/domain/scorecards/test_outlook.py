"""Where a rate will stand: what leaves, what is open, days like those before; and whether the interval holds on demo history."""

from dataclasses import replace
from datetime import date, datetime, timedelta

import polars as pl
import pytest

from data_access.domain.scorecards.observe import observe, settle
from data_access.domain.scorecards.outlook import HISTORY, Outlook, history, outlook
from data_access.domain.scorecards.rates import cells_at, of_metric, rate, tally, today, wanted
from data_access.domain.scorecards.registry import Metric, Window, registry
from data_access.domain.scorecards.subjects import subjects
from tests.data_access.domain.scorecards.replays import replays
from tests.data_access.domain.scorecards.small_facts import CHANNELS, ZONES, Gone, Order, OrderLine, Sent, facts, known, utc

LATE = replace(next(metric for metric in registry() if metric.id == "amazon-late-shipment-10d"), window=Window(days=10))
NOW = utc("2026-06-10 10:00")


def _day(back: int, late: int, fine: int) -> list[Order]:
    """Orders placed some days before NOW, due the day after at 18:00 UTC; the late ones leave five hours after that."""
    placed = NOW - timedelta(days=back, hours=1)
    due = placed.replace(hour=18, minute=0) + timedelta(days=1)
    sent = [due + timedelta(hours=5)] * late + [due - timedelta(hours=3)] * fine
    return [Order(placed, [OrderLine(1, due, None, [Sent(at)])], number=0) for at in sent]


def _said(orders: list[Order], metric: Metric = LATE, horizon: int = 7, seed: int = 0, now: datetime = NOW) -> Outlook | None:
    orders_then = known([replace(order, number=number) for number, order in enumerate(orders, 1)], now)
    subjects_then, asked = subjects(facts(orders_then), CHANNELS), wanted({"a": [metric]})
    cells = cells_at(tally(subjects_then, asked, ZONES), now)
    day = today(now, "Europe/Berlin")
    past = history(observe(subjects_then, str(metric.computes), metric.unit), metric.dated_by, ZONES, now)
    assert past.schema == HISTORY
    return outlook(past, metric, rate(of_metric(cells, "a", metric), metric, day), day, horizon, seed)


def _steady(late: int = 1, fine: int = 9) -> list[Order]:
    return [order for back in range(-1, 120) for order in _day(back, late, fine)]


def test_the_same_input_and_seed_give_the_same_outlook() -> None:
    orders = [order for back in range(120) for order in _day(back, back % 3, 9)]
    assert _said(orders) == _said(orders)
    assert _said(orders) != _said(orders, seed=1)


def test_steady_days_go_on() -> None:
    outlook_of = _said(_steady())
    assert outlook_of is not None
    assert outlook_of.day == date(2026, 6, 17)
    assert outlook_of.mean == pytest.approx(0.1, abs=0.004)
    assert outlook_of.low <= 0.1 <= outlook_of.high
    assert outlook_of.high - outlook_of.low < 0.05  # only the twenty orders due today and tomorrow are in doubt
    assert outlook_of.open == 20
    assert outlook_of.expected_misses == pytest.approx(2.0, abs=0.2)
    assert outlook_of.breach == 1.0  # 10 % is never below 4 %


def test_bad_days_that_leave_the_window_are_left_out() -> None:
    orders = [order for back in range(120) for order in _day(back, 5 if 5 <= back <= 9 else 0, 5 if 5 <= back <= 9 else 10)]
    outlook_of = _said(orders)
    assert outlook_of is not None
    # Window today: due 1 to 10 June; bad ones were due 2 to 6 June, of which those to the 7th leave within a week.
    assert (outlook_of.leaving_misses, outlook_of.leaving) == (25, 70)
    assert outlook_of.low == 0.0


def test_with_one_week_to_learn_from_that_week_comes_again() -> None:
    metric = replace(LATE, computes="cancellation", dated_by="placed")
    misses = [3, 0, 1, 0, 2, 0, 0, 5, 0, 0, 0, 0, 0, 0]  # of ten orders placed so many days ago at 9:00, cancelled within the hour
    orders = [
        Order(placed, [OrderLine(1, None, None, gone=[Gone(at, "seller")]) if one < missed else OrderLine(1, None, None, [Sent(at)])])
        for back, missed in enumerate(misses)
        for placed in [NOW - timedelta(days=back, hours=1)]
        for at in [placed + timedelta(minutes=30)]
        for one in range(10)
    ]
    outlook_of = _said(orders, metric)
    assert outlook_of is not None
    # Ten days: the last three as they were, 3 + 0 + 1, and the last seven once more, 3 + 0 + 1 + 0 + 2 + 0 + 0.
    assert (outlook_of.low, outlook_of.mean, outlook_of.high) == (pytest.approx(0.1), pytest.approx(0.1), pytest.approx(0.1))
    assert (outlook_of.open, outlook_of.leaving, outlook_of.leaving_misses) == (0, 70, 7)


def test_days_that_differ_widen_the_interval() -> None:
    same = _said(_steady())
    runs = _said([order for back in range(120) for order in _day(back, 10 * (back % 10 == 0), 0 if back % 10 == 0 else 10)])
    assert same is not None
    assert runs is not None
    assert runs.high - runs.low > 3 * (same.high - same.low)


def test_what_is_decided_is_certain() -> None:
    outlook_of = _said(_steady(), replace(LATE, reporting_lag=8))
    assert outlook_of is not None
    assert (outlook_of.low, outlook_of.mean, outlook_of.high) == (pytest.approx(0.1), pytest.approx(0.1), pytest.approx(0.1))
    assert outlook_of.open == 0


def test_open_orders_are_missed_as_often_as_those_of_that_age_were() -> None:
    """Of ten orders still open on their last day in recent weeks all were missed; so will those of today be."""
    usual = [order for back in range(1, 120) for order in _day(back, 2, 8)]
    shipped_early = [
        replace(order, lines=[replace(line, sent=[replace(line.sent[0], at=order.placed + timedelta(hours=2))]) for line in order.lines])
        if number % 10 >= 2
        else order
        for number, order in enumerate(usual)
    ]
    outlook_of = _said(shipped_early)
    assert outlook_of is not None
    assert outlook_of.open == 2
    assert outlook_of.expected_misses == pytest.approx(2.0, abs=0.1)


@pytest.mark.parametrize("orders", [[], _day(0, 1, 2)])
def test_without_a_past_there_is_no_outlook(orders: list[Order]) -> None:
    assert _said(orders) is None


def test_history_does_not_look_beyond_its_moment() -> None:
    orders = [replace(order, number=number) for number, order in enumerate(_steady(3, 7), 1)]
    then = NOW - timedelta(days=20, hours=3)
    all_known, as_told = (subjects(facts(some), CHANNELS) for some in (orders, known(orders, then)))
    seen = [settle(observe(subjects_then, "late_shipment", "order"), then) for subjects_then in (all_known, as_told)]
    first, second = (history(one, "ship_by", ZONES, then) for one in seen)
    keys = ["day", "known", "decided", "n"]
    assert first.filter(pl.col("decided") >= 0).equals(second.filter(pl.col("decided") >= 0))
    open_then = [one.filter(pl.col("decided") < 0).group_by("day").agg(pl.col("n").sum()).sort("day") for one in (first, second)]
    assert open_then[0].equals(open_then[1])
    assert first.select(keys).height > 20


def test_the_interval_holds_in_about_80_of_100_replays() -> None:
    uncertain = [one for one in replays("small", 7, date(2026, 9, 30), 8) if not one.is_certain]
    assert len(uncertain) > 150
    assert 0.72 <= sum(one.holds for one in uncertain) / len(uncertain) <= 0.88


@pytest.mark.parametrize(
    ("horizon", "seed", "expected"),
    [
        (7, 0, (0.10601448511593273, 0.07317073170731707, 0.13793103448275862, 0.13793103448275862, 0.9965, 67, 7, 18, 1.9567869532993718)),
        (3, 5, (0.10494252281747665, 0.08333333333333333, 0.12941176470588237, 0.12941176470588237, 1.0, 29, 3, 18, 1.9543159149804237)),
    ],
)
def test_the_figures_change_only_with_the_rule(horizon: int, seed: int, expected: tuple[float, ...]) -> None:
    """As they were in November 2026; whether the rule is a good one is for the replays to say."""
    orders = [order for back in range(-1, 120) for order in _day(back, back % 3, 9 - back % 2)]
    outlook_of = _said(orders, horizon=horizon, seed=seed)
    assert outlook_of is not None
    assert (outlook_of.day - date(2026, 6, 10)).days == horizon
    figures = tuple(getattr(outlook_of, name) for name in outlook_of.__dataclass_fields__ if name != "day")
    assert figures == pytest.approx(expected, rel=1e-9)
