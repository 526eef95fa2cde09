"""The last weeks: mean demand over in-stock days, and how stock stood at the end of each day.

Read in the background every few minutes, never for a page view: it reads the order lines and movements of the last 90 days, by
their indexes on time, and nothing older. Stock is played backwards from the levels of now through the movements since.

- Demand is units ordered by the channel's local day, less units that the buyer cancelled before they shipped; kits count as
  themselves and, exploded, as their components.
- A day is an in-stock day of a SKU if any unit was sellable on hand at its end (UTC), or there was demand; of a kit, if some location
  could have put one together. For a channel, only locations that serve it count.
- Days are whole: today is not among those that the mean is taken over.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import polars as pl
import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from data_access.domain.availability import sharing
from data_access.schema.catalog import kit_component
from data_access.schema.orders import cancellation, order_line
from data_access.schema.stock import stock_movement
from data_access.store.frames import MICROS, read

WINDOW_DAYS: Final = 90
MEAN_DAYS: Final = 28
HISTORY_DAYS: Final = 30  # before today
_DAY: Final = 86_400_000_000

DEMAND: Final = pl.Schema(
    {
        "sku": pl.String,
        "channel_id": pl.String,  # null: all channels
        "own_daily": pl.Float64,  # the channel's mean demand a day over its last 28 in-stock days
        "shared_daily": pl.Float64,  # the same of all channels that draw on a location of this one
        "in_stock_days": pl.Int64,  # how many days the mean rests on, at most 28
    }
)
_LINES: Final = pl.Schema(
    {"sku": pl.String, "kit_version": pl.Int64, "channel_id": pl.String, "placed_at": MICROS, "units": pl.Int64, "cancelled_at": MICROS}
)
_MOVES: Final = pl.Schema(
    {"sku": pl.String, "location_id": pl.String, "day": pl.Int64, "sellable": pl.Int64, "unsellable": pl.Int64, "shipped": pl.Int64}
)
_PARTS: Final = pl.Schema({"sku": pl.String, "kit_version": pl.Int64, "component_sku": pl.String, "quantity": pl.Int64})
Ints = npt.NDArray[np.int32]
_Bools = npt.NDArray[np.bool_]
_Floats = npt.NDArray[np.float64]
_Rows = npt.NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Recent:
    """Mean demand, and the end of each of the last `HISTORY_DAYS` days as arrays whose last axis is days, oldest first, today last.

    `on_hand` has a row for each row of `places` (sku, location_id); `sellable` and `open_units` (units of open order lines, allocated
    or backordered) a row for each SKU of `skus`, stocked SKUs in order.
    """

    today: date
    demand: pl.DataFrame
    places: pl.DataFrame
    skus: pl.Series
    on_hand: Ints
    sellable: Ints
    open_units: Ints


def recent(
    bind: Connection | Engine,
    levels: pl.DataFrame,
    backorders: pl.DataFrame,
    kits: pl.DataFrame,
    channels: pl.DataFrame,
    channel_locations: pl.DataFrame,
    now: int,
) -> Recent:
    """Read the window that ends at `now` (microseconds since 1970) and play it backwards from `levels` and `backorders`.

    Frames as `stock.LEVELS`, `stock.BACKORDERS`, `catalog.KITS`, `catalog.CHANNELS` and `catalog.CHANNEL_LOCATIONS`.
    """
    today = now // _DAY
    first_day = today - WINDOW_DAYS
    lines = _exploded(_lines(bind, first_day * _DAY), read(bind, sa.select(*_part_columns()), _PARTS))
    places = levels.select("sku", "location_id", "on_hand", "unsellable", "allocated").sort("sku", "location_id").with_row_index("row")
    skus = places["sku"].unique().sort()
    moves = (
        read(bind, _moves_since(first_day * _DAY), _MOVES)
        .with_columns(day=pl.col("day") - first_day)
        .filter(pl.col("day") <= WINDOW_DAYS)
        .join(places.select("sku", "location_id", "row"), on=["sku", "location_id"])
    )
    shown = slice(WINDOW_DAYS - HISTORY_DAYS, None)
    everything = pl.col("sellable") + pl.col("unsellable")
    on_hand = _backwards(places["on_hand"], _filled(moves.with_columns(units=everything), "units", places.height)[:, shown])
    sellable = _backwards(places["on_hand"] - places["unsellable"], _filled(moves, "sellable", places.height))
    per_sku = np.add.reduceat(sellable[:, shown], _starts(places["sku"]), axis=0) if places.height else sellable[:, shown]
    return Recent(
        today=datetime.fromtimestamp(today * 86_400, UTC).date(),
        demand=_demand(_InStock.of(places, sellable, kits), lines, kits, channels, channel_locations, first_day),
        places=places.select("sku", "location_id"),
        skus=skus,
        on_hand=np.maximum(on_hand, 0),
        sellable=np.maximum(per_sku, 0),
        open_units=_open_units(skus, places, backorders, lines, moves, first_day)[:, shown],
    )


# ---- reading -------------------------------------------------------------------------------------------------------


def _lines(bind: Connection | Engine, since: int) -> pl.DataFrame:
    """Placed lines, and their cancelled units as negative rows: `cancelled_at` is null for a placing."""
    line, gone = order_line.c, cancellation.c
    placed = sa.select(line.sku, line.kit_version, line.channel_id, line.placed_at, line.quantity, sa.null()).where(line.placed_at >= since)
    cancelled = (
        sa.select(line.id, line.sku, line.kit_version, line.channel_id, line.placed_at, gone.quantity, gone.cancelled_at)
        .add_columns(gone.cancelled_by == "buyer", line.quantity - line.shipped_quantity)
        .join_from(order_line, cancellation, gone.line_id == line.id)
        .where(line.placed_at >= since)
        .order_by(line.id, gone.cancelled_at, gone.id)
    )
    schema = pl.Schema([("id", pl.Int64), *_LINES.items(), ("is_buyer", pl.Boolean), ("unshipped", pl.Int64)])
    # what has shipped stays shipped: cancelled units count up to what is left, in the order that they were cancelled
    asked = pl.col("units").cum_sum().over("id")
    allowed = pl.min_horizontal(asked, pl.col("unshipped").clip(lower_bound=0))
    effective = (
        read(bind, cancelled, schema)
        .with_columns(allowed=allowed)
        .with_columns(units=-(pl.col("allowed") - pl.col("allowed").shift(1, fill_value=0).over("id")))
        .select(*_LINES.names(), "is_buyer")
    )
    return pl.concat([read(bind, placed, _LINES).with_columns(is_buyer=pl.lit(False)), effective])


def _part_columns() -> list[sa.ColumnElement[Any]]:
    return [kit_component.c.kit_sku, kit_component.c.kit_version, kit_component.c.component_sku, kit_component.c.quantity]


def _exploded(lines: pl.DataFrame, parts: pl.DataFrame) -> pl.DataFrame:
    """The lines, and those of kits again as their components. `is_stock` marks the rows that are about stocked SKUs."""
    own = lines.with_columns(is_stock=pl.col("kit_version") == 0)
    components = (
        lines.filter(pl.col("kit_version") > 0)
        .join(parts, on=["sku", "kit_version"])
        .with_columns(sku="component_sku", units=pl.col("units") * pl.col("quantity"), is_stock=pl.lit(True))
        .select(own.columns)
    )
    return pl.concat([own, components])


def _moves_since(since: int) -> sa.Executable:
    move = stock_movement.c

    def total(condition: sa.ColumnElement[bool], sign: int = 1) -> sa.ColumnElement[int]:
        return sa.cast(sa.func.sum(sa.case((condition, sign * move.quantity), else_=0)), sa.BigInteger)

    day = move.occurred_at // _DAY
    return (
        sa.select(
            move.sku,
            move.location_id,
            day.label("day"),
            total(move.state == "sellable"),
            total(move.state == "unsellable"),
            total(move.kind == "shipment", -1),
        )
        .where(move.occurred_at >= since)
        .group_by(move.sku, move.location_id, sa.text("day"))
    )


# ---- days ----------------------------------------------------------------------------------------------------------


def _filled(rows: pl.DataFrame, column: str, height: int) -> Ints:
    """Sums of a column by `row` and `day` (0 to `WINDOW_DAYS`)."""
    sums = rows.group_by("row", "day").agg(pl.col(column).sum())
    filled = np.zeros((height, WINDOW_DAYS + 1), dtype=np.int32)
    filled[sums["row"].to_numpy(), sums["day"].to_numpy()] = sums[column].to_numpy()
    return filled


def _backwards(now: pl.Series, changes: Ints) -> Ints:
    """Balances at the end of each day from the balance of now: less all that changed on later days."""
    since = np.cumsum(changes[:, ::-1], axis=1, dtype=np.int32)[:, ::-1]
    balances: Ints = now.to_numpy().astype(np.int32)[:, None] - (since - changes)
    return balances


def _starts(sorted_values: pl.Series) -> _Rows:
    """The first row of each value in a sorted column."""
    return np.flatnonzero(np.diff(sorted_values.rle_id().to_numpy().astype(np.int64), prepend=-1))


def _open_units(
    skus: pl.Series, places: pl.DataFrame, backorders: pl.DataFrame, lines: pl.DataFrame, moves: pl.DataFrame, first_day: int
) -> Ints:
    """Units of open lines at the end of each day: those of now, less placed later, plus shipped or cancelled later."""
    rows = pl.DataFrame({"sku": skus}).with_row_index("row")
    tied = places.group_by("sku").agg(units=pl.col("allocated").sum())
    owed = backorders.group_by("sku").agg(units=pl.col("backordered").sum())
    both = pl.concat([tied, owed]).group_by("sku").agg(pl.col("units").sum())
    now = rows.join(both, on="sku", how="left", maintain_order="left")["units"].fill_null(0)
    happened = pl.coalesce("cancelled_at", "placed_at").cast(pl.Int64) // _DAY - first_day
    ordered = lines.filter("is_stock").select("sku", "units", day=happened)
    left = moves.select("sku", -pl.col("shipped").alias("units"), "day")
    changes = pl.concat([ordered, left]).filter(pl.col("day").is_between(0, WINDOW_DAYS)).join(rows, on="sku")
    return np.maximum(_backwards(now, _filled(changes, "units", len(skus))), 0)


# ---- demand --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _InStock:
    """Whether there was any at the end of each whole day: a row for each row of `at` (sku, location_id), kits included, by SKU."""

    at: pl.DataFrame
    any_left: _Bools

    @classmethod
    def of(cls, places: pl.DataFrame, sellable: Ints, kits: pl.DataFrame) -> "_InStock":
        """From sellable units by place; a kit has a place where each of its components has one."""
        days = sellable[:, :WINDOW_DAYS]
        parts = (
            kits.with_columns(parts=pl.len().over("kit_sku"))
            .join(places.select("row", "location_id", component_sku="sku"), on="component_sku")
            .filter(pl.len().over("kit_sku", "location_id") == pl.col("parts"))
            .sort("kit_sku", "location_id", "component_sku")
        )
        at, any_left = places.select("sku", "location_id"), days > 0
        if parts.height:
            enough = days[parts["row"].to_numpy()] >= parts["quantity"].to_numpy()[:, None]
            starts = _starts(parts.select(pl.struct("kit_sku", "location_id")).to_series())
            kit_places = parts[starts].select("location_id", sku="kit_sku").select("sku", "location_id")
            at = pl.concat([at, kit_places])
            any_left = np.concatenate([any_left, np.logical_and.reduceat(enough, starts, axis=0)])
        order = at.with_row_index("row").sort("sku", "location_id")
        return cls(order.select("sku", "location_id"), any_left[order["row"].to_numpy()])

    def days(self, rows: pl.DataFrame, location_ids: pl.Series | None) -> _Bools:
        """For each SKU of `rows` (sku, row) and day: in stock at any of the locations (None: anywhere)."""
        in_stock = np.zeros((rows.height, WINDOW_DAYS), dtype=np.bool_)
        chosen = self.at.with_row_index("place")
        if location_ids is not None:
            chosen = chosen.filter(pl.col("location_id").is_in(location_ids.implode()))
        if chosen.is_empty():
            return in_stock
        starts = _starts(chosen["sku"])
        any_left = np.logical_or.reduceat(self.any_left[chosen["place"].to_numpy()], starts, axis=0)
        into = chosen[starts].join(rows, on="sku", how="left", maintain_order="left")["row"]
        in_stock[into.to_numpy()] = any_left
        return in_stock


def _demand(
    stock: _InStock, lines: pl.DataFrame, kits: pl.DataFrame, channels: pl.DataFrame, channel_locations: pl.DataFrame, first_day: int
) -> pl.DataFrame:
    """`DEMAND` for every SKU with stock or demand, and every kit."""
    daily = _by_local_day(lines.filter(pl.col("cancelled_at").is_null() | pl.col("is_buyer")), channels, first_day)
    skus = pl.concat([stock.at["sku"], daily["sku"], kits["kit_sku"]]).unique().sort()
    rows = pl.DataFrame({"sku": skus}).with_row_index("row")
    placed = daily.join(rows, on="sku")
    units = {
        channel_id: _filled(placed.filter(pl.col("channel_id") == channel_id), "units", len(skus))[:, :WINDOW_DAYS]
        for channel_id in channels["channel_id"]
    }
    everything = sum(units.values(), np.zeros((len(skus), WINDOW_DAYS), dtype=np.int32))
    means, days = _means([everything, everything], stock.days(rows, None) | (everything > 0))
    frames = [_demand_frame(skus, None, means, days)]
    pairs = sharing(channel_locations)
    for channel_id, own in units.items():
        served = channel_locations.filter(pl.col("channel_id") == channel_id)["location_id"]
        others = pairs.filter((pl.col("channel_id") == channel_id) & (pl.col("other_id") != channel_id))["other_id"]
        shared = sum((units[other] for other in others), own)
        means, days = _means([own, shared], stock.days(rows, served) | (shared > 0))
        frames.append(_demand_frame(skus, channel_id, means, days))
    return pl.concat(frames)


def _by_local_day(lines: pl.DataFrame, channels: pl.DataFrame, first_day: int) -> pl.DataFrame:
    """`sku`, `channel_id`, `day` (0 is `first_day`, by the channel's clock), `units`; whole days only."""
    zones = channels.select("channel_id", "time_zone")
    days = [
        lines.filter(pl.col("channel_id") == channel_id).select(
            "sku",
            "channel_id",
            "units",
            day=pl.col("placed_at").dt.convert_time_zone(zone).dt.date().cast(pl.Int32).cast(pl.Int64) - first_day,
        )
        for channel_id, zone in zones.iter_rows()
    ]
    nothing = pl.DataFrame(schema={"sku": pl.String, "channel_id": pl.String, "units": pl.Int64, "day": pl.Int64})
    return pl.concat([nothing, *days]).filter(pl.col("day").is_between(0, WINDOW_DAYS - 1))


def _means(units: list[Ints], in_stock: _Bools) -> tuple[list[_Floats], npt.NDArray[np.int64]]:
    """Means of each of `units` over the last 28 in-stock days, and how many days those are."""
    newest_first = np.cumsum(in_stock[:, ::-1], axis=1, dtype=np.int32)[:, ::-1]
    chosen = in_stock & (newest_first <= MEAN_DAYS)
    days = chosen.sum(axis=1, dtype=np.int64)
    totals = [np.where(chosen, one, 0).sum(axis=1) for one in units]
    return [np.divide(total, days, out=np.zeros(len(days)), where=days > 0) for total in totals], days


def _demand_frame(
    skus: pl.Series, channel_id: str | None, means: list[npt.NDArray[np.float64]], days: npt.NDArray[np.int64]
) -> pl.DataFrame:
    columns = {"sku": skus, "channel_id": None, "own_daily": means[0], "shared_daily": means[1], "in_stock_days": days}
    return pl.DataFrame(columns, schema=DEMAND).with_columns(channel_id=pl.lit(channel_id, pl.String)).filter(pl.col("in_stock_days") > 0)
