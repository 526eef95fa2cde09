"""What people set and recorded for the scorecards, and the channels' metrics that follow from it."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

import polars as pl
import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from data_access.domain.scorecards.days import CHANNELS
from data_access.domain.scorecards.registry import Metric, for_channel, registry, with_target
from data_access.schema.channels import channel
from data_access.schema.scorecards import metric_setting, recorded_figure
from data_access.store.frames import read

SETTINGS: Final = pl.Schema(
    {
        "setting_id": pl.Int64,
        "channel_id": pl.String,
        "metric_id": pl.String,
        "is_on": pl.Boolean,
        "target": pl.String,
        "version": pl.Int64,
    }
)
FIGURES: Final = pl.Schema(
    {
        "figure_id": pl.Int64,
        "channel_id": pl.String,
        "metric_id": pl.String,
        "day": pl.Date,
        "value": pl.String,
        "note": pl.String,
        "version": pl.Int64,
    }
)
"""`value`: a decimal, a share or stars; `day`: the day that the marketplace gave it for."""

_CHANNELS: Final = pl.Schema({"channel_id": pl.String, "marketplace": pl.String, "country": pl.String})


def zones(bind: Connection | Engine) -> pl.DataFrame:
    """channel_id, time_zone: the channels by position."""
    return read(bind, sa.select(channel.c.channel_id, channel.c.time_zone).order_by(channel.c.position), CHANNELS)


def settings(bind: Connection | Engine) -> pl.DataFrame:
    """`SETTINGS` of all channels."""
    c = metric_setting.c
    query = sa.select(c.id, c.channel_id, c.metric_id, c.is_on, c.target, c.version)
    return read(bind, query.order_by(c.channel_id, c.metric_id), SETTINGS)


def figures(bind: Connection | Engine) -> pl.DataFrame:
    """`FIGURES` of all channels, the newest first."""
    c = recorded_figure.c
    query = sa.select(c.id, c.channel_id, c.metric_id, c.day, c.value, c.note, c.version)
    return read(bind, query.order_by(c.day.desc(), c.channel_id, c.metric_id), FIGURES)


def metrics(bind: Connection | Engine) -> dict[str, tuple[Metric, ...]]:
    """Each channel's metrics, by position: the registry's, with what people set."""
    c = channel.c
    channels = read(bind, sa.select(c.channel_id, c.marketplace, c.country).order_by(c.position), _CHANNELS)
    chosen = {(row["channel_id"], row["metric_id"]): row for row in settings(bind).iter_rows(named=True)}
    return {
        channel_id: tuple(_as_set(metric, chosen.get((channel_id, metric.id))) for metric in for_channel(registry(), marketplace, country))
        for channel_id, marketplace, country in channels.iter_rows()
    }


def _as_set(metric: Metric, setting: Mapping[str, object] | None) -> Metric:
    if setting is None:
        return metric
    targeted = metric if setting["target"] is None else with_target(metric, str(setting["target"]))
    is_on = bool(setting["is_on"])
    return replace(targeted, on=is_on, off_because="" if is_on else metric.off_because or "It was switched off.")
