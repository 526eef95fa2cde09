"""What of returns needs attention."""

from collections.abc import Iterable
from typing import Final

from dashboard.returns import beyond, reads
from dashboard.shell import links, words
from dashboard.shell.attention import ITEMS, Entry, Item

RANK: Final = 35


def entries() -> Iterable[Entry]:
    """SKUs that are returned beyond chance, those of the strongest evidence first; none until that was worked out."""
    view = reads.view(wait=False)
    if view is None or view.flags.is_empty():
        return
    sentence = words.counted(view.flags["sku"].n_unique(), "SKU is returned beyond chance", "SKUs are returned beyond chance")
    items = tuple(
        Item(row["sku"], beyond.sentence(row), {"flag": beyond.key_of(row)}) for row in view.flags.head(ITEMS).iter_rows(named=True)
    )
    yield Entry(":material/assignment_return:", sentence, links.RETURNS, {}, items)
