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

import numpy as np
import polars as pl
from sqlalchemy.engine import Connection, Engine

from data_access.domain import availability as rules
from data_access.domain.buffers import Withheld, channel_buffers, figures
from data_access.queries import buffers, catalog, stock
from data_access.queries.recent import DEMAND, MEAN_DAYS, Ints, Recent
from data_access.queries.stock import KPIS, PICTURE, STATES, STOCK_TABLE, StockFilter

UNKNOWN_LEAD_TIME_DAYS: Final = 7.0
OVER_DAYS: Final = 120.0
_MOST_CHUNKS: Final = 16  # putting a frame's memory together again costs more than a few chunks do
ALL: Final = "*"  # stands for a channel that every location serves


@dataclass(frozen=True, slots=True)
class Catalogue:
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

    catalogue: Catalogue
    demand: pl.DataFrame
    withheld: Withheld
    withheld_until: int | None
    levels: pl.DataFrame
    backorders: pl.DataFrame
    allocated: pl.DataFrame
    places: pl.DataFrame
    availability: pl.DataFrame
    overall: pl.DataFrame


def load_catalogue(bind: Connection | Engine) -> Catalogue:
    """Read the catalogue, channels and locations."""
    listings = catalog.listings(bind)
    return Catalogue(
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


def load(bind: Connection | Engine, catalogue: Catalogue, withheld: Withheld, demand: pl.DataFrame, now: int) -> Live:
    """Read all levels and work out all figures. `withheld` by `load_withheld`; for the others see `figured`."""
    return figured(catalogue, stock.levels(bind), stock.backorders(bind), stock.allocated(bind), withheld, demand, now)


def figured(
    catalogue: Catalogue,
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
    """The figures after a change of these SKUs: only they, and the kits that contain them, are read and worked out anew."""
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


def _stock(catalogue: Catalogue, levels: pl.DataFrame, backorders: pl.DataFrame) -> rules.Stock:
    return rules.Stock(levels, backorders, catalogue.channel_locations, catalogue.kits, catalogue.caps, catalogue.keeps_listings)


def _figures(part: rules.Stock, catalogue: Catalogue, withheld: Withheld) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    places, availability = figures(part, withheld)
    everywhere = replace(
        part,
        channel_locations=catalogue.locations.select("location_id", channel_id=pl.lit(ALL)),
        backorders=part.backorders.with_columns(channel_id=pl.lit(ALL)),
    )
    return places, availability, rules.pools(everywhere, places)


def _swapped(frame: pl.DataFrame, fresh: pl.DataFrame, skus: Collection[str]) -> pl.DataFrame:
    found = pl.concat([frame.filter(~pl.col("sku").is_in(skus)), fresh])
    return found.rechunk() if found.n_chunks() > _MOST_CHUNKS else found


# ---- the table -----------------------------------------------------------------------------------------------------


def rows(live: Live, recent: Recent | None, ages: pl.DataFrame, channel_id: str | None, location_ids: tuple[str, ...]) -> pl.DataFrame:
    """`STOCK_TABLE` of every SKU of the channel and locations, by SKU. `ages` as `freshness.FRESHNESS`; without `recent`, no demand."""
    scope = _scope(live, channel_id, location_ids)
    on_order = live.levels.filter((pl.col("on_order") > 0) & pl.col("location_id").is_in(scope.implode()))
    found = (
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
        found.with_columns(pl.col(units).fill_null(0), pl.col("is_assumed", "is_ageing").fill_null(False))
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
        found = rules.totals(live.places.filter(pl.col("location_id").is_in(scope.implode())))
    else:
        found = live.overall if channel_id is None else live.availability.filter(pl.col("channel_id") == channel_id)
    return found.select("sku", "on_hand", "allocated", "unsellable", "available")


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
        found = live.overall.select("sku", "pool", available_to_sell=pl.lit(None, pl.Int64))
    else:
        found = live.availability.filter(pl.col("channel_id") == channel_id).select("sku", "pool", "available_to_sell")
    return found.join(own, on="sku", how="left")


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


def _with_states(found: pl.DataFrame) -> pl.DataFrame:
    pool, cover = pl.col("pool"), pl.col("days_of_cover")
    unsold = (pl.col("shared_daily") == 0) & (pl.col("in_stock_days") >= MEAN_DAYS)
    owed = pl.col("backordered") > 0
    return found.with_columns(
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


def picture(live: Live, table: pl.DataFrame, where: StockFilter) -> pl.DataFrame:
    """`PICTURE` of the stocked SKUs of `table`: every unit on hand once, at its location, under what may become of it.

    Allocated units by the channel whose order lines they are tied to; free units by who can sell them, which is a channel that
    lists the SKU and that the location serves: only one, several (shared), or none (unserved).
    """
    scope = _scope(live, where.channel_id, where.location_ids)
    skus = table.filter(~pl.col("is_kit")).select("sku")
    levels = live.levels.filter(pl.col("location_id").is_in(scope.implode())).join(skus, on="sku", how="semi")
    tied = live.allocated.join(levels.select("sku", "location_id"), on=["sku", "location_id"], how="semi")
    free = pl.col("on_hand") - pl.col("unsellable") - pl.col("allocated")
    by_reach = _reach(live, levels).group_by("location_id", "segment", "channel_id").agg(units=free.sum())
    unsellable = levels.group_by("location_id").agg(units=pl.col("unsellable").sum())
    parts = [
        tied.group_by("location_id", "channel_id").agg(pl.col("units").sum()).with_columns(segment=pl.lit("allocated")),
        by_reach,
        unsellable.with_columns(segment=pl.lit("unsellable"), channel_id=pl.lit(None, pl.String)),
    ]
    order = pl.Enum(["allocated", "only", "shared", "unserved", "unsellable"])
    name = pl.col("channel_name")
    label = (
        pl.when(pl.col("segment") == "allocated")
        .then(pl.concat_str(pl.lit("Allocated: "), name))
        .when(pl.col("segment") == "only")
        .then(pl.concat_str(pl.lit("Available: only "), name))
        .when(pl.col("segment") == "shared")
        .then(pl.lit("Available: shared by channels"))
        .when(pl.col("segment") == "unserved")
        .then(pl.lit("Available: no channel sells it here"))
        .otherwise(pl.lit("Unsellable"))
    )
    return (
        pl.concat([part.select("location_id", "segment", "channel_id", "units") for part in parts])
        .filter(pl.col("units") != 0)
        .join(live.catalogue.locations.select("location_id", location_name="name"), on="location_id")
        .join(live.catalogue.channels.select("channel_id", "position", channel_name="name"), on="channel_id", how="left")
        .with_columns(label=label)
        .sort("location_name", "location_id", pl.col("segment").cast(order), "position")
        .select(PICTURE.names())
    )


def _reach(live: Live, levels: pl.DataFrame) -> pl.DataFrame:
    """The levels with `segment` only, shared or unserved, and the only channel."""
    sold = live.availability.filter("is_listed").select("sku", "channel_id")
    serving = live.catalogue.channel_locations.partition_by("channel_id", as_dict=True).items()
    marks = [(f"sold on {channel_id}", channel_id, own["location_id"]) for (channel_id,), own in serving]
    listed = levels.select("sku").unique()
    for mark, channel_id, _ in marks:
        own = sold.filter(pl.col("channel_id") == channel_id).select("sku", pl.lit(True).alias(mark))
        listed = listed.join(own, on="sku", how="left")
    found = levels.join(listed, on="sku").with_columns(
        pl.col(mark).fill_null(False) & pl.col("location_id").is_in(places.implode()) for mark, _, places in marks
    )
    count = pl.sum_horizontal([pl.lit(0), *(pl.col(mark).cast(pl.Int64) for mark, _, _ in marks)])
    first = pl.coalesce([pl.lit(None, pl.String), *(pl.when(pl.col(mark)).then(pl.lit(channel_id)) for mark, channel_id, _ in marks)])
    return found.with_columns(
        segment=pl.when(count == 0).then(pl.lit("unserved")).when(count == 1).then(pl.lit("only")).otherwise(pl.lit("shared")),
        channel_id=pl.when(count == 1).then(first),
    )


# ---- the figures above ---------------------------------------------------------------------------------------------


def kpis(live: Live, recent: Recent | None, table: pl.DataFrame, where: StockFilter) -> pl.DataFrame:
    """`KPIS` of the rows of `table`. Kits are left out of units, because their units are their components'.

    The history of `on_hand` comes from the ledger. The others' also rest on order lines, as if open units had been allocated, at
    the end of each day, as far as sellable units went; it is told for all channels and locations alone.
    """
    stocked = table.filter(~pl.col("is_kit"))
    history = _histories(live, recent, table, where)
    shown = [
        ("on_hand", "On hand", stocked["on_hand"].sum(), "units", "Units at the locations, in any state."),
        ("available", "Available", stocked["available"].sum(), "units", "On hand less allocated, unsellable and location buffers."),
        ("allocated", "Allocated", stocked["allocated"].sum(), "units", "Tied to placed, unshipped order lines."),
        ("backordered", "Backordered", stocked["backordered"].sum(), "units", "Sold, not yet allocatable; served oldest first."),
        ("skus_out", "SKUs out", table["is_out"].sum(), "SKUs", "SKUs and kits whose pool is 0 or less."),
    ]
    figures = pl.DataFrame(shown, schema=["kpi", "label", "value", "unit", "help"], orient="row")
    told = [[*history[kpi], value] if kpi in history else [] for kpi, _, value, _, _ in shown]
    return figures.with_columns(history=pl.Series(told, dtype=KPIS["history"])).select(KPIS.names()).cast(KPIS)


def _histories(live: Live, recent: Recent | None, table: pl.DataFrame, where: StockFilter) -> dict[str, list[int]]:
    """Figures at the end of each of the last `recent.HISTORY_DAYS` days before today."""
    if recent is None:
        return {}
    shown = table["sku"].implode()
    places = recent.places.with_row_index("row").filter(pl.col("sku").is_in(shown))
    if where.channel_id is not None or where.location_ids:
        here = pl.col("location_id").is_in(_scope(live, where.channel_id, where.location_ids).implode())
        return {"on_hand": _sums(recent.on_hand, places.filter(here)["row"])}
    rows = pl.DataFrame({"sku": recent.skus}).with_row_index("row").filter(pl.col("sku").is_in(shown))["row"]
    allocated = np.minimum(recent.open_units, recent.sellable)
    free = (recent.sellable - recent.open_units)[:, :-1]
    never_stocked = table.filter(~pl.col("is_kit") & ~pl.col("sku").is_in(recent.skus.implode())).height
    out = (free[rows.to_numpy()] <= 0).sum(axis=0) + never_stocked + _kits_out(live, recent, table, free)
    return {
        "on_hand": _sums(recent.on_hand, places["row"]),
        "available": _sums(recent.sellable - allocated, rows),
        "allocated": _sums(allocated, rows),
        "backordered": _sums(recent.open_units - allocated, rows),
        "skus_out": out.tolist(),
    }


def _sums(balances: Ints, rows: pl.Series) -> list[int]:
    """Sums over rows of each day but today, which the live figures tell."""
    chosen = balances if len(rows) == len(balances) else balances[rows.to_numpy()]
    sums: list[int] = chosen[:, :-1].sum(axis=0, dtype=np.int64).tolist()
    return sums


def _kits_out(live: Live, recent: Recent, table: pl.DataFrame, free: Ints) -> Ints:
    """How many kits of the table lacked a component at the end of each day."""
    shown = table.filter("is_kit").select("sku")
    rows = pl.DataFrame({"sku": recent.skus}).with_row_index("row")
    parts = live.catalogue.kits.join(shown, left_on="kit_sku", right_on="sku", how="semi").join(
        rows, left_on="component_sku", right_on="sku", how="left"
    )
    never = parts.filter(pl.col("row").is_null())["kit_sku"].unique()
    able = parts.filter(~pl.col("kit_sku").is_in(never.implode())).sort("kit_sku")
    lacking = free[able["row"].to_numpy()] < able["quantity"].to_numpy()[:, None]
    starts = np.flatnonzero(np.diff(able["kit_sku"].rle_id().to_numpy().astype(np.int64), prepend=-1))
    lacking_any = np.logical_or.reduceat(lacking, starts, axis=0) if able.height else lacking
    out: Ints = lacking_any.sum(axis=0, dtype=np.int32) + len(never)
    return out


# ---- one SKU -------------------------------------------------------------------------------------------------------


def waterfall(live: Live, sku: str) -> pl.DataFrame:
    """`availability.WATERFALL` of one SKU or kit for each channel that sells it, by the channels' position."""
    steps = rules.waterfall(live.availability.filter(pl.col("sku") == sku))
    positions = live.catalogue.channels.select("channel_id", "position")
    return steps.join(positions, on="channel_id", how="left").sort("position", "channel_id", "step").drop("position")
