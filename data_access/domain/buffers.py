"""What is withheld from channels: buffer rules and reservations, turned into the frames that `availability` takes. Pure frames.

- A channel buffer is in units, in percent of the pool (`ceil(p * max(pool, 0))`) or in days of cover (`ceil(days * the channel's mean
  daily demand over its last 28 in-stock days)`; a channel without known demand is withheld nothing). Of all rules that cover a SKU on a
  channel exactly one wins, the first of `CHANNEL_LEVELS`; amounts are never added up. Kits are covered like any other SKU.
- A location buffer is in units, of a stocked SKU at a location, before the pool.
- A reservation keeps units of a stocked SKU (or all of them) for some channels, at named locations or at all that serve these channels:
  what is left of it, after the open allocations of its channels there, is withheld from every other channel, as far as it lies at
  locations that serve that channel. Reservations never take more than what is there after backorders.
- A rule or reservation counts until it ends: its end is the first moment at which it no longer does.
"""

from dataclasses import dataclass, field, replace
from typing import Final

import polars as pl

from data_access.domain import availability as rules
from data_access.domain.availability import CHANNEL_BUFFERS, LOCATION_BUFFERS, RESERVED_ELSEWHERE, Stock

BASES: Final = ("units", "percent", "days")
CHANNEL_LEVELS: Final = ("channel_sku", "sku", "channel_category", "category", "channel")  # the first that covers a SKU wins
LEVELS: Final = (*CHANNEL_LEVELS, "location")
RULES: Final = pl.Schema(
    {
        "rule_id": pl.Int64,
        "level": pl.String,  # one of LEVELS: which of the next four are given
        "channel_id": pl.String,
        "sku": pl.String,
        "category": pl.String,
        "location_id": pl.String,
        "basis": pl.String,  # one of BASES
        "amount": pl.Float64,  # at most two decimals
        "reason": pl.String,
        "ends_at": pl.Int64,  # microseconds since 1970; null: no end
        "version": pl.Int64,
    }
)
RESERVATIONS: Final = pl.Schema(
    {
        "reservation_id": pl.Int64(),
        "sku": pl.String(),
        "units": pl.Int64(),  # null: all
        "channel_ids": pl.List(pl.String),  # for whom
        "location_ids": pl.List(pl.String),  # empty: at all that serve them
        "ends_at": pl.Int64(),
    }
)
CATEGORIES: Final = pl.Schema({"sku": pl.String, "category": pl.String})
DEMAND: Final = pl.Schema({"sku": pl.String, "channel_id": pl.String, "own_daily": pl.Float64})
ALLOCATED: Final = pl.Schema({"sku": pl.String, "location_id": pl.String, "channel_id": pl.String, "units": pl.Int64})
EFFECT: Final = pl.Schema({"sku": pl.String, "channel_id": pl.String, "before": pl.Int64, "after": pl.Int64})  # available to sell
KEPT: Final = pl.Schema({"reservation_id": pl.Int64, "sku": pl.String, "kept": pl.Int64})
ASKED: Final = pl.Schema({"reservation_id": pl.Int64, "sku": pl.String, "channel_id": pl.String, "units": pl.Int64})
_KEYS: Final = {
    "channel_sku": ["channel_id", "sku"],
    "sku": ["sku"],
    "channel_category": ["channel_id", "category"],
    "category": ["category"],
    "channel": ["channel_id"],
}
_ROUNDING: Final = 1e-9  # a product that is a whole number but for the last bit of a float is not rounded up


@dataclass(frozen=True, slots=True)
class Withheld:
    """All rules and reservations, and what they are worked out from: by `RULES`, `RESERVATIONS`, `CATEGORIES`, `DEMAND`, `ALLOCATED`."""

    rules: pl.DataFrame = field(default_factory=RULES.to_frame)
    reservations: pl.DataFrame = field(default_factory=RESERVATIONS.to_frame)
    categories: pl.DataFrame = field(default_factory=CATEGORIES.to_frame)
    demand: pl.DataFrame = field(default_factory=DEMAND.to_frame)
    allocated: pl.DataFrame = field(default_factory=ALLOCATED.to_frame)

    def at(self, now: int) -> "Withheld":
        """Only what has not ended at a moment (microseconds since 1970)."""
        counts = pl.col("ends_at").is_null() | (pl.col("ends_at") > now)
        return replace(self, rules=self.rules.filter(counts), reservations=self.reservations.filter(counts))

    def next_end(self) -> int | None:
        """The first end of anything in it; None if nothing ends."""
        ends = pl.concat([self.rules["ends_at"], self.reservations["ends_at"]])
        return None if ends.drop_nulls().is_empty() else int(ends.min())  # type: ignore[arg-type]


def figures(stock: Stock, withheld: Withheld) -> tuple[pl.DataFrame, pl.DataFrame]:
    """`availability.PLACES` and `availability.AVAILABILITY` of stock, less what is withheld (as of `Withheld.at`)."""
    places = rules.places(replace(stock, location_buffers=location_buffers(withheld.rules)))
    reserved = reserved_elsewhere(withheld, places, stock)
    pools = rules.pools(replace(stock, reserved_elsewhere=reserved), places)
    buffers = channel_buffers(withheld, pools, stock.caps)
    return places, rules.offers(replace(stock, channel_buffers=buffers), pools)


def effect(before: pl.DataFrame, after: pl.DataFrame) -> pl.DataFrame:
    """`EFFECT`: the rows of two `availability.AVAILABILITY` of the same SKUs and channels of which the figure differs."""
    key = ["sku", "channel_id"]
    both = before.select(*key, before="available_to_sell").join(after.select(*key, after="available_to_sell"), on=key)
    return both.filter(pl.col("before") != pl.col("after")).select(EFFECT.names()).sort(key)


def location_buffers(all_rules: pl.DataFrame) -> pl.DataFrame:
    """`availability.LOCATION_BUFFERS`."""
    location_rules = all_rules.filter(pl.col("level") == "location")
    return location_rules.select("sku", "location_id", units=pl.col("amount").round().cast(pl.Int64)).cast(LOCATION_BUFFERS)


def channel_buffers(withheld: Withheld, pools: pl.DataFrame, caps: pl.DataFrame) -> pl.DataFrame:
    """`availability.CHANNEL_BUFFERS`: the winning rule for each SKU and channel of pools and caps that has one."""
    if withheld.rules.filter(pl.col("level") != "location").is_empty():
        return CHANNEL_BUFFERS.to_frame()
    pairs = pools.select("sku", "channel_id", "pool").join(
        caps.select("sku", "channel_id"), on=["sku", "channel_id"], how="full", coalesce=True
    )
    won = winning(pairs.join(withheld.categories, on="sku", how="left"), withheld.rules)
    daily = withheld.demand.filter(pl.col("channel_id").is_not_null()).select("sku", "channel_id", "own_daily")
    hundredths = (pl.col("amount") * 100).round().cast(pl.Int64)
    pool = pl.col("pool").fill_null(0).clip(lower_bound=0)
    days = (pl.col("amount") * pl.col("own_daily").fill_null(0.0) - _ROUNDING).ceil().clip(lower_bound=0).cast(pl.Int64)
    units = (
        pl.when(pl.col("basis") == "units")
        .then(hundredths // 100)
        .when(pl.col("basis") == "percent")
        .then((hundredths * pool + 9_999) // 10_000)
        .otherwise(days)
    )
    sized = won.join(daily, on=["sku", "channel_id"], how="left")
    return sized.select("sku", "channel_id", "rule_id", units=units).select(CHANNEL_BUFFERS.names())


def winning(pairs: pl.DataFrame, all_rules: pl.DataFrame) -> pl.DataFrame:
    """Pairs (sku, channel_id, category and further columns) with `rule_id`, `basis` and `amount` of the rule that wins, if there is one.

    Several rules of one scope cannot be stored; if they are given all the same, the one with the lowest id is taken.
    """
    left, won = pairs, []
    for level, key in _KEYS.items():
        level_rules = all_rules.filter(pl.col("level") == level).sort("rule_id").unique(key, keep="first", maintain_order=True)
        if level_rules.is_empty():
            continue
        own = level_rules.select(*key, "rule_id", "basis", "amount")
        won.append(left.join(own, on=key, how="inner").select(*pairs.columns, "rule_id", "basis", "amount"))
        left = left.join(own, on=key, how="anti")
    nothing = pairs.clear().with_columns(rule_id=pl.lit(None, pl.Int64), basis=pl.lit(None, pl.String), amount=pl.lit(None, pl.Float64))
    return pl.concat([nothing, *won])


def kept(withheld: Withheld, places: pl.DataFrame, channel_locations: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """What reservations keep: `KEPT`, what is left of each, at most what is there; `ASKED`, what each asks of each other channel.

    A reservation whose SKU lies at none of its locations has no row. More may be asked of a channel than its pool has.
    """
    held = places.filter(~pl.col("is_kit")).select("sku", "location_id", available=pl.col("available").clip(lower_bound=0))
    wanted = withheld.reservations.join(held.select("sku").unique(), on="sku", how="semi")
    if wanted.is_empty():
        return KEPT.to_frame(), ASKED.to_frame()
    serving = channel_locations.select("channel_id", "location_id")
    for_whom = wanted.select("reservation_id", channel_id="channel_ids").explode("channel_id")
    named = wanted.select("reservation_id", location_id="location_ids").explode("location_id").drop_nulls()
    unnamed = for_whom.join(named, on="reservation_id", how="anti").join(serving, on="channel_id")
    where = pl.concat([named, unnamed.select("reservation_id", "location_id")]).unique()
    lying = where.join(wanted.select("reservation_id", "sku"), on="reservation_id").join(held, on=["sku", "location_id"])
    tied = (
        withheld.allocated.join(lying.select("reservation_id", "sku", "location_id"), on=["sku", "location_id"])
        .join(for_whom, on=["reservation_id", "channel_id"], how="semi")
        .group_by("reservation_id")
        .agg(tied=pl.col("units").sum())
    )
    there = lying.group_by("reservation_id", "sku").agg(there=pl.col("available").sum())
    left = (
        there.join(wanted.select("reservation_id", "units"), on="reservation_id")
        .join(tied, on="reservation_id", how="left")
        .select(
            "reservation_id",
            "sku",
            kept=pl.min_horizontal("there", (pl.col("units") - pl.col("tied").fill_null(0)).clip(lower_bound=0).fill_null(pl.col("there"))),
        )
    )
    at_others = (
        lying.join(serving, on="location_id")
        .join(for_whom, on=["reservation_id", "channel_id"], how="anti")
        .group_by("reservation_id", "channel_id")
        .agg(reach=pl.col("available").sum())
    )
    asked = at_others.join(left, on="reservation_id").select(
        "reservation_id", "sku", "channel_id", units=pl.min_horizontal("kept", "reach")
    )
    return left, asked


def reserved_elsewhere(withheld: Withheld, places: pl.DataFrame, stock: Stock) -> pl.DataFrame:
    """`availability.RESERVED_ELSEWHERE`: what reservations for others withhold from each channel of a SKU's locations."""
    _, asked = kept(withheld, places, stock.channel_locations)
    if asked.is_empty():
        return RESERVED_ELSEWHERE.to_frame()
    asked = asked.group_by("sku", "channel_id").agg(pl.col("units").sum())
    free = rules.pools(stock.of(asked["sku"].unique().to_list()), places.join(asked.select("sku").unique(), on="sku", how="semi"))
    return (
        asked.join(free.filter(~pl.col("is_kit")).select("sku", "channel_id", "pool"), on=["sku", "channel_id"])
        .select("sku", "channel_id", units=pl.min_horizontal("units", pl.col("pool").clip(lower_bound=0)))
        .filter(pl.col("units") > 0)
        .cast(RESERVED_ELSEWHERE)
    )
