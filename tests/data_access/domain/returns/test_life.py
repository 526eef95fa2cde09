"""The funnel from request to refund by hand: how many, how long, how late."""

from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_access.domain.returns.life import FUNNEL, LINES, STAGES, funnel, inspection_late, refund_late

NOW = datetime(2026, 6, 30, 12, tzinfo=UTC)
AT = ("requested_at", "approved_at", "received_at", "inspected_at", "refunded_at")


def line(*days: float | None, refund: int | None = None, channel: str = "web", rule: tuple[int, int] = (2, 14)) -> tuple[Any, ...]:
    """A line whose request, approval, receipt, inspection and refund were so many days ago."""
    times = [None if ago is None else NOW - timedelta(days=ago) for ago in days]
    return (channel, *times, refund, *rule)


def frame(*lines: tuple[Any, ...]) -> pl.DataFrame:
    return pl.DataFrame(lines, schema=LINES, orient="row")


def test_the_funnel_by_hand() -> None:
    rows = frame(
        line(20, 19, 15, 14, 10, refund=50_000),  # refunded 10 days after the request
        line(40, 39, 30, 20, 10, refund=50_000),  # inspected 10 days after the receipt, refunded 30 after the request: both late
        line(30, None, 5, None, None),  # waits for inspection for 5 days, for its refund for 30: both late
        line(6, 5, None, None, None),  # on its way
        line(None, None, 9, 8, None),  # nobody asked; 9 days since the receipt
    )
    assert funnel(rows, NOW).rows() == [
        ("requested", 4, None, None, None, None),
        ("approved", 3, 1.0, 3, None, None),
        ("received", 4, 10.0, 3, None, None),
        ("inspected", 3, 1.0, 3, 1, 1),
        ("refunded", 2, 20.0, 2, 1, 1),
    ]


def test_whole_days_count_and_the_last_one_is_in_time() -> None:
    rows = frame(line(17, None, 15, 12.01, 2.01), line(17, None, 15, 12, 2), line(17, None, 15, 11.9, 1.9))
    assert rows.select(inspection_late(NOW), refund_late(NOW).alias("refund")).rows() == [(False, False), (True, True), (True, True)]
    # 2.99 days are 2 whole ones, 3 are 3; of 14 days for the refund 14.99 are in time and 15 are not


def test_a_channel_that_never_tells_of_refunds_is_not_late() -> None:
    rows = frame(line(60, None, 50, 49, None), line(60, None, 50, 49, None, channel="till"), line(60, 59, 50, 49, 48, channel="till"))
    assert rows.select(refund_late(NOW)).to_series().to_list() == [False, True, False]


def test_what_did_not_come_in_need_not_be_refunded() -> None:
    rows = frame(line(60, 59, None, None, None), line(5, 5, 4, 3, 2))
    assert rows.select(refund_late(NOW)).to_series().to_list() == [False, False]


def test_a_refund_without_its_time_is_given_and_in_no_time() -> None:
    rows = frame(line(60, None, 50, 49, None, refund=10), line(5, 5, 4, 3, 2))
    refunded = funnel(rows, NOW).row(by_predicate=pl.col("stage") == "refunded", named=True)
    assert (refunded["lines"], refunded["timed"], refunded["are_late"]) == (2, 1, 0)


def test_nothing_gives_noughts() -> None:
    rows = funnel(LINES.to_frame(), NOW)
    assert rows.schema == FUNNEL
    assert rows.select("stage", "lines").rows() == [(stage, 0) for stage in STAGES]


@given(st.lists(st.tuples(*[st.none() | st.integers(0, 90)] * 5), max_size=30))
def test_nobody_is_counted_twice(days: list[tuple[int | None, ...]]) -> None:
    rows = frame(*(line(*ago) for ago in days))
    figures = {row["stage"]: row for row in funnel(rows, NOW).iter_rows(named=True)}
    for stage, name in zip(STAGES, AT, strict=True):
        assert figures[stage]["lines"] == sum(ago[AT.index(name)] is not None for ago in days)
    for stage in ("inspected", "refunded"):
        assert figures[stage]["were_late"] <= figures[stage]["lines"]
        assert figures[stage]["were_late"] + figures[stage]["are_late"] <= figures["received"]["lines"]


@pytest.mark.parametrize("lost", list(LINES)[5:7])
def test_every_column_is_needed(lost: str) -> None:
    with pytest.raises(pl.exceptions.ColumnNotFoundError):
        funnel(LINES.to_frame().drop(lost), NOW)
