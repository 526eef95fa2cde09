"""How well the effects of promotions are recovered: own lift and diversion against the demo company's truth, over several seeds.

    python -m benchmarks.forecast_promotions [--size small] [--seeds 10]

For each seed it builds a scratch demo store, learns from the demand that the store knows, and adds up the estimated and the true units of
all promotions that ended within the history, in pools of at least 30 of them (a promotion: one offer of a channel, of one or more SKUs).
`lift` is pooled by promoted channel x category, `diversion` by the channel that it is taken from x category, as the truth tells it;
`diversion_to` by promoted channel x category. Prints the absolute relative errors' median over pools and seeds, and by seed, as one JSON
object; fails where that of lift or diversion is above 20 %.
"""

import argparse
import json
import sys
import tempfile
import time
from datetime import date, timedelta
from pathlib import Path

import polars as pl
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from data_access.demo import build_demo
from data_access.engine import open_engine
from data_access.queries import catalog
from data_access.schema.catalog import product
from data_access.schema.demand import promotion
from data_access.schema.orders import cancellation, order_line
from data_access.schema.stock import stock_movement
from data_access.store.frames import MICROS, read
from forecasting.panel import Panel, panel
from forecasting.promotions import effects, learn

AS_OF = date(2026, 9, 30)
AHEAD = 28
"""Days ahead for which promotions are planned in the demo."""

LEAST = 30
LIMIT = 0.2
POOLS = {"lift": ("lift", "promoted_channel"), "diversion": ("diversion", "channel"), "diversion_to": ("diversion", "promoted_channel")}
"""By figure: the record of the truth, and the channel that it is pooled by."""

KEYS = ["sku", "channel"]


def history(engine: Engine) -> pl.DataFrame:
    """`unique_id`, `ds`, `sku`, `channel`, `category`, `y`: units ordered less those that the buyer cancelled before they shipped, by the
    channel's own day; nothing on days without demand when no location that serves the channel had any sellable unit left.
    """
    line, gone = order_line.c, cancellation.c
    cancelled = (
        sa.select(gone.line_id, sa.func.sum(gone.quantity).label("units")).where(gone.cancelled_by == "buyer").group_by(gone.line_id)
    )
    lines = cancelled.subquery()
    kept = line.quantity - sa.func.coalesce(lines.c.units, 0)
    shipped = sa.case((kept > line.shipped_quantity, kept), else_=line.shipped_quantity)
    statement = sa.select(line.sku, line.channel_id, line.placed_at, shipped).outerjoin_from(order_line, lines, lines.c.line_id == line.id)
    rows = read(engine, statement, pl.Schema({"sku": pl.String, "channel": pl.String, "at": MICROS, "y": pl.Int64}))
    channels = catalog.channels(engine)
    days = [
        rows.filter(pl.col("channel") == name).with_columns(ds=pl.col("at").dt.convert_time_zone(zone).dt.date())
        for name, zone in channels.select("channel_id", "time_zone").iter_rows()
    ]
    sold = pl.concat(days).group_by(*KEYS, "ds").agg(pl.col("y").sum())
    start, end = AS_OF - timedelta(days=729), AS_OF - timedelta(days=1)  # whole days on every channel's clock
    goods = sa.select(product.c.sku, product.c.category, product.c.launched_on)
    products = read(engine, goods, pl.Schema({"sku": pl.String, "category": pl.String, "launched_on": pl.Date}))
    pairs = sold.select(KEYS).unique().join(products, on="sku")
    first = pl.max_horizontal(pl.col("launched_on").fill_null(start), pl.lit(start))
    begins = pairs.select(*KEYS, ds=first, y=pl.lit(0, pl.Int64))
    ends = pairs.select(*KEYS, ds=pl.lit(end), y=pl.lit(0, pl.Int64))
    empty = out_of_stock(engine, start, end).join(pairs, on=KEYS, how="semi").join(sold, on=[*KEYS, "ds"], how="anti")
    known = pl.concat([begins, ends, sold.select(*KEYS, "ds", "y")]).group_by(*KEYS, "ds").agg(pl.col("y").sum())
    known = known.join(empty, on=[*KEYS, "ds"], how="anti")
    whole = pl.concat([known, empty.with_columns(y=pl.lit(None, pl.Int64))]).join(begins.select(*KEYS, begin="ds"), on=KEYS)
    whole = whole.filter(pl.col("ds").is_between(pl.col("begin"), end)).join(pairs, on=KEYS)
    return whole.select("sku", "channel", "category", "ds", "y", unique_id=pl.format("{}|{}", "sku", "channel")).sort("unique_id", "ds")


def out_of_stock(engine: Engine, start: date, end: date) -> pl.DataFrame:
    """`sku`, `channel`, `ds`: days (UTC) at whose end nothing was sellable at any location that serves the channel."""
    move = stock_movement.c
    day = sa.cast(move.occurred_at // 86_400_000_000, sa.BigInteger)
    units = sa.cast(sa.func.sum(move.quantity), sa.BigInteger)
    statement = sa.select(move.sku, move.location_id, day, units).where(move.state == "sellable").group_by(move.sku, move.location_id, day)
    schema = pl.Schema({"sku": pl.String, "location_id": pl.String, "day": pl.Int64, "units": pl.Int64})
    moves = read(engine, statement, schema).with_columns(ds=pl.col("day").cast(pl.Int32).cast(pl.Date)).sort("ds")
    places = moves.select("sku", "location_id").unique()
    days = pl.DataFrame({"ds": pl.date_range(start, end, eager=True)})
    balances = moves.with_columns(left=pl.col("units").cum_sum().over("sku", "location_id")).select("sku", "location_id", "ds", "left")
    by_day = places.join(days, how="cross").sort("ds").join_asof(balances, on="ds", by=["sku", "location_id"], check_sortedness=False)
    serves = catalog.channel_locations(engine).select("channel_id", "location_id")
    there = by_day.join(serves, on="location_id").group_by("sku", "channel_id", "ds").agg(pl.col("left").fill_null(0).max())
    return there.filter(pl.col("left") <= 0).select("sku", channel="channel_id", ds="ds")


def discounts(engine: Engine) -> pl.DataFrame:
    """`sku`, `channel`, `promotion_id`, `starts`, `ends`, `discount`."""
    rows = promotion.c
    statement = sa.select(rows.sku, rows.channel_id, rows.promotion_id, rows.starts_on, rows.ends_on, rows.discount)
    schema = pl.Schema(
        {"sku": pl.String, "channel": pl.String, "promotion_id": pl.String, "starts": pl.Date, "ends": pl.Date, "discount": pl.Float64}
    )
    return read(engine, statement, schema)


def read_panel(engine: Engine) -> Panel:
    """The panel of a demo store, with `discount` known ahead."""
    past = history(engine)
    series = past.select("unique_id", *KEYS).unique()
    days = pl.DataFrame({"ds": pl.date_range(past["ds"].min(), AS_OF + timedelta(days=AHEAD - 1), eager=True)})
    on = discounts(engine).select(*KEYS, "discount", ds=pl.date_ranges("starts", "ends")).explode("ds")
    covariates = (
        series.join(days, how="cross").join(on, on=[*KEYS, "ds"], how="left").select("unique_id", "ds", pl.col("discount").fill_null(0.0))
    )
    return panel(past, "1d", covariates, AHEAD)


def pools(whole: Panel, promoted: pl.DataFrame, truth: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """By figure, a row for each pool: channel, category, promotions, true and estimated units."""
    learned = learn(whole)
    assert learned is not None
    category = pl.Series(whole.labels["category"])[whole.statics["category"]]
    goods = pl.DataFrame({"sku": pl.Series(whole.labels["sku"])[whole.statics["sku"]], "category": category}).unique()
    estimates = effects(whole, learned).select("sku", "promoted_channel", "channel", "starts_on", "ends_on", estimated="units")
    true = (
        truth.filter(pl.col("record").is_in(["lift", "diversion"]) & (pl.col("ends_on") <= whole.day(whole.periods - 1)))
        .join(goods, on="sku")
        .join(promoted.select("sku", "promotion_id", promoted_channel="channel"), on=["sku", "promotion_id"])
        .rename({"channel_id": "channel", "ds": "starts_on"})
    )
    both = true.join(estimates, on=["sku", "promoted_channel", "channel", "starts_on", "ends_on"], how="left")
    return {
        name: both.filter(pl.col("record") == record)
        .group_by(pl.col(by).alias("pool_channel"), "category")
        .agg(pl.col("promotion_id").n_unique().alias("promotions"), pl.col("units").sum(), pl.col("estimated").sum())
        .filter(pl.col("promotions") >= LEAST)
        .with_columns(error=(pl.col("estimated") / pl.col("units") - 1).abs())
        for name, (record, by) in POOLS.items()
    }


def measure(folder: Path, size: str, seed: int) -> dict[str, pl.DataFrame]:
    """`pools` of a demo company that is built for it."""
    path = folder / f"{seed}.db"
    summary = build_demo(path, size, seed, AS_OF, folder / "truth")
    engine = open_engine(f"sqlite:///{path}")
    whole, promoted = read_panel(engine), discounts(engine)
    engine.dispose()
    path.unlink()
    return pools(whole, promoted, pl.read_parquet(summary.truth))


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", default="small")
    parser.add_argument("--seeds", type=int, default=10)
    given = parser.parse_args()
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        seeds = [measure(Path(folder), given.size, seed) for seed in range(1, given.seeds + 1)]
    report: dict[str, object] = {"size": given.size, "seeds": given.seeds, "seconds": round(time.perf_counter() - start)}
    missed = False
    for name in POOLS:
        by_seed = [of_seed[name] for of_seed in seeds]
        whole = pl.concat(by_seed)
        median = whole.select(pl.col("error").median()).item()
        missed |= name != "diversion_to" and median > LIMIT
        report[name] = {
            "median_error": round(median, 4),
            "by_seed": [round(one.select(pl.col("error").median()).item(), 4) for one in by_seed],
            "pools": whole.height,
            "units": round(whole["units"].sum()),
            "estimated": round(whole["estimated"].sum()),
            "by_channel": {
                channel: round(error, 4)
                for channel, error in whole.group_by("pool_channel").agg(pl.col("error").median()).sort("pool_channel").iter_rows()
            },
        }
    print(json.dumps(report))
    if missed:
        sys.exit(f"a median error is above {LIMIT:.0%}")


if __name__ == "__main__":
    main()
