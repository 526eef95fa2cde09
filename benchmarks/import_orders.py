"""Importing the whole online-retail file: seconds, peak memory, longest write lock, and that the counts are right.

    python -m benchmarks.import_orders [--url postgresql://...] [--rows N]

Imports `../shared/data/uci-online-retail/online-retail.csv.gz` into a scratch store twice, as history and with `--opening-stock
cover:30d`, each in a process of its own, then the second one again. Prints one JSON object; fails above 60 s or 1 GB on SQLite.
"""

import argparse
import gzip
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from data_access.engine import open_engine
from data_access.imports.order_import import import_orders
from data_access.queries.verification.verify import verify
from data_access.store.lifecycle import create_store

FILE = Path(__file__).resolve().parents[2] / "shared" / "data" / "uci-online-retail" / "online-retail.csv.gz"
LIMIT_SECONDS = 60
LIMIT_MB = 1_000
LIMIT_LOCK_SECONDS = 0.25
ROWS = 541_909
COUNTS = {"lines": 528_919, "returns": 8_704, "unmatched_returns": 1_221, "charges": 2_950, "write_offs": 1_336}
TOTALS = {
    "orders": "select count(*) from sales_order",
    "products": "select count(*) from product",
    "listings": "select count(*) from listing",
    "units_shipped": "select sum(quantity) from shipment",
    "units_returned": "select sum(quantity) from return_line",
    "discrepancies": "select count(*) from stock_movement where kind = 'discrepancy'",
    "below_zero": "select count(*) from stock_level where on_hand < 0",
}


def measure(url: str, path: Path, opening_stock: str | None) -> dict[str, Any]:
    """One import in this process."""
    engine = open_engine(url)
    started = time.perf_counter()
    result = import_orders(engine, path, "online-retail", opening_stock)
    seconds = time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    with engine.connect() as connection:
        totals = {name: int(connection.execute(sa.text(query)).scalar() or 0) for name, query in TOTALS.items()}
    report = {"seconds": round(seconds, 1), "rows_per_second": round(result.rows_read / seconds), "peak_mb": round(peak)}
    return {**report, **result.as_dict(), **totals, "differences": verify(engine).differences}


def apart(url: str, path: Path, opening_stock: str | None) -> dict[str, Any]:
    """The same in a process of its own, so that its memory is its own."""
    code = "import json, sys; from pathlib import Path; from benchmarks.import_orders import measure; "
    code += "print(json.dumps(measure(sys.argv[1], Path(sys.argv[2]), sys.argv[3] or None)))"
    done = subprocess.run([sys.executable, "-c", code, url, str(path), opening_stock or ""], check=True, capture_output=True, text=True)
    report: dict[str, Any] = json.loads(done.stdout)
    return report


def problems(name: str, report: dict[str, Any], rows: int, *, is_limited: bool) -> list[str]:
    """What is not as it must be."""
    faults = []
    if report["rows_read"] != rows or report["imported"] + report["updated"] + report["duplicates"] + report["quarantined"] != rows:
        faults.append(f"{name}: the rows do not add up")
    if name == "again" and report["imported"] + report["updated"]:
        faults.append("again: rows were imported twice")
    if name != "again" and rows == ROWS and any(report.get(count, 0) != expected for count, expected in COUNTS.items()):
        faults.append(f"{name}: other counts than {COUNTS}")
    if report["differences"] or report["discrepancies"] or report["below_zero"]:
        faults.append(f"{name}: the store does not verify")
    if is_limited:
        for figure, limit in (("seconds", LIMIT_SECONDS), ("peak_mb", LIMIT_MB), ("longest_lock_seconds", LIMIT_LOCK_SECONDS)):
            if report[figure] > limit:
                faults.append(f"{name}: {figure} is {report[figure]}, more than {limit}")
    return faults


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--url", help="an empty PostgreSQL database; only the import of history is measured then")
    parser.add_argument("--rows", type=int, default=ROWS, help="the first rows only")
    arguments = parser.parse_args()
    if not FILE.exists():
        sys.exit(f"{FILE} is not here: this measurement needs the real file.")
    with tempfile.TemporaryDirectory() as folder:
        path = FILE
        if arguments.rows < ROWS:
            path = Path(folder) / "part.csv"
            with gzip.open(FILE, "rt") as whole, path.open("w") as part:
                part.writelines(line for _, line in zip(range(arguments.rows + 1), whole, strict=False))
        runs = [("history", None)] if arguments.url else [("history", None), ("opening_stock", "cover:30d"), ("again", "cover:30d")]
        reports, wrong = {}, []
        for name, opening_stock in runs:
            url = arguments.url or f"sqlite:///{folder}/{opening_stock or 'history'}.db".replace(":30d", "")
            if name != "again":
                engine = open_engine(url)
                create_store(engine)
                engine.dispose()
            reports[name] = apart(url, path, opening_stock)
            wrong += problems(name, reports[name], arguments.rows, is_limited=arguments.url is None)
        print(json.dumps({"reports": reports, "problems": wrong}, indent=1))
        sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
