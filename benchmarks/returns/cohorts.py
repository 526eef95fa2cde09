"""How well rates of return of young cohorts are projected, replayed on the demo's history, and how long a selection takes.

    python -m benchmarks.returns.cohorts [--size small] [--seeds 4] [--moments 12] [--rows 3000000]

At moments of the second year that lie some weeks and days apart, every cohort that is not mature and still expects 10 returns or more is
projected from what was known, all together, by channel, by category and by both, and compared with what had come back of it in the end.
`holds`: how often the 80 % interval holds it by the randomised probability integral transform (Czado, Gneiting and Held 2009), which for whole
numbers is 80 % if the distribution is right; `raw`: how often it lies between the ends, both included. `width`: of the interval, in
percentage points of the rate; `error`, `plain_error`: mean absolute error of the rate in the end, and of the group's last mature rate taken
for it; `bias`: the mean error. Prints one JSON object; fails outside 72 to 88 % for any week since shipping, or if a selection takes 250 ms.
"""

import argparse
import json
import sys
import time
from collections.abc import Iterator
from datetime import date, timedelta
from typing import get_args

import numpy as np
import polars as pl
from scipy.stats import nbinom

from benchmarks.returns.data import AS_OF, company
from data_access.domain.returns.cohorts import HIGH, LOW, Group, by_return_week, cohorts, negative_binomial
from data_access.domain.returns.usual import usual

GROUPINGS: tuple[tuple[Group, ...], ...] = ((), ("channel_id",), ("category",), ("channel_id", "category"))
LEAST_EXPECTED = 10
KNOWN_AFTER = 70  # days after which what had come back is taken to be all
LEAST_REPLAYS = 100


def moments(count: int) -> list[date]:
    """Days spread over the second year, on all weekdays, whose cohorts have all come back by its end."""
    span = 364 - KNOWN_AFTER
    return [AS_OF - timedelta(days=364 - span * place // max(count - 1, 1)) for place in range(count)]


def replays(size: str, seed: int, count: int) -> Iterator[pl.DataFrame]:
    """The young cohorts at each moment, with `final_units` and the `plain_rate`."""
    its = company(size, seed)
    for day in moments(count):
        shipped, returned = its.frames(day)
        basis = usual(shipped, returned, day)
        for by in GROUPINGS:
            rows = cohorts(shipped, returned, basis, by)
            plain = rows.filter("is_mature").group_by(by or pl.lit(0)).agg(plain_rate=pl.col("rate").sort_by("ship_week").last())
            final = returned.cast({name: pl.String for name in ("channel_id", "category")})
            final = final.group_by("ship_week", *by).agg(final_units=pl.col("units").sum())
            young = rows.filter(~pl.col("is_mature") & (pl.col("to_come") >= LEAST_EXPECTED)).join(final, on=["ship_week", *by], how="left")
            young = young.join(plain, on=by, how="left") if by else young.join(plain.select("plain_rate"), how="cross")
            yield young.select(
                pl.exclude(by),
                by=pl.lit(" x ".join(by) or "all"),
                weeks=(pl.lit(day) - pl.col("ship_week")).dt.total_days() // 7,
                seed=pl.lit(seed),
            ).with_columns(pl.col("final_units").fill_null(0))


def judged(rows: pl.DataFrame) -> pl.DataFrame:
    """With whether each interval holds, by PIT and raw."""
    came = (rows["final_units"] - rows["units_returned"]).to_numpy()
    size, chance = negative_binomial(rows["to_come"].to_numpy(), rows["to_come_sd"].to_numpy())
    below, at = nbinom.cdf(came - 1, size, chance), nbinom.cdf(came, size, chance)
    pit = below + np.random.default_rng(1).random(len(came)) * (at - below)
    final_rate = pl.col("final_units") / pl.col("units_shipped")
    return rows.with_columns(
        holds=pl.Series((pit >= LOW) & (pit <= HIGH)),
        too_high=pl.Series(pit > HIGH),
        raw=pl.col("final_units").is_between("low_units", "high_units"),
        width=pl.col("high_rate") - pl.col("low_rate"),
        error=pl.col("expected_rate") - final_rate,
        plain_error=pl.col("plain_rate") - final_rate,
    )


def table(rows: pl.DataFrame, *by: str) -> list[dict[str, object]]:
    """The summary by something."""
    return (
        rows.group_by(by)
        .agg(
            replays=pl.len(),
            holds=pl.col("holds").mean().round(3),
            above=pl.col("too_high").mean().round(3),
            raw=pl.col("raw").mean().round(3),
            width=(100 * pl.col("width").mean()).round(2),
            error=(100 * pl.col("error").abs().mean()).round(2),
            plain_error=(100 * pl.col("plain_error").abs().mean()).round(2),
            bias=(100 * pl.col("error").mean()).round(3),
        )
        .sort(by)
        .to_dicts()
    )
