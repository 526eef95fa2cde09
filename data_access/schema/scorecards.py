"""What people set and record for the scorecards: which metrics count, the company's own targets, the marketplaces' own figures."""

from sqlalchemy import Boolean, Column, ForeignKey, Index, Integer, String, Table, TypedColumns

from data_access.schema.base import Id, metadata


class _MetricSetting(TypedColumns):
    id = Column(Id, primary_key=True, autoincrement=False, comment="Row id, from `id_block`.")
    channel_id = Column(String, ForeignKey("channel.channel_id"), nullable=False, comment="The channel.")
    metric_id = Column(String, nullable=False, comment="The metric, as the registry names it.")
    is_on = Column(
        Boolean, nullable=False, comment="Whether the channel is judged by it; for an uncertain one, true once a person confirmed it."
    )
    target = Column(String, nullable=True, comment="The company's own target as a decimal share, such as 0.04; empty for the registry's.")
    version = Column(Integer, nullable=False, server_default="1", comment="Raised by each change.")


metric_setting = Table(
    "metric_setting",
    metadata,
    _MetricSetting,
    Index("uq_metric_setting_channel_id_metric_id", "channel_id", "metric_id", unique=True),
    comment="Where a channel's metric differs from the registry. Who changed what is in `audit_entry`.",
)


class _RecordedFigure(TypedColumns):
    id = Column(Id, primary_key=True, autoincrement=False, comment="Row id, from `id_block`.")
    channel_id = Column(String, ForeignKey("channel.channel_id"), nullable=False, comment="The channel.")
    metric_id = Column(String, nullable=False, comment="The metric, as the registry names it.")
    day = Column(String(10), nullable=False, comment="The day that the marketplace gave it for, YYYY-MM-DD, in the channel's time zone.")
    value = Column(String, nullable=False, comment="A decimal: a share such as 0.0312, or stars.")
    note = Column(String, nullable=False, comment="Where it was read, or what else is to be known.")
    version = Column(Integer, nullable=False, server_default="1", comment="Raised by each change.")


recorded_figure = Table(
    "recorded_figure",
    metadata,
    _RecordedFigure,
    Index("uq_recorded_figure_channel_id_metric_id_day", "channel_id", "metric_id", "day", unique=True),
    comment="A metric as the marketplace itself states it, typed in by a person.",
)

__all__ = ["metric_setting", "recorded_figure"]
