"""Whether the size that the back-test suggests meets its target on the demo company's truth, by SKU, over several seeds.

    python -m benchmarks.buffer_truth [--size small] [--seeds 10] [--target 0.01]

For each seed it builds a scratch demo store, lets the back-test suggest a size for every SKU of the lagging channel from what the store
knows, and replays the same 90 days with the *true* demand: the orders and what customers wanted but could not order (the truth file).
`missed` counts SKUs whose true oversell rate is above the target by more than one point. `next` does the same with sizes suggested from
the 90 days before. Prints one JSON object a seed, and the sums.
"""

import argparse
import json
import tempfile
from collections import Counter
from datetime import date
from pathlib import Path

from tests.data_access.demo.true_demand import one_seed


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", default="small")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--target", type=float, default=0.01)
    given = parser.parse_args()
    sums: dict[str, Counter[str]] = {"same": Counter(), "next": Counter()}
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(1, given.seeds + 1):
            by_name = one_seed(Path(folder), given.size, seed, date(2026, 9, 30), given.target)
            print(json.dumps({"seed": seed, **by_name}), flush=True)
            for name, figures in by_name.items():
                sums[name].update(figures)
    for name, figures in sums.items():
        rates_of = {
            "rate_without": figures["without"] / figures["sold_without"],
            "rate": figures["oversold"] / figures["sold"],
            "need_rate_without": figures["need_without"] / max(figures["need_sold_without"], 1),
            "need_rate": figures["need_oversold"] / max(figures["need_sold"], 1),
        }
        print(json.dumps({"sum": name, **figures, **{key: round(value, 5) for key, value in rates_of.items()}}))


if __name__ == "__main__":
    main()
