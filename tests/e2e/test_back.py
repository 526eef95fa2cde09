"""Filters in the address: the browser's Back undoes one, a reload and a shared link keep them, and they follow to other pages."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy.engine import Engine

from data_access.engine import open_engine
from tests.e2e import scene
from tests.e2e.driving import choose, open_page, settled
from tests.e2e.test_slow_connection import PULSES_MS, SlowLine


@pytest.fixture(scope="module")
def make_store(sqlite_template: Path) -> Callable[[Path], Engine]:
    def make(folder: Path) -> Engine:
        path = folder / "store.db"
        path.write_bytes(sqlite_template.read_bytes())
        engine = open_engine(f"sqlite:///{path}")
        scene.build(engine)
        return engine

    return make


def expect_filters(page: Page, address: str, channel: str, category: str, rows: str) -> None:
    """The address, the widgets and the rows all say the same; an empty text: nothing is chosen."""
    expect(page).to_have_url(address)
    expect(page.locator(".st-key-channel input")).to_have_value(channel)
    expect(page.locator(".st-key-category")).to_have_text(re.compile(rf"^Category\s*{category}\s*$"))
    expect(page.get_by_text(rows)).to_be_visible()


def test_back_undoes_one_filter_and_forward_does_it_again(page: Page, address: str) -> None:
    open_page(page, f"{address}/stock")
    stock = page.url
    choose(page, "category", "Lamps")
    expect(page).to_have_url(f"{stock}?category=Lamps")
    choose(page, "channel", "eBay")
    both = f"{stock}?channel=eBay&category=Lamps"
    expect_filters(page, both, "eBay", "Lamps", "1 to 16 of 16 SKUs")
    page.go_back()
    expect_filters(page, f"{stock}?category=Lamps", "", "Lamps", "1 to 16 of 16 SKUs")
    page.go_back()
    expect_filters(page, stock, "", "", "1 to 50 of 65 SKUs")
    page.go_forward()
    expect_filters(page, f"{stock}?category=Lamps", "", "Lamps", "1 to 16 of 16 SKUs")
    page.go_forward()
    expect_filters(page, both, "eBay", "Lamps", "1 to 16 of 16 SKUs")


def test_back_undoes_what_was_sought(page: Page, address: str) -> None:
    open_page(page, f"{address}/stock?category=Lamps")
    field = page.locator(".st-key-q input")
    field.fill("LAMP-00")
    field.press("Enter")
    expect(page).to_have_url(re.compile("q=LAMP-00"))
    expect(page.get_by_text("1 to 2 of 2 SKUs")).to_be_visible()
    page.go_back()
    expect(field).to_have_value("")
    expect(page.get_by_text("1 to 16 of 16 SKUs")).to_be_visible()
    expect(page).to_have_url(f"{address}/stock?category=Lamps")


def test_a_reload_and_a_shared_link_keep_the_filters(page: Page, address: str) -> None:
    open_page(page, f"{address}/stock")
    choose(page, "category", "Lamps")
    choose(page, "channel", "eBay")
    link = f"{address}/stock?channel=eBay&category=Lamps"
    expect_filters(page, link, "eBay", "Lamps", "1 to 16 of 16 SKUs")
    page.reload()
    settled(page)
    expect_filters(page, link, "eBay", "Lamps", "1 to 16 of 16 SKUs")
    other = page.context.new_page()
    open_page(other, link)
    expect_filters(other, link, "eBay", "Lamps", "1 to 16 of 16 SKUs")


def test_filters_follow_to_pages_where_they_mean_the_same(page: Page, address: str) -> None:
    open_page(page, f"{address}/stock")
    choose(page, "channel", "eBay")
    page.get_by_role("link", name="Scorecards").click()
    expect(page).to_have_url(f"{address}/scorecards?channel=eBay")
    expect(page.locator(".st-key-channel input")).to_have_value("eBay")
    page.get_by_role("link", name="Live stock").click()
    expect(page).to_have_url(f"{address}/stock?channel=eBay")
    expect(page.locator(".st-key-channel input")).to_have_value("eBay")


def test_two_filters_on_a_slow_connection_both_stay_and_back_undoes_one(page: Page, address: str) -> None:
    line = SlowLine(page)
    open_page(page, f"{address}/stock")
    choose(page, "category", "Lamps")
    expect(page).to_have_url(f"{address}/stock?category=Lamps")
    line.hold()
    field = page.locator(".st-key-q input")
    field.fill("LAMP-00")
    field.press("Enter")
    page.wait_for_timeout(PULSES_MS)
    assert line.release() > 0
    expect(page).to_have_url(f"{address}/stock?category=Lamps&q=LAMP-00")
    expect(page.get_by_text("1 to 2 of 2 SKUs")).to_be_visible()
    line.hold()
    page.go_back()
    page.wait_for_timeout(PULSES_MS)
    assert line.release() > 0
    expect(page.get_by_text("1 to 16 of 16 SKUs")).to_be_visible()
    expect(field).to_have_value("")
    expect(page).to_have_url(f"{address}/stock?category=Lamps")
