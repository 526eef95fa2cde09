"""What pages read. The only module that uses Streamlit's caches; every function is cheap enough for a rerun twice a second.

Frames are shared between sessions: never change one in place. Nothing here raises when the database is away: the last good
data are served, and `health` says so; functions that must ask the database then return an empty frame of their schema.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import polars as pl
import streamlit as st
from sqlalchemy.engine import Connection, Engine

from dashboard.live import Health, LiveStock, Snapshot
from dashboard.settings import settings
from data_access.domain.availability import AVAILABILITY, WATERFALL
from data_access.engine import now_us, open_engine
from data_access.errors import StoreUnavailable
from data_access.queries import catalog, stock
from data_access.queries import overview as attention
from data_access.queries.freshness import aged
from data_access.queries.live import kpis as live_kpis
from data_access.queries.live import matching, rows
from data_access.queries.live import picture as live_picture
from data_access.queries.live import waterfall as live_waterfall
from data_access.queries.stock import StockFilter

AGE_STEP_SECONDS: Final = 15  # how often figures that rest on the age of data are worked out anew though nothing changed
TTL_SECONDS: Final = 120


@dataclass(frozen=True, slots=True)
class StoreState:
    """What kind of store is served. `kind`: own or demo. `is_empty`: no SKU yet, so that pages say what to do next.

    `sentence` is empty, or says why the store cannot be used (not there, older, newer) and what to do.
    """

    kind: str
    is_empty: bool
    sentence: str


@st.cache_resource(show_spinner=False, on_release=LiveStock.stop)
def _live(url: str) -> LiveStock:
    live = LiveStock(open_engine(url))
    live.start()
    return live


def _hub() -> LiveStock:
    return _live(settings().database_url)


def engine() -> Engine:
    """The engine of this process, for commands."""
    return _hub().engine


def _snapshot() -> Snapshot:
    return _hub().ready()


def store_info() -> StoreState:
    """What kind of store is served, and whether there is anything in it."""
    snapshot = _snapshot()
    is_empty = snapshot.catalogue is None or snapshot.catalogue.products.is_empty()
    sentence = snapshot.problem or (health().sentence if snapshot.live is None else "")
    return StoreState("own" if snapshot.store is None else snapshot.store.kind, is_empty, sentence)


def health() -> Health:
    """Whether the database answers, for the banner."""
    hub = _hub()
    hub.ready()
    return hub.health


def versions() -> dict[str, int]:
    """The version of each topic that this process has seen, from memory. `stock` moves whenever live figures do."""
    snapshot = _snapshot()
    return {**snapshot.versions, "stock": snapshot.token}


def version(topic: str) -> int:
    """One of `versions`; 0 for a topic never written."""
    return versions().get(topic, 0)


def channels() -> pl.DataFrame:
    """`catalog.CHANNELS` by position."""
    found = _snapshot().catalogue
    return catalog.CHANNELS.to_frame() if found is None else found.channels


def locations() -> pl.DataFrame:
    """`catalog.LOCATIONS` by name."""
    found = _snapshot().catalogue
    return catalog.LOCATIONS.to_frame() if found is None else found.locations


def categories() -> tuple[str, ...]:
    """Categories in use, by name."""
    found = _snapshot().catalogue
    return () if found is None else _categories(found.products, _snapshot().token)


@st.cache_resource(max_entries=2, show_spinner=False)
def _categories(_products: pl.DataFrame, token: int) -> tuple[str, ...]:  # noqa: ARG001 - the token is the key
    return tuple(_products["category"].unique().sort())


def freshness() -> pl.DataFrame:
    """`freshness.FRESHNESS` by position, the age as of now."""
    return aged(_snapshot().synced, now_us())


def overview() -> pl.DataFrame:
    """`overview.ATTENTION`, only what has a count above 0, the most urgent first."""
    snapshot = _snapshot()
    table = stock.STOCK_TABLE.to_frame() if snapshot.live is None else _table(snapshot, None, ())
    return attention.attention(table, freshness(), snapshot.waiting)


# ---- live stock ----------------------------------------------------------------------------------------------------


def _table(snapshot: Snapshot, channel_id: str | None, location_ids: tuple[str, ...]) -> pl.DataFrame:
    return _rows(snapshot, snapshot.token, now_us() // (AGE_STEP_SECONDS * 1_000_000), channel_id, location_ids)


@st.cache_resource(max_entries=12, ttl=TTL_SECONDS, show_spinner=False)
def _rows(
    _snapshot: Snapshot,
    token: int,  # noqa: ARG001 - part of the key
    age_step: int,  # noqa: ARG001 - part of the key
    channel_id: str | None,
    location_ids: tuple[str, ...],
) -> pl.DataFrame:
    if _snapshot.live is None:
        return stock.STOCK_TABLE.to_frame()
    return rows(_snapshot.live, _snapshot.recent, aged(_snapshot.synced, now_us()), channel_id, location_ids)


@st.cache_resource(max_entries=32, ttl=TTL_SECONDS, show_spinner=False)
def _matching(_snapshot: Snapshot, token: int, age_step: int, where: StockFilter) -> pl.DataFrame:
    return matching(_rows(_snapshot, token, age_step, where.channel_id, where.location_ids), where)


@st.cache_resource(max_entries=64, ttl=TTL_SECONDS, show_spinner=False)
def _kpis(_snapshot: Snapshot, token: int, age_step: int, where: StockFilter) -> pl.DataFrame:
    if _snapshot.live is None:
        return stock.KPIS.to_frame()
    return live_kpis(_snapshot.live, _snapshot.recent, _matching(_snapshot, token, age_step, where), where)


@st.cache_resource(max_entries=64, ttl=TTL_SECONDS, show_spinner=False)
def _picture(_snapshot: Snapshot, token: int, age_step: int, where: StockFilter) -> pl.DataFrame:
    if _snapshot.live is None:
        return stock.PICTURE.to_frame()
    return live_picture(_snapshot.live, _matching(_snapshot, token, age_step, where), where)


def _key() -> tuple[Snapshot, int, int]:
    snapshot = _snapshot()
    return snapshot, snapshot.token, now_us() // (AGE_STEP_SECONDS * 1_000_000)


def stock_table(where: StockFilter) -> pl.DataFrame:
    """`stock.STOCK_TABLE`: all rows that match, in the order asked for."""
    return _matching(*_key(), where)


def kpis(where: StockFilter) -> pl.DataFrame:
    """`stock.KPIS` over the rows that match."""
    return _kpis(*_key(), _unsorted(where))


def picture(where: StockFilter) -> pl.DataFrame:
    """`stock.PICTURE` over the rows that match: every unit on hand once."""
    return _picture(*_key(), _unsorted(where))


def _unsorted(where: StockFilter) -> StockFilter:
    """The same filter for figures that no order changes, so that sorting finds them in the cache."""
    return StockFilter(where.channel_id, where.location_ids, where.categories, where.text, where.states)


# ---- one SKU -------------------------------------------------------------------------------------------------------


def levels(sku: str) -> pl.DataFrame:
    """`stock.LEVELS` of one SKU, by location. Empty for a kit."""
    live = _snapshot().live
    return stock.LEVELS.to_frame() if live is None else live.levels.filter(pl.col("sku") == sku).sort("location_id")


def availability(sku: str) -> pl.DataFrame:
    """`availability.AVAILABILITY` of one SKU or kit: a row for each channel that sells it."""
    live = _snapshot().live
    return AVAILABILITY.to_frame() if live is None else live.availability.filter(pl.col("sku") == sku)


def waterfall(sku: str) -> pl.DataFrame:
    """`availability.WATERFALL` of one SKU or kit, for each channel that sells it, in order of position and step."""
    live = _snapshot().live
    return WATERFALL.to_frame() if live is None else live_waterfall(live, sku)


def ledger(sku: str, location_id: str | None = None, limit: int = 50, offset: int = 0) -> pl.DataFrame:
    """`stock.LEDGER` of one SKU, newest first; of a kit, its components'."""
    found = _snapshot().catalogue
    parts = [] if found is None else found.kits.filter(pl.col("kit_sku") == sku)["component_sku"].to_list()
    key = ("ledger", sku, location_id, limit, offset)
    return _ask(key, lambda bind: stock.ledger(bind, parts or [sku], location_id, limit, offset), stock.LEDGER)


def open_lines(sku: str) -> pl.DataFrame:
    """`stock.OPEN_LINES` of one SKU or kit: the order lines behind allocated and backordered, oldest first."""
    return _ask(("open_lines", sku), lambda bind: stock.open_lines(bind, sku), stock.OPEN_LINES)


def purchase_lines(sku: str) -> pl.DataFrame:
    """`stock.PURCHASE_LINES` of one SKU: what is on order, the soonest first."""
    return _ask(("purchase_lines", sku), lambda bind: stock.purchase_lines(bind, sku), stock.PURCHASE_LINES)


Question = Callable[[Connection], pl.DataFrame]


def _ask(key: tuple[str | int | None, ...], question: Question, schema: pl.Schema) -> pl.DataFrame:
    """The database's answer, asked once for each key and state of the live figures; empty while it is away."""
    hub = _hub()
    snapshot = hub.ready()
    if snapshot.live is None:
        return schema.to_frame()
    try:
        return _answer(hub, question, key, snapshot.token)
    except StoreUnavailable:
        return schema.to_frame()


@st.cache_resource(max_entries=256, ttl=TTL_SECONDS, show_spinner=False)
def _answer(_hub: LiveStock, _question: Question, key: tuple[str | int | None, ...], token: int) -> pl.DataFrame:  # noqa: ARG001
    return _hub.ask(_question)
