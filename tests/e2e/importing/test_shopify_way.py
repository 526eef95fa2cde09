"""From an empty store to live stock by a shop's own exports, in a browser: products, inventory, orders, a later export, and an import taken
back. No file is written by hand, and nothing is typed but names.
"""

import datetime as dt
from pathlib import Path

from playwright.sync_api import Page, expect

from data_access.queries.verification.verify import verify
from tests.data_access.import_files import one, table, write
from tests.data_access.imports.channel_files.exports import NEW, STOCK_2024, line, stock
from tests.e2e.driving import choose, grid, open_page, press, row_with, settled, violations
from tests.e2e.importing.way import NewStore, begin, drop, run

HEADER = (
    "Name,Email,Financial Status,Paid at,Fulfillment Status,Fulfilled at,Accepts Marketing,Currency,Subtotal,Created at,Lineitem quantity,"
    "Lineitem name,Lineitem price,Lineitem sku,Lineitem requires shipping,Lineitem fulfillment status,Billing Name,Cancelled at"
)
LEVELS = "select location_id, sku, on_hand, unsellable, allocated from stock_level where on_hand > 0 or allocated > 0 order by 1, 2"


def item(handle: str, title: str, sku: str, price: str, quantity: str, size: str = "") -> str:
    options = {"Option1 name": "Size" if size else "Title", "Option1 value": size or "Default Title"}
    stocked = {"Inventory tracker": "shopify", "Inventory quantity": quantity}
    return line(NEW, {"URL handle": handle, "Title": title, "SKU": sku, "Price": price, "Type": "Clothing", **options, **stocked})


def order(number: str, sku: str, quantity: str, shipped: str = "", first: bool = True) -> str:
    placed, state = "2026-11-20 09:00:00 +0100", "fulfilled" if shipped else ""
    of_order = {
        "Email": "ann@example.com",
        "Financial Status": "paid",
        "Fulfillment Status": state,
        "Fulfilled at": shipped,
        "Currency": "EUR",
        "Billing Name": "Ann Example",
    }
    of_line = {"Created at": placed, "Lineitem quantity": quantity, "Lineitem name": sku.title(), "Lineitem price": "20.00"}
    state = state or "pending"
    more = {"Lineitem sku": sku, "Lineitem requires shipping": "true", "Lineitem fulfillment status": state}
    return line(HEADER, {"Name": number, **(of_order if first else {}), **of_line, **more})


PRODUCTS = [
    NEW,
    item("tee", "Linen tee", "TEE-S", "24.00", "8", "S"),
    item("tee", "", "TEE-M", "24.00", "4", "M"),
    item("cap", "Cap", "CAP", "15.00", "30"),
]
INVENTORY = [
    STOCK_2024,
    stock(STOCK_2024, "TEE-S", "12 Mill Lane", on_hand="10", available="8", committed="2"),
    stock(STOCK_2024, "TEE-M", "12 Mill Lane", on_hand="4", available="4"),
    stock(STOCK_2024, "CAP", "12 Mill Lane", on_hand="33", available="30", unavailable="3"),
]
ORDERS = [
    HEADER,
    order("#1001", "CAP", "1", shipped="2026-11-21 10:00:00 +0100"),
    order("#1002", "TEE-S", "2"),
    order("#1003", "TEE-M", "6"),
    order("#1003", "CAP", "1", first=False),
]


def later() -> list[str]:
    """An export of now: #1002 has left, #1004 is new."""
    now = dt.datetime.now(dt.UTC).strftime("%Y-%m-%d %H:%M:%S +0000")
    return [*ORDERS[:2], order("#1002", "TEE-S", "2", shipped=now), *ORDERS[3:], order("#1004", "CAP", "5")]


def test_from_a_shops_exports_to_live_stock_and_back(page: Page, new_store: NewStore) -> None:
    begin(page, new_store)
    folder = new_store.folder
    drop(
        page,
        write(folder / "orders_export.csv", *ORDERS),
        write(folder / "inventory_export.csv", *INVENTORY),
        write(folder / "products_export.csv", *PRODUCTS),
    )
    expect(page.get_by_text("3 files, in the order in which they are best imported.")).to_be_visible()
    expect(page.get_by_text("3 rows: 3 new", exact=True)).to_be_visible()
    row_with(page, "import-rows", {"SKU": "TEE-M", "Name": "Linen tee - M", "Price": "24", "Currency": "EUR"})
    assert violations(page) == []
    run(page, "products_export.csv", "3 rows read = 3 imported.")

    # The file calls the one location by its address.
    row_with(page, "import-rows", {"SKU": "CAP", "Units counted": "30 at main-warehouse, 3 unsellable at main-warehouse"})
    assert grid(page, "import-moves") == [
        {"Location": "Main warehouse", "Movement": "+ Counted more than the stock now", "Rows": "4", "Units": "47"}
    ]
    assert violations(page) == []
    run(page, "inventory_export.csv", "3 rows read = 3 imported.")

    expect(page.get_by_text("4 rows: 4 new", exact=True)).to_be_visible()
    moves = {row["Movement"]: row["Units"] for row in grid(page, "import-moves")}
    assert moves == {"= Shipped before the stock was first counted: moves nothing": "1", "○ Reserved for open orders, or backordered": "9"}
    assert "example.com" not in page.content()
    run(page, "orders_export.csv", "4 rows read = 4 imported.")
    whole = [("main-warehouse", "CAP", 33, 3, 1), ("main-warehouse", "TEE-M", 4, 0, 4), ("main-warehouse", "TEE-S", 10, 0, 2)]
    assert table(new_store.engine, LEVELS) == whole
    assert table(new_store.engine, "select sku, backordered from backorder_level where backordered > 0") == [("TEE-M", 2)]
    page.get_by_role("link", name="Live stock").click()
    figures = {row["SKU"]: (row["On hand (units)"], row["Available (units)"]) for row in grid(page)}
    assert figures == {"CAP": ("33", "29"), "TEE-M": ("4", "0"), "TEE-S": ("10", "8")}

    page.get_by_role("link", name="Import", exact=True).click()
    drop(page, write(folder / "orders_later.csv", *later()))
    expect(page.get_by_text("5 rows: 1 new; 1 may change what is known; 3 known already", exact=True)).to_be_visible()
    run(page, "orders_later.csv", "5 rows read = 1 imported + 1 updated + 3 known already.")
    shipped = [("main-warehouse", "CAP", 33, 3, 6), ("main-warehouse", "TEE-M", 4, 0, 4), ("main-warehouse", "TEE-S", 8, 0, 0)]
    assert table(new_store.engine, LEVELS) == shipped

    run_id = one(new_store.engine, "select id from import_run where file_name = 'orders_later.csv'")
    open_page(page, f"{new_store.address}/import?import_run={run_id}")
    choose(page, "user-choice", "Ann · admin")
    page.get_by_text("Take back", exact=True).click()
    expect(page.get_by_text("2 units come back to the stock, 0 go from it.", exact=False)).to_be_visible()
    press(page, f"Take back import {run_id}")
    expect(page.get_by_text(f"Import {run_id} (orders_later.csv) is taken back", exact=False)).to_be_visible()
    assert table(new_store.engine, LEVELS) == whole
    assert verify(new_store.engine).differences == 0
    assert violations(page) == []


def test_a_shop_with_several_locations(page: Page, new_store: NewStore, tmp_path: Path) -> None:
    begin(page, new_store)
    rows = [*INVENTORY, stock(STOCK_2024, "CAP", "Market stall", on_hand="7", available="7")]
    drop(page, write(tmp_path / "inventory_export.csv", *rows))
    expect(page.get_by_text("4 rows: 4 to the inbox", exact=True)).to_be_visible()
    expect(page.get_by_text("2 locations are unknown: 12 Mill Lane, Market stall", exact=True)).to_be_visible()
    press(page, "Settle these codes")
    press(page, "Create 2 locations")
    expect(page.get_by_text("4 rows: 4 new", exact=True)).to_be_visible()
    settled(page)
    row_with(page, "import-rows", {"SKU": "CAP", "Units counted": "7 at Market stall"})
    run(page, "inventory_export.csv", "4 rows read = 4 imported.")
    cap = "select location_id, on_hand, unsellable from stock_level where sku = 'CAP' and on_hand > 0 order by 1"
    assert table(new_store.engine, cap) == [("12 Mill Lane", 33, 3), ("Market stall", 7, 0)]
    zones = "select distinct time_zone from location"
    assert len(table(new_store.engine, zones)) == 1  # a new location lies where the others do
