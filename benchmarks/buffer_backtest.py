"""How long the back-test of a buffer takes: one SKU, and all SKUs of a channel, over 90 days, on a scratch SQLite store.

    python -m benchmarks.buffer_backtest [--skus 20000] [--lines 1230000]

The lines are those of 90 days of all six channels (10 million in two years). Prints one JSON object.
"""

import argparse
import json
import sqlite3
import tempfile
import time
from pathlib import Path

from benchmarks.live_stock import build
from data_access.engine import now_us, open_engine, reading
from data_access.queries.buffer_replay import back_test
from data_access.queries.live_stock import load, load_catalogue, load_withheld
from data_access.queries.recent import DEMAND

HOUR = 3_600_000_000


class Steps:
    """When each step began."""

    def __init__(self) -> None:
        self.at: dict[str, float] = {}

    def __call__(self, _share: float, step: str) -> None:
        """Note it."""
        self.at[step] = time.perf_counter()


def tell(path: Path) -> None:
    """Give every shipped line its own event, up to two hours late, and its shipment."""
    store = sqlite3.connect(path)
    store.executescript(
        f"""
        insert into event (id, source, event_id, kind, occurred_at, received_at, payload_hash, status)
          select 20000000 + id, 'bench', 'sale' || id, 'sale', placed_at, placed_at + (id * 7919) % {2 * HOUR}, '', 'applied'
          from order_line where shipped_quantity > 0;
        update order_line set sku = 'SKU-000001', external_sku = 'SKU-000001' where id % 60 = 0 and shipped_quantity > 0;
        update order_line set event_id = 20000000 + id where shipped_quantity > 0;
        insert into shipment (id, event_id, line_id, shipment_ref, location_id, quantity, shipped_at, moves_stock)
          select 40000000 + id, 20000000 + id, id, 's' || id, 'L' || (id % 2), quantity, placed_at + {HOUR}, 1
          from order_line where shipped_quantity > 0;
        analyze;
        """
    )
    store.close()


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--skus", type=int, default=20_000)
    parser.add_argument("--lines", type=int, default=1_230_000)
    given = parser.parse_args()
    now = now_us()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "store.db"
        build(path, given.skus, given.lines, now)
        tell(path)
        engine = open_engine(f"sqlite:///{path}")
        live = load(engine, load_catalogue(engine), load_withheld(engine), DEMAND.to_frame(), now)
        report: dict[str, object] = {"skus": given.skus, "lines": given.lines}
        for name, skus in (("one_sku", ["SKU-000007"]), ("busiest_sku", ["SKU-000001"]), ("channel", None)):
            start, steps = time.perf_counter(), Steps()
            with reading(engine) as connection:
                outcome = back_test(connection, live, "C1", skus, 90, now, steps)
            report[f"{name}_seconds"] = round(time.perf_counter() - start, 3)
            report[f"{name}_units"], report[f"{name}_skus"] = int(outcome.wanted["wanted"].sum()), outcome.wanted.height
            report[f"{name}_steps"] = {step: round(at - start, 2) for step, at in steps.at.items()}
        engine.dispose()
    print(json.dumps(report))


if __name__ == "__main__":
    main()
