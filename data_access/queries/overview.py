"""What needs attention today: each a count, its first items, and the page that shows them all."""

from typing import Any, Final

import polars as pl

_ITEMS: Final[Any] = pl.List(pl.Struct({"key": pl.String, "label": pl.String, "detail": pl.String}))
ATTENTION: Final = pl.Schema(
    {
        "kind": pl.String,  # out_with_demand, oversell, backordered, stale_channels, inbox_rows, conflicts, parked, listings
        "label": pl.String,  # what it is, without the count
        "count": pl.Int64,
        "items": _ITEMS,  # the first few, worst first
        "page": pl.String,  # url path of the page that shows them: stock, inbox
        "query": pl.String,  # its query string, without the question mark
    }
)
