"""Inspection in a browser: scanned, decided, undone; on a phone, by two people at once, and by who may not."""

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect
from sqlalchemy.engine import Engine

from data_access.commands.people import add_user
from data_access.engine import open_engine
from data_access.events import models as ev
from data_access.events.ingest import ingest
from data_access.write.permissions import COMMAND_LINE
from tests.data_access.import_files import table
from tests.e2e import scene
from tests.e2e.conftest import DESKTOP
from tests.e2e.driving import choose, click_row, grid, open_page, overflow, press, row_with, settled, violations, wait_until

OPS = "Olga · ops"
GRID = "inspection-waiting-grid"
DECIDED = "inspection-decided-grid"
NOTE = "too small <b>& torn</b>"
# return: SKU, units, location
BACK = {
    "R-SCAN": ("DESK-017", 3, "LDN"),
    "R-UNDO": ("LAMP-018", 2, "LDN"),
    "R-TWO": ("SHELF-019", 3, "LDN"),
    "R-PHONE": ("CHAIR-020", 2, "LDN"),
    "R-MEND-1": ("DESK-021", 2, "SOHO"),
    "R-MEND-2": ("LAMP-022", 1, "SOHO"),
    "R-LATE": ("SHELF-023", 1, "LDN"),
    "R-KIT": (scene.KIT, 1, "LEE"),
}


def came_back(ref: str, sku: str, units: int, location_id: str) -> list[ev.Event]:
    now = datetime.now(UTC)
    sold = scene.sale("web", sku, units, now - timedelta(days=9))
    head = {"source": "scene", "channel_id": "web", "order_ref": sold.order_ref}
    lines = [{"line_ref": "1", "quantity": units}]
    sent = ev.Shipment(
        **head,
        event_id=f"sent {ref}",
        occurred_at=now - timedelta(days=8),
        received_at=now - timedelta(days=8),
        shipment_ref="1",
        location_id="LDN",
        lines=lines,
    )
    tracked = ev.Tracking(
        **head,
        event_id=f"tracked {ref}",
        occurred_at=now - timedelta(days=7),
        received_at=now - timedelta(days=7),
        shipment_ref="1",
        tracking_number=f"TRK-{ref}",
    )
    returned = ev.ReturnReceived(
        **head,
        event_id=f"back {ref}",
        occurred_at=now - timedelta(days=2),
        received_at=now - timedelta(days=2),
        return_ref=ref,
        location_id=location_id,
        lines=[{**lines[0], "return_reason": "size_or_fit", "customer_note": NOTE}],
    )
    return [sold, sent, tracked, returned]


@pytest.fixture(scope="module")
def make_store(sqlite_template: Path) -> Callable[[Path], Engine]:
    def make(folder: Path) -> Engine:
        path = folder / "store.db"
        path.write_bytes(sqlite_template.read_bytes())
        engine = open_engine(f"sqlite:///{path}")
        scene.build(engine)
        for name, role in (("Olga", "ops"), ("Omar", "ops"), ("Pia", "planner"), ("Mara", "manager")):
            add_user(engine, name, role, COMMAND_LINE)
        outcomes = ingest(engine, [event for ref, back in BACK.items() for event in came_back(ref, *back)])
        assert {outcome.status for outcome in outcomes} == {"applied"}
        return engine

    return make


def be(page: Page, who: str) -> None:
    choose(page, "user-choice", who)


def scan(page: Page, text: str) -> None:
    """As a scanner does: the number, and Enter."""
    field = page.get_by_label("Scan or type")
    field.fill(text)
    field.press("Enter")
    settled(page)


def stock(engine: Engine, sku: str, location_id: str) -> tuple[int, int]:
    """On hand and unsellable."""
    where = f"sku = '{sku}' and location_id = '{location_id}'"
    rows = table(engine, f"select on_hand, unsellable from stock_level where {where}")
    return (rows[0][0], rows[0][1]) if rows else (0, 0)


def fates(engine: Engine, ref: str) -> tuple[object, list[list[object]]]:
    """The disposition and the steps of a return, without their times."""
    row = table(engine, f"select disposition, fates from return_line where return_ref = '{ref}'")[0]
    return row[0], [step[1:] for step in json.loads(row[1] or "[]")]


def test_scanned_inspected_restocked_and_on_the_live_stock_page(browser: Browser, page: Page, address: str, store: Engine) -> None:
    watching = browser.new_context(viewport=DESKTOP).new_page()  # type: ignore[arg-type]
    open_page(watching, f"{address}/stock?sku=DESK-017&channel=Web+shop")
    before = int(re.findall(r"may sell (\d+)", watching.get_by_text(re.compile(r"Web shop may sell (\d+) units")).first.inner_text())[0])
    on_hand, unsellable = stock(store, "DESK-017", "LDN")
    open_page(page, f"{address}/inspection")
    be(page, OPS)
    scan(page, "r-scan")
    expect(page.get_by_text("DESK-017 · ")).to_be_visible()
    expect(page.get_by_text(f"The customer: Size or fit · {NOTE}")).to_be_visible()
    page.get_by_label("Scan or type").focus()  # where a scanner leaves it
    page.keyboard.press("Alt+1")
    expect(page.get_by_text("3 units of DESK-017 restocked.")).to_be_visible()
    expect(watching.get_by_text(f"Web shop may sell {before + 3} units").first).to_be_visible()
    expect(page.get_by_label("Scan or type")).to_have_value("")
    assert stock(store, "DESK-017", "LDN") == (on_hand, unsellable - 3)
    assert fates(store, "R-SCAN") == ("restock", [])
    watching.context.close()


def test_some_units_are_discarded_and_that_is_undone_twice(page: Page, address: str, store: Engine) -> None:
    open_page(page, f"{address}/inspection?scan=TRK-R-UNDO")
    be(page, OPS)
    before = stock(store, "LAMP-018", "LDN")
    for undo_there in (True, False):
        scan(page, "TRK-R-UNDO")
        page.get_by_label("Units", exact=True).fill("1")
        page.get_by_label("Units", exact=True).press("Enter")
        settled(page)
        page.get_by_label("Condition").fill(NOTE)
        page.get_by_label("Condition").press("Enter")
        settled(page)
        page.keyboard.press("Alt+3")
        expect(page.get_by_text("1 unit of LAMP-018 discarded.")).to_be_visible()
        assert stock(store, "LAMP-018", "LDN") == (before[0] - 1, before[1] - 1)
        if undo_there:
            press(page, "Undo the last decision Shortcut Alt + Z")
        else:
            open_page(page, f"{address}/inspection?inspect=Decided+lately")
            be(page, OPS)
            row = row_with(page, DECIDED, {"Return": "R-UNDO", "What": "1 of LAMP-018 discarded", "Note": NOTE})
            click_row(page, grid(page, DECIDED).index(row), DECIDED)
            press(page, "Undo this decision")
        expect(page.get_by_text("The decision is undone.")).to_be_visible()
        assert stock(store, "LAMP-018", "LDN") == before
        open_page(page, f"{address}/inspection")
        be(page, OPS)


def test_two_people_at_one_return_end_each_unit_once(browser: Browser, address: str, store: Engine) -> None:
    pages = []
    for who in (OPS, "Omar · ops"):
        page = browser.new_context(viewport=DESKTOP).new_page()  # type: ignore[arg-type]
        open_page(page, f"{address}/inspection?scan=R-TWO")
        be(page, who)
        expect(page.get_by_text("SHELF-019 · ")).to_be_visible()
        pages.append(page)
    first, second = pages
    before = stock(store, "SHELF-019", "LDN")
    first.keyboard.press("Alt+2")
    second.keyboard.press("Alt+3")
    ended = ("3 units of SHELF-019 sent to refurbishment.", "3 units of SHELF-019 discarded.")
    wait_until(first, lambda: fates(store, "R-TWO")[0] is not None, "a decision")
    disposition = fates(store, "R-TWO")[0]
    winner, loser = (first, second) if disposition == "refurbish" else (second, first)
    expect(winner.get_by_text(ended[0 if disposition == "refurbish" else 1])).to_be_visible()
    expect(loser.get_by_text(re.compile("decided on return R-TWO meanwhile|Nothing here has this number or SKU")).first).to_be_visible()
    assert fates(store, "R-TWO") == (disposition, [])
    gone = 0 if disposition == "refurbish" else 3
    assert stock(store, "SHELF-019", "LDN") == (before[0] - gone, before[1] - gone)
    for page in pages:
        page.context.close()


def test_several_are_refurbished_at_once_and_repaired_later(page: Page, address: str, store: Engine) -> None:
    open_page(page, f"{address}/inspection?location=Soho+shop")
    be(page, OPS)
    assert sorted((row["SKU"], row["Units"], row["Reason"]) for row in grid(page, GRID)) == [
        ("DESK-021", "2", "Size or fit"),
        ("LAMP-022", "1", "Size or fit"),
    ]
    for row in (0, 1):
        page.locator(f".st-key-{GRID} [data-testid=stDataFrame]").hover()
        click_row(page, row, GRID)
    expect(page.get_by_text("3 units of 2 rows: all of each")).to_be_visible()
    press(page, "Refurbish Shortcut Alt + 2")
    expect(page.get_by_text("3 units sent to refurbishment.")).to_be_visible()
    expect(page.get_by_text("Nothing waits for inspection.")).to_be_visible()
    open_page(page, f"{address}/inspection?inspect=In+refurbishment&scan=LAMP-022")
    be(page, OPS)
    press(page, "Repaired Shortcut Alt + 1")
    expect(page.get_by_text("1 unit of LAMP-022 repaired and back in stock.")).to_be_visible()
    assert fates(store, "R-MEND-1") == ("refurbish", [])
    assert fates(store, "R-MEND-2")[0] == "restock"


def test_a_kit_is_inspected_by_component(page: Page, address: str, store: Engine) -> None:
    open_page(page, f"{address}/inspection?scan=R-KIT")
    be(page, OPS)
    parts = [(row["SKU"], row["Sold as"]) for row in grid(page, GRID)]
    assert len(parts) > 1
    assert {sold_as for _, sold_as in parts} == {scene.KIT}
    page.keyboard.press("Alt+3")
    expect(page.get_by_text(re.compile(f"of {parts[0][0]} discarded"))).to_be_visible()
    disposition, steps = fates(store, "R-KIT")
    assert (disposition, [step[0] for step in steps]) == (None, [parts[0][0]])


def test_who_may_not_sees_the_queue_and_no_button(page: Page, address: str) -> None:
    open_page(page, f"{address}/inspection?scan=R-PHONE")
    be(page, "Pia · planner")
    expect(page.get_by_text("To inspect returns, you need the role ops, manager or admin.")).to_be_visible()
    assert page.get_by_role("button", name=re.compile("Restock|Refurbish|Discard")).count() == 0


def test_on_a_phone(phone: Page, address: str, store: Engine) -> None:
    open_page(phone, f"{address}/inspection")
    be(phone, OPS)
    assert overflow(phone) <= 0
    scan(phone, "no such thing <b>")
    expect(phone.get_by_text("Nothing here has this number or SKU.")).to_be_visible()
    scan(phone, "CHAIR-020")  # goods in hand: one unit
    expect(phone.get_by_label("Units", exact=True)).to_have_value("1")
    assert violations(phone) == []
    assert overflow(phone) <= 0
    press(phone, "Restock Shortcut Alt + 1")
    expect(phone.get_by_text("1 unit of CHAIR-020 restocked.")).to_be_visible()
    assert fates(store, "R-PHONE")[1] == [["CHAIR-020", "waiting", "restock", 1, None]]


def test_the_overview_leads_to_what_waits(page: Page, address: str) -> None:
    open_page(page, address)
    page.get_by_role("link", name=re.compile("returned units? waits? for inspection")).click()
    expect(page.get_by_role("heading", name="What becomes of returned goods?")).to_be_visible()
    settled(page)
    assert violations(page) == []


def test_a_manager_sets_a_rule_and_the_inspector_is_told(page: Page, address: str) -> None:
    open_page(page, f"{address}/inspection?scan=R-LATE")
    expect(page.get_by_text("Restock if: as new, complete, in a box that can be sold")).to_be_visible()
    expect(page.get_by_text("after the return window")).to_have_count(0)
    open_page(page, f"{address}/returns")
    expect(page.get_by_text("Rules for returns: window, approval, inspection, refund, condition")).to_be_visible()
    be(page, "Mara · manager")
    page.get_by_text("Rules for returns: window, approval, inspection, refund, condition").click()
    choose(page, "returns-rule-channel", "Web shop")
    choose(page, "returns-rule-category", "Shelves")
    for label, value in (("Return window (days)", "3"), ("Inspect within (days)", "1"), ("Sold again if", NOTE)):
        field = page.get_by_label(label, exact=True)
        field.fill(value)
        field.press("Enter")
        settled(page)
    press(page, "Save the rule")
    expect(page.get_by_text("The rule for Web shop, Shelves is saved.")).to_be_visible()
    assert violations(page) == []
    assert overflow(page) <= 0
    rule = row_with(page, "returns-rules", {"For": "Web shop, Shelves"})
    assert list(rule.values()) == ["Web shop, Shelves", "3 days", "not needed", "1 day", "14 days", NOTE, "set here"]
    open_page(page, f"{address}/inspection?scan=R-LATE")
    expect(page.get_by_text("It was asked for 3 days after the return window of 3 days had ended. The decision is yours.")).to_be_visible()
    expect(page.get_by_text(f"Restock if: {NOTE}")).to_be_visible()
    row = grid(page, GRID)[0]
    assert (row["Outside its window"], row["Late by"]) == ("3 days", "1 day")
