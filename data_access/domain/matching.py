"""Which SKU a channel's own code may mean: equal codes first, then similar ones. Pure frames in, frames out."""

from typing import Final

import polars as pl

SUGGESTIONS: Final = pl.Schema(
    {
        "channel_id": pl.String,
        "external_sku": pl.String,
        "sku": pl.String,
        "name": pl.String,
        "score": pl.Float64,  # 1: the same letters and digits; else Dice's coefficient of three-letter pieces, or of words
    }
)
_LEAST: Final = 0.45
_NAME_WEIGHT: Final = 0.95  # of a code and a name that fit as well, the code comes first
_LONGEST: Final = 40
# colours, sizes and measures, as words of a code or title
_VARIANT: Final = (
    r"^(black|white|red|blue|green|yellow|orange|purple|violet|pink|brown|grey|gray|beige|navy|silver|gold|cream|ivory|turquoise|teal"
    r"|burgundy|olive|khaki|charcoal|natural|clear|multi|blk|wht|gry|grn|blu|dark|light"
    r"|xxs|xs|s|m|l|xl|xxl|xxxl|small|medium|large|mini|short|long|tall|[2-6]xl|\d{1,2}|\d+(cm|mm|ml|cl|kg|mg|in|inch|oz|eu|uk|us|m|l|g|w))$"
)
_KEY: Final = ["channel_id", "external_sku"]


def suggestions(listings: pl.DataFrame, products: pl.DataFrame, most: int = 3) -> pl.DataFrame:
    """At most `most` SKUs for each listing, the likeliest first; schema SUGGESTIONS.

    `listings` has channel_id, external_sku and title; `products` has sku and name. Capitals, spaces and signs do not count. Unless the
    codes are equal, no SKU is suggested whose code or name differs in nothing but a colour or a size: that is another product.
    """
    wanted = listings.unique(_KEY).select(*_KEY, code=_plain("external_sku"), words=_words("title"), tokens=_words("external_sku"))
    wanted = wanted.with_row_index("listing")
    known = products.select("sku", "name", code=_plain("sku"), words=_words("name"), tokens=_words("sku")).with_row_index("product")
    pairs = pl.concat(
        [
            wanted.join(known, on="code").select("listing", "product", score=pl.lit(1.0)),
            _alike(_pieces(wanted, "listing"), _pieces(known, "product")),
            _alike(_exploded(wanted, "listing"), _exploded(known, "product")).with_columns(pl.col("score") * _NAME_WEIGHT),
        ]
    )
    best = pairs.filter(pl.col("score") >= _LEAST).group_by("listing", "product").agg(pl.col("score").max())
    return (
        best.join(wanted.select("listing", *_KEY, "words", "tokens"), on="listing")
        .join(known.select("product", "sku", "name", "words", "tokens"), on="product", suffix="_known")
        .filter((pl.col("score") == 1) | ~(_is_variant("tokens") | _is_variant("words")))
        .sort(*_KEY, "score", "sku", descending=[False, False, True, False])
        .group_by(_KEY, maintain_order=True)
        .head(most)
        .select(SUGGESTIONS.names())
        .cast(SUGGESTIONS)
    )


def _plain(column: str) -> pl.Expr:
    return pl.col(column).cast(pl.String).fill_null("").str.to_lowercase().str.replace_all(r"[^\p{L}\p{N}]", "")


def _words(column: str) -> pl.Expr:
    return pl.col(column).cast(pl.String).fill_null("").str.to_lowercase().str.extract_all(r"[\p{L}\p{N}]+").list.unique()


def _is_variant(column: str) -> pl.Expr:
    """Whether the words of both differ, and in nothing but colours and sizes."""
    differing = pl.col(column).list.set_symmetric_difference(f"{column}_known")
    return (differing.list.len() > 0) & differing.list.eval(pl.element().str.contains(_VARIANT)).list.all()


def _pieces(frame: pl.DataFrame, key: str) -> pl.DataFrame:
    """The three-letter pieces of each code, and how many it has."""
    size = pl.col("code").str.len_chars().cast(pl.Int64) - 2
    longest = min(int(frame.select(size.max().fill_null(0)).item() or 0), _LONGEST)
    cut = [frame.select(key, piece=pl.col("code").str.slice(start, 3), pieces=size) for start in range(longest)]
    if not cut:
        return frame.clear().select(key, piece=pl.col("code"), pieces=size)
    return pl.concat(cut).filter(pl.col("piece").str.len_chars() == 3)


def _exploded(frame: pl.DataFrame, key: str) -> pl.DataFrame:
    """The words of each title or name, and how many it has."""
    return frame.select(key, piece="words", pieces=pl.col("words").list.len().cast(pl.Int64)).explode("piece").drop_nulls("piece")


def _alike(ours: pl.DataFrame, theirs: pl.DataFrame) -> pl.DataFrame:
    """Dice's coefficient: twice the shared pieces by all pieces of both."""
    asked = ours.unique(["listing", "piece"])
    known = theirs.join(asked, on="piece", how="semi").unique(["product", "piece"])
    shared = asked.join(known, on="piece", suffix="_known")
    both = shared.group_by("listing", "product").agg(pl.len(), pl.col("pieces", "pieces_known").first())
    return both.select("listing", "product", score=2.0 * pl.col("len") / (pl.col("pieces") + pl.col("pieces_known")))
