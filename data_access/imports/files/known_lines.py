"""Which known line of its order a row is of, where no equal line id says so. Frames in, frames out.

A file that was read in another way (another mapping, precision, price or route) names the lines of a known order otherwise than the store
does. Its rows are matched first by line id, if need be as a number, then by SKU and content (equal ones by how far they are), then by SKU
alone; rows of one SKU are never matched with lines of another. Two line ids of one source that differ are two lines. What is left, with
lines of its SKU left too, is in doubt: a person is asked.
"""

from typing import Final

import polars as pl

ROWS: Final = pl.Schema(
    {
        "position": pl.Int64,
        "order_id": pl.Int64,
        "line_ref": pl.String,
        "sku": pl.String,
        "quantity": pl.Int64,
        "unit_price": pl.Int64,
        "state": pl.String,  # how far it says that the line is
    }
)
LINES: Final = pl.Schema(
    {
        "line_id": pl.Int64,
        "order_id": pl.Int64,
        "line_ref": pl.String,
        "sku": pl.String,
        "quantity": pl.Int64,
        "unit_price": pl.Int64,
        "state": pl.String,
        "is_named_here": pl.Boolean,  # its line id is one that the rows' own source gave it
    }
)
MATCHES: Final = pl.Schema({"position": pl.Int64, "line_id": pl.Int64, "is_doubtful": pl.Boolean})
"""One row for each of `ROWS`: its line, null if it is a new one or in doubt."""

_BY_CONTENT: Final = (
    ("order_id", "sku", "quantity", "unit_price", "state"),
    ("order_id", "sku", "quantity", "unit_price"),
    ("order_id", "sku", "quantity", "state"),
    ("order_id", "sku", "quantity"),
)
_BY_SKU: Final = ("order_id", "sku")


def matched(rows: pl.DataFrame, lines: pl.DataFrame, *, rows_are_named: bool) -> pl.DataFrame:
    """`MATCHES` of `ROWS` with `LINES` of their orders.

    `rows_are_named`: their line ids are the source's own, not made of their content.
    """
    pairs = [rows.join(lines, on=["order_id", "line_ref"], how="inner").select("position", "line_id")]
    rows, lines = _left(rows, lines, pairs[0])
    pairs.append(_with_number(rows).join(_with_number(lines), on=[*_BY_SKU, "number"], how="inner").select("position", "line_id"))
    rows, lines = _left(rows, lines, pairs[1])
    if rows_are_named:
        lines = lines.filter(~pl.col("is_named_here"))
    for key in _BY_CONTENT:
        numbered = (_numbered(rows, key), _numbered(lines, key))
        pairs.append(numbered[0].join(numbered[1], on=[*key, "number"], how="inner", nulls_equal=True).select("position", "line_id"))
        rows, lines = _left(rows, lines, pairs[-1])
    alone = pl.len().over(_BY_SKU) == 1
    pairs.append(rows.filter(alone).join(lines.filter(alone), on=_BY_SKU, how="inner").select("position", "line_id"))
    rows, lines = _left(rows, lines, pairs[-1])
    in_doubt = rows.join(lines, on=_BY_SKU, how="semi")
    new = rows.join(lines, on=_BY_SKU, how="anti")
    return pl.concat(
        [
            pl.concat(pairs).with_columns(is_doubtful=pl.lit(value=False)),
            new.select("position", line_id=pl.lit(None, pl.Int64), is_doubtful=pl.lit(value=False)),
            in_doubt.select("position", line_id=pl.lit(None, pl.Int64), is_doubtful=pl.lit(value=True)),
        ]
    ).sort("position")


def _with_number(frame: pl.DataFrame) -> pl.DataFrame:
    """Those whose line id is a number, which a spreadsheet writes without leading zeros or with a decimal; of equal ones the first."""
    number = pl.col("line_ref").str.extract(r"^0*(\d+)(?:\.0+)?$")
    return frame.with_columns(number=number).drop_nulls("number").unique([*_BY_SKU, "number"], keep="first", maintain_order=True)


def _numbered(frame: pl.DataFrame, key: tuple[str, ...]) -> pl.DataFrame:
    return frame.with_columns(number=pl.int_range(pl.len()).over(key))


def _left(rows: pl.DataFrame, lines: pl.DataFrame, pairs: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    return rows.join(pairs, on="position", how="anti"), lines.join(pairs, on="line_id", how="anti")
