"""Whether returns beyond chance are flagged in time, and how many flags are false: daily looks at demo companies, against their truth.

    python -m benchmarks.returns.beyond_chance [--size small] [--seeds 1-20] [--looks 5]

For each seed it builds a scratch demo store and looks at every day from its 29th on, as it was known then. An *episode* is a seeded defect
because of which 30 units or more came back. It is flagged in time if its SKU, or a triple of it, stands flagged with its reason at most 7
days after the 20th unit with the reason, of lines placed in its days, was received. A *flag* counts once while it stays: the same SKU,
channel and reason on days without a gap. It is false unless it begins between an episode's first day and 60 days after its last, with its
SKU and reason. Episodes whose time is not over at the end of the history, and that are not flagged, are `undecided`; `outstays` are true
flags that stand longer than the 60 days.

Then it draws two years of 10 million lines of 20,000 SKUs, 6 channels and 10 reasons, 800,000 of which come back, and looks at the last
day, some times. Prints one JSON object; fails where an episode is missed, more than 10 % of the flags are false, or the median of those
looks takes longer than 2 s.
"""

import argparse
import json
import sys
import tempfile
import time
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from data_access.demo import build_demo
from data_access.domain.returns.beyond_chance import flags
from data_access.engine import open_engine
from data_access.queries import catalog
from data_access.schema.catalog import product
from data_access.schema.orders import order_line, shipment
from data_access.schema.returns import return_line
from data_access.store.frames import MICROS, read

AS_OF = date(2026, 9, 30)
LEAST_UNITS = 30
NTH_UNIT = 20
IN_TIME = timedelta(days=7)
STAYS_TRUE = timedelta(days=60)
LIMIT = 0.1
LIMIT_SECONDS = 2.0
SKUS, CHANNELS, REASONS, WEEKS, CATEGORIES = 20_000, 6, 10, 104, 40
LINES, RETURNS = 10_000_000, 800_000
FIRST_LOOK = 28
"""Days of history before the first look."""

FLAG = ["sku", "channel_id", "reason"]


def local_days(engine: Engine, rows: pl.DataFrame, *times: str) -> pl.DataFrame:
    """Rows with times as days of their channel."""
    zones = catalog.channels(engine).select("channel_id", "time_zone")
    parts = [
        rows.filter(pl.col("channel_id") == name).with_columns(pl.col(time).dt.convert_time_zone(zone).dt.date() for time in times)
        for name, zone in zones.iter_rows()
    ]
    return pl.concat(parts)


def shipped_lines(engine: Engine) -> pl.DataFrame:
    """`line_id`, `channel_id`, `sku`, `placed_on`, `ship_week` (of the first shipment), `units`: lines that were shipped."""
    line = order_line.c
    first = sa.select(shipment.c.line_id, sa.func.min(shipment.c.shipped_at).label("at")).group_by(shipment.c.line_id).subquery()
    columns = (line.id, line.channel_id, line.sku, line.placed_at, first.c.at, line.shipped_quantity)
    statement = sa.select(*columns).join_from(order_line, first, first.c.line_id == line.id)
    schema = {"line_id": pl.Int64, "channel_id": pl.String, "sku": pl.String, "placed_on": MICROS, "ship_week": MICROS, "units": pl.Int64}
    rows = local_days(engine, read(engine, statement, pl.Schema(schema)), "placed_on", "ship_week")
    return rows.with_columns(pl.col("ship_week").dt.truncate("1w"))


def returned_lines(engine: Engine, lines: pl.DataFrame) -> pl.DataFrame:
    """`RETURNED` with the day on which the line was placed, one row per row of the store."""
    back = return_line.c
    statement = sa.select(back.line_id, back.channel_id, back.received_at, back.return_reason, back.quantity)
    schema = {"line_id": pl.Int64, "channel_id": pl.String, "received_on": MICROS, "reason": pl.String, "units": pl.Int64}
    rows = local_days(engine, read(engine, statement, pl.Schema(schema)), "received_on")
    return rows.join(lines.select("line_id", "sku", "placed_on", "ship_week"), on="line_id")


def goods(engine: Engine) -> pl.DataFrame:
    """`sku`, `category`."""
    return read(engine, sa.select(product.c.sku, product.c.category), pl.Schema({"sku": pl.String, "category": pl.String}))


def episodes(truth: pl.DataFrame, back: pl.DataFrame) -> pl.DataFrame:
    """`sku`, `reason`, `ds`, `ends_on`, `units`, `due_on`: large ones, and the last day on which a flag is in time."""
    large = truth.filter((pl.col("record") == "defect") & (pl.col("units") >= LEAST_UNITS)).select(
        "sku", "reason", "ds", "ends_on", "units"
    )
    of = large.join(back.select("sku", "reason", "placed_on", "received_on", back="units"), on=["sku", "reason"])
    of = of.filter(pl.col("placed_on").is_between("ds", "ends_on")).sort("sku", "reason", "ds", "received_on")
    counted = of.with_columns(pl.col("back").cum_sum().over("sku", "reason", "ds")).filter(pl.col("back") >= NTH_UNIT)
    nth = counted.group_by("sku", "reason", "ds").agg(due_on=pl.col("received_on").min() + IN_TIME)
    return large.join(nth, on=["sku", "reason", "ds"], how="left").sort("ds", "sku")


def stays(looks: pl.DataFrame) -> pl.DataFrame:
    """`FLAG`, `begins_on`, `stands_until`: each flag once while it stays, of flags by day (`on`)."""
    by_day = looks.sort(*FLAG, "on")
    is_new = (pl.col("on").diff() != timedelta(days=1)).fill_null(value=True).over(FLAG)
    numbered = by_day.with_columns(stay=is_new.cast(pl.Int64).cum_sum())
    return numbered.group_by(*FLAG, "stay").agg(begins_on=pl.col("on").min(), stands_until=pl.col("on").max()).sort("begins_on", *FLAG)


def daily_looks(lines: pl.DataFrame, back: pl.DataFrame, categories: pl.DataFrame) -> tuple[pl.DataFrame, float]:
    """Flags of each day (`on`), and the mean seconds of a look."""
    shipped = lines.group_by("ship_week", "channel_id", "sku").agg(pl.col("units").sum())
    start = time.perf_counter()
    days = pl.date_range(lines["placed_on"].min() + timedelta(days=FIRST_LOOK), AS_OF, eager=True).to_list()
    looks = pl.concat(flags(shipped, back, categories, day).with_columns(on=pl.lit(day)) for day in days)
    return looks, (time.perf_counter() - start) / len(days)


def judged(large: pl.DataFrame, looks: pl.DataFrame, truth: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Episodes with the day on which they were first flagged (`flagged_on`) and how far `since` then was from the first day; flags with
    `is_true` and `outstays`.
    """
    hits = large.join(looks.select("sku", "reason", "on", "since"), on=["sku", "reason"]).filter(
        pl.col("on").is_between("ds", pl.col("ends_on") + STAYS_TRUE)
    )
    first = hits.sort("on").group_by("sku", "reason", "ds", maintain_order=True).first()
    flagged = large.join(first.select("sku", "reason", "ds", "since", flagged_on="on"), on=["sku", "reason", "ds"], how="left")
    true = truth.filter(pl.col("record") == "defect").select("sku", "reason", "ds", true_until=pl.col("ends_on") + STAYS_TRUE)
    both = stays(looks).join(true, on=["sku", "reason"], how="left")
    is_true = pl.col("begins_on").is_between("ds", "true_until").fill_null(value=False)
    outstays = (is_true & (pl.col("stands_until") > pl.col("true_until"))).fill_null(value=False)
    distinct = both.group_by(*FLAG, "begins_on", "stands_until").agg(is_true=is_true.any(), outstays=outstays.any())
    return flagged, distinct.sort("begins_on", *FLAG)


def measure(folder: Path, size: str, seed: int) -> tuple[pl.DataFrame, pl.DataFrame, float]:
    """`judged` of a demo company that is built for it, and the mean seconds of a look."""
    path = folder / f"{seed}.db"
    summary = build_demo(path, size, seed, AS_OF, folder / "truth")
    engine = open_engine(f"sqlite:///{path}")
    lines, categories = shipped_lines(engine), goods(engine)
    back, truth = returned_lines(engine, lines), pl.read_parquet(summary.truth)
    engine.dispose()
    path.unlink()
    looks, seconds = daily_looks(lines, back, categories)
    return *judged(episodes(truth, back), looks, truth), seconds


def report(measured: list[tuple[pl.DataFrame, pl.DataFrame, float]]) -> dict[str, object]:
    """The figures of all seeds."""
    large, distinct = (pl.concat(one[part] for one in measured) for part in (0, 1))
    is_in_time = (pl.col("flagged_on") <= pl.col("due_on")).fill_null(value=False)
    open_still = pl.col("flagged_on").is_null() & (pl.col("due_on").is_null() | (pl.col("due_on") > AS_OF))
    late = large.filter(~is_in_time & ~open_still)
    delays = large.select((pl.col("flagged_on") - pl.col("due_on") + IN_TIME).dt.total_days()).to_series().drop_nulls()
    off = large.select((pl.col("since") - pl.col("ds")).dt.total_days().abs()).to_series().drop_nulls()
    return {
        "episodes": large.height,
        "in_time": large.filter(is_in_time).height,
        "undecided": large.filter(open_still).height,
        "missed": [[row[0], row[1], str(row[2])] for row in late.select("sku", "reason", "ds").iter_rows()],
        "days_after_20th": {"min": delays.min(), "median": delays.median(), "p90": delays.quantile(0.9), "max": delays.max()},
        "days_since_off": {"median": off.median(), "p90": off.quantile(0.9)},
        "flags": distinct.height,
        "false": distinct.filter(~pl.col("is_true")).height,
        "outstays": distinct.filter("outstays").height,
        "false_flags": [[*row[:3], str(row[3])] for row in distinct.filter(~pl.col("is_true")).select(*FLAG, "begins_on").iter_rows()],
        "seconds_a_look": round(sum(one[2] for one in measured) / len(measured), 4),
    }


def drawn() -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """Frames of an ordinary large company, its rows in no order: one row per returned line."""
    rng = np.random.default_rng(1)
    pace = np.exp(rng.normal(0.0, 1.25, (SKUS, 1))) * rng.gamma(5.0, 1.0, (SKUS, CHANNELS)) * (rng.random((SKUS, CHANNELS)) < 0.7)
    lines = rng.poisson(np.repeat((pace * LINES / WEEKS / pace.sum())[:, :, None], WEEKS, axis=2))
    sku, channel, week = np.nonzero(lines)
    count = lines[sku, channel, week]
    category = rng.integers(0, CATEGORIES, SKUS)
    rate = rng.dirichlet(np.full(REASONS, 0.6), CATEGORIES) * rng.uniform(0.02, 0.16, (CATEGORIES, 1))
    mean = float((count * rate.sum(axis=1)[category[sku]]).sum())
    back = np.repeat(np.arange(len(sku)), rng.binomial(count, rate.sum(axis=1)[category[sku]] * RETURNS / mean))
    odds = (rate / rate.sum(axis=1, keepdims=True)).cumsum(axis=1)
    reason = (rng.random(len(back))[:, None] > odds[category[sku[back]], :-1]).sum(axis=1)
    age = rng.integers(0, 7, len(back)) + 3 + rng.gamma(2.0, 4.5, len(back)).astype(np.int64)
    first = np.datetime64(AS_OF - timedelta(days=AS_OF.weekday(), weeks=WEEKS - 1))
    names = {"sku": np.array([f"SKU-{number:05}" for number in range(SKUS)]), "reason": np.array([f"reason_{n}" for n in range(REASONS)])}
    shops = np.array(["amazon", "ebay", "shop", "tiktok", "walmart", "retail"])
    weeks = first + week * np.timedelta64(7, "D")
    shipped = pl.DataFrame({"ship_week": weeks, "channel_id": shops[channel], "sku": names["sku"][sku], "units": count})
    returned = pl.DataFrame(
        {
            "ship_week": weeks[back],
            "received_on": weeks[back] + age * np.timedelta64(1, "D"),
            "channel_id": shops[channel[back]],
            "sku": names["sku"][sku[back]],
            "reason": names["reason"][reason],
            "units": np.ones(len(back), np.int64),
        }
    )
    categories = pl.DataFrame({"sku": names["sku"], "category": [f"category {number}" for number in category.tolist()]})
    shipped, returned = (frame.cast({pl.Datetime: pl.Date}).sample(fraction=1.0, shuffle=True, seed=1) for frame in (shipped, returned))
    return shipped, returned, categories


def timed(looks: int) -> dict[str, float]:
    """Seconds of looks at `drawn`: elapsed, and of processor time."""
    shipped, returned, categories = drawn()
    seconds = []
    for _ in range(looks):
        start = time.perf_counter(), time.process_time()
        flags(shipped, returned, categories, AS_OF)
        seconds.append((time.perf_counter() - start[0], time.process_time() - start[1]))
    elapsed, used = np.median(np.array(seconds), axis=0).round(2).tolist()
    return {"lines": int(shipped["units"].sum()), "rows": shipped.height, "returns": returned.height, "seconds": elapsed, "processor": used}


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", default="small")
    parser.add_argument("--seeds", default="1-20", help="first-last")
    parser.add_argument("--looks", type=int, default=5, help="at the drawn company")
    given = parser.parse_args()
    first, last = (int(part) for part in given.seeds.split("-"))
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        measured = [measure(Path(folder), given.size, seed) for seed in range(first, last + 1)]
    large = timed(given.looks)
    figures = {"size": given.size, "seeds": given.seeds, **report(measured), "large": large, "seconds": round(time.perf_counter() - start)}
    print(json.dumps(figures))
    distinct = pl.concat(one[1] for one in measured)
    if figures["missed"] or distinct.filter(~pl.col("is_true")).height > LIMIT * distinct.height:
        sys.exit("an episode is missed, or too many flags are false")
    if large["seconds"] > LIMIT_SECONDS:
        sys.exit(f"a look at the large company takes more than {LIMIT_SECONDS:g} s")


if __name__ == "__main__":
    main()
