"""How forecasts of young and sparse panels take a lone order: what they expect in all, and what they then expect of other SKUs.

    python -m benchmarks.forecasts.sparse [--panels N] [--runs N] [--larger N] [--first SEED]

Each panel is drawn: 1 to 60 SKUs in 1 to 4 categories, 10 to 200 days, SKUs that sell on every 50th day to several times a day, in single
units or packs. It is forecast twice, 14 days ahead: as it is, and with one day of one SKU at 10 to 1,000 times its mean demand. `--runs`:
so many of them also on two channels and as a forecast run does it, where totals are forecast too and all adds up. `--larger`: so many more
of 61 to 150 SKUs, just large enough to be learned from; they are also forecast with another seed instead of the order, which tells what is
chance. Fails if the units of 14 days are above three times what 14 mean days bring (`most_units`), or if another SKU's units move by more
than 10 % and 1 unit; of larger panels, only the first. Prints one JSON object for each way.
"""

import argparse
import json
import sys
from dataclasses import dataclass, replace
from datetime import date

import numpy as np
import polars as pl

from forecasting import rolling
from forecasting.engine import LEAST_YOUNG_ROWS, Context, fit, predict
from forecasting.features import YEAR
from forecasting.grouping import sums
from forecasting.panel import Panel

HORIZON = 14
TIMES, SLACK = 3.0, 14.0
SHARE, UNITS = 0.1, 1.0
"""By how much another SKU's units of 14 days may move: the larger of these."""


@dataclass(frozen=True, slots=True)
class Spiked:
    """A panel without and with a lone order of one SKU."""

    plain: Panel
    spiked: Panel
    sku: int


def drawn(seed: int, larger: bool = False, channels: int = 1) -> Spiked:
    """A panel of a seed. `larger`: of as many SKUs and days, less than a year, as it takes to be learned from; `channels`: 1 or 2, of which
    the first gets the lone order.
    """
    chance = np.random.default_rng(seed)
    if larger:
        count = int(chance.integers(61, 151))
        days = min(-(-int(chance.integers(LEAST_YOUNG_ROWS[1], 2 * LEAST_YOUNG_ROWS[1])) // count), YEAR[1] - 1)
    else:
        count, days = int(chance.integers(1, 61)), int(chance.integers(10, 201))
    rate = np.exp(chance.uniform(np.log(0.02), np.log(4.0), count))
    if chance.random() < 0.4:  # a panel in which all sell seldom
        rate = np.minimum(rate, chance.uniform(0.02, 0.3))
    pack = np.where(chance.random(count) < 0.3, chance.integers(2, 13, count), 1)
    week = np.exp(chance.normal(0.0, chance.uniform(0.0, 0.4), 7))[np.arange(days) % 7]
    y = (chance.poisson(rate[:, None] * week) * pack[:, None]).astype(np.float32)
    category = chance.integers(0, int(chance.integers(1, 5)), count).astype(np.int32)
    sku, day = int(chance.integers(count)), days - 1 - int(chance.integers(0, min(days, 40)))
    sizes = y[sku][y[sku] > 0]
    units = np.ceil((sizes.mean() if len(sizes) else 1.0) * np.exp(chance.uniform(np.log(10.0), np.log(1_000.0))))
    if channels == 2:
        of_first = chance.binomial(y.astype(np.int64), chance.uniform(0.2, 0.8, (count, 1)))
        y = np.stack([of_first, y - of_first], axis=1).reshape(-1, days).astype(np.float32)
    of_sku = np.arange(count, dtype=np.int32).repeat(channels)
    panel = Panel(
        ids=pl.Series("unique_id", [f"s{row:03d}" for row in range(len(y))]),
        start=date(2026, 1, 5),
        step=1,
        y=y,
        first=np.zeros(len(y), np.int32),
        statics={"sku": of_sku, "channel": np.tile(np.arange(channels, dtype=np.int32), count), "category": category[of_sku]},
        labels={
            "sku": [f"s{number:03d}" for number in range(count)],
            "channel": [f"m{number}" for number in range(channels)],
            "category": [f"c{number}" for number in range(int(category.max()) + 1)],
        },
    )
    spiked = y.copy()
    spiked[sku * channels, day] = units
    return Spiked(panel, replace(panel, y=spiked), sku)


def by_sku(panel: Panel, values: np.ndarray) -> np.ndarray:
    """Series added up: SKUs x columns."""
    return sums(values, panel.statics["sku"], len(panel.labels["sku"]))


def most_units(panel: Panel, of_demands: bool = False) -> float:
    """The most units of 14 days that are sane: three times 14 mean days, and 14 more. Each SKU's days are cut at the larger of its median
    day, or its median demand (`of_demands`), and the 95th percentile of its days with demand, the largest left out.
    """
    total = 0.0
    for y in by_sku(panel, panel.y):
        demands = np.sort(y[y > 0])
        middle = float(np.median(demands if of_demands and len(demands) else y))
        usual = float(np.quantile(demands[:-1], 0.95)) if len(demands) > 1 else 0.0
        total += HORIZON * float(np.minimum(y, max(middle, usual)).mean())
    return TIMES * total + SLACK


def by_library(panel: Panel, seed: int = 0) -> np.ndarray:
    """Units of 14 days of each SKU by the library alone, as `forecasting.forecast` gives them."""
    context = Context.of(panel)
    return by_sku(panel, predict(fit(panel, HORIZON, seed, context=context), panel, context, HORIZON).mean).sum(axis=1)


def by_run(panel: Panel, seed: int = 0) -> np.ndarray:
    """The same by what a forecast run does: series, SKUs and all above made to add up."""
    scene = rolling.Scene.of(panel)
    learned, _ = rolling.learn(scene, HORIZON, seed)
    mean = rolling.settle(learned, scene, rolling.ahead(learned, scene, np.arange(len(panel)))[0]).series.mean
    return by_sku(panel, mean).sum(axis=1)


def moved(panel: Spiked, before: np.ndarray, after: np.ndarray) -> float:
    """The largest move of another SKU, as a share of what it may move by."""
    off = np.abs(after - before) / np.maximum(SHARE * before, UNITS)
    return float(np.delete(off, panel.sku).max(initial=0.0))


def measure(seeds: range, how: str, larger: bool = False) -> dict[str, object]:
    """The figures of panels; worst ratios are against the limit."""
    forecast_of = {"library": by_library, "run": by_run}[how]
    rows = []
    for seed in seeds:
        panel = drawn(seed, larger, channels=1 if how == "library" else 1 + seed % 2)
        before, after = forecast_of(panel.plain), forecast_of(panel.spiked)
        rows.append(
            {
                "seed": seed,
                "skus": len(before),
                "days": panel.plain.periods,
                "total": max(
                    float(before.sum()) / most_units(panel.plain),
                    float(after.sum()) / most_units(panel.spiked),
                ),
                "total_of_demands": float(after.sum()) / most_units(panel.spiked, of_demands=True),
                "moved": moved(panel, before, after),
                "moved_by_another_seed": moved(panel, before, forecast_of(panel.plain, 1)) if larger else 0.0,
            }
        )
    table = pl.DataFrame(rows)
    result: dict[str, object] = {"how": how, "larger": larger, "panels": len(table)}
    for name in ("total", "total_of_demands", "moved", *(("moved_by_another_seed",) if larger else ())):
        worst = table.sort(name, descending=True).row(0, named=True)
        result[name] = {
            "above_the_limit": int((table[name] > 1.0).sum()),
            "worst_ratio": round(worst[name], 3),
            "p95_ratio": round(float(table[name].quantile(0.95) or 0.0), 3),
            "worst": f"seed {worst['seed']}: {worst['skus']} SKUs, {worst['days']} days",
        }
    return result


def main() -> None:
    """Run, print, and fail above the limits."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--panels", type=int, default=200)
    parser.add_argument("--runs", type=int, default=0)
    parser.add_argument("--larger", type=int, default=0)
    parser.add_argument("--first", type=int, default=0, help="seed of the first panel")
    given = parser.parse_args()
    above = 0
    for how, panels, larger in (("library", given.panels, False), ("run", given.runs, False), ("library", given.larger, True)):
        if panels:
            result = measure(range(given.first, given.first + panels), how, larger)
            limited = ("total",) if larger else ("total", "moved")
            above += sum(result[name]["above_the_limit"] for name in limited)  # type: ignore[index]
            sys.stdout.write(json.dumps(result, indent=1) + "\n")
            sys.stdout.flush()
    sys.exit(above > 0)


if __name__ == "__main__":
    main()
