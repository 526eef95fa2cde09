"""What of inspection needs attention."""

from collections.abc import Iterable
from typing import Final

from dashboard.inspection import reads
from dashboard.shell import links, words
from dashboard.shell.attention import Entry

RANK: Final = 33


def entries() -> Iterable[Entry]:
    """How many returned units wait for inspection: until then nobody can buy them."""
    for lines, units in reads.waiting_counts().iter_rows():
        if lines:
            sentence = words.counted(units, "returned unit waits for inspection", "returned units wait for inspection")
            yield Entry(":material/fact_check:", sentence, links.INSPECTION, {})
