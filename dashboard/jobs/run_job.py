"""One run of a job, in this process: it is said to be alive while it works, and how it ended."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from sqlalchemy.engine import Engine
from sqlalchemy.exc import SQLAlchemyError

from dashboard.jobs.registry import JobContext, ScheduledJob
from dashboard.settings import Settings
from data_access.commands.jobs import BEAT_SECONDS, attend, beat, end
from data_access.errors import InvalidInput, OnHandError

STOPPED: Final = "It was stopped before it was done."


def command_words(name: str, run_id: int) -> list[str]:
    """The words after `onhand` that go on with a run that was begun."""
    return ["jobs", "run", name, "--run", str(run_id)]


def messages_file(settings: Settings, name: str) -> Path:
    """What the process of a job's newest run wrote, beside the store."""
    return settings.var_dir / "jobs" / f"{name}.log"


def run_job(engine: Engine, settings: Settings, job: ScheduledJob, run_id: int) -> str:
    """Do the work of a run that was begun; what it did, in a sentence.

    Raises:
        InvalidInput: the run is not one that is running.
        Exception: whatever the job raises, after the run is recorded as failed.

    """
    actor = attend(engine, run_id)
    if actor is None:
        raise InvalidInput(f"Run {run_id} of {job.name} is not one that is running: start a new one with `onhand jobs run {job.name}`.")
    try:
        with _beating(engine, run_id):
            message = job.run(JobContext(engine=engine, settings=settings, actor=actor))
    except Exception as error:
        end(engine, run_id, "failed", str(error) if isinstance(error, OnHandError) else f"{type(error).__name__}: {error}")
        raise
    except BaseException:  # Ctrl-C, or a signal
        end(engine, run_id, "failed", STOPPED)
        raise
    end(engine, run_id, "done", message)
    return message


@contextmanager
def _beating(engine: Engine, run_id: int) -> Iterator[None]:
    done = threading.Event()

    def work() -> None:
        while not done.wait(BEAT_SECONDS):
            with suppress(OnHandError, SQLAlchemyError):  # the next one may come through
                beat(engine, run_id)

    thread = threading.Thread(target=work, name="onhand-beat", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
