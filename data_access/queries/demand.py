"""The demand history that a forecast starts from, and the promotions that move it.

Demand is units ordered by the channel's local day, less what buyers cancelled before it shipped; kits count as themselves. It comes from
the mirror, as does what orders took from each location's stock. What else moved stock is read from the store, and kept beside the mirror.
From the levels of now it is all played backwards, which tells for what share of each day each SKU could be sold on each channel: see
`domain.sellable`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl
import sqlalchemy as sa
from numpy.typing import NDArray
from sqlalchemy.engine import Connection, Engine

from data_access.domain.in_stock import HOURS, Clock
from data_access.domain.sellable import Pool, Span, places, sellable, unlimited
from data_access.engine import now_us, reading
from data_access.errors import InvalidInput
from data_access.mirror.demand import DAILY, LINES_BY_HOUR, NAMED, REGION_DAYS, SENT, TAKEN, HistorySpan, Month, Names, month_of
from data_access.mirror.movements import moves
from data_access.mirror.scan import Mirror
from data_access.queries import catalog
from data_access.schema.catalog import kit_component, listing, product
from data_access.schema.channels import channel, channel_state
from data_access.schema.demand import promotion
from data_access.schema.orders import allocation
from data_access.schema.stock import stock_level, stock_movement
from data_access.store.frames import read
from data_access.store.versions import versions

Floats = NDArray[np.float32]
Numbers = NDArray[np.int32]

PROMOTIONS: Final = pl.Schema(
    {
        "promotion_id": pl.String,
        "sku": pl.String,
        "channel_id": pl.String,
        "starts_on": pl.Date,  # first and last day, in the channel's time zone
        "ends_on": pl.Date,
        "discount": pl.Float64,  # share of the price
    }
)
SERIES: Final = pl.Schema({"sku": pl.String, "channel_id": pl.String, "category": pl.String, "first": pl.Int32})
REGIONS: Final = pl.Schema({"channel_id": pl.String, "category": pl.String, "region": pl.String, "share": pl.Float64})

LEAST_LINES: Final = 1_000
"""With fewer order lines, all hours of a channel's day weigh the same."""

UNHEARD_DAYS: Final = 28
"""Days that a channel's data do not reach are unknown; a channel that was silent for longer sells nothing any more."""

_CHANNELS: Final = pl.Schema({"channel_id": pl.String, "kind": pl.String, "time_zone": pl.String, "synced_until": pl.Int64})
_LISTED: Final = pl.Schema({"sku": pl.String, "channel_id": pl.String, "seen_at": pl.Int64, "launched_on": pl.Date})
_LEVELS: Final = pl.Schema({"sku": pl.String, "location_id": pl.String, "sellable": pl.Int64, "tracked_from": pl.Int64})
_ALLOCATED: Final = pl.Schema({"line_id": pl.Int64, "location_id": pl.String, "units": pl.Int64})
_PARTS: Final = pl.Schema({"sku": pl.String, "kit_version": pl.Int64, "component": pl.String, "quantity": pl.Int64})
_MOVED: Final = pl.Schema({"sku": pl.String, "location_id": pl.String, "units": pl.Int64})
_PLACE: Final = ["sku", "location"]
_TOPICS: Final = ("catalog", "channels", "demand", "stock")


@dataclass(frozen=True, slots=True)
class DemandHistory:
    """Demand by day of all series: SKUs and kits that were ordered on a channel within the days.

    `start`, `last`: the first and the last day, each by the channel's own clock. `series` (`SERIES`): by SKU and channel; `first` is the
    index of the day that a series begins on: of its first order, or before that of its listing or the product's launch, whichever is later.
    Arrays have one row per series and one column per day; before `first` they say nothing.

    `units`: demand. `available`: the share of the day in which the SKU could be sold, 0 to 1; hours count as much as the channel usually
    sells in them. It is 0, too, where nobody knows: see `UNHEARD_DAYS` and `domain.sellable.unlimited`. `discount`: the share of the price
    that promotions took off, the greatest where several did, 0 for none; it goes on for `ahead` days after the last.

    `regions` (`REGIONS`): share of a channel's and category's demand of the last 364 days that went to a region; what named none is missing
    from their sum. `version`: of all that was read; the same version and days give the same history.
    """

    start: date
    last: date
    series: pl.DataFrame
    units: Floats
    available: Floats
    discount: Floats
    regions: pl.DataFrame
    version: str


def promotions(bind: Connection | Engine, sku: str | None = None) -> pl.DataFrame:
    """`PROMOTIONS`, of one SKU or of all, those to come too, by their first day, id, SKU and channel."""
    c = promotion.c
    query = sa.select(*(c[name] for name in PROMOTIONS)).order_by(c.starts_on, c.promotion_id, c.sku, c.channel_id)
    return read(bind, query if sku is None else query.where(c.sku == sku), PROMOTIONS)


def last_over(engine: Engine) -> date:
    """The last day that is over in every channel's time zone, by what is known: what a history may end with."""
    with reading(engine) as connection:
        return _last_over(_channels(connection))


def demand_history(
    engine: Engine,
    mirror: Mirror,
    last: date | None = None,
    days: int = 730,
    ahead: int = 56,
    progress: Callable[[float, str], object] = lambda _share, _step: None,
) -> DemandHistory:
    """Read the demand history from the store and its mirror, which should have just been caught up.

    Args:
        engine: the store.
        mirror: its mirror.
        last: the last day; None for the last that is over in every channel's time zone, by what is known.
        days: how many.
        ahead: days after the last that `discount` covers.
        progress: is told the share done, and what comes next.

    Raises:
        InvalidInput: the last day is not over everywhere.
        StoreUnavailable: the store or the mirror's folder cannot be used.

    """
    progress(0.0, "Reading the stock")
    with reading(engine) as connection:
        channels = _channels(connection)
        over = _last_over(channels)
        if last is not None and last > over:
            raise InvalidInput(f"{last.isoformat()} is not over on every channel: choose a day up to {over.isoformat()}.")
        last = last or over
        store = _Store.of(connection, mirror, channels, last - timedelta(days=days - 1), last)
    asked, months = store.asked, []
    names = asked.months(mirror)
    for number, month in enumerate(names):
        progress(0.2 + 0.6 * number / len(names), f"Reading the orders of {month}")
        months.append(month_of(mirror, month, asked))
    progress(0.8, "Playing the stock backwards")
    series, units = _series(months, store)
    row_of = np.full((len(asked.names.skus.categories), channels.height), -1, np.int32)
    row_of[series["sku"].to_numpy(), series["channel"].to_numpy()] = np.arange(series.height)
    available = _available(store, series, months, units)
    progress(0.95, "Adding the promotions")
    return DemandHistory(
        start=asked.start,
        last=last,
        series=_named(series, store),
        units=units,
        available=available,
        discount=_discount(store, row_of, series.height, days + ahead),
        regions=_regions(months, series, units, store),
        version=store.version,
    )


# ---- the store -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Store:
    """What the store tells, in one snapshot; frames have numbers for names.

    `stocked`: sku, location, sellable (units right before the end), tracked_from; `moved`: sku, location, at, units of all movements of
    sellable stock but shipments.
    """

    asked: HistorySpan
    channels: pl.DataFrame
    serving: dict[int, list[int]]
    categories: pl.Series
    kits: pl.DataFrame
    listed: pl.DataFrame
    stocked: pl.DataFrame
    moved: pl.DataFrame
    promotions: pl.DataFrame
    version: str

    @classmethod
    def of(cls, connection: Connection, mirror: Mirror, channels: pl.DataFrame, start: date, last: date) -> "_Store":
        zones = channels["time_zone"].to_list() or ["UTC"]
        ends = max(_midnight(last + timedelta(days=1), zone) for zone in zones)
        products, serving = catalog.products(connection), catalog.channel_locations(connection)
        locations = catalog.locations(connection)["location_id"].sort()
        names = Names(pl.Enum(products["sku"]), pl.Enum(channels["channel_id"]), pl.Enum(locations))
        level, c, own, move = stock_level.c, kit_component.c, allocation.c, stock_movement.c
        place = {"sku": names.sku(), "location": names.location()}
        since = (
            sa.select(move.sku, move.location_id, sa.cast(sa.func.sum(move.quantity), sa.BigInteger))
            .where(move.occurred_at >= ends, move.state == "sellable")
            .group_by(move.sku, move.location_id)
        )
        levels = read(connection, sa.select(level.sku, level.location_id, level.on_hand - level.unsellable, level.tracked_from), _LEVELS)
        later = read(connection, since, _MOVED).select("units", **place)
        parts = read(connection, sa.select(c.kit_sku, c.kit_version, c.component_sku, c.quantity), _PARTS)
        allocated = read(connection, sa.select(own.line_id, own.location_id, own.quantity), _ALLOCATED)
        served = serving.select(channel=names.channel(), location=names.location())
        locations_of = {number: own["location"].to_list() for (number,), own in served.partition_by("channel", as_dict=True).items()}
        kits = catalog.kits(connection).select("quantity", kit=names.sku("kit_sku"), component=names.sku("component_sku"))
        stocked = (
            levels.select("sellable", "tracked_from", **place)
            .join(later, on=_PLACE, how="left")
            .select(*_PLACE, "tracked_from", sellable=pl.col("sellable") - pl.col("units").fill_null(0))
        )
        at = {**versions(connection), **mirror.manifest.versions}
        return cls(
            asked=HistorySpan(
                start=start,
                last=last,
                begins=min(_midnight(start, zone) for zone in zones),
                ends=ends,
                zone_of=dict(enumerate(channels["time_zone"])),
                homes=_homes(stocked, kits, served),
                parts=parts.with_columns(sku=names.sku(), component=names.sku("component")),
                allocated=allocated.select("line_id", "units", location=names.location()),
                names=names,
            ),
            channels=channels,
            serving=locations_of,
            categories=products["category"],
            kits=kits,
            listed=_listed(connection).with_columns(sku=names.sku(), channel=names.channel()),
            stocked=stocked,
            moved=moves(connection, mirror.folder, mirror.manifest.store_id).select("at", "units", **place),
            promotions=promotions(connection).select("starts_on", "ends_on", "discount", sku=names.sku(), channel=names.channel()),
            version="-".join([mirror.manifest.store_id.strip('"'), *(f"{topic}.{at.get(topic, 0)}" for topic in ("orders", *_TOPICS))]),
        )


def _homes(stocked: pl.DataFrame, kits: pl.DataFrame, served: pl.DataFrame) -> pl.DataFrame:
    """`HistorySpan.homes`, from locations by channel in order of priority."""
    parts = kits.join(stocked, left_on="component", right_on="sku").select("location", sku="kit")
    keeping = pl.concat([stocked.select("location", "sku"), parts])
    order = served.with_row_index("rank").join(keeping, on="location").sort("rank")
    return order.unique(["sku", "channel"], keep="first").select("sku", "channel", home="location")


def _channels(connection: Connection) -> pl.DataFrame:
    c, state = channel.c, channel_state.c
    query = sa.select(c.channel_id, c.kind, c.time_zone, state.synced_until).join(
        channel_state, state.channel_id == c.channel_id, isouter=True
    )
    return read(connection, query, _CHANNELS).sort("channel_id")


def _listed(connection: Connection) -> pl.DataFrame:
    c = listing.c
    query = sa.select(c.sku, c.channel_id, sa.func.min(c.first_seen_at), product.c.launched_on).join(product, product.c.sku == c.sku)
    return read(connection, query.group_by(c.sku, c.channel_id, product.c.launched_on), _LISTED)


def _midnight(day: date, zone: str) -> int:
    """The beginning of a day in a time zone, in microseconds since 1970."""
    return int(datetime.combine(day, time(), ZoneInfo(zone)).timestamp()) * 1_000_000


def _day(at: int, zone: str) -> date:
    return datetime.fromtimestamp(at // 1_000_000, UTC).astimezone(ZoneInfo(zone)).date()


def _last_over(channels: pl.DataFrame) -> date:
    """The last day that was over on every channel when something was last heard from any."""
    heard, now = channels["synced_until"].max(), now_us()
    at = min(heard, now) if isinstance(heard, int) else now
    return min((_day(at, zone) for zone in channels["time_zone"]), default=_day(at, "UTC")) - timedelta(days=1)


# ---- series --------------------------------------------------------------------------------------------------------


def _series(months: list[Month], store: _Store) -> tuple[pl.DataFrame, Floats]:
    """Series: sku, channel (numbers), sold (the day of the first order), first; by SKU's and channel's names. And their units."""
    days, channels = store.asked.days, store.channels.height
    daily = pl.concat([DAILY.to_frame(), *(month.daily for month in months)])
    cell, ordered = daily["cell"].to_numpy(), daily["units"].to_numpy()
    pair = cell // days
    pairs = np.flatnonzero(np.bincount(pair, ordered, len(store.categories) * channels))
    row_of = np.full(len(store.categories) * channels, -1, np.int32)
    row_of[pairs] = np.arange(len(pairs))
    units = np.zeros((len(pairs), days), np.float32)
    row = row_of[pair].astype(np.int64)
    some = row >= 0
    np.add.at(units.reshape(-1), (row * days + cell % days)[some], ordered[some].astype(np.float32))
    sold_pairs = pl.DataFrame(
        {"sku": pairs // max(channels, 1), "channel": pairs % max(channels, 1), "sold": (units > 0).argmax(axis=1)},
        {"sku": pl.Int32, "channel": pl.Int32, "sold": pl.Int32},
    )
    begun = sold_pairs.join(_listed_days(store), on=["sku", "channel"], how="left", maintain_order="left")
    return begun.select("sku", "channel", "sold", first=pl.min_horizontal("sold", "listed").clip(lower_bound=0)), units


def _listed_days(store: _Store) -> pl.DataFrame:
    """sku, channel (numbers), listed: the day of the listing, or of the launch if that is later; counted from the start."""
    seen = [
        own.with_columns(
            seen_on=pl.col("seen_at").cast(pl.Datetime("us", "UTC")).dt.convert_time_zone(store.asked.zone_of[number]).dt.date()
        )
        for (number,), own in store.listed.drop_nulls(["sku", "channel"]).partition_by("channel", as_dict=True).items()
    ]
    nothing = pl.DataFrame(schema={"sku": pl.Int32, "channel": pl.Int32, "listed": pl.Int32})
    days = (pl.max_horizontal("seen_on", "launched_on") - store.asked.start).dt.total_days().cast(pl.Int32)
    return pl.concat([nothing, *(own.select("sku", "channel", listed=days) for own in seen)])


def _named(series: pl.DataFrame, store: _Store) -> pl.DataFrame:
    names = store.asked.names
    return pl.DataFrame(
        {
            "sku": names.skus.categories.gather(series["sku"]),
            "channel_id": names.channels.categories.gather(series["channel"]),
            "category": store.categories.gather(series["sku"]),
            "first": series["first"],
        },
        SERIES,
    )


# ---- stock ---------------------------------------------------------------------------------------------------------


def _available(store: _Store, series: pl.DataFrame, months: list[Month], units: Floats) -> Floats:
    asked = store.asked
    taken = pl.concat([TAKEN.to_frame(), *(month.taken for month in months)]).group_by(_PLACE).agg(taken=pl.col("units").sum())
    moved_from = store.moved.group_by(_PLACE).agg(moved_from=pl.col("at").min())
    free = pl.col("sellable") - pl.col("taken").fill_null(0)
    stocked = (
        store.stocked.join(taken, on=_PLACE, how="left")
        .join(moved_from, on=_PLACE, how="left")
        .select(*_PLACE, free=free, known_from=pl.min_horizontal("tracked_from", "moved_from"))
    )
    inside = store.moved.filter(pl.col("at").is_between(asked.begins, asked.ends - 1))
    changes = pl.concat([inside.select(*_PLACE, "at", pl.col("units").cast(pl.Int32)), *(month.changes for month in months)])
    known = places(stocked, changes, store.kits, len(store.categories), asked.begins, asked.ends)
    hours = pl.concat([LINES_BY_HOUR.to_frame(), *(month.hours for month in months)])
    named = pl.concat([NAMED.to_frame(), *(month.named for month in months)])
    shares = np.empty_like(units)
    for number, (_, kind, zone, synced_until) in enumerate(store.channels.iter_rows()):
        mine = series.with_row_index("row").filter(pl.col("channel") == number)
        rows = mine["row"].to_numpy()
        clock = _clock(zone, asked.start, hours.filter(pl.col("channel") == number))
        pools = _pools(kind, store.serving.get(number, []), named.filter(pl.col("channel") == number))
        midnights = np.array([_midnight(asked.start + timedelta(days=day), zone) for day in range(asked.days)])
        sold_from = midnights[mine["sold"].to_numpy()]
        own = sellable(known, mine["sku"].to_numpy(), sold_from, pools, Span(clock, asked.begins, asked.ends, asked.days))
        own[unlimited(units[rows], own, mine["first"].to_numpy())] = 1.0
        if synced_until is not None:
            heard = (_day(synced_until, zone) - asked.start).days
            if asked.days - heard <= UNHEARD_DAYS:
                own[:, max(heard, 0) :] = 0.0
        shares[rows] = own
    return shares


def _clock(zone: str, start: date, hours: pl.DataFrame) -> Clock:
    lines = np.bincount(hours["hour"].to_numpy(), hours["lines"].to_numpy(), HOURS).astype(np.float64)
    return Clock.of(zone, start, lines + 1.0 if lines.sum() >= LEAST_LINES else np.ones(HOURS))


def _pools(kind: str, locations: list[int], named: pl.DataFrame) -> list[Pool]:
    """What a channel's customers draw on: all of its locations, or at tills each for itself."""
    if kind != "retail":
        return [Pool(tuple(locations), 1.0)]
    units = dict(named.group_by("location").agg(pl.col("units").sum()).iter_rows())
    weights = [float(units.get(location, 0)) for location in locations]
    return [Pool((location,), weight if sum(weights) else 1.0) for location, weight in zip(locations, weights, strict=True)]


# ---- promotions and regions ----------------------------------------------------------------------------------------


def _discount(store: _Store, row_of: Numbers, rows: int, days: int) -> Floats:
    discounts = np.zeros((rows, days), np.float32)
    start = store.asked.start
    shown = store.promotions.select(
        "discount",
        row=pl.Series(row_of[store.promotions["sku"].to_numpy(), store.promotions["channel"].to_numpy()]),
        first=(pl.col("starts_on") - start).dt.total_days().clip(lower_bound=0),
        last=(pl.col("ends_on") - start).dt.total_days().clip(upper_bound=days - 1),
    )
    shown = shown.filter((pl.col("row") >= 0) & (pl.col("last") >= pl.col("first")))
    length = (shown["last"] - shown["first"] + 1).to_numpy()
    number = np.repeat(np.arange(len(length)), length)
    day = shown["first"].to_numpy()[number] + np.arange(len(number)) - np.repeat(np.cumsum(length) - length, length)
    np.maximum.at(discounts, (shown["row"].to_numpy()[number], day), shown["discount"].to_numpy().astype(np.float32)[number])
    return discounts


def _regions(months: list[Month], series: pl.DataFrame, units: Floats, store: _Store) -> pl.DataFrame:
    names = store.asked.names

    def named(rows: pl.DataFrame) -> pl.DataFrame:
        return rows.select(
            "units",
            channel_id=names.channels.categories.gather(rows["channel"]),
            category=store.categories.gather(rows["sku"]),
            region="region" if "region" in rows.columns else pl.lit(None, pl.String),
        )

    sent = named(pl.concat([SENT.to_frame(), *(month.sent for month in months)]))
    ordered = named(series.with_columns(units=pl.Series(units[:, -REGION_DAYS:].sum(axis=1, dtype=np.float64))))
    key = ["channel_id", "category"]
    return (
        sent.group_by(*key, "region")
        .agg(pl.col("units").sum())
        .filter(pl.col("units") > 0)
        .join(ordered.group_by(key).agg(everything=pl.col("units").sum()), on=key)
        .with_columns(share=pl.col("units") / pl.col("everything"))
        .select(REGIONS.names())
        .sort(*key, "region")
    )
