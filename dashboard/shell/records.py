"""Things that people look up and change: their names, a table to choose one from, who changed it, and what another changed meanwhile."""

from collections.abc import Callable
from typing import Any, Final, Literal

import polars as pl
import streamlit as st

from dashboard.shell import chosen, filters, late, reads, words
from dashboard.shell.filters import Filter

ACTIONS: Final = {
    "add": "added",
    "change": "changed",
    "remove": "removed",
    "record": "recorded",
    "set": "set",
    "undo": "undid",
}  # by an action's first word


def names() -> dict[str, dict[str, str]]:
    """Names of channels and locations by id."""
    return {
        "channel_id": dict(reads.channels().select("channel_id", "name").iter_rows()),
        "location_id": dict(reads.locations().select("location_id", "name").iter_rows()),
    }


def ask_channel(placeholder: str = "All channels", key: str = "channel", width: int | Literal["stretch"] = 220) -> str | None:
    """Draw the choice of a channel, which is in the address; None for none."""
    named = names()["channel_id"]
    filters.hold(Filter(key, named))
    channel: str | None = st.selectbox(
        "Channel",
        list(named),
        index=None,
        format_func=named.__getitem__,
        key=key,
        placeholder=placeholder,
        width=width,
    )
    return channel


def clickable(shown: pl.DataFrame, ids: list[str], choice: str, key: str, columns: dict[str, Any], alt: str) -> None:
    """Draw rows; a click anywhere in one puts its id into the session's `choice`, whose row is the one selected."""
    one = st.session_state.get(choice)
    chosen.select(key, [ids.index(one)] if one in ids else [])
    st.dataframe(
        shown,
        key=key,
        hide_index=True,
        column_config=columns,
        on_select=lambda: _clicked(ids, choice, key),
        selection_mode=["single-row", "single-cell"],
        placeholder="—",
        alt=alt,
    )


@late.ignored
def _clicked(ids: list[str], choice: str, key: str) -> None:
    """Open what was clicked. Nothing selected changes nothing: the browser also says so late, when another is open already."""
    rows, _ = chosen.clicked(key)
    if rows and rows[0] < len(ids):
        st.session_state[choice] = ids[rows[0]]


def differing(sentence: str, lines: dict[str, tuple[str, str, str]], what: str, key: str) -> None:
    """Say that something was changed meanwhile. `lines`: by `what` each line is about, what was seen, what is so now, what is typed."""
    st.warning(words.plain(sentence), icon=":material/sync_problem:")
    st.container(key=key).dataframe(
        pl.DataFrame([{what: name, "When you opened it": seen, "Now": now, "Yours": typed} for name, (seen, now, typed) in lines.items()]),
        hide_index=True,
        alt="What was changed meanwhile, line by line",
    )


def changes(rows: pl.DataFrame, what: str, in_words: Callable[[str | None], str], key: str | None) -> int | None:
    """Draw `queries.buffers.HISTORY`; the id of the last change, if it is to be undone. `key`: of the button for that; None: no button."""
    st.markdown(f"**Changes of this {what}**, the newest first")
    if rows.is_empty():
        st.caption("None is recorded: it came with the store.")
        return None
    st.dataframe(
        pl.DataFrame(
            [
                {
                    "When (UTC)": words.moment(row["at"]),
                    "Who": words.actor(row["actor"]),
                    "What": ACTIONS.get(row["action"].split("_")[0], row["action"]),
                    "From": in_words(row["before"]),
                    "To": in_words(row["after"]),
                    "Why": row["why"],
                }
                for row in rows.iter_rows(named=True)
            ]
        ),
        hide_index=True,
        placeholder="—",
        alt=f"Changes of this {what}",
    )
    if key is not None and st.button("Undo the last change", icon=":material/undo:", key=key):
        return int(rows["audit_id"][0])
    return None
