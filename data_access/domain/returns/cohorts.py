"""Rates of return by the week of shipping: what has come back, and what of young cohorts is still to come. Frames in, frames out.

A cohort is what was shipped in a week: S units, of which R are back. If returns take as long as usual (`domain.returns.delays`), a share F
of what comes back in the end is back by now. What is to come lies between what R and what the usual rate say, by credibility: the
gamma-Poisson model of claims that are not reported yet (Mack 2000; Wuethrich and Merz 2008, section 4.3) and of late reports of
disease (Hoehle and an der Heiden 2014):

    m = (usual rate of each channel and category) x (units shipped) x (the group's own factor),
    to come = m (1 - F) (a + R / phi) / (a + m F / phi),
    variance = phi (to come) (1 - (to come) / (S - R)) + (to come)^2 / (a + R / phi) + (d(to come) / dF)^2 var(F).

The factor is the group's returns so far by those expected so far, both with a decay (Cape Cod, Gluck 1997), drawn towards 1 as if
`PRIOR_RETURNS` had come back as usual. phi is the size of a clump of units that come back together. 1 / a is the squared coefficient of
variation of a cohort around its m: that of the group's mature cohorts, beyond phi, by the method of moments (DerSimonian and Laird 1986),
drawn towards `PRIOR_VARIATION` squared; and that of the factor itself. The interval is the middle 80 % of the negative binomial
distribution of that mean and variance. Of a week that is not over only the units shipped so far are looked at.
"""

from collections.abc import Collection
from typing import Final, Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.stats import nbinom

from data_access.domain.returns.delays import CELL, MATURE, age
from data_access.domain.returns.usual import Usual, rates_of

Group = Literal["channel_id", "category", "sku", "reason"]
Floats = NDArray[np.float64]

COHORTS: Final = pl.Schema(
    {
        "ship_week": pl.Date,
        "channel_id": pl.String,  # this and the next three only if grouped by
        "category": pl.String,
        "sku": pl.String,
        "reason": pl.String,
        "units_shipped": pl.Int64,
        "units_returned": pl.Int64,  # so far
        "rate": pl.Float64,  # so far; null if nothing was shipped
        "share_back": pl.Float64,  # the share of all returns that is usually back by now
        "is_mature": pl.Boolean,  # at least `MATURE` of them
        "to_come": pl.Float64,  # units expected
        "to_come_sd": pl.Float64,
        "expected_units": pl.Float64,  # so far and to come
        "low_units": pl.Int64,
        "high_units": pl.Int64,  # 80 % interval of the units in the end
        "expected_rate": pl.Float64,
        "low_rate": pl.Float64,
        "high_rate": pl.Float64,
    }
)
RECEIVED: Final = pl.Schema(
    {
        "week": pl.Date,
        "channel_id": pl.String,  # this and the next three only if grouped by
        "category": pl.String,
        "sku": pl.String,
        "reason": pl.String,
        "units_received": pl.Int64,  # in the week, whenever they were shipped
        "units_shipped": pl.Int64,  # in the week, whether or not they come back
        "ratio": pl.Float64,  # null if nothing was shipped
    }
)
LOW, HIGH = 0.10, 0.90
HALF_LIFE_DAYS: Final = 91.0
PRIOR_RETURNS: Final = 4.0
PRIOR_VARIATION: Final = 0.15
_NEVER: Final = 1e-12  # the rate where nothing ever came back for the reasons: not 0, so that shares are shares of something


def cohorts(
    shipped: pl.DataFrame, returned: pl.DataFrame, basis: Usual, by: Collection[Group] = (), reasons: Collection[str] | None = None
) -> pl.DataFrame:
    """`COHORTS` of a selection, by week and group, as known at `basis.as_of`.

    Args:
        shipped: the `SHIPPED` of the selection, and category; `without_skus` if SKUs are not grouped by, which is quicker.
        returned: its `RETURNED`, and category, or the same `without_skus`; nothing of it may have been shipped outside the selection.
        basis: what is usual, of all channels and categories of the selection.
        by: what to group by; a week and group has a row if something was shipped. Each reason has the units shipped of all.
        reasons: only these; None for all.

    Raises:
        ValueError: something was shipped on a channel, or of a category, that `basis` does not know.

    """
    keys = ["ship_week", *(name for name in COHORTS if name in by)]
    rows = _expected(shipped, basis, keys, reasons).join(
        _returned(returned, basis, keys, reasons), on=keys, how="left", maintain_order="left"
    )
    rows = rows.with_columns(pl.col("units_returned").fill_null(0))
    rows = _projected(_with_prior(rows, basis, keys[1:]), basis.clump)
    units = {f"{name}_rate": pl.col(f"{name}_units") / pl.col("units_shipped") for name in ("expected", "low", "high")}
    rows = rows.with_columns(rate=pl.col("units_returned") / pl.col("units_shipped"), **units)
    return rows.select(pl.col(name).cast(COHORTS[name]) for name in (*keys, *COHORTS.names()[5:])).sort(keys)


def by_return_week(
    shipped: pl.DataFrame, returned: pl.DataFrame, basis: Usual, by: Collection[Group] = (), reasons: Collection[str] | None = None
) -> pl.DataFrame:
    """`RECEIVED`: units received in a week by units shipped in it. No share of anything: what comes back was shipped in earlier weeks, so a
    growing shop looks better than it is, and one that closes gets above 1. Arguments as of `cohorts`.
    """
    groups = [name for name in RECEIVED if name in by]
    came = _known(returned, basis, reasons).with_columns(week=pl.col("received_on").dt.truncate("1w"))
    received = came.group_by("week", *groups).agg(units_received=pl.col("units").sum())
    sent = (
        shipped.lazy().group_by(*[name for name in groups if name != "reason"], week="ship_week").agg(units_shipped=pl.col("units").sum())
    )
    sent = sent.filter(pl.col("week") <= basis.as_of)
    if "reason" in groups:
        sent = sent.join(rates_of(basis, reasons, True).lazy().select("reason").unique(), how="cross")
    rows = sent.join(received, on=["week", *groups], how="full", coalesce=True).with_columns(
        pl.col("units_received", "units_shipped").fill_null(0)
    )
    ratio = pl.when(pl.col("units_shipped") > 0).then(pl.col("units_received") / pl.col("units_shipped"))
    whole = rows.with_columns(ratio=ratio).collect()
    return whole.select(pl.col(name).cast(RECEIVED[name]) for name in ("week", *groups, *RECEIVED.names()[5:])).sort("week", *groups)


def _known(returned: pl.DataFrame, basis: Usual, reasons: Collection[str] | None) -> pl.LazyFrame:
    known = returned.lazy().filter(pl.col("received_on") <= basis.as_of)
    return known if reasons is None else known.filter(pl.col("reason").is_in(list(reasons)))


def _returned(returned: pl.DataFrame, basis: Usual, keys: list[str], reasons: Collection[str] | None) -> pl.DataFrame:
    return _known(returned, basis, reasons).group_by(keys).agg(units_returned=pl.col("units").sum()).collect()


def _expected(shipped: pl.DataFrame, basis: Usual, keys: list[str], reasons: Collection[str] | None) -> pl.DataFrame:
    """By key: units_shipped, `usual` units in the end, `usual_back` of them by now and its standard error, is_settled."""
    own = list(dict.fromkeys(["ship_week", *CELL, *(name for name in keys if name != "reason")]))
    sent = shipped.lazy().group_by(own).agg(pl.col("units").sum()).filter(pl.col("ship_week") <= basis.as_of)
    cells = sent.with_columns(days=age(basis.as_of)).join(basis.curves.lazy(), on=[*CELL, "days"], how="left").collect()
    if cells["share"].null_count():
        raise ValueError("`basis` is of other channels and categories than the selection")
    by_reason = "reason" in keys
    usual = pl.col("units") * pl.col("rate").fill_null(_NEVER)
    return (
        cells.join(rates_of(basis, reasons, by_reason), on=CELL, how="inner" if by_reason else "left")
        .group_by(keys)
        .agg(
            units_shipped=pl.col("units").sum(),
            usual=usual.sum(),
            usual_back=(usual * pl.col("share")).sum(),
            back_sd=((usual * pl.col("share_sd")) ** 2).sum().sqrt(),
            is_settled=pl.col("is_settled").all(),
        )
    )


def _with_prior(rows: pl.DataFrame, basis: Usual, groups: list[str]) -> pl.DataFrame:
    """`mean` in the end and `back` by now as expected before a cohort's own returns are seen, `certainty` of it: the a of the formula."""
    phi, prior = basis.clump, PRIOR_VARIATION**2
    weight = 0.5 ** ((pl.lit(basis.as_of) - pl.col("ship_week")).dt.total_days() / HALF_LIFE_DAYS)
    returns = PRIOR_RETURNS + _of(weight * pl.col("units_returned") / phi, groups)
    rows = rows.with_columns(
        factor=returns / (PRIOR_RETURNS + _of(weight * pl.col("usual_back") / phi, groups)),
        factor_variation=1 / returns,
        share_back=pl.col("usual_back") / pl.col("usual"),
    ).with_columns(
        is_mature=(pl.col("share_back") >= MATURE) & pl.col("is_settled"),
        mean=pl.col("usual") * pl.col("factor"),
        back=pl.col("usual_back") * pl.col("factor"),
    )
    spread = 2 * (phi + prior * pl.col("back")) ** 2
    excess = (pl.col("units_returned") - pl.col("back")) ** 2 - _chance(pl.col("back"), pl.col("units_shipped"), phi)
    mature = pl.col("is_mature")
    known = [_of(pl.when(mature).then(part / spread).otherwise(0.0), groups) for part in (excess, pl.col("back") ** 2)]
    variation = ((known[0] + 1 / prior) / (known[1] + 1 / prior**2)).clip(lower_bound=0.0)
    return rows.with_columns(certainty=1 / (variation + pl.col("factor_variation")))


def _of(part: pl.Expr, groups: list[str]) -> pl.Expr:
    return part.sum().over(groups) if groups else part.sum()


def _chance(units: pl.Expr, among: pl.Expr, phi: float) -> pl.Expr:
    """Variance of units that come back of others at random, in clumps."""
    return phi * units * (1 - units / among.clip(lower_bound=1)).clip(lower_bound=0.0)


def _projected(rows: pl.DataFrame, phi: float) -> pl.DataFrame:
    """With to_come, its deviation and the interval of the units in the end."""
    mean, back, certainty = pl.col("mean"), pl.col("back"), pl.col("certainty")
    posterior = certainty + pl.col("units_returned") / phi
    level = posterior / (certainty + back / phi)
    slope = level * (certainty + mean / phi) / (certainty + back / phi) * pl.col("factor") * pl.col("back_sd")
    most = (pl.col("units_shipped") - pl.col("units_returned")).clip(lower_bound=0)
    to_come = pl.min_horizontal((mean - back).clip(lower_bound=0.0) * level, most)
    rows = rows.with_columns(most=most, to_come=to_come, slope=slope)
    chance = _chance(pl.col("to_come"), pl.col("most"), phi)
    rows = rows.with_columns(to_come_sd=(chance + pl.col("to_come") ** 2 / posterior + pl.col("slope") ** 2).sqrt())
    most_units, expected = rows["most"].to_numpy(), rows["to_come"].to_numpy()
    is_open = np.flatnonzero(expected > 0)
    low, high = np.zeros(len(expected)), np.zeros(len(expected))
    size, odds = negative_binomial(expected[is_open], rows["to_come_sd"].to_numpy()[is_open])
    none = odds**size
    for ends, quantile in ((low, LOW), (high, HIGH)):
        some = none < quantile  # else it is 0; and of many SKUs, it mostly is
        ends[is_open[some]] = nbinom.ppf(quantile, size[some], odds[some])
        np.minimum(ends, most_units, out=ends)
    so_far = pl.col("units_returned")
    return rows.with_columns(
        expected_units=so_far + pl.col("to_come"), low_units=so_far + pl.Series(low), high_units=so_far + pl.Series(high)
    )


def negative_binomial(mean: Floats, deviation: Floats) -> tuple[Floats, Floats]:
    """Size and chance of the negative binomial distribution (as scipy has it) of a mean above 0 and a standard deviation."""
    variance = np.maximum(deviation**2, mean * (1 + 1e-9))
    return mean**2 / (variance - mean), mean / variance
