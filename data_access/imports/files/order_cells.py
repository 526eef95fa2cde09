"""The cells of an order file under our own names: what rows take from their order, and where each row belongs by the mapping's rules."""

from collections.abc import Collection
from typing import Final

import polars as pl

from data_access.domain.ids import proper_ids
from data_access.imports.files.items import ITEM
from data_access.imports.files.mapping import Mapping
from data_access.imports.files.mapping_parts import ORDER_COLUMNS, ColumnSource, RowsRule
from data_access.imports.files.reader import Contents

ROW_FACTS: Final[dict[str, pl.DataType]] = {
    "row_no": pl.Int64(),
    "occurrence": pl.Int64(),
    "rule": pl.Int64(),
    "item": pl.Int64(),
    **dict.fromkeys(ORDER_COLUMNS, pl.String()),
}
"""What a file says of a row beside its text: the number of its occurrence, the rule that its order fits (its place in `rows`), the
number of its item within the record, and cells that the first row of its order fills for it.
"""

PUT_ASIDE: Final = {"leave_out": "left_out", "wait": "waiting"}
"""What a rule's `then` makes of rows, as their role."""

TIMES: Final = ("placed", "ship_by", "shipped", "tracking_uploaded", "first_scan", "deliver_by", "delivered", "cancelled")
"""Columns that hold a time or a day."""

_KNOWN: Final = ("placed", "currency", "ship_by", "deliver_by", "shipped")
_IDS: Final = ("order", "external_sku", "line")
_ITEM: Final = ("external_sku", "line", "title")


def cells(contents: Contents, mapping: Mapping, row_facts: pl.DataFrame | None = None) -> pl.DataFrame:
    """The rows of a file with their cells under our names, as `raw_...`; those that belong to the order are filled within it.

    `route`: place in `mapping.routes` of the mapping that reads the row; `aside`: left_out or waiting, null for all others. A row that
    names no item, of an order whose other rows do, is the order's own: the others take its facts, and it is left out.
    """
    raw, key = _raw(contents.frame, mapping), [column for rule in mapping.rows for column in rule.where]
    raw = raw.with_columns(rule=_rule(contents.frame, raw, mapping.rows, with_orders=True))
    if row_facts is not None:
        raw = raw.join(row_facts, on="row_no", how="left", maintain_order="left", suffix="_kept")
        raw = raw.with_columns(pl.coalesce(f"raw_{name}", name).alias(f"raw_{name}") for name in mapping.of_order)
        raw = raw.with_columns(rule=pl.coalesce("rule", "rule_kept") if key else pl.lit(None, pl.Int64))
        raw = raw.drop("rule_kept", *(name for name in ROW_FACTS if name not in ("row_no", "rule")))
    if "customer" in mapping.columns.named:
        raw = raw.with_columns(pl.col("raw_customer").str.replace(r"^(\d+)\.0$", "$1"))
    shared = [pl.col(f"raw_{name}") for name in mapping.of_order]
    raw = raw.with_columns(column.fill_null(_of_order(column)) for column in shared if _has_gaps(raw, column))
    if not mapping.rows:
        own_row = pl.when(_is_the_orders(raw, mapping)).then(pl.lit("left_out"))
        return raw.drop("rule").with_columns(aside=own_row, route=pl.lit(0, pl.Int64))
    then = [None if rule.then is None else PUT_ASIDE[rule.then] for rule in mapping.rows]
    routes = [0 if rule.then else sum(one.then is None for one in mapping.rows[: place + 1]) for place, rule in enumerate(mapping.rows)]
    by_rule = pl.DataFrame(
        {"rule": range(len(then)), "aside": then, "route": routes}, schema={"rule": pl.Int64, "aside": pl.String, "route": pl.Int64}
    )
    raw = raw.join(by_rule, on="rule", how="left", maintain_order="left").drop("rule")
    aside = pl.when(_is_the_orders(raw, mapping)).then(pl.lit("left_out")).otherwise("aside")
    return raw.with_columns(pl.col("route").fill_null(0), aside=aside)


def incomplete_orders(contents: Contents, mapping: Mapping) -> list[str]:
    """Orders of which no row of the file says something that belongs to the order and that the store may know, though it has columns for
    that.
    """
    wanted = [f"raw_{name}" for name in _KNOWN if name in mapping.of_order]
    if not wanted:
        return []
    raw = _raw(contents.frame, mapping, ["order", *(name.removeprefix("raw_") for name in wanted)])
    if not any(raw[name].null_count() for name in wanted):
        return []
    gaps = raw.group_by("raw_order", maintain_order=True).agg(pl.col(name).is_null().all() for name in wanted)
    return gaps.filter(pl.any_horizontal(wanted) & pl.col("raw_order").is_not_null())["raw_order"].to_list()


def orders_of(contents: Contents, mapping: Mapping, row_nos: Collection[int]) -> list[str]:
    """The orders that these rows name."""
    raw = _raw(contents.frame, mapping, ["order"]).filter(pl.col("row_no").is_in(row_nos))
    return raw["raw_order"].drop_nulls().unique().to_list()


def order_keys(contents: Contents, mapping: Mapping) -> pl.DataFrame:
    """Rows (`row_no`) with a hash of the order that each names (`order`), null where it names none."""
    order = pl.col("raw_order")
    return _raw(contents.frame, mapping, ["order"]).select("row_no", order=pl.when(order.is_not_null()).then(order.hash()))


def filled(contents: Contents, mapping: Mapping) -> pl.DataFrame:
    """`ROW_FACTS` without occurrences: what rows take from their order's first row, for rows that take anything."""
    raw = _raw(contents.frame, mapping)
    gaps = [name for name in mapping.of_order if _has_gaps(raw, pl.col(f"raw_{name}"))]
    missing = [pl.when(pl.col(f"raw_{name}").is_null()).then(_of_order(pl.col(f"raw_{name}"))).alias(name) for name in gaps]
    facts = raw.select("row_no", *missing)
    if ITEM in contents.frame.columns:
        facts = facts.with_columns(item=contents.frame[ITEM])
    if any(rule.of_order for rule in mapping.rows):
        with_orders, alone = (_rule(contents.frame, raw, mapping.rows, with_orders=flag) for flag in (True, False))
        facts = facts.with_columns(rule=pl.when(with_orders.ne_missing(alone)).then(with_orders))
    kept = [name for name in facts.columns if name != "row_no"]
    facts = facts.filter(pl.any_horizontal(pl.col(kept).is_not_null())) if kept else facts.clear()
    return pl.concat([pl.DataFrame(schema=ROW_FACTS), facts], how="diagonal")


def _raw(frame: pl.DataFrame, mapping: Mapping, names: list[str] | None = None) -> pl.DataFrame:
    """The cells of our columns as they stand in the file."""
    chosen = {name: source for name, source in mapping.columns.named.items() if names is None or name in names}
    there = set(frame.columns)
    raw = frame.select("row_no", "line_number", *(_cell(source, there).alias(f"raw_{name}") for name, source in chosen.items()))
    return raw.with_columns(proper_ids(raw[f"raw_{name}"]) for name in _IDS if name in chosen)


def _cell(source: ColumnSource, there: set[str]) -> pl.Expr:
    columns = [pl.col(column.strip()) for column in source.columns if column not in source.optional or column.strip() in there]
    return pl.coalesce(*columns, pl.lit(source.otherwise, pl.String)) if len(columns) != 1 or source.otherwise is not None else columns[0]


def _rule(frame: pl.DataFrame, raw: pl.DataFrame, rules: list[RowsRule], *, with_orders: bool) -> pl.Series:
    """The place of the first rule that each row fits. Of a rule that is about orders, empty cells are those of the order's first row."""
    if not rules:
        return pl.Series("rule", [None] * raw.height, dtype=pl.Int64)
    columns = list(dict.fromkeys(column.strip() for rule in rules for column in rule.where))
    named = frame.select(pl.col(column).alias(f"cell_{place}") for place, column in enumerate(columns)).with_columns(raw["raw_order"])

    def fits(rule: RowsRule) -> pl.Expr:
        cells = {column: pl.col(f"cell_{columns.index(column.strip())}") for column in rule.where}
        if rule.of_order and with_orders:
            cells = {column: cell.fill_null(_of_order(cell)) for column, cell in cells.items()}
        return pl.all_horizontal(cells[column].fill_null("").str.contains(pattern) for column, pattern in rule.where.items())

    first = pl.coalesce(pl.when(fits(rule)).then(pl.lit(place, pl.Int64)) for place, rule in enumerate(rules))
    return named.select(first.alias("rule"))["rule"]


def _is_the_orders(raw: pl.DataFrame, mapping: Mapping) -> pl.Expr:
    """Whether a row names no item, though there are several ways to, and has no price; and others of its order do."""
    ways = [f"raw_{name}" for name in _ITEM if name in mapping.columns.named]
    if len(ways) < 2 or not all(raw[name].null_count() for name in ways):
        return pl.lit(value=False)
    if "price" in mapping.columns.named:
        ways.append("raw_price")
    is_item = pl.any_horizontal(pl.col(ways).is_not_null())
    return pl.col("raw_order").is_not_null() & ~is_item & is_item.any().over("raw_order")


def _of_order(column: pl.Expr) -> pl.Expr:
    """The cell of the first row of the order that has it."""
    return column.drop_nulls().first().over("raw_order")


def _has_gaps(raw: pl.DataFrame, column: pl.Expr) -> bool:
    return raw.select(column).to_series().null_count() > 0
