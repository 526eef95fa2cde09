"""How long it takes to evaluate all computed metrics of all channels from facts in memory.

    python -m benchmarks.scorecards [--lines 1300000]

The lines are those of 90 days of all six channels (10 million in two years), made up. Prints one JSON object: seconds of processor time
and of the clock, best of three. Set POLARS_MAX_THREADS=1 to measure one core.
"""

import argparse
import json
import time
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl

from data_access.demo.specs import CHANNELS
from data_access.domain.facts import FACTS
from data_access.domain.scorecards.days import zones
from data_access.domain.scorecards.rates import cells_at, tally, wanted
from data_access.domain.scorecards.registry import for_channel, registry
from data_access.domain.scorecards.subjects import Facts, subjects

DAY = 86_400_000_000
START = datetime(2026, 1, 1, tzinfo=UTC)


def made_up(lines: int, days: int = 90) -> Facts:
    """Facts of orders spread evenly, most of them of one line, as a mirror would hold them."""
    rng = np.random.default_rng(0)
    orders = int(lines / 1.13)
    of = np.sort(np.concatenate([np.arange(orders), rng.integers(0, orders, lines - orders)]))
    placed = int(START.timestamp()) * 1_000_000 + np.sort(rng.integers(0, days * DAY, orders))
    channel = np.array([spec.channel_id for spec in CHANNELS])[rng.choice(6, orders, p=[spec.share for spec in CHANNELS])]
    theirs = (channel == "amazon") & (rng.random(orders) < 0.7)
    units, cancelled = rng.integers(1, 4, lines), rng.random(lines) < 0.015
    left = (placed + (rng.random(orders) ** 2 * 2.2 * DAY).astype(np.int64))[of]
    sent = ~cancelled & (left <= placed[-1])
    head = {"line_id": np.arange(lines), "order_id": of, "channel_id": channel[of], "placed_at": placed[of], "quantity": units}
    due = placed[of] + 2 * DAY
    frames = {
        "order": pl.DataFrame({"order_id": np.arange(orders), "channel_id": channel, "placed_at": placed, "theirs": theirs}).with_columns(
            fulfilled_by=pl.when("theirs").then(pl.lit("marketplace")).otherwise(pl.lit("seller"))
        ),
        "line": pl.DataFrame(
            {
                **head,
                "ship_by_at": due,
                "deliver_by_at": due + 3 * DAY,
                "cancelled_quantity": units * cancelled,
                "shipped_quantity": units * sent,
            }
        ),
        "shipment": pl.DataFrame(
            {
                **head,
                "shipment_id": np.arange(lines),
                "shipment_ref": np.where(rng.random(lines) < 0.98, "1", "2"),
                "shipped_at": left,
                "tracking_number": np.char.add("N", of.astype(str)),
                "tracking_uploaded_at": left + DAY // 24,
                "first_scan_at": left + DAY // 3,
                "delivered_at": left + (rng.random(lines) * 4 * DAY).astype(np.int64),
            }
        ).filter(sent),
        "cancellation": pl.DataFrame({**head, "cancelled_at": placed[of] + DAY // 24, "cancelled_by": "buyer"}).filter(cancelled),
        "return": pl.DataFrame({**head, "received_at": left + 10 * DAY}).filter(sent & (rng.random(lines) < 0.06)),
    }
    parts = []
    for name, schema in FACTS.items():
        have = [pl.col(column).cast(kind) for column, kind in schema.items() if column in frames[name].columns]
        none = [pl.lit(None, kind).alias(column) for column, kind in schema.items() if column not in frames[name].columns]
        parts.append(frames[name].select(*have, *none).lazy())
    return Facts(*parts)


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--lines", type=int, default=1_300_000)
    given = parser.parse_args()
    facts = made_up(given.lines)
    channels = pl.DataFrame({"channel_id": [spec.channel_id for spec in CHANNELS], "time_zone": [spec.time_zone for spec in CHANNELS]})
    kinds = wanted({spec.channel_id: for_channel(registry(), spec.marketplace, spec.country) for spec in CHANNELS})
    zone_of, now = zones(channels), START + timedelta(days=90)
    runs = []
    for _ in range(3):
        clock, processor = time.perf_counter(), time.process_time()
        cells = cells_at(tally(subjects(facts, channels), kinds, zone_of), now)
        runs.append((time.process_time() - processor, time.perf_counter() - clock))
    report = {"lines": given.lines, "threads": pl.thread_pool_size(), "kinds": kinds.height, "cells": cells.height}
    print(json.dumps({**report, "processor_seconds": round(min(runs)[0], 2), "seconds": round(min(run[1] for run in runs), 2)}))


if __name__ == "__main__":
    main()
