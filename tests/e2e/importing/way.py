"""The way through the Import page: the first steps, dropping files, importing them."""

from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Page, expect
from sqlalchemy.engine import Engine

from tests.e2e.driving import open_page, press, settled


@dataclass(frozen=True, slots=True)
class NewStore:
    """An empty store, the app that serves it, and a folder for files."""

    engine: Engine
    address: str
    folder: Path


def begin(page: Page, store: NewStore) -> None:
    """Take the first steps."""
    open_page(page, f"{store.address}/import")
    for name, text in (("Your name", "Ann"), ("First location", "Main warehouse"), ("First channel", "Web shop")):
        page.get_by_role("textbox", name=name, exact=True).fill(text)
    press(page, "Begin")
    expect(page.get_by_text("Ann is the admin.", exact=False)).to_be_visible()


def drop(page: Page, *paths: Path) -> None:
    """Drop files, and wait until they are read or refused."""
    settled(page)
    page.locator("[data-testid=stFileUploaderDropzoneInput]").set_input_files(list(paths))
    expect(page.locator("[data-testid=stFileUploaderFile]")).to_have_count(0)
    expect(page.get_by_test_id("stAlert").first).to_be_visible()
    settled(page)


def run(page: Page, name: str, figures: str) -> None:
    """Import the file that is shown, and see what became of its rows."""
    press(page, "Import")
    expect(page.get_by_text(f"{name} is imported. {figures}", exact=True)).to_be_visible()
    press(page, "Close")
