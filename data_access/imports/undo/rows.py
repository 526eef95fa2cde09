"""What an import made, and what it overwrote, as far as it is not taken back yet."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Final

import polars as pl
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from data_access.schema.audit import import_change
from data_access.schema.orders import cancellation, contradicted_fact, order_charge, order_line, sales_order, shipment
from data_access.schema.returns import return_line
from data_access.schema.stock import event, stock_count
from data_access.store.frames import read

EVENTS: Final = pl.Schema({"event_id": pl.Int64, "kind": pl.String})
LINES: Final = pl.Schema(
    {"id": pl.Int64, "event_id": pl.Int64, "order_id": pl.Int64, "sku": pl.String, "quantity": pl.Int64, "open_units": pl.Int64}
)
_OF_LINE: Final = {"id": pl.Int64, "event_id": pl.Int64, "line_id": pl.Int64, "order_id": pl.Int64, "sku": pl.String, "quantity": pl.Int64}
SHIPMENTS: Final = pl.Schema({**_OF_LINE, "is_followed": pl.Boolean})
CANCELLATIONS: Final = pl.Schema(_OF_LINE)
RETURNS: Final = pl.Schema({**_OF_LINE, "return_ref": pl.String, "is_inspected": pl.Boolean})
SET_ASIDE: Final = pl.Schema({"id": pl.Int64, "event_id": pl.Int64, "order_id": pl.Int64, "sku": pl.String})
CHARGES: Final = pl.Schema({"id": pl.Int64, "event_id": pl.Int64, "order_ref": pl.String})
COUNTS: Final = pl.Schema({"event_id": pl.Int64, "sku": pl.String, "location_id": pl.String, "occurred_at": pl.Int64})
BROUGHT: Final = ("applied", "parked")
"""The status of events that brought something; a parked one of a file is contradicted by others."""
TABLES: Final = {table.name: table for table in (sales_order, order_line, shipment, cancellation, order_charge, contradicted_fact)}
"""Tables whose rows a later row of a file may overwrite."""


@dataclass(frozen=True, slots=True)
class Overwritten:
    """A row of another source that the import overwrote: the values before, and those that it wrote.

    `is_removed`: it took the row away; `before` is all of it then.
    """

    table: str
    row_id: int
    before: dict[str, Any]
    after: dict[str, Any]
    is_removed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRows:
    """Rows that events of one import made, by the schemas of this module. `open_units` of a line: allocated and backordered.

    `set_aside`: its facts that count for nothing, as others contradict them; `overwritten`: what it changed of rows that others made.
    """

    run_id: int
    events: pl.DataFrame
    lines: pl.DataFrame
    shipments: pl.DataFrame
    cancellations: pl.DataFrame
    returns: pl.DataFrame
    set_aside: pl.DataFrame
    charges: pl.DataFrame
    counts: pl.DataFrame
    overwritten: tuple[Overwritten, ...]

    def own(self, table: str) -> pl.Series:
        """The ids of the rows of one of `TABLES` that the import made; of orders none."""
        frames = {"order_line": self.lines, "shipment": self.shipments, "cancellation": self.cancellations, "order_charge": self.charges}
        return frames[table]["id"] if table in frames else pl.Series(dtype=pl.Int64)

    def in_turn(self) -> tuple[list[int], list[int]]:
        """Row ids of events in the order to take them back: those that changed or followed lines first, then those that placed them.

        Events of one SKU come together, so that its stock is played again few times.
        """
        frames = (self.lines, self.returns, self.shipments, self.cancellations, self.set_aside, self.counts)
        skus = pl.concat([frame.select("event_id", "sku") for frame in frames]).group_by("event_id").agg(pl.col("sku").min())
        events = self.events.select("event_id").join(skus, on="event_id", how="left").sort("sku", "event_id")
        placed = pl.col("event_id").is_in(self.lines["event_id"].implode())
        return events.filter(~placed)["event_id"].to_list(), events.filter(placed)["event_id"].to_list()


def events_of(run_id: int) -> sa.Select[Any]:
    """Row ids of the import's events that are not taken back yet."""
    return sa.select(event.c.id).where(event.c.import_run_id == run_id, event.c.status.in_(BROUGHT))


def read_rows(connection: Connection, run_id: int) -> RunRows:
    """What an import made, as a transaction sees it."""

    def of_lines(table: sa.Table, schema: pl.Schema, *more: Any) -> pl.DataFrame:
        t, is_return = table.c, table is return_line
        columns = (t.id, t.event_id, t.line_id, order_line.c.order_id, t.sku if is_return else order_line.c.sku, t.quantity, *more)
        joined = table.join(order_line, order_line.c.id == t.line_id, isouter=is_return)
        return read(connection, sa.select(*columns).select_from(joined).where(t.event_id.in_(events_of(run_id))), schema)

    def plain(table: sa.Table, schema: pl.Schema, *columns: Any) -> pl.DataFrame:
        return read(connection, sa.select(*columns).where(table.c.event_id.in_(events_of(run_id))), schema)

    line, r, charge, count = order_line.c, return_line.c, order_charge.c, stock_count.c
    open_units = line.allocated_quantity + line.backordered_quantity
    is_inspected = sa.or_(r.fates.is_not(None), sa.and_(r.inspected_at.is_not(None), r.is_disposition_assumed.is_(False)))
    fact = contradicted_fact
    set_aside = (
        sa.select(fact.c.id, fact.c.event_id, order_line.c.order_id, order_line.c.sku)
        .join_from(fact, order_line, order_line.c.id == fact.c.line_id)
        .where(fact.c.event_id.in_(events_of(run_id)))
    )
    events = sa.select(event.c.id, event.c.kind).where(event.c.import_run_id == run_id, event.c.status.in_(BROUGHT))
    rows = RunRows(
        run_id=run_id,
        events=read(connection, events, EVENTS),
        lines=plain(order_line, LINES, line.id, line.event_id, line.order_id, line.sku, line.quantity, open_units),
        shipments=of_lines(shipment, SHIPMENTS, shipment.c.is_followed),
        cancellations=of_lines(cancellation, CANCELLATIONS),
        returns=of_lines(return_line, RETURNS, r.return_ref, is_inspected),
        set_aside=read(connection, set_aside, SET_ASIDE),
        charges=plain(order_charge, CHARGES, charge.id, charge.event_id, charge.order_ref),
        counts=plain(stock_count, COUNTS, count.event_id, count.sku, count.location_id, count.occurred_at),
        overwritten=(),
    )
    return _with_overwritten(connection, rows)


def _with_overwritten(connection: Connection, rows: RunRows) -> RunRows:
    merged: dict[tuple[str, int], Overwritten] = {}
    own = {name: set(rows.own(name).to_list()) for name in TABLES}
    for table, row_id, before, after in _changes(connection, rows.run_id):
        if row_id not in own[table]:
            known = merged.setdefault((table, row_id), Overwritten(table, row_id, {}, {}))
            known.before.update({name: value for name, value in before.items() if name not in known.before})
            known.after.update(after)
            merged[(table, row_id)] = replace(known, is_removed=known.is_removed or not after)
    fields = {name: getattr(rows, name) for name in RunRows.__slots__}
    return RunRows(**{**fields, "overwritten": tuple(merged.values())})


def _changes(connection: Connection, run_id: int) -> Iterator[tuple[str, int, dict[str, Any], dict[str, Any]]]:
    c = import_change.c
    query = sa.select(c.table_name, c.row_id, c.before, c.after).where(c.import_run_id == run_id).order_by(c.id)
    for row in connection.execute(query):
        yield row.table_name, row.row_id, json.loads(row.before), json.loads(row.after)
