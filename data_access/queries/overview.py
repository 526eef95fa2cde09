"""What needs attention today: each a count, its first items, and the page that shows them all."""

from typing import Any, Final

import polars as pl
from sqlalchemy.engine import Engine

from data_access.queries import inbox

ITEMS: Final = 5
_ITEM: Final[Any] = pl.Struct({"key": pl.String, "label": pl.String, "detail": pl.String})
_ITEMS: Final[Any] = pl.List(_ITEM)
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
WAITING: Final = pl.Schema({"kind": pl.String, "count": pl.Int64})


def waiting(engine: Engine) -> pl.DataFrame:
    """`WAITING`: what waits in the inbox, as its page counts it: inbox_rows (rows and events), conflicts, parked, listings."""
    kinds = {"row": "inbox_rows", "event": "inbox_rows", "conflict": "conflicts", "parked": "parked", "listing": "listings"}
    counts = inbox.counts(engine).select(kind=pl.col("what").replace_strict(kinds), count="waiting")
    return counts.group_by("kind").agg(pl.col("count").sum()).sort("kind").cast(WAITING)


def attention(table: pl.DataFrame, ages: pl.DataFrame, waiting: pl.DataFrame) -> pl.DataFrame:
    """`ATTENTION` of what has a count above 0, the most urgent first.

    `table` as `stock.STOCK_TABLE` for all channels and locations, `ages` as `freshness.FRESHNESS`, `waiting` as `WAITING`.
    """
    counts = dict(waiting.iter_rows())
    by_demand = pl.col("mean_daily_demand")
    demanded = table.filter(pl.col("is_out") & (by_demand > 0)).sort([by_demand, "sku"], descending=[True, False])
    oversell = table.filter("is_oversell").sort(["backordered", "days_of_cover", "sku"], descending=[True, False, False], nulls_last=True)
    owed = table.filter(pl.col("backordered") > 0).sort(["backordered", "sku"], descending=[True, False])
    stale = ages.filter("is_stale").sort("age_seconds", "name", descending=[True, False], nulls_last=False)
    a_day = pl.format("sells {} a day", by_demand.round(1))
    a_count = pl.format("{} units", "backordered")
    left = pl.format("{} left in the pool, {} backordered", "pool", "backordered")
    age = pl.when(pl.col("age_seconds").is_null()).then(pl.lit("nothing came in yet"))
    old = age.otherwise(pl.format("{} minutes old", (pl.col("age_seconds") / 60).floor().cast(pl.Int64)))
    shown = [
        ("oversell", "about to oversell", oversell.height, _items(oversell, "sku", left), "stock", "state=oversell"),
        ("out_with_demand", "out of stock with demand", demanded.height, _items(demanded, "sku", a_day), "stock", "state=out"),
        ("backordered", "backordered", owed.height, _items(owed, "sku", a_count), "stock", "state=oversell"),
        ("stale_channels", "channels with stale data", stale.height, _items(stale, "channel_id", old), "overview", ""),
        ("listings", "listings without a SKU", counts.get("listings", 0), [], "inbox", "tab=listings"),
        ("inbox_rows", "rows and events that could not be taken in", counts.get("inbox_rows", 0), [], "inbox", "tab=rows"),
        ("conflicts", "conflicting events", counts.get("conflicts", 0), [], "inbox", "tab=conflicts"),
        ("parked", "parked events", counts.get("parked", 0), [], "inbox", "tab=parked"),
    ]
    return pl.DataFrame(shown, schema=ATTENTION, orient="row").filter(pl.col("count") > 0)


def _items(rows: pl.DataFrame, key: str, detail: pl.Expr) -> list[dict[str, str]]:
    return rows.head(ITEMS).select(key=key, label="name", detail=detail).to_dicts()
