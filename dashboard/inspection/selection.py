"""Which returned units the page shows: what is looked at, where, and what was scanned; each in the address."""

from dataclasses import dataclass
from typing import Final

import polars as pl
import streamlit as st

from dashboard.inspection import reads
from dashboard.shell import filters, records
from dashboard.shell.filters import Filter

VIEWS: Final = {"waiting": "Waiting", "refurbished": "In refurbishment", "decided": "Decided lately"}
SCANNED: Final = ("order_ref", "return_ref", "sku", "sold_as")


@dataclass(frozen=True, slots=True)
class ScannedUnits:
    """What of a queue was scanned.

    `text`: as scanned, empty for nothing; `rows`: those that have it; `is_sku`: it names goods, not a return.
    """

    text: str
    rows: pl.DataFrame
    is_sku: bool


def choose_view() -> str:
    """Draw the choice of what to look at; its name."""
    filters.hold(Filter("inspect", VIEWS, default="waiting"))
    return str(
        st.segmented_control("Show", list(VIEWS), required=True, format_func=VIEWS.__getitem__, key="inspect", label_visibility="collapsed")
    )


def ask_scan() -> str:
    """Draw the field that a scanner types into, and the choice of a location; the text."""
    filters.hold(Filter("scan", default=""))
    text = st.text_input(
        "Scan or type",
        key="scan",
        placeholder="Order, return, tracking number or SKU",
        icon=":material/barcode_scanner:",
        max_chars=200,
        width=420,
    )
    return str(text or "").strip()


def ask_location() -> str | None:
    """Draw the choice of a location; None for all."""
    named = records.names()["location_id"]
    filters.hold(Filter("location", named))
    location: str | None = st.selectbox(
        "Location", list(named), index=None, format_func=named.__getitem__, key="location", placeholder="All locations", width=220
    )
    return location


def scanned(queue: pl.DataFrame, text: str) -> ScannedUnits:
    """What of a queue has exactly this number or SKU, in whatever case; else what has it in its number."""
    if not text:
        return ScannedUnits("", queue, is_sku=False)
    wanted = text.casefold()
    whole = {name: pl.col(name).str.to_lowercase() == wanted for name in SCANNED}
    for names in (("return_ref",), ("order_ref",), ("sku", "sold_as")):
        rows = queue.filter(pl.any_horizontal(whole[name].fill_null(value=False) for name in names))
        if not rows.is_empty():
            return ScannedUnits(text, rows, is_sku="sku" in names)
    rows = queue.filter(pl.col("return_id").is_in(reads.of_package(text)))
    if rows.is_empty():
        part = [pl.col(name).str.to_lowercase().str.contains(wanted, literal=True).fill_null(value=False) for name in SCANNED]
        rows = queue.filter(pl.any_horizontal(part))
    return ScannedUnits(text, rows, is_sku=False)
