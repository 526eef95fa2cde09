"""The record of job runs: claimed by the schedule or begun by a person, kept alive and ended by the job's own process.

A due time is claimed by inserting its row, which only one of several supervisors can do. A process that dies says nothing more: after
`LEASE_SECONDS` without a sign of life its run counts as failed, and the job may run again.
"""

import json
import os
import socket
from typing import Final, Literal

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from data_access.engine import now_us
from data_access.errors import Conflict
from data_access.schema.audit import store_meta
from data_access.schema.jobs import INTERRUPTED, LEASE_SECONDS, job_run
from data_access.write.kernel import SYSTEM, work
from data_access.write.permissions import COMMAND_LINE
from data_access.write.unit_of_work import Unit

SCHEDULE: Final = f"{COMMAND_LINE} (schedule)"
"""Who starts what is due: like whoever types commands where the store lies, it may do everything."""

BEAT_SECONDS: Final = 10.0
"""How often the process of a run says that it is alive."""

_SINCE: Final = "jobs_since"


def claim(engine: Engine, job: str, scheduled_for: int | None) -> int | None:
    """Begin the run of a job that is due (`scheduled_for`, microseconds), or that a store needs at once (None); its id.

    None if that due time was taken before: another supervisor runs it, or has.

    Raises:
        Conflict: the job is running; its due time may be claimed when that is over.
        StoreUnavailable: the database cannot be reached or written.

    """

    def edit(unit: Unit) -> int | None:
        c = job_run.c
        if scheduled_for is not None:
            taken = sa.select(c.id).where(c.job == job, c.scheduled_for == scheduled_for)
            if unit.connection.execute(taken).first() is not None:
                return None
        return _insert(unit, job, SCHEDULE, scheduled_for)

    return work(engine, SYSTEM, None, edit)


def begin(engine: Engine, job: str, actor: str) -> int:
    """Begin a run that a person asked for; its id.

    Raises:
        Forbidden: the actor may not run jobs.
        Conflict: the job is running already.
        StoreUnavailable: the database cannot be reached or written.

    """

    def edit(unit: Unit) -> int:
        run_id = _insert(unit, job, actor, None)
        unit.audit("run_job", ("job_run", run_id), None, {"job": job})
        return run_id

    return work(engine, actor, "run jobs", edit, rows=2)


def miss(engine: Engine, job: str, scheduled_for: int, message: str) -> None:
    """Record that a due time passed and is not made up for; nothing if another supervisor did, or ran it."""

    def edit(unit: Unit) -> None:
        c, now = job_run.c, now_us()
        if unit.connection.execute(sa.select(c.id).where(c.job == job, c.scheduled_for == scheduled_for)).first() is None:
            row = {"id": unit.ids.take(), "job": job, "status": "missed", "asked_by": SCHEDULE, "scheduled_for": scheduled_for}
            unit.connection.execute(sa.insert(job_run).values(**row, started_at=now, ended_at=now, message=message))
            unit.touch("jobs", "job_run", row["id"])

    work(engine, SYSTEM, None, edit)


def attend(engine: Engine, run_id: int) -> str | None:
    """Say that this process is at work on a run that was begun: who asked for it; None if it is not running any more."""

    def edit(unit: Unit) -> str | None:
        mine = _running(run_id)
        asked_by = unit.connection.execute(sa.select(job_run.c.asked_by).where(mine)).scalar_one_or_none()
        unit.connection.execute(sa.update(job_run).where(mine).values(alive_at=now_us(), **_process()))
        return None if asked_by is None else str(asked_by)

    return work(engine, SYSTEM, None, edit)


def beat(engine: Engine, run_id: int) -> None:
    """Say that the process of a run is alive. Pages need not know, so no version moves."""

    def edit(unit: Unit) -> None:
        unit.connection.execute(sa.update(job_run).where(_running(run_id)).values(alive_at=now_us()))

    work(engine, SYSTEM, None, edit)


def end(engine: Engine, run_id: int, status: Literal["done", "failed"], message: str, *, only_running: bool = False) -> bool:
    """End a run; whether anything changed. Its own process knows best, so it may end one that was taken for interrupted.

    `only_running`: leave a run alone that has ended, for whoever only saw its process end.
    """

    def edit(unit: Unit) -> bool:
        which = _running(run_id) if only_running else job_run.c.id == run_id
        values = {"status": status, "ended_at": now_us(), "message": message}
        is_changed = unit.connection.execute(sa.update(job_run).where(which).values(**values)).rowcount > 0
        if is_changed:
            unit.touch("jobs", "job_run", run_id)
        return is_changed

    return work(engine, SYSTEM, None, edit)


def close_interrupted(engine: Engine) -> None:
    """Mark runs as failed whose processes have died."""
    work(engine, SYSTEM, None, lambda unit: _close_interrupted(unit, sa.true()))


def forget_runs(engine: Engine, before: int) -> int:
    """Delete what was recorded of runs that ended before a moment (microseconds). Returns the rows deleted."""

    def edit(unit: Unit) -> int:
        count = unit.connection.execute(sa.delete(job_run).where(job_run.c.ended_at < before)).rowcount
        if count:
            unit.touch("jobs", "bulk", "*")
        return count

    return work(engine, SYSTEM, None, edit)


def scheduled_since(engine: Engine) -> int:
    """The moment (microseconds) that jobs of this store are scheduled from: of the first call. What was due before was not missed."""

    def edit(unit: Unit) -> int:
        known = unit.connection.execute(sa.select(store_meta.c.value).where(store_meta.c.key == _SINCE)).scalar_one_or_none()
        if known is not None:
            return int(json.loads(known))
        now = now_us()
        unit.connection.execute(sa.insert(store_meta).values(key=_SINCE, value=json.dumps(now)))
        return now

    return work(engine, SYSTEM, None, edit)


def _insert(unit: Unit, job: str, actor: str, scheduled_for: int | None) -> int:
    c, now = job_run.c, now_us()
    _close_interrupted(unit, c.job == job)
    if unit.connection.execute(sa.select(c.id).where(c.job == job, c.status == "running")).first() is not None:
        raise Conflict(f"The job {job} is running already: wait until it is done.")
    run_id = unit.ids.take()
    row = {"id": run_id, "job": job, "status": "running", "asked_by": actor, "scheduled_for": scheduled_for}
    unit.connection.execute(sa.insert(job_run).values(**row, started_at=now, alive_at=now, **_process()))
    unit.touch("jobs", "job_run", run_id)
    return run_id


def _close_interrupted(unit: Unit, which: sa.ColumnElement[bool]) -> None:
    c, now = job_run.c, now_us()
    silent = sa.select(c.id).where(which, c.status == "running", c.alive_at < now - int(LEASE_SECONDS * 1_000_000))
    dead = list(unit.connection.execute(silent.order_by(c.id)).scalars())
    if dead:
        unit.connection.execute(sa.update(job_run).where(c.id.in_(dead)).values(status="failed", ended_at=now, message=INTERRUPTED))
        for run_id in dead:
            unit.touch("jobs", "job_run", run_id)


def _running(run_id: int) -> sa.ColumnElement[bool]:
    return sa.and_(job_run.c.id == run_id, job_run.c.status == "running")


def _process() -> dict[str, str | int]:
    return {"host": socket.gethostname(), "pid": os.getpid()}
