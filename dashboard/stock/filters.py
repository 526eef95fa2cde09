"""The filters of live stock, each in the address: any view is a link.

The key of a widget is the name of its parameter in the address, so these keys have no page prefix. The address holds what
people read (`?channel=Web+shop&state=Out`); ids are taken too.
"""

from typing import Final

import streamlit as st

from dashboard.shell import filters, options, words
from dashboard.shell.filters import Filter
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


def stock() -> StockFilter:
    """Draw the filters of live stock and give what is chosen."""
    offered = options.offered()
    channels = Filter("channel", offered.channel)
    several = [Filter(name, getattr(offered, name), is_several=True) for name in ("location", "category", "state")]
    filters.hold(channels, *several, Filter("q", default=""))
    with st.grid(5, min_column_width=150, gap="small"):
        channel = st.selectbox(
            "Channel",
            list(offered.channel),
            index=None,
            placeholder="All channels",
            format_func=lambda one: offered.channel[one],
            key="channel",
            filter_mode="contains",
        )
        locations = _several("Location", "location", offered.location)
        categories = _several("Category", "category", offered.category)
        text = st.text_input("SKU or name", placeholder="Search", key="q")
        states = _several("State", "state", offered.state)
    for one in (channels, *several):
        for value in filters.unknown(one):
            sentence = f"The link asks for the {one.name} “{value}”, which this store does not have: it is left out."
            st.warning(words.plain(sentence), icon=":material/link_off:")
    return StockFilter(channel, tuple(sorted(locations)), tuple(sorted(categories)), text.strip(), tuple(sorted(states)))


def _several(label: str, key: str, labels: dict[str, str]) -> list[str]:
    return st.multiselect(
        label,
        list(labels),
        format_func=lambda one: labels[one],
        placeholder="All",
        key=key,
        filter_mode="contains",
        select_all=False,
    )


def reset() -> None:
    """Drop all filters. A callback: it runs before the widgets are drawn."""
    filters.reset(KEYS)
    st.session_state["page"] = 1


def sort_by(column: str) -> None:
    """Sort the table by a column, the highest first. A callback."""
    st.session_state.update({"sort": column, "order": ORDERS[0], "page": 1})


def only_state(state: str) -> None:
    """Show the SKUs in one state. A callback."""
    st.session_state.update({"state": [state], "page": 1})
