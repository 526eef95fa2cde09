"""Scorecards in a browser: from the overview to the order behind a rate, and what a manager sets and records."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect
from sqlalchemy.engine import Engine

from data_access.commands.scorecards import SettingDraft, set_metric
from data_access.engine import open_engine
from data_access.queries import scorecards as queries
from data_access.queries.buffers import history
from data_access.write.permissions import COMMAND_LINE
from tests.conftest import copy_demo_of_today
from tests.e2e.conftest import DESKTOP, PHONE, serving
from tests.e2e.driving import choose, click_row, grid, open_page, overflow, press, row_with, settled, violations

MANAGER = "Demo manager · manager"
GRID = "scorecards-grid"


@pytest.fixture(scope="module")
def make_store(run_dir: Path) -> Callable[[Path], Engine]:
    return lambda folder: open_engine(copy_demo_of_today(run_dir, folder / "store.db"))


def printed(store: Engine, folder: Path) -> dict[tuple[str, str], dict[str, object]]:
    """What the command line says of each channel's metrics."""
    environment = {**os.environ, "ONHAND_DATABASE_URL": str(store.url), "ONHAND_VAR_DIR": str(folder)}
    command = [sys.executable, "-m", "dashboard.cli", "scorecard", "--json"]
    output = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout
    return {(row["channel_id"], row["metric_id"]): row for row in json.loads(output)}


def test_from_the_overview_to_the_order(page: Page, address: str, store: Engine, tmp_path: Path) -> None:
    open_page(page, address)
    expect(page.get_by_text(re.compile("miss(es)? (its|their) target"))).to_be_visible()
    link = page.get_by_role("link", name=re.compile(r"^.* · .*, \d+ days: [\d.]+%, \d+ miss(es)? over the limit")).first
    label = str(re.split(r": [\d.]+%", link.inner_text())[0])
    link.click()
    channel, metric = label.split(" · ")
    name, window = re.match(r"(.*), (\d+ days)", metric).groups()  # type: ignore[union-attr]
    expect(page.get_by_role("heading", name=f"{channel}: {name}")).to_be_visible()
    settled(page)
    rows = [row for row in grid(page, GRID) if (row["Channel"], row["Metric"]) == (channel, f"{name}, {window}")]
    card = next(
        row for row in printed(store, tmp_path).values() if (row["name"], row["window"]) == (name, window) and row["state"] == "breach"
    )
    assert rows[0]["State"] == "✕ Breach"
    assert rows[0]["Counted"].removesuffix(" (few)") == f"{card['numerator']:,} of {card['denominator']:,}"
    assert rows[0]["Headroom"] == f"over target by {card['excess']}"
    orders = grid(page, "metric-orders")
    click_row(page, 0, "metric-orders")
    expect(page).to_have_url(re.compile("order_ref="))
    expect(page.get_by_text(re.compile(f"{re.escape(orders[0]['Order'])}.*: missed, counts on"))).to_be_visible()
    expect(page.locator("[data-testid=stDataFrame]").nth(-1)).to_be_visible()
    expect(page.get_by_text("could not be shown")).to_have_count(0)
    back = page.url
    open_page(page, back)
    expect(page.get_by_text(re.compile(f"{re.escape(orders[0]['Order'])}.*: missed, counts on"))).to_be_visible()


def test_a_manager_sets_an_own_target_and_undoes_it(page: Page, address: str, store: Engine) -> None:
    open_page(page, f"{address}/scorecards?metric=shop:own-return-60d&channel=Web+shop")
    expect(page.get_by_text("The target is assumed until you set your own.")).to_be_visible()
    choose(page, "user-choice", MANAGER)
    before = queries.settings(store)
    for text, why, sentence in (
        ("much", "because", "The target “much” is not a number: write one like 2.5."),
        ("150", "because", "A target of 150 % cannot be met or missed"),
        ("7.5", "", "Say why the metric is set so, in at most 500 characters."),
    ):
        page.get_by_label("Own target (%)").fill(text)
        page.get_by_label("Why?").fill(why)
        press(page, "Save")
        expect(page.locator(".stAlert").get_by_text(sentence)).to_be_visible()
        expect(page.get_by_label("Own target (%)")).to_have_value(text)
    assert queries.settings(store).equals(before)
    page.get_by_label("Why?").fill("as last year")
    press(page, "Save")
    expect(page.get_by_text("Saved. The scorecards are updating.")).to_be_visible()
    expect(page.get_by_text("Target <= 7.5 %", exact=False)).to_be_visible()
    assert queries.settings(store).drop("setting_id").rows() == [("shop", "own-return-60d", True, "0.075", 1)]
    row_with(page, GRID, {"Metric": "Return rate, 60 days", "Channel": "Web shop", "Target": "<= 7.5 %"})
    press(page, "Undo the last change")
    expect(page.get_by_text("The target is assumed until you set your own.")).to_be_visible()
    assert queries.settings(store).is_empty()


def test_the_marketplace_s_figure_is_recorded_beside_ours(page: Page, address: str, store: Engine) -> None:
    open_page(page, f"{address}/scorecards?metric=amazon:amazon-late-shipment-30d&channel=Amazon")
    choose(page, "user-choice", MANAGER)
    page.get_by_label("Its figure (%)").fill("130")
    press(page, "Record")
    expect(page.locator(".stAlert").get_by_text("A rate lies between 0 and 100 %.")).to_be_visible()
    page.get_by_label("Its figure (%)").fill("3,5 %")
    page.get_by_label("Note", exact=True).fill("Account health")
    press(page, "Record")
    expect(page.get_by_text("Saved. The scorecards are updating.")).to_be_visible()
    row = row_with(page, GRID, {"Metric": "Late shipment rate, 30 days", "Marketplace says (%)": "3.5"})
    assert float(row["Difference (percentage points)"]) == pytest.approx(float(row["Value (%)"]) - 3.5, abs=0.011)
    figures = queries.figures(store)
    assert figures.select("channel_id", "value", "note").rows() == [("amazon", "0.035", "Account health")]
    assert history(store, figures["figure_id"][0], entity="recorded_figure")["actor"].to_list() == ["Demo manager"]


def test_the_second_of_two_managers_is_told_and_keeps_what_was_typed(page: Page, address: str, store: Engine) -> None:
    open_page(page, f"{address}/scorecards?metric=shop:own-cancellation-30d&channel=Web+shop")
    choose(page, "user-choice", MANAGER)
    page.get_by_label("Own target (%)").fill("3")
    page.get_by_label("Why?").fill("agreed")
    set_metric(store, SettingDraft("shop", "own-cancellation-30d", is_on=True, target="0.05"), "for now", COMMAND_LINE)
    expect(page.locator(".annotation-text", has_text="target <= 5 %")).to_be_visible()
    press(page, "Save")
    expect(page.get_by_text("It is now: judged, target 5 %. What you typed is kept: save again to overwrite that.")).to_be_visible()
    expect(page.get_by_label("Own target (%)")).to_have_value("3")
    assert queries.settings(store)["target"].to_list() == ["0.05"]
    press(page, "Save")
    expect(page.get_by_text("Saved. The scorecards are updating.")).to_be_visible()
    assert queries.settings(store).select("target", "version").rows() == [("0.03", 2)]
    expect(page.get_by_label("Own target (%)")).to_have_value("3")
    expect(page.get_by_label("Why?")).to_have_value("")


def test_who_may_not_only_looks(page: Page, address: str) -> None:
    open_page(page, f"{address}/scorecards?metric=ebay:ebay-transaction-defect")
    expect(page.get_by_text("No data. Record the marketplace's own figure: OnHand does not have all", exact=False)).to_be_visible()
    expect(page.get_by_text("To set metrics, you need the role manager or admin.")).to_be_visible()
    expect(page.get_by_role("button", name="Record", exact=True)).to_be_disabled()
    expect(page.get_by_role("button", name="Save", exact=True)).to_be_disabled()


def test_a_link_to_what_is_not_there_says_so(page: Page, address: str) -> None:
    open_page(page, f"{address}/scorecards?metric=moon:landing")
    expect(page.get_by_text("This metric no longer exists: choose another.")).to_be_visible()
    open_page(page, f"{address}/scorecards?metric=shop:own-late-shipment-30d&order_ref=none")
    expect(page.get_by_text("No order “none” is in the window of this metric.")).to_be_visible()


@pytest.mark.parametrize(("size", "scheme"), [("desktop", "light"), ("phone", "dark")])
def test_the_page_is_accessible_and_fits(browser: Browser, address: str, scheme: str, size: str) -> None:
    viewport = DESKTOP if size == "desktop" else PHONE
    context = browser.new_context(viewport=viewport, color_scheme=scheme, reduced_motion="reduce")  # type: ignore[arg-type]
    page = context.new_page()
    open_page(page, f"{address}/scorecards?metric=shop:own-late-shipment-30d")
    expect(page.get_by_role("heading", name="Web shop: Late shipment rate")).to_be_visible()
    settled(page)
    assert violations(page) == []
    assert overflow(page) == 0
    context.close()


def test_an_empty_store_says_what_to_do_next(page: Page, sqlite_template: Path, tmp_path: Path) -> None:
    shutil.copyfile(sqlite_template, tmp_path / "empty.db")
    with serving(f"sqlite:///{tmp_path / 'empty.db'}", tmp_path) as address:
        open_page(page, f"{address}/scorecards")
        expect(page.get_by_text("This store is empty", exact=False)).to_be_visible()
