"""The facts as they were known at a past moment, so that a replay judges by nothing that came later. Frames in, frames out."""

from datetime import datetime
from typing import Final

import polars as pl

from data_access.domain.facts import MICROS
from data_access.domain.scorecards.subjects import Facts

_INSPECTED: Final = ("inspected_at", "disposition", "is_disposition_assumed")


def as_of(facts: Facts, moment: datetime) -> Facts:
    """The facts up to and with a moment: later rows dropped, later times emptied, quantities of lines counted again from what is left.

    A return is known when it is received, a tracking number when it is uploaded. Of the open units of a line only their number is known:
    all are called allocated. The latest scan before the moment is not kept by the store; the first stands for it.
    """
    then = pl.lit(moment, MICROS)
    placed = pl.col("placed_at") <= then  # what is told to have happened before its order was placed is not known before it
    shipments = facts.shipments.filter(placed, pl.col("shipped_at") <= then)
    cancellations = facts.cancellations.filter(placed, pl.col("cancelled_at") <= then)
    returns = facts.returns.filter(placed, pl.col("received_at") <= then)
    is_known = pl.col("tracking_uploaded_at").is_null() | (pl.col("tracking_uploaded_at") <= then)
    inspected = pl.col("inspected_at") <= then
    return Facts(
        orders=facts.orders.filter(placed),
        lines=_lines(facts.lines.filter(placed), shipments, cancellations, returns),
        shipments=shipments.with_columns(
            pl.when(is_known).then("tracking_number"),
            *[_until(name, then) for name in ("tracking_uploaded_at", "first_scan_at", "delivered_at")],
            last_scan_at=pl.coalesce(_until("last_scan_at", then), _until("first_scan_at", then)),
        ),
        cancellations=cancellations,
        returns=returns.with_columns(pl.when(inspected).then(name).alias(name) for name in _INSPECTED),
    )


def _until(name: str, then: pl.Expr) -> pl.Expr:
    return pl.when(pl.col(name) <= then).then(name)


def _lines(lines: pl.LazyFrame, shipments: pl.LazyFrame, cancellations: pl.LazyFrame, returns: pl.LazyFrame) -> pl.LazyFrame:
    names = lines.collect_schema().names()
    lines = lines.drop("shipped_quantity", "cancelled_quantity", "returned_quantity")
    for name, rows in (("shipped", shipments), ("cancelled", cancellations), ("returned", returns)):
        units = rows.filter(pl.col("line_id").is_not_null()).group_by("line_id").agg(pl.col("quantity").sum().alias(f"{name}_quantity"))
        lines = lines.join(units, on="line_id", how="left", maintain_order="left").with_columns(pl.col(f"{name}_quantity").fill_null(0))
    open_units = (pl.col("quantity") - pl.col("shipped_quantity") - pl.col("cancelled_quantity")).clip(lower_bound=0)
    return lines.with_columns(allocated_quantity=open_units, backordered_quantity=pl.lit(0, pl.Int64)).select(names)
