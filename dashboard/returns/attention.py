"""What of returns needs attention."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Final

import polars as pl

from dashboard.returns import beyond, reads
from dashboard.shell import links, words
from dashboard.shell.attention import ITEMS, Entry, Item
from data_access.domain.returns.life import refund_late

RANK: Final = 35


def entries() -> Iterable[Entry]:
    """What is late, then SKUs that are returned beyond chance, the strongest evidence first; none until that was worked out."""
    view = reads.view(wait=False)
    if view is None:
        return
    yield from _late(view)
    if view.flags.is_empty():
        return
    sentence = words.counted(view.flags["sku"].n_unique(), "SKU is returned beyond chance", "SKUs are returned beyond chance")
    items = tuple(
        Item(row["sku"], beyond.sentence(row), {"flag": beyond.key_of(row)}) for row in view.flags.head(ITEMS).iter_rows(named=True)
    )
    yield Entry(":material/assignment_return:", sentence, links.RETURNS, {}, items)


def _late(view: reads.ReturnsView) -> Iterable[Entry]:
    """Refunds that are late by the rules, and requests that wait for a person."""
    is_given = pl.col("refunded_at").is_not_null() | pl.col("refund").is_not_null()
    late = view.picture.returned.filter(refund_late(datetime.now(UTC)) & ~is_given).height
    if late:
        sentence = words.counted(
            late, "returned line waits for its refund for too long", "returned lines wait for their refund for too long"
        )
        yield Entry(":material/payments:", sentence, links.RETURNS, {"stage": "refunded", "late": "late", "weeks": "all"})
    waits = reads.requests().filter(pl.col("decision").is_null() & pl.col("needs_approval"))["case_id"].n_unique()
    if waits:
        sentence = words.counted(waits, "return waits to be approved", "returns wait to be approved")
        yield Entry(":material/approval_delegation:", sentence, links.RETURNS, {})
