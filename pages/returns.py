"""Returns: why things come back, and how much of what was shipped."""

from datetime import UTC, datetime

import streamlit as st

from dashboard.returns import beyond, codes, holds, life, parts, rates, reads, rules, selection
from dashboard.shell import empty, header, said, user
from dashboard.shell import reads as shared
from data_access.domain.returns.breakdown import totals

PAGE = "returns"

header.show("What is returned, and why?", watches=("catalog", "channels", "history", "returns"))
if shared.store_info().is_empty:
    empty.empty_store()
    st.stop()
said.show(PAGE)
view = reads.view()
if view is None:
    st.caption("History is being read for the first time; this page goes on by itself.")
    st.stop()
rates.without_data(view.picture.silent)
chosen = selection.choose(view.picture, datetime.now(UTC).date())
shipped, returned = view.picture.only(chosen)
rates.figures(totals(shipped, returned))
with st.container():
    can_change = user.choose("set return rules")
beyond.show(view, chosen, can_change)
rates.over_time(view, chosen)
parts.show(shipped, returned)
life.show(returned, chosen)
unmapped = view.picture.unmapped()
codes.show(unmapped, can_change)
codes.decided(can_change)
rules.show(can_change)
holds.show(can_change)
