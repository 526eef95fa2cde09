"""What a command said, shown long enough to be read: a live page may run again at once because of that very command."""

import time
from typing import Final

import streamlit as st

from dashboard.shell import words

SECONDS: Final = 10.0
WARNING_SECONDS: Final = 60.0  # what was refused or went otherwise is to be read, not glanced at


def keep(page: str, text: str, *, is_warning: bool = False) -> None:
    """Keep a sentence for the next views of a page."""
    st.session_state[f"{page}.said"] = text, is_warning, time.monotonic() + (WARNING_SECONDS if is_warning else SECONDS)


def show(page: str) -> None:
    """Draw what is kept, while it is new. There is a place for it at all times, so that what is below never moves to another."""
    text, is_warning, until = st.session_state.get(f"{page}.said", ("", False, 0.0))
    with st.container():
        if time.monotonic() > until:
            return
        if is_warning:
            st.warning(words.plain(text), icon=":material/sync_problem:")
        else:
            st.success(words.plain(text), icon=":material/check_circle:")
