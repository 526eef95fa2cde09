"""The size that the back-test suggests meets its target on what customers of the demo company truly wanted."""

from collections import Counter
from datetime import date
from pathlib import Path

from tests.data_access.demo.true_demand import one_seed

TARGET = 0.01


def test_the_suggested_sizes_meet_the_target_within_a_point_over_ten_seeds(tmp_path: Path) -> None:
    sums: Counter[str] = Counter()
    for seed in range(1, 11):
        totals = one_seed(tmp_path, "tiny", seed, date(2026, 9, 30), TARGET)["same"]
        assert totals["oversold"] <= (TARGET + 0.01) * totals["sold"], seed
        sums.update(totals)
    # without a buffer some SKUs miss it by far; with the sizes suggested for them, they meet it
    assert sums["missed_without"] >= 10
    assert sums["need_without"] > 0.04 * sums["need_sold_without"]
    assert sums["need_oversold"] <= (TARGET + 0.01) * sums["need_sold"]
    assert sums["missed"] <= 0.01 * sums["skus"]
