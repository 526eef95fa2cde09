"""What is recorded of jobs: their runs, the last of each, and how often each failed."""

from typing import Any, Final

import polars as pl
import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from data_access.engine import now_us
from data_access.schema.jobs import INTERRUPTED, LEASE_SECONDS, job_run
from data_access.store.frames import MICROS, read

RUNS: Final = pl.Schema(
    {
        "run_id": pl.Int64,
        "job": pl.String,
        "status": pl.String,
        "asked_by": pl.String,
        "scheduled_for": MICROS,
        "started_at": MICROS,
        "ended_at": MICROS,
        "message": pl.String,
    }
)
"""Columns as in the table `job_run`; a run whose process died is failed, whether or not anyone has recorded that yet."""

FAILURES: Final = pl.Schema({"job": pl.String, "runs": pl.Int64, "failures": pl.Int64})
FAILURE_DAYS: Final = 30


def runs(bind: Connection | Engine, job: str | None = None, limit: int = 100) -> pl.DataFrame:
    """`RUNS` of one job or of all, the newest first."""
    c = job_run.c
    query = sa.select(*_columns()).order_by(c.started_at.desc(), c.id.desc()).limit(limit)
    return read(bind, query if job is None else query.where(c.job == job), RUNS)


def last_runs(bind: Connection | Engine) -> pl.DataFrame:
    """`RUNS`: the newest of each job, by the job's name."""
    c = job_run.c
    place = sa.func.row_number().over(partition_by=c.job, order_by=(c.started_at.desc(), c.id.desc()))
    newest = sa.select(c.id, place.label("place")).subquery()
    query = sa.select(*_columns()).join(newest, newest.c.id == c.id).where(newest.c.place == 1)
    return read(bind, query.order_by(c.job), RUNS)


def failures(bind: Connection | Engine) -> pl.DataFrame:
    """`FAILURES` of the last `FAILURE_DAYS` days by job: its runs that ended, and how many of them failed."""
    c = job_run.c
    failed = sa.cast(sa.func.sum(sa.case((c.status == "failed", 1), else_=0)), sa.BigInteger)
    recent = c.started_at >= now_us() - FAILURE_DAYS * 86_400_000_000
    query = sa.select(c.job, sa.func.count(), failed).where(recent, c.status.in_(("done", "failed")))
    return read(bind, query.group_by(c.job).order_by(c.job), FAILURES)


def newest_due(bind: Connection | Engine) -> dict[str, int]:
    """For each job, the newest due time (microseconds) that was run or recorded as missed."""
    c = job_run.c
    query = sa.select(c.job, sa.func.max(c.scheduled_for)).where(c.scheduled_for.is_not(None)).group_by(c.job)
    return dict(read(bind, query, pl.Schema({"job": pl.String, "due": pl.Int64})).iter_rows())


def _columns() -> list[Any]:
    c = job_run.c
    is_dead = sa.and_(c.status == "running", c.alive_at < now_us() - int(LEASE_SECONDS * 1_000_000))
    status = sa.case((is_dead, "failed"), else_=c.status)
    message = sa.case((is_dead, INTERRUPTED), else_=c.message)
    return [c.id, c.job, status, c.asked_by, c.scheduled_for, c.started_at, sa.case((is_dead, c.alive_at), else_=c.ended_at), message]
