"""How long the demo company takes: simulating, writing, verifying, catching up; rows and bytes. `python benchmarks/demo.py [SIZE ...]`.

With `ONHAND_DATABASE_URL` set to an empty PostgreSQL database, one size is loaded there instead of into a scratch file.
"""

import os
import resource
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from data_access.demo import catch_up
from data_access.demo.history import make_history
from data_access.demo.load import load_store
from data_access.engine import open_engine
from data_access.queries.verification.verify import verify

DAYS = 14


def measure(size: str, url: str, file: Path | None) -> None:
    """One line a step."""
    as_of = datetime.now(UTC).date() - timedelta(days=DAYS + 1)
    begun = time.perf_counter()
    history = make_history(size, 7, as_of)
    simulated = time.perf_counter()
    rows = load_store(url, history)
    written = time.perf_counter()
    engine = open_engine(url)
    until = history.until_us + DAYS * 86_400_000_000
    del history
    sent = catch_up(engine, until)
    caught_up = time.perf_counter()
    report = verify(engine)
    verified = time.perf_counter()
    engine.dispose()
    print(f"{size}: {rows:,} rows" + (f", {file.stat().st_size / 1e6:,.0f} MB" if file else ""))
    print(f"  simulated {simulated - begun:6.1f} s   written {written - simulated:6.1f} s   together {written - begun:6.1f} s")
    print(f"  {DAYS} missed days: {sent:,} events in {caught_up - written:.1f} s ({sent / (caught_up - written):,.0f} a second)")
    print(f"  verified in {verified - caught_up:.1f} s: {report.differences} differences")
    print(f"  memory at most {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3:,.0f} MB")


def main(sizes: list[str]) -> None:
    """Each size in a scratch store of its own."""
    server = os.environ.get("ONHAND_DATABASE_URL")
    if server:
        measure(sizes[0], server, None)
        return
    for size in sizes:
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "demo.db"
            measure(size, f"sqlite:///{file}", file)


if __name__ == "__main__":
    main(sys.argv[1:] or ["tiny", "small"])
