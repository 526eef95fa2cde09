"""Rows of an order file that go through the ledger one by one: open lines, kits, changed lines, and what comes late."""

import json
from collections.abc import Sequence
from typing import Any, Final, Literal

import polars as pl
import sqlalchemy as sa

from data_access.domain.ledger_state import CountFact, Key, Line
from data_access.domain.returns.fates import effects_on_stock
from data_access.engine import now_us
from data_access.imports.bulk_rows import line_ids
from data_access.imports.contradictions import contradiction
from data_access.imports.lines.package_of_row import Shipping, shipping
from data_access.imports.lines.packages_of_file import CODE as PACKAGE_UNITS
from data_access.imports.lines.reopening import LIVES_AGAIN, lives_again, reopen
from data_access.imports.order_plan import Bad, Ignored, OrderPlan
from data_access.schema.audit import import_change
from data_access.schema.orders import cancellation, order_charge, order_line, sales_order, shipment
from data_access.schema.returns import return_line
from data_access.schema.stock import event
from data_access.write.bulk import in_values
from data_access.write.unit_of_work import UnitOfWork

Outcome = Literal["imported", "updated", "ignored", "duplicate"] | Bad
_PACKAGE_FACTS: Final = ("carrier", "tracking_number", "tracking_uploaded_at", "first_scan_at", "delivered_at")


class SingleRows:
    """Takes in rows one by one, in their order; the unit's flush writes what they change.

    `events`: row ids of events to write first; `changed`: orders whose known lines rows are about; `ignored`: what rows say that was
    not taken as a change.
    """

    def __init__(self, unit: UnitOfWork, plan: OrderPlan) -> None:
        self._unit = unit
        self._plan = plan
        self.events: list[int] = []
        self.ignored: list[Ignored] = []
        self.keys: list[str] = []
        self.changed: dict[str, None] = {}
        self._lines: dict[tuple[str, str], Line] = {}
        self._facts: dict[int, dict[str, Any]] = {}
        self._orders: dict[str, dict[str, Any]] = {}
        self._packages: dict[int, list[dict[str, Any]]] = {}
        self._cancellations: dict[int, list[dict[str, Any]]] = {}
        self._new: set[int] = set()
        self._pieces: dict[int, list[tuple[str | None, str | None, int]]] = {}
        self._known_refs: set[str] = set()

    def load(self, rows: pl.DataFrame) -> None:
        """Look up, in a few queries, the known lines that the rows change and the purchases of their returns."""
        positions = rows.filter(pl.col("role") == "return").select(position="at")
        for position, order_ref, line_ref, units in self._plan.matches.join(positions, on="position", how="semi").iter_rows():
            self._pieces.setdefault(position, []).append((order_ref, line_ref, units))
        bought = {ref for pieces in self._pieces.values() for ref, _, _ in pieces if ref is not None}
        changing = rows.filter(pl.col("line_id").is_not_null() | pl.col("again"))
        lines = line_ids(self._unit.connection, self._plan, sorted(bought.union(changing["order_ref"])))
        refs = {line_id: (order_ref, line_ref) for order_ref, line_ref, line_id, _ in lines.iter_rows()}
        for _, line in self._unit.load_lines(lines["order_id"].unique().sort().to_list()):
            self._lines[refs[line.line_id]] = line
        self._load_facts(changing, lines)
        refs_again = changing.filter("again")["event_ref"].to_list()
        known = sa.select(event.c.event_id).where(
            event.c.source == self._plan.source, in_values(self._unit.connection, event.c.event_id, refs_again)
        )
        self._known_refs |= set(self._unit.connection.execute(known).scalars()) if refs_again else set()

    def _load_facts(self, changing: pl.DataFrame, lines: pl.DataFrame) -> None:
        if changing.is_empty():
            return
        connection = self._unit.connection
        order_ids = changing["order_id"].unique().sort().to_list()
        for row in connection.execute(sa.select(sales_order).where(in_values(connection, sales_order.c.id, order_ids))).mappings():
            self._orders[row["order_ref"]] = dict(row)
        changed = lines.join(changing, on=["order_ref", "line_ref"], how="semi")["known_line_id"].to_list()
        for row in connection.execute(sa.select(order_line).where(in_values(connection, order_line.c.id, changed))).mappings():
            self._facts[row["id"]] = dict(row)
        for table, kept in ((shipment, self._packages), (cancellation, self._cancellations)):
            query = sa.select(table).where(in_values(connection, table.c.line_id, changed)).order_by(table.c.id)
            for row in connection.execute(query).mappings():
                kept.setdefault(row["line_id"], []).append(dict(row))

    def open(self, sku: str, at: int, units: int) -> None:
        """Post an assumed opening: rows of its SKU that come after it move stock from now on."""
        unit, place = self._unit, self._plan.location_id
        row_id, event_id = unit.ids.take(), f"opening|{place}|{sku}"
        unit.add(
            event,
            {
                "id": row_id,
                "source": self._plan.source,
                "event_id": event_id,
                "kind": "opening",
                "channel_id": None,
                "occurred_at": at,
                "received_at": now_us(),
                "payload_hash": str(units),
                "status": "applied",
                "waits_for": None,
                "payload": None,
                "import_run_id": self._plan.run_id,
            },
        )
        unit.ledger.begins(row_id)
        fact = CountFact(row_id, sku, place, "sellable", units, at, f"{self._plan.source}:{event_id}")
        unit.ledger.count(fact, "opening", is_assumed=True)
        unit.settle()

    def take(self, row: dict[str, Any]) -> Outcome:
        """Take in one row. A row whose exact content was taken in before is a duplicate, whatever other rows have said since."""
        if row["event_ref"] in self._known_refs:
            return "duplicate"
        self._unit.ledger.begins(row["event_row"])
        key = (row["order_ref"], row["line_ref"])
        outcome: Outcome = "imported"
        if row["role"] == "charge":
            outcome = self._charge(row)
        elif row["role"] == "return":
            self._return_row(row)
        elif row["role"] == "write_off":
            self._write_off(row)
        elif key in self._lines:
            outcome = self._change(row, self._lines[key])
            self.changed[row["order_ref"]] = None
        else:
            self._lines[key] = self._place(row)
        if not isinstance(outcome, Bad):
            self._known_refs.add(row["event_ref"])
            self.events.append(row["event_row"])
        if outcome in ("imported", "updated"):
            self._unit.settle()
        return outcome

    def is_unmatched(self, row: dict[str, Any]) -> bool:
        """Whether a return has no purchase."""
        return all(order_ref is None for order_ref, _, _ in self._pieces.get(row["at"], ()))

    # ---- lines -------------------------------------------------------------------------------------------------------

    def _place(self, row: dict[str, Any]) -> Line:
        unit = self._unit
        line = Line(
            line_id=unit.ids.take(),
            order_id=row["order_id"],
            channel_id=self._plan.channel_id,
            sku=row["sku"],
            components=unit.lookups.components(row["sku"], row["kit_version"]),
            quantity=row["quantity"],
            placed_at=row["placed_at"],
            location_id=self._plan.reserved_at,
        )
        facts = {
            "id": line.line_id,
            "order_id": line.order_id,
            "line_ref": row["line_ref"],
            "channel_id": line.channel_id,
            "event_id": row["event_row"],
            "external_sku": row["external_sku"],
            "sku": line.sku,
            "kit_version": row["kit_version"],
            "quantity": line.quantity,
            "unit_price": row["unit_price"],
            "placed_at": line.placed_at,
            "ship_by_at": row["ship_by_at"],
            "deliver_by_at": row["deliver_by_at"],
            "location_id": self._plan.reserved_at,
        }
        unit.add_line(facts, line)
        self._facts[line.line_id] = facts
        self._new.add(line.line_id)
        # Shipped and cancelled units are booked before placing, so that they are never allocated.
        units = line.quantity if row["package_quantity"] is None else row["package_quantity"]
        if row["shipped_at"] is not None:
            self._ship(row, line, units)
        if row["cancelled_at"] is not None:
            self._cancel(row, line, units)
        unit.ledger.place(line)
        if row["returned_at"] is not None:
            self._give_back(row, line, self._units_back(row, line), row["returned_at"], None)
        prefix = f"{self._plan.channel_id}:{row['order_ref']}"
        self.keys += [f"order:{prefix}", f"line:{prefix}:{row['line_ref']}"]
        return line

    def _moves_stock(self, components: tuple[tuple[str, int], ...], at: int) -> bool:
        """Whether the stock of all components was begun, by a count or opening, at or before this time."""
        begun = [self._unit.ledger.level(sku, self._plan.location_id).tracked_from for sku, _ in components]
        return all(since is not None and since <= at for since in begun)

    def _ship(self, row: dict[str, Any], line: Line, units: int) -> None:
        unit, at = self._unit, row["shipped_at"]
        moves_stock = self._moves_stock(line.components, at)
        package = {
            "id": unit.ids.take(),
            "event_id": row["event_row"],
            "line_id": line.line_id,
            "shipment_ref": row["tracking_number"] or str(at),
            "location_id": self._plan.location_id,
            "quantity": units,
            "shipped_at": at,
            **{name: row[name] for name in _PACKAGE_FACTS},
            "last_scan_at": row["first_scan_at"],
            "moves_stock": moves_stock,
            "is_followed": False,
        }
        unit.add(shipment, package)
        self._packages.setdefault(line.line_id, []).append({**package, "new": package})
        unit.ledger.ship(line, units, self._plan.location_id, row["event_row"], at, moves_stock)
        self.keys.append(f"shipment:{self._plan.channel_id}:{row['order_ref']}:{package['shipment_ref']}")

    def _cancel(self, row: dict[str, Any], line: Line, units: int) -> None:
        is_whole = row["cancelled_at"] is not None and row["package_quantity"] is None and not line.shipped
        fact = {
            "id": self._unit.ids.take(),
            "event_id": row["event_row"],
            "line_id": line.line_id,
            "quantity": units,
            "said_quantity": line.quantity if is_whole and units < line.quantity else None,
            "cancelled_at": row["cancelled_at"] if row["cancelled_at"] is not None else row["placed_at"],
            "reason": row["cancel_reason"],
            "cancelled_by": row["cancelled_by"],
        }
        self._unit.add(cancellation, fact)
        self._cancellations.setdefault(line.line_id, []).append({**fact, "new": fact})
        self._unit.ledger.cancel(line, units)

    # ---- changed lines -----------------------------------------------------------------------------------------------

    def _change(self, row: dict[str, Any], line: Line) -> Outcome:
        """Apply a newer row of a known line. What it leaves empty stays as it is, and nothing that happened is undone."""
        question = lives_again(row, line)
        if question is not None and not self._plan.mapping.lines.reopens:
            return Bad(row["row_no"], row["line_number"], row["order_ref"], LIVES_AGAIN, question)
        if question is not None:
            self._reopen(row, line)
        sent = self._shipping(row, line)
        if sent.problem is not None:
            return Bad(row["row_no"], row["line_number"], row["order_ref"], PACKAGE_UNITS, sent.problem)
        if row["quantity"] > line.quantity and not row["is_void"] and not sent.growth:
            reason = (
                f"The line is known with {line.quantity} units and now has {row['quantity']}: "
                "a line does not grow; place the further units as a line of their own."
            )
            return Bad(row["row_no"], row["line_number"], row["order_ref"], "quantity_grew", reason)
        odd = contradiction(row, line, self._facts[line.line_id]["external_sku"], is_package=sent.is_package)
        if odd is not None:
            self.ignored.append(Ignored(row["line_number"], row["order_ref"], *odd))
        changed = question is not None
        changed |= self._change_facts(row, line)
        changed |= self._change_order(row)
        if sent.growth:
            self._grow(line, sent.growth)
        if sent.units > 0:
            self._ship(row, line, sent.units)
            changed = True
        else:
            changed |= self._change_packages(row, line, sent.packages)
        left = line.quantity - line.shipped - line.cancelled
        if row["cancelled_at"] is not None and left > 0:
            self._cancel(row, line, left if row["package_quantity"] is None else min(left, row["package_quantity"]))
            changed = True
        elif not (row["is_void"] or sent.is_package) and line.quantity - line.cancelled > row["quantity"] and left > 0:
            self._cancel(row, line, min(line.quantity - line.cancelled - row["quantity"], left))
            changed = True
        elif row["cancelled_at"] is not None:
            changed |= self._change_cancellations(row, line)
        back = self._units_back(row, line)
        if back > 0:
            self._give_back(row, line, back, row["returned_at"], None)
            changed = True
        if changed:
            return "updated"
        return "duplicate" if odd is None else "ignored"

    def _shipping(self, row: dict[str, Any], line: Line) -> Shipping:
        if row["shipped_at"] is None:
            return Shipping()
        by_package = self._plan.mapping.lines.quantity == "package"
        return shipping(row, line, self._packages.get(line.line_id, ()), may_grow=by_package)

    def _reopen(self, row: dict[str, Any], line: Line) -> None:
        """A cancelled line lives again; if its file had lost its units when it was cancelled, with those of the row."""
        reopen(self._unit, self._plan.run_id, line, self._cancellations.pop(line.line_id, []))
        if row["quantity"] > line.quantity:
            self._grow(line, row["quantity"] - line.quantity)

    def _grow(self, line: Line, units: int) -> None:
        """A line has more units than was known: they left in a package of their own, or the line lives again with them."""
        facts, changes = self._facts[line.line_id], {"quantity": line.quantity + units}
        if line.line_id not in self._new:
            self._overwrite(order_line, facts, changes)
        facts.update(changes)
        line.quantity += units

    def _units_back(self, row: dict[str, Any], line: Line) -> int:
        """Units that a row says came back beyond those that are known to; a row that does not say how many means all that left."""
        if row["returned_at"] is None or (row["returned_quantity"] is None and line.returned):
            return 0
        said = line.shipped if row["returned_quantity"] is None else min(row["returned_quantity"], line.shipped)
        return said - line.returned

    def _change_facts(self, row: dict[str, Any], line: Line) -> bool:
        facts = self._facts[line.line_id]
        if row["is_void"]:
            return False  # a line without units has no price either
        given = {name: row[name] for name in ("unit_price", "ship_by_at", "deliver_by_at")}
        changes = {name: value for name, value in given.items() if value is not None and value != facts[name]}
        if changes and line.line_id not in self._new:
            self._overwrite(order_line, facts, changes)
            self._unit.touch("orders", "order", line.order_id)
        facts.update(changes)
        return bool(changes)

    def _change_order(self, row: dict[str, Any]) -> bool:
        order = self._orders.get(row["order_ref"])
        if order is None:
            return False
        given = {"customer_ref": row["customer"], "destination_country": row["country"], "destination_region": row["region"]}
        if self._plan.mapping.columns.fulfilled_by is not None:
            given["fulfilled_by"] = row["fulfilled_by"]
        changes = {name: value for name, value in given.items() if value is not None and value != order[name]}
        if changes:
            self._overwrite(sales_order, order, changes)
            order.update(changes)
            self._unit.touch("orders", "order", order["id"])
        return bool(changes)

    def _change_packages(self, row: dict[str, Any], line: Line, packages: Sequence[dict[str, Any]]) -> bool:
        changed = False
        for package in packages:
            given = {name: row[name] for name in _PACKAGE_FACTS}
            changes = {name: value for name, value in given.items() if value is not None and value != package[name]}
            if "first_scan_at" in changes:
                changes["last_scan_at"] = max(changes["first_scan_at"], package["last_scan_at"] or 0)
            changed |= self._change_row(shipment, package, changes, line)
        return changed

    def _change_cancellations(self, row: dict[str, Any], line: Line) -> bool:
        changed = False
        for fact in self._cancellations.get(line.line_id, ()):
            changes = {}
            if row["cancel_reason"] is not None and row["cancel_reason"] != fact["reason"]:
                changes["reason"] = row["cancel_reason"]
            if row["cancelled_by"] not in ("unknown", fact["cancelled_by"]):
                changes["cancelled_by"] = row["cancelled_by"]
            changed |= self._change_row(cancellation, fact, changes, line)
        return changed

    def _change_row(self, table: sa.Table, row: dict[str, Any], changes: dict[str, Any], line: Line) -> bool:
        if not changes:
            return False
        if "new" in row:
            row["new"].update(changes)
        else:
            self._overwrite(table, row, changes)
        row.update(changes)
        self._unit.touch("orders", "order", line.order_id)
        return True

    def _overwrite(self, table: sa.Table, row: dict[str, Any], changes: dict[str, Any]) -> None:
        """Change a stored row."""
        self._unit.change(table, row["id"], changes)
        self._keep_before(table, row, changes)

    def _keep_before(self, table: sa.Table, row: dict[str, Any], changes: dict[str, Any]) -> None:
        """Keep what a stored row said, so that the import can be taken back."""
        before, after = (json.dumps({name: source[name] for name in changes}, sort_keys=True) for source in (row, changes))
        kept = {"import_run_id": self._plan.run_id, "table_name": table.name, "row_id": row["id"], "before": before, "after": after}
        self._unit.add(import_change, {"id": self._unit.ids.take(), **kept})

    # ---- charges -----------------------------------------------------------------------------------------------------

    def _charge(self, row: dict[str, Any]) -> Outcome:
        """Apply a newer price, quantity or text of a known charge."""
        c = order_charge.c
        where = (c.channel_id == self._plan.channel_id, c.order_ref == row["order_ref"], c.line_ref == row["line_ref"])
        known = self._unit.connection.execute(sa.select(order_charge).where(*where)).mappings().one()
        given = {"quantity": row["quantity"], "unit_price": row["unit_price"], "description": row["title"]}
        changes = {name: value for name, value in given.items() if value is not None and value != known[name]}
        if not changes:
            return "duplicate"
        self._unit.connection.execute(sa.update(order_charge).where(c.id == known["id"]).values(**changes))
        self._keep_before(order_charge, dict(known), changes)
        self._unit.touch("orders", "charge", row["order_ref"])
        return "updated"

    # ---- returns and write-offs --------------------------------------------------------------------------------------

    def _return_row(self, row: dict[str, Any]) -> None:
        for order_ref, line_ref, units in self._pieces.get(row["at"], [(None, None, row["quantity"])]):
            line = self._lines.get((order_ref, line_ref)) if order_ref is not None and line_ref is not None else None
            self._give_back(row, line, units, row["placed_at"], self._plan.disposition)

    def _give_back(self, row: dict[str, Any], line: Line | None, units: int, at: int, disposition: str | None) -> None:
        unit, place, return_ref = self._unit, self._plan.location_id, row["order_ref"]
        components = line.components if line is not None else unit.lookups.components(row["sku"], row["kit_version"])
        moves_stock = self._moves_stock(components, at)
        price = row["unit_price"]
        return_id = unit.ids.take()
        self.keys.append(f"return:{self._plan.channel_id}:{return_ref}")
        returned = {
            "id": return_id,
            "event_id": row["event_row"],
            "channel_id": self._plan.channel_id,
            "return_ref": return_ref,
            "line_id": line.line_id if line is not None else None,
            "sku": row["sku"],
            "location_id": place,
            "quantity": units,
            "requested_at": None,
            "received_at": at,
            "reason_code": None,
            "return_reason": None,
            "customer_note": None,
            "inspected_at": at if disposition is not None else None,
            "disposition": disposition,
            "is_disposition_assumed": disposition is not None,
            "refund": price * units if price is not None and row["role"] == "return" else None,
            "currency": row["currency"] if price is not None and row["role"] == "return" else None,
            "moves_stock": moves_stock,
            "part": None,
            "approved_at": None,
            "refunded_at": None,
            "fates": None,
        }
        unit.add(return_line, returned)
        if line is not None:
            line.returned += units
            unit.ledger.dirty_lines[line.line_id] = line
        if moves_stock:
            for sku, effect in effects_on_stock(returned, components):
                unit.ledger.move(row["event_row"], at, (sku, place, effect.state), effect.kind, effect.quantity)
        unit.touch("returns", "return", return_id)

    def _write_off(self, row: dict[str, Any]) -> None:
        components = self._unit.lookups.components(row["sku"], row["kit_version"])
        if self._moves_stock(components, row["placed_at"]):
            for sku, per in components:
                key: Key = (sku, self._plan.location_id, "sellable")
                self._unit.ledger.move(row["event_row"], row["placed_at"], key, "write_off", -row["quantity"] * per)
