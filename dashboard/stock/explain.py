"""The chosen SKU: what each channel may sell of it and which rule binds, and the entries behind every number."""

from html import escape
from typing import Any, Final

import polars as pl
import streamlit as st

from dashboard import scripts
from dashboard.shell import filters, links, records, words
from dashboard.shell import reads as shared
from dashboard.shell.filters import Filter
from dashboard.stock import charts, reads, tables
from data_access.domain.buffer_rules import amount_in_words, covers
from data_access.queries.stock import StockFilter

STEP: Final = 50
_LAST: Final = "explain.last"
_COLUMNS: Final = {
    "on_hand": "On hand",
    "allocated": "Allocated",
    "unsellable": "Unsellable",
    "location_buffer": "Location buffer",
    "available": "Available",
    "backordered": "Backordered",
    "reserved_elsewhere": "Reserved elsewhere",
    "pool": "Pool",
    "channel_buffer": "Channel buffer",
    "listing_maximum": "Listing maximum",
    "available_to_sell": "Available to sell",
}
_ALWAYS: Final = {"on_hand", "allocated", "unsellable", "available", "backordered", "pool", "available_to_sell"}
_TIME: Final = "YYYY-MM-DD HH:mm:ss"
_MOVEMENT_COLUMNS: Final[dict[str, Any]] = {
    "occurred_at": st.column_config.DatetimeColumn("Occurred (UTC)", format=_TIME),
    "location": "Location",
    "kind": "Kind",
    "state": "State",
    "quantity": st.column_config.NumberColumn("Quantity (units)", format="%+d"),
    "balance": st.column_config.NumberColumn("On hand after (units)", format="localized"),
    "event": "Event",
}
_LINE_COLUMNS: Final[dict[str, Any]] = {
    "channel_id": "Channel",
    "order_ref": "Order",
    "line_ref": "Line",
    "kind": "Kind",
    "units": st.column_config.NumberColumn("Units", format="localized"),
    "location_id": "Location",
    "sold_sku": "Sold as",
    "placed_at": st.column_config.DatetimeColumn("Placed (UTC)", format=_TIME),
    "ship_by_at": st.column_config.DatetimeColumn("Ship by (UTC)", format=_TIME),
}
_PURCHASE_COLUMNS: Final[dict[str, Any]] = {
    "po_ref": "Purchase order",
    "supplier_name": "Supplier",
    "location_id": "Location",
    "placed_at": st.column_config.DatetimeColumn("Ordered (UTC)", format="YYYY-MM-DD"),
    "expected_at": st.column_config.DatetimeColumn("Expected (UTC)", format="YYYY-MM-DD"),
    "quantity": st.column_config.NumberColumn("Ordered (units)", format="localized"),
    "received_quantity": st.column_config.NumberColumn("Received (units)", format="localized"),
    "on_order": st.column_config.NumberColumn("On order (units)", format="localized"),
}


def ask() -> str:
    """Draw the field of the SKU to explain, which a click on a row fills; what is in it."""
    with st.container(horizontal=True, vertical_alignment="bottom", key="explain"):
        filters.hold(Filter("sku", default=""))
        typed = st.text_input("SKU details", key="sku", placeholder="Click a row, or type a SKU", width=280).strip()
        if typed:
            st.button("Close", on_click=tables.choose, args=("",), icon=":material/close:", key="explain.close")
    return typed


def show(typed: str, channel_id: str | None) -> None:
    """Draw the explanation of a SKU; `channel_id`: the channel to explain first."""
    if not typed:
        forget()
        st.caption("Choose a SKU to see what each channel may sell of it, which rule binds, and the entries behind each number.")
        return
    product = _product(typed)
    if product is None:
        st.warning(
            f"There is no SKU “{words.plain(typed)}” in this store: check the code, or click a row above.", icon=":material/search_off:"
        )
        return
    _explain(product, channel_id)
    if st.session_state.get(_LAST) != typed:  # chosen just now: bring it into view; live redraws leave the page where it is
        st.html(scripts.element(scripts.SHOW_EXPLANATION), unsafe_allow_javascript=True)
    st.session_state[_LAST] = typed


def forget() -> None:
    """Bring the next explanation into view even if its SKU was the last one: called by pages that link to it."""
    st.session_state.pop(_LAST, None)


def _product(typed: str) -> dict[str, Any] | None:
    """The SKU as the table of all stock knows it; capitals do not matter where no SKU is written so."""
    everything = shared.stock_table(StockFilter())
    matches = everything.filter(pl.col("sku") == typed)
    if matches.is_empty():
        matches = everything.filter(pl.col("sku").str.to_lowercase() == typed.lower())
    return None if matches.is_empty() else matches.row(0, named=True)


def _explain(product: dict[str, Any], channel_id: str | None) -> None:
    sku = product["sku"]
    st.subheader(f"{words.plain(sku)} · {words.plain(product['name'])}: what may each channel sell, and why?", anchor=False)
    st.page_link(
        links.DEMAND.path,
        label=f"Demand forecast of {words.plain(sku)}",
        icon=":material/query_stats:",
        query_params={"sku": sku, **({} if channel_id is None else {"channel": channel_id})},
    )
    if product["is_assumed"]:
        st.info("These figures rest on an assumed opening stock: count the SKU to replace it.", icon=":material/help:")
    channels = {row["channel_id"]: row for row in shared.channels().iter_rows(named=True)}
    owed = _owed(sku, {one: row["name"] for one, row in channels.items()})
    rows = _by_position(shared.availability(sku), channels)
    if rows.is_empty():
        st.caption("No channel sells this SKU: it has no listing.")
    else:
        steps, chart = st.columns([3, 2], gap="medium")
        with steps:
            st.html(availability_html(rows, {one: row["name"] for one, row in channels.items()}))
        with chart:
            _waterfall(sku, rows, channels, channel_id, owed)
    movements, lines, orders = st.tabs(["On hand: movements", "Allocated and backordered: order lines", "On order: purchase orders"])
    with movements:
        _movements(product)
    with lines:
        _open_lines(product, {one: row["name"] for one, row in channels.items()})
    with orders:
        _purchase_lines(product)


def _owed(sku: str, names: dict[str, str]) -> list[str]:
    """Say which channels sold units that are not there; the channels, the one that is owed most first."""
    lines = shared.open_lines(sku).filter(pl.col("kind") == "backordered")
    each = lines.group_by("channel_id").agg(pl.col("units").sum()).sort("units", "channel_id", descending=[True, False])
    if not each.is_empty():
        parts = ", ".join(f"{words.units(units)} on {words.plain(names.get(one, one))}" for one, units in each.iter_rows())
        st.markdown(f"**Sold beyond stock:** {parts}. These are served first when stock comes in.")
    return each["channel_id"].to_list()


def _by_position(rows: pl.DataFrame, channels: dict[str, dict[str, Any]]) -> pl.DataFrame:
    order = {one: row["position"] for one, row in channels.items()}
    return rows.sort(pl.col("channel_id").replace_strict(order, default=None, return_dtype=pl.Int64), nulls_last=True)


def availability_html(rows: pl.DataFrame, names: dict[str, str]) -> str:
    """`domain.availability.AVAILABILITY` as a table: one row per channel, one column per step, with the binding rule at the end."""
    shown = [name for name in _COLUMNS if name in _ALWAYS or (rows[name].fill_null(0) != 0).any()]
    head = "".join(f'<th scope="col">{_COLUMNS[name]}</th>' for name in shown)
    body = "".join(_availability_row(row, shown, names) for row in rows.iter_rows(named=True))
    return (
        '<div class="oh-scroll" tabindex="0" role="region" aria-label="What each channel may sell, step by step">'
        f'<table class="oh-figures"><thead><tr><th scope="col">Units</th>{head}<th scope="col" class="oh-text">Rule that binds</th></tr>'
        f"</thead><tbody>{body}</tbody></table></div>"
    )


def _availability_row(row: dict[str, Any], shown: list[str], names: dict[str, str]) -> str:
    cells = "".join(f"<td>{words.units(row[name])}</td>" for name in shown[:-1])
    name = escape(names.get(row["channel_id"], row["channel_id"]))
    rule = words.rule(row["binding_rule"], row["binding_component"])
    result = f'<td class="oh-strong">{words.units(row["available_to_sell"])}</td>'
    return f'<tr><th scope="row">{name}</th>{cells}{result}<td class="oh-text oh-rule">{escape(rule)}</td></tr>'


def _waterfall(sku: str, rows: pl.DataFrame, channels: dict[str, dict[str, Any]], asked: str | None, owed: list[str]) -> None:
    """The waterfall of one channel: at first the one asked for, else the one that is owed most, else the first."""
    sold_on = rows["channel_id"].to_list()
    chosen = st.pills(
        "Channel",
        sold_on,
        default=next(one for one in (asked, *owed, *sold_on) if one in sold_on),
        format_func=lambda one: words.plain(channels[one]["name"]),
        key=f"explain.channel.{sku}.{asked}",
        required=True,
    )
    frame = reads.waterfall(sku).filter(pl.col("channel_id") == chosen)
    figures = rows.row(by_predicate=pl.col("channel_id") == chosen, named=True)
    name, left = channels[chosen]["name"], figures["available_to_sell"]
    rule = words.plain(words.rule(figures["binding_rule"], figures["binding_component"]))
    st.markdown(f"**{words.plain(name)} may sell {words.counted(left, 'unit')}**: {rule}.")
    _winning_rule(figures["buffer_rule_id"])
    if not (frame["running"] != 0).any():
        st.caption("There are no units at its locations.")
        return
    st.plotly_chart(
        charts.waterfall(frame, channels[chosen]["position"]),
        key="explain.chart",
        config={"displayModeBar": False},
        alt=f"From units on hand to the {left} that {name} may sell",
    )


def _winning_rule(rule_id: int | None) -> None:
    """Say which of the buffer rules that cover the SKU on the channel counts, with a link to it."""
    matches = shared.rules().filter(pl.col("rule_id") == rule_id)
    if matches.is_empty():
        return
    rule = matches.row(0, named=True)
    sentence = f"{covers(rule, records.names())}: {amount_in_words(rule['basis'], rule['amount'])}"
    st.page_link(
        links.BUFFERS.path, label=f"Buffer rule: {words.plain(sentence)}", icon=":material/shield:", query_params={"rule": str(rule_id)}
    )


def _more(key: str, drawn: int, limit: int) -> None:
    if drawn >= limit and st.button("Show 50 more", key=f"{key}.more"):
        st.session_state[key] = limit + STEP
        st.rerun()


def _movements(product: dict[str, Any]) -> None:
    sku = product["sku"]
    if product["is_kit"]:
        st.caption("A kit has no stock of its own: its components do. These decide how many kits there are:")
        for part in shared.availability(sku)["binding_component"].drop_nulls().unique().sort():
            st.button(f"Explain {words.plain(part)}", key=f"explain.part.{part}", on_click=tables.choose, args=(part,))
        return
    levels = shared.levels(sku)
    names = {row["location_id"]: row["name"] for row in shared.locations().iter_rows(named=True)}
    where = st.selectbox(
        "Location",
        levels["location_id"].to_list(),
        index=None,
        placeholder="All locations",
        key="explain.location",
        format_func=lambda one: names.get(one, one),
        width=280,
    )
    on_hand = int((levels if where is None else levels.filter(pl.col("location_id") == where))["on_hand"].sum())
    limit = st.session_state.get(f"explain.{sku}.limit", STEP)
    rows = reads.ledger(sku, where, limit, 0)
    st.markdown(f"**On hand {words.counted(on_hand, 'unit')}**: {_sum_note(on_hand, rows, limit)}")
    st.container(key="explain-ledger").dataframe(
        movements(rows, on_hand, names),
        hide_index=True,
        column_config=_MOVEMENT_COLUMNS,
        alt=f"Stock movements of {sku}, newest first",
    )
    _more(f"explain.{sku}.limit", rows.height, limit)


def _sum_note(on_hand: int, rows: pl.DataFrame, limit: int) -> str:
    if rows.height < limit:
        return f"the sum of {words.counted(rows.height, 'movement')}, all shown ({int(rows['quantity'].sum()):,})."
    before = on_hand - int(rows["quantity"].sum())
    return f"{words.units(before)} before the {rows.height} newest movements shown, which add {int(rows['quantity'].sum()):+,}."


def movements(rows: pl.DataFrame, on_hand: int, names: dict[str, str]) -> pl.DataFrame:
    """Rows of `queries.stock.LEDGER`, newest first, with what was on hand after each: the first equals `on_hand`."""
    later = pl.col("quantity").cum_sum().shift(1, fill_value=0)
    return rows.select(
        pl.col("occurred_at").dt.replace_time_zone(None),
        pl.col("location_id").replace_strict(names, default=pl.col("location_id")).alias("location"),
        pl.col("kind").str.replace_all("_", " "),
        "state",
        "quantity",
        (on_hand - later).alias("balance"),
        pl.format("{} {}", "source", "event_ref").alias("event"),
    )


def _open_lines(product: dict[str, Any], names: dict[str, str]) -> None:
    rows = shared.open_lines(product["sku"])
    allocated, backordered = (int(rows.filter(pl.col("kind") == kind)["units"].sum()) for kind in ("allocated", "backordered"))
    st.markdown(f"**Allocated {words.counted(allocated, 'unit')}, backordered {words.counted(backordered, 'unit')}**, oldest first:")
    if rows.is_empty():
        st.caption("No open order line.")
        return
    shown = rows.select(
        pl.col("channel_id").replace_strict(names, default=pl.col("channel_id")),
        *("order_ref", "line_ref", "kind", "units", "location_id", "sold_sku"),
        pl.col("placed_at", "ship_by_at").dt.replace_time_zone(None),
    )
    st.container(key="explain-lines").dataframe(
        shown,
        hide_index=True,
        placeholder="—",
        column_config=_LINE_COLUMNS,
        alt=f"Open order lines of {product['sku']}, oldest first",
    )


def _purchase_lines(product: dict[str, Any]) -> None:
    if product["is_kit"]:
        st.caption("A kit is not ordered: its components are.")
        return
    rows = reads.purchase_lines(product["sku"])
    st.markdown(f"**On order {words.counted(int(rows['on_order'].sum()), 'unit')}**, the soonest first:")
    if rows.is_empty():
        st.caption("Nothing is on order.")
        return
    st.container(key="explain-purchases").dataframe(
        rows.with_columns(pl.col("placed_at", "expected_at").dt.replace_time_zone(None)),
        hide_index=True,
        placeholder="—",
        column_config=_PURCHASE_COLUMNS,
        alt=f"Purchase order lines of {product['sku']} not yet received",
    )
