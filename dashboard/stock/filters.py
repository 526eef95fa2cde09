"""The filters of live stock, each bound to the address: any view is a link.

The key of a widget is the name of its parameter in the address, so these keys have no page prefix. The address holds what
people read (`?channel=Web+shop&state=Out`); ids are taken too, by `options.expanded`.
"""

from typing import Final

import streamlit as st

from dashboard.shell import options
from dashboard.shell.options import Options
from data_access.queries.stock import StockFilter

KEYS: Final = ("channel", "location", "category", "q", "state")
SORTS: Final = {
    "urgency": "Urgency",
    "sku": "SKU",
    "name": "Name",
    "available_to_sell": "Available to sell",
    "available": "Available",
    "on_hand": "On hand",
    "allocated": "Allocated",
    "backordered": "Backordered",
    "unsellable": "Unsellable",
    "on_order": "On order",
    "days_of_cover": "Days of cover",
}
ORDERS: Final = ("Highest first", "Lowest first")
_NOTES: Final = "filters.notes"


def stock() -> StockFilter:
    """Draw the filters of live stock and give what is chosen."""
    offered = options.offered()
    _note_unknown(offered)
    with st.grid(5, min_column_width=150, gap="small"):
        channel = st.selectbox(
            "Channel",
            list(offered.channel),
            index=None,
            placeholder="All channels",
            format_func=lambda one: offered.channel[one],
            key="channel",
            bind="query-params",
            filter_mode="contains",
        )
        locations = _several("Location", "location", offered.location)
        categories = _several("Category", "category", offered.category)
        text = st.text_input("SKU or name", placeholder="Search", key="q", bind="query-params")
        states = _several("State", "state", offered.state)
    where = StockFilter(channel, tuple(sorted(locations)), tuple(sorted(categories)), text.strip(), tuple(sorted(states)))
    _show_notes(where)
    return where


def _several(label: str, key: str, labels: dict[str, str]) -> list[str]:
    return st.multiselect(
        label,
        list(labels),
        format_func=lambda one: labels[one],
        placeholder="All",
        key=key,
        bind="query-params",
        filter_mode="contains",
        select_all=False,
    )


def reset() -> None:
    """Drop all filters. A callback: it runs before the widgets are drawn."""
    st.session_state.update({"channel": None, "location": [], "category": [], "q": "", "state": [], "page": 1})


def _note_unknown(offered: Options) -> None:
    query = {name: st.query_params.get_all(name) for name in KEYS}
    sentences = options.unknown(query, offered)
    if sentences:
        st.session_state[_NOTES] = (sentences, None)


def _show_notes(where: StockFilter) -> None:
    """Keep the sentences until the filters are changed: Streamlit drops unknown values from the address at once."""
    if _NOTES not in st.session_state:
        return
    sentences, seen = st.session_state[_NOTES]
    if seen not in (None, where):
        del st.session_state[_NOTES]
        return
    st.session_state[_NOTES] = (sentences, where)
    for sentence in sentences:
        st.warning(sentence, icon=":material/link_off:")


def sort_by(column: str) -> None:
    """Sort the table by a column, the highest first. A callback."""
    st.session_state.update({"sort": column, "order": ORDERS[0], "page": 1})


def only_state(state: str) -> None:
    """Show the SKUs in one state. A callback."""
    st.session_state.update({"state": [state], "page": 1})
