"""Which data a metric rests on, and whether a channel has ever sent any of them. Frames in, frames out.

No data is not zero: a channel that never sent a tracking scan is not at 0 % valid tracking, and one that never sent a return is not at 0 %
returned; both are simply not known. What counts is whether a channel sent such data at any time, not whether it did in the window: one that
sends returns, and sent none lately, is at 0 %.

That holds for bad events as well. A rate of cancellations or returns looks best when nobody sends them, so without a single one ever it
cannot be told from a feed that lacks them. Once the first has come in, the feed carries them, and 0 % is 0 %.
"""

from collections.abc import Mapping
from typing import Final

import polars as pl

from data_access.domain.scorecards.registry import Metric
from data_access.domain.scorecards.subjects import Facts

SENT: Final = pl.Schema({"channel_id": pl.String, "evidence": pl.String, "n": pl.Int64})
"""How many facts of each kind of evidence (`EVIDENCE`) a channel has sent, of all time; only those above 0. Rows of different orders add
up."""

EVIDENCE: Final[Mapping[str, str]] = {
    "order": "orders",
    "ship_by": "ship-by dates",
    "deliver_by": "deliver-by dates",
    "shipment": "shipments",
    "tracking": "tracking numbers",
    "scan": "carriers' scans of tracking numbers",
    "delivery": "delivery times",
    "cancellation": "cancellations that say who cancelled",
    "return": "returns",
}
"""What a channel may send, in words."""

RESTS_ON: Final[Mapping[tuple[str, str], tuple[str, ...]]] = {
    ("late_shipment", "order"): ("ship_by", "shipment"),
    ("late_acceptance", "order"): ("ship_by", "scan"),
    ("shipped_with_tracking", "order"): ("ship_by", "tracking"),
    ("tracking_on_time", "order"): ("ship_by", "tracking", "scan"),
    ("valid_tracking", "order"): ("scan",),
    ("valid_tracking", "package"): ("scan",),
    ("on_time_delivery", "order"): ("deliver_by", "delivery"),
    ("on_time_delivery", "unit"): ("deliver_by", "tracking", "delivery"),
    ("cancellation", "order"): ("cancellation",),
    ("return_rate", "order"): ("return",),
}
"""For each kind and unit of `observe.SPECS`, what it looks at: without any one of these its rate would be 0 %, 100 % or nothing at all."""


def sent(facts: Facts) -> pl.DataFrame:
    """`SENT` of the facts. A return of an unknown purchase is no evidence, for it can be in no rate."""
    tracked = pl.col("tracking_number").is_not_null()
    rows = (
        (facts.orders, {"order": pl.len()}),
        (facts.lines, {"ship_by": pl.col("ship_by_at").count(), "deliver_by": pl.col("deliver_by_at").count()}),
        (
            facts.shipments,
            {
                "shipment": pl.len(),
                "tracking": tracked.sum(),
                "scan": pl.col("first_scan_at").count(),
                "delivery": pl.col("delivered_at").count(),
            },
        ),
        # whether it was the seller is what the metric asks
        (facts.cancellations, {"cancellation": (pl.col("cancelled_by") != "unknown").sum()}),
        (facts.returns.filter(pl.col("order_id").is_not_null()), {"return": pl.len()}),
    )
    counted = pl.collect_all(
        [
            frame.group_by("channel_id")
            .agg(**{name: count.cast(pl.Int64) for name, count in counts.items()})
            .unpivot(index="channel_id", variable_name="evidence", value_name="n")
            for frame, counts in rows
        ]
    )
    return pl.concat([SENT.to_frame(), *counted]).filter(pl.col("n") > 0).sort("channel_id", "evidence")


def by_channel(all_sent: pl.DataFrame) -> dict[str, frozenset[str]]:
    """What each channel has ever sent; a channel that sent nothing is not in it."""
    names = all_sent.group_by("channel_id").agg("evidence")
    return {channel_id: frozenset(evidence) for channel_id, evidence in names.iter_rows()}


def missing(channel_sent: frozenset[str], metric: Metric) -> tuple[str, ...]:
    """The evidence that a metric rests on and the channel never sent; orders alone, while there are none. Empty if all is there, or if
    nothing is computed.
    """
    if metric.computes is None:
        return ()
    if "order" not in channel_sent:
        return ("order",)
    return tuple(name for name in RESTS_ON[metric.computes, metric.unit] if name not in channel_sent)


def brings(lacking: tuple[str, ...], metric: Metric) -> str:
    """One sentence for people: what brings a metric that has no data."""
    if metric.computes is None:
        return f"Record the marketplace's own figure: OnHand does not have all of what it rests on ({', '.join(metric.needs)})."
    words = [EVIDENCE[name] for name in lacking]
    listed = " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
    return f"Import a file or send events with {listed}: this channel has never sent any."
