"""Checks of a column's values, widened by a migration without copying the table."""

from collections.abc import Sequence

from alembic import op
from sqlalchemy import text

from data_access.schema.base import one_of


def allow(table: str, column: str, *values: str) -> None:
    """Let `column` take further values, where a check named `ck_TABLE_COLUMN` lists those that it may take.

    On SQLite the table's text is changed in place, as SQLite's own documentation of ALTER TABLE says for checks; what was allowed
    before still is, so no row has to be looked at.

    Raises:
        ValueError: the table has no such check.

    """
    name = op.f(f"ck_{table}_{column}")
    connection = op.get_bind()
    if connection.dialect.name == "postgresql":
        query = text("select pg_get_constraintdef(oid) from pg_constraint where conname = :name")
        definition = connection.execute(query, {"name": str(name)}).scalar_one_or_none()
        before = _listed(definition or "", table, column)
        op.drop_constraint(name, table, type_="check")
        op.create_check_constraint(name, table, one_of(column, (*before, *values)))
        return
    sql = connection.execute(text("select sql from sqlite_schema where type = 'table' and name = :name"), {"name": table}).scalar_one()
    start = sql.find(f"CONSTRAINT {name} CHECK (")
    end = sql.find(")", start)
    before = _listed(sql[start:end] if start >= 0 else "", table, column)
    changed = sql[:start] + f"CONSTRAINT {name} CHECK ({one_of(column, (*before, *values))}" + sql[end + 1 :]
    version = connection.execute(text("pragma schema_version")).scalar_one()
    connection.execute(text("pragma writable_schema = on"))
    connection.execute(text("update sqlite_schema set sql = :sql where type = 'table' and name = :name"), {"sql": changed, "name": table})
    connection.execute(text(f"pragma schema_version = {int(version) + 1}"))
    connection.execute(text("pragma writable_schema = off"))


def _listed(definition: str, table: str, column: str) -> Sequence[str]:
    """The values that a check lists."""
    values = tuple(definition.split("'")[1::2])
    if not values:
        raise ValueError(f"{table} has no check of {column} that lists values")
    return values
