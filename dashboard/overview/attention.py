"""What needs attention: entries of the overview from a list of sources, and the next steps beside the picture of live stock.

A later part adds its own entries by adding a function to `SOURCES`.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final

import polars as pl
import streamlit as st

from dashboard import cache
from dashboard.scorecards import cards as scorecards
from dashboard.shell import links, words
from dashboard.stock import filters, tables

ITEMS: Final = 3


@dataclass(frozen=True, slots=True)
class Item:
    """One thing behind an entry: its name, what is the matter with it, and the link to its explanation."""

    label: str
    detail: str
    query: links.Query


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the overview: a sentence, and the page that shows what it counts."""

    icon: str
    sentence: str
    page: links.PageInfo
    query: links.Query
    items: tuple[Item, ...] = ()


Source = Callable[[], Iterable[Entry]]

# kind of `overview.ATTENTION` -> icon, what one of it is called, what follows the count
_KINDS: Final = {
    "oversell": (":material/warning:", "SKU is about to oversell", "SKUs are about to oversell"),
    "backordered": (":material/hourglass_empty:", "SKU has backordered units", "SKUs have backordered units"),
    "out_with_demand": (":material/production_quantity_limits:", "SKU is out of stock with demand", "SKUs are out of stock with demand"),
    "stale_channels": (":material/sync_problem:", "channel has stale data", "channels have stale data"),
    "listings": (":material/label_off:", "listing has no SKU", "listings have no SKU"),
    "inbox_rows": (":material/inbox:", "row waits in the inbox", "rows wait in the inbox"),
    "conflicts": (":material/call_split:", "event conflicts with an earlier one", "events conflict with earlier ones"),
    "parked": (":material/pause_circle:", "event waits for something that is missing", "events wait for something that is missing"),
}


def store_entries() -> Iterable[Entry]:
    """What `cache.overview` counts: stock, channels and the inbox."""
    offered = filters.options()
    for row in cache.overview().iter_rows(named=True):
        icon, one, many = _KINDS.get(row["kind"], (":material/flag:", row["label"], row["label"]))
        sentence = words.counted(row["count"], one, many)
        page = links.page(row["page"])
        query = filters.expanded(links.query(row["query"]), offered)
        items = row["items"][:ITEMS]
        if row["kind"] == "stale_channels":  # the overview has their ages: what they sell of is on live stock
            ages = dict(cache.freshness().select("channel_id", "age_seconds").iter_rows())
            late = [Item(item["label"], words.age(ages.get(item["key"])), {"channel": offered.channel[item["key"]]}) for item in items]
            yield Entry(icon, sentence, links.STOCK, late[0].query, tuple(late))
            continue
        yield Entry(icon, sentence, page, query, tuple(_sku_item(item, query, offered.channel) for item in items))


def _sku_item(item: dict[str, str], query: dict[str, list[str]], channels: dict[str, str]) -> Item:
    """A SKU with the channels that sold what is not there; its link opens the explanation, for the channel that is owed most."""
    sku, detail, link = item["key"], item["detail"], {**query, "sku": [item["key"]]}
    lines = cache.open_lines(sku).filter(pl.col("kind") == "backordered")
    owed = lines.group_by("channel_id").agg(pl.col("units").sum()).sort("units", "channel_id", descending=[True, False])
    if not owed.is_empty():
        each = (f"{words.units(units)} on {channels.get(one, one)}" for one, units in owed.iter_rows())
        detail = f"sold beyond stock: {', '.join(each)}"
        link["channel"] = [channels.get(owed["channel_id"][0], "")]
    return Item(f"{sku} {item['label']}", detail, link)


def scorecard_entries() -> Iterable[Entry]:
    """Metrics that miss their target, or are about to."""
    cards, called = cache.scorecards(wait=False), scorecards.labels()
    for state, icon, one, many in (
        ("breach", ":material/crisis_alert:", "metric misses its target", "metrics miss their targets"),
        ("watch", ":material/speed:", "metric is about to breach its target", "metrics are about to breach their targets"),
    ):
        rows = cards.filter(pl.col("state") == state)
        items = tuple(_metric_item(row, called) for row in rows.head(ITEMS).iter_rows(named=True))
        if items:
            yield Entry(icon, words.counted(rows.height, one, many), links.SCORECARDS, {}, items)


def _metric_item(row: dict[str, Any], called: dict[str, str]) -> Item:
    label = called.get(scorecards.key_of(row["channel_id"], row["metric_id"]), row["name"])
    room = f"{words.units(row['excess'])} too many" if row["excess"] else f"{words.units(row['further'])} more until it is missed"
    return Item(label, f"{row['value']:.2%}, misses: {room}", {"metric": label})


SOURCES: Final[list[Source]] = [store_entries, scorecard_entries]


def entries() -> list[Entry]:
    """The entries of all sources, each source's most urgent first."""
    return [entry for source in SOURCES for entry in source()]


def show(entry: Entry) -> None:
    """Draw one entry: its sentence, which is the link, and its first items, each a link of its own."""
    with st.container(border=True, gap="xxsmall"):
        st.page_link(entry.page.path, label=f"**{words.plain(entry.sentence)}**", icon=entry.icon, query_params=entry.query)
        for item in entry.items:
            label = f"{words.plain(item.label)}: {words.plain(item.detail)}" if item.detail else words.plain(item.label)
            st.page_link(entry.page.path, label=label, icon="", query_params=item.query)


def next_steps(rows: pl.DataFrame, key: str) -> None:
    """The SKUs of the filtered table that need a decision first, each with a button to its explanation."""
    urgent = (
        rows.filter(pl.col("is_oversell") | (pl.col("is_out") & (pl.col("mean_daily_demand") > 0)) | pl.col("is_low"))
        .sort("is_oversell", "backordered", "is_out", "days_of_cover", "sku", descending=[True, True, True, False, False], nulls_last=True)
        .head(6)
    )
    with st.container(gap="xsmall", key=f"next-{key}"):
        st.markdown("**What to do next**")
        if urgent.is_empty():
            st.caption("Nothing here is out, low or about to oversell.")
        for row in urgent.iter_rows(named=True):
            st.button(
                f"**{words.plain(row['sku'])}** {_reason(row)}",
                key=f"{key}.next.{row['sku']}",
                type="tertiary",
                on_click=tables.choose,
                args=(row["sku"],),
                help=f"{words.plain(row['name'])}: show where its numbers come from",
            )


def _reason(row: dict[str, object]) -> str:
    """Why a row of `queries.stock.STOCK_TABLE` is urgent, as the rest of a sentence."""
    backordered, demand, cover = row["backordered"], row["mean_daily_demand"], row["days_of_cover"]
    coming = f"; {words.units(row['on_order'])} on order" if isinstance(row["on_order"], int) and row["on_order"] > 0 else "; none on order"
    if isinstance(backordered, int) and backordered > 0:
        return f"is oversold by {words.counted(backordered, 'unit')}{coming}"
    if row["is_oversell"]:
        return f"may sell out before the channels hear of it{coming}"
    if row["is_out"]:
        rate = f", {demand:.1f} a day wanted" if isinstance(demand, float) else ""
        return f"is out{rate}{coming}"
    left = f"{cover:.0f}" if isinstance(cover, float) else "few"
    lead = row["lead_time_days"]
    days = f"{lead:.0f}" if isinstance(lead, float) else "7"
    return f"lasts {left} days, a delivery takes {days}{coming}"
