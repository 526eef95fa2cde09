"""Carrying out what a person decided: one way for all pages."""

from collections.abc import Callable

import streamlit as st

from dashboard.shell import errors, said
from data_access.errors import ChangedMeanwhile, OnHandError, Refused


def act(
    page: str,
    command: Callable[[], object],
    *,
    saved: Callable[[], None] | None = None,
    refused: Callable[[Refused], bool] | None = None,
    conflict: Callable[[ChangedMeanwhile], str] | None = None,
) -> None:
    """Run a command, keep what it says for the next views of a page, and draw the page again. What was typed is kept unless it was saved.

    Args:
        page: the page's name, under which the sentence is kept.
        command: does it; what it returns is the sentence ("Done." for nothing).
        saved: called when it has succeeded: empties the fields.
        refused: takes the refusal to its fields; true if it is shown there, so that no sentence of its own is needed.
        conflict: the sentence for what another changed meanwhile; the error's own without it.

    """
    with errors.caught():
        try:
            said.keep(page, str(command() or "Done."))
            if saved is not None:
                saved()
        except ChangedMeanwhile as changed:
            said.keep(page, conflict(changed) if conflict is not None else str(changed), is_warning=True)
        except Refused as refusal:
            if refused is None or not refused(refusal):
                said.keep(page, str(refusal), is_warning=True)
        except OnHandError as error:
            said.keep(page, str(error), is_warning=True)
        st.rerun()
