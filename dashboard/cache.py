"""What pages read. The only module that uses Streamlit's caches; every function is cheap enough for a rerun twice a second.

Frames are shared between sessions: never change one in place. Nothing here raises when the database is away: the last good
data are served, and `health` says so; functions that must ask the database then return an empty frame of their schema.
"""

from dataclasses import dataclass
from datetime import datetime

import polars as pl
from sqlalchemy.engine import Engine

from data_access.queries.stock import StockFilter


@dataclass(frozen=True, slots=True)
class Health:
    """Whether the database answers. `sentence` is empty when it does; `since`: when it last did."""

    is_ok: bool
    since: datetime | None
    sentence: str


@dataclass(frozen=True, slots=True)
class StoreState:
    """What kind of store is served. `kind`: own or demo. `is_empty`: no SKU yet, so that pages say what to do next.

    `sentence` is empty, or says why the store cannot be used (not there, older, newer) and what to do.
    """

    kind: str
    is_empty: bool
    sentence: str


def engine() -> Engine:
    """The engine of this process, for commands."""
    raise NotImplementedError


def store_info() -> StoreState:
    """What kind of store is served, and whether there is anything in it."""
    raise NotImplementedError


def health() -> Health:
    """Whether the database answers, for the banner."""
    raise NotImplementedError


def versions() -> dict[str, int]:
    """The version of each topic that this process has seen, from memory. `stock` moves whenever live figures do."""
    raise NotImplementedError


def version(topic: str) -> int:
    """One of `versions`; 0 for a topic never written."""
    raise NotImplementedError


def channels() -> pl.DataFrame:
    """`catalog.CHANNELS` by position."""
    raise NotImplementedError


def locations() -> pl.DataFrame:
    """`catalog.LOCATIONS` by name."""
    raise NotImplementedError


def categories() -> tuple[str, ...]:
    """Categories in use, by name."""
    raise NotImplementedError


def freshness() -> pl.DataFrame:
    """`freshness.FRESHNESS` by position, the age as of now."""
    raise NotImplementedError


def overview() -> pl.DataFrame:
    """`overview.ATTENTION`, only what has a count above 0, the most urgent first."""
    raise NotImplementedError


def stock_table(where: StockFilter) -> pl.DataFrame:
    """`stock.STOCK_TABLE`: all rows that match, in the order asked for."""
    raise NotImplementedError


def kpis(where: StockFilter) -> pl.DataFrame:
    """`stock.KPIS` over the rows that match."""
    raise NotImplementedError


def picture(where: StockFilter) -> pl.DataFrame:
    """`stock.PICTURE` over the rows that match: every unit on hand once."""
    raise NotImplementedError


def levels(sku: str) -> pl.DataFrame:
    """`stock.LEVELS` of one SKU, by location. Empty for a kit."""
    raise NotImplementedError


def availability(sku: str) -> pl.DataFrame:
    """`availability.AVAILABILITY` of one SKU or kit: a row for each channel that sells it."""
    raise NotImplementedError


def waterfall(sku: str) -> pl.DataFrame:
    """`availability.WATERFALL` of one SKU or kit, for each channel that sells it, in order of position and step."""
    raise NotImplementedError


def ledger(sku: str, location_id: str | None = None, limit: int = 50, offset: int = 0) -> pl.DataFrame:
    """`stock.LEDGER` of one SKU, newest first."""
    raise NotImplementedError


def open_lines(sku: str) -> pl.DataFrame:
    """`stock.OPEN_LINES` of one SKU or kit: the order lines behind allocated and backordered, oldest first."""
    raise NotImplementedError


def purchase_lines(sku: str) -> pl.DataFrame:
    """`stock.PURCHASE_LINES` of one SKU: what is on order, the soonest first."""
    raise NotImplementedError
