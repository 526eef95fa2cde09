"""Live stock: levels, what each channel may sell, and the entries behind every number."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Final, Literal

import polars as pl
import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from data_access.domain.availability import AVAILABILITY, WATERFALL
from data_access.schema.catalog import kit_component
from data_access.schema.orders import allocation, order_line, sales_order
from data_access.schema.purchasing import purchase_order, purchase_order_line, supplier
from data_access.schema.stock import backorder_level, event, stock_level, stock_movement
from data_access.store.frames import MICROS, read

State = Literal["oversell", "out", "low", "over", "healthy"]
STATES: Final[tuple[State, ...]] = ("oversell", "out", "low", "over", "healthy")  # the most urgent first

_Select = sa.Select[*tuple[Any, ...]]
_FIGURES: Final[Any] = pl.List(pl.Int64)

LEVELS: Final = pl.Schema(
    {
        "sku": pl.String,
        "location_id": pl.String,
        "on_hand": pl.Int64,
        "unsellable": pl.Int64,
        "allocated": pl.Int64,
        "on_order": pl.Int64,
        "is_assumed": pl.Boolean,
    }
)
ALLOCATED: Final = pl.Schema({"sku": pl.String, "location_id": pl.String, "channel_id": pl.String, "units": pl.Int64})
BACKORDERS: Final = pl.Schema({"sku": pl.String, "channel_id": pl.String, "backordered": pl.Int64})
STOCK_TABLE: Final = pl.Schema(
    {
        "sku": pl.String,
        "name": pl.String,
        "category": pl.String,
        "is_kit": pl.Boolean,
        "available_to_sell": pl.Int64,  # of the chosen channel; null when no channel is chosen
        "available": pl.Int64,  # over the chosen locations, and for a chosen channel over those that serve it
        "on_hand": pl.Int64,
        "allocated": pl.Int64,
        "backordered": pl.Int64,
        "unsellable": pl.Int64,
        "on_order": pl.Int64,
        "pool": pl.Int64,  # what the state is judged by
        "mean_daily_demand": pl.Float64,  # of all channels that draw on the pool, over the last 28 in-stock days; null without any
        "days_of_cover": pl.Float64,  # null when the demand is unknown or 0
        "lead_time_days": pl.Float64,  # 7 when unknown
        "lead_time_is_known": pl.Boolean,
        "state": pl.String,  # the most urgent of STATES that applies
        "is_out": pl.Boolean,
        "is_low": pl.Boolean,
        "is_over": pl.Boolean,
        "is_oversell": pl.Boolean,
        "is_assumed": pl.Boolean,
    }
)
KPIS: Final = pl.Schema(
    {
        "kpi": pl.String,  # on_hand, available, allocated, backordered, skus_out
        "label": pl.String,
        "value": pl.Int64,
        "unit": pl.String,  # units or SKUs
        "history": _FIGURES,  # one figure a day, oldest first, the last is `value`; empty where it cannot be told
        "help": pl.String,  # how value and history are made
    }
)
PICTURE: Final = pl.Schema(
    {
        "location_id": pl.String,
        "location_name": pl.String,
        "segment": pl.String,  # allocated, only, shared, unserved, unsellable
        "channel_id": pl.String,  # of allocated and only; else null
        "label": pl.String,  # e.g. "Allocated: Amazon", "Available: only Shop", "Available: shared", "Unsellable"
        "units": pl.Int64,  # sum to on_hand per location
    }
)
LEDGER: Final = pl.Schema(
    {
        "movement_id": pl.Int64,
        "occurred_at": MICROS,
        "sku": pl.String,
        "location_id": pl.String,
        "state": pl.String,
        "kind": pl.String,
        "quantity": pl.Int64,
        "source": pl.String,
        "event_ref": pl.String,  # the source's own id of the event
        "event_kind": pl.String,
    }
)
OPEN_LINES: Final = pl.Schema(
    {
        "channel_id": pl.String,
        "order_ref": pl.String,
        "line_ref": pl.String,
        "sold_sku": pl.String,  # the kit, where the SKU was sold in one
        "placed_at": MICROS,
        "ship_by_at": MICROS,
        "kind": pl.String,  # allocated or backordered
        "location_id": pl.String,  # of allocated units
        "units": pl.Int64,  # of the SKU asked for: sum to allocated and backordered
    }
)
PURCHASE_LINES: Final = pl.Schema(
    {
        "po_ref": pl.String,
        "supplier_name": pl.String,
        "location_id": pl.String,
        "placed_at": MICROS,
        "expected_at": MICROS,
        "quantity": pl.Int64,
        "received_quantity": pl.Int64,
        "on_order": pl.Int64,
    }
)


@dataclass(frozen=True, slots=True)
class StockFilter:
    """What the live stock page is asked for. Empty means all. Which numbers each part applies to: see `queries.live`.

    `text` is found in SKU or name, ignoring case. `states` finds a SKU by any state that applies to it. `sort` is a column of
    `STOCK_TABLE`.
    """

    channel_id: str | None = None
    location_ids: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    text: str = ""
    states: tuple[str, ...] = ()
    sort: str = "sku"
    descending: bool = False


# Written out, because SQLite takes a partial index only for the condition that it was made with.
IS_OPEN: Final = order_line.c.allocated_quantity + order_line.c.backordered_quantity > sa.literal_column("0")
_IS_ITS_KIT: Final = (kit_component.c.kit_sku == order_line.c.sku) & (kit_component.c.kit_version == order_line.c.kit_version)


def levels(bind: Connection | Engine, skus: Collection[str] | None = None) -> pl.DataFrame:
    """`LEVELS` of all SKUs, or of `skus`."""
    return read(bind, among(sa.select(*(stock_level.c[name] for name in LEVELS)), stock_level.c.sku, skus), LEVELS)


def backorders(bind: Connection | Engine, skus: Collection[str] | None = None) -> pl.DataFrame:
    """`BACKORDERS` above 0 of all SKUs, or of `skus`; kits exploded into their components."""
    own = backorder_level.c
    return read(bind, among(sa.select(own.sku, own.channel_id, own.backordered).where(own.backordered > 0), own.sku, skus), BACKORDERS)


def among(statement: _Select, column: sa.ColumnElement[str], skus: Collection[str] | None) -> _Select:
    """The statement for these SKUs alone; for all of them if `skus` is None."""
    return statement if skus is None else statement.where(column.in_(skus))


def allocated(bind: Connection | Engine, skus: Collection[str] | None = None) -> pl.DataFrame:
    """`ALLOCATED` of all SKUs, or of `skus`: whose open lines the allocated units are tied to; kits exploded."""
    line, held, part = order_line.c, allocation.c, kit_component.c
    where = [held.location_id, line.channel_id]
    own = sa.select(line.sku, *where, _units(held.quantity)).join_from(allocation, order_line, held.line_id == line.id)
    own = among(own.where(IS_OPEN, line.kit_version == 0).group_by(line.sku, *where), line.sku, skus)
    in_kits = (
        sa.select(part.component_sku, *where, _units(held.quantity * part.quantity))
        .join_from(allocation, order_line, held.line_id == line.id)
        .join(kit_component, _IS_ITS_KIT)
        .where(IS_OPEN, line.kit_version > 0)
        .group_by(part.component_sku, *where)
    )
    tied = pl.concat([read(bind, own, ALLOCATED), read(bind, among(in_kits, part.component_sku, skus), ALLOCATED)])
    return tied.group_by("sku", "location_id", "channel_id").agg(pl.col("units").sum())


def ledger(bind: Connection | Engine, skus: Collection[str], location_id: str | None, limit: int, offset: int) -> pl.DataFrame:
    """`LEDGER` of SKUs, at one location or at all: the newest first, `limit` entries after the first `offset`."""
    move = stock_movement.c
    newest = (move.occurred_at.desc(), move.id.desc())
    page = sa.select(move.id).where(move.sku.in_(skus))  # from the index alone; only the entries shown are read in full
    if location_id is not None:
        page = page.where(move.location_id == location_id)
    page = page.order_by(*newest).limit(limit).offset(offset)
    statement = sa.select(
        *(move[name] for name in ("id", "occurred_at", "sku", "location_id", "state", "kind", "quantity")),
        *(event.c[name] for name in ("source", "event_id", "kind")),
    ).join_from(stock_movement, event, event.c.id == move.event_id)
    return read(bind, statement.where(move.id.in_(page)).order_by(*newest), LEDGER)


def open_lines(bind: Connection | Engine, sku: str, limit: int = 5_000) -> pl.DataFrame:
    """`OPEN_LINES` of one SKU or kit, the oldest first: what its allocated and backordered units are made of.

    Of a stocked SKU, also the lines of kits that contain it, in units of the SKU; of a kit, its own lines in kits.
    """
    line, part = order_line.c, kit_component.c
    own = sa.select(line.id, sa.literal(1).label("per")).where(IS_OPEN, line.sku == sku)
    in_kits = (
        sa.select(line.id, part.quantity)
        .join_from(kit_component, order_line, _IS_ITS_KIT)
        .where(IS_OPEN, line.kit_version > 0, part.component_sku == sku)
    )
    wanted = sa.union_all(own, in_kits).subquery()
    shown: list[sa.ColumnElement[Any]] = [
        line.channel_id,
        sales_order.c.order_ref,
        line.line_ref,
        line.sku,
        line.placed_at,
        line.ship_by_at,
    ]
    lines = sa.join(wanted, order_line, line.id == wanted.c.id).join(sales_order, sales_order.c.id == line.order_id)
    held = sa.select(
        *shown, sa.literal("allocated").label("kind"), allocation.c.location_id, (allocation.c.quantity * wanted.c.per).label("units")
    ).select_from(lines.join(allocation, allocation.c.line_id == line.id))
    owed = (
        sa.select(*shown, sa.literal("backordered"), sa.cast(sa.null(), sa.String), line.backordered_quantity * wanted.c.per)
        .select_from(lines)
        .where(line.backordered_quantity > 0)
    )
    both = sa.union_all(held, owed).subquery()
    oldest = [both.c[name] for name in ("placed_at", "order_ref", "line_ref", "kind", "location_id")]
    return read(bind, sa.select(both).order_by(*oldest).limit(limit), OPEN_LINES)


def purchase_lines(bind: Connection | Engine, sku: str) -> pl.DataFrame:
    """`PURCHASE_LINES` of one SKU that are not fully received, the soonest expected first."""
    line, order = purchase_order_line.c, purchase_order.c
    statement = (
        sa.select(order.po_ref, supplier.c.name, line.location_id, order.placed_at, order.expected_at)
        .add_columns(line.quantity, line.received_quantity, line.quantity - line.received_quantity)
        .join_from(purchase_order_line, purchase_order, order.id == line.po_id)
        .join(supplier, supplier.c.supplier_id == order.supplier_id)
        .where(line.sku == sku, line.received_quantity < line.quantity)
        .order_by(sa.func.coalesce(order.expected_at, order.placed_at), order.po_ref)
    )
    return read(bind, statement, PURCHASE_LINES)


def _units(quantity: sa.ColumnElement[int]) -> sa.ColumnElement[int]:
    return sa.cast(sa.func.sum(quantity), sa.BigInteger)


__all__ = [
    "AVAILABILITY",
    "BACKORDERS",
    "KPIS",
    "LEDGER",
    "LEVELS",
    "OPEN_LINES",
    "PICTURE",
    "PURCHASE_LINES",
    "STATES",
    "STOCK_TABLE",
    "WATERFALL",
    "State",
    "StockFilter",
]
