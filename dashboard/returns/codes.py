"""Codes that no rule knows, and saying what they mean."""

from collections.abc import Callable
from functools import partial

import polars as pl
import streamlit as st

from dashboard.returns import reads
from dashboard.shell import reads as shared
from dashboard.shell import records, user, words
from dashboard.shell.act import act
from data_access.commands.returns import map_return_code
from data_access.domain.returns.reasons import taxonomy

PAGE = "returns"


def show(unmapped: pl.DataFrame, can_change: bool) -> None:
    """Draw the codes that no rule knows (`ReturnPicture.unmapped`), each with the choice of a reason."""
    if unmapped.is_empty():
        return
    st.subheader("Codes that no rule knows", anchor=False)
    st.caption("Say what a code means: all its returns follow at once, those of the past too. The code itself is kept.")
    channels, reasons = records.names()["channel_id"], _reasons()
    for row in unmapped.head(10).iter_rows(named=True):
        channel_id, key = row["channel_id"], row["code_key"]
        widget = f"returns.map.{channel_id}.{key}"
        with st.container(horizontal=True, vertical_alignment="bottom", key=f"code-{channel_id}-{key}"):
            means = st.selectbox(
                f"{words.plain(channels.get(channel_id, channel_id))}: {words.plain(row['reason_code'])}, "
                f"{words.counted(row['units'], 'unit')} returned",
                list(reasons),
                index=None,
                format_func=reasons.__getitem__,
                placeholder="Choose a reason",
                key=widget,
                disabled=not can_change,
                width=420,
            )
            if st.button("Map", icon=":material/link:", key=f"{widget}.save", disabled=not can_change or means is None) and means:
                act(PAGE, _mapping(channel_id, row["reason_code"], key, means))
    if unmapped.height > 10:
        st.caption(f"{unmapped.height - 10:,} further codes follow once these are mapped.")


def decided(can_change: bool) -> None:
    """Draw what people decided of codes, each with leaving it to the lists again."""
    rows = reads.decisions().drop_nulls("means")
    if rows.is_empty():
        return
    channels, reasons = records.names()["channel_id"], _reasons()
    with st.expander(words.counted(rows.height, "code that people mapped", "codes that people mapped")):
        for row in rows.iter_rows(named=True):
            channel_id, key = row["channel_id"], row["code_key"]
            with st.container(horizontal=True, vertical_alignment="center"):
                meaning = reasons.get(row["means"], row["means"])
                st.markdown(f"{words.plain(channels.get(channel_id, channel_id))}: {words.plain(key)} means {words.plain(meaning)}")
                if st.button("Leave to the lists", key=f"returns.unmap.{channel_id}.{key}", disabled=not can_change):
                    act(PAGE, partial(_left, channel_id, key, row["version"]))


def _reasons() -> dict[str, str]:
    """What can be chosen, by the name of rules: finer reasons with the one above."""
    known = taxonomy().reasons
    return {ref: one.name if one.detail is None else f"{known[one.reason].name}: {one.name}" for ref, one in known.items()}


def _mapping(channel_id: str, code: str, key: str, means: str) -> Callable[[], str]:
    stored = reads.decisions().filter((pl.col("channel_id") == channel_id) & (pl.col("code_key") == key))
    return partial(_mapped, channel_id, code, means, None if stored.is_empty() else int(stored["version"][0]))


def _mapped(channel_id: str, code: str, means: str, version: int | None) -> str:
    map_return_code(shared.engine(), channel_id, code, means, user.current(), version)
    return f"“{code}” now means: {_reasons()[means]}."


def _left(channel_id: str, key: str, version: int) -> str:
    map_return_code(shared.engine(), channel_id, key, None, user.current(), version)
    return f"“{key}” now means what the lists say."
