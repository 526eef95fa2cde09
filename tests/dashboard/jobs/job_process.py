"""Small jobs, and the process that does a run of one: the store's address, the folder, the job's name, the run's id."""

import os
import sys
import time
from datetime import timedelta
from pathlib import Path

from dashboard.cli.jobs import _terminate
from dashboard.jobs.registry import JobContext, ScheduledJob
from dashboard.jobs.run_job import run_job
from dashboard.settings import Settings
from data_access.engine import open_engine
from data_access.errors import OnHandError


def good(context: JobContext) -> str:
    """Leave a trace, and succeed."""
    with (context.settings.var_dir / "traces").open("a") as file:
        file.write("good\n")
    return f"Done for {context.actor}."


def bad(_context: JobContext) -> str:
    """Fail with a sentence."""
    raise OnHandError("The disk is full: free some space.")


def broken(_context: JobContext) -> str:
    """Fail with what nobody foresaw."""
    raise ZeroDivisionError("division by zero")


def crashing(_context: JobContext) -> str:
    """End without a farewell."""
    os._exit(7)


def slow(context: JobContext) -> str:
    """Go on until it is stopped."""
    (context.settings.var_dir / "slow").touch()
    time.sleep(300)
    return "Not reached."


ENTRIES = {
    work.__name__: ScheduledJob(
        name=work.__name__,
        title=work.__name__.title(),
        about="Does little.",
        schedule="0 * * * *",
        make_up_within=timedelta(hours=12),
        run=work,
    )
    for work in (good, bad, broken, crashing, slow)
}

if __name__ == "__main__":
    import signal

    url, place, name, run_id = sys.argv[1:]
    signal.signal(signal.SIGTERM, _terminate)
    run_job(open_engine(url), Settings(database_url=url, var_dir=Path(place)), ENTRIES[name], int(run_id))
