"""The schedule, kept: what is due is claimed in the store and run by a child process, so that no job can take the supervisor down."""

import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from sqlalchemy.engine import Engine
from sqlalchemy.exc import SQLAlchemyError

from dashboard.jobs.registry import ScheduledJob, jobs
from dashboard.jobs.run_job import STOPPED, command_words, messages_file
from dashboard.jobs.schedule import last_due
from dashboard.processes import Child
from dashboard.settings import Settings
from data_access.commands.jobs import claim, close_interrupted, end, miss, scheduled_since
from data_access.engine import open_engine
from data_access.errors import Conflict, OnHandError, StoreReplaced, StoreUnavailable
from data_access.queries.jobs import newest_due
from data_access.store_address import sqlite_file

LOOK_SECONDS: Final = 1.0
BUSY_SECONDS: Final = 10.0  # until a job that is still running is looked at again
LATE: Final = timedelta(minutes=1)  # a run that starts later than this was missed, and is made up for

Say = Callable[[str], None]
Command = Callable[[str, int], list[str]]


def onhand_command(name: str, run_id: int) -> list[str]:
    """The command line of the process that does a run."""
    return [sys.executable, "-m", "dashboard.cli", *command_words(name, run_id)]


@dataclass(frozen=True, slots=True)
class _Started:
    job: ScheduledJob
    run_id: int
    child: Child
    is_late: bool


class JobKeeper:
    """Keeps the schedule of one store in a thread of its own. Several keepers, of several supervisors, may do so for one store.

    A job that was due at several moments while nothing kept the schedule is run once, for the newest of them. Such late runs are done one
    after the other, so that a morning's start does not do all at once.
    """

    def __init__(
        self,
        settings: Settings,
        environment: Mapping[str, str],
        say: Say,
        entries: Mapping[str, ScheduledJob] | None = None,
        command: Command = onhand_command,
    ) -> None:
        """Of the store that the settings name. `environment`: of the children; `entries`: all jobs by default."""
        self._settings, self._environment, self._say = settings, environment, say
        self._entries = dict(jobs() if entries is None else entries)
        self._command = command
        self._engine: Engine = open_engine(settings.database_url)
        self._handled: dict[str, datetime] = {}  # by job, the newest due time that needs no more thought
        self._looked_at: dict[str, datetime] = {}  # when a job was last busy
        self._needed = set(self._entries)  # jobs that may be needed at the start
        self._running: list[_Started] = []
        self._asked: set[int] = set()  # runs whose processes were asked to end
        self._problem = ""
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._keep, name="onhand-jobs", daemon=True)

    def start(self) -> None:
        """Start keeping the schedule."""
        self._thread.start()

    def ask_to_end(self) -> None:
        """Start nothing more, and ask the jobs that run to end."""
        self._stopping.set()
        if self._thread.ident is not None:
            self._thread.join(LOOK_SECONDS)
        self._ask_children()

    def end(self, deadline: float) -> None:
        """Wait until `deadline` (monotonic seconds), end what still runs for certain, and say so in its record."""
        if self._thread.ident is not None:
            self._thread.join(max(deadline - time.monotonic(), 0.0))
        self._ask_children()
        for started in self._running:
            started.child.end(deadline)
            try:
                end(self._engine, started.run_id, "failed", STOPPED, only_running=True)
            except (OnHandError, SQLAlchemyError):
                continue  # its lease runs out
        self._engine.dispose()

    def _ask_children(self) -> None:
        for started in self._running:
            if started.run_id not in self._asked:  # a second signal would interrupt its farewell
                self._asked.add(started.run_id)
                started.child.ask_to_end()

    def _keep(self) -> None:
        while not self._stopping.is_set():
            try:
                self.look(datetime.now(UTC))
                self._problem = ""
            except StoreReplaced:
                self._start_over()
            except (OnHandError, SQLAlchemyError, OSError) as error:
                sentence = f"The schedule of jobs waits: {error}"
                if sentence != self._problem:
                    self._say(sentence)
                self._problem = sentence
            self._engine.dispose()  # the file of a store may be replaced by another at any time
            self._stopping.wait(LOOK_SECONDS)

    def look(self, now: datetime) -> None:
        """See what ended and what is due at `now`, and start it.

        Raises:
            StoreUnavailable: the database is not there, or cannot be reached or written.

        """
        path = sqlite_file(self._settings.database_url)
        if path is not None and not path.exists():  # opening it would make an empty one
            raise StoreUnavailable(f"There is no file {path}.")
        if not self._handled:
            close_interrupted(self._engine)
            since = scheduled_since(self._engine)
            newest = newest_due(self._engine)
            self._handled = {name: _moment(max(newest.get(name, 0), since)) for name in self._entries}
        self._see_ended()
        for job in self._entries.values():
            busy = self._looked_at.get(job.name)
            if busy is None or now - busy >= timedelta(seconds=BUSY_SECONDS):
                self._look_at(job, now)

    def _start_over(self) -> None:
        """Keep the schedule of the store that took the place of the one before; runs of that one are none of its."""
        self._handled, self._looked_at, self._needed = {}, {}, set(self._entries)

    def _see_ended(self) -> None:
        for started in list(self._running):
            code = started.child.exit_code()
            if code is None:
                continue
            if code:
                log = messages_file(self._settings, started.job.name)
                end(self._engine, started.run_id, "failed", f"Its process ended (code {code}): see {log}.", only_running=True)
                self._say(f"The job “{started.job.title}” failed: see the Jobs page, or `onhand jobs`.")
            self._running.remove(started)

    def _look_at(self, job: ScheduledJob, now: datetime) -> None:
        due = last_due(job, now)
        is_due, is_late = due > self._handled[job.name], now - due > LATE
        if not is_due and job.name not in self._needed:
            return
        if is_late and any(started.is_late for started in self._running):
            return
        if job.name not in self._needed or not job.is_needed_at_start(self._engine):
            self._needed.discard(job.name)
            if not is_due:
                return
            if now - due > job.make_up_within:
                miss(self._engine, job.name, _micros(due), "Nothing ran jobs when it was due, and for too long after that.")
                self._handled[job.name] = due
                return
        try:
            run_id = claim(self._engine, job.name, _micros(due) if is_due else None)
        except Conflict:
            self._looked_at[job.name] = now
            return
        self._handled[job.name] = max(due, self._handled[job.name])
        self._needed.discard(job.name)
        if run_id is not None:
            self._start(job, run_id, is_late)

    def _start(self, job: ScheduledJob, run_id: int, is_late: bool) -> None:
        try:
            child = Child(self._command(job.name, run_id), self._environment, messages_file(self._settings, job.name))
        except OSError as error:
            end(self._engine, run_id, "failed", f"Its process could not be started ({error.strerror}).")
            raise
        self._running.append(_Started(job, run_id, child, is_late))


def _moment(micros: int) -> datetime:
    return datetime.fromtimestamp(micros / 1e6, UTC)


def _micros(moment: datetime) -> int:
    return round(moment.timestamp()) * 1_000_000
