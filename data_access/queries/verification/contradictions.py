"""Facts of orders that cannot all be: what was told beyond what is possible, in this release's stores and in older ones."""

from typing import Any, Final

import polars as pl
import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from data_access.domain.line_facts import BEYOND_ORDERED, BEYOND_SHIPPED, OTHER_UNITS, REPEATS
from data_access.schema.orders import cancellation, contradicted_fact, order_line, sales_order
from data_access.schema.stock import event
from data_access.store.frames import read

CONTRADICTED: Final = pl.Schema(
    {
        "channel_id": pl.String,
        "order_ref": pl.String,
        "line_ref": pl.String,
        "sku": pl.String,
        "ordered": pl.Int64,
        "shipped": pl.Int64,
        "cancelled": pl.Int64,
        "returned": pl.Int64,
        "units": pl.Int64,  # of the fact that does not count; empty where all count
        "source": pl.String,
        "event_id": pl.String,
        "code": pl.String,
        "cause": pl.String,
    }
)
"""One row per contradiction, by channel and order. `source`, `event_id`: of the event that does not count; empty where all count."""
_CAUSES: Final = {
    BEYOND_ORDERED: "More left than was ordered: this package moves no stock.",
    BEYOND_SHIPPED: "More came back than left: these units are not in stock until their shipment is known.",
    OTHER_UNITS: "The package was told with other units before: this telling moves no stock.",
    "shipped_too_much": "More left than was ordered, and all of it moved stock.",
    "returned_too_much": "More came back than left, and all of it is in stock.",
    "cancelled_too_much": "More was cancelled than had not left.",
}


def contradictions(bind: Engine | Connection) -> pl.DataFrame:
    """All contradictions, by `CONTRADICTED`. Those of facts that count are of an older store, or of cancellations."""
    stored = pl.Schema({name: kind for name, kind in CONTRADICTED.items() if name != "cause"} | {"units": pl.String})
    rows = read(bind, sa.union_all(_set_aside(), *_too_much()), stored)
    return rows.with_columns(
        units=pl.col("units").str.json_path_match("$.quantity").cast(pl.Int64),
        cause=pl.col("code").replace_strict(_CAUSES, return_dtype=pl.String),
    ).sort("channel_id", "order_ref", "line_ref", "code", "event_id")


def _line(*more: Any) -> list[Any]:
    line = order_line.c
    quantities = (line.quantity, line.shipped_quantity, line.cancelled_quantity, line.returned_quantity)
    return [line.channel_id, sales_order.c.order_ref, line.line_ref, line.sku, *quantities, *more]


def _set_aside() -> sa.Select[Any]:
    fact = contradicted_fact.c
    return (
        sa.select(*_line(fact.content, event.c.source, event.c.event_id, fact.code))
        .join_from(contradicted_fact, order_line, order_line.c.id == fact.line_id)
        .join(sales_order, sales_order.c.id == order_line.c.order_id)
        .join(event, event.c.id == fact.event_id)
        .where(fact.code.not_in(REPEATS))
    )


def _too_much() -> list[sa.Select[Any]]:
    """Lines whose facts all count and cannot all be."""
    line = order_line.c
    said = sa.func.coalesce(cancellation.c.said_quantity, cancellation.c.quantity)
    partly = (
        sa.select(sa.func.coalesce(sa.func.sum(said), 0)).where(cancellation.c.line_id == line.id, said < line.quantity).scalar_subquery()
    )
    cancelled = (line.cancelled_quantity > 0) & (
        (line.shipped_quantity >= line.quantity) | (line.shipped_quantity + partly > line.quantity)
    )
    cases = {
        "shipped_too_much": line.shipped_quantity > line.quantity,
        "returned_too_much": line.returned_quantity > line.shipped_quantity,
        "cancelled_too_much": cancelled,
    }
    nothing = [sa.cast(sa.null(), sa.String)] * 3
    return [
        sa.select(*_line(*nothing, sa.literal(code)))
        .join_from(order_line, sales_order, sales_order.c.id == order_line.c.order_id)
        .where(condition)
        for code, condition in cases.items()
    ]
