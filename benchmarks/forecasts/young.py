"""Whether a young panel is better learned from or averaged: real series, cut to few SKUs and a short history.

    python -m benchmarks.forecasts.young [CASE...] [--panels N]

Each panel is drawn from a case: 10 to 200 of its SKUs, 60 to 300 days or 12 to 43 weeks of them, and forecast 14 days or 4 weeks ahead,
once learned from and once by its averages (`forecasting.engine.LEAST_YOUNG_ROWS` decides otherwise). Scaled pinball loss as in
`forecasts.accuracy`; below and above the limit on days. Prints one JSON object for each case and side of the limit: what both lose, what
learning saves, with the 95 % interval of a paired bootstrap over panels, and how far the units of all periods ahead are off.
"""

import argparse
import json
import sys
from dataclasses import dataclass, replace

import numpy as np

from benchmarks.forecasts.accuracy import bootstrap
from benchmarks.forecasts.data import CASES
from forecasting import engine
from forecasting.engine import LEAST_YOUNG_ROWS, SEASON, Context, fit, predict, quantiles
from forecasting.metrics import QUANTILES, naive_scale, pinball
from forecasting.panel import Panel, panel

WITHOUT_COVARIATES = ("retail-daily", "retail-weekly", "transactions")
AHEAD = {1: 14, 7: 4}
WINDOWS = {1: (60, 301), 7: (12, 44)}
FIRST = 100
"""Seed of the first panel."""


@dataclass(frozen=True, slots=True)
class Off:
    """What forecasts of a panel lost: summed pinball loss, and how far the units of each series were off, summed."""

    loss: float
    units: float


def drawn(whole: Panel, seed: int) -> Panel:
    """Some series and a part of the history, the periods to be forecast at its end."""
    chance, ahead = np.random.default_rng(seed), AHEAD[whole.step]
    count = int(np.exp(chance.uniform(np.log(10), np.log(200))))
    length = min(int(chance.integers(*WINDOWS[whole.step])), whole.periods - ahead)
    start = int(chance.integers(0, whole.periods - ahead - length + 1))
    sold = np.flatnonzero((np.nan_to_num(whole.y[:, start : start + length]) > 0).any(axis=1))
    some = whole.take(np.sort(chance.choice(sold, min(count, len(sold)), replace=False)), start + length + ahead)
    first = np.maximum(some.first - start, 0)
    return replace(some, y=some.y[:, start:], first=first, start=whole.day(start), ahead=0)


def tried(sample: Panel, learn: bool) -> Off:
    """Forecast the last periods of a panel from those before."""
    engine.LEAST_YOUNG_ROWS[sample.step] = engine.LEAST_ROWS if learn else sys.maxsize // len(sample)
    ahead = AHEAD[sample.step]
    known = sample.take(np.arange(len(sample)), sample.periods - ahead)
    context = Context.of(known)
    models = fit(known, ahead, 0, context=context)
    predicted = predict(models, known, context, ahead)
    y = sample.y[:, -ahead:].astype(np.float64)
    loss = pinball(y.ravel(), quantiles(models, predicted, QUANTILES).reshape(-1, len(QUANTILES))).reshape(y.shape)
    scaled = loss / naive_scale(known.y, SEASON[sample.step])[:, None]
    return Off(float(scaled.sum()), float(np.abs(y.sum(axis=1) - predicted.mean.sum(axis=1)).sum()))


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("cases", nargs="*", default=list(WITHOUT_COVARIATES))
    parser.add_argument("--panels", type=int, default=70)
    given = parser.parse_args()
    limit = LEAST_YOUNG_ROWS[1]
    for key in given.cases:
        case = CASES[key]()
        whole = panel(case.history, case.freq)
        rows = []
        for seed in range(FIRST, FIRST + given.panels):
            sample = drawn(whole, seed)
            known = int((~np.isnan(sample.y[:, : -AHEAD[whole.step]])).sum())
            if known >= engine.LEAST_ROWS:
                averaged, learned = tried(sample, learn=False), tried(sample, learn=True)
                points, units = len(sample) * AHEAD[whole.step], float(sample.y[:, -AHEAD[whole.step] :].sum())
                rows.append((known, points, units, averaged.loss, learned.loss, averaged.units, learned.units))
        table = np.array(rows)
        for side, mine in (("below", table[:, 0] < limit), ("above", table[:, 0] >= limit)):
            if mine.sum() > 1:
                known, points, units, *off = table[mine].T
                of_average, of_learned, units_of_average, units_of_learned = off
                result = {
                    "case": case.name,
                    f"{side}_{limit}": int(mine.sum()),
                    "known_demands": [int(known.min()), int(known.max())],
                    "averaged": round(float(of_average.sum() / points.sum()), 4),
                    "learned": round(float(of_learned.sum() / points.sum()), 4),
                    "learned_against_averaged": round(float(of_learned.sum() / of_average.sum() - 1), 4),
                    "interval": bootstrap(of_learned, of_average, np.random.default_rng(0)),
                    "units_off_averaged": round(float(units_of_average.sum() / units.sum()), 3),
                    "units_off_learned": round(float(units_of_learned.sum() / units.sum()), 3),
                }
                sys.stdout.write(json.dumps(result, indent=1) + "\n")
                sys.stdout.flush()


if __name__ == "__main__":
    main()
