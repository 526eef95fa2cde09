"""From request to refund in a browser: a step opens its lines, a request is decided on, what is late and what waits is on the overview."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy.engine import Engine

from data_access.commands.returns import RuleOfReturns, set_rule
from data_access.engine import open_engine
from data_access.events import models as ev
from data_access.events.ingest import ingest
from data_access.write.permissions import COMMAND_LINE
from tests.conftest import copy_demo_of_today
from tests.data_access.import_files import table
from tests.data_access.small_company import DAY
from tests.e2e.driving import choose, click_row, grid, open_page, overflow, press, row_with, settled, violations

MANAGER = "Demo manager · manager"
STEPS, BEHIND, REQUESTS = "returns-life", "returns-stage", "returns-requests"
NOTE = "changed <b>my</b> mind"
DECISION = "select decision, decision_reason from return_case where return_ref = 'RMA-1'"


@pytest.fixture(scope="module")
def make_store(run_dir: Path) -> Callable[[Path], Engine]:
    """A demo company whose web shop approves returns by a person, and of which one was asked for long ago and long after its shipment."""

    def make(folder: Path) -> Engine:
        engine = open_engine(copy_demo_of_today(run_dir, folder / "store.db"))
        rule = RuleOfReturns(
            channel_id="shop", category=None, window_days=14, inspect_days=2, condition="unworn", refund_days=14, needs_approval=True
        )
        set_rule(engine, rule, COMMAND_LINE)
        (order_ref, line_ref, shipped_at), *_ = table(
            engine,
            "select o.order_ref, l.line_ref, s.shipped_at from shipment s join order_line l on l.id = s.line_id "
            "join sales_order o on o.id = l.order_id where o.channel_id = 'shop' and l.returned_quantity = 0 and s.delivered_at is null "
            "order by s.shipped_at, l.id limit 1",
        )
        asked = ev.ReturnRequested(
            source="test",
            event_id="asked",
            occurred_at=shipped_at + 20 * DAY,
            received_at=shipped_at + 20 * DAY,
            channel_id="shop",
            order_ref=order_ref,
            return_ref="RMA-1",
            lines=(ev.RequestedUnits(line_ref=line_ref, quantity=1, customer_note=NOTE),),
        )
        assert [outcome.status for outcome in ingest(engine, [asked])] == ["applied"]
        return engine

    return make


def test_the_overview_names_what_is_late_and_what_waits(page: Page, address: str) -> None:
    open_page(page, address)
    expect(page.get_by_role("link", name=re.compile(r"\d+ returns? waits? to be approved"))).to_be_visible(timeout=30_000)
    page.get_by_role("link", name=re.compile("returned lines? waits? for (its|their) refund for too long")).click()
    expect(page.get_by_text("Refunded: late now, the newest first")).to_be_visible()
    settled(page)
    assert grid(page, BEHIND)


def test_a_step_opens_its_lines_and_those_that_are_late(page: Page, address: str) -> None:
    open_page(page, f"{address}/returns?weeks=All+weeks")
    settled(page)
    steps = grid(page, STEPS)
    assert [row["Step"] for row in steps] == ["Requested", "Approved", "Received", "Inspected", "Refunded"]
    lines = {row["Step"]: int(row["Lines"].replace(",", "")) for row in steps}
    assert lines["Received"] > lines["Inspected"] > 0
    late = int(steps[-1]["Late now"].replace(",", ""))
    assert late > 0
    click_row(page, 4, STEPS)
    expect(page).to_have_url(re.compile("stage=Refunded"))
    expect(page.get_by_text("Refunded: lines whose goods are in, the newest first")).to_be_visible()
    page.get_by_role("radio", name="Late now", exact=True).click()
    expect(page.get_by_text("Refunded: late now, the newest first")).to_be_visible()
    expect(page).to_have_url(re.compile(r"late=Late\+now"))
    settled(page)
    assert {row["Refund"] for row in grid(page, BEHIND)} == {""}
    open_page(page, page.url)
    expect(page.get_by_text("Refunded: late now, the newest first")).to_be_visible()
    settled(page)
    assert len(grid(page, BEHIND)) == min(late, 10)
    assert violations(page) == []
    press(page, "Close")
    expect(page.get_by_text("the newest first")).to_have_count(0)


def test_a_request_is_refused_with_a_reason_and_approved_after_all(page: Page, address: str, store: Engine) -> None:
    open_page(page, f"{address}/returns?channel=Web+shop&weeks=All+weeks")
    settled(page)
    first = grid(page, REQUESTS)[0]
    assert (first["Return"], first["The customer wrote"]) == ("RMA-1", NOTE)
    assert first["Decided"] == "waits for a person"
    assert first["Outside its window"] == "6 days"
    click_row(page, 0, REQUESTS)
    expect(page.get_by_text("Asked for 6 days after its window of 14 days had ended.")).to_be_visible()
    expect(page.get_by_role("button", name="Approve")).to_have_count(0)  # nobody is chosen who may
    choose(page, "user-choice", MANAGER)
    press(page, "Refuse")
    expect(page.get_by_text("Say why it is refused, in at most 200 characters.")).to_be_visible()
    assert table(store, DECISION) == [(None, None)]
    page.get_by_label("Reason (needed to refuse)").fill("worn <i>for weeks</i>")
    press(page, "Refuse")
    expect(page.get_by_text("Return RMA-1 is refused.")).to_be_visible()
    assert table(store, DECISION) == [("refused", "worn <i>for weeks</i>")]
    expect(page.get_by_text("It was refused: worn <i>for weeks</i>. Deciding again replaces that.")).to_be_visible()
    row_with(page, REQUESTS, {"Return": "RMA-1", "Decided": "refused"})
    press(page, "Approve")
    expect(page.get_by_text("Return RMA-1 is approved.")).to_be_visible()
    assert table(store, DECISION) == [("approved", None)]
    assert table(store, "select count(*) from audit_entry where action = 'decide_on_return'") == [(2,)]
    assert violations(page) == []


def test_it_is_usable_with_a_phone(phone: Page, address: str, store: Engine) -> None:
    (case_id,) = table(store, "select id from return_case where return_ref = 'RMA-1'")[0]
    open_page(phone, f"{address}/returns?weeks=All+weeks&request={case_id}")
    expect(phone.get_by_text("Return RMA-1 of order")).to_be_visible()
    settled(phone)
    assert overflow(phone) == 0
    assert violations(phone) == []
