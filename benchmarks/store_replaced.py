"""A feeder, an import and the app while the SQLite store is replaced under them, again and again.

    python -m benchmarks.store_replaced [--replacements 100] [--store FILE]

Works in a temporary folder. The feeder and the import are processes that write down what was acknowledged to them, and when; the app's
poller runs here. Each restore keeps the file that it replaces, which then shows whether all that was acknowledged while it was at the path
is in it. Prints one JSON object; `lost` must be 0.
"""

import argparse
import json
import random
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

from dashboard.shell.data.poller import LiveStock
from data_access.demo import build_demo
from data_access.engine import open_engine
from data_access.errors import StoreReplaced
from data_access.events.ingest import ingest
from data_access.events.models import Receipt, SkuUnits
from data_access.imports.table_import import import_table
from data_access.queries.verification.verify import verify
from data_access.store.replacing import restore

HEADER = "sku,name\n"


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """What a writer was told to be in the store: an event's id or an import's, and the monotonic times before the call and after it."""

    name: str
    begun: float
    ended: float


@dataclass(frozen=True, slots=True)
class Held:
    """What a store held when it was replaced, or at the end, and the monotonic times between which it may have been at the path."""

    names: frozenset[str]
    since: float
    until: float


def write_down(log: Path, act: Callable[[int], str]) -> None:
    """Act for ever; write down what was acknowledged, and what was refused because the store had been replaced."""
    with log.open("a") as file:
        for number in count():
            begun = time.monotonic()
            try:
                name = act(number)
            except StoreReplaced:
                name = "refused"
            file.write(f"{name} {begun} {time.monotonic()}\n")
            file.flush()


def feed(url: str, log: Path) -> None:
    """A feeder of one process and one engine."""
    engine = open_engine(url)

    def act(number: int) -> str:
        now = time.time_ns() // 1_000
        event = Receipt(
            source="feeder",
            event_id=f"e{number}",
            occurred_at=now,
            received_at=now,
            location_id=place,
            lines=(SkuUnits(sku=sku, quantity=1),),
        )
        ingest(engine, [event])
        return f"e{number}"

    with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as connection:
        sku, place = connection.execute("select sku, location_id from stock_level order by 1, 2 limit 1").fetchone()
    write_down(log, act)


def take_in(url: str, log: Path) -> None:
    """One import after the other of small files, each another."""
    engine = open_engine(url)

    def act(number: int) -> str:
        path = log.with_name(f"products-{number}.csv")
        path.write_text(HEADER + "".join(f"P{number}-{row},Product {row}\n" for row in range(600)))
        result = import_table(engine, "products", path)
        path.unlink()
        return f"P{number}-{result.rows_read - 1}"

    write_down(log, act)


def held(path: Path, since: float, until: float) -> Held:
    """What a file holds that nobody writes to any more."""
    with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro&immutable=1", uri=True)) as connection:
        names = {name for (name,) in connection.execute("select event_id from event where source = 'feeder'")}
        names |= {name for (name,) in connection.execute("select sku from product where sku like 'P%-599'")}
    return Held(frozenset(names), since, until)


def read_log(log: Path) -> list[Acknowledged]:
    """All whole lines of what a writer wrote down."""
    lines = log.read_text().split("\n")[:-1]
    return [Acknowledged(name, float(begun), float(ended)) for name, begun, ended in (line.split() for line in lines)]


def lost(acknowledged: list[Acknowledged], stores: list[Held]) -> list[str]:
    """What was acknowledged, and was in no store that was at the path meanwhile."""
    return [
        one.name
        for one in acknowledged
        if not any(one.name in store.names for store in stores if store.since <= one.ended and one.begun <= store.until)
    ]


def measure(folder: Path, replacements: int, start: Path | None) -> dict[str, object]:
    """Replace the store so often, under all of them. `start`: the file of a store to begin with, instead of a tiny demo."""
    path, backup, chance = folder / "store.db", folder / "backup.db", random.Random(1)
    url, logs = f"sqlite:///{path}", {"feed": folder / "feed.log", "take_in": folder / "take_in.log"}
    if start is None:
        build_demo(backup, "tiny", 1, datetime.now(UTC).date(), folder / "truth")
    else:
        shutil.copyfile(start, backup)
    restore(url, backup)
    command = [sys.executable, "-m", "benchmarks.store_replaced", "--url", url]
    children = [subprocess.Popen([*command, "--as", name, "--log", str(log)]) for name, log in logs.items()]
    app, stores, followed, restoring = LiveStock(open_engine(url)), [], [], []
    app.start()
    since = 0.0
    try:
        _wait(lambda: all(log.exists() and log.stat().st_size for log in logs.values()) and app.snapshot.live is not None)
        for number in range(replacements):
            time.sleep(chance.uniform(0.02, 0.4))
            begun = time.monotonic()
            restored = restore(url, backup)
            restoring.append(time.monotonic() - begun)
            assert restored.kept is not None
            stores.append(held(restored.kept, since, time.monotonic()))
            since, seen_from = begun, time.monotonic()
            _wait(lambda number=number: app.snapshot.store_number > number)  # type: ignore[misc]
            followed.append(time.monotonic() - seen_from)
    finally:
        for child in children:
            with suppress(ProcessLookupError):
                child.kill()
            child.wait()
        app.stop()
    engine = open_engine(url)
    differences = verify(engine).differences
    engine.dispose()
    stores.append(held(path, since, time.monotonic()))
    result: dict[str, object] = {"replacements": replacements, "differences": differences}
    for name, log in logs.items():
        lines = read_log(log)
        acknowledged = [one for one in lines if one.name != "refused"]
        gone = lost(acknowledged, stores)
        result[name] = {"acknowledged": len(acknowledged), "refused": len(lines) - len(acknowledged), "lost": len(gone)}
    return {**result, "longest_restore_seconds": max(restoring), "app_follows_within_seconds": max(followed)}


def _wait(is_so: Callable[[], bool], seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not is_so():
        if time.monotonic() > deadline:
            raise TimeoutError("nothing happened")
        time.sleep(0.01)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--replacements", type=int, default=100)
    options.add_argument("--store", type=Path, help="the file of a store to begin with; without it a tiny demo")
    options.add_argument("--as", dest="role", choices=("feed", "take_in"))
    options.add_argument("--url")
    options.add_argument("--log", type=Path)
    given = options.parse_args()
    if given.role is not None:
        (feed if given.role == "feed" else take_in)(given.url, given.log)
        return
    with tempfile.TemporaryDirectory() as folder:
        result = measure(Path(folder), given.replacements, given.store)
    print(json.dumps(result, indent=2))
    assert all(part["lost"] == 0 for part in result.values() if isinstance(part, dict)), "something acknowledged is not in the store"


if __name__ == "__main__":
    main()
