"""What rates of return are made of: units by the week in which they were shipped, as flat frames.

Weeks begin on Monday, in the channel's time zone. A unit that came back belongs to the week in which it was shipped, whenever it came back.
"""

from typing import Final

import polars as pl

SHIPPED: Final = pl.Schema({"ship_week": pl.Date, "channel_id": pl.String, "sku": pl.String, "units": pl.Int64})

RETURNED: Final = pl.Schema(
    {
        "ship_week": pl.Date,
        "received_on": pl.Date,  # the channel's day
        "channel_id": pl.String,
        "sku": pl.String,
        "reason": pl.String,  # of the taxonomy (`domain.returns.reasons`)
        "units": pl.Int64,
    }
)
