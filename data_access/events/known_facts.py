"""Shipments, cancellations and returns of the orders of one unit of work, those that count and those that do not."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from data_access.domain.line_facts import FactKind, LineFact
from data_access.prepared import Prepared, in_list
from data_access.schema.orders import cancellation, contradicted_fact, order_line, sales_order, shipment
from data_access.schema.returns import return_line

OrderKey = tuple[str, str]
"""A channel and the order's reference there."""
FACT_TABLES: Final[Mapping[FactKind, sa.Table]] = {"shipment": shipment, "cancellation": cancellation, "return": return_line}
FACT_COLUMNS: Final = {kind: tuple(column.name for column in table.c) for kind, table in FACT_TABLES.items()}
_TIMES: Final[Mapping[FactKind, str]] = {"shipment": "shipped_at", "cancellation": "cancelled_at", "return": "received_at"}


def _of_orders(table: sa.Table) -> Prepared:
    return Prepared(
        sa.select(table, order_line.c.order_id, sales_order.c.order_ref)
        .join(order_line, order_line.c.id == table.c.line_id)
        .join(sales_order, sales_order.c.id == order_line.c.order_id)
        .where(sales_order.c.channel_id == sa.bindparam("channel"), in_list(sales_order.c.order_ref, "refs"))
    )


_STORED: Final = {kind: _of_orders(table) for kind, table in FACT_TABLES.items()}
_CONTRADICTED: Final = Prepared(
    sa.select(contradicted_fact, order_line.c.order_id)
    .join(order_line, order_line.c.id == contradicted_fact.c.line_id)
    .where(contradicted_fact.c.channel_id == sa.bindparam("channel"), in_list(contradicted_fact.c.order_ref, "refs"))
)
_IN_PART: Final = Prepared(
    sa.select(sales_order.c.order_ref)
    .join_from(cancellation, order_line, order_line.c.id == cancellation.c.line_id)
    .join(sales_order, sales_order.c.id == order_line.c.order_id)
    .where(
        sales_order.c.channel_id == sa.bindparam("channel"),
        in_list(sales_order.c.order_ref, "refs"),
        cancellation.c.said_quantity.is_not(None),
    )
)


@dataclass(slots=True)
class KnownFact:
    """A shipment, cancellation or return of an order line.

    `row`: by the columns of its table; shared by all who change it. `counts`: it is in that table. `code`: why it does not count.
    `is_new`: not stored at all yet.
    """

    kind: FactKind
    order_id: int
    row: dict[str, Any]
    counts: bool
    code: str | None = None
    twin_id: int | None = None
    is_new: bool = False

    @property
    def reference(self) -> str | None:
        """The package's or the return's own id."""
        reference: str | None = self.row.get("shipment_ref") or self.row.get("return_ref")
        return reference

    def judged(self) -> LineFact:
        """The fact as `domain.line_facts` judges it."""
        row = self.row
        return LineFact(
            row_id=row["id"],
            kind=self.kind,
            at=row[_TIMES[self.kind]],
            quantity=row.get("said_quantity") or row["quantity"],
            reference=self.reference or "",
            carrier=row["carrier"] if self.kind == "shipment" else None,
            tracking_number=row["tracking_number"] if self.kind == "shipment" else None,
            tie=f"{row.get('location_id')}:{row.get('part')}",
        )


@dataclass(slots=True)
class KnownFacts:
    """The facts by order and row id. Every fact is here once, whichever way it was looked up."""

    _orders: dict[OrderKey, dict[int, KnownFact]] = field(default_factory=dict)
    _loaded: dict[OrderKey, set[FactKind]] = field(default_factory=dict)
    _returns: dict[tuple[str, str], list[KnownFact]] = field(default_factory=dict)

    def add(self, key: OrderKey, fact: KnownFact) -> None:
        """A fact that an event brings."""
        self._know(key, fact)

    def of_return(self, key: tuple[str, str]) -> list[KnownFact]:
        """The facts of a return, by channel and return reference, of orders that were looked up."""
        return list(self._returns.get(key, ()))

    def of_order(self, key: OrderKey) -> Iterator[KnownFact]:
        """All facts of an order that were looked up or added."""
        return iter(list(self._orders.get(key, {}).values()))

    def of_line(self, key: OrderKey, line_id: int) -> list[KnownFact]:
        """Those of a line."""
        return [fact for fact in self.of_order(key) if fact.row["line_id"] == line_id]

    def row(self, key: OrderKey, row_id: int) -> dict[str, Any] | None:
        """The row of a fact of an order."""
        fact = self._orders.get(key, {}).get(row_id)
        return None if fact is None else fact.row

    @staticmethod
    def contradicted(connection: Connection, keys: Iterable[OrderKey]) -> set[OrderKey]:
        """Those of the orders of which something is set aside, or counts in part."""
        return {
            (channel_id, row.order_ref)
            for channel_id, refs in by_channel(keys)
            for query in (_CONTRADICTED, _IN_PART)
            for row in query.all(connection, channel=channel_id, refs=refs)
        }

    def load_lines(self, connection: Connection, keys: Iterable[OrderKey]) -> None:
        """Look up all facts of these orders."""
        self._load(connection, set(keys), ("shipment", "cancellation", "return"))

    def load_packages(self, connection: Connection, keys: Iterable[OrderKey]) -> None:
        """Look up the shipments of these orders."""
        self._load(connection, set(keys), ("shipment",))

    def _load(self, connection: Connection, keys: set[OrderKey], kinds: tuple[FactKind, ...]) -> None:
        for kind in kinds:
            for channel_id, refs in by_channel(key for key in keys if kind not in self._loaded.get(key, ())):
                for row in _STORED[kind].all(connection, channel=channel_id, refs=refs):
                    content = {name: getattr(row, name) for name in FACT_COLUMNS[kind]}
                    self._know((channel_id, row.order_ref), KnownFact(kind, row.order_id, content, counts=True))
        for channel_id, refs in by_channel(key for key in keys if key not in self._loaded):
            for row in _CONTRADICTED.all(connection, channel=channel_id, refs=refs):
                content = {**dict.fromkeys(FACT_COLUMNS[row.kind]), **json.loads(row.content)}
                fact = KnownFact(row.kind, row.order_id, content, counts=False, code=row.code, twin_id=row.twin_id)
                self._know((channel_id, row.order_ref), fact)
        for key in keys:
            self._loaded.setdefault(key, set()).update(kinds)

    def _know(self, key: OrderKey, fact: KnownFact) -> None:
        # one that this unit has changed or moved stays as it is
        known = self._orders.setdefault(key, {})
        if fact.row["id"] in known:
            return
        known[fact.row["id"]] = fact
        if fact.kind == "return":
            self._returns.setdefault((fact.row["channel_id"], fact.row["return_ref"]), []).append(fact)


def by_channel(keys: Iterable[tuple[str, str]]) -> list[tuple[str, list[str]]]:
    """The references of each channel."""
    grouped: dict[str, list[str]] = {}
    for channel_id, ref in sorted(keys):
        grouped.setdefault(channel_id, []).append(ref)
    return list(grouped.items())
