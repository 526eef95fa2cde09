"""Taking the events of an import back, some in each transaction: stock by opposite movements, lines and what became of them by deleting."""

from collections.abc import Sequence
from typing import Any, Final

import polars as pl
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from data_access.domain.ledger_state import Key, Movement
from data_access.errors import Conflict
from data_access.events.ingest import release
from data_access.events.known_facts import OrderKey
from data_access.imports.lines.reopening import cancel_again
from data_access.imports.undo.rows import BROUGHT, TABLES, Overwritten, RunRows
from data_access.schema.audit import import_change, import_run
from data_access.schema.orders import cancellation, contradicted_fact, order_charge, order_line, sales_order, shipment
from data_access.schema.returns import return_line
from data_access.schema.stock import event, stock_count, stock_level, stock_movement
from data_access.write.bulk import in_values
from data_access.write.ledger_reader import DERIVED
from data_access.write.unit_of_work import UnitOfWork

_LINKED: Final = {
    "returns": return_line,
    "shipments": shipment,
    "cancellations": cancellation,
    "set_aside": contradicted_fact,
    "charges": order_charge,
}
"""Tables whose rows go with the event that made them, by the name of their frame; before the lines that they are of."""


def put_back(unit: UnitOfWork, run_id: int, part: Sequence[Overwritten]) -> None:
    """Let rows that the import overwrote say again what they said before."""
    require_undoing(unit.connection, run_id)
    _put_rows_back(unit, [one for one in part if one.is_removed])
    for one in part:
        if not one.is_removed:
            unit.change(TABLES[one.table], one.row_id, one.before)
    lines = [one for one in part if one.table == order_line.name and "quantity" in one.before]
    _put_quantities_back(unit, {one.row_id: one.before["quantity"] for one in lines})
    for name in TABLES:
        ids = [one.row_id for one in part if one.table == name]
        if ids:
            _touch(unit, name, [one.row_id for one in part if one.table == name and not one.is_removed])
            c = import_change.c
            own = (c.import_run_id == run_id, c.table_name == name, in_values(unit.connection, c.row_id, ids))
            unit.connection.execute(sa.delete(import_change).where(*own))


def _put_rows_back(unit: UnitOfWork, removed: Sequence[Overwritten]) -> None:
    """Lines that the import let live again are cancelled again."""
    orders = _orders_of_lines(unit.connection, [one.before["line_id"] for one in removed])
    for one in removed:
        if one.table == contradicted_fact.name:
            unit.add(contradicted_fact, one.before)
    for order_id in sorted(set(orders.values())):
        own = [one.before for one in removed if one.table == cancellation.name and orders[one.before["line_id"]] == order_id]
        cancel_again(unit, order_id, own)


def _put_quantities_back(unit: UnitOfWork, quantities: dict[int, int]) -> None:
    """Lines that the import made larger have what they had; what was allocated beyond is free."""
    unit.load_lines(sorted(set(_orders_of_lines(unit.connection, list(quantities)).values())))
    for line_id, quantity in quantities.items():
        line = unit.ledger.lines[line_id]
        line.quantity = quantity
        unit.ledger.cancel(line, 0)


def _orders_of_lines(connection: Connection, line_ids: Sequence[int]) -> dict[int, int]:
    line = order_line.c
    query = sa.select(line.id, line.order_id).where(in_values(connection, line.id, list(line_ids)))
    return {row.id: row.order_id for row in connection.execute(query)} if line_ids else {}


def _touch(unit: UnitOfWork, name: str, ids: list[int]) -> None:
    connection, table = unit.connection, TABLES[name]
    if table is order_charge:
        query = sa.select(order_charge.c.order_ref).where(in_values(connection, order_charge.c.id, ids))
        for ref in connection.execute(query).scalars():
            unit.touch("orders", "charge", ref)
        return
    if table is not sales_order:
        joined = order_line if table is order_line else order_line.join(table, table.c.line_id == order_line.c.id)
        orders = sa.select(order_line.c.order_id).select_from(joined).where(in_values(connection, table.c.id, ids))
        ids = list(connection.execute(orders).scalars())
    for order_id in ids:
        unit.touch("orders", "order", order_id)


def take_back(unit: UnitOfWork, rows: RunRows, event_ids: Sequence[int]) -> None:
    """Take some events back, and release their ids. The unit holds all parents locked, and is flushed.

    What was set aside because of them is judged again.

    Raises:
        Conflict: another process has taken one of them back.

    """
    connection = unit.connection
    _release_ids(connection, rows.run_id, event_ids)
    chosen = pl.Series(event_ids, dtype=pl.Int64).implode()
    parts = {name: getattr(rows, name).filter(pl.col("event_id").is_in(chosen)) for name in (*_LINKED, "lines")}
    skus = _take_back_stock(unit, event_ids, parts)
    _take_back_lines(unit, parts)
    unit.settle()
    shrunk = {order_id for name, frame in parts.items() if name != "charges" for order_id in frame["order_id"].drop_nulls()}
    for order_id in sorted(shrunk):
        unit.touch("orders", "order", order_id)
        unit.touch("orders", "shrunk_order", order_id)
    for return_id in parts["returns"]["id"]:
        unit.touch("returns", "return", return_id)
    for ref in parts["charges"]["order_ref"].unique():
        unit.touch("orders", "charge", ref)
    unit.flush()
    _delete(connection, parts, event_ids)
    release(unit, (), _orders(connection, sorted(shrunk)))
    unit.flush()
    _tidy_levels(connection, sorted(skus))


def require_undoing(connection: Connection, run_id: int) -> None:
    """Make sure, and as long as the transaction lasts, that the import is being taken back.

    Raises:
        Conflict: it is not, any more.

    """
    status = connection.execute(sa.select(import_run.c.status).where(import_run.c.id == run_id).with_for_update()).scalar_one()
    if status != "undoing":
        raise Conflict(f"Import {run_id} is {status} now: another process went on with it.")


def _release_ids(connection: Connection, run_id: int, event_ids: Sequence[int]) -> None:
    require_undoing(connection, run_id)
    e = event.c
    changed = connection.execute(
        sa.update(event)
        .where(in_values(connection, e.id, event_ids), e.import_run_id == run_id, e.status.in_(BROUGHT))
        .values(status="undone", waits_for=None, event_id=sa.literal(f"undone:{run_id}:") + e.event_id)
    )
    if changed.rowcount != len(event_ids):
        raise Conflict(f"Another process is taking import {run_id} back: let it finish.")


def _take_back_stock(unit: UnitOfWork, event_ids: Sequence[int], parts: dict[str, pl.DataFrame]) -> set[str]:
    """Post the opposite of what the events moved by themselves, and forget what they counted. Returns the SKUs."""
    connection, m, c = unit.connection, stock_movement.c, stock_count.c
    columns = (m.event_id, m.line_no, m.sku, m.location_id, m.state, m.kind, m.quantity, m.occurred_at)
    query = sa.select(*columns).where(in_values(connection, m.event_id, event_ids), m.line_no > 0).order_by(m.event_id, m.line_no)
    moved: list[Movement] = [Movement._make(row) for row in connection.execute(query)]
    counted = connection.execute(sa.select(stock_count).where(in_values(connection, c.event_id, event_ids))).all()
    skus = {movement.sku for movement in moved} | {count.sku for count in counted}
    order_ids = {order_id for name in (*_LINKED, "lines") if name != "charges" for order_id in parts[name]["order_id"].drop_nulls()}
    unit.load_lines(sorted(order_ids))
    unit.load_skus(skus)
    for movement in moved:
        if movement.kind not in DERIVED:
            unit.ledger.take_back(movement)
    for count in counted:
        key: Key = (count.sku, count.location_id, count.state)
        unit.ledger.take_back_count(count.event_id, count.occurred_at, key)
    unit.settle()
    return skus


def _take_back_lines(unit: UnitOfWork, parts: dict[str, pl.DataFrame]) -> None:
    ledger, gone = unit.ledger, set(parts["lines"]["id"])
    for name in ("shipments", "cancellations"):
        for line_id, units in parts[name].select("line_id", "quantity").iter_rows():
            if line_id not in gone:
                ledger.reopen(ledger.lines[line_id], units if name == "shipments" else 0, units if name == "cancellations" else 0)
    for line_id, units in parts["returns"].filter(pl.col("line_id").is_not_null()).select("line_id", "quantity").iter_rows():
        line = ledger.lines[line_id]
        line.returned -= units
        ledger.dirty_lines[line_id] = line
    for line_id in parts["lines"]["id"]:
        ledger.remove(ledger.lines[line_id])


def _delete(connection: Connection, parts: dict[str, pl.DataFrame], event_ids: Sequence[int]) -> None:
    for name, table in _LINKED.items():
        _delete_rows(connection, table.c.id, parts[name]["id"].to_list())
    _delete_rows(connection, stock_count.c.event_id, event_ids)
    _delete_rows(connection, order_line.c.id, parts["lines"]["id"].to_list())
    o = sales_order.c
    empty = ~sa.select(order_line.c.id).where(order_line.c.order_id == o.id).exists()
    _delete_rows(connection, o.id, parts["lines"]["order_id"].unique().to_list(), empty)


def _orders(connection: Connection, order_ids: Sequence[int]) -> list[OrderKey]:
    """The keys of those that are still there."""
    o = sales_order.c
    return [
        (row.channel_id, row.order_ref)
        for row in connection.execute(sa.select(o.channel_id, o.order_ref).where(in_values(connection, o.id, order_ids)))
    ]


def _delete_rows(connection: Connection, column: sa.Column[Any], values: Sequence[int], *more: sa.ColumnElement[bool]) -> None:
    if values:
        connection.execute(sa.delete(column.table).where(in_values(connection, column, values), *more))


def _tidy_levels(connection: Connection, skus: Sequence[str]) -> None:
    """Let levels say since when, and until when, something is known of them; one of which nothing is known any more goes."""
    if not skus:
        return
    level, m, c = stock_level.c, stock_movement.c, stock_count.c
    is_undone = sa.select(event.c.id).where(event.c.id == m.event_id, event.c.status == "undone").exists()
    moves = sa.select(m.occurred_at).where(m.sku == level.sku, m.location_id == level.location_id, ~is_undone)
    last_move = sa.func.coalesce(moves.order_by(m.occurred_at.desc()).limit(1).scalar_subquery(), 0)
    counts = sa.select(c.occurred_at).where(c.sku == level.sku, c.location_id == level.location_id)
    last_count = sa.func.coalesce(counts.with_only_columns(sa.func.max(c.occurred_at)).scalar_subquery(), 0)
    opened = counts.join(event, event.c.id == c.event_id).where(event.c.kind == "opening").exists()
    connection.execute(
        sa.update(stock_level)
        .where(in_values(connection, level.sku, skus))
        .values(
            last_at=sa.case((last_move > last_count, last_move), else_=last_count),
            tracked_from=counts.with_only_columns(sa.func.min(c.occurred_at)).scalar_subquery(),
            is_assumed=sa.and_(level.is_assumed, opened),
        )
    )
    unknown = (level.on_hand == 0, level.allocated == 0, level.on_order == 0, level.tracked_from.is_(None), level.last_at == 0)
    connection.execute(sa.delete(stock_level).where(in_values(connection, level.sku, skus), *unknown))
