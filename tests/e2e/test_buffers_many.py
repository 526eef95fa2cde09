"""Many buffer rules at once in a browser: a grid, a change by filter, a file; and the back-test that suggests a size."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect
from sqlalchemy.engine import Engine

from data_access.commands.buffers import Change, save
from data_access.domain.buffer_rules import RuleDraft
from data_access.events.ingest import ingest
from data_access.queries import buffers as queries
from data_access.write.permissions import COMMAND_LINE
from tests.e2e import scene
from tests.e2e.conftest import DESKTOP, PHONE
from tests.e2e.driving import ROW_PIXELS, click_at, click_row, grid, open_page, overflow, resting_place, settled, violations
from tests.e2e.test_buffers import OPS, audits, be, company, press, stored

HEADER = "channel,sku,category,location,in,amount,reason,last_day\n"


@pytest.fixture(scope="module")
def make_store(sqlite_template: Path) -> Callable[[Path], Engine]:
    def make(folder: Path) -> Engine:
        path = folder / "store.db"
        path.write_bytes(sqlite_template.read_bytes())
        engine = company(f"sqlite:///{path}")
        save(engine, [Change(RuleDraft("channel_sku", "amazon", "DESK-005", amount=3.0, reason="returns"))], COMMAND_LINE)
        return engine

    return make


def write(page: Page, key: str, text: str) -> None:
    box = page.locator(f".st-key-{key} input")
    box.fill(text)
    box.press("Enter")
    settled(page)


def type_amount(page: Page, row: int, text: str) -> None:
    """Type into the column Amount of the grid of rules."""
    left, top = resting_place(page, "buffers-many-grid")
    click_at(page, left + 480, top + ROW_PIXELS * (row + 1.5))
    expect(page.locator(".st-key-buffers-many-grid [aria-selected=true]")).to_have_count(1)  # the canvas takes keys only then
    page.keyboard.press("Enter")
    cell = page.locator("#portal input")
    cell.fill(text)
    cell.press("Enter")
    settled(page)


def upload(page: Page, name: str, data: bytes) -> None:
    page.locator("[data-testid=stFileUploader] input").set_input_files({"name": name, "mimeType": "text/csv", "buffer": data})
    settled(page)


def amounts(engine: Engine) -> dict[tuple[object, ...], object]:
    return {(row[0], row[1], row[2]): row[3] for row in stored(engine)}


def test_one_change_for_all_skus_of_a_category_on_one_channel(page: Page, address: str, store: Engine) -> None:
    before = amounts(store)
    open_page(page, f"{address}/buffers?view=Many+at+once&channel=Amazon&category=Desks")
    be(page, OPS)
    write(page, "buffers-many-bulk-amount", "2")
    plan = {row["SKU"]: (row["Now"], row["Then"]) for row in grid(page, "buffers-many-plan")}
    assert plan["DESK-005"] == ("3 units", "5 units")
    assert plan["DESK-001"] == ("nothing", "2 units")
    expect(page.get_by_text("Reason: Say why, in at most 500 characters.")).to_be_visible()
    write(page, "buffers-many-bulk-reason", "more returns this month")
    button = page.get_by_role("button", name="Save 17 rules", exact=True)
    expect(button).to_be_enabled()
    assert amounts(store) == before
    button.click()
    expect(page.get_by_text("17 rules saved. Channel availability is updating.")).to_be_visible()
    now = amounts(store)
    assert now[("channel_sku", "amazon", "DESK-005")] == 5.0
    assert now[("channel_sku", "amazon", "DESK-001")] == 2.0
    assert len(now) == len(before) + 16


def test_the_grid_saves_all_that_was_typed_and_tells_what_another_changed(page: Page, address: str, store: Engine) -> None:
    rules = queries.rules(store).filter(queries.rules(store)["sku"] == "DESK-005")
    rule_id, version, amount = int(rules["rule_id"][0]), int(rules["version"][0]), float(rules["amount"][0])
    open_page(page, f"{address}/buffers?view=Many+at+once&channel=Amazon&q=DESK-005")
    be(page, OPS)
    shown = grid(page, "buffers-many-grid")
    assert [row["Covers"] for row in shown] == ["Amazon · SKU DESK-005"]
    type_amount(page, 0, "7")
    expect(page.get_by_role("button", name="Save 1 rule", exact=True)).to_be_visible()
    save(store, [Change(RuleDraft("channel_sku", "amazon", "DESK-005", amount=9.0, reason="audit"), rule_id, version)], COMMAND_LINE)
    expect(page.get_by_text("Someone changed the rule of Amazon · SKU DESK-005 since you opened it.")).to_be_visible()
    differing = {
        row["Field"]: (row["When you opened it"], row["Now"], row["Yours"]) for row in grid(page, f"buffers-many-differ-{rule_id}")
    }
    assert differing["Amount"] == (f"{amount:g}", "9", "7")
    press(page, "Save 1 rule, overwriting what others changed")
    expect(page.get_by_text("1 rule saved. Channel availability is updating.")).to_be_visible()
    assert amounts(store)[("channel_sku", "amazon", "DESK-005")] == 7.0


def test_bad_amounts_in_bulk_are_said_and_nothing_is_saved(page: Page, address: str, store: Engine) -> None:
    before, entries = stored(store), audits(store)
    open_page(page, f"{address}/buffers?view=Many+at+once&channel=Amazon&category=Desks")
    be(page, OPS)
    write(page, "buffers-many-bulk-reason", "x")
    for text, sentence in (
        ("lots", "“lots” is not a number: write one like 5 or 2.5."),
        ("-1", "-1 is negative: give 0 or more units."),
        ("3000000", "3,000,000 units is more than a rule may withhold (1,000,000): give less."),
    ):
        write(page, "buffers-many-bulk-amount", text)
        expect(page.get_by_text(sentence).first).to_be_visible()
        expect(page.get_by_role("button", name="Save")).to_have_count(0)
    assert (stored(store), audits(store)) == (before, entries)


def test_a_file_is_previewed_row_by_row_and_the_good_rows_are_saved(page: Page, address: str, store: Engine) -> None:
    before = amounts(store)
    open_page(page, f"{address}/buffers?view=From+a+file")
    be(page, OPS)
    rows = (
        "ebay,,,,units,4,slower now,\n"
        "Web shop,LAMP-006,,,units,2,fragile,2099-12-30\n"
        "ebay,NO-SUCH,,,units,2,x,\n"
        "ebay,DESK-001,,,units,=1+1,x,\n"
        "ebay,,Lamps,,percent,140,x,\n"
    )
    upload(page, "rules.csv", (HEADER + rows).encode())
    expect(page.get_by_text("5 rows: 3 are refused; 1 changes a rule; 1 is a new rule")).to_be_visible()
    lines = {row["Line"]: row for row in grid(page, "buffers-file-rows")}
    assert lines["4"]["Why"] == "sku: There is no SKU “NO-SUCH” in this store: write one of your catalogue."
    assert lines["5"]["Why"] == "amount: “=1+1” is a formula: write the value itself."
    assert lines["6"]["Why"] == "amount: 140 percent is more than a rule may withhold (100): give less."
    assert (lines["2"]["Now"], lines["2"]["Then"]) == ("2 units", "4 units")
    assert amounts(store) == before
    press(page, "Save 2 rules, leave 3 out")
    expect(page.get_by_text("2 rules saved. Channel availability is updating.")).to_be_visible()
    expect(page.get_by_text("5 rows:")).to_have_count(0)
    now = amounts(store)
    assert (now[("channel", "ebay", None)], now[("channel_sku", "web", "LAMP-006")]) == (4.0, 2.0)
    assert len(now) == len(before) + 1


@pytest.mark.parametrize(
    ("name", "data", "sentence"),
    [
        ("wide.csv", b"shop,size\nebay,3\n", "Nothing was saved."),
        (
            "huge.csv",
            (HEADER + "ebay,,,,units,1,x,\n" * 200_000).encode(),
            "has 200,001 lines, more than a header and 5,000 rows: split it into several files.",
        ),
        ("empty.csv", b"", "is empty: write a header line and below it a row for each rule."),
    ],
)
def test_a_file_that_cannot_be_taken_is_refused_whole(
    page: Page, address: str, store: Engine, name: str, data: bytes, sentence: str
) -> None:
    before, entries = stored(store), audits(store)
    open_page(page, f"{address}/buffers?view=From+a+file")
    be(page, OPS)
    upload(page, name, data)
    expect(page.get_by_text(sentence).first).to_be_visible()
    expect(page.get_by_role("button", name="Save")).to_have_count(0)
    assert (stored(store), audits(store)) == (before, entries)
    assert page.locator("[data-testid=stException]").count() == 0


def test_a_back_test_suggests_a_size_and_makes_a_rule_of_it(page: Page, address: str, store: Engine) -> None:
    then = datetime.now(UTC) - timedelta(days=1)
    hour = timedelta(hours=1)
    ingest(
        store,
        [
            scene.sale("web", "SHELF-003", 5, then),
            scene.sale("ebay", "SHELF-003", 6, then + timedelta(minutes=5), late=hour),
        ],
    )
    open_page(page, f"{address}/buffers?view=Back-test&channel=eBay")
    be(page, OPS)
    press(page, "Test all SKUs of eBay")
    expect(page.get_by_text("Over all SKUs: without a buffer")).to_be_visible()
    ranked = grid(page, "buffers-test-grid")
    assert [int(row["Costs more than it saves (units)"]) for row in ranked] == sorted(
        (int(row["Costs more than it saves (units)"]) for row in ranked), reverse=True
    )
    open_page(page, f"{address}/buffers?view=Back-test&channel=eBay&sku=SHELF-003")
    be(page, OPS)
    expect(page.get_by_text("would have been oversold.").first).to_be_visible()
    sizes = {row["Buffer (units)"]: row for row in grid(page, "buffers-test-sizes")}
    assert int(sizes["0"]["Oversold (units)"]) > 0
    button = page.get_by_role("button", name="Make it ")
    size = button.inner_text().split()[-2]
    button.click()
    settled(page)
    expect(page.locator(".st-key-buffers-rule-new-amount input")).to_have_value(size)
    expect(page.locator(".st-key-buffers-rule-new-sku input")).to_have_value("SHELF-003")
    press(page, "Save")
    expect(page.get_by_text("Saved. Channel availability is updating.")).to_be_visible()
    assert amounts(store)[("channel_sku", "ebay", "SHELF-003")] == float(size)


def test_a_row_of_the_ranked_list_opens_its_curve(page: Page, address: str) -> None:
    open_page(page, f"{address}/buffers?view=Back-test&channel=eBay")
    press(page, "Test all SKUs of eBay")
    expect(page.get_by_text("Over all SKUs: without a buffer")).to_be_visible()
    first = grid(page, "buffers-test-grid")[0]["SKU"]
    click_row(page, 0, "buffers-test-grid")
    expect(page.locator(".st-key-sku input")).to_have_value(first)
    expect(page.get_by_text("would have been oversold.").first).to_be_visible()


@pytest.mark.parametrize("view", ["Many+at+once&channel=Amazon", "From+a+file", "Back-test&channel=eBay&sku=DESK-001"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_views_are_accessible_and_fit_a_phone(browser: Browser, address: str, scheme: str, view: str) -> None:
    for size in (DESKTOP, PHONE):
        page = browser.new_context(viewport=size, color_scheme=scheme, reduced_motion="reduce").new_page()  # type: ignore[arg-type]
        open_page(page, f"{address}/buffers?view={view}")
        be(page, OPS)
        assert violations(page) == []
        assert overflow(page) <= 0
        page.context.close()
