"""What of inspection needs attention."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Final

import polars as pl

from dashboard.inspection import reads
from dashboard.shell import links, words
from dashboard.shell.attention import Entry

RANK: Final = 33


def entries() -> Iterable[Entry]:
    """How many returned units wait for inspection, for until then nobody can buy them; and how many of them for too long."""
    waiting = reads.waiting()
    if waiting.is_empty():
        return
    sentence = words.counted(int(waiting["units"].sum()), "returned unit waits for inspection", "returned units wait for inspection")
    days = (pl.lit(datetime.now(UTC)) - pl.col("received_at")).dt.total_days()
    late = int(waiting.filter(days > pl.col("inspect_days"))["units"].sum())
    if late:
        sentence += f", {words.units(late)} of them longer than the rules allow"
    yield Entry(":material/fact_check:", sentence, links.INSPECTION, {})
