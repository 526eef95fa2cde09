"""Dates and numbers as channels write them."""

from datetime import UTC, datetime

import polars as pl
import pytest

from data_access.imports.files import values


def micros(text: str, *formats: str, zone: str = "Europe/London") -> datetime | None:
    instant = pl.DataFrame({"x": [text]}).select(values.micros("x", formats, zone)).item()
    return None if instant is None else datetime.fromtimestamp(instant / 1e6, UTC)


@pytest.mark.parametrize(
    ("text", "decimal", "thousands", "expected"),
    [
        ("12", ".", "", 12.0),
        ("-1.50", ".", "", -1.5),
        ("1,234.5", ".", ",", 1234.5),
        ("1.234,5", ",", ".", 1234.5),
        ("1\u00a0234,5", ",", " ", 1234.5),
        ("1.5", ",", ".", None),
        ("12,34", ".", ",", None),
        ("1,5", ".", "", None),
        ("1e5", ".", "", None),
        ("nan", ".", "", None),
        ("", ".", "", None),
        ("£5", ".", "", None),
    ],
)
def test_numbers(text: str, decimal: str, thousands: str, expected: float | None) -> None:
    assert pl.DataFrame({"x": [text]}).select(values.number(pl.col("x"), decimal, thousands)).item() == expected


def test_units_are_whole_and_prices_have_four_decimals() -> None:
    frame = pl.DataFrame({"x": ["2.0", "2.5", "-3", "99999999", "0.00005", "1.23456"]})
    assert frame.select(values.units("x", ".", "")).to_series().to_list() == [2, None, -3, None, None, None]
    assert frame.select(values.price("x", ".", "")).to_series().to_list() == [20_000, 25_000, -30_000, 999_999_990_000, 0, 12_346]


def test_times_are_in_the_channels_zone() -> None:
    clock = "%Y-%m-%d %H:%M:%S"
    assert micros("2011-07-01 10:00:00", clock) == datetime(2011, 7, 1, 9, tzinfo=UTC)
    assert micros("2011-01-01 10:00:00", clock) == datetime(2011, 1, 1, 10, tzinfo=UTC)
    assert micros("2011-10-30 01:30:00", clock) == datetime(2011, 10, 30, 0, 30, tzinfo=UTC)  # twice: the earlier
    assert micros("2011-03-27 01:30:00", clock) == datetime(2011, 3, 27, 1, 30, tzinfo=UTC)  # left out: an hour later
    assert micros("04-30-22", "%m-%d-%y", zone="Asia/Kolkata") == datetime(2022, 4, 29, 18, 30, tzinfo=UTC)
    assert micros("2022-04-30T10:00:00+02:00", clock, "%Y-%m-%dT%H:%M:%S%z") == datetime(2022, 4, 30, 8, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "pattern", "second"),
    [
        ("2026-11-16T09:00:00Z", "%Y-%m-%dT%H:%M:%S%z", 0),
        ("2026-11-16T09:00:00Z", "%Y-%m-%dT%H:%M:%SZ", 0),
        ("2026-11-16T01:00:00-08:00", "%Y-%m-%dT%H:%M:%SZ", 0),
        ("2026-11-16T09:00:00.000Z", "%Y-%m-%dT%H:%M:%S%z", 0),
        ("2026-11-16T09:00:00.250Z", "%Y-%m-%dT%H:%M:%S%.f%z", 250_000),
        ("2026-11-16T10:00:00+01", "%Y-%m-%dT%H:%M:%S%z", 0),
        ("2026-11-16T10:00:00+0100", "%Y-%m-%dT%T%:z", 0),
        ("2026-11-16 10:00:00 +0100", "%Y-%m-%d %H:%M:%S %z", 0),
        ("2026-11-16 09:00:00.5", "%Y-%m-%d %H:%M:%S", 500_000),
        ("2026-11-16 09:00:00", "%Y-%m-%d %H:%M:%S%.3f", 0),
    ],
)
def test_offsets_and_fractions_in_all_their_forms(text: str, pattern: str, second: int) -> None:
    assert micros(text, pattern) == datetime(2026, 11, 16, 9, 0, 0, second, tzinfo=UTC)


def test_days() -> None:
    frame = pl.DataFrame({"x": ["2026-03-29", "2026-10-25"]})  # of 23 and of 25 hours
    expected = [datetime(2026, 3, 29, 23, tzinfo=UTC), datetime(2026, 10, 26, 0, tzinfo=UTC)]
    instants = frame.select(values.micros("x", ["%Y-%m-%d"], "UTC", "Europe/London")).to_series().to_list()
    assert instants == [round(moment.timestamp()) * 1_000_000 - 1 for moment in expected]
    assert micros("2026-03-29", "%Y-%m-%d") == datetime(2026, 3, 29, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    "text", ["2011-13-45 00:00:00", "2011-02-30 00:00:00", "yesterday", "1905-01-01 00:00:00", "2911-12-01 00:00:00", ""]
)
def test_broken_dates_are_null(text: str) -> None:
    assert micros(text, "%Y-%m-%d %H:%M:%S") is None
