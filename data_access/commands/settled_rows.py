"""Rows of an order file that need no decision, written together: new lines that have shipped or are cancelled, returns, write-offs.

What they leave is what the ledger would leave, row by row: `prepare` says for which SKUs that is not certain.
"""

from dataclasses import dataclass
from typing import Any, Final

import polars as pl
import sqlalchemy as sa

from data_access.commands.order_plan import OrderPlan
from data_access.commands.rows import among, insert_frame
from data_access.commands.source import return_effects
from data_access.commands.unit import Unit
from data_access.domain.ledger import Level
from data_access.engine import now_us
from data_access.schema.orders import cancellation, order_line, sales_order, shipment
from data_access.schema.returns import return_line
from data_access.schema.stock import event, stock_count, stock_movement

_NEVER: Final = 2**62
_LEVELS: Final = {
    "sku": pl.String(),
    "sellable": pl.Int64(),
    "allocated": pl.Int64(),
    "last_at": pl.Int64(),
    "tracked_from": pl.Int64(),
    "is_waited_for": pl.Boolean(),
}
"""Stock of each SKU at the location; `tracked_from`: 2**62 if nothing has begun it; `is_waited_for`: it has backorders."""


_NO_MOVES: Final = pl.DataFrame(
    schema={
        "event_row": pl.Int64,
        "position": pl.Int64,
        "sku": pl.String,
        "at": pl.Int64,
        "state": pl.String,
        "kind": pl.String,
        "quantity": pl.Int64,
        "line_no": pl.Int64,
    }
)


@dataclass(frozen=True, slots=True)
class Prepared:
    """Rows with `moves_stock`, the pieces of returns, all their movements, and the SKUs that must go through the ledger."""

    rows: pl.DataFrame
    pieces: pl.DataFrame
    moves: pl.DataFrame
    openings: pl.DataFrame
    single: frozenset[str]


def prepare(unit: Unit, plan: OrderPlan, rows: pl.DataFrame, openings: pl.DataFrame) -> Prepared:
    """Work out what the rows do to stock. The unit holds the levels of all their SKUs.

    Args:
        unit: the unit of work.
        plan: the file's.
        rows: lines, returns and write-offs by `channels.orders.ROWS`, with event_row, order_id, line_id, kit_version and `again`.
        openings: those that come before these rows.

    """
    is_line = pl.col("role") == "line"
    undecided = pl.col("line_id").is_not_null() | pl.col("again") | pl.col("returned_at").is_not_null()
    undecided = undecided | (pl.col("shipped_at").is_null() & pl.col("cancelled_at").is_null())
    single = set(rows.filter((pl.col("kit_version") > 0) | (is_line & undecided))["sku"])
    skus = list(dict.fromkeys([*rows["sku"].unique(maintain_order=True), *openings["sku"]]))
    single |= {sku for sku in skus if len(unit.catalogue.together((sku,))) > 1}
    single |= _not_fresh(unit, plan, openings["sku"].to_list())
    levels = _levels(unit, plan, skus, openings.filter(~pl.col("sku").is_in(list(single))))
    pieces = rows.filter(pl.col("role") == "return") if "return" in set(rows["role"].unique()) else rows.clear()
    if levels["tracked_from"].min() == _NEVER:
        never = pl.lit(value=False).alias("moves_stock")
        return Prepared(rows.with_columns(never), _pieces(plan, pieces.with_columns(never)), _NO_MOVES, openings, frozenset(single))
    tracked = levels.select("sku", "tracked_from")
    at = pl.when(is_line).then("shipped_at").otherwise("placed_at")
    moves_stock = (at >= pl.col("tracked_from")).fill_null(value=False).alias("moves_stock")
    rows = rows.join(tracked, on="sku", how="left", maintain_order="left").with_columns(moves_stock)
    pieces = _pieces(plan, pieces.join(tracked, on="sku", how="left", maintain_order="left").with_columns(moves_stock))
    moves = _moves(plan, rows, pieces)
    single |= _unsafe(moves, levels)
    return Prepared(rows, pieces, moves, openings, frozenset(single))


def write(unit: Unit, plan: OrderPlan, prepared: Prepared, rows: pl.DataFrame) -> None:
    """Write `rows`, those of the prepared whose SKUs need no ledger; the caller has written their events."""
    pieces, moves, openings = prepared.pieces, prepared.moves, prepared.openings
    if prepared.single:
        is_settled = ~pl.col("sku").is_in(list(prepared.single))
        pieces, moves, openings = (frame.filter(is_settled) for frame in (pieces, moves, openings))
    _write_openings(unit, plan, openings)
    _write_lines(unit, plan, rows.filter(pl.col("role") == "line"))
    _write_returns(unit, plan, pieces)
    _write_moves(unit, plan, moves)


def _not_fresh(unit: Unit, plan: OrderPlan, skus: list[str]) -> set[str]:
    """Of SKUs that are to be opened, those of which the store holds anything yet: the ledger works their history in."""
    if not skus:
        return set()
    found = {sku for sku in skus if (sku, plan.location_id) in unit.ledger.levels}
    for table in (order_line, return_line):
        query = sa.select(table.c.sku).where(among(unit.connection, table.c.sku, skus)).distinct()
        found |= set(unit.connection.execute(query).scalars())
    return found


def _levels(unit: Unit, plan: OrderPlan, skus: list[str], openings: pl.DataFrame) -> pl.DataFrame:
    waited_for = {sku for (sku, _), units in unit.ledger.backorders.items() if units}
    opened = {sku: (at, units) for sku, at, units in openings.select("sku", "occurred_at", "quantity").iter_rows()}
    found = []
    for sku in skus:
        level = unit.ledger.levels.get((sku, plan.location_id))
        if sku in opened:
            at, units = opened[sku]
            found.append((sku, units, 0, at, at, False))
        elif level is None:
            found.append((sku, 0, 0, -1, _NEVER, False))
        else:
            since = level.tracked_from if level.tracked_from is not None else _NEVER
            found.append((sku, level.sellable, level.allocated, level.last_at, since, sku in waited_for))
    return pl.DataFrame(found, schema=_LEVELS, orient="row")


def _pieces(plan: OrderPlan, returns: pl.DataFrame) -> pl.DataFrame:
    """Returns, each in as many pieces as it has purchases; `purchase_order_ref` and `purchase_line_ref` are null without one."""
    if returns.is_empty():
        return returns.with_columns(pl.lit(None, pl.String).alias(f"purchase_{name}_ref") for name in ("order", "line"))
    found = plan.matches.select("position", "quantity", purchase_order_ref="order_ref", purchase_line_ref="line_ref")
    return (
        returns.rename({"quantity": "row_quantity"})
        .join(found, on="position", how="left", maintain_order="left_right")
        .with_columns(quantity=pl.coalesce("quantity", "row_quantity"))
    )


def _moves(plan: OrderPlan, rows: pl.DataFrame, pieces: pl.DataFrame) -> pl.DataFrame:
    """All movements, numbered within their events."""
    nothing = pl.lit(0, pl.Int64)
    leaving = rows.filter(pl.col("moves_stock") & (pl.col("role") != "return")).select(
        "event_row",
        "position",
        "sku",
        at=pl.coalesce("shipped_at", "placed_at"),
        state=pl.lit("sellable"),
        kind=pl.when(pl.col("role") == "line").then(pl.lit("shipment")).otherwise(pl.lit("write_off")),
        quantity=-pl.col("quantity"),
        piece=nothing,
        step=nothing,
    )
    moving = pieces.filter(pl.col("moves_stock")) if not pieces.is_empty() else pieces
    effects = return_effects(1, 0, plan.disposition, 0) if not moving.is_empty() else ()
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
        for step, effect in enumerate(effects)
    ]
    moves = pl.concat([leaving, *coming]).sort("position", "piece", "step").drop("piece", "step")
    return moves.with_columns(line_no=pl.int_range(1, pl.len() + 1).over("event_row"))


def _unsafe(moves: pl.DataFrame, levels: pl.DataFrame) -> set[str]:
    """SKUs whose movements come late, whose stock is waited for, or whose balance they would take below what is allocated."""
    sellable = moves.filter(pl.col("state") == "sellable").sort("sku", "at", "quantity", "position")
    lowest = sellable.with_columns(balance=pl.col("quantity").cum_sum().over("sku")).group_by("sku").agg(lowest=pl.col("balance").min())
    earliest = moves.group_by("sku").agg(earliest=pl.col("at").min())
    found = earliest.join(lowest, on="sku", how="left").join(levels, on="sku", how="left")
    unsafe = pl.col("is_waited_for") | (pl.col("earliest") <= pl.col("last_at"))
    unsafe = unsafe | (pl.col("sellable") + pl.col("lowest").fill_null(0) < pl.col("allocated"))
    return set(found.filter(unsafe)["sku"])


def _ids(unit: Unit, frame: pl.DataFrame) -> pl.Expr:
    first = unit.ids.take(frame.height) if frame.height else 0
    return pl.int_range(first, first + frame.height, dtype=pl.Int64).alias("id")


def _write_openings(unit: Unit, plan: OrderPlan, openings: pl.DataFrame) -> None:
    if openings.is_empty():
        return
    rows = openings.with_columns(
        _ids(unit, openings), event_id=pl.format("opening|{}|{}", pl.lit(plan.location_id), "sku"), location_id=pl.lit(plan.location_id)
    )
    insert_frame(unit.connection, event, rows.pipe(opening_events, plan))
    placed = {"event_id": "id", "sku": "sku", "location_id": "location_id", "quantity": "quantity", "occurred_at": "occurred_at"}
    facts = rows.select(**placed, state=pl.lit("sellable"))
    ties = rows.select(tie=pl.format("{}:{}", pl.lit(plan.source), "event_id"))
    insert_frame(unit.connection, stock_count, facts.hstack(ties))
    posted = facts.filter(pl.col("quantity") > 0).with_columns(kind=pl.lit("opening"), line_no=pl.lit(1))
    insert_frame(unit.connection, stock_movement, posted.with_columns(_ids(unit, posted)))
    for sku, at, units in openings.select("sku", "occurred_at", "quantity").iter_rows():
        level = unit.ledger.level(sku, plan.location_id)
        level.sellable, level.tracked_from, level.last_at, level.is_assumed = units, at, at, True
        unit.ledger.dirty_levels[(sku, plan.location_id)] = level


def opening_events(openings: pl.DataFrame, plan: OrderPlan) -> pl.DataFrame:
    """Rows of `event` for openings with their `id` and `event_id`."""
    return openings.select(
        "id",
        pl.lit(plan.source).alias("source"),
        "event_id",
        pl.lit("opening").alias("kind"),
        "occurred_at",
        pl.lit(now_us(), pl.Int64).alias("received_at"),
        pl.format("{}", "quantity").alias("payload_hash"),
        pl.lit("applied").alias("status"),
    )


def _write_lines(unit: Unit, plan: OrderPlan, rows: pl.DataFrame) -> None:
    if rows.is_empty():
        return
    lines = rows.drop("line_id").with_columns(_ids(unit, rows))
    asked = pl.when(pl.col("cancelled_at").is_not_null()).then("quantity").otherwise(0)
    sent = pl.when(pl.col("shipped_at").is_not_null()).then("quantity").otherwise(0)
    insert_frame(
        unit.connection,
        order_line,
        lines.select(
            "id",
            "order_id",
            "line_ref",
            pl.lit(plan.channel_id).alias("channel_id"),
            pl.col("event_row").alias("event_id"),
            "external_sku",
            "sku",
            "kit_version",
            "quantity",
            "unit_price",
            "placed_at",
            "ship_by_at",
            "deliver_by_at",
            asked.alias("cancelled_quantity"),
            sent.alias("shipped_quantity"),
            *(pl.lit(0).alias(f"{name}_quantity") for name in ("allocated", "backordered", "returned")),
        ),
    )
    lines = lines.rename({"id": "line_id"})
    _write_cancellations(unit, lines)
    _write_shipments(unit, plan, lines)


def _write_cancellations(unit: Unit, lines: pl.DataFrame) -> None:
    if lines["cancelled_at"].null_count() == lines.height:
        return
    cancelled = lines.filter(pl.col("cancelled_at").is_not_null())
    insert_frame(
        unit.connection,
        cancellation,
        cancelled.select(
            _ids(unit, cancelled), "line_id", "quantity", "cancelled_at", "cancelled_by", event_id="event_row", reason="cancel_reason"
        ),
    )


def _write_shipments(unit: Unit, plan: OrderPlan, lines: pl.DataFrame) -> None:
    shipped = lines.filter(pl.col("shipped_at").is_not_null()) if lines["shipped_at"].null_count() else lines
    insert_frame(
        unit.connection,
        shipment,
        shipped.select(
            _ids(unit, shipped),
            "line_id",
            "quantity",
            "shipped_at",
            "carrier",
            "tracking_number",
            "tracking_uploaded_at",
            "first_scan_at",
            "delivered_at",
            "moves_stock",
            event_id="event_row",
            shipment_ref=pl.coalesce("tracking_number", pl.col("shipped_at").cast(pl.String)),
            location_id=pl.lit(plan.location_id),
            last_scan_at="first_scan_at",
        ),
    )


def _write_returns(unit: Unit, plan: OrderPlan, pieces: pl.DataFrame) -> None:
    if pieces.is_empty():
        return
    found = line_ids(unit, plan, pieces["purchase_order_ref"].drop_nulls().unique().to_list())
    lines = found.select("found_id", purchase_order_ref="order_ref", purchase_line_ref="line_ref")
    keys = ["purchase_order_ref", "purchase_line_ref"]
    pieces = pieces.join(lines, on=keys, how="left", maintain_order="left").with_columns(_ids(unit, pieces))
    is_inspected = pl.lit(plan.disposition is not None)
    insert_frame(
        unit.connection,
        return_line,
        pieces.select(
            "id",
            "sku",
            "quantity",
            "moves_stock",
            event_id="event_row",
            channel_id=pl.lit(plan.channel_id),
            return_ref="order_ref",
            line_id="found_id",
            location_id=pl.lit(plan.location_id),
            received_at="placed_at",
            inspected_at=pl.when(is_inspected).then("placed_at"),
            disposition=pl.lit(plan.disposition, pl.String),
            is_disposition_assumed=is_inspected,
            refund=pl.col("unit_price") * pl.col("quantity"),
            currency=pl.when(pl.col("unit_price").is_not_null()).then("currency"),
        ),
    )
    back = pieces.filter(pl.col("found_id").is_not_null()).group_by("found_id", maintain_order=True).agg(pl.col("quantity").sum())
    if not back.is_empty():
        statement = (
            sa.update(order_line)
            .where(order_line.c.id == sa.bindparam("b_id"))
            .values(returned_quantity=order_line.c.returned_quantity + sa.bindparam("b_units"))
        )
        rows: list[dict[str, Any]] = [{"b_id": line_id, "b_units": units} for line_id, units in back.iter_rows()]
        unit.connection.execute(statement, rows)
    for return_id in pieces["id"]:
        unit.touch("returns", "return", return_id)


def line_ids(unit: Unit, plan: OrderPlan, order_refs: list[str]) -> pl.DataFrame:
    """order_ref, line_ref, found_id and order_id of all lines of these orders of the channel."""
    schema = {"order_ref": pl.String(), "line_ref": pl.String(), "found_id": pl.Int64(), "order_id": pl.Int64()}
    if not order_refs:
        return pl.DataFrame(schema=schema)
    query = (
        sa.select(sales_order.c.order_ref, order_line.c.line_ref, order_line.c.id, order_line.c.order_id)
        .join(order_line, order_line.c.order_id == sales_order.c.id)
        .where(sales_order.c.channel_id == plan.channel_id, among(unit.connection, sales_order.c.order_ref, order_refs))
    )
    return pl.DataFrame([tuple(row) for row in unit.connection.execute(query)], schema=schema, orient="row")


def _write_moves(unit: Unit, plan: OrderPlan, moves: pl.DataFrame) -> None:
    if moves.is_empty():
        return
    insert_frame(
        unit.connection,
        stock_movement,
        moves.select(
            _ids(unit, moves),
            "line_no",
            "sku",
            "state",
            "kind",
            "quantity",
            event_id="event_row",
            location_id=pl.lit(plan.location_id),
            occurred_at="at",
        ),
    )
    is_sellable = pl.col("state") == "sellable"
    changes = moves.group_by("sku").agg(
        pl.col("quantity").filter(is_sellable).sum().alias("sellable"),
        pl.col("quantity").filter(~is_sellable).sum().alias("unsellable"),
        pl.col("at").max(),
    )
    for sku, sellable, unsellable, at in changes.iter_rows():
        level: Level = unit.ledger.level(sku, plan.location_id)
        level.sellable += sellable
        level.unsellable += unsellable
        level.last_at = max(level.last_at, at)
        unit.ledger.dirty_levels[(sku, plan.location_id)] = level
