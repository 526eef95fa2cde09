"""What of the inbox needs attention: listings without a SKU, rows and events that could not be taken in."""

from collections.abc import Iterable
from typing import Final

from dashboard.inbox.forms import TABS
from dashboard.shell import links, reads, words
from dashboard.shell.attention import Entry

RANK: Final = 20
# kind of `overview.ATTENTION` -> icon, what one of it is called, what follows the count
_KINDS: Final = {
    "listings": (":material/label_off:", "listing has no SKU", "listings have no SKU"),
    "inbox_rows": (":material/inbox:", "row waits in the inbox", "rows wait in the inbox"),
    "conflicts": (":material/call_split:", "event conflicts with an earlier one", "events conflict with earlier ones"),
    "parked": (":material/pause_circle:", "event waits for something that is missing", "events wait for something that is missing"),
}


def entries() -> Iterable[Entry]:
    """What waits, by kind."""
    for row in reads.attention().iter_rows(named=True):
        if row["kind"] in _KINDS:
            icon, one, many = _KINDS[row["kind"]]
            query = {name: [TABS.get(value, value) for value in values] for name, values in links.query(row["query"]).items()}
            yield Entry(icon, words.counted(row["count"], one, many), links.INBOX, query)
