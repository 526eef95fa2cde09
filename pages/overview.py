"""Overview: what needs attention today, each line a link to the page that shows it."""

import streamlit as st

from dashboard.overview import freshness
from dashboard.shell import attention, empty, header, kpis, reads
from dashboard.stock import explain
from data_access.queries.stock import StockFilter

PAGE = "overview"

header.show(
    "What needs attention today?",
    watches=("catalog", "channels", "history", "inbox", "jobs", "purchasing", "returns", "returns view", "scorecards", "stock"),
)
explain.forget()
info = reads.store_info()
if info.is_empty:
    empty.empty_store()

figures = reads.kpis(StockFilter())
if not info.is_empty:
    kpis.row(figures, {}, PAGE)
left, right = st.columns([2, 1], gap="medium")
with left:
    entries = attention.entries()
    for entry in entries:
        attention.show(entry)
    if not entries and figures["value"].null_count():
        empty.nothing_known("Nothing is known yet of what needs attention: import counts of your stock, and orders.")
    elif not entries and not info.is_empty:
        empty.all_well(
            "Nothing needs attention: no SKU is out of stock, oversold or backordered, channel data are fresh, targets are met, "
            "the inbox is empty."
        )
with right:
    freshness.table(reads.freshness())
