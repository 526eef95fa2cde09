"""Runs of the jobs that the schedule or a person starts."""

from typing import Final

from sqlalchemy import CheckConstraint, Column, Index, Integer, String, Table, TypedColumns, text

from data_access.schema.base import Id, Micros, metadata, one_of

JOB_STATUSES: Final = ("running", "done", "failed", "missed")
LEASE_SECONDS: Final = 60.0
"""After so long without a sign of life from its process, a running run counts as failed."""

INTERRUPTED: Final = "It was interrupted: its process ended before it was done."


class _JobRun(TypedColumns):
    id = Column(Id, primary_key=True, autoincrement=False, comment="Row id, from `id_block`.")
    job = Column(String, nullable=False, comment="The job's name, as `onhand jobs` lists it.")
    status = Column(String, nullable=False, comment="running, done, failed, or missed (due while nothing ran jobs, and not made up for).")
    asked_by = Column(String, nullable=False, comment="Who started it: a person, or the schedule.")
    scheduled_for = Column(Micros, nullable=True, comment="When it was due; empty if it was started without being due.")
    started_at = Column(Micros, nullable=False, comment="When it began; of a missed one, when that was noticed.")
    ended_at = Column(Micros, nullable=True, comment="When it ended.")
    alive_at = Column(Micros, nullable=True, comment="When its process last said that it is alive; a minute of silence means that it died.")
    host = Column(String, nullable=True, comment="The machine that it ran on.")
    pid = Column(Integer, nullable=True, comment="Its process there.")
    message = Column(String, nullable=True, comment="What it did, or why it failed: one sentence.")


job_run = Table(
    "job_run",
    metadata,
    _JobRun,
    Index("uq_job_run_job_scheduled_for", "job", "scheduled_for", unique=True),
    Index("uq_job_run_running", "job", unique=True, sqlite_where=text("status = 'running'"), postgresql_where=text("status = 'running'")),
    Index(None, "started_at"),
    CheckConstraint(one_of("status", JOB_STATUSES), name="status"),
    comment="Each run of a job. A due time is run once, and a job has one run at a time, whoever starts it.",
)

__all__ = ["INTERRUPTED", "JOB_STATUSES", "LEASE_SECONDS", "job_run"]
