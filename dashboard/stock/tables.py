"""The table of SKUs: sorted and paged on the server, a SKU chosen by a click anywhere in its row.

Streamlit keeps a selection by row position, so the chosen SKU is kept here, in the address (`?sku=`), and the position is set again
before each redraw. While a SKU is chosen the rows keep their order; their figures go on moving.
"""

from dataclasses import dataclass, replace
from math import ceil
from typing import Any, Final

import polars as pl
import streamlit as st

from dashboard.shell import chosen, downloads, late, reads, words
from dashboard.shell import filters as held
from dashboard.shell.filters import Filter
from dashboard.stock import filters
from data_access.queries.stock import STATES, StockFilter

PAGE_SIZES: Final = (50, 100)
ROW_PIXELS: Final = 35
VISIBLE_ROWS: Final = 11
_UNITS: Final = {
    "available_to_sell": "Available to sell (units)",
    "available": "Available (units)",
    "on_hand": "On hand (units)",
    "allocated": "Allocated (units)",
    "backordered": "Backordered (units)",
    "unsellable": "Unsellable (units)",
    "on_order": "On order (units)",
}
_HELP: Final = {
    "available_to_sell": "What the chosen channel may sell now.",
    "available": "On hand less allocated, unsellable and location buffers, over the locations shown.",
    "on_hand": "Physically there, in any state.",
    "allocated": "Tied to placed, unshipped order lines.",
    "backordered": "Sold, not yet allocatable; served oldest first when stock comes.",
    "unsellable": "On hand, but damaged, in quarantine or awaiting inspection.",
    "on_order": "Ordered from suppliers, not yet received.",
}


@dataclass(frozen=True, slots=True)
class View:
    """How the table is sorted and cut."""

    sort: str
    descending: bool
    size: int


def stock(where: StockFilter, sku: str, key: str) -> None:
    """Draw the table of SKUs with its tools, `sku` selected in it. `where`: the filters; the table adds its own sorting."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        view = _tools(where.channel_id is not None)
    rows = _sorted(where, view)
    grid = st.container()
    number = _pager(rows, view, bool(sku), key)
    shown = _held(rows.slice((number - 1) * view.size, view.size), (where, view, number), sku, key)
    skus = tuple(shown["sku"].to_list())
    st.session_state[f"{key}.drawn"] = skus
    chosen.select(f"{key}.grid", [skus.index(sku)] if sku in skus else [])
    grid.dataframe(
        display(shown, with_channel=where.channel_id is not None),
        key=f"{key}.grid",
        height=ROW_PIXELS * (min(max(shown.height, 1), VISIBLE_ROWS) + 1) + 3,
        hide_index=True,
        column_config=_columns(),
        on_select=lambda: _clicked(key),
        selection_mode=["single-row", "single-cell", "single-column"],
        placeholder="—",
        alt="Stock by SKU: choose a row to see where its numbers come from",
    )


def _pager(rows: pl.DataFrame, view: View, is_held: bool, key: str) -> int:
    """Draw which rows are shown, the downloads of all of them, and the pages; the page's number, from 1."""
    count = rows.height
    pages = max(ceil(count / view.size), 1)
    if st.session_state.get("page", 1) > pages:
        st.session_state["page"] = pages
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        summary = st.empty()
        downloads.buttons(rows, "live-stock", key)
        held.hold(Filter("page", {page: str(page) for page in range(1, pages + 1)}, default=1))
        number = st.pagination(pages, key="page", max_visible_pages=5, width=300)
    first, last = (number - 1) * view.size + 1, min(number * view.size, count)
    order = " · the order is kept while a SKU is chosen" if is_held else ""
    summary.caption(f"{words.units(first)} to {words.units(last)} of {words.counted(count, 'SKU')}{order}")
    return number


def _tools(with_channel: bool) -> View:
    sorts = [name for name in filters.SORTS if with_channel or name != "available_to_sell"]
    held.hold(
        Filter("sort", filters.SORTS, default=sorts[0]),
        Filter("order", {order: order for order in filters.ORDERS}, default=filters.ORDERS[0]),
        Filter("rows", {size: str(size) for size in PAGE_SIZES}, default=PAGE_SIZES[0]),
    )
    if st.session_state["sort"] not in sorts:
        st.session_state["sort"] = sorts[0]
    sort = st.selectbox("Sort by", sorts, format_func=lambda one: filters.SORTS[one], key="sort", width=170)
    order = st.selectbox("Order", filters.ORDERS, key="order", width=140)
    size = st.selectbox("Rows", PAGE_SIZES, key="rows", width=80)
    return View(sort, order == filters.ORDERS[0], int(size))


def _sorted(where: StockFilter, view: View) -> pl.DataFrame:
    if view.sort != "urgency":
        return reads.stock_table(replace(where, sort=view.sort, descending=view.descending))
    rank = pl.col("state").replace_strict({state: index for index, state in enumerate(STATES)}, return_dtype=pl.Int64)
    most_first = reads.stock_table(where).sort(
        rank, "backordered", "days_of_cover", "sku", descending=[False, True, False, False], nulls_last=True
    )
    return most_first if view.descending else most_first.reverse()


def _held(page: pl.DataFrame, shows: tuple[StockFilter, View, int], sku: str, key: str) -> pl.DataFrame:
    """The page's rows; while a SKU is chosen, those that were there when it was, in their order, with figures of now."""
    before, order = st.session_state.get(f"{key}.held", (None, ()))
    if sku and before == shows and order:
        everything = reads.stock_table(StockFilter(shows[0].channel_id, shows[0].location_ids))
        held = pl.DataFrame({"sku": order}, schema={"sku": pl.String})
        return held.join(everything, on="sku", how="inner", maintain_order="left").select(page.columns)
    st.session_state[f"{key}.held"] = (shows, tuple(page["sku"].to_list()))
    return page


@late.ignored
def _clicked(key: str) -> None:
    """A click on a row chooses its SKU (on its box again: lets go of it); one on a header sorts all rows by it (again: the other way)."""
    selection = st.session_state[f"{key}.grid"]["selection"]
    drawn, sku = st.session_state[f"{key}.drawn"], st.session_state.get("sku", "")
    if selection["columns"]:
        st.session_state[f"{key}.header"] = selection["columns"][0]
        _sort_by(selection["columns"][0])
        return
    rows, is_cell = chosen.clicked(f"{key}.grid")
    before = [drawn.index(sku)] if sku in drawn else []
    if not is_cell and rows == before and f"{key}.header" in st.session_state:
        _sort_by(st.session_state[f"{key}.header"])  # the same header, clicked before the browser heard that it was let go
        return
    choose(drawn[rows[0]] if rows and rows[0] < len(drawn) else "")


def choose(sku: str) -> None:
    """Open a SKU's explanation; an empty text closes it. A callback."""
    st.session_state["sku"] = sku


def _sort_by(column: str) -> None:
    name = "urgency" if column == "state" else column
    if name not in filters.SORTS:
        return
    first, other = filters.ORDERS if name not in ("sku", "name") else reversed(filters.ORDERS)
    again = st.session_state.get("sort") == name and st.session_state.get("order") == first
    st.session_state.update({"sort": name, "order": other if again else first, "page": 1})


def display(rows: pl.DataFrame, with_channel: bool) -> pl.DataFrame:
    """Rows of `queries.stock.STOCK_TABLE` as they are shown: states in words, kits and assumed openings said."""
    kit = pl.when("is_kit").then(pl.lit(" · kit")).otherwise(pl.lit(""))
    states = {state: words.state(state) for state in STATES}
    numbers = [name for name in _UNITS if with_channel or name != "available_to_sell"]
    shown = rows.with_columns(
        (pl.col("name") + kit).alias("name"),
        pl.col("state").replace_strict(states, default=pl.col("state")),
        pl.col("days_of_cover").round(0),
        pl.when("is_assumed").then(pl.lit("assumed opening")).otherwise(pl.lit("counted")).alias("basis"),
    )
    ends = ["days_of_cover", "category", *(["basis"] if rows["is_assumed"].any() else [])]
    return shown.select("sku", "name", "state", *numbers, *ends)


def _columns() -> dict[str, Any]:
    numbers = {
        name: st.column_config.NumberColumn(label, help=_HELP[name], format="localized", width=None) for name, label in _UNITS.items()
    }
    return {
        "sku": st.column_config.TextColumn("SKU", pinned=True),
        "name": st.column_config.TextColumn("Name", width="medium"),
        "state": st.column_config.TextColumn("State", width=140, help="The most urgent state that applies."),
        **numbers,
        "days_of_cover": st.column_config.NumberColumn(
            "Cover (days)", help="Days the stock lasts at the mean demand of the last 28 in-stock days.", format="localized"
        ),
        "category": st.column_config.TextColumn("Category"),
        "basis": st.column_config.TextColumn("Basis", help="Whether the stock rests on a count, or on an opening that an import assumed."),
    }
