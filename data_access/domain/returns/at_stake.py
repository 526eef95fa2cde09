"""What the units that are returned beyond chance cost in refunds, by currency, and the order of flags by it."""

from typing import Final

import polars as pl

FLAG: Final = ("sku", "channel_id", "reason")
"""What names a flag."""

STAKES: Final = pl.Schema(
    {
        "sku": pl.String,
        "channel_id": pl.String,  # null: over all channels
        "reason": pl.String,
        "currency": pl.String,
        "amount": pl.Int64,  # in 1/10,000 of the currency
        "known_units": pl.Int64,  # whose refund in this currency is known
    }
)
REFUNDED: Final = pl.Schema(
    {
        "ship_week": pl.Date,
        "channel_id": pl.String,
        "sku": pl.String,
        "reason": pl.String,
        "units": pl.Int64,
        "refund": pl.Int64,  # in 1/10,000 of `currency`; both null where it is not known
        "currency": pl.String,
    }
)
"""Returns with their refunds."""


def stakes(flags: pl.DataFrame, returned: pl.DataFrame) -> pl.DataFrame:
    """`STAKES` of flags, by flag and currency: what the units beyond chance are refunded, if all are as those whose refund is known.

        amount = beyond_units x refunds in the currency / units whose refund is known in any currency

    over the returns of the flag's SKU, channel and reason that were shipped since it began. A flag without a known refund has none.

    Args:
        flags: `beyond_chance.FLAGS`.
        returned: `REFUNDED`.

    """
    known = returned.lazy().filter(pl.col("refund").is_not_null() & pl.col("currency").is_not_null())
    known = known.select(pl.col("sku", "reason", "channel_id", "currency").cast(pl.String), "ship_week", "units", "refund")
    behind = flags.lazy().join(known.rename({"channel_id": "of_channel", "units": "known"}), on=["sku", "reason"], how="inner")
    is_of_channel = pl.col("channel_id").is_null() | (pl.col("channel_id") == pl.col("of_channel"))
    behind = behind.filter(is_of_channel & (pl.col("ship_week") >= pl.col("since")))
    each = behind.group_by(*FLAG, "currency").agg(
        pl.col("beyond_units").first(), refund=pl.col("refund").sum(), known_units=pl.col("known").sum()
    )
    share = pl.col("refund") / pl.col("known_units").sum().over(FLAG)
    rows = each.with_columns(amount=(pl.col("beyond_units") * share).round().cast(pl.Int64))
    return rows.select(list(STAKES)).sort(*FLAG, "currency").collect()


def ranked(flags: pl.DataFrame, of_flags: pl.DataFrame) -> pl.DataFrame:
    """The flags by what is at stake in the currency of most known units, most first; then those without it, by their evidence.

    Two currencies are never added, nor compared.
    """
    by_units = of_flags.group_by("currency").agg(pl.col("known_units").sum()).sort("known_units", "currency", descending=[True, False])
    first = by_units["currency"].head(1)
    of_first = of_flags.filter(pl.col("currency").is_in(first.implode())).select(*FLAG, "amount")
    rows = flags.join(of_first, on=FLAG, how="left", nulls_equal=True, maintain_order="left")
    order = rows.sort("amount", "evidence", descending=True, nulls_last=True, maintain_order=True)
    return order.drop("amount")
