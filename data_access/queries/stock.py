"""Live stock: levels, what each channel may sell, and the entries behind every number."""

from dataclasses import dataclass
from typing import Final, Literal

import polars as pl

from data_access.domain.availability import AVAILABILITY, WATERFALL
from data_access.queries.frames import MICROS

State = Literal["oversell", "out", "low", "over", "healthy"]
STATES: Final[tuple[State, ...]] = ("oversell", "out", "low", "over", "healthy")  # the most urgent first


LEVELS: Final = pl.Schema(
    {
        "sku": pl.String,
        "location_id": pl.String,
        "on_hand": pl.Int64,
        "unsellable": pl.Int64,
        "allocated": pl.Int64,
        "on_order": pl.Int64,
        "is_assumed": pl.Boolean,
    }
)
BACKORDERS: Final = pl.Schema({"sku": pl.String, "channel_id": pl.String, "backordered": pl.Int64})
STOCK_TABLE: Final = pl.Schema(
    {
        "sku": pl.String,
        "name": pl.String,
        "category": pl.String,
        "is_kit": pl.Boolean,
        "available_to_sell": pl.Int64,  # of the chosen channel; null when no channel is chosen
        "available": pl.Int64,  # over the chosen locations; null for a chosen channel that does not sell the SKU
        "on_hand": pl.Int64,
        "allocated": pl.Int64,
        "backordered": pl.Int64,
        "unsellable": pl.Int64,
        "on_order": pl.Int64,
        "pool": pl.Int64,  # what the state is judged by
        "mean_daily_demand": pl.Float64,  # over the last 28 in-stock days; null without any
        "days_of_cover": pl.Float64,  # null when the demand is unknown or 0
        "lead_time_days": pl.Float64,  # 7 when unknown
        "lead_time_is_known": pl.Boolean,
        "state": pl.String,  # the most urgent of STATES that applies
        "is_out": pl.Boolean,
        "is_low": pl.Boolean,
        "is_over": pl.Boolean,
        "is_oversell": pl.Boolean,
        "is_assumed": pl.Boolean,
    }
)
KPIS: Final = pl.Schema(
    {
        "kpi": pl.String,  # on_hand, available, allocated, backordered, skus_out
        "label": pl.String,
        "value": pl.Int64,
        "unit": pl.String,  # units or SKUs
        "history": pl.List(pl.Int64),  # one figure a day, oldest first, the last is `value`; empty where it cannot be told
        "help": pl.String,  # how value and history are made
    }
)
PICTURE: Final = pl.Schema(
    {
        "location_id": pl.String,
        "location_name": pl.String,
        "segment": pl.String,  # allocated, only, shared, unserved, unsellable
        "channel_id": pl.String,  # of allocated and only; else null
        "label": pl.String,  # e.g. "Allocated: Amazon", "Available: only Shop", "Available: shared", "Unsellable"
        "units": pl.Int64,  # sum to on_hand per location
    }
)
LEDGER: Final = pl.Schema(
    {
        "movement_id": pl.Int64,
        "occurred_at": MICROS,
        "sku": pl.String,
        "location_id": pl.String,
        "state": pl.String,
        "kind": pl.String,
        "quantity": pl.Int64,
        "source": pl.String,
        "event_ref": pl.String,  # the source's own id of the event
        "event_kind": pl.String,
    }
)
OPEN_LINES: Final = pl.Schema(
    {
        "channel_id": pl.String,
        "order_ref": pl.String,
        "line_ref": pl.String,
        "sold_sku": pl.String,  # the kit, where the SKU was sold in one
        "placed_at": MICROS,
        "ship_by_at": MICROS,
        "kind": pl.String,  # allocated or backordered
        "location_id": pl.String,  # of allocated units
        "units": pl.Int64,  # of the SKU asked for: sum to allocated and backordered
    }
)
PURCHASE_LINES: Final = pl.Schema(
    {
        "po_ref": pl.String,
        "supplier_name": pl.String,
        "location_id": pl.String,
        "placed_at": MICROS,
        "expected_at": MICROS,
        "quantity": pl.Int64,
        "received_quantity": pl.Int64,
        "on_order": pl.Int64,
    }
)


@dataclass(frozen=True, slots=True)
class StockFilter:
    """What the live stock page is asked for. Empty means all.

    The channel sets whose `available_to_sell`, `pool`, `backordered` and state are shown. Locations restrict `on_hand`,
    `allocated`, `unsellable`, `on_order` and `available`, and keep only SKUs with a level there. `text` is found in SKU or name,
    ignoring case. `states` finds a SKU by any state that applies to it. `sort` is a column of `STOCK_TABLE`.
    """

    channel_id: str | None = None
    location_ids: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    text: str = ""
    states: tuple[str, ...] = ()
    sort: str = "sku"
    descending: bool = False


__all__ = [
    "AVAILABILITY",
    "BACKORDERS",
    "KPIS",
    "LEDGER",
    "LEVELS",
    "OPEN_LINES",
    "PICTURE",
    "PURCHASE_LINES",
    "STATES",
    "STOCK_TABLE",
    "WATERFALL",
    "State",
    "StockFilter",
]
