"""The Jobs page in a browser: what failed, was missed and was run twice is shown, and who may runs a job now."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect
from sqlalchemy.engine import Engine

from data_access.commands.jobs import claim, end, miss
from data_access.commands.people import add_user
from data_access.engine import open_engine
from data_access.queries.jobs import runs
from data_access.store.lifecycle import create_store
from data_access.write.permissions import COMMAND_LINE
from tests.e2e import scene
from tests.e2e.conftest import DESKTOP, PHONE
from tests.e2e.driving import choose, grid, open_page, overflow, press, row_with, violations

DUE = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
DIFFERENCES = "3 differences between figures and the facts behind them: `onhand verify` lists them."
MANAGER = "Mary · manager"


def micros(moment: datetime) -> int:
    return round(moment.timestamp()) * 1_000_000


def in_utc(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d %H:%M")


@pytest.fixture(scope="module")
def make_store() -> Callable[[Path], Engine]:
    """A job that was missed, one that two supervisors wanted to run at the same due time, one that failed; one never ran."""

    def make(folder: Path) -> Engine:
        engine = open_engine(f"sqlite:///{folder / 'store.db'}")
        create_store(engine)
        scene.build(engine)
        add_user(engine, "Mary", "manager", COMMAND_LINE)
        add_user(engine, "Olga", "ops", COMMAND_LINE)
        miss(engine, "clean_up", micros(DUE - timedelta(hours=30)), "Nothing ran jobs when it was due, and for too long after that.")
        for message in ("First.", "Second."):
            run_id = claim(engine, "mirror", micros(DUE))
            assert (run_id is None) == (message == "Second.")
            if run_id is not None:
                end(engine, run_id, "done", message)
        run_id = claim(engine, "verification", micros(DUE))
        assert run_id is not None
        end(engine, run_id, "failed", DIFFERENCES)
        return engine

    return make


def test_what_failed_was_missed_and_was_claimed_twice_is_shown(page: Page, address: str) -> None:
    open_page(page, f"{address}/jobs")
    expect(
        page.get_by_text(f"Clean-up was missed at {in_utc(DUE - timedelta(hours=30))}: Nothing ran jobs when it was due")
    ).to_be_visible()
    expect(page.get_by_text(re.compile(rf"Verification failed at .*: {re.escape(DIFFERENCES)}"))).to_be_visible()
    expect(page.get_by_text("Times are in UTC.")).to_be_visible()
    rows = {row["Job"]: (row["Last result"], row["Failures"], row["Runs"]) for row in grid(page, "jobs-table")}
    assert rows == {
        "Clean-up": ("○ Missed", "0", "0"),
        "Demand forecast": ("Not run yet", "0", "0"),
        "Mirror of history": ("✓ Done", "0", "1"),
        "Verification": ("✕ Failed", "1", "1"),
    }
    choose(page, "job", "Mirror of history")
    expect(page).to_have_url(re.compile(r"/jobs\?job="))
    row_with(page, "jobs-history", {"Job": "Mirror of history", "Due": in_utc(DUE), "Result": "✓ Done", "Started by": "the schedule"})
    expect(page.locator(".st-key-jobs-history tbody tr")).to_have_count(1)
    open_page(page, page.url)
    expect(page.locator(".st-key-jobs-history tbody tr")).to_have_count(1)


def test_the_overview_names_jobs_that_failed_or_were_missed(page: Page, address: str) -> None:
    open_page(page, address)
    expect(page.get_by_role("link", name="2 jobs failed or were missed")).to_be_visible()
    page.get_by_role("link", name=f"Verification: {DIFFERENCES}").click()
    expect(page).to_have_url(re.compile(r"/jobs\?job=Verification"))
    expect(page.get_by_text(re.compile("Verification failed at "))).to_be_visible()


def test_who_may_runs_a_job_now_and_sees_it_end(page: Page, address: str, store: Engine) -> None:
    open_page(page, f"{address}/jobs")
    expect(page.get_by_text("To run jobs, you need the role manager or admin.")).to_be_visible()
    choose(page, "user-choice", "Olga · ops")
    choose(page, "job", "Verification")
    expect(page.get_by_role("button", name="Run now", exact=True)).to_be_disabled()
    choose(page, "user-choice", MANAGER)
    press(page, "Run now")
    expect(page.get_by_text("Verification is running. Its result shows here when it is done.")).to_be_visible()
    row_with(page, "jobs-history", {"Result": "✓ Done", "Started by": "Mary"})
    row_with(page, "jobs-table", {"Job": "Verification", "Last result": "✓ Done", "Failures": "1", "Runs": "2"})
    expect(page.get_by_text(DIFFERENCES)).to_have_count(1)  # in the history alone
    assert runs(store, "verification").select("asked_by", "status").row(0) == ("Mary", "done")


def test_the_page_follows_runs_that_others_start(page: Page, address: str, store: Engine) -> None:
    open_page(page, f"{address}/jobs?job=Demand+forecast")
    expect(page.get_by_text("No runs yet.")).to_be_visible()
    run_id = claim(store, "forecast", None)
    assert run_id is not None
    row_with(page, "jobs-history", {"Job": "Demand forecast", "Result": "◷ Running"})
    end(store, run_id, "failed", "There was no memory left.")
    row_with(page, "jobs-history", {"Job": "Demand forecast", "Result": "✕ Failed"})
    expect(page.get_by_text(re.compile("Demand forecast failed at .*: There was no memory left."))).to_be_visible()


@pytest.mark.parametrize(("size", "scheme"), [(DESKTOP, "light"), (PHONE, "dark")], ids=["desktop", "phone"])
def test_the_page_is_accessible_and_fits(browser: Browser, address: str, scheme: str, size: dict[str, int]) -> None:
    context = browser.new_context(viewport=size, color_scheme=scheme, reduced_motion="reduce")  # type: ignore[arg-type]
    page = context.new_page()
    page.set_default_timeout(60_000)
    open_page(page, f"{address}/jobs")
    expect(page.get_by_text("Clean-up was missed")).to_be_visible()
    assert violations(page) == []
    assert overflow(page) == 0
    context.close()


def test_an_empty_store_has_jobs_that_did_not_run_yet(page: Page, app: Callable[[str], str], sqlite_url: str) -> None:
    open_page(page, f"{app(sqlite_url)}/jobs?job=nonsense")
    rows = grid(page, "jobs-table")
    assert [row["Last result"] for row in rows] == ["Not run yet"] * 4
    expect(page.get_by_text("No runs yet.")).to_be_visible()
    assert violations(page) == []
