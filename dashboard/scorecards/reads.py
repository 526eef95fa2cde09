"""What the scorecards page reads."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

import polars as pl
import streamlit as st

from dashboard.shell import reads as shared
from data_access.domain.facts import LINES, SHIPMENTS
from data_access.domain.scorecards.card import DEPTH_DAYS
from data_access.domain.scorecards.days import zones
from data_access.domain.scorecards.evidence import by_channel, missing
from data_access.domain.scorecards.headroom import roll_off
from data_access.domain.scorecards.outlook import Outlook, outlook
from data_access.domain.scorecards.outlook import history as outlook_history
from data_access.domain.scorecards.rates import Rate, cells_at, daily, of_metric, rate, rolling, today
from data_access.domain.scorecards.registry import Metric
from data_access.mirror.counting import Counted
from data_access.mirror.depth import observations, sides
from data_access.queries import scorecards as queries

TTL_SECONDS = shared.TTL_SECONDS


HORIZONS: Final = (7, 14)  # days ahead


@dataclass(frozen=True, slots=True)
class Depth:
    """One metric of one channel. `rate`: of now; `days`: `rates.DAILY` and `trend`: `rates.ROLLING` of the last `DEPTH_DAYS` days;

    `sides`: `depth.SIDES` of its window; `remarks`: `causes.REMARKS` of the orders in it; `roll_off`: `headroom.ROLL_OFF`; `outlooks`: in
    7 and 14 days, where they can be told.
    """

    metric: Metric
    rate: Rate
    days: pl.DataFrame
    trend: pl.DataFrame
    sides: pl.DataFrame
    remarks: pl.DataFrame
    roll_off: pl.DataFrame
    outlooks: tuple[Outlook, ...]


def metric_settings() -> pl.DataFrame:
    """`scorecards.SETTINGS`."""
    return shared.ask_now(queries.settings, queries.SETTINGS)


def depth(channel_id: str, metric_id: str) -> Depth | None:
    """One metric in depth; None if it is not computed, the channel never sent what it rests on, or history is not there yet."""
    counted = shared.ready_history().counted
    if counted is None:
        return None
    return _depth(counted, channel_id, metric_id, shared.key_of_counted(counted))


@st.cache_resource(max_entries=8, ttl=TTL_SECONDS, show_spinner="Reading the orders")
def _depth(_counted: Counted, channel_id: str, metric_id: str, key: tuple[int, ...]) -> Depth | None:  # noqa: ARG001
    metric = next((one for one in shared.channel_metrics().get(channel_id, ()) if one.id == metric_id), None)
    if metric is None or metric.computes is None or missing(by_channel(_counted.sent).get(channel_id, frozenset()), metric):
        return None
    now, zone_of = datetime.now(UTC), zones(_counted.channels)
    day = today(now, zone_of.get(channel_id))
    cells = of_metric(cells_at(_counted.tally, now), channel_id, metric)
    current = rate(cells, metric, day)
    first = day - timedelta(days=DEPTH_DAYS - 1)
    days = daily(cells, min(first, current.first), day)
    judged = observations(_counted, channel_id, metric)
    past = outlook_history(judged.lazy(), metric.dated_by, zone_of, now)
    outlooks = (outlook(past, metric, current, day, horizon) for horizon in HORIZONS)
    return Depth(
        metric,
        current,
        days,
        rolling(cells, metric, first, day),
        *sides(_counted, judged, metric, current, now),
        roll_off(days, current, metric),
        tuple(one for one in outlooks if one is not None),
    )


def order(order_id: int, placed_at: datetime) -> tuple[pl.DataFrame, pl.DataFrame]:
    """`facts.LINES` and `facts.SHIPMENTS` of an order that was placed then, from the mirror."""
    mirror = shared.ready_history().mirror
    if mirror is None:
        return LINES.to_frame(), SHIPMENTS.to_frame()
    mine = pl.col("order_id") == order_id
    return mirror.scan("line", placed_at).filter(mine).collect(), mirror.scan("shipment", placed_at).filter(mine).collect()
