"""What the page of live stock reads."""

import polars as pl
import streamlit as st

from dashboard.shell import reads as shared
from dashboard.shell.data.poller import Snapshot
from data_access.domain.availability import WATERFALL
from data_access.queries import stock
from data_access.queries.live_pictures import picture as live_picture
from data_access.queries.live_pictures import waterfall as live_waterfall
from data_access.queries.stock import StockFilter

TTL_SECONDS = shared.TTL_SECONDS


@st.cache_resource(max_entries=64, ttl=TTL_SECONDS, show_spinner=False)
def _picture(_snapshot: Snapshot, token: int, age_step: int, where: StockFilter) -> pl.DataFrame:
    if _snapshot.live is None:
        return stock.PICTURE.to_frame()
    return live_picture(_snapshot.live, shared.matching_rows(_snapshot, token, age_step, where), where)


def picture(where: StockFilter) -> pl.DataFrame:
    """`stock.PICTURE` over the rows that match: every unit on hand once."""
    return _picture(*shared.stock_key(), shared.without_order(where))


def waterfall(sku: str) -> pl.DataFrame:
    """`availability.WATERFALL` of one SKU or kit, for each channel that sells it, in order of position and step."""
    live = shared.snapshot().live
    return WATERFALL.to_frame() if live is None else live_waterfall(live, sku)


def ledger(sku: str, location_id: str | None = None, limit: int = 50, offset: int = 0) -> pl.DataFrame:
    """`stock.LEDGER` of one SKU, newest first; of a kit, its components'."""
    catalogue = shared.snapshot().catalogue
    parts = [] if catalogue is None else catalogue.kits.filter(pl.col("kit_sku") == sku)["component_sku"].to_list()
    key = ("ledger", sku, location_id, limit, offset)
    return shared.ask(key, lambda bind: stock.ledger(bind, parts or [sku], location_id, limit, offset), stock.LEDGER)


def purchase_lines(sku: str) -> pl.DataFrame:
    """`stock.PURCHASE_LINES` of one SKU: what is on order, the soonest first."""
    return shared.ask(("purchase_lines", sku), lambda bind: stock.purchase_lines(bind, sku), stock.PURCHASE_LINES)
