"""What pages read together, and the moment that they read: the stock, the catalogue, history, people, and answers of the database.

Only this module and the `reads.py` of each subject use Streamlit's caches; every function is cheap enough for a rerun twice a second.

Frames are shared between sessions: never change one in place. Nothing here raises when the database is away: the last good data are
served, and `health` says so; functions that must ask the database then return an empty frame of their schema.

Each rerun of a page is of one moment: `take_moment`, called by the header, takes what is known then, and everything that is read in that
rerun is of it. What runs by itself between reruns (the header's pulse) asks for `latest_versions`.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import polars as pl
import streamlit as st
from sqlalchemy.engine import Connection, Engine
from streamlit.runtime.scriptrunner import get_script_run_ctx

from dashboard.settings import settings
from dashboard.shell.data.mirror_keeper import HistoryKeeper, MirrorState
from dashboard.shell.data.poller import Health, LiveStock, Snapshot
from dashboard.shell.kpis import measured
from data_access.domain.availability import AVAILABILITY
from data_access.domain.scorecards.card import CARDS, cards
from data_access.domain.scorecards.days import zones
from data_access.domain.scorecards.rates import cells_at
from data_access.domain.scorecards.registry import Metric
from data_access.engine import now_us, open_engine
from data_access.errors import StoreUnavailable
from data_access.mirror.counting import Counted
from data_access.queries import buffers, catalog, overview, people, stock
from data_access.queries import scorecards as queries
from data_access.queries.freshness import aged
from data_access.queries.live_pictures import kpis as live_kpis
from data_access.queries.live_stock import matching, rows
from data_access.queries.stock import StockFilter

_MOMENT: Final = "shell.moment"


@dataclass(frozen=True, slots=True)
class Moment:
    """What one rerun of a page shows: the stock as the poller knew it, and history as the mirror had it."""

    stock: Snapshot
    history: MirrorState


AGE_STEP_SECONDS: Final = 15  # how often figures that rest on the age of data are worked out again though nothing changed


STORE_STEP: Final = 1 << 40  # no version of a store that took another's place is one of that other's


TTL_SECONDS: Final = 120


_made: Final = Counter[str]()


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


@st.cache_resource(show_spinner=False, on_release=HistoryKeeper.stop)
def _keeper(url: str) -> HistoryKeeper:
    poller = _live(url)
    keeper = HistoryKeeper(open_engine(url), settings().mirror_dir, lambda: poller.snapshot)
    keeper.start()
    return keeper


def hub() -> LiveStock:
    """The poller of the store that is served."""
    return _live(settings().database_url)


def _latest() -> Moment:
    return Moment(hub().ready(), _keeper(settings().database_url).state)


def take_moment() -> None:
    """Let this rerun of the page, and what its fragments draw until the next, be of now."""
    st.session_state[_MOMENT] = _latest()


def _moment() -> Moment:
    """The moment of this rerun; outside of a page, the present."""
    if get_script_run_ctx(suppress_warning=True) is None:
        return _latest()
    if _MOMENT not in st.session_state:
        take_moment()
    moment: Moment = st.session_state[_MOMENT]
    return moment


def snapshot() -> Snapshot:
    """The stock as this rerun shows it."""
    return _moment().stock


def versions() -> dict[str, int]:
    """The version of each topic that this rerun shows. `stock` moves when live figures do; `history`: the mirror's; others that are not
    the store's: `note_made`.
    """
    return _versions(_moment())


def latest_versions() -> dict[str, int]:
    """The same as of now: if they have moved, a page is out of date."""
    return _versions(_latest())


def _versions(moment: Moment) -> dict[str, int]:
    mirror = moment.history.mirror
    own = {topic: version + moment.stock.store_number * STORE_STEP for topic, version in moment.stock.versions.items()}
    return {**own, "stock": moment.stock.token, "history": 0 if mirror is None else mirror.manifest.generation, **_made}


def note_made(topic: str) -> None:
    """Say that something was worked out beside the pages, so that those that watch the topic run again."""
    _made[topic] += 1


def history_state() -> MirrorState:
    """The mirror of history and what is counted of it, as far as it is."""
    return _moment().history


def latest_history() -> MirrorState:
    """The same as of now, for what is drawn while history is being read."""
    return _latest().history


def ready_history() -> MirrorState:
    """The same, once it was made, or after a while without it."""
    state = history_state()
    return state if state.counted is not None else _keeper(settings().database_url).ready()


def engine() -> Engine:
    """The engine of this process, for commands."""
    return hub().engine


def store_info() -> StoreState:
    """What kind of store is served, and whether there is anything in it."""
    seen = snapshot()
    is_empty = seen.catalogue is None or seen.catalogue.products.is_empty()
    sentence = seen.problem or (health().sentence if seen.live is None else "")
    return StoreState("own" if seen.store is None else seen.store.kind, is_empty, sentence)


def health() -> Health:
    """Whether the database answers, for the banner."""
    poller = hub()
    poller.ready()
    return poller.health


def version(topic: str) -> int:
    """One of `versions`; 0 for a topic never written."""
    return versions().get(topic, 0)


def channels() -> pl.DataFrame:
    """`catalog.CHANNELS` by position."""
    catalogue = snapshot().catalogue
    return catalog.CHANNELS.to_frame() if catalogue is None else catalogue.channels


def locations() -> pl.DataFrame:
    """`catalog.LOCATIONS` by name."""
    catalogue = snapshot().catalogue
    return catalog.LOCATIONS.to_frame() if catalogue is None else catalogue.locations


def categories() -> tuple[str, ...]:
    """Categories in use, by name."""
    catalogue = snapshot().catalogue
    return () if catalogue is None else _categories(catalogue.products, snapshot().token)


@st.cache_resource(max_entries=2, show_spinner=False)
def _categories(_products: pl.DataFrame, token: int) -> tuple[str, ...]:  # noqa: ARG001 - the token is the key
    return tuple(_products["category"].unique().sort())


def products() -> pl.DataFrame:
    """`catalog.PRODUCTS` by SKU."""
    catalogue = snapshot().catalogue
    return catalog.PRODUCTS.to_frame() if catalogue is None else catalogue.products


def freshness() -> pl.DataFrame:
    """`freshness.FRESHNESS` by position, the age as of now."""
    return aged(snapshot().synced, now_us())


def latest_freshness() -> pl.DataFrame:
    """The same of what came in since this rerun, too."""
    return aged(hub().snapshot.synced, now_us())


def all_rows(seen: Snapshot, channel_id: str | None, location_ids: tuple[str, ...]) -> pl.DataFrame:
    """`stock.STOCK_TABLE` of a snapshot: every SKU, on one channel or all, over some locations or all (none named)."""
    return _rows(seen, seen.token, now_us() // (AGE_STEP_SECONDS * 1_000_000), channel_id, location_ids)


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
def matching_rows(_snapshot: Snapshot, token: int, age_step: int, where: StockFilter) -> pl.DataFrame:
    """`stock.STOCK_TABLE` of the rows that match; the first three arguments are those of `stock_key`."""
    return matching(_rows(_snapshot, token, age_step, where.channel_id, where.location_ids), where)


@st.cache_resource(max_entries=64, ttl=TTL_SECONDS, show_spinner=False)
def _kpis(_snapshot: Snapshot, token: int, age_step: int, where: StockFilter) -> pl.DataFrame:
    if _snapshot.live is None:
        return stock.KPIS.to_frame()
    figures = live_kpis(_snapshot.live, _snapshot.recent, matching_rows(_snapshot, token, age_step, where), where)
    # the version of a topic moves when it is first written, so nothing needs to be counted
    return measured(figures, has_stock=not _snapshot.live.levels.is_empty(), has_orders=_snapshot.versions.get("orders", 0) > 0)


def stock_key() -> tuple[Snapshot, int, int]:
    """What figures of stock are cached by: the snapshot, its token, and a step of the age that figures rest on."""
    seen = snapshot()
    return seen, seen.token, now_us() // (AGE_STEP_SECONDS * 1_000_000)


def stock_table(where: StockFilter) -> pl.DataFrame:
    """`stock.STOCK_TABLE`: all rows that match, in the order asked for."""
    return matching_rows(*stock_key(), where)


def kpis(where: StockFilter) -> pl.DataFrame:
    """`stock.KPIS` over the rows that match; `value` is null where the store never had data of it."""
    return _kpis(*stock_key(), without_order(where))


def without_order(where: StockFilter) -> StockFilter:
    """The same filter for figures that no order changes, so that sorting finds them in the cache."""
    return StockFilter(where.channel_id, where.location_ids, where.categories, where.text, where.states)


def attention() -> pl.DataFrame:
    """`overview.ATTENTION`, only what has a count above 0, the most urgent first."""
    seen = snapshot()
    table = stock.STOCK_TABLE.to_frame() if seen.live is None else all_rows(seen, None, ())
    return overview.attention(table, freshness(), seen.waiting)


def levels(sku: str) -> pl.DataFrame:
    """`stock.LEVELS` of one SKU, by location. Empty for a kit."""
    live = snapshot().live
    return stock.LEVELS.to_frame() if live is None else live.levels.filter(pl.col("sku") == sku).sort("location_id")


def availability(sku: str) -> pl.DataFrame:
    """`availability.AVAILABILITY` of one SKU or kit: a row for each channel that sells it."""
    live = snapshot().live
    return AVAILABILITY.to_frame() if live is None else live.availability.filter(pl.col("sku") == sku)


def open_lines(sku: str) -> pl.DataFrame:
    """`stock.OPEN_LINES` of one SKU or kit: the order lines behind allocated and backordered, oldest first."""
    return ask(("open_lines", sku), lambda bind: stock.open_lines(bind, sku), stock.OPEN_LINES)


def rules() -> pl.DataFrame:
    """`domain.buffers.RULES`: every buffer rule, ended ones too, by scope."""
    return snapshot().withheld.rules


def history(entity: str, entity_id: int) -> pl.DataFrame:
    """`buffers.HISTORY` of one thing (a buffer_rule, reservation or listing_maximum, by its row id), the newest first."""
    return ask_now(lambda bind: buffers.history(bind, entity_id, entity=entity), buffers.HISTORY)


def users() -> pl.DataFrame:
    """`people.USERS`, by name."""
    return ask_now(people.users, people.USERS)


Question = Callable[[Connection], pl.DataFrame]


def ask_now(question: Question, schema: pl.Schema) -> pl.DataFrame:
    """The database's answer of now, for what is small and must be right; an empty frame of the schema while it is away."""
    try:
        return hub().ask(question)
    except StoreUnavailable:
        return schema.to_frame()


def ask(key: tuple[str | int | None, ...], question: Question, schema: pl.Schema) -> pl.DataFrame:
    """The database's answer, asked once for each key and state of the live figures; empty while it is away.

    It is of now: where something came in since this rerun's moment, rows are ahead of its figures until the next rerun, a pulse later.
    """
    seen = snapshot()
    if seen.live is None:
        return schema.to_frame()
    try:
        return _answer(hub(), question, key, seen.token)
    except StoreUnavailable:
        return schema.to_frame()


@st.cache_resource(max_entries=256, ttl=TTL_SECONDS, show_spinner=False)
def _answer(_hub: LiveStock, _question: Question, key: tuple[str | int | None, ...], token: int) -> pl.DataFrame:  # noqa: ARG001
    return _hub.ask(_question)


def channel_metrics() -> dict[str, tuple[Metric, ...]]:
    """Each channel's metrics, by position, as people set them; empty while the database is away."""
    try:
        return _channel_metrics(hub(), version("scorecards"), version("channels"))
    except StoreUnavailable:
        return {}


@st.cache_resource(max_entries=2, show_spinner=False)
def _channel_metrics(_hub: LiveStock, scorecards: int, channels: int) -> dict[str, tuple[Metric, ...]]:  # noqa: ARG001 - the key
    return _hub.ask(queries.metrics)


def recorded_figures() -> pl.DataFrame:
    """`scorecards.FIGURES`, the newest first."""
    return ask_now(queries.figures, queries.FIGURES)


def scorecards(*, wait: bool = True) -> pl.DataFrame:
    """`card.CARDS` of now, the most urgent first; empty while history is not there yet. `wait`: a while, for it to be made."""
    counted = (ready_history() if wait else history_state()).counted
    if counted is None:
        return CARDS.to_frame()
    return _cards(counted, key_of_counted(counted))


@st.cache_resource(max_entries=4, ttl=TTL_SECONDS, show_spinner=False)
def _cards(_counted: Counted, key: tuple[int, ...]) -> pl.DataFrame:  # noqa: ARG001
    now, zone_of = datetime.now(UTC), zones(_counted.channels)
    return cards(cells_at(_counted.tally, now), _counted.sent, channel_metrics(), zone_of, recorded_figures(), now)


def key_of_counted(counted: Counted) -> tuple[int, ...]:
    """What figures of now rest on: what was counted, what people set, and the minute."""
    return counted.mirror.manifest.generation, version("scorecards"), version("channels"), now_us() // 60_000_000
