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
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import polars as pl
import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from data_access.domain.availability import sharing
from data_access.queries.frames import MICROS, read
from data_access.schema.catalog import kit_component
from data_access.schema.orders import cancellation, order_line
from data_access.schema.stock import stock_movement

WINDOW_DAYS: Final = 90
MEAN_DAYS: Final = 28
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
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Recent:
    """The last `WINDOW_DAYS` whole days and today, as frames and arrays whose last axis is days, oldest first, today last.

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
    last_day = now // _DAY
    first_day = last_day - WINDOW_DAYS
    lines = _exploded(_lines(bind, first_day * _DAY), read(bind, sa.select(*_part_columns()), _PARTS))
    moves = read(bind, _moves_since(first_day * _DAY), _MOVES).filter(pl.col("day") <= last_day)
    places = levels.select("sku", "location_id", "on_hand", "unsellable", "allocated").sort("sku", "location_id")
    skus = places["sku"].unique().sort()
    grid = _Grid(skus, places, int(first_day))
    on_hand_changes = grid.by_place(moves.with_columns(units=pl.col("sellable") + pl.col("unsellable")), "units")
    on_hand = _backwards(places["on_hand"], on_hand_changes)
    sellable = _backwards(places["on_hand"] - places["unsellable"], grid.by_place(moves, "sellable"))
    starts = _starts(places["sku"])
    per_sku = np.add.reduceat(sellable, starts, axis=0) if len(starts) else sellable
    stock = _SellableStock(skus, places, np.maximum(sellable, 0), starts)
    return Recent(
        today=_date(last_day),
        demand=_demand(stock, lines, kits, channels, channel_locations, int(first_day)),
        places=places.select("sku", "location_id"),
        skus=skus,
        on_hand=np.maximum(on_hand, 0),
        sellable=np.maximum(per_sku, 0),
        open_units=_open_units(grid, places, backorders, lines, moves),
    )


def _date(day: int) -> date:
    return datetime.fromtimestamp(day * 86_400, UTC).date()


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


class _Grid:
    """Where rows of frames go in arrays of SKUs or places by days."""

    def __init__(self, skus: pl.Series, places: pl.DataFrame, first_day: int) -> None:
        self.skus = pl.DataFrame({"sku": skus}).with_row_index("row")
        self.places = places.select("sku", "location_id").with_row_index("row")
        self.first_day = first_day

    def by_place(self, moves: pl.DataFrame, column: str) -> Ints:
        """Units by place and day."""
        return self._filled(moves.join(self.places, on=["sku", "location_id"]), column, self.places.height)

    def by_sku(self, rows: pl.DataFrame, column: str) -> Ints:
        """Units by SKU and day."""
        return self._filled(rows.join(self.skus, on="sku"), column, self.skus.height)

    def _filled(self, rows: pl.DataFrame, column: str, height: int) -> Ints:
        filled = np.zeros((height, WINDOW_DAYS + 1), dtype=np.int64)
        days = (rows["day"] - self.first_day).to_numpy()
        np.add.at(filled, (rows["row"].to_numpy(), days), rows[column].to_numpy())
        return filled


def _backwards(now: pl.Series, changes: Ints) -> Ints:
    """Balances at the end of each day from the balance of now: less all that changed on later days."""
    later = np.cumsum(changes[:, ::-1], axis=1)[:, ::-1] - changes
    result: Ints = now.to_numpy()[:, None] - later
    return result


def _starts(skus: pl.Series) -> npt.NDArray[np.intp]:
    """The first row of each SKU in a sorted column."""
    values = skus.rle_id().to_numpy()
    return np.flatnonzero(np.diff(values, prepend=-1))


def _open_units(grid: _Grid, places: pl.DataFrame, backorders: pl.DataFrame, lines: pl.DataFrame, moves: pl.DataFrame) -> Ints:
    """Units of open lines at the end of each day: those of now, less placed later, plus shipped or cancelled later."""
    owed = backorders.group_by("sku").agg(pl.col("backordered").sum())
    now = (
        grid.skus.join(places.group_by("sku").agg(pl.col("allocated").sum()), on="sku", how="left", maintain_order="left")
        .join(owed, on="sku", how="left", maintain_order="left")
        .select(pl.col("allocated").fill_null(0) + pl.col("backordered").fill_null(0))
        .to_series()
    )
    happened = pl.coalesce("cancelled_at", "placed_at").cast(pl.Int64) // _DAY
    window = pl.col("day").is_between(grid.first_day, grid.first_day + WINDOW_DAYS)
    ordered = lines.filter("is_stock").with_columns(day=happened).filter(window)
    changes = grid.by_sku(ordered, "units") - grid.by_sku(moves.filter(window), "shipped")
    return np.maximum(_backwards(now, changes), 0)


# ---- demand --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _SellableStock:
    """Sellable units at the end of each day by place, and where each SKU's places begin."""

    skus: pl.Series
    places: pl.DataFrame
    sellable: Ints
    starts: npt.NDArray[np.intp]

    def in_stock(self, all_skus: pl.Series, kits: pl.DataFrame, location_ids: pl.Series | None) -> npt.NDArray[np.bool_]:
        """Whether each of `all_skus` was in stock on each whole day, at any of the locations (None: at any at all)."""
        there = self.sellable[:, :WINDOW_DAYS]
        if location_ids is not None:
            there = there * self.places["location_id"].is_in(location_ids.implode()).to_numpy()[:, None]
        found = np.zeros((len(all_skus), WINDOW_DAYS), dtype=np.bool_)
        rows = {sku: row for row, sku in enumerate(all_skus)}
        if len(self.starts):
            found[[rows[sku] for sku in self.skus]] = np.logical_or.reduceat(there > 0, self.starts, axis=0)
        row_of = {key: row for row, key in enumerate(self.places.select("sku", "location_id").iter_rows())} if kits.height else {}
        for (kit,), parts in kits.partition_by("kit_sku", as_dict=True).items():
            for location_id in self.places["location_id"].unique() if kit in rows else ():
                own = [(row_of.get((sku, location_id)), need) for sku, need in parts.select("component_sku", "quantity").iter_rows()]
                if all(row is not None for row, _ in own):
                    found[rows[kit]] |= np.all([there[row] >= need for row, need in own], axis=0)
        return found


def _demand(
    stock: _SellableStock, lines: pl.DataFrame, kits: pl.DataFrame, channels: pl.DataFrame, channel_locations: pl.DataFrame, first_day: int
) -> pl.DataFrame:
    """`DEMAND` for every SKU with stock or demand, and every kit."""
    counted = lines.filter(pl.col("cancelled_at").is_null() | pl.col("is_buyer"))
    local = [
        counted.filter(pl.col("channel_id") == channel_id).with_columns(
            day=pl.col("placed_at").dt.convert_time_zone(zone).dt.date().cast(pl.Int64) - first_day
        )
        for channel_id, zone in channels.select("channel_id", "time_zone").iter_rows()
    ]
    if not local:
        return DEMAND.to_frame()
    daily = pl.concat(local).filter(pl.col("day").is_between(0, WINDOW_DAYS - 1))
    all_skus = pl.concat([stock.skus, daily["sku"], kits["kit_sku"]]).unique().sort()
    rows = daily.join(pl.DataFrame({"sku": all_skus}).with_row_index("row"), on="sku")

    def units(channel_ids: list[str] | None) -> Ints:
        chosen = rows if channel_ids is None else rows.filter(pl.col("channel_id").is_in(channel_ids))
        filled = np.zeros((len(all_skus), WINDOW_DAYS), dtype=np.int64)
        np.add.at(filled, (chosen["row"].to_numpy(), chosen["day"].to_numpy()), chosen["units"].to_numpy())
        return filled

    everything = units(None)
    overall, days = _mean(everything, everything, stock.in_stock(all_skus, kits, None))
    frames = [_demand_frame(all_skus, None, overall, overall, days)]
    pairs = sharing(channel_locations)
    for channel_id in channels["channel_id"]:
        served = channel_locations.filter(pl.col("channel_id") == channel_id)["location_id"]
        others = pairs.filter(pl.col("channel_id") == channel_id)["other_id"].to_list() or [channel_id]
        shared_units = units(others)
        in_stock = stock.in_stock(all_skus, kits, served)
        own, days = _mean(units([channel_id]), shared_units, in_stock)
        shared, _ = _mean(shared_units, shared_units, in_stock)
        frames.append(_demand_frame(all_skus, channel_id, own, shared, days))
    return pl.concat(frames)


def _mean(units: Ints, evidence: Ints, in_stock: npt.NDArray[np.bool_]) -> tuple[npt.NDArray[np.float64], Ints]:
    """Mean of `units` over the last 28 in-stock days (`evidence` of demand counts as in stock), and how many days those are."""
    counted = in_stock | (evidence > 0)
    newest_first = np.cumsum(counted[:, ::-1], axis=1)[:, ::-1]
    chosen = counted & (newest_first <= MEAN_DAYS)
    days = chosen.sum(axis=1)
    total = np.where(chosen, units, 0).sum(axis=1)
    mean = np.divide(total, days, out=np.full(len(days), np.nan), where=days > 0)
    return mean, days


def _demand_frame(
    skus: pl.Series, channel_id: str | None, own: npt.NDArray[np.float64], shared: npt.NDArray[np.float64], days: Ints
) -> pl.DataFrame:
    found = pl.DataFrame(
        {
            "sku": skus,
            "channel_id": pl.Series([channel_id], dtype=pl.String).new_from_index(0, len(skus)),
            "own_daily": own,
            "shared_daily": shared,
            "in_stock_days": days,
        },
        schema=DEMAND,
    )
    return found.filter(pl.col("in_stock_days") > 0)


def recent_days(today: date) -> list[date]:
    """The days of the arrays of `Recent`."""
    return [today - timedelta(days=back) for back in range(WINDOW_DAYS, -1, -1)]
