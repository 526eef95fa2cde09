"""What a browser says late. The pulse that keeps a page live sends the state of every widget as the browser has it, which may be older
than what the app has set since: a rule that was closed on saving would be opened again by the row that was still selected there.

A person's own act always runs the whole page, so what a run of the pulse alone brings for other widgets is never news.

The app sets a widget by a message that counts once. When a second run of the page follows at once, the browser may draw the
second alone and never learn of it; from then on it sends the old value with whatever the person does. So the pulse leaves the browser
the time to draw before it asks for a run, and where the browser keeps to an old value, the page is run again and the value set again.
"""

import functools
from collections.abc import Callable
from typing import Final, ParamSpec

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

P = ParamSpec("P")

PULSES: Final = 2  # so many after a run the browser has drawn it

_CHOICES: Final = "late.choices"  # by key: what was chosen when the page was last drawn
_PULSES: Final = "late.pulses"  # how many came since then
_MISSED: Final = "late.missed"  # by key: what was chosen, and what the browser said instead in the last pulse
_PATIENCE: Final = "late.patience"  # after how many pulses the page is run again because of that


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
    st.session_state[_PULSES] = 0


def resend() -> None:
    """At the start of a run of the whole page: set again what the browser has not taken over, unless a person has changed it since."""
    context = get_script_run_ctx()
    for key, (chosen, missed) in st.session_state.pop(_MISSED, {}).items():
        is_set = context is not None and context.session_state.is_new_state_value(key)  # by the callback of what was clicked
        if not is_set and st.session_state.get(key) in (chosen, missed):
            st.session_state[key] = chosen


def restore(keys: tuple[str, ...]) -> None:
    """In a run of the pulse alone: choose again what was chosen when the page was drawn.

    Runs the page again where the browser keeps to another value, ever less often.
    """
    chosen = st.session_state.get(_CHOICES)
    context = get_script_run_ctx()
    if chosen is None or context is None or not context.fragment_ids_this_run:
        return
    missed = {}
    for key in keys:
        if key in chosen and st.session_state.get(key) != chosen[key]:
            missed[key] = chosen[key], st.session_state.get(key)
            st.session_state[key] = chosen[key]
        elif key not in chosen and key in st.session_state:
            del st.session_state[key]
    patience = st.session_state.get(_PATIENCE, PULSES) if missed else PULSES
    pulses = st.session_state.get(_PULSES, 0) + 1
    st.session_state.update({_MISSED: missed, _PULSES: pulses, _PATIENCE: patience})
    if missed and pulses >= patience:
        st.session_state[_PATIENCE] = 2 * patience
        st.rerun()


def may_run_again() -> bool:
    """Whether a pulse may ask for a run of the page: the first after a run may have been sent before the browser had drawn it."""
    return bool(st.session_state.get(_PULSES, PULSES) >= PULSES)


def forget() -> None:
    """On another page: what was chosen on the one before is not chosen here."""
    for note in (_CHOICES, _PULSES, _MISSED, _PATIENCE):
        st.session_state.pop(note, None)
