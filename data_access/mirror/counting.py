"""What the scorecards count, from the mirror: all orders once, then only those that changed."""

from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final

import polars as pl

from data_access.domain.scorecards.as_of import as_of
from data_access.domain.scorecards.card import DEPTH_DAYS
from data_access.domain.scorecards.days import zones
from data_access.domain.scorecards.evidence import SENT, sent
from data_access.domain.scorecards.rates import TALLY, cells_at, first_day, of_metric, tally, wanted
from data_access.domain.scorecards.registry import Metric
from data_access.domain.scorecards.subjects import Facts, subjects
from data_access.mirror.scan import Mirror, read_both

LATE_DAYS: Final = 28
"""An order may be placed so long before the day that dates it: the day it is to be shipped or delivered by."""

KEPT_DAYS: Final = 7
"""So long a count of all orders is gone on from, before they are counted again."""

_KEY: Final = TALLY.names()[:-1]
_SENT_KEY: Final = SENT.names()[:-1]
_CELL: Final = [name for name in _KEY if name != "miss_from"]
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
    "cancellation": ["cancellation_id", "line_id", "order_id", "placed_at", "quantity", "cancelled_at", "cancelled_by"],
    "return": [
        *("return_id", "line_id", "order_id", "placed_at", "quantity"),
        *("received_at", "inspected_at", "disposition", "is_disposition_assumed"),
    ],
}
_READ_AGAIN: Final = {fact: list(dict.fromkeys([*names, "channel_id"])) for fact, names in _LOOKED_AT.items()}

ChannelMetrics = Mapping[str, Sequence[Metric]]


@dataclass(frozen=True, slots=True)
class Scope:
    """Which orders count: for each channel those placed from a moment on, as far back as its longest window reaches."""

    since: Mapping[str, datetime]

    @property
    def earliest(self) -> datetime:
        """No order placed before it counts."""
        return min(self.since.values(), default=datetime.max.replace(tzinfo=UTC))

    @property
    def within(self) -> pl.Expr:
        """Whether a fact's order counts."""
        alike = {moment: [name for name, its in self.since.items() if its == moment] for moment in sorted(set(self.since.values()))}
        return pl.any_horizontal(
            pl.lit(False),
            *((pl.col("placed_at") >= moment) & pl.col("channel_id").is_in(names) for moment, names in alike.items()),
        )


@dataclass(frozen=True, slots=True)
class Counted:
    """The tally (`rates.TALLY`) of a state of the mirror, by orders that count at the moment `at`. `channels`: channel_id, time_zone;
    `sent`: `evidence.SENT` of all orders ever; `touched`: day cells that the last counting changed.
    """

    mirror: Mirror
    at: datetime
    channels: pl.DataFrame
    asked: pl.DataFrame
    scope: Scope
    tally: pl.DataFrame
    sent: pl.DataFrame
    touched: int


def count(mirror: Mirror, channels: pl.DataFrame, metrics: ChannelMetrics, now: datetime, *, known_then: bool = False) -> Counted:
    """Count the orders that the scorecards of a moment need. `known_then`: by what was known at that moment alone."""
    asked, zone_of = wanted(metrics), zones(channels)

    def counted(chosen: Scope) -> pl.DataFrame:
        known_facts = facts(mirror, chosen)
        return tally(subjects(as_of(known_facts, now) if known_then else known_facts, channels, asked), asked, zone_of)

    scope = _scope(metrics, now)
    cells = counted(scope)
    if few := _few(cells, metrics, now):
        scope = _scope(metrics, now, few)
        cells = counted(scope)
    return Counted(mirror, now, channels, asked, scope, cells, _sent_ever(mirror, now if known_then else None), cells.height)


def recount(before: Counted, mirror: Mirror, order_ids: Sequence[int], months: Collection[str]) -> Counted:
    """The count of a later state of the mirror, in which these orders differ: they alone are read, as they were and as they are.

    `months`: in which they have facts.
    """
    zone_of, scope = zones(before.channels), before.scope
    chosen = pl.col("order_id").is_in(pl.Series(order_ids, dtype=pl.Int64).implode())
    states = read_both((before.mirror, mirror), _READ_AGAIN, chosen, months)

    def counted(rows: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
        inside = _facts({fact: frame.filter(scope.within) for fact, frame in rows.items()})
        return tally(subjects(inside, before.channels, before.asked), before.asked, zone_of)

    with ThreadPoolExecutor(2) as both:
        old, new = both.map(counted, states)
    change = _difference(new, old)
    tallied = _summed([before.tally, change], _KEY)
    old_sent, new_sent = (sent(_facts(rows)) for rows in states)
    sent_ever = _summed([before.sent, new_sent, old_sent.with_columns(-pl.col("n"))], _SENT_KEY).sort(_SENT_KEY)
    return Counted(mirror, before.at, before.channels, before.asked, scope, tallied, sent_ever, change.select(_CELL).n_unique())


def miscounted(kept: Counted) -> pl.DataFrame:
    """What counting the same orders again changes: `rates.TALLY` with `n` more or less; empty if the count is right."""
    of_orders = subjects(facts(kept.mirror, kept.scope), kept.channels, kept.asked)
    return _difference(tally(of_orders, kept.asked, zones(kept.channels)), kept.tally)


def missent(kept: Counted) -> pl.DataFrame:
    """The same of what channels have ever sent: `evidence.SENT` with `n` more or less."""
    return _summed([_sent_ever(kept.mirror), kept.sent.with_columns(-pl.col("n"))], _SENT_KEY)


def _difference(new: pl.DataFrame, old: pl.DataFrame) -> pl.DataFrame:
    return _summed([new, old.with_columns(-pl.col("n"))], _KEY)


def _summed(counts: Sequence[pl.DataFrame], key: list[str]) -> pl.DataFrame:
    return pl.concat(counts).group_by(key).agg(pl.col("n").sum()).filter(pl.col("n") != 0)


def _sent_ever(mirror: Mirror, moment: datetime | None = None) -> pl.DataFrame:
    """`evidence.SENT` of the whole mirror, by what was known at a moment, if one is given."""
    everything = Facts(*(mirror.scan(fact) for fact in _LOOKED_AT))
    if moment is None:
        return sent(everything)
    # quantities of lines are no evidence: they need not be counted again
    return sent(replace(as_of(everything, moment), lines=everything.lines.filter(pl.col("placed_at") <= moment)))


def facts(mirror: Mirror, scope: Scope, channel_id: str | None = None) -> Facts:
    """The facts that scorecards look at; of this channel alone, if it is named."""

    def scan(fact: str) -> pl.LazyFrame:
        rows = mirror.scan(fact, scope.earliest).filter(scope.within)
        return (rows if channel_id is None else rows.filter(pl.col("channel_id") == channel_id)).select(_LOOKED_AT[fact])

    return _facts(dict(zip(_LOOKED_AT, pl.collect_all([scan(fact) for fact in _LOOKED_AT]), strict=True)))


def _facts(rows: Mapping[str, pl.DataFrame]) -> Facts:
    return Facts(
        orders=rows["order"].lazy(),
        lines=rows["line"].lazy(),
        shipments=rows["shipment"].lazy(),
        cancellations=rows["cancellation"].lazy(),
        returns=rows["return"].lazy(),
    )


def _scope(metrics: ChannelMetrics, now: datetime, few: Collection[str] = ()) -> Scope:
    """As far back as each channel's windows reach; those that reach further while they hold too few do so for channels in `few`."""
    since = {}
    for channel_id, theirs in metrics.items():
        days = [_days_back(metric, is_few=channel_id in few) for metric in theirs if metric.computes]
        if days:
            back = now.astimezone(UTC) - timedelta(days=max(days))
            since[channel_id] = back.replace(hour=0, minute=0, second=0, microsecond=0)
    return Scope(since)


def _days_back(metric: Metric, *, is_few: bool) -> int:
    window = metric.window
    months = (window.fallback_months if is_few else None) or window.months or 0
    late = 0 if metric.dated_by == "placed" else LATE_DAYS
    return (window.days or 31 * months) + metric.reporting_lag + DEPTH_DAYS + late + KEPT_DAYS


def _few(cells_by_status: pl.DataFrame, metrics: ChannelMetrics, now: datetime) -> tuple[str, ...]:
    """Channels with a metric whose window reaches further back, because its usual months hold too few."""
    few = set()
    for channel_id, theirs in metrics.items():
        for metric in theirs:
            enough = metric.window.enough
            if metric.computes is None or enough is None:
                continue
            last = now.date() - timedelta(days=metric.reporting_lag)
            first = first_day(metric.window, last, enough)
            cells = of_metric(cells_at(cells_by_status, now), channel_id, metric)
            if cells.filter(pl.col("day").is_between(first, last), pl.col("outcome") != "excluded")["n"].sum() < enough:
                few.add(channel_id)
    return tuple(sorted(few))
