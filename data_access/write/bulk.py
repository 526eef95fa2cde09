"""Many rows at once: lookups by thousands of keys, and inserts without a statement's cost for each row."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
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


def tuples(frame: pl.DataFrame) -> list[tuple[Any, ...]]:
    """The rows of a frame; by its columns, for `DataFrame.rows` looks at each cell."""
    return list(zip(*(column.to_list() for column in frame), strict=True))


@dataclass(frozen=True, slots=True)
class Insertion:
    """Rows for a table, as they are sent. `constants`: columns that have one value in all of them; others take their defaults."""

    table: sa.Table
    columns: Sequence[str]
    rows: Sequence[tuple[Any, ...]]
    constants: Mapping[str, Any] = field(default_factory=dict)

    def run(self, connection: Connection) -> None:
        """Insert them."""
        if not self.rows:
            return
        if is_sqlite(connection):
            self._by_many(connection)
            return
        same = tuple(self.constants.values())
        driver: Any = connection.connection.driver_connection
        with driver.cursor() as cursor, cursor.copy(f"copy {self.table.name} ({self._names}) from stdin") as copy:
            for row in self.rows:
                copy.write_row(row + same)

    @property
    def _names(self) -> str:
        return ", ".join([*self.columns, *self.constants])

    def _by_many(self, connection: Connection) -> None:
        rows, same = self.rows, tuple(self.constants.values())
        one, start = f"({', '.join('?' * len(rows[0]))})", 0
        for size in _STATEMENT_ROWS:
            end = start + (len(rows) - start) // size * size
            if end > start:
                values = [(*same, *chain.from_iterable(rows[at : at + size])) for at in range(start, end, size)]
                connection.exec_driver_sql(self._statement(", ".join([one] * size)), values)
            start = end

    def _statement(self, values: str) -> str:
        if not self.constants:
            return f"insert into {self.table.name} ({self._names}) values {values}"  # noqa: S608 - our own names
        names = ", ".join([*self.constants, *self.columns])
        own = ", ".join(f"column{number}" for number in range(1, len(self.columns) + 1))
        same = ", ".join("?" * len(self.constants))
        return f"insert into {self.table.name} ({names}) select {same}, {own} from (values {values})"  # noqa: S608 - our own names


def constants(frame: pl.DataFrame) -> dict[str, Any]:
    """The columns that have one value in all rows of a frame, of those that are worth sending once a statement."""
    if frame.height < _STATEMENT_ROWS[0]:
        return {}
    is_same = frame.select(pl.all().eq_missing(pl.all().first()).all()).row(0)
    return {name: frame[name][0] for name, same in zip(frame.columns, is_same, strict=True) if same}


def insert_frame(connection: Connection, table: sa.Table, frame: pl.DataFrame) -> None:
    """Insert a frame whose columns are columns of the table; others take their defaults."""
    insert_rows(connection, table, frame.columns, tuples(frame))


def insert_rows(connection: Connection, table: sa.Table, columns: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> None:
    """Insert rows of these columns of the table; others take their defaults."""
    Insertion(table, columns, rows).run(connection)
