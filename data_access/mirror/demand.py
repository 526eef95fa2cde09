"""What the mirror tells of demand, a month of placing at a time: units by the channel's day, and what orders took from the stock.

Units of a line count as taken from the moment it is placed: where they shipped from or are allocated; shipping them then changes nothing.
Of units that were cancelled before they shipped nobody knows where they were, and those that are backordered still are nowhere: they are
taken to be where the line says, else at the first location of its channel that keeps the SKU.

SKUs, channels and locations are numbers here: their places in `Names`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

import polars as pl

from data_access.mirror.scan import Mirror

OPEN_DAYS: Final = 92
"""What is taken by lines that were placed longer than this before the first day, and are open still, is left out."""

REGION_DAYS: Final = 364

DAILY: Final = pl.Schema({"cell": pl.Int64, "units": pl.Int64})
LINES_BY_HOUR: Final = pl.Schema({"channel": pl.Int32, "hour": pl.Int8, "lines": pl.UInt32})
NAMED: Final = pl.Schema({"channel": pl.Int32, "location": pl.Int32, "units": pl.Int64})
SENT: Final = pl.Schema({"sku": pl.Int32, "channel": pl.Int32, "region": pl.String, "units": pl.Int64})
CHANGES: Final = pl.Schema({"sku": pl.Int32, "location": pl.Int32, "at": pl.Int64, "units": pl.Int32})
TAKEN: Final = pl.Schema({"sku": pl.Int32, "location": pl.Int32, "units": pl.Int64})

_LINE: Final = [
    *("line_id", "order_id", "sku", "kit_version", "channel_id", "placed_at", "location_id"),
    *("quantity", "shipped_quantity", "allocated_quantity", "backordered_quantity"),
]
_TIED: Final = ["sku", "kit_version", "location", "at", "units", "until", "back"]


@dataclass(frozen=True, slots=True)
class Names:
    """The SKUs, channels and locations of a store."""

    skus: pl.Enum
    channels: pl.Enum
    locations: pl.Enum

    def sku(self, column: str = "sku") -> pl.Expr:
        """The number of a column's SKUs; null for one that is not among them."""
        return _number(column, self.skus)

    def channel(self, column: str = "channel_id") -> pl.Expr:
        """The same of channels."""
        return _number(column, self.channels)

    def location(self, column: str = "location_id") -> pl.Expr:
        """The same of locations."""
        return _number(column, self.locations)


def _number(column: str, names: pl.Enum) -> pl.Expr:
    return pl.col(column).cast(names, strict=False).to_physical().cast(pl.Int32)


@dataclass(frozen=True, slots=True)
class HistorySpan:
    """What is read: whole days from `start` to `last`, and moments from `begins` to before `ends` (microseconds since 1970).

    `zone_of`: the time zone of each channel, by number. `homes`: sku, channel, home: the first location of the channel that keeps the SKU,
    or a component of the kit. `parts`: sku, kit_version, component, quantity of all kits; `allocated`: line_id, location, units.
    """

    start: date
    last: date
    begins: int
    ends: int
    zone_of: Mapping[int, str]
    homes: pl.DataFrame
    parts: pl.DataFrame
    allocated: pl.DataFrame
    names: Names

    @property
    def days(self) -> int:
        """How many days."""
        return (self.last - self.start).days + 1

    @property
    def cell(self) -> pl.Expr:
        """One number for a sku, channel and day: grouping by it is three times faster than by three."""
        return (pl.col("sku").cast(pl.Int64) * len(self.names.channels.categories) + pl.col("channel")) * self.days + pl.col("day")

    def months(self, mirror: Mirror) -> list[str]:
        """The mirror's months of placing (UTC) that may tell something."""
        first, last = (day.strftime("%Y-%m") for day in (self.start - timedelta(days=OPEN_DAYS), self.last + timedelta(days=2)))
        return sorted(month for month in mirror.manifest.parts["line"] if first <= month <= last)


@dataclass(frozen=True, slots=True)
class Month:
    """What one month of placing tells.

    `daily`: units of demand by `HistorySpan.cell`. `hours`: order lines by hour of the channel's day. `named`: units of lines that named a
    location. `sent`: units of the last `REGION_DAYS` that went to a region. `changes`: signed units of free stock of stocked SKUs.
    `taken`: units that lines held right before the end.
    """

    daily: pl.DataFrame
    hours: pl.DataFrame
    named: pl.DataFrame
    sent: pl.DataFrame
    changes: pl.DataFrame
    taken: pl.DataFrame


def month_of(mirror: Mirror, month: str, asked: HistorySpan) -> Month:
    """Read a month of placing."""
    names = asked.names
    lines = (
        mirror.scan("line", only={month})
        .select(_LINE)
        .with_columns(sku=names.sku(), channel=names.channel(), location=names.location(), at=pl.col("placed_at").cast(pl.Int64))
        .filter(pl.col("sku").is_not_null(), pl.col("channel").is_not_null(), pl.col("at") < asked.ends)
        .drop("channel_id", "location_id")
        .collect()
    )
    gone = _gone(mirror, month, lines)
    by_buyer = gone.filter("is_buyer").group_by("line_id").agg(cancelled=pl.col("units").sum())
    demand = (
        lines.select("line_id", "order_id", "sku", "channel", "location", "placed_at", "quantity")
        .join(by_buyer, on="line_id", how="left")
        .with_columns(units=pl.col("quantity") - pl.col("cancelled").fill_null(0))
    )
    local = pl.concat([_local(demand, zone, asked) for zone in sorted({"UTC", *asked.zone_of.values()})])
    changes, taken = _taken(mirror, month, lines, gone, asked)
    return Month(
        daily=local.group_by(cell=asked.cell).agg(pl.col("units").sum()).select(DAILY.names()),
        hours=local.group_by("channel", "hour").agg(lines=pl.len()).select(LINES_BY_HOUR.names()),
        named=local.drop_nulls("location").group_by("channel", "location").agg(pl.col("units").sum()).select(NAMED.names()),
        sent=_sent(mirror, month, local.filter(pl.col("day") >= asked.days - REGION_DAYS)),
        changes=changes,
        taken=taken,
    )


def _local(demand: pl.DataFrame, zone: str, asked: HistorySpan) -> pl.DataFrame:
    """The lines of the channels of a time zone, by `day` (from the start) and `hour` of its clock; only whole days that are asked for."""
    local = pl.col("placed_at").dt.convert_time_zone(zone)
    return (
        demand.filter(pl.col("channel").is_in([channel for channel, its in asked.zone_of.items() if its == zone]))
        .with_columns(day=(local.dt.date() - asked.start).dt.total_days().cast(pl.Int32), hour=local.dt.hour())
        .filter(pl.col("day").is_between(0, asked.days - 1))
    )


def _sent(mirror: Mirror, month: str, demand: pl.DataFrame) -> pl.DataFrame:
    if demand.is_empty():
        return SENT.to_frame()
    orders = mirror.scan("order", only={month}).select("order_id", region="destination_region").drop_nulls("region").collect()
    return demand.join(orders, on="order_id").group_by("sku", "channel", "region").agg(pl.col("units").sum()).select(SENT.names())


def _gone(mirror: Mirror, month: str, lines: pl.DataFrame) -> pl.DataFrame:
    """line_id, at, units, is_buyer: units cancelled before they shipped, for what has shipped stays shipped."""
    allowed = pl.min_horizontal(pl.col("quantity").cum_sum().over("line_id"), pl.col("unshipped").clip(lower_bound=0))
    return (
        mirror.scan("cancellation", only={month})
        .select("line_id", "cancellation_id", "quantity", "cancelled_at", "cancelled_by")
        .collect()
        .join(lines.select("line_id", unshipped=pl.col("quantity") - pl.col("shipped_quantity")), on="line_id")
        .sort("line_id", "cancelled_at", "cancellation_id")
        .with_columns(allowed=allowed)
        .select(
            "line_id",
            at=pl.col("cancelled_at").cast(pl.Int64),
            units=pl.col("allowed") - pl.col("allowed").shift(1, fill_value=0).over("line_id"),
            is_buyer=pl.col("cancelled_by") == "buyer",
        )
        .filter(pl.col("units") > 0)
    )


def _taken(mirror: Mirror, month: str, lines: pl.DataFrame, gone: pl.DataFrame, asked: HistorySpan) -> tuple[pl.DataFrame, pl.DataFrame]:
    """`CHANGES` and `TAKEN` of a month."""
    never = pl.lit(None, pl.Int64)
    shipped = (
        mirror.scan("shipment", only={month})
        .filter("moves_stock")
        .select("line_id", location=asked.names.location(), units="quantity", until=pl.col("shipped_at").cast(pl.Int64))
        .collect()
        .join(lines.select("line_id", "sku", "kit_version", "at"), on="line_id")
        .with_columns(back=never)
    )
    is_open = pl.col("allocated_quantity") + pl.col("backordered_quantity") > 0
    unshipped = (
        lines.filter(is_open | pl.col("line_id").is_in(gone["line_id"].unique().implode()))
        .join(asked.homes, on=["sku", "channel"], how="left")
        .with_columns(location=pl.coalesce("location", "home"), until=pl.lit(asked.ends, pl.Int64), back=never)
    )
    allocated = (
        unshipped.filter(pl.col("allocated_quantity") > 0)
        .join(asked.allocated.rename({"location": "held_at"}), on="line_id", how="left")
        .with_columns(location=pl.coalesce("held_at", "location"), units=pl.coalesce("units", "allocated_quantity"))
    )
    waiting = unshipped.with_columns(units="backordered_quantity").filter(pl.col("units") > 0)
    cancelled = unshipped.drop("until", "back").join(gone.select("line_id", "units", until="at", back="at"), on="line_id")
    every = [part.select(_TIED) for part in (shipped, allocated, waiting, cancelled)]
    tied = _exploded(pl.concat(every).drop_nulls("location"), asked.parts)
    changes = pl.concat(
        [
            tied.select("sku", "location", "at", units=-pl.col("units")),
            tied.drop_nulls("back").select("sku", "location", "units", at="back").select(CHANGES.names()),
        ]
    ).cast({"units": pl.Int32})
    still = tied.filter(pl.col("until") >= asked.ends)
    return (
        changes.filter(pl.col("at").is_between(asked.begins, asked.ends - 1)),
        still.group_by("sku", "location").agg(pl.col("units").sum()).select(TAKEN.names()),
    )


def _exploded(tied: pl.DataFrame, parts: pl.DataFrame) -> pl.DataFrame:
    """Units of kits as units of their components."""
    kits = (
        tied.filter(pl.col("kit_version") > 0)
        .join(parts, on=["sku", "kit_version"])
        .with_columns(sku="component", units=pl.col("units") * pl.col("quantity"))
    )
    return pl.concat([tied.filter(pl.col("kit_version") == 0), kits.select(_TIED)])
