"""Holding a SKU at inspection: nobody puts returned units of it back for sale until the hold is lifted."""

from functools import partial

import streamlit as st

from dashboard.returns import reads
from dashboard.shell import links, user, words
from dashboard.shell import reads as shared
from dashboard.shell.act import act
from data_access.commands.return_holds import hold, lift

PAGE = "returns"


def of_flag(sku: str, why: str, can_change: bool) -> None:
    """Draw whether the SKU of a flag is held, the button to hold it or to lift that, and the way to what waits of it."""
    held = {row["sku"]: row for row in reads.holds().iter_rows(named=True)}
    with st.container(horizontal=True, vertical_alignment="center"):
        st.page_link(
            links.INSPECTION.path,
            label="Look at what waits of it",
            icon=":material/fact_check:",
            query_params={"scan": sku},
            width="content",
        )
        if sku in held:
            _held(held[sku]["why"], int(held[sku]["hold_id"]), int(held[sku]["version"]), sku, can_change)
        elif can_change and st.button("Hold at inspection", icon=":material/front_hand:", key=f"returns.hold.{sku}"):
            act(PAGE, partial(_hold, sku, why))


def show(can_change: bool) -> None:
    """Draw all SKUs that are held, each with lifting the hold."""
    rows = reads.holds()
    if rows.is_empty():
        return
    with st.expander(words.counted(rows.height, "SKU that is held at inspection", "SKUs that are held at inspection")):
        for row in rows.iter_rows(named=True):
            with st.container(horizontal=True, vertical_alignment="center"):
                st.markdown(f"**{words.plain(row['sku'])}**")
                _held(row["why"], int(row["hold_id"]), int(row["version"]), f"{row['sku']}.listed", can_change)


def _held(why: str, hold_id: int, version: int, key: str, can_change: bool) -> None:
    st.markdown(f":material/front_hand: Held at inspection: {words.plain(why)}")
    if can_change and st.button("Lift the hold", key=f"returns.lift.{key}"):
        act(PAGE, partial(_lift, hold_id, version))


def _hold(sku: str, why: str) -> str:
    hold(shared.engine(), sku, why, user.current())
    return f"{sku} is held at inspection: nobody puts returned units of it back for sale."


def _lift(hold_id: int, version: int) -> str:
    lift(shared.engine(), hold_id, version, user.current())
    return "The hold is lifted."
