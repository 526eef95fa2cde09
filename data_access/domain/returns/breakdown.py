"""How much came back, by what: units, rates of what was shipped, shares of what came back. Frames in, frames out.

A rate divides units that came back by units shipped: both of the same weeks of shipping, channels and SKUs. Units whose shipment is not
known are in no rate; they are counted apart.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

import polars as pl

from data_access.domain.returns.reasons import NOT_OURS, UNMAPPED

Dimension = Literal["reason", "detail", "party", "channel_id", "category", "sku"]
OF_RETURNS: Final[tuple[Dimension, ...]] = ("reason", "detail", "party")
"""Dimensions that only what came back has: each of their rows is a part of all that was shipped."""

BREAKDOWN: Final = pl.Schema(
    {
        "group": pl.String,
        "units_shipped": pl.Int64,
        "units_returned": pl.Int64,
        "controllable_units": pl.Int64,  # of those returned: all but where the customer or nobody known is at fault
        "rate": pl.Float64,  # returned of shipped; null if nothing was shipped
        "controllable_rate": pl.Float64,
        "share": pl.Float64,  # of all units returned
    }
)


@dataclass(frozen=True, slots=True)
class Totals:
    """Units of a selection. `unplaced_units`: returned, but their shipment is not known, so in no rate; `unmapped_units`: no rule knows
    why. `refunds`: by currency the sum, in 1/10,000, and the units that it is of.
    """

    units_shipped: int
    units_returned: int
    controllable_units: int
    unplaced_units: int
    unmapped_units: int
    refunds: Mapping[str, tuple[int, int]]

    @property
    def rate(self) -> float | None:
        """Units returned of units shipped."""
        return self.units_returned / self.units_shipped if self.units_shipped else None

    @property
    def controllable_rate(self) -> float | None:
        """The same of those that a seller can prevent."""
        return self.controllable_units / self.units_shipped if self.units_shipped else None

    @property
    def refund_coverage(self) -> float | None:
        """The share of all units returned whose amount is known."""
        units = self.units_returned + self.unplaced_units
        return sum(known for _, known in self.refunds.values()) / units if units else None


_IS_OURS: Final = ~pl.col("party").is_in(NOT_OURS)


def totals(shipped: pl.DataFrame, returned: pl.DataFrame) -> Totals:
    """The sums of a selection.

    Args:
        shipped: units.
        returned: ship_week, units, reason, party, refund, currency.

    """
    placed = pl.col("ship_week").is_not_null()
    units = pl.col("units")
    sums = returned.select(
        units.filter(placed).sum().alias("returned"),
        units.filter(placed & _IS_OURS).sum().alias("ours"),
        units.filter(~placed).sum().alias("unplaced"),
        units.filter(pl.col("reason") == UNMAPPED).sum().alias("unmapped"),
    ).row(0)
    money = returned.drop_nulls(["refund", "currency"]).group_by("currency").agg(pl.col("refund").sum(), pl.col("units").sum())
    refunds = {currency: (refund, units_of) for currency, refund, units_of in money.sort("currency").iter_rows()}
    back, ours, unplaced, unmapped = sums
    return Totals(int(shipped["units"].sum()), back, ours, unplaced, unmapped, refunds)


def breakdown(shipped: pl.DataFrame, returned: pl.DataFrame, by: Dimension) -> pl.DataFrame:
    """`BREAKDOWN` of a selection, most returned first; a group has a row if something of it was shipped or came back.

    Args:
        shipped: channel_id, category, sku, units.
        returned: the same, and ship_week, reason, detail, party; finer reasons ("detail") are named with their reason, as rules do.
        by: what to part it by.

    """
    placed = returned.filter(pl.col("ship_week").is_not_null())
    finer = pl.when(pl.col("detail").is_null()).then("reason").otherwise(pl.format("{}.{}", "reason", "detail"))
    key = finer if by == "detail" else pl.col(by)
    sums = placed.group_by(group=key.cast(pl.String)).agg(
        units_returned=pl.col("units").sum(), controllable_units=pl.col("units").filter(_IS_OURS).sum()
    )
    if by in OF_RETURNS:
        rows = sums.with_columns(units_shipped=pl.lit(int(shipped["units"].sum()), pl.Int64))
    else:
        sent = shipped.group_by(group=pl.col(by).cast(pl.String)).agg(units_shipped=pl.col("units").sum())
        rows = sent.join(sums, on="group", how="full", coalesce=True, nulls_equal=True)
    numbers = ["units_shipped", "units_returned", "controllable_units"]
    every = max(int(placed["units"].sum()), 1)
    of_shipped = {
        name: pl.when(pl.col("units_shipped") > 0).then(pl.col(units) / pl.col("units_shipped"))
        for name, units in (("rate", "units_returned"), ("controllable_rate", "controllable_units"))
    }
    return (
        rows.with_columns(pl.col(numbers).fill_null(0))
        .with_columns(share=pl.col("units_returned") / every, **of_shipped)
        .select(pl.col(name).cast(BREAKDOWN[name]) for name in BREAKDOWN)
        .sort(["units_returned", "units_shipped", "group"], descending=[True, True, False], nulls_last=True)
    )
