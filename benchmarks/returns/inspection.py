"""How long it takes to decide on returned units, and to read the queue of those that wait, in a demo store.

    python -m benchmarks.returns.inspection [--size large] [--decisions 300]

Decisions are on one return line each, as the Inspection page makes them: a third of the lines whole, the rest unit by unit. Every second
one discards, and is undone (what is restocked may be promised at once). Prints one JSON object, times in milliseconds; the limit is for
the 95th percentile.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import TypeVar

import numpy as np

from data_access.commands.inspection import UnitDecision, inspect, undo
from data_access.demo import build_demo
from data_access.engine import open_engine
from data_access.queries.returns import inspection as queries
from data_access.queries.verification.verify import verify
from data_access.write.permissions import COMMAND_LINE

LIMIT_MS = 50.0
T = TypeVar("T")


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", default="large", choices=("small", "medium", "large"))
    parser.add_argument("--decisions", type=int, default=300)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "store.db"
        build_demo(path, given.size, 7, date(2026, 11, 1), Path(folder) / "truth")
        engine = open_engine(f"sqlite:///{path}")
        queue_ms = [_timed(lambda: queries.waiting(engine))[0] for _ in range(5)]
        waiting = queries.waiting(engine)
        rows = waiting.unique("return_id", maintain_order=True).head(given.decisions).to_dicts()
        decide_ms, undo_ms = [], []
        for number, row in enumerate(rows):
            units = row["units"] if number % 3 == 0 else 1
            decision = UnitDecision(row["return_id"], row["sku"], units, "discard" if number % 2 else "restock", row["version"])
            took, entries = _timed(lambda one=decision: inspect(engine, [one], COMMAND_LINE))
            decide_ms.append(took)
            if number % 2:
                undo_ms.append(_timed(lambda done=entries: undo(engine, done, COMMAND_LINE))[0])
        result = {
            "size": given.size,
            "waiting": waiting.height,
            "queue_ms": round(float(np.median(queue_ms)), 1),
            "decisions": len(decide_ms),
            "decide_ms": _spread(decide_ms),
            "undo_ms": _spread(undo_ms),
            "differences": verify(engine).differences,
        }
        engine.dispose()
    print(json.dumps(result))
    sys.exit(result["decide_ms"]["p95"] > LIMIT_MS or result["differences"] > 0)


def _timed(act: Callable[[], T]) -> tuple[float, T]:
    begun = time.perf_counter()
    made = act()
    return (time.perf_counter() - begun) * 1_000, made


def _spread(times: list[float]) -> dict[str, float]:
    return {name: round(float(np.percentile(times, at)), 1) for name, at in (("p50", 50), ("p95", 95), ("worst", 100))}


if __name__ == "__main__":
    main()
