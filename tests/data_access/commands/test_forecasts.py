"""The record of forecast runs: begun by people, gone on with after an interruption, ended once."""

from datetime import date
from typing import Any

import pytest
from sqlalchemy.engine import Engine

from data_access.commands.forecasts import LONGEST, RunDraft, RunSummary, begin, fail, finish
from data_access.commands.people import add_user
from data_access.errors import Forbidden, InvalidInput
from data_access.store.versions import versions
from data_access.write.permissions import COMMAND_LINE
from tests.data_access.import_files import table

TODAY = date(2026, 3, 9)
DRAFT = RunDraft(date(2026, 3, 8), 28, 4)
SUMMARY = RunSummary("17", 3, "first training", 40, 2)
RECORD = "select id, state, asked_by, last_on, horizon, seed, learned_by, reason, series, fell_back, problem from forecast_run order by id"
AUDIT = "select actor, action, entity, entity_id, before, after from audit_entry where action = 'run_forecast' order by id"


@pytest.fixture
def planned(store: Engine) -> Engine:
    add_user(store, "Pia", "planner", COMMAND_LINE)
    add_user(store, "Val", "viewer", COMMAND_LINE)
    return store


def everything(store: Engine) -> tuple[Any, ...]:
    """All that a run leaves in the store."""
    return table(store, RECORD), table(store, AUDIT), versions(store)


def test_a_run_is_begun_audited_and_finished(planned: Engine) -> None:
    run_id = begin(planned, DRAFT, TODAY, "Pia")
    assert table(planned, RECORD) == [(run_id, "running", "Pia", "2026-03-08", 28, 4, None, None, None, None, None)]
    ((actor, action, entity, entity_id, before, _),) = table(planned, AUDIT)
    assert (actor, action, entity, entity_id, before) == ("Pia", "run_forecast", "forecast_run", str(run_id), None)
    begun = versions(planned)["demand"]
    finish(planned, run_id, SUMMARY)
    assert table(planned, RECORD) == [(run_id, "finished", "Pia", "2026-03-08", 28, 4, 3, "first training", 40, 2, None)]
    assert versions(planned)["demand"] == begun + 1


def test_the_same_run_goes_on_and_another_leaves_it(planned: Engine) -> None:
    first = begin(planned, DRAFT, TODAY, "Pia")
    once = everything(planned)
    assert begin(planned, DRAFT, TODAY, "Pia") == first
    assert table(planned, RECORD) == once[0]
    other = begin(planned, RunDraft(DRAFT.last_on, 28, 5), TODAY, "Pia")
    assert [(row[0], row[1]) for row in table(planned, RECORD)] == [(first, "left"), (other, "running")]
    assert begin(planned, DRAFT, TODAY, "Pia") not in (first, other)


def test_a_run_ends_once(planned: Engine) -> None:
    run_id = begin(planned, DRAFT, TODAY, "Pia")
    fail(planned, run_id, "The disk is full.")
    ended = everything(planned)
    assert ended[0] == [(run_id, "failed", "Pia", "2026-03-08", 28, 4, None, None, None, None, "The disk is full.")]
    finish(planned, run_id, SUMMARY)
    fail(planned, run_id, "Again.")
    assert everything(planned) == ended


@pytest.mark.parametrize(
    ("draft", "actor", "error", "sentence"),
    [
        (DRAFT, "Val", Forbidden, "Val"),
        (DRAFT, "Nobody", Forbidden, "Nobody"),
        (RunDraft(TODAY), "Pia", InvalidInput, "The day 2026-03-09 is not over everywhere: let the history end before 2026-03-09."),
        (RunDraft(DRAFT.last_on, 0), "Pia", InvalidInput, "A forecast of 0 days ahead cannot be made: choose 1 to 365."),
        (RunDraft(DRAFT.last_on, LONGEST + 1), "Pia", InvalidInput, "A forecast of 366 days ahead cannot be made: choose 1 to 365."),
    ],
)
def test_a_refused_run_changes_nothing(planned: Engine, draft: RunDraft, actor: str, error: type[Exception], sentence: str) -> None:
    before = everything(planned)
    with pytest.raises(error, match=sentence):
        begin(planned, draft, TODAY, actor)
    assert everything(planned) == before
