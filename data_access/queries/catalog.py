"""The catalogue as pages need it: products with lead times, kits, listings, channels, locations."""

from typing import Final

import polars as pl

PRODUCTS: Final = pl.Schema(
    {
        "sku": pl.String,
        "name": pl.String,
        "category": pl.String,
        "is_kit": pl.Boolean,
        "lead_time_days": pl.Float64,  # null when unknown
    }
)
KITS: Final = pl.Schema({"kit_sku": pl.String, "component_sku": pl.String, "quantity": pl.Int64})
LISTINGS: Final = pl.Schema({"sku": pl.String, "channel_id": pl.String, "maximum": pl.Int64})
CHANNELS: Final = pl.Schema(
    {
        "channel_id": pl.String,
        "name": pl.String,
        "kind": pl.String,
        "marketplace": pl.String,
        "currency": pl.String,
        "time_zone": pl.String,
        "position": pl.Int64,
        "stale_after_seconds": pl.Int64,
    }
)
LOCATIONS: Final = pl.Schema({"location_id": pl.String, "name": pl.String, "kind": pl.String, "country": pl.String, "time_zone": pl.String})
CHANNEL_LOCATIONS: Final = pl.Schema({"channel_id": pl.String, "location_id": pl.String, "priority": pl.Int64})
