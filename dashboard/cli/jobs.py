"""`onhand jobs`: what runs by itself, how it went, and running one now."""

import os
import signal
import sys
from datetime import UTC, datetime
from typing import Annotated, Any, Final

import typer

from dashboard.cli.terminal import Json, current_store, emit, say, typist

app = typer.Typer(invoke_without_command=True)

NICENESS: Final = 10  # pages come before jobs
TERMINATED: Final = 128 + signal.SIGTERM


@app.callback()
def jobs_list(context: typer.Context, as_json: Json = False) -> None:
    """The jobs that run by themselves while `onhand run` is on: last and next run, duration, failures."""
    if context.invoked_subcommand is not None:
        return
    from dashboard.jobs.listing import listed
    from data_access.queries.jobs import failures, last_runs

    with current_store() as engine:
        jobs = listed(last_runs(engine), failures(engine), datetime.now(UTC))
    emit(jobs.to_dicts(), map(_job_line, jobs.iter_rows(named=True)), as_json)


def _job_line(row: dict[str, Any]) -> str:
    line = f"{row['job']} ({row['title']}): next {_moment(row['next_due'])}; {row['failures']} of {row['runs']} runs failed in 30 days; "
    if row["started_at"] is None:
        return f"{line}has not run yet."
    if row["status"] == "missed":
        return f"{line}missed {_moment(row['scheduled_for'])}. {row['message']}"
    if row["status"] == "running":
        return f"{line}running since {_moment(row['started_at'])}."
    seconds = (row["ended_at"] - row["started_at"]).total_seconds()
    return f"{line}{row['status']} {_moment(row['started_at'])} in {seconds:.1f} s. {row['message']}"


def _moment(at: datetime) -> str:
    return at.strftime("%Y-%m-%d %H:%M UTC")


@app.command("run")
def jobs_run(
    name: Annotated[str, typer.Argument(help="The job's name, from `onhand jobs`.", show_default=False)],
    run_id: Annotated[int | None, typer.Option("--run", help="Do this run, which was begun already.", show_default=False)] = None,
) -> None:
    """Run a job now, whether it is due or not."""
    from dashboard.jobs.registry import job
    from dashboard.jobs.run_job import run_job
    from dashboard.settings import settings
    from data_access.commands.jobs import begin

    entry = job(name)
    signal.signal(signal.SIGTERM, _terminate)
    with current_store() as engine:
        if run_id is None:
            run_id = begin(engine, name, typist())
        else:
            os.nice(NICENESS)
        say(f"{entry.title}: {run_job(engine, settings(), entry, run_id)}")


def _terminate(*_signal: object) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # so that what is recorded now is not interrupted
    sys.exit(TERMINATED)
