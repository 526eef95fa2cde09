"""How much stock a SKU must have had before a file of orders begins: an assumption, and labelled so."""

import re
from typing import Final

import polars as pl

from data_access.errors import InvalidInput

DAY_US: Final = 86_400_000_000
MEAN_DAYS: Final = 90

OPENINGS: Final = {"sku": pl.String(), "position": pl.Int64(), "occurred_at": pl.Int64(), "quantity": pl.Int64()}
"""Schema of `openings`. `position`: of the SKU's first row; `occurred_at`: a microsecond before it; `quantity`: units."""


def cover_days(option: str) -> int:
    """30 from `cover:30d`.

    Raises:
        InvalidInput: it is written otherwise.

    """
    match = re.fullmatch(r"cover:(\d{1,3})d", option)
    if match is None or not 1 <= int(match[1]) <= 365:
        raise InvalidInput(f"--opening-stock {option!r} is not understood: write cover:30d for 30 days of demand (1 to 365).")
    return int(match[1])


def openings(rows: pl.DataFrame, cover: int, restocks: bool) -> pl.DataFrame:
    """The opening of each SKU of a file, at the one location that it moves stock at.

    The smallest opening with which the balance never falls below 0 in the file's course (at one instant, what leaves counts before
    what comes) and with which it ends at no less than `cover` days of the mean daily demand of the file's last 90 days (of all its
    days, if they are fewer). Open lines need their units too. Demand: units ordered, without those that buyers cancelled.

    Args:
        rows: good rows by `files.orders.ROWS`, without charges.
        cover: days.
        restocks: whether returns are put back as sellable.

    """
    key = pl.struct("order_ref", "line_ref", "sku")
    rows = rows.with_columns(counts=(pl.col("role") != "line") | key.is_last_distinct())  # of several rows of a line, the newest
    is_line = pl.col("role") == "line"
    leaves = is_line & (pl.col("shipped_at").is_not_null() | pl.col("cancelled_at").is_null())
    comes = (pl.col("role") == "return") & pl.lit(restocks)
    units = pl.when(leaves | (pl.col("role") == "write_off")).then(-pl.col("quantity")).when(comes).then("quantity").otherwise(0)
    flows = rows.select(
        "sku", "position", at=pl.coalesce("shipped_at", "placed_at"), first_at="placed_at", units=pl.when("counts").then(units).otherwise(0)
    )
    balance = (
        flows.sort("sku", "at", pl.col("units") > 0, "position")
        .with_columns(balance=pl.col("units").cum_sum().over("sku"))
        .group_by("sku")
        .agg(
            pl.col("position").min(),
            (pl.min_horizontal(pl.col("first_at").min(), pl.col("at").min()) - 1).alias("occurred_at"),
            lowest=pl.col("balance").min(),
            total=pl.col("units").sum(),
        )
    )
    if rows.is_empty():
        return pl.DataFrame(schema=OPENINGS)
    first, last = int(rows["placed_at"].min()), int(rows["placed_at"].max())  # type: ignore[arg-type]
    days = min(MEAN_DAYS, max(-(-(last - first) // DAY_US), 1))
    since = last - days * DAY_US + 1 if days == MEAN_DAYS else first
    demanded = is_line & pl.col("counts") & ~(pl.col("cancelled_at").is_not_null() & (pl.col("cancelled_by") == "buyer"))
    demand = rows.filter(demanded & (pl.col("placed_at") >= since)).group_by("sku").agg(demand=pl.col("quantity").sum())
    target = (pl.col("demand").fill_null(0) * cover / days).ceil().cast(pl.Int64)
    quantity = pl.max_horizontal(-pl.col("lowest"), target - pl.col("total"), 0)
    return balance.join(demand, on="sku", how="left").with_columns(quantity=quantity).select(list(OPENINGS)).sort("position", "sku")
