"""Taking a large import back: seconds, and the longest that it holds the write lock.

    python -m benchmarks.undo [--rows 120000] [--skus 400] [--url postgresql://...]

Draws a file of orders (half of them shipped, a fifth cancelled, the rest open) of SKUs that were counted before, imports it into a
scratch store, takes it back, and imports it again. Prints one JSON object; fails above 0.25 s of write lock on SQLite.
"""

import argparse
import json
import random
import sys
import tempfile
import time
from pathlib import Path

import sqlalchemy as sa

from data_access.commands.imports import undo_import
from data_access.engine import open_engine
from data_access.imports.order_import import import_orders, import_table
from data_access.queries.verification.verify import verify
from data_access.store.lifecycle import create_store
from data_access.write.permissions import COMMAND_LINE

LIMIT_LOCK_SECONDS = 0.25
PLACES = """
[channel]
id = "shop"
name = "Shop"
kind = "webstore"
currency = "EUR"
time_zone = "UTC"
[location]
id = "main"
name = "Main"
"""
MAPPING = (
    PLACES
    + """
[columns]
order = "order"
line = "line"
external_sku = "sku"
quantity = "units"
placed = "placed"
status = "status"
tracking_number = "tracking"
[skus]
unknown = "create"
[status]
open = ["placed"]
sent = ["shipped"]
gone = ["cancelled"]
"""
)
HEADER = "order,line,sku,units,placed,status,tracking"


def drawn(rows: int, skus: int, chance: random.Random) -> list[str]:
    """Rows of a file, about two to an order, in the order of placing."""
    lines = []
    for number in range(rows):
        state = chance.choices(("sent", "gone", "open"), (5, 2, 3))[0]
        when = f"2026-{1 + number * 8 // rows:02}-{1 + number * 28 * 8 // rows % 28:02} {number % 24:02}:{number % 60:02}:00"
        tracking = f"T{number}" if state == "sent" else ""
        lines.append(f"o{number // 2},{number % 2},S{chance.randrange(skus)},{chance.randint(1, 3)},{when},{state},{tracking}")
    return lines


def written(path: Path, header: str, lines: list[str]) -> Path:
    """A CSV file."""
    path.write_text("\n".join([header, *lines, ""]))
    return path


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=120_000)
    parser.add_argument("--skus", type=int, default=400)
    parser.add_argument("--url", help="an empty PostgreSQL database, whose lock is not limited")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        engine = open_engine(given.url or f"sqlite:///{folder / 'store.db'}")
        create_store(engine)
        mapping = folder / "shop.toml"
        mapping.write_text(MAPPING)
        skus = [f"S{number}" for number in range(given.skus)]
        first = [f"first{sku},1,{sku},1,2025-12-30 10:00:00,gone," for sku in skus]
        import_orders(engine, written(folder / "first.csv", HEADER, first), str(mapping))
        counts = written(
            folder / "counts.csv", "sku,location_id,quantity,counted_at", [f"{sku},main,100000,2025-12-31 00:00" for sku in skus]
        )
        import_table(engine, "counts", counts)
        path = written(folder / "orders.csv", HEADER, drawn(given.rows, given.skus, random.Random(1)))
        begun = time.perf_counter()
        came = import_orders(engine, path, str(mapping))
        imported = time.perf_counter()
        undone = undo_import(engine, came.import_run_id, COMMAND_LINE)
        ended = time.perf_counter()
        with engine.connect() as connection:
            left = int(connection.execute(sa.text("select count(*) from order_line")).scalar_one())
        again = import_orders(engine, path, str(mapping))
        report = {
            "rows": given.rows,
            "import_seconds": round(imported - begun, 1),
            "import_longest_lock_seconds": came.longest_lock_seconds,
            "undo_seconds": round(ended - imported, 1),
            "undo_longest_lock_seconds": undone.longest_lock_seconds,
            "events_taken_back": undone.events,
            "lines_left": left,
            "imported_again": again.imported,
            "differences": verify(engine).differences,
        }
        print(json.dumps(report, indent=1))
        is_slow = given.url is None and undone.longest_lock_seconds > LIMIT_LOCK_SECONDS
        sys.exit(1 if is_slow or report["differences"] or left != given.skus or again.imported != given.rows else 0)


if __name__ == "__main__":
    main()
