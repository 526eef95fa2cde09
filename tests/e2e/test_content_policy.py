"""Every page works under the content security policy, in both themes, with its charts, grids, files and live connection."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, expect
from sqlalchemy.engine import Engine

from dashboard.shell import links
from tests.e2e.conftest import copy_forecast
from tests.e2e.driving import click_row, open_page, settled, wait_for

VIEWS = (
    *(f"/{info.url}" for info in links.PAGES),
    "/stock?sku=LGT-0008",
    "/demand?sku=LGT-0008&channel=retail",
    *(f"/buffers?view={view}&channel=eBay&sku=LGT-0008" for view in ("Many+at+once", "From+a+file", "Reservations", "Listing+maxima")),
    "/buffers?view=Back-test&channel=eBay&sku=LGT-0008",
    "/scorecards?metric=amazon:amazon-late-shipment-30d",
    "/inbox?tab=Rows",
)


@pytest.fixture(scope="module")
def make_store(run_dir: Path) -> Callable[[Path], Engine]:
    return lambda folder: copy_forecast(run_dir, folder)


def heard(page: Page) -> list[str]:
    """What the browser says from now on that it refused or could not do."""
    texts: list[str] = []

    def hear(message: ConsoleMessage) -> None:
        if "Content Security Policy" in message.text:
            texts.append(message.text)

    page.on("console", hear)
    page.on("pageerror", lambda error: texts.append(str(error)))
    return texts


def test_every_page_works_and_nothing_is_refused(page: Page, address: str, tmp_path: Path) -> None:
    complaints = heard(page)
    for view in VIEWS:
        open_page(page, f"{address}{view}")
        closed = page.locator("[data-testid=stExpander] details:not([open]) summary")
        for _ in range(closed.count()):
            closed.first.click()
            settled(page)
        for chart in page.locator(".stPlotlyChart:visible").all():
            chart.scroll_into_view_if_needed()
            expect(chart.locator(".main-svg").first).to_be_visible()
    assert complaints == []

    open_page(page, f"{address}/stock")
    click_row(page, 0)
    expect(page).to_have_url(re.compile("sku="))
    with page.expect_download() as waiting:
        page.get_by_role("button", name="CSV").first.click()
    assert waiting.value.path().read_text(encoding="utf-8-sig").startswith("sku,name,category")
    with page.expect_download() as waiting:
        page.get_by_role("button", name="XLSX").first.click()
    assert waiting.value.path().read_bytes()[:2] == b"PK"

    rules = tmp_path / "rules.csv"
    rules.write_text("channel,sku,units\n", encoding="utf-8")
    open_page(page, f"{address}/buffers?view=From+a+file")
    with page.expect_response(re.compile("/_stcore/upload_file/")) as uploading:
        page.locator("input[type=file]").first.set_input_files(rules)
    assert uploading.value.status == 204
    settled(page)
    assert complaints == []


def test_the_theme_can_be_switched(page: Page, address: str) -> None:
    complaints = heard(page)
    open_page(page, f"{address}/stock")
    background = "getComputedStyle(document.querySelector('.stApp')).backgroundColor"
    for name, colour in (("Dark", "rgb(16, 20, 24)"), ("Light", "rgb(255, 255, 255)")):
        page.get_by_test_id("stMainMenu").get_by_role("button").click()
        page.get_by_role("menuitemradio", name=name).click()
        wait_for(page, f"{background} === '{colour}'")
        page.keyboard.press("Escape")
    assert complaints == []


def test_what_comes_from_elsewhere_or_is_made_of_text_is_refused(browser: Browser, address: str) -> None:
    context = browser.new_context()
    page = context.new_page()
    complaints = heard(page)
    open_page(page, f"{address}/inbox")
    page.evaluate(
        """() => {
        document.body.insertAdjacentHTML('beforeend', '<img src="https://elsewhere.example/a.png">');
        setTimeout('window.ran = true');
        const script = document.createElement('script');
        script.textContent = 'window.ran = true';
        document.body.append(script);
        window.refused = fetch('https://elsewhere.example/').catch(error => String(error));
        }"""
    )
    assert page.evaluate("window.refused") == "TypeError: Failed to fetch"
    assert page.evaluate("window.ran") is None
    for directive in ("img-src", "connect-src", "script-src"):
        assert any(directive in text for text in complaints), directive
    other = context.new_page()
    with other.expect_console_message(lambda message: "frame-ancestors 'none'" in message.text):
        other.set_content(f'<iframe src="{address}"></iframe>')
    context.close()
