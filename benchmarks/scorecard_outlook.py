"""How often the 80 % interval of a scorecard's outlook holds what the rate then was, replayed on demo history.

    python -m benchmarks.scorecard_outlook [--size small] [--seed 7] [--moments 60] [--horizon 7]

At each moment, `horizon` days apart, every metric of every channel is asked for, seeing only the facts as of it. Replays in which
everything was decided already are counted apart. Prints one JSON object; fails outside 72 to 88 % at 7 days.
"""

import argparse
import json
import sys
import time
from collections import Counter
from datetime import date

from tests.data_access.domain.scorecards.replays import replays


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", default="small")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--moments", type=int, default=60)
    parser.add_argument("--horizon", type=int, default=7)
    given = parser.parse_args()
    start = time.perf_counter()
    outlooks = list(replays(given.size, given.seed, date(2026, 9, 30), given.moments, given.horizon))
    unsure = [one for one in outlooks if not one.is_certain]
    by_metric = Counter(f"{one.channel_id}/{one.metric_id}" for one in unsure)
    held = Counter(f"{one.channel_id}/{one.metric_id}" for one in unsure if one.holds)
    share = sum(held.values()) / len(unsure)
    report = {
        **vars(given),
        "replays": len(outlooks),
        "certain": len(outlooks) - len(unsure),
        "holds": round(share, 3),
        "holds_with_certain": round(sum(one.holds for one in outlooks) / len(outlooks), 3),
        "by_metric": {name: round(held[name] / count, 2) for name, count in sorted(by_metric.items())},
        "seconds": round(time.perf_counter() - start, 1),
    }
    print(json.dumps(report))
    sys.exit(given.horizon == 7 and not 0.72 <= share <= 0.88)


if __name__ == "__main__":
    main()
