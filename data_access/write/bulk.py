"""Many rows at once: lookups by thousands of keys, and inserts without a statement's cost for each row."""

import json
from collections.abc import Sequence
from itertools import chain
from typing import Any, Final

import polars as pl
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.engine import Connection

from data_access.engine import is_sqlite

# Rows of one statement, the most that still fit first: SQLite sets up what a table's checks need once a statement, not once a row.
_STATEMENT_ROWS: Final = (200, 20, 1)


def in_values(connection: Connection, column: sa.ColumnElement[Any], values: Sequence[Any]) -> sa.ColumnElement[bool]:
    """`column in (values)` as one parameter, however many they are."""
    if is_sqlite(connection):
        each = sa.func.json_each(json.dumps(list(values), ensure_ascii=False)).table_valued("value")
        return column.in_(sa.select(each.c.value))
    bound: sa.BindParameter[Any] = sa.bindparam(None, list(values), type_=ARRAY(column.type))
    return column == sa.any_(sa.cast(bound, ARRAY(column.type)))


def insert_frame(connection: Connection, table: sa.Table, frame: pl.DataFrame) -> None:
    """Insert a frame whose columns are columns of the table; others take their defaults."""
    insert_rows(connection, table, frame.columns, frame.rows())


def insert_rows(connection: Connection, table: sa.Table, columns: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> None:
    """Insert rows of these columns of the table; others take their defaults."""
    if not rows:
        return
    names = ", ".join(columns)
    if is_sqlite(connection):
        _by_many(connection, f"insert into {table.name} ({names}) values ", rows)  # noqa: S608 - our own names
        return
    driver: Any = connection.connection.driver_connection
    with driver.cursor() as cursor, cursor.copy(f"copy {table.name} ({names}) from stdin") as copy:
        for row in rows:
            copy.write_row(row)


def _by_many(connection: Connection, insert: str, rows: Sequence[tuple[Any, ...]]) -> None:
    one, start = f"({', '.join('?' * len(rows[0]))})", 0
    for size in _STATEMENT_ROWS:
        end = start + (len(rows) - start) // size * size
        if end > start:
            values = [tuple(chain.from_iterable(rows[at : at + size])) for at in range(start, end, size)]
            connection.exec_driver_sql(insert + ", ".join([one] * size), values)
        start = end
