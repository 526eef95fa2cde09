"""What pages read. The only module that uses Streamlit's caches; every function is cheap enough for a rerun twice a second.

Frames are shared between sessions: never change one in place. Nothing here raises when the database is away: the last good
data are served, and `health` says so; functions that must ask the database then return an empty frame of their schema.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import polars as pl
import streamlit as st
from sqlalchemy.engine import Connection, Engine

from dashboard.settings import settings
from dashboard.shell.mirror_keeper import History, HistoryKeeper
from dashboard.shell.poller import Health, LiveStock, Snapshot
from data_access.domain.availability import AVAILABILITY, WATERFALL
from data_access.domain.buffers import EFFECT
from data_access.domain.buffers import effect as buffer_effect
from data_access.domain.facts import LINES, SHIPMENTS
from data_access.domain.scorecards.card import CARDS, DEPTH_DAYS, cards
from data_access.domain.scorecards.days import zones
from data_access.domain.scorecards.headroom import roll_off
from data_access.domain.scorecards.outlook import Outlook, outlook
from data_access.domain.scorecards.outlook import history as outlook_history
from data_access.domain.scorecards.rates import Rate, cells_at, daily, of_metric, rate, rolling, today
from data_access.domain.scorecards.registry import Metric
from data_access.engine import now_us, open_engine
from data_access.errors import StoreUnavailable
from data_access.forecasts.reading import Forecast
from data_access.mirror.counting import Counted
from data_access.mirror.depth import observations, sides
from data_access.queries import buffers, catalog, demand, forecasts, people, stock, withheld
from data_access.queries import overview as attention
from data_access.queries import scorecards as queries
from data_access.queries.buffer_replay import BackTest
from data_access.queries.buffer_replay import back_test as make_back_test
from data_access.queries.freshness import aged
from data_access.queries.live_pictures import kpis as live_kpis
from data_access.queries.live_pictures import picture as live_picture
from data_access.queries.live_pictures import waterfall as live_waterfall
from data_access.queries.live_stock import Catalogue, matching, previewed, rows
from data_access.queries.stock import StockFilter

AGE_STEP_SECONDS: Final = 15  # how often figures that rest on the age of data are worked out anew though nothing changed
TTL_SECONDS: Final = 120
HORIZONS: Final = (7, 14)  # days ahead


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
    hub = _live(url)
    keeper = HistoryKeeper(open_engine(url), settings().mirror_dir, lambda: hub.snapshot.versions)
    keeper.start()
    return keeper


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
    """The version of each topic that this process has seen, from memory. `stock` moves when live figures do; `history`: the mirror's."""
    snapshot = _snapshot()
    mirror = history_state().mirror
    return {**snapshot.versions, "stock": snapshot.token, "history": 0 if mirror is None else mirror.manifest.generation}


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


def products() -> pl.DataFrame:
    """`catalog.PRODUCTS` by SKU."""
    found = _snapshot().catalogue
    return catalog.PRODUCTS.to_frame() if found is None else found.products


def sold_on(channel_id: str) -> pl.DataFrame:
    """`sku`: what a channel may sell, SKUs and kits."""
    live = _snapshot().live
    found = AVAILABILITY.to_frame() if live is None else live.availability
    return found.filter((pl.col("channel_id") == channel_id) & pl.col("is_listed")).select("sku")


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


# ---- buffers -------------------------------------------------------------------------------------------------------


def rules() -> pl.DataFrame:
    """`domain.buffers.RULES`: every buffer rule, ended ones too, by scope."""
    return _snapshot().withheld.rules


def rule_table() -> pl.DataFrame:
    """`withheld.RULE_TABLE` of all rules."""
    snapshot = _snapshot()
    return withheld.RULE_TABLE.to_frame() if snapshot.live is None else withheld.rule_table(snapshot.live, rules(), now_us())


def reservation_table() -> pl.DataFrame:
    """`withheld.RESERVATION_TABLE` of all reservations."""
    snapshot = _snapshot()
    if snapshot.live is None:
        return withheld.RESERVATION_TABLE.to_frame()
    return withheld.reservation_table(snapshot.live, snapshot.reservations, now_us())


def listing_maxima() -> pl.DataFrame:
    """`buffers.LISTING_MAXIMA`: every listing that is mapped to a SKU, by channel and its id there."""
    hub = _hub()
    catalogue = hub.ready().catalogue
    if catalogue is None:
        return buffers.LISTING_MAXIMA.to_frame()
    try:
        return _listings(hub, catalogue)[1]
    except StoreUnavailable:
        return buffers.LISTING_MAXIMA.to_frame()


@st.cache_resource(max_entries=2, show_spinner=False, hash_funcs={Catalogue: id})
def _listings(_hub: LiveStock, catalogue: Catalogue) -> tuple[Catalogue, pl.DataFrame]:
    """Read once for each catalogue, which is another one when a listing changes; it is kept here, so that no other gets its id."""
    return catalogue, _hub.ask(buffers.listings)


def effect(
    all_rules: pl.DataFrame | None = None, reservations: pl.DataFrame | None = None, caps: pl.DataFrame | None = None
) -> pl.DataFrame:
    """`domain.buffers.EFFECT`: what would differ with other rules, reservations or caps instead, as `live.previewed` takes them."""
    live = _snapshot().live
    if live is None:
        return EFFECT.to_frame()
    return buffer_effect(live.availability, previewed(live, now_us(), all_rules, reservations, caps))


TestKey = tuple[str, str | None, int, int]
TEST_SECONDS: Final = 600
TESTS_KEPT: Final = 24


@st.cache_resource(show_spinner=False)
def _tests(url: str) -> dict[TestKey, BackTest]:  # noqa: ARG001 - one for each store
    return {}


def kept_test(channel_id: str, sku: str | None, days: int) -> BackTest | None:
    """The back-test of a SKU (None: of all) on a channel, if it was made with the rules of now, within the last ten minutes."""
    found = _tests(settings().database_url).get((channel_id, sku, days, version("buffers")))
    return found if found is not None and now_us() - found.at < TEST_SECONDS * 1_000_000 else None


def back_test(channel_id: str, sku: str | None, days: int, progress: Callable[[float, str], object] | None = None) -> BackTest | None:
    """Make a back-test; all SKUs of a large channel take many seconds. None while the database is away."""
    live = _snapshot().live
    key = (channel_id, sku, days, version("buffers"))
    if live is None:
        return None
    asked = None if sku is None else [sku]
    try:
        found = _hub().ask(lambda bind: make_back_test(bind, live, channel_id, asked, days, now_us(), progress or (lambda *_: None)))
    except StoreUnavailable:
        return None
    kept = _tests(settings().database_url)
    for old in list(kept)[: max(len(kept) - TESTS_KEPT + 1, 0)]:
        kept.pop(old, None)
    kept[key] = found
    return found


def history(entity: str, entity_id: int) -> pl.DataFrame:
    """`buffers.HISTORY` of one thing (a buffer_rule, reservation or listing_maximum, by its row id), the newest first."""
    return _asked_anew(lambda bind: buffers.history(bind, entity_id, entity=entity), buffers.HISTORY)


def users() -> pl.DataFrame:
    """`people.USERS`, by name."""
    return _asked_anew(people.users, people.USERS)


Question = Callable[[Connection], pl.DataFrame]


def _asked_anew(question: Question, schema: pl.Schema) -> pl.DataFrame:
    """The database's answer of now, for what is small and must be right; empty while it is away."""
    try:
        return _hub().ask(question)
    except StoreUnavailable:
        return schema.to_frame()


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


# ---- forecasts ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class NodeForecast:
    """All that a forecast tells of a node: `reading.HISTORY`, `reading.FORECAST`, `errors` and `components` as `Forecast` gives them;

    `cells`: channel_id, category and units expected in the first `REGION_DAYS` days of what it is a sum of; none of a SKU.
    """

    level: str
    model: str
    fallback: str | None
    history: pl.DataFrame
    ahead: pl.DataFrame
    errors: pl.DataFrame
    components: pl.DataFrame
    cells: pl.DataFrame


REGION_DAYS: Final = 28


def forecast_runs() -> pl.DataFrame:
    """`forecasts.RUNS`, the newest first; empty while the database is away from the start."""
    try:
        return _forecast_runs(_hub(), version("demand"))
    except StoreUnavailable:
        return forecasts.RUNS.to_frame()


@st.cache_resource(max_entries=2, show_spinner=False)
def _forecast_runs(_hub: LiveStock, version: int) -> pl.DataFrame:  # noqa: ARG001 - the key
    return _hub.ask(forecasts.runs)


def forecast_run(run_id: int) -> pl.DataFrame:
    """`forecasts.RUNS` of one run, as it is now; empty while the database is away."""
    return _asked_anew(lambda bind: forecasts.run(bind, run_id), forecasts.RUNS)


def forecast() -> Forecast | None:
    """The newest finished forecast; None if there is none.

    Raises:
        StoreUnavailable: its files are not there, or cannot be read.

    """
    finished = forecast_runs().filter(pl.col("state") == "finished")
    return None if finished.is_empty() else _forecast(settings().forecasts_dir, int(finished["run_id"][0]))


@st.cache_resource(max_entries=2, show_spinner=False)
def _forecast(root: Path, run_id: int) -> Forecast:
    return Forecast(root, run_id)


def forecast_skus(run: Forecast) -> dict[str, str]:
    """The SKUs of a forecast, each with what it is called: "TEX-0069 · Cotton throw"."""
    return _forecast_skus(run, run.root, run.run_id, _snapshot().catalogue)


@st.cache_resource(max_entries=2, show_spinner=False, hash_funcs={Catalogue: id})
def _forecast_skus(_run: Forecast, root: Path, run_id: int, catalogue: Catalogue | None) -> dict[str, str]:  # noqa: ARG001 - the key
    skus = _run.nodes.select(pl.col("sku").drop_nulls().unique().sort())
    known = catalog.PRODUCTS.to_frame() if catalogue is None else catalogue.products
    named = skus.join(known.select("sku", "name"), on="sku", how="left", maintain_order="left")
    labels = named.select("sku", label=pl.when(pl.col("name").is_null()).then("sku").otherwise(pl.format("{} · {}", "sku", "name")))
    return dict(labels.iter_rows())


def node_forecast(run: Forecast, node: int) -> NodeForecast:
    """What a forecast tells of a node, read once.

    Raises:
        StoreUnavailable: its files are not there any more, or cannot be read.

    """
    try:
        return _node_forecast(run, run.root, run.run_id, node)
    except (OSError, ValueError, pl.exceptions.PolarsError) as error:
        raise StoreUnavailable(f"The files of forecast {run.run_id} cannot be read any more: start a new forecast.") from error


@st.cache_resource(max_entries=256, show_spinner=False)
def _node_forecast(_run: Forecast, root: Path, run_id: int, node: int) -> NodeForecast:  # noqa: ARG001 - the key
    row = _run.nodes.row(node, named=True)
    ahead = _run.ahead(node)
    cells = ahead.clear().select(channel_id=pl.lit(""), category=pl.lit(""), units=pl.col("mean").cast(pl.Float64))
    if row["level"] == "series":
        units = float(ahead["mean"].head(REGION_DAYS).cast(pl.Float64).sum())
        cells = pl.DataFrame({"channel_id": [row["channel_id"]], "category": [row["category"]], "units": [units]})
    elif row["level"] != "sku":
        below = [pl.col(name) == row[name] for name in ("channel_id", "category") if row[name] is not None]
        found = _run.nodes.filter(pl.col("level") == "channel x category", *below).select("node", "channel_id", "category")
        expected = _run.expected(found["node"], REGION_DAYS)
        cells = found.join(expected, on="node", maintain_order="left").select("channel_id", "category", pl.col("units").cast(pl.Float64))
    return NodeForecast(
        level=row["level"],
        model=row["model"],
        fallback=row["fallback"],
        history=_run.history(node),
        ahead=ahead,
        errors=_run.errors(node),
        components=_run.components(node),
        cells=cells,
    )


def forecast_regions(run: Forecast) -> pl.DataFrame:
    """`demand.REGIONS` that a forecast is split by; SKUs without a category have an empty one, as nodes do."""
    return _forecast_regions(run, run.root, run.run_id)


@st.cache_resource(max_entries=2, show_spinner=False)
def _forecast_regions(_run: Forecast, root: Path, run_id: int) -> pl.DataFrame:  # noqa: ARG001 - the key
    return _run.regions().with_columns(pl.col("category").fill_null(""))


def promotions(sku: str, channel_id: str | None) -> pl.DataFrame:
    """`demand.PROMOTIONS` of a SKU, on one channel or on all; empty while the database is away."""
    try:
        found = _promotions(_hub(), sku, version("demand"))
    except StoreUnavailable:
        return demand.PROMOTIONS.to_frame()
    return found if channel_id is None else found.filter(pl.col("channel_id") == channel_id)


@st.cache_resource(max_entries=256, show_spinner=False)
def _promotions(_hub: LiveStock, sku: str, version: int) -> pl.DataFrame:  # noqa: ARG001 - part of the key
    return _hub.ask(lambda bind: demand.promotions(bind, sku))


# ---- history and scorecards ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Depth:
    """One metric of one channel. `rate`: of now; `days`: `rates.DAILY` and `trend`: `rates.ROLLING` of the last `DEPTH_DAYS` days;

    `sides`: `depth.SIDES` of its window; `remarks`: `causes.REMARKS` of the orders in it; `roll_off`: `headroom.ROLL_OFF`; `outlooks`: in
    7 and 14 days, where they can be told.
    """

    metric: Metric
    rate: Rate
    days: pl.DataFrame
    trend: pl.DataFrame
    sides: pl.DataFrame
    remarks: pl.DataFrame
    roll_off: pl.DataFrame
    outlooks: tuple[Outlook, ...]


def history_state() -> History:
    """The mirror of history and what is counted of it, as far as it is."""
    return _keeper(settings().database_url).state


def ready_history() -> History:
    """The same, once it was made, or after a while without it."""
    return _keeper(settings().database_url).ready()


def channel_metrics() -> dict[str, tuple[Metric, ...]]:
    """Each channel's metrics, by position, as people set them; empty while the database is away."""
    try:
        return _channel_metrics(_hub(), version("scorecards"), version("channels"))
    except StoreUnavailable:
        return {}


@st.cache_resource(max_entries=2, show_spinner=False)
def _channel_metrics(_hub: LiveStock, scorecards: int, channels: int) -> dict[str, tuple[Metric, ...]]:  # noqa: ARG001 - the key
    return _hub.ask(queries.metrics)


def metric_settings() -> pl.DataFrame:
    """`scorecards.SETTINGS`."""
    return _asked_anew(queries.settings, queries.SETTINGS)


def recorded_figures() -> pl.DataFrame:
    """`scorecards.FIGURES`, the newest first."""
    return _asked_anew(queries.figures, queries.FIGURES)


def scorecards(*, wait: bool = True) -> pl.DataFrame:
    """`card.CARDS` of now, the most urgent first; empty while history is not there yet. `wait`: a while, for it to be made."""
    counted = (ready_history() if wait else history_state()).counted
    if counted is None:
        return CARDS.to_frame()
    return _cards(counted, _key_of(counted))


@st.cache_resource(max_entries=4, ttl=TTL_SECONDS, show_spinner=False)
def _cards(_counted: Counted, key: tuple[int, ...]) -> pl.DataFrame:  # noqa: ARG001
    now, zone_of = datetime.now(UTC), zones(_counted.channels)
    return cards(cells_at(_counted.tally, now), channel_metrics(), zone_of, recorded_figures(), now)


def depth(channel_id: str, metric_id: str) -> Depth | None:
    """One metric in depth; None if it is not computed, or history is not there yet."""
    counted = ready_history().counted
    if counted is None:
        return None
    return _depth(counted, channel_id, metric_id, _key_of(counted))


@st.cache_resource(max_entries=8, ttl=TTL_SECONDS, show_spinner="Reading the orders")
def _depth(_counted: Counted, channel_id: str, metric_id: str, key: tuple[int, ...]) -> Depth | None:  # noqa: ARG001
    metric = next((one for one in channel_metrics().get(channel_id, ()) if one.id == metric_id), None)
    if metric is None or metric.computes is None:
        return None
    now, zone_of = datetime.now(UTC), zones(_counted.channels)
    day = today(now, zone_of.get(channel_id))
    cells = of_metric(cells_at(_counted.tally, now), channel_id, metric)
    current = rate(cells, metric, day)
    first = day - timedelta(days=DEPTH_DAYS - 1)
    days = daily(cells, min(first, current.first), day)
    judged = observations(_counted, channel_id, metric)
    past = outlook_history(judged.lazy(), metric.dated_by, zone_of, now)
    found = (outlook(past, metric, current, day, horizon) for horizon in HORIZONS)
    return Depth(
        metric,
        current,
        days,
        rolling(cells, metric, first, day),
        *sides(_counted, judged, metric, current, now),
        roll_off(days, current, metric),
        tuple(one for one in found if one is not None),
    )


def order(order_id: int, placed_at: datetime) -> tuple[pl.DataFrame, pl.DataFrame]:
    """`facts.LINES` and `facts.SHIPMENTS` of an order that was placed then, from the mirror."""
    mirror = ready_history().mirror
    if mirror is None:
        return LINES.to_frame(), SHIPMENTS.to_frame()
    mine = pl.col("order_id") == order_id
    return mirror.scan("line", placed_at).filter(mine).collect(), mirror.scan("shipment", placed_at).filter(mine).collect()


def _key_of(counted: Counted) -> tuple[int, ...]:
    """What figures of now rest on: what was counted, what people set, and the minute."""
    return counted.mirror.manifest.generation, version("scorecards"), version("channels"), now_us() // 60_000_000
