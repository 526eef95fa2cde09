"""Returns in a browser: what is returned and why, the returns behind a number, and a code that is mapped."""

import json
import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa
from playwright.sync_api import Page, expect
from sqlalchemy.engine import Engine

from data_access.engine import now_us, open_engine, writing
from data_access.events import models as ev
from data_access.events.ingest import ingest
from data_access.queries.returns.picture import decisions
from data_access.schema.returns import return_line
from tests.conftest import copy_demo_of_today
from tests.data_access.import_files import table
from tests.data_access.small_company import DAY
from tests.e2e.driving import choose, click_row, grid, open_page, overflow, press, row_with, settled, violations

MANAGER = "Demo manager · manager"
GRID, BEHIND, FLAGS = "returns-grid", "returns-behind", "returns-flags"


@pytest.fixture(scope="module")
def make_store(run_dir: Path) -> Callable[[Path], Engine]:
    """A demo company whose web shop has a code of its own for a changed mind, and of whose best seller of late most is faulty."""

    def make(folder: Path) -> Engine:
        engine = open_engine(copy_demo_of_today(run_dir, folder / "store.db"))
        mine = (return_line.c.channel_id == "shop") & (return_line.c.reason_code == "changed mind")
        with writing(engine) as connection:
            connection.execute(sa.update(return_line).where(mine).values(reason_code="R-77 <b>", return_reason=None))
        assert {outcome.status for outcome in ingest(engine, faulty(engine))} == {"applied"}
        return engine

    return make


def faulty(engine: Engine) -> list[ev.Event]:
    """Returns of most lines of one SKU that shipped two to eight weeks ago."""
    now = now_us()
    lines = table(
        engine,
        "select l.sku, o.channel_id, o.order_ref, l.line_ref, s.location_id, s.shipped_at from shipment s "
        "join order_line l on l.id = s.line_id join sales_order o on o.id = l.order_id "
        f"where l.returned_quantity = 0 and s.shipped_at between {now - 56 * DAY} and {now - 14 * DAY} order by s.shipped_at",
    )
    sku = Counter(line[0] for line in lines).most_common(1)[0][0]
    return [
        ev.ReturnReceived(
            source="test",
            event_id=f"faulty-{number}",
            occurred_at=shipped_at + 12 * DAY,
            received_at=shipped_at + 12 * DAY,
            channel_id=channel_id,
            order_ref=order_ref,
            return_ref=f"F{number}",
            location_id=location_id,
            lines=(
                ev.ReturnedUnits(
                    line_ref=line_ref,
                    quantity=1,
                    return_reason="product_fault",
                    customer_note="it leaks <i>badly</i>",
                    refund=250_000,
                ),
            ),
        )
        for number, (_, channel_id, order_ref, line_ref, location_id, shipped_at) in enumerate(line for line in lines if line[0] == sku)
        if number % 4
    ]


def printed(store: Engine, folder: Path, *options: str) -> dict[str, dict[str, object]]:
    """What the command line says of all weeks, by group."""
    environment = {**os.environ, "ONHAND_DATABASE_URL": str(store.url), "ONHAND_VAR_DIR": str(folder)}
    command = [sys.executable, "-m", "dashboard.cli", "returns", "--json", *options]
    output = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout
    return {row["group"]: row for row in json.loads(output)["rows"]}


def number(text: str) -> int:
    return int(text.replace(",", ""))


def test_the_figures_are_those_of_the_command_and_open_the_returns_behind_them(
    page: Page, address: str, store: Engine, tmp_path: Path
) -> None:
    open_page(page, f"{address}/returns?weeks=All+weeks&by=Channel")
    expect(page.get_by_role("heading", name="What is returned, and why?")).to_be_visible()
    settled(page)
    expected = printed(store, tmp_path, "--by", "channel")
    rows = {row["Channel"]: row for row in grid(page, GRID)}
    web = rows["Web shop"]
    assert number(web["Units returned"]) == expected["shop"]["units_returned"]
    assert number(web["Units shipped"]) == expected["shop"]["units_shipped"]
    click_row(page, list(rows).index("Web shop"), GRID)
    expect(page).to_have_url(re.compile(r"group=Web\+shop"))
    expect(page.get_by_text("Returns: Web shop, the newest first")).to_be_visible()
    settled(page)
    behind = grid(page, BEHIND)
    assert {row["Channel"] for row in behind} == {"Web shop"}
    assert behind[0]["Received"] == max(row["Received"] for row in behind)
    press(page, "Close")
    expect(page.get_by_text("the newest first")).to_have_count(0)


def test_what_is_beyond_chance_opens_its_returns(page: Page, address: str, store: Engine) -> None:
    open_page(page, f"{address}/returns")
    settled(page)
    flag = next(row for row in grid(page, FLAGS) if "for product fault" in row["What is beyond chance"])
    assert re.fullmatch(
        r".+: since \d+ \w+ \d{4}, \d+ of \d+ units shipped were returned for product fault; [\d.]+ expected by now",
        flag["What is beyond chance"],
    )
    assert re.fullmatch(r"[\d,]+ [A-Z]{3}(; [\d,]+ [A-Z]{3})*", flag["Refunds at stake"])
    click_row(page, grid(page, FLAGS).index(flag), FLAGS)
    expect(page).to_have_url(re.compile("flag="))
    settled(page)
    behind = grid(page, "returns-flag")
    assert {(row["SKU"], row["Reason"]) for row in behind} == {(flag["SKU"], "Product fault")}
    since = datetime.strptime(re.search(r"since (\d+ \w+ \d{4})", flag["What is beyond chance"])[1], "%d %b %Y").replace(tzinfo=UTC)  # type: ignore[index]
    end = int(since.timestamp()) * 1_000_000 + 7 * DAY
    came = table(
        store,
        f"select quantity, occurred_at from stock_movement where sku = '{flag['SKU']}' and kind = 'receipt' "
        f"and occurred_at >= {end - 60 * DAY} and occurred_at < {end} order by occurred_at desc",
    )
    shown = [number(row["Units"]) for row in grid(page, "returns-receipts")]  # those in sight
    assert shown == [units for units, _ in came][: len(shown)] != []
    assert "it leaks <i>badly</i>" in {row["What the customer wrote"] for row in behind}
    again = page.url
    open_page(page, again)
    expect(page.get_by_role("button", name="Close")).to_be_visible()
    assert violations(page) == []


def test_a_flag_leads_to_a_draft_of_a_buffer(page: Page, address: str, store: Engine) -> None:
    rules = "select level, sku, basis, amount, reason from buffer_rule where reason like 'Returned beyond%'"
    open_page(page, f"{address}/returns")
    settled(page)
    flag = next(row for row in grid(page, FLAGS) if row["What is beyond chance"].startswith("All channels"))
    click_row(page, grid(page, FLAGS).index(flag), FLAGS)
    page.get_by_role("link", name="Draft a buffer that withholds it").click()
    expect(page.get_by_text("A draft of a rule waits")).to_be_visible()
    choose(page, "user-choice", MANAGER)
    reason = "Returned beyond chance: product fault"
    for field, typed in (("sku", flag["SKU"]), ("amount", "100"), ("reason", reason)):
        expect(page.locator(f".st-key-buffers-rule-new-{field} input")).to_have_value(typed)
    expect(page).not_to_have_url(re.compile("draft="))
    assert table(store, rules) == []  # a draft is nothing yet
    press(page, "Save")
    expect(page.get_by_text("Saved. Channel availability is updating.")).to_be_visible()
    assert table(store, rules) == [("sku", flag["SKU"], "percent", 100.0, reason)]
    open_page(page, f"{address}/buffers?draft={flag['SKU']}&draft=again&draft=nowhere")
    choose(page, "user-choice", MANAGER)
    expect(page.get_by_role("heading", name=re.compile(re.escape(f"SKU {flag['SKU']} on all channels")))).to_be_visible()


def test_a_flag_s_sku_is_held_at_inspection_until_that_is_lifted(page: Page, address: str, store: Engine) -> None:
    open_page(page, f"{address}/returns")
    choose(page, "user-choice", MANAGER)
    flag = next(row for row in grid(page, FLAGS) if row["What is beyond chance"].startswith("All channels"))
    click_row(page, grid(page, FLAGS).index(flag), FLAGS)
    press(page, "Hold at inspection")
    expect(page.get_by_text("Held at inspection: Returned beyond chance: product fault").first).to_be_visible()
    assert table(store, "select sku from return_hold") == [(flag["SKU"],)]
    page.get_by_role("link", name="Look at what waits of it").click()
    expect(page.get_by_label("Scan or type")).to_have_value(flag["SKU"])
    settled(page)
    choose(page, "user-choice", MANAGER)
    expect(page.get_by_text("Held at inspection: Returned beyond chance: product fault.")).to_be_visible()
    expect(page.get_by_role("button", name=re.compile("^Restock"))).to_be_disabled()
    expect(page.get_by_role("button", name=re.compile("^Discard"))).to_be_enabled()
    open_page(page, f"{address}/returns")
    choose(page, "user-choice", MANAGER)
    page.get_by_text("1 SKU that is held at inspection").click()
    press(page, "Lift the hold")
    expect(page.get_by_text("The hold is lifted.")).to_be_visible()
    assert table(store, "select sku from return_hold") == []


def test_the_overview_leads_to_what_is_beyond_chance(page: Page, address: str) -> None:
    open_page(page, address)
    entry = page.get_by_role("link", name=re.compile(r"^[\w :]*\d+ SKUs? (is|are) returned beyond chance$"))
    expect(entry).to_be_visible(timeout=30_000)
    page.get_by_role("link", name=re.compile("returned for product fault")).first.click()
    expect(page.get_by_role("heading", name="What is returned, and why?")).to_be_visible()
    expect(page).to_have_url(re.compile(r"/returns\?flag="))
    settled(page)
    assert {row["Reason"] for row in grid(page, "returns-flag")} == {"Product fault"}
    page.go_back()
    expect(entry).to_be_visible()


def test_the_rate_by_date_of_return_says_what_it_is(page: Page, address: str) -> None:
    open_page(page, f"{address}/returns")
    settled(page)
    said = page.get_by_text("This is no share of what was shipped")
    expect(page.get_by_text("still open: less than 99 %")).to_be_visible()
    expect(said).to_have_count(0)
    page.get_by_role("radio", name="Return", exact=True).click()
    expect(said).to_be_visible()
    expect(page).to_have_url(re.compile("rate=Return"))
    expect(page.get_by_text("Came back by shipped")).to_be_visible()
    assert violations(page) == []
    open_page(page, page.url)
    expect(said).to_be_visible()


def test_an_unknown_code_is_mapped_and_the_rate_changes(page: Page, address: str, store: Engine) -> None:
    open_page(page, f"{address}/returns?weeks=All+weeks")
    settled(page)
    before = {row["Reason"]: number(row["Units returned"]) for row in grid(page, GRID)}
    label = page.get_by_text(re.compile(r"Web shop: R-77 <b>, \d+ units? returned"))
    expect(label).to_be_visible()
    units = int(re.search(r"(\d+) units? returned", label.inner_text())[1])  # type: ignore[index]
    assert before["Not mapped"] == units > 0
    expect(page.get_by_role("button", name="Map", exact=True)).to_be_disabled()
    choose(page, "user-choice", MANAGER)
    choose(page, "code-shop-R_77_B", "Product fault: Expired")
    press(page, "Map")
    expect(page.get_by_text("“R-77 <b>” now means: Product fault: Expired.")).to_be_visible()
    expect(page.get_by_text("Codes that no rule knows")).to_have_count(0)
    row_with(page, GRID, {"Reason": "Product fault", "Units returned": f"{before['Product fault'] + units:,}"})
    assert "Not mapped" not in {row["Reason"] for row in grid(page, GRID)}
    assert decisions(store).drop("decision_id").rows() == [("shop", "R_77_B", "product_fault.expired", 1)]
    page.get_by_text("1 code that people mapped").click()
    press(page, "Leave to the lists")
    expect(page.get_by_text(re.compile(r"Web shop: R-77 <b>, \d+ units? returned"))).to_be_visible()
    row_with(page, GRID, {"Reason": "Not mapped", "Units returned": f"{units:,}"})


def test_a_link_keeps_its_filters_and_what_cannot_be_chosen_is_left_out(page: Page, address: str) -> None:
    open_page(page, f"{address}/returns?channel=eBay&by=Party+at+fault&weeks=52+weeks")
    settled(page)
    assert {row["Party at fault"] for row in grid(page, GRID)} <= {"Product", "Listing", "Warehouse", "Carrier", "Customer", "Unknown"}
    open_page(page, f"{address}/returns?channel=Nowhere&by=Nothing&weeks=7&group=None")
    settled(page)
    expect(page.get_by_text("could not be shown")).to_have_count(0)
    assert grid(page, GRID)[0]["Reason"]


def test_it_is_usable_with_a_phone_and_by_everybody(phone: Page, page: Page, address: str) -> None:
    for view in (phone, page):
        open_page(view, f"{address}/returns?group=Late&weeks=All+weeks")
        settled(view)
        assert overflow(view) == 0
        assert violations(view) == []
