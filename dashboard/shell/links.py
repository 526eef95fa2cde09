"""The app's pages: where their files lie, what their addresses are, and links to them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import parse_qs

_FOLDER: Final = Path(__file__).resolve().parents[2] / "pages"


@dataclass(frozen=True, slots=True)
class PageInfo:
    """A page: `file` below `pages`, `url` its address below the app's, `title` in the navigation.

    `parameters`: of its address, which are the keys of the widgets that hold them.
    """

    file: str
    url: str
    title: str
    parameters: tuple[str, ...] = ()

    @property
    def path(self) -> str:
        """The page's file."""
        return str(_FOLDER / self.file)


_STOCK_FILTERS: Final = ("channel", "location", "category", "q", "state")
OVERVIEW: Final = PageInfo("overview.py", "overview", "Overview")
STOCK: Final = PageInfo("live_stock.py", "stock", "Live stock", (*_STOCK_FILTERS, "sort", "order", "rows", "page", "sku"))
DEMAND: Final = PageInfo("demand.py", "demand", "Demand", ("channel", "category", "sku", "span"))
BUFFERS: Final = PageInfo(
    "buffers.py",
    "buffers",
    "Buffers",
    ("view", "rule", "channel", "category", "q", "reservation", "listed", "listing", "sku", "days", "target"),
)
SCORECARDS: Final = PageInfo("scorecards.py", "scorecards", "Scorecards", ("channel", "metric", "side", "cause", "order_ref"))
RETURNS: Final = PageInfo("returns.py", "returns", "Returns", ("channel", "category", "weeks", "flag", "rate", "by", "group"))
INSPECTION: Final = PageInfo("inspection.py", "inspection", "Inspection", ("inspect", "location", "scan"))
INBOX: Final = PageInfo("inbox.py", "inbox", "Inbox", ("tab", "find"))
IMPORT: Final = PageInfo("import_files.py", "import", "Import", ("import_run",))
JOBS: Final = PageInfo("jobs.py", "jobs", "Jobs", ("job",))
PAGES: Final = (
    OVERVIEW,
    STOCK,
    DEMAND,
    BUFFERS,
    SCORECARDS,
    RETURNS,
    INSPECTION,
    IMPORT,
    INBOX,
    JOBS,
)
"""As the navigation has them; the app opens at the first."""

PARAMETERS: Final = tuple(dict.fromkeys(name for info in PAGES for name in info.parameters))
"""Every parameter of an address, on whatever page."""

DRAFT: Final = "draft"
"""Of an address of the Buffers page: what is drafted, once. The page takes it out."""

Query = Mapping[str, str | Sequence[str]]


def page(url: str) -> PageInfo:
    """The page at this address; the overview if there is none."""
    return next((info for info in PAGES if info.url == url), OVERVIEW)


def query(text: str) -> dict[str, list[str]]:
    """A query string (without its question mark) as parameters."""
    return parse_qs(text)


def draft_of_buffer(sku: str, reason: str, channel_id: str | None) -> Query:
    """Parameters of the Buffers page for a rule that withholds a SKU, on a channel or on all: a person looks at it, and saves it or not."""
    return {DRAFT: [sku, reason] if channel_id is None else [sku, reason, channel_id]}
