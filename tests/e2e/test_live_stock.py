"""Live stock in a browser: it is live, its filters are a link, and its numbers can be taken apart."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy.engine import Engine

from data_access.engine import open_engine
from data_access.events.ingest import ingest
from tests.e2e import scene
from tests.e2e.driving import SCROLLER, choose, click_header, click_row, expect_skus, grid, open_page, overflow, skus, wait_for


@pytest.fixture(scope="module")
def make_store(sqlite_template: Path) -> Callable[[Path], Engine]:
    def make(folder: Path) -> Engine:
        path = folder / "store.db"
        path.write_bytes(sqlite_template.read_bytes())
        engine = open_engine(f"sqlite:///{path}")
        scene.build(engine)
        return engine

    return make


def may_sell(page: Page) -> int:
    """The figure that the waterfall explains."""
    text = page.get_by_text(re.compile(r"may sell [\d,]+ unit")).inner_text()
    return int(re.search(r"may sell ([\d,]+) unit", text)[1].replace(",", ""))  # type: ignore[index]


def test_a_live_sale_appears_without_a_reload(page: Page, address: str, store: Engine) -> None:
    open_page(page, f"{address}/stock?channel=Amazon&sku=DESK-009")
    before = may_sell(page)
    page.evaluate("window.stays = true")
    page.evaluate(f"document.querySelector('{SCROLLER}').scrollTo(0, 400)")
    page.wait_for_timeout(1_000)
    height = page.evaluate(f"document.querySelector('{SCROLLER}').scrollTop")
    ingest(store, [scene.sale("amazon", "DESK-009", 2)])
    expect(page.get_by_text(f"Amazon may sell {before - 2} units")).to_be_visible(timeout=15_000)
    assert page.evaluate("window.stays") is True
    assert page.evaluate(f"document.querySelector('{SCROLLER}').scrollTop") == pytest.approx(height, abs=3)
    assert "sku=DESK-009" in page.url


def test_a_filter_is_in_the_link_and_the_link_restores_it(page: Page, address: str) -> None:
    open_page(page, f"{address}/stock")
    choose(page, "category", "Lamps")
    choose(page, "channel", "eBay")
    expect(page).to_have_url(re.compile("category=Lamps"))
    expect(page).to_have_url(re.compile("channel=eBay"))
    wanted = skus(page)
    assert wanted
    assert all(sku.startswith("LAMP") for sku in wanted)
    link = page.url
    other = page.context.new_page()
    open_page(other, link)
    expect(other.get_by_text("1 to 16 of 16 SKUs")).to_be_visible()
    assert skus(other) == wanted
    assert "Available to sell (units)" in grid(other)[0]


def test_the_explanation_adds_up_to_the_number(page: Page, address: str) -> None:
    open_page(page, f"{address}/stock?q=DESK-001")
    row = grid(page)[0]
    assert row["SKU"] == "DESK-001"
    click_row(page, 0)
    expect(page.get_by_text("DESK-001 · Desk no. 1")).to_be_visible()
    figures = page.locator(".oh-figures tr", has_text="Amazon").locator("td").all_inner_texts()
    on_hand, allocated, unsellable, available, backordered, pool, to_sell = (int(text) for text in figures[:7])
    assert available == on_hand - allocated - unsellable
    assert pool == available - backordered
    assert to_sell == max(pool, 0) == may_sell(page)
    assert (row["On hand (units)"], row["Allocated (units)"]) == (str(on_hand), str(allocated))
    entries = grid(page, "explain-ledger")
    assert sum(int(entry["Quantity (units)"]) for entry in entries) == on_hand
    assert int(entries[0]["On hand after (units)"]) == on_hand
    expect(page.get_by_text(f"the sum of {len(entries)} movements, all shown ({on_hand})")).to_be_visible()
    page.get_by_role("tab", name=re.compile("Allocated")).click()
    expect(page.locator(".st-key-explain-lines table")).to_be_attached()
    lines = grid(page, "explain-lines")
    assert sum(int(line["Units"]) for line in lines if line["Kind"] == "allocated") == allocated


def test_rows_reorder_under_a_selection_and_the_explanation_keeps_its_sku(page: Page, address: str, store: Engine) -> None:
    open_page(page, f"{address}/stock?category=Shelves&sort=Available&order=Lowest+first")
    order = skus(page)
    click_row(page, 2)
    chosen = order[2]
    expect(page.get_by_text(f"{chosen} · Shelf")).to_be_visible()
    expect(page).to_have_url(re.compile(f"sku={chosen}"))
    last = order[9]
    units = int(next(row for row in grid(page) if row["SKU"] == last)["Available (units)"])
    ingest(store, [scene.sale("web", last, units)])
    wait_for(page, "(sku) => [...document.querySelectorAll('.st-key-stock-grid td')].some(cell => cell.textContent === '✕ Out')", arg=last)
    assert skus(page) == order
    expect(page.get_by_text(f"{chosen} · Shelf")).to_be_visible()
    selected = page.locator(".st-key-stock-grid tbody tr[aria-selected=true] td").first
    assert selected.text_content() == chosen
    page.get_by_role("button", name="Close").click()
    expect_skus(page, [last])
    assert skus(page) != order


def test_a_header_sorts_all_rows(page: Page, address: str) -> None:
    open_page(page, f"{address}/stock")
    click_header(page, 50)
    expect(page).to_have_url(re.compile("sort=SKU"))
    expect(page).to_have_url(re.compile("order=Lowest"))
    expect_skus(page, ["CHAIR-000", "CHAIR-004"])
    click_header(page, 50)
    expect(page).not_to_have_url(re.compile("order=Lowest"))
    expect_skus(page, ["SHELF-063", "SHELF-059"])


def test_unknown_values_in_a_link_are_said_in_one_sentence(page: Page, address: str) -> None:
    open_page(page, f"{address}/stock?channel=Etsy&location=Mars&sku=NO-SUCH&page=99&rows=7")
    expect(page.get_by_text("The link asks for the channel “Etsy”, which this store does not have")).to_be_visible()
    expect(page.get_by_text("The link asks for the location “Mars”, which this store does not have")).to_be_visible()
    expect(page.get_by_text("There is no SKU “NO-SUCH” in this store")).to_be_visible()
    expect(page.get_by_text("1 to 50 of 65 SKUs")).to_be_visible()
    assert page.locator("[data-testid=stException]").count() == 0


def test_nothing_matches_and_the_filters_can_be_dropped(page: Page, address: str) -> None:
    open_page(page, f"{address}/stock?q=zzzz&category=Lamps")
    expect(page.get_by_text("No SKU matches these filters.")).to_be_visible()
    page.get_by_role("button", name="Reset filters").click()
    expect(page.get_by_text("1 to 50 of 65 SKUs")).to_be_visible()
    expect(page).not_to_have_url(re.compile("zzzz"))


def test_the_filtered_view_can_be_taken_along(page: Page, address: str) -> None:
    open_page(page, f"{address}/stock?category=Lamps&sort=SKU&order=Lowest+first")
    with page.expect_download() as waiting:
        page.get_by_role("button", name="CSV").click()
    lines = waiting.value.path().read_text(encoding="utf-8-sig").splitlines()
    assert len(lines) == 17
    assert lines[0].startswith("sku,name,category")
    assert lines[1].startswith("LAMP-002,Lamp no. 2,Lamps")
    with page.expect_download() as waiting:
        page.get_by_role("button", name="XLSX").click()
    assert waiting.value.path().read_bytes()[:2] == b"PK"
    page.locator(".st-key-stock-grid").hover()
    assert page.get_by_role("button", name="Download as CSV").count() == 0


def test_an_assumed_opening_is_said(page: Page, address: str) -> None:
    open_page(page, f"{address}/stock?q=SHELF-043&sku=shelf-043")
    assert grid(page)[0]["Basis"] == "assumed opening"
    expect(page.get_by_text("These figures rest on an assumed opening stock")).to_be_visible()


def test_two_clicks_lead_from_the_overview_to_the_rule_that_binds(page: Page, address: str) -> None:
    open_page(page, f"{address}/")
    page.get_by_role("link", name=re.compile("CHAIR-000.*sold beyond stock")).first.click()
    expect(page.get_by_text("CHAIR-000 · Chair no. 0")).to_be_visible()
    expect(page.get_by_text(re.compile("may sell 0 units.*backorders take all stock"))).to_be_visible()
    expect(page).to_have_url(re.compile(r"/stock\?.*sku=CHAIR-000"))
    expect(page).to_have_url(re.compile(r"channel=eBay"))
    expect(page.get_by_text("Sold beyond stock: 5 on eBay.")).to_be_in_viewport()


def test_live_stock_fits_a_phone(phone: Page, address: str) -> None:
    open_page(phone, f"{address}/stock?sku=DESK-001")
    assert overflow(phone) <= 0
    choose(phone, "channel", "Web shop")
    expect(phone).to_have_url(re.compile("channel=Web"))
    expect(phone.get_by_text(re.compile("Web shop may sell"))).to_be_visible()
