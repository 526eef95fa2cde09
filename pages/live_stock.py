"""Live stock: what each channel can sell now, where it lies, what runs out next, and the entries behind every number."""

from functools import partial

import streamlit as st

from dashboard.shell import empty, header, kpis, reads
from dashboard.stock import explain, filters, next_steps, pictures, tables

PAGE = "stock"

header.show("What can we sell now, and what is about to run out?", watches=("catalog", "channels", "purchasing", "stock"))
if reads.store_info().is_empty:
    empty.empty_store()
    st.stop()

where = filters.stock()
rows = reads.stock_table(where)
if rows.is_empty():
    empty.nothing_matches("SKU", filters.reset, PAGE)
else:
    sorts = {
        "on_hand": ("Largest first", partial(filters.sort_by, "on_hand")),
        "available": ("Largest first", partial(filters.sort_by, "available")),
        "allocated": ("Most first", partial(filters.sort_by, "allocated")),
        "backordered": ("Most first", partial(filters.sort_by, "backordered")),
        "skus_out": ("Show them", partial(filters.only_state, "out")),
    }
    kpis.row(reads.kpis(where), sorts, PAGE)
    left, right = st.columns([2, 1], gap="medium")
    with left:
        pictures.stock(where, PAGE)
    with right:
        next_steps.show(rows, PAGE)
    if rows["is_assumed"].any():
        st.caption("Some figures rest on an assumed opening stock: see the column Basis.")
    table = st.container()
chosen = explain.ask()
if not rows.is_empty():
    with table:
        tables.stock(where, chosen, PAGE)
explain.show(chosen, where.channel_id)
