"""What each channel may sell: from units on hand to available to sell, by SKU and by kit. Pure frames in, frames out."""

from typing import Final

import polars as pl

AVAILABILITY: Final = pl.Schema(
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
        "channel_buffer": pl.Int64,
        "listing_maximum": pl.Int64,
        "available_to_sell": pl.Int64,
        "binding_rule": pl.String,
    }
)

WATERFALL: Final = pl.Schema(
    {
        "channel_id": pl.String,
        "step": pl.Int64,
        "label": pl.String,
        "units": pl.Int64,
        "running": pl.Int64,
        "is_total": pl.Boolean,
        "rule": pl.String,
        "binds": pl.Boolean,
    }
)
