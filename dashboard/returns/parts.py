"""What returns consist of: by reason, fault, channel, category or SKU, and the returns behind each number."""

from typing import Any, Final, get_args

import polars as pl
import streamlit as st

from dashboard.shell import downloads, filters, records, words
from dashboard.shell.filters import Filter
from data_access.domain.returns.breakdown import Dimension, breakdown
from data_access.domain.returns.reasons import taxonomy

BY: Final = "by"
GROUP: Final = "group"
DIMENSIONS: Final[dict[Dimension, str]] = {
    "reason": "Reason",
    "detail": "Reason in detail",
    "party": "Party at fault",
    "channel_id": "Channel",
    "category": "Category",
    "sku": "SKU",
}
PARTIES: Final = {
    "product": "Product",
    "listing": "Listing",
    "warehouse": "Warehouse",
    "carrier": "Carrier",
    "customer": "Customer",
    "unknown": "Unknown",
}
SHOWN: Final = 500
_COLUMNS: Final[dict[str, Any]] = {
    "units_returned": st.column_config.NumberColumn("Units returned", format="localized"),
    "units_shipped": st.column_config.NumberColumn("Units shipped", format="localized"),
    "rate": st.column_config.NumberColumn("Rate (%)", format="%.2f", help="Units returned of units shipped."),
    "controllable_rate": st.column_config.NumberColumn(
        "Seller-controllable (%)", format="%.2f", help="Without what the customer or nobody known is at fault for."
    ),
    "share": st.column_config.NumberColumn("Share (%)", format="%.1f", help="Of all units returned in this selection."),
}
_RETURNS: Final[dict[str, Any]] = {
    "return_ref": "Return",
    "channel": "Channel",
    "sku": "SKU",
    "units": st.column_config.NumberColumn("Units", format="localized"),
    "ship_week": st.column_config.DateColumn("Week of shipping", format="YYYY-MM-DD"),
    "received_on": st.column_config.DateColumn("Received", format="YYYY-MM-DD"),
    "reason": "Reason",
    "reason_code": "Channel's code",
    "customer_note": "What the customer wrote",
    "disposition": "Disposition",
    "refund": st.column_config.NumberColumn("Refund", format="%.2f"),
    "currency": "Currency",
    "requested_at": st.column_config.DatetimeColumn("Asked for", format="YYYY-MM-DD HH:mm"),
    "refunded_at": st.column_config.DatetimeColumn("Refunded", format="YYYY-MM-DD HH:mm"),
}


def show(shipped: pl.DataFrame, returned: pl.DataFrame) -> None:
    """Draw a selection's returns by what a person chooses, and those behind the row that they click."""
    st.subheader("What returns consist of", anchor=False)
    filters.hold(Filter(BY, DIMENSIONS, default="reason"))
    by: Dimension = st.selectbox("By", list(get_args(Dimension)), format_func=DIMENSIONS.__getitem__, key=BY, width=220)
    rows = breakdown(shipped, returned, by)
    if rows.is_empty():
        st.caption("Nothing was shipped or returned in this selection.")
        return
    names = _names(by)
    groups = {group: names.get(group, group) for group in rows["group"].drop_nulls()}
    if st.session_state.get(GROUP) not in (None, *groups):
        st.session_state[GROUP] = None
    filters.hold(Filter(GROUP, groups))
    percent = ("rate", "controllable_rate", "share")
    listed = rows.filter(pl.col("group").is_not_null())
    table = listed.select(
        pl.col("group").replace(groups).alias(DIMENSIONS[by]),
        "units_returned",
        "units_shipped",
        *((pl.col(name) * 100).round(4) for name in percent),
    )
    records.clickable(
        table, listed["group"].to_list(), GROUP, "returns-grid", _COLUMNS, "Parts of returns: choose a row to see its returns"
    )
    downloads.buttons(table, f"returns-by-{by}", "returns.parts")
    group: str | None = st.session_state.get(GROUP)
    if group is not None:
        _behind(returned.filter(_in_group(by) == group), groups[group])


def _in_group(by: Dimension) -> pl.Expr:
    if by != "detail":
        return pl.col(by).cast(pl.String)
    return pl.when(pl.col("detail").is_null()).then("reason").otherwise(pl.format("{}.{}", "reason", "detail"))


def _names(by: Dimension) -> dict[str, str]:
    """What groups are called, by their ids; those without an entry are called by their id."""
    if by in ("reason", "detail"):
        return dict(taxonomy().frame().select("means", "name").iter_rows())
    return PARTIES if by == "party" else records.names()["channel_id"] if by == "channel_id" else {}


def _behind(returned: pl.DataFrame, name: str) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.markdown(f"**Returns: {words.plain(name)}**, the newest first")
        st.button("Close", icon=":material/close:", on_click=_close, key="returns.close")
    behind(returned, "returns-behind")


def behind(returned: pl.DataFrame, key: str) -> None:
    """Draw returns, the newest first."""
    rows = returned.sort("received_on", "return_id", descending=True)
    shown = rows.select(
        "return_ref",
        "sku",
        "units",
        "ship_week",
        "received_on",
        "reason_code",
        "customer_note",
        "disposition",
        "currency",
        "requested_at",
        "refunded_at",
        channel=pl.col("channel_id").cast(pl.String).replace(records.names()["channel_id"]),
        reason=pl.col("reason").replace(_names("reason")),
        refund=pl.col("refund") / 10_000,
    ).select(list(_RETURNS))
    st.container(key=key).dataframe(
        shown.head(SHOWN), hide_index=True, column_config=_RETURNS, placeholder="—", alt="Returns behind the row that was chosen"
    )
    if rows.height > SHOWN:
        st.caption(f"The newest {SHOWN} of {rows.height:,}; the files have all.")
    downloads.buttons(shown, "returns", f"{key}.files")


def _close() -> None:
    st.session_state[GROUP] = None
