"""A forecast of everything at once, day after day: series, SKUs and what is above them, adding up.

`learn` does what is done weekly: it tries itself on the past, tells how far it was off, and trains. `ahead`, `settle` and `quantiles`
do what is done daily: the means of series from models that were trained before, part by part; the nodes above; and how far all may be off.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from forecasting import hierarchy
from forecasting.api import CHOSEN, ERRORS, errors_of
from forecasting.engine import AVERAGE, MODELS, SEASON, Context, Fitted, Predicted, fit, predict, quantiles
from forecasting.grouping import CHUNK, sums
from forecasting.hierarchy import SKU, Errors, Tree
from forecasting.metrics import QUANTILES, naive_scale
from forecasting.models import pooled, prophets
from forecasting.panel import Panel
from forecasting.parallel import side_by_side
from forecasting.promotions import Promotions

Array = NDArray[np.float64]
Index = NDArray[np.int64]
Progress = Callable[[float], None]

SERIES: Final = "series"
"""The level of the panel's own series."""

CUTOFFS: Final = 2
"""How often the past is forecast, a horizon apart."""

MANY: Final = 50_000
"""Series from which on once is enough: so many tell as much of one horizon as fewer of two, and each time takes minutes."""

LEAST_HISTORY: Final = 2
"""Horizons that must be known before the first of them."""

AVERAGE_OVER: Final = {1: 28, 7: 8}
"""Periods that the average of a series that cannot be forecast is taken over."""

LATE_PERIODS: Final = 14
"""Periods after the training for which Prophet's forecasts still serve."""


@dataclass(frozen=True, slots=True)
class Effort:
    """How much is learned from: rows for series, rows for SKUs and nodes above (whose series are longer and smoother), boosting rounds."""

    rows: int = pooled.SAMPLE
    above_rows: int = 100_000
    rounds: int = pooled.ROUNDS


FULL: Final = Effort()


@dataclass(slots=True)
class Learned:
    """What a day's forecast needs that is trained weekly, on the periods before `day`. `law`: how promotions act.

    `prophet`: expected demand of nodes by their unique_id, from `day` on; `components`: what Prophet tells apart.
    """

    horizon: int
    day: date
    series: Fitted
    skus: Fitted | None
    above: Fitted
    errors: Errors
    law: Promotions | None = None
    prophet: dict[str, Array] = field(default_factory=dict)
    components: pl.DataFrame = field(default_factory=lambda: prophets.COMPONENTS.to_frame())


@dataclass(frozen=True, slots=True)
class Scene:
    """A panel and what is above it, each with what its parts must know of the whole. `skus`: None where each SKU has one series."""

    tree: Tree
    panel: Panel
    context: Context
    above: Panel
    above_context: Context
    skus: Panel | None
    sku_context: Context | None

    @staticmethod
    def of(panel: Panel, law: Promotions | None = None) -> "Scene":
        """The scene of a panel. `law`: how promotions act, if it was learned before."""
        tree = hierarchy.tree(panel)
        context = Context.of(panel, law)
        values = hierarchy.filled(context.calmed(panel))  # a lone day would reach all series through what is above them
        above = hierarchy.upper_panel(panel, tree, values)
        skus = hierarchy.sku_panel(panel, tree, values) if tree.skus else None
        del values
        of_skus = None if skus is None else _context_above(skus, context)
        return Scene(tree, panel, context, above, _context_above(above, context), skus, of_skus)

    def parts(self) -> list[Index]:
        """The series in parts of at most `CHUNK`."""
        return _parts(len(self.panel))


@dataclass(frozen=True, slots=True)
class Came:
    """What came in periods that were forecast (series x horizon): `known`, NaN where it is not; `filled` (`hierarchy.filled`); and `calm`,
    the same with lone days as forecasts have them: spread over all that was sold.
    """

    known: Array
    filled: NDArray[np.float32]
    calm: NDArray[np.float32]


def _context_above(nodes: Panel, context: Context) -> Context:
    """The context of sums of series; what lone days of theirs sold is not in the sums either."""
    return replace(Context.of(nodes), left_out=context.left_out)


def _parts(count: int) -> list[Index]:
    return [np.arange(start, min(start + CHUNK, count)) for start in range(0, count, CHUNK)]


@dataclass(frozen=True, slots=True)
class Settled:
    """Predictions that add up: of series, SKUs (None where each has one series) and nodes above; and the means that the latter two had
    before they were made to.
    """

    series: Predicted
    skus: Predicted | None
    above: Predicted
    own_skus: Array | None
    own_above: Array


def learn(
    scene: Scene,
    horizon: int,
    seed: int,
    country: str | None = None,
    progress: Progress = lambda _: None,
    effort: Effort = FULL,
) -> tuple[Learned, pl.DataFrame]:
    """Train on a panel, after forecasting its last periods from what was known before them.

    Args:
        scene: of all series, with the statics that the nodes above are made of.
        horizon: periods ahead.
        seed: the same seed, panel and thread count give the same.
        country: two-letter code of the country whose holidays count.
        progress: called with the share that is done.
        effort: less learns less, sooner.

    Returns:
        What was learned, and `ERRORS` of the forecasts of the past with the `level` of each `unique_id`.

    """
    panel, errors, tables = scene.panel, Errors(), [_with_level(ERRORS.to_frame(), SERIES)]
    times = CUTOFFS if len(panel) < MANY else 1
    origins = [panel.periods - horizon * back for back in range(times, 0, -1)]
    origins = [origin for origin in origins if origin >= LEAST_HISTORY * horizon]
    for number, origin in enumerate(origins):
        began = np.flatnonzero(panel.first < origin)
        then = Scene.of(panel.take(began, origin))
        levels = then.tree.nodes["level"]
        learned = _trained(then, horizon, seed, errors, country, levels.str.contains(" x ", literal=True).not_().to_numpy(), effort)
        progress((number + 0.5) / (len(origins) + 1))
        came = panel.y[began, origin : origin + horizon].astype(np.float64)
        known = panel.take(began)
        filled = hierarchy.filled(known)[:, origin : origin + horizon]
        calm = hierarchy.filled(scene.context.take(began).calmed(known))[:, origin : origin + horizon] * (1.0 + then.context.left_out)
        tables += _tried(then, learned, Came(came, filled, calm), errors)
        progress((number + 1) / (len(origins) + 1))
    levels = scene.tree.nodes["level"]
    wanted = np.array([level == hierarchy.TOTAL or errors.by_prophet(level) for level in levels])
    return _trained(scene, horizon, seed, errors, country, wanted, effort), pl.concat(tables)


def ahead(learned: Learned, scene: Scene, rows: Index) -> tuple[Predicted, dict[int, str]]:
    """What is expected of some series before it is settled with the nodes above.

    A series that cannot be forecast gets the average of its last known periods; the second value says why, by its row.
    """
    try:
        predicted = predict(learned.series, scene.panel.take(rows), scene.context.take(rows), learned.horizon)
    except Exception as error:
        if len(rows) > 1:
            half = len(rows) // 2
            first, second = (ahead(learned, scene, some) for some in (rows[:half], rows[half:]))
            return join([first[0], second[0]]), {**first[1], **second[1]}
        return _average(scene.panel.take(rows), learned.horizon), {int(rows[0]): f"{type(error).__name__}: {error}"}
    wrong = np.flatnonzero(~np.isfinite(predicted.mean).all(axis=1) | ~np.isfinite(predicted.alpha).all(axis=1))
    if not len(wrong):
        return predicted, {}
    instead = _average(scene.panel.take(rows[wrong]), learned.horizon)
    for values, others in zip(_arrays(predicted), _arrays(instead), strict=True):
        values[wrong] = others
    return predicted, dict.fromkeys(rows[wrong].tolist(), "the forecast was not finite")


def join(parts: list[Predicted]) -> Predicted:
    """Predictions of parts, one after the other."""
    return Predicted(*(np.concatenate(arrays) for arrays in zip(*map(_arrays, parts), strict=True)))


def settle(learned: Learned, scene: Scene, predicted: Predicted) -> Settled:
    """Make the means of all series, SKUs and nodes add up.

    Where nothing was learned of SKUs, or nodes, they are the sums of their series: an average of sums tells no more than a sum of averages.
    """
    tree, mean, skus, own_skus = scene.tree, predicted.mean.copy(), None, None
    if scene.skus is not None and scene.sku_context is not None and learned.skus is not None:
        skus = _predicted(learned.skus, scene.skus, scene.sku_context, learned.horizon)
        own_skus, below = skus.mean, sums(mean, tree.sku, len(tree.skus))
        if learned.skus.mean is not None:
            mean *= hierarchy.sku_factors(learned.errors, skus.mean, below)[tree.sku]
    above = _predicted(learned.above, scene.above, scene.above_context, learned.horizon)
    every, cells = tree.cells.astype(np.float64), tree.cells.shape[1]
    below = sums(mean, tree.cell, cells)
    own = every @ below if learned.above.mean is None else _with_prophet(learned, scene, above.mean)
    wanted = hierarchy.combined(tree, learned.errors, own, every @ below)
    mean *= hierarchy.cell_factors(wanted, below)[tree.cell]
    if skus is not None:
        skus = replace(skus, mean=sums(mean, tree.sku, len(tree.skus)))
    settled = replace(above, mean=every @ sums(mean, tree.cell, cells))
    return Settled(replace(predicted, mean=mean), skus, settled, own_skus, above.mean)


def _predicted(fitted: Fitted, panel: Panel, context: Context, horizon: int) -> Predicted:
    """`predict` part by part."""
    return join(list(side_by_side(lambda rows: predict(fitted, panel.take(rows), context.take(rows), horizon), _parts(len(panel)))))


def _trained(
    scene: Scene, horizon: int, seed: int, errors: Errors, country: str | None, prophet: NDArray[np.bool_], effort: Effort
) -> Learned:
    """Everything trained; Prophet on the nodes that are marked, if periods are days."""
    panel = scene.panel
    series = fit(panel, horizon, seed, effort.rows, effort.rounds, scene.context)
    above = fit(scene.above, horizon, seed, effort.above_rows, effort.rounds, scene.above_context)
    skus = None if scene.skus is None else fit(scene.skus, horizon, seed, effort.above_rows, effort.rounds, scene.sku_context)
    learned = Learned(horizon, panel.day(panel.periods), series, skus, above, Errors(dict(errors.squares)), scene.context.law)
    if panel.step == 1 and prophet.any():
        nodes = scene.above.take(np.flatnonzero(prophet))
        mean, learned.components = prophets.forecast(nodes, horizon + LATE_PERIODS, country)
        learned.prophet = dict(zip(nodes.ids, mean, strict=True))
    return learned


def _with_prophet(learned: Learned, scene: Scene, own: Array) -> Array:
    """The nodes' own forecasts, Prophet's for levels where it was clearly nearer on the past."""
    means, late = own.copy(), (scene.panel.day(scene.panel.periods) - learned.day).days // scene.panel.step
    for node, (unique_id, level) in enumerate(zip(scene.above.ids, scene.tree.nodes["level"], strict=True)):
        prophet = learned.prophet.get(unique_id)
        if prophet is not None and learned.errors.by_prophet(level) and len(prophet) >= late + own.shape[1]:
            means[node] = prophet[late : late + own.shape[1]] * (1.0 + scene.context.left_out)
    return means


def _tried(scene: Scene, learned: Learned, came: Came, errors: Errors) -> list[pl.DataFrame]:
    """Forecast the periods that came, and take what was off into `errors`."""
    tree, parts = scene.tree, scene.parts()
    predicted = join(list(side_by_side(lambda rows: ahead(learned, scene, rows)[0], parts)))
    settled = settle(learned, scene, predicted)
    every, cells = tree.cells.astype(np.float64), tree.cells.shape[1]
    cutoff, season = scene.panel.day(scene.panel.periods - 1), SEASON[scene.panel.step]
    nodes_came = every @ sums(came.filled, tree.cell, cells)
    nodes_calm = every @ sums(came.calm, tree.cell, cells)
    nodes_below = every @ sums(predicted.mean, tree.cell, cells)
    nodes_own, tables = settled.own_above, []
    for level in tree.nodes["level"].unique(maintain_order=True):
        mine = np.flatnonzero((tree.nodes["level"] == level).to_numpy())
        raised = 1.0 + scene.context.left_out
        prophet = [learned.prophet[name][: learned.horizon] * raised for name in scene.above.ids[mine] if name in learned.prophet]
        errors.add(level, nodes_calm[mine], nodes_own[mine], nodes_below[mine], np.array(prophet) if len(prophet) == len(mine) else None)
        above = take(settled.above, mine)
        naive = naive_scale(scene.above.y[mine], season)
        spread = quantiles(learned.above, above, QUANTILES)
        tables.append(_with_level(errors_of(scene.above.ids[mine], cutoff, CHOSEN, nodes_came[mine], above.mean, spread, naive), level))
    if scene.skus is not None and learned.skus is not None and settled.skus is not None and settled.own_skus is not None:
        sku_came, sku_calm = (sums(values, tree.sku, len(tree.skus)) for values in (came.filled, came.calm))
        errors.add(SKU, sku_calm, settled.own_skus, sums(predicted.mean, tree.sku, len(tree.skus)))
        spread, naive = quantiles(learned.skus, settled.skus, QUANTILES), naive_scale(scene.skus.y, season)
        tables.append(_with_level(errors_of(scene.skus.ids, cutoff, CHOSEN, sku_came, settled.skus.mean, spread, naive), SKU))

    def off(rows: Index) -> pl.DataFrame:
        series = take(settled.series, rows)
        spread, naive = quantiles(learned.series, series, QUANTILES), naive_scale(scene.panel.y[rows], season)
        return _with_level(errors_of(scene.panel.ids[rows], cutoff, CHOSEN, came.known[rows], series.mean, spread, naive), SERIES)

    return [*tables, *side_by_side(off, parts)]


def _with_level(rows: pl.DataFrame, level: str) -> pl.DataFrame:
    return rows.with_columns(level=pl.lit(level)).select("level", *ERRORS.names())


def _arrays(predicted: Predicted) -> tuple[NDArray[np.generic], ...]:
    return predicted.mean, predicted.alpha, predicted.segment, predicted.model


def take(predicted: Predicted, rows: Index) -> Predicted:
    """Some rows of a prediction."""
    return Predicted(predicted.mean[rows], predicted.alpha[rows], predicted.segment[rows], predicted.model[rows])


def _average(panel: Panel, horizon: int) -> Predicted:
    """The mean of each series' last known periods, and a dispersion of 1 (assumed)."""
    recent = panel.y[:, -AVERAGE_OVER[panel.step] :].astype(np.float64)
    known = np.isfinite(recent)
    mean = np.where(known, recent, 0.0).sum(axis=1) / np.maximum(known.sum(axis=1), 1)
    shape = len(panel), horizon
    model = np.full(shape, AVERAGE)
    return Predicted(np.repeat(mean[:, None], horizon, axis=1), np.ones(shape), np.zeros(shape, np.int64), model)


def summary(errors: pl.DataFrame) -> pl.DataFrame:
    """How far forecasts of the past were off, by `level` and `cutoff`, from the errors that `learn` gives.

    `series`, `y` and `mean` (units that came and were expected), `bias` and `wape` (shares of the units), `scaled_pinball` (mean over
    series), `inside_50`, `inside_80`, `inside_95` (shares of the days).
    """
    return errors.group_by("level", "cutoff", maintain_order=True).agg(
        pl.len().alias("series"),
        pl.col("y").sum(),
        pl.col("mean").sum(),
        (pl.col("mean").sum() / pl.col("y").sum() - 1.0).alias("bias"),
        (pl.col("absolute_error").sum() / pl.col("y").sum()).alias("wape"),
        pl.col("scaled_pinball").mean(),
        *(pl.col(name).dot("periods") / pl.col("periods").sum() for name in ("inside_50", "inside_80", "inside_95")),
    )


def days_outside(panel: Panel, low: Array, high: Array) -> int:
    """On how many of the panel's last periods its total was below `low` or above `high`, one value for each of those periods."""
    total = hierarchy.filled(panel)[:, -len(low) :].sum(axis=0, dtype=np.float64)
    return int(((total < low) | (total > high)).sum())


def main_models(predicted: Predicted) -> pl.Series:
    """The name of the model that most of each row's periods were forecast by."""
    counts = np.stack([(predicted.model == number).sum(axis=1) for number in range(len(MODELS))])
    return pl.Series(list(MODELS)).gather(counts.argmax(axis=0))
