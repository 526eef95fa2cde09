"""What a file names and the store does not know, as a grid: create, map to an existing SKU, or leave, all in one."""

from dataclasses import dataclass
from typing import Any, Final

import polars as pl
import streamlit as st

from dashboard.imports.cards import ROWS_IN_VIEW
from dashboard.shell import reads as shared
from dashboard.shell import words
from data_access.commands.unknown_codes import CodeChoice
from data_access.domain.matching import suggestions
from data_access.imports.preview.findings import Preview

CREATE: Final = "Create product"
MAP: Final = "Map to SKU"
LEAVE: Final = "Leave"
SHOWN: Final = 1_000
_COLUMNS: Final[dict[str, Any]] = {
    "code": st.column_config.TextColumn("Code", disabled=True),
    "title": st.column_config.TextColumn("Title", disabled=True),
    "rows": st.column_config.NumberColumn("Rows", format="localized", disabled=True),
    "units": st.column_config.NumberColumn("Units", format="localized", disabled=True),
    "act": st.column_config.SelectboxColumn("What to do", options=[CREATE, MAP, LEAVE], required=True),
    "sku": st.column_config.TextColumn("SKU", help="Of the new product, or one that you have."),
}


@dataclass(frozen=True, slots=True)
class UnknownChoice:
    """What a person decided: SKUs for the codes of a channel (None: the codes are SKUs), and locations to create."""

    channel_id: str | None
    codes: tuple[CodeChoice, ...]
    locations: tuple[str, ...] = ()


def show(preview: Preview, key: str) -> UnknownChoice | None:
    """Draw what a file names and the store lacks, with what is proposed; what a person decided. `key`: of the file."""
    decided = None
    for channel_id in preview.unknown.filter(what="listing")["channel_id"].unique(maintain_order=True):
        codes = preview.unknown.filter(what="listing", channel_id=channel_id)
        decided = _codes(codes, channel_id, f"{key}.{channel_id}") or decided
    skus = preview.unknown.filter(what="sku")
    if not skus.is_empty():
        decided = _codes(skus, None, f"{key}.sku") or decided
    places = preview.unknown.filter(what="location")["code"].to_list()
    if places:
        st.markdown(f"**{words.counted(len(places), 'location is', 'locations are')} unknown:** {words.plain(', '.join(places[:20]))}")
        if st.button(f"Create {words.counted(len(places), 'location')}", key=f"{key}.locations", icon=":material/add_home_work:"):
            decided = UnknownChoice(None, (), tuple(places))
    return decided


def _codes(unknown: pl.DataFrame, channel_id: str | None, key: str) -> UnknownChoice | None:
    names = dict(shared.channels().select("channel_id", "name").iter_rows())
    where = "" if channel_id is None else f" on {words.plain(names.get(channel_id, channel_id))}"
    st.markdown(f"**{words.counted(unknown.height, 'code is', 'codes are')} unknown{where}.** What you leave waits in the inbox.")
    if unknown.height > SHOWN:
        st.caption(f"The first {SHOWN:,} of them, those with most rows first.")
    proposed = _proposed(unknown.head(SHOWN), channel_id)
    with st.form(f"{key}.form", border=False):
        edited = st.data_editor(
            proposed.select(list(_COLUMNS)),
            key=f"{key}.grid",
            hide_index=True,
            height="content" if proposed.height <= ROWS_IN_VIEW else (ROWS_IN_VIEW + 1) * 35 + 3,
            column_config=_COLUMNS,
            alt="Codes that the store does not know, and what to do with each",
        )
        if not st.form_submit_button("Settle these codes", icon=":material/done_all:"):
            return None
    chosen = edited.filter(pl.col("act") != LEAVE)
    return UnknownChoice(
        channel_id,
        tuple(
            CodeChoice(row["code"], (row["sku"] or "").strip(), row["title"], is_new=row["act"] == CREATE)
            for row in chosen.iter_rows(named=True)
        ),
    )


def _proposed(unknown: pl.DataFrame, channel_id: str | None) -> pl.DataFrame:
    """With what is proposed for each: mapped where a SKU is the same but for signs and capitals, else created under its own code."""
    products = shared.products().select("sku", "name")
    if channel_id is None:
        return unknown.with_columns(act=pl.lit(CREATE), sku="code")
    listings = unknown.select("channel_id", external_sku="code", title="title")
    same = suggestions(listings, products, most=1).filter(pl.col("score") == 1).select(code="external_sku", sku="sku")
    return unknown.join(same, on="code", how="left", maintain_order="left").with_columns(
        act=pl.when(pl.col("sku").is_null()).then(pl.lit(CREATE)).otherwise(pl.lit(MAP)), sku=pl.coalesce("sku", "code")
    )
