"""One metric of one channel: why it stands where it does, where it will stand, and the orders on either side of the fraction."""

from typing import Any, Final

import polars as pl
import streamlit as st

from dashboard.scorecards import charts, reads
from dashboard.scorecards.reads import Depth
from dashboard.shell import downloads, filters, records, words
from dashboard.shell import reads as shared
from dashboard.shell.filters import Filter
from data_access.domain.scorecards.headroom import headroom
from data_access.domain.scorecards.registry import Metric
from data_access.mirror.depth import by_cause

SHOWN: Final = 500
SIDES: Final = {"miss": "Missed", "ok": "On target", "open": "Still open", "excluded": "Excluded"}
CAUSES: Final = {"location": "Location", "carrier": "Carrier", "sku": "SKU", "weekday": "Weekday of order", "hour": "Hour of order"}
_DAYS: Final = {1: "Monday", 2: "Tuesday", 3: "Wednesday", 4: "Thursday", 5: "Friday", 6: "Saturday", 7: "Sunday"}
_ORDER: Final = "order_ref"
_TIME: Final = "YYYY-MM-DD HH:mm"
_COLUMNS: Final[dict[str, Any]] = {
    "order_ref": st.column_config.TextColumn("Order", pinned=True),
    "shipment_ref": "Package",
    "day": st.column_config.DateColumn("Counts on", format="YYYY-MM-DD"),
    "weight": st.column_config.NumberColumn("Counts for", format="localized"),
    "reason": "Excluded because",
    "urgency": "Urgency",
    "tips": st.column_config.CheckboxColumn(
        "Would breach", help="The target is missed if this order and all that are due before it are missed."
    ),
    "miss_from": st.column_config.DatetimeColumn("A miss from (UTC)", format=_TIME),
    "placed_at": st.column_config.DatetimeColumn("Placed (UTC)", format=_TIME),
    "ship_by_at": st.column_config.DatetimeColumn("Ship by (UTC)", format=_TIME),
    "shipped_at": st.column_config.DatetimeColumn("Shipped (UTC)", format=_TIME),
    "deliver_by_at": st.column_config.DatetimeColumn("Deliver by (UTC)", format=_TIME),
    "delivered_at": st.column_config.DatetimeColumn("Delivered (UTC)", format=_TIME),
    "location": "Location",
    "carrier": "Carrier",
    "sku": "First SKU",
}

_LINE_COLUMNS: Final[dict[str, Any]] = {
    "sku": "SKU",
    "quantity": "Ordered",
    "shipped_quantity": "Shipped",
    "cancelled_quantity": "Cancelled",
    "returned_quantity": "Returned",
    **{name: _COLUMNS[name] for name in ("placed_at", "ship_by_at", "deliver_by_at")},
}
_PACKAGE_COLUMNS: Final[dict[str, Any]] = {
    "shipment_ref": "Package",
    "location": "From",
    "quantity": "Units",
    "carrier": "Carrier",
    "tracking_number": "Tracking number",
    "shipped_at": _COLUMNS["shipped_at"],
    "tracking_uploaded_at": st.column_config.DatetimeColumn("Tracking uploaded (UTC)", format=_TIME),
    "first_scan_at": st.column_config.DatetimeColumn("First scan (UTC)", format=_TIME),
    "delivered_at": _COLUMNS["delivered_at"],
}


def show(channel_id: str, metric: Metric, cards: pl.DataFrame) -> None:
    """Draw it."""
    names = records.names()["channel_id"]
    st.subheader(words.plain(f"{names.get(channel_id, channel_id)}: {metric.name}"), anchor=False)
    st.caption(words.plain(_meaning(metric)))
    if not metric.on:
        st.info(f"Not judged: {words.plain(metric.off_because)} A manager can switch it on below.", icon=":material/help:")
    depth = reads.depth(channel_id, metric.id)
    if depth is None:
        card = cards.filter((pl.col("channel_id") == channel_id) & (pl.col("metric_id") == metric.id))
        channel_says = (
            "" if card.is_empty() or card["theirs"][0] is None else f" It says {card['theirs'][0]:.2%} as of {card['theirs_on'][0]}."
        )
        brings = "" if card.is_empty() else f" {card['brings'][0]}"
        st.info(words.plain(f"No data.{brings}{channel_says}"), icon=":material/data_alert:")
        return
    left, right = st.columns([2, 1], gap="medium")
    with left:
        st.plotly_chart(
            charts.rate(depth.trend, depth.days, metric, _position(channel_id), depth.outlooks),
            config={"displayModeBar": False},
            alt=f"{metric.name} by day against its target, and misses by day",
        )
    with right:
        _standing(depth)
        _outlook(depth)
        _leaving(depth)
    _causes(depth)
    _orders(depth)


def _meaning(metric: Metric) -> str:
    dating = f"; {metric.dating}" if metric.dating_grade == "C" else ""
    assumed = " The target is assumed until you set your own." if metric.target_is_assumed else ""
    lag = f", ending {words.counted(metric.reporting_lag, 'day')} ago" if metric.reporting_lag else ""
    return (
        f"{metric.numerator.capitalize()}, of {metric.denominator}{dating}. "
        f"Window: {metric.window.words}{lag}. Target {metric.target_words}. "
        f"Source: {metric.source} (grade {metric.grade}).{assumed}"
    )


def _position(channel_id: str) -> int:
    channel = shared.channels().filter(pl.col("channel_id") == channel_id)
    return 1 if channel.is_empty() else int(channel["position"][0])


def _standing(depth: Depth) -> None:
    now, room = depth.rate, headroom(depth.rate.misses, depth.rate.denominator, depth.metric)
    if now.rate is None or now.low is None or now.high is None:
        st.markdown("**No orders** count in the window.")
    else:
        few = " Few orders: one more miss moves it by over a point." if now.is_small else ""
        st.markdown(
            f"**{now.rate:.2%}**: {now.numerator:,} of {now.denominator:,}, {now.first} to {now.last} "
            f"(95 % interval {now.low:.2%} to {now.high:.2%}).{few}"
        )
    if room.excess:
        st.markdown(f"✕ **{words.counted(room.excess, 'miss', 'misses')} over the limit**: {room.excess:,} must age out to recover.")
    elif room.further is not None:
        st.markdown(f"**{words.counted(room.further, 'miss', 'misses')} left** before the target is missed.")
    waiting = [f"{now.open:,} still open"] if now.open else []
    left_out = [f"{count:,} {reason}" for reason, count in now.excluded.items()]
    if waiting or left_out:
        st.caption(words.plain("In the window, but not in the rate: " + "; ".join(waiting + left_out) + "."))
    if not depth.remarks.is_empty():
        odd = (f"{count:,} {remark}" for remark, count in depth.remarks.select("remark", "orders").iter_rows())
        st.caption(words.plain("Special cases: " + "; ".join(odd) + "."))


def _outlook(depth: Depth) -> None:
    for one in depth.outlooks:
        st.markdown(
            f"**{one.day}**: {one.mean:.2%} expected (80 % interval {one.low:.2%} to {one.high:.2%}); "
            f"chance of missing the target: {one.breach * 100:.0f} %."
        )
    if depth.outlooks:
        first = depth.outlooks[0]
        st.caption(
            f"{words.counted(first.leaving_misses, 'miss ages', 'misses age')} out by then; about {first.expected_misses:,.0f} of "
            f"{words.counted(first.open, 'open order')} will miss."
        )


def _leaving(depth: Depth) -> None:
    if depth.roll_off.is_empty():
        return
    with st.expander("When past misses leave the window"):
        st.dataframe(
            depth.roll_off.select("leaves_on", "misses", "day", "left"),
            hide_index=True,
            column_config={"leaves_on": "Leaves window", "misses": "Misses", "day": "Missed on", "left": "Remaining"},
            alt="When past misses leave the window",
        )


def _causes(depth: Depth) -> None:
    st.markdown("**Where the misses come from**")
    filters.hold(Filter("cause", CAUSES, default="location"))
    cause = st.segmented_control(
        "Cause",
        list(CAUSES),
        required=True,
        format_func=CAUSES.__getitem__,
        key="cause",
        label_visibility="collapsed",
    )
    sides = by_cause(_named(depth.sides), str(cause))
    if cause == "weekday":
        sides = sides.with_columns(pl.col("weekday").cast(pl.Int64).replace_strict(_DAYS, default=None, return_dtype=pl.String))
    st.dataframe(
        sides.head(SHOWN).with_columns(share=pl.col("share") * 100),
        hide_index=True,
        height=(min(sides.height, 8) + 1) * 35 + 3,
        column_config={
            str(cause): CAUSES[str(cause)],
            "counted": st.column_config.NumberColumn("Counted", format="localized"),
            "missed": st.column_config.NumberColumn("Missed", format="localized"),
            "share": st.column_config.NumberColumn("Missed (%)", format="%.2f"),
        },
        placeholder="—",
        alt=f"Misses by {CAUSES[str(cause)].lower()}",
    )


def _orders(depth: Depth) -> None:
    st.markdown("**Orders behind this rate**")
    filters.hold(Filter("side", SIDES, default="miss"))
    side = st.segmented_control(
        "Side",
        list(SIDES),
        required=True,
        format_func=SIDES.__getitem__,
        key="side",
        label_visibility="collapsed",
    )
    rows = _named(depth.sides).filter(pl.col("outcome") == side)
    if side == "open":
        rows = rows.sort("miss_from", nulls_last=True)
        today = rows.filter(pl.col("urgency") == "due today").height
        tips = rows.filter("tips").height
        st.caption(
            f"{words.counted(today, 'of them becomes', 'of them become')} a miss today, if nothing happens; "
            f"{words.counted(tips, 'of them', 'of them')} would breach the target if missed together with all that are due before."
        )
    names = [name for name in _COLUMNS if rows[name].null_count() < rows.height]
    shown = rows.select(names).with_columns(pl.selectors.datetime().dt.replace_time_zone(None))
    if shown.is_empty():
        st.caption("There are none in the window.")
        return
    refs = rows["order_ref"].head(SHOWN).to_list()
    records.clickable(shown.head(SHOWN), refs, _ORDER, "metric-orders", _COLUMNS, "Orders: choose one to see its lines and packages")
    if shown.height > SHOWN:
        st.caption(f"The newest {SHOWN} of {shown.height:,}; the download has them all.")
    downloads.buttons(shown, f"{depth.metric.id}-{side}", "metric-orders")
    filters.hold(Filter(_ORDER, default=""))
    chosen = st.text_input("Order", key=_ORDER, placeholder="Click a row, or type its number", width=320).strip()
    order = depth.sides.filter(pl.col("order_ref") == chosen)
    if chosen and order.is_empty():
        st.caption(f"No order “{words.plain(chosen)}” is in the window of this metric.")
    elif chosen:
        _order(order)


def _named(sides: pl.DataFrame) -> pl.DataFrame:
    """Locations by their names."""
    return sides.with_columns(pl.col("location").replace(records.names()["location_id"]))


def _order(order: pl.DataFrame) -> None:
    lines, shipments = reads.order(int(order["order_id"][0]), order["placed_at"][0])
    for row in order.iter_rows(named=True):
        package = f", package {row['shipment_ref']}" if row["shipment_ref"] else ""
        reason = f": {row['reason']}" if row["reason"] else ""
        rest = f"{package}: {SIDES[row['outcome']].lower()}{reason}, counts on {row['day']}."
        st.markdown(f"**{words.plain(row['order_ref'])}**{words.plain(rest)}")
    _facts(lines, _LINE_COLUMNS, "Lines of the order")
    _facts(
        shipments.with_columns(location=pl.col("location_id").replace(records.names()["location_id"])),
        _PACKAGE_COLUMNS,
        "Packages of the order",
    )


def _facts(rows: pl.DataFrame, columns: dict[str, Any], alt: str) -> None:
    shown = rows.select(list(columns)).with_columns(pl.selectors.datetime().dt.replace_time_zone(None))
    st.dataframe(shown, hide_index=True, column_config=columns, placeholder="—", alt=alt)
