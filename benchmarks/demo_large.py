"""What the large demo takes to make and to verify: time, memory, bytes; on a scratch SQLite store of about 9 GB.

    python -m benchmarks.demo_large [--size large]

Each is a command in a process of its own. Prints one JSON object; fails above the limits, or if `onhand verify` finds a difference.
"""

import argparse
import json
import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SECONDS, MEGABYTES = 20 * 60, 4_000


def run(folder: Path, *arguments: str) -> tuple[float, float, str]:
    """Run `onhand`: seconds, the most memory it held in MB, and what it printed."""
    environment = {**os.environ, "ONHAND_DATABASE_URL": f"sqlite:///{folder / 'onhand.db'}", "ONHAND_VAR_DIR": str(folder)}
    begun = time.perf_counter()
    process = subprocess.Popen([sys.executable, "-m", "dashboard.cli", *arguments], env=environment, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    printed = process.stdout.read()
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"onhand {' '.join(arguments)} ended with {process.returncode}: {printed}")
    return time.perf_counter() - begun, used.ru_maxrss * 1_024 / 1e6, printed


def main() -> int:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", default="large")
    size = parser.parse_args().size
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        seconds, memory, _ = run(folder, "demo", "--size", size)
        file = folder / "onhand.db"
        store = sqlite3.connect(file)
        lines = store.execute("select count(*) from order_line").fetchone()[0]
        store.close()
        verify_seconds, verify_memory, report = run(folder, "verify", "--json")
        differences = json.loads(report)["differences"]
        figures = {
            "size": size,
            "lines": lines,
            "seconds": round(seconds, 1),
            "peak_mb": round(memory),
            "file_mb": round(file.stat().st_size / 1e6),
            "verify_seconds": round(verify_seconds, 1),
            "verify_peak_mb": round(verify_memory),
            "differences": differences,
        }
    print(json.dumps(figures))
    return int(seconds > SECONDS or memory > MEGABYTES)


if __name__ == "__main__":
    sys.exit(main())
