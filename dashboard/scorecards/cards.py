"""All metrics of all channels at a glance, the most urgent first, and the choice of one."""

from typing import Any, Final

import polars as pl
import streamlit as st

from dashboard.scorecards import names
from dashboard.shell import downloads, filters, reads, records, said, words
from dashboard.shell.filters import Filter
from data_access.domain.scorecards.card import CARD_STATES
from data_access.domain.scorecards.registry import Metric

METRIC: Final = "metric"
STATES: Final = {
    "breach": "✕ Breach",
    "watch": "▲ Watch",
    "safe": "✓ Safe",
    "no orders": "○ No orders",
    "off": "◌ Off: to be confirmed",
    "no data": "◌ No data",
}
_COLUMNS: Final[dict[str, Any]] = {
    "channel": st.column_config.TextColumn("Channel", width="small"),
    "metric": st.column_config.TextColumn("Metric", width="medium"),
    "state": st.column_config.TextColumn("State"),
    "value": st.column_config.NumberColumn("Value (%)", format="%.2f", help="From the orders up; the click shows them."),
    "target": "Target",
    "room": st.column_config.TextColumn(
        "Headroom", help="Misses left before the target is missed, with as many orders as now; or misses over the limit."
    ),
    "trend": st.column_config.LineChartColumn("Last 30 days", width="small"),
    "counted": st.column_config.TextColumn("Counted", help="Numerator of denominator."),
    "theirs": st.column_config.NumberColumn("Marketplace says (%)", format="%.2f"),
    "difference": st.column_config.NumberColumn("Difference (percentage points)", format="%+.2f"),
    "brings": st.column_config.TextColumn("What brings data", help="Of a metric that its channel never sent any data for."),
}


def arrive() -> None:
    """On arriving by a link: say so if the metric that it asks for is not there. Call it before anything is drawn."""
    asked = st.query_params.get(METRIC)
    if asked is None or METRIC in st.session_state:
        return
    known = names.labels()
    if asked in known:
        st.session_state[METRIC] = asked
    elif asked not in known.values():
        said.keep("scorecards", "This metric no longer exists: choose another.", is_warning=True)


def progress() -> None:
    """Say what is missing of history, if anything is, and as of when it is."""
    state = reads.ready_history()
    if state.problem:
        st.warning(f"{words.plain(state.problem)} These figures are as of {words.moment(state.at)} UTC.", icon=":material/sync_problem:")
    if state.counted is not None:
        st.caption(f"From the orders as of {words.moment(state.at)} UTC. Days are those of each channel's time zone.")
    elif not state.problem:
        _first_reading()


@st.fragment(run_every=1.0)
def _first_reading() -> None:
    st.progress(reads.latest_history().share or 0.0, "History is being read for the first time; this page goes on by itself.")


def summary(cards: pl.DataFrame) -> None:
    """How many metrics are in each state."""
    counts = dict(cards.group_by(pl.col("state").cast(pl.String)).len().iter_rows())
    with st.grid(len(CARD_STATES), min_column_width=120, gap="small", border=True):
        for state in CARD_STATES:
            st.metric(STATES[state].split(":")[0], counts.get(state, 0))
    _without_data(cards.filter(pl.col("state") == "no data"))


def _without_data(cards: pl.DataFrame) -> None:
    """What brings the metrics that have no data: one line per channel and sentence."""
    if cards.is_empty():
        return
    channels = records.names()["channel_id"]
    lines = cards.group_by("channel_id", "brings", maintain_order=True).agg(pl.col("name").unique(maintain_order=True))
    with st.expander(f"What brings the {words.counted(cards.height, 'metric', 'metrics')} without data"):
        for channel_id, brings, names_of in lines.iter_rows():
            st.markdown(words.plain(f"{channels.get(channel_id, channel_id)}, {', '.join(names_of).lower()}: {brings}"))


def choose(cards: pl.DataFrame) -> tuple[str, Metric] | None:
    """Draw the metrics at a glance, and the choice of one."""
    channels = records.names()["channel_id"]
    with st.container(horizontal=True, vertical_alignment="bottom"):
        channel = records.ask_channel()
    rows = cards if channel is None else cards.filter(pl.col("channel_id") == channel)
    shown = rows.select(
        channel=pl.col("channel_id").replace(channels),
        metric=pl.format("{}, {}", "name", "window"),
        state=pl.col("state").cast(pl.String).replace(STATES),
        value=(pl.col("value") * 100).round(4),
        target="target",
        room=pl.when(pl.col("excess") > 0)
        .then(pl.format("over target by {}", "excess"))
        .when(pl.col("further").is_not_null())
        .then(pl.format("{} left", "further")),
        trend=pl.col("trend").list.eval(pl.element() * 100),
        counted=pl.when(pl.col("denominator") > 0).then(
            pl.format(
                "{} of {}{}",
                _grouped("numerator"),
                _grouped("denominator"),
                pl.when("is_small").then(pl.lit(" (few)")).otherwise(pl.lit("")),
            )
        ),
        theirs=(pl.col("theirs") * 100).round(4),
        difference=(pl.col("difference") * 100).round(4),
        brings="brings",
    )
    ids = [names.key_of(*one) for one in rows.select("channel_id", "metric_id").iter_rows()]
    records.clickable(shown, ids, METRIC, "scorecards-grid", _COLUMNS, "Metrics: choose a row to see its orders")
    downloads.buttons(shown.drop("trend"), "scorecards", "scorecards")
    called = names.labels()
    if st.session_state.get(METRIC) not in (None, *called):
        st.session_state[METRIC] = None
    filters.hold(Filter(METRIC, called))
    with st.container(horizontal=True, vertical_alignment="bottom"):
        key = st.selectbox(
            "Metric details",
            list(called),
            index=None,
            format_func=called.__getitem__,
            key=METRIC,
            placeholder="Click a row, or choose",
            width=520,
        )
        if key:
            st.button("Close", icon=":material/close:", on_click=_close, key="scorecards.close")
    if key is None:
        return None
    channel_id, metric_id = names.of_key(key)
    metric = next((one for one in reads.channel_metrics().get(channel_id, ()) if one.id == metric_id), None)
    return None if metric is None else (channel_id, metric)


def _grouped(name: str) -> pl.Expr:
    """Digits in groups of three, as people read them."""
    return pl.col(name).map_elements(lambda count: f"{count:,}", return_dtype=pl.String)


def _close() -> None:
    st.session_state[METRIC] = None
