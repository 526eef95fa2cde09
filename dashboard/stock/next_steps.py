"""What to do next: the SKUs of the filtered table that need a decision first."""

import polars as pl
import streamlit as st

from dashboard.shell import words
from dashboard.stock import tables


def show(rows: pl.DataFrame, key: str) -> None:
    """The SKUs of the filtered table that need a decision first, each with a button to its explanation."""
    urgent = (
        rows.filter(pl.col("is_oversell") | (pl.col("is_out") & (pl.col("mean_daily_demand") > 0)) | pl.col("is_low"))
        .sort("is_oversell", "backordered", "is_out", "days_of_cover", "sku", descending=[True, True, True, False, False], nulls_last=True)
        .head(6)
    )
    with st.container(gap="xsmall", key=f"next-{key}"):
        st.markdown("**What to do next**")
        if urgent.is_empty():
            st.caption("Nothing here is out of stock, low or about to oversell.")
        for row in urgent.iter_rows(named=True):
            st.button(
                f"**{words.plain(row['sku'])}** {_reason(row)}",
                key=f"{key}.next.{row['sku']}",
                type="tertiary",
                on_click=tables.choose,
                args=(row["sku"],),
                help=f"{words.plain(row['name'])}: show where its numbers come from",
            )


def _reason(row: dict[str, object]) -> str:
    """Why a row of `queries.stock.STOCK_TABLE` is urgent, as the rest of a sentence."""
    backordered, demand, cover = row["backordered"], row["mean_daily_demand"], row["days_of_cover"]
    coming = f"; {words.units(row['on_order'])} on order" if isinstance(row["on_order"], int) and row["on_order"] > 0 else "; none on order"
    if isinstance(backordered, int) and backordered > 0:
        return f"is oversold by {words.counted(backordered, 'unit')}{coming}"
    if row["is_oversell"]:
        return f"may sell out before the channels hear of it{coming}"
    if row["is_out"]:
        rate = f", demand {demand:.1f} a day" if isinstance(demand, float) else ""
        return f"is out of stock{rate}{coming}"
    left = f"{cover:.0f}" if isinstance(cover, float) else "few"
    lead = row["lead_time_days"]
    days = f"{lead:.0f}" if isinstance(lead, float) else "7"
    return f"lasts {left} days, a delivery takes {days}{coming}"
