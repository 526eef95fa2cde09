"""What the settled rows of an order file write: lines, cancellations, shipments, returns, movements, assumed openings.

`chunk_plan` says which rows are settled. Frames here have the columns of their table, and the position of the row of the file that
they come from.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import polars as pl
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from data_access.domain.returns.fates import effects_on_stock
from data_access.engine import RowIds, now_us
from data_access.imports.order_plan import OrderPlan
from data_access.schema.orders import order_line, sales_order
from data_access.schema.returns import return_line
from data_access.store.stock_levels import for_bulk_load
from data_access.write.bulk import in_values
from data_access.write.ledger_reader import LedgerReader
from data_access.write.lookups import Lookups

_NEVER: Final = 2**62
_LEVELS: Final = {
    "sku": pl.String(),
    "sellable": pl.Int64(),
    "allocated": pl.Int64(),
    "last_at": pl.Int64(),
    "tracked_from": pl.Int64(),
    "is_waited_for": pl.Boolean(),
}
"""Stock of each SKU at the location. `tracked_from`: 2**62 if no count or opening has begun it; `is_waited_for`: it has backorders."""

IS_LINE: Final = pl.col("role") == "line"


@dataclass(frozen=True, slots=True, kw_only=True)
class SettledRows:
    """What settled rows write.

    `single`: SKUs whose rows go through the ledger instead; `openings`: those that are still needed, of all SKUs; `opening_events`:
    rows of `event` for openings of settled SKUs; `tables`: rows by table; `returned`: position, line_id and quantity of what comes
    back; `unmatched`: positions of returns without a purchase.
    """

    single: frozenset[str]
    openings: pl.DataFrame
    opening_events: pl.DataFrame
    tables: dict[str, pl.DataFrame]
    returned: pl.DataFrame
    unmatched: frozenset[int]


class StockBefore:
    """The stock of some SKUs at the location of an import, as it is before its rows."""

    def __init__(self, connection: Connection, lookups: Lookups, plan: OrderPlan, skus: Sequence[str]) -> None:
        self.skus = list(dict.fromkeys(skus))
        source = LedgerReader(connection, lookups)
        self._levels = {level.sku: level for level in source.levels(self.skus) if level.location_id == plan.location_id}
        self._waited_for = {sku for sku, _, units in source.backorders(self.skus) if units}
        self._tied = {sku for sku in self.skus if len(lookups.together((sku,))) > 1}
        self._connection = connection

    @property
    def tied(self) -> set[str]:
        """SKUs that are kits, or components of kits."""
        return self._tied

    def begun(self) -> list[str]:
        """SKUs whose stock a count or opening has begun."""
        return [sku for sku, level in self._levels.items() if level.tracked_from is not None]

    def not_fresh(self, skus: list[str]) -> set[str]:
        """Of SKUs that are to be opened, those that the store has any row of: the ledger adds the history that it holds."""
        if not skus:
            return set()
        held = {sku for sku in skus if sku in self._levels}
        for table in (order_line, return_line):
            query = sa.select(table.c.sku).where(in_values(self._connection, table.c.sku, skus)).distinct()
            held |= set(self._connection.execute(query).scalars())
        return held

    def levels(self, openings: pl.DataFrame) -> pl.DataFrame:
        """The levels after these openings of fresh SKUs, by `_LEVELS`."""
        opened = {sku: (at, units) for sku, at, units in openings.select("sku", "occurred_at", "quantity").iter_rows()}
        rows = []
        for sku in self.skus:
            level = self._levels.get(sku)
            if sku in opened:
                at, units = opened[sku]
                rows.append((sku, units, 0, at, at, False))
            elif level is None:
                rows.append((sku, 0, 0, -1, _NEVER, False))
            else:
                since = level.tracked_from if level.tracked_from is not None else _NEVER
                rows.append((sku, level.sellable, level.allocated, level.last_at, since, sku in self._waited_for))
        return pl.DataFrame(rows, schema=_LEVELS, orient="row")


def work_out(
    connection: Connection, ids: RowIds, plan: OrderPlan, rows: pl.DataFrame, openings: pl.DataFrame, stock: StockBefore
) -> SettledRows:
    """Which rows are settled, and what they write.

    Args:
        connection: the store, whose stock nobody else changes meanwhile.
        ids: for new rows of all tables.
        plan: of the file.
        rows: lines, returns and write-offs, with event_row, order_id, line_id, line_sku, kit_version and `again`.
        openings: assumed openings that come before the first of these rows of their SKU.
        stock: of all their SKUs.

    """
    undecided = pl.col("line_id").is_not_null() | pl.col("again") | pl.col("returned_at").is_not_null()
    undecided = undecided | (pl.col("shipped_at").is_null() & pl.col("cancelled_at").is_null())
    undecided = undecided | (pl.col("package_quantity") != pl.col("quantity")).fill_null(value=False)
    single = set(rows.filter((pl.col("kit_version") > 0) | (IS_LINE & undecided))["sku"]) | stock.tied
    single |= set(rows["line_sku"].drop_nulls())  # a known line keeps the SKU that it was placed with
    openings = openings.filter(~pl.col("sku").is_in(stock.begun()))
    single |= stock.not_fresh(openings["sku"].to_list())
    levels = stock.levels(openings.filter(~pl.col("sku").is_in(list(single))))
    at = pl.when(IS_LINE).then("shipped_at").otherwise("placed_at")
    rows = rows.join(levels.select("sku", "tracked_from"), on="sku", how="left", maintain_order="left")
    rows = rows.with_columns(moves_stock=(at >= pl.col("tracked_from")).fill_null(value=False))
    pieces = _pieces(plan, rows.filter(pl.col("role") == "return"))
    moves = _moves(plan, rows, pieces)
    single |= _unsafe(moves, levels)
    is_settled = ~pl.col("sku").is_in(list(single))
    rows, pieces, moves, fresh = (frame.filter(is_settled) for frame in (rows, pieces, moves, openings))
    lines = rows.filter(IS_LINE)
    lines = lines.with_columns(line_id=_ids(ids, lines))
    pieces = _with_purchases(connection, plan, pieces, lines)
    pieces = pieces.with_columns(id=_ids(ids, pieces))
    fresh = fresh.with_columns(event_row=_ids(ids, fresh))
    tables = {
        "order_line": _lines(plan, lines),
        "cancellation": _cancellations(ids, lines),
        "shipment": _shipments(ids, plan, lines),
        "return_line": _returns(plan, pieces),
        "stock_movement": _movements(ids, plan, moves, fresh),
        "stock_count": _counts(plan, fresh),
        "stock_level": _new_levels(plan, fresh),
    }
    matched = pieces.filter(pl.col("known_line_id").is_not_null())
    unmatched = frozenset(pieces["position"]) - frozenset(matched["position"])
    returned = matched.select("position", "quantity", line_id="known_line_id")
    return SettledRows(
        single=frozenset(single),
        openings=openings,
        opening_events=opening_events(plan, fresh),
        tables=tables,
        returned=returned,
        unmatched=unmatched,
    )


def _ids(ids: RowIds, frame: pl.DataFrame) -> pl.Expr:
    first = ids.take(frame.height) if frame.height else 0
    return pl.int_range(first, first + frame.height, dtype=pl.Int64)


def _pieces(plan: OrderPlan, returns: pl.DataFrame) -> pl.DataFrame:
    """Returns, each in as many pieces as it has purchases; `purchase_order_ref` and `purchase_line_ref` are null without one."""
    purchases = plan.matches.select("position", "quantity", purchase_order_ref="order_ref", purchase_line_ref="line_ref")
    return (
        returns.rename({"quantity": "row_quantity"})
        .join(purchases, on="position", how="left", maintain_order="left_right")
        .with_columns(quantity=pl.coalesce("quantity", "row_quantity"))
    )


def _moves(plan: OrderPlan, rows: pl.DataFrame, pieces: pl.DataFrame) -> pl.DataFrame:
    """Movements, numbered within their events."""
    nothing = pl.lit(0, pl.Int64)
    leaving = rows.filter(pl.col("moves_stock") & (pl.col("role") != "return")).select(
        "event_row",
        "position",
        "sku",
        at=pl.coalesce("shipped_at", "placed_at"),
        state=pl.lit("sellable"),
        kind=pl.when(IS_LINE).then(pl.lit("shipment")).otherwise(pl.lit("write_off")),
        quantity=-pl.col("quantity"),
        piece=nothing,
        step=nothing,
    )
    moving = pieces.filter(pl.col("moves_stock"))
    one_unit = {"quantity": 1, "received_at": 0, "inspected_at": 0, "disposition": plan.disposition, "fates": None}
    coming = [
        moving.select(
            "event_row",
            "position",
            "sku",
            at="placed_at",
            state=pl.lit(effect.state),
            kind=pl.lit(effect.kind),
            quantity=pl.col("quantity") * effect.quantity,
            piece=pl.int_range(pl.len(), dtype=pl.Int64),
            step=pl.lit(step, pl.Int64),
        )
        for step, (_, effect) in enumerate(effects_on_stock(one_unit, (("", 1),)))
    ]
    moves = pl.concat([leaving, *coming]).sort("position", "piece", "step").drop("piece", "step")
    return moves.with_columns(line_no=pl.int_range(1, pl.len() + 1).over("event_row"))


def _unsafe(moves: pl.DataFrame, levels: pl.DataFrame) -> set[str]:
    """SKUs whose movements are not all newer than their stock's last, that have backorders, or whose balance would fall below what is
    allocated.
    """
    sellable = moves.filter(pl.col("state") == "sellable").sort("sku", "at", "quantity", "position")
    lowest = sellable.with_columns(balance=pl.col("quantity").cum_sum().over("sku")).group_by("sku").agg(lowest=pl.col("balance").min())
    earliest = moves.group_by("sku").agg(earliest=pl.col("at").min())
    by_sku = earliest.join(lowest, on="sku", how="left").join(levels, on="sku", how="left")
    unsafe = pl.col("is_waited_for") | (pl.col("earliest") <= pl.col("last_at"))
    unsafe = unsafe | (pl.col("sellable") + pl.col("lowest").fill_null(0) < pl.col("allocated"))
    return set(by_sku.filter(unsafe)["sku"])


def _with_purchases(connection: Connection, plan: OrderPlan, pieces: pl.DataFrame, lines: pl.DataFrame) -> pl.DataFrame:
    """With `known_line_id`, the line that was bought: in the store, or among these lines."""
    stored = line_ids(connection, plan, pieces["purchase_order_ref"].drop_nulls().unique().to_list()).drop("order_id")
    here = lines.select("order_ref", "line_ref", known_line_id="line_id")
    known = pl.concat([stored, here]).rename({"order_ref": "purchase_order_ref", "line_ref": "purchase_line_ref"})
    return pieces.join(known, on=["purchase_order_ref", "purchase_line_ref"], how="left", maintain_order="left")


def line_ids(connection: Connection, plan: OrderPlan, order_refs: list[str]) -> pl.DataFrame:
    """order_ref, line_ref, known_line_id and order_id of all lines of these orders of the channel."""
    schema = {"order_ref": pl.String(), "line_ref": pl.String(), "known_line_id": pl.Int64(), "order_id": pl.Int64()}
    if not order_refs:
        return pl.DataFrame(schema=schema)
    query = (
        sa.select(sales_order.c.order_ref, order_line.c.line_ref, order_line.c.id, order_line.c.order_id)
        .join(order_line, order_line.c.order_id == sales_order.c.id)
        .where(sales_order.c.channel_id == plan.channel_id, in_values(connection, sales_order.c.order_ref, order_refs))
    )
    return pl.DataFrame([tuple(row) for row in connection.execute(query)], schema=schema, orient="row")


# ---- rows of the tables ------------------------------------------------------------------------------------------------


def _lines(plan: OrderPlan, lines: pl.DataFrame) -> pl.DataFrame:
    return lines.select(
        "position",
        "order_id",
        "line_ref",
        "external_sku",
        "sku",
        "kit_version",
        "quantity",
        "unit_price",
        "placed_at",
        "ship_by_at",
        "deliver_by_at",
        id="line_id",
        channel_id=pl.lit(plan.channel_id),
        event_id="event_row",
        cancelled_quantity=pl.when(pl.col("cancelled_at").is_not_null()).then("quantity").otherwise(0),
        shipped_quantity=pl.when(pl.col("shipped_at").is_not_null()).then("quantity").otherwise(0),
        **{f"{name}_quantity": pl.lit(0) for name in ("allocated", "backordered", "returned")},
    )


def _cancellations(ids: RowIds, lines: pl.DataFrame) -> pl.DataFrame:
    cancelled = lines.filter(pl.col("cancelled_at").is_not_null())
    return cancelled.select(
        "position",
        "line_id",
        "quantity",
        "cancelled_at",
        "cancelled_by",
        id=_ids(ids, cancelled),
        event_id="event_row",
        reason="cancel_reason",
    )


def _shipments(ids: RowIds, plan: OrderPlan, lines: pl.DataFrame) -> pl.DataFrame:
    shipped = lines.filter(pl.col("shipped_at").is_not_null())
    return shipped.select(
        "position",
        "line_id",
        "quantity",
        "shipped_at",
        "carrier",
        "tracking_number",
        "tracking_uploaded_at",
        "first_scan_at",
        "delivered_at",
        "moves_stock",
        id=_ids(ids, shipped),
        event_id="event_row",
        shipment_ref=pl.coalesce("tracking_number", pl.col("shipped_at").cast(pl.String)),
        location_id=pl.lit(plan.location_id),
        last_scan_at="first_scan_at",
    )


def _returns(plan: OrderPlan, pieces: pl.DataFrame) -> pl.DataFrame:
    is_inspected = pl.lit(plan.disposition is not None)
    return pieces.select(
        "position",
        "id",
        "sku",
        "quantity",
        "moves_stock",
        event_id="event_row",
        channel_id=pl.lit(plan.channel_id),
        return_ref="order_ref",
        line_id="known_line_id",
        location_id=pl.lit(plan.location_id),
        received_at="placed_at",
        inspected_at=pl.when(is_inspected).then("placed_at"),
        disposition=pl.lit(plan.disposition, pl.String),
        is_disposition_assumed=is_inspected,
        refund=pl.col("unit_price") * pl.col("quantity"),
        currency=pl.when(pl.col("unit_price").is_not_null()).then("currency"),
    )


def _movements(ids: RowIds, plan: OrderPlan, moves: pl.DataFrame, openings: pl.DataFrame) -> pl.DataFrame:
    posted = openings.filter(pl.col("quantity") > 0).select(
        "position",
        "sku",
        "quantity",
        event_id="event_row",
        line_no=pl.lit(1, pl.Int64),
        state=pl.lit("sellable"),
        kind=pl.lit("opening"),
        occurred_at="occurred_at",
    )
    moved = moves.select("position", "sku", "quantity", "line_no", "state", "kind", event_id="event_row", occurred_at="at")
    both = pl.concat([posted, moved.select(posted.columns)]).sort("position", maintain_order=True)
    return both.with_columns(id=_ids(ids, both), location_id=pl.lit(plan.location_id))


def _counts(plan: OrderPlan, openings: pl.DataFrame) -> pl.DataFrame:
    return openings.select(
        "position",
        "sku",
        "quantity",
        "occurred_at",
        event_id="event_row",
        location_id=pl.lit(plan.location_id),
        state=pl.lit("sellable"),
        tie=pl.format("{}:{}", pl.lit(plan.source), _opening_ref(plan)),
    )


def _new_levels(plan: OrderPlan, openings: pl.DataFrame) -> pl.DataFrame:
    levels = openings.select(
        "position",
        "sku",
        location_id=pl.lit(plan.location_id),
        on_hand="quantity",
        tracked_from="occurred_at",
        last_at="occurred_at",
        is_assumed=pl.lit(value=True),
    )
    return for_bulk_load(levels)


def opening_events(plan: OrderPlan, openings: pl.DataFrame) -> pl.DataFrame:
    """Rows of `event` for openings with their `event_row`."""
    return openings.select(
        "position",
        id="event_row",
        source=pl.lit(plan.source),
        event_id=_opening_ref(plan),
        kind=pl.lit("opening"),
        channel_id=pl.lit(None, pl.String),
        occurred_at="occurred_at",
        received_at=pl.lit(now_us(), pl.Int64),
        payload_hash=pl.format("{}", "quantity"),
        status=pl.lit("applied"),
        payload=pl.lit(None, pl.String),
        import_run_id=pl.lit(plan.run_id),
    )


def _opening_ref(plan: OrderPlan) -> pl.Expr:
    return pl.format("opening|{}|{}", pl.lit(plan.location_id), "sku")
