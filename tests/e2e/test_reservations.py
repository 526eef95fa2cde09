"""Reservations and maxima of listings in a browser: previewed, saved, undone; what is wrong is said, and nothing typed is lost."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa
from playwright.sync_api import Browser, Error, Page, expect
from sqlalchemy.engine import Engine

from data_access.commands.listings import MaximumChange, set_maximum
from data_access.commands.people import add_user
from data_access.commands.reservations import save
from data_access.domain.reservation_rules import ReservationDraft
from data_access.engine import open_engine
from data_access.queries import buffers as queries
from data_access.schema.audit import audit_entry
from data_access.write.permissions import COMMAND_LINE
from tests.e2e import scene
from tests.e2e.conftest import DESKTOP, PHONE
from tests.e2e.driving import (
    choose,
    click_at,
    click_row,
    grid,
    open_page,
    overflow,
    press,
    resting_place,
    row_with,
    settled,
    violations,
    wait_until,
)

OPS = "Olga · ops"
RESERVATIONS = "buffers?view=Reservations"
LISTINGS = "buffers?view=Listing+maxima"
TABLE = "buffers-listings-table"
SAVED = "Saved. Channel availability is updating."


def company(url: str) -> Engine:
    engine = open_engine(url)
    scene.build(engine)
    for name, role in (("Olga", "ops"), ("Omar", "ops"), ("Vic", "viewer")):
        add_user(engine, name, role, COMMAND_LINE)
    save(engine, ReservationDraft("LAMP-006", 7, False, ("web",), (), "campaign"), COMMAND_LINE)
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


def box(reservation: str, field: str) -> str:
    return f"[class*=st-key-buffers-reservation-{reservation}-v][class*=-{field}] input"


def write(page: Page, reservation: str, field: str, text: str) -> None:
    typed = page.locator(box(reservation, field))
    typed.fill(text)
    typed.press("Enter")
    settled(page)


def stored(engine: Engine) -> list[tuple[object, ...]]:
    return queries.reservation_rows(engine).select("sku", "units", "channel_ids", "location_ids", "version").rows()


def audits(engine: Engine) -> int:
    with engine.connect() as connection:
        return int(connection.execute(sa.select(sa.func.count()).select_from(audit_entry)).scalar_one())


def watched(browser: Browser, address: str, sku: str, channel: str) -> tuple[Page, int]:
    """Live stock in a window of its own, and what the channel may sell of a SKU."""
    page = browser.new_context(viewport=DESKTOP).new_page()  # type: ignore[arg-type]
    open_page(page, f"{address}/stock?sku={sku}&channel={channel}")
    sentence = page.get_by_text(re.compile(rf"{channel} may sell (\d+) units")).first.inner_text()
    return page, int(re.findall(r"may sell (\d+)", sentence)[0])


def type_maximum(page: Page, listing: str, text: str) -> None:
    """Type a listing's maximum into the table, of which all rows are in view."""
    page.locator(f".st-key-{TABLE} td").get_by_text(listing, exact=True).wait_for(state="attached")
    select_maximum(page, listing, "Enter")
    cell = page.locator("#portal input")
    cell.fill(text)
    cell.press("Enter")
    settled(page)


def select_maximum(page: Page, listing: str, key: str) -> None:
    """Go to a listing's maximum, and press a key there: Enter to type, Delete to clear it."""
    left, top = resting_place(page, TABLE)
    rows = [row["Listing"] for row in grid(page, TABLE)]
    table = page.locator(f".st-key-{TABLE} [data-testid=stDataFrame]").bounding_box()
    assert table is not None
    click_at(page, left + 30, top + table["height"] / (len(rows) + 1) * (rows.index(listing) + 1.5))
    for column in (1, 2):
        expect_selected(page, rows.index(listing), column)
        page.keyboard.press("ArrowRight")
    expect_selected(page, rows.index(listing), 3)
    page.keyboard.press(key)


def expect_selected(page: Page, row: int, column: int) -> None:
    """Wait until a cell of the table is the selected one: the canvas takes keys only then."""
    cell = page.locator(f".st-key-{TABLE} tbody tr").nth(row).locator("td").nth(column - 1)
    expect(cell).to_have_attribute("aria-selected", "true")


def expect_maxima(page: Page, expected: dict[str, str]) -> None:
    """Wait until the table shows these, and nothing else that is not empty."""

    def seen() -> bool:
        try:
            return {row["Listing"]: row["Maximum (units)"] for row in grid(page, TABLE) if row["Maximum (units)"]} == expected
        except Error:  # it was drawn again just then
            return False

    wait_until(page, seen, f"the maxima {expected}")


def test_a_reservation_is_previewed_and_saved_and_live_stock_follows(browser: Browser, page: Page, address: str, store: Engine) -> None:
    watching, before = watched(browser, address, "DESK-001", "eBay")
    open_page(page, f"{address}/{RESERVATIONS}")
    be(page, OPS)
    press(page, "New reservation")
    write(page, "new", "sku", "DESK-001")
    choose(page, "buffers-reservation-new-v0-channel_ids", "Amazon")
    write(page, "new", "units", "10")
    # 4 of the 10 are allocated to Amazon's own open order
    expect(page.get_by_text(f"eBay: 1 SKU from {before} to {before - 6} units available to sell.")).to_be_visible()
    write(page, "new", "reason", "prime week")
    press(page, "Save")
    expect(page.get_by_text(SAVED)).to_be_visible()
    expect(watching.get_by_text(f"eBay may sell {before - 6} units")).to_be_visible()
    expect(watching.get_by_text("units are reserved for other channels").first).to_be_visible()
    expect(watching.get_by_text("Reserved for other channels").first).to_be_visible()
    watching.context.close()
    assert ("DESK-001", 10, ["amazon"], [], 1) in stored(store)
    row = row_with(page, "buffers-reservations-grid", {"SKU": "DESK-001"})
    cells = [row[name] for name in ("Keeps", "For channels", "At locations", "State", "Kept now (units)", "Withheld now (units)")]
    assert cells == ["10 units", "Amazon", "All that serve these channels", "✓ Active", "6", "6"]


def test_bad_input_is_said_and_nothing_is_saved(page: Page, address: str, store: Engine) -> None:
    before, entries = stored(store), audits(store)
    open_page(page, f"{address}/{RESERVATIONS}")
    be(page, OPS)
    press(page, "New reservation")
    for field, text, sentence in (
        ("reason", "why not", "Choose the SKU that is reserved."),
        ("sku", "DESK-009", "Choose the channels that the units are kept for."),
        ("units", "many", "“many” is not a whole number of units: write one like 5."),
        ("units", "2.5", "“2.5” is not a whole number of units: write one like 5."),
        ("units", "0", "0 is too few: give 1 or more units."),
        ("units", "-3", "-3 is too few: give 1 or more units."),
        ("units", "2000000", "2,000,000 units is more than a reservation may keep (1,000,000): give less, or reserve all of them."),
    ):
        write(page, "new", field, text)
        press(page, "Save")
        expect(page.locator(".stAlert").get_by_text(sentence).first).to_be_visible()
        expect(page.locator(box("new", field))).to_have_value(text)
    choose(page, "buffers-reservation-new-v0-channel_ids", "eBay")
    write(page, "new", "units", "4")
    for sku, sentence in (
        ("NO-SUCH", "There is no SKU “NO-SUCH” in this store: choose one of those listed."),
        (scene.KIT, f"“{scene.KIT}” is a kit and lies nowhere itself: reserve its components."),
        ("LAMP-006", ""),
    ):
        write(page, "new", "sku", sku)
        if not sentence:
            choose(page, "buffers-reservation-new-v0-location_ids", "Soho shop")
            sentence = "None of these locations serves the channels it is for: choose one that does, or none."
        press(page, "Save")
        expect(page.locator(".stAlert").get_by_text(sentence)).to_be_visible()
        expect(page.locator(box("new", "sku"))).to_have_value(sku)
    assert (stored(store), audits(store)) == (before, entries)


def test_who_may_not_only_looks(page: Page, address: str) -> None:
    open_page(page, f"{address}/{RESERVATIONS}")
    be(page, "Vic · viewer")
    expect(page.get_by_role("button", name="New reservation")).to_have_count(0)
    rows = [row["SKU"] for row in grid(page, "buffers-reservations-grid")]
    opened = page.get_by_role("heading", name="LAMP-006 for Web shop: what is kept")
    click_row(page, rows.index("LAMP-006"), "buffers-reservations-grid")
    expect(opened).to_be_visible()
    expect(page.get_by_text("Changes of this reservation")).to_be_visible()
    for name in ("Save", "Remove", "Undo the last change"):
        expect(page.get_by_role("button", name=name, exact=True)).to_have_count(0)
    expect(page).to_have_url(re.compile("reservation=LAMP-006"))
    open_page(page, f"{address}/{LISTINGS}&find=LAMP-006")
    be(page, "Vic · viewer")
    expect(page.get_by_text("4 listings")).to_be_visible()
    assert "SKU" in grid(page, TABLE)[0]
    expect(page.locator(f".st-key-{TABLE} th").get_by_text("Maximum")).to_have_count(1)
    select_maximum(page, "EBAY-LAMP-006", "Enter")
    expect(page.locator("#portal input:not([readonly]):not([disabled])")).to_have_count(0)


def test_a_link_to_what_is_gone_says_so(page: Page, address: str) -> None:
    open_page(page, f"{address}/{RESERVATIONS}&reservation=1")
    expect(page.get_by_text("The reservation that the link asks for is not there any more: choose another.")).to_be_visible()
    open_page(page, f"{address}/{LISTINGS}&listing=none&listed=web")
    expect(page.get_by_text("The listing that the link asks for is not there any more: choose another.")).to_be_visible()
    assert {row["Channel"] for row in grid(page, TABLE)} == {"Web shop"}
    open_page(page, f"{address}/{LISTINGS}&listed=moon")
    expect(page.get_by_text("The link asks for the channel “moon”, which this store does not have.")).to_be_visible()


def test_two_people_at_one_reservation(browser: Browser, app: Callable[[str], str], store_url: str) -> None:
    engine = company(store_url)
    address = app(store_url)
    key = str(queries.reservation_rows(engine)["reservation_id"][0])
    pages = []
    for who in (OPS, "Omar · ops"):
        page = browser.new_context(viewport=DESKTOP).new_page()  # type: ignore[arg-type]
        open_page(page, f"{address}/{RESERVATIONS}&reservation={key}")
        be(page, who)
        pages.append(page)
    first, second = pages
    write(second, key, "units", "9")
    write(first, key, "units", "4")
    choose(first, f"buffers-reservation-{key}-v1-location_ids", "Leeds 3PL")
    press(first, "Save")
    expect(first.get_by_text(SAVED)).to_be_visible()
    expect(second.get_by_text("Someone changed this reservation since you opened it.")).to_be_visible()
    differing = {row.pop("Field"): list(row.values()) for row in grid(second, f"buffers-reservation-{key}-differ")}
    anywhere = "All that serve these channels"
    assert differing == {"Keep": ["7 units", "4 units", "9 units"], "At locations": [anywhere, "Leeds 3PL", anywhere]}
    expect(second.locator(box(key, "units"))).to_have_value("9")
    assert stored(engine) == [("LAMP-006", 4, ["web"], ["LEE"], 2)]
    press(second, "Overwrite with mine")
    expect(second.get_by_text(SAVED)).to_be_visible()
    assert stored(engine) == [("LAMP-006", 9, ["web"], [], 3)]
    assert queries.history(engine, int(key), entity="reservation")["actor"].to_list() == ["Omar", "Olga", COMMAND_LINE]
    removed_and_undone(first, second, key, engine)
    for page in pages:
        page.context.close()
    engine.dispose()


def reopen(page: Page) -> None:
    """Open it again after saving has closed it. Until the browser has learned of that, choosing the same label is no change for it."""
    expect(page.locator(".st-key-reservation input")).to_have_value("")
    choose(page, "reservation", "LAMP-006 for Web shop")
    expect(page.get_by_text("Changes of this reservation")).to_be_visible()


def removed_and_undone(first: Page, second: Page, key: str, engine: Engine) -> None:
    """One takes it away while the other types: that one can save it again; the removal can be undone."""
    reopen(first)
    reopen(second)
    write(first, key, "units", "12")
    press(second, "Remove")
    press(second, "Remove the reservation")
    expect(second.get_by_text("Say why the reservation goes, in at most 500 characters.")).to_be_visible()
    second.get_by_label("Reason for removal").fill("sold out")
    press(second, "Remove the reservation")
    expect(second.get_by_text("The reservation is removed. Its history stays in the audit.")).to_be_visible()
    assert stored(engine) == []
    expect(first.get_by_text("Someone removed this reservation since you opened it.")).to_be_visible()
    expect(first.locator(box(key, "units"))).to_have_count(1)
    expect(first.locator(box(key, "units"))).to_have_value("12")
    press(first, "Save as a new one")
    expect(first.get_by_text(SAVED)).to_be_visible()
    assert stored(engine) == [("LAMP-006", 12, ["web"], [], 1)]
    press(second, "Undo the last change")
    expect(second.get_by_text("There is a reservation for exactly this already: change that one.")).to_be_visible()
    reopen(first)
    press(first, "Undo the last change")  # it was added: it goes again
    expect(first.get_by_text("The last change is undone.")).to_be_visible()
    press(second, "Undo the last change")
    expect(second.get_by_text("The last change is undone.")).to_be_visible()
    assert [row[:4] for row in stored(engine)] == [("LAMP-006", 9, ["web"], [])]


def test_theirs_is_taken_though_it_is_called_otherwise_now(page: Page, address: str, store: Engine) -> None:
    key = save(store, ReservationDraft("LAMP-010", 3, False, ("web",), (), "campaign"), COMMAND_LINE)
    open_page(page, f"{address}/{RESERVATIONS}&reservation={key}")
    be(page, OPS)
    write(page, str(key), "units", "5")
    save(store, ReservationDraft("LAMP-010", 2, False, ("web",), ("LEE",), "campaign"), COMMAND_LINE, key, 1)
    expect(page.get_by_text("Someone changed this reservation since you opened it.")).to_be_visible()
    write(page, str(key), "units", "6")
    expect(page.locator(box(str(key), "units"))).to_have_value("6")
    press(page, "Discard mine")
    expect(page.get_by_role("heading", name="LAMP-010 for Web shop at Leeds 3PL: what is kept")).to_be_visible()
    expect(page.locator(box(str(key), "units"))).to_have_count(1)  # those of before are gone
    expect(page.locator(box(str(key), "units"))).to_have_value("2")
    expect(page.get_by_role("button", name="Save", exact=True)).to_be_visible()


def test_a_maximum_caps_the_channel_until_it_is_undone(browser: Browser, page: Page, address: str, store: Engine) -> None:
    watching, before = watched(browser, address, "SHELF-007", "eBay")
    open_page(page, f"{address}/{LISTINGS}")
    be(page, OPS)
    expect(page.get_by_text("The first 200 of 260 listings, those with a maximum first: search to see others.")).to_be_visible()
    choose(page, "listed", "eBay")
    page.get_by_label("SKU or listing id").fill("shelf-007")
    page.get_by_label("SKU or listing id").press("Enter")
    settled(page)
    type_maximum(page, "EBAY-SHELF-007", "3")
    expect(page.get_by_text(f"eBay: 1 SKU from {before} to 3 units available to sell.")).to_be_visible()
    press(page, "Save")
    expect(page.get_by_text("Say why the maximum changes, in at most 500 characters.")).to_be_visible()
    expect_maxima(page, {"EBAY-SHELF-007": "3"})
    page.get_by_label("Reason").fill("looks scarce")
    press(page, "Save")
    expect(page.get_by_text(SAVED)).to_be_visible()
    expect(watching.get_by_text("eBay may sell 3 units")).to_be_visible()
    expect(watching.get_by_text("the listing's maximum caps it").first).to_be_visible()
    choose(page, "listing", "eBay · EBAY-SHELF-007")
    press(page, "Undo the last change")
    expect(page.get_by_text("The last change is undone.")).to_be_visible()
    expect(watching.get_by_text(f"eBay may sell {before} units")).to_be_visible()
    expect_maxima(page, {})
    expect(page).to_have_url(re.compile("listed=eBay&find=shelf-007&listing=eBay"))
    watching.context.close()
    changed = queries.listings(store).filter(queries.listings(store)["version"] > 1)
    assert changed.select("external_sku", "maximum", "version").rows() == [("EBAY-SHELF-007", None, 3)]


def test_what_is_typed_for_listings_outlasts_searching_and_other_people(page: Page, address: str, store: Engine) -> None:
    listed = {row["external_sku"]: row for row in queries.listings(store).iter_rows(named=True)}
    open_page(page, f"{address}/{LISTINGS}&find=DESK-013")
    be(page, OPS)
    type_maximum(page, "EBAY-DESK-013", "6")
    page.get_by_label("SKU or listing id").fill("desk-017")
    page.get_by_label("SKU or listing id").press("Enter")
    settled(page)
    type_maximum(page, "WEB-DESK-017", "5")
    expect(page.get_by_text("2 maxima to be saved")).to_be_visible()
    other = listed["EBAY-DESK-013"]
    set_maximum(store, [MaximumChange(other["listing_id"], 2, other["version"])], COMMAND_LINE, "theirs")
    expect(page.get_by_text("Someone changed 1 listing of these since you typed. What you typed is still here:")).to_be_visible()
    row = grid(page, "buffers-listings-differ")[0]
    assert list(row.values()) == ["eBay · EBAY-DESK-013", "no maximum", "2 units", "6 units"]
    page.get_by_label("Reason").fill("mine")
    press(page, "Overwrite with mine")
    expect(page.get_by_text(SAVED)).to_be_visible()
    now = {row["external_sku"]: row["maximum"] for row in queries.listings(store).iter_rows(named=True)}
    assert (now["EBAY-DESK-013"], now["WEB-DESK-017"]) == (6, 5)
    expect(page.locator(f".st-key-{TABLE} tbody tr").first).to_contain_text("WEB-DESK-017")  # with a maximum, it comes first
    cleared = page.get_by_text("1 maximum to be saved")
    select_maximum(page, "WEB-DESK-017", "Delete")
    expect(cleared).to_be_visible()
    type_maximum(page, "TILL-DESK-017", "4")
    expect(page.get_by_text("2 maxima to be saved")).to_be_visible()
    press(page, "Discard all")
    expect(page.get_by_text("to be saved")).to_have_count(0)
    expect_maxima(page, {"WEB-DESK-017": "5"})


def test_theirs_is_taken_and_the_rest_of_what_is_typed_stays(page: Page, address: str, store: Engine) -> None:
    listed = {row["external_sku"]: row for row in queries.listings(store).iter_rows(named=True)}
    open_page(page, f"{address}/{LISTINGS}&find=DESK-021")
    be(page, OPS)
    type_maximum(page, "EBAY-DESK-021", "6")
    type_maximum(page, "WEB-DESK-021", "7")
    other = listed["EBAY-DESK-021"]
    set_maximum(store, [MaximumChange(other["listing_id"], 2, other["version"])], COMMAND_LINE, "theirs")
    press(page, "Discard mine")
    expect(page.get_by_text("1 maximum to be saved")).to_be_visible()
    expect_maxima(page, {"EBAY-DESK-021": "2", "WEB-DESK-021": "7"})


def test_a_link_opens_the_listings_that_it_filters(page: Page, address: str) -> None:
    open_page(page, f"{address}/{LISTINGS}&listed=eBay&find=shelf-007")
    expect(page.get_by_label("SKU or listing id")).to_have_value("shelf-007")
    assert [row["Listing"] for row in grid(page, TABLE)] == ["EBAY-SHELF-007"]


def is_well_made(page: Page) -> bool:
    """Whether axe finds nothing serious, and the page is no wider than the window."""
    settled(page)
    return violations(page) == [] and overflow(page) == 0


@pytest.mark.parametrize(("size", "scheme"), [(DESKTOP, "light"), (PHONE, "dark")], ids=["desktop", "phone"])
def test_the_views_are_accessible_and_fit_a_phone(browser: Browser, address: str, size: dict[str, int], scheme: str) -> None:
    page = browser.new_context(viewport=size, color_scheme=scheme, reduced_motion="reduce").new_page()  # type: ignore[arg-type]
    open_page(page, f"{address}/{RESERVATIONS}")
    be(page, OPS)
    choose(page, "reservation", "LAMP-006 for Web shop")
    expect(page.get_by_text("Changes of this reservation")).to_be_visible()
    assert is_well_made(page)
    open_page(page, f"{address}/{LISTINGS}&find=LAMP-006&listing=eBay+·+EBAY-LAMP-006")
    be(page, OPS)
    type_maximum(page, "EBAY-LAMP-006", "3")
    expect(page.get_by_text("1 maximum to be saved")).to_be_visible()
    expect(page.get_by_text("Changes of this listing's maximum")).to_be_visible()
    assert is_well_made(page)
    page.context.close()
