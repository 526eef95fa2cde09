"""All metrics of all channels at a glance: value, target, headroom, state, trend, and what the marketplace itself says. Frames out."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any, Final

import polars as pl

from data_access.domain.scorecards.evidence import brings, by_channel, missing
from data_access.domain.scorecards.headroom import headroom, state
from data_access.domain.scorecards.rates import by_metric, key_of, rate, rolling, today
from data_access.domain.scorecards.registry import Metric

TREND_DAYS: Final = 30
"""So many days back a card shows its rate."""

DEPTH_DAYS: Final = 60
"""So many days back a metric in depth shows it."""

CARD_STATES: Final = ("breach", "watch", "safe", "no orders", "off", "no data")
"""The most urgent first. Off: not judged until a person confirms it, or switched off; no data: the channel never sent what the metric rests
on, or only the marketplace's own figure tells."""

_STATE: Final[Any] = pl.Enum(CARD_STATES)  # Any, because mypy finds no common type of it and the classes beside it in a schema
_BECAUSE: Final[Any] = pl.List(pl.Struct({"reason": pl.String, "n": pl.Int64}))
CARDS: Final = pl.Schema(
    {
        "channel_id": pl.String,
        "metric_id": pl.String,
        "name": pl.String,
        "window": pl.String,
        "state": _STATE,
        "brings": pl.String,  # a sentence: what brings a metric that has no data; null where there are some
        "value": pl.Float64,  # a share; null without a denominator or without data, or where nothing is computed
        "low": pl.Float64,
        "high": pl.Float64,
        "numerator": pl.Int64,
        "denominator": pl.Int64,
        "misses": pl.Int64,
        "open": pl.Int64,  # not judged yet
        "excluded": pl.Int64,
        "because": _BECAUSE,  # how many were excluded for what reason
        "is_small": pl.Boolean,
        "target": pl.String,
        "further": pl.Int64,
        "excess": pl.Int64,
        "first": pl.Date,
        "last": pl.Date,
        "trend": pl.List(pl.Float64),
        "theirs": pl.Float64,  # the marketplace's own figure, as recorded last
        "theirs_on": pl.Date,
        "difference": pl.Float64,  # ours less theirs
    }
)


def cards(
    cells: pl.DataFrame,
    sent: pl.DataFrame,
    metrics: Mapping[str, Sequence[Metric]],
    zone_of: Mapping[str, str],
    figures: pl.DataFrame,
    now: datetime,
) -> pl.DataFrame:
    """`CARDS` of a moment, the most urgent first, in a state by the channels' order. `cells` as `rates.cells_at` of that moment.

    `sent`: `evidence.SENT` of all time up to then: a metric whose data a channel never sent has no figure, whatever its cells say.
    `figures`: channel_id, metric_id, day, value (a decimal as text), the newest first.
    """
    recorded = figures.unique(["channel_id", "metric_id"], keep="first", maintain_order=True)
    theirs = {(row["channel_id"], row["metric_id"]): row for row in recorded.iter_rows(named=True)}
    parts, none, sent_by = by_metric(cells), cells.clear(), by_channel(sent)
    rows = []
    for channel_id, its in metrics.items():
        zone = zone_of.get(channel_id)
        for metric in its:
            card = _about(channel_id, metric, theirs.get((channel_id, metric.id)))
            lacking = missing(sent_by.get(channel_id, frozenset()), metric)
            if lacking or metric.computes is None:
                rows.append({**card, "state": "no data" if metric.on else "off", "brings": brings(lacking, metric)})
            else:
                rows.append(_computed(card, parts.get(key_of(channel_id, metric), none), metric, today(now, zone)))
    return pl.DataFrame(rows, CARDS, orient="row").sort("state", maintain_order=True)


def _about(channel_id: str, metric: Metric, recorded: Mapping[str, object] | None) -> dict[str, object]:
    """What a card says whether or not there are data."""
    card: dict[str, object] = {
        "channel_id": channel_id,
        "metric_id": metric.id,
        "name": metric.name,
        "window": metric.window.words,
        "target": metric.target_words,
    }
    if recorded is not None:
        card |= {"theirs": float(str(recorded["value"])), "theirs_on": recorded["day"]}
    return card


def _computed(card: dict[str, object], cells: pl.DataFrame, metric: Metric, day: date) -> dict[str, object]:
    """The card with the figures of a day, from the metric's cells."""
    current = rate(cells, metric, day)
    room = headroom(current.misses, current.denominator, metric)
    trend = rolling(cells, metric, day - timedelta(days=TREND_DAYS - 1), day)["rate"].drop_nulls().to_list()
    recorded = card.get("theirs")
    return {
        **card,
        "difference": current.rate - recorded if current.rate is not None and isinstance(recorded, float) else None,
        "state": state(current, metric) if metric.on else "off",
        "value": current.rate,
        "low": current.low,
        "high": current.high,
        "numerator": current.numerator,
        "denominator": current.denominator,
        "misses": current.misses,
        "open": current.open,
        "excluded": sum(current.excluded.values()),
        "because": [{"reason": reason, "n": n} for reason, n in current.excluded.items()],
        "is_small": current.is_small,
        "further": room.further,
        "excess": room.excess,
        "first": current.first,
        "last": current.last,
        "trend": trend,
    }
