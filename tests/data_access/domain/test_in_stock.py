"""Stretches in stock and the share of each day that they cover: by hand, and against a loop over seconds."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_access.domain.in_stock import HOURS, SECOND, Clock, Stretches, held, overlapping, shares

HOUR = 3_600 * SECOND
CHANGES = pl.Schema({"row": pl.Int32, "at": pl.Int64, "units": pl.Int64})


def rows(stretches_held: Stretches) -> list[tuple[int, int, int]]:
    return list(zip(stretches_held.row.tolist(), stretches_held.since.tolist(), stretches_held.until.tolist(), strict=True))


def stretches(*given: tuple[int, int, int]) -> Stretches:
    row, since, until = (np.array([one[part] for one in given], np.int64) for part in range(3))
    return Stretches(row.astype(np.int32), since, until)


def micros(day: date, hour: float, zone: str) -> int:
    return int((datetime.combine(day, time(), ZoneInfo(zone)) + timedelta(hours=hour)).timestamp()) * SECOND


def clock(zone: str = "UTC", start: date = date(1970, 1, 1), **weights: float) -> Clock:
    hours = np.ones(HOURS)
    for name, weight in weights.items():
        hours[int(name.removeprefix("h"))] = weight
    return Clock.of(zone, start, hours)


def test_balances_are_played_backwards_from_the_end() -> None:
    changes = pl.DataFrame(
        [(0, 20, -1), (0, 10, -2), (0, 30, 4), (1, 10, -1), (3, 10, 5), (3, 10, -5)], CHANGES.names(), orient="row"
    ).cast(dict(CHANGES))
    changes = changes.with_columns(pl.col("at") * SECOND)
    in_stock = held(np.array([4, 3, 0, 0]), np.array([1, 4, 1, 1]), changes, 0, 100 * SECOND)
    # row 0: 3 units until 10, 1 until 20, none until 30, then 4; row 1 has 4 of the 4 that it needs until 10; row 2 never has any; what
    # comes and goes in the same second was never there
    assert [(row, since // SECOND, until // SECOND) for row, since, until in rows(in_stock)] == [(0, 0, 20), (0, 30, 100), (1, 0, 10)]


def test_nothing_changes_and_nothing_is_there() -> None:
    nothing = pl.DataFrame(schema=CHANGES)
    assert rows(held(np.array([2, 0]), np.array([2, 1]), nothing, 5, 9 * SECOND)) == [(0, 5, 9 * SECOND)]
    assert rows(held(np.zeros(0, np.int64), np.zeros(0, np.int64), nothing, 0, SECOND)) == []


def test_stretches_at_once() -> None:
    parts = stretches((0, 0, 10), (1, 10, 20), (2, 5, 15), (3, 7, 9))
    row = np.array([0, 0, 0, 1], np.int32)
    assert rows(overlapping(row, parts, np.array([1, 1]))) == [(0, 0, 20), (1, 7, 9)]  # one goes on where another ends
    assert rows(overlapping(row, parts, np.array([2, 2]))) == [(0, 5, 15)]
    assert rows(overlapping(row, parts, np.array([3, 1]))) == [(1, 7, 9)]


def test_a_channels_day_is_its_own() -> None:
    berlin = clock("Europe/Berlin", date(2026, 3, 28))
    assert berlin.position(np.array([micros(date(2026, 3, 28), 0, "UTC")])) == pytest.approx([1 / 24])
    midnights = [micros(date(2026, 3, 28) + timedelta(days=day), 0, "Europe/Berlin") for day in range(4)]
    assert berlin.position(np.array(midnights)).tolist() == [0, 1, 2, 3]  # the clock went forward on the 29th
    assert berlin.position(np.array([micros(date(2026, 3, 29), 1, "UTC")])) == pytest.approx([1 + 3 / 24])


def test_hours_weigh_what_is_sold_in_them() -> None:
    evening = clock(h20=77.0)  # of 100
    assert evening.position(np.array([20 * HOUR, 20 * HOUR + HOUR // 2, 21 * HOUR])) == pytest.approx([0.2, 0.585, 0.97])


def test_shares_of_days() -> None:
    in_stock = stretches((0, -5 * HOUR, 15 * HOUR), (0, 24 * HOUR, 30 * HOUR), (0, 36 * HOUR, 37 * HOUR), (2, 20 * HOUR, 100 * HOUR))
    assert shares(in_stock, clock(), 3, 3) == pytest.approx(np.array([[15 / 24, 7 / 24, 0], [0, 0, 0], [4 / 24, 1, 1]]), abs=1e-6)
    assert shares(stretches(), clock(), 1, 2).tolist() == [[0, 0]]


@st.composite
def stories(draw: st.DrawFn) -> tuple[list[int], list[tuple[int, int, int]]]:
    """Balances at the end of three days, and changes: row, second, units."""
    seconds = st.integers(0, 72 * 3_600 - 1).map(lambda second: second // 1_800 * 1_800)
    return (
        draw(st.lists(st.integers(-2, 3), min_size=1, max_size=3)),
        draw(st.lists(st.tuples(st.integers(0, 2), seconds, st.integers(-2, 2)), max_size=12)),
    )


@given(story=stories(), need=st.integers(1, 2), together=st.integers(1, 2))
def test_against_a_loop(story: tuple[list[int], list[tuple[int, int, int]]], need: int, together: int) -> None:
    """Two rows belong to one, a third to another; New York's days begin at 4 in the morning, UTC."""
    end, moved = story
    moved = [one for one in moved if one[0] < len(end)]
    changes = pl.DataFrame([(row, second * SECOND, units) for row, second, units in moved], CHANGES, orient="row")
    in_stock = held(np.array(end), np.full(len(end), need), changes, 0, 72 * HOUR)
    owner = np.array([0, 0, 1], np.int32)
    both = overlapping(owner[in_stock.row], in_stock, np.full(2, together))
    york = clock("America/New_York", date(1970, 1, 1), h9=25.0)
    got = shares(both, york, 2, 2)
    expected = np.zeros((2, 2))
    for second in range(0, 72 * 3_600, 1_800):
        balances = [last - sum(units for row, at, units in moved if row == number and at > second) for number, last in enumerate(end)]
        enough = [sum(owner[number] == one and balance >= need for number, balance in enumerate(balances)) for one in (0, 1)]
        local = datetime.fromtimestamp(second, UTC).astimezone(ZoneInfo("America/New_York"))
        day = (local.date() - date(1970, 1, 1)).days
        if 0 <= day < 2:
            expected[np.array(enough) >= together, day] += (25 if local.hour == 9 else 1) / 48 / 2
    assert got == pytest.approx(expected, abs=1e-5)
