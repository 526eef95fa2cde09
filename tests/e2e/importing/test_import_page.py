"""The Import page, in a browser: from an empty store to live stock, a later export, and an import taken back."""

import zipfile

from playwright.sync_api import Page, expect

from data_access.imports.table_import import import_table
from data_access.queries.verification.verify import verify
from tests.data_access.import_files import one, table, write
from tests.e2e.driving import choose, grid, open_page, overflow, press, row_with, settled, violations
from tests.e2e.importing.way import NewStore, begin, drop, run

PRODUCTS = ["sku,name,price,currency", "PAN,Pan,12.50,EUR", "POT,Pot,30,EUR"]
COUNTS = ["sku,location_id,quantity,counted_at", "PAN,main-warehouse,100,2026-11-01 00:00", "POT,main-warehouse,50,2026-11-01 00:00"]
HEADER = (
    "Name,Email,Financial Status,Fulfillment Status,Fulfilled at,Currency,Created at,Lineitem quantity,Lineitem name,"
    "Lineitem price,Lineitem sku,Lineitem requires shipping,Lineitem fulfillment status,Cancelled at"
)
ORDERS = [
    HEADER,
    "#1,ann@example.com,paid,fulfilled,2026-11-03 10:00:00 +0100,EUR,2026-11-02 10:00:00 +0100,2,Pan,12.50,PAN,true,fulfilled,",
    "#2,bob@example.com,paid,,,EUR,2026-11-02 23:30:00 +0100,3,Pot,30.00,POT,true,pending,",
    "#3,cy@example.com,paid,,,EUR,2026-11-02 23:30:00 +0100,1,Glass lid,3.00,LID,true,pending,",
]
LATER = [HEADER, ORDERS[1], ORDERS[2].replace("paid,,,", "paid,fulfilled,2026-11-05 08:00:00 +0100,").replace(",pending,", ",fulfilled,")]
LEVELS = "select sku, on_hand, allocated from stock_level where on_hand > 0 or allocated > 0 order by 1"


def test_from_an_empty_store_to_live_stock_and_back(page: Page, new_store: NewStore) -> None:
    begin(page, new_store)
    assert table(new_store.engine, "select name, role from app_user") == [("Ann", "admin")]
    folder = new_store.folder
    with zipfile.ZipFile(folder / "export.zip", "w") as archive:
        archive.write(write(folder / "counts.csv", COUNTS[0], *COUNTS[1:]), "export/counts.csv")
        archive.write(write(folder / "products.csv", PRODUCTS[0], *PRODUCTS[1:]), "export/products.csv")
    drop(page, folder / "export.zip", write(folder / "orders.csv", ORDERS[0], *ORDERS[1:]))
    expect(page.get_by_text("3 files, in the order in which they are best imported.")).to_be_visible()
    run(page, "products.csv", "2 rows read = 2 imported.")
    expect(page.get_by_text("2 rows: 2 new", exact=True)).to_be_visible()
    assert grid(page, "import-moves") == [
        {"Location": "Main warehouse", "Movement": "+ Counted more than the stock now", "Rows": "2", "Units": "150"}
    ]
    run(page, "counts.csv", "2 rows read = 2 imported.")

    expect(page.get_by_text("3 rows: 3 to the inbox", exact=True)).to_be_visible()
    expect(page.get_by_text("3 codes are unknown on Web shop.", exact=False)).to_be_visible()
    assert "example.com" not in page.content()
    assert violations(page) == []
    press(page, "Settle these codes")
    expect(page.get_by_text("3 rows: 3 new", exact=True)).to_be_visible()
    moves = {row["Movement"]: row["Units"] for row in grid(page, "import-moves")}
    assert moves == {"- Shipped": "2", "○ Reserved for open orders, or backordered": "4"}
    placed = {"Units": "3", "State": "To ship", "Placed (UTC)": "2026-11-02 22:30:00"}
    row_with(page, "import-rows", {"Order": "#2", "SKU": "POT", **placed})
    run(page, "orders.csv", "3 rows read = 3 imported.")
    assert table(new_store.engine, LEVELS) == [("PAN", 98, 0), ("POT", 50, 3)]
    assert table(new_store.engine, "select sku, backordered from backorder_level where backordered > 0") == [("LID", 1)]

    page.get_by_role("link", name="Live stock").click()
    assert {one["SKU"]: one["On hand (units)"] for one in grid(page)} == {"PAN": "98", "POT": "50", "LID": "0"}
    page.get_by_role("link", name="Import", exact=True).click()
    drop(page, write(folder / "later.csv", LATER[0], *LATER[1:]))
    expect(page.get_by_text("2 rows: 1 may change what is known; 1 known already", exact=True)).to_be_visible()
    run(page, "later.csv", "2 rows read = 1 updated + 1 known already.")
    assert table(new_store.engine, LEVELS) == [("PAN", 98, 0), ("POT", 47, 0)]

    run_id = one(new_store.engine, "select id from import_run where file_name = 'later.csv'")
    open_page(page, f"{new_store.address}/import?import_run={run_id}")
    page.locator(".st-key-user-choice input").click()
    page.get_by_role("option", name="Ann · admin").click()
    settled(page)
    page.get_by_text("Take back", exact=True).click()
    expect(page.get_by_text("3 units come back to the stock, 0 go from it.", exact=False)).to_be_visible()
    press(page, f"Take back import {run_id}")
    expect(page.get_by_text(f"Import {run_id} (later.csv) is taken back", exact=False)).to_be_visible()
    assert table(new_store.engine, LEVELS) == [("PAN", 98, 0), ("POT", 50, 3)]
    assert verify(new_store.engine).differences == 0
    assert violations(page) == []


def remove(page: Page) -> None:
    """Remove the file that is shown; the next is dropped where it was only when it is gone."""
    press(page, "Remove this file")
    expect(page.get_by_role("button", name="Remove this file")).to_have_count(0)


def test_bad_input_gets_a_sentence_each(page: Page, new_store: NewStore) -> None:
    begin(page, new_store)
    folder = new_store.folder
    (folder / "photo.csv").write_bytes(b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR")
    drop(page, folder / "photo.csv")
    expect(page.get_by_text("photo.csv is neither text nor a workbook: save the table as CSV, XLSX or ODS.")).to_be_visible()
    remove(page)
    drop(page, write(folder / "wide.csv", ",".join(f"c{number}" for number in range(2_000))))
    expect(page.get_by_text("wide.csv has a header of 2,000 columns, more than 1,000", exact=False)).to_be_visible()
    remove(page)
    with zipfile.ZipFile(folder / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("zeros.csv", bytes(201_000_000))
    drop(page, folder / "bomb.zip")
    expect(
        page.get_by_text("With zeros.csv these are more than 200 MB unpacked, the most that this page takes", exact=False)
    ).to_be_visible()
    assert list((folder / "var" / "imports").iterdir()) == []
    expect(page.get_by_text("Nothing has been imported yet.")).to_be_visible()
    assert violations(page) == []


def test_who_may_not_import_is_told_who_may(page: Page, new_store: NewStore) -> None:
    from data_access.commands.people import add_user
    from data_access.write.permissions import COMMAND_LINE

    add_user(new_store.engine, "Otto", "ops", COMMAND_LINE)
    open_page(page, f"{new_store.address}/import")
    page.locator(".st-key-user-choice input").click()
    page.get_by_role("option", name="Otto · ops").click()
    expect(page.get_by_text("To import files, you need the role planner, manager or admin.")).to_be_visible()
    expect(page.locator("[data-testid=stFileUploaderDropzoneInput]")).to_have_count(0)


def test_the_import_page_fits_a_phone(phone: Page, new_store: NewStore) -> None:
    begin(phone, new_store)
    assert overflow(phone) == 0
    drop(phone, write(new_store.folder / "orders.csv", ORDERS[0], *ORDERS[1:]))
    expect(phone.get_by_text("3 rows: 3 to the inbox", exact=True)).to_be_visible()
    settled(phone)
    assert overflow(phone) == 0


FOREIGN = [
    "Belegnr;Artikel;Bezeichnung;Menge;Preis;Datum;Status;Customer",
    "R-1;PAN;Pan;2;12,50;02.11.2026 10:00;versandt;Ann Example",
    "R-2;POT;Pot;3;1.030,00;13.11.2026 23:30;offen;Bob Example",
]


def test_a_foreign_file_is_read_by_columns_that_a_person_confirms(page: Page, new_store: NewStore) -> None:
    begin(page, new_store)
    import_table(new_store.engine, "products", write(new_store.folder / "products.csv", PRODUCTS[0], *PRODUCTS[1:]))
    drop(page, write(new_store.folder / "till.csv", FOREIGN[0], *FOREIGN[1:]))
    expect(page.get_by_text("Say what its columns are.", exact=False)).to_be_visible()
    expect(page.get_by_text("Still needed: Order, Channel's code of the item.", exact=True)).to_be_visible()
    assert [row["Customer"] for row in grid(page, "import-sample")] == ["•••", "•••"]
    assert violations(page) == []
    key = page.locator("[class*='st-key-import-foreign-'][class*='-orders-order']").first.get_attribute("class")
    assert key is not None
    prefix = next(part for part in key.split() if part.startswith("st-key-import-foreign-")).removeprefix("st-key-").removesuffix("-order")
    for ours, theirs in (
        ("order", "Belegnr"),
        ("external_sku", "Artikel"),
        ("title", "Bezeichnung"),
    ):
        choose(page, f"{prefix}-{ours}", theirs)
    expect(page.get_by_text("What each status means")).to_be_visible()
    page.get_by_role("textbox", name="Name of the mapping").fill("till-orders")
    page.get_by_role("textbox", name="Name of the mapping").press("Tab")
    press(page, "Keep this mapping")
    expect(page.get_by_text("The mapping till-orders is kept, also for the command line", exact=False)).to_be_visible()
    press(page, "Settle these codes")
    expect(page.get_by_text("2 rows: 2 new", exact=True)).to_be_visible()
    row_with(page, "import-rows", {"Order": "R-2", "SKU": "POT", "Units": "3", "Unit price": "1030"})
    run(page, "till.csv", "2 rows read = 2 imported.")
    lines = "select order_ref, sku, quantity, unit_price, o.channel_id from order_line l join sales_order o on o.id = order_id order by 1"
    assert table(new_store.engine, lines) == [("R-1", "PAN", 2, 125_000, "web-shop"), ("R-2", "POT", 3, 10_300_000, "web-shop")]
    assert one(new_store.engine, "select actor from audit_entry where action = 'save_mapping'") == "Ann"
