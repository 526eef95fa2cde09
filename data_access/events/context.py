"""What the events of one unit of work refer to, looked up set-based."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import sqlalchemy as sa

from data_access.domain.ledger_state import Line
from data_access.errors import OnHandError
from data_access.events.known_cases import KnownCases
from data_access.events.known_facts import FACT_COLUMNS, KnownFact, KnownFacts, OrderKey, by_channel
from data_access.events.needs import Needs
from data_access.prepared import Prepared, in_list
from data_access.schema.catalog import product
from data_access.schema.orders import contradicted_fact, order_line, sales_order
from data_access.schema.purchasing import purchase_order, purchase_order_line
from data_access.schema.returns import return_line
from data_access.store.runs_undoing import events_of_runs, orders_of_runs, runs_undoing
from data_access.write.unit_of_work import UnitOfWork

_ORDERS: Final = Prepared(
    sa.select(sales_order.c.id, sales_order.c.order_ref).where(
        sales_order.c.channel_id == sa.bindparam("channel"), in_list(sales_order.c.order_ref, "refs")
    )
)
_RETURNS: Final = Prepared(
    # a kit that came back without its order line is taken for what the kit is made of now
    sa.select(
        return_line,
        sa.func.coalesce(order_line.c.kit_version, product.c.kit_version).label("kit_version"),
        order_line.c.channel_id.label("order_channel_id"),
        sales_order.c.order_ref,
    )
    .join(product, product.c.sku == return_line.c.sku)
    .join(order_line, order_line.c.id == return_line.c.line_id, isouter=True)
    .join(sales_order, sales_order.c.id == order_line.c.order_id, isouter=True)
    .where(return_line.c.channel_id == sa.bindparam("channel"), in_list(return_line.c.return_ref, "refs"))
)
_RETURNS_SET_ASIDE: Final = Prepared(
    sa.select(contradicted_fact.c.order_ref, order_line.c.sku, order_line.c.kit_version)
    .join(order_line, order_line.c.id == contradicted_fact.c.line_id)
    .where(
        contradicted_fact.c.channel_id == sa.bindparam("channel"),
        in_list(contradicted_fact.c.reference, "refs"),
        contradicted_fact.c.kind == sa.literal_column("'return'"),
    )
)
_PURCHASES: Final = Prepared(
    sa.select(purchase_order_line, purchase_order.c.po_ref)
    .join(purchase_order, purchase_order.c.id == purchase_order_line.c.po_id)
    .where(in_list(purchase_order.c.po_ref, "refs"))
)


class NotYet(Exception):
    """The event's parent is missing; `key` names it."""

    def __init__(self, key: str) -> None:
        super().__init__(key)
        self.key = key


class Repeated(Exception):
    """All that the event says is known by another event: it changes nothing."""


class Contradiction(OnHandError):
    """The event contradicts what is known; the sentence says how."""


@dataclass(slots=True)
class KnownOrder:
    """A known order and its lines by their reference."""

    order_id: int
    lines: dict[str, Line] = field(default_factory=dict)


@dataclass(slots=True)
class EventContext:
    """What the events of one unit of work refer to. None: looked up, and not there.

    `returns`: the rows of returns whose purchase is not known; those of an order are among its `facts`, and what is known of
    a return besides its goods among the `cases`. `judged`: the order of each event
    whose facts came to count, or ceased to.
    """

    unit: UnitOfWork
    orders: dict[OrderKey, KnownOrder | None] = field(default_factory=dict)
    facts: KnownFacts = field(default_factory=KnownFacts)
    judged: dict[int, OrderKey] = field(default_factory=dict)
    returns: dict[tuple[str, str], list[dict[str, Any]]] = field(default_factory=dict)
    cases: KnownCases = field(default_factory=KnownCases)
    purchases: dict[str, dict[str, dict[str, Any]] | None] = field(default_factory=dict)
    undoing: dict[tuple[str, str, str], int] = field(default_factory=dict)

    def load(self, needs: Sequence[Needs]) -> None:
        """Look up, set-based, what is not known yet."""
        unit = self.unit
        unit.lookups.load(unit.connection, {sku for need in needs for sku in need.skus}, {pair for need in needs for pair in need.listings})
        facts = {need.facts for need in needs if need.facts is not None}
        self.load_orders({need.order for need in needs if need.order is not None} | facts)
        self.facts.load_lines(unit.connection, facts)
        self.facts.load_packages(unit.connection, {need.packages for need in needs if need.packages is not None})
        returns = {need.returns for need in needs if need.returns is not None}
        self._load_returns(returns)
        self.cases.load(unit.connection, returns)
        self._load_purchases({need.purchase for need in needs if need.purchase is not None})
        self._load_stock(needs)
        self._load_undoing(needs)

    def load_orders(self, keys: Iterable[OrderKey]) -> None:
        """Look up orders with their lines and the stock of these."""
        orders: dict[int, KnownOrder] = {}
        for channel_id, refs in by_channel(set(keys) - self.orders.keys()):
            self.orders.update({(channel_id, ref): None for ref in refs})
            for row in _ORDERS.all(self.unit.connection, channel=channel_id, refs=refs):
                self.orders[(channel_id, row.order_ref)] = orders[row.id] = KnownOrder(row.id)
        for line_ref, line in self.unit.load_lines(list(orders)):
            orders[line.order_id].lines[line_ref] = line

    def _load_returns(self, keys: set[tuple[str, str]]) -> None:
        orders: dict[OrderKey, set[str]] = {}
        for channel_id, refs in by_channel(keys - self.returns.keys()):
            self.returns.update({(channel_id, ref): [] for ref in refs})
            for row in _RETURNS.all(self.unit.connection, channel=channel_id, refs=refs):
                components = self.unit.lookups.components(row.sku, row.kit_version)
                if row.order_ref is not None:
                    orders.setdefault((row.order_channel_id, row.order_ref), set()).update(sku for sku, _ in components)
                    continue
                content = {name: getattr(row, name) for name in FACT_COLUMNS["return"]}
                self.returns[(channel_id, row.return_ref)].append({**content, "components": components})
            for row in _RETURNS_SET_ASIDE.all(self.unit.connection, channel=channel_id, refs=refs):
                components = self.unit.lookups.components(row.sku, row.kit_version)
                orders.setdefault((channel_id, row.order_ref), set()).update(sku for sku, _ in components)
        # lock first: another writer may be judging these orders
        self.unit.load_skus(set().union(*orders.values()))
        self.load_orders(orders)
        self.facts.load_lines(self.unit.connection, orders)

    def _load_purchases(self, refs: set[str]) -> None:
        missing = sorted(refs - self.purchases.keys())
        self.purchases.update(dict.fromkeys(missing))
        for row in _PURCHASES.all(self.unit.connection, refs=missing) if missing else ():
            lines = self.purchases[row.po_ref] or {}
            lines[row.sku] = row._asdict()
            self.purchases[row.po_ref] = lines

    def _load_stock(self, needs: Sequence[Needs]) -> None:
        lookups = self.unit.lookups
        skus = {sku for need in needs for sku in need.skus}
        skus |= {sku for need in needs for pair in need.listings if (sku := lookups.listed(*pair)[1]) is not None}
        parts = {part for sku in skus if (version := lookups.kit_version(sku)) is not None for part, _ in lookups.components(sku, version)}
        for need in needs:
            if need.returns is not None:
                parts |= {part for row in self.returns[need.returns] for part, _ in row["components"]}
            if need.purchase is not None:
                parts |= set(self.purchases[need.purchase] or ())
        self.unit.load_skus(parts)

    def _load_undoing(self, needs: Sequence[Needs]) -> None:
        """The orders and returns of an import that is being taken back, by "order" or "return", channel and reference."""
        connection = self.unit.connection
        if not (runs := runs_undoing(connection)):
            return
        by_id = {order.order_id: key for key, order in self.orders.items() if order is not None}
        by_id |= {fact.order_id: need.packages for need in needs if need.packages for fact in self.facts.of_order(need.packages)}
        for order_id, run_id in orders_of_runs(connection, runs, list(by_id)):
            self.undoing[("order", *by_id[order_id])] = run_id
        returns = {need.returns for need in needs if need.returns}
        events = {row["event_id"]: key for key in returns for row in self.returns[key]}
        events |= {fact.row["event_id"]: key for key in returns for fact in self.facts.of_return(key)}
        for event_id, run_id in events_of_runs(connection, runs, list(events)):
            self.undoing[("return", *events[event_id])] = run_id

    def require_settled(self, needs: Needs) -> None:
        """Nothing that an event needs belongs to an import that is being taken back."""
        for kind, key in (("order", needs.order), ("order", needs.facts), ("order", needs.packages), ("return", needs.returns)):
            if key is not None and (run_id := self.undoing.get((kind, *key))) is not None:
                raise NotYet(f"import:{run_id}")

    def order(self, channel_id: str, order_ref: str, line_refs: Iterable[str]) -> KnownOrder:
        """A known order, with all of these lines."""
        order = self.orders[(channel_id, order_ref)]
        if order is None:
            raise NotYet(f"order:{channel_id}:{order_ref}")
        for line_ref in line_refs:
            if line_ref not in order.lines:
                raise NotYet(f"line:{channel_id}:{order_ref}:{line_ref}")
        return order

    def line_of(self, fact: KnownFact) -> Line:
        """The order line of a fact whose order was looked up."""
        return self.unit.ledger.lines[fact.row["line_id"]]

    def need_location(self, *location_ids: str | None) -> None:
        """All of these locations must be known."""
        for location_id in location_ids:
            if location_id is not None and not self.unit.lookups.has_location(location_id):
                raise NotYet(f"location:{location_id}")

    def need_stocked(self, skus: Iterable[str]) -> None:
        """All of these SKUs must be known, and none a kit."""
        for sku in skus:
            version = self.unit.lookups.kit_version(sku)
            if version is None:
                raise NotYet(f"sku:{sku}")
            if version:
                raise Contradiction(f"{sku} is a kit, and kits hold no stock: send the event for its components.")
