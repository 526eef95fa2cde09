"""The back-test of a buffer: what other sizes would have avoided and cost, for one SKU, or for all SKUs of a channel as a ranked list."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import polars as pl
import streamlit as st

from dashboard.buffers import charts, reads
from dashboard.buffers import rules as buffers
from dashboard.shell import downloads, filters, late, records, words
from dashboard.shell import reads as shared
from dashboard.shell.filters import Filter
from data_access.domain.buffer_replay import by_sku, total
from data_access.domain.buffers_in_force import OBSERVED_FROM
from data_access.queries.buffer_replay import BackTest

DAYS: Final = (30, 60, 90, 180)
TARGETS: Final = {"0.0": "none", "0.002": "0.2 %", "0.005": "0.5 %", "0.01": "1 %", "0.02": "2 %", "0.05": "5 %"}
SHOWN: Final = 200
_UNITS: Final[dict[str, str]] = {
    "wanted": "Ordered",
    "today": "Buffer today",
    "oversold_without": "Oversold without a buffer",
    "avoided": "Avoided by today's",
    "withheld": "Withheld by today's",
    "costs": "Costs more than it saves",
    "suggested": "Suggested buffer",
    "suggested_oversold": "Oversold with it",
    "suggested_withheld": "Withheld by it",
}
_SIZE_COLUMNS: Final[dict[str, str]] = {
    "size": "Buffer",
    "sold": "Sold",
    "oversold": "Oversold",
    "avoided": "Oversold avoided",
    "withheld": "Withheld that could have been sold",
}


def show(can_change: bool, key: str) -> None:
    """Draw the choice of channel, SKU, days and target, and the back-test of it."""
    st.caption(
        "The orders of the last days, replayed with other buffers: the channel is taken to see the stock as it was when its events last "
        "reached us, less what the listing sold since. An order beyond what there was is oversold."
    )
    names = records.names()["channel_id"]
    with st.container(horizontal=True, vertical_alignment="bottom"):
        channel_id = records.ask_channel("Choose")
        filters.hold(
            Filter("sku", default=""),
            Filter("days", {count: str(count) for count in DAYS}, default=90),
            Filter("target", TARGETS, default="0.01"),
        )
        sku = st.text_input("SKU", key="sku", placeholder="All SKUs of the channel", width=220).strip() or None
        days = st.selectbox("Last days", DAYS, key="days", width=110)
        target = st.selectbox(
            "Maximum oversell rate",
            list(TARGETS),
            format_func=TARGETS.__getitem__,
            key="target",
            help="Share of the units sold that may be beyond the stock.",
            width=140,
        )
    if channel_id is None:
        st.info("Choose a channel: the list shows where its buffers cost more than they save.", icon=":material/info:")
    elif sku is None:
        _channel(channel_id, names[channel_id], days, float(target), key)
    elif shared.availability(sku).filter(pl.col("channel_id") == channel_id).is_empty():
        st.warning(
            f"{words.plain(names[channel_id])} does not sell a SKU “{words.plain(sku)}”: choose another.", icon=":material/search_off:"
        )
    else:
        _one(channel_id, sku, days, float(target), can_change, key)


def _one(channel_id: str, sku: str, days: int, target: float, can_change: bool, key: str) -> None:
    test = reads.kept_test(channel_id, sku, days) or reads.back_test(channel_id, sku, days)
    if test is None or test.wanted.is_empty():
        st.info(f"Nothing was ordered there in the last {days} days: there is nothing to replay.", icon=":material/info:")
        return
    row = by_sku(test.curves, test.wanted, test.today, test.observed_from, target).row(0, named=True)
    marks = [_mark(f"Today: {words.counted(row['today'], 'unit')}", row, "")]
    if row["suggested"] is not None:
        marks.append(_mark(f"Suggested: {words.counted(row['suggested'], 'unit')}", row, "suggested_"))
    st.markdown(f"**{finding(test.curves, row)}**")
    _picture(test, test.curves, marks, row, channel_id, f"{key}.test.one")
    if row["suggested"] is not None and row["suggested"] != row["today"] and can_change:
        st.button(
            f"Make it {words.counted(row['suggested'], 'unit')}",
            icon=":material/shield:",
            key=f"{key}.test.use",
            on_click=_use,
            args=(channel_id, sku, row["suggested"], f"back-test of {days} days"),
        )
    _sizes(test.curves, row, key)


def _use(channel_id: str, sku: str, size: int, reason: str) -> None:
    """Open the rule of the SKU on the channel, or a new one, with this size typed in: nothing is saved yet. A callback."""
    scope = {"level": "channel_sku", "channel_id": channel_id, "sku": sku}
    buffers.open_draft(scope, {"amount": str(size), "reason": reason, "basis.3": "units"})


def _channel(channel_id: str, name: str, days: int, target: float, key: str) -> None:
    test = reads.kept_test(channel_id, None, days)
    if test is None:
        place = st.empty()
        with place.container():
            asked = st.button(f"Test all SKUs of {words.plain(name)}", type="primary", icon=":material/play_arrow:", key=f"{key}.test.run")
            st.caption("A large channel takes up to half a minute.")
        if not asked:
            return
        test = reads.back_test(channel_id, None, days, place.progress(0.0, "Reading the orders").progress)
        place.empty()
    if test is None or test.wanted.is_empty():
        st.info(f"Nothing was ordered there in the last {days} days: there is nothing to replay.", icon=":material/info:")
        return
    rows = by_sku(test.curves, test.wanted, test.today, test.observed_from, target)
    costly = rows.filter(pl.col("costs") > 0)
    need = rows.filter((pl.col("suggested") > pl.col("today")).fill_null(True))
    st.markdown(
        f"**{words.counted(costly.height, 'SKU')} where the buffer of today costs more than it saves "
        f"({words.counted(int(costly['costs'].sum()), 'unit')}); {words.counted(need.height, 'SKU')} that would need a larger one.**"
    )
    _table(rows, channel_id, key)
    curves = total(test.curves.filter(pl.col("size").is_in(pl.Series(_grid(test.curves)).implode())), name)
    least = pl.DataFrame({"sku": [name], "size": [_observed_from(rows)]}, schema=OBSERVED_FROM)
    wanted = pl.DataFrame({"sku": [name], "wanted": [int(rows["wanted"].sum())]})
    whole = by_sku(curves, wanted, OBSERVED_FROM.to_frame(), least, target).row(0, named=True)
    sums = rows.select(pl.col("oversold_without", "oversold", "withheld", "suggested_oversold", "suggested_withheld").sum()).row(
        0, named=True
    )
    marks = [_mark("Today's buffers", sums, ""), _mark("Each SKU its suggested size", sums, "suggested_")]
    if whole["suggested"] is not None:
        marks.append(_mark(f"One for all: {words.counted(whole['suggested'], 'unit')}", whole, "suggested_"))
    st.markdown(
        f"**Over all SKUs: without a buffer {words.counted(sums['oversold_without'], 'unit')} would have been oversold. Today's buffers: "
        f"{words.units(sums['oversold'])} oversold, {words.counted(sums['withheld'], 'sale')} lost to them. Each SKU its suggested size: "
        f"{words.units(sums['suggested_oversold'])} oversold, {words.counted(sums['suggested_withheld'], 'sale')} lost.** "
        "The line is one size for every SKU."
    )
    _picture(test, curves, marks, whole, channel_id, f"{key}.test.all")


def _mark(label: str, row: Mapping[str, Any], prefix: str) -> charts.Mark:
    avoided = row["oversold_without"] - row[f"{prefix}oversold"]
    return charts.Mark(label, row[f"{prefix}withheld"], avoided, is_suggested=bool(prefix))


def _observed_from(rows: pl.DataFrame) -> int:
    """The smallest size that could be observed for SKUs with all but a twentieth of the units ordered."""
    ordered = rows.sort("observed_from").with_columns(share=pl.col("wanted").cum_sum() / pl.col("wanted").sum())
    return int(ordered.filter(pl.col("share") >= 0.95)["observed_from"][0])


def _grid(curves: pl.DataFrame) -> list[int]:
    """The sizes that were tried for every SKU."""
    count = curves["sku"].n_unique()
    return curves.group_by("size").len().filter(pl.col("len") == count)["size"].to_list()


def _picture(test: BackTest, curves: pl.DataFrame, marks: Sequence[charts.Mark], row: Mapping[str, Any], channel_id: str, key: str) -> None:
    """The curve up to the size that avoids all oversold units, or a dozen more than is of interest; and what it rests on."""
    position = int(shared.channels().filter(pl.col("channel_id") == channel_id)["position"][0])
    enough = curves.filter(pl.col("oversold") == curves["oversold"].min())["size"].min()
    most = max(int(enough) if isinstance(enough, int) else 0, row["today"] or 0, row["suggested"] or 0, 12)
    st.plotly_chart(
        charts.curve(curves.filter(pl.col("size") <= most), position, marks, row["observed_from"]),
        key=f"{key}.curve",
        config={"displayModeBar": False},
        alt="Oversold units avoided against units withheld, by size of the buffer",
    )
    sentences = [f"The channel's events reached us {words.age(test.delay / 1_000_000)} late (median)."]
    if test.unexplained:
        sentences.append(
            f"{words.counted(test.unexplained, 'unit was', 'units were')} ordered beyond what the channel is taken to have seen: left out."
        )
    if row["observed_from"]:
        sentences.append(
            f"Sizes below {words.counted(row['observed_from'], 'unit')} could not be observed: more was withheld then, and "
            "orders that it kept away are not known."
        )
    sentences.append("It says what would have been, not what will be.")
    st.caption(" ".join(sentences))


def finding(curves: pl.DataFrame, row: Mapping[str, Any]) -> str:
    """What a curve says, as its title: without a buffer, with today's, with the suggested one."""
    sold = int(curves.filter(pl.col("size") == 0)["sold"][0])
    parts = [f"Without a buffer {words.units(row['oversold_without'])} of {words.counted(sold, 'unit')} sold would have been oversold."]
    if row["today"]:
        parts.append(f"Today's {_with(row['today'], row['oversold'], row['withheld'])}")
    if row["suggested"] is None:
        parts.append("No size that was tried meets the target.")
    elif row["suggested"] == row["today"]:
        parts.append("It is the smallest that meets the target.")
    else:
        parts.append(f"To meet the target, {_with(row['suggested'], row['suggested_oversold'], row['suggested_withheld'])}")
    return " ".join(parts)


def _with(size: int, oversold: int, withheld: int) -> str:
    return f"{words.counted(size, 'unit')}: {words.units(oversold)} oversold, {words.counted(withheld, 'sale')} lost to it."


def _sizes(curves: pl.DataFrame, row: Mapping[str, Any], key: str) -> None:
    without = row["oversold_without"]
    shown = curves.with_columns(
        avoided=without - pl.col("oversold"),
        rate=pl.when(pl.col("sold") > 0).then(100 * pl.col("oversold") / pl.col("sold")),
        observed=pl.when(pl.col("size") < row["observed_from"]).then(pl.lit("no: more was withheld")).otherwise(pl.lit("yes")),
    ).select(*_SIZE_COLUMNS, "rate", "observed")
    st.container(key=f"{key}.test.sizes").dataframe(
        shown,
        hide_index=True,
        height=9 * 35 + 3,
        column_config={
            **{name: st.column_config.NumberColumn(f"{label} (units)", format="localized") for name, label in _SIZE_COLUMNS.items()},
            "rate": st.column_config.NumberColumn("Oversell rate (%)", format="%.2f"),
            "observed": "Could be observed",
        },
        placeholder="—",
        alt="What each size of the buffer would have avoided and cost",
    )
    downloads.buttons(shown, "buffer-back-test", f"{key}.test")


def _table(rows: pl.DataFrame, channel_id: str, key: str) -> None:
    shown = rows.head(SHOWN).select("sku", *_UNITS)
    skus = shown["sku"].to_list()

    @late.ignored
    def clicked() -> None:
        selection = st.session_state[f"{key}.test.grid"]["selection"]
        at = [cell[0] for cell in selection["cells"]] or list(selection["rows"])
        if at and at[0] < len(skus):
            st.session_state["sku"] = skus[at[0]]

    st.dataframe(
        shown,
        key=f"{key}.test.grid",
        hide_index=True,
        on_select=clicked,
        selection_mode=["single-row", "single-cell"],
        height=(min(shown.height, 10) + 1) * 35 + 3,
        column_config={
            "sku": st.column_config.TextColumn("SKU", pinned=True),
            **{name: st.column_config.NumberColumn(f"{label} (units)", format="localized") for name, label in _UNITS.items()},
        },
        placeholder="—",
        alt="SKUs of the channel, those whose buffer costs most first: choose a row to see its curve",
    )
    st.caption(
        f"{words.units(shown.height)} of {words.counted(rows.height, 'SKU')}, those whose buffer costs most first; the file has all."
    )
    downloads.buttons(rows, f"buffer-back-test-{channel_id}", f"{key}.test.all")
