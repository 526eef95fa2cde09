"""How long the columnar mirror takes: the first build, catching up with changed lines, and the scorecards from it, on a scratch store.

    python -m benchmarks.mirror [--store sqlite:////path/to/a.db | --size large] [--changed 100000]

A store that is given is copied. Nine in ten changed lines were placed in its last 60 days, the others at any time: each gets a later
delivery, as the store's own commands write and log it. The first build keeps the facts and the day cells of all metrics. The scorecards are
all metrics of all channels: read from those cells as a new process does; counted anew from the facts; and after each catching up, when only
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
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

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
    return cards(cells, scorecards.metrics(engine), zone_of, scorecards.figures(engine), now).height


@dataclass(slots=True)
class Measurements:
    """What is printed, and the seconds that have limits. `catch_up`, `recount`: one for each number of changed lines."""

    report: dict[str, object] = field(default_factory=dict)
    build: float = 0.0
    cards: float = 0.0
    catch_up: list[float] = field(default_factory=list)
    recount: list[float] = field(default_factory=list)

    def is_above_a_limit(self) -> bool:
        """Whether something took longer than it may."""
        limits = (BUILD_SECONDS, CATCH_UP_SECONDS, CARDS_SECONDS, RECOUNT_SECONDS)
        measured = (self.build, self.catch_up[-1], self.cards, self.recount[0])
        return any(value > limit for value, limit in zip(measured, limits, strict=True))


def measure(engine: Engine, path: Path, mirror: Path, changes: tuple[int, ...]) -> Measurements:
    """Build, read and catch up with so many changed lines, one after the other."""
    channels, metrics, measurements = scorecards.zones(engine), scorecards.metrics(engine), Measurements()
    report = measurements.report
    start = time.perf_counter()
    built = catch_up(engine, mirror)
    facts_seconds = time.perf_counter() - start
    counted(mirror, built, channels, metrics, datetime.now(UTC), None)
    measurements.build = time.perf_counter() - start
    report["build_seconds"] = round(measurements.build, 1)
    report["of_which_day_cells_seconds"] = round(measurements.build - facts_seconds, 2)
    report["rows"] = {fact: Mirror(mirror, built.manifest).count(fact) for fact in built.manifest.parts}
    report["megabytes"] = sum(file.stat().st_size for file in mirror.glob("*/*")) // 1_000_000
    start = time.perf_counter()
    known = counted(mirror, catch_up(engine, mirror), channels, metrics, datetime.now(UTC), None)
    report["cards"] = scored(engine, known)
    measurements.cards = time.perf_counter() - start
    report["cards_seconds"] = round(measurements.cards, 2)
    start = time.perf_counter()
    scored(engine, count(Mirror(mirror, built.manifest), channels, metrics, datetime.now(UTC)))
    report["cards_counted_anew_from_the_facts_seconds"] = round(time.perf_counter() - start, 2)
    for changed in changes:
        orders = change(path, changed)
        start = time.perf_counter()
        done = catch_up(engine, mirror)
        measurements.catch_up.append(time.perf_counter() - start)
        known = counted(mirror, done, channels, metrics, datetime.now(UTC), known)
        scored(engine, known)
        measurements.recount.append(time.perf_counter() - start - measurements.catch_up[-1])
        report[f"catch_up_{changed}"] = {
            "seconds": round(measurements.catch_up[-1], 2),
            "orders": orders,
            "parts": done.parts,
            "cards_after_it_seconds": round(measurements.recount[-1], 2),
            "touched_day_cells": known.touched,
        }
    report["peak_rss_megabytes"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    return measurements


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
        measurements = measure(engine, path, mirror, (1_000, given.changed))
        if given.verify:
            verification = verify_mirror(engine, mirror)
            measurements.report["differences"] = None if verification is None else verification.differences
        engine.dispose()
    sys.stdout.write(json.dumps(measurements.report, indent=2) + "\n")
    if measurements.is_above_a_limit():
        sys.exit("Above a limit.")


if __name__ == "__main__":
    main()
