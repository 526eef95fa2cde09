"""What became of imported files: their runs with the accounting, and what changed rows said that was not taken as a change."""

from typing import Final

import polars as pl
import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from data_access.errors import InvalidInput
from data_access.imports.import_run import OUTCOMES
from data_access.schema.audit import ignored_row, import_run
from data_access.store.frames import MICROS, read

RUNS: Final = pl.Schema(
    {
        "import_run_id": pl.Int64,
        "kind": pl.String,
        "file_name": pl.String,
        "mapping": pl.String,
        "status": pl.String,
        "started_at": MICROS,
        "finished_at": MICROS,
        "rows_read": pl.Int64,
        **dict.fromkeys(OUTCOMES, pl.Int64()),
        "joined_records": pl.Int64,
        "joined_lines": pl.Int64,
    }
)
"""Columns as in the table `import_run`; `rows_read` is the sum of the figures after it. `joined_records`: how many records join several
lines of the file, which are `joined_lines`."""
_JOINED: Final = ("joined_records", "joined_lines")

IGNORED: Final = pl.Schema({"line_number": pl.Int64, "reference": pl.String, "reason_code": pl.String, "reason": pl.String})


def runs(bind: Connection | Engine, limit: int = 100) -> pl.DataFrame:
    """`RUNS`, the newest first."""
    c = import_run.c
    kept = [name for name in RUNS.names()[1:] if name not in _JOINED]
    query = sa.select(c.id, *(c[name] for name in kept), c.counts).order_by(c.started_at.desc(), c.id.desc()).limit(limit)
    rows = read(bind, query, pl.Schema({name: RUNS[name] for name in ("import_run_id", *kept)} | {"counts": pl.String}))
    joined = [pl.col("counts").str.json_path_match(f"$.{name}").cast(pl.Int64).fill_null(0).alias(name) for name in _JOINED]
    return rows.with_columns(joined).drop("counts")


def rows_taken_in(bind: Connection | Engine, file_hash: str) -> int:
    """How many rows of a file that is being imported are taken in; 0 if none is."""
    c = import_run.c
    query = sa.select(c.next_row).where(c.file_hash == file_hash, c.status == "running").order_by(c.id.desc()).limit(1)
    rows = read(bind, query, pl.Schema({"next_row": pl.Int64}))
    return 0 if rows.is_empty() else int(rows["next_row"][0])


def ignored(bind: Connection | Engine, run_id: int) -> pl.DataFrame:
    """`IGNORED` of one import, in the order of its file.

    Raises:
        InvalidInput: there is no such import.

    """
    known = read(bind, sa.select(import_run.c.id).where(import_run.c.id == run_id), pl.Schema({"id": pl.Int64}))
    if known.is_empty():
        raise InvalidInput(f"There is no import {run_id}: `onhand import runs` lists them.")
    c = ignored_row.c
    query = sa.select(*(c[name] for name in IGNORED.names())).where(c.import_run_id == run_id).order_by(c.line_number, c.id)
    return read(bind, query, IGNORED)
