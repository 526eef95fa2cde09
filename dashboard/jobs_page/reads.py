"""What the Jobs page reads. It is small and must be right, so it is asked for on each run; empty while the database is away."""

from datetime import UTC, datetime

import polars as pl

from dashboard import cache
from dashboard.jobs.listing import listed
from data_access.queries import jobs as queries


def jobs() -> pl.DataFrame:
    """`listing.JOBS` as of now, by title."""
    last = cache._asked_anew(queries.last_runs, queries.RUNS)
    return listed(last, cache._asked_anew(queries.failures, queries.FAILURES), datetime.now(UTC))


def runs(job: str | None) -> pl.DataFrame:
    """`jobs.RUNS` of one job or of all, the newest first."""
    return cache._asked_anew(lambda bind: queries.runs(bind, job), queries.RUNS)
