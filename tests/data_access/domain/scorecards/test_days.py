"""Which day a time falls on: midnight in UTC and where the channel is, days on which clocks change."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_access.domain.facts import MICROS
from data_access.domain.scorecards.days import local_days, zones
from tests.data_access.domain.scorecards.small_facts import utc

ZONES = [
    "Europe/Berlin",
    "America/New_York",
    "Asia/Kathmandu",
    "Australia/Lord_Howe",
    "Pacific/Apia",
    "America/Santiago",
    "Africa/Casablanca",
]


def _days(times: list[datetime | None], zone: str) -> list[date | None]:
    at = pl.Series(times, dtype=MICROS)
    return local_days(at, pl.Series(["a"] * len(times), dtype=pl.String), {"a": zone}).to_list()


@pytest.mark.parametrize(
    ("at", "zone", "day"),
    [
        ("2026-07-01 21:59:59.999999", "Europe/Berlin", date(2026, 7, 1)),
        ("2026-07-01 22:00", "Europe/Berlin", date(2026, 7, 2)),  # midnight there, two hours before UTC's
        ("2026-03-28 22:59", "Europe/Berlin", date(2026, 3, 28)),
        ("2026-03-28 23:00", "Europe/Berlin", date(2026, 3, 29)),  # the day of 23 hours begins in winter time
        ("2026-03-29 21:59", "Europe/Berlin", date(2026, 3, 29)),
        ("2026-03-29 22:00", "Europe/Berlin", date(2026, 3, 30)),  # and ends in summer time
        ("2026-11-01 03:59", "America/New_York", date(2026, 10, 31)),
        ("2026-11-01 04:00", "America/New_York", date(2026, 11, 1)),  # the day of 25 hours
        ("2026-11-02 04:59", "America/New_York", date(2026, 11, 1)),
        ("2026-11-02 05:00", "America/New_York", date(2026, 11, 2)),
        ("2026-03-01 00:00", "America/New_York", date(2026, 2, 28)),  # midnight UTC is the evening before
    ],
)
def test_edges_of_days(at: str, zone: str, day: date) -> None:
    assert _days([utc(at)], zone) == [day]


def test_a_channel_without_a_time_zone_is_cut_in_utc_and_nothing_stays_nothing() -> None:
    at = pl.Series([utc("2026-07-01 23:30"), None, utc("2026-07-01 23:30")], dtype=MICROS)
    assert local_days(at, pl.Series(["a", "a", "b"]), {"a": "Europe/Berlin"}).to_list() == [date(2026, 7, 2), None, date(2026, 7, 1)]
    assert _days([None], "Europe/Berlin") == [None]
    assert _days([], "Europe/Berlin") == []


def test_only_zones_that_exist_count() -> None:
    channels = pl.DataFrame({"channel_id": ["a", "b", "c"], "time_zone": ["Europe/Berlin", "Mars/Olympus", None]})
    assert zones(channels) == {"a": "Europe/Berlin"}


# seconds since 1970, of the years 2005 to 2035
@given(
    st.sampled_from(ZONES), st.lists(st.integers(1_104_537_600, 2_051_222_400).map(lambda at: datetime.fromtimestamp(at, UTC)), min_size=1)
)
def test_every_time_falls_on_the_day_that_the_calendar_has_there(zone: str, times: list[datetime]) -> None:
    assert _days(list(times), zone) == [at.astimezone(ZoneInfo(zone)).date() for at in times]
