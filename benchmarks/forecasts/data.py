"""The real series that forecasts are measured on: `unique_id`, `ds`, `y` and covariates, from the files in `../shared/data`."""

from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import polars as pl

SHARED_DATA = Path(__file__).resolve().parents[3] / "shared" / "data"


@dataclass(frozen=True, slots=True)
class Case:
    """A set of series and how it is cut: `origins` counts of known periods, oldest first; the last two are for the final run."""

    name: str
    history: pl.DataFrame
    freq: str
    horizon: int
    season: int
    origins: list[int]
    covariates: pl.DataFrame | None = None


def orange_juice() -> Case:
    """Weekly units of 913 store x brand series over 121 weeks; price, deal and feature are known ahead. Week 40 is called 1990-06-14."""
    rows = pl.read_parquet(SHARED_DATA / "dominicks-orange-juice" / "yx.parquet")
    price = pl.coalesce(pl.when(pl.col("brand") == brand).then(pl.col(f"price{brand}")) for brand in range(1, 12))
    rivals = pl.min_horizontal(*(pl.when(pl.col("brand") != brand).then(pl.col(f"price{brand}")) for brand in range(1, 12)))
    frame = rows.select(
        unique_id=pl.format("store {} brand {}", pl.col("store").cast(pl.Int64), pl.col("brand").cast(pl.Int64)),
        ds=pl.lit(date(1990, 6, 14)) + pl.duration(weeks=pl.col("week").cast(pl.Int64) - 40),
        y=pl.col("logmove").exp(),
        category=pl.format("brand {}", pl.col("brand").cast(pl.Int64)),
        log_price=price.log(),
        rival_price=rivals.log(),
        deal=pl.col("deal").cast(pl.Float64),
        feat=pl.col("feat").cast(pl.Float64),
    ).sort("unique_id", "ds")
    covariates = frame.select("unique_id", "ds", "log_price", "rival_price", "deal", "feat")
    history = frame.select("unique_id", "ds", "y", "category")
    return Case("orange juice", history, "1w", 4, 52, [121 - 4 * back for back in range(10, 0, -1)], covariates)


def retail_lines() -> pl.DataFrame:
    """Day, SKU and units of what customers of Online Retail ordered and did not cancel.

    A cancellation names no order: it takes off the customer's latest earlier line of the same SKU and quantity.
    """
    raw = pl.read_csv(SHARED_DATA / "uci-online-retail" / "online-retail.csv.gz", infer_schema_length=0)
    rows = raw.select(
        sku=pl.col("StockCode").str.strip_chars().str.to_uppercase(),
        units=pl.col("Quantity").cast(pl.Int64),
        at=pl.col("InvoiceDate").str.to_datetime("%Y-%m-%d %H:%M:%S"),
        customer=pl.col("CustomerID"),
        cancels=pl.col("InvoiceNo").str.starts_with("C"),
    ).filter(pl.col("sku").str.contains(r"^\d{5}"))
    bought = rows.filter((pl.col("units") > 0) & ~pl.col("cancels")).with_row_index("line")
    cancelled = rows.filter(pl.col("cancels") & pl.col("customer").is_not_null()).with_columns(units=-pl.col("units"))
    matched = (
        cancelled.sort("at")
        .join_asof(
            bought.filter(pl.col("customer").is_not_null()).sort("at").select("line", "at", "customer", "sku", "units"),
            on="at",
            by=["customer", "sku", "units"],
        )
        .drop_nulls("line")
    )
    return bought.join(matched.select("line").unique(), on="line", how="anti").select(ds=pl.col("at").dt.date(), sku="sku", units="units")


def online_retail(freq: str) -> Case:
    """Units of each SKU of Online Retail by day or by week (whole weeks, Monday first), from its first order."""
    lines = retail_lines()
    if freq == "1d":
        daily = lines.group_by(unique_id="sku", ds="ds").agg(y=pl.col("units").sum())
        periods = (date(2011, 12, 9) - date(2010, 12, 1)).days + 1
        return Case(
            "Online Retail, daily", daily.sort("unique_id", "ds"), "1d", 28, 7, [periods - 28 - 14 * back for back in range(7, -1, -1)]
        )
    weekly = (
        lines.filter(pl.col("ds").is_between(date(2010, 12, 6), date(2011, 12, 4)))
        .group_by(unique_id="sku", ds=pl.col("ds").dt.truncate("1w"))
        .agg(y=pl.col("units").sum())
    )
    return Case("Online Retail, weekly", weekly.sort("unique_id", "ds"), "1w", 4, 1, [52 - 4 - 2 * back for back in range(7, -1, -1)])


def weekly_transactions() -> Case:
    """Weekly units of 811 products over 52 weeks. The file has no dates: week 0 is called 2024-01-01."""
    wide = pl.read_csv(SHARED_DATA / "uci-sales-transactions-weekly" / "Sales_Transactions_Dataset_Weekly.csv.gz")
    weeks = {f"W{week}": date(2024, 1, 1) + timedelta(weeks=week) for week in range(52)}
    long = wide.select("Product_Code", *weeks).unpivot(index="Product_Code", variable_name="week", value_name="y")
    history = long.select(
        unique_id="Product_Code", ds=pl.col("week").replace_strict(weeks, return_dtype=pl.Date), y=pl.col("y").cast(pl.Float64)
    )
    return Case("weekly transactions", history.sort("unique_id", "ds"), "1w", 4, 1, [52 - 4 - 2 * back for back in range(7, -1, -1)])


CASES = {
    "orange-juice": orange_juice,
    "retail-daily": lambda: online_retail("1d"),
    "retail-weekly": lambda: online_retail("1w"),
    "transactions": weekly_transactions,
}
