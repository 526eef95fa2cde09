"""The jobs that there are, and when they are due."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from dashboard.jobs import scheduled
from dashboard.jobs.listing import JOBS, listed
from dashboard.jobs.registry import job, jobs
from dashboard.jobs.schedule import in_words, last_due, next_due
from data_access.errors import InvalidInput
from data_access.queries.jobs import FAILURES, RUNS

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def test_every_module_is_a_job_of_its_name() -> None:
    modules = {path.stem for path in Path(scheduled.__file__).parent.glob("[a-z]*.py")}
    assert set(jobs()) == modules == {"clean_up", "forecast", "mirror", "verification"}
    assert [entry.name for entry in jobs().values()] == list(jobs())
    for entry in jobs().values():
        assert entry.about.endswith(".")
        assert entry.make_up_within > timedelta()
        assert last_due(entry, NOON) <= NOON < next_due(entry, NOON)


def test_a_job_that_is_not_there_is_refused() -> None:
    with pytest.raises(InvalidInput, match="There is no job “nonsense”: choose one of clean_up, forecast, mirror, verification"):
        job("nonsense")


def test_a_due_time_counts_from_its_very_second() -> None:
    mirror = job("mirror")
    assert last_due(mirror, NOON) == NOON
    assert last_due(mirror, NOON - timedelta(microseconds=1)) == NOON - timedelta(minutes=15)
    assert last_due(mirror, NOON + timedelta(minutes=14, seconds=59)) == NOON
    assert next_due(mirror, NOON) == NOON + timedelta(minutes=15)
    assert in_words(mirror) == "Every 15 minutes (UTC)"


def test_a_schedule_goes_by_the_clock_of_its_zone() -> None:
    morning = replace(job("forecast"), schedule="30 6 * * *", zone="Europe/Berlin")
    summer = datetime(2026, 3, 29, 12, 0, tzinfo=UTC)  # clocks were put forward that night
    assert last_due(morning, summer) == datetime(2026, 3, 29, 4, 30, tzinfo=UTC)
    assert last_due(morning, summer - timedelta(days=1)) == datetime(2026, 3, 28, 5, 30, tzinfo=UTC)
    assert in_words(morning) == "At 06:30 every day (Europe/Berlin)"


def test_jobs_are_listed_whether_or_not_they_ever_ran() -> None:
    frame = listed(RUNS.to_frame(), FAILURES.to_frame(), NOON)
    assert frame.schema == JOBS
    assert frame["title"].to_list() == ["Clean-up", "Demand forecast", "Mirror of history", "Verification"]
    assert frame["status"].to_list() == [None] * 4
    assert frame.select("runs", "failures").rows() == [(0, 0)] * 4
    assert frame["next_due"].min() == NOON + timedelta(minutes=15)
