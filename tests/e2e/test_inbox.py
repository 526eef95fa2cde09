"""The inbox in a browser: what could not be taken in is mapped, mended, retried or dismissed, and arrives."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa
from playwright.sync_api import Browser, Page, expect
from sqlalchemy.engine import Engine

from data_access.commands.people import add_user
from data_access.engine import open_engine
from data_access.events.ingest import ingest
from data_access.imports.order_import import import_orders
from data_access.queries.inbox import parked
from data_access.schema.audit import audit_entry, inbox_item
from data_access.schema.orders import order_line
from data_access.write.permissions import COMMAND_LINE
from tests.e2e import scene
from tests.e2e.driving import choose, click_row, grid, open_page, overflow, row_with

MAPPING = """
[channel]
id = "web"
name = "Web shop"
kind = "webstore"
currency = "GBP"
time_zone = "Europe/London"

[location]
id = "LDN"

[columns]
order = "Order"
line = "Line"
external_sku = "Code"
quantity = "Units"
placed = "Placed"
"""
OPS = "Olga · ops"
ROWS = """Order,Line,Code,Units,Placed
W-1,1,WEB-DESK-013,two,2026-06-01 10:00:00
W-2,1,WEB-DESK-013,oops,2026-06-01 11:00:00
W-3,1,SHELF 011,1,2026-06-01 12:00:00
W-4,1,SHELF 011,2,2026-06-01 13:00:00
"""


@pytest.fixture(scope="module")
def make_store(sqlite_template: Path) -> Callable[[Path], Engine]:
    def make(folder: Path) -> Engine:
        path = folder / "store.db"
        path.write_bytes(sqlite_template.read_bytes())
        engine = open_engine(f"sqlite:///{path}")
        scene.build(engine)
        for name, role in (("Olga", "ops"), ("Pia", "planner"), ("Vic", "viewer")):
            add_user(engine, name, role, COMMAND_LINE)
        for name, text in (("small.toml", MAPPING), ("orders.csv", ROWS)):
            path.with_name(name).write_text(text, encoding="utf-8")
        result = import_orders(engine, path.with_name("orders.csv"), str(path.with_name("small.toml")), None)
        assert result.quarantined == 4
        return engine

    return make


def be(page: Page, who: str) -> None:
    choose(page, "user-choice", who)


def pick(page: Page, number: int, key: str) -> None:
    """Click a row with a mouse that comes from above the grid: it takes no click of one that was never over it."""
    page.locator(f".st-key-{key} [data-testid=stDataFrame]").hover()
    click_row(page, number, key)


def lines_of(store: Engine, external_sku: str) -> int:
    with store.connect() as connection:
        units = connection.execute(sa.select(sa.func.sum(order_line.c.quantity)).where(order_line.c.external_sku == external_sku))
        return int(units.scalar() or 0)


def audited(store: Engine, action: str) -> list[tuple[str, str | None]]:
    with store.connect() as connection:
        rows = connection.execute(sa.select(audit_entry.c.actor, audit_entry.c.why).where(audit_entry.c.action == action))
        return [(row.actor, row.why) for row in rows]


def status_of(store: Engine, reference: str) -> str:
    with store.connect() as connection:
        return str(connection.execute(sa.select(inbox_item.c.status).where(inbox_item.c.reference == reference)).scalar_one())


def test_behind_a_proxy_that_nobody_set_up_there_is_no_choice_and_the_header_is_named(browser: Browser, address: str) -> None:
    context = browser.new_context(extra_http_headers={"X-Made-By": "a proxy"})
    page = context.new_page()
    open_page(page, f"{address}/inbox?tab=Listings+without+a+SKU")
    sentence = (
        "Everyone is a viewer here: there is no login yet, and the request carries the header x-made-by, which no browser sends by itself."
    )
    expect(page.get_by_text(sentence)).to_be_visible()
    assert page.locator(".st-key-user-choice").count() == 0
    context.close()


def test_a_viewer_sees_everything_and_changes_nothing(page: Page, address: str) -> None:
    open_page(page, f"{address}/inbox?tab=Listings+without+a+SKU")
    expect(page.get_by_text("To work the inbox, you need the role ops, planner, manager or admin.")).to_be_visible()
    be(page, "Vic · viewer")
    expect(page.get_by_text("To work the inbox, you need the role ops, planner, manager or admin.")).to_be_visible()
    expect(page.get_by_text("Likely: LAMP-050 · Lamp no. 50")).to_be_visible()
    expect(page.get_by_text("Waiting for it: 2 rows")).to_be_visible()
    allowed = {"Map to": 0, "Another SKU": 0, "Retry the": 0, "Dismiss": 0}
    for tab, key, shown in (
        ("Rows", "rows", "W-1,1,WEB-DESK-013,two,2026-06-01 10:00:00"),
        ("Conflicts", "conflicts", '"event_id":"twice"'),
    ):
        page.get_by_role("radio", name=tab, exact=True).click()
        clicked = [row["Reference"] for row in grid(page, f"{key}-grid")].index("W-1") if key == "rows" else 0
        pick(page, clicked, f"{key}-grid")
        expect(page.locator("code", has_text=shown)).to_be_visible()
        assert {name: page.get_by_role("button", name=name).count() for name in allowed} == allowed
    be(page, "Pia · planner")
    expect(page.get_by_role("button", name="Dismiss 1 item")).to_be_visible()


def test_an_unmapped_listing_is_mapped_with_one_click_and_its_events_arrive(page: Page, address: str, store: Engine) -> None:
    open_page(page, f"{address}/inbox?tab=Listings+without+a+SKU")
    be(page, OPS)
    assert lines_of(store, scene.UNMAPPED) == 0
    page.get_by_role("button", name=re.compile("Map to LAMP-050")).click()
    expect(page.get_by_text(f"{scene.UNMAPPED} now sells LAMP-050.")).to_be_visible()
    assert lines_of(store, scene.UNMAPPED) == 2
    assert audited(store, "map_listing")[0] == ("Olga", "mapped in the inbox")
    open_page(page, f"{address}/stock?sku=LAMP-050&channel=Amazon")
    page.get_by_role("tab", name=re.compile("Allocated")).click()
    assert ("Amazon", "2") in [(line["Channel"], line["Units"]) for line in grid(page, "explain-lines")]


def test_a_listing_is_mapped_to_a_typed_sku_and_its_rows_arrive(page: Page, address: str, store: Engine) -> None:
    open_page(page, f"{address}/inbox?tab=Listings+without+a+SKU")
    be(page, OPS)
    expect(page.get_by_text("Waiting for it: 2 rows")).to_be_visible()
    card = page.locator("[data-testid=stVerticalBlock]", has_text="SHELF 011").last
    card.get_by_role("button", name="Another SKU").click()
    page.get_by_placeholder("As in your catalogue").fill("NO-SUCH")
    page.get_by_role("button", name="Map", exact=True).click()
    expect(page.get_by_text("There is no SKU 'NO-SUCH'")).to_be_visible()
    assert status_of(store, "W-3") == "open"
    page.get_by_placeholder("As in your catalogue").fill("SHELF-011")
    page.get_by_role("button", name="Map", exact=True).click()
    expect(page.get_by_text("SHELF 011 now sells SHELF-011. Rows: 2 taken in")).to_be_visible()
    assert lines_of(store, "SHELF 011") == 3


def test_a_row_is_mended_and_retried(page: Page, address: str, store: Engine) -> None:
    open_page(page, f"{address}/inbox?tab=Rows&find=W-1")
    be(page, OPS)
    row = grid(page, "rows-grid")[0]
    assert (row["Line"], row["Reference"], row["From"]) == ("2", "W-1", "orders.csv")
    pick(page, 0, "rows-grid")
    page.get_by_label("Text", exact=True).fill("W-1,1,WEB-DESK-013,2,2026-06-01 10:00:00")
    page.get_by_role("button", name="Save and retry").click()
    expect(page.get_by_text("1 taken in, 0 still wait.")).to_be_visible()
    assert status_of(store, "W-1") == "resolved"
    assert lines_of(store, "WEB-DESK-013") == 2
    assert len(audited(store, "mend")) == 1


def test_a_row_is_dismissed_only_with_a_reason(page: Page, address: str, store: Engine) -> None:
    open_page(page, f"{address}/inbox?tab=Rows&find=W-2")
    be(page, OPS)
    pick(page, 0, "rows-grid")
    page.get_by_role("button", name="Dismiss 1 item").click()
    expect(page.get_by_text("Give a reason")).to_be_visible()
    assert status_of(store, "W-2") == "open"
    page.get_by_label("Reason", exact=True).fill("a test order")
    page.get_by_role("button", name="Dismiss 1 item").click()
    expect(page.get_by_text("1 item dismissed.")).to_be_visible()
    assert status_of(store, "W-2") == "dismissed"
    assert audited(store, "dismiss")[0] == ("Olga", "a test order")


def test_a_conflict_is_shown_whole_and_dismissed(page: Page, address: str, store: Engine) -> None:
    open_page(page, f"{address}/inbox?tab=Conflicts")
    be(page, OPS)
    assert "another payload" in grid(page, "conflicts-grid")[0]["What is wrong"]
    pick(page, 0, "conflicts-grid")
    expect(page.locator("code", has_text='"event_id":"twice"')).to_be_visible()
    page.get_by_label("Reason", exact=True).fill("sent twice by mistake")
    page.get_by_role("button", name="Dismiss 1 item").click()
    expect(page.get_by_text("Conflicts: nothing waits here.")).to_be_visible()


def waiting(store: Engine) -> int:
    """Events that wait now."""
    return parked(store).height


def test_the_inbox_is_live(page: Page, address: str, store: Engine) -> None:
    open_page(page, f"{address}/inbox?tab=Waiting+events")
    be(page, OPS)
    before = waiting(store)  # other tests leave some
    ingest(store, [scene.sale("ebay", "NEW-SKU", 1)])
    expect(page.get_by_text(f"Waiting events: {before + 1}")).to_be_visible()
    row_with(page, "parked-grid", {"Waits for": "the product NEW-SKU"})  # the grid is drawn after the sentence
    pick(page, [row["Waits for"] for row in grid(page, "parked-grid")].index("the product NEW-SKU"), "parked-grid")
    page.get_by_label("Reason", exact=True).fill("never ours")
    page.get_by_role("button", name="Dismiss 1 item").click()
    expect(page.get_by_text("1 event dismissed.")).to_be_visible()


def test_a_refusal_stays_while_the_page_is_drawn_anew(page: Page, address: str, store: Engine) -> None:
    ingest(store, [scene.sale("ebay", "GONE-SKU", 1)])
    open_page(page, f"{address}/inbox?tab=Waiting+events")
    be(page, OPS)
    pick(page, 0, "parked-grid")
    page.get_by_role("button", name="Dismiss 1 item").click()
    expect(page.get_by_text("Give a reason, of at most 500 characters.")).to_be_visible()
    before = waiting(store)
    ingest(store, [scene.sale("ebay", "GONE-SKU", 1)])
    expect(page.get_by_text(f"Waiting events: {before + 1}")).to_be_visible()
    expect(page.get_by_text("Give a reason, of at most 500 characters.")).to_be_visible()


def test_the_inbox_fits_a_phone(phone: Page, address: str) -> None:
    for tab in ("Listings+without+a+SKU", "Rows", "Conflicts", "Waiting+events"):
        open_page(phone, f"{address}/inbox?tab={tab}")
        assert overflow(phone) <= 0
