"""`kill -9` in the middle of making a demo, of catching up and of live events; afterwards the store must verify.

`python benchmarks/demo_kills.py [KILLS] [MINUTES]`: so many kills of each (100), then live events at a rate for so many minutes (10).
"""

import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import sqlalchemy as sa

from data_access.demo import build_demo
from data_access.engine import open_engine, reading
from data_access.queries.verification.verify import verify
from data_access.schema.audit import inbox_item
from data_access.schema.stock import event

RATE = 200.0
AS_OF = datetime.now(UTC).date() - timedelta(days=3)
BUILD = "from data_access.demo import build_demo\nfrom datetime import date\nfrom pathlib import Path\nimport sys\n"
BUILD += "print(flush=True)\nbuild_demo(sys.argv[1], 'tiny', 7, date.fromisoformat(sys.argv[2]), Path(sys.argv[3]))\n"
CATCH_UP = "from data_access.demo import catch_up\nfrom data_access.engine import open_engine\nimport sys\n"
CATCH_UP += "print(flush=True)\ncatch_up(open_engine(f'sqlite:///{sys.argv[1]}'), int(sys.argv[2]))\n"
LIVE = "from data_access.demo import live\nfrom data_access.engine import open_engine\nimport sys, threading\n"
LIVE += f"print(flush=True)\nlive(open_engine(f'sqlite:///{{sys.argv[1]}}'), threading.Event(), {RATE})\n"


def killed(script: str, arguments: list[str], seconds: float) -> bool:
    """Run a script and kill it some time after it has begun its work; whether it was still running."""
    process = subprocess.Popen([sys.executable, "-c", script, *arguments], stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        return True
    return False


def figures(path: Path) -> tuple[int, int, int]:
    """Differences, inbox items, events."""
    engine = open_engine(f"sqlite:///{path}")
    try:
        with reading(engine) as connection:
            items = connection.execute(sa.select(sa.func.count()).select_from(inbox_item)).scalar_one()
            events = connection.execute(sa.select(sa.func.count()).select_from(event)).scalar_one()
        return verify(engine).differences, items, events
    finally:
        engine.dispose()


def kill_builds(folder: Path, kills: int) -> None:
    """A half-made demo is never there."""
    path, hit = folder / "built.db", 0
    for _ in range(kills):
        hit += killed(BUILD, [str(path), AS_OF.isoformat(), str(folder / "truth")], random.uniform(0.05, 2.0))
        if path.exists():
            differences = figures(path)[0]
            assert differences == 0, differences
            path.unlink()
    build_demo(path, "tiny", 7, AS_OF, folder / "truth")
    left = [file.name for file in folder.glob("built.db.new-*")]
    print(f"demo: {hit} of {kills} killed; then {figures(path)[0]} differences, left beside it: {left}")


def kill_catching_up(folder: Path, kills: int) -> None:
    """Three missed days, begun again after each kill."""
    hit, rounds = 0, 0
    while hit < kills:
        rounds += 1
        path = folder / f"missed-{rounds}.db"
        build_demo(path, "tiny", rounds, AS_OF, folder / "truth")
        until = int(time.time() * 1e6)
        while killed(CATCH_UP, [str(path), str(until)], random.uniform(0.3, 1.5)):
            hit += 1
        differences, items, _ = figures(path)
        assert (differences, items) == (0, 0), (rounds, differences, items)
    print(f"missed days: {hit} kills in {rounds} stores; 0 differences, nothing in the inbox")


def kill_live(folder: Path, kills: int) -> None:
    """One store, killed again and again under load."""
    path = folder / "live.db"
    build_demo(path, "tiny", 7, AS_OF, folder / "truth")
    for number in range(kills):
        killed(LIVE, [str(path)], random.uniform(0.4, 1.5))
        if number % 20 == 19:
            differences, items, _ = figures(path)
            assert (differences, items) == (0, 0), (number, differences, items)
    print(f"live: {kills} kills at {RATE:.0f} events a second; differences, inbox, events: {figures(path)}")


def run_live(folder: Path, minutes: float) -> None:
    """Live events for some minutes, then one kill."""
    path = folder / "live.db"
    before = figures(path)[2]
    killed(LIVE, [str(path)], minutes * 60)
    differences, items, events = figures(path)
    print(f"live: {minutes:g} minutes, {events - before:,} events; {differences} differences, {items} in the inbox")


def main(arguments: list[str]) -> None:
    """All of it, in a scratch folder."""
    kills = int(arguments[0]) if arguments else 100
    minutes = float(arguments[1]) if len(arguments) > 1 else 10.0
    with tempfile.TemporaryDirectory() as folder:
        kill_builds(Path(folder), kills)
        kill_catching_up(Path(folder), kills)
        kill_live(Path(folder), kills)
        run_live(Path(folder), minutes)


if __name__ == "__main__":
    main(sys.argv[1:])
