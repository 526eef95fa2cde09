"""The table, the picture and the figures above of the busy company, and patches of them."""

from datetime import UTC, datetime

import polars as pl
import pytest
from polars.testing import assert_frame_equal
from sqlalchemy.engine import Engine

from data_access.domain.buffers import Withheld
from data_access.engine import now_us
from data_access.events.ingest import ingest
from data_access.queries import freshness, stock
from data_access.queries import live_pictures as pictures
from data_access.queries import live_stock as live
from data_access.queries.recent import DEMAND, Recent, recent
from data_access.queries.stock import StockFilter
from data_access.store.versions import changed, versions
from tests.data_access.queries.busy_company import make_busy_company, sale
from tests.data_access.small_company import DAY, HOUR, T0

NOW = T0 + 5 * DAY


@pytest.fixture
def company(store: Engine) -> Engine:
    make_busy_company(store)
    return store


def figures(engine: Engine) -> live.Live:
    return live.load(engine, live.load_catalogue(engine), live.load_withheld(engine), DEMAND.to_frame(), now_us())


def weeks(engine: Engine, now: int = NOW) -> Recent:
    known = live.load_catalogue(engine)
    return recent(engine, stock.levels(engine), stock.backorders(engine), known.kits, known.channels, known.channel_locations, now)


def ages(engine: Engine, now: int = T0 + 6 * HOUR) -> pl.DataFrame:
    return freshness.aged(freshness.synced(engine), now)


def table(engine: Engine, channel_id: str | None = None, location_ids: tuple[str, ...] = ()) -> pl.DataFrame:
    rows = live.rows(figures(engine), weeks(engine), ages(engine), channel_id, location_ids)
    assert rows.schema == stock.STOCK_TABLE
    return rows


UNITS = ["sku", "available_to_sell", "available", "on_hand", "allocated", "backordered", "unsellable", "on_order", "pool"]


def test_all_channels_show_available_and_judge_by_what_is_not_owed(company: Engine) -> None:
    rows = table(company)
    assert rows.select(UNITS).rows() == [
        ("A", None, 10, 20, 9, 2, 1, 15, 8),
        ("B", None, 5, 9, 4, 0, 0, 0, 5),
        ("KIT", None, 2, 4, 2, 0, 0, 0, 2),
    ]
    assert rows.select("sku", "lead_time_days", "lead_time_is_known", "state").rows() == [
        ("A", 10.0, True, "oversell"),
        ("B", 7.0, False, "low"),
        ("KIT", 10.0, True, "low"),
    ]
    # 5 in-stock days: A 3 + 6 + 2 in kits, B 4 in kits, 2 kits
    assert rows["mean_daily_demand"].to_list() == pytest.approx([11 / 5, 4 / 5, 2 / 5])
    assert rows["days_of_cover"].to_list() == pytest.approx([8 / (11 / 5), 5 / (4 / 5), 2 / (2 / 5)])


def test_a_channel_shows_its_own_figures_at_its_own_locations(company: Engine) -> None:
    assert table(company, "web").select(UNITS).rows() == [
        ("A", 8, 10, 20, 9, 0, 1, 15, 8),
        ("B", 5, 5, 9, 4, 0, 0, 0, 5),
        ("KIT", 2, 2, 4, 2, 0, 0, 0, 2),
    ]
    rows = table(company, "market")
    assert rows.select(UNITS).rows() == [
        ("A", 0, 0, 4, 4, 2, 0, 0, -2),
        ("B", 0, 0, 0, 0, 0, 0, 0, 0),
        ("KIT", 0, 0, 0, 0, 0, 0, 0, 0),
    ]
    assert rows["state"].to_list() == ["oversell", "out", "out"]


def test_locations_restrict_what_lies_there(company: Engine) -> None:
    rows = table(company, None, ("south",))
    assert rows.filter(pl.col("sku") == "A").select(UNITS).rows() == [("A", None, 0, 4, 4, 2, 0, 0, 0)]
    assert table(company, "web", ("north",)).select(UNITS).row(0) == ("A", 8, 10, 16, 5, 0, 1, 15, 8)


def test_states_and_their_order() -> None:
    rows = pl.DataFrame(
        [
            ("healthy", 50, 0, 5.0, 10.0, 28, 7.0, False),
            ("low", 5, 0, 1.0, 5.0, 28, 7.0, False),
            ("over", 500, 0, 1.0, 500.0, 28, 7.0, False),
            ("unsold", 3, 0, 0.0, None, 28, 7.0, False),
            ("new", 3, 0, 0.0, None, 27, 7.0, False),
            ("unknown", 3, 0, None, None, None, 7.0, False),
            ("out", 0, 0, 1.0, 0.0, 28, 7.0, False),
            ("owed", 0, 1, 1.0, 0.0, 28, 7.0, False),
            ("ageing", 1, 0, 1.0, 1.0, 28, 7.0, True),
        ],
        schema=["sku", "pool", "backordered", "shared_daily", "days_of_cover", "in_stock_days", "lead_time_days", "is_ageing"],
        orient="row",
    )
    stated = live._with_states(rows)
    assert dict(stated.select("sku", "state").iter_rows()) == {
        "healthy": "healthy",
        "low": "low",
        "over": "over",
        "unsold": "over",
        "new": "healthy",
        "unknown": "healthy",
        "out": "out",
        "owed": "oversell",
        "ageing": "oversell",
    }
    assert stated.filter("is_out")["sku"].to_list() == ["out", "owed"]
    assert stated.filter("is_low")["sku"].to_list() == ["low", "ageing"]


def test_old_data_make_a_small_pool_about_to_oversell(company: Engine) -> None:
    """Web sells 1.0 A a day alone: after 9 days without data its pool of 8 may be gone, after 7 not."""
    for days, is_oversell in ((7, False), (9, True)):
        old = ages(company, T0 + 6 * HOUR + days * DAY)
        rows = live.rows(figures(company), weeks(company), old, "web", ())
        assert rows.filter(pl.col("sku") == "A")["is_oversell"].item() is is_oversell


def test_filters_and_sorting(company: Engine) -> None:
    all_rows = table(company)

    def skus(where: StockFilter) -> list[str]:
        return live.matching(all_rows, where)["sku"].to_list()

    assert skus(StockFilter(text="nAN")) == ["B"]
    assert skus(StockFilter(text="(.*")) == []
    assert skus(StockFilter(categories=("baskets",))) == ["KIT"]
    assert skus(StockFilter(states=("oversell",))) == ["A"]
    assert skus(StockFilter(states=("low",))) == ["A", "B", "KIT"]  # A is low as well as about to oversell
    assert skus(StockFilter(states=("healthy",))) == []
    assert skus(StockFilter(states=("no such state",))) == []
    assert skus(StockFilter(sort="on_hand", descending=True)) == ["A", "B", "KIT"]
    assert skus(StockFilter(sort="available_to_sell")) == ["A", "B", "KIT"]
    assert skus(StockFilter(sort="state", descending=True)) == ["B", "KIT", "A"]
    assert skus(StockFilter(sort="no such column", descending=True)) == ["KIT", "B", "A"]


def test_the_picture_counts_every_unit_once(company: Engine) -> None:
    now = figures(company)
    drawn = pictures.picture(now, table(company), StockFilter())
    assert drawn.schema == stock.PICTURE
    assert drawn.select("location_id", "segment", "channel_id", "label", "units").rows() == [
        ("north", "allocated", "web", "Allocated: Web", 9),
        ("north", "only", "web", "Available: only Web", 15),
        ("north", "unsellable", None, "Unsellable", 1),
        ("south", "allocated", "market", "Allocated: Market", 4),
    ]
    assert drawn["units"].sum() == now.levels["on_hand"].sum()


def test_shared_and_unserved_units(company: Engine) -> None:
    now = figures(company)
    levels = pl.DataFrame([("A", "south", 7, 0, 0, 0, False), ("B", "nowhere", 2, 0, 0, 0, False)], schema=stock.LEVELS, orient="row")
    places = pl.concat([now.catalogue.locations, now.catalogue.locations.head(1).with_columns(location_id=pl.lit("nowhere"))])
    catalogue = live.replace(now.catalogue, locations=places)
    changed_now = live.figured(
        catalogue, levels, stock.BACKORDERS.to_frame(), stock.ALLOCATED.to_frame(), Withheld(), DEMAND.to_frame(), now_us()
    )
    rows = live.rows(changed_now, None, ages(company), None, ())
    drawn = pictures.picture(changed_now, rows, StockFilter())
    assert drawn.select("location_id", "segment", "units").rows() == [("nowhere", "unserved", 2), ("south", "shared", 7)]


def test_kpis_and_their_history(company: Engine) -> None:
    now, past = figures(company), weeks(company)
    rows = live.rows(now, past, ages(company), None, ())
    figures_now = pictures.kpis(now, past, rows, StockFilter())
    assert figures_now.schema == stock.KPIS
    assert figures_now.select("kpi", "value").rows() == [
        ("on_hand", 29),
        ("available", 15),
        ("allocated", 13),
        ("backordered", 2),
        ("skus_out", 0),
    ]
    history = {row["kpi"]: row["history"] for row in figures_now.iter_rows(named=True)}
    # 25 days before anything, the 5 days since T0, today; as if by SKU: 11 of A are open, and 19 sellable
    assert history["on_hand"] == [0] * 25 + [29] * 6
    assert history["allocated"] == [0] * 25 + [15] * 5 + [13]
    assert history["backordered"] == [0] * 30 + [2]
    assert history["skus_out"] == [3] * 25 + [0] * 6
    at_south = pictures.kpis(now, past, live.rows(now, past, ages(company), None, ("south",)), StockFilter(location_ids=("south",)))
    assert at_south.select("value", "history").row(0) == (4, [0] * 25 + [4] * 6)
    assert at_south["history"].to_list()[1:] == [[]] * 4


def test_a_patch_equals_loading_everything_anew(company: Engine) -> None:
    before = figures(company)
    seen = versions(company)
    ingest(company, [sale(30, "web", "KIT", 1, 8), sale(31, "market", "A", 1, 9)])
    skus = changed(company, "stock", "sku", seen["stock"])
    assert skus == {"A", "B"}
    patched = live.patched(before, company, skus)
    again = figures(company)
    for name in ("levels", "backorders", "allocated", "places", "availability", "overall"):
        assert_frame_equal(getattr(patched, name), getattr(again, name), check_row_order=False)
    assert live.rows(patched, None, ages(company), "web", ()).filter(pl.col("sku") == "KIT")["available_to_sell"].item() == 1


def test_the_waterfall_of_a_sku_goes_by_channel(company: Engine) -> None:
    steps = pictures.waterfall(figures(company), "A")
    assert steps.filter(pl.col("channel_id") == "web").select("label", "units", "running").rows() == [
        ("On hand", 20, 20),
        ("Allocated to open orders", -9, 11),
        ("Unsellable", -1, 10),
        ("Available at its locations", 10, 10),
        ("Backordered on channels served there", -2, 8),
        ("Channel pool", 8, 8),
        ("Available to sell", 8, 8),
    ]
    assert steps["channel_id"].unique(maintain_order=True).to_list() == ["web", "market"]
    assert pictures.waterfall(figures(company), "no such SKU").is_empty()


def test_an_empty_store_has_empty_figures(store: Engine) -> None:
    now = figures(store)
    past = weeks(store)
    rows = live.rows(now, past, ages(store), None, ())
    assert rows.equals(stock.STOCK_TABLE.to_frame())
    assert pictures.kpis(now, past, rows, StockFilter())["value"].to_list() == [0] * 5
    assert pictures.picture(now, rows, StockFilter()).equals(stock.PICTURE.to_frame())
    assert past.today == datetime.fromtimestamp(NOW / 1_000_000, UTC).date()
