"""What pages show when there is nothing, when the database is away, when something breaks; light, dark, and for everybody."""

import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from playwright.sync_api import Browser, Page, expect

from data_access.engine import open_engine
from data_access.events.ingest import ingest
from tests.e2e import scene
from tests.e2e.conftest import DESKTOP, PHONE, serving
from tests.e2e.driving import open_page, overflow, violations

PATHS = ("/", "/stock?sku=CHAIR-000", "/inbox", "/inbox?tab=Rows", "/inbox?tab=Conflicts", "/inbox?tab=Waiting+events")


@pytest.fixture(scope="module")
def store_file(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("scene") / "store.db"
    shutil.copyfile(sqlite_template, path)
    engine = open_engine(f"sqlite:///{path}")
    scene.build(engine)
    ingest(engine, [scene.first_scan(engine, "amazon")])  # from then on Amazon's tracking is something to judge
    engine.dispose()
    return path


@pytest.fixture(scope="module")
def address(store_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with serving(f"sqlite:///{store_file}", tmp_path_factory.mktemp("app")) as address:
        yield address


@pytest.mark.parametrize(("size", "scheme"), [(DESKTOP, "light"), (PHONE, "dark")], ids=["desktop", "phone"])
def test_pages_are_accessible_fit_and_ask_nobody_else(browser: Browser, address: str, scheme: str, size: dict[str, int]) -> None:
    context = browser.new_context(viewport=size, color_scheme=scheme, reduced_motion="reduce")  # type: ignore[arg-type]
    page = context.new_page()
    page.set_default_timeout(60_000)
    elsewhere: list[str] = []
    page.on("request", lambda request: elsewhere.append(request.url) if not request.url.startswith((address, "data:", "blob:")) else None)
    problems = {}
    for path in PATHS:
        open_page(page, f"{address}{path}")
        page.wait_for_timeout(500)
        problems[path] = (violations(page), max(overflow(page), 0))
    background = page.evaluate("getComputedStyle(document.querySelector('.stApp')).backgroundColor")
    context.close()
    assert problems == {path: ([], 0) for path in PATHS}
    assert elsewhere == []
    assert background == {"light": "rgb(255, 255, 255)", "dark": "rgb(16, 20, 24)"}[scheme]


def test_the_overview_ranks_what_needs_attention_and_links_to_it(page: Page, address: str) -> None:
    open_page(page, f"{address}/stock?category=Lamps&channel=Amazon")  # what was chosen before does not narrow what a link shows
    page.get_by_role("link", name="Overview").click()
    page.get_by_role("heading", name="What needs attention today?").wait_for()
    wanted = [
        "1 SKU is about to oversell",
        "2 SKUs are out of stock with demand",
        "1 SKU has backordered units",
        "1 channel has stale data",
        "1 listing has no SKU",
        "1 row waits in the inbox",
        "1 event conflicts with an earlier one",
        "1 event waits for something that is missing",
        "1 metric misses its target",
    ]
    expect(page.locator("[data-testid=stPageLink] a strong")).to_have_text(wanted)
    expect(page.get_by_text(re.compile("eBay.*stale, 2 h")).first).to_be_visible()
    page.get_by_role("link", name="2 SKUs are out of stock with demand").click()
    expect(page).to_have_url(re.compile(r"/stock\?state=Out"))
    expect(page.get_by_text("1 to 2 of 2 SKUs")).to_be_visible()
    page.get_by_role("link", name="Overview").click()
    page.get_by_role("link", name="1 event conflicts with an earlier one").click()
    expect(page).to_have_url(re.compile(r"/inbox\?tab=Conflicts"))


def test_a_store_that_breaks_is_said_without_a_stack_trace(page: Page, app: Callable[[str], str], store_file: Path, tmp_path: Path) -> None:
    path = tmp_path / "breaks.db"
    shutil.copyfile(store_file, path)
    address = app(f"sqlite:///{path}")
    open_page(page, f"{address}/stock")
    broken = tmp_path / "broken.db"
    broken.write_bytes(b"this is not a database, but it is long enough to look like one" * 40)
    broken.replace(path)
    expect(page.get_by_text("is not an OnHand store").first).to_be_visible()
    open_page(page, f"{address}/inbox")
    expect(page.get_by_text("is not an OnHand store").first).to_be_visible()
    assert page.locator("[data-testid=stException]").count() == 0
    assert "Traceback" not in page.inner_text("body")


def test_an_empty_store_says_what_to_do_next(page: Page, app: Callable[[str], str], sqlite_url: str) -> None:
    address = app(sqlite_url)
    for path in ("/", "/stock", "/inbox"):
        open_page(page, f"{address}{path}")
        if path != "/inbox":
            expect(page.get_by_text("This store is empty: load your own data")).to_be_visible()
            expect(page.get_by_text("onhand import products FILE")).to_be_visible()
        else:
            expect(page.get_by_text("nothing waits here")).to_be_visible()
        assert violations(page) == []


def test_the_database_goes_away_and_comes_back(page: Page, app: Callable[[str], str], store_file: Path, tmp_path: Path) -> None:
    path = tmp_path / "away.db"
    shutil.copyfile(store_file, path)
    open_page(page, f"{app(f'sqlite:///{path}')}/stock")
    moved = path.rename(tmp_path / "elsewhere.db")
    expect(page.get_by_text(re.compile("There is no file .*The page goes on by itself"))).to_be_visible()
    expect(page.get_by_text("1 to 50 of 65 SKUs")).to_be_visible()
    moved.rename(path)
    expect(page.get_by_text("The page goes on by itself")).to_have_count(0)
    expect(page.get_by_text("1 to 50 of 65 SKUs")).to_be_visible()


@pytest.mark.postgres
def test_postgres_goes_away_and_comes_back_with_what_happened_since(
    page: Page, app: Callable[[str], str], postgres_url: str, postgres_server: str
) -> None:
    engine = open_engine(postgres_url)
    scene.build(engine)
    name = str(engine.url.database)
    open_page(page, f"{app(postgres_url)}/stock?sku=DESK-009&channel=Amazon")
    before = page.get_by_text(re.compile("Amazon may sell")).inner_text()
    engine.dispose()
    with psycopg.connect(postgres_server, autocommit=True) as server:
        server.execute(f'alter database "{name}" allow_connections false')
        server.execute("select pg_terminate_backend(pid) from pg_stat_activity where datname = %s", [name])
        expect(page.get_by_text("The page goes on by itself")).to_be_visible()
        expect(page.get_by_text(before)).to_be_visible()
        server.execute(f'alter database "{name}" allow_connections true')
    ingest(engine, [scene.sale("amazon", "DESK-009", 1)])
    engine.dispose()
    expect(page.get_by_text("The page goes on by itself")).to_have_count(0)
    expect(page.get_by_text(before)).to_have_count(0)
