"""Imports that are being taken back: their orders and returns are not touched by anyone else meanwhile."""

from collections.abc import Sequence
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from data_access.errors import Conflict
from data_access.prepared import Prepared, in_list
from data_access.schema.audit import import_run
from data_access.schema.orders import cancellation, order_line, shipment
from data_access.schema.stock import event

_UNDOING: Final = Prepared(sa.select(import_run.c.id, import_run.c.file_name).where(import_run.c.status == sa.literal_column("'undoing'")))


def _told_by(table: sa.Table) -> sa.Select[Any]:
    """order_id and import_run_id of the orders whose lines rows of a table belong to."""
    columns: tuple[Any, ...] = (order_line.c.order_id, event.c.import_run_id)
    joined = order_line if table is order_line else order_line.join(table, table.c.line_id == order_line.c.id)
    own = in_list(order_line.c.order_id, "orders")
    return (
        sa.select(*columns)
        .select_from(joined.join(event, event.c.id == table.c.event_id))
        .where(own, in_list(event.c.import_run_id, "runs"))
    )


_ORDERS: Final = tuple(Prepared(_told_by(table)) for table in (order_line, shipment, cancellation))
_EVENTS: Final = Prepared(
    sa.select(event.c.id, event.c.import_run_id).where(in_list(event.c.id, "events"), in_list(event.c.import_run_id, "runs"))
)


def runs_undoing(connection: Connection) -> list[int]:
    """The imports that are being taken back; none, as a rule."""
    return [row.id for row in _UNDOING.all(connection)]


def orders_of_runs(connection: Connection, runs: Sequence[int], order_ids: Sequence[int]) -> set[tuple[int, int]]:
    """(order, import) of those of the orders of which one of the imports told."""
    if not order_ids:
        return set()
    return {(row.order_id, row.import_run_id) for query in _ORDERS for row in query.all(connection, orders=order_ids, runs=runs)}


def events_of_runs(connection: Connection, runs: Sequence[int], event_ids: Sequence[int]) -> set[tuple[int, int]]:
    """(event, import) of those of the events that came from one of the imports."""
    if not event_ids:
        return set()
    return {(row.id, row.import_run_id) for row in _EVENTS.all(connection, events=event_ids, runs=runs)}


def refuse_while_undoing(connection: Connection) -> None:
    """Files wait until an import is taken back whole.

    Raises:
        Conflict: one is being taken back, or that was interrupted.

    """
    for row in _UNDOING.all(connection):
        raise Conflict(
            f"Import {row.id} ({row.file_name}) is being taken back: wait until it is done, or go on with `onhand import undo {row.id}`."
        )
