"""How long the columnar mirror takes: the first build, catching up with changed lines, and the scorecards from it, on a scratch store.

    python -m benchmarks.mirror [--store sqlite:////path/to/a.db | --size large] [--changed 100000]

A store that is given is copied. Nine in ten changed lines were placed in its last 60 days, the others at any time: each gets a later
delivery, as the store's own commands write and log it. The first build keeps the facts and the day cells of all metrics. The scorecards are
all metrics of all channels: read from those cells as a new process does; counted again from the facts; after each catching up, when only
the changed orders are counted again. Prints one JSON object and fails above the limits.
"""

import argparse
import json
import resource
import shutil
import sqlite3
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy.engine import Engine

from data_access.demo import build_demo
from data_access.domain.scorecards.card import cards
from data_access.domain.scorecards.days import zones
from data_access.domain.scorecards.rates import cells_at
from data_access.engine import now_us, open_engine
from data_access.mirror.count_file import counted
from data_access.mirror.counting import Counted, count
from data_access.mirror.scan import Mirror
from data_access.mirror.verify import verify_mirror
from data_access.mirror.writing import catch_up
from data_access.queries import scorecards
from data_access.store.lifecycle import migrate

BUILD_SECONDS = 240.0
CATCH_UP_SECONDS = 5.0
CARDS_SECONDS = 2.0
RECOUNT_SECONDS = 0.5
DAY = 86_400_000_000


def change(path: Path, count: int) -> int:
    """Change shipments of so many lines, and log their orders; the changed orders."""
    store = sqlite3.connect(path)
    (newest,) = store.execute("select max(placed_at) from order_line").fetchone()
    recent = count * 9 // 10
    store.executescript("create temp table chosen (line_id integer primary key)")
    chosen = "insert or ignore into chosen select id from order_line where shipped_quantity > 0 and {} order by id * 7919 % 1000003 limit ?"
    store.execute(chosen.format("placed_at > ?"), (newest - 60 * DAY, recent))
    store.execute(chosen.format("id % 97 = 0"), (count - recent,))
    mine = "in (select line_id from chosen)"
    store.execute(f"update shipment set delivered_at = coalesce(delivered_at, shipped_at) + 60000000 where line_id {mine}")
    (version,) = store.execute("update store_version set version = version + 1 where topic = 'orders' returning version").fetchone()
    orders = store.execute(
        "insert into change_log (topic, version, entity, entity_id, logged_at) "
        f"select distinct 'orders', ?, 'order', order_id, ? from order_line where id {mine}",
        (version, now_us()),
    ).rowcount
    store.commit()
    store.close()
    return int(orders)


def scored(engine: Engine, known: Counted) -> int:
    """Work out all cards of a count; how many."""
    now, zone_of = datetime.now(UTC), zones(known.channels)
    cells = cells_at(known.tally, now)
    return cards(cells, known.sent, scorecards.metrics(engine), zone_of, scorecards.figures(engine), now).height


def measure_catch_up(engine: Engine, path: Path, mirror: Path, known: Counted, changed: int) -> tuple[dict[str, Any], Counted]:
    """Change some orders, and measure the mirror and the cards after that; what is counted then."""
    orders = change(path, changed)
    channels, metrics = scorecards.zones(engine), scorecards.metrics(engine)
    start = time.perf_counter()
    done = catch_up(engine, mirror)
    seconds = time.perf_counter() - start
    known = counted(mirror, done, channels, metrics, datetime.now(UTC), known)
    scored(engine, known)
    measured = {
        "seconds": round(seconds, 2),
        "orders": orders,
        "parts": done.parts,
        "cards_after_it_seconds": round(time.perf_counter() - start - seconds, 2),
        "touched_day_cells": known.touched,
    }
    return measured, known


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--store", help="address of an SQLite store")
    parser.add_argument("--size", default="medium")
    parser.add_argument("--changed", type=int, default=100_000)
    parser.add_argument("--verify", action="store_true", help="compare with the store afterwards")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "store.db"
        if given.store:
            shutil.copyfile(given.store.removeprefix("sqlite:///"), path)
        else:
            build_demo(path, given.size, 7, datetime.now(UTC).date(), Path(folder) / "truth")
        engine, mirror = open_engine(f"sqlite:///{path}"), Path(folder) / "mirror"
        migrate(engine)
        channels, metrics = scorecards.zones(engine), scorecards.metrics(engine)
        start = time.perf_counter()
        built = catch_up(engine, mirror)
        facts_seconds = time.perf_counter() - start
        counted(mirror, built, channels, metrics, datetime.now(UTC), None)
        build_seconds = time.perf_counter() - start
        report: dict[str, object] = {
            "build_seconds": round(build_seconds, 1),
            "of_which_day_cells_seconds": round(build_seconds - facts_seconds, 2),
            "rows": {fact: Mirror(mirror, built.manifest).count(fact) for fact in built.manifest.parts},
            "megabytes": sum(file.stat().st_size for file in mirror.glob("*/*")) // 1_000_000,
        }
        start = time.perf_counter()
        known = counted(mirror, catch_up(engine, mirror), channels, metrics, datetime.now(UTC), None)
        report["cards"] = scored(engine, known)
        cards_seconds = time.perf_counter() - start
        report["cards_seconds"] = round(cards_seconds, 2)
        start = time.perf_counter()
        scored(engine, count(Mirror(mirror, built.manifest), channels, metrics, datetime.now(UTC)))
        report["cards_counted_anew_from_the_facts_seconds"] = round(time.perf_counter() - start, 2)
        seconds, recount_seconds = [], []
        for changed in (1_000, given.changed):
            after, known = measure_catch_up(engine, path, mirror, known, changed)
            report[f"catch_up_{changed}"] = after
            seconds.append(after["seconds"])
            recount_seconds.append(after["cards_after_it_seconds"])
        report["peak_rss_megabytes"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        if given.verify:
            verified = verify_mirror(engine, mirror)
            report["differences"] = None if verified is None else verified.differences
        engine.dispose()
    sys.stdout.write(json.dumps(report, indent=2) + "\n")
    limits = (BUILD_SECONDS, CATCH_UP_SECONDS, CARDS_SECONDS, RECOUNT_SECONDS)
    measured = (build_seconds, seconds[-1], cards_seconds, recount_seconds[0])
    if any(value > limit for value, limit in zip(measured, limits, strict=True)):
        sys.exit("Above a limit.")


if __name__ == "__main__":
    main()
