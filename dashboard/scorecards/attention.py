"""What of the scorecards needs attention."""

from collections.abc import Iterable
from typing import Any, Final

import polars as pl

from dashboard.scorecards import names
from dashboard.shell import links, reads, words
from dashboard.shell.attention import ITEMS, Entry, Item

RANK: Final = 30


def entries() -> Iterable[Entry]:
    """Metrics that miss their target, or are about to."""
    cards, called = reads.scorecards(wait=False), names.labels()
    for state, icon, one, many in (
        ("breach", ":material/crisis_alert:", "metric misses its target", "metrics miss their targets"),
        ("watch", ":material/speed:", "metric is about to breach its target", "metrics are about to breach their targets"),
    ):
        rows = cards.filter(pl.col("state") == state)
        items = tuple(_metric_item(row, called) for row in rows.head(ITEMS).iter_rows(named=True))
        if items:
            yield Entry(icon, words.counted(rows.height, one, many), links.SCORECARDS, {}, items)


def _metric_item(row: dict[str, Any], called: dict[str, str]) -> Item:
    label = called.get(names.key_of(row["channel_id"], row["metric_id"]), row["name"])
    left = words.counted(row["further"], "miss", "misses") if row["further"] else "no misses"
    room = f"{words.counted(row['excess'], 'miss', 'misses')} over the limit" if row["excess"] else f"{left} left"
    return Item(label, f"{row['value']:.2%}, {room}", {"metric": label})
