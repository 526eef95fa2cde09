"""Errors as people meet them: one sentence and what to do, never a stack trace."""

import functools
import logging
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import ParamSpec

import streamlit as st

from dashboard.shell import words
from data_access.errors import OnHandError, StoreUnavailable

P = ParamSpec("P")

_log = logging.getLogger("onhand")


@contextmanager
def caught() -> Iterator[None]:
    """Show what goes wrong inside as a sentence, in its place; the rest of the page goes on."""
    try:
        yield
    except StoreUnavailable as error:
        st.error(f"{words.plain(str(error))} This page tries again by itself.", icon=":material/cloud_off:")
    except OnHandError as error:
        st.error(words.plain(str(error)), icon=":material/error:")
    except Exception:
        reference = uuid.uuid4().hex[:8]
        _log.exception("A page failed, reference %s", reference)
        st.error(
            f"This part of the page could not be shown. Reload the page; if it comes back, tell whoever runs OnHand the reference"
            f" {reference}, which is in the app's log.",
            icon=":material/error:",
        )


def guarded(drawn: Callable[P, None]) -> Callable[P, None]:
    """The same for a function that Streamlit runs by itself: a fragment or a callback."""

    @functools.wraps(drawn)
    def inner(*args: P.args, **kwargs: P.kwargs) -> None:
        with caught():
            drawn(*args, **kwargs)

    return inner
