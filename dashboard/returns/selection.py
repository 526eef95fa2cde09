"""Which returns the page looks at: channel, category and weeks of shipping, each in the address."""

from datetime import date, timedelta
from typing import Final

import streamlit as st

from dashboard.shell import filters, reads, records
from dashboard.shell.filters import Filter
from data_access.queries.returns.picture import NO_CATEGORY, ReturnFilter, ReturnPicture

WEEKS: Final = {"13": "13 weeks", "26": "26 weeks", "52": "52 weeks", "all": "All weeks"}
WEEKS_SHOWN: Final = "26"


def choose(seen: ReturnPicture, today: date) -> ReturnFilter:
    """Draw the filters."""
    categories = {name: name for name in [*reads.categories(), NO_CATEGORY] if name}
    filters.hold(Filter("category", categories), Filter("weeks", WEEKS, default=WEEKS_SHOWN))
    with st.container(horizontal=True, vertical_alignment="bottom"):
        channel = records.ask_channel()
        category = st.selectbox(
            "Category",
            list(categories),
            index=None,
            format_func=categories.__getitem__,
            key="category",
            placeholder="All categories",
            width=220,
        )
        weeks = st.selectbox("Weeks of shipping", list(WEEKS), format_func=WEEKS.__getitem__, key="weeks", width=160)
    since = None if weeks == "all" else today - timedelta(weeks=int(weeks) - 1, days=today.weekday())
    chosen = ReturnFilter((channel,) if channel else (), (category,) if category else (), since=since)
    first = seen.shipped["ship_week"].min()
    if isinstance(first, date):
        st.caption(
            f"Units shipped since the week of {max(first, since) if since else first}, and what was returned of them. "
            "Weeks begin on Monday, in each channel's time zone."
        )
    return chosen
