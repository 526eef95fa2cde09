"""What is usual: rates of return by channel, category and reason, and how long returns take. Made once, before cohorts are looked at."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from typing import Final

import polars as pl

from data_access.domain.returns.delays import CELL, age, clump, delay_curves

RATES: Final = pl.Schema({"channel_id": pl.String, "category": pl.String, "reason": pl.String, "rate": pl.Float64})
"""`rate`: units that come back for the reason in the end, of a unit shipped."""

HALF_LIFE_DAYS: Final = 182.0
PRIOR_UNITS: Final = 5.0


@dataclass(frozen=True, slots=True)
class Usual:
    """What was usual at the end of the day `as_of`.

    `curves`: `CURVES`; `rates`: `RATES`; both of every channel and category that was shipped, with names of the type that they have in the
    frames given. `clump`: units that come back together.
    """

    as_of: date
    curves: pl.DataFrame
    rates: pl.DataFrame
    clump: float


def with_category(units: pl.DataFrame, categories: pl.DataFrame) -> pl.DataFrame:
    """`SHIPPED` or `RETURNED` and `category`; names but the SKU are categorical, for these group and filter quickly.

    Args:
        units: `SHIPPED` or `RETURNED`.
        categories: sku, category of every SKU.

    """
    rows = units.join(categories.select("sku", "category"), on="sku", how="left", maintain_order="left")
    return rows.with_columns(pl.col(pl.String).exclude("sku").cast(pl.Categorical))


def without_skus(units: pl.DataFrame) -> pl.DataFrame:
    """The same units with SKUs added up: a hundredth of the rows, and all that is needed where no SKU is asked for."""
    keys = [name for name in units.columns if name not in ("sku", "units")]
    return units.lazy().group_by(keys).agg(pl.col("units").sum()).collect()


def usual(shipped: pl.DataFrame, returned: pl.DataFrame, as_of: date) -> Usual:
    """What is usual, from all that was shipped and what of it is known to have come back.

    A rate is that of the Cape Cod method (Buehlmann; Gluck 1997 with its decay): returns so far by the units whose returns are back so far,

        rate = sum over weeks of w R / sum over weeks of w S share(age),   w = 2 ** (-age / HALF_LIFE_DAYS),

    so young cohorts count by what they can show. Thin ones are drawn towards the rate of the category on all channels, and this towards
    that of all, as if `PRIOR_UNITS` units had come back at it: (w R + PRIOR_UNITS) / (w S share + PRIOR_UNITS / rate of the parent).

    Args:
        shipped: `SHIPPED` and category.
        returned: `RETURNED` and category.
        as_of: only what was received until then is known.

    """
    curves = delay_curves(shipped, returned, as_of)
    days = (pl.lit(as_of) - pl.col("ship_week")).dt.total_days()
    weight = 0.5 ** (days / HALF_LIFE_DAYS)
    exposure = (
        shipped.lazy()
        .group_by("ship_week", *CELL)
        .agg(pl.col("units").sum())
        .filter(pl.col("ship_week") <= as_of)
        .with_columns(days=age(as_of))
        .join(curves.lazy(), on=[*CELL, "days"])
        .group_by(CELL)
        .agg(exposure=(pl.col("units") * pl.col("share") * weight).sum())
        .collect()
    )
    back = (
        returned.lazy()
        .filter(pl.col("received_on") <= as_of)
        .group_by("ship_week", *CELL, "reason")
        .agg(pl.col("units").sum())
        .group_by(*CELL, "reason")
        .agg(back=(pl.col("units") * weight).sum())
        .collect()
    )
    cells = (
        exposure.join(back.select("reason").unique(), how="cross")
        .join(back, on=[*CELL, "reason"], how="left")
        .with_columns(pl.col("back").fill_null(0.0))
    )
    rates = cells.with_columns(rate=pl.col("back").sum().over("reason") / pl.col("exposure").sum().over("reason"))
    for group in (["category"], CELL):
        own = [pl.col(name).sum().over(*group, "reason") for name in ("back", "exposure")]
        rates = rates.with_columns(rate=(own[0] + PRIOR_UNITS) / (own[1] + PRIOR_UNITS / pl.col("rate")))
    return Usual(as_of, curves, rates.select(RATES.names()).sort(RATES.names()[:3]), clump(returned, as_of))


def rates_of(basis: Usual, reasons: Collection[str] | None, by_reason: bool) -> pl.DataFrame:
    """The rates of some reasons (None: all), added up unless `by_reason`."""
    rates = basis.rates if reasons is None else basis.rates.filter(pl.col("reason").is_in(list(reasons)))
    return rates if by_reason else rates.group_by(CELL).agg(pl.col("rate").sum())
