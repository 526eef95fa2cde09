"""The two calls of the library: a forecast, and a back-test of it on the past."""

from collections.abc import Sequence
from datetime import date
from typing import Final

import numpy as np
import polars as pl

from forecasting.cumulative import Cumulative, learn
from forecasting.cumulative import quantiles as cumulative_at
from forecasting.engine import MODELS, SEASON, Array, Context, Fitted, fit, predict
from forecasting.engine import quantiles as quantiles_at
from forecasting.errors import InvalidPanel
from forecasting.metrics import QUANTILES, naive_scale, pinball
from forecasting.panel import Panel, check_horizon, panel
from forecasting.parallel import side_by_side

CHUNK: Final = 4_000
"""Series that are predicted together: what is in memory at once."""

CHOSEN: Final = "chosen"
"""The model that was chosen for a series' segment, as in a forecast."""


ERRORS: Final = pl.Schema(
    {
        "unique_id": pl.String,
        "model": pl.String,
        "cutoff": pl.Date,  # the last known period
        "periods": pl.Int64,  # with a known demand
        "y": pl.Float64,  # units in all of them
        "mean": pl.Float64,  # units expected
        "absolute_error": pl.Float64,  # summed over the periods
        "pinball": pl.Float64,  # mean over periods and `QUANTILES`
        "scaled_pinball": pl.Float64,  # the same in units of the seasonal naive error before the cutoff, at least 1 unit
        "inside_50": pl.Float64,  # share of periods within the central interval
        "inside_80": pl.Float64,
        "inside_95": pl.Float64,
    }
)


def forecast(
    history: pl.DataFrame,
    horizon: int = 56,
    freq: str = "1d",
    covariates: pl.DataFrame | None = None,
    quantiles: Sequence[float] = QUANTILES,
    seed: int = 0,
    cumulative: bool = False,
) -> pl.DataFrame:
    """Expected demand and its quantiles for the periods after the panel's last.

    Args:
        history: `unique_id`, `ds`, `y` and more, as `forecasting.panel.panel` takes it.
        horizon: periods ahead, at most 730 days or 104 weeks.
        freq: "1d" or "1w".
        covariates: what is known ahead (price, discount, holiday, event), for all periods ahead.
        quantiles: between 0 and 1, rising.
        seed: the same seed, data and thread count give the same forecast.
        cumulative: also tell of demand from the first period ahead to each, as `cumulative_mean`, `cumulative_q0.1` and so on.

    Returns:
        `unique_id`, `ds`, `model` (its name), `mean` and a column for each quantile, such as `q0.1`; units, never negative, missing or
        infinite. Sorted by series and date.

    Raises:
        InvalidPanel: a frame or an option cannot be taken; the sentence names the series and the column.

    """
    check_horizon(horizon, freq, least=1)
    levels = check_quantiles(quantiles)
    whole = panel(history, freq, covariates, horizon)
    sums = learn(whole, horizon, seed) if cumulative else None
    context = Context.of(whole)
    return forecast_panel(whole, fit(whole, horizon, seed, context=context), context, horizon, levels, sums)


def backtest(
    history: pl.DataFrame,
    horizon: int,
    origins: int | Sequence[date],
    freq: str = "1d",
    covariates: pl.DataFrame | None = None,
    models: Sequence[str] = (CHOSEN,),
    seed: int = 0,
) -> pl.DataFrame:
    """`ERRORS` of forecasts that would have been made in the past, each from what was known by then.

    Args:
        history: as for `forecast`.
        horizon: periods ahead.
        origins: the last known days, or how many of them, one horizon apart, the newest a horizon before the panel's last period.
        freq: "1d" or "1w".
        covariates: as for `forecast`; known ahead at every origin.
        models: of `MODELS`, or "chosen".
        seed: as for `forecast`.

    Raises:
        InvalidPanel: a frame or an option cannot be taken.

    """
    check_horizon(horizon, freq, least=1)
    for name in models:
        if name not in (CHOSEN, *MODELS):
            raise InvalidPanel(f"There is no model “{name}”: choose from {', '.join((CHOSEN, *MODELS))}.")
    whole = panel(history, freq, covariates)
    parts = [ERRORS.to_frame()]
    for origin in _origins(whole, horizon, origins):
        known = whole.until(origin)
        context = Context.of(known)
        fitted = fit(known, horizon, seed, context=context)
        began = np.flatnonzero(whole.first < origin)
        y = whole.y[began, origin : origin + horizon].astype(np.float64)
        naive = naive_scale(known.y, SEASON[whole.step])
        for name in models:
            only = None if name == CHOSEN else MODELS.index(name)
            predicted = predict(fitted, known, context, horizon, only)
            spread = quantiles_at(fitted, predicted, QUANTILES)
            parts.append(errors_of(known.ids, whole.day(origin - 1), name, y, predicted.mean, spread, naive))
    return pl.concat(parts)


def _origins(whole: Panel, horizon: int, origins: int | Sequence[date]) -> list[int]:
    """How many periods are known at each origin."""
    if isinstance(origins, int):
        periods = [whole.periods - horizon * back for back in range(origins, 0, -1)]
    else:
        periods = [(day - whole.start).days // whole.step + 1 for day in origins]
    if not periods or min(periods) < 1 or max(periods) >= whole.periods:
        raise InvalidPanel(
            f"The history from {whole.day(0).isoformat()} to {whole.day(whole.periods - 1).isoformat()} does not hold all origins with "
            "a period before and after them: ask for fewer or later ones, or a shorter horizon."
        )
    return periods


def errors_of(ids: pl.Series, cutoff: date, model: str, y: Array, mean: Array, spread: Array, naive: Array) -> pl.DataFrame:
    """`ERRORS` of one origin: what came (series x periods, NaN where unknown), the means and the quantiles (`QUANTILES`) of the same."""
    known = ~np.isnan(y)
    count = known.sum(axis=1)
    filled = np.where(known, y, 0.0)
    reach = y.shape[1]
    mean, spread = mean[:, :reach], spread[:, :reach]
    loss = pinball(filled.ravel(), spread.reshape(-1, spread.shape[2])).reshape(y.shape)

    def share(low: int, high: int) -> Array:
        inside = known & (filled >= spread[:, :, low]) & (filled <= spread[:, :, high])
        return np.asarray(inside.sum(axis=1) / np.maximum(count, 1))

    mean_loss = np.where(known, loss, 0.0).sum(axis=1) / np.maximum(count, 1)
    return pl.DataFrame(
        {
            "unique_id": ids,
            "model": pl.Series([model]).gather(np.zeros(len(ids), np.int64)),
            "cutoff": pl.Series([cutoff], dtype=pl.Date).gather(np.zeros(len(ids), np.int64)),
            "periods": count,
            "y": filled.sum(axis=1),
            "mean": np.where(known, mean, 0.0).sum(axis=1),
            "absolute_error": np.where(known, np.abs(filled - mean), 0.0).sum(axis=1),
            "pinball": mean_loss,
            "scaled_pinball": mean_loss / naive,
            "inside_50": share(2, 4),
            "inside_80": share(1, 5),
            "inside_95": share(0, 6),
        },
        ERRORS,
    ).filter(pl.col("periods") > 0)


def forecast_panel(
    whole: Panel, fitted: Fitted, context: Context, horizon: int, quantiles: tuple[float, ...], sums: Cumulative | None = None
) -> pl.DataFrame:
    """The forecast of a panel by models that were fitted, on this panel or an earlier one; of sums too where they were learned.

    `context`: of this panel.
    """
    days = pl.Series("ds", [whole.day(whole.periods + ahead) for ahead in range(horizon)], dtype=pl.Date)
    names = pl.Series(list(MODELS))

    def part(start: int) -> pl.DataFrame:
        rows = np.arange(start, min(start + CHUNK, len(whole)))
        predicted = predict(fitted, whole.take(rows), context.take(rows), horizon)
        spread = quantiles_at(fitted, predicted, quantiles)
        added: dict[str, Array] = {}
        if sums is not None:
            mean, of_sums = cumulative_at(sums, predicted, context.kinds[rows], quantiles)
            added = {"cumulative_mean": mean.ravel()}
            added |= {f"cumulative_q{level:g}": of_sums[:, :, number].ravel() for number, level in enumerate(quantiles)}
        return pl.DataFrame(
            {
                "unique_id": whole.ids[rows].gather(np.repeat(np.arange(len(rows)), horizon)),
                "ds": days.gather(np.tile(np.arange(horizon), len(rows))),
                "model": names.gather(predicted.model.ravel()),
                "mean": predicted.mean.ravel(),
                **{f"q{level:g}": spread[:, :, number].ravel() for number, level in enumerate(quantiles)},
                **added,
            }
        )

    return pl.concat(side_by_side(part, range(0, len(whole), CHUNK)))


def check_quantiles(quantiles: Sequence[float]) -> tuple[float, ...]:
    """The quantiles, checked.

    Raises:
        InvalidPanel: there is none, one is not between 0 and 1, or they do not rise.

    """
    levels = tuple(float(level) for level in quantiles)
    if not levels or not all(0.0 < level < 1.0 for level in levels) or list(levels) != sorted(set(levels)):
        raise InvalidPanel(
            f"The quantiles {', '.join(f'{level:g}' for level in levels) or '(none)'} cannot be taken: give rising numbers between 0 and 1."
        )
    return levels
