"""All metrics of all channels at a glance: value, target, headroom, state, trend, and what the marketplace itself says. Frames out."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import polars as pl

from data_access.domain.scorecards.headroom import headroom, state
from data_access.domain.scorecards.rates import by_metric, key_of, rate, rolling, today
from data_access.domain.scorecards.registry import Metric

TREND_DAYS: Final = 30
"""So many days back a card shows its rate."""

DEPTH_DAYS: Final = 60
"""So many days back a metric in depth shows it."""

CARD_STATES: Final = ("breach", "watch", "safe", "no orders", "off", "no data")
"""The most urgent first. Off: not judged until a person confirms it, or switched off; no data: only the marketplace's own figure tells."""

_STATE: Final[Any] = pl.Enum(CARD_STATES)  # Any, because mypy finds no common type of it and the classes beside it in a schema
_BECAUSE: Final[Any] = pl.List(pl.Struct({"reason": pl.String, "n": pl.Int64}))
CARDS: Final = pl.Schema(
    {
        "channel_id": pl.String,
        "metric_id": pl.String,
        "name": pl.String,
        "window": pl.String,
        "state": _STATE,
        "value": pl.Float64,  # a share; null without a denominator, or where nothing is computed
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
    metrics: Mapping[str, Sequence[Metric]],
    zone_of: Mapping[str, str],
    figures: pl.DataFrame,
    now: datetime,
) -> pl.DataFrame:
    """`CARDS` of a moment, the most urgent first, in a state by the channels' order. `cells` as `rates.cells_at` of that moment.

    `figures`: channel_id, metric_id, day, value (a decimal as text), the newest first.
    """
    recorded = figures.unique(["channel_id", "metric_id"], keep="first", maintain_order=True)
    theirs = {(row["channel_id"], row["metric_id"]): row for row in recorded.iter_rows(named=True)}
    parts, none = by_metric(cells), cells.clear()
    rows = []
    for channel_id, its in metrics.items():
        zone = zone_of.get(channel_id)
        for metric in its:
            mine = parts.get(key_of(channel_id, metric), none)
            rows.append(_card(mine, channel_id, metric, zone, theirs.get((channel_id, metric.id)), now))
    return pl.DataFrame(rows, CARDS, orient="row").sort("state", maintain_order=True)


def _card(
    cells: pl.DataFrame, channel_id: str, metric: Metric, zone: str | None, recorded: Mapping[str, object] | None, now: datetime
) -> dict[str, object]:
    card: dict[str, object] = {
        "channel_id": channel_id,
        "metric_id": metric.id,
        "name": metric.name,
        "window": metric.window.words,
        "target": metric.target_words,
    }
    if recorded is not None:
        card |= {"theirs": float(str(recorded["value"])), "theirs_on": recorded["day"]}
    if metric.computes is None:
        return {**card, "state": "no data" if metric.on else "off"}
    day = today(now, zone)
    current = rate(cells, metric, day)
    room = headroom(current.misses, current.denominator, metric)
    trend = rolling(cells, metric, day - timedelta(days=TREND_DAYS - 1), day)["rate"].drop_nulls().to_list()
    if recorded is not None and current.rate is not None:
        card["difference"] = current.rate - float(str(recorded["value"]))
    return {
        **card,
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
