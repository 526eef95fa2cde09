"""How fresh each channel's data are."""

from typing import Final

import polars as pl

FRESHNESS: Final = pl.Schema(
    {
        "channel_id": pl.String,
        "name": pl.String,
        "position": pl.Int64,
        "synced_until": pl.Datetime("us", "UTC"),  # null: nothing ever came in
        "age_seconds": pl.Float64,
        "stale_after_seconds": pl.Int64,
        "is_stale": pl.Boolean,
        "parked": pl.Int64,  # events of the channel that wait for something
    }
)
