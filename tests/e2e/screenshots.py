"""Pictures of every page, light and dark, wide and narrow, with data, empty and with bad input: `make screenshots`.

All go to var/pictures, to be looked at; the few that the README shows are copied to docs/pictures.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from data_access.demo import build_demo
from data_access.engine import open_engine
from data_access.store.lifecycle import create_store

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.e2e import scene  # noqa: E402 - the folder of the project comes first
from tests.e2e.conftest import DESKTOP, PHONE, launch, serving  # noqa: E402
from tests.e2e.driving import SCROLLER, open_page  # noqa: E402

SEED = 7
ALL = ROOT / "var" / "pictures"
README = ROOT / "docs" / "pictures"
CHOSEN = {
    "demo-live-stock.desktop-light": "live-stock",
    "demo-overview.desktop-light": "overview",
    "demo-live-stock.phone-dark": "live-stock-phone-dark",
}
INBOX = {
    "inbox": "/inbox",
    "inbox-rows": "/inbox?tab=Rows",
    "inbox-conflicts": "/inbox?tab=Conflicts",
    "inbox-waiting": "/inbox?tab=Waiting+events",
}
VIEWS = {
    "demo": {
        "overview": "/",
        "live-stock": "/stock",
        "live-stock-explained": "/stock?sku=TEX-0069",
        "buffers": "/buffers",
        "buffers-many": "/buffers?view=Many+at+once&channel=eBay",
        "buffers-file": "/buffers?view=From+a+file",
        "reservations": "/buffers?view=Reservations",
        "listing-maxima": "/buffers?view=Listing+maxima",
        "back-test": "/buffers?view=Back-test&channel=eBay&sku=TEX-0069",
        "scorecards": "/scorecards",
        "scorecard-metric": "/scorecards?metric=amazon:amazon-late-shipment-30d",
        "scorecards-bad-link": "/scorecards?metric=amazon:no-such&channel=Nowhere",
        "returns": "/returns",
        "returns-behind": "/returns?group=Late&by=Reason",
        "returns-bad-link": "/returns?channel=Nowhere&by=Nothing&weeks=7",
        "demand": "/demand",
        "demand-sku": "/demand?sku=TEX-0069&channel=amazon",
        "demand-bad-link": "/demand?sku=NO-SUCH&channel=Nowhere",
        "import": "/import",
        "jobs": "/jobs",
        "live-stock-nothing": "/stock?q=zzzz",
        "live-stock-bad-link": "/stock?channel=Nowhere&sku=NO-SUCH&page=77",
    },
    "scene": {"overview": "/", "demand": "/demand", "live-stock-explained": "/stock?sku=CHAIR-000", **INBOX},
    "empty": {
        "overview": "/",
        "live-stock": "/stock",
        "demand": "/demand",
        "buffers": "/buffers",
        "scorecards": "/scorecards",
        "returns": "/returns",
        "inbox": "/inbox",
        "jobs": "/jobs",
    },
}


def stores(folder: Path) -> dict[str, str]:
    """The addresses of the stores that are pictured, made again. The demo ends now, so that its channels are not stale."""
    urls = {name: f"sqlite:///{folder / name}.db" for name in VIEWS}
    build_demo(urls["demo"], "small", SEED, datetime.now(UTC).date(), folder / "truth")
    for name in ("scene", "empty"):
        engine = open_engine(urls[name])
        create_store(engine)
        if name == "scene":
            scene.build(engine)
        engine.dispose()
    return urls


def forecast(url: str, folder: Path) -> None:
    """A finished forecast of a store, where the app that serves it from `folder` looks for it."""
    environment = {**os.environ, "ONHAND_DATABASE_URL": url, "ONHAND_VAR_DIR": str(folder / "var")}
    subprocess.run([sys.executable, "-m", "dashboard.cli", "forecast", "run"], env=environment, cwd=ROOT, check=True)


def take(page: Page, address: str, path: Path) -> None:
    """One picture of the whole page."""
    open_page(page, address)
    page.wait_for_timeout(1_500)
    page.evaluate(f"document.querySelector('{SCROLLER}').scrollTo(0, 0)")
    width = page.viewport_size["width"] if page.viewport_size else DESKTOP["width"]
    height = int(page.evaluate(f"document.querySelector('{SCROLLER}').scrollHeight"))
    before = page.viewport_size
    page.set_viewport_size({"width": width, "height": min(height + 40, 4_000)})
    page.wait_for_timeout(700)
    page.screenshot(path=path)
    if before:
        page.set_viewport_size(before)


def take_all(browser: Browser, folder: Path) -> None:
    """All pictures of all stores."""
    for name, url in stores(folder).items():
        (folder / name).mkdir()
        if name == "demo":
            forecast(url, folder / name)
        with serving(url, folder / name) as address:
            for size, viewport in (("desktop", DESKTOP), ("phone", PHONE)):
                for scheme in ("light", "dark"):
                    context = browser.new_context(viewport=viewport, color_scheme=scheme, reduced_motion="reduce")  # type: ignore[arg-type]
                    page = context.new_page()
                    page.set_default_timeout(60_000)
                    for view, path in VIEWS[name].items():
                        take(page, f"{address}{path}", ALL / f"{name}-{view}.{size}-{scheme}.png")
                    context.close()


def main() -> None:
    """Take the pictures; the README's are cut to one screen."""
    ALL.mkdir(parents=True, exist_ok=True)
    README.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser = launch(playwright)
        if browser is None:
            sys.exit("No Chromium was found: install chromium, or run `playwright install chromium`.")
        take_all(browser, Path(folder))
        browser.close()
    for source, target in CHOSEN.items():
        shutil.copyfile(ALL / f"{source}.png", README / f"{target}.png")
    sys.stdout.write(f"Pictures are in {ALL}; the README's are in {README}.\n")


if __name__ == "__main__":
    main()
