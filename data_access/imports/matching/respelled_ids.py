"""Ids that a spreadsheet has written otherwise: 0042 as 42 or 42.0. A row of such an id is a question, not another order or product."""

import re
from collections.abc import Sequence
from typing import Any, Final

import polars as pl
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from data_access.imports.files.mapping import Mapping
from data_access.schema.catalog import listing, product
from data_access.schema.orders import sales_order
from data_access.write.bulk import in_values

CODE: Final = "respelled_id"
MAX_ZEROS: Final = 9  # that may lead a number
NEAR_MICROS: Final = 2 * 86_400_000_000  # two tellings of one order differ by no more, whatever their time zones
_NUMBER: Final = re.compile(r"0*(\d+)(?:\.0+)?")
_ORDERS: Final = pl.Schema({"order_ref": pl.String, "known_ref": pl.String, "known_at": pl.Int64})


def spellings(text: str) -> list[str]:
    """The other ways to write an id that is a number: with and without leading zeros, or with a decimal."""
    match = _NUMBER.fullmatch(text)
    if match is None:
        return []
    digits = match[1]
    return [form for form in (*("0" * zeros + digits for zeros in range(MAX_ZEROS + 1)), f"{digits}.0") if form != text]


def with_respelled_orders(connection: Connection, rows: pl.DataFrame, mapping: Mapping) -> pl.DataFrame:
    """Rows by `files.orders.ROWS`; those of an unknown order, or with an unknown code that would become a product, are refused if one is
    known that differs in nothing but how its number is written. Of orders only if both were placed at about the same time.
    """
    for route, own in enumerate(mapping.routes):
        is_line = (pl.col("route") == route) & pl.col("code").is_null() & (pl.col("role") == "line")
        lines = rows.lazy().filter(is_line).select("order_ref", "external_sku", "placed_at").collect()
        rows = _refused(rows, is_line, _orders(connection, lines, own.channel.id), ("order_ref", "order", "give it an id of its own"))
        if own.skus.unknown == "create":
            codes = _codes(connection, lines["external_sku"].unique().to_list(), own.channel.id)
            rows = _refused(rows, is_line, codes, ("external_sku", "code", "import it as a product first"))
    return rows


def with_respelled_products(connection: Connection, rows: pl.DataFrame) -> pl.DataFrame:
    """Rows of products, by `files.tables.table_rows`; new ones are refused whose name a product has that is written otherwise."""
    is_good = pl.col("code").is_null()
    skus = rows.filter(is_good)["sku"].unique().to_list()
    known = _known(connection, skus, product.c.sku, sa.true())
    names = dict(rows.filter(is_good).select("sku", "name").iter_rows())
    stored = sa.select(product.c.sku, product.c.name).where(in_values(connection, product.c.sku, sorted(set(known.values()))))
    named = {row.sku: row.name for row in connection.execute(stored)} if known else {}
    same = {sku: other for sku, other in known.items() if names[sku] == named[other]}
    return _refused(rows, is_good, same, ("sku", "product", "give it a name of its own"))


def _refused(rows: pl.DataFrame, where: pl.Expr, known: dict[str, str], words: tuple[str, str, str]) -> pl.DataFrame:
    if not known:
        return rows
    column, noun, remedy = words
    other = pl.col(column).replace_strict(known, default=None, return_dtype=pl.String)
    sentence = f"The {noun} {{}} is unknown, and {{}} is known, which a spreadsheet may have rewritten: mend it, or {remedy}."
    doubted = where & other.is_not_null()
    return rows.with_columns(
        code=pl.when(doubted).then(pl.lit(CODE)).otherwise("code"),
        reason=pl.when(doubted).then(pl.format(sentence, column, other)).otherwise("reason"),
    )


def _orders(connection: Connection, lines: pl.DataFrame, channel_id: str) -> dict[str, str]:
    o = sales_order.c
    if connection.execute(sa.select(o.id).where(o.channel_id == channel_id).limit(1)).first() is None:
        return {}
    known = _known(connection, lines["order_ref"].unique().to_list(), o.order_ref, o.channel_id == channel_id)
    query = sa.select(o.order_ref, o.placed_at).where(o.channel_id == channel_id, in_values(connection, o.order_ref, list(known.values())))
    placed = {row.order_ref: row.placed_at for row in connection.execute(query)} if known else {}
    rows = [(ref, other, placed[other]) for ref, other in known.items()]
    pairs = pl.DataFrame(rows, _ORDERS, orient="row").join(lines.unique("order_ref"), on="order_ref")
    near = pairs.filter((pl.col("known_at") - pl.col("placed_at")).abs() <= NEAR_MICROS)
    return dict(near.select("order_ref", "known_ref").iter_rows())


def _codes(connection: Connection, codes: Sequence[str], channel_id: str) -> dict[str, str]:
    """Codes that neither are listed on the channel nor are products, with what they may stand for."""
    listed = _known(connection, codes, listing.c.external_sku, listing.c.channel_id == channel_id)
    products = _known(connection, codes, product.c.sku, sa.true())
    exact = _present(connection, list(listed | products), listing.c.external_sku, listing.c.channel_id == channel_id)
    exact |= _present(connection, list(listed | products), product.c.sku, sa.true())
    return {code: other for code, other in (products | listed).items() if code not in exact}


def _known(connection: Connection, ids: Sequence[str], column: sa.Column[Any], where: sa.ColumnElement[bool]) -> dict[str, str]:
    """Ids that the store does not have, each with another way to write it that the store has."""
    numbers = [one for one in ids if _NUMBER.fullmatch(one)]
    unknown = sorted(set(numbers) - _present(connection, numbers, column, where))
    forms = {one: spellings(one) for one in unknown}
    present = _present(connection, [form for some in forms.values() for form in some], column, where)
    firsts = {one: next((form for form in some if form in present), None) for one, some in forms.items()}
    return {one: form for one, form in firsts.items() if form is not None}


def _present(connection: Connection, ids: Sequence[str], column: sa.Column[Any], where: sa.ColumnElement[bool]) -> set[str]:
    if not ids:
        return set()
    return set(connection.execute(sa.select(column).where(where, in_values(connection, column, ids))).scalars())
