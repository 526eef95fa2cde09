"""The app's pages: where their files lie, what their addresses are, and links to them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import parse_qs

_FOLDER: Final = Path(__file__).resolve().parents[2] / "pages"


@dataclass(frozen=True, slots=True)
class PageInfo:
    """A page: `path` of its file, `url` its address below the app's, `title` in the navigation."""

    path: str
    url: str
    title: str


OVERVIEW: Final = PageInfo(str(_FOLDER / "overview.py"), "overview", "Overview")
STOCK: Final = PageInfo(str(_FOLDER / "live_stock.py"), "stock", "Live stock")
BUFFERS: Final = PageInfo(str(_FOLDER / "buffers.py"), "buffers", "Buffers")
INBOX: Final = PageInfo(str(_FOLDER / "inbox.py"), "inbox", "Inbox")
SCORECARDS: Final = PageInfo(str(_FOLDER / "scorecards.py"), "scorecards", "Scorecards")
DEMAND: Final = PageInfo(str(_FOLDER / "demand.py"), "demand", "Demand")
JOBS: Final = PageInfo(str(_FOLDER / "jobs.py"), "jobs", "Jobs")
PAGES: Final = (
    OVERVIEW,
    STOCK,
    DEMAND,
    BUFFERS,
    SCORECARDS,
    INBOX,
    JOBS,
)  # as the navigation has them; the app opens at the first

# Every parameter that a widget is bound to (its key), on whatever page.
PARAMETERS: Final = (
    *("channel", "location", "category", "q", "state", "sort", "order", "rows", "page", "sku", "tab", "find"),
    *("rule", "view", "reservation", "listed", "listing", "days", "target"),
    *("metric", "side", "cause", "order_ref"),
    *("span", "job"),
)

Query = Mapping[str, str | Sequence[str]]


def page(url: str) -> PageInfo:
    """The page at this address; the overview if there is none."""
    return next((info for info in PAGES if info.url == url), OVERVIEW)


def query(text: str) -> dict[str, list[str]]:
    """A query string (without its question mark) as parameters."""
    return parse_qs(text)
