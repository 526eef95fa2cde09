"""Returns beyond chance: SKU x channel x reason triples, and SKU x reason over all channels, that return more than others explain.

The model. Returns of a stream (a triple, or a SKU x reason) from the weeks since s are Poisson with mean `theta * E_s` while nothing has
changed: `E_s` is expected by now of what the other SKUs of the category do (`expected`), `theta` is the SKU's own level, gamma with mean
1 and variance v = 1 / k. If it changed with week s, returns since are `m` times as many. Of `N` returns in all, `N_s` since s, the
likelihood ratio, with theta integrated out (gamma-Poisson, as in DuMouchel 1999, "Bayesian data mining in large frequency tables",
The American Statistician 53(3)), is

    L(s, m) = m^N_s * ((k + E) / (k + E - E_s + m E_s))^(k + N)

so that the SKU's own past tells its level. The e-value of a stream on a day is the sum of L over the 52 weeks s and the mean over `TIMES`
m, each week weighted 1/104: weights of the weeks of a year before and of a year of daily looks add up to 1, so over such a year it is a
test martingale that starts below 1 (a mixture of likelihood ratios; Shin, Ramdas, Rinaldo 2023, "E-detectors: a nonparametric framework
for sequential change detection", New England Journal of Statistics in Data Science 2(2)).

The rate of false flags. Each day the streams are judged by e-BH (Wang, Ramdas 2022, "False discovery rate control with e-values",
JRSS B 84(3)): the j with the greatest e-values are flagged, for the greatest j with all e-values at least `K / (FALSE_RATE * j)`; K counts
the streams, and both kinds have half of the budget, by weights. A stream's e-value at its own first flag has an expectation of at most 1
without a change, and exceeds the bound for all that were ever flagged; so of all distinct flags of a year of daily looks at most
`FALSE_RATE` = 10 % are false in expectation, however streams depend. That holds if delay, rates and spread are known. They are estimated,
so the rate is nominal; what is measured stands in benchmarks/README.md. (With looks for ever the share is bounded by year: an "error over
patience", Dandapanthula, Ramdas 2025, "Multiple testing in multi-stream sequential change detection", arXiv 2501.04130.)

Which flags stand. Where a SKU x reason and triples of it fire, the stream with the greater e-value is shown: all channels as one, unless a
triple's e-value is greater; then the triples. A change that is over is not shown for longer than its units still come back, `FADES` days
after its last week: the weeks from s whose returns, each worth log m less (m - 1) times the expected, sum up to most.
"""

from dataclasses import dataclass
from datetime import date
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from data_access.domain.returns.expected import WEEKS, ExpectedReturns, Floats, Ints, KnownReturns, expected_returns, known_returns

FALSE_RATE: Final = 0.10
TIMES: Final = (1.5, 2.5, 4.0, 7.0, 12.0, 24.0)
"""How many times as many returns a change brings."""

LEAST: Final = 5
"""Returns of a year below which a stream is not flagged."""

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
    """Streams worth a look: places of SKU, channel (-1: all) and reason; `returns`, `expected` by stream x week; precision `k` of levels."""

    sku: Ints
    channel: Ints
    reason: Ints
    returns: Floats
    expected: Floats
    precision: Floats


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
    if not len(known.sku):
        return FLAGS.to_frame()
    expected = expected_returns(known)
    whole, single = _all_channels(known, expected), _triples(known, expected)
    evidence = _evidence(whole, known.ages), _evidence(single, known.ages)
    sells = known.units.any(axis=2)
    counts = int(sells.any(axis=1).sum()) * len(known.reasons), int(sells.sum()) * len(known.reasons)
    flagged = _e_bh((evidence[0].log_e, evidence[1].log_e), counts)
    is_shown = _one_of_both(known, (whole, single), evidence, flagged)
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


def _triples(known: KnownReturns, expected: ExpectedReturns) -> _Streams:
    _, channels, reasons = expected.rate.shape
    place = (known.sku * channels + known.channel) * reasons + known.reason
    at, returns = _counted(known, place, expected.rate.size)
    sku, channel, reason = at // (channels * reasons), at // reasons % channels, at % reasons
    rate, behind = expected.rate[sku, channel, reason], expected.behind[sku, channel, reason]
    precision = 1.0 / (expected.spread[1][reason] + 1.0 / (behind + 1.0))
    return _Streams(sku, channel, reason, returns, rate[:, None] * expected.exposure[sku, channel], precision)


def _all_channels(known: KnownReturns, expected: ExpectedReturns) -> _Streams:
    skus, _, reasons = expected.rate.shape
    at, returns = _counted(known, known.sku * reasons + known.reason, skus * reasons)
    sku, reason = at // reasons, at % reasons
    weekly = np.einsum("jc,jcw->jw", expected.rate[sku, :, reason], expected.exposure[sku])
    precision = 1.0 / (expected.spread[0][reason] + 1.0 / (expected.behind[sku, :, reason].sum(axis=1) + 1.0))
    return _Streams(sku, np.full(len(sku), -1), reason, returns, weekly, precision)


def _since(weekly: Floats) -> Floats:
    """Sums from each week on."""
    sums: Floats = weekly[:, ::-1].cumsum(axis=1)[:, ::-1]
    return sums


def _evidence(streams: _Streams, ages: Ints) -> _Evidence:
    returns, expected = _since(streams.returns), _since(streams.expected)
    k, total = streams.precision[:, None], streams.precision[:, None] + expected[:, :1]
    power = k + returns[:, :1]
    ratios = [returns * np.log(m) + power * np.log(total / (total + (m - 1.0) * expected)) for m in TIMES]
    by_week = np.logaddexp.reduce(ratios, axis=0) - np.log(len(TIMES))
    since = by_week.argmax(axis=1)
    log_e = np.logaddexp.reduce(by_week, axis=1) - np.log(2.0 * WEEKS)
    row = np.arange(len(since))
    times = np.maximum(returns[row, since] / np.maximum(expected[row, since], 1e-9), TIMES[0])[:, None]
    gains = np.where(np.arange(WEEKS) >= since[:, None], np.log(times) * streams.returns - (times - 1.0) * streams.expected, 0.0)
    last = WEEKS - 1 - gains.cumsum(axis=1)[:, ::-1].argmax(axis=1)
    return _Evidence(log_e, since, ages[last] - 6 > FADES)


def _e_bh(log_e: tuple[Floats, Floats], counts: tuple[int, int]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which are flagged: e-BH with half of the budget for each kind, of which there are so many, looked at or not."""
    weighed = [one + np.log(0.5 / count) for one, count in zip(log_e, counts, strict=True)]  # less log K, which falls out
    ordered = np.sort(np.concatenate(weighed))[::-1]
    passing = np.flatnonzero(ordered >= -np.log(FALSE_RATE * np.arange(1, len(ordered) + 1)))
    bound = ordered[passing[-1]] if len(passing) else np.inf
    return weighed[0] >= bound, weighed[1] >= bound


def _one_of_both(
    known: KnownReturns,
    streams: tuple[_Streams, _Streams],
    evidence: tuple[_Evidence, _Evidence],
    flagged: tuple[NDArray[np.bool_], NDArray[np.bool_]],
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Of flagged streams those that stand: over all channels where its e-value is the greatest, else the triples."""
    size = len(known.skus) * len(known.reasons)
    place = [one.sku * len(known.reasons) + one.reason for one in streams]
    best = [np.full(size, -np.inf), np.full(size, -np.inf)]
    for of, at, proof, is_flagged in zip(best, place, evidence, flagged, strict=True):
        np.maximum.at(of, at[is_flagged], proof.log_e[is_flagged])
    is_whole = best[0] >= best[1]
    return flagged[0] & is_whole[place[0]], flagged[1] & ~is_whole[place[1]]


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
    expected_units = np.einsum("jc,jcw->j", units_rate, expected.exposure[sku] * counts)
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
