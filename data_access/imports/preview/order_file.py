"""An order file before it is imported: its lines as OnHand understands them, what they would become, and what they would move."""

from pathlib import Path
from typing import Any, Final

import polars as pl
import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from data_access.engine import reading
from data_access.imports.files.mapping import Mapping, load_mapping
from data_access.imports.files.orders import IS_ASIDE
from data_access.imports.files.recognise import recognised
from data_access.imports.order_import import OrderFile, matched_lines, read_order_file
from data_access.imports.places import ChosenPlaces, placed
from data_access.imports.preview.findings import MOVES, SHOWN, UNKNOWN, Preview, outcomes_of, problems_of
from data_access.schema.catalog import kit_component, listing, product
from data_access.schema.orders import order_line, sales_order
from data_access.schema.stock import event, stock_level
from data_access.store.frames import read
from data_access.write.bulk import in_values

_TIME: Final[Any] = pl.Datetime("us")
FIRST: Final = pl.Schema(
    {
        "line_number": pl.Int64,
        "outcome": pl.String,
        "order_ref": pl.String,
        "external_sku": pl.String,
        "sku": pl.String,
        "title": pl.String,
        "quantity": pl.Int64,
        "unit_price": pl.Float64,
        "currency": pl.String,
        "state": pl.String,
        "placed_local": _TIME,
        "placed_at": _TIME,
        "ship_by_local": _TIME,
        "reason": pl.String,
    }
)
"""The first rows of an order file. `sku`: that the code sells; `*_local`: in the channel's time zone, `placed_at` in UTC; `state`: open,
shipped, delivered, cancelled, returned, return, charge, write_off, left_out or waiting; null where the row cannot be read."""

_IS_LINE: Final = pl.col("role") == "line"
_IS_GOODS: Final = pl.col("role").is_in(["line", "return", "write_off"])
_KNOWN_LINES: Final = pl.Schema({"order_ref": pl.String, "line_ref": pl.String, "left_quantity": pl.Int64, "is_known": pl.Boolean})


def preview_orders(engine: Engine, path: Path, mapping: str, places: ChosenPlaces | None = None) -> Preview:
    """What importing a file of orders would do, as far as it can be known; nothing is written. Arguments as of `import_orders`.

    Raises:
        InvalidInput: the mapping or the file cannot be used.

    """
    with reading(engine) as connection:
        loaded, _ = placed(connection, recognised(path) if mapping == "auto" else load_mapping(mapping), places or ChosenPlaces())
    file = read_order_file(engine, path, loaded)
    read_by = file.mapping
    with reading(engine) as connection:
        parts = [_judged(connection, file, place, f"import:{loaded.name}") for place in range(len(read_by.routes))]
        moves = pl.concat([_moves(connection, part, own) for part, own in zip(parts, read_by.routes, strict=True)])
    judged = pl.concat(parts)
    zones = dict.fromkeys(own.channel.time_zone for own in read_by.routes)
    return Preview(
        kind="orders",
        mapping=loaded.name,
        read_as=file.contents.read_as,
        zone=" or ".join(zones),
        rows=judged.height,
        outcomes=outcomes_of(judged),
        first=pl.concat([_first(part, own) for part, own in zip(parts, read_by.routes, strict=True)]).sort("line_number").head(SHOWN),
        moves=moves.group_by("location_id", "what").agg(pl.col("rows", "units").sum()).sort("location_id", "what").cast(MOVES),
        problems=problems_of(judged.rename({"order_ref": "reference"})),
        unknown=pl.concat([_unknown(part, own) for part, own in zip(parts, read_by.routes, strict=True)])
        .group_by("what", "channel_id", "code", maintain_order=True)
        .agg(pl.col("title").drop_nulls().first(), pl.col("rows", "units").sum())
        .sort("rows", "code", descending=[True, False])
        .select(UNKNOWN.names()),
    )


def _judged(connection: Connection, file: OrderFile, route: int, source: str) -> pl.DataFrame:
    """Rows of a route with their listing's SKU, an `outcome`, and of known lines the units that have not left yet."""
    mapping = file.mapping.routes[route]
    rows = matched_lines(connection, file.rows.filter(route=route), mapping, source, file.back)
    rows = _with_listings(connection, rows, mapping)
    rows = rows.join(
        _known_lines(connection, rows, mapping.channel.id), on=["order_ref", "line_ref"], how="left", maintain_order="left"
    ).with_columns(pl.col("is_known").fill_null(value=False))
    query = sa.select(event.c.event_id).where(
        event.c.source == source, in_values(connection, event.c.event_id, rows["event_ref"].drop_nulls().to_list())
    )
    seen = pl.Series(connection.execute(query).scalars().all(), dtype=pl.String)
    again = pl.col("event_ref").is_in(seen.implode()) | (pl.col("event_ref").is_not_null() & ~pl.col("event_ref").is_first_distinct())
    is_later_state = _IS_LINE & (pl.col("is_known") | ~pl.struct("order_ref", "line_ref").is_first_distinct())
    outcome = (
        pl.when(pl.col("code").is_not_null())
        .then(pl.lit("quarantined"))
        .when(IS_ASIDE)
        .then("role")
        .when(again.fill_null(value=False))
        .then(pl.lit("duplicates"))
        .when(is_later_state)
        .then(pl.lit("updated"))
        .otherwise(pl.lit("imported"))
    )
    return rows.with_columns(outcome=outcome)


def _with_listings(connection: Connection, rows: pl.DataFrame, mapping: Mapping) -> pl.DataFrame:
    """With the SKU that each code sells; rows of codes without one wait, unless the mapping creates their products."""
    c = listing.c
    query = sa.select(c.external_sku, c.sku).where(c.channel_id == mapping.channel.id, c.sku.is_not(None))
    listed = read(connection, query, pl.Schema({"external_sku": pl.String, "listed_sku": pl.String}))
    rows = rows.join(listed, on="external_sku", how="left", maintain_order="left")
    if mapping.skus.unknown == "create":
        return rows.with_columns(sku=pl.coalesce("listed_sku", "sku")).drop("listed_sku")
    is_unknown = pl.col("code").is_null() & _IS_GOODS & pl.col("listed_sku").is_null()
    return rows.with_columns(
        sku="listed_sku",
        code=pl.when(is_unknown).then(pl.lit("unknown_listing")).otherwise("code"),
        reason=pl.when(is_unknown)
        .then(pl.format("The code {} is not a listing of the channel that sells a SKU.", "external_sku"))
        .otherwise("reason"),
    ).drop("listed_sku")


def _known_lines(connection: Connection, rows: pl.DataFrame, channel_id: str) -> pl.DataFrame:
    o, line = sales_order.c, order_line.c
    refs = rows.filter(_IS_LINE)["order_ref"].drop_nulls().unique().to_list()
    left = line.quantity - line.shipped_quantity - line.cancelled_quantity
    query = (
        sa.select(o.order_ref, line.line_ref, left, sa.true())
        .join(order_line, line.order_id == o.id)
        .where(o.channel_id == channel_id, in_values(connection, o.order_ref, refs))
    )
    return read(connection, query, _KNOWN_LINES)


def _state() -> pl.Expr:
    return (
        pl.when(pl.col("role").is_in(["line"]).not_())
        .then("role")
        .when(pl.col("cancelled_at").is_not_null())
        .then(pl.lit("cancelled"))
        .when(pl.col("returned_at").is_not_null())
        .then(pl.lit("returned"))
        .when(pl.col("delivered_at").is_not_null())
        .then(pl.lit("delivered"))
        .when(pl.col("shipped_at").is_not_null())
        .then(pl.lit("shipped"))
        .otherwise(pl.lit("open"))
    )


def _first(rows: pl.DataFrame, mapping: Mapping) -> pl.DataFrame:
    """`FIRST` of rows of one route."""

    def local(name: str) -> pl.Expr:
        moment = pl.col(name).cast(pl.Datetime("us", "UTC"))
        return moment.dt.convert_time_zone(mapping.channel.time_zone).dt.replace_time_zone(None)

    return (
        rows.sort("row_no")
        .head(SHOWN)
        .with_columns(
            unit_price=pl.col("unit_price") / 10_000,
            state=_state(),
            placed_local=local("placed_at"),
            ship_by_local=local("ship_by_at"),
            placed_at=pl.col("placed_at").cast(pl.Datetime("us")),
        )
        .select(FIRST.names())
        .cast(FIRST)
    )


def _unknown(rows: pl.DataFrame, mapping: Mapping) -> pl.DataFrame:
    """`UNKNOWN` codes of one route."""
    return rows.filter(pl.col("code") == "unknown_listing").select(
        what=pl.lit("listing"),
        channel_id=pl.lit(mapping.channel.id),
        code="external_sku",
        title="title",
        rows=pl.lit(1, pl.Int64),
        units=pl.col("quantity").abs(),
    )


# ---- stock -------------------------------------------------------------------------------------------------------------


def _moves(connection: Connection, rows: pl.DataFrame, mapping: Mapping) -> pl.DataFrame:
    """`MOVES` of the rows of one route that are new or say something new, kits by their components."""
    taken = rows.filter(pl.col("outcome").is_in(["imported", "updated"]) & _IS_GOODS)
    latest = taken.unique(["role", "order_ref", "line_ref"], keep="last", maintain_order=True)
    is_shipped = _IS_LINE & pl.col("shipped_at").is_not_null()
    is_open = _IS_LINE & pl.col("shipped_at").is_null() & pl.col("cancelled_at").is_null() & ~pl.col("is_known")
    left = pl.when("is_known").then("left_quantity").otherwise("quantity")
    parts = [
        latest.filter(is_shipped).select("sku", what=pl.lit("shipped"), units=left, at="shipped_at"),
        latest.filter(is_open).select("sku", what=pl.lit("allocated"), units="quantity", at="placed_at"),
        latest.filter(pl.col("role") == "return").select("sku", what=pl.lit("returned"), units=pl.col("quantity").abs(), at="placed_at"),
        latest.filter(pl.col("role") == "write_off").select(
            "sku", what=pl.lit("written_off"), units=pl.col("quantity").abs(), at="placed_at"
        ),
    ]
    units = pl.concat(parts).filter(pl.col("units") > 0)
    units = units.join(_components(connection, units["sku"].unique().to_list()), on="sku", how="left")
    units = units.with_columns(pl.coalesce("component_sku", "sku").alias("sku"), pl.col("units") * pl.col("each").fill_null(1))
    begun = _tracked(connection, units["sku"].unique().to_list(), mapping.location.id)
    units = units.join(begun, on="sku", how="left")
    is_history = (pl.col("what") == "shipped") & (pl.col("tracked_from").is_null() | (pl.col("at") < pl.col("tracked_from")))
    units = units.with_columns(what=pl.when(is_history.fill_null(value=True)).then(pl.lit("history")).otherwise("what"))
    totals = units.group_by("what").agg(rows=pl.len().cast(pl.Int64), units=pl.col("units").sum())
    return totals.select(pl.lit(mapping.location.id).alias("location_id"), "what", "rows", "units").cast(MOVES)


def _components(connection: Connection, skus: list[Any]) -> pl.DataFrame:
    k = kit_component.c
    query = (
        sa.select(k.kit_sku, k.component_sku, k.quantity)
        .join(product, sa.and_(product.c.sku == k.kit_sku, product.c.kit_version == k.kit_version))
        .where(in_values(connection, k.kit_sku, skus))
    )
    return read(connection, query, pl.Schema({"sku": pl.String, "component_sku": pl.String, "each": pl.Int64}))


def _tracked(connection: Connection, skus: list[Any], location_id: str) -> pl.DataFrame:
    s = stock_level.c
    query = sa.select(s.sku, s.tracked_from).where(s.location_id == location_id, in_values(connection, s.sku, skus))
    return read(connection, query, pl.Schema({"sku": pl.String, "tracked_from": pl.Int64}))
