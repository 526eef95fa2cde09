"""The one typed reader: a select statement and a schema in, a Polars frame out. Every query of this package uses it.

Rows come straight from the driver's cursor and are turned into columns of declared types, so that leading NULLs, empty results
and the databases' own ideas of booleans and times make no difference. 160,000 rows x 7 columns take about 0.45 s on SQLite.
"""

from collections.abc import Sequence
from typing import Any, Final

import polars as pl
import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from data_access.engine import reading

MICROS: Final[Any] = pl.Datetime("us", "UTC")  # Any, because mypy finds no common type of it and the classes beside it in a schema
_CHUNK: Final = 4_000  # rows: few enough to stay in the processor's cache


def read(bind: Connection | Engine, statement: sa.Executable, schema: pl.Schema) -> pl.DataFrame:
    """The statement's rows as a frame of `schema`, whose columns name the statement's in order.

    In the schema, `Datetime("us", "UTC")` stands for microseconds since 1970, `Date` for text YYYY-MM-DD, `Boolean` for 0 and 1
    or the database's own; sums must be cast to an integer type in SQL (PostgreSQL widens them to decimals). Given an engine, it
    reads in a transaction of its own.

    Raises:
        StoreUnavailable: given an engine, and the database cannot be reached or read.
        TypeError: a value does not fit its column.

    """
    if isinstance(bind, Engine):
        with reading(bind) as connection:
            return read(connection, statement, schema)
    result = bind.execute(statement)
    if len(result.keys()) != len(schema):
        raise TypeError(f"the statement has {len(result.keys())} columns, the schema {len(schema)}")
    cursor = result.cursor
    assert cursor is not None  # noqa: S101 - a select always has one
    chunks = []
    while rows := cursor.fetchmany(_CHUNK):
        chunks.append(_frame(rows, schema))
    result.close()
    return pl.concat(chunks, rechunk=True) if chunks else schema.to_frame()


def _frame(rows: Sequence[Sequence[Any]], schema: pl.Schema) -> pl.DataFrame:
    columns = zip(*rows, strict=True)
    return pl.DataFrame([_series(name, values, dtype) for (name, dtype), values in zip(schema.items(), columns, strict=True)])


def _series(name: str, values: Sequence[Any], dtype: pl.DataType) -> pl.Series:
    if dtype == pl.Boolean:
        return pl.Series(name, [None if value is None else bool(value) for value in values], dtype=pl.Boolean)
    if isinstance(dtype, pl.Datetime):
        return pl.Series(name, values, dtype=pl.Int64).cast(dtype)
    if dtype == pl.Date:
        return pl.Series(name, values, dtype=pl.String).str.to_date("%Y-%m-%d")
    return pl.Series(name, values, dtype=dtype)
