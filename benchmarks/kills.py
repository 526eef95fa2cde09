"""Kill -9 in the middle of the demo build, of live events and of an import, again and again; the store must verify each time.

    python -m benchmarks.kills [--kills 100] [--minutes 10] [--size small] [--orders FILE.csv.gz]

Works in a temporary folder on SQLite. Prints one JSON object; `differences` must be 0.
"""

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ONHAND = [sys.executable, "-m", "dashboard.cli"]


def verified(environment: dict[str, str]) -> int:
    """Differences that `onhand verify --json` tells."""
    done = subprocess.run([*ONHAND, "verify", "--json"], env=environment, capture_output=True, text=True, check=False)
    return int(json.loads(done.stdout)["differences"])


def run_and_kill(command: list[str], environment: dict[str, str], after: float) -> bool:
    """Start a command and kill it after some seconds. False: it had ended by itself."""
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    time.sleep(after)
    if process.poll() is not None:
        return False
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    return True


def kill_builds(folder: Path, size: str, kills: int, chance: random.Random) -> dict[str, int]:
    environment = {**os.environ, "ONHAND_DATABASE_URL": f"sqlite:///{folder / 'demo.db'}", "ONHAND_VAR_DIR": str(folder)}
    killed = half_made = 0
    while killed < kills:
        if not run_and_kill([*ONHAND, "demo", "--size", size, "--seed", "1"], environment, chance.uniform(0.5, 8)):
            break
        killed += 1
        half_made += (folder / "demo.db").exists()
    subprocess.run([*ONHAND, "demo", "--size", size, "--seed", "1"], env=environment, capture_output=True, check=False)
    return {"kills": killed, "half_made_stores": half_made, "differences": verified(environment)}


def kill_live(folder: Path, kills: int, minutes: float, chance: random.Random) -> dict[str, float]:
    environment = {**os.environ, "ONHAND_DATABASE_URL": f"sqlite:///{folder / 'demo.db'}", "ONHAND_VAR_DIR": str(folder)}
    differences = killed = 0
    for _ in range(kills):
        killed += run_and_kill([*ONHAND, "live", "--rate", "200"], environment, chance.uniform(2, 6))
        differences += verified(environment)
    run_and_kill([*ONHAND, "live"], environment, minutes * 60)
    return {"kills": killed, "minutes_live": minutes, "differences": differences + verified(environment)}


def kill_imports(folder: Path, orders: Path, kills: int, chance: random.Random) -> dict[str, object]:
    """Into new stores, as many as it takes: each import is run again until it completes."""
    command = [*ONHAND, "import", "orders", str(orders), "--mapping", "online-retail", "--opening-stock", "cover:30d", "--json"]
    differences = killed = 0
    results: list[dict[str, object]] = []
    while killed < kills:
        environment = {
            **os.environ,
            "ONHAND_DATABASE_URL": f"sqlite:///{folder / f'import-{len(results)}.db'}",
            "ONHAND_VAR_DIR": str(folder),
        }
        subprocess.run([*ONHAND, "migrate"], env=environment, capture_output=True, check=True)
        while killed < kills and run_and_kill(command, environment, chance.uniform(4, 20)):
            killed += 1
            differences += verified(environment)
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        again = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        differences += verified(environment)
        results.append({"last_run": json.loads(done.stdout), "again": json.loads(again.stdout)})
    return {"kills": killed, "stores": len(results), "differences": differences, "results": results}


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--kills", type=int, default=100)
    options.add_argument("--minutes", type=float, default=10)
    options.add_argument("--size", default="small")
    options.add_argument("--orders", type=Path)
    options.add_argument("--seed", type=int, default=1)
    given = options.parse_args()
    chance = random.Random(given.seed)
    share = given.kills // 3
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        result: dict[str, object] = {"demo": kill_builds(folder, given.size, share, chance)}
        result["live"] = kill_live(folder, given.kills - 2 * share, given.minutes, chance)
        if given.orders is not None:
            result["import"] = kill_imports(folder, given.orders, share, chance)
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
