"""What the scorecards count, from the mirror: all orders once, then only those that changed."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

import polars as pl

from data_access.domain.scorecards.as_of import as_of
from data_access.domain.scorecards.days import zones
from data_access.domain.scorecards.observe import Facts, subjects
from data_access.domain.scorecards.rates import CELLS, Tally, first_day, of_metric, tally, wanted
from data_access.domain.scorecards.registry import Metric
from data_access.mirror.scan import Mirror

DAYS_BACK: Final = 157
"""Days of orders that are counted: three months, the longest usual window, as seen on each of the last 30 days; what is told late; and
`KEPT_DAYS`.
"""

KEPT_DAYS: Final = 7
"""So long a count of all orders is gone on from, before they are counted anew."""

LONG_DAYS_BACK: Final = 437
"""The same for channels with so few orders that a window reaches a year back."""

_KEY: Final = CELLS.names()[:-1]
_LOOKED_AT: Final = {
    "order": ["order_id", "channel_id", "placed_at", "fulfilled_by"],
    "line": [
        *("line_id", "order_id", "channel_id", "placed_at", "ship_by_at", "deliver_by_at"),
        *("quantity", "shipped_quantity", "cancelled_quantity", "returned_quantity"),
    ],
    "shipment": [
        *("shipment_id", "line_id", "order_id", "placed_at", "shipment_ref", "quantity", "shipped_at"),
        *("tracking_number", "tracking_uploaded_at", "first_scan_at", "last_scan_at", "delivered_at"),
    ],
    "cancellation": ["line_id", "order_id", "placed_at", "quantity", "cancelled_at", "cancelled_by"],
    "return": ["line_id", "order_id", "placed_at", "quantity", "received_at", "inspected_at", "disposition", "is_disposition_assumed"],
}

ChannelMetrics = Mapping[str, Sequence[Metric]]


@dataclass(frozen=True, slots=True)
class Scope:
    """Which orders count: those placed since `since`, of channels in `long` since `long_since`."""

    since: datetime
    long_since: datetime
    long: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Counted:
    """The tally of a state of the mirror, by orders that count at the moment `at`. `channels`: channel_id, time_zone; `touched`: day cells
    that the last counting changed.
    """

    mirror: Mirror
    at: datetime
    channels: pl.DataFrame
    asked: pl.DataFrame
    scope: Scope
    tally: Tally
    touched: int


def count(mirror: Mirror, channels: pl.DataFrame, metrics: ChannelMetrics, now: datetime, *, known_then: bool = False) -> Counted:
    """Count the orders that the scorecards of a moment need. `known_then`: by what was known at that moment alone."""
    asked, zone_of = wanted(metrics), zones(channels)
    scope = Scope(_back(now, DAYS_BACK), _back(now, LONG_DAYS_BACK))

    def counted(chosen: Scope) -> Tally:
        found = facts(mirror, chosen)
        return tally(subjects(as_of(found, now) if known_then else found, channels), asked, zone_of)

    found = counted(scope)
    if few := _few(found, metrics, now):
        scope = Scope(scope.since, scope.long_since, few)
        found = counted(scope)
    return Counted(mirror, now, channels, asked, scope, found, found.cells.height)


def recount(before: Counted, mirror: Mirror, order_ids: Sequence[int], months: Collection[str]) -> Counted:
    """The count of a later state of the mirror, in which these orders differ: they alone are read, as they were and as they are.

    `months`: in which they have facts.
    """
    ids = pl.Series(order_ids, dtype=pl.Int64)
    zone_of = zones(before.channels)
    old, new = (
        tally(subjects(facts(state, before.scope, ids, months), before.channels), before.asked, zone_of)
        for state in (before.mirror, mirror)
    )
    change = pl.concat([new.cells, old.cells.with_columns(-pl.col("n"))]).group_by(_KEY).agg(pl.col("n").sum()).filter(pl.col("n") != 0)
    cells = pl.concat([before.tally.cells, change]).group_by(_KEY).agg(pl.col("n").sum()).filter(pl.col("n") != 0)
    waiting = pl.concat([before.tally.open.filter(~pl.col("order_id").is_in(ids.implode())), new.open])
    return Counted(mirror, before.at, before.channels, before.asked, before.scope, Tally(cells, waiting), change.height)


def facts(
    mirror: Mirror,
    scope: Scope,
    order_ids: pl.Series | None = None,
    months: Collection[str] | None = None,
    channel_id: str | None = None,
) -> Facts:
    """The facts that scorecards look at; of these orders (in these months), or this channel, alone, if they are named."""

    def scan(fact: str) -> pl.LazyFrame:
        rows = mirror.scan(fact, scope.since, only=months)
        if scope.long:
            rows = pl.concat(
                [rows, mirror.scan(fact, scope.long_since, scope.since, months).filter(pl.col("channel_id").is_in(scope.long))]
            )
        if channel_id is not None:
            rows = rows.filter(pl.col("channel_id") == channel_id)
        return (rows if order_ids is None else rows.filter(pl.col("order_id").is_in(order_ids.implode()))).select(_LOOKED_AT[fact])

    found = dict(zip(_LOOKED_AT, pl.collect_all([scan(fact) for fact in _LOOKED_AT]), strict=True))
    return Facts(
        orders=found["order"].lazy(),
        lines=found["line"].lazy(),
        shipments=found["shipment"].lazy(),
        cancellations=found["cancellation"].lazy(),
        returns=found["return"].lazy(),
    )


def _back(now: datetime, days: int) -> datetime:
    return (now.astimezone(UTC) - timedelta(days=days)).replace(hour=0, minute=0, second=0, microsecond=0)


def _few(found: Tally, metrics: ChannelMetrics, now: datetime) -> tuple[str, ...]:
    """Channels with a metric whose window reaches further back, because its usual months hold too few."""
    few = set()
    for channel_id, theirs in metrics.items():
        for metric in theirs:
            enough = metric.window.enough
            if metric.computes is None or enough is None:
                continue
            last = now.date() - timedelta(days=metric.reporting_lag)
            first = first_day(metric.window, last, enough)
            cells = of_metric(found.cells, channel_id, metric)
            if cells.filter(pl.col("day").is_between(first, last), pl.col("outcome") != "excluded")["n"].sum() < enough:
                few.add(channel_id)
    return tuple(sorted(few))
