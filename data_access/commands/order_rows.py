"""Writing the rows of an order file: most of them set-based, the rest one by one through the ledger.

A row is settled if it needs no decision: a new line that has shipped or was cancelled in full, a return, a write-off, a charge. The
settled rows of a SKU are written together (`settled_rows`) where that leaves the same store as one by one would: they come after all
that the SKU's stock has seen, nothing waits for its stock, and its balance stays at 0 or above. All rows of any other SKU of the
chunk go through the ledger in their order (`single_rows`).
"""

import json
from typing import Any

import polars as pl
import sqlalchemy as sa

from data_access.channels.opening import OPENINGS
from data_access.commands import settled_rows
from data_access.commands.order_plan import Bad, Chunk, OrderPlan
from data_access.commands.rows import among, insert_frame, update_rows
from data_access.commands.single_rows import SingleRows
from data_access.commands.unit import Unit
from data_access.engine import now_us
from data_access.schema.catalog import listing
from data_access.schema.orders import order_charge, order_line, sales_order
from data_access.schema.stock import event


def write_rows(unit: Unit, plan: OrderPlan, rows: pl.DataFrame) -> Chunk:
    """Take in rows by `channels.orders.ROWS`, in the unit's transaction; the caller flushes."""
    chunk = Chunk()
    if rows.is_empty():
        return chunk
    openings = plan.openings
    if not openings.is_empty():
        openings = openings.filter(pl.col("position").is_between(rows["position"].min(), rows["position"].max()))
    if rows["code"].null_count() < rows.height:
        _refuse(chunk, rows.filter(pl.col("code").is_not_null()))
        rows = rows.filter(pl.col("code").is_null())
    goods = _resolved(unit, plan, chunk, rows)
    goods = _without_known(unit, plan, chunk, goods)
    goods = _with_orders(unit, plan, chunk, goods)
    if "charge" in set(goods["role"].unique()):
        _charges(unit, plan, chunk, goods.filter(pl.col("role") == "charge"))
        goods = goods.filter(pl.col("role") != "charge")
    if not (goods.is_empty() and openings.is_empty()):
        _goods(unit, plan, chunk, goods, openings)
    return chunk


def _refuse(chunk: Chunk, rows: pl.DataFrame) -> None:
    columns = ("row_no", "line_number", "order_ref", "code", "reason", "external_sku")
    for row_no, line_number, reference, code, reason, external_sku in rows.select(columns).iter_rows():
        waits = external_sku if code == "unknown_listing" else None
        chunk.bad.append(Bad(row_no, line_number, reference or "", code, reason, waits))
    chunk.tally.quarantined += rows.height


def _resolved(unit: Unit, plan: OrderPlan, chunk: Chunk, rows: pl.DataFrame) -> pl.DataFrame:
    """With the SKU and kit version of each code; rows of listings without a SKU are refused, and the listings noted."""
    is_goods = pl.col("role") != "charge"
    codes = rows.filter(is_goods)["external_sku"].unique(maintain_order=True).to_list()
    unit.catalogue.load(unit.connection, (), [(plan.channel_id, code) for code in codes])
    found = [unit.catalogue.listed(plan.channel_id, code) for code in codes]
    table = pl.DataFrame(
        {
            "external_sku": codes,
            "sku": [sku for _, sku in found],
            "kit_version": [unit.catalogue.kit_version(sku) if sku is not None else None for _, sku in found],
        },
        schema={"external_sku": pl.String, "sku": pl.String, "kit_version": pl.Int64},
    )
    rows = rows.drop("sku").join(table, on="external_sku", how="left", maintain_order="left")
    if None not in (sku for _, sku in found):
        return rows
    unknown = rows.filter(is_goods & pl.col("sku").is_null())
    for code, (known, sku) in zip(codes, found, strict=True):
        if sku is None and not known:
            title = unknown.filter(pl.col("external_sku") == code)["title"].drop_nulls()
            _note_listing(unit, plan.channel_id, code, title[0] if title.len() else None)
    pattern = f"The listing {{}} of {plan.channel_id} has no SKU: map it in the inbox, and its rows arrive.".replace("{}", "\x00")
    pattern = pattern.replace("{", "(").replace("}", ")").replace("\x00", "{}")
    reason = pl.format(pattern, "external_sku")
    _refuse(chunk, unknown.with_columns(code=pl.lit("unknown_listing"), reason=reason))
    return rows.filter(~is_goods | pl.col("sku").is_not_null())


def _note_listing(unit: Unit, channel_id: str, code: str, title: str | None) -> None:
    row = {"listing_id": unit.ids.take(), "channel_id": channel_id, "external_sku": code, "sku": None, "title": title}
    unit.add(listing, {**row, "maximum": None, "first_seen_at": now_us()})
    unit.catalogue.seen(channel_id, code)
    unit.touch("inbox", "listing", f"{channel_id}:{code}")


def _without_known(unit: Unit, plan: OrderPlan, chunk: Chunk, rows: pl.DataFrame) -> pl.DataFrame:
    """Rows whose very content was not taken in before, here or in the store."""
    query = sa.select(event.c.event_id).where(
        event.c.source == plan.source, among(unit.connection, event.c.event_id, rows["event_ref"].to_list())
    )
    known = unit.connection.execute(query).scalars().all()
    if not known and rows["event_ref"].n_unique() == rows.height:
        return rows
    is_new = ~pl.col("event_ref").is_in(pl.Series(known, dtype=pl.String).implode()) & pl.col("event_ref").is_first_distinct()
    fresh = rows.filter(is_new)
    chunk.tally.duplicates += rows.height - fresh.height
    chunk.taken += rows.filter(~is_new)["row_no"].to_list()
    return fresh


def _with_orders(unit: Unit, plan: OrderPlan, chunk: Chunk, rows: pl.DataFrame) -> pl.DataFrame:
    """With the row id of its event, `order_id` (null if new), the order's own time of placing, and `line_id` of known lines."""
    is_line = pl.col("role") == "line"
    o, line = sales_order.c, order_line.c
    refs = rows["order_ref"].unique(maintain_order=True).to_list()
    query = sa.select(o.id, o.order_ref, o.placed_at, o.currency).where(
        o.channel_id == plan.channel_id, among(unit.connection, o.order_ref, refs)
    )
    orders = [tuple(row) for row in unit.connection.execute(query)]
    first = unit.ids.take(rows.height) if rows.height else 0
    rows = rows.with_columns(
        event_row=pl.int_range(first, first + rows.height, dtype=pl.Int64),
        again=is_line & ~pl.struct("order_ref", "line_ref").is_first_distinct(),
    )
    if not orders:
        return rows.with_columns(pl.lit(None, pl.Int64).alias("order_id"), pl.lit(None, pl.Int64).alias("line_id"))
    schema = {"order_id": pl.Int64, "order_ref": pl.String, "order_placed_at": pl.Int64, "order_currency": pl.String}
    known = pl.DataFrame(orders, schema=schema, orient="row")
    rows = rows.join(known, on="order_ref", how="left", maintain_order="left")
    other = (is_line & (pl.col("order_currency") != pl.col("currency"))).fill_null(value=False)
    reason = pl.format("The row is in {}, but its order is known in {}: an order has one currency.", "currency", "order_currency")
    _refuse(chunk, rows.filter(other).with_columns(code=pl.lit("other_currency"), reason=reason))
    wanted = among(unit.connection, line.order_id, [row[0] for row in orders])
    lines = [tuple(row) for row in unit.connection.execute(sa.select(line.id, line.order_id, line.line_ref).where(wanted))]
    known_lines = pl.DataFrame(lines, schema={"line_id": pl.Int64, "order_id": pl.Int64, "line_ref": pl.String}, orient="row")
    return (
        rows.filter(~other)
        .join(known_lines, on=["order_id", "line_ref"], how="left", maintain_order="left")
        .with_columns(
            placed_at=pl.when(is_line).then(pl.coalesce("order_placed_at", "placed_at")).otherwise("placed_at"),
            order_id=pl.when(is_line).then("order_id"),
            line_id=pl.when(is_line).then("line_id"),
        )
        .drop("order_placed_at", "order_currency")
    )


def _charges(unit: Unit, plan: OrderPlan, chunk: Chunk, rows: pl.DataFrame) -> None:
    """Charges: new ones, and the newer price, quantity or text of known ones."""
    if rows.is_empty():
        return
    c = order_charge.c
    query = sa.select(c.id, c.order_ref, c.line_ref, c.quantity, c.unit_price, c.description).where(
        c.channel_id == plan.channel_id, among(unit.connection, c.order_ref, rows["order_ref"].unique().to_list())
    )
    known = {(row.order_ref, row.line_ref): row for row in unit.connection.execute(query)}
    new, seen = [], set()
    for row in rows.iter_rows(named=True):
        key = (row["order_ref"], row["line_ref"])
        if key in known:
            _charge_again(unit, plan, chunk, row, known[key])
        elif key in seen:
            chunk.tally.duplicates += 1
        else:
            seen.add(key)
            new.append(row["row_no"])
    fresh = rows.filter(pl.col("row_no").is_in(new))
    _insert_events(unit, plan, fresh)
    first = unit.ids.take(fresh.height) if fresh.height else 0
    insert_frame(
        unit.connection,
        order_charge,
        fresh.select(
            pl.int_range(first, first + fresh.height, dtype=pl.Int64).alias("id"),
            pl.col("event_row").alias("event_id"),
            pl.lit(plan.channel_id).alias("channel_id"),
            "order_ref",
            "line_ref",
            pl.col("external_sku").alias("code"),
            pl.col("title").alias("description"),
            "quantity",
            "unit_price",
            "currency",
            pl.col("placed_at").alias("occurred_at"),
        ),
    )
    chunk.tally.imported += fresh.height
    chunk.tally.count("charges", fresh.height)
    chunk.taken += rows["row_no"].to_list()
    for reference in fresh["order_ref"].unique(maintain_order=True):
        unit.touch("orders", "charge", reference)


def _charge_again(unit: Unit, plan: OrderPlan, chunk: Chunk, row: dict[str, Any], known: Any) -> None:
    told = {"quantity": row["quantity"], "unit_price": row["unit_price"], "description": row["title"]}
    changes = {name: value for name, value in told.items() if value is not None and value != getattr(known, name)}
    if not changes:
        chunk.tally.duplicates += 1
        return
    update_rows(unit.connection, order_charge, "id", [{"id": known.id, **changes}])
    _insert_events(unit, plan, pl.DataFrame([row], infer_schema_length=None))
    unit.touch("orders", "charge", row["order_ref"])
    chunk.tally.updated += 1


def _insert_events(unit: Unit, plan: OrderPlan, rows: pl.DataFrame) -> None:
    """The event of each row; of a write-off, with what was thrown away and why, for no other table tells."""
    if rows.is_empty():
        return
    written_off = rows.filter(pl.col("role") == "write_off") if "write_off" in set(rows["role"].unique()) else rows.clear()
    texts = {
        event_row: json.dumps(
            {"location_id": plan.location_id, "quantity": quantity, "reason": title or "no text", "sku": sku}, ensure_ascii=False
        )
        for event_row, sku, quantity, title in written_off.select("event_row", "sku", "quantity", "title").iter_rows()
    }
    payload = pl.col("event_row").replace_strict(texts, default=None, return_dtype=pl.String) if texts else pl.lit(None, pl.String)
    frame = rows.select(
        pl.col("event_row").alias("id"),
        pl.lit(plan.source).alias("source"),
        pl.col("event_ref").alias("event_id"),
        pl.lit("order_row").alias("kind"),
        pl.lit(plan.channel_id).alias("channel_id"),
        pl.col("placed_at").alias("occurred_at"),
        pl.lit(now_us(), pl.Int64).alias("received_at"),
        "payload_hash",
        pl.lit("applied").alias("status"),
        payload.alias("payload"),
    )
    insert_frame(unit.connection, event, frame)


def _insert_orders(unit: Unit, plan: OrderPlan, rows: pl.DataFrame) -> pl.DataFrame:
    """New orders of new lines; the rows come back with all their order ids."""
    is_new = (pl.col("role") == "line") & pl.col("order_id").is_null()
    orders = rows.filter(is_new).group_by("order_ref", maintain_order=True).first()
    if orders.is_empty():
        return rows
    first = unit.ids.take(orders.height)
    orders = orders.with_columns(order_id=pl.int_range(first, first + orders.height, dtype=pl.Int64))
    insert_frame(
        unit.connection,
        sales_order,
        orders.select(
            pl.col("order_id").alias("id"),
            pl.lit(plan.channel_id).alias("channel_id"),
            "order_ref",
            "placed_at",
            "currency",
            pl.col("customer").alias("customer_ref"),
            pl.col("country").alias("destination_country"),
            pl.col("region").alias("destination_region"),
            "fulfilled_by",
        ),
    )
    made = orders.select("order_ref", made_id="order_id")
    rows = rows.join(made, on="order_ref", how="left", maintain_order="left")
    return rows.with_columns(order_id=pl.coalesce("order_id", pl.when(pl.col("role") == "line").then("made_id"))).drop("made_id")


def _goods(unit: Unit, plan: OrderPlan, chunk: Chunk, rows: pl.DataFrame, openings: pl.DataFrame) -> None:
    """Lines, returns and write-offs, with the openings that come before them."""
    parts = {part for sku, kit in rows.select("sku", "kit_version").unique().iter_rows() for part, _ in unit.catalogue.components(sku, kit)}
    unit.load_skus(parts | set(openings["sku"]))
    openings = _still_needed(unit, plan, openings)
    prepared = settled_rows.prepare(unit, plan, _insert_orders(unit, plan, rows), openings)
    is_single = pl.col("sku").is_in(list(prepared.single))
    settled = prepared.rows.filter(~is_single) if prepared.single else prepared.rows
    _insert_events(unit, plan, settled)
    settled_rows.write(unit, plan, prepared, settled)
    chunk.tally.imported += settled.height
    chunk.taken += settled["row_no"].to_list()
    _count(chunk, prepared, settled)
    chunk.tally.count("assumed_openings", openings.height)
    if prepared.single:
        singles, waiting = SingleRows(unit, plan), prepared.rows.filter(is_single)
        _one_by_one(chunk, singles, waiting, openings.filter(is_single))
        _insert_events(unit, plan, waiting.filter(pl.col("event_row").is_in(singles.events)))
        chunk.keys += singles.keys
    for order_id in settled["order_id"].drop_nulls().unique(maintain_order=True):
        unit.touch("orders", "order", order_id)
    lines = settled.filter(pl.col("role") == "line").select("order_ref", "line_ref")
    prefix = f"{plan.channel_id}:"
    chunk.keys += [f"order:{prefix}{ref}" for ref in lines["order_ref"].unique(maintain_order=True)]
    chunk.keys += [f"line:{prefix}{ref}:{line}" for ref, line in lines.iter_rows()]


def _one_by_one(chunk: Chunk, singles: SingleRows, rows: pl.DataFrame, openings: pl.DataFrame) -> None:
    first = [(position, sku, at, units) for sku, position, at, units in openings.select(list(OPENINGS)).sort("position").iter_rows()]
    singles.load(rows)
    for row in rows.iter_rows(named=True):
        while first and first[0][0] <= row["position"]:
            singles.open(*first.pop(0)[1:])
        outcome = singles.take(row)
        if isinstance(outcome, Bad):
            chunk.bad.append(outcome)
            chunk.tally.quarantined += 1
            continue
        chunk.taken.append(row["row_no"])
        if outcome == "imported":
            chunk.tally.imported += 1
            chunk.tally.count({"line": "lines", "return": "returns", "write_off": "write_offs"}[row["role"]])
            chunk.tally.count("unmatched_returns", int(row["role"] == "return" and singles.is_unmatched(row)))
        elif outcome == "updated":
            chunk.tally.updated += 1
        else:
            chunk.tally.duplicates += 1
    for _, sku, at, units in first:
        singles.open(sku, at, units)


def _count(chunk: Chunk, prepared: settled_rows.Prepared, settled: pl.DataFrame) -> None:
    """The further counts of rows that were written together."""
    tally = chunk.tally
    roles = dict(settled["role"].value_counts().iter_rows())
    tally.count("lines", roles.get("line", 0))
    tally.count("write_offs", roles.get("write_off", 0))
    if "return" not in roles:
        return
    tally.count("returns", roles["return"])
    returns = settled.filter(pl.col("role") == "return").select("position")
    found = prepared.pieces.filter(pl.col("purchase_order_ref").is_not_null()).select("position")
    tally.count("unmatched_returns", returns.join(found, on="position", how="anti").height)


def _still_needed(unit: Unit, plan: OrderPlan, openings: pl.DataFrame) -> pl.DataFrame:
    """Openings of SKUs that no count or opening has begun."""
    if openings.is_empty():
        return openings
    begun = [
        sku
        for sku in openings["sku"]
        if (level := unit.ledger.levels.get((sku, plan.location_id))) is not None and level.tracked_from is not None
    ]
    return openings.filter(~pl.col("sku").is_in(begun))
