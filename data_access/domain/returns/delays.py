"""How long units take to come back: the share that is back within some days of the Monday of their ship week. Frames in, frames out.

Returns are known only up to today, so the young cohorts show their quick returns alone: right truncation. The curve is the product-limit
estimator of the reverse hazard (Lynden-Bell 1971; Lagakos, Barraj and De Gruttola 1988; of returns of a whole week it is the chain ladder
of reserving, Mack 1993; Lawless 1994 for reports that are late). Of the cohorts that are at least `d` days old

    n(d) = units that came back after exactly d days,   N(d) = units that came back within d days,
    g(d) = n(d) / N(d),                                  share(d) = product over k > d of (1 - g(k)),

so that every cohort counts for the delays that it is old enough to show, and no younger one lowers the end of the curve. After the longest
delay that was seen the share is 1: of what comes back later than the oldest cohort is old, nothing is known.

Curves are by channel and category, thin ones pooled: the hazard of a channel is drawn towards that of all, that of a channel and category
towards its channel's, as if `PRIOR_UNITS` units had been seen at it (the mean of a beta prior, Hjort 1990):

    g'(d) = (n(d) + PRIOR_UNITS * g_parent(d)) / (N(d) + PRIOR_UNITS).
"""

from datetime import date
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

Floats = NDArray[np.float64]

CURVES: Final = pl.Schema(
    {
        "channel_id": pl.String,
        "category": pl.String,
        "days": pl.Int64,  # since the Monday of the ship week, 0 to LONGEST
        "share": pl.Float64,  # of the units that ever come back, those that are back by the end of that day
        "share_sd": pl.Float64,  # its standard error
        "is_settled": pl.Boolean,  # cohorts are old enough to show that nothing more comes
    }
)
CELL: Final = ["channel_id", "category"]
LONGEST: Final = 182
"""Days: what comes back later counts as of this day."""

MATURE: Final = 0.99
"""A cohort is mature when at least this share of its returns is back."""

SEEN_BEYOND: Final = 14
"""Days for which the oldest cohort must have been watched after `MATURE` is reached, before the curve is believed to have an end."""

PRIOR_UNITS: Final = 50.0


def age(as_of: date) -> pl.Expr:
    """Days since the Monday of `ship_week`, at most `LONGEST`."""
    return (pl.lit(as_of) - pl.col("ship_week")).dt.total_days().clip(0, LONGEST)


def clump(returned: pl.DataFrame, as_of: date) -> float:
    """How many units come back together: the sum of squares of the rows' units by their sum, at least 1.

    A count of units varies by so much more than a count of lines.
    """
    units = returned.filter(pl.col("received_on") <= as_of)["units"].to_numpy().astype(np.float64)
    return float((units**2).sum() / units.sum()) if len(units) else 1.0


def delay_curves(shipped: pl.DataFrame, returned: pl.DataFrame, as_of: date) -> pl.DataFrame:
    """`CURVES` of every channel and category that was shipped, as known at the end of a day; by channel, category, days.

    Channels and categories are of the type that they have in `shipped`.

    Args:
        shipped: `SHIPPED` and category.
        returned: `RETURNED` and category.
        as_of: only what was received until then is known.

    """
    weeks = shipped.filter(pl.col("ship_week") <= as_of)
    cells = weeks.select(CELL).unique().sort(CELL)
    if cells.is_empty():
        return CURVES.to_frame().with_columns(pl.col(name).cast(kind) for name, kind in cells.schema.items())
    known = (
        returned.lazy()
        .filter(pl.col("received_on") <= as_of)
        .with_columns(age=age(as_of), delay=(pl.col("received_on") - pl.col("ship_week")).dt.total_days().clip(0, LONGEST))
        .group_by(*CELL, "age", "delay")
        .agg(pl.col("units").sum())
        .collect()
        .join(cells.with_row_index("cell"), on=CELL)
    )
    cell = known["cell"].to_numpy().astype(np.int64)
    units = known["units"].to_numpy().astype(np.float64)
    back = _counted(cell, known["delay"].to_numpy(), units, cells.height)
    within = back.cumsum(axis=1) - _before(_counted(cell, known["age"].to_numpy(), units, cells.height).cumsum(axis=1))
    channel = np.unique(cells["channel_id"].cast(pl.String).to_numpy(), return_inverse=True)[1]
    hazard, seen = _pooled(back, within, channel)
    share = _product(1 - hazard)
    deviation = share * np.sqrt(clump(returned, as_of) * _variance(hazard, seen))
    oldest = int(weeks.select((pl.lit(as_of) - pl.col("ship_week").min()).dt.total_days()).item())
    reached = (share < MATURE).sum(axis=1)
    is_settled = (reached + SEEN_BEYOND <= oldest) & bool(units.sum())
    days = LONGEST + 1
    rows = np.repeat(np.arange(cells.height), days)
    return cells[rows].with_columns(
        days=pl.Series(np.tile(np.arange(days), cells.height)),
        share=pl.Series(share.ravel()),
        share_sd=pl.Series(deviation.ravel()),
        is_settled=pl.Series(is_settled[rows]),
    )


def _counted(cell: NDArray[np.int64], day: NDArray[np.int64], units: Floats, cells: int) -> Floats:
    """Units by cell and day."""
    days = LONGEST + 1
    return np.bincount(cell * days + day, weights=units, minlength=cells * days).reshape(cells, days).astype(np.float64)


def _before(total: Floats) -> Floats:
    """Running totals of the day before."""
    return np.pad(total, ((0, 0), (1, 0)))[:, :-1]


def _pooled(back: Floats, within: Floats, channel: NDArray[np.int64]) -> tuple[Floats, Floats]:
    """Reverse hazard by cell and day, and the units that it rests on, the prior's included."""
    whole = back.sum(axis=0, keepdims=True), within.sum(axis=0, keepdims=True)
    parent = np.divide(*whole, out=np.zeros_like(whole[0]), where=whole[1] > 0)
    by_channel = [np.stack([part[channel == one].sum(axis=0) for one in range(channel.max() + 1)]) for part in (back, within)]
    parent = (by_channel[0] + PRIOR_UNITS * parent) / (by_channel[1] + PRIOR_UNITS)
    return (back + PRIOR_UNITS * parent[channel]) / (within + PRIOR_UNITS), within + PRIOR_UNITS


def _product(stays: Floats) -> Floats:
    """Product over all later days; 1 at the last."""
    later = np.cumprod(stays[:, :0:-1], axis=1)[:, ::-1]
    return np.pad(later, ((0, 0), (0, 1)), constant_values=1.0)


def _variance(hazard: Floats, seen: Floats) -> Floats:
    """Of the logarithm of the share: Greenwood's sum of g / (N (1 - g)) over all later days."""
    term = np.divide(hazard, seen * (1 - hazard), out=np.zeros_like(hazard), where=hazard < 1)
    later = np.cumsum(term[:, :0:-1], axis=1)[:, ::-1]
    return np.pad(later, ((0, 0), (0, 1)))
