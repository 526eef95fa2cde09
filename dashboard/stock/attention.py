"""What of stock needs attention: SKUs that oversell, are owed, or are out with demand; channels whose data are stale."""

from collections.abc import Iterable
from typing import Final

import polars as pl

from dashboard.shell import links, options, reads, words
from dashboard.shell.attention import ITEMS, Entry, Item

RANK: Final = 10
# kind of `overview.ATTENTION` -> icon, what one of it is called, what follows the count
_KINDS: Final = {
    "oversell": (":material/warning:", "SKU is about to oversell", "SKUs are about to oversell"),
    "backordered": (":material/hourglass_empty:", "SKU has backordered units", "SKUs have backordered units"),
    "out_with_demand": (":material/production_quantity_limits:", "SKU is out of stock with demand", "SKUs are out of stock with demand"),
    "stale_channels": (":material/sync_problem:", "channel has stale data", "channels have stale data"),
}


def entries() -> Iterable[Entry]:
    """SKUs and channels, the most urgent first."""
    offered = options.offered()
    for row in reads.attention().iter_rows(named=True):
        if row["kind"] not in _KINDS:
            continue
        icon, one, many = _KINDS[row["kind"]]
        sentence = words.counted(row["count"], one, many)
        query = options.expanded(links.query(row["query"]), offered)
        items = row["items"][:ITEMS]
        if row["kind"] == "stale_channels":  # the overview has their ages: what they sell of is on live stock
            ages = dict(reads.freshness().select("channel_id", "age_seconds").iter_rows())
            late = [Item(item["label"], words.age(ages.get(item["key"])), {"channel": offered.channel[item["key"]]}) for item in items]
            yield Entry(icon, sentence, links.STOCK, late[0].query, tuple(late))
            continue
        yield Entry(icon, sentence, links.STOCK, query, tuple(_sku_item(item, query, offered.channel) for item in items))


def _sku_item(item: dict[str, str], query: dict[str, list[str]], channels: dict[str, str]) -> Item:
    """A SKU with the channels that sold what is not there; its link opens the explanation, for the channel that is owed most."""
    sku, detail, link = item["key"], item["detail"], {**query, "sku": [item["key"]]}
    lines = reads.open_lines(sku).filter(pl.col("kind") == "backordered")
    owed = lines.group_by("channel_id").agg(pl.col("units").sum()).sort("units", "channel_id", descending=[True, False])
    if not owed.is_empty():
        each = (f"{words.units(units)} on {channels.get(one, one)}" for one, units in owed.iter_rows())
        detail = f"sold beyond stock: {', '.join(each)}"
        link["channel"] = [channels.get(owed["channel_id"][0], "")]
    return Item(f"{sku} {item['label']}", detail, link)
