"""What of the jobs needs attention."""

from collections.abc import Iterable
from typing import Final

import polars as pl

from dashboard.jobs_page import reads
from dashboard.shell import links, words
from dashboard.shell.attention import ITEMS, Entry, Item

RANK: Final = 50


def entries() -> Iterable[Entry]:
    """Jobs that failed, or were missed, the last time that they were due."""
    rows = reads.jobs().filter(pl.col("status").is_in(["failed", "missed"]))
    items = tuple(Item(title, message or "", {"job": title}) for title, message in rows.select("title", "message").head(ITEMS).iter_rows())
    if items:
        sentence = words.counted(rows.height, "job failed or was missed", "jobs failed or were missed")
        yield Entry(":material/event_busy:", sentence, links.JOBS, {}, items)
