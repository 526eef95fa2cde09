"""How long the demand history that a forecast starts from takes to read, and in how much memory.

    python -m benchmarks.forecast_history [--store sqlite:////path/to/a.db [--folder MIRROR] | --size medium]

The mirror is caught up first; its time is told apart. The history is read twice: the first time with all movements, the second as on the
next day, when only those that came in since are read. Prints one JSON object.
"""

import argparse
import json
import resource
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from data_access.demo import build_demo
from data_access.engine import open_engine
from data_access.mirror.scan import Mirror
from data_access.mirror.writing import catch_up
from data_access.queries.demand import demand_history
from data_access.store.lifecycle import migrate


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--store", help="address of a store; it is left as it is")
    parser.add_argument("--folder", type=Path, help="its mirror; a scratch one if not given")
    parser.add_argument("--size", default="medium")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        store, folder = given.store, given.folder or Path(scratch) / "mirror"
        if store is None:
            path = Path(scratch) / "store.db"
            build_demo(path, given.size, 7, datetime.now(UTC).date(), Path(scratch) / "truth")
            store = f"sqlite:///{path}"
            engine = open_engine(store)
            migrate(engine)
        else:
            engine = open_engine(store)
        start = time.perf_counter()
        mirror = Mirror(folder, catch_up(engine, folder).manifest)
        report: dict[str, object] = {"mirror_seconds": round(time.perf_counter() - start, 1), "lines": mirror.count("line")}
        (folder / "moves.parquet").unlink(missing_ok=True)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        for name in ("first", "next"):
            steps: list[tuple[float, str]] = []
            start, processor = time.perf_counter(), time.process_time()
            history = demand_history(engine, mirror, progress=lambda _share, step, steps=steps: steps.append((time.perf_counter(), step)))
            end = time.perf_counter()
            parts: dict[str, float] = {}
            for (begun, step), (ended, _) in zip(steps, [*steps[1:], (end, "")], strict=True):
                step = "Reading the orders" if step.startswith("Reading the orders") else step
                parts[step] = round(parts.get(step, 0.0) + ended - begun, 2)
            report[name] = {
                "seconds": round(end - start, 2),
                "processor_seconds": round(time.process_time() - processor, 2),
                "steps": parts,
            }
        report |= {
            "series": history.series.height,
            "days": history.units.shape[1],
            "units": int(history.units.sum()),
            "peak_megabytes_before": before,
            "peak_megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        }
        engine.dispose()
    sys.stdout.write(json.dumps(report, indent=2) + "\n")


if __name__ == "__main__":
    main()
