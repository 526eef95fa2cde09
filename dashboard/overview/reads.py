"""What the overview reads."""

import polars as pl

from dashboard.shell import reads as shared
from data_access.queries import overview as attention
from data_access.queries import stock


def overview() -> pl.DataFrame:
    """`overview.ATTENTION`, only what has a count above 0, the most urgent first."""
    snapshot = shared.snapshot()
    table = stock.STOCK_TABLE.to_frame() if snapshot.live is None else shared.all_rows(snapshot, None, ())
    return attention.attention(table, shared.freshness(), snapshot.waiting)
