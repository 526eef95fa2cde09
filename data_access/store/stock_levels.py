"""The codec of `stock_level`: every column of the projection once, with how it is read, written, loaded in bulk, and rebuilt.

A further column is a `LevelColumn` here, a column of the schema, and a migration.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import polars as pl
import sqlalchemy as sa
from sqlalchemy.engine import Row

from data_access.domain.ledger_state import Level
from data_access.schema.audit import import_run
from data_access.schema.orders import allocation, order_line
from data_access.schema.purchasing import purchase_order_line
from data_access.schema.stock import event, stock_count, stock_level, stock_movement
from data_access.store.rebuilding import by_place, exploded, units

Rebuilt = Callable[[], sa.Select[Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class LevelColumn:
    """A column. `dtype`; `of`: its value for a level; `unset`: where a bulk load does not say it.

    `rebuilt`: (SKU, location, value) from the facts. A column without it follows from no fact alone, and `onhand verify` leaves it out.
    """

    name: str
    dtype: pl.DataType
    of: Callable[[Level], Any]
    unset: Any = 0
    rebuilt: Rebuilt | None = None


def _on_hand() -> sa.Select[Any]:
    return by_place(stock_movement.c, units(stock_movement.c.quantity))


def _unsellable() -> sa.Select[Any]:
    return by_place(stock_movement.c, units(stock_movement.c.quantity)).where(stock_movement.c.state == "unsellable")


def _allocated() -> sa.Select[Any]:
    lines = allocation.join(order_line, order_line.c.id == allocation.c.line_id)
    return exploded(allocation.c.quantity, allocation.c.location_id, lines, sa.true())


def _on_order() -> sa.Select[Any]:
    p = purchase_order_line.c
    due = sa.case((p.quantity > p.received_quantity, p.quantity - p.received_quantity), else_=0)
    return by_place(p, units(due))


def _tracked_from() -> sa.Select[Any]:
    return by_place(stock_count.c, sa.func.min(stock_count.c.occurred_at))


def undone_events() -> sa.Select[Any]:
    """Row ids of events whose import was taken back: their movements add up to nothing."""
    runs = sa.select(import_run.c.id).where(import_run.c.status.in_(("undoing", "undone")))
    return sa.select(event.c.id).where(event.c.import_run_id.in_(runs), event.c.status == "undone")


def _last_at() -> sa.Select[Any]:
    m, c = stock_movement.c, stock_count.c
    moved = sa.select(m.sku, m.location_id, m.occurred_at).where(m.event_id.not_in(undone_events()))
    times = sa.union_all(moved, sa.select(c.sku, c.location_id, c.occurred_at)).subquery()
    return by_place(times.c, sa.func.max(times.c.occurred_at))


COLUMNS: Final = (
    LevelColumn(name="on_hand", dtype=pl.Int64(), of=lambda level: level.sellable + level.unsellable, rebuilt=_on_hand),
    LevelColumn(name="unsellable", dtype=pl.Int64(), of=lambda level: level.unsellable, rebuilt=_unsellable),
    LevelColumn(name="allocated", dtype=pl.Int64(), of=lambda level: level.allocated, rebuilt=_allocated),
    LevelColumn(name="on_order", dtype=pl.Int64(), of=lambda level: level.on_order, rebuilt=_on_order),
    LevelColumn(name="tracked_from", dtype=pl.Int64(), of=lambda level: level.tracked_from, unset=None, rebuilt=_tracked_from),
    LevelColumn(name="last_at", dtype=pl.Int64(), of=lambda level: level.last_at, rebuilt=_last_at),
    LevelColumn(name="is_assumed", dtype=pl.Boolean(), of=lambda level: level.is_assumed, unset=False),
)
NAMES: Final = tuple(column.name for column in COLUMNS)
ROWS: Final = pl.Schema({"sku": pl.String(), "location_id": pl.String(), **{column.name: column.dtype for column in COLUMNS}})
"""Whole rows."""


def row_of(level: Level) -> dict[str, Any]:
    """The row that holds a level."""
    return {"sku": level.sku, "location_id": level.location_id, **{column.name: column.of(level) for column in COLUMNS}}


def level_of(row: Row[Any]) -> Level:
    """The level that a row holds."""
    return Level(
        sku=row.sku,
        location_id=row.location_id,
        sellable=row.on_hand - row.unsellable,
        unsellable=row.unsellable,
        allocated=row.allocated,
        on_order=row.on_order,
        tracked_from=row.tracked_from,
        last_at=row.last_at,
        is_assumed=bool(row.is_assumed),
    )


def for_bulk_load(frame: pl.DataFrame) -> pl.DataFrame:
    """Rows to be loaded, whole: columns that a frame does not say are unset; others than those of the projection stay."""
    unset = [pl.lit(column.unset, column.dtype).alias(column.name) for column in COLUMNS if column.name not in frame.columns]
    return frame.with_columns(unset).cast({name: dtype for name, dtype in ROWS.items() if name in frame.columns})


def compared() -> Mapping[str, tuple[sa.Select[Any], sa.Select[Any]]]:
    """By column: the projection and what it is made from, both as (a, b, units)."""
    level, pairs = stock_level.c, {}
    for column in COLUMNS:
        if column.rebuilt is not None:
            value = sa.func.coalesce(level[column.name], 0).label("units")
            stored: Any = sa.select(level.sku.label("a"), level.location_id.label("b"), value)
            pairs[column.name] = (stored, column.rebuilt())
    return pairs
