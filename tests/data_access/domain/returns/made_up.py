"""Made-up companies for tests of returns: SKUs of several categories, whose returns have levels of their own and come in clumps."""

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import polars as pl

from data_access.domain.returns.units import RETURNED, SHIPPED

AS_OF = date(2026, 9, 30)
REASONS = 4


@dataclass(frozen=True)
class MadeUp:
    """Frames, as `flags` takes them."""

    shipped: pl.DataFrame
    returned: pl.DataFrame
    categories: pl.DataFrame


@dataclass(frozen=True)
class Fault:
    """A SKU (by number, 0 sells most) of which a share comes back for `reason-0`, shipped from a week on (counted back from AS_OF's)."""

    sku: int
    weeks_ago: int
    share: float
    channel: str | None = None
    ended_weeks_ago: int = -1


def made_up(
    seed: int, *, skus: int = 60, channels: int = 3, weeks: int = 70, spread: float = 0.0, surge: float = 1.0, fault: Fault | None = None
) -> MadeUp:
    """2,000 lines a week; a line has 1 unit, or with a chance of 15 % more. `spread`: variance of SKUs' gamma levels. `surge`: how many
    times as many lines come back for `reason-0` in the last 6 weeks, of all SKUs.
    """
    rng = np.random.default_rng(seed)
    pace = np.sort(np.exp(rng.normal(0.0, 1.0, skus)))[::-1, None] * rng.gamma(5.0, 1.0, (skus, channels))
    lines = rng.poisson(np.repeat((pace * 2_000 / pace.sum())[:, :, None], weeks, axis=2))
    sku, channel, week = (np.repeat(axis, lines.ravel()) for axis in np.unravel_index(np.arange(lines.size), lines.shape))
    category = rng.permutation(np.arange(skus) % 3)
    rate = rng.dirichlet(np.ones(REASONS), 3)[category] * np.array([0.04, 0.08, 0.15])[category][:, None]
    if spread:
        rate = rate * rng.gamma(1.0 / spread, spread, rate.shape)
    chance, ago = rate[sku], weeks - 1 - week
    chance[ago < 6, 0] *= surge
    if fault:
        hit = (sku == fault.sku) & (ago <= fault.weeks_ago) & (ago > fault.ended_weeks_ago)
        chance[hit & ((channel == int(fault.channel[-1])) if fault.channel else hit), 0] += fault.share
    draw = rng.random(len(sku))[:, None]
    reason = (draw > chance.cumsum(axis=1)).sum(axis=1)
    monday = AS_OF - timedelta(days=AS_OF.weekday())
    whole = pl.DataFrame(
        {
            "ship_week": np.datetime64(monday - timedelta(weeks=weeks - 1)) + week * np.timedelta64(7, "D"),
            "channel_id": pl.Series(channel).cast(pl.String),
            "sku": pl.Series(sku).cast(pl.String),
            "reason": pl.Series(reason).cast(pl.String),
            "age": rng.integers(0, 7, len(sku)) + 3 + rng.gamma(2.0, 4.5, len(sku)).astype(np.int64),
            "units": rng.geometric(0.85, len(sku)),
        }
    ).select(
        pl.col("ship_week").cast(pl.Date),
        pl.format("channel-{}", "channel_id").alias("channel_id"),
        pl.format("sku-{}", pl.col("sku").str.zfill(3)).alias("sku"),
        pl.format("reason-{}", "reason").alias("reason"),
        pl.col("ship_week").cast(pl.Date).dt.offset_by(pl.format("{}d", "age")).alias("received_on"),
        "units",
    )
    return MadeUp(
        summed(whole, SHIPPED),
        summed(whole.filter(pl.Series(reason < REASONS)), RETURNED),
        pl.DataFrame(
            {
                "sku": [f"sku-{number:03}" for number in range(skus)],
                "category": [f"category-{one}" for one in category.tolist()],
            }
        ),
    )


def summed(rows: pl.DataFrame, schema: pl.Schema) -> pl.DataFrame:
    """Units by all other columns of a schema, sorted."""
    keys = [name for name in schema if name != "units"]
    return rows.group_by(keys).agg(pl.col("units").sum()).sort(keys).select(schema.names())
