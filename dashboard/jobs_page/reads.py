"""What the Jobs page reads, as of now: it is small and must be right. Empty while the database is away."""

from datetime import UTC, datetime

import polars as pl

from dashboard.jobs.listing import listed
from dashboard.shell import reads as shared
from data_access.queries import jobs as queries


def jobs() -> pl.DataFrame:
    """`listing.JOBS` as of now, by title."""
    last = shared.ask_now(queries.last_runs, queries.RUNS)
    return listed(last, shared.ask_now(queries.failures, queries.FAILURES), datetime.now(UTC))


def runs(job: str | None) -> pl.DataFrame:
    """`jobs.RUNS` of one job or of all, the newest first."""
    return shared.ask_now(lambda bind: queries.runs(bind, job), queries.RUNS)
