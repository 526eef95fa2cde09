"""The head of every page: its question, the demo label, the age of each channel's data, and the pulse that keeps the page live."""

from collections.abc import Mapping
from html import escape
from typing import Any, Final

import polars as pl
import streamlit as st

from dashboard.shell import empty, errors, filters, late, links, reads, style, words

PULSE_SECONDS: Final = 0.5  # with the poller's own interval and the redraw, a commit is on the screen within 2 s
_SEEN: Final = "header.seen"
_PAGE: Final = "header.page"

Seen = tuple[tuple[int, ...], bool]


def show(question: str, watches: tuple[str, ...]) -> None:
    """Draw the head of a page. The page runs again when the version of one of the topics it `watches` moves.

    Ends the page here, with what to do next, if the store cannot be used.
    """
    _arrive(question)
    reads.take_moment()
    st.session_state[_SEEN] = _seen(reads.versions(), watches)
    st.title(question, anchor=False)
    _pulse(watches)
    info = reads.store_info()
    if info.sentence:
        empty.unusable(info.sentence)
        st.stop()


def _arrive(question: str) -> None:
    """On coming from another page, let the address alone say what is chosen: Streamlit would keep what was chosen here before."""
    is_other = st.session_state.get(_PAGE) != question
    if is_other:
        st.session_state[_PAGE] = question
        late.forget()
    filters.begin(is_other_page=is_other, names=links.PARAMETERS)


def _seen(versions: Mapping[str, int], watches: tuple[str, ...]) -> Seen:
    return tuple(versions.get(topic, 0) for topic in watches), reads.health().is_ok


@st.fragment(run_every=PULSE_SECONDS)
@errors.guarded
def _pulse(watches: tuple[str, ...]) -> None:
    late.restore(links.PARAMETERS)
    health = reads.health()
    st.html(head_html(reads.latest_freshness(), is_demo=reads.store_info().kind == "demo"))
    if not health.is_ok:
        since = f" These figures are as of {words.moment(health.since)} UTC." if health.since else ""
        sentence = f"{words.plain(health.sentence)}{since} The page goes on by itself when the database is back."
        st.warning(sentence, icon=":material/cloud_off:")
    if _seen(reads.latest_versions(), watches) != st.session_state.get(_SEEN) and late.may_run_again():
        st.rerun()


def head_html(freshness: pl.DataFrame, is_demo: bool) -> str:
    """The line below the title: the demo label and one item a channel, stale ones said in words."""
    items = [_channel_html(row) for row in freshness.iter_rows(named=True)]
    demo = '<span class="oh-tag">Demo data</span>' if is_demo else ""
    listed = f'<ul aria-label="Age of each channel\'s data">{"".join(items)}</ul>' if items else "<span>No channels yet</span>"
    return f'<div class="oh-head">{demo}{listed}</div>'


def _channel_html(row: dict[str, Any]) -> str:
    dot, age = style.dot(row["position"]), words.age(row["age_seconds"])
    name = escape(str(row["name"]))
    if row["is_stale"]:
        return f'<li>{dot}{name} <span class="oh-stale">⚠ stale, {age}</span></li>'
    return f"<li>{dot}{name} <b>{age}</b></li>"
