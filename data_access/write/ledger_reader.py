"""What the ledger reads from the store while it works."""

from collections.abc import Iterable, Sequence
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from data_access.domain.ledger_state import RANK_COUNT, RANK_IN, RANK_OUT, Effect, HistoryRow, Key, Level, Line, Step
from data_access.domain.returns.fates import effects_on_stock
from data_access.prepared import Prepared, in_list
from data_access.schema.catalog import product
from data_access.schema.orders import allocation, order_line, shipment
from data_access.schema.returns import return_line
from data_access.schema.stock import backorder_level, stock_count, stock_level, stock_movement
from data_access.store.stock_levels import level_of
from data_access.write.lookups import Lookups

DERIVED: Final = ("discrepancy", "count", "opening")
_m, _c = stock_movement.c, stock_count.c

_b = sa.bindparam
_KEY: Final = (_m.sku == _b("sku"), _m.location_id == _b("place"), _m.state == _b("state"), _m.occurred_at >= _b("since"))
_COUNT_KEY: Final = (_c.sku == _b("sku"), _c.location_id == _b("place"), _c.state == _b("state"), _c.occurred_at >= _b("since"))
_LEVELS: Final = Prepared(sa.select(stock_level).where(in_list(stock_level.c.sku, "skus")))
_BACKORDERS: Final = Prepared(sa.select(backorder_level).where(in_list(backorder_level.c.sku, "skus")))
_MOVEMENTS: Final = Prepared(sa.select(_m.event_id, _m.line_no, _m.kind, _m.quantity, _m.occurred_at).where(*_KEY))
_COUNTS: Final = Prepared(sa.select(_c.event_id, _c.quantity, _c.occurred_at, _c.tie).where(*_COUNT_KEY))
_LAST_LINE: Final = Prepared(sa.select(sa.func.max(_m.line_no).label("last")).where(_m.event_id == _b("event")))
_LINES: Final = Prepared(sa.select(order_line).where(in_list(order_line.c.order_id, "orders")))
_LINE_SKUS: Final = Prepared(sa.select(order_line.c.sku, order_line.c.kit_version).where(in_list(order_line.c.order_id, "orders")))
_ALLOCATIONS: Final = Prepared(sa.select(allocation).where(in_list(allocation.c.line_id, "lines")))
# the 0 written out, not bound: else SQLite cannot use the index on open lines
_OPEN: Final = order_line.c.allocated_quantity + order_line.c.backordered_quantity > sa.literal_column("0")


class LedgerReader:
    """`domain.ledger_state.Source` over the store, in one transaction."""

    def __init__(self, connection: Connection, lookups: Lookups) -> None:
        self._connection = connection
        self._lookups = lookups

    def levels(self, skus: Sequence[str]) -> list[Level]:
        """All stored levels of the SKUs."""
        return [level_of(row) for row in _LEVELS.all(self._connection, skus=skus)]

    def backorders(self, skus: Sequence[str]) -> list[tuple[str, str, int]]:
        """(SKU, channel, units) of all stored backorders of the SKUs."""
        return [(row.sku, row.channel_id, row.backordered) for row in _BACKORDERS.all(self._connection, skus=skus)]

    def lines_of(self, order_ids: Sequence[int]) -> list[tuple[str, Line]]:
        """(line reference, line) of all lines of the orders."""
        rows = _LINES.all(self._connection, orders=order_ids)
        return list(zip((row.line_ref for row in rows), self._made(rows), strict=True))

    def skus_of(self, order_ids: Sequence[int]) -> set[str]:
        """Stocked SKUs that the orders' lines are made of."""
        rows = _LINE_SKUS.all(self._connection, orders=order_ids)
        return {sku for row in rows for sku, _ in self._lookups.components(row.sku, row.kit_version)}

    def _made(self, rows: Sequence[Row[Any]]) -> list[Line]:
        held: dict[int, dict[str, int]] = {}
        allocated = [row.id for row in rows if row.allocated_quantity]
        for row in _ALLOCATIONS.all(self._connection, lines=allocated) if allocated else ():
            held.setdefault(row.line_id, {})[row.location_id] = row.quantity
        return [
            Line(
                line_id=row.id,
                order_id=row.order_id,
                channel_id=row.channel_id,
                sku=row.sku,
                components=self._lookups.components(row.sku, row.kit_version),
                quantity=row.quantity,
                placed_at=row.placed_at,
                location_id=row.location_id,
                shipped=row.shipped_quantity,
                cancelled=row.cancelled_quantity,
                returned=row.returned_quantity,
                backordered=row.backordered_quantity,
                allocations=dict(held.get(row.id, {})),
                stored_allocations=dict(held.get(row.id, {})),
            )
            for row in rows
        ]

    def steps(self, key: Key, since: int) -> list[Step]:
        """See `Source.steps`."""
        where = {"sku": key[0], "place": key[1], "state": key[2], "since": since}
        steps: dict[tuple[int, int], Step] = {}
        for count in _COUNTS.all(self._connection, **where):
            steps[(count.event_id, RANK_COUNT)] = Step(
                count.occurred_at, RANK_COUNT, count.tie, count.event_id, 0, target=count.quantity, kind="count"
            )
        for row in _MOVEMENTS.all(self._connection, **where):
            if row.kind in DERIVED:
                rank = RANK_OUT if row.kind == "discrepancy" else RANK_COUNT
            else:
                # what takes a movement back stands where that movement does
                rank = RANK_IN if (row.quantity > 0) == (row.line_no > 0) else RANK_OUT
            step = steps.setdefault((row.event_id, rank), Step(row.occurred_at, rank, "", row.event_id, 0))
            if row.kind in DERIVED:
                step.derived += row.quantity
                step.kind = row.kind
            else:
                step.base += row.quantity
        return list(steps.values())

    def next_line_no(self, event: int) -> int:
        """See `Source.next_line_no`."""
        return int(_LAST_LINE.all(self._connection, event=event)[0].last or 0) + 1

    def backordered_lines(self, sku: str) -> Iterable[Line]:
        """See `Source.backordered_lines`."""
        sold_as = [sku, *self._lookups.kits_with(sku)]
        query = sa.select(order_line).where(order_line.c.sku.in_(sold_as), _OPEN, order_line.c.backordered_quantity > 0)
        return self._with(sku, self._made(self._connection.execute(query).all()))

    def allocated_lines(self, sku: str, location_id: str) -> Iterable[Line]:
        """See `Source.allocated_lines`."""
        sold_as = [sku, *self._lookups.kits_with(sku)]
        query = (
            sa.select(order_line)
            .join(allocation, allocation.c.line_id == order_line.c.id)
            .where(order_line.c.sku.in_(sold_as), _OPEN, allocation.c.location_id == location_id)
        )
        return self._with(sku, self._made(self._connection.execute(query).all()))

    @staticmethod
    def _with(sku: str, lines: list[Line]) -> list[Line]:
        return [line for line in lines if any(part == sku for part, _ in line.components)]

    def history(self, sku: str, location_id: str, since: int, until: int | None) -> Sequence[HistoryRow]:
        """See `Source.history`."""
        sold_as = [sku, *self._lookups.kits_with(sku)]
        s, r, end = shipment.c, return_line.c, until if until is not None else 2**62
        shipped = (
            sa.select(s.id, s.event_id, s.quantity, s.shipped_at, order_line.c.sku, order_line.c.kit_version)
            .join(order_line, order_line.c.id == s.line_id)
            .where(order_line.c.sku.in_(sold_as), s.location_id == location_id, s.moves_stock.is_(False))
            .where(s.shipped_at >= since, s.shipped_at < end)
        )
        rows = [
            HistoryRow(
                "shipment",
                row.id,
                row.event_id,
                self._lookups.components(row.sku, row.kit_version),
                row.shipped_at,
                tuple(
                    (sku, Effect("sellable", "shipment", -row.quantity * per, row.shipped_at))
                    for sku, per in self._lookups.components(row.sku, row.kit_version)
                ),
            )
            for row in self._connection.execute(shipped)
        ]
        came_back = (
            sa.select(return_line, sa.func.coalesce(order_line.c.kit_version, product.c.kit_version).label("kit_version"))
            .join(product, product.c.sku == r.sku)
            .join(order_line, order_line.c.id == r.line_id, isouter=True)
            .where(r.sku.in_(sold_as), r.location_id == location_id, r.moves_stock.is_(False))
            .where(r.received_at >= since, r.received_at < end)
        )
        rows += [
            HistoryRow(
                "return_line",
                row.id,
                row.event_id,
                self._lookups.components(row.sku, row.kit_version),
                row.received_at,
                tuple(effects_on_stock(row._asdict(), self._lookups.components(row.sku, row.kit_version))),
            )
            for row in self._connection.execute(came_back)
        ]
        return sorted(rows, key=lambda row: (row.happened_at, row.row_id))
