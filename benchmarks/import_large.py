"""Importing a gzip of 2 GB of valid rows of 1 KB: seconds and peak memory, and that every row came in.

    python -m benchmarks.import_large [--gigabytes 2] [--kind orders|products]

The file is drawn: orders of 1 to 3 lines whose rows are apart now and then, or products; what fills a row to 1 KB is a note that the
mapping does not read and, in a tenth of it, a title that it does. It is imported into a scratch store by SQLite, in a process of its own.
Prints one JSON object; fails above 1 GB of memory.
"""

import argparse
import gzip
import json
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from benchmarks.undo import PLACES
from data_access.engine import open_engine
from data_access.imports.order_import import import_orders, import_table
from data_access.queries.verification.verify import verify
from data_access.store.lifecycle import create_store

LIMIT_MB = 1_000
ROW_BYTES = 1_000
SKUS = 5_000
BLOCK_ROWS = 20_000
MAPPING = (
    PLACES
    + """
[columns]
order = "order"
line = "line"
external_sku = "sku"
title = "title"
quantity = "quantity"
price = "price"
placed = "placed"
status = "status"
shipped = "shipped"
country = "country"

[skus]
unknown = "create"

[status]
Open = ["placed"]
Shipped = ["shipped"]
"""
)
HEADERS = {"orders": "order,line,sku,title,quantity,price,placed,status,shipped,country,note", "products": "sku,name,category,price,note"}


def lines(kind: str, rows: int) -> Iterator[str]:
    """The rows of the file."""
    chance = random.Random(1)
    letters = "abcdefghijklmnopqrstuvwxyz     "
    note = "".join(chance.choices(letters, k=50_000))
    for number in range(rows):
        title = f"Thing {number % SKUS} " + "of cotton and linen woven by hand " * 2
        if kind == "products":
            text = f"P-{number},{title},Category {number % 40},{number % 90}.50,"
        else:
            order = number // 2 if number % 50 else max(number // 2 - 40_000, 0)  # now and then a row far from its order's others
            day, sku = f"2026-{1 + number // 30 % 9:02d}-{1 + number % 28:02d}", number * 7 % SKUS
            text = f"O-{order},L-{number},S-{sku},{title},{1 + number % 3},9.90,{day} 10:00:00,Shipped,{day} 18:00:00,DE,"
        start = number * 97 % 40_000
        yield text + note[start : start + max(ROW_BYTES - len(text) - 1, 1)]


def write(path: Path, kind: str, rows: int) -> int:
    """Write the file; its bytes unpacked."""
    total = 0
    with gzip.open(path, "wt", compresslevel=1) as file:
        total += file.write(HEADERS[kind] + "\n")
        block: list[str] = []
        for line in lines(kind, rows):
            block.append(line)
            if len(block) == BLOCK_ROWS:
                total += file.write("\n".join(block) + "\n")
                block.clear()
        if block:
            total += file.write("\n".join(block) + "\n")
    return total


def measure(url: str, path: Path, kind: str) -> dict[str, Any]:
    """The import, in this process."""
    engine = open_engine(url)
    started = time.perf_counter()
    if kind == "orders":
        mapping = path.with_suffix(".toml")
        mapping.write_text(MAPPING)
        result = import_orders(engine, path, str(mapping))
    else:
        result = import_table(engine, kind, path)
    seconds = time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    taken = "select count(*) from " + ("order_line" if kind == "orders" else "product")
    with engine.connect() as connection:
        stored = int(connection.execute(sa.text(taken)).scalar() or 0)
    figures = {"seconds": round(seconds, 1), "rows_per_second": round(result.rows_read / seconds), "peak_mb": round(peak), "stored": stored}
    return {**figures, **result.as_dict(), "differences": verify(engine).differences}


def main() -> None:
    """Draw the file, import it, print, and fail above the limit."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--gigabytes", type=float, default=2.0)
    parser.add_argument("--kind", choices=list(HEADERS), default="orders")
    given = parser.parse_args()
    rows = int(given.gigabytes * 1e9 / ROW_BYTES)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "large.csv.gz"
        size = write(path, given.kind, rows)
        url = f"sqlite:///{folder}/store.db"
        engine = open_engine(url)
        create_store(engine)
        engine.dispose()
        code = "import json, sys; from pathlib import Path; from benchmarks.import_large import measure; "
        code += "print(json.dumps(measure(sys.argv[1], Path(sys.argv[2]), sys.argv[3])))"
        command = [sys.executable, "-c", code, url, str(path), given.kind]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        packed = path.stat().st_size
    report: dict[str, Any] = {"unpacked_gb": round(size / 1e9, 3), "packed_mb": round(packed / 1e6), **json.loads(done.stdout)}
    sys.stdout.write(json.dumps(report, indent=1) + "\n")
    if report["peak_mb"] > LIMIT_MB or report["imported"] != rows or report["stored"] != rows or report["differences"]:
        sys.exit(1)


if __name__ == "__main__":
    main()
