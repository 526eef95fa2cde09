"""Inspection: what came back and waits, and what becomes of it: restocked, refurbished or discarded."""

from datetime import UTC, datetime
from functools import partial

import streamlit as st

from dashboard.inspection import decisions, queue, reads, selection
from dashboard.inspection.queue import InspectionEdit
from dashboard.shell import empty, header, said, user
from dashboard.shell import reads as shared
from dashboard.shell.act import act
from data_access.commands import inspection as commands
from data_access.domain.returns.fates import Fate

PAGE = "inspection"


def decided(decision: InspectionEdit) -> str:
    """The command for what a person decided; what to say of it."""
    st.session_state[f"{PAGE}.last"] = commands.inspect(shared.engine(), decision.decisions, user.current(), decision.note)
    return decision.sentence


def undone(audit_ids: list[int]) -> str:
    """The command that takes decisions back; what to say of it."""
    commands.undo(shared.engine(), audit_ids, user.current())
    st.session_state.pop(f"{PAGE}.last", None)
    return "The decision is undone."


def saved() -> None:
    """The next thing is scanned into an empty field, and nothing is chosen."""
    st.session_state[f"{PAGE}.finished"] = True


header.show("What becomes of returned goods?", watches=("catalog", "channels", "returns", "stock"))
if shared.store_info().is_empty:
    empty.empty_store()
    st.stop()
if st.session_state.pop(f"{PAGE}.finished", False):
    st.session_state["scan"] = ""
    for fate in queue.CHOICES:
        st.session_state.pop(f"{PAGE}.{fate}.chosen", None)
said.show(PAGE)
with st.container():
    can_change = user.choose("inspect returns")
last = st.session_state.get(f"{PAGE}.last")
with st.container():
    if last and can_change and st.button("Undo the last decision", icon=":material/undo:", key=f"{PAGE}.undo", shortcut="Alt+Z"):
        act(PAGE, partial(undone, last))
view = selection.choose_view()
if view == "decided":
    audit_id = decisions.show(reads.decisions(), can_change, PAGE)
    if audit_id is not None:
        act(PAGE, partial(undone, [audit_id]))
    st.stop()
shown: Fate = "waiting" if view == "waiting" else "refurbish"
units = reads.waiting() if view == "waiting" else reads.refurbished()
with st.container(horizontal=True, vertical_alignment="bottom"):
    text = selection.ask_scan()
    location = selection.ask_location()
if location:
    units = units.filter(units["location_id"] == location)
scan = selection.scanned(units, text)
if units.is_empty():
    empty.all_well("Nothing waits for inspection." if view == "waiting" else "Nothing is in refurbishment.")
elif scan.rows.is_empty():
    st.warning(
        "Nothing here has this number or SKU. Look under “Decided lately”, or whether its receipt has come in.",
        icon=":material/search_off:",
    )
else:
    decision = queue.show(scan, shown, datetime.now(UTC), can_change, PAGE)
    if decision:
        act(PAGE, partial(decided, decision), saved=saved)
