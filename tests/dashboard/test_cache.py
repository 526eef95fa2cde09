"""What pages call, on a busy company, an empty store and one that is not there."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import polars as pl
import pytest
import streamlit as st
from sqlalchemy.engine import Engine

from dashboard import cache
from dashboard.settings import settings
from data_access.commands.ingest import ingest
from data_access.commands.listings import MaximumChange, set_maximum
from data_access.commands.people import COMMAND_LINE
from data_access.commands.reservations import save
from data_access.domain.availability import caps
from data_access.domain.buffers import RESERVATIONS
from data_access.domain.reservation_rules import ReservationDraft
from data_access.queries import buffers, freshness, overview, stock, withheld
from data_access.queries.stock import StockFilter
from tests.dashboard.test_live import until
from tests.data_access.queries.busy_company import make_busy_company, sale
from tests.data_access.small_company import DAY, T0


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """Lets the cache serve the store at an address, until the test ends."""

    @contextmanager
    def fresh() -> Iterator[None]:
        settings.cache_clear()
        yield
        st.cache_resource.clear()
        settings.cache_clear()

    with fresh():
        yield lambda url: monkeypatch.setenv("ONHAND_DATABASE_URL", url)


@pytest.fixture
def company(store: Engine, serve: Callable[[str], None], monkeypatch: pytest.MonkeyPatch) -> Engine:
    make_busy_company(store)
    monkeypatch.setattr("dashboard.cache.now_us", lambda: T0 + DAY)
    monkeypatch.setattr("dashboard.live.now_us", lambda: T0 + DAY)
    serve(store.url.render_as_string(hide_password=False))
    return store


def test_all_that_pages_read(company: Engine) -> None:
    info = cache.store_info()
    assert (info.kind, info.is_empty, info.sentence) == ("own", False, "")
    assert cache.health().is_ok
    assert cache.channels()["channel_id"].to_list() == ["web", "market"]
    assert cache.locations()["location_id"].to_list() == ["north", "south"]
    assert cache.categories() == ("baskets", "fruit")
    assert cache.freshness()["age_seconds"].to_list() == [18 * 3600, 19 * 3600]
    assert cache.overview()["kind"].to_list() == ["oversell", "backordered", "stale_channels"]
    assert cache.stock_table(StockFilter("web", text="a", sort="pool"))["sku"].to_list() == ["KIT", "B", "A"]
    assert cache.kpis(StockFilter())["value"].to_list() == [29, 15, 13, 2, 0]
    assert cache.kpis(StockFilter())["history"].list.len().to_list() == [31] * 5
    assert cache.picture(StockFilter())["units"].sum() == 29
    assert cache.levels("A")["on_hand"].to_list() == [16, 4]
    assert cache.availability("A")["available_to_sell"].to_list() == [0, 8]
    assert cache.waterfall("KIT").filter(pl.col("channel_id") == "web")["running"].to_list()[-1] == 2
    assert cache.ledger("A", limit=2)["quantity"].to_list()[0] == 5
    assert set(cache.ledger("KIT")["sku"]) == {"A", "B"}
    assert cache.open_lines("A")["units"].sum() == 11
    assert cache.purchase_lines("A")["on_order"].to_list() == [15]


def test_answers_are_kept_until_something_changes(company: Engine) -> None:
    where = StockFilter("web", sort="available", descending=True)
    first, version = cache.stock_table(where), cache.version("stock")
    assert cache.stock_table(where) is first
    ingest(company, [sale(60, "web", "A", 5, 20)])
    until(lambda: cache.version("stock") != version)
    assert cache.stock_table(where).filter(pl.col("sku") == "A")["available_to_sell"].item() == 3
    assert cache.open_lines("A")["units"].sum() == 16


def test_an_empty_store_says_so_and_has_empty_frames(store: Engine, serve: Callable[[str], None]) -> None:
    serve(store.url.render_as_string(hide_password=False))
    assert cache.store_info() == cache.StoreState("own", True, "")
    assert cache.stock_table(StockFilter()).equals(stock.STOCK_TABLE.to_frame())
    assert cache.overview().equals(overview.ATTENTION.to_frame())
    assert cache.version("no such topic") == 0


def test_a_store_that_is_not_there_gives_a_sentence_and_empty_frames(empty_url: str, serve: Callable[[str], None]) -> None:
    serve(empty_url)
    info = cache.store_info()
    assert info.is_empty
    assert "onhand migrate" in info.sentence
    for found, schema in [
        (cache.stock_table(StockFilter()), stock.STOCK_TABLE),
        (cache.kpis(StockFilter()), stock.KPIS),
        (cache.picture(StockFilter()), stock.PICTURE),
        (cache.freshness(), freshness.FRESHNESS),
        (cache.overview(), overview.ATTENTION),
        (cache.ledger("A"), stock.LEDGER),
        (cache.waterfall("A"), stock.WATERFALL),
    ]:
        assert found.equals(schema.to_frame())
    assert cache.categories() == ()


def test_reservations_and_maxima_are_read_once_for_each_change(company: Engine) -> None:
    assert cache.reservation_table().equals(withheld.RESERVATION_TABLE.to_frame())
    first = cache.listing_maxima()
    assert first.schema == buffers.LISTING_MAXIMA
    assert cache.listing_maxima() is first
    version = cache.version("catalog")
    listing = first.filter(pl.col("external_sku") == "web-A").row(0, named=True)
    set_maximum(company, [MaximumChange(listing["listing_id"], 3, listing["version"])], COMMAND_LINE, "scarce")
    until(lambda: cache.version("catalog") != version)
    assert cache.listing_maxima().filter(pl.col("external_sku") == "web-A")["maximum"].to_list() == [3]
    assert cache.effect(caps=caps(first)).rows() == [("A", "web", 3, 8)]
    assert cache.history("listing_maximum", listing["listing_id"])["why"].to_list() == ["scarce"]
    key = save(company, ReservationDraft("A", 2, False, ("market",), ("north", "south"), "launch"), COMMAND_LINE)
    until(lambda: cache.reservation_table().height == 1)
    assert cache.reservation_table().select("reservation_id", "kept", "withheld").rows() == [(key, 0, 0)]  # all are in its own orders
    assert cache.effect(reservations=RESERVATIONS.to_frame()).is_empty()
    assert cache.history("reservation", key)["action"].to_list() == ["add_reservation"]
