"""Text is text: whatever people and channels call things, no page reads it as markup, and no request leaves for another host."""

from collections.abc import Callable
from pathlib import Path
from typing import Final
from urllib.parse import quote_plus, urlsplit

import polars as pl
import pytest
from playwright.sync_api import Page, expect
from sqlalchemy.engine import Engine

from data_access.queries import buffers as queries
from data_access.schema.base import metadata
from tests.e2e.driving import at_rest, choose, click_row, open_page, press, settled
from tests.e2e.hostile.hostile_store import CODES, MARK, OLGA, TEXT, build, free_texts, hostile

# Text nodes that hold the mark without the whole text, which then was read as something else; elements and globals made of it.
_READ: Final = """([mark, whole]) => {
  const plain = text => text.replaceAll('\\u2060', '').replace(/\\s+/g, ' ');
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const broken = [];
  while (walker.nextNode()) {
    const text = plain(walker.currentNode.data);
    if (text.includes(mark) && !text.includes(whole)) broken.push(walker.currentNode.parentElement.outerHTML.slice(0, 600));
  }
  const links = '[href*="//evil.test"], [href*="//www."], [href^="mailto:"], [src*="//evil.test"]';
  const made = document.querySelectorAll(`${links}, [onerror], .katex`);
  broken.push(...[...made].map(element => element.outerHTML.slice(0, 600)));
  if ('hit' in window) broken.push('a script ran');
  return broken;
}"""
_SEEN: Final = "(mark) => document.body.innerText.includes(mark) || !!document.querySelector('svg')?.textContent.includes(mark)"


@pytest.fixture(scope="module")
def make_store(sqlite_template: Path) -> Callable[[Path], Engine]:
    def make(folder: Path) -> Engine:
        path = folder / "store.db"
        path.write_bytes(sqlite_template.read_bytes())
        return build(path)

    return make


class Visit:
    """A page whose requests are noted, and which is looked through for text that was read."""

    def __init__(self, page: Page, address: str) -> None:
        self.page, self.address = page, address
        self.elsewhere: list[str] = []
        page.on("request", lambda request: self._note(request.url))

    def _note(self, url: str) -> None:
        if urlsplit(url).scheme in ("http", "https", "ws", "wss") and urlsplit(url).netloc != urlsplit(self.address).netloc:
            self.elsewhere.append(url)

    def open(self, path: str) -> None:
        open_page(self.page, f"{self.address}/{path}")
        assert self.page.get_by_text("could not be shown").count() == 0
        self.look()
        self.hover()
        self.open_lists()

    def look(self) -> None:
        """Nothing on the screen was read, and something is there to be read."""
        assert self.page.evaluate(_READ, [MARK, TEXT]) == []
        assert self.page.evaluate(_SEEN, MARK), f"none of the names is on {self.page.url}"
        assert self.elsewhere == []

    def hover(self) -> None:
        """Look at each tooltip, and at what each chart says under the mouse."""
        targets = self.page.locator("[data-testid=stTooltipIcon] [data-testid=stTooltipHoverTarget]:visible")
        for number in range(targets.count()):
            targets.nth(number).hover(force=True)
            self.page.locator("[data-testid=stTooltipContent]").first.wait_for()
            self.look()
            self.page.mouse.move(0, 0)
            self.page.locator("[data-testid=stTooltipContent]").first.wait_for(state="detached")
        charts = self.page.locator(".stPlotlyChart .plot:visible")
        for number in range(charts.count()):
            chart = charts.nth(number)
            chart.scroll_into_view_if_needed()
            box = chart.bounding_box()
            assert box is not None
            for share in (0.02, 0.3, 0.6, 0.9):
                for height in (0.02, 0.3, 0.6, 0.9):
                    self.page.mouse.move(box["x"] + box["width"] * share, box["y"] + box["height"] * height)
                    self.look()

    def open_lists(self) -> None:
        """Look at what each select box offers."""
        boxes = self.page.locator("[data-testid=stSelectbox]:visible input:enabled, [data-testid=stMultiSelect]:visible input:enabled")
        for number in range(boxes.count()):
            at_rest(boxes.nth(number))
            boxes.nth(number).press("ArrowDown")
            expect(self.page.get_by_role("option").first).to_be_visible()
            self.look()
            self.page.locator("h1").click()
            settled(self.page)


@pytest.fixture
def visit(page: Page, address: str) -> Visit:
    return Visit(page, address)


def test_every_text_of_the_schema_is_hostile_or_a_code() -> None:
    """A text column that is added is filled too, or named as what the app alone writes."""
    columns = {table.name: set(table.columns.keys()) for table in metadata.sorted_tables}
    assert all(names <= columns[table] for table, names in CODES.items())
    assert ("product", "name") in set(free_texts())


def test_the_overview(visit: Visit) -> None:
    visit.open("")


def test_live_stock(visit: Visit) -> None:
    where = f"sku={quote_plus(hostile('DESK-001'))}&channel={quote_plus(hostile('amazon'))}"
    visit.open(f"stock?{where}")
    for tab in ("Allocated and backordered: order lines", "On order: purchase orders"):
        visit.page.get_by_role("tab", name=tab).click()
        visit.look()
    visit.open(f"stock?sku={quote_plus(hostile('KIT-OFFICE'))}")
    visit.open(f"stock?sku={quote_plus(hostile('no such'))}&channel={quote_plus(hostile('no such'))}")


@pytest.mark.parametrize("view", ["Rules", "Many+at+once", "From+a+file", "Reservations", "Listing+maxima", "Back-test"])
def test_buffers(visit: Visit, view: str) -> None:
    visit.open(f"buffers?view={view}&channel={quote_plus(hostile('Amazon'))}")


def test_a_rule_and_a_reservation(visit: Visit, store: Engine) -> None:
    page, rules = visit.page, queries.rules(store)
    rule_id = int(rules.filter(pl.col("level") == "channel_sku")["rule_id"][0])
    visit.open(f"buffers?rule={rule_id}")
    choose(page, "user-choice", f"{OLGA} · admin")
    field = page.locator(f"[class*=st-key-buffers-rule-{rule_id}-sku] input")
    field.fill(hostile("no such"))
    field.press("Enter")
    settled(page)
    press(page, "Save")
    visit.look()
    press(page, "Undo the last change")
    visit.look()
    open_page(page, f"{visit.address}/buffers?view=Reservations")
    click_row(page, 0, "buffers-reservations-grid")
    visit.look()
    visit.hover()


def test_scorecards(visit: Visit) -> None:
    visit.open(f"scorecards?metric={quote_plus(hostile('web') + ':own-valid-tracking-30d')}")
    visit.page.locator("h3").first.wait_for()
    click_row(visit.page, 0, "metric-orders")
    visit.page.locator("th").get_by_text("Returned", exact=True).wait_for(state="attached")  # of the order's lines
    visit.look()


@pytest.mark.parametrize("tab", ["Listings+without+a+SKU", "Rows", "Conflicts", "Waiting+events"])
def test_the_inbox(visit: Visit, tab: str) -> None:
    visit.open(f"inbox?tab={tab}")
    if tab != "Listings+without+a+SKU":
        return
    choose(visit.page, "user-choice", f"{OLGA} · admin")
    visit.look()
    visit.page.get_by_role("button", name="Another SKU").first.click()
    visit.page.get_by_label("SKU", exact=True).fill(hostile("no such"))
    press(visit.page, "Map")
    visit.look()


def test_demand(visit: Visit) -> None:
    visit.open(f"demand?sku={quote_plus(hostile('DESK-001'))}&channel={quote_plus(hostile('web'))}")
    visit.open("demand")
    for part in visit.page.locator("[data-testid=stExpander] summary").all():
        part.click()
    settled(visit.page)
    visit.look()
    visit.open(f"demand?sku={quote_plus(hostile('no such'))}")
