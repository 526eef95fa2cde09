"""The Demand page in a browser: a SKU is found and its chart read, a forecast is started and seen to finish, and who may not only looks."""

import re
import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest
from playwright.sync_api import Browser, Locator, Page, expect
from sqlalchemy.engine import Engine

from dashboard.jobs.forecast_start import next_draft
from dashboard.shell import words
from data_access.commands.forecasts import begin
from data_access.forecasts.reading import Forecast
from data_access.queries import forecasts as queries
from data_access.write.permissions import COMMAND_LINE
from tests.e2e.conftest import DESKTOP, PHONE, copy_forecast, serving
from tests.e2e.driving import at_rest, choose, grid, open_page, overflow, press, row_with, settled, violations, wait_for, wait_until

PLANNER = "Demo planner · planner"
SKU, CHANNEL = "LGT-0008", "retail"
FINISHING = 120_000  # milliseconds, of a forecast on a busy machine


@pytest.fixture(scope="module")
def one_thread() -> Iterator[None]:
    """The app, and the forecasts that it starts, leave the machine's other cores alone."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OMP_NUM_THREADS", "1")
        yield


@pytest.fixture(scope="module")
def make_store(one_thread: None, run_dir: Path) -> Callable[[Path], Engine]:
    return lambda folder: copy_forecast(run_dir, folder)


def newest(store: Engine) -> Forecast:
    """The files of the newest finished forecast."""
    finished = queries.runs(store).filter(pl.col("state") == "finished")
    return Forecast(Path(str(store.url.database)).parent / "var" / "forecasts", int(finished["run_id"][0]))


def card(page: Page, label: str) -> Locator:
    """A figure, by its name."""
    return page.locator(".oh-kpi").filter(has_text=label)


def drawn(page: Page, trace: str) -> dict[str, list[object]]:
    """What the main chart draws as a trace: its days and units."""
    answer: dict[str, list[object]] = wait_for(
        page,
        """(name) => {
        const chart = document.querySelector('.js-plotly-plot');
        const trace = chart && chart.data && chart.data.find(one => one.name === name);
        return trace ? {x: Array.from(trace.x), y: Array.from(trace.y)} : null;
        }""",
        arg=trace,
    )
    return answer


def test_a_sku_is_found_and_its_chart_read(page: Page, address: str, store: Engine) -> None:
    run = newest(store)
    open_page(page, f"{address}/demand")
    expect(page.get_by_text(f"Forecast {run.run_id}, from the history up to {run.last}")).to_be_visible()
    total = float(run.ahead(0)["mean"].head(28).cast(pl.Float64).sum())
    expect(card(page, "Expected, next 28 days")).to_contain_text(words.amount(total))
    typing = page.locator(".st-key-sku input")
    at_rest(typing)
    typing.click()
    typing.fill("lgt-0008")
    page.get_by_role("option", name=re.compile(f"^{SKU} · ")).click()
    settled(page)
    choose(page, "channel", "Shops")
    expect(page).to_have_url(re.compile(r"/demand\?.*sku=LGT-0008"))
    node = int(run.nodes.filter((pl.col("level") == "series") & (pl.col("sku") == SKU) & (pl.col("channel_id") == CHANNEL))["node"][0])
    ahead, history = run.ahead(node), run.history(node)
    expected, before = float(ahead["mean"].head(28).cast(pl.Float64).sum()), int(history["units"].tail(28).sum())
    sentence = f"{SKU} on Shops: {words.amount(expected)} units expected in the next 28 days, {before} ordered in the last 28"
    expect(page.get_by_text(sentence)).to_be_visible()
    median = drawn(page, "Median")
    assert median["y"] == pytest.approx(ahead["q0.5"].round(2).to_list(), abs=0.005)
    assert [str(one)[:10] for one in median["x"]] == [one.isoformat() for one in ahead["ds"]]
    assert drawn(page, "Ordered")["y"] == history["units"].tail(180).to_list()
    expect(page.get_by_text("could not be sold for most of the day")).to_be_visible()
    units = pytest.approx(float(ahead["mean"].cast(pl.Float64).sum()), abs=0.1)
    wait_until(page, lambda: sum(float(row["Expected (units)"]) for row in grid(page, "demand-weeks")) == units, f"weeks of {units} units")
    errors = run.errors(node)
    cutoffs = [one.isoformat() for one in errors["cutoff"]]
    wait_until(page, lambda: [row["Last known day"] for row in grid(page, "demand-past")] == cutoffs, f"errors after {cutoffs}")
    past = grid(page, "demand-past")
    assert [float(row["Bias (%)"]) for row in past] == pytest.approx(((errors["mean"] / errors["y"] - 1) * 100).to_list(), abs=0.051)
    back = page.url
    open_page(page, back)
    expect(page.get_by_text(sentence)).to_be_visible()


def test_a_forecast_is_started_and_seen_to_finish(page: Page, address: str, store: Engine) -> None:
    before = newest(store).run_id
    open_page(page, f"{address}/demand")
    choose(page, "user-choice", PLANNER)
    press(page, "Start a forecast")
    expect(page.get_by_text(re.compile(r"Forecast \d+ is being made, \d+%"))).to_be_visible()
    expect(page.get_by_role("button", name="Start a forecast", exact=True)).to_be_disabled()
    run_id = int(queries.runs(store)["run_id"][0])
    assert run_id != before
    expect(page.get_by_text(f"Forecast {run_id}, from the history up to")).to_be_visible(timeout=FINISHING)
    expect(page.get_by_text("Started by Demo planner.")).to_be_visible()
    row_with(page, "demand-runs", {"Forecast": str(run_id), "State": "✓ Finished", "Started by": "Demo planner"})
    expect(page.get_by_role("button", name="Start a forecast", exact=True)).to_be_enabled()


def test_an_interrupted_forecast_says_so_and_goes_on(page: Page, address: str, store: Engine) -> None:
    run_id = begin(store, next_draft(store), datetime.now(UTC).date(), COMMAND_LINE)
    open_page(page, f"{address}/demand")
    expect(page.get_by_text(f"Forecast {run_id} was interrupted: start it again below, it continues where it stopped.")).to_be_visible()
    row_with(page, "demand-runs", {"Forecast": str(run_id), "State": "◌ Interrupted"})
    choose(page, "user-choice", PLANNER)
    press(page, "Start it again")
    expect(page.get_by_text(f"Forecast {run_id}, from the history up to")).to_be_visible(timeout=FINISHING)
    expect(page.get_by_text("was interrupted")).to_have_count(0)


def test_who_may_not_only_looks(page: Page, address: str) -> None:
    open_page(page, f"{address}/demand")
    expect(page.get_by_text("To run forecasts, you need the role planner, manager or admin.")).to_be_visible()
    choose(page, "user-choice", "Demo viewer · viewer")
    expect(page.get_by_text("To run forecasts, you need the role planner, manager or admin.")).to_be_visible()
    expect(page.get_by_role("button", name="Start a forecast", exact=True)).to_be_disabled()


def test_a_link_to_what_is_not_there_says_so(page: Page, address: str, store: Engine) -> None:
    open_page(page, f"{address}/demand?sku=NO-SUCH&channel=Nowhere&category=Toys")
    expect(page.get_by_text("The link asks for the SKU “NO-SUCH”, of which there is no forecast: it is left out.")).to_be_visible()
    expect(page.get_by_text("The link asks for the channel “Nowhere”")).to_be_visible()
    expect(page.get_by_text("Toys on all channels:")).to_be_visible()
    run = newest(store)
    series = run.nodes.filter(pl.col("level") == "series").group_by("sku", maintain_order=True).agg(pl.col("channel_id"))
    elsewhere = series.filter(pl.col("channel_id").list.contains(CHANNEL).not_())["sku"][0]
    open_page(page, f"{address}/demand?sku={elsewhere}&channel={CHANNEL}")
    expect(page.get_by_text(f"There is no forecast of {elsewhere} on Shops: nothing of it was ordered there. It sells on")).to_be_visible()
    press(page, "Show everything")
    expect(page.get_by_text("Everything on all channels:")).to_be_visible()


@pytest.mark.parametrize(("size", "scheme"), [("desktop", "light"), ("phone", "dark")])
def test_the_page_is_accessible_and_fits(browser: Browser, address: str, scheme: str, size: str) -> None:
    viewport = DESKTOP if size == "desktop" else PHONE
    context = browser.new_context(viewport=viewport, color_scheme=scheme, reduced_motion="reduce")  # type: ignore[arg-type]
    page = context.new_page()
    open_page(page, f"{address}/demand?sku={SKU}&channel={CHANNEL}")
    expect(page.get_by_text(f"{SKU} on Shops:")).to_be_visible()
    settled(page)
    assert violations(page) == []
    assert overflow(page) == 0
    context.close()


def test_a_store_without_a_forecast_says_what_one_is(page: Page, demo_today_url: str, tmp_path: Path) -> None:
    with serving(demo_today_url, tmp_path) as address:
        open_page(page, f"{address}/demand?sku={SKU}")
        expect(page.get_by_role("heading", name="There is no forecast yet")).to_be_visible()
        expect(page.get_by_role("button", name="Start a forecast", exact=True)).to_be_disabled()
        assert violations(page) == []


def test_an_empty_store_says_what_to_do_next(page: Page, sqlite_template: Path, tmp_path: Path) -> None:
    shutil.copyfile(sqlite_template, tmp_path / "empty.db")
    with serving(f"sqlite:///{tmp_path / 'empty.db'}", tmp_path) as address:
        open_page(page, f"{address}/demand")
        expect(page.get_by_text("This store is empty", exact=False)).to_be_visible()
