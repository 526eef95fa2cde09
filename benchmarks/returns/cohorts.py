"""How well rates of return of young cohorts are projected, replayed on the demo's history, and how long a selection takes.

    python -m benchmarks.returns.cohorts [--size small] [--seeds 4] [--moments 12] [--rows 3000000]

At moments of the second year, on all weekdays, every cohort that is not mature and still expects 10 returns or more is projected from what
was known, all together and by some groups, and compared with what had come back of it in the end. `holds`: how often the 80 % interval
holds it by the randomised probability integral transform (Czado, Gneiting and Held 2009), which for whole numbers is 80 % if the
distribution is right; `above`: how often it lies above by the same; `raw`: how often it lies between the ends, both included. `width`: of
the interval, in percentage points of the rate; `error`: mean absolute error of the rate in the end, `plain_error` of the group's last
mature rate taken for it; `bias`: the mean error.

Then it times selections of drawn frames as large as those of 10 million order lines: 3 million rows of units shipped, 700,000 of returned.

Prints one JSON object; fails if `holds` is outside 72 to 88 % for a week since shipping, or if the median of a selection reaches 250 ms.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator
from datetime import date, timedelta

import numpy as np
import polars as pl
from scipy.stats import nbinom

from benchmarks.returns.data import AS_OF, history
from data_access.domain.returns.cohorts import HIGH, LOW, Group, by_return_week, cohorts, negative_binomial
from data_access.domain.returns.usual import usual, with_category, without_skus

GROUPINGS: tuple[tuple[Group, ...], ...] = ((), ("channel_id",), ("category",), ("channel_id", "category"), ("reason",), ("sku",))
LEAST_EXPECTED = 10
KNOWN_AFTER = 70  # days after which what had come back is taken to be all
LEAST_REPLAYS = 100  # of a week since shipping, for its coverage to be judged
LIMIT_MS = 250


def moments(count: int) -> list[date]:
    """Days spread over the second year, on all weekdays, whose cohorts have all come back by its end."""
    span = 364 - KNOWN_AFTER
    return [AS_OF - timedelta(days=364 - span * place // max(count - 1, 1)) for place in range(count)]


def replays(size: str, seed: int, count: int) -> Iterator[pl.DataFrame]:
    """The young cohorts at each moment, with `final_units` and the `plain_rate`."""
    its = history(size, seed)
    for day in moments(count):
        shipped, returned = its.frames(day)
        basis = usual(shipped, returned, day)
        for by in GROUPINGS:
            rows = cohorts(shipped, returned, basis, by)
            plain = rows.filter("is_mature").group_by(by or pl.lit(0)).agg(plain_rate=pl.col("rate").sort_by("ship_week").last())
            final = returned.cast(dict.fromkeys(("channel_id", "category", "reason", "sku"), pl.String))
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


def drawn(rows: int, returns: int) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Frames of two years, 6 channels, 8 categories and 20,000 SKUs."""
    rng = np.random.default_rng(7)
    reasons = pl.Series([f"reason {number}" for number in range(10)])
    first = AS_OF - timedelta(days=AS_OF.weekday(), weeks=104)

    def units(count: int) -> pl.DataFrame:
        return pl.DataFrame(
            {
                "ship_week": pl.Series(rng.integers(0, 105, count)),
                "channel_id": pl.Series([f"channel {number}" for number in range(6)]).gather(rng.integers(0, 6, count)),
                "sku": pl.Series([f"SKU-{number:05}" for number in range(20_000)]).gather(rng.integers(0, 20_000, count)),
                "units": pl.Series(rng.geometric(0.3, count)),
            }
        ).with_columns(ship_week=pl.lit(first) + pl.duration(weeks="ship_week"))

    categories = pl.DataFrame({"sku": [f"SKU-{number:05}" for number in range(20_000)]}).with_columns(
        category=pl.format("category {}", pl.int_range(pl.len()) % 8)
    )
    received_on = pl.col("ship_week") + pl.duration(days=pl.Series(4 + rng.gamma(2, 4.5, returns).astype(np.int64)))
    returned = units(returns).with_columns(received_on=received_on, reason=reasons.gather(rng.integers(0, 10, returns)), units=pl.lit(1))
    return with_category(units(rows), categories), with_category(returned, categories)


def timed(work: Callable[[], object], times: int = 7) -> dict[str, float]:
    """Median and longest in milliseconds."""
    taken = []
    for _ in range(times):
        start = time.perf_counter()
        work()
        taken.append(1000 * (time.perf_counter() - start))
    return {"p50_ms": round(float(np.median(taken)), 1), "worst_ms": round(max(taken), 1)}


def speed(rows: int) -> dict[str, dict[str, float]]:
    """How long the preparation and selections take, filtering included."""
    shipped, returned = drawn(rows, rows * 7 // 30)
    basis = usual(shipped, returned, AS_OF)
    sent, came = without_skus(shipped), without_skus(returned)
    own, one = pl.col("channel_id") == "channel 3", pl.col("category") == "category 2"
    sku = pl.col("sku") == "SKU-00042"
    return {
        "preparation": timed(lambda: (usual(shipped, returned, AS_OF), without_skus(shipped), without_skus(returned)), 3),
        "all": timed(lambda: cohorts(sent, came, basis)),
        "by channel": timed(lambda: cohorts(sent, came, basis, ("channel_id",))),
        "by category and reason": timed(lambda: cohorts(sent, came, basis, ("category", "reason"))),
        "a channel by category": timed(lambda: cohorts(sent.filter(own), came.filter(own), basis, ("category",))),
        "a reason of a category": timed(lambda: cohorts(sent.filter(one), came.filter(one), basis, (), ["reason 1"])),
        "by week of return": timed(lambda: by_return_week(sent, came, basis, ("channel_id",))),
        "a SKU by channel": timed(lambda: cohorts(shipped.filter(sku), returned.filter(sku), basis, ("channel_id",))),
        "a channel and category by SKU": timed(lambda: cohorts(shipped.filter(own & one), returned.filter(own & one), basis, ("sku",))),
    }


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", default="small")
    parser.add_argument("--seeds", type=int, default=4)
    parser.add_argument("--moments", type=int, default=12)
    parser.add_argument("--rows", type=int, default=3_000_000)
    given = parser.parse_args()
    seeds = range(1, given.seeds + 1)
    rows = judged(pl.concat([part for seed in seeds for part in replays(given.size, seed, given.moments)], how="diagonal"))
    by_weeks, times = table(rows, "weeks"), speed(given.rows)
    summary = {
        **vars(given),
        "all": table(rows.with_columns(which=pl.lit("all")), "which"),
        "by_weeks": by_weeks,
        "by_group": table(rows, "by"),
        "times": times,
    }
    print(json.dumps(summary, indent=2))
    is_off = any(not 0.72 <= one["holds"] <= 0.88 for one in by_weeks if one["replays"] >= LEAST_REPLAYS)
    slow = [name for name, one in times.items() if name != "preparation" and one["p50_ms"] >= LIMIT_MS]
    sys.exit(f"Outside its limits: {is_off=}, {slow=}" if is_off or slow else 0)


if __name__ == "__main__":
    main()
