"""What stock-outs take from a demand history, and how much of it `available` brings back: against the true demand of demo companies.

    python -m benchmarks.forecast_stockouts [--size small] [--seeds 10] [--forecasts 1]

Known demand is what was ordered; true demand is that and what was lost for want of stock, which only the demo's truth file knows.
Estimated demand is what the forecasting library makes of a history: a day at least half in stock counts as its demand by its share in
stock, any other is unknown; here it gets the mean of the 14 known days before it and the 14 after. Shares are differences from true
demand, below 0 for too little. `out` is of days of a series that were not in stock all through, or on which something was lost.

For the first `--forecasts` seeds it also compares forecasts, units of 28 days ahead of all series together: from the known history with
`available` (`estimated`), and from the known history as if nothing had ever been out of stock (`known`), both against the forecast from the
true history. Prints one JSON object, and fails if more than 2 % is missing from the estimated demand or forecast.
"""

import argparse
import json
import sys
import tempfile
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl

from data_access.demo import build_demo
from data_access.engine import open_engine
from data_access.mirror.scan import Mirror
from data_access.mirror.writing import catch_up
from data_access.queries.demand import DemandHistory, demand_history
from forecasting import forecast
from forecasting.panel import LEAST_AVAILABLE

AS_OF = date(2026, 9, 30)
NEAR_DAYS = 14
HORIZON = 28
LEAST = -0.02


def read(folder: Path, size: str, seed: int) -> tuple[DemandHistory, np.ndarray]:
    """The history of a new demo, and the units that were lost by series and day."""
    path, mirror = folder / f"{seed}.db", folder / f"{seed}"
    truth = pl.read_parquet(build_demo(path, size, seed, AS_OF, folder / "truth").truth)
    engine = open_engine(f"sqlite:///{path}")
    history = demand_history(engine, Mirror(mirror, catch_up(engine, mirror).manifest))
    engine.dispose()
    path.unlink()
    rows = (
        truth.filter((pl.col("record") == "demand") & pl.col("ds").is_between(history.start, history.last))
        .with_columns(day=(pl.col("ds") - history.start).dt.total_days())
        .join(history.series.with_row_index("row"), on=["sku", "channel_id"])
    )
    lost = np.zeros_like(history.units)
    lost[rows["row"].to_numpy(), rows["day"].to_numpy()] = rows["lost_units"].to_numpy()
    return history, lost


def estimated(history: DemandHistory) -> np.ndarray:
    """Demand of each series and day as the known history tells it."""
    known = history.available >= LEAST_AVAILABLE
    y = np.where(known, history.units / np.maximum(history.available, LEAST_AVAILABLE), 0.0)
    begun = np.arange(y.shape[1])[None, :] >= history.series["first"].to_numpy()[:, None]
    known &= begun
    for row in np.flatnonzero((begun & ~known).any(axis=1)):
        days, gaps = np.flatnonzero(known[row]), np.flatnonzero(begun[row] & ~known[row])
        total = np.append(0.0, np.cumsum(y[row, days]))
        place = np.searchsorted(days, gaps)
        low, high = np.maximum(place - NEAR_DAYS, 0), np.minimum(place + NEAR_DAYS, len(days))
        y[row, gaps] = (total[high] - total[low]) / np.maximum(high - low, 1)
    return y * begun


def expected(past: DemandHistory, y: np.ndarray, available: np.ndarray | None) -> float:
    """Units forecast for all series and days ahead."""
    row, day = np.nonzero(np.arange(y.shape[1])[None, :] >= past.series["first"].to_numpy()[:, None])
    own = past.series[row]
    history = pl.DataFrame(
        {
            "unique_id": own.select(pl.format("{} {}", "sku", "channel_id")).to_series(),
            "ds": pl.date_range(past.start, past.last, eager=True).gather(day),
            "y": y[row, day],
            "category": own["category"],
            "channel": own["channel_id"],
            "sku": own["sku"],
            "available": np.ones(len(row), np.float32) if available is None else available[row, day],
        }
    )
    return float(forecast(history, HORIZON)["mean"].sum())


def differences(true: float, others: dict[str, float]) -> dict[str, float]:
    """True units, and how far others are from them."""
    return {"true": round(true), **{name: round(value / true - 1, 5) for name, value in others.items()}}


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", default="small")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--forecasts", type=int, default=1)
    given = parser.parse_args()
    seeds, sums, ahead = [], np.zeros((2, 3)), np.zeros(3)
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(1, given.seeds + 1):
            history, lost = read(Path(folder), given.size, seed)
            true = history.units + lost
            out = (history.available < 1) | (lost > 0)
            units = np.array([[one.sum(where=where) for one in (true, history.units, estimated(history))] for where in (True, out)])
            sums += units
            report = {"seed": seed, **{name: differences(*named(row)) for name, row in zip(("all", "out"), units, strict=True)}}
            if seed <= given.forecasts:
                its = (true, None), (history.units, None), (history.units, history.available)
                forecasts = np.array([expected(history, y, available) for y, available in its])
                ahead += forecasts
                report["forecast"] = differences(*named(forecasts))
            seeds.append(report)
            sys.stderr.write(json.dumps(report) + "\n")
    total = {name: differences(*named(row)) for name, row in zip(("all", "out", "forecast"), [*sums, ahead], strict=True) if row[0]}
    sys.stdout.write(json.dumps({"size": given.size, "days": history.units.shape[1], "seeds": seeds, **total}, indent=2) + "\n")
    if min(total[name]["estimated"] for name in total if name != "out") < LEAST:
        sys.exit("Too little.")


def named(row: np.ndarray) -> tuple[float, dict[str, float]]:
    """True units, and the others by name."""
    return float(row[0]), {"known": float(row[1]), "estimated": float(row[2])}


if __name__ == "__main__":
    main()
