"""The runs of the demand forecast."""

from typing import Final

import polars as pl
import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from data_access.schema.demand import forecast_run
from data_access.store.frames import MICROS, read

RUNS: Final = pl.Schema(
    {
        "run_id": pl.Int64,
        "state": pl.String,
        "asked_by": pl.String,
        "asked_at": MICROS,
        "finished_at": MICROS,
        "last_on": pl.Date,
        "horizon": pl.Int64,
        "seed": pl.Int64,
        "inputs_version": pl.String,
        "learned_by": pl.Int64,
        "reason": pl.String,
        "series": pl.Int64,
        "fell_back": pl.Int64,
        "problem": pl.String,
    }
)
"""Columns as in the table `forecast_run`."""


def runs(bind: Connection | Engine, limit: int = 100) -> pl.DataFrame:
    """`RUNS`, the newest first."""
    c = forecast_run.c
    query = sa.select(c.id, *(c[name] for name in RUNS.names()[1:])).order_by(c.asked_at.desc(), c.id.desc()).limit(limit)
    return read(bind, query, RUNS)


def run(bind: Connection | Engine, run_id: int) -> pl.DataFrame:
    """`RUNS` of one; empty if there is none."""
    c = forecast_run.c
    return read(bind, sa.select(c.id, *(c[name] for name in RUNS.names()[1:])).where(c.id == run_id), RUNS)
