"""The filters of live stock, each in the address: any view is a link.

The key of a widget is the name of its parameter in the address, so these keys have no page prefix. The address holds what
people read (`?channel=Web+shop&state=Out`); ids are taken too.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import polars as pl
import streamlit as st

from dashboard import cache
from dashboard.shell import filters, words
from dashboard.shell.filters import Filter
from data_access.queries.stock import STATES, StockFilter

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
TABS: Final = {"listings": "Listings without a SKU", "rows": "Rows", "conflicts": "Conflicts", "parked": "Waiting events"}
ORDERS: Final = ("Highest first", "Lowest first")


@dataclass(frozen=True, slots=True)
class Options:
    """What can be chosen: ids with the labels that people and the address see."""

    channel: dict[str, str]
    location: dict[str, str]
    category: dict[str, str]
    state: dict[str, str]


def options() -> Options:
    """What the store offers to choose from."""
    return Options(
        channel=_labels(cache.channels(), "channel_id"),
        location=_labels(cache.locations(), "location_id"),
        category={name: name for name in cache.categories()},
        state={state: words.STATE_LABELS[state] for state in STATES},
    )


def _labels(frame: pl.DataFrame, key: str) -> dict[str, str]:
    """Names by id; where two share a name, the id is added."""
    shared = frame["name"].is_duplicated().to_list()
    names = zip(frame[key].to_list(), frame["name"].to_list(), shared, strict=True)
    return {one: f"{name} ({one})" if twice else name for one, name, twice in names}


def expanded(query: Mapping[str, str | Sequence[str]], offered: Options) -> dict[str, list[str]]:
    """A link's parameters with ids turned into the labels that the address holds; what is unknown stays as it is."""
    known = {"channel": offered.channel, "location": offered.location, "category": offered.category, "state": offered.state, "tab": TABS}
    return {
        name: [known.get(name, {}).get(value, value) for value in ([values] if isinstance(values, str) else values)]
        for name, values in query.items()
    }


def stock() -> StockFilter:
    """Draw the filters of live stock and give what is chosen."""
    offered = options()
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
