"""From request to refund: how far returns got, how long that took, what is late; and what was asked for and is not here yet."""

from datetime import UTC, datetime
from functools import partial
from typing import Any, Final, Literal

import polars as pl
import streamlit as st

from dashboard.returns import parts, reads
from dashboard.shell import downloads, filters, links, records, user, words
from dashboard.shell import reads as shared
from dashboard.shell.act import act
from dashboard.shell.filters import Filter
from data_access.commands.return_requests import MOST_REASON, PERMISSION, decide
from data_access.domain.permissions import may, needed
from data_access.domain.returns.life import LINES, funnel, inspection_late, refund_late
from data_access.queries.returns.picture import ReturnFilter

PAGE = "returns"
STAGE: Final = "stage"
LATE: Final = "late"
REQUEST: Final = "request"
NAMES: Final = {
    "requested": "Requested",
    "approved": "Approved",
    "received": "Received",
    "inspected": "Inspected",
    "refunded": "Refunded",
}
SINCE: Final = {"approved": "the request", "received": "the request", "inspected": "the receipt", "refunded": "the request"}
WHICH: Final = {"all": "All that got there", "late": "Late now"}
_COLUMNS: Final[dict[str, Any]] = {
    "stage": "Step",
    "lines": st.column_config.NumberColumn("Lines", format="localized", help="Lines of returns that got there."),
    "median_days": st.column_config.NumberColumn("Median days", format="%.1f"),
    "since": "Days since",
    "were_late": st.column_config.NumberColumn("Were late", format="localized", help="Got there later than the rules allow."),
    "are_late": st.column_config.NumberColumn("Late now", format="localized", help="Not there yet, later than the rules allow."),
}
_REQUESTS: Final[dict[str, Any]] = {
    "requested_at": st.column_config.DatetimeColumn("Asked for", format="YYYY-MM-DD HH:mm"),
    "decision": "Decided",
    "sent_at": st.column_config.DatetimeColumn("Sent back", format="YYYY-MM-DD HH:mm"),
    "sku": "SKU",
    "units": st.column_config.NumberColumn("Units", format="localized"),
    "outside": "Outside its window",
    "customer_note": st.column_config.TextColumn("The customer wrote", width="medium"),
    "channel": "Channel",
    "order_ref": "Order",
    "return_ref": "Return",
}


def show(returned: pl.DataFrame, chosen: ReturnFilter) -> None:
    """Draw the funnel of what came in of a selection and of what is expected, the lines behind a step, and the requests."""
    st.subheader("From request to refund", anchor=False)
    now = datetime.now(UTC)
    asked = reads.requests()
    asked = asked.filter(chosen.only_lists())
    came = returned.select(LINES.names())
    coming = asked.select(
        pl.col(name).cast(kind) if name in asked.columns else _approved() if name == "approved_at" else pl.lit(None, kind).alias(name)
        for name, kind in LINES.items()
    )
    steps = funnel(pl.concat([came.cast(LINES), coming]), now)
    if not steps["lines"].sum():
        st.caption("Nothing was asked for or returned in this selection.")
        return
    filters.hold(Filter(STAGE, NAMES))
    table = steps.select(
        pl.col("stage").replace(NAMES),
        "lines",
        pl.col("median_days").round(4),
        pl.col("stage").replace_strict(SINCE, default="").alias("since"),
        "were_late",
        "are_late",
    )
    records.clickable(table, list(NAMES), STAGE, "returns-life", _COLUMNS, "Steps of returns: choose one to see its lines")
    st.caption(
        "One line of a return each. Late: by the rules below, in whole days. A refund is late once the goods are in, and only where "
        "the channel tells when refunds are given."
    )
    if (stage := st.session_state.get(STAGE)) is not None:
        _behind(returned, stage, now)
    _expected(asked)


def _approved() -> pl.Expr:
    return pl.when(pl.col("decision") == "approved").then("decided_at").alias("approved_at")


def _behind(returned: pl.DataFrame, stage: str, now: datetime) -> None:
    late = {"inspected": inspection_late(now), "refunded": refund_late(now)}.get(stage)
    is_there = pl.col(f"{stage}_at").is_not_null()
    if stage == "refunded":
        is_there |= pl.col("refund").is_not_null()
    which: str | None = "all"
    if late is not None:
        filters.hold(Filter(LATE, WHICH, default="all"))
        which = st.segmented_control("Lines", list(WHICH), format_func=WHICH.__getitem__, key=LATE, required=True)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.markdown(f"**{NAMES[stage]}**: {'late now' if which == 'late' else 'lines whose goods are in'}, the newest first")
        st.button("Close", icon=":material/close:", on_click=_close, key="returns.life.close")
    rows = returned.filter(late & ~is_there if late is not None and which == "late" else is_there)
    parts.behind(rows, "returns-stage")


def _expected(asked: pl.DataFrame) -> None:
    """Draw what was asked for and did not come in, the longest waiting first, and the form to decide on the one that is chosen."""
    if asked.is_empty():
        return
    refs = [str(one) for one in asked["case_id"].to_list()]
    if st.session_state.get(REQUEST) not in (None, *refs):
        st.session_state[REQUEST] = None
    filters.hold(Filter(REQUEST, {ref: ref for ref in refs}))
    title = words.counted(asked.height, "line was asked for and is", "lines were asked for and are")
    st.markdown(f"**{title} not here yet**, the longest waiting first")
    shown = asked.select(
        "requested_at",
        _decided().alias("decision"),
        "sent_at",
        "sku",
        "units",
        pl.when(pl.col("outside_days") > 0).then(pl.format("{} days", "outside_days")).otherwise(pl.lit("")).alias("outside"),
        "customer_note",
        pl.col("channel_id").replace(records.names()["channel_id"]).alias("channel"),
        "order_ref",
        "return_ref",
    )
    first = shown.head(parts.SHOWN)
    records.clickable(
        first, refs[: first.height], REQUEST, "returns-requests", _REQUESTS, "Returns that were asked for: choose one to decide on it"
    )
    if shown.height > first.height:
        st.caption(f"The first {first.height} of {shown.height:,}; the files have all.")
    downloads.buttons(shown, "returns-requested", "returns.requests")
    if (ref := st.session_state.get(REQUEST)) is not None:
        _form(asked.filter(pl.col("case_id") == int(ref)))


def _decided() -> pl.Expr:
    waits = pl.when(pl.col("needs_approval")).then(pl.lit("waits for a person")).otherwise(pl.lit("not needed"))
    return pl.when(pl.col("decision").is_null()).then(waits).otherwise("decision")


def _form(lines: pl.DataFrame) -> None:
    one = lines.row(0, named=True)
    key = f"returns.request.{one['case_id']}.{one['decision']}"
    with st.container(border=True, gap="small", key="returns-request-form"):
        st.markdown(f"**Return {words.plain(one['return_ref'])}** of order {words.plain(one['order_ref'])}")
        for line in lines.iter_rows(named=True):
            note = f": “{words.plain(line['customer_note'])}”" if line["customer_note"] else ""
            st.markdown(f"{words.units(line['units'])} of {words.plain(line['sku'])}{note}")
        if one["outside_days"]:
            late = words.counted(one["outside_days"], "day")
            st.markdown(f":material/event_busy: Asked for {late} after its window of {words.counted(one['window_days'], 'day')} had ended.")
        if one["decision"]:
            why = f": {words.plain(one['decision_reason'])}" if one["decision_reason"] else ""
            st.markdown(f"It was {one['decision']}{why}. Deciding again replaces that.")
        if not may(user.role(), PERMISSION):
            st.caption(f"To decide, act as {needed(PERMISSION)}: choose above.")
            return
        reason = st.text_input("Reason (needed to refuse)", key=f"{key}.reason", max_chars=MOST_REASON, width=420)
        with st.container(horizontal=True):
            if st.button("Approve", type="primary", icon=":material/check:", key=f"{key}.approve"):
                act(PAGE, partial(_decide, one, "approved", reason), saved=partial(st.session_state.pop, f"{key}.reason", None))
            if st.button("Refuse", icon=":material/block:", key=f"{key}.refuse"):
                act(PAGE, partial(_decide, one, "refused", reason), saved=partial(st.session_state.pop, f"{key}.reason", None))
            st.page_link(links.INSPECTION.path, label="To inspection", icon=":material/fact_check:", width="content")


def _decide(one: dict[str, Any], decision: Literal["approved", "refused"], reason: str) -> str:
    decide(shared.engine(), one["case_id"], decision, reason, user.current(), one["decision"])
    return f"Return {one['return_ref']} is {decision}."


def _close() -> None:
    st.session_state[STAGE] = None
