"""Statements written with SQLAlchemy, compiled once a dialect and sent straight to the driver.

The path of an event runs a dozen small statements; compiling them again each time costs more than the database does. Results
are rows as the driver gives them: a boolean of SQLite is 0 or 1.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from operator import itemgetter
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, CursorResult, Dialect, Row
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.elements import ColumnElement


class _InList(ColumnElement[bool]):
    """`column in (:name)` for a list of any length in one parameter, so that the statement's text never changes."""

    inherit_cache = False
    _is_implicitly_boolean = True  # else it is written `(...) = 1` on SQLite, which uses no index
    type = sa.Boolean()

    def __init__(self, column: Any, name: str) -> None:
        self.column = column
        self.parameter: sa.BindParameter[Any] = sa.bindparam(name)


@compiles(_InList, "sqlite")
def _in_list_sqlite(element: _InList, compiler: SQLCompiler, **options: Any) -> str:
    column, values = compiler.process(element.column, **options), compiler.process(element.parameter, **options)
    return f"{column} IN (SELECT value FROM json_each({values}))"  # noqa: S608 - both are compiled, not text


@compiles(_InList, "postgresql")
def _in_list_postgresql(element: _InList, compiler: SQLCompiler, **options: Any) -> str:
    return f"{compiler.process(element.column, **options)} = ANY({compiler.process(element.parameter, **options)})"


def in_list(column: Any, name: str) -> ColumnElement[bool]:
    """A condition for `Prepared`: the column is one of the list given as parameter `name`."""
    return _InList(column, name)


class Prepared:
    """One statement, or one by dialect where they differ. `columns` names what an insert is given; others need none."""

    def __init__(self, statement: sa.Executable | Mapping[str, sa.Executable], columns: Iterable[str] | None = None) -> None:
        self._statement = statement
        self._columns = list(columns) if columns is not None else None
        self._texts: dict[str, tuple[str, list[str] | None]] = {}

    def _text(self, dialect: Dialect) -> tuple[str, list[str] | None]:
        compiled_text = self._texts.get(dialect.name)
        if compiled_text is None:
            statement: Any = self._statement[dialect.name] if isinstance(self._statement, Mapping) else self._statement
            options = {"column_keys": self._columns} if self._columns is not None else {}
            compiled = statement.compile(dialect=dialect, **options)
            constants = {name: bind.value for name, bind in compiled.binds.items() if not bind.required and bind.value is not None}
            if constants:
                raise ValueError(f"constants must be written with literal_column: {constants}")
            names = list(compiled.positiontup) if compiled.positiontup is not None else None
            compiled_text = self._texts[dialect.name] = (compiled.string, names)
        return compiled_text

    def run(self, connection: Connection, parameters: Mapping[str, Any] | Sequence[Mapping[str, Any]]) -> CursorResult[Any]:
        """Send the statement, once or for each set of parameters."""
        text, names = self._text(connection.dialect)
        if names is None:
            return connection.exec_driver_sql(text, parameters)
        if isinstance(parameters, Mapping):
            return connection.exec_driver_sql(text, tuple(_listed(parameters[name]) for name in names))
        if len(names) > 1:
            return connection.exec_driver_sql(text, list(map(itemgetter(*names), parameters)))
        return connection.exec_driver_sql(text, [tuple(each[name] for name in names) for each in parameters])

    def all(self, connection: Connection, **parameters: Any) -> Sequence[Row[Any]]:
        """Send the statement and fetch every row."""
        return self.run(connection, parameters).all()


def _listed(value: Any) -> Any:
    return json.dumps(value) if isinstance(value, list | tuple) else value
