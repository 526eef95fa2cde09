"""A stretch of an order file: what its rows do is worked out against the store before it is written.

A row is *settled* if it needs no decision: a new line that has shipped or was cancelled in full, a return, a write-off, a new charge.
The settled rows of a SKU are written together where that leaves the same store as the ledger would if it took them one by one: they
are newer than all movements of the SKU's stock, nothing waits for that stock, and its balance stays at 0 or above. All rows of any
other SKU of the stretch are *single*: they go through the ledger in their order. What settled rows write is worked out here, with
their ids, so that writing holds the lock only briefly; it is valid as long as nobody else changes what it was worked out from.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import polars as pl
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from data_access.engine import RowIds, now_us
from data_access.imports import bulk_rows
from data_access.imports.files.orders import IS_ASIDE
from data_access.imports.order_plan import Bad, OrderPlan
from data_access.prepared import Prepared, in_list
from data_access.schema.audit import store_version
from data_access.schema.orders import order_charge, order_line, sales_order
from data_access.schema.stock import event
from data_access.write.bulk import Insertion, constants, in_values, tuples
from data_access.write.lookups import Lookups, current

IDS_PER_ROW: Final = 12
_TOPICS: Final = ("catalog", "channels", "orders", "returns", "stock")
_VERSIONS: Final = Prepared(sa.select(store_version.c.topic, store_version.c.version).where(in_list(store_version.c.topic, "topics")))
_IS_CHARGE: Final = pl.col("role") == "charge"

Lock = Callable[[set[str]], None]
"""Called with the stocked SKUs before their stock is read."""


class Stretch:
    """Rows of one table, by the position of the row of the file that they come from, ascending."""

    def __init__(self, frame: pl.DataFrame) -> None:
        self._positions = frame["position"].to_numpy()
        self._frame = frame.drop("position")
        self._split: tuple[pl.DataFrame, dict[str, Any]] | None = None

    def between(self, start: int, end: int) -> pl.DataFrame:
        """Those of a half-open range of positions."""
        return self._frame.slice(*self._range(start, end))

    def insertion(self, table: sa.Table, start: int, end: int) -> Insertion:
        """Those of a half-open range of positions, as they are sent to their table."""
        if self._split is None:
            same = constants(self._frame)
            self._split = (self._frame.drop(list(same)), same)
        frame, same = self._split
        return Insertion(table, frame.columns, tuples(frame.slice(*self._range(start, end))), same)

    def _range(self, start: int, end: int) -> tuple[int, int]:
        low, high = np.searchsorted(self._positions, (start, end))
        return int(low), int(high - low)


@dataclass(slots=True)
class Block:
    """What the rows from `start` to `end` do.

    `outcomes`: row_no, role, order_ref, line_ref and outcome (bad, left_out, waiting, duplicate, settled or single) of each;
    `tables`: rows by table; `returned`: line_id and quantity of what comes back; `single` and `openings`: what goes through the ledger;
    `unmatched`: positions of returns without a purchase; `parts`: the stocked SKUs that each SKU is made of.
    """

    start: int
    end: int
    versions: dict[str, int]
    bad: list[tuple[int, Bad]] = field(default_factory=list)
    outcomes: Stretch = field(init=False)
    tables: dict[str, Stretch] = field(init=False)
    returned: Stretch = field(init=False)
    single: Stretch = field(init=False)
    openings: Stretch = field(init=False)
    assumed: Stretch = field(init=False)
    unmatched: frozenset[int] = frozenset()
    parts: dict[str, tuple[str, ...]] = field(default_factory=dict)


def versions(connection: Connection) -> dict[str, int]:
    """The versions of all that a block is worked out from."""
    return {row.topic: row.version for row in _VERSIONS.all(connection, topics=list(_TOPICS))}


def work_out(connection: Connection, ids: RowIds, plan: OrderPlan, rows: pl.DataFrame, lock: Lock | None = None) -> Block:
    """Work out what rows by `files.orders.ROWS` do, as the store is in this transaction.

    It takes at most `IDS_PER_ROW` row ids for each row and opening.
    """
    lookups = current(connection)
    start = int(rows["position"][0])
    block = Block(start, start + rows.height, versions(connection))
    openings = plan.openings_of(rows)
    _refuse(block, rows.filter(pl.col("code").is_not_null()))
    good, listings = _resolved(connection, lookups, ids, plan, block, rows.filter(pl.col("code").is_null() & ~IS_ASIDE))
    good = _without_known(connection, plan, good)
    taken_in = _with_orders(connection, ids, plan, block, good)
    charges, again = _charges(connection, plan, taken_in.filter(_IS_CHARGE))
    goods, orders = _new_orders(ids, taken_in.filter(~_IS_CHARGE))
    for sku, kit in goods.select("sku", "kit_version").unique().iter_rows():
        block.parts[sku] = tuple(part for part, _ in lookups.components(sku, kit))
    block.parts |= {sku: (sku,) for sku in openings["sku"]}
    if lock is not None:
        lock({part for parts in block.parts.values() for part in parts})
    stock = bulk_rows.StockBefore(connection, lookups, plan, [*goods["sku"].unique(maintain_order=True), *openings["sku"]])
    settled = bulk_rows.work_out(connection, ids, plan, goods, openings, stock)
    is_single = pl.col("sku").is_in(list(settled.single))
    single = pl.concat([goods.filter(is_single), again], how="diagonal").sort("position")
    in_bulk = pl.concat([goods.filter(~is_single), charges], how="diagonal").sort("position")
    block.unmatched = settled.unmatched
    block.returned, block.single = Stretch(settled.returned), Stretch(single.with_columns(at="position"))
    block.openings = Stretch(settled.openings.filter(is_single).with_columns(at="position"))
    block.assumed = Stretch(settled.openings)
    block.tables = {
        "listing": Stretch(listings),
        "opening": Stretch(settled.opening_events),
        "event": Stretch(events(plan, in_bulk)),
        "sales_order": Stretch(_orders(plan, orders)),
        "order_charge": Stretch(_charge_rows(ids, plan, charges)),
        **{name: Stretch(frame) for name, frame in settled.tables.items()},
    }
    block.outcomes = Stretch(_outcomes(rows, block, good, single))
    return block


def _outcomes(rows: pl.DataFrame, block: Block, good: pl.DataFrame, single: pl.DataFrame) -> pl.DataFrame:
    bad = [position for position, _ in block.bad]
    position = pl.col("position")
    outcome = (
        pl.when(position.is_in(bad))
        .then(pl.lit("bad"))
        .when(IS_ASIDE)
        .then("role")
        .when(position.is_in(single["position"].implode()))
        .then(pl.lit("single"))
        .when(position.is_in(good["position"].implode()))
        .then(pl.lit("settled"))
        .otherwise(pl.lit("duplicate"))
    )
    package = pl.coalesce("tracking_number", pl.col("shipped_at").cast(pl.String))
    shipment_ref = pl.when(pl.col("shipped_at").is_not_null()).then(package)
    return rows.select("position", "row_no", "role", "order_ref", "line_ref", at="position", outcome=outcome, shipment_ref=shipment_ref)


def _refuse(block: Block, rows: pl.DataFrame) -> None:
    columns = ("position", "row_no", "line_number", "order_ref", "code", "reason", "external_sku")
    for position, row_no, line_number, reference, code, reason, external_sku in rows.select(columns).iter_rows():
        waits = external_sku if code == "unknown_listing" else None
        block.bad.append((position, Bad(row_no, line_number, reference or "", code, reason, waits)))


def _resolved(
    connection: Connection, lookups: Lookups, ids: RowIds, plan: OrderPlan, block: Block, rows: pl.DataFrame
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """With the SKU and kit version of each code. Rows of listings without a SKU are refused; listings not known yet are noted."""
    codes = rows.filter(~_IS_CHARGE)["external_sku"].unique(maintain_order=True).to_list()
    lookups.load(connection, (), [(plan.channel_id, code) for code in codes])
    listed = [lookups.listed(plan.channel_id, code) for code in codes]
    table = pl.DataFrame(
        {
            "external_sku": codes,
            "is_listed": [known for known, _ in listed],
            "sku": [sku for _, sku in listed],
            "kit_version": [lookups.kit_version(sku) if sku is not None else None for _, sku in listed],
        },
        schema={"external_sku": pl.String, "is_listed": pl.Boolean, "sku": pl.String, "kit_version": pl.Int64},
    )
    rows = rows.drop("sku").join(table, on="external_sku", how="left", maintain_order="left")
    rows = rows.with_columns(sku=pl.when(~_IS_CHARGE).then("sku"))  # a charge may have the code of a listing, and is no goods
    unknown = rows.filter(~_IS_CHARGE & pl.col("sku").is_null())
    new = unknown.filter(~pl.col("is_listed")).group_by("external_sku", maintain_order=True)
    listings = new.agg(pl.col("position").min(), pl.col("title").drop_nulls().first()).sort("position")
    first = ids.take(listings.height) if listings.height else 0
    listings = listings.select(
        "position",
        "external_sku",
        "title",
        listing_id=pl.int_range(first, first + listings.height, dtype=pl.Int64),
        channel_id=pl.lit(plan.channel_id),
        first_seen_at=pl.lit(now_us(), pl.Int64),
    )
    channel_id = plan.channel_id.replace("{", "(").replace("}", ")")
    reason = pl.format("The listing {} of " + channel_id + " has no SKU: map it in the inbox, and its rows arrive.", "external_sku")
    _refuse(block, unknown.with_columns(code=pl.lit("unknown_listing"), reason=reason))
    return rows.filter(_IS_CHARGE | pl.col("sku").is_not_null()), listings


def _without_known(connection: Connection, plan: OrderPlan, rows: pl.DataFrame) -> pl.DataFrame:
    """Rows whose exact content was not taken in before; of equal rows that are not lines, the first (lines are left to `ledger_rows`)."""
    query = sa.select(event.c.event_id).where(
        event.c.source == plan.source, in_values(connection, event.c.event_id, rows["event_ref"].to_list())
    )
    known = pl.Series(connection.execute(query).scalars().all(), dtype=pl.String)
    is_first = bulk_rows.IS_LINE | pl.col("event_ref").is_first_distinct()
    return rows.filter(~pl.col("event_ref").is_in(known.implode()) & is_first)


def _frame(rows: Sequence[Any], schema: dict[str, Any]) -> pl.DataFrame:
    return pl.DataFrame([tuple(row) for row in rows], schema=schema, orient="row")


def _with_orders(connection: Connection, ids: RowIds, plan: OrderPlan, block: Block, rows: pl.DataFrame) -> pl.DataFrame:
    """With the row id of its event, `order_id` (null if new), the order's own time of placing, `line_id` and `line_sku` of known lines,
    and `again`: whether another row is of the same line, perhaps with another SKU.
    """
    is_line = bulk_rows.IS_LINE
    o, line = sales_order.c, order_line.c
    refs = rows.filter(is_line)["order_ref"].unique(maintain_order=True).to_list()
    query = sa.select(o.id, o.order_ref, o.placed_at, o.currency).where(
        o.channel_id == plan.channel_id, in_values(connection, o.order_ref, refs)
    )
    schema = {"order_id": pl.Int64, "order_ref": pl.String, "order_placed_at": pl.Int64, "order_currency": pl.String}
    orders = _frame(connection.execute(query).all(), schema)
    rows = rows.join(orders, on="order_ref", how="left", maintain_order="left")
    other = (is_line & (pl.col("order_currency") != pl.col("currency"))).fill_null(value=False)
    reason = pl.format("The row is in {}, but its order is known in {}: an order has one currency.", "currency", "order_currency")
    _refuse(block, rows.filter(other).with_columns(code=pl.lit("other_currency"), reason=reason))
    rows = rows.filter(~other)
    wanted = in_values(connection, line.order_id, orders["order_id"].to_list())
    known = sa.select(line.id, line.order_id, line.line_ref, line.sku).where(wanted)
    line_rows = connection.execute(known).all() if orders.height else []
    lines = _frame(line_rows, {"line_id": pl.Int64, "order_id": pl.Int64, "line_ref": pl.String, "line_sku": pl.String})
    first = ids.take(rows.height) if rows.height else 0
    return rows.join(lines, on=["order_id", "line_ref"], how="left", maintain_order="left").with_columns(
        event_row=pl.int_range(first, first + rows.height, dtype=pl.Int64),
        again=is_line & pl.struct("order_ref", "line_ref").is_duplicated(),
        placed_at=pl.when(is_line).then(pl.coalesce("order_placed_at", "placed_at")).otherwise("placed_at"),
        order_id=pl.when(is_line).then("order_id"),
        line_id=pl.when(is_line).then("line_id"),
        line_sku=pl.when(is_line).then("line_sku"),
    )


def _charges(connection: Connection, plan: OrderPlan, rows: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """New charges, and newer rows of known ones."""
    c = order_charge.c
    query = sa.select(c.order_ref, c.line_ref).where(
        c.channel_id == plan.channel_id, in_values(connection, c.order_ref, rows["order_ref"].unique().to_list())
    )
    known = _frame(connection.execute(query).all() if rows.height else [], {"order_ref": pl.String, "line_ref": pl.String})
    rows = rows.join(known.with_columns(is_known=pl.lit(value=True)), on=["order_ref", "line_ref"], how="left", maintain_order="left")
    again = pl.col("is_known").fill_null(value=False) | ~pl.struct("order_ref", "line_ref").is_first_distinct()
    return rows.filter(~again).drop("is_known"), rows.filter(again).drop("is_known")


def _new_orders(ids: RowIds, rows: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Rows with all their order ids, and the rows that make new orders."""
    orders = rows.filter(bulk_rows.IS_LINE & pl.col("order_id").is_null()).group_by("order_ref", maintain_order=True).first()
    first = ids.take(orders.height) if orders.height else 0
    orders = orders.with_columns(order_id=pl.int_range(first, first + orders.height, dtype=pl.Int64))
    rows = rows.join(orders.select("order_ref", new_id="order_id"), on="order_ref", how="left", maintain_order="left")
    order_id = pl.when(bulk_rows.IS_LINE).then(pl.coalesce("order_id", "new_id"))
    return rows.with_columns(order_id=order_id).drop("new_id"), orders


def _orders(plan: OrderPlan, orders: pl.DataFrame) -> pl.DataFrame:
    return orders.select(
        "position",
        "order_ref",
        "placed_at",
        "currency",
        pl.col("fulfilled_by").fill_null("seller"),
        id="order_id",
        channel_id=pl.lit(plan.channel_id),
        customer_ref="customer",
        destination_country="country",
        destination_region="region",
    )


def _charge_rows(ids: RowIds, plan: OrderPlan, charges: pl.DataFrame) -> pl.DataFrame:
    first = ids.take(charges.height) if charges.height else 0
    return charges.select(
        "position",
        "order_ref",
        "line_ref",
        "quantity",
        "unit_price",
        "currency",
        id=pl.int_range(first, first + charges.height, dtype=pl.Int64),
        event_id="event_row",
        channel_id=pl.lit(plan.channel_id),
        code="external_sku",
        description="title",
        occurred_at="placed_at",
    )


def events(plan: OrderPlan, rows: pl.DataFrame) -> pl.DataFrame:
    """Rows of `event` for rows of the file; of a write-off, with what was thrown away and why, for no other table tells."""
    written_off = rows.filter(pl.col("role") == "write_off").select("event_row", "sku", "quantity", "title")
    texts = {
        event_row: json.dumps(
            {"location_id": plan.location_id, "quantity": quantity, "reason": title or "no text", "sku": sku}, ensure_ascii=False
        )
        for event_row, sku, quantity, title in written_off.iter_rows()
    }
    payload = pl.col("event_row").replace_strict(texts, default=None, return_dtype=pl.String) if texts else pl.lit(None, pl.String)
    return rows.select(
        "position",
        id="event_row",
        source=pl.lit(plan.source),
        event_id="event_ref",
        kind=pl.lit("order_row"),
        channel_id=pl.lit(plan.channel_id),
        occurred_at="placed_at",
        received_at=pl.lit(now_us(), pl.Int64),
        payload_hash="payload_hash",
        status=pl.lit("applied"),
        payload=payload,
        import_run_id=pl.lit(plan.run_id),
    )
