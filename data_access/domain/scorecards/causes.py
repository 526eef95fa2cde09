"""Where misses come from (location, carrier, SKU, weekday and hour of the order), and what is odd about orders. Frames in, frames out."""

from collections.abc import Mapping
from typing import Final

import polars as pl

from data_access.domain.scorecards.observe import OBSERVATIONS, SPECS
from data_access.domain.scorecards.subjects import NOT_YET, Facts, parts_of

CAUSES: Final = pl.Schema(
    {
        **OBSERVATIONS,
        "sku": pl.String(),  # of the first line that was missed; of the first line, if none was
        "location_id": pl.String(),  # where that line left from, or is to leave from
        "carrier": pl.String(),
        "weekday": pl.Int8(),  # of placing, where the channel is; 1 is Monday
        "hour": pl.Int8(),
    }
)
REMARKS: Final = pl.Schema({"channel_id": pl.String, "remark": pl.String, "orders": pl.Int64})
PARTLY_SHIPPED: Final = "partly shipped, the rest open"
SEVERAL_PACKAGES: Final = "several packages"
PARTLY_CANCELLED: Final = "partly cancelled by the buyer"
CANCELLED_LATE: Final = "cancelled after it shipped"


def with_causes(observations: pl.DataFrame, facts: Facts, zone_of: Mapping[str, str]) -> pl.DataFrame:
    """`CAUSES` of the observations of one kind and unit, in their order. `facts` hold at least their orders."""
    if observations.is_empty():
        return CAUSES.to_frame()
    kind, unit = observations["kind"][0], observations["unit"][0]
    key = {"order": ["order_id"], "package": ["order_id", "shipment_ref"], "unit": ["shipment_id"]}[unit]
    ours = pl.col("order_id").is_in(observations["order_id"].unique().implode())
    some = Facts(*(getattr(facts, name).filter(ours) for name in ("orders", "lines", "shipments", "cancellations", "returns")))
    lines = some.lines.select("line_id", "sku", named="location_id")
    sent = some.shipments.select("shipment_id", "location_id", "carrier")
    causes = (
        parts_of(some, [])
        .with_columns(missed=_missed(kind, unit, some))
        .join(lines, on="line_id", how="left")
        .join(sent, on="shipment_id", how="left")
        .sort(pl.col("missed").not_(), "line_id", "shipment_id")
        .unique(key, keep="first", maintain_order=True)
        .select(*key, "sku", "carrier", location_id=pl.coalesce("location_id", "named"))
    )
    joined = observations.lazy().join(causes, on=key, how="left", maintain_order="left").collect()
    return joined.with_columns(_local(joined, zone_of)).select(CAUSES.names())


def _missed(kind: str, unit: str, facts: Facts) -> pl.Expr:
    """Whether a part of an order is what was missed."""
    spec = SPECS[kind, unit]
    if spec.waits:
        return pl.any_horizontal(pl.col(f"{name}_miss") < NOT_YET for name in spec.waits)
    rows = facts.returns if kind == "return_rate" else facts.cancellations.filter(pl.col("cancelled_by") == "seller")
    return pl.col("line_id").is_in(rows.select("line_id").collect()["line_id"].implode())


def _local(observations: pl.DataFrame, zone_of: Mapping[str, str]) -> pl.DataFrame:
    """Weekday and hour of placing in the time of the channel; UTC if it has none."""
    columns = observations.select("channel_id", "placed_at").with_row_index()
    parts = []
    for (channel,), part in columns.group_by("channel_id"):
        there = pl.col("placed_at").dt.convert_time_zone(zone_of.get(str(channel), "UTC"))
        parts.append(part.select("index", weekday=there.dt.weekday(), hour=there.dt.hour()))
    return pl.concat(parts).sort("index").drop("index")


def remarks(facts: Facts) -> pl.DataFrame:
    """`REMARKS`: how many orders of each channel are odd in a way that the rules settle without excluding them."""
    left = pl.col("quantity") > pl.col("shipped_quantity") + pl.col("cancelled_quantity")
    whole = pl.col("shipped_quantity") >= pl.col("quantity")
    orders = facts.lines.group_by("order_id").agg(
        shipped=(pl.col("shipped_quantity") > 0).any(), left=left.any(), live=(left | (pl.col("shipped_quantity") > 0)).any()
    )
    packages = facts.shipments.group_by("order_id").agg(packages=pl.col("shipment_ref").n_unique())
    cancelled = (
        facts.cancellations.join(facts.lines.select("line_id", whole=whole), on="line_id")
        .group_by("order_id")
        .agg(by_buyer=(~pl.col("whole") & (pl.col("cancelled_by") == "buyer")).any(), late=pl.col("whole").any())
    )
    held = {
        PARTLY_SHIPPED: pl.col("shipped") & pl.col("left"),
        SEVERAL_PACKAGES: pl.col("packages") > 1,
        PARTLY_CANCELLED: pl.col("by_buyer") & pl.col("live"),
        CANCELLED_LATE: pl.col("late"),
    }
    return (
        facts.orders.select("order_id", "channel_id")
        .join(orders, on="order_id")
        .join(packages, on="order_id", how="left")
        .join(cancelled, on="order_id", how="left")
        .group_by("channel_id")
        .agg(pl.when(held_).then(1).sum().alias(name) for name, held_ in held.items())
        .unpivot(index="channel_id", variable_name="remark", value_name="orders")
        .filter(pl.col("orders") > 0)
        .with_columns(pl.col("orders").cast(pl.Int64))
        .sort("channel_id", "remark")
        .collect()
    )
