"""What pages call, on a busy company, an empty store and one that is not there."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

import polars as pl
import pytest
import streamlit as st
from sqlalchemy.engine import Engine

from dashboard.buffers import reads as buffers_reads
from dashboard.demand import reads as demand_reads
from dashboard.settings import settings
from dashboard.shell import reads
from dashboard.stock import reads as stock_reads
from data_access.commands.forecasts import RunDraft, RunSummary, begin, finish
from data_access.commands.listings import MaximumChange, set_maximum
from data_access.commands.people import add_user
from data_access.commands.reservations import save
from data_access.domain.availability import caps
from data_access.domain.buffers import RESERVATIONS
from data_access.domain.reservation_rules import ReservationDraft
from data_access.engine import writing
from data_access.errors import StoreUnavailable
from data_access.events.ingest import ingest
from data_access.queries import buffers, freshness, overview, stock, withheld
from data_access.queries.stock import StockFilter
from data_access.schema.demand import promotion
from data_access.write.permissions import COMMAND_LINE
from tests.dashboard import made_forecast
from tests.dashboard.shell.data.test_poller import until
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
    for module in ("shell.reads", "shell.data.poller", "buffers.reads"):
        monkeypatch.setattr(f"dashboard.{module}.now_us", lambda: T0 + DAY)
    serve(store.url.render_as_string(hide_password=False))
    return store


def test_all_that_pages_read(company: Engine) -> None:
    info = reads.store_info()
    assert (info.kind, info.is_empty, info.sentence) == ("own", False, "")
    assert reads.health().is_ok
    assert reads.channels()["channel_id"].to_list() == ["web", "market"]
    assert reads.locations()["location_id"].to_list() == ["north", "south"]
    assert reads.categories() == ("baskets", "fruit")
    assert reads.freshness()["age_seconds"].to_list() == [18 * 3600, 19 * 3600]
    assert reads.attention()["kind"].to_list() == ["oversell", "backordered", "stale_channels"]
    assert reads.stock_table(StockFilter("web", text="a", sort="pool"))["sku"].to_list() == ["KIT", "B", "A"]
    assert reads.kpis(StockFilter())["value"].to_list() == [29, 15, 13, 2, 0]
    assert reads.kpis(StockFilter())["history"].list.len().to_list() == [31] * 5
    assert stock_reads.picture(StockFilter())["units"].sum() == 29
    assert reads.levels("A")["on_hand"].to_list() == [16, 4]
    assert reads.availability("A")["available_to_sell"].to_list() == [0, 8]
    assert stock_reads.waterfall("KIT").filter(pl.col("channel_id") == "web")["running"].to_list()[-1] == 2
    assert stock_reads.ledger("A", limit=2)["quantity"].to_list()[0] == 5
    assert set(stock_reads.ledger("KIT")["sku"]) == {"A", "B"}
    assert reads.open_lines("A")["units"].sum() == 11
    assert stock_reads.purchase_lines("A")["on_order"].to_list() == [15]


def test_answers_are_kept_until_something_changes(company: Engine) -> None:
    where = StockFilter("web", sort="available", descending=True)
    first, version = reads.stock_table(where), reads.version("stock")
    assert reads.stock_table(where) is first
    ingest(company, [sale(60, "web", "A", 5, 20)])
    until(lambda: reads.version("stock") != version)
    assert reads.stock_table(where).filter(pl.col("sku") == "A")["available_to_sell"].item() == 3
    assert reads.open_lines("A")["units"].sum() == 16


def test_an_empty_store_says_so_and_has_empty_frames(store: Engine, serve: Callable[[str], None]) -> None:
    serve(store.url.render_as_string(hide_password=False))
    assert reads.store_info() == reads.StoreState("own", True, "")
    assert reads.stock_table(StockFilter()).equals(stock.STOCK_TABLE.to_frame())
    assert reads.attention().equals(overview.ATTENTION.to_frame())
    assert reads.version("no such topic") == 0


def test_a_store_that_is_not_there_gives_a_sentence_and_empty_frames(empty_url: str, serve: Callable[[str], None]) -> None:
    serve(empty_url)
    info = reads.store_info()
    assert info.is_empty
    assert "onhand migrate" in info.sentence
    for frame, schema in [
        (reads.stock_table(StockFilter()), stock.STOCK_TABLE),
        (reads.kpis(StockFilter()), stock.KPIS),
        (stock_reads.picture(StockFilter()), stock.PICTURE),
        (reads.freshness(), freshness.FRESHNESS),
        (reads.attention(), overview.ATTENTION),
        (stock_reads.ledger("A"), stock.LEDGER),
        (stock_reads.waterfall("A"), stock.WATERFALL),
    ]:
        assert frame.equals(schema.to_frame())
    assert reads.categories() == ()


def test_reservations_and_maxima_are_read_once_for_each_change(company: Engine) -> None:
    assert buffers_reads.reservation_table().equals(withheld.RESERVATION_TABLE.to_frame())
    first = buffers_reads.listing_maxima()
    assert first.schema == buffers.LISTING_MAXIMA
    assert buffers_reads.listing_maxima() is first
    version = reads.version("catalog")
    listing = first.filter(pl.col("external_sku") == "web-A").row(0, named=True)
    set_maximum(company, [MaximumChange(listing["listing_id"], 3, listing["version"])], COMMAND_LINE, "scarce")
    until(lambda: reads.version("catalog") != version)
    assert buffers_reads.listing_maxima().filter(pl.col("external_sku") == "web-A")["maximum"].to_list() == [3]
    assert buffers_reads.effect(caps=caps(first)).rows() == [("A", "web", 3, 8)]
    assert reads.history("listing_maximum", listing["listing_id"])["why"].to_list() == ["scarce"]
    key = save(company, ReservationDraft("A", 2, False, ("market",), ("north", "south"), "launch"), COMMAND_LINE)
    until(lambda: buffers_reads.reservation_table().height == 1)
    assert buffers_reads.reservation_table().select("reservation_id", "kept", "withheld").rows() == [
        (key, 0, 0)
    ]  # all are in its own orders
    assert buffers_reads.effect(reservations=RESERVATIONS.to_frame()).is_empty()
    assert reads.history("reservation", key)["action"].to_list() == ["add_reservation"]


# ---- forecasts -------------------------------------------------------------------------------------------------------


@pytest.fixture
def forecasting(company: Engine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Engine:
    monkeypatch.setenv("ONHAND_VAR_DIR", str(tmp_path))
    settings.cache_clear()
    add_user(company, "Ann", "planner", COMMAND_LINE)
    return company


def finished(store: Engine, **wanted: int) -> int:
    """A run of Ann's that has finished, its files in place."""
    run_id = begin(store, RunDraft(made_forecast.LAST, **wanted), date(2026, 11, 26), "Ann")
    made_forecast.write(settings().forecasts_dir, run_id)
    finish(store, run_id, RunSummary("1", run_id, "first training", 3, 1))
    return run_id


def test_there_is_no_forecast_until_one_has_finished(forecasting: Engine) -> None:
    assert demand_reads.forecast() is None
    assert demand_reads.forecast_runs().is_empty()
    begun = begin(forecasting, RunDraft(made_forecast.LAST), date(2026, 11, 26), "Ann")
    until(lambda: not demand_reads.forecast_runs().is_empty())
    assert demand_reads.forecast() is None
    assert demand_reads.forecast_run(begun)["state"].to_list() == ["running"]


def test_the_newest_finished_forecast_is_read_node_by_node(forecasting: Engine) -> None:
    first = finished(forecasting)
    until(lambda: demand_reads.forecast() is not None)
    run = demand_reads.forecast()
    assert run is not None
    assert (run.run_id, demand_reads.forecast() is run) == (first, True)
    assert demand_reads.forecast_skus(run) == {"A": "A · Apple", "KIT": "KIT · Fruit basket"}
    one = demand_reads.node_forecast(run, 9)
    assert (one.level, one.model, one.fallback) == ("series", "blend", None)
    assert one.history.rows()[-1] == (made_forecast.LAST, 929.0, 0.4)
    assert one.history["ds"][0] == date(2026, 10, 21)
    assert one.ahead["mean"].to_list() == [10.0] * 35
    assert one.errors["mean"].to_list() == [55.0]
    assert one.components.is_empty()
    assert one.cells.rows() == [("market", "fruit", 280.0)]
    assert demand_reads.node_forecast(run, 9) is one
    assert demand_reads.node_forecast(run, 11).fallback == "the forecast was not finite"
    second = finished(forecasting, seed=1)
    until(lambda: demand_reads.forecast() is not run)
    assert [demand_reads.forecast_runs()["run_id"].to_list(), demand_reads.forecast().run_id] == [[second, first], second]  # type: ignore[union-attr]


def test_a_node_is_split_by_region_over_the_cells_below_it(forecasting: Engine) -> None:
    finished(forecasting)
    until(lambda: demand_reads.forecast() is not None)
    run = demand_reads.forecast()
    assert run is not None
    assert demand_reads.node_forecast(run, 0).cells.rows() == [
        ("market", "fruit", 28 * 6.0),
        ("web", "baskets", 28 * 7.0),
        ("web", "fruit", 28 * 8.0),
    ]
    assert demand_reads.node_forecast(run, 4).cells["channel_id"].to_list() == ["market", "web"]
    assert demand_reads.node_forecast(run, 7).cells.rows() == [("web", "fruit", 28 * 8.0)]
    assert demand_reads.node_forecast(run, 8).cells.is_empty()
    assert demand_reads.forecast_regions(run)["category"].to_list() == ["fruit", "fruit", ""]
    assert demand_reads.node_forecast(run, 0).components["trend"].to_list() == [4.0]


def test_a_forecast_without_its_files_says_so(forecasting: Engine) -> None:
    run_id = finished(forecasting)
    shutil.rmtree(settings().forecasts_dir)
    until(lambda: not demand_reads.forecast_runs().is_empty())
    with pytest.raises(StoreUnavailable, match=f"The files of forecast {run_id} in .* cannot be read: start a new forecast"):
        demand_reads.forecast()
    made_forecast.write(settings().forecasts_dir, run_id)
    run = demand_reads.forecast()
    assert run is not None
    shutil.rmtree(settings().forecasts_dir)
    with pytest.raises(StoreUnavailable, match=f"The files of forecast {run_id} cannot be read any more"):
        demand_reads.node_forecast(run, 9)


def test_promotions_of_a_sku(forecasting: Engine) -> None:
    with writing(forecasting) as connection:
        days = {"starts_on": "2026-11-01", "ends_on": "2026-11-03", "discount": 0.2}
        for name, channel, sku in [("P1", "web", "A"), ("P2", "market", "A"), ("P3", "web", "B")]:
            connection.execute(promotion.insert().values(promotion_id=name, channel_id=channel, sku=sku, **days))
    assert demand_reads.promotions("A", None)["promotion_id"].to_list() == ["P1", "P2"]
    assert demand_reads.promotions("A", "web")["promotion_id"].to_list() == ["P1"]
    assert demand_reads.promotions("NONE", None).is_empty()
