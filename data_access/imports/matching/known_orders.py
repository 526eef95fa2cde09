"""Looking up, for the rows of an order file, the lines of their orders that the store knows by other line ids."""

from collections.abc import Sequence
from typing import Final

import polars as pl
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from data_access.imports.files.known_lines import LINES, ROWS, matched
from data_access.imports.files.mapping import Mapping
from data_access.imports.files.orders import KNOWN_ORDERS, TAKEN
from data_access.imports.matching.equal_lines import ROW_STATE, line_state
from data_access.imports.matching.returns import with_skus
from data_access.schema.orders import order_line, sales_order, shipment
from data_access.schema.stock import event
from data_access.write.bulk import in_values

CODE: Final = "which_line"
_CONTENT_MADE: Final = r"^\d{1,20}\.\d+$"  # what `files.orders` calls a line of a file that has no line ids


def with_known_lines(connection: Connection, rows: pl.DataFrame, mapping: Mapping, source: str) -> pl.DataFrame:
    """Rows by `files.orders.ROWS` with the store's line ids of the lines that they are of; those that may be of several are refused."""
    is_line = pl.col("code").is_null() & (pl.col("role") == "line")
    facts = ("position", "order_ref", "line_ref", "external_sku", "sku", "quantity", "unit_price")
    lines = rows.lazy().filter(is_line).select(*facts, state=ROW_STATE).collect()
    stored = _stored(connection, mapping.channel.id, lines["order_ref"].unique().to_list())
    named = lines.join(stored.select("order_ref", "line_ref"), on=["order_ref", "line_ref"], how="semi")
    unnamed = lines.join(stored.select("order_ref").unique(), on="order_ref", how="semi").join(named, on="position", how="anti")
    if unnamed.is_empty():
        return rows
    ours = lines.join(unnamed.select("order_ref").unique(), on="order_ref", how="semi")
    ids = stored.select("order_ref", "order_id").unique()
    goods = with_skus(connection, ours, mapping).join(ids, on="order_ref", how="left")
    asked = goods.unique(["order_id", "line_ref"], keep="first", maintain_order=True).select(ROWS.names())  # several states of a line
    own = (pl.col("source") == source) & ~pl.col("line_ref").str.contains(_CONTENT_MADE)
    known = stored.join(asked.select("order_id").unique(), on="order_id", how="semi").with_columns(is_named_here=own)
    matches = matched(asked, known.select(LINES.names()), rows_are_named=mapping.columns.line is not None)
    refs = matches.join(stored.select("line_id", known_ref="line_ref"), on="line_id", how="left")
    refs = refs.join(asked.select("position", "order_id", "line_ref"), on="position")
    refs = refs.join(goods.select("order_id", "line_ref", each="position"), on=["order_id", "line_ref"])  # several rows of a line
    refs = refs.select("position", "each", "known_ref", "is_doubtful")
    doubt = pl.col("is_doubtful").fill_null(value=False)
    return (
        rows.join(refs.drop("position").rename({"each": "position"}), on="position", how="left", maintain_order="left")
        .with_columns(
            line_ref=pl.coalesce("known_ref", "line_ref"),
            code=pl.when(doubt).then(pl.lit(CODE)).otherwise("code"),
            reason=pl.when(doubt).then(_question(rows, refs, asked, known)).otherwise("reason"),
        )
        .drop("known_ref", "is_doubtful")
    )


def known_orders(connection: Connection, mapping: Mapping, order_refs: list[str]) -> pl.DataFrame:
    """`files.orders.KNOWN_ORDERS` of those of the orders that the store has, of all channels that rows of the mapping are of."""
    o, channels = sales_order.c, sorted({own.channel.id for own in mapping.routes})
    times = (order_line.c.ship_by_at, order_line.c.deliver_by_at, shipment.c.shipped_at)
    query = (
        sa.select(o.channel_id, o.order_ref, o.placed_at, o.currency, *(sa.func.min(time) for time in times))
        .join(order_line, order_line.c.order_id == o.id, isouter=True)
        .join(shipment, shipment.c.line_id == order_line.c.id, isouter=True)
        .where(o.channel_id.in_(channels), in_values(connection, o.order_ref, order_refs))
        .group_by(o.id)
    )
    rows = [tuple(row) for row in connection.execute(query)] if order_refs else []
    return pl.DataFrame(rows, KNOWN_ORDERS, orient="row")


def taken_lines(connection: Connection, mapping: Mapping, order_refs: Sequence[str], run_ids: Sequence[int]) -> pl.DataFrame:
    """`files.orders.TAKEN`: lines of the orders that these imports have told."""
    o, line, channels = sales_order.c, order_line.c, sorted({own.channel.id for own in mapping.routes})
    query = (
        sa.select(line.line_ref)
        .join(sales_order, line.order_id == o.id)
        .join(event, line.event_id == event.c.id)
        .where(o.channel_id.in_(channels), in_values(connection, o.order_ref, order_refs), event.c.import_run_id.in_(run_ids))
    )
    refs = pl.DataFrame({"ref": list(connection.execute(query).scalars()) if order_refs else []}, {"ref": pl.String})
    parts = refs.filter(pl.col("ref").str.contains(_CONTENT_MADE)).select(
        pl.col("ref").str.split(".").list.to_struct(fields=["content", "taken"])
    )
    return parts.unnest("ref").cast(TAKEN).group_by("content").agg(pl.col("taken").max())


def _stored(connection: Connection, channel_id: str, order_refs: list[str]) -> pl.DataFrame:
    """`LINES` of orders by their references, with `order_ref` and the `source` that told of each line."""
    o, line = sales_order.c, order_line.c
    query = (
        sa.select(line.id, line.order_id, line.line_ref, line.sku, line.quantity, line.unit_price, line.shipped_quantity)
        .add_columns(line.cancelled_quantity, o.order_ref, event.c.source)
        .join(sales_order, line.order_id == o.id)
        .join(event, line.event_id == event.c.id)
        .where(o.channel_id == channel_id, in_values(connection, o.order_ref, order_refs))
        .order_by(line.id)
    )
    schema = {name: dtype for name, dtype in LINES.items() if name != "is_named_here"} | {"order_ref": pl.String, "source": pl.String}
    rows = [
        (*facts, line_state(facts[4], shipped, cancelled), order_ref, source)
        for *facts, shipped, cancelled, order_ref, source in connection.execute(query)
    ]
    return pl.DataFrame(rows, schema, orient="row")


def _question(rows: pl.DataFrame, refs: pl.DataFrame, asked: pl.DataFrame, known: pl.DataFrame) -> pl.Expr:
    """What a person is asked of each row in doubt, by the row's place in `rows`."""
    taken = refs["known_ref"].drop_nulls()
    free = known.filter(~pl.col("line_ref").is_in(taken.implode())).group_by("order_id", "sku").agg(pl.col("quantity").cast(pl.String))
    sides = (
        asked.join(refs.filter("is_doubtful").select("position", "each"), on="position")
        .join(free, on=["order_id", "sku"], suffix="_known")
        .select(
            position="each",
            question=pl.format(
                "The order is known with lines of {} that this row of {} may be (of {} units), and which one cannot be told: mend its "
                "quantity or price to that of its line, or dismiss it.",
                "sku",
                "quantity",
                pl.col("quantity_known").list.join(", "),
            ),
        )
    )
    return pl.lit(rows.select("position").join(sides, on="position", how="left", maintain_order="left")["question"])
