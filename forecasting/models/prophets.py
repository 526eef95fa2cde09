"""Prophet for a few series that matter much: sums of many SKUs, whose trend, seasons and holidays can be told apart.

One model a series, in a few processes, without uncertainty: the spread comes from elsewhere. Discounts known ahead are a regressor.
"""

import logging
import warnings
from concurrent.futures import ProcessPoolExecutor
from datetime import date
from multiprocessing import get_context
from typing import Any, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from forecasting.panel import Panel

Array = NDArray[np.float64]

WORKERS: Final = 2
FEW: Final = 8
"""Series for which no other process is started."""

LEAST_KNOWN: Final = 60
"""Known periods below which a series is not tried: its mean is taken."""

COMPONENTS: Final = pl.Schema(
    {
        "unique_id": pl.String,
        "ds": pl.Date,
        "trend": pl.Float64,  # units a period
        "weekly": pl.Float64,  # share that the trend is raised by, such as 0.1; 0 where there is none
        "yearly": pl.Float64,
        "holidays": pl.Float64,
        "discount": pl.Float64,
    }
)
"""What Prophet tells apart: expected demand is trend x (1 + weekly + yearly + holidays + discount)."""

_PARTS: Final = ("weekly", "yearly", "holidays", "discount")
_Job = tuple[str, list[date], Array, Array | None, int, str | None]


def forecast(panel: Panel, horizon: int, country: str | None = None) -> tuple[Array, pl.DataFrame]:
    """Expected demand of each series and period ahead (series x horizon), never negative, and `COMPONENTS` of the past and the time ahead.

    Args:
        panel: few series; `known["discount"]` is used if it is there.
        horizon: periods ahead.
        country: two-letter code of the country whose holidays count.

    """
    days = [panel.day(period) for period in range(panel.periods + horizon)]
    discount = panel.known.get("discount")
    jobs: list[_Job] = []
    for row in range(len(panel)):
        first = int(panel.first[row])
        off = None
        if discount is not None:
            off = np.zeros(len(days) - first)  # what is not known ahead is not discounted
            known = discount[row, first : len(days)]
            off[: len(known)] = np.nan_to_num(known)
        jobs.append((panel.ids[row], days[first:], panel.y[row, first:].astype(np.float64), off, horizon, country))
    if len(jobs) <= FEW:
        forecasts = list(map(_one, jobs))
    else:
        with ProcessPoolExecutor(WORKERS, mp_context=get_context("spawn")) as pool:
            forecasts = list(pool.map(_one, jobs, chunksize=max(1, len(jobs) // (4 * WORKERS))))
    if not forecasts:
        return np.zeros((0, horizon)), COMPONENTS.to_frame()
    return np.stack([mean for mean, _ in forecasts]), pl.concat([pl.DataFrame(parts, COMPONENTS) for _, parts in forecasts])


def _one(job: _Job) -> tuple[Array, dict[str, Any]]:
    unique_id, days, y, off, horizon, country = job
    known = ~np.isnan(y)
    flat = np.full(horizon, y[known].mean() if known.any() else 0.0)
    parts = {name: np.zeros(len(days)) for name in _PARTS}
    trend = np.full(len(days), flat[0])
    if known.sum() >= LEAST_KNOWN and np.ptp(y[known]) > 0:
        components = _fitted(days, y, off, country)
        trend = components["trend"]
        parts.update({name: values for name, values in components.items() if name in _PARTS})
        flat = np.maximum(trend * (1.0 + sum(parts.values())), 0.0)[len(y) :]
    top = float(y[known].max(initial=0.0)) * 5.0
    return np.clip(flat, 0.0, top), {"unique_id": [unique_id] * len(days), "ds": days, "trend": trend, **parts}


def _fitted(days: list[date], y: Array, off: Array | None, country: str | None) -> dict[str, Array]:
    import pandas as pd

    logging.getLogger("prophet.plot").disabled = True  # it asks for another plotly than ours
    frame = pd.DataFrame({"ds": pd.to_datetime(pd.Series(days))})
    with_discount = off is not None and np.std(off[: len(y)]) > 0
    if with_discount:
        frame["discount"] = off
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from prophet import Prophet

        for name in ("prophet", "cmdstanpy"):  # they set their own levels, one of them only when it is used
            logging.getLogger(name).disabled = True
        model = Prophet(seasonality_mode="multiplicative", uncertainty_samples=0)
        if country is not None:
            model.add_country_holidays(country_name=country)
        if with_discount:
            model.add_regressor("discount")
        model.fit(frame.iloc[: len(y)].assign(y=y), seed=0)
        fitted = model.predict(frame)
    names = [name for name in ("trend", *_PARTS) if name in fitted.columns]
    return {name: fitted[name].to_numpy(float) for name in names}
