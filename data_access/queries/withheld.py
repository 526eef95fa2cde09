"""Buffer rules and reservations as the buffers page shows them: what each withholds now, and what a change would do."""

from dataclasses import replace
from typing import Final

import polars as pl

from data_access.domain.buffers import RESERVATIONS, RULES, kept
from data_access.queries.buffers import RESERVATION_ROWS
from data_access.queries.live_stock import Live

ENDING_DAYS: Final = 7
STATES: Final = ("active", "ending", "ended", "without effect")
_DAY: Final = 86_400_000_000
RULE_TABLE: Final = pl.Schema(
    {
        **RULES,
        "state": pl.String(),  # one of STATES
        "decides": pl.Int64(),  # SKUs on channels (location buffers: SKUs at the location) that it is the winning rule of
        "withheld": pl.Int64(),  # units that it withholds now: no more than there are
        "zeros": pl.Int64(),  # SKUs on channels that have units to sell, but for it
    }
)
RESERVATION_TABLE: Final = pl.Schema(
    {
        **RESERVATION_ROWS,
        "state": pl.String(),  # one of STATES
        "kept": pl.Int64(),  # units that it keeps now: what is left after open orders of its channels, at most what is there
        "withheld": pl.Int64(),  # units that it takes from another channel that sells the SKU: from the one that it takes most of
    }
)
BY_CHANNEL: Final = pl.Schema(
    {
        "channel_id": pl.String,
        "skus": pl.Int64,  # whose available to sell changes on the channel
        "before": pl.Int64,  # their units available to sell on the channel
        "after": pl.Int64,
        "to_zero": pl.Int64,  # SKUs that could be sold before and can no longer
        "from_zero": pl.Int64,
    }
)


def rule_table(live: Live, all_rules: pl.DataFrame, now: int) -> pl.DataFrame:
    """`RULE_TABLE` of `domain.buffers.RULES`, in their order. `now`: microseconds since 1970."""
    positive = pl.col("pool").clip(lower_bound=0)
    taken = pl.when(pl.col("is_listed")).then(pl.min_horizontal("channel_buffer", positive)).otherwise(0)
    on_channels = (
        live.availability.filter(pl.col("buffer_rule_id").is_not_null())
        .with_columns(taken=taken)
        .group_by(rule_id="buffer_rule_id")
        .agg(
            decides=pl.len().cast(pl.Int64),
            withheld=pl.col("taken").sum(),
            zeros=((pl.col("available_to_sell") == 0) & (pl.col("taken") > 0)).sum().cast(pl.Int64),
        )
    )
    at_locations = (
        all_rules.filter(pl.col("level") == "location")
        .select("rule_id", "sku", "location_id")
        .join(live.places.filter(~pl.col("is_kit")), on=["sku", "location_id"])
        .select(
            "rule_id",
            decides=pl.lit(1, pl.Int64),
            withheld=pl.col("location_buffer"),
            zeros=((pl.col("available") == 0) & (pl.col("location_buffer") > 0)).cast(pl.Int64),
        )
    )
    counts = pl.col("ends_at").is_null() | (pl.col("ends_at") > now)
    figures = ("decides", "withheld", "zeros")
    return (
        all_rules.join(pl.concat([on_channels, at_locations]), on="rule_id", how="left", maintain_order="left")
        .with_columns(pl.when(counts).then(pl.col(name)).otherwise(0).fill_null(0).alias(name) for name in figures)
        .with_columns(state=_state(now))
        .select(RULE_TABLE.names())
    )


def _state(now: int) -> pl.Expr:
    """One of `STATES`, by `ends_at` and `withheld`."""
    return (
        pl.when(pl.col("ends_at") <= now)
        .then(pl.lit("ended"))
        .when(pl.col("withheld") == 0)
        .then(pl.lit("without effect"))
        .when(pl.col("ends_at") <= now + ENDING_DAYS * _DAY)
        .then(pl.lit("ending"))
        .otherwise(pl.lit("active"))
    )


def reservation_table(live: Live, rows: pl.DataFrame, now: int) -> pl.DataFrame:
    """`RESERVATION_TABLE` of `queries.buffers.RESERVATION_ROWS`, in their order. `now`: microseconds since 1970.

    `withheld` is never a sum over channels, which share stock. Where reservations of a SKU together ask for more than a channel's pool
    has, those with lower ids are served first, so that the shares add up to what the channel has less.
    """
    counting = replace(live.withheld, reservations=rows.select(RESERVATIONS.names())).at(now)
    left, asked = kept(counting, live.places, live.catalogue.channel_locations)
    before = pl.col("pool") + pl.col("reserved_elsewhere")
    pools = live.availability.filter("is_listed").select("sku", "channel_id", free=before.clip(lower_bound=0))
    upto = pl.min_horizontal(pl.col("units").cum_sum().over("sku", "channel_id", order_by="reservation_id"), "free")
    taken = (
        asked.join(pools, on=["sku", "channel_id"])
        .with_columns(upto=upto)
        .with_columns(share=pl.col("upto") - pl.col("upto").shift(fill_value=0).over("sku", "channel_id", order_by="reservation_id"))
        .group_by("reservation_id")
        .agg(withheld=pl.col("share").max())
    )
    return (
        rows.join(left.select("reservation_id", "kept"), on="reservation_id", how="left", maintain_order="left")
        .join(taken, on="reservation_id", how="left", maintain_order="left")
        .with_columns(pl.col("kept", "withheld").fill_null(0))
        .with_columns(state=_state(now))
        .select(RESERVATION_TABLE.names())
    )


def by_channel(effect: pl.DataFrame) -> pl.DataFrame:
    """`BY_CHANNEL` of `domain.buffers.EFFECT`. Units are never summed over channels, which share stock."""
    return (
        effect.group_by("channel_id")
        .agg(
            skus=pl.len().cast(pl.Int64),
            before=pl.col("before").sum(),
            after=pl.col("after").sum(),
            to_zero=(pl.col("after") == 0).sum().cast(pl.Int64),
            from_zero=(pl.col("before") == 0).sum().cast(pl.Int64),
        )
        .sort("channel_id")
    )
