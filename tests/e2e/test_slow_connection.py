"""On a slow connection the browser goes on saying what it showed before; what a person did since stands."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, WebSocketRoute, expect
from sqlalchemy.engine import Engine
from streamlit.proto.BackMsg_pb2 import BackMsg

from data_access.commands.buffers import Change, save
from data_access.domain.buffer_rules import RuleDraft
from data_access.engine import open_engine
from data_access.events.ingest import ingest
from data_access.write.permissions import COMMAND_LINE
from tests.e2e import scene
from tests.e2e.driving import HELD_MS, click_row, expect_skus, is_an_act, open_page, resting_place, wait_until

PULSES_MS = 2_500  # several of the page's pulses


class SlowLine:
    """The connection of a page, which can hold back what the server says."""

    def __init__(self, page: Page) -> None:
        self._is_held = False
        self._held: list[tuple[WebSocketRoute, str | bytes]] = []
        self.acts = 0  # how often an act of the person asked for a run of the page
        page.route_web_socket(re.compile("stream"), self._connect)

    def _connect(self, browser: WebSocketRoute) -> None:
        def pass_on(message: str | bytes) -> None:
            if self._is_held:
                self._held.append((browser, message))
            else:
                browser.send(message)

        def ask(message: str | bytes) -> None:
            self.acts += isinstance(message, bytes) and is_an_act(BackMsg.FromString(message))
            server.send(message)

        server = browser.connect_to_server()
        server.on_message(pass_on)
        browser.on_message(ask)

    def hold(self) -> None:
        self._is_held = True

    def release(self) -> int:
        """Let go of what was held, in its order; how much that was."""
        self._is_held = False
        held, self._held = self._held, []
        for browser, message in held:
            browser.send(message)
        return len(held)


@pytest.fixture(scope="module")
def make_store(sqlite_template: Path) -> Callable[[Path], Engine]:
    def make(folder: Path) -> Engine:
        path = folder / "store.db"
        path.write_bytes(sqlite_template.read_bytes())
        engine = open_engine(f"sqlite:///{path}")
        scene.build(engine)
        save(engine, [Change(RuleDraft("channel", channel_id="ebay", amount=2.0, reason="slow sync"))], COMMAND_LINE)
        return engine

    return make


def test_a_rule_that_was_closed_stays_closed(page: Page, address: str, store: Engine) -> None:
    line = SlowLine(page)
    open_page(page, f"{address}/buffers")
    click_row(page, 0, "buffers-grid")
    expect(page.get_by_role("heading", name="eBay: what is withheld")).to_be_visible()
    page.wait_for_timeout(PULSES_MS)
    line.hold()
    page.get_by_role("button", name="Close", exact=True).click()
    page.wait_for_timeout(PULSES_MS)
    # the pulse sees this, and runs the page again with what the browser said
    save(store, [Change(RuleDraft("channel", channel_id="web", amount=1.0, reason="damage"))], COMMAND_LINE)
    page.wait_for_timeout(PULSES_MS)
    assert line.release() > 0
    expect(page.get_by_role("heading", name="eBay: what is withheld")).to_have_count(0)
    expect(page).not_to_have_url(re.compile("rule="))
    expect(page.get_by_text("2 rules")).to_be_visible()
    expect(page.get_by_role("heading", name="eBay: what is withheld")).to_have_count(0)
    expect(page).not_to_have_url(re.compile("rule="))


def test_a_click_on_a_header_sorts_once(page: Page, address: str, store: Engine) -> None:
    line = SlowLine(page)
    open_page(page, f"{address}/stock")
    left, top = resting_place(page, "stock-grid")
    page.mouse.move(left + 53, top + 17)
    line.hold()
    before = line.acts
    page.mouse.click(left + 50, top + 17, delay=HELD_MS)
    wait_until(page, lambda: line.acts > before, "a run of the page")
    page.wait_for_timeout(PULSES_MS)
    assert line.release() > 0
    expect(page).to_have_url(re.compile("order=Lowest"))
    ingest(store, [scene.sale("amazon", "CHAIR-000", 1)])
    page.wait_for_timeout(PULSES_MS)
    expect_skus(page, ["CHAIR-000", "CHAIR-004"])
    expect(page).to_have_url(re.compile("sort=SKU"))
    expect(page).to_have_url(re.compile("order=Lowest"))
