"""The record of job runs: claimed once, one at a time, and failed when a process dies."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from data_access.commands.jobs import (
    SCHEDULE,
    attend,
    beat,
    begin,
    claim,
    close_interrupted,
    end,
    forget_runs,
    miss,
    scheduled_since,
)
from data_access.commands.people import add_user
from data_access.engine import now_us, open_engine, writing
from data_access.errors import Conflict, Forbidden
from data_access.queries.jobs import RUNS, failures, last_runs, newest_due, runs
from data_access.schema.jobs import INTERRUPTED, LEASE_SECONDS, job_run
from data_access.store.versions import versions
from data_access.write.permissions import COMMAND_LINE
from tests.data_access.import_files import table

DUE = 1_760_000_000_000_000
HOUR = 3_600_000_000
RECORD = "select job, status, asked_by, scheduled_for, message from job_run order by started_at, id"


def silence(store: Engine, run_id: int) -> None:
    """Let the process of a run have died more than a minute ago."""
    with writing(store) as connection:
        long_ago = now_us() - int(LEASE_SECONDS * 1_000_000) - 1
        connection.execute(sa.update(job_run).where(job_run.c.id == run_id).values(alive_at=long_ago))


def test_a_due_time_is_claimed_once(store: Engine) -> None:
    run_id = claim(store, "mirror", DUE)
    assert run_id is not None
    assert claim(store, "mirror", DUE) is None
    assert end(store, run_id, "done", "Did it.")
    assert claim(store, "mirror", DUE) is None
    assert claim(store, "mirror", DUE + HOUR) is not None
    assert claim(store, "forecast", DUE) is not None
    assert table(store, RECORD) == [
        ("mirror", "done", SCHEDULE, DUE, "Did it."),
        ("mirror", "running", SCHEDULE, DUE + HOUR, None),
        ("forecast", "running", SCHEDULE, DUE, None),
    ]
    assert newest_due(store) == {"mirror": DUE + HOUR, "forecast": DUE}


def at_once(url: str, act: Callable[[Engine], int | None]) -> list[int | str | None]:
    """What eight writers get who do the same at the same moment, each with an engine of its own."""
    barrier = Barrier(8)

    def one(_number: int) -> int | str | None:
        engine = open_engine(url)
        try:
            barrier.wait()
            return act(engine)
        except Conflict:
            return "running"
        finally:
            engine.dispose()

    with ThreadPoolExecutor(8) as pool:
        return list(pool.map(one, range(8)))


def test_of_supervisors_at_the_same_moment_one_gets_the_run(store: Engine, store_url: str) -> None:
    answers = at_once(store_url, lambda engine: claim(engine, "mirror", DUE))
    (run_id,) = [answer for answer in answers if answer is not None]
    assert answers.count(None) == 7
    assert table(store, "select id, job, status from job_run") == [(run_id, "mirror", "running")]


def test_of_starts_that_are_not_due_one_runs_at_a_time(store: Engine, store_url: str) -> None:
    answers = at_once(store_url, lambda engine: claim(engine, "forecast", None))
    (run_id,) = [answer for answer in answers if answer != "running"]
    assert answers.count("running") == 7
    assert table(store, "select id, job, status from job_run") == [(run_id, "forecast", "running")]


def test_a_job_that_runs_is_not_begun_again_until_it_ends(store: Engine) -> None:
    run_id = claim(store, "mirror", DUE)
    assert run_id is not None
    with pytest.raises(Conflict, match="The job mirror is running already: wait until it is done"):
        claim(store, "mirror", DUE + HOUR)
    with pytest.raises(Conflict, match="is running already"):
        begin(store, "mirror", COMMAND_LINE)
    end(store, run_id, "failed", "The disk is full.")
    assert claim(store, "mirror", DUE + HOUR) is not None


def test_a_person_begins_a_run_which_is_audited(store: Engine) -> None:
    add_user(store, "mary", "manager", COMMAND_LINE)
    add_user(store, "olga", "ops", COMMAND_LINE)
    with pytest.raises(Forbidden, match="olga is ops and may not run jobs: ask someone who is manager or admin"):
        begin(store, "mirror", "olga")
    assert table(store, RECORD) == []
    before = versions(store)["jobs"]
    run_id = begin(store, "mirror", "mary")
    assert versions(store)["jobs"] == before + 1
    assert table(store, RECORD) == [("mirror", "running", "mary", None, None)]
    audited = "select actor, action, entity, entity_id, after from audit_entry where action = 'run_job'"
    assert table(store, audited) == [("mary", "run_job", "job_run", str(run_id), '{"job": "mirror"}')]
    assert attend(store, run_id) == "mary"


def test_a_run_whose_process_died_is_failed_and_the_job_goes_on(store: Engine) -> None:
    run_id = claim(store, "mirror", DUE)
    assert run_id is not None
    close_interrupted(store)
    assert runs(store)["status"].to_list() == ["running"]
    silence(store, run_id)
    shown = runs(store).row(0, named=True)  # as pages have it, before anyone records it
    assert (shown["status"], shown["message"], shown["ended_at"] is None) == ("failed", INTERRUPTED, False)
    before = versions(store)["jobs"]
    close_interrupted(store)
    assert versions(store)["jobs"] == before + 1
    assert table(store, RECORD) == [("mirror", "failed", SCHEDULE, DUE, INTERRUPTED)]
    assert attend(store, run_id) is None
    silent = claim(store, "mirror", DUE + HOUR)
    assert silent is not None
    silence(store, silent)
    assert claim(store, "mirror", DUE + 2 * HOUR) is not None
    assert [row[1] for row in table(store, RECORD)] == ["failed", "failed", "running"]


def test_a_sign_of_life_keeps_a_run(store: Engine) -> None:
    run_id = claim(store, "mirror", DUE)
    assert run_id is not None
    silence(store, run_id)
    before = versions(store)
    beat(store, run_id)
    assert versions(store) == before
    close_interrupted(store)
    assert table(store, RECORD) == [("mirror", "running", SCHEDULE, DUE, None)]


def test_a_process_that_was_taken_for_dead_still_says_how_it_ended(store: Engine) -> None:
    run_id = claim(store, "mirror", DUE)
    assert run_id is not None
    silence(store, run_id)
    close_interrupted(store)
    assert not end(store, run_id, "failed", "Its process ended.", only_running=True)
    assert end(store, run_id, "done", "Did it.")
    assert table(store, RECORD) == [("mirror", "done", SCHEDULE, DUE, "Did it.")]


def test_a_missed_time_is_recorded_once(store: Engine) -> None:
    miss(store, "verification", DUE, "Nothing ran jobs.")
    miss(store, "verification", DUE, "Nothing ran jobs.")
    assert table(store, RECORD) == [("verification", "missed", SCHEDULE, DUE, "Nothing ran jobs.")]
    assert claim(store, "verification", DUE) is None
    assert failures(store).rows() == []


def test_the_schedule_of_a_store_has_one_beginning(store: Engine) -> None:
    first = scheduled_since(store)
    assert now_us() - first < 60_000_000
    assert scheduled_since(store) == first


def test_the_last_runs_and_the_failures_of_each_job(store: Engine) -> None:
    for number, status in enumerate(("done", "failed", "failed")):
        run_id = claim(store, "mirror", DUE + number * HOUR)
        assert run_id is not None
        end(store, run_id, status, f"Run {number}.")  # type: ignore[arg-type]
    old = claim(store, "clean_up", DUE)
    assert old is not None
    end(store, old, "failed", "Long ago.")
    with writing(store) as connection:
        connection.execute(sa.update(job_run).where(job_run.c.id == old).values(started_at=DUE, ended_at=DUE + 1))
    assert last_runs(store).select("job", "status", "message").rows() == [
        ("clean_up", "failed", "Long ago."),
        ("mirror", "failed", "Run 2."),
    ]
    assert failures(store).rows() == [("mirror", 3, 2)]
    assert runs(store, "mirror", limit=2)["message"].to_list() == ["Run 2.", "Run 1."]
    assert runs(store).schema == RUNS
    assert forget_runs(store, DUE + HOUR) == 1
    assert forget_runs(store, DUE + HOUR) == 0
    assert [row[0] for row in table(store, RECORD)] == ["mirror"] * 3
