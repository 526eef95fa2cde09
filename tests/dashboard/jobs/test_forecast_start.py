"""A forecast that the app starts is a process of its own, one at a time, and what it writes can be read."""

import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from sqlalchemy.engine import Engine

from dashboard.jobs import forecast_start
from dashboard.jobs.forecast_run import yesterday
from dashboard.settings import Settings, settings
from data_access.commands.forecasts import RunDraft
from data_access.commands.people import add_user
from data_access.errors import Forbidden, OnHandError
from data_access.forecasts import files
from data_access.queries import forecasts as queries
from data_access.write.permissions import COMMAND_LINE

DRAFT = RunDraft(date(2026, 9, 1))


@pytest.fixture
def used(sqlite_store: Engine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Settings]:
    """The settings of an app that serves an empty store, with a planner."""
    add_user(sqlite_store, "Ann", "planner", COMMAND_LINE)
    monkeypatch.setenv("ONHAND_DATABASE_URL", str(sqlite_store.url))
    monkeypatch.setenv("ONHAND_VAR_DIR", str(tmp_path / "var"))
    settings.cache_clear()
    yield settings()
    settings.cache_clear()


def wait(root: Path, run_id: int) -> None:
    """Until its process has ended."""
    deadline = time.monotonic() + 60
    while forecast_start.is_on(root, run_id):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_forecast_is_made_by_a_process_of_its_own_one_at_a_time(used: Settings, sqlite_store: Engine) -> None:
    run_id = forecast_start.start(used, sqlite_store, DRAFT, "Ann")
    assert forecast_start.is_on(used.forecasts_dir, run_id)
    with pytest.raises(OnHandError, match="A forecast is being made already: wait"):
        forecast_start.start(used, sqlite_store, RunDraft(date(2026, 9, 2)), "Ann")
    wait(used.forecasts_dir, run_id)
    row = queries.run(sqlite_store, run_id).row(0, named=True)
    assert (row["state"], row["asked_by"], row["last_on"], row["horizon"]) == ("failed", "Ann", date(2026, 9, 1), 56)
    assert row["problem"].startswith("Nothing was ordered yet, so there is nothing to forecast from")
    assert "Nothing was ordered yet" in forecast_start.last_words(used.forecasts_dir, run_id)
    assert queries.runs(sqlite_store).height == 1


def test_one_that_somebody_else_makes_is_waited_for(used: Settings, sqlite_store: Engine) -> None:
    with files.one_run(used.forecasts_dir):
        assert forecast_start.is_on(used.forecasts_dir, 1)
        with pytest.raises(OnHandError, match="being made already"):
            forecast_start.start(used, sqlite_store, DRAFT, "Ann")
    assert not forecast_start.is_on(used.forecasts_dir, 1)
    assert queries.runs(sqlite_store).is_empty()


def test_who_may_not_starts_nothing(used: Settings, sqlite_store: Engine) -> None:
    with pytest.raises(Forbidden):
        forecast_start.start(used, sqlite_store, DRAFT, "Nobody")
    assert queries.runs(sqlite_store).is_empty()
    assert forecast_start.last_words(used.forecasts_dir, 1) == ""


def test_the_next_forecast_knows_all_days_that_are_over(sqlite_store: Engine) -> None:
    assert forecast_start.next_draft(sqlite_store) == RunDraft(yesterday())
