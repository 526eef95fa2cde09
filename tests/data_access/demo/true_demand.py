"""The back-test against the demo company's truth: sizes that it suggests from what the store knows, replayed with the true demand."""

from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl

from data_access.demo import build_demo
from data_access.domain.buffer_replay import ORDERS, Demand, moments, rate, replay, suggested
from data_access.engine import open_engine, reading
from data_access.queries import catalog
from data_access.queries.buffer_replay import demand

DAY = 86_400_000_000
CHANNEL = "ebay"
SIZES = [*range(21), 25, 30, 40, 50, 75, 100]
NOBODY = pl.DataFrame(schema={"sku": pl.String, "size": pl.Int64})


def with_lost(known: Demand, truth: pl.DataFrame, since: int, until: int) -> Demand:
    """The same with the lost units of the truth as orders at noon of their day, each of one listing of its own."""
    lost = truth.filter((pl.col("record") == "demand") & (pl.col("channel_id") == CHANNEL) & (pl.col("lost_units") > 0))
    median = known.orders["delay"].median()
    kits = known.parts.select("sku", now="kit_version").group_by("sku").agg(pl.col("now").max())
    orders = (
        lost.with_row_index("row")
        .join(kits, on="sku", how="left")
        .select(
            "sku",
            line_id=-1 - pl.col("row").cast(pl.Int64),
            kit_version=pl.col("now").fill_null(0),
            listing=pl.lit("wanted"),
            at=pl.col("ds").cast(pl.Datetime("us")).dt.epoch("us") + DAY // 2,
            units=pl.col("lost_units").cast(pl.Int64),
            delay=pl.lit(int(median) if isinstance(median, int | float) else 0, pl.Int64),
        )
        .filter((pl.col("at") >= since) & (pl.col("at") < until))
    )
    whole = pl.concat([known.orders, orders.select(ORDERS.names()).cast(ORDERS)])
    return Demand(whole, known.cancelled, known.changes, known.pools, known.parts)


def rates(orders: pl.DataFrame, cancelled: pl.DataFrame, sizes: pl.DataFrame) -> pl.DataFrame:
    """sku, sold, oversold, without (oversold without a buffer), sold_without: with each SKU's own size (sku, suggested)."""
    curves = replay(orders, cancelled, SIZES)
    own = curves.join(sizes, on="sku", how="left").filter(pl.col("size") == pl.col("suggested").fill_null(0))
    none = curves.filter(pl.col("size") == 0).select("sku", sold_without="sold", without="oversold")
    return own.join(none, on="sku")


def totals(by_sku: pl.DataFrame, target: float) -> dict[str, int]:
    """The figures of one replay: units of all SKUs, and of those in `need`: without a buffer they miss by over a point."""
    over = by_sku.with_columns(
        was=rate(pl.col("sold_without"), pl.col("without")) > target + 0.01, still=rate(pl.col("sold"), pl.col("oversold")) > target + 0.01
    )
    in_need = over.filter("was")
    sums = {name: int(by_sku[name].sum()) for name in ("sold_without", "without", "sold", "oversold")}
    return {
        "skus": over.height,
        "missed_without": in_need.height,
        "missed": int(over["still"].sum()),
        "need_sold_without": int(in_need["sold_without"].sum()),
        "need_without": int(in_need["without"].sum()),
        "need_sold": int(in_need["sold"].sum()),
        "need_oversold": int(in_need["oversold"].sum()),
        **sums,
    }


def one_seed(folder: Path, size: str, seed: int, as_of: date, target: float) -> dict[str, dict[str, int]]:
    """Build a demo and replay it: `same` days, and the `next` ones after those that the sizes were suggested from."""
    path = folder / f"{seed}.db"
    summary = build_demo(path, size, seed, as_of, folder / "truth")
    truth = pl.read_parquet(summary.truth)
    until = int(datetime(as_of.year, as_of.month, as_of.day, tzinfo=UTC).timestamp()) * 1_000_000
    engine = open_engine(f"sqlite:///{path}")
    serving = catalog.channel_locations(engine)
    with reading(engine) as connection:
        before, now = (demand(connection, serving, CHANNEL, None, until - n * 90 * DAY, until - (n - 1) * 90 * DAY) for n in (2, 1))
    engine.dispose()
    path.unlink()
    true = with_lost(now, truth, until - 90 * DAY, until)
    seen = moments(true)
    by_days = {}
    for name, known in (("same", now), ("next", before)):
        sizes = suggested(replay(moments(known), known.cancelled, SIZES), target, NOBODY)
        by_days[name] = totals(rates(seen, true.cancelled, sizes), target)
    return by_days
