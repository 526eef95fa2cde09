"""One metric of one channel, order by order: on which side of the fraction each stands, on what day, and where a miss came from."""

from datetime import datetime
from typing import Any, Final

import polars as pl

from data_access.domain.facts import MICROS
from data_access.domain.scorecards.causes import REMARKS, remarks, with_causes
from data_access.domain.scorecards.days import zones
from data_access.domain.scorecards.headroom import at_risk, headroom
from data_access.domain.scorecards.observe import OBSERVATIONS, observe, settle
from data_access.domain.scorecards.rates import Rate, inside
from data_access.domain.scorecards.registry import Metric
from data_access.domain.scorecards.subjects import Facts, subjects
from data_access.mirror.counting import Counted, facts

CAUSES: Final = ("location", "carrier", "sku", "weekday", "hour")
"""What misses are counted by. Weekday (1 is Monday) and hour are those of the order in the channel's time zone."""

_OUTCOMES: Final[Any] = OBSERVATIONS["outcome"]
SIDES: Final = pl.Schema(
    {
        "order_id": pl.Int64,
        "order_ref": pl.String,
        "shipment_ref": pl.String,  # the package, where packages or units are counted
        "day": pl.Date,  # the channel's own, that dates it
        "outcome": _OUTCOMES,
        "reason": pl.String,  # of an exclusion
        "miss_from": MICROS,  # of an open one: from then on it is a miss, if nothing happens
        "urgency": pl.String,  # of an open one: due today, due later, no deadline
        "tips": pl.Boolean,  # of an open one: whether the target is missed if it and all that are due before it are missed
        "weight": pl.Int64,
        "placed_at": MICROS,
        "ship_by_at": MICROS,
        "shipped_at": MICROS,
        "deliver_by_at": MICROS,
        "delivered_at": MICROS,
        "location": pl.String,
        "carrier": pl.String,
        "sku": pl.String,
        "weekday": pl.Int8,
        "hour": pl.Int8,
    }
)


def observations(counted: Counted, channel_id: str, metric: Metric) -> pl.DataFrame:
    """`observe.OBSERVATIONS` of a channel and the metric's kind, of all orders that are counted; what is open is not judged yet."""
    of_channel = subjects(facts(counted.mirror, counted.scope, channel_id=channel_id), counted.channels)
    return observe(of_channel, str(metric.computes), metric.unit).collect()


def sides(counted: Counted, judged: pl.DataFrame, metric: Metric, current: Rate, now: datetime) -> tuple[pl.DataFrame, pl.DataFrame]:
    """`SIDES` of the window of a rate, the newest first, and `causes.REMARKS` of its orders: what is odd about them but counts.

    `judged` as `observations`, which are settled at a moment.
    """
    zone_of = zones(counted.channels)
    window = inside(settle(judged.lazy(), now).collect(), metric, current, zone_of)
    if window.is_empty():
        return SIDES.to_frame(), REMARKS.to_frame()
    mirror, since = counted.mirror, window["placed_at"].min()
    ours = pl.col("order_id").is_in(window["order_id"].unique().implode())

    def scan(fact: str) -> pl.LazyFrame:
        return mirror.scan(fact, since if isinstance(since, datetime) else None).filter(ours).collect().lazy()

    theirs = Facts(scan("order"), scan("line"), scan("shipment"), scan("cancellation"), scan("return"))
    explained = with_causes(window, theirs, zone_of).with_columns(window["day"])
    room, key = headroom(current.misses, current.denominator, metric), ["order_id", "shipment_ref", "shipment_id"]
    risks = at_risk(explained, room, now, zone_of.get(window["channel_id"][0])).select(*key, "urgency", "tips")
    refs = theirs.orders.select("order_id", "order_ref").collect()
    rows = (
        explained.join(refs, on="order_id", how="left")
        .join(risks, on=key, how="left", nulls_equal=True)
        .with_columns(pl.col("reason", "urgency").cast(pl.String), location="location_id")
        .sort("day", "order_id", descending=True)
        .select(SIDES.names())
    )
    return rows, remarks(theirs)


def by_cause(sides_shown: pl.DataFrame, cause: str) -> pl.DataFrame:
    """By a cause: counted, missed and the share of misses, those with the most misses first; of `SIDES`."""
    judged = sides_shown.filter(pl.col("outcome").is_in(["ok", "miss"]))
    missed = pl.col("weight").filter(pl.col("outcome") == "miss").sum()
    return (
        judged.group_by(cause)
        .agg(counted=pl.col("weight").sum(), missed=missed)
        .with_columns(share=pl.col("missed") / pl.col("counted"))
        .sort(["missed", "share", cause], descending=[True, True, False], nulls_last=True)
    )
