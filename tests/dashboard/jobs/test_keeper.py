"""The schedule, kept with real processes: run once, made up for once, and not taken down by a job that fails."""

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy.engine import Engine

from dashboard.jobs.keeper import JobKeeper
from dashboard.jobs.registry import ScheduledJob
from dashboard.jobs.run_job import STOPPED
from dashboard.settings import Settings
from data_access.commands.jobs import SCHEDULE, begin, claim, scheduled_since
from data_access.engine import now_us
from data_access.queries.jobs import runs
from data_access.write.permissions import COMMAND_LINE
from tests.dashboard.jobs.job_process import ENTRIES
from tests.data_access.commands.test_jobs import RECORD, silence
from tests.data_access.import_files import table

NOW = datetime.now(UTC).replace(minute=30, second=0, microsecond=0) + timedelta(days=1)  # half an hour after a due time
DUE = NOW - timedelta(minutes=30)
HOUR = timedelta(hours=1)
Make = Callable[..., JobKeeper]


def micros(moment: datetime) -> int:
    return round(moment.timestamp()) * 1_000_000


class Heard(list[str]):
    """What keepers said."""


@pytest.fixture
def heard() -> Heard:
    return Heard()


@pytest.fixture
def keeper(store: Engine, store_url: str, tmp_path: Path, heard: Heard) -> Iterator[Make]:
    """Make keepers of the store for some of the small jobs; the schedule began before the test."""
    scheduled_since(store)
    with ExitStack() as stack:

        def make(*names: str, entries: dict[str, ScheduledJob] | None = None) -> JobKeeper:
            def command(name: str, run_id: int) -> list[str]:
                return [sys.executable, "-m", "tests.dashboard.jobs.job_process", store_url, str(tmp_path), name, str(run_id)]

            chosen = entries or {name: ENTRIES[name] for name in names}
            one = JobKeeper(Settings(database_url=store_url, var_dir=tmp_path), dict(os.environ), heard.append, chosen, command)
            stack.callback(stop, one, 0.0)
            return one

        yield make


def stop(keeper: JobKeeper, seconds: float) -> None:
    keeper.ask_to_end()
    keeper.end(time.monotonic() + seconds)


def until(seen: Callable[[], bool], act: Callable[[], None] = lambda: None) -> None:
    """Act until something is seen."""
    deadline = time.monotonic() + 60
    while not seen():
        assert time.monotonic() < deadline
        act()
        time.sleep(0.05)


def ended(store: Engine, count: int = 1) -> Callable[[], bool]:
    return lambda: runs(store).filter(runs(store)["status"].is_in(["done", "failed"])).height == count


def test_what_was_missed_at_many_moments_is_made_up_for_once(store: Engine, keeper: Make, tmp_path: Path) -> None:
    one = keeper("good")
    one.look(NOW)  # 24 due times passed since the schedule began
    until(ended(store))
    for minute in range(25):
        one.look(NOW + timedelta(minutes=minute))
    again = keeper("good")  # another start
    again.look(NOW + timedelta(minutes=26))
    assert table(store, RECORD) == [("good", "done", SCHEDULE, micros(DUE), f"Done for {SCHEDULE}.")]
    again.look(NOW + timedelta(minutes=30))
    until(ended(store, 2))
    assert [row[3] for row in table(store, RECORD)] == [micros(DUE), micros(DUE + HOUR)]
    assert (tmp_path / "traces").read_text() == "good\n" * 2


def test_what_was_missed_for_too_long_is_recorded_and_the_next_run_happens(store: Engine, keeper: Make) -> None:
    daily = replace(ENTRIES["good"], schedule=f"0 {(NOW - 13 * HOUR).hour} * * *")
    one = keeper(entries={"good": daily})
    one.look(NOW)
    one.look(NOW + timedelta(seconds=1))
    due = DUE - 13 * HOUR
    sentence = "Nothing ran jobs when it was due, and for too long after that."
    assert table(store, RECORD) == [("good", "missed", SCHEDULE, micros(due), sentence)]
    one.look(due + timedelta(days=1))
    until(ended(store))
    assert [row[1:4:2] for row in table(store, RECORD)] == [("missed", micros(due)), ("done", micros(due + timedelta(days=1)))]


def test_nothing_is_missed_before_the_schedule_began(store: Engine, keeper: Make) -> None:
    keeper("good").look(datetime.now(UTC))
    assert table(store, RECORD) == []


def test_two_supervisors_do_not_run_one_job_twice(store: Engine, keeper: Make, tmp_path: Path) -> None:
    keepers = [keeper("good") for _ in range(2)]
    for hour in range(3):
        barrier = threading.Barrier(2)

        def look(one: JobKeeper, at: datetime = NOW + hour * HOUR, gate: threading.Barrier = barrier) -> None:
            gate.wait()
            one.look(at)

        threads = [threading.Thread(target=look, args=(one,)) for one in keepers]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        until(ended(store, hour + 1))
    assert [row[1:4:2] for row in table(store, RECORD)] == [("done", micros(DUE + hour * HOUR)) for hour in range(3)]
    assert (tmp_path / "traces").read_text() == "good\n" * 3


@pytest.mark.parametrize(
    ("name", "sentence"),
    [("bad", "The disk is full: free some space."), ("broken", "ZeroDivisionError: division by zero"), ("crashing", "ended (code 7)")],
)
def test_a_job_that_fails_says_why_and_runs_again_when_it_is_due(
    store: Engine, keeper: Make, heard: Heard, tmp_path: Path, name: str, sentence: str
) -> None:
    one = keeper(name)
    for hour in range(2):
        at = NOW + hour * HOUR
        until(ended(store, hour + 1), lambda at=at: one.look(at))  # type: ignore[misc]
        until(lambda hour=hour: len(heard) == hour + 1, lambda at=at: one.look(at))  # type: ignore[misc]
    rows = table(store, RECORD)
    assert [row[1] for row in rows] == ["failed", "failed"]
    assert all(sentence in str(row[4]) for row in rows)
    assert heard == [f"The job “{name.title()}” failed: see the Jobs page, or `onhand jobs`."] * 2
    log = (tmp_path / "jobs" / f"{name}.log").read_text()
    assert ("ZeroDivisionError" in log) == (name == "broken")


def test_a_job_that_is_still_running_is_not_started_again(store: Engine, keeper: Make) -> None:
    run_id = begin(store, "good", COMMAND_LINE)
    one = keeper("good")
    one.look(NOW)
    assert [row[2] for row in table(store, RECORD)] == [COMMAND_LINE]
    silence(store, run_id)  # its process died
    one.look(NOW + timedelta(seconds=5))  # not looked at again so soon
    assert len(table(store, RECORD)) == 1
    one.look(NOW + timedelta(seconds=11))
    until(ended(store, 2))
    assert [row[1] for row in table(store, RECORD)] == ["failed", "done"]


def test_a_run_that_was_interrupted_is_closed_at_the_next_start(store: Engine, keeper: Make) -> None:
    run_id = claim(store, "good", micros(DUE))
    assert run_id is not None
    silence(store, run_id)
    keeper("bad").look(datetime.now(UTC))
    assert table(store, RECORD) == [
        ("good", "failed", SCHEDULE, micros(DUE), "It was interrupted: its process ended before it was done."),
    ]


def test_what_a_store_needs_is_run_at_the_start_once(store: Engine, keeper: Make, tmp_path: Path) -> None:
    needed = replace(ENTRIES["good"], is_needed_at_start=lambda _engine: not (tmp_path / "traces").exists())
    now = datetime.now(UTC)
    first, second = keeper(entries={"good": needed}), keeper(entries={"good": needed})
    first.look(now)
    second.look(now)
    until(ended(store))
    for one in (first, second):
        one.look(now + timedelta(seconds=30))
    assert table(store, RECORD) == [("good", "done", SCHEDULE, None, f"Done for {SCHEDULE}.")]


def test_what_was_missed_is_made_up_for_one_job_after_the_other(store: Engine, keeper: Make, tmp_path: Path) -> None:
    one = keeper("good", "slow")
    one.look(NOW)
    one.look(NOW)
    assert table(store, "select job from job_run") == [("good",)]
    until((tmp_path / "slow").exists, lambda: one.look(NOW))
    assert [row[:2] for row in table(store, RECORD)] == [("good", "done"), ("slow", "running")]


def test_the_end_ends_jobs_that_run_and_says_so(store: Engine, keeper: Make, tmp_path: Path) -> None:
    one = keeper("slow")
    one.look(NOW)
    until((tmp_path / "slow").exists)
    began = time.monotonic()
    stop(one, 8.0)
    assert time.monotonic() - began < 8.0
    assert table(store, RECORD) == [("slow", "failed", SCHEDULE, micros(DUE), STOPPED)]
    with pytest.raises(OSError, match="No such process"):
        os.kill(int(str(table(store, "select pid from job_run")[0][0])), 0)


def test_the_thread_starts_jobs_and_waits_while_the_store_is_away(
    sqlite_store: Engine, sqlite_url: str, tmp_path: Path, heard: Heard
) -> None:
    every_minute = replace(ENTRIES["good"], schedule="* * * * *")
    path = Path(sqlite_url.removeprefix("sqlite:///"))
    command = [sys.executable, "-m", "tests.dashboard.jobs.job_process", sqlite_url, str(tmp_path)]
    began = now_us()
    with sqlite_store.begin() as connection:
        connection.exec_driver_sql(f"insert into store_meta values ('jobs_since', '{began - 3_600_000_000}')")
    entries = {"good": every_minute}
    settings = Settings(database_url=sqlite_url, var_dir=tmp_path)
    one = JobKeeper(settings, dict(os.environ), heard.append, entries, lambda name, run_id: [*command, name, str(run_id)])
    aside = path.with_name("aside.db")
    path.rename(aside)
    path.mkdir()
    one.start()
    until(lambda: bool(heard))
    path.rmdir()
    aside.rename(path)
    until(ended(sqlite_store))
    stop(one, 8.0)
    assert heard[0].startswith("The schedule of jobs waits: The store ")
    assert len(heard) == 1
