"""What a store has never had any data of says so, in a browser: a channel without tracking, a store without orders or stock."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa
from playwright.sync_api import Page, expect
from sqlalchemy.engine import Engine

from data_access.engine import open_engine, writing
from data_access.schema.catalog import product
from data_access.write.unit_of_work import raise_versions
from tests.e2e import scene
from tests.e2e.conftest import serving
from tests.e2e.driving import grid, open_page, overflow, row_with, settled, violations

GRID = "scorecards-grid"
NO_SCANS = "Import a file or send events with carriers' scans of tracking numbers: this channel has never sent any."


@pytest.fixture(scope="module")
def make_store(sqlite_template: Path) -> Callable[[Path], Engine]:
    def make(folder: Path) -> Engine:
        shutil.copyfile(sqlite_template, folder / "store.db")
        engine = open_engine(f"sqlite:///{folder / 'store.db'}")
        scene.build(engine)
        return engine

    return make


def test_a_channel_without_tracking_has_no_data_for_it(page: Page, address: str) -> None:
    open_page(page, f"{address}/scorecards?channel=Web+shop&metric=web:own-valid-tracking-30d")
    expect(page.get_by_role("heading", name="Web shop: Valid tracking rate")).to_be_visible()
    expect(page.get_by_text(f"No data. {NO_SCANS}", exact=True)).to_be_visible()
    row = row_with(page, GRID, {"Channel": "Web shop", "Metric": "Valid tracking rate, 30 days", "State": "◌ No data"})
    assert (row["Value (%)"], row["Headroom"], row["Counted"], row["What brings data"]) in [
        ("", "", "", NO_SCANS),
        ("None", "None", "None", NO_SCANS),
    ]
    assert {one["State"] for one in grid(page, GRID)} == {"◌ No data"}
    expect(page.locator(".js-plotly-plot")).to_have_count(0)  # no chart draws 0 %
    page.get_by_text("What brings the", exact=False).click()
    expect(page.get_by_text(f"Web shop, valid tracking rate: {NO_SCANS}", exact=True)).to_be_visible()
    settled(page)
    assert violations(page) == []


def test_it_is_in_no_list_of_what_needs_attention(page: Page, address: str) -> None:
    open_page(page, address)
    expect(page.get_by_text("Channel freshness")).to_be_visible()
    expect(page.get_by_text("Valid tracking rate", exact=False)).to_have_count(0)


def test_no_data_fit_a_phone(phone: Page, address: str) -> None:
    open_page(phone, f"{address}/scorecards?channel=Web+shop&metric=web:own-valid-tracking-30d")
    expect(phone.get_by_text(f"No data. {NO_SCANS}", exact=True)).to_be_visible()
    settled(phone)
    assert overflow(phone) == 0


def test_a_store_without_stock_and_orders_has_no_figures(page: Page, sqlite_template: Path, tmp_path: Path) -> None:
    shutil.copyfile(sqlite_template, tmp_path / "new.db")
    engine = open_engine(f"sqlite:///{tmp_path / 'new.db'}")
    with writing(engine) as connection:
        connection.execute(sa.insert(product), {"sku": "LAMP-1", "name": "Lamp", "category": "Lamps", "kit_version": 0})
        raise_versions(connection, {"catalog": [("bulk", "*")]})
    engine.dispose()
    with serving(f"sqlite:///{tmp_path / 'new.db'}", tmp_path) as address:
        open_page(page, address)
        expect(page.get_by_text("no data yet: import counts")).to_have_count(3)
        expect(page.get_by_text("no data yet: import orders")).to_have_count(2)
        expect(page.locator(".oh-kpi .oh-value")).to_have_text(["—"] * 5)
        expect(page.get_by_text("targets are met", exact=False)).to_have_count(0)
