"""What is returned beyond chance: what stands out, in words, and the returns behind each."""

from datetime import date
from typing import Any, Final

import polars as pl
import streamlit as st

from dashboard.charts import colours
from dashboard.returns import charts, holds, parts, reads
from dashboard.returns.reads import ReturnsView
from dashboard.shell import downloads, filters, links, records, words
from dashboard.shell.filters import Filter
from data_access.domain.returns.at_stake import FLAG as NAMED_BY
from data_access.domain.returns.cohorts import cohorts
from data_access.domain.returns.reasons import taxonomy
from data_access.queries.returns.picture import RECEIPT_DAYS, ReturnFilter

FLAG: Final = "flag"
_COLUMNS: Final[dict[str, Any]] = {
    "SKU": st.column_config.TextColumn("SKU", width="small"),
    "What": st.column_config.TextColumn("What is beyond chance", width="large"),
    "Beyond": st.column_config.NumberColumn("Units beyond", format="%.0f", help="Units returned, less those expected by now."),
    "Stake": st.column_config.TextColumn(
        "Refunds at stake",
        help="Units beyond, at the refund that a unit of these returns has where it is known. The list is ordered by it.",
    ),
    "Evidence": st.column_config.NumberColumn(
        "Evidence", format="%.1f", help="The decimal logarithm of the e-value: 2 means a hundred times likelier than without a change."
    ),
}


def show(view: ReturnsView, chosen: ReturnFilter, can_change: bool) -> None:
    """Draw the flags of a selection, and what is behind the one that a person clicks, who may hold its SKU if `can_change`."""
    st.subheader("What is beyond chance", anchor=False)
    flags = view.flags.join(view.picture.shipped.select("sku", "category").unique(), on="sku", how="left", maintain_order="left")
    flags = flags.filter(_is_chosen(chosen))
    if flags.is_empty():
        st.caption("Nothing is returned beyond what other SKUs of its category and channel explain.")
        return
    keys = [key_of(row) for row in flags.iter_rows(named=True)]
    sentences = [sentence(row) for row in flags.iter_rows(named=True)]
    table = flags.select(
        SKU="sku",
        What=pl.Series(sentences, dtype=pl.String),
        Beyond=pl.col("beyond_units").round(1),
        Stake=pl.Series([_money(view, row) for row in flags.iter_rows(named=True)], dtype=pl.String),
        Evidence=pl.col("evidence").round(1),
    )
    if st.session_state.get(FLAG) not in (None, *keys):
        st.session_state[FLAG] = None
    filters.hold(Filter(FLAG, {key: key for key in keys}))
    records.clickable(table, keys, FLAG, "returns-flags", _COLUMNS, "Beyond chance: choose a row to see its returns")
    downloads.buttons(table, "returns-beyond-chance", "returns.flags")
    st.caption("At most one flag in twenty is false in expectation (nominal), however often one looks.")
    key: str | None = st.session_state.get(FLAG)
    if key is not None:
        _behind(view, flags.row(keys.index(key), named=True), sentences[keys.index(key)], can_change)


def _is_chosen(chosen: ReturnFilter) -> pl.Expr:
    """Flags of the chosen channels and categories; those over all channels are of every channel."""
    of_channel = (
        pl.col("channel_id").is_null() | pl.col("channel_id").is_in(chosen.channel_ids) if chosen.channel_ids else pl.lit(value=True)
    )
    return of_channel & (pl.col("category").is_in(chosen.categories) if chosen.categories else pl.lit(value=True))


def _money(view: ReturnsView, row: dict[str, Any]) -> str | None:
    """What is at stake of a flag, each currency for itself; None if no refund is known."""
    mine = pl.all_horizontal(pl.col(name).eq_missing(pl.lit(row[name], pl.String)) for name in NAMED_BY)
    amounts = view.stakes.filter(mine).sort("amount", descending=True).select("amount", "currency")
    return "; ".join(f"{amount / 10_000:,.0f} {currency}" for amount, currency in amounts.iter_rows()) or None


def key_of(row: dict[str, Any]) -> str:
    """What the address calls a row of `beyond_chance.FLAGS`."""
    return "·".join((row["sku"], row["channel_id"] or "all", row["reason"]))


def sentence(row: dict[str, Any]) -> str:
    """A row of `beyond_chance.FLAGS` in words: "since 12 May 2026, 31 of 420 units were returned as product fault; 9 expected"."""
    where = "All channels" if row["channel_id"] is None else records.names()["channel_id"].get(row["channel_id"], row["channel_id"])
    since = row["since"].strftime("%d %b %Y").lstrip("0")
    return (
        f"{where}: since {since}, {row['units']:,} of {row['shipped_units']:,} units shipped were returned for {_reason(row)}; "
        f"{words.amount(row['expected_units'])} expected by now"
    )


def _reason(row: dict[str, Any]) -> str:
    return taxonomy().reasons[row["reason"]].name.lower()


def _behind(view: ReturnsView, row: dict[str, Any], words_of_it: str, can_change: bool) -> None:
    mine = pl.col("sku") == row["sku"]
    if row["channel_id"] is not None:
        mine &= pl.col("channel_id") == row["channel_id"]
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.markdown(f"**{words.plain(row['sku'])}**, {words.plain(words_of_it)}")
        st.button("Close", icon=":material/close:", on_click=_close, key="returns.flag.close")
    st.page_link(
        links.BUFFERS.path,
        label="Draft a buffer that withholds it",
        icon=":material/shield:",
        query_params=links.draft_of_buffer(row["sku"], f"Returned beyond chance: {_reason(row)}", row["channel_id"]),
    )
    holds.of_flag(row["sku"], f"Returned beyond chance: {_reason(row)}", can_change)
    if view.basis is not None:
        shipped, returned = view.by_sku(mine)
        st.plotly_chart(
            charts.cohorts(cohorts(shipped, returned, view.basis, reasons=[row["reason"]]), colours.TOTAL),
            key="returns.flag.cohorts",
            config={"displayModeBar": False},
            alt="Share of the SKU's units shipped in a week that were returned for this reason, by week",
        )
    _receipts(row["sku"], row["since"])
    since = pl.col("ship_week") >= row["since"]
    parts.behind(view.picture.returned.filter(mine & since & (pl.col("reason") == row["reason"])), "returns-flag")


def _receipts(sku: str, week: date) -> None:
    """What came in before, of which the units that were shipped since then are likely."""
    rows = reads.receipts_before(sku, week)
    if rows.is_empty():
        st.caption(f"Nothing was received in the {RECEIPT_DAYS} days that end with the week of {week}.")
        return
    st.markdown(f"**Likely from these receipts**, of the {RECEIPT_DAYS} days that end with the week of {week}")
    shown = rows.select(
        Received=pl.col("received_at").dt.date(),
        Location=pl.col("location_id").replace(records.names()["location_id"]),
        SKU="sku",
        Units="units",
    )
    columns = {"Received": st.column_config.DateColumn(format="YYYY-MM-DD"), "Units": st.column_config.NumberColumn(format="localized")}
    st.container(key="returns-receipts").dataframe(
        shown, hide_index=True, column_config=columns, alt="Receipts of the SKU before the week in which it began"
    )


def _close() -> None:
    st.session_state[FLAG] = None
