"""The typed reader gives the same frame on both databases."""

from datetime import UTC, date, datetime

import polars as pl
import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from data_access.engine import open_engine, writing
from data_access.errors import StoreUnavailable
from data_access.store.frames import MICROS, read

SCHEMA = pl.Schema({"id": pl.Int64, "name": pl.String, "is_true": pl.Boolean, "share": pl.Float64, "at": MICROS, "on": pl.Date})
AT = 1_760_000_000_123_456


@pytest.fixture
def things(store: Engine) -> sa.Table:
    table = sa.Table(
        "thing",
        sa.MetaData(),
        sa.Column("id", sa.BigInteger),
        sa.Column("name", sa.String),
        sa.Column("is_true", sa.Boolean),
        sa.Column("share", sa.Float),
        sa.Column("at", sa.BigInteger),
        sa.Column("on", sa.String),
    )
    with writing(store) as connection:
        table.create(connection)
    return table


def test_types_come_from_the_schema_also_after_many_leading_nulls(store: Engine, things: sa.Table) -> None:
    empty = {"id": 0, "name": None, "is_true": None, "share": None, "at": None, "on": None}
    full = {"id": 2**53 + 1, "name": "Ähre", "is_true": True, "share": 1.5, "at": AT, "on": "2026-07-27"}
    with writing(store) as connection:
        connection.execute(sa.insert(things), [empty] * 5_000 + [full, {**full, "is_true": False, "share": 2}])
    frame = read(store, sa.select(things).order_by(things.c.id), SCHEMA)
    assert frame.schema == SCHEMA
    assert frame.height == 5_002
    assert frame.row(0) == (0, None, None, None, None, None)
    at = datetime.fromtimestamp(1_760_000_000, UTC).replace(microsecond=123_456)
    wanted = (2**53 + 1, "Ähre", True, 1.5, at, date(2026, 7, 27))
    assert frame.sort("is_true").rows()[-1] == wanted
    assert frame["is_true"].sum() == 1


def test_an_empty_result_keeps_the_schema(store: Engine, things: sa.Table) -> None:
    with store.connect() as connection:
        frame = read(connection, sa.select(things), SCHEMA)
    assert frame.equals(SCHEMA.to_frame())


def test_a_value_that_does_not_fit_is_an_error(store: Engine, things: sa.Table) -> None:
    with writing(store) as connection:
        connection.execute(sa.insert(things), {"id": 1, "name": "x"})
    with pytest.raises(TypeError):
        read(store, sa.select(things.c.name), pl.Schema({"name": pl.Int64}))
    with pytest.raises(TypeError, match="1 columns, the schema 2"):
        read(store, sa.select(things.c.name), pl.Schema({"a": pl.String, "b": pl.String}))


def test_an_unreachable_database_is_said_in_a_sentence() -> None:
    with pytest.raises(StoreUnavailable, match="cannot be reached"):
        read(open_engine("postgresql://nobody@127.0.0.1:1/none"), sa.select(1), pl.Schema({"one": pl.Int64}))
