"""The facts as the store has them: one statement a fact, whose columns are those of `domain.facts`."""

from collections.abc import Iterator, Sequence
from typing import Any, Final

import polars as pl
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from data_access.domain.facts import FACTS, KEYS
from data_access.schema.orders import cancellation, order_line, sales_order, shipment
from data_access.schema.returns import return_line
from data_access.store.frames import read
from data_access.write.bulk import in_values

CHUNK: Final = 250_000
"""Rows that a first build holds at a time."""

_o, _l, _s, _c, _r = sales_order.c, order_line.c, shipment.c, cancellation.c, return_line.c
_TABLES: Final[dict[str, sa.Table]] = {
    "order": sales_order,
    "line": order_line,
    "shipment": shipment,
    "cancellation": cancellation,
    "return": return_line,
}
_OWN: Final[dict[str, dict[str, sa.ColumnElement[Any]]]] = {
    "order": {"order_id": _o.id},
    "line": {"line_id": _l.id},
    "shipment": {"shipment_id": _s.id, "order_id": _l.order_id, "channel_id": _l.channel_id, "placed_at": _l.placed_at},
    "cancellation": {"cancellation_id": _c.id, "order_id": _l.order_id, "channel_id": _l.channel_id, "placed_at": _l.placed_at},
    "return": {"return_id": _r.id, "order_id": _l.order_id, "placed_at": sa.func.coalesce(_l.placed_at, _r.received_at)},
}
"""Where a fact's column is not the table's own of the same name."""


def statement(fact: str) -> sa.Select[Any]:
    """All rows of a fact."""
    table, own = _TABLES[fact], _OWN[fact]
    query = sa.select(*(own[name] if name in own else table.c[name] for name in FACTS[fact]))
    if fact in ("order", "line"):
        return query.select_from(table)
    return query.select_from(table.join(order_line, table.c.line_id == _l.id, isouter=fact == "return"))


def chunks(connection: Connection, fact: str) -> Iterator[pl.DataFrame]:
    """All rows of a fact, in the order of their ids, some at a time."""
    key, last = _TABLES[fact].c.id, -1
    while True:
        rows = read(connection, statement(fact).where(key > last).order_by(key).limit(CHUNK), FACTS[fact])
        if rows.is_empty():
            return
        yield rows
        last = int(rows[KEYS[fact]][-1])


def of_orders(connection: Connection, fact: str, order_ids: Sequence[int]) -> pl.DataFrame:
    """The rows of a fact that belong to these orders."""
    return _among(connection, fact, _o.id if fact == "order" else _l.order_id, order_ids)


def returns(connection: Connection, return_ids: Sequence[int]) -> pl.DataFrame:
    """`RETURNS` with these ids."""
    return _among(connection, "return", _r.id, return_ids)


def count(connection: Connection, fact: str) -> int:
    """How many rows a fact has."""
    return int(connection.execute(sa.select(sa.func.count()).select_from(_TABLES[fact])).scalar_one())


def _among(connection: Connection, fact: str, column: sa.ColumnElement[int], ids: Sequence[int]) -> pl.DataFrame:
    return read(connection, statement(fact).where(in_values(connection, column, ids)), FACTS[fact]) if ids else FACTS[fact].to_frame()
