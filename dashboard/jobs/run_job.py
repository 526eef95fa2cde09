"""One run of a job, in this process: it is said to be alive while it works, and how it ended."""

import signal
import sys
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
from data_access.engine import open_engine
from data_access.errors import InvalidInput, OnHandError, StoreReplaced
from data_access.store_address import whole

STOPPED: Final = "It was stopped before it was done."


def command_words(name: str, run_id: int) -> list[str]:
    """The words after `onhand` that go on with a run that was begun."""
    return ["jobs", "run", name, "--run", str(run_id)]


def messages_file(settings: Settings, name: str) -> Path:
    """What the process of a job's newest run wrote, beside the store."""
    return settings.var_dir / "jobs" / f"{name}.log"


def end_on_signal() -> None:
    """From now on, let SIGTERM end this process in order: the run is recorded as stopped."""

    def stop(*_signal: object) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # so that the record is not interrupted
        sys.exit(128 + signal.SIGTERM)

    signal.signal(signal.SIGTERM, stop)


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
    except StoreReplaced:
        raise  # the store that is there now has no such run, or another
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
        own = open_engine(whole(engine.url))  # so that it is the job itself that hears of it if the store is replaced
        while not done.wait(BEAT_SECONDS):
            with suppress(OnHandError, SQLAlchemyError):  # the next one may come through
                beat(own, run_id)
        own.dispose()

    thread = threading.Thread(target=work, name="onhand-beat", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
