"""All jobs with their last run, their next one and their failures, as the Jobs page and `onhand jobs` show them."""

from datetime import datetime
from typing import Final

import polars as pl

from dashboard.jobs.registry import jobs
from dashboard.jobs.schedule import in_words, next_due
from data_access.queries.jobs import FAILURES, RUNS
from data_access.store.frames import MICROS

JOBS: Final = pl.Schema(
    {
        "job": pl.String,
        "title": pl.String,
        "about": pl.String,
        "schedule": pl.String,  # in words
        "next_due": MICROS,
        **{name: dtype for name, dtype in RUNS.items() if name not in ("run_id", "job")},  # of the last run; null if there was none
        "runs": pl.Int64,  # that ended in the last `queries.jobs.FAILURE_DAYS` days
        "failures": pl.Int64,  # how many of them failed
    }
)


def listed(last_runs: pl.DataFrame, failures: pl.DataFrame, now: datetime) -> pl.DataFrame:
    """`JOBS`, by title, from `queries.jobs.RUNS` of each job's last run and `queries.jobs.FAILURES`."""
    rows = [(job.name, job.title, job.about, in_words(job), next_due(job, now)) for job in jobs().values()]
    entries = pl.DataFrame(rows, {name: JOBS[name] for name in JOBS.names()[:5]}, orient="row")
    joined = entries.join(last_runs, on="job", how="left").join(failures, on="job", how="left")
    counted = joined.with_columns(pl.col(name).fill_null(0) for name in FAILURES.names()[1:])
    return counted.select(JOBS.names()).sort("title")
