"""Rows of a file that are packages of one line: what each holds, and what the line has in all.

Where that cannot be known, a person is asked.

A row's quantity is its line's, or its package's: the mapping says which (`lines.quantity`, `columns.shipped_quantity`). Where it does not,
rows of a line with different packages and different quantities name those of the packages, for a line has but one; so do rows whose
quantities add up to what is known of the line. All others are a question.
"""

from collections.abc import Collection
from typing import Any, Final

import polars as pl
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from data_access.imports.files.mapping import Mapping
from data_access.schema.orders import order_line, sales_order
from data_access.store.frames import read
from data_access.write.bulk import in_values

CODE: Final = "package_units"
QUESTION: Final = (
    "Several rows of one line name different packages, and it cannot be told whether {} units are the package's or the line's: set "
    "lines.quantity or columns.shipped_quantity in the mapping, or mend the quantities to those of the packages."
)
_TWICE: Final = "The package of this row comes with other units in another row of its line: mend one of them."
_LINE: Final = ["order_ref", "line_ref"]
_KNOWN: Final = pl.Schema({"order_ref": pl.String, "line_ref": pl.String, "ordered": pl.Int64})


def with_packages(connection: Connection, rows: pl.DataFrame, mapping: Mapping, unmended: Collection[int] = ()) -> pl.DataFrame:
    """Rows by `files.orders.ROWS`: of those that are packages `package_quantity` is known, and `quantity` is their line's.

    `unmended`: numbers of rows of the inbox that say what they always said, so that those of their line are still asked about.
    """
    named = mapping.columns.named
    if not {"tracking_number", "carrier"} & named.keys():
        return rows
    lines = _lines(rows)
    if mapping.lines.quantity == "package":
        return _replaced(rows, _by_package(lines))
    packages = pl.col("package").drop_nulls().n_unique()
    several = lines.filter(packages.over(_LINE) > 1)
    repeated = lines.clear()
    if "line" not in named:
        content = ["order_ref", pl.col("line_ref").str.replace(r"\.\d+$", "")]
        repeated = lines.filter((packages.over(content) > 1) & (packages.over(_LINE) == 1))
    if several.is_empty() and repeated.is_empty():
        return rows
    known = _known(connection, mapping.channel.id, [*several["order_ref"], *repeated["order_ref"]])
    says_units = "shipped_quantity" in named
    changed = [_inferred(several.join(known, on=_LINE, how="left", maintain_order="left"), unmended, says_units=says_units)]
    changed.append(_refused(repeated.join(known, on=_LINE, how="anti", maintain_order="left").filter(pl.col("package_quantity").is_null())))
    return _replaced(rows, pl.concat(changed))


def _lines(rows: pl.DataFrame) -> pl.DataFrame:
    """Good rows of lines with a `package`, by which two packages of a line differ; null if the row names none."""
    carrier = pl.col("carrier").str.to_lowercase()
    of_number = carrier.drop_nulls().first().over([*_LINE, "tracking_number"])
    named = pl.any_horizontal(pl.col("tracking_number", "carrier").is_not_null())
    key = pl.concat_str(pl.col("tracking_number").fill_null(""), pl.coalesce(carrier, of_number).fill_null(""), separator="\x1f")
    columns = ("position", "row_no", *_LINE, "code", "reason", "quantity", "package_quantity", "cancelled_at", "shipped_at")
    good = rows.filter(pl.col("code").is_null() & (pl.col("role") == "line"))
    return good.with_columns(package=pl.when(pl.col("shipped_at").is_not_null() & named).then(key)).select(*columns, "package")


def _known(connection: Connection, channel_id: str, order_refs: list[str]) -> pl.DataFrame:
    """Units ordered of all known lines of the orders."""
    o, line = sales_order.c, order_line.c
    query = (
        sa.select(o.order_ref, line.line_ref, line.quantity)
        .join(order_line, line.order_id == o.id)
        .where(o.channel_id == channel_id, in_values(connection, o.order_ref, sorted(set(order_refs))))
    )
    return read(connection, query, _KNOWN)


def _packed() -> pl.Expr:
    """Units of all packages of a line, each once."""
    return pl.col("quantity").filter(pl.col("package").is_not_null() & pl.struct(*_LINE, "package").is_first_distinct()).sum().over(_LINE)


def _differs() -> pl.Expr:
    """Whether a package of the row's line comes with two quantities."""
    several = pl.col("quantity").n_unique().over([*_LINE, "package"]) > 1
    return (several & pl.col("package").is_not_null()).any().over(_LINE)


def _by_package(lines: pl.DataFrame) -> pl.DataFrame:
    """By a mapping that says so, each row names its own units: its line has those of all rows, but for those that tell of all of it."""
    lines = lines.filter(pl.col("package").is_not_null().any().over(_LINE))
    plain, is_cancelled = pl.col("package").is_null(), pl.col("cancelled_at").is_not_null()
    rest = sum(
        (pl.col("quantity").filter(plain & kind).max().over(_LINE).fill_null(0) for kind in (is_cancelled, ~is_cancelled)),
        start=pl.lit(0, pl.Int64),
    )
    lines = lines.with_columns(packed=_packed(), rest=rest, differs=_differs())
    of_all = plain & (pl.col("quantity") == pl.col("packed"))
    total = pl.col("packed") + pl.when(pl.col("rest") == pl.col("packed")).then(0).otherwise("rest")
    return lines.with_columns(
        quantity=total,
        package_quantity=pl.when(~of_all & (~plain | is_cancelled)).then("quantity"),
        code=pl.when("differs").then(pl.lit(CODE)),
        reason=pl.when("differs").then(pl.lit(_TWICE)),
    ).drop("packed", "rest", "differs")


def _inferred(lines: pl.DataFrame, unmended: Collection[int], *, says_units: bool) -> pl.DataFrame:
    """Rows of lines with several packages; `ordered`: the units that are known of the line. `says_units`: the file has a column for it."""
    is_package = pl.col("package").is_not_null()
    silent = (is_package & pl.col("package_quantity").is_null()).any().over(_LINE)
    lines = lines.filter(silent)
    if says_units:
        return _refused(lines.filter(is_package & pl.col("package_quantity").is_null()))
    ordered, units = pl.col("ordered"), pl.col("quantity")
    lines = lines.with_columns(packed=_packed(), differs=_differs())
    varied = units.filter(is_package).n_unique().over(_LINE) > 1
    varied = varied & ~pl.col("row_no").is_in(list(unmended)).any().over(_LINE)
    fits = pl.when(ordered.is_null()).then(varied).otherwise((ordered == pl.col("packed")) | (varied & (ordered > pl.col("packed"))))
    total = pl.max_horizontal("packed", "ordered")
    states = (is_package | (units == total)).all().over(_LINE)
    certain = lines.filter(fits & states & ~pl.col("differs"))
    asked = lines.join(certain, on="position", how="anti", maintain_order="left")
    certain = certain.with_columns(quantity=total, package_quantity=pl.when(is_package).then("quantity"))
    return pl.concat([certain.select(_CHANGED), _refused(asked)])


_CHANGED: Final = ("position", "quantity", "package_quantity", "code", "reason")


def _refused(lines: pl.DataFrame) -> pl.DataFrame:
    return lines.with_columns(code=pl.lit(CODE), reason=pl.format(QUESTION, "quantity")).select(_CHANGED)


def _replaced(rows: pl.DataFrame, changed: pl.DataFrame) -> pl.DataFrame:
    """Rows with what is known of some of them now."""
    values: dict[str, Any] = {name: pl.when("is_changed").then(f"{name}_new").otherwise(name) for name in _CHANGED if name != "position"}
    new = changed.select(_CHANGED).with_columns(is_changed=pl.lit(value=True))
    return rows.join(new, on="position", how="left", maintain_order="left", suffix="_new").with_columns(**values).select(rows.columns)
