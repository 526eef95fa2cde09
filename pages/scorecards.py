"""Scorecards: each channel's metrics against their targets, and one metric order by order."""

import streamlit as st

from dashboard.scorecards import cards as scorecards
from dashboard.scorecards import metric_depth, metric_forms
from dashboard.shell import empty, header, reads, said, user

PAGE = "scorecards"

header.show("Which channel is about to miss a target?", watches=("channels", "history", "scorecards"))
if reads.store_info().is_empty:
    empty.empty_store()
    st.stop()
scorecards.arrive()
said.show(PAGE)
cards = reads.scorecards()
scorecards.progress()
if cards.is_empty():
    st.stop()
scorecards.summary(cards)
chosen = scorecards.choose(cards)
if chosen:
    channel_id, metric = chosen
    metric_depth.show(channel_id, metric, cards)
    metric_forms.show(channel_id, metric, user.choose("set metrics"), PAGE)
