"""What promotions do: the lift on their own channel, and what they divert from the SKU's other channels.

A *promotion* is a discount of one SKU on one channel for some days. The law, for the base b (what each channel would sell without any):

- Who would buy on channel c' stays there with weight 1, and goes to channel c with weight `pull[category, c', c] * (d[c] - d[c'])` where
  c is discounted deeper. The shares are the weights over their sum: an attraction model (Cooper and Nakanishi, *Market-Share Analysis*,
  1988), so that several promotions of a SKU share out its customers. What leaves a channel is its *diversion*.
- A discount d brings new demand of `b[c] * (exp(gain[category, c] * d) - 1)`: the *arrivals* (semi-logarithmic in the discount, as is
  usual in models of promotions).
- The lift is the arrivals and what is diverted. So the channels' sum changes by the arrivals alone.

Pulls and gains are learned from the past by maximum likelihood. Channels of a SKU share its good and bad days, hence counts of a spell of
days are negative multinomial around the law. Logarithms of pulls and gains are sums of what the channels, the category and both together
add, each drawn to 0: a category with few promotions has the pulls of all.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import polars as pl

from forecasting.baseline import AROUND, PRIOR, Array, Flags, Index, baseline, rush
from forecasting.models.smoothing import weekday_shares
from forecasting.panel import Floats, Panel
from forecasting.parallel import side_by_side

LEAST: Final = 20
"""Spells of promotions that must have been, for something to be learned."""

MOST: Final = 20_000
"""Spells that are learned from; of more, so many, evenly."""

START: Final = (1.0, 2.0)
"""Pull and gain that learning starts from, and is drawn to."""

PULL_SPREADS: Final = (2.0, 1.5, 0.5, 0.25)
GAIN_SPREADS: Final = (1.0, 0.5, 0.5, 0.2)
"""How far logarithms may stray (standard deviations): of all; of a channel, or a pair of them; of a category; of both together."""

ITERATIONS: Final = 300
FARTHEST: Final = 6.0
"""Logarithms beyond are taken for this."""

EFFECTS: Final = pl.Schema(
    {
        "sku": pl.String,
        "promoted_channel": pl.String,
        "channel": pl.String,  # whose demand changes
        "starts_on": pl.Date,
        "ends_on": pl.Date,
        "discount": pl.Float64,
        "base": pl.Float64,  # units expected on the channel over the days, had there been no promotion of the SKU at all
        "units": pl.Float64,  # added, on the promoted channel; taken, below 0, on others
    }
)


@dataclass(frozen=True, slots=True)
class Promotions:
    """What was learned. `pull`: channel whose customers go x channel they go to x category; `gain`: channel x category; numbered as in
    the panel's labels.
    """

    pull: Array
    gain: Array


@dataclass(frozen=True, slots=True)
class _Days:
    """Days on which SKUs of one category are promoted: a column for each SKU and day, sorted; arrays of two axes are channel x day.

    `series`: rows of the panel, -1 where a SKU is not sold; `y`: NaN where unknown; `base`: 0 where a SKU is not sold.
    """

    category: int
    sku: Index
    day: Index
    series: Index
    discount: Array
    y: Array
    base: Array
    spread: float


@dataclass(frozen=True, slots=True)
class _Spells:
    """Runs of days with the same discounts of a SKU, categories in order; arrays of two axes are channel x spell.

    `there`: where the SKU is sold; `base`: channel whose customers they are x channel that they might go to x spell, over the days on
    which the latter's demand is known; `certainty`: shape of the gamma distribution of how good a spell's days are.
    """

    category: Index
    there: Flags
    discount: Array
    y: Array
    base: Array
    certainty: Array

    def take(self, columns: Index) -> "_Spells":
        """Some of them."""
        return _Spells(*(getattr(self, name)[..., columns] for name in self.__dataclass_fields__))


def law(there: Flags, discount: Array, pull: Array, gain: Array) -> tuple[Array, Array]:
    """The shares of the base that go from channel to channel (from x to x case), and arrivals in shares of the base (channel x case).

    Args:
        there: channel x case; nobody goes where the SKU is not sold.
        discount: channel x case, 0 to 1.
        pull: from x to x case.
        gain: channel x case.

    """
    weight = pull * np.maximum(discount[None] - discount[:, None], 0.0) * there[None]
    return weight / (1.0 + weight.sum(axis=1, keepdims=True)), np.exp(gain * discount) - 1.0


def learn(panel: Panel, until: int | None = None) -> Promotions | None:
    """How promotions act, from the periods before `until` (all that are known).

    None if the panel is not daily, has no statics `sku`, `channel` and `category` or no covariate `discount` that is known ahead, has a
    SKU twice on a channel, or fewer than `LEAST` spells of promotions.
    """
    return _learned(panel, list(_promoted(panel, until))) if _usable(panel) else None


def multipliers(panel: Panel, learned: Promotions, until: int | None = None) -> Floats:
    """Expected demand with all promotions over that without any: series x (periods + ahead).

    Times the base, and summed over the channels of a SKU, it is the base and the arrivals: promoted channels gain what the others lose.
    `until`: as for `learn`.
    """
    return _multiplied(panel, _promoted(panel, until), learned)


def learned_multipliers(panel: Panel, until: int | None = None) -> tuple[Promotions | None, Floats | None]:
    """What `learn` gives, and `multipliers` by it; None where that is None. The base is measured once for both."""
    if not _usable(panel):
        return None, None
    parts = list(_promoted(panel, until))
    learned = _learned(panel, parts)
    return learned, None if learned is None else _multiplied(panel, parts, learned)


def effects(panel: Panel, learned: Promotions, until: int | None = None) -> pl.DataFrame:
    """`EFFECTS`: a row for each promotion and channel that sells its SKU, those ahead too, sorted. `until`: as for `learn`."""
    parts = [EFFECTS.to_frame()]
    for days in _promoted(panel, until):
        flows, arrivals = _moves(days, learned)
        for channel in range(len(days.base)):
            units = -flows[:, channel]
            units[channel] = arrivals[channel] - units.sum(axis=0)
            parts.append(_effects(panel, days, channel, units))
    return pl.concat(parts).sort("sku", "starts_on", "promoted_channel", "channel")


def _effects(panel: Panel, days: _Days, channel: int, units: Array) -> pl.DataFrame:
    """`EFFECTS` of the promotions on one channel, unsorted. `units`: channel x day."""
    on = np.flatnonzero(days.discount[channel] > 0)
    if not len(on):
        return EFFECTS.to_frame()
    starts = _runs(days.sku[on], days.day[on], days.discount[[channel]][:, on])
    first, last = on[starts], on[np.append(starts[1:], len(on)) - 1]
    other, run = np.nonzero(days.series[:, first] >= 0)
    names, start = pl.Series(panel.labels["channel"]), np.datetime64(panel.start)
    return pl.DataFrame(
        {
            "sku": pl.Series(panel.labels["sku"])[days.sku[first][run]],
            "promoted_channel": names[np.full(len(run), channel)],
            "channel": names[other],
            "starts_on": start + days.day[first][run],
            "ends_on": start + days.day[last][run],
            "discount": days.discount[channel, first][run],
            "base": np.add.reduceat(days.base[:, on], starts, axis=1)[other, run],
            "units": np.add.reduceat(units[:, on], starts, axis=1)[other, run],
        },
        EFFECTS,
    )


def _usable(panel: Panel) -> bool:
    if panel.step != 1 or "discount" not in panel.known or not {"sku", "channel", "category"} <= panel.statics.keys():
        return False
    pairs = np.stack([panel.statics["sku"], panel.statics["channel"]])
    return len(np.unique(pairs, axis=1).T) == len(panel)


def _promoted(panel: Panel, until: int | None) -> Iterator[_Days]:
    """The days with promotions, category by category."""
    known = panel.periods if until is None else until
    week = weekday_shares(replace(panel, y=panel.y[:, :known]))

    def one(category: int) -> _Days:
        mine = np.flatnonzero(panel.statics["category"] == category)
        mine = mine[np.lexsort((panel.statics["channel"][mine], panel.statics["sku"][mine]))]
        part = panel.take(mine)
        codes, sku = np.unique(part.statics["sku"], return_inverse=True)
        discount = np.clip(part.known["discount"], 0.0, 1.0).astype(np.float64)
        starts = np.flatnonzero(np.diff(sku, prepend=-1))
        column, day = np.nonzero(np.logical_or.reduceat(discount > 0, starts))
        unclear = np.logical_or.reduceat(~(discount == 0), starts)  # where it is missing nobody knows whether there was a promotion
        base = baseline(part, sku, week[mine], unclear[sku], known)
        series = np.full((len(panel.labels["channel"]), len(codes)), -1)
        series[part.statics["channel"], sku] = np.arange(len(mine))
        at, sold = series[:, column], series[:, column] >= 0
        return _Days(
            category=category,
            sku=codes[column].astype(np.int64),
            day=day,
            series=np.where(sold, mine[at], -1),
            discount=np.where(sold, np.nan_to_num(discount[at, day]), 0.0),
            y=np.where(sold & (day < known), part.y[at, np.minimum(day, known - 1)], np.nan),
            base=np.where(sold, base.expected[at, day], 0.0),
            spread=base.spread,
        )

    yield from side_by_side(one, np.unique(panel.statics["category"]).tolist())


def _learned(panel: Panel, parts: list[_Days]) -> Promotions | None:
    spells = _spells(parts)
    if len(spells.category) < LEAST:
        return None
    shape = (len(panel.labels["channel"]), len(panel.labels["category"]))
    first = _fit(spells, *shape)
    return _fit(_spells([_without_rushes(days, first) for days in parts]), *shape)


def _multiplied(panel: Panel, parts: Iterable[_Days], learned: Promotions) -> Floats:
    factors = np.ones((len(panel), panel.periods + panel.ahead), np.float32)
    for days in parts:
        sold = days.base > 0
        _, at = np.nonzero(sold)
        factors[days.series[sold], days.day[at]] = _after(days, learned)[sold] / days.base[sold]
    return factors


def _moves(days: _Days, learned: Promotions) -> tuple[Array, Array]:
    """Units that go from channel to channel (from x to x day), and that arrive (channel x day)."""
    mine = [days.category]
    shares, arrivals = law(days.base > 0, days.discount, learned.pull[..., mine], learned.gain[..., mine])
    return days.base[:, None] * shares, days.base * arrivals


def _after(days: _Days, learned: Promotions) -> Array:
    """Units expected with the promotions."""
    flows, arrivals = _moves(days, learned)
    units: Array = days.base + arrivals + flows.sum(axis=0) - flows.sum(axis=1)
    return units


def _without_rushes(days: _Days, learned: Promotions) -> _Days:
    return replace(days, y=np.where(rush(days.y, _after(days, learned)), np.nan, days.y))


def _runs(sku: Index, day: Index, discount: Array) -> Index:
    """Where another SKU, a gap in days or another discount begins something new."""
    new = np.ones(len(sku), bool)
    new[1:] = (np.diff(sku) != 0) | (np.diff(day) != 1) | (np.diff(discount) != 0).any(axis=0)
    return np.flatnonzero(new)


def _spells(parts: list[_Days]) -> _Spells:
    """The spells of which something is known; of too many, some."""
    categories = [_of_category(days) for days in parts]
    whole = _Spells(*(np.concatenate([getattr(one, name) for one in categories], axis=-1) for name in _Spells.__dataclass_fields__))
    informative = np.flatnonzero(whole.base.any(axis=(0, 1)))
    return whole.take(informative if len(informative) <= MOST else informative[np.linspace(0, len(informative) - 1, MOST).astype(np.int64)])


def _of_category(days: _Days) -> _Spells:
    starts = _runs(days.sku, days.day, days.discount)
    known = ~np.isnan(days.y) & (days.base > 0)
    count = np.diff(starts, append=len(days.day))
    total = np.add.reduceat(days.base, starts, axis=1)
    around = (2 * AROUND + 1) * total.sum(axis=0) / count
    return _Spells(
        category=np.full(len(starts), days.category),
        there=total > 0,
        discount=days.discount[:, starts],
        y=np.add.reduceat(np.where(known, days.y, 0.0), starts, axis=1),
        base=np.add.reduceat(days.base[:, None] * known[None], starts, axis=2),
        certainty=1.0 / (days.spread / count + 1.0 / (around + PRIOR)),
    )


def _fit(spells: _Spells, channels: int, categories: int) -> Promotions:
    """The most likely pulls and gains, drawn to what channels and categories have in common."""
    from scipy.optimize import minimize

    pulls: list[tuple[int, ...]] = [(1, 1, 1), (channels, channels, 1), (1, 1, categories), (channels, channels, categories)]
    gains: list[tuple[int, ...]] = [(1, 1), (channels, 1), (1, categories), (channels, categories)]
    sizes = [int(np.prod(shape)) for shape in [*pulls, *gains]]
    spread = np.repeat([*PULL_SPREADS, *GAIN_SPREADS], sizes)
    starts = np.flatnonzero(np.diff(spells.category, prepend=-1))
    present = spells.category[starts]
    own = np.einsum("ccn->cn", spells.base)
    units = spells.y.sum(axis=0) + spells.certainty

    def logs(theta: Array) -> tuple[Array, Array]:
        parts = np.split(spread * theta, np.cumsum(sizes)[:-1])
        shaped = [part.reshape(shape) for part, shape in zip(parts, [*pulls, *gains], strict=True)]
        pull, gain = sum(shaped[:4], np.log(START[0])), sum(shaped[4:], np.log(START[1]))
        return np.clip(pull, -FARTHEST, FARTHEST), np.clip(gain, -FARTHEST, FARTHEST)

    def slopes(of_spell: Array, shapes: list[tuple[int, ...]]) -> list[Array]:
        sums = np.zeros((*of_spell.shape[:-1], categories))
        sums[..., present] = np.add.reduceat(of_spell, starts, axis=-1)
        return [sums.sum(axis=tuple(np.flatnonzero(np.array(shape) == 1))).ravel() for shape in shapes]

    def loss(theta: Array) -> tuple[float, Array]:
        pull, gain = (np.exp(table)[..., spells.category] for table in logs(theta))
        shares, arrivals = law(spells.there, spells.discount, pull, gain)
        mean = np.maximum(own * (1.0 - shares.sum(axis=1) + arrivals) + (spells.base * shares).sum(axis=0), 1e-9)
        total = mean.sum(axis=0) + spells.certainty
        likelihood = (spells.y * np.log(mean)).sum() - (units * np.log(total)).sum()
        by_mean = np.where(own > 0, spells.y / mean - units / total, 0.0)
        by_share = spells.base * by_mean[None] - (own * by_mean)[:, None]
        by_pull = shares * (by_share - (shares * by_share).sum(axis=1, keepdims=True))
        by_gain = own * by_mean * (arrivals + 1.0) * gain * spells.discount
        gradient = np.concatenate([*slopes(by_pull, pulls), *slopes(by_gain, gains)])
        return float((theta**2).sum() / 2.0 - likelihood), theta - spread * gradient

    # more memory than usual: parameters that are drawn together need it
    optimum = minimize(loss, np.zeros(sum(sizes)), jac=True, method="L-BFGS-B", options={"maxiter": ITERATIONS, "maxcor": 50})
    pull, gain = (np.exp(table) for table in logs(optimum.x))
    return Promotions(pull, gain)
