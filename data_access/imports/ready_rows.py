"""What a range of positions of a block writes, as it is sent: made ready before the transaction, which so holds the lock for less long."""

from dataclasses import dataclass
from typing import Any, Final

import polars as pl

from data_access.imports.chunk_plan import Block
from data_access.imports.order_plan import Chunk, OrderPlan
from data_access.schema import metadata
from data_access.schema.stock import event
from data_access.write.bulk import Insertion

# Parents before children, so that foreign keys hold; the events of openings apart, for they are not like the others.
_TABLES: Final = {
    "opening": event,
    **{
        name: metadata.tables[name]
        for name in (
            "event",
            "sales_order",
            "order_charge",
            "order_line",
            "cancellation",
            "shipment",
            "return_line",
            "stock_count",
            "stock_level",
            "stock_movement",
        )
    },
}
COUNTED: Final = {"line": "lines", "return": "returns", "write_off": "write_offs", "charge": "charges"}
"""Names of the counts of rows, by role."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadyRows:
    """Rows from `start` to `end` that need no ledger.

    `given_back` and `moved_levels`: parameters of the statements that update lines and stock levels; `touched`: things by topic, for
    the change log; `accounted`: what became of the rows.
    """

    start: int
    end: int
    insertions: tuple[Insertion, ...]
    listings: pl.DataFrame
    given_back: list[dict[str, Any]]
    moved_levels: list[dict[str, Any]]
    touched: dict[str, dict[tuple[str, str], None]]
    accounted: Chunk


def made_ready(block: Block, plan: OrderPlan, start: int, end: int) -> ReadyRows:
    """What rows of a block write."""
    moved = _moved_levels(plan, block.tables["stock_movement"].between(start, end))
    returned = block.returned.between(start, end)
    assumed = block.assumed.between(start, end)
    insertions = (block.tables[name].insertion(table, start, end) for name, table in _TABLES.items())
    return ReadyRows(
        start=start,
        end=end,
        insertions=tuple(insertion for insertion in insertions if insertion.rows),
        listings=block.tables["listing"].between(start, end),
        given_back=[{"b_id": line_id, "b_units": units} for units, line_id in returned.iter_rows()],
        moved_levels=moved,
        touched=_touched(block, start, end, {*assumed["sku"], *(level["b_sku"] for level in moved)}),
        accounted=_accounted(block, start, end, assumed.height),
    )


def _moved_levels(plan: OrderPlan, moves: pl.DataFrame) -> list[dict[str, Any]]:
    """Changes of stock levels by movements; the units of an opening are in its new level already."""
    is_unsellable = pl.col("state") == "unsellable"
    return (
        moves.lazy()
        .filter(pl.col("kind") != "opening")
        .group_by("sku")
        .agg(
            b_units=pl.col("quantity").sum(),
            b_unsellable=pl.col("quantity").filter(is_unsellable).sum(),
            b_at=pl.col("occurred_at").max(),
        )
        .sort("sku")
        .select("b_units", "b_unsellable", "b_at", b_sku="sku", b_place=pl.lit(plan.location_id))
        .collect()
        .to_dicts()
    )


def _touched(block: Block, start: int, end: int, skus: set[str]) -> dict[str, dict[tuple[str, str], None]]:
    orders = set(block.tables["order_line"].between(start, end)["order_id"])
    charges = set(block.tables["order_charge"].between(start, end)["order_ref"])
    touched = {
        "stock": {("sku", sku): None for sku in skus},
        "orders": {("order", str(order_id)): None for order_id in orders} | {("charge", ref): None for ref in charges},
        "returns": {("return", str(return_id)): None for return_id in block.tables["return_line"].between(start, end)["id"]},
    }
    return {topic: things for topic, things in touched.items() if things}


def _accounted(block: Block, start: int, end: int, openings: int) -> Chunk:
    """What became of the rows. `openings`: assumed ones before them."""
    chunk = Chunk()
    tally = chunk.tally
    rows = block.outcomes.between(start, end)
    counts = rows.lazy().group_by("outcome", "role").agg(pl.len()).sort("outcome", "role").collect()
    for outcome, role, count in counts.iter_rows():
        if outcome == "duplicate":
            tally.duplicates += count
        elif outcome == "left_out":
            tally.left_out += count
        elif outcome == "waiting":
            tally.waiting += count
        elif outcome == "settled":
            tally.imported += count
            tally.count(COUNTED[role], count)
    chunk.bad += [bad for position, bad in block.bad if start <= position < end]
    tally.quarantined += len(chunk.bad)
    tally.count("unmatched_returns", sum(start <= position < end for position in block.unmatched))
    tally.count("assumed_openings", openings)
    chunk.taken += rows.filter(~pl.col("outcome").is_in(["bad", "single"]))["row_no"].to_list()
    return chunk
