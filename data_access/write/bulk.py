"""Many rows at once: lookups by thousands of keys, and inserts without a statement's cost for each row."""

import json
from collections.abc import Sequence
from typing import Any

import polars as pl
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.engine import Connection

from data_access.engine import is_sqlite


def in_values(connection: Connection, column: sa.ColumnElement[Any], values: Sequence[Any]) -> sa.ColumnElement[bool]:
    """`column in (values)` as one parameter, however many they are."""
    if is_sqlite(connection):
        each = sa.func.json_each(json.dumps(list(values), ensure_ascii=False)).table_valued("value")
        return column.in_(sa.select(each.c.value))
    bound: sa.BindParameter[Any] = sa.bindparam(None, list(values), type_=ARRAY(column.type))
    return column == sa.any_(sa.cast(bound, ARRAY(column.type)))


def insert_frame(connection: Connection, table: sa.Table, frame: pl.DataFrame) -> None:
    """Insert a frame whose columns are columns of the table; others take their defaults."""
    if frame.is_empty():
        return
    names = ", ".join(frame.columns)
    if is_sqlite(connection):
        marks = ", ".join("?" * frame.width)
        connection.exec_driver_sql(f"insert into {table.name} ({names}) values ({marks})", frame.rows())  # noqa: S608 - our own names
        return
    driver: Any = connection.connection.driver_connection
    with driver.cursor() as cursor, cursor.copy(f"copy {table.name} ({names}) from stdin") as copy:
        for row in frame.iter_rows():
            copy.write_row(row)
