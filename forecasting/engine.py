"""Fitting and predicting: models, their spread, the choice among them and the calibration, all from past data alone.

The last part of the history is held out. Models trained on what came before are tried on it, from several origins; there the spread of
demand around the pooled model is learned, each model's quantiles are calibrated, and for each segment the model with the least pinball
loss is chosen. Then the pooled model is trained again on all of the history.
"""

from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from forecasting.distribution import LEAST_MEAN, Calibration, calibrate, quantiles_of, transform, uncalibrated
from forecasting.drivers import multipliers
from forecasting.features import YEAR, Features, Groups, Rows
from forecasting.metrics import QUANTILES, naive_scale, pinball
from forecasting.models import pooled, smoothing
from forecasting.models.outliers import FAR, calmed, limits
from forecasting.panel import Floats, Panel
from forecasting.promotions import Promotions
from forecasting.segments import SEGMENTS, THIRDS, kinds, segment

Array = NDArray[np.float64]
Index = NDArray[np.int64]

MODELS: Final = ("pooled", "blend", "smoothing", "tsb", "average", "seasonal naive")
"""What is chosen from. A blend is the mean of the pooled model and smoothing."""

LEVELS: Final = ("smoothing", "tsb", "average")
AVERAGE: Final = MODELS.index("average")
BLEND: Final = MODELS.index("blend")
CLEARLY: Final = 0.02
"""Share of the loss that another model must save to be taken instead of the blend."""

MOST_SERIES: Final = 8_000
"""Series that are trained and calibrated on; of more, so many are drawn."""

LEAST_PERIODS: Final = 12
LEAST_ROWS: Final = 300
"""With fewer periods or known demands in all, nothing is learned: the average is taken, spread as its own past is."""

LEAST_YOUNG_ROWS: Final = {1: 12_500, 7: LEAST_ROWS}
"""The same for a history of less than a year, by days a period; a SKU's channels count as one series. What a smaller panel of days teaches
is no nearer than its averages, and depends on chance.
"""

ROWS_A_POINT: Final = 8
"""Each known demand is seen from at most so many origins on average."""

HELD_ROWS: Final = 240_000
HELD_ORIGINS: Final = 6
SEASON: Final = {1: 7, 7: 1}
"""Periods after which the seasonal naive forecast repeats itself."""

MOST_RATIO: Final = 5.0
"""A mean is at most so many times the most that a series ever sold in a period: no explosions."""

MOST_LEFT_OUT: Final = 0.02
"""What lone days sold is not gone: means are raised by its share of all that was sold, by at most this."""

SPREAD: Final[dict[str, Any]] = {
    "objective": "gamma",
    "learning_rate": 0.05,
    "num_leaves": 31,
    "min_data_in_leaf": 200,
    "feature_fraction": 0.7,
    "bagging_fraction": 0.8,
    "bagging_freq": 1,
    "lambda_l2": 1.0,
}
DRIVEN: Final = 1.2
"""Multiplier above which a period is driven by what is known ahead. There demand strays so far that its mean rests on few events: what
the held-out part fell short by is half made up for."""
MOST_RAISED: Final = 1.5

SPREAD_SHARE: Final = 0.5
"""Boosting rounds of the dispersion, as a share of those of the mean."""
MOST_SPREAD: Final = 30.0


@dataclass(slots=True)
class Fitted:
    """All that predictions need. `choice`: the number of the model of each segment; `losses`: models x segments, NaN where not tried;
    `raised`: what each model's means of driven periods (`DRIVEN`) are multiplied by.

    Without a `mean` nothing was learned.
    """

    horizon: int
    mean: pooled.Pooled | None
    spread: list[Any]
    choice: Index
    calibrations: list[Calibration]
    losses: Array
    raised: Array
    whole: bool


@dataclass(frozen=True, slots=True)
class Context:
    """What a chunk of series must know of all the others. `law`: how promotions act, where that was learned; `most`: `outliers.limits`;
    `left_out`: units of lone days that count for nothing, per unit that counts; 0 where nothing can be learned.
    """

    groups: Groups
    kinds: Index
    shares: Array
    multipliers: Floats | None
    law: Promotions | None
    most: Array
    left_out: float

    @staticmethod
    def of(panel: Panel, law: Promotions | None = None) -> "Context":
        """The context of a whole panel. `law`: how promotions act, if it was learned before."""
        driven, law = multipliers(panel, law=law)
        learnable = _learnable(panel, int((~np.isnan(panel.y)).sum()))
        most = limits(panel, driven, learnable)
        groups = Groups(calmed(panel, most / FAR, driven))  # no more than usual, for what others are measured by
        calm = calmed(panel, most, driven)
        left_out = _left_out(panel, calm) if learnable else 0.0
        return Context(groups, kinds(calm), smoothing.weekday_shares(calm), driven, law, most, left_out)

    def take(self, rows: Index) -> "Context":
        """The same for some of its series."""
        driven = None if self.multipliers is None else self.multipliers[rows]
        return replace(self, kinds=self.kinds[rows], shares=self.shares[rows], multipliers=driven, most=self.most[rows])

    def calmed(self, panel: Panel) -> Panel:
        """The panel of this context without its lone days (`outliers.calmed`)."""
        return calmed(panel, self.most, self.multipliers)


@dataclass(frozen=True, slots=True)
class Predicted:
    """What is expected of each series and period ahead (series x horizon): the mean, its dispersion, the segment and the number of the
    model.
    """

    mean: Array
    alpha: Array
    segment: Index
    model: Index


def fit(
    panel: Panel, horizon: int, seed: int, rows: int = pooled.SAMPLE, rounds: int = pooled.ROUNDS, context: Context | None = None
) -> Fitted:
    """Train, choose and calibrate on a panel. `context`: of this panel, where it is there already."""
    rng = np.random.default_rng(seed)
    context = Context.of(panel) if context is None else context
    if len(panel) > MOST_SERIES:
        chosen = _drawn(panel, rng)
        panel, context = panel.take(chosen), context.take(chosen)
    groups, driven = context.groups, context.multipliers
    known = panel.y[~np.isnan(panel.y)]
    whole = bool((np.abs(known - np.round(known)) < 1e-4).mean() > 0.98) if len(known) else True
    if not _learnable(panel, len(known)):
        return _unlearned(horizon, whole)
    raw_panel, panel = panel, context.calmed(panel)
    periods = panel.periods
    cut = periods - max(min(horizon, periods // 3), periods // 6)
    then, _ = multipliers(panel, cut)
    if then is None and driven is not None:  # what drives demand does so in no series that was drawn
        then = np.ones_like(driven)
    rows = min(rows, ROWS_A_POINT * len(known))
    first = max(2, periods // 8)
    features = Features(panel, groups, then)
    before, held = pooled.sample(panel, horizon, rows, rng, first, cut), _held(panel, horizon, cut, rng)
    if not (panel.y[before.series, before.target].sum() > 0 and len(held)):
        return _unlearned(horizon, whole)
    past = pooled.train(features, before, seed, rounds)
    scale = features.scale(held)
    table, _ = features.table(held, scale)
    shares = smoothing.weekday_shares(panel.take(np.arange(len(panel)), cut))
    means = _means(panel, shares, held, past.of_table(table, scale), then)
    y = panel.y[held.series, held.target].astype(np.float64)
    raised = np.ones(len(MODELS))
    if then is not None:
        above = then[held.series, held.target] > DRIVEN
        raised = np.array([_raised(y[above], mean[above]) for mean in means])
        means = [np.where(above, mean * factor, mean) for mean, factor in zip(means, raised, strict=True)]
    raw = raw_panel.y[held.series, held.target].astype(np.float64)  # lone days teach no mean, but how far demand strays
    spread, alphas = _spread(table, scale, means, raw, seed, rounds)
    before_cut = raw_panel.take(np.arange(len(panel)), cut)
    alphas = [_with_lone(alpha, context, before_cut, held.series) for alpha in alphas]
    code = segment(kinds_then(panel, held), held.horizon, horizon)
    luck = rng.random(len(y))
    naive = naive_scale(panel.y[:, :cut], SEASON[panel.step])[held.series]
    losses = np.full((len(MODELS), SEGMENTS), np.nan)
    calibrations = []
    for number, mean in enumerate(means):
        calibration = calibrate(transform(raw, mean, alphas[number], luck), code, SEGMENTS, THIRDS)
        calibrations.append(calibration)
        forecasts = quantiles_of(mean, alphas[number], code, calibration.at(QUANTILES), whole)
        loss = pinball(y, forecasts) / naive
        sums, counts = np.bincount(code, loss, SEGMENTS), np.bincount(code, minlength=SEGMENTS)
        losses[number] = np.divide(sums, counts, out=np.full(SEGMENTS, np.nan), where=counts > 0)
    choice = _chosen(losses, np.bincount(code, minlength=SEGMENTS))
    if driven is not None:
        del features  # two would be a gigabyte and a half
        features = Features(panel, groups, driven)  # what drives demand is learned of all of it now
    final = pooled.train(features, pooled.sample(panel, horizon, rows, rng, first, periods), seed, rounds)
    return Fitted(horizon, final, spread, choice, calibrations, losses, raised, whole)


def _left_out(panel: Panel, calm: Panel) -> float:
    sold, counted = float(np.nansum(panel.y, dtype=np.float64)), float(np.nansum(calm.y, dtype=np.float64))
    return min(sold / counted - 1.0, MOST_LEFT_OUT) if counted > 0 else 0.0


def _learnable(panel: Panel, known: int) -> bool:
    """Whether a panel with so many known demands is large and old enough to learn from. Its age counts from the first demand of all."""
    sold = (panel.y > 0).any(axis=0)
    age = panel.periods - int(sold.argmax()) if sold.any() else 0
    if age >= YEAR[panel.step]:
        return known >= LEAST_ROWS
    skus = len(np.unique(panel.statics["sku"])) if "sku" in panel.statics else len(panel)
    return age >= LEAST_PERIODS and known * skus >= LEAST_YOUNG_ROWS[panel.step] * len(panel)


def _drawn(panel: Panel, rng: np.random.Generator) -> Index:
    """The series that are trained on, about `MOST_SERIES`: whole SKUs, for the channels of one share its customers."""
    codes = panel.statics.get("sku", np.arange(len(panel)))
    order = rng.permutation(int(codes.max()) + 1)[codes]  # a SKU's place in the draw
    last = np.sort(order)[MOST_SERIES - 1]
    return np.flatnonzero(order <= last)


def _unlearned(horizon: int, whole: bool) -> Fitted:
    """Where there is nothing to learn from: each series' average, spread as its own past is."""
    untried = np.full((len(MODELS), SEGMENTS), np.nan)
    choice, calibrations = np.full(SEGMENTS, AVERAGE), [uncalibrated(SEGMENTS)] * len(MODELS)
    return Fitted(horizon, None, [], choice, calibrations, untried, np.ones(len(MODELS)), whole)


def _raised(y: Array, mean: Array) -> float:
    """What means are multiplied by for what they fell short by: half of it, in logarithms."""
    return float(np.clip(np.sqrt((y.sum() + 1.0) / (mean.sum() + 1.0)), 1.0 / MOST_RAISED, MOST_RAISED))


def _chosen(losses: Array, counts: Index) -> Index:
    """The model of each segment: the blend, unless another loses clearly less on all thirds of the horizon together."""
    by_kind = counts.reshape(-1, THIRDS)
    sums = (np.nan_to_num(losses).reshape(len(MODELS), -1, THIRDS) * by_kind).sum(axis=2)
    sums[BLEND] *= 1.0 - CLEARLY
    best = np.where(by_kind.sum(axis=1) > 0, sums.argmin(axis=0), BLEND)
    return np.repeat(best, THIRDS)


def _held(panel: Panel, horizon: int, cut: int, rng: np.random.Generator) -> Rows:
    """Rows whose targets lie in the part that is held out, from a few origins."""
    origins = np.unique(np.linspace(cut, panel.periods - 1, HELD_ORIGINS).astype(np.int64))
    parts = []
    for origin in origins:
        reach = min(horizon, panel.periods - int(origin))
        began = np.flatnonzero(panel.first < origin)
        parts.append((np.repeat(began, reach), np.full(len(began) * reach, origin), np.tile(np.arange(1, reach + 1), len(began))))
    rows = Rows(*(np.concatenate(column) for column in zip(*parts, strict=True)))
    rows = rows.take(~np.isnan(panel.y[rows.series, rows.target]))
    return rows if len(rows) <= HELD_ROWS else rows.take(np.sort(rng.choice(len(rows), HELD_ROWS, replace=False)))


def kinds_then(panel: Panel, rows: Rows) -> Index:
    """The kind that each row's series was of at the row's origin: kinds of today would tell what came after it."""
    kind = np.empty(len(rows), np.int64)
    for origin in np.unique(rows.origin):
        mine = rows.origin == origin
        kind[mine] = kinds(panel.take(np.arange(len(panel)), int(origin)))[rows.series[mine]]
    return kind


def _week(panel: Panel, shares: Array, rows: Rows) -> Array:
    """The share of each row's weekday."""
    weekday = (rows.target + panel.start.weekday()) % 7 if panel.step == 1 else np.zeros(len(rows), np.int64)
    share: Array = shares[rows.series, weekday]
    return share


def _means(panel: Panel, shares: Array, rows: Rows, learned: Array, drivers: Floats | None) -> list[Array]:
    """The mean of each row by each of `MODELS`. `drivers`: multipliers by which levels are measured and carried ahead."""
    origins = np.unique(rows.origin)
    free = panel if drivers is None else replace(panel, y=panel.y / drivers[:, : panel.periods])
    levels = smoothing.levels(free, shares, origins.tolist())
    share = _week(panel, shares, rows)
    if drivers is not None:
        share = share * drivers[rows.series, rows.target]
    place = np.searchsorted(origins, rows.origin)
    flat = {name: np.stack([levels[name][int(origin)] for origin in origins])[place, rows.series] * share for name in LEVELS}
    season = SEASON[panel.step]
    again = rows.origin - season + (rows.horizon - 1) % season
    naive = np.nan_to_num(np.where(again >= 0, panel.y[rows.series, np.maximum(again, 0)], 0.0)).astype(np.float64)
    by_name = {"pooled": learned, "blend": (learned + flat["smoothing"]) / 2.0, **flat, "seasonal naive": naive}
    known = ~np.isnan(panel.y)
    most = np.where(known, panel.y, 0.0).max(axis=1, initial=0.0)[rows.series].astype(np.float64) * MOST_RATIO
    return [np.clip(by_name[name], LEAST_MEAN, np.maximum(most, LEAST_MEAN)) for name in MODELS]


def _spread(
    table: NDArray[np.float32], scale: Array, means: list[Array], y: Array, seed: int, rounds: int
) -> tuple[list[Any], list[Array]]:
    """Two models of squared error against mu + mu^2, each trained on half of the rows; and alpha of each mean, from the other half's."""
    lightgbm = pooled.library()
    sides = slice(0, None, 2), slice(1, None, 2)
    learned = means[0]
    target = np.minimum((y - learned) ** 2 / (learned + learned**2), MOST_SPREAD) + 1e-3
    inputs = _inputs(table, learned, scale)
    params = {**SPREAD, **pooled.COMMON, "seed": seed}
    boosters = []
    for side in sides:
        data = lightgbm.Dataset(inputs[side], target[side], params={"verbosity": -1})
        boosters.append(lightgbm.train(params, data, num_boost_round=max(1, round(SPREAD_SHARE * rounds))))
    alphas = []
    for mean in means:
        inputs = _inputs(table, mean, scale)
        spread = np.empty(len(y))
        spread[sides[0]], spread[sides[1]] = boosters[1].predict(inputs[sides[0]]), boosters[0].predict(inputs[sides[1]])
        alphas.append(_alpha(spread, mean))
    return boosters, alphas


def _inputs(table: NDArray[np.float32], mean: Array, scale: Array) -> NDArray[np.float32]:
    inputs = np.empty((len(table), table.shape[1] + 2), np.float32)
    inputs[:, :-2], inputs[:, -2], inputs[:, -1] = table, np.log(mean), np.log(mean / scale)
    return inputs


def _alpha(spread: Array, mean: Array) -> Array:
    return np.maximum(spread * (mean + mean**2) - mean, 0.0) / mean**2


def _with_lone(alpha: Array, context: Context, known: Panel, series: Index) -> Array:
    """Dispersion of rows: at least that of its own past where a series has a lone day."""
    lone = np.isfinite(context.most)[series]
    return np.where(lone, np.maximum(alpha, _own_alpha(known)[series]), alpha)


def _own_alpha(panel: Panel) -> Array:
    """Dispersion of each series' own past, for panels too small to learn it: as if there had been 4 more periods with one of 0.5."""
    known = ~np.isnan(panel.y)
    y = np.where(known, panel.y, 0.0).astype(np.float64)
    count = known.sum(axis=1)
    mean = y.sum(axis=1) / np.maximum(count, 1)
    squares = (np.where(known, y - mean[:, None], 0.0) ** 2).sum(axis=1) / np.maximum(count, 1)
    own = np.divide(np.maximum(squares - mean, 0.0), mean**2, out=np.zeros(len(mean)), where=mean > 0)
    alpha: Array = (count * own + 4 * 0.5) / (count + 4)
    return alpha


def predict(fitted: Fitted, panel: Panel, context: Context, horizon: int, only: int | None = None) -> Predicted:
    """Predict the periods after a panel's last. `only`: the number of a model to take instead of the chosen ones."""
    count = len(panel)
    rows = Rows(np.repeat(np.arange(count), horizon), np.full(count * horizon, panel.periods), np.tile(np.arange(1, horizon + 1), count))
    code = segment(context.kinds[rows.series], rows.horizon, fitted.horizon)
    model = fitted.choice[code] if only is None else np.full(len(rows), only)
    came, panel = panel, context.calmed(panel)
    features = Features(panel, context.groups, context.multipliers)
    if fitted.mean is None:
        means = _means(panel, context.shares, rows, features.steady(rows) * _week(panel, context.shares, rows), context.multipliers)
        mean = np.choose(np.where(model == AVERAGE, MODELS.index("pooled"), model), means)  # in the place of what would be learned
        alpha = _own_alpha(came)[rows.series]
    else:
        scale = features.scale(rows)
        table, _ = features.table(rows, scale)
        learned = fitted.mean.of_table(table, scale)
        mean = np.choose(model, _means(panel, context.shares, rows, learned, context.multipliers))
        if context.multipliers is not None:
            driven = context.multipliers[rows.series, rows.target] > DRIVEN
            mean = np.where(driven, mean * fitted.raised[model], mean)
        inputs = _inputs(table, mean, scale)
        alpha = _alpha((fitted.spread[0].predict(inputs) + fitted.spread[1].predict(inputs)) / 2.0, mean)
        alpha = _with_lone(alpha, context, came, rows.series)
    known = ~np.isnan(panel.y)
    silent = (np.where(known, panel.y, 0.0).max(axis=1, initial=0.0) == 0)[rows.series]  # never sold: nothing is expected
    shape = (count, horizon)
    mean = np.where(silent, 0.0, mean * (1.0 + context.left_out))
    return Predicted(mean.reshape(shape), alpha.reshape(shape), code.reshape(shape), model.reshape(shape))


def quantiles(fitted: Fitted, predicted: Predicted, levels: tuple[float, ...]) -> Array:
    """Quantiles of what was predicted, series x horizon x levels; none where nothing is expected."""
    mean, alpha, code, model = (values.ravel() for values in (predicted.mean, predicted.alpha, predicted.segment, predicted.model))
    result = np.zeros((len(mean), len(levels)))
    for number in np.unique(model):
        mine = (model == number) & (mean > 0)
        result[mine] = quantiles_of(mean[mine], alpha[mine], code[mine], fitted.calibrations[number].at(levels), fitted.whole)
    return result.reshape(*predicted.mean.shape, -1)


def transformed(fitted: Fitted, predicted: Predicted, y: Array, luck: Array) -> Array:
    """The randomised probability integral transform of what came (series x horizon) under what was predicted. `luck`: 0 to 1, the same."""
    raw = transform(y.ravel(), predicted.mean.ravel(), predicted.alpha.ravel(), luck.ravel())
    result = np.empty(len(raw))
    model, code = predicted.model.ravel(), predicted.segment.ravel()
    for number in np.unique(model):
        mine = model == number
        result[mine] = fitted.calibrations[number].shares(raw[mine], code[mine])
    return result.reshape(y.shape)
