"""The jobs that run by themselves: one module in `dashboard/jobs/scheduled` each, whose `JOB` is the entry.

A new job is a new module there; nothing else lists them. The module imports what is heavy inside the function that does the work, for the
supervisor reads all entries and stays light.
"""

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache

from sqlalchemy.engine import Engine

from dashboard.settings import Settings
from data_access.errors import InvalidInput


@dataclass(frozen=True, slots=True, kw_only=True)
class JobContext:
    """What a run has: the store, the settings of this process, and who asked for it, in whose name it writes."""

    engine: Engine
    settings: Settings
    actor: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduledJob:
    """A job. `name` is its module's; `title` is what people read; `about` says in a sentence what it does.

    `schedule`: five fields as in cron (minute, hour, day of the month, month, day of the week) by the clock of `zone`.
    `make_up_within`: a run that was missed by no more is made up for, once; by more, it is recorded as missed.
    `run`: does the work and says in a sentence what it did; what it raises is a failure.
    `is_needed_at_start`: whether a store needs it as soon as it is served, due or not.
    """

    name: str
    title: str
    about: str
    schedule: str
    zone: str = "UTC"
    make_up_within: timedelta
    run: Callable[[JobContext], str]
    is_needed_at_start: Callable[[Engine], bool] = lambda _engine: False


@lru_cache(maxsize=1)
def jobs() -> dict[str, ScheduledJob]:
    """All jobs by name, in the order of their names."""
    from dashboard.jobs import scheduled

    names = sorted(module.name for module in pkgutil.iter_modules(scheduled.__path__))
    return {name: importlib.import_module(f"{scheduled.__name__}.{name}").JOB for name in names}


def job(name: str) -> ScheduledJob:
    """The job of this name.

    Raises:
        InvalidInput: there is none.

    """
    if name not in jobs():
        raise InvalidInput(f"There is no job “{name}”: choose one of {', '.join(jobs())}.")
    return jobs()[name]
