"""The live figures as one immutable value: loaded whole, patched by SKU, asked by filter. Everything but loading is frames only.

Which numbers a filter applies to:

- Channel: units are those at the locations that serve it; `available_to_sell` and `pool` are the channel's, `backordered` its own;
  only SKUs that it sells are shown.
- Locations: `on_hand`, `allocated`, `unsellable`, `on_order` and `available` are those of the chosen locations, and only SKUs with a level
  there are shown (for a channel: of those that serve it). Backordered units lie nowhere, so `backordered`, and a channel's
  `available_to_sell` and `pool`, stay as they are. Without a channel, `pool` is what is available at the chosen locations.
- Without either, `pool` is all available units less all backordered ones.

States. `is_oversell`: units are backordered on the channel (on any), or the pool is above 0 but would be gone if the channel sold at
its mean rate since its data were last known to be complete. `is_out`: pool <= 0. `is_low`: cover below the lead time (7 days if
unknown). `is_over`: cover above 120 days, or nothing sold on 28 in-stock days. `state` is the first that applies of: oversell by
backordered units, out, oversell by age, low, over, healthy. Days of cover: the pool over the mean daily demand of all channels that
draw on it.
"""

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Final

import polars as pl
from sqlalchemy.engine import Connection, Engine

from data_access.domain import availability as rules
from data_access.domain.buffers import Withheld, channel_buffers, figures
from data_access.queries import buffers, catalog, stock
from data_access.queries.recent import DEMAND, MEAN_DAYS, Recent
from data_access.queries.stock import STATES, STOCK_TABLE, StockFilter

UNKNOWN_LEAD_TIME_DAYS: Final = 7.0
OVER_DAYS: Final = 120.0
_MOST_CHUNKS: Final = 16  # putting a frame's memory together again costs more than a few chunks do
ALL: Final = "*"  # stands for a channel that every location serves


@dataclass(frozen=True, slots=True)
class LiveCatalogue:
    """What rarely changes, as `queries.catalog` reads it."""

    products: pl.DataFrame
    kits: pl.DataFrame
    caps: pl.DataFrame
    keeps_listings: frozenset[str]
    channels: pl.DataFrame
    locations: pl.DataFrame
    channel_locations: pl.DataFrame


@dataclass(frozen=True, slots=True)
class Live:
    """The figures of one moment. `overall`: pools as of one channel that every location serves and all units are owed by.

    `withheld`: the rules and reservations that count; `withheld_until`: the moment (microseconds since 1970) at which the first of
    them ends, or None; `demand`: the frame of mean demand that rules in days were worked out with.
    """

    catalogue: LiveCatalogue
    demand: pl.DataFrame
    withheld: Withheld
    withheld_until: int | None
    levels: pl.DataFrame
    backorders: pl.DataFrame
    allocated: pl.DataFrame
    places: pl.DataFrame
    availability: pl.DataFrame
    overall: pl.DataFrame


def load_catalogue(bind: Connection | Engine) -> LiveCatalogue:
    """Read the catalogue, channels and locations."""
    listings = catalog.listings(bind)
    return LiveCatalogue(
        products=catalog.products(bind),
        kits=catalog.kits(bind),
        caps=rules.caps(listings),
        keeps_listings=frozenset(listings["channel_id"]),
        channels=catalog.channels(bind),
        locations=catalog.locations(bind),
        channel_locations=catalog.channel_locations(bind),
    )


def load_withheld(bind: Connection | Engine) -> Withheld:
    """Read all buffer rules and reservations, ended ones too."""
    return Withheld(buffers.rules(bind), buffers.reservations(bind))


def load(bind: Connection | Engine, catalogue: LiveCatalogue, withheld: Withheld, demand: pl.DataFrame, now: int) -> Live:
    """Read all levels and work out all figures. `withheld` by `load_withheld`; for the others see `figured`."""
    return figured(catalogue, stock.levels(bind), stock.backorders(bind), stock.allocated(bind), withheld, demand, now)


def figured(
    catalogue: LiveCatalogue,
    levels: pl.DataFrame,
    backorders: pl.DataFrame,
    allocated: pl.DataFrame,
    withheld: Withheld,
    demand: pl.DataFrame,
    now: int,
) -> Live:
    """The figures of levels (`stock.LEVELS`), backorders (`stock.BACKORDERS`) and allocations (`stock.ALLOCATED`).

    `demand` as `recent.DEMAND` (empty: not known yet); `now`, in microseconds since 1970, says which rules have ended.
    """
    counting = replace(
        withheld.at(now),
        categories=catalogue.products.select("sku", "category"),
        demand=demand.select("sku", "channel_id", "own_daily"),
        allocated=allocated,
    )
    places, availability, overall = _figures(_stock(catalogue, levels, backorders), catalogue, counting)
    return Live(catalogue, demand, counting, counting.next_end(), levels, backorders, allocated, places, availability, overall)


def patched(live: Live, bind: Connection | Engine, skus: Collection[str]) -> Live:
    """The figures after a change of these SKUs: only they, and the kits that contain them, are read and worked out again."""
    fresh = replace(
        live,
        levels=_swapped(live.levels, stock.levels(bind, skus), skus),
        backorders=_swapped(live.backorders, stock.backorders(bind, skus), skus),
        allocated=_swapped(live.allocated, stock.allocated(bind, skus), skus),
    )
    changed = rules.affected(live.catalogue.kits, skus)
    part = _stock(fresh.catalogue, fresh.levels, fresh.backorders).of(changed)
    withheld = replace(live.withheld, allocated=fresh.allocated)
    worked_out = _figures(part, live.catalogue, withheld)
    places, availability, overall = (frame.filter(pl.col("sku").is_in(changed)) for frame in worked_out)
    return replace(
        fresh,
        withheld=withheld,
        places=_swapped(live.places, places, changed),
        availability=_swapped(live.availability, availability, changed),
        overall=_swapped(live.overall, overall, changed),
    )


def previewed(
    live: Live,
    now: int,
    all_rules: pl.DataFrame | None = None,
    reservations: pl.DataFrame | None = None,
    caps: pl.DataFrame | None = None,
) -> pl.DataFrame:
    """`availability.AVAILABILITY` as it would be with other rules, reservations or caps instead (None: as they are); by SKU and channel.

    Only the SKUs of location buffers and reservations that differ are worked out from their stock; for all others, everything up to
    the pool stays.

    Args:
        live: the figures of now.
        now: in microseconds since 1970; what has ended by then does not count.
        all_rules: by `domain.buffers.RULES`.
        reservations: by `domain.buffers.RESERVATIONS`.
        caps: by `availability.CAPS`, of the same SKUs on the same channels.

    """
    withheld = replace(
        live.withheld,
        rules=live.withheld.rules if all_rules is None else all_rules,
        reservations=live.withheld.reservations if reservations is None else reservations,
    ).at(now)
    location = pl.col("level") == "location"
    differ = pl.concat(
        [
            _differing(withheld.rules.filter(location), live.withheld.rules.filter(location), ["location_id", "amount"]),
            _differing(withheld.reservations, live.withheld.reservations, ["units", "channel_ids", "location_ids"]),
        ]
    )
    rows = live.availability
    if len(differ):
        skus = rules.affected(live.catalogue.kits, differ.to_list())
        _, fresh = figures(_stock(live.catalogue, live.levels, live.backorders).of(skus), withheld)
        rows = _swapped(rows, fresh.filter(pl.col("sku").is_in(skus)), skus)
    if caps is None:
        caps = live.catalogue.caps
    else:
        rows = rows.drop("listing_maximum").join(caps, on=["sku", "channel_id"], how="left")
    pools = rows.select("sku", "channel_id", "pool")
    return rules.rebuffered(rows, channel_buffers(withheld, pools, caps)).sort("sku", "channel_id")


def _differing(those: pl.DataFrame, others: pl.DataFrame, fields: list[str]) -> pl.Series:
    """SKUs of rows that are in one of two frames alone."""
    key = ["sku", *fields]
    alone = [one.join(other, on=key, how="anti", nulls_equal=True)["sku"] for one, other in ((those, others), (others, those))]
    return pl.concat(alone).unique()


def _stock(catalogue: LiveCatalogue, levels: pl.DataFrame, backorders: pl.DataFrame) -> rules.Stock:
    return rules.Stock(levels, backorders, catalogue.channel_locations, catalogue.kits, catalogue.caps, catalogue.keeps_listings)


def _figures(part: rules.Stock, catalogue: LiveCatalogue, withheld: Withheld) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    places, availability = figures(part, withheld)
    everywhere = replace(
        part,
        channel_locations=catalogue.locations.select("location_id", channel_id=pl.lit(ALL)),
        backorders=part.backorders.with_columns(channel_id=pl.lit(ALL)),
    )
    return places, availability, rules.pools(everywhere, places)


def _swapped(frame: pl.DataFrame, fresh: pl.DataFrame, skus: Collection[str]) -> pl.DataFrame:
    swapped = pl.concat([frame.filter(~pl.col("sku").is_in(skus)), fresh])
    return swapped.rechunk() if swapped.n_chunks() > _MOST_CHUNKS else swapped


# ---- the table -----------------------------------------------------------------------------------------------------


def rows(live: Live, recent: Recent | None, ages: pl.DataFrame, channel_id: str | None, location_ids: tuple[str, ...]) -> pl.DataFrame:
    """`STOCK_TABLE` of every SKU of the channel and locations, by SKU. `ages` as `freshness.FRESHNESS`; without `recent`, no demand."""
    scope = _scope(live, channel_id, location_ids)
    on_order = live.levels.filter((pl.col("on_order") > 0) & pl.col("location_id").is_in(scope.implode()))
    joined = (
        live.catalogue.products.join(_held(live, channel_id, location_ids), on="sku", how="inner" if location_ids else "left")
        .join(on_order.group_by("sku").agg(pl.col("on_order").sum()), on="sku", how="left")
        .join(_assumed(live), on="sku", how="left")
        .join(_pools(live, channel_id), on="sku", how="left" if channel_id is None else "inner")
        .join(_demand(recent, channel_id), on="sku", how="left")
        .join(_ageing(live, recent, ages, channel_id), on="sku", how="left")
    )
    units = ["on_hand", "allocated", "unsellable", "available", "on_order", "backordered"]
    here = pl.col("available") if channel_id is None and location_ids else pl.col("pool")
    return (
        joined.with_columns(pl.col(units).fill_null(0), pl.col("is_assumed", "is_ageing").fill_null(False))
        .with_columns(pool=here.fill_null(0))
        .with_columns(
            mean_daily_demand=pl.col("shared_daily"),
            lead_time_is_known=pl.col("lead_time_days").is_not_null(),
            lead_time_days=pl.col("lead_time_days").fill_null(UNKNOWN_LEAD_TIME_DAYS),
            days_of_cover=pl.when(pl.col("shared_daily") > 0).then(pl.col("pool").clip(lower_bound=0) / pl.col("shared_daily")),
        )
        .pipe(_with_states)
        .select(STOCK_TABLE.names())
        .sort("sku")
    )


def _scope(live: Live, channel_id: str | None, location_ids: tuple[str, ...]) -> pl.Series:
    """Locations that units are counted at."""
    serving = live.catalogue.channel_locations
    everywhere = live.catalogue.locations["location_id"]
    scope = everywhere if channel_id is None else serving.filter(pl.col("channel_id") == channel_id)["location_id"]
    return scope.filter(scope.is_in(location_ids)) if location_ids else scope


def _held(live: Live, channel_id: str | None, location_ids: tuple[str, ...]) -> pl.DataFrame:
    """`sku`, `on_hand`, `allocated`, `unsellable`, `available` at the locations; taken from the pools where they are the same."""
    if location_ids:
        scope = _scope(live, channel_id, location_ids)
        totals = rules.totals(live.places.filter(pl.col("location_id").is_in(scope.implode())))
    else:
        totals = live.overall if channel_id is None else live.availability.filter(pl.col("channel_id") == channel_id)
    return totals.select("sku", "on_hand", "allocated", "unsellable", "available")


def _assumed(live: Live) -> pl.DataFrame:
    """SKUs, and kits of SKUs, whose balance rests on an assumed opening."""
    own = live.levels.filter("is_assumed").select("sku").unique()
    kits = live.catalogue.kits.join(own, left_on="component_sku", right_on="sku", how="semi").select(sku="kit_sku")
    return pl.concat([own, kits]).unique().with_columns(is_assumed=pl.lit(True))


def _pools(live: Live, channel_id: str | None) -> pl.DataFrame:
    """`sku`, `pool`, `backordered`, `available_to_sell`."""
    owed = live.backorders if channel_id is None else live.backorders.filter(pl.col("channel_id") == channel_id)
    own = owed.group_by("sku").agg(pl.col("backordered").sum())
    if channel_id is None:
        pools = live.overall.select("sku", "pool", available_to_sell=pl.lit(None, pl.Int64))
    else:
        pools = live.availability.filter(pl.col("channel_id") == channel_id).select("sku", "pool", "available_to_sell")
    return pools.join(own, on="sku", how="left")


def _demand(recent: Recent | None, channel_id: str | None) -> pl.DataFrame:
    demand = DEMAND.to_frame() if recent is None else recent.demand
    return demand.filter(pl.col("channel_id").eq_missing(pl.lit(channel_id, pl.String))).drop("channel_id")


def _ageing(live: Live, recent: Recent | None, ages: pl.DataFrame, channel_id: str | None) -> pl.DataFrame:
    """SKUs whose pool on the channel, or on any, may be sold out by what its data do not tell yet."""
    demand = DEMAND.to_frame() if recent is None else recent.demand
    unseen = (
        demand.filter(pl.col("own_daily") > 0)
        .join(ages.select("channel_id", "age_seconds"), on="channel_id")
        .select("sku", "channel_id", unseen=pl.col("own_daily") / 86_400 * pl.col("age_seconds"))
    )
    asked = live.availability if channel_id is None else live.availability.filter(pl.col("channel_id") == channel_id)
    most = unseen.select(pl.col("unseen").max()).item()
    return (
        asked.filter((pl.col("pool") > 0) & (pl.col("pool") <= pl.lit(most, pl.Float64)) & pl.col("is_listed"))
        .join(unseen, on=["sku", "channel_id"])
        .filter(pl.col("pool") <= pl.col("unseen"))
        .select("sku", is_ageing=pl.lit(True))
        .unique()
    )


def _with_states(table: pl.DataFrame) -> pl.DataFrame:
    pool, cover = pl.col("pool"), pl.col("days_of_cover")
    unsold = (pl.col("shared_daily") == 0) & (pl.col("in_stock_days") >= MEAN_DAYS)
    owed = pl.col("backordered") > 0
    return table.with_columns(
        is_out=pool <= 0,
        is_low=((pool > 0) & (cover < pl.col("lead_time_days"))).fill_null(False),
        is_over=((pool > 0) & ((cover > OVER_DAYS).fill_null(False) | unsold.fill_null(False))),
        is_oversell=owed | pl.col("is_ageing"),
    ).with_columns(
        state=pl.when(owed)
        .then(pl.lit("oversell"))
        .when("is_out")
        .then(pl.lit("out"))
        .when("is_oversell")
        .then(pl.lit("oversell"))
        .when("is_low")
        .then(pl.lit("low"))
        .when("is_over")
        .then(pl.lit("over"))
        .otherwise(pl.lit("healthy"))
    )


def matching(table: pl.DataFrame, where: StockFilter) -> pl.DataFrame:
    """The rows of `rows` that match the rest of the filter, in its order; equals by SKU, empty values last.

    Sorting by `state` goes by urgency. An unknown column to sort by is taken as `sku`.
    """
    keep = pl.lit(True)
    if where.categories:
        keep &= pl.col("category").is_in(where.categories)
    if text := where.text.strip().lower():
        keep &= pl.col("sku").str.to_lowercase().str.contains(text, literal=True) | pl.col("name").str.to_lowercase().str.contains(
            text, literal=True
        )
    known = [f"is_{state}" for state in where.states if state in STATES and state != "healthy"]
    asked = [pl.col(name) for name in known] + ([pl.col("state") == "healthy"] if "healthy" in where.states else [])
    if where.states:
        keep &= pl.any_horizontal(asked) if asked else pl.lit(False)
    by: pl.Expr | str = where.sort if where.sort in STOCK_TABLE else "sku"
    if by == "state":
        by = pl.col("state").cast(pl.Enum(STATES))
    return table.filter(keep).sort([by, "sku"], descending=[where.descending, False], nulls_last=True)


# ---- the picture ---------------------------------------------------------------------------------------------------


# ---- the figures above ---------------------------------------------------------------------------------------------


# ---- one SKU -------------------------------------------------------------------------------------------------------
