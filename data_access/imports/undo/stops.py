"""What rests on an import from another source, so that it cannot be taken back."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

import polars as pl
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from data_access.imports.undo.rows import TABLES, RunRows
from data_access.schema.audit import import_change, import_run
from data_access.schema.orders import cancellation, contradicted_fact, order_line, sales_order, shipment
from data_access.schema.returns import return_line, return_refund, return_request
from data_access.schema.stock import ROW_KIND, event, stock_count, stock_movement
from data_access.store.frames import read
from data_access.write.bulk import in_values

EXAMPLES: Final = 5
_OTHERS: Final = pl.Schema({"event_id": pl.Int64, "order_id": pl.Int64, "source": pl.String, "received_at": pl.Int64})
_NEVER: Final = 2**62


@dataclass(frozen=True, slots=True)
class Stop:
    """One kind of thing that rests on an import: what it is, how many there are, and the first of them."""

    what: str
    count: int
    examples: tuple[str, ...]

    def __str__(self) -> str:
        more = ", ..." if self.count > len(self.examples) else ""
        return f"{self.count:,} {self.what}: {', '.join(self.examples)}{more}"


def stops(connection: Connection, rows: RunRows) -> list[Stop]:
    """All that rests on the import; empty if it can be taken back."""
    reasons = [_of_lines(connection, rows, table, what) for table, what in _ON_LINES.items()]
    reasons += [_lines_of_orders(connection, rows), _returned_since(connection, rows), _followed(connection, rows), _inspected(rows)]
    reasons += [_reopened(connection, rows), _reopened_by_imports(connection, rows)]
    reasons += [_changed_since(connection, rows), _changed_by_imports(connection, rows), _on_beginnings(connection, rows)]
    return [reason for reason in reasons if reason.count]


_ON_LINES: Final = {
    shipment: "shipments from another source are of its lines",
    cancellation: "cancellations from another source are of its lines",
    return_line: "returns from another source are of its lines",
    return_request: "requests for a return from another source are of its lines",
    return_refund: "refunds from another source are of its lines",
    contradicted_fact: "contradictions from another source are of its lines",
}


def _of_lines(connection: Connection, rows: RunRows, table: sa.Table, what: str) -> Stop:
    query = (
        sa.select(event.c.id, order_line.c.order_id, event.c.source, event.c.received_at)
        .select_from(table.join(order_line, order_line.c.id == table.c.line_id).join(event, event.c.id == table.c.event_id))
        .where(in_values(connection, table.c.line_id, rows.lines["id"].to_list()))
        .order_by(table.c.id)
    )
    others = read(connection, query, _OTHERS).join(rows.events, on="event_id", how="anti", maintain_order="left")
    return Stop(what, others.height, _named(connection, others))


def _lines_of_orders(connection: Connection, rows: RunRows) -> Stop:
    """Lines of others on orders that the import was the first to bring."""
    lines = _all_lines(connection, rows)
    others = lines.filter(pl.col("is_own").first().over("order_id") & ~pl.col("is_own"))
    return Stop("lines from another source are on orders that it brought", others.height, _named(connection, others))


def _all_lines(connection: Connection, rows: RunRows) -> pl.DataFrame:
    """`_OTHERS` of all lines of its lines' orders, those that came first first, and whether it brought each (`is_own`)."""
    query = (
        sa.select(event.c.id, order_line.c.order_id, event.c.source, event.c.received_at)
        .join_from(order_line, event, event.c.id == order_line.c.event_id)
        .where(in_values(connection, order_line.c.order_id, rows.lines["order_id"].unique().to_list()))
        .order_by(event.c.received_at, order_line.c.id)
    )
    return read(connection, query, _OTHERS).with_columns(is_own=pl.col("event_id").is_in(rows.events["event_id"].implode()))


def _returned_since(connection: Connection, rows: RunRows) -> Stop:
    """Lines of others of which more came back than would have been shipped."""
    line = order_line.c
    others = rows.shipments.filter(~pl.col("line_id").is_in(rows.lines["id"].implode()))
    query = sa.select(line.id, line.shipped_quantity, line.returned_quantity).where(
        in_values(connection, line.id, others["line_id"].unique().to_list())
    )
    stored = read(connection, query, pl.Schema({"line_id": pl.Int64, "shipped": pl.Int64, "returned": pl.Int64}))
    sent, back = (
        frame.group_by("line_id").agg(pl.col("quantity").sum().alias(name)) for frame, name in ((others, "sent"), (rows.returns, "back"))
    )
    stored = stored.join(sent, on="line_id").join(back, on="line_id", how="left").with_columns(pl.col("back").fill_null(0))
    late = stored.filter((pl.col("returned") > pl.col("back")) & (pl.col("returned") - pl.col("back") > pl.col("shipped") - pl.col("sent")))
    named = late.join(others.select("line_id", "order_id").unique(), on="line_id")
    return Stop("order lines came back of what it shipped", late.height, _named(connection, named))


def _followed(connection: Connection, rows: RunRows) -> Stop:
    followed = rows.shipments.filter("is_followed")
    return Stop(
        "of its shipments were followed by a tracking number, scan or delivery from another source",
        followed.height,
        _named(connection, followed),
    )


def _reopened(connection: Connection, rows: RunRows) -> Stop:
    """Lines that it let live again, and others have shipped or cancelled since."""
    lines = sorted({one.before["line_id"] for one in rows.overwritten if one.is_removed})
    began = sa.select(import_run.c.started_at).where(import_run.c.id == rows.run_id).scalar_subquery()
    since = {shipment: event.c.received_at >= began, cancellation: sa.true()}  # all that cancelled them before was taken off
    parts = [
        sa.select(event.c.id, order_line.c.order_id, event.c.source, event.c.received_at)
        .select_from(table.join(order_line, order_line.c.id == table.c.line_id).join(event, event.c.id == table.c.event_id))
        .where(in_values(connection, table.c.line_id, lines), is_since)
        for table, is_since in since.items()
    ]
    others = read(connection, sa.union_all(*parts), _OTHERS).join(rows.events, on="event_id", how="anti").sort("order_id")
    what = "shipments or cancellations from another source are of lines that live again by it"
    return Stop(what, others.height, _named(connection, others))


def _reopened_by_imports(connection: Connection, rows: RunRows) -> Stop:
    """What it cancelled, and another import let live again."""
    c, own = import_change.c, set(rows.events["event_id"])
    query = sa.select(c.import_run_id, c.before).where(c.import_run_id != rows.run_id, c.table_name == cancellation.name, c.after == "{}")
    runs = [run_id for run_id, before in connection.execute(query.order_by(c.id)) if json.loads(before)["event_id"] in own]
    first = tuple(f"import {run_id}" for run_id in dict.fromkeys(runs))[:EXAMPLES]
    return Stop("lines that it cancelled live again by another import", len(runs), first)


def _inspected(rows: RunRows) -> Stop:
    inspected = rows.returns.filter("is_inspected")
    refs = [f"return {ref}" for ref in inspected["return_ref"].unique(maintain_order=True)[:EXAMPLES]]
    return Stop("of its returns were inspected since", inspected.height, tuple(refs))


def _changed_since(connection: Connection, rows: RunRows) -> Stop:
    """What it overwrote, and somebody overwrote again."""
    changed = []
    for name, table in TABLES.items():
        ours = {one.row_id: one for one in rows.overwritten if one.table == name}
        columns = sorted({column for one in ours.values() for column in one.after})
        query = sa.select(table.c.id, *(table.c[column] for column in columns)).where(in_values(connection, table.c.id, list(ours)))
        for row in connection.execute(query).mappings() if ours else ():
            after = ours[row["id"]].after
            changed += [f"{name.replace('_', ' ')} {row['id']}"] * any(row[column] != value for column, value in after.items())
    return Stop("things that it changed were changed again since", len(changed), tuple(changed[:EXAMPLES]))


def _changed_by_imports(connection: Connection, rows: RunRows) -> Stop:
    """What it brought, and another import changed."""
    c, changed = import_change.c, []
    going = _all_lines(connection, rows).filter(pl.col("is_own").all().over("order_id"))["order_id"].unique().to_list()
    own = {name: rows.own(name).to_list() for name in TABLES} | {"sales_order": going}
    for name, ids in own.items():
        query = sa.select(c.row_id, c.import_run_id).where(
            c.table_name == name, c.import_run_id != rows.run_id, in_values(connection, c.row_id, ids)
        )
        changed += [f"{name.replace('_', ' ')} {row_id} by import {run_id}" for row_id, run_id in connection.execute(query.order_by(c.id))]
    return Stop("things that it brought were changed by another import", len(changed), tuple(changed[:EXAMPLES]))


def _on_beginnings(connection: Connection, rows: RunRows) -> Stop:
    """Movements of other files that move stock only because a count or opening of this import began it."""
    begun = rows.counts.group_by("sku", "location_id").agg(since=pl.col("occurred_at").min())
    if begun.is_empty():
        return Stop("", 0, ())
    skus = begun["sku"].unique().to_list()
    count, move = stock_count.c, stock_movement.c
    where = in_values(connection, count.sku, skus)
    other = sa.select(count.event_id, count.sku, count.location_id, count.occurred_at).where(where)
    schema = pl.Schema({"event_id": pl.Int64, "sku": pl.String, "location_id": pl.String, "occurred_at": pl.Int64})
    next_counts = read(connection, other, schema).join(rows.events, on="event_id", how="anti")
    ends = next_counts.group_by("sku", "location_id").agg(until=pl.col("occurred_at").min())
    begun = begun.join(ends, on=["sku", "location_id"], how="left")
    moved = (
        sa.select(move.event_id, move.sku, move.location_id, move.occurred_at)
        .join_from(stock_movement, event, event.c.id == move.event_id)
        .where(in_values(connection, move.sku, skus), event.c.kind == ROW_KIND, event.c.status == "applied")
        .order_by(move.occurred_at, move.id)
    )
    moves = read(connection, moved, schema).join(rows.events, on="event_id", how="anti", maintain_order="left")
    at = pl.col("occurred_at")
    resting = moves.join(begun, on=["sku", "location_id"], maintain_order="left").filter(
        (at >= pl.col("since")) & (at < pl.col("until").fill_null(_NEVER))
    )
    places = resting.select(pl.format("{} at {}", "sku", "location_id")).to_series().unique(maintain_order=True)
    what = "movements of other files move stock that its counts or openings began"
    return Stop(what, resting.height, tuple(places[:EXAMPLES]))


def _named(connection: Connection, others: pl.DataFrame) -> tuple[str, ...]:
    """The first orders by their references, with the source that told of each, if the frame has it."""
    first = others.unique("order_id", keep="first", maintain_order=True).head(EXAMPLES)
    o = sales_order.c
    ids: Iterable[Any] = first["order_id"].to_list()
    refs = {row.id: row.order_ref for row in connection.execute(sa.select(o.id, o.order_ref).where(o.id.in_(ids)))}
    sources = first["source"].to_list() if "source" in first.columns else [None] * first.height
    return tuple(
        f"order {refs[order_id]}" + (f" ({source})" if source else "") for order_id, source in zip(first["order_id"], sources, strict=True)
    )
