"""How long forecasts take and how much memory, by size, beside a Prophet of each series.

    python -m benchmarks.forecasts.speed [--skus 20000] [--channels 6]

First 2,000 daily series of 730 days, 56 days ahead, by `forecasting.forecast`'s engine. Then whole runs of the job, everything but reading
the history (see `forecasts.history`): the first, which tries itself on the past and trains, and the next day's. Histories are drawn: levels
log-normal, seasons, weekdays, promotions, a twentieth of the days out of stock. Prophet is timed on a few series in two processes and
extrapolated, which is said. Imports are not counted. Prints one JSON object a step, and fails above a limit: 45 s; 10 minutes and 6 GB; for
the next day a fifth of the 10 minutes.
"""

import argparse
import json
import resource
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from datetime import date, timedelta
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import polars as pl

from benchmarks.forecasts.baselines import _one_prophet
from dashboard.jobs.forecast_run import DAYS, make
from data_access.commands.forecasts import RunDraft, begin
from data_access.engine import open_engine
from data_access.forecasts.files import RunFolder
from data_access.queries import forecasts as queries
from data_access.store.lifecycle import create_store
from data_access.write.permissions import COMMAND_LINE
from forecasting.api import forecast_panel
from forecasting.engine import Context, fit
from forecasting.metrics import QUANTILES
from forecasting.models import pooled
from forecasting.panel import Panel
from forecasting.rolling import LATE_PERIODS

HORIZON = 56
LAST = date(2026, 9, 30)
CATEGORIES = 20
SAMPLE = 60
MOST_ALONE, MOST_FIRST, MOST_MEMORY = 45.0, 600.0, 6_000.0  # seconds, seconds, megabytes


def report(limit: float, seconds: float, **values: object) -> None:
    """Print a step, with the peak memory up to now; end if it took too long or too much."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    sys.stdout.write(json.dumps({**values, "seconds": round(seconds, 1), "limit": round(limit, 1), "peak_mb": round(peak)}) + "\n")
    sys.stdout.flush()
    if seconds > limit or peak > MOST_MEMORY:
        sys.exit("Above the limit.")


def history(skus: int, channels: int, days: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Units, share in stock in percent, and discount ahead too, of each SKU on each channel."""
    rng = np.random.default_rng(7)
    count = skus * channels
    level = np.exp(rng.normal(-1.5, 1.3, count)).astype(np.float32)
    season = 1.0 + 0.3 * np.sin(2 * np.pi * (np.arange(days)[None, :] / 365.0 + rng.random((CATEGORIES, 1))))
    week = np.array([1.0, 1.0, 1.0, 1.1, 1.3, 0.9, 0.7])[np.arange(days) % 7]
    discount = np.zeros((count, days + HORIZON + LATE_PERIODS), np.float32)
    for row in rng.choice(count, count // 4, replace=False):
        start = int(rng.integers(0, days))
        discount[row, start : start + 10] = rng.choice([0.1, 0.2, 0.3])
    units = np.empty((count, days), np.float32)
    category = np.repeat(np.arange(skus) % CATEGORIES, channels)
    for part in range(0, count, 10_000):
        rows = slice(part, part + 10_000)
        mean = level[rows, None] * season[category[rows]] * week * (1.0 + 2.0 * discount[rows, :days])
        units[rows] = rng.poisson(mean)
    available = np.full(units.shape, 100, np.uint8)
    out = rng.random(units.shape, np.float32) < 0.05
    available[out], units[out] = 0, 0.0
    return units, available, discount


def on_disk(path: Path, values: np.ndarray) -> np.ndarray:
    """An array out of memory: the job's own is what counts."""
    np.save(path, values)
    return np.load(path, mmap_mode="r")


def engine_alone() -> None:
    """2,000 series in one call."""
    units, available, _ = history(2_000, 1, DAYS)
    y = np.where(available == 0, np.nan, units).astype(np.float32)
    ids = pl.Series("unique_id", [f"{number:05d}" for number in range(len(y))])
    panel = Panel(ids, LAST - timedelta(days=DAYS - 1), 1, y, np.zeros(len(y), np.int32))
    pooled.library()
    start = time.perf_counter()
    context = Context.of(panel)
    forecast = forecast_panel(panel, fit(panel, HORIZON, 0, context=context), context, HORIZON, QUANTILES)
    report(MOST_ALONE, time.perf_counter() - start, step="2,000 series x 730 days x 56 ahead", rows=forecast.height)
    jobs: list[tuple[np.ndarray, list[date], dict[str, np.ndarray], int]] = [
        (y[row], [panel.day(day) for day in range(DAYS + HORIZON)], {}, HORIZON) for row in range(SAMPLE + 2)
    ]
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        list(pool.map(_one_prophet, jobs[:2]))  # its imports are not counted
        start = time.perf_counter()
        list(pool.map(_one_prophet, jobs[2:]))
    a_series = (time.perf_counter() - start) / SAMPLE
    beside = {"step": "Prophet, extrapolated from 60 series", "two_thousand": round(2_000 * a_series), "whole": round(120_000 * a_series)}
    sys.stdout.write(json.dumps(beside) + "\n")


def runs(skus: int, channels: int) -> None:
    """The first run and the next day's, as the job makes them."""
    names = pl.DataFrame({"sku": [f"SKU-{number:06d}" for number in range(skus)], "at": range(skus)})
    series = names.join(pl.DataFrame({"channel_id": [f"channel-{number}" for number in range(channels)]}), how="cross").select(
        "sku", "channel_id", category=pl.format("category {}", pl.col("at") % CATEGORIES), first=pl.lit(0, pl.Int32)
    )
    with tempfile.TemporaryDirectory() as place:
        url, root = f"sqlite:///{place}/store.db", Path(place) / "forecasts"
        engine = open_engine(url)
        create_store(engine)
        drawn = zip(("units", "available", "discount"), history(skus, channels, DAYS + 1), strict=True)
        units, available, discount = (on_disk(Path(place) / f"{name}.npy", values) for name, values in drawn)
        for day, name in ((0, "first run, training"), (1, "next day's run")):
            last = LAST + timedelta(days=day)
            run_id = begin(engine, RunDraft(last, HORIZON), last + timedelta(days=2), COMMAND_LINE)
            folder = RunFolder(root, run_id)
            folder.own(queries.run(engine, run_id)["asked_at"][0])
            promoted = np.flatnonzero(discount.any(axis=1))
            folder.put_frame("series.parquet", series)
            folder.put_array("units.npy", units[:, day : day + DAYS])
            folder.put_array("available.npy", available[:, day : day + DAYS])
            folder.put_array("discount_rows.npy", promoted)
            folder.put_array("discount.npy", discount[promoted, day : day + DAYS + HORIZON + LATE_PERIODS])
            folder.put_frame("regions.parquet", pl.DataFrame(schema={"channel_id": pl.String}))
            start = (last - timedelta(days=DAYS - 1)).isoformat()
            folder.put_document("history.json", {"start": start, "last": last.isoformat(), "version": "drawn"})
            began = time.perf_counter()
            made = make(engine, Path(place) / "mirror", root, run_id)
            seconds = time.perf_counter() - began
            size = sum(path.stat().st_size for path in folder.path.glob("forecast*")) / 1e6
            report(
                MOST_FIRST if day == 0 else MOST_FIRST / 5,
                seconds,
                step=name,
                series=made.series,
                trained=made.reason,
                forecast_mb=round(size),
            )
        engine.dispose()


def main() -> None:
    """Run."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--skus", type=int, default=20_000)
    parser.add_argument("--channels", type=int, default=6)
    given = parser.parse_args()
    engine_alone()
    runs(given.skus, given.channels)


if __name__ == "__main__":
    main()
