"""Looking up, for the rows of an order file, the SKUs of their listings and the purchases of their returns."""

from collections.abc import Sequence

import polars as pl
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from data_access.imports.files.mapping import Mapping
from data_access.imports.files.returns import MATCHES, PURCHASES, matched
from data_access.schema.catalog import listing
from data_access.schema.orders import order_line, sales_order
from data_access.schema.stock import event
from data_access.write.bulk import in_values


def with_skus(connection: Connection, goods: pl.DataFrame, mapping: Mapping) -> pl.DataFrame:
    """Rows whose listing has a SKU, with it."""
    query = sa.select(listing.c.external_sku, listing.c.sku).where(listing.c.channel_id == mapping.channel.id, listing.c.sku.is_not(None))
    known = [tuple(row) for row in connection.execute(query)]
    listed = pl.DataFrame(known, schema={"external_sku": pl.String, "sku": pl.String}, orient="row")
    return goods.drop("sku").join(listed, on="external_sku", how="inner", maintain_order="left")


def match_returns(connection: Connection, goods: pl.DataFrame, mapping: Mapping, source: str) -> pl.DataFrame:
    """Purchases of the returns among these rows, in the file and in the store; by `files.returns.MATCHES`.

    A return has its purchases in its own order if it is known by its negative quantity, else among those of its customer.
    """
    returns = goods.filter(pl.col("role") == "return")
    if returns.is_empty():
        return pl.DataFrame(schema=MATCHES)
    query = sa.select(event.c.event_id).where(
        event.c.source == source, in_values(connection, event.c.event_id, returns["event_ref"].to_list())
    )
    known = pl.Series(connection.execute(query).scalars().all(), dtype=pl.String)
    returns = returns.filter(~pl.col("event_ref").is_in(known.implode()))
    own = _is_of_its_order(mapping)
    by_customer = _matched(connection, mapping, goods, returns.filter(~own), is_by_order=False)
    of_orders, back = goods.with_columns(customer="order_ref"), returns.filter(own).with_columns(customer="order_ref")
    by_order = _matched(connection, mapping, of_orders, back, is_by_order=True)
    return pl.concat([by_customer, by_order]).sort("position", maintain_order=True)


def _is_of_its_order(mapping: Mapping) -> pl.Expr:
    part = mapping.returns
    if part is None or not part.negative_quantity:
        return pl.lit(value=False)
    return pl.lit(value=True) if part.order is None else ~pl.col("order_ref").str.contains(part.order)


def _matched(connection: Connection, mapping: Mapping, goods: pl.DataFrame, returns: pl.DataFrame, *, is_by_order: bool) -> pl.DataFrame:
    """`MATCHES` of returns with purchases of the same customer, in the file and in the store."""
    if returns.is_empty():
        return pl.DataFrame(schema=MATCHES)
    stored = _stored_purchases(connection, mapping.channel.id, returns, is_by_order=is_by_order)
    wanted = returns.select("customer", "sku").unique()
    lines = goods.filter((pl.col("role") == "line") & pl.col("customer").is_not_null()).join(wanted, on=["customer", "sku"], how="semi")
    came_back = pl.when(pl.col("returned_at").is_not_null()).then("quantity").otherwise(pl.col("returned").fill_null(0))
    key = ["order_ref", "line_ref"]
    lines = lines.join(_returned(connection, mapping.channel.id, lines), on=key, how="left", maintain_order="left")
    lines = lines.with_columns(left=(pl.col("quantity") - came_back).clip(lower_bound=0))
    purchases = pl.concat([stored, lines.select(list(PURCHASES))])
    others = pl.col([name for name in PURCHASES if name not in (*key, "left")])
    each = purchases.group_by(key, maintain_order=True).agg(others.first(), pl.col("left").min())
    return matched(returns, each.select(list(PURCHASES)))


def _returned(connection: Connection, channel_id: str, lines: pl.DataFrame) -> pl.DataFrame:
    """order_ref, line_ref and returned units of lines of a file that the store has, whatever customer it knows of."""
    o, line = sales_order.c, order_line.c
    refs = lines["order_ref"].unique().to_list()
    query = (
        sa.select(o.order_ref, line.line_ref, line.returned_quantity)
        .join(order_line, line.order_id == o.id)
        .where(o.channel_id == channel_id, line.returned_quantity > 0, in_values(connection, o.order_ref, refs))
    )
    schema = {"order_ref": pl.String, "line_ref": pl.String, "returned": pl.Int64}
    return pl.DataFrame([tuple(row) for row in connection.execute(query)], schema=schema, orient="row")


def _stored_purchases(connection: Connection, channel_id: str, returns: pl.DataFrame, *, is_by_order: bool) -> pl.DataFrame:
    customers: Sequence[str] = returns["customer"].drop_nulls().unique().to_list()
    o, line = sales_order.c, order_line.c
    buyer = o.order_ref if is_by_order else o.customer_ref
    query = (
        sa.select(buyer, line.sku, o.order_ref, line.line_ref, line.placed_at, line.quantity - line.returned_quantity, sa.literal(-1))
        .join(order_line, line.order_id == o.id)
        .where(o.channel_id == channel_id, in_values(connection, buyer, customers))
    )
    return pl.DataFrame([tuple(row) for row in connection.execute(query)], schema=PURCHASES, orient="row")
