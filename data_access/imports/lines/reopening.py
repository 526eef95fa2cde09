"""Cancelled lines that live again: what rows say that were known before the cancellation, and what becomes of the cancellations."""

import json
from collections.abc import Mapping as TMapping
from collections.abc import Sequence
from typing import Any, Final

import polars as pl
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from data_access.domain.ledger_state import Line
from data_access.imports.files.mapping import Mapping
from data_access.schema.audit import import_change
from data_access.schema.orders import cancellation, contradicted_fact, order_line, sales_order
from data_access.schema.stock import event
from data_access.store.frames import read
from data_access.write.bulk import in_values
from data_access.write.unit_of_work import UnitOfWork

LIVES_AGAIN: Final = "lives_again"
"""The code of what a person is asked about, unless the mapping says that cancelled lines may live again."""
_KNOWN: Final = pl.Schema({"order_ref": pl.String, "line_ref": pl.String, "is_cancelled": pl.Boolean})


def lives_again(row: TMapping[str, Any], line: Line) -> str | None:
    """What a person is asked if a row by `files.orders.ROWS` says of a line, cancelled as far as the ledger knows, that it is not."""
    is_cancelled, is_shipped = row["cancelled_at"] is not None, row["shipped_at"] is not None
    if line.cancelled < line.quantity or is_cancelled or row["is_void"] or not (is_shipped or row["says_state"]):
        return None
    return _question("has left" if is_shipped else "is open")


def _question(what: str) -> str:
    return (
        f"The line was cancelled, and the row says that it {what}: if orders of this channel may live again, set lines.reopens in the "
        "mapping and import the file again; else give the row an order or line id of its own, so that it is placed again, or dismiss it."
    )


def with_states_again(connection: Connection, rows: pl.DataFrame, mapping: Mapping, source: str, run_id: int) -> pl.DataFrame:
    """Rows of a file that was not imported before, of which some say what was said before their line was cancelled, or lived again.

    The last row of its line in the file counts: if the mapping lets lines live again, it is an event of its own; else one that says that
    a cancelled line is open is refused with a question.
    """
    if mapping.columns.status is None:
        return rows
    is_last = pl.struct("order_ref", "line_ref").is_last_distinct()
    last = rows.filter(pl.col("code").is_null() & (pl.col("role") == "line")).filter(is_last & pl.col("says_state"))
    known = last.join(_cancelled(connection, mapping.channel.id, last["order_ref"].unique().to_list()), on=["order_ref", "line_ref"])
    is_cancelled = pl.col("cancelled_at").is_not_null()
    differs = pl.col("is_cancelled") & ~is_cancelled & ~pl.col("is_void")
    if mapping.lines.reopens:
        differs = differs | (is_cancelled & ~pl.col("is_cancelled") & pl.col("shipped_at").is_null())
    known = known.filter(differs)
    seen = sa.select(event.c.event_id).where(
        event.c.source == source, in_values(connection, event.c.event_id, known["event_ref"].to_list())
    )
    known = known.join(read(connection, seen, pl.Schema({"event_ref": pl.String})), on="event_ref", how="semi")
    again = pl.col("position").is_in(known["position"].implode())
    if mapping.lines.reopens:
        own = pl.format("{}|again|{}", "event_ref", pl.lit(run_id))
        return rows.with_columns(event_ref=pl.when(again).then(own).otherwise("event_ref"))
    what = pl.when(pl.col("shipped_at").is_not_null()).then(pl.lit(_question("has left"))).otherwise(pl.lit(_question("is open")))
    return rows.with_columns(
        code=pl.when(again).then(pl.lit(LIVES_AGAIN)).otherwise("code"), reason=pl.when(again).then(what).otherwise("reason")
    )


def _cancelled(connection: Connection, channel_id: str, order_refs: Sequence[str]) -> pl.DataFrame:
    """`_KNOWN` of lines of which something is open, or that are cancelled."""
    o, line = sales_order.c, order_line.c
    query = (
        sa.select(o.order_ref, line.line_ref, line.cancelled_quantity >= line.quantity)
        .join(order_line, line.order_id == o.id)
        .where(o.channel_id == channel_id, in_values(connection, o.order_ref, list(order_refs)))
        .where(sa.or_(line.cancelled_quantity >= line.quantity, line.allocated_quantity + line.backordered_quantity > 0))
    )
    return read(connection, query, _KNOWN)


def reopen(unit: UnitOfWork, run_id: int, line: Line, cancellations: Sequence[dict[str, Any]]) -> None:
    """Take the cancellations of a line off, and what repeats them; those of other sources are kept, for the import may be taken back."""
    fact, connection = contradicted_fact.c, unit.connection
    repeats = sa.select(contradicted_fact).where(fact.line_id == line.line_id, fact.kind == "cancellation")
    columns = [column.name for column in cancellation.c]
    rows: list[tuple[sa.Table, dict[str, Any]]] = [(cancellation, {name: row[name] for name in columns}) for row in cancellations]
    rows += [(contradicted_fact, dict(row)) for row in connection.execute(repeats).mappings()]
    events = sa.select(event.c.id).where(event.c.import_run_id == run_id)
    own = set(connection.execute(events.where(in_values(connection, event.c.id, [row["event_id"] for _, row in rows]))).scalars())
    new = {row["id"] for row in unit.added(cancellation)}
    for table, row in rows:
        unit.remove(table, row["id"])
        if row["event_id"] not in own and row["id"] not in new:
            kept = {"import_run_id": run_id, "table_name": table.name, "row_id": row["id"]}
            unit.add(import_change, {"id": unit.ids.take(), **kept, "before": json.dumps(row, sort_keys=True), "after": "{}"})
    unit.ledger.take_back_cancellation(line, line.cancelled)
    unit.touch("orders", "order", line.order_id)
    unit.touch("orders", "shrunk_order", line.order_id)


def cancel_again(unit: UnitOfWork, order_id: int, rows: Sequence[dict[str, Any]]) -> None:
    """Put back what `reopen` took off a line of a stored order, by its kept rows of `cancellation`."""
    unit.load_lines([order_id])
    for row in rows:
        unit.add(cancellation, row)
        unit.ledger.cancel(unit.ledger.lines[row["line_id"]], row["quantity"])
    unit.touch("orders", "order", order_id)
