"""The buffers page in a browser: who may change what, what a change would do, and two people at one rule."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa
from playwright.sync_api import Browser, Page, expect
from sqlalchemy.engine import Engine

from data_access.commands.buffers import Change, save
from data_access.commands.people import add_user
from data_access.domain.buffer_rules import RuleDraft
from data_access.engine import open_engine
from data_access.queries import buffers as queries
from data_access.schema.audit import audit_entry
from data_access.write.permissions import COMMAND_LINE
from tests.e2e import scene
from tests.e2e.conftest import DESKTOP
from tests.e2e.driving import choose, grid, open_page, overflow, press, row_with, settled, violations

OPS = "Olga · ops"


def company(url: str) -> Engine:
    engine = open_engine(url)
    scene.build(engine)
    for name, role in (("Olga", "ops"), ("Omar", "ops"), ("Vic", "viewer")):
        add_user(engine, name, role, COMMAND_LINE)
    save(engine, [Change(RuleDraft("channel", channel_id="ebay", amount=2.0, reason="slow sync"))], COMMAND_LINE)
    return engine


@pytest.fixture(scope="module")
def make_store(sqlite_template: Path) -> Callable[[Path], Engine]:
    def make(folder: Path) -> Engine:
        path = folder / "store.db"
        path.write_bytes(sqlite_template.read_bytes())
        return company(f"sqlite:///{path}")

    return make


def be(page: Page, who: str) -> None:
    choose(page, "user-choice", who)


def write(page: Page, rule: str, field: str, text: str) -> None:
    box = page.locator(f".st-key-buffers-rule-{rule}-{field} input")
    box.fill(text)
    box.press("Enter")
    settled(page)


def stored(engine: Engine) -> list[tuple[object, ...]]:
    return queries.rules(engine).select("level", "channel_id", "sku", "amount", "version").rows()


def audits(engine: Engine) -> int:
    with engine.connect() as connection:
        return int(connection.execute(sa.select(sa.func.count()).select_from(audit_entry)).scalar_one())


def test_a_rule_is_previewed_and_saved_and_live_stock_follows(browser: Browser, page: Page, address: str, store: Engine) -> None:
    watching = browser.new_context(viewport=DESKTOP).new_page()  # type: ignore[arg-type]
    open_page(watching, f"{address}/stock?sku=DESK-001&channel=Amazon")
    may_sell = watching.get_by_text(re.compile(r"Amazon may sell (\d+) units"))
    before = int(re.findall(r"may sell (\d+)", may_sell.first.inner_text())[0])
    open_page(page, f"{address}/buffers")
    be(page, OPS)
    press(page, "New rule")
    choose(page, "buffers-rule-new-channel_id", "Amazon")
    write(page, "new", "sku", "DESK-001")
    write(page, "new", "amount", "5")
    expect(page.get_by_text(f"Amazon: 1 SKU from {before} to {before - 5} units available to sell.")).to_be_visible()
    write(page, "new", "reason", "returns of this week")
    press(page, "Save")
    expect(page.get_by_text("Saved. Channel availability is updating.")).to_be_visible()
    expect(watching.get_by_text(f"Amazon may sell {before - 5} units")).to_be_visible()
    expect(watching.get_by_text("the channel buffer withholds units").first).to_be_visible()
    watching.get_by_role("link", name="Buffer rule: Amazon · SKU DESK-001: 5 units").click()
    expect(watching.get_by_role("heading", name="Amazon · SKU DESK-001: what is withheld")).to_be_visible()
    watching.context.close()
    assert ("channel_sku", "amazon", "DESK-001", 5.0, 1) in stored(store)
    row = row_with(page, "buffers-grid", {"Covers": "Amazon · SKU DESK-001"})
    assert (row["Withholds"], row["Withheld now (units)"]) == ("5 units", "5")


def test_bad_input_is_said_and_nothing_is_saved(page: Page, address: str, store: Engine) -> None:
    before, entries = stored(store), audits(store)
    open_page(page, f"{address}/buffers")
    be(page, OPS)
    press(page, "New rule")
    choose(page, "buffers-rule-new-channel_id", "eBay")
    for field, text, sentence in (
        ("amount", "many", "“many” is not a number: write one like 5 or 2.5."),
        ("amount", "-3", "-3 is negative: give 0 or more units."),
        ("amount", "2000000", "2,000,000 units is more than a rule may withhold (1,000,000): give less."),
        ("amount", "4", "Choose the SKU that the rule is for."),
        ("sku", "NO-SUCH", "There is no SKU “NO-SUCH” in this store: choose one of those listed."),
    ):
        write(page, "new", field, text)
        press(page, "Save")
        expect(page.get_by_text(sentence).first).to_be_visible()
        expect(page.locator(f".st-key-buffers-rule-new-{field} input")).to_have_value(text)
    assert (stored(store), audits(store)) == (before, entries)


def test_who_may_not_only_looks(page: Page, address: str) -> None:
    open_page(page, f"{address}/buffers")
    expect(page.get_by_text("To change buffers, you need the role ops, manager or admin.")).to_be_visible()
    expect(page.get_by_role("button", name="New rule")).to_have_count(0)
    be(page, "Vic · viewer")
    expect(page.get_by_text("To change buffers, you need the role ops, manager or admin.")).to_be_visible()
    choose(page, "rule", "eBay")
    expect(page.get_by_role("button", name="Save")).to_have_count(0)
    expect(page.get_by_text("Changes of this rule")).to_be_visible()


def test_two_people_at_one_rule(browser: Browser, app: Callable[[str], str], store_url: str) -> None:
    engine = company(store_url)
    address = app(store_url)
    rule_id = int(queries.rules(engine).filter(queries.rules(engine)["level"] == "channel")["rule_id"][0])
    pages = []
    for who in (OPS, "Omar · ops"):
        page = browser.new_context(viewport=DESKTOP).new_page()  # type: ignore[arg-type]
        open_page(page, f"{address}/buffers?rule={rule_id}")
        be(page, who)
        pages.append(page)
    first, second = pages
    write(second, str(rule_id), "amount", "9")
    write(first, str(rule_id), "amount", "4")
    press(first, "Save")
    expect(first.get_by_text("Saved.")).to_be_visible()
    expect(second.get_by_text("Someone changed this rule since you opened it.")).to_be_visible()
    differing = {row["Field"]: row for row in grid(second, f"buffers-rule-{rule_id}-differ")}
    assert differing == {"Amount": {"Field": "Amount", "When you opened it": "2", "Now": "4", "Yours": "9"}}
    expect(second.locator(f".st-key-buffers-rule-{rule_id}-amount input")).to_have_value("9")
    assert [row[3] for row in stored(engine) if row[0] == "channel"] == [4.0]
    press(second, "Overwrite with mine")
    expect(second.get_by_text("Saved.")).to_be_visible()
    assert [(row[3], row[4]) for row in stored(engine) if row[0] == "channel"] == [(9.0, 3)]
    history = queries.history(engine, rule_id)
    assert history["actor"].to_list() == ["Omar", "Olga", COMMAND_LINE]
    choose(second, "rule", "eBay")
    press(second, "Remove")
    press(second, "Remove the rule")
    expect(second.get_by_text("Say why the rule goes")).to_be_visible()
    second.keyboard.press("Escape")
    press(second, "Undo the last change")
    expect(second.get_by_text("The last change is undone.")).to_be_visible()
    assert [row[3] for row in stored(engine) if row[0] == "channel"] == [4.0]
    for page in pages:
        page.context.close()
    engine.dispose()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_is_accessible_and_fits_a_phone(browser: Browser, address: str, scheme: str) -> None:
    for size in (DESKTOP, {"width": 390, "height": 844}):
        page = browser.new_context(viewport=size, color_scheme=scheme).new_page()  # type: ignore[arg-type]
        open_page(page, f"{address}/buffers")
        be(page, OPS)
        press(page, "New rule")
        assert violations(page) == []
        assert overflow(page) == 0
        page.context.close()
