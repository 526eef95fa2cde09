"""Counts of a file before it is imported: which are known already, and what the others would change."""

from typing import Any

import polars as pl
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from data_access.imports.count_rows import count_id
from data_access.imports.preview.findings import MOVES
from data_access.schema.stock import event, stock_level
from data_access.store.frames import read
from data_access.write.bulk import in_values


def known_counts(connection: Connection, rows: pl.DataFrame, source: str) -> pl.Series:
    """Whether each row is a count that is known: the source, or a row above it, has one of its SKU, location, state and time."""
    ids = pl.Series("count_id", [count_id(row) for row in rows.iter_rows(named=True)], pl.String)
    query = sa.select(event.c.event_id).where(event.c.source == source, in_values(connection, event.c.event_id, ids.to_list()))
    seen = read(connection, query, pl.Schema({"count_id": pl.String}))["count_id"]
    return ids.is_in(seen.implode()) | ~ids.is_first_distinct()


def count_moves(connection: Connection, rows: pl.DataFrame) -> pl.DataFrame:
    """`MOVES` of new counts: the units that the newest of each SKU, location and state says are more or less than the stock now."""
    s = stock_level.c
    newest = (
        rows.with_columns(pl.col("state").fill_null("sellable"))
        .sort("counted_at", "row_no")
        .unique(["sku", "location_id", "state"], keep="last", maintain_order=True)
    )
    query = sa.select(s.sku, s.location_id, s.on_hand, s.unsellable, s.last_at).where(in_values(connection, s.sku, newest["sku"].to_list()))
    schema: dict[str, Any] = {"sku": pl.String, "location_id": pl.String, "on_hand": pl.Int64, "unsellable": pl.Int64, "last_at": pl.Int64}
    held = read(connection, query, pl.Schema(schema))
    rows = newest.join(held, on=["sku", "location_id"], how="left", maintain_order="left")
    unsellable, on_hand = pl.col("unsellable").fill_null(0), pl.col("on_hand").fill_null(0)
    now = pl.when(pl.col("state") == "unsellable").then(unsellable).otherwise(on_hand - unsellable)
    change = rows.select("location_id", change=pl.col("quantity") - now).filter(pl.col("change") != 0)
    what = pl.when(pl.col("change") > 0).then(pl.lit("more")).otherwise(pl.lit("less"))
    totals = change.group_by("location_id", what.alias("what")).agg(rows=pl.len(), units=pl.col("change").abs().sum())
    return totals.select(MOVES.names()).cast(MOVES).sort("location_id", "what")
