"""AutoETS and per-series Prophet on the cases of `forecasts.data`, origin by origin, kept in `benchmarks/results/local` for comparisons.

    python -m benchmarks.forecasts.baselines CASE... [--model autoets] [--model prophet] [--origins 3]

AutoETS needs statsforecast, which still wants an older pandas than the app: run this in a virtual environment of its own, with
`pip install statsforecast prophet polars pyarrow lightgbm`. What is kept already is not made again; delete a file to make it again.
"""

import argparse
import logging
import os
import sys
import time
import warnings
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from benchmarks.forecasts.data import CASES, Case
from forecasting.metrics import QUANTILES
from forecasting.panel import Panel, panel

FOLDER = Path(__file__).parents[1] / "results" / "local"
LEVELS = (50, 80, 95)


def path_of(case: str, model: str, origin: int) -> Path:
    """Where the forecasts of a model from an origin are kept."""
    return FOLDER / f"{case}.{model}.{origin}.parquet"


def frame_of(ids: pl.Series, mean: np.ndarray, quantiles: np.ndarray) -> pl.DataFrame:
    """One row a series and period ahead: unique_id, h, mean, q0 to q6 (`QUANTILES`)."""
    count, horizon = mean.shape
    return pl.DataFrame(
        {
            "unique_id": ids.gather(np.repeat(np.arange(count), horizon)),
            "h": np.tile(np.arange(1, horizon + 1), count),
            "mean": mean.ravel(),
            **{f"q{number}": quantiles[:, :, number].ravel() for number in range(len(QUANTILES))},
        }
    )


def _normal(mean: np.ndarray, sigma: np.ndarray) -> np.ndarray:
    from scipy.special import ndtri

    return mean[..., None] + sigma[..., None] * ndtri(np.asarray(QUANTILES))


def autoets(known: Panel, horizon: int, season: int) -> tuple[np.ndarray, np.ndarray]:
    """Mean and quantiles by statsforecast's AutoETS, series by series."""
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        jobs = [(known.y[row, known.first[row] :], horizon, season) for row in range(len(known))]
        results = list(pool.map(_one_autoets, jobs, chunksize=50))
    return np.stack([one[0] for one in results]), np.stack([one[1] for one in results])


def _one_autoets(job: tuple[np.ndarray, int, int]) -> tuple[np.ndarray, np.ndarray]:
    from statsforecast.models import AutoETS

    y, horizon, season = job
    y = np.nan_to_num(y).astype(float)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            forecast = AutoETS(season_length=season if len(y) > 2 * season else 1).forecast(y=y, h=horizon, level=list(LEVELS))
            mean = np.asarray(forecast["mean"], float)
            sides = {level: (np.asarray(forecast[f"lo-{level}"]), np.asarray(forecast[f"hi-{level}"])) for level in LEVELS}
            quantiles = np.stack([sides[95][0], sides[80][0], sides[50][0], mean, sides[50][1], sides[80][1], sides[95][1]], axis=1)
        except Exception:
            mean = np.full(horizon, y.mean() if len(y) else 0.0)
            quantiles = _normal(mean, np.full(horizon, y.std() if len(y) else 0.0))
    return mean, np.nan_to_num(quantiles)


def prophet(known: Panel, horizon: int, season: int) -> tuple[np.ndarray, np.ndarray]:  # noqa: ARG001 - it finds its seasons itself
    """Mean and quantiles by a Prophet of each series, with the covariates that are known ahead as regressors."""
    days = [known.day(period) for period in range(known.periods + horizon)]
    names = list(known.known)
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        jobs = [
            (
                known.y[row, known.first[row] :],
                days[known.first[row] : known.periods + horizon],
                {name: known.known[name][row, known.first[row] : known.periods + horizon] for name in names},
                horizon,
            )
            for row in range(len(known))
        ]
        results = list(pool.map(_one_prophet, jobs, chunksize=20))
    return np.stack([one[0] for one in results]), np.stack([one[1] for one in results])


def _one_prophet(job: tuple[np.ndarray, list[Any], dict[str, np.ndarray], int]) -> tuple[np.ndarray, np.ndarray]:
    import pandas as pd
    from prophet import Prophet

    logging.getLogger("cmdstanpy").disabled = True
    y, days, regressors, horizon = job
    frame = pd.DataFrame({"ds": pd.to_datetime(days[: len(y)]), "y": y.astype(float)})
    ahead = pd.DataFrame({"ds": pd.to_datetime(days[len(y) :])})
    usable = {name: np.nan_to_num(values) for name, values in regressors.items() if np.nanstd(values[: len(y)]) > 0}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            model = Prophet(uncertainty_samples=300)
            for name, values in usable.items():
                model.add_regressor(name)
                frame[name], ahead[name] = values[: len(y)], values[len(y) :]
            model.fit(frame, seed=0)
            np.random.seed(0)
            samples = model.predictive_samples(ahead)["yhat"]
            return samples.mean(axis=1), np.quantile(samples, QUANTILES, axis=1).T
        except Exception:
            mean = np.full(horizon, np.nanmean(y) if len(y) else 0.0)
            return mean, _normal(mean, np.full(horizon, np.nanstd(y) if len(y) else 0.0))


MODELS = {"autoets": autoets, "prophet": prophet}


def make(name: str, case: Case, models: list[str], origins: list[int]) -> None:
    """Make what is not kept yet."""
    whole = panel(case.history, case.freq, case.covariates)
    FOLDER.mkdir(parents=True, exist_ok=True)
    for model in models:
        for origin in origins:
            path = path_of(name, model, origin)
            if path.exists():
                continue
            known = whole.until(origin)
            start = time.perf_counter()
            mean, quantiles = MODELS[model](known, case.horizon, case.season)
            frame_of(known.ids, mean, quantiles).write_parquet(path)
            sys.stdout.write(f"{name} {model} {origin}: {len(known)} series in {time.perf_counter() - start:.0f} s\n")
            sys.stdout.flush()


def main() -> None:
    """Run."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("cases", nargs="*", default=list(CASES))
    parser.add_argument("--model", action="append", choices=list(MODELS))
    parser.add_argument("--origins", type=int, default=0, help="only so many of them, the newest but the last two")
    given = parser.parse_args()
    os.environ.setdefault("NIXTLA_ID_AS_COL", "1")
    for name in given.cases:
        case = CASES[name]()
        origins = case.origins if not given.origins else case.origins[:-2][-given.origins :]
        make(name, case, given.model or list(MODELS), origins)


if __name__ == "__main__":
    main()
