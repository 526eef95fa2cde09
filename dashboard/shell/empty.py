"""Designed empty states: what is missing, and what to do next."""

from collections.abc import Callable

import streamlit as st

from dashboard.shell import links, words

_NEXT = """
Or use the command line:

**1.** Say what you sell and where it lies: `onhand import products FILE`, then `locations`, `channels`, `listings`.

**2.** Count what is there: `onhand import counts FILE`.

**3.** Load your order history: `onhand import orders FILE --mapping NAME`.

Rows that cannot be taken in wait in the inbox, whole. To look around first, `make run` in a fresh folder serves a demo company.
"""


def unusable(sentence: str) -> None:
    """The store cannot be served: why, and what to do."""
    st.error(words.plain(sentence), icon=":material/database_off:")


def empty_store() -> None:
    """There is no SKU yet: the commands that fill the store, in order."""
    with st.container(border=True):
        st.subheader("This store is empty: load your own data", anchor=False)
        st.page_link(links.IMPORT.path, label="**Drop your files on the Import page**", icon=":material/upload_file:")
        st.markdown(_NEXT)


def nothing_matches(what: str, reset: Callable[[], None], key: str) -> None:
    """No row fits the filters: say so, and offer to drop them."""
    with st.container(border=True):
        st.markdown(f"**No {what} matches these filters.** Drop one of them, or all:")
        st.button("Reset filters", on_click=reset, key=f"{key}.reset_empty", icon=":material/filter_alt_off:")


def all_well(sentence: str) -> None:
    """Nothing to do, said plainly."""
    st.success(words.plain(sentence), icon=":material/check_circle:")


def nothing_known(sentence: str) -> None:
    """There are no data yet to say anything by: what brings them."""
    st.info(words.plain(sentence), icon=":material/data_alert:")
