"""What a browser says late. The pulse that keeps a page live sends the state of every widget as the browser has it, which may be older
than what the app has set since: a rule that was closed on saving would be opened again by the row that was still selected there.

A person's own act always runs the whole page, so what a run of the pulse alone brings for other widgets is never news.
"""

import functools
from collections.abc import Callable
from typing import Final, ParamSpec

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

P = ParamSpec("P")

_CHOICES: Final = "late.choices"


def ignored(callback: Callable[P, None]) -> Callable[P, None]:
    """The same callback of a widget outside the pulse, without effect when it is the pulse that brings its state."""

    @functools.wraps(callback)
    def inner(*args: P.args, **kwargs: P.kwargs) -> None:
        context = get_script_run_ctx()
        if context is None or not context.fragment_ids_this_run:
            callback(*args, **kwargs)

    return inner


def remember(keys: tuple[str, ...]) -> None:
    """Note what is chosen, at the end of a run of the whole page."""
    st.session_state[_CHOICES] = {key: st.session_state[key] for key in keys if key in st.session_state}


def restore(keys: tuple[str, ...]) -> None:
    """In a run of the pulse alone: choose again what was chosen when the page was drawn."""
    chosen = st.session_state.get(_CHOICES)
    context = get_script_run_ctx()
    if chosen is None or context is None or not context.fragment_ids_this_run:
        return
    for key in keys:
        if key in chosen and st.session_state.get(key) != chosen[key]:
            st.session_state[key] = chosen[key]
        elif key not in chosen and key in st.session_state:
            del st.session_state[key]


def forget() -> None:
    """On another page: what was chosen on the one before is not chosen here."""
    st.session_state.pop(_CHOICES, None)
