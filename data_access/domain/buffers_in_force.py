"""Which buffer a channel had when: so that a back-test shows what could not be observed, because more was withheld then. Pure frames."""

from itertools import pairwise
from typing import Final

import polars as pl

from data_access.domain.buffers import RULES, winning

OVERLOOKED_DAYS: Final = 1.0
"""A larger buffer that was in force for less than this, in all, hides too little demand to count."""

_HOUR: Final = 3_600_000_000
VERSIONS: Final = pl.Schema({**RULES, "since": pl.Int64(), "until": pl.Int64()})  # microseconds since 1970; until null: still so
PAIRS: Final = pl.Schema(
    {
        "sku": pl.String,
        "channel_id": pl.String,
        "category": pl.String,
        "pool": pl.Int64,  # the largest of the window: what percent are taken of
        "own_daily": pl.Float64,  # mean daily demand of now: what days are taken of; null: unknown
    }
)
HIDDEN: Final = pl.Schema({"sku": pl.String, "units": pl.Int64, "days": pl.Float64})  # days on which that many units were withheld
OBSERVED_FROM: Final = pl.Schema({"sku": pl.String, "size": pl.Int64})


def hidden(pairs: pl.DataFrame, versions: pl.DataFrame, since: int, until: int) -> pl.DataFrame:
    """`HIDDEN` for each SKU of `PAIRS` (all of one channel) over a window in microseconds since 1970.

    `VERSIONS`: every rule as it was, for as long as it was so; one that had an end counts until then. Times are taken to the hour, so that
    a thousand rules that were saved one after the other are looked at once.
    """
    ends = pl.min_horizontal(pl.col("until").fill_null(until), pl.col("ends_at").fill_null(until), pl.lit(until, pl.Int64))
    spans = (
        versions.filter(pl.col("level") != "location")
        .with_columns(since=pl.max_horizontal("since", pl.lit(since, pl.Int64)), until=ends)
        .with_columns((pl.col("since", "until") - since) // _HOUR * _HOUR + since)
        .filter(pl.col("since") < pl.col("until"))
    )
    moments = sorted({since, until, *spans["since"], *spans["until"]})
    parts = [HIDDEN.to_frame()]
    for start, end in pairwise(moments):
        then = spans.filter((pl.col("since") <= start) & (pl.col("until") >= end))
        if then.is_empty():
            continue
        won = winning(pairs, then.select(RULES.names()))
        parts.append(won.select("sku", units=_units(), days=pl.lit((end - start) / 86_400_000_000)))
    whole = pl.concat(parts)
    return whole.group_by("sku", "units", maintain_order=True).agg(pl.col("days").sum()).filter(pl.col("units") > 0)


def _units() -> pl.Expr:
    of_days = (pl.col("amount") * pl.col("own_daily").fill_null(0.0)).ceil()
    of_pool = (pl.col("amount") / 100 * pl.col("pool").clip(lower_bound=0)).ceil()
    units = pl.when(pl.col("basis") == "units").then(pl.col("amount")).when(pl.col("basis") == "percent").then(of_pool).otherwise(of_days)
    return units.round().cast(pl.Int64)


def observed_from(hidden_days: pl.DataFrame) -> pl.DataFrame:
    """`OBSERVED_FROM` of `HIDDEN`: the smallest size that could be observed, for SKUs where that is not 0.

    A size could be observed if larger buffers were in force for less than `OVERLOOKED_DAYS` in all.
    """
    larger = pl.col("days").sum().over("sku") - pl.col("days").cum_sum().over("sku")
    known = hidden_days.sort("sku", "units").with_columns(larger=larger, all=pl.col("days").sum().over("sku"))
    counting = known.filter((pl.col("all") >= OVERLOOKED_DAYS) & (pl.col("larger") < OVERLOOKED_DAYS))
    return counting.group_by("sku", maintain_order=True).agg(size=pl.col("units").min())
