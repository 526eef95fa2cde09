"""Rebuild every projection from the rows that it was made from, and tell each difference."""

from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from data_access.engine import reading
from data_access.queries.verification.contradictions import contradictions
from data_access.queries.verification.refunds import refunds
from data_access.queries.verification.returned_goods import returned_goods
from data_access.schema.audit import import_run
from data_access.schema.orders import allocation, cancellation, order_line, shipment
from data_access.schema.returns import return_line
from data_access.schema.stock import backorder_level
from data_access.store import stock_levels
from data_access.store.rebuilding import exploded, units

MAX_ROWS: Final = 1_000


@dataclass(frozen=True, slots=True)
class VerifyReport:
    """`differences` in all; `checked`: rows compared, by figure; `rows`: the first differences, each with its key and both values.

    `incomplete_imports`: imports that were stopped before their end; running them again resumes them. `contradictions`: facts that
    cannot all be, however right the projections are; `contradicted`: the first of them, by `CONTRADICTED`.
    """

    differences: int
    checked: dict[str, int]
    rows: list[dict[str, Any]]
    incomplete_imports: list[str]
    contradictions: int
    contradicted: list[dict[str, Any]]


def verify(engine: Engine) -> VerifyReport:
    """Compare the store's projections with what they are made from, in one snapshot.

    on_hand and unsellable come from movements, allocated and backordered from order lines and allocations, on_order from
    purchase order lines, and the quantities of a line from its shipments, cancellations, returns and allocations. What receipts and
    inspections of returns moved is compared with what return lines say became of their units.
    """
    with reading(engine) as connection:
        checked: dict[str, int] = {}
        rows: list[dict[str, Any]] = []
        differences = 0
        for name, (stored, rebuilt) in _figures().items():
            count, differing = _compare(connection, name, stored, rebuilt)
            checked[name] = _size(connection, stored)
            differences += count
            rows += differing
        open_lines, differing = _open_lines(connection)
        checked["open_units"] = _size(connection, sa.select(order_line.c.id))
        checked["returned_goods"], moved_otherwise = returned_goods(connection)
        checked["refunds"], refunded_otherwise = refunds(connection)
        otherwise = moved_otherwise + refunded_otherwise
        unfinished = sa.select(import_run.c.file_name).where(import_run.c.status == "running").order_by(import_run.c.id)
        contradictory = contradictions(connection)
        return VerifyReport(
            differences + open_lines + len(otherwise),
            checked,
            (rows + differing + otherwise)[:MAX_ROWS],
            list(connection.execute(unfinished).scalars()),
            contradictory.height,
            contradictory.head(MAX_ROWS).to_dicts(),
        )


def _size(connection: Connection, query: sa.Select[Any]) -> int:
    return int(connection.execute(sa.select(sa.func.count()).select_from(query.subquery())).scalar_one())


def _line(column: Any) -> sa.Select[Any]:
    return sa.select(order_line.c.id.label("a"), sa.literal("").label("b"), column.label("units"))


def _by_line(line_id: Any, quantity: Any) -> sa.Select[Any]:
    return sa.select(line_id.label("a"), sa.literal("").label("b"), units(quantity).label("units")).group_by(line_id)


def _figures() -> dict[str, tuple[sa.Select[Any], sa.Select[Any]]]:
    """By figure: the projection and what it is made from, both as (a, b, units)."""
    backordered = exploded(order_line.c.backordered_quantity, order_line.c.channel_id, order_line, order_line.c.backordered_quantity > 0)
    b = backorder_level.c
    return {
        **stock_levels.compared(),
        "backordered": (sa.select(b.sku.label("a"), b.channel_id.label("b"), b.backordered.label("units")), backordered),
        "line_shipped": (_line(order_line.c.shipped_quantity), _by_line(shipment.c.line_id, shipment.c.quantity)),
        "line_cancelled": (_line(order_line.c.cancelled_quantity), _by_line(cancellation.c.line_id, cancellation.c.quantity)),
        "line_allocated": (_line(order_line.c.allocated_quantity), _by_line(allocation.c.line_id, allocation.c.quantity)),
        "line_returned": (
            _line(order_line.c.returned_quantity),
            _by_line(return_line.c.line_id, return_line.c.quantity).where(return_line.c.line_id.is_not(None)),
        ),
    }


def _compare(connection: Connection, name: str, stored: sa.Select[Any], rebuilt: sa.Select[Any]) -> tuple[int, list[dict[str, Any]]]:
    """Rows where the two differ; a missing row counts as 0 units. One pass over both, for a join of the two has no index."""
    left, right = stored.subquery("stored"), rebuilt.subquery("rebuilt")
    nothing = sa.cast(0, sa.BigInteger)
    both = sa.union_all(
        sa.select(left.c.a, left.c.b, left.c.units.label("was"), nothing.label("should")),
        sa.select(right.c.a, right.c.b, nothing.label("was"), right.c.units.label("should")),
    ).subquery()
    was, should = units(both.c.was), units(both.c.should)
    query = sa.select(both.c.a, both.c.b, was, should).group_by(both.c.a, both.c.b).having(was != should)
    differing = connection.execute(query).all()
    rows = [
        {"figure": name, "key": f"{a} {b}".strip(), "stored": int(before), "rebuilt": int(after)}
        for a, b, before, after in differing[:MAX_ROWS]
    ]
    return len(differing), rows


def _open_lines(connection: Connection) -> tuple[int, list[dict[str, Any]]]:
    """Lines whose open units are not exactly allocated or backordered."""
    line = order_line.c
    left = line.quantity - line.shipped_quantity - line.cancelled_quantity
    expected = sa.case((left > 0, left), else_=0)
    held = line.allocated_quantity + line.backordered_quantity
    differing = connection.execute(sa.select(line.id, held, expected).where(held != expected)).all()
    return len(differing), [
        {"figure": "open_units", "key": str(key), "stored": was, "rebuilt": should} for key, was, should in differing[:MAX_ROWS]
    ]
