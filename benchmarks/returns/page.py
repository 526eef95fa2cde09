"""How long the server takes for what the Returns page shows after a filter is changed, for 10 million order lines with 800,000 returns.

    python -m benchmarks.returns.page [--times 5]

The frames are drawn (`benchmarks.returns.beyond_chance.drawn`), as the page keeps them in memory. Combinations of channel, category,
weeks and what returns are parted by are asked for in a random order: the sums, the rates by week with what is expected, the parts,
and the newest returns behind the largest part. Prints one JSON object, in milliseconds.
"""

import argparse
import json
import random
import sys
import time
from datetime import date, timedelta
from itertools import product
from typing import get_args

import numpy as np
import polars as pl

from benchmarks.returns.beyond_chance import drawn
from data_access.domain.returns.breakdown import Dimension, breakdown, totals
from data_access.domain.returns.cohorts import cohorts
from data_access.domain.returns.reasons import taxonomy
from data_access.domain.returns.usual import Usual, usual, with_category, without_skus
from data_access.mirror.returns import RETURNS_SHIPPED, ReturnHistory
from data_access.queries.returns.picture import ReturnFilter, ReturnPicture

LIMIT_MS = 250.0
NEWEST = 500


def picture() -> tuple[ReturnPicture, tuple[pl.DataFrame, pl.DataFrame, Usual]]:
    """What the page keeps: the returns, and the cohorts' frames."""
    shipped, returned, categories = drawn()
    chance, count = np.random.default_rng(5), returned.height
    day = returned["received_on"].max()
    assert isinstance(day, date)
    reasons = [one.ref for one in taxonomy().reasons.values() if one.detail is None]
    parties = taxonomy().frame().select("party", reason="means")
    drawn_as = sorted(returned["reason"].unique())
    returned = returned.with_columns(pl.col("reason").replace_strict(dict(zip(drawn_as, reasons, strict=True))))
    rows = (
        returned.join(categories, on="sku")
        .join(parties, on="reason")
        .with_row_index("return_id")
        .with_columns(
            pl.col("return_id").cast(pl.Int64),
            detail=pl.lit(None, pl.String),
            return_ref=pl.format("R{}", "return_id"),
            refund=pl.Series(chance.integers(50_000, 900_000, count)),
            currency=pl.lit("EUR"),
        )
    )
    missing = {name: pl.lit(None, dtype) for name, dtype in RETURNS_SHIPPED.items() if name not in rows.columns}
    whole = rows.with_columns(**missing)
    sent = shipped.join(categories, on="sku")
    history = ReturnHistory("drawn", 1, {}, {}, shipped, whole.select(RETURNS_SHIPPED.names()))
    frames = with_category(shipped, categories), with_category(returned, categories)
    basis = usual(*frames, day)
    return ReturnPicture(history, sent, whole, ()), (without_skus(frames[0]), without_skus(frames[1]), basis)


def shown(seen: ReturnPicture, kept: tuple[pl.DataFrame, pl.DataFrame, Usual], chosen: ReturnFilter, by: Dimension) -> None:
    """What a view of the page reads."""
    shipped, returned = seen.only(chosen)
    totals(shipped, returned)
    week = pl.col("ship_week")
    cohorts(kept[0].filter(chosen.chosen(week)), kept[1].filter(chosen.chosen(week)), kept[2])
    rows = breakdown(shipped, returned, by)
    if by != "detail" and rows.height:
        returned.filter(pl.col(by) == rows["group"][0]).sort("received_on", "return_id", descending=True).head(NEWEST)


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--times", type=int, default=5)
    given = parser.parse_args()
    seen, kept = picture()
    last = kept[2].as_of
    channels = [(), *((one,) for one in seen.shipped["channel_id"].unique().sort()[:2])]
    categories = [(), *((one,) for one in seen.shipped["category"].unique().sort()[:2])]
    spans = [None, last - timedelta(weeks=26), last - timedelta(weeks=13)]
    views = [
        (ReturnFilter(channel, category, since=since), by)
        for channel, category, since, by in product(channels, categories, spans, get_args(Dimension))
    ] * given.times
    random.Random(1).shuffle(views)
    taken = []
    for chosen, by in views:
        start = time.perf_counter()
        shown(seen, kept, chosen, by)
        taken.append(1_000 * (time.perf_counter() - start))
    p50, p95 = np.quantile(taken, (0.5, 0.95))
    figures = {"rows_shipped": seen.shipped.height, "returns": seen.returned.height, "views": len(views)}
    print(json.dumps({**figures, "p50_ms": round(p50, 1), "p95_ms": round(p95, 1), "worst_ms": round(max(taken), 1)}, indent=1))
    if p95 > LIMIT_MS:
        sys.exit(f"a change of filters takes more than {LIMIT_MS:g} ms")


if __name__ == "__main__":
    main()
