"""One unit of work in a writing transaction: load what it touches, work in memory, write set-based, raise versions last.

`write.kernel.work` makes them; nothing else opens a writing transaction on a store's data.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection

from data_access.domain.ledger import Ledger
from data_access.domain.ledger_state import Line
from data_access.engine import RowIds, is_sqlite, now_us
from data_access.prepared import Prepared, in_list
from data_access.schema import metadata
from data_access.schema.audit import audit_entry, change_log, ingest_lock, store_version
from data_access.schema.catalog import product
from data_access.schema.channels import channel_state
from data_access.schema.orders import allocation, order_line, shipment
from data_access.schema.stock import backorder_level, stock_count, stock_level, stock_movement
from data_access.store import stock_levels
from data_access.store.lifecycle import STRIPES
from data_access.write import lookups
from data_access.write.bulk import in_values, insert_rows
from data_access.write.ledger_reader import LedgerReader
from data_access.write.lookups import Lookups

# Parents before children, so that foreign keys hold.
_INSERT_ORDER: Final = (
    "import_run",
    "listing",
    "event",
    "sales_order",
    "order_line",
    "cancellation",
    "shipment",
    "return_line",
    "return_case",
    "return_request",
    "return_refund",
    "contradicted_fact",
    "order_charge",
    "purchase_order",
    "purchase_order_line",
    "inbox_item",
    "ignored_row",
    "import_change",
    "audit_entry",
)
_UPDATE_LINE: Final = Prepared(
    sa.update(order_line)
    .where(order_line.c.id == sa.bindparam("b_id"))
    .values(
        shipped_quantity=sa.bindparam("b_shipped"),
        cancelled_quantity=sa.bindparam("b_cancelled"),
        allocated_quantity=sa.bindparam("b_allocated"),
        backordered_quantity=sa.bindparam("b_backordered"),
        returned_quantity=sa.bindparam("b_returned"),
    )
)
_DROP_ALLOCATION: Final = Prepared(
    sa.delete(allocation).where(allocation.c.line_id == sa.bindparam("b_line"), allocation.c.location_id == sa.bindparam("b_place"))
)
_RAISE: Final = Prepared(
    sa.update(store_version)
    .where(in_list(store_version.c.topic, "topics"))
    .values(version=store_version.c.version + sa.literal_column("1"))
    .returning(store_version.c.topic, store_version.c.version)
)
_HOLD_VERSIONS: Final = Prepared(
    sa.select(store_version.c.topic).where(in_list(store_version.c.topic, "topics")).order_by(store_version.c.topic).with_for_update()
)
_HOLD_SKUS: Final = Prepared(
    sa.select(product.c.sku).where(in_list(product.c.sku, "skus")).order_by(product.c.sku).with_for_update(key_share=True)
)


def _insert(table: sa.Table) -> Prepared:
    return Prepared(table.insert(), table.c.keys())


def _upsert(table: sa.Table, values: Sequence[str], keep_greater: Sequence[str] = ()) -> Prepared:
    """A statement that inserts a row or overwrite `values`; `keep_greater` columns never go down."""
    made: dict[str, Any] = {}
    for dialect, insert in (("sqlite", sqlite.insert), ("postgresql", postgresql.insert)):
        statement = insert(table)
        greatest = sa.func.max if dialect == "sqlite" else sa.func.greatest
        changes: dict[str, Any] = {name: statement.excluded[name] for name in values}
        changes |= {name: greatest(table.c[name], statement.excluded[name]) for name in keep_greater}
        made[dialect] = statement.on_conflict_do_update(index_elements=list(table.primary_key.columns), set_=changes)
    return Prepared(made, [column.name for column in table.primary_key.columns] + [*values, *keep_greater])


_PUT_LEVEL: Final = _upsert(stock_level, stock_levels.NAMES)
_PUT_BACKORDER: Final = _upsert(backorder_level, ("backordered",))
_PUT_ALLOCATION: Final = _upsert(allocation, ("quantity",))
_ADD_MOVEMENT: Final = _insert(stock_movement)
_ADD_COUNT: Final = _insert(stock_count)
_PUT_CHANNEL_STATE: Final = _upsert(channel_state, (), ("synced_until", "received_at"))


@cache
def _insert_of(table: str, columns: tuple[str, ...]) -> Prepared:
    return Prepared(metadata.tables[table].insert(), columns)


@cache
def _update_of(table: str, columns: tuple[str, ...]) -> Prepared:
    c = metadata.tables[table].c
    values: dict[str, Any] = {column: sa.bindparam(f"b_{column}") for column in columns}
    return Prepared(sa.update(metadata.tables[table]).where(c.id == sa.bindparam("b_id")).values(values))


@cache
def _delete_of(table: str) -> Prepared:
    return Prepared(sa.delete(metadata.tables[table]).where(metadata.tables[table].c.id == sa.bindparam("b_id")))


def stripe(key: str) -> int:
    """The lock that guards a parent and its children: orders, purchase orders and returns by their key."""
    # not hash(): it differs between processes
    return sum(key.encode()) % STRIPES


class UnitOfWork:
    """A unit of work in an open writing transaction. `flush` writes it; the kernel does so last, and earlier flushes may precede.

    The lookups, the ledger's reader and the ledger are made when they are first asked for: most edits of people need none.
    """

    def __init__(self, connection: Connection, ids: RowIds, actor: str) -> None:
        self.connection = connection
        self.ids = ids
        self.actor = actor
        self._begin()

    def _begin(self) -> None:
        self._lookups: Lookups | None = None
        self._source: LedgerReader | None = None
        self._ledger: Ledger | None = None
        self._rows: dict[str, list[dict[str, Any]]] = {}
        self._changes: dict[str, dict[int, dict[str, Any]]] = {}
        self._removals: dict[str, list[int]] = {}
        self._touched: dict[str, dict[tuple[str, str], None]] = {}
        self._new_lines: dict[int, dict[str, Any]] = {}
        self._channel_states: dict[str, tuple[int, int]] = {}

    @property
    def lookups(self) -> Lookups:
        """What writers must know of the catalogue, as this transaction sees it."""
        if self._lookups is None:
            self._lookups = lookups.current(self.connection)
        return self._lookups

    @property
    def source(self) -> LedgerReader:
        """What the ledger reads from the store."""
        if self._source is None:
            self._source = LedgerReader(self.connection, self.lookups)
        return self._source

    @property
    def ledger(self) -> Ledger:
        """The stock that this unit has loaded, and the changes of it."""
        if self._ledger is None:
            self._ledger = Ledger(self.source, self.lookups.serving)
        return self._ledger

    # ---- locking and loading ---------------------------------------------------------------------------------------

    def lock_parents(self, keys: Iterable[str] | None) -> None:
        """On PostgreSQL, let no other writer take in parents or children of these keys; None locks them all.

        SQLite has one writer at a time anyway.
        """
        if is_sqlite(self.connection):
            return
        query = sa.select(ingest_lock.c.stripe).order_by(ingest_lock.c.stripe).with_for_update()
        if keys is not None:
            query = query.where(ingest_lock.c.stripe.in_(sorted({stripe(key) for key in keys})))
        self.connection.execute(query).all()
        # another writer may have changed the catalogue while this one waited
        self._lookups = self._source = self._ledger = None

    def load_skus(self, skus: Iterable[str]) -> None:
        """Lock (PostgreSQL) and load the levels and backorders of stocked SKUs and of all that kits tie to them."""
        missing = sorted(self.ledger.lacks(self.lookups.together(skus)))
        if not missing:
            return
        if not is_sqlite(self.connection):
            _HOLD_SKUS.all(self.connection, skus=missing)
        self.ledger.hand(missing, self.source.levels(missing), self.source.backorders(missing))

    def load_lines(self, order_ids: Sequence[int]) -> list[tuple[str, Line]]:
        """(line reference, line) of all lines of stored orders, and the stock of their SKUs."""
        if not order_ids:
            return []
        if not is_sqlite(self.connection):
            self.load_skus(self.source.skus_of(order_ids))  # lock first: another writer may be allocating to these lines
        lines = self.source.lines_of(order_ids)
        self.load_skus({sku for _, line in lines for sku, _ in line.components})
        known = self.ledger.lines
        return [(ref, known.setdefault(line.line_id, line)) for ref, line in lines]

    # ---- what is to be written -------------------------------------------------------------------------------------

    def add(self, table: sa.Table, row: dict[str, Any]) -> None:
        """A row to insert. Rows of one table have the same keys."""
        self._rows.setdefault(table.name, []).append(row)

    def added(self, table: sa.Table) -> list[dict[str, Any]]:
        """Rows of a table that are to be inserted; they may still be changed."""
        return self._rows.get(table.name, [])

    def add_line(self, row: dict[str, Any], line: Line) -> None:
        """A new order line: its facts, and the line that the ledger knows; the ledger's quantities are filled in by `flush`."""
        self._new_lines[line.line_id] = row
        self._rows.setdefault("order_line", []).append(row)
        self.ledger.lines[line.line_id] = line
        self.ledger.dirty_lines[line.line_id] = line

    def change(self, table: sa.Table, row_id: int, values: dict[str, Any]) -> None:
        """New values of a stored row."""
        self._changes.setdefault(table.name, {}).setdefault(row_id, {}).update(values)

    def changed(self, table: sa.Table, row_id: int) -> dict[str, Any]:
        """The new values that this unit gives a stored row; none if it leaves it as it is."""
        return dict(self._changes.get(table.name, {}).get(row_id, {}))

    def remove(self, table: sa.Table, row_id: int) -> None:
        """Take a row away, stored or still to be inserted."""
        kept = [row for row in self.added(table) if row["id"] != row_id]
        if len(kept) < len(self.added(table)):
            self._rows[table.name] = kept
            return
        self._changes.get(table.name, {}).pop(row_id, None)
        self._removals.setdefault(table.name, []).append(row_id)

    def touch(self, topic: str, entity: str, entity_id: object) -> None:
        """Say in the change log that something changed."""
        self._touched.setdefault(topic, {})[(entity, str(entity_id))] = None

    def touch_all(self, touched: Mapping[str, Mapping[tuple[str, str], None]]) -> None:
        """The same of many things, (entity, id) by topic."""
        for topic, things in touched.items():
            self._touched.setdefault(topic, {}).update(things)

    def saw_channel(self, channel_id: str, synced_until: int, received_at: int) -> None:
        """A channel's data are known up to a time; an earlier time changes nothing."""
        before = self._channel_states.get(channel_id, (0, 0))
        self._channel_states[channel_id] = (max(before[0], synced_until), max(before[1], received_at))

    def audit(
        self,
        action: str,
        thing: tuple[str, object],
        before: Mapping[str, Any] | None,
        after: Mapping[str, Any] | None,
        why: str | None = None,
    ) -> int:
        """Keep in the audit what this unit's actor does to a thing; the entry's id.

        Args:
            action: what is done, as the command's name.
            thing: its kind (`audit_entry.entity`) and its id.
            before: its values before; None if it is new.
            after: its values after; None if it is gone.
            why: the reason given, if any.

        """
        entry = self.ids.take()
        self.add(
            audit_entry,
            {
                "id": entry,
                "at": now_us(),
                "actor": self.actor,
                "action": action,
                "entity": thing[0],
                "entity_id": str(thing[1]),
                "before": None if before is None else json.dumps(before, ensure_ascii=False, sort_keys=True),
                "after": None if after is None else json.dumps(after, ensure_ascii=False, sort_keys=True),
                "why": why,
            },
        )
        return entry

    def settle(self) -> None:
        """Let the ledger finish an event: late movements, allocations without cover, backorders."""
        self.ledger.settle()

    # ---- writing ---------------------------------------------------------------------------------------------------

    def flush(self) -> None:
        """Write everything, then raise the versions of the topics and log what changed. The unit is as new afterwards."""
        if self._ledger is not None:
            self._fill_lines()
        for name, row_ids in self._removals.items():
            _delete_of(name).run(self.connection, [{"b_id": row_id} for row_id in row_ids])
        for name in _INSERT_ORDER:
            rows = self._rows.get(name)
            if rows:
                _insert_of(name, tuple(rows[0])).run(self.connection, rows)
        self._write_changes()
        if self._ledger is not None:
            self._write_lines()
            self._write_stock()
        if self._channel_states:
            states = [
                {"channel_id": channel_id, "synced_until": state[0], "received_at": state[1]}
                for channel_id, state in sorted(self._channel_states.items())
            ]
            _PUT_CHANNEL_STATE.run(self.connection, states)
            self._touched.setdefault("freshness", {}).update({("channel", channel_id): None for channel_id in self._channel_states})
        raise_versions(self.connection, self._touched)
        self._begin()

    def _write_changes(self) -> None:
        for name, rows in self._changes.items():
            alike: dict[tuple[str, ...], list[dict[str, Any]]] = {}
            for row_id, values in rows.items():
                alike.setdefault(tuple(sorted(values)), []).append({"b_id": row_id, **{f"b_{key}": value for key, value in values.items()}})
            for columns, parameters in alike.items():
                _update_of(name, columns).run(self.connection, parameters)

    def _fill_lines(self) -> None:
        for line_id, row in self._new_lines.items():
            line = self.ledger.lines[line_id]
            row["shipped_quantity"] = line.shipped
            row["cancelled_quantity"] = line.cancelled
            row["allocated_quantity"] = line.allocated
            row["backordered_quantity"] = line.backordered
            row["returned_quantity"] = line.returned

    def _write_lines(self) -> None:
        changed = [line for line_id, line in self.ledger.dirty_lines.items() if line_id not in self._new_lines]
        if changed:
            _UPDATE_LINE.run(
                self.connection,
                [
                    {
                        "b_id": line.line_id,
                        "b_shipped": line.shipped,
                        "b_cancelled": line.cancelled,
                        "b_allocated": line.allocated,
                        "b_backordered": line.backordered,
                        "b_returned": line.returned,
                    }
                    for line in changed
                ],
            )
        put, drop = [], []
        for line in self.ledger.dirty_lines.values():
            self.touch("orders", "order", line.order_id)
            for place, units in line.allocations.items():
                if line.stored_allocations.get(place) != units:
                    put.append({"line_id": line.line_id, "location_id": place, "quantity": units})
            drop += [{"b_line": line.line_id, "b_place": place} for place in line.stored_allocations if place not in line.allocations]
        if drop:
            _DROP_ALLOCATION.run(self.connection, drop)
        if put:
            _PUT_ALLOCATION.run(self.connection, put)

    def _write_stock(self) -> None:
        ledger = self.ledger
        if ledger.movements:
            first = self.ids.take(len(ledger.movements))
            _ADD_MOVEMENT.run(
                self.connection,
                [
                    {
                        "id": first + index,
                        "event_id": row.event,
                        "line_no": row.line_no,
                        "sku": row.sku,
                        "location_id": row.location_id,
                        "state": row.state,
                        "kind": row.kind,
                        "quantity": row.quantity,
                        "occurred_at": row.occurred_at,
                    }
                    for index, row in enumerate(ledger.movements)
                ],
            )
        if ledger.counts:
            _ADD_COUNT.run(
                self.connection,
                [
                    {
                        "event_id": row.event,
                        "sku": row.sku,
                        "location_id": row.location_id,
                        "state": row.state,
                        "quantity": row.quantity,
                        "occurred_at": row.occurred_at,
                        "tie": row.tie,
                    }
                    for row in ledger.counts
                ],
            )
        for table, row_id in ledger.moved_history:
            moved = metadata.tables[table]
            self.connection.execute(sa.update(moved).where(moved.c.id == row_id).values(moves_stock=True))
        shipped = [row_id for table, row_id in ledger.moved_history if table == shipment.name]
        if shipped:
            orders = sa.select(order_line.c.order_id).join(shipment, shipment.c.line_id == order_line.c.id).distinct()
            for order_id in self.connection.execute(orders.where(in_values(self.connection, shipment.c.id, shipped))).scalars():
                self.touch("orders", "order", order_id)
        if ledger.dirty_levels:
            self._write_levels()
        if ledger.dirty_backorders:
            _PUT_BACKORDER.run(
                self.connection,
                [
                    {"sku": sku, "channel_id": channel_id, "backordered": ledger.backorders[(sku, channel_id)]}
                    for sku, channel_id in sorted(ledger.dirty_backorders)
                ],
            )
            self._touched.setdefault("stock", {}).update({("sku", sku): None for sku, _ in ledger.dirty_backorders})

    def _write_levels(self) -> None:
        levels = [level for _, level in sorted(self.ledger.dirty_levels.items())]
        _PUT_LEVEL.run(self.connection, [stock_levels.row_of(level) for level in levels])
        self._touched.setdefault("stock", {}).update({("sku", level.sku): None for level in levels})


def raise_versions(connection: Connection, touched: Mapping[str, Iterable[tuple[str, str]]]) -> None:
    """The last statements of a writing transaction: raise each topic's version, and log what changed under it."""
    topics = sorted(touched)
    if not topics:
        return
    if not is_sqlite(connection):
        _HOLD_VERSIONS.all(connection, topics=topics)
    versions = {row.topic: row.version for row in _RAISE.all(connection, topics=topics)}
    at = now_us()
    changes = [(topic, versions[topic], entity, entity_id, at) for topic in topics for entity, entity_id in touched[topic]]
    insert_rows(connection, change_log, ("topic", "version", "entity", "entity_id", "logged_at"), changes)
