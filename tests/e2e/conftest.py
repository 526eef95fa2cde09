"""A real Chromium and the real app, each store served by a process of its own."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Error, Page, Playwright, sync_playwright
from sqlalchemy.engine import Engine

from dashboard.jobs.forecast_start import next_draft
from dashboard.run import is_healthy
from data_access.engine import open_engine
from tests.conftest import copy_demo_of_today, locked, opened
from tests.e2e.driving import LONGEST_MS
from tests.e2e.install_browser import find_chromium

LAUNCH = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
NO_BROWSER = "BROWSER TESTS DID NOT RUN: no Chromium was found; install chromium, or run `playwright install chromium`"
DESKTOP = {"width": 1440, "height": 900}
PHONE = {"width": 390, "height": 844}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything in this folder drives a browser."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker("e2e")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """With a failure goes what its pages showed."""
    report = yield
    if report.when == "call" and report.failed:
        for name, page in getattr(item, "funcargs", {}).items():
            if isinstance(page, Page):
                try:
                    shown = page.locator("body").inner_text(timeout=5_000)
                except Error as gone:
                    shown = str(gone)
                report.sections.append((f"{name} showed, at {page.url}", shown))
    return report


def launch(playwright: Playwright) -> Browser | None:
    """A headless Chromium, or None where there is none."""
    path = find_chromium()
    return None if path is None else playwright.chromium.launch(executable_path=path, args=list(LAUNCH))


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One Chromium for the session. Without one: skipped, or a failure where CI=true."""
    with sync_playwright() as playwright:
        chromium = launch(playwright)
        if chromium is None:
            if os.environ.get("CI") == "true":
                pytest.fail(NO_BROWSER)
            pytest.skip(NO_BROWSER)
        yield chromium
        chromium.close()


@contextmanager
def policy_kept(context: BrowserContext) -> Iterator[None]:
    """A context whose pages are refused nothing by the app's content security policy."""
    refusals: list[str] = []

    def hear(message: ConsoleMessage) -> None:
        if "Content Security Policy" in message.text:
            refusals.append(message.text)

    context.on("console", hear)
    yield
    assert refusals == []


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page of a fresh context, 1440 px wide."""
    context = browser.new_context(viewport=DESKTOP, reduced_motion="reduce")  # type: ignore[arg-type]
    context.set_default_timeout(LONGEST_MS)
    with policy_kept(context):
        yield context.new_page()
    context.close()


@pytest.fixture
def phone(browser: Browser) -> Iterator[Page]:
    """A page of a fresh context, 390 px wide."""
    context = browser.new_context(viewport=PHONE, reduced_motion="reduce", has_touch=True)  # type: ignore[arg-type]
    context.set_default_timeout(LONGEST_MS)
    with policy_kept(context):
        yield context.new_page()
    context.close()


def free_port() -> int:
    """A port that nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def serving(url: str, folder: Path) -> Iterator[str]:
    """The app's address while its process serves the store at `url`; its messages go to `folder`/app.log."""
    port = free_port()
    environment = {**os.environ, "ONHAND_DATABASE_URL": url, "ONHAND_VAR_DIR": str(folder / "var")}
    log = folder / "app.log"
    with log.open("wb") as messages:
        command = [sys.executable, "-m", "dashboard.cli", "serve", "--port", str(port)]
        process = subprocess.Popen(command, env=environment, stdout=messages, stderr=subprocess.STDOUT)
    try:
        deadline = time.monotonic() + 60
        while not is_healthy("127.0.0.1", port):
            if process.poll() is not None or time.monotonic() > deadline:
                pytest.fail(f"the app did not come up:\n{log.read_text(errors='replace')}")
            time.sleep(0.1)
        yield f"http://127.0.0.1:{port}"
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@pytest.fixture
def app(tmp_path: Path) -> Iterator[Callable[[str], str]]:
    """Call it with a store's address to have the app serve it; returns the app's address."""
    with ExitStack() as stack:
        yield lambda url: stack.enter_context(serving(url, tmp_path))


def copy_forecast(run_dir: Path, folder: Path) -> Engine:
    """A copy in `folder` of the demo store as of today and its first forecast, which all processes of this test run make once."""
    template = run_dir / f"forecast-{datetime.now(UTC).date()}"
    with locked(run_dir / f"{template.name}.lock"):
        if not (template / "complete").exists():
            shutil.rmtree(template, ignore_errors=True)
            template.mkdir()
            url = copy_demo_of_today(run_dir, template / "store.db")
            with opened(url) as engine:
                last = next_draft(engine).last_on.isoformat()
            environment = {**os.environ, "ONHAND_DATABASE_URL": url, "ONHAND_VAR_DIR": str(template / "var"), "OMP_NUM_THREADS": "1"}
            command = [sys.executable, "-m", "dashboard.cli", "forecast", "run", "--last", last]
            subprocess.run(command, env=environment, capture_output=True, check=True)
            (template / "complete").touch()
    shutil.copytree(template, folder, dirs_exist_ok=True)
    return open_engine(f"sqlite:///{folder / 'store.db'}")


@dataclass(frozen=True, slots=True)
class Stage:
    """A store, and the address of the app that serves it."""

    store: Engine
    address: str


@pytest.fixture(scope="module")
def stage(make_store: Callable[[Path], Engine], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """What a module's tests play on; `make_store` is the module's own fixture, which fills a store in a folder."""
    folder = tmp_path_factory.mktemp("stage")
    store = make_store(folder)
    with serving(str(store.url), folder) as address:
        yield Stage(store, address)
    store.dispose()


@pytest.fixture
def store(stage: Stage) -> Engine:
    """The store that the app serves."""
    return stage.store


@pytest.fixture
def address(stage: Stage) -> str:
    """Where the app is."""
    return stage.address
