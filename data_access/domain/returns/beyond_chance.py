"""Returns beyond chance: SKU x channel x reason triples, and SKU x reason over all channels, that return more than others explain.

The model. Returns of a stream (a triple, or a SKU x reason) of the weeks of shipping since s are Poisson with mean `theta E_s` while
nothing has changed: `E_s` is expected by now of what the other SKUs of the category do (`expected`), theta is the SKU's own level. Since a
change, they are m times as many. Theta is gamma: either with mean 1 and variance 1 / k (a = b = k), which asks whether the SKU is beyond
what its category and channel explain, or as known from its own `PAST` weeks before s (a = k + N_past, b = k + E_past), which asks whether
it has changed. 1 / k is the spread of SKUs' levels plus the error of the rate, one by the returns that it rests on. The likelihood ratio
with theta integrated out (gamma-Poisson, as in DuMouchel 1999, "Bayesian data mining in large frequency tables, with an application to the
FDA spontaneous reporting system", The American Statistician 53(3)) is

    L(s, m) = m^N_s ((b + E_s) / (b + m E_s))^(a + N_s)

The e-value of a stream is the sum over the weeks s of the last 32 of the mean of L over both a, b and over the m of `TIMES`, each week
weighted 1/84: the weights of these weeks and of those of a year of daily looks add up to 1. So over such a year it is a test martingale
(a mixture of likelihood ratios), with an expectation of at most 1 at any stopping time; see Shin, Ramdas, Rinaldo 2023, "E-detectors: a
nonparametric framework for sequential change detection", New England Journal of Statistics in Data Science, arXiv 2203.03532.

The rate of false flags. Each stream has a share w of a budget of 1 that its own returns do not touch: half goes to triples and half to
SKU x reason, and of each half one half evenly, one by expected returns, as more is needed to stand out where much is expected. Each day
the streams are judged by e-BH on e-value x share: those with `e w >= 1 / (FALSE_RATE j)` are flagged, with the greatest j that leaves j
of them (Wang, Ramdas 2022, "False discovery rate control with e-values", Journal of the Royal Statistical Society B 84(3); with shares:
Ignatiadis, Wang, Ramdas 2024, "Asymptotic and compound e-values: multiple testing and empirical Bayes", arXiv 2409.19812). Whatever was
flagged on any day of a year of looks passed that bound on the day of its first flag, with a j that is at most the number flagged in the
end, and its e-value on that day has an expectation of at most 1 without a change. So of all distinct flags of a year of daily looks at
most `FALSE_RATE` = 5 % are false in expectation, as long as a stream's own future does not depend on the past of others. That is exact if
delay, rates, season and spread are known, and before one of both kinds is chosen to be shown; they are estimated, so the rate is nominal.
What is measured stands in benchmarks/README.md. (Looking for ever, the share is bounded per year: "error over patience", Dandapanthula,
Ramdas 2025, "Multiple testing in multi-stream sequential change detection", arXiv 2501.04130.)

Which flags stand. Where a SKU x reason and triples of it fire, all channels are shown as one, unless one triple has the excess for itself:
the other channels' returns since then are likelier as expected than m times as many, m being that of all channels. Then its triples are
shown. A change that is over is shown while its units still come back, until `FADES` days after its last week; the change lasts over those
weeks from s that give the greatest log likelihood ratio `N log m - (m - 1) E`.
"""

from dataclasses import dataclass
from datetime import date
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from data_access.domain.returns.expected import (
    LITTLE,
    WEEKS,
    ExpectedReturns,
    Floats,
    Ints,
    KnownReturns,
    category_weeks,
    expected_returns,
    known_returns,
    seasons,
)

FALSE_RATE: Final = 0.05
TIMES: Final = (1.5, 2.5, 4.0, 7.0, 12.0, 24.0)
"""How many times as many returns a change brings."""

LEAST: Final = 5
"""Returns of a year below which a stream is not flagged."""

ENOUGH: Final = 50
"""Returns received before the day below which nothing is flagged: too few to learn from."""

PAST: Final = 20
"""Weeks before a change that tell the SKU's own level."""

YEAR: Final = 52
FADES: Final = 42
"""Days."""

FLAGS: Final = pl.Schema(
    {
        "sku": pl.String,
        "channel_id": pl.String,  # null: over all channels
        "reason": pl.String,
        "since": pl.Date,  # Monday of the first week of shipping that is part of it
        "units": pl.Int64,  # shipped since then, and back by now
        "expected_units": pl.Float64,  # of them by now
        "shipped_units": pl.Int64,  # since then
        "beyond_units": pl.Float64,  # units - expected_units
        "evidence": pl.Float64,  # log10 of the e-value
    }
)


@dataclass(frozen=True, slots=True)
class _Streams:
    """Streams worth a look: places of SKU, channel (-1: all) and reason; by stream x week `returns`, `expected`, and `season`, which is
    part of `expected`; precision `k` of levels; logarithm of the share in the budget of false flags.
    """

    sku: Ints
    channel: Ints
    reason: Ints
    returns: Floats
    expected: Floats
    season: Floats
    precision: Floats
    log_share: Floats


@dataclass(frozen=True, slots=True)
class _Evidence:
    """By stream: natural logarithm of the e-value, week in which the change began, and whether it is over."""

    log_e: Floats
    since: Ints
    is_over: NDArray[np.bool_]


def flags(shipped: pl.DataFrame, returned: pl.DataFrame, categories: pl.DataFrame, as_of: date) -> pl.DataFrame:
    """`FLAGS` as they stand at the end of a day, the strongest first; formulas and the rate of false ones: above.

    `shipped` and `returned` are `SHIPPED` and `RETURNED`; what was shipped or received later, or a year before, does not count.
    `categories` (sku, category) names each SKU once. A flag is the same as another day's if sku, channel_id and reason are.
    """
    known = known_returns(shipped, returned, categories, as_of)
    if known.before.sum() < ENOUGH:
        return FLAGS.to_frame()
    expected = expected_returns(known)
    whole = _all_channels(known, expected)
    single = _triples(known, expected, whole)
    least = -np.log(FALSE_RATE * max(len(whole.sku) + len(single.sku), 1))  # were all of them flagged
    evidence = _evidence(whole, known.ages, least), _evidence(single, known.ages, least)
    flagged = _e_bh(*(proof.log_e + streams.log_share for proof, streams in zip(evidence, (whole, single), strict=True)))
    is_shown = _one_of_both(known, (whole, single), evidence[0].since, flagged)
    parts = [
        _described(known, expected, streams, proof, shown & ~proof.is_over)
        for streams, proof, shown in zip((whole, single), evidence, is_shown, strict=True)
    ]
    return pl.concat(parts).sort("evidence", "sku", "channel_id", "reason", descending=[True, False, False, False])


def _counted(known: KnownReturns, place: Ints, count: int) -> tuple[Ints, Floats]:
    """Places with at least `LEAST` returns, and their returns by week."""
    at = np.flatnonzero(np.bincount(place, minlength=count) >= LEAST)
    row = np.full(count, -1)
    row[at] = np.arange(len(at))
    kept = row[place] >= 0
    by_week = np.bincount(row[place[kept]] * WEEKS + known.week[kept], minlength=len(at) * WEEKS)
    return at, by_week.reshape(len(at), WEEKS).astype(np.float64)


def _all_channels(known: KnownReturns, expected: ExpectedReturns) -> _Streams:
    skus, _, reasons = expected.rate.shape
    at, returns = _counted(known, known.sku * reasons + known.reason, skus * reasons)
    sku, reason = at // reasons, at % reasons
    weekly = np.zeros(returns.shape)
    for channel in range(len(known.channels)):
        weekly += expected.rate[sku, channel, reason][:, None] * expected.exposure[sku, channel]
    season = seasons(category_weeks(known, expected), known.category[sku], reason, returns, weekly)
    precision = 1.0 / (expected.spread[0][reason] + 1.0 / (expected.behind[sku, :, reason].sum(axis=1) + 1.0))
    share = _log_share(expected.by_channel.sum(axis=1), known.units.sum(axis=(1, 2)) > 0)[sku, reason]
    return _Streams(sku, np.full(len(sku), -1), reason, returns, weekly * season, season, precision, share)


def _triples(known: KnownReturns, expected: ExpectedReturns, whole: _Streams) -> _Streams:
    """With the season of their SKU x reason in `whole`, which has all that triples have."""
    skus, channels, reasons = expected.rate.shape
    place = (known.sku * channels + known.channel) * reasons + known.reason
    at, returns = _counted(known, place, expected.rate.size)
    sku, channel, reason = at // (channels * reasons), at // reasons % channels, at % reasons
    row = np.zeros((skus, reasons), np.int64)
    row[whole.sku, whole.reason] = np.arange(len(whole.sku))
    season = whole.season[row[sku, reason]]
    weekly = expected.rate[sku, channel, reason][:, None] * expected.exposure[sku, channel] * season
    precision = 1.0 / (expected.spread[1][reason] + 1.0 / (expected.behind[sku, channel, reason] + 1.0))
    share = _log_share(expected.by_channel, known.units.sum(axis=2) > 0)[sku, channel, reason]
    return _Streams(sku, channel, reason, returns, weekly, season, precision, share)


def _log_share(expected: Floats, sells: NDArray[np.bool_]) -> Floats:
    """Logarithms of shares that add up to a half: each kind has half of the budget, half of it evenly, half by expected returns."""
    even = sells[..., None] / (sells.sum() * expected.shape[-1])
    share: Floats = np.log(np.maximum(even + expected / max(expected.sum(), LITTLE), LITTLE) / 4.0)
    return share


def _evidence(streams: _Streams, ages: Ints, least: float) -> _Evidence:
    """Of the streams; minus infinity where the logarithm of e-value x share is below `least`."""
    count = len(streams.sku)
    log_e, since, is_over = np.full(count, -np.inf), np.zeros(count, np.int64), np.zeros(count, np.bool_)
    sums = [np.concatenate([np.zeros((len(one), 1)), one.cumsum(axis=1)], axis=1) for one in (streams.returns, streams.expected)]
    returns, expected = (one[:, -1:] - one[:, PAST:-1] for one in sums)
    past_returns, past_expected = (one[:, PAST:-1] - one[:, : WEEKS - PAST] for one in sums)
    k = streams.precision[:, None]
    pairs = ((k + past_returns, k + past_expected), (np.broadcast_to(k, returns.shape), np.broadcast_to(k, returns.shape)))
    at = np.flatnonzero(np.maximum(*(_best(returns, expected, *pair) for pair in pairs)).max(axis=1) + streams.log_share >= least)
    returns, expected = returns[at], expected[at]
    ratios = [
        returns * np.log(m) - (shape[at] + returns) * np.log1p((m - 1.0) * expected / (rate[at] + expected))
        for shape, rate in pairs
        for m in TIMES
    ]
    by_week = _log_sum(np.stack(ratios), 0) - np.log(2.0 * len(TIMES) * (WEEKS - PAST + YEAR))
    log_e[at], since[at] = _log_sum(by_week, 1), PAST + by_week.argmax(axis=1)
    is_over[at] = _is_over(streams.returns[at], streams.expected[at], since[at], ages)
    return _Evidence(log_e, since, is_over)


def _best(returns: Floats, expected: Floats, shape: Floats, rate: Floats) -> Floats:
    """The logarithm of the likelihood ratio at its best m, at least 1: by calculus `m = N_s b / (a E_s)`, with a level of gamma (a, b)."""
    mean = np.maximum(expected * shape / rate, LITTLE)
    counts = np.maximum(returns, mean)
    best: Floats = counts * np.log(counts / mean) + (shape + counts) * np.log((shape + mean) / (shape + counts))
    return best


def _log_sum(logs: Floats, axis: int) -> Floats:
    """The logarithm of the sum of what has these logarithms."""
    top = logs.max(axis=axis, keepdims=True, initial=-1e300)
    total: Floats = np.log(np.exp(logs - top).sum(axis=axis)) + top.squeeze(axis)
    return total


def _is_over(returns: Floats, expected: Floats, since: Ints, ages: Ints) -> NDArray[np.bool_]:
    """Whether the last week of the change is so long ago that its units have come back."""
    of_change = np.arange(WEEKS) >= since[:, None]
    times = (returns * of_change).sum(axis=1) / np.maximum((expected * of_change).sum(axis=1), LITTLE)
    m = np.maximum(times, TIMES[0])[:, None]
    gains = np.where(of_change, np.log(m) * returns - (m - 1.0) * expected, 0.0)
    last = WEEKS - 1 - gains.cumsum(axis=1)[:, ::-1].argmax(axis=1)
    is_over: NDArray[np.bool_] = ages[last] - 6 > FADES
    return is_over


def _e_bh(*weighed: Floats) -> list[NDArray[np.bool_]]:
    """Which are flagged, of logarithms of e-value x share."""
    ordered = np.sort(np.concatenate(weighed))[::-1]
    passing = np.flatnonzero(ordered >= -np.log(FALSE_RATE * np.arange(1, len(ordered) + 1)))
    bound = ordered[passing[-1]] if len(passing) else np.inf
    return [one >= bound for one in weighed]


def _one_of_both(
    known: KnownReturns, streams: tuple[_Streams, _Streams], since: Ints, flagged: list[NDArray[np.bool_]]
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Of flagged streams those that stand: see above. `since` is that of the streams over all channels."""
    whole, single = streams
    of_whole, of_single = (one.sku * len(known.reasons) + one.reason for one in streams)
    row = np.full(len(known.skus) * len(known.reasons), -1)
    row[of_whole[flagged[0]]] = np.flatnonzero(flagged[0])
    at = np.flatnonzero(flagged[1] & (row[of_single] >= 0))
    same = row[of_single[at]]
    of_change = np.arange(WEEKS) >= since[same][:, None]
    returns, expected = ((one[at] * of_change).sum(axis=1) for one in (single.returns, single.expected))
    all_returns, all_expected = ((one[same] * of_change).sum(axis=1) for one in (whole.returns, whole.expected))
    m = np.maximum(all_returns / np.maximum(all_expected, LITTLE), TIMES[0])
    is_alone = np.log(m) * (all_returns - returns) < (m - 1.0) * (all_expected - expected) - LITTLE
    as_triples = np.zeros(len(row), np.bool_)
    as_triples[of_single[at[is_alone]]] = True
    return flagged[0] & ~as_triples[of_whole], flagged[1] & ((row[of_single] < 0) | as_triples[of_single])


def _described(
    known: KnownReturns, expected: ExpectedReturns, streams: _Streams, evidence: _Evidence, shown: NDArray[np.bool_]
) -> pl.DataFrame:
    """Rows of `FLAGS`."""
    at = np.flatnonzero(shown)
    if not len(at):
        return FLAGS.to_frame()
    sku, channel, reason, since = streams.sku[at], streams.channel[at], streams.reason[at], evidence.since[at]
    places = np.arange(len(known.channels))
    counts = ((channel < 0)[:, None] | (places == channel[:, None]))[:, :, None] & (np.arange(WEEKS) >= since[:, None])[:, None, :]
    units_rate = expected.rate[sku, :, reason] * expected.units_each[sku, :, reason]
    expected_units = np.einsum("jc,jcw->j", units_rate, expected.exposure[sku] * counts * streams.season[at][:, None, :])
    row = np.full((len(known.skus), len(places) + 1, len(known.reasons)), -1)
    row[sku, channel, reason] = np.arange(len(at))  # the last place, -1, stands for all channels
    units = np.zeros(len(at), np.int64)
    for of in (row[known.sku, known.channel, known.reason], row[known.sku, -1, known.reason]):
        counted = (of >= 0) & (known.week >= since[of])
        np.add.at(units, of[counted], known.count[counted])
    return pl.DataFrame(
        {
            "sku": known.skus.gather(sku),
            "channel_id": pl.concat([known.channels, pl.Series([None], dtype=pl.String)]).gather(channel % (len(places) + 1)),
            "reason": known.reasons.gather(reason),
            "since": np.datetime64(known.first_week) + since * np.timedelta64(7, "D"),
            "units": units,
            "expected_units": expected_units,
            "shipped_units": (known.units[sku] * counts).sum(axis=(1, 2)).astype(np.int64),
            "beyond_units": units - expected_units,
            "evidence": evidence.log_e[at] / np.log(10.0),
        },
        schema=FLAGS,
    )
