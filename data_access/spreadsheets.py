"""What a spreadsheet could take for a formula, made harmless: the one place that knows.

A spreadsheet runs a cell that begins with = + - or @, in any width and behind characters that nobody sees. As OWASP advises, such a text
gets an apostrophe before it. What comes back loses it again, and nothing else.
"""

from typing import Final

import polars as pl

_UNSEEN: Final = r"\p{Z}\p{Cc}\p{Cf}\x{034f}\x{115f}\x{1160}\x{180b}-\x{180d}\x{2800}\x{3164}\x{fe00}-\x{fe0f}\x{ffa0}"
_SIGNS: Final = r"=+\-@\x{fe62}\x{fe63}\x{fe66}\x{fe6b}\x{ff0b}\x{ff0d}\x{ff1d}\x{ff20}"
_DANGEROUS: Final = rf"^(?:[{_UNSEEN}]*[{_SIGNS}]|[\t\r\n])"
_ESCAPED: Final = rf"^'+(?:[{_UNSEEN}]*[{_SIGNS}]|[\t\r\n])"


def harmless(text: pl.Expr) -> pl.Expr:
    """The texts with an apostrophe before each that could be taken for a formula; it goes by the name of the column."""
    return _with_apostrophe(text, _DANGEROUS)


def distinct(text: pl.Expr) -> pl.Expr:
    """The texts with a further apostrophe before each that looks as if `harmless` had made it, so that `restored` leaves its own."""
    return _with_apostrophe(text, _ESCAPED)


def restored(text: pl.Expr) -> pl.Expr:
    """The texts that `distinct` and `harmless` made these of."""
    return pl.when(text.str.contains(_ESCAPED)).then(text.str.slice(1)).otherwise(text).alias(text.meta.output_name())


def harmless_texts(texts: list[str]) -> list[str]:
    """Texts made `distinct`, then `harmless`."""
    return _of_list(texts, harmless(distinct(pl.col("text"))))


def restored_texts(texts: list[str]) -> list[str]:
    """The texts that `harmless_texts` made these of."""
    return _of_list(texts, restored(pl.col("text")))


def _with_apostrophe(text: pl.Expr, pattern: str) -> pl.Expr:
    return pl.when(text.str.contains(pattern)).then(pl.concat_str(pl.lit("'"), text)).otherwise(text).alias(text.meta.output_name())


def _of_list(texts: list[str], changed: pl.Expr) -> list[str]:
    return pl.DataFrame({"text": texts}, {"text": pl.String}).select(changed)["text"].to_list()
