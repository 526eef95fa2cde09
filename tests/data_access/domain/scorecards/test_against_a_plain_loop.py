"""The engine against a loop over orders that was written from the table of rules, for random orders."""

from collections import Counter
from datetime import datetime, timedelta

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from data_access.domain.scorecards.as_of import as_of
from data_access.domain.scorecards.observe import OBSERVATIONS, SPECS, observe, settle
from data_access.domain.scorecards.rates import CELLS, WANTED, cells_at, of_metric, rate, tally, wanted
from data_access.domain.scorecards.registry import Metric, registry
from data_access.domain.scorecards.subjects import subjects
from tests.data_access.domain.scorecards.small_facts import CHANNELS, ZONES, Order, facts, frames, known, verdicts
from tests.data_access.domain.scorecards.strategies import moments, orders

DATED = {"package": ("shipped",), "unit": ("deliver_by",), "order": ("placed", "ship_by", "shipped", "deliver_by", "delivered")}
COUNTED = [(kind, unit, dated) for kind, unit in SPECS for dated in DATED[unit]]
SERIAL = ("shipment_id", "cancellation_id", "return_id")  # numbered by what had been told
JUDGED = [metric for metric in registry() if metric.computes]
some_counts = st.lists(st.sampled_from(COUNTED), min_size=1, max_size=6, unique=True)


def _asked(counted: list[tuple[str, str, str]]) -> pl.DataFrame:
    return pl.DataFrame([(channel, *one) for one in counted for channel in ("a", "b", "nowhere")], WANTED, orient="row")


def _cells(known_orders: list[Order], asked: pl.DataFrame, now: datetime) -> pl.DataFrame:
    return cells_at(tally(subjects(facts(known_orders), CHANNELS), asked, ZONES), now)


@given(orders(), moments, some_counts)
def test_every_subject_is_counted_as_the_loop_counts_it(all_orders: list[Order], now: datetime, counts: list[tuple[str, str, str]]) -> None:
    known_orders = known(all_orders, now)
    cells = _cells(known_orders, _asked(counts), now)
    assert cells.schema == CELLS
    for kind, unit, dated_by in counts:
        for channel in ("a", "b", "nowhere"):
            ours = cells.filter(channel_id=channel, kind=kind, unit=unit, dated_by=dated_by)
            counted = {(day, why or what): n for day, what, why, n in ours.select("day", "outcome", "reason", "n").iter_rows()}
            expected: Counter[tuple[object, str]] = Counter()
            for one in verdicts([order for order in known_orders if order.channel == channel], kind, unit, dated_by, now):
                expected[one.day, one.counts] += one.weight
            assert counted == dict(expected), (kind, unit, dated_by, channel)


@given(orders(), moments, st.lists(st.sampled_from(JUDGED), min_size=1, max_size=4))
def test_the_rate_is_that_of_the_loop(all_orders: list[Order], now: datetime, metrics: list[Metric]) -> None:
    known_orders = known(all_orders, now)
    cells = _cells(known_orders, wanted({"a": metrics}), now)
    day = now.date()
    for metric in metrics:
        current = rate(of_metric(cells, "a", metric), metric, day)
        last = day - timedelta(days=metric.reporting_lag)
        assert current.last == last
        inside = [one for one in _verdicts(known_orders, metric, now) if current.first <= one.day <= last]
        ok = sum(one.weight for one in inside if one.counts == "ok")
        missed = sum(one.weight for one in inside if one.counts == "miss")
        assert current.misses == missed
        assert current.denominator == ok + missed
        assert current.numerator == (missed if metric.direction == "lower" else ok)
        assert current.open == sum(one.weight for one in inside if one.counts == "open")
        assert sum(current.excluded.values()) == sum(one.weight for one in inside) - ok - missed - current.open
        assert current.rate == (current.numerator / current.denominator if current.denominator else None)


def _verdicts(known_orders: list[Order], metric: Metric, now: datetime):  # type: ignore[no-untyped-def]
    assert metric.computes
    return verdicts([order for order in known_orders if order.channel == "a"], metric.computes, metric.unit, metric.dated_by, now)


@given(orders(), moments)
def test_the_facts_as_of_a_moment_are_those_that_had_been_told(all_orders: list[Order], moment: datetime) -> None:
    for cut, known_then in zip(frames(as_of(facts(all_orders), moment)), frames(facts(known(all_orders, moment))), strict=True):
        assert_frame_equal(cut.drop(*SERIAL, strict=False), known_then.drop(*SERIAL, strict=False))


@given(orders(), moments)
def test_observations_keep_every_subject_and_say_since_when(all_orders: list[Order], now: datetime) -> None:
    all_subjects = subjects(facts(known(all_orders, now)), CHANNELS)
    for kind, unit in SPECS:
        seen = settle(observe(all_subjects, kind, unit), now).collect()
        assert seen.schema == OBSERVATIONS
        assert len(seen) == len(all_subjects.of(unit))
        assert seen.filter(pl.col("decided_at") < pl.col("known_at")).is_empty()
        assert seen.filter((pl.col("outcome") == "excluded") != pl.col("reason").is_not_null()).is_empty()
        assert seen.filter(pl.col("miss_from") < now).is_empty()


@pytest.mark.parametrize(("kind", "unit"), SPECS)
def test_no_orders_give_no_cells_and_no_error(kind: str, unit: str) -> None:
    asked = _asked([(kind, unit, DATED[unit][0])])
    cells = cells_at(tally(subjects(facts([]), CHANNELS), asked, ZONES), datetime.fromisoformat("2026-04-01T00:00:00+00:00"))
    assert cells.is_empty()
    assert cells.schema == CELLS
