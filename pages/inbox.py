"""Inbox: what could not be taken in, and what a person does with it: map, mend, retry, dismiss."""

from functools import partial

import streamlit as st

from dashboard.inbox import forms as inbox
from dashboard.inbox import reads
from dashboard.shell import empty, header, said, user, words
from dashboard.shell import filters as held
from dashboard.shell import reads as shared
from dashboard.shell.act import act
from dashboard.shell.filters import Filter
from data_access.commands import inbox as commands
from data_access.queries.inbox import InboxFilter
from data_access.queries.stock import StockFilter

PAGE = "inbox"
SHOWN = 200


def decided(decision: inbox.Decision) -> object:
    """The command for a decision on items."""
    engine, actor = shared.engine(), user.current()
    if decision.act == "dismiss":
        commands.dismiss(engine, decision.ids, decision.why, actor)
        return f"{words.counted(len(decision.ids), 'item')} dismissed."
    if decision.act == "mend":
        commands.mend(engine, decision.ids[0], decision.text, decision.version, actor)
    return commands.retry(engine, decision.ids, actor)


def mapped(mapping: inbox.ListingChoice) -> object:
    """The command for a listing's SKU."""
    arrived = commands.map_listing(
        shared.engine(), mapping.channel_id, mapping.external_sku, mapping.sku, user.current(), "mapped in the inbox", mapping.version
    )
    return f"{mapping.external_sku} now sells {mapping.sku}. {arrived}"


def gave_up(decision: inbox.Decision) -> object:
    """The command for parked events that are given up."""
    commands.dismiss_parked(shared.engine(), decision.ids, decision.why, user.current())
    return f"{words.counted(len(decision.ids), 'event')} dismissed."


header.show("What failed to import, and how do I fix it?", watches=("catalog", "inbox"))
said.show(PAGE)
can_change = user.choose("work the inbox")

waiting = dict(reads.counts().iter_rows())
counts = {
    "listings": waiting.get("listing", 0),
    "rows": waiting.get("row", 0) + waiting.get("event", 0),
    "conflicts": waiting.get("conflict", 0),
    "parked": waiting.get("parked", 0),
}
first = next((tab for tab, count in counts.items() if count), "listings")
tab = inbox.choose_tab(inbox.TABS, counts, first)

if counts[tab] == 0:
    empty.all_well(f"{inbox.TABS[tab]}: nothing waits here.")
elif tab == "listings":
    names = {row["channel_id"]: row["name"] for row in shared.channels().iter_rows(named=True)}
    products = shared.stock_table(StockFilter()).select("sku", "name")
    mapping = inbox.listings(reads.listings_without_sku(), products, names, can_change)
    if mapping:
        act(PAGE, partial(mapped, mapping))
elif tab == "rows":
    held.hold(Filter("find", default=""))
    text = st.text_input("Order, reason or text", key="find", placeholder="Search", width=320)
    rows = inbox.together([reads.items(InboxFilter(kind=kind, text=text, limit=SHOWN)) for kind in ("event", "row")])
    st.caption(f"{words.units(rows.height)} of {words.units(counts[tab])} shown, the oldest first.")
    decision = inbox.items(rows, "rows", can_change, can_retry=True)
    if decision:
        act(PAGE, partial(decided, decision))
elif tab == "conflicts":
    st.caption("The first event stands. Send what changed as an event of its own, then dismiss the conflict.")
    rows = reads.items(InboxFilter(kind="conflict", limit=SHOWN))
    decision = inbox.items(rows, "conflicts", can_change, can_retry=False)
    if decision:
        act(PAGE, partial(decided, decision))
else:
    decision = inbox.parked(reads.parked(), "parked", can_change)
    if decision:
        act(PAGE, partial(gave_up, decision))
