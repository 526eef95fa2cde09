"""Which SKU a channel's own code may mean: equal codes first, then similar ones. Pure frames in, frames out."""

from typing import Final

import polars as pl

SUGGESTIONS: Final = pl.Schema(
    {
        "channel_id": pl.String,
        "external_sku": pl.String,
        "sku": pl.String,
        "name": pl.String,
        "score": pl.Float64,  # 1: the same letters and digits; else Dice's coefficient of three-letter pieces, of code or of name
    }
)
_LEAST: Final = 0.45
_KEY: Final = ["channel_id", "external_sku"]


def suggestions(listings: pl.DataFrame, products: pl.DataFrame, most: int = 3) -> pl.DataFrame:
    """At most `most` SKUs for each listing, the likeliest first; schema SUGGESTIONS.

    `listings` has channel_id, external_sku and title; `products` has sku and name. Capitals, spaces and signs do not count.
    """
    wanted = listings.select(*_KEY, code=_plain("external_sku"), text=_plain("title")).unique(_KEY)
    known = products.select("sku", "name", known_code=_plain("sku"), known_text=_plain("name"))
    equal = wanted.join(known, left_on="code", right_on="known_code").select(*_KEY, "sku", "name", score=pl.lit(1.0))
    by_code = _similar(wanted, known, "code", "known_code")
    by_name = _similar(wanted, known, "text", "known_text").with_columns(pl.col("score") * 0.95)
    return (
        pl.concat([equal, by_code, by_name])
        .filter(pl.col("score") >= _LEAST)
        .sort(*_KEY, "score", "sku", descending=[False, False, True, False])
        .unique([*_KEY, "sku"], keep="first", maintain_order=True)
        .group_by(_KEY, maintain_order=True)
        .head(most)
        .select(SUGGESTIONS.names())
        .cast(SUGGESTIONS)
    )


def _plain(column: str) -> pl.Expr:
    return pl.col(column).cast(pl.String).fill_null("").str.to_lowercase().str.replace_all(r"[^\p{L}\p{N}]", "")


def _pieces(frame: pl.DataFrame, column: str, keep: list[str]) -> pl.DataFrame:
    """Each row's different three-letter pieces, with how many it has."""
    longest = int(frame.select(pl.col(column).str.len_chars().max().fill_null(0)).item() or 0)
    cut = [pl.col(column).str.slice(start, 3) for start in range(max(min(longest, 60) - 2, 0))]
    if not cut:
        return frame.clear().select(*keep, piece=pl.lit("", pl.String), pieces=pl.lit(0, pl.UInt32))
    return (
        frame.select(*keep, piece=pl.concat_list(cut).list.unique())
        .explode("piece")
        .filter(pl.col("piece").str.len_chars() == 3)
        .with_columns(pieces=pl.len().over(keep))
    )


def _similar(wanted: pl.DataFrame, known: pl.DataFrame, column: str, known_column: str) -> pl.DataFrame:
    """Dice's coefficient: twice the shared pieces by all pieces of both."""
    ours = _pieces(wanted, column, _KEY)
    theirs = _pieces(known.rename({known_column: "of"}).select("sku", "name", "of"), "of", ["sku", "name"])
    shared = ours.join(theirs, on="piece", suffix="_known").group_by(*_KEY, "sku", "name", "pieces", "pieces_known").len("both")
    return shared.select(*_KEY, "sku", "name", score=2.0 * pl.col("both") / (pl.col("pieces") + pl.col("pieces_known")))
