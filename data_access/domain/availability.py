"""What each channel may sell: from units on hand to available to sell, by SKU and by kit. Pure frames in, frames out.

```
available(l)       = on_hand - allocated - unsellable - location_buffer              at a location l
pool               = sum of available(l) over the locations that serve the channel - backordered - reserved_elsewhere
available_to_sell  = max(pool - channel_buffer, 0), at most the listing's maximum
```

- A location buffer withholds at most what is there: it never takes units of another location.
- `backordered` counts every channel that shares at least one location with this one, itself included: those units are owed first.
- Kits are counted in whole kits. At a location, `floor(units / quantity in kit)` of the scarcest component; each step of the
  waterfall (allocated, unsellable, location buffer) is what it takes off that count. The sum over locations is `available`. From it,
  `backordered` and `reserved_elsewhere` take what is needed to leave no more kits than `floor(pool / quantity)` of any component,
  so that units owed of a component are not sold again in a kit. A kit's pool is never negative.
- A listing's maximum caps that listing; a SKU with several listings on a channel is capped by the largest, or not at all if one
  has no maximum.
- There is a row for each SKU and channel where the SKU is listed; for a channel that keeps no listings at all (a till), where
  a location that serves it has a level of the SKU; and where the channel has backordered units of it. In the last case, without
  a listing, nothing may be sold.
"""

from collections.abc import Collection
from dataclasses import dataclass, field, replace
from typing import Final

import polars as pl

LOCATION_BUFFERS: Final = pl.Schema({"sku": pl.String, "location_id": pl.String, "units": pl.Int64})
RESERVED_ELSEWHERE: Final = pl.Schema({"sku": pl.String, "channel_id": pl.String, "units": pl.Int64})
CHANNEL_BUFFERS: Final = pl.Schema({"sku": pl.String, "channel_id": pl.String, "units": pl.Int64, "rule_id": pl.Int64})
CAPS: Final = pl.Schema({"sku": pl.String, "channel_id": pl.String, "listing_maximum": pl.Int64})
PLACES: Final = pl.Schema(
    {
        "sku": pl.String,
        "location_id": pl.String,
        "is_kit": pl.Boolean,
        "on_hand": pl.Int64,
        "allocated": pl.Int64,
        "unsellable": pl.Int64,
        "location_buffer": pl.Int64,
        "available": pl.Int64,
    }
)
POOLS: Final = pl.Schema(
    {
        "sku": pl.String,
        "channel_id": pl.String,
        "is_kit": pl.Boolean,
        "on_hand": pl.Int64,
        "allocated": pl.Int64,
        "unsellable": pl.Int64,
        "location_buffer": pl.Int64,
        "available": pl.Int64,
        "backordered": pl.Int64,
        "reserved_elsewhere": pl.Int64,
        "pool": pl.Int64,
        "binding_component": pl.String,
    }
)
AVAILABILITY: Final = pl.Schema(
    {
        "sku": pl.String,
        "channel_id": pl.String,
        "is_kit": pl.Boolean,
        "on_hand": pl.Int64,  # over the locations that serve the channel, as all up to `available`
        "allocated": pl.Int64,
        "unsellable": pl.Int64,
        "location_buffer": pl.Int64,
        "available": pl.Int64,
        "backordered": pl.Int64,
        "reserved_elsewhere": pl.Int64,
        "pool": pl.Int64,
        "channel_buffer": pl.Int64,  # as the rule has it, also where the pool is smaller
        "buffer_rule_id": pl.Int64,  # the one rule that wins; null: none
        "listing_maximum": pl.Int64,  # null: no cap
        "is_listed": pl.Boolean,
        "available_to_sell": pl.Int64,
        "binding_rule": pl.String,  # one of RULES
        "binding_component": pl.String,  # of a kit: its scarcest component at the channel's locations; else null
    }
)
TOTALS: Final = pl.Schema(
    {
        "sku": pl.String,
        "is_kit": pl.Boolean,
        "on_hand": pl.Int64,
        "allocated": pl.Int64,
        "unsellable": pl.Int64,
        "location_buffer": pl.Int64,
        "available": pl.Int64,
    }
)
WATERFALL: Final = pl.Schema(
    {
        "sku": pl.String,
        "channel_id": pl.String,
        "step": pl.Int64,
        "label": pl.String,
        "units": pl.Int64,  # signed change; of a total, the total
        "running": pl.Int64,  # after this step
        "is_total": pl.Boolean,
        "rule": pl.String,
        "binds": pl.Boolean,  # this is the rule that made the figure what it is
    }
)
RULES: Final = (
    "no location",
    "not listed",
    "listing maximum",
    "channel buffer",
    "reserved",
    "backordered",
    "location buffer",
    "kit component",
    "pool",
)
_STEPS: Final = ("on_hand", "allocated", "unsellable", "location_buffer", "available")
_ALWAYS_SHOWN: Final = ("allocated", "unsellable", "backordered")
_KEY: Final = ["sku", "channel_id"]


@dataclass(frozen=True, slots=True)
class Stock:
    """Everything that the figures are made from.

    Columns: `levels` sku, location_id, on_hand, unsellable, allocated; `backorders` sku, channel_id, backordered (kits exploded
    into components); `channel_locations` channel_id, location_id; `kits` kit_sku, component_sku, quantity; `caps` as `caps` makes
    it; the others as their schemas say. A frame may have further columns. `keeps_listings`: channels with any listing at all.
    """

    levels: pl.DataFrame
    backorders: pl.DataFrame
    channel_locations: pl.DataFrame
    kits: pl.DataFrame
    caps: pl.DataFrame
    keeps_listings: frozenset[str]
    location_buffers: pl.DataFrame = field(default_factory=LOCATION_BUFFERS.to_frame)
    reserved_elsewhere: pl.DataFrame = field(default_factory=RESERVED_ELSEWHERE.to_frame)
    channel_buffers: pl.DataFrame = field(default_factory=CHANNEL_BUFFERS.to_frame)

    def of(self, skus: Collection[str]) -> "Stock":
        """Only what the figures of these SKUs and kits rest on: themselves, and the components of the kits."""
        kits = self.kits.filter(pl.col("kit_sku").is_in(skus))
        wanted = pl.col("sku").is_in({*skus, *kits["component_sku"]})
        return replace(
            self,
            levels=self.levels.filter(wanted),
            backorders=self.backorders.filter(wanted),
            kits=kits,
            caps=self.caps.filter(wanted),
            location_buffers=self.location_buffers.filter(wanted),
            reserved_elsewhere=self.reserved_elsewhere.filter(wanted),
            channel_buffers=self.channel_buffers.filter(wanted),
        )


def affected(kits: pl.DataFrame, skus: Collection[str]) -> set[str]:
    """These SKUs, and the kits that contain one of them: whose figures change with theirs."""
    return {*skus, *kits.filter(pl.col("component_sku").is_in(skus))["kit_sku"]}


def places(stock: Stock) -> pl.DataFrame:
    """`PLACES`: available units by SKU or kit and location, a kit only where all of its components have a level."""
    buffers = stock.location_buffers.select("sku", "location_id", buffer="units")
    free = pl.col("on_hand") - pl.col("allocated") - pl.col("unsellable")
    stocked = stock.levels.select("sku", "location_id", "on_hand", "allocated", "unsellable", is_kit=pl.lit(False))
    if buffers.is_empty():
        stocked = stocked.with_columns(location_buffer=pl.lit(0, pl.Int64))
    else:
        stocked = stocked.join(buffers, on=["sku", "location_id"], how="left").with_columns(
            location_buffer=pl.min_horizontal(pl.col("buffer").fill_null(0), free.clip(lower_bound=0))
        )
    stocked = stocked.with_columns(available=free - pl.col("location_buffer")).select(PLACES.names())
    return pl.concat([stocked, _kit_places(stocked, stock.kits)])


def _kit_places(stocked: pl.DataFrame, kits: pl.DataFrame) -> pl.DataFrame:
    """Whole kits by location. Each step is the difference that it makes to the kits that could still be put together."""
    left = ["left_0", "left_1", "left_2", "left_3"]
    remaining = [
        pl.col("on_hand"),
        pl.col("on_hand") - pl.col("allocated"),
        pl.col("on_hand") - pl.col("allocated") - pl.col("unsellable"),
        pl.col("available"),
    ]
    parts = kits.select("quantity", "component_sku", sku="kit_sku", parts=pl.len().over("kit_sku"))
    return (
        parts.join(stocked, left_on="component_sku", right_on="sku")
        .with_columns((units.clip(lower_bound=0) // pl.col("quantity")).alias(name) for name, units in zip(left, remaining, strict=True))
        .group_by("sku", "location_id")
        .agg(pl.col(left).min(), in_place=pl.len(), parts=pl.col("parts").first())
        .filter(pl.col("in_place") == pl.col("parts"))
        .select(
            "sku",
            "location_id",
            is_kit=pl.lit(True),
            on_hand="left_0",
            allocated=pl.col("left_0") - pl.col("left_1"),
            unsellable=pl.col("left_1") - pl.col("left_2"),
            location_buffer=pl.col("left_2") - pl.col("left_3"),
            available="left_3",
        )
    )


def totals(places: pl.DataFrame) -> pl.DataFrame:
    """`TOTALS`: over all locations, by SKU or kit. This is what "all channels" shows; it is never a sum over channels."""
    return places.group_by("sku").agg(pl.col("is_kit").first(), pl.col(_STEPS).sum())


def sharing(channel_locations: pl.DataFrame) -> pl.DataFrame:
    """`channel_id`, `other_id`: pairs of channels that share at least one location, each with itself included."""
    served = channel_locations.select("channel_id", "location_id")
    return (
        served.join(served.select("location_id", other_id="channel_id"), on="location_id")
        .select("channel_id", "other_id")
        .unique()
        .sort("channel_id", "other_id")
    )


def pools(stock: Stock, places: pl.DataFrame) -> pl.DataFrame:
    """`POOLS`: a row for each SKU or kit and channel with a location that holds it, or with backordered units."""
    own_pools = (
        _held(places, stock.channel_locations)
        .join(_owed(stock), on=_KEY, how="full", coalesce=True)
        .join(stock.reserved_elsewhere.select(*_KEY, reserved_elsewhere="units"), on=_KEY, how="left")
        .with_columns(pl.col("is_kit").fill_null(False), pl.col(*_STEPS, "backordered", "reserved_elsewhere").fill_null(0))
        .with_columns(pool=pl.col("available") - pl.col("backordered") - pl.col("reserved_elsewhere"))
        .with_columns(binding_component=pl.lit(None, pl.String))
        .select(POOLS.names())
    )
    if stock.kits.is_empty():
        return own_pools
    return pl.concat([own_pools.filter(~pl.col("is_kit")), _kit_pools(stock, places, own_pools)])


def _held(places: pl.DataFrame, channel_locations: pl.DataFrame) -> pl.DataFrame:
    """Sums over the locations of each channel. One aggregation a channel is four times faster than one over the join."""
    sums = [
        places.lazy()
        .filter(pl.col("location_id").is_in(own["location_id"].implode()))
        .group_by("sku")
        .agg(pl.lit(channel_id, pl.String).alias("channel_id"), pl.col("is_kit").first(), pl.col(_STEPS).sum())
        for (channel_id,), own in channel_locations.partition_by("channel_id", as_dict=True).items()
    ]
    return pl.concat([POOLS.to_frame().select(*_KEY, "is_kit", *_STEPS), *pl.collect_all(sums)])


def _owed(stock: Stock) -> pl.DataFrame:
    """Backordered units that come before the channel's own next sale."""
    pairs = sharing(stock.channel_locations).rename({"channel_id": "for_channel", "other_id": "channel_id"})
    others = stock.backorders.join(pairs, on="channel_id", how="left")
    # a channel that no location serves shares with itself alone
    named = others.with_columns(channel_id=pl.col("for_channel").fill_null(pl.col("channel_id")))
    return named.group_by(_KEY).agg(pl.col("backordered").sum())


def _kit_pools(stock: Stock, places: pl.DataFrame, own_pools: pl.DataFrame) -> pl.DataFrame:
    """Kits, with no more left than any component's own pool allows."""
    served = stock.channel_locations.select("channel_id", "location_id")
    whole = (
        stock.kits.join(places.select("location_id", "available", component_sku="sku"), on="component_sku")
        .join(served, on="location_id")
        .group_by("kit_sku", "component_sku", "channel_id")
        .agg(kits=(pl.col("available").clip(lower_bound=0) // pl.col("quantity")).sum())
    )
    parts = (
        stock.kits.join(own_pools.filter(~pl.col("is_kit")), left_on="component_sku", right_on="sku")
        .join(whole, on=["kit_sku", "component_sku", "channel_id"], how="left")
        .with_columns(
            after_backorders=((pl.col("available") - pl.col("backordered")).clip(lower_bound=0) // pl.col("quantity")),
            after_all=(pl.col("pool").clip(lower_bound=0) // pl.col("quantity")),
        )
        .group_by("channel_id", sku="kit_sku")
        .agg(
            pl.col("after_backorders", "after_all").min(),
            binding_component=pl.col("component_sku").sort_by(pl.min_horizontal("kits", "after_all"), "component_sku").first(),
        )
    )
    kits = own_pools.filter(pl.col("is_kit")).drop("backordered", "pool", "binding_component").join(parts, on=_KEY)
    left = pl.min_horizontal("available", "after_backorders")
    pool = (pl.min_horizontal("available", "after_all") - pl.col("reserved_elsewhere")).clip(lower_bound=0)
    return (
        kits.with_columns(backordered=pl.col("available") - left, pool=pool)
        .with_columns(reserved_elsewhere=pl.col("available") - pl.col("backordered") - pl.col("pool"))
        .select(POOLS.names())
    )


def caps(listings: pl.DataFrame) -> pl.DataFrame:
    """`CAPS`: which SKU is listed on which channel, and the most that any one listing may show (null: no cap).

    `listings` has sku, channel_id, maximum; rows without a SKU are not mapped yet and are left out.
    """
    uncapped = pl.col("maximum").is_null().any()
    return (
        listings.filter(pl.col("sku").is_not_null())
        .group_by(_KEY)
        .agg(listing_maximum=pl.when(uncapped).then(None).otherwise(pl.col("maximum").max()))
    )


def offers(stock: Stock, pools: pl.DataFrame) -> pl.DataFrame:
    """`AVAILABILITY` from pools: who may sell it, less the channel buffer, capped by the listing; sorted by SKU and channel.

    A listed SKU without a level anywhere has a row of zeros.
    """
    rows = (
        pools.join(stock.caps.with_columns(is_listed=pl.lit(True)), on=_KEY, how="full", coalesce=True)
        .join(stock.channel_buffers.select(*_KEY, channel_buffer="units", buffer_rule_id="rule_id"), on=_KEY, how="left")
        .with_columns(
            pl.col("is_kit").fill_null(False) | pl.col("sku").is_in(stock.kits["kit_sku"].unique().implode()),
            pl.col(*_STEPS, "backordered", "reserved_elsewhere", "pool", "channel_buffer").fill_null(0),
            is_listed=pl.col("is_listed").fill_null(False) | ~pl.col("channel_id").is_in(stock.keeps_listings),
            is_served=pl.col("channel_id").is_in(stock.channel_locations["channel_id"].unique().implode()),
        )
        .filter(pl.col("is_listed") | ((pl.col("backordered") > 0) & ~pl.col("is_kit")))
    )
    return _offered(rows).sort(_KEY)


def rebuffered(rows: pl.DataFrame, channel_buffers: pl.DataFrame) -> pl.DataFrame:
    """`AVAILABILITY` as it would be with other `CHANNEL_BUFFERS`: everything up to the pool stays."""
    fresh = channel_buffers.select(*_KEY, channel_buffer="units", buffer_rule_id="rule_id")
    return _offered(
        rows.with_columns(is_served=pl.col("binding_rule") != "no location")
        .drop("channel_buffer", "buffer_rule_id")
        .join(fresh, on=_KEY, how="left", maintain_order="left")
        .with_columns(pl.col("channel_buffer").fill_null(0))
    )


def _offered(rows: pl.DataFrame) -> pl.DataFrame:
    """`AVAILABILITY` of rows that have everything up to `channel_buffer`, and `is_served`; in their order."""
    positive = pl.col("pool").clip(lower_bound=0)
    buffered = (pl.col("pool") - pl.col("channel_buffer")).clip(lower_bound=0)
    capped = pl.min_horizontal(buffered, pl.col("listing_maximum"))
    rule = (
        pl.when(~pl.col("is_served"))
        .then(pl.lit("no location"))
        .when(~pl.col("is_listed"))
        .then(pl.lit("not listed"))
        .when(capped < buffered)
        .then(pl.lit("listing maximum"))
        .when(buffered < positive)
        .then(pl.lit("channel buffer"))
        .when(pl.col("reserved_elsewhere") > 0)
        .then(pl.lit("reserved"))
        .when(pl.col("backordered") > 0)
        .then(pl.lit("backordered"))
        .when(pl.col("location_buffer") > 0)
        .then(pl.lit("location buffer"))
        .when(pl.col("is_kit"))
        .then(pl.lit("kit component"))
        .otherwise(pl.lit("pool"))
    )
    return rows.with_columns(available_to_sell=pl.when(pl.col("is_listed")).then(capped).otherwise(0), binding_rule=rule).select(
        AVAILABILITY.names()
    )


def availability(stock: Stock) -> pl.DataFrame:
    """`AVAILABILITY` of all SKUs and kits."""
    return offers(stock, pools(stock, places(stock)))


def waterfall(rows: pl.DataFrame) -> pl.DataFrame:
    """`WATERFALL` of rows of `AVAILABILITY`, by SKU, channel and step: the first total and all changes add up to the last total.

    Exactly one step binds. Steps that change nothing are left out, but for those that every reader looks for.
    """
    kit = pl.col("is_kit")
    floor = (-pl.col("pool")).clip(lower_bound=0)
    positive = pl.col("pool") + floor
    buffered = pl.min_horizontal(pl.col("channel_buffer"), positive)
    over_maximum = (positive - buffered - pl.col("listing_maximum")).clip(lower_bound=0).fill_null(0)
    unlisted = pl.when(pl.col("is_listed")).then(0).otherwise(positive - buffered)
    over_maximum = pl.when(pl.col("is_listed")).then(over_maximum).otherwise(0)
    scarcest = pl.concat_str(pl.lit("Whole kits on hand, fewest of "), pl.col("binding_component")).fill_null("Whole kits on hand")
    unserved = pl.col("binding_rule") == "no location"
    on_hand = (
        pl.when(kit).then(scarcest).otherwise(pl.lit("On hand")),
        pl.when(kit).then(pl.lit("kit component")).otherwise(pl.lit("on hand")),
    )
    at_places = (
        pl.when(unserved).then(pl.lit("No location serves this channel")).otherwise(pl.lit("Available at its locations")),
        pl.when(unserved).then(pl.lit("no location")).otherwise(pl.lit("available")),
    )
    steps: list[tuple[pl.Expr, pl.Expr, pl.Expr, bool]] = [
        (*on_hand, pl.col("on_hand"), True),
        (pl.lit("Allocated to open orders"), pl.lit("allocated"), -pl.col("allocated"), False),
        (pl.lit("Unsellable"), pl.lit("unsellable"), -pl.col("unsellable"), False),
        (pl.lit("Location buffer"), pl.lit("location buffer"), -pl.col("location_buffer"), False),
        (*at_places, pl.col("available"), True),
        (pl.lit("Backordered on channels served there"), pl.lit("backordered"), -pl.col("backordered"), False),
        (pl.lit("Reserved for other channels"), pl.lit("reserved"), -pl.col("reserved_elsewhere"), False),
        (pl.lit("Channel pool"), pl.lit("pool"), pl.col("pool"), True),
        (pl.lit("Backorders; shown as 0"), pl.lit("owed"), floor, False),
        (pl.lit("Channel buffer"), pl.lit("channel buffer"), -buffered, False),
        (pl.lit("Above the listing's maximum"), pl.lit("listing maximum"), -over_maximum, False),
        (pl.lit("Not listed on this channel"), pl.lit("not listed"), -unlisted, False),
        (pl.lit("Available to sell"), pl.lit("available to sell"), pl.col("available_to_sell"), True),
    ]
    drawn = [
        rows.select(
            "sku",
            "channel_id",
            step=pl.lit(number, pl.Int64),
            label=label,
            units=units.cast(pl.Int64),
            is_total=pl.lit(is_total),
            rule=rule,
            binds=pl.col("binding_rule") == rule,
        ).filter(pl.col("is_total") | pl.col("binds") | (pl.col("units") != 0) | pl.col("rule").is_in(_ALWAYS_SHOWN))
        for number, (label, rule, units, is_total) in enumerate(steps, start=1)
    ]
    first = pl.col("step") == 1
    change = pl.when(pl.col("is_total") & ~first).then(0).otherwise(pl.col("units"))
    return (
        pl.concat(drawn)
        .sort("sku", "channel_id", "step")
        .with_columns(running=change.cum_sum().over("sku", "channel_id", order_by="step"))
        .select(WATERFALL.names())
    )
