"""The main picture of live stock: its finding as the title, the chart, and a legend that wraps on a phone."""

from html import escape
from typing import Final

import polars as pl
import streamlit as st

from dashboard.shell import reads as shared
from dashboard.shell import style, words
from dashboard.stock import charts, reads
from data_access.queries.stock import StockFilter

_SEGMENTS: Final = {
    "allocated": "hatched: allocated to a channel's orders",
    "only": "plain colour: only that channel may sell it",
    "shared": "shared by several channels",
    "unserved": "no channel sells it from there",
    "unsellable": "unsellable",
}


def stock(where: StockFilter, key: str) -> None:
    """Draw where every unit on hand lies, each once."""
    frame = reads.picture(where)
    channels = shared.channels()
    finding = charts.picture_finding(frame)
    st.markdown(f"**{words.plain(finding)}**")
    positions = dict(zip(channels["channel_id"].to_list(), channels["position"].to_list(), strict=True))
    st.plotly_chart(charts.picture(frame, positions), key=f"{key}.picture", config={"displayModeBar": False}, alt=f"{finding}, by location")
    st.html(legend_html(frame, channels))


def legend_html(frame: pl.DataFrame, channels: pl.DataFrame) -> str:
    """The legend of what is drawn: `queries.stock.PICTURE` and `queries.catalog.CHANNELS`."""
    there = frame.filter(pl.col("units") > 0)
    drawn = channels.filter(pl.col("channel_id").is_in(there["channel_id"].drop_nulls().unique().to_list()))
    dots = [f"<li>{style.dot(position)}{escape(name)}</li>" for name, position in drawn.select("name", "position").iter_rows()]
    used = set(there["segment"].to_list())
    keys = [_key_html(segment, text) for segment, text in _SEGMENTS.items() if segment in used]
    return f'<ul class="oh-legend" aria-label="Legend">{"".join(dots + keys)}</ul>'


def _key_html(segment: str, text: str) -> str:
    swatch = "" if segment == "only" else f'<span class="oh-key oh-key-{segment}" aria-hidden="true"></span>'
    return f"<li>{swatch}{text}</li>"
