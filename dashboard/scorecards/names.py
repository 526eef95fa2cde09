"""What metrics are called, and their keys in links."""

from dashboard.shell import reads, records


def key_of(channel_id: str, metric_id: str) -> str:
    """What tells a metric of a channel."""
    return f"{channel_id}:{metric_id}"


def of_key(key: str) -> tuple[str, str]:
    """The channel and the metric of such a key. A channel's id may hold a colon, a metric's does not."""
    channel_id, _, metric_id = key.rpartition(":")
    return channel_id, metric_id


def labels() -> dict[str, str]:
    """What each metric of each channel is called, by its key: "Amazon · Late shipment rate, 10 days"."""
    names = records.names()["channel_id"]
    return {
        key_of(channel_id, metric.id): f"{names.get(channel_id, channel_id)} · {metric.name}, {metric.window.words}"
        for channel_id, metrics in reads.channel_metrics().items()
        for metric in metrics
    }
