"""The KPI row: figure, unit, comparison and trend, and a button to what each one counts."""

from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from html import escape
from typing import Any, Final

import polars as pl
import streamlit as st

from dashboard.charts import colours
from dashboard.shell import words

_STOCK: Final = "no data yet: import counts"
_ORDERS: Final = "no data yet: import orders"
_BRINGS: Final = {"on_hand": _STOCK, "available": _STOCK, "skus_out": _STOCK, "allocated": _ORDERS, "backordered": _ORDERS}
"""What brings a KPI that has no figure."""


def measured(frame: pl.DataFrame, *, has_stock: bool, has_orders: bool) -> pl.DataFrame:
    """`queries.stock.KPIS` in which nothing stands for what a store has never had any data of; a 0 of a store that has some stays 0.

    `has_stock`: something of stock was ever known; `has_orders`: an order ever came in.
    """
    known = {_STOCK: has_stock, _ORDERS: has_orders}
    is_known = pl.col("kpi").is_in([kpi for kpi, brings in _BRINGS.items() if known[brings]])
    return frame.with_columns(value=pl.when(is_known).then("value"), history=pl.when(is_known).then("history").otherwise([]))


def row(frame: pl.DataFrame, actions: Mapping[str, tuple[str, Callable[[], None]]], key: str) -> None:
    """One card for each row of `queries.stock.KPIS`. `actions`: for a KPI, the words of its button and what it does."""
    with st.grid(frame.height or 1, min_column_width=150, gap="small", border=True):
        for kpi in frame.iter_rows(named=True):
            with st.container(gap=None, key=f"kpi-{key}-{kpi['kpi']}"):
                st.html(card_html(kpi))
                if kpi["kpi"] in actions and kpi["value"] is not None:
                    label, act = actions[kpi["kpi"]]
                    st.button(label, key=f"{key}.{kpi['kpi']}", type="tertiary", on_click=act, help=kpi["help"])


def card_html(kpi: dict[str, Any]) -> str:
    """A card of one row of `queries.stock.KPIS`: its name with the unit, the figure, the trend, the change over its history.

    Without a figure it says what brings one.
    """
    history = kpi["history"] or []
    note = _BRINGS[kpi["kpi"]] if kpi["value"] is None else _change(history)
    unit = "" if kpi["unit"] in kpi["label"] else f" ({kpi['unit']})"
    return (
        f'<div class="oh-kpi"><div class="oh-label">{escape(kpi["label"] + unit)}</div>'
        f'<div class="oh-line"><span class="oh-value">{words.units(kpi["value"])}</span>{sparkline(history)}</div>'
        f'<div class="oh-note">{note}</div></div>'
    )


def _change(history: Sequence[int]) -> str:
    if len(history) < 2:
        return "no history yet"
    change, days = history[-1] - history[0], len(history) - 1
    if change == 0:
        return f"unchanged in {words.counted(days, 'day')}"
    return f"{'▲' if change > 0 else '▼'} {words.units(abs(change))} in {words.counted(days, 'day')}"


def sparkline(history: Sequence[int]) -> str:
    """A trend as a small drawing without axes, hidden from screen readers: the figures are in the text."""
    if len(history) < 2:
        return ""
    low, high = min(history), max(history)
    span, step = (high - low) or 1, 100 / (len(history) - 1)
    points = " ".join(f"{index * step:.1f},{27 - 24 * (value - low) / span:.1f}" for index, value in enumerate(history))
    drawing = (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 100 30" preserveAspectRatio="none"><polyline points="'
        f'{points}" fill="none" stroke="{colours.AVAILABLE}" stroke-width="2" vector-effect="non-scaling-stroke"/></svg>'
    )
    return f'<img alt="" src="data:image/svg+xml;base64,{b64encode(drawing.encode()).decode()}">'
