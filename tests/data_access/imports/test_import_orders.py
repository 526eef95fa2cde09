"""Imports of order files into the store, on both databases."""

import re
from pathlib import Path

import pytest
from sqlalchemy.engine import Engine

from data_access.errors import InvalidInput
from data_access.imports.files.mapping import mapping_names
from data_access.imports.order_import import import_orders
from tests.data_access.import_files import (
    HEADER,
    RETAIL_HEADER,
    SHOP,
    figures,
    mapping,
    one,
    retail,
    row,
    shop,
    sound,
    table,
    write,
)

TILL = SHOP.replace('[skus]\nunknown = "create"', '[skus]\nunknown = "quarantine"')


def retail_file(engine: Engine, folder: Path, *rows: str, **options: str) -> tuple[int, int, int, int, int]:
    return figures(import_orders(engine, write(folder / "retail.csv", RETAIL_HEADER, *rows), "online-retail", **options))


def test_the_same_file_again_imports_nothing(store: Engine, tmp_path: Path) -> None:
    rows = [
        row("1", "a", "MUG", 2),
        row("1", "b", "CUP", status="Shipped"),
        row("2", "a", "MUG", status="Cancelled", reason="late", by="Us"),
    ]
    assert figures(shop(store, tmp_path, *rows)) == (3, 3, 0, 0, 0)
    assert figures(shop(store, tmp_path, *rows)) == (3, 0, 0, 3, 0)
    assert table(store, "select order_ref, line_ref, quantity, shipped_quantity, cancelled_quantity, backordered_quantity, unit_price from "
                 "order_line join sales_order on sales_order.id = order_id order by 1, 2") == [
        ("1", "a", 2, 0, 0, 2, 25_000),
        ("1", "b", 1, 1, 0, 0, 25_000),
        ("2", "a", 1, 0, 1, 0, 25_000),
    ]  # fmt: skip
    assert table(store, "select reason, cancelled_by from cancellation") == [("late", "seller")]
    assert one(store, "select count(*) from event where kind = 'order_row'") == 3
    sound(store)


def test_newer_rows_update_and_never_undo(store: Engine, tmp_path: Path) -> None:
    shop(store, tmp_path, row("1", "a", "MUG", 2), row("2", "a", "MUG"))
    later = row("1", "a", "MUG", 2, "Shipped", shipped="2026-03-02 09:00:00", tracking="T1", carrier="DHL")
    assert figures(shop(store, tmp_path, later, row("2", "a", "MUG", status="Cancelled", reason="no", by="Customer"))) == (2, 0, 2, 0, 0)
    assert figures(shop(store, tmp_path, row("1", "a", "MUG", 2), row("2", "a", "MUG"))) == (2, 0, 0, 2, 0)
    delivered = row("1", "a", "MUG", 2, "Delivered", delivered="2026-03-04 12:00:00", price="2.75")
    assert figures(shop(store, tmp_path, delivered)) == (1, 0, 1, 0, 0)
    assert table(store, "select shipped_quantity, cancelled_quantity, unit_price from order_line order by id") == [
        (2, 0, 27_500),
        (0, 1, 25_000),
    ]
    assert table(store, "select carrier, tracking_number, delivered_at is not null from shipment") in (
        [("DHL", "T1", 1)],
        [("DHL", "T1", True)],
    )
    assert table(store, "select cancelled_by, reason from cancellation") == [("buyer", "no")]
    sound(store)


def test_less_units_are_a_cancellation_and_more_are_refused(store: Engine, tmp_path: Path) -> None:
    shop(store, tmp_path, row("1", "a", "MUG", 5))
    assert figures(shop(store, tmp_path, row("1", "a", "MUG", 3))) == (1, 0, 1, 0, 0)
    assert one(store, "select cancelled_quantity from order_line") == 2
    assert figures(shop(store, tmp_path, row("1", "a", "MUG", 6))) == (1, 0, 0, 0, 1)
    assert one(store, "select reason_code from inbox_item") == "quantity_grew"
    sound(store)


def test_one_file_may_hold_several_states_of_a_line(store: Engine, tmp_path: Path) -> None:
    rows = [row("1", "a", "MUG"), row("1", "a", "MUG", status="Shipped"), row("1", "a", "MUG", status="Shipped", country="DE")]
    assert figures(shop(store, tmp_path, *rows)) == (3, 1, 1, 1, 0)  # the order's country is on all of its rows
    assert one(store, "select shipped_quantity from order_line") == 1
    sound(store)


def test_a_later_row_of_a_line_may_name_another_sku(store: Engine, tmp_path: Path) -> None:
    """The line keeps the SKU that it was placed with; what the later row says is listed."""
    shipped = row("1", "a", "CUP", status="Shipped", shipped="2026-03-02 10:00:00")
    assert figures(shop(store, tmp_path, shipped, row("1", "a", "MUG")), ignored=1) == (2, 1, 0, 0, 0)
    assert table(store, "select line_number, reference, reason_code, reason from ignored_row") == [
        (3, "1", "other_item", "The row is of MUG, and its line was placed as CUP: a line keeps its item.")
    ]
    assert table(store, "select sku, quantity, shipped_quantity from order_line") == [("CUP", 1, 1)]
    sound(store)


def test_rows_of_a_line_may_lie_far_apart(sqlite_store: Engine, tmp_path: Path) -> None:
    """In different chunks of the file, which are worked out together."""
    rows = [row(str(number), "a", f"SKU{number % 7}") for number in range(1_500)]
    later = [
        row(str(number), "a", f"SKU{number % 7}", status="Shipped", shipped="2026-03-02 10:00:00", tracking=f"T{number}")
        for number in range(1_500)
    ]
    assert figures(shop(sqlite_store, tmp_path, *rows, *later)) == (3_000, 1_500, 1_500, 0, 0)
    assert table(sqlite_store, "select count(*), sum(shipped_quantity), sum(backordered_quantity) from order_line") == [(1_500, 1_500, 0)]
    sound(sqlite_store)


def test_exact_repeats_are_lines_of_their_own(store: Engine, tmp_path: Path) -> None:
    rows = [retail("1", "85123A", 2), retail("1", "85123A", 2), retail("1", "85123a", 2), retail("1", "85123A", 3)]
    assert retail_file(store, tmp_path, *rows) == (4, 4, 0, 0, 0)
    assert retail_file(store, tmp_path, *reversed(rows)) == (4, 0, 0, 4, 0)
    assert retail_file(store, tmp_path, *rows, retail("1", "85123A", 2)) == (5, 1, 0, 4, 0)
    assert table(store, "select sku, count(*), sum(quantity) from order_line group by sku") == [("85123A", 5, 11)]
    assert sorted(table(store, "select external_sku, sku from listing")) == [("85123A", "85123A"), ("85123a", "85123A")]


def test_returns_charges_and_write_offs(store: Engine, tmp_path: Path) -> None:
    rows = [
        retail("1", "MUG", 10),
        retail("2", "MUG", 5, "2011-01-02 10:00:00"),
        retail("C3", "MUG", -7, "2011-01-03 10:00:00"),
        retail("C4", "MUG", -1, "2010-12-01 10:00:00"),
        retail("C5", "MUG", -1, "2011-01-04 10:00:00", customer=""),
        retail("1", "POST", 1, price="18", title="POSTAGE"),
        retail("A6", "B", 1, price="-11062.06", customer="", title="Adjust bad debt"),
        retail("7", "MUG", -3, "2011-01-05 10:00:00", price="0.0", customer="", title="wet/rusty"),
        retail("8", "MUG", -3, "2011-01-05 10:00:00", price="1.0", title="wrong"),
        retail("C9", "MUG", 3, "2011-01-05 10:00:00"),
    ]
    result = import_orders(store, write(tmp_path / "retail.csv", RETAIL_HEADER, *rows), "online-retail")
    assert figures(result) == (10, 8, 0, 0, 2)
    assert result.counts == {"charges": 2, "lines": 2, "returns": 3, "unmatched_returns": 2, "write_offs": 1}
    assert table(store, "select return_ref, order_ref, return_line.quantity, disposition from return_line "
                 "left join order_line on order_line.id = line_id left join sales_order on sales_order.id = order_id "
                 "order by return_ref, order_ref desc") == [
        ("C3", "2", 5, "restock"),
        ("C3", "1", 2, "restock"),
        ("C4", None, 1, "restock"),
        ("C5", None, 1, "restock"),
    ]  # fmt: skip
    assert one(store, "select count(*) from return_line where is_disposition_assumed and not moves_stock") == 4
    assert table(store, "select order_ref, code, quantity, unit_price from order_charge order by order_ref") == [
        ("1", "POST", 1, 180_000),
        ("A6", "B", 1, -110_620_600),
    ]
    assert "wet/rusty" in one(store, "select payload from event where payload is not null")
    assert sorted(table(store, "select reason_code from inbox_item")) == [("negative_quantity",), ("positive_return",)]
    assert one(store, "select count(*) from stock_movement") == 0
    sound(store)


def test_history_moves_no_stock_until_a_count_begins_it(store: Engine, tmp_path: Path) -> None:
    from data_access.imports.order_import import import_table

    shop(
        store,
        tmp_path,
        row("1", "a", "MUG", 2, "Shipped"),
        row("2", "a", "MUG", 3, "Shipped", "2026-03-03 10:00:00"),
        row("3", "a", "MUG", 4),
    )
    assert one(store, "select count(*) from stock_movement") == 0
    counts = write(tmp_path / "counts.csv", "sku,location_id,quantity,counted_at", "MUG,main,20,2026-03-02 00:00:00")
    assert figures(import_table(store, "counts", counts)) == (1, 1, 0, 0, 0)
    assert table(store, "select on_hand, allocated from stock_level") == [(17, 4)]
    shop(
        store,
        tmp_path,
        row("4", "a", "MUG", 1, "Shipped", "2026-03-05 10:00:00"),
        row("5", "a", "MUG", 1, "Shipped", "2026-03-01 10:00:00"),
    )
    assert table(store, "select on_hand, allocated from stock_level") == [(16, 4)]
    assert table(store, "select order_ref from sales_order join order_line on order_id = sales_order.id join shipment on line_id = "
                 "order_line.id where not moves_stock order by 1") == [("1",), ("5",)]  # fmt: skip
    sound(store)


def test_assumed_openings(store: Engine, tmp_path: Path) -> None:
    rows = [
        retail("1", "MUG", 9, "2011-01-01 10:00:00"),
        retail("2", "MUG", 9, "2011-01-10 10:00:00"),
        retail("C3", "MUG", -9, "2011-01-11 10:00:00"),
        retail("4", "CUP", 1, "2011-01-01 10:00:00"),
        retail("5", "CUP", -4, "2011-01-11 10:00:00", price="0", customer=""),
    ]
    result = import_orders(store, write(tmp_path / "retail.csv", RETAIL_HEADER, *rows), "online-retail", opening_stock="cover:5d")
    assert figures(result) == (5, 5, 0, 0, 0)
    assert result.counts["assumed_openings"] == 2
    # 10 days: MUG sells 1.8 a day, CUP 0.1; MUG needs 18 at its lowest, and ends at 9, which is 5 days
    assert table(store, "select sku, on_hand, is_assumed from stock_level where is_assumed order by sku desc") in (
        [("MUG", 9, 1), ("CUP", 1, 1)],
        [("MUG", 9, True), ("CUP", 1, True)],
    )
    assert table(
        store, "select sku, kind, sum(quantity) from stock_movement where state = 'sellable' group by sku, kind order by 1, 2"
    ) == [
        ("CUP", "opening", 6),
        ("CUP", "shipment", -1),
        ("CUP", "write_off", -4),
        ("MUG", "opening", 18),
        ("MUG", "restock", 9),
        ("MUG", "shipment", -18),
    ]
    assert one(store, "select count(*) from stock_movement where kind = 'discrepancy'") == 0
    sound(store)


def test_openings_may_follow_an_import_of_history(store: Engine, tmp_path: Path) -> None:
    rows = [retail("1", "MUG", 9), retail("C2", "MUG", -2, "2011-01-05 10:00:00"), retail("3", "CUP", 4, "2011-01-06 10:00:00")]
    assert retail_file(store, tmp_path, *rows) == (3, 3, 0, 0, 0)
    assert retail_file(store, tmp_path, *rows, opening_stock="cover:30d") == (3, 0, 0, 3, 0)
    assert one(store, "select count(*) from stock_movement where kind = 'shipment'") == 2
    assert one(store, "select count(*) from stock_movement where kind = 'discrepancy'") == 0
    sound(store)


@pytest.mark.parametrize("option", ["30", "cover:0d", "cover:9999d", "days:3d"])
def test_an_option_that_is_not_understood_writes_nothing(sqlite_store: Engine, tmp_path: Path, option: str) -> None:
    with pytest.raises(InvalidInput, match="write cover:30d"):
        shop(sqlite_store, tmp_path, row("1", "a", "MUG"), opening_stock=option)
    assert one(sqlite_store, "select count(*) from import_run") == 0


def test_open_lines_are_allocated_and_returned_lines_come_back(store: Engine, tmp_path: Path) -> None:
    shop(store, tmp_path, row("1", "a", "MUG", 2), opening_stock="cover:365d")
    assert table(store, "select on_hand, allocated from stock_level") == [(732, 2)]
    returned = row("2", "a", "MUG", 3, "Returned", "2026-03-02 10:00:00", delivered="2026-03-05 10:00:00")
    assert figures(shop(store, tmp_path, returned)) == (1, 1, 0, 0, 0)
    assert table(store, "select on_hand, unsellable, allocated from stock_level") == [(732, 3, 2)]
    assert table(store, "select quantity, disposition from return_line") == [(3, None)]
    sound(store)


def test_kits_are_sold_whole(store: Engine, tmp_path: Path) -> None:
    from data_access.imports.order_import import import_table

    import_table(store, "products", write(tmp_path / "products.csv", "sku,name", "MUG,Mug", "CUP,Cup"))
    kits = write(tmp_path / "kits.csv", "kit_sku,component_sku,quantity,name", "SET,MUG,2,Set", "SET,CUP,1,")
    assert figures(import_table(store, "kits", kits)) == (2, 2, 0, 0, 0)
    shop(
        store, tmp_path, row("1", "a", "SET", 3, "Shipped"), row("2", "a", "SET", 1, placed="2026-03-03 10:00:00"), opening_stock="cover:3d"
    )
    assert table(store, "select sku, on_hand, allocated from stock_level order by sku") == [("CUP", 7, 1), ("MUG", 14, 2)]
    assert table(store, "select sku, sum(quantity) from stock_movement where kind = 'shipment' group by sku order by sku") == [
        ("CUP", -3),
        ("MUG", -6),
    ]
    sound(store)


def test_unknown_listings_wait(store: Engine, tmp_path: Path) -> None:
    result = shop(store, tmp_path, row("1", "a", "MUG", title="A mug"), row("2", "a", "MUG"), text=TILL)
    assert figures(result) == (2, 0, 0, 0, 2)
    assert table(store, "select external_sku, sku, title from listing") == [("MUG", None, "A mug")]
    assert table(store, "select line_number, reference, external_sku, reason_code, status from inbox_item order by id") == [
        (2, "1", "MUG", "unknown_listing", "open"),
        (3, "2", "MUG", "unknown_listing", "open"),
    ]
    assert figures(shop(store, tmp_path, row("1", "a", "MUG", title="A mug"), row("2", "a", "MUG"), text=TILL)) == (2, 0, 0, 0, 2)
    assert one(store, "select count(*) from inbox_item") == 2


def test_a_row_that_is_good_later_resolves_what_waited(store: Engine, tmp_path: Path) -> None:
    shop(store, tmp_path, row("1", "a", "MUG"), text=TILL)
    assert figures(shop(store, tmp_path, row("1", "a", "MUG"))) == (1, 1, 0, 0, 0)
    assert table(store, "select status from inbox_item where closed_at is not null") == [("resolved",)]


def test_header_errors_write_nothing(store: Engine, tmp_path: Path) -> None:
    path = write(tmp_path / "orders.csv", HEADER.replace("placed", "when").replace("qty", "n"), row("1", "a", "MUG"))
    with pytest.raises(InvalidInput, match=r"lacks the columns 'qty', 'placed'|lacks the columns 'placed', 'qty'"):
        import_orders(store, path, mapping(tmp_path))
    with pytest.raises(InvalidInput, match=f"choose one of {re.escape(', '.join(mapping_names()))}, or give the path"):
        import_orders(store, path, "nothing")
    for name in ("import_run", "channel", "location", "event", "inbox_item"):
        assert one(store, f"select count(*) from {name}") == 0


def test_charges_update(store: Engine, tmp_path: Path) -> None:
    text = SHOP + '\n[charges]\nexternal_sku = "^POST$"\n'
    shop(store, tmp_path, row("1", "a", "POST", 1, price="5"), text=text)
    assert figures(shop(store, tmp_path, row("1", "a", "POST", 1, price="6"), text=text)) == (1, 0, 1, 0, 0)
    assert figures(shop(store, tmp_path, row("1", "a", "POST", 1, price="6.00"), text=text)) == (1, 0, 0, 1, 0)
    assert table(store, "select unit_price from order_charge") == [(60_000,)]


def test_the_amazon_report(store: Engine, shared_data: Path) -> None:
    path = next((shared_data / "amazon-in-sale-report").glob("*.csv.gz"))
    result = import_orders(store, path, "amazon-in-sale-report")
    assert figures(result) == (5733, 5733, 0, 0, 0)
    assert one(store, "select count(*) from sales_order") == 5390
    assert one(store, "select count(*) from product") == 2253
    assert one(store, "select count(*) from cancellation") == 818
    assert one(store, "select sum(quantity) from shipment") == 4962
    assert one(store, "select count(*) from return_line") == 105
    assert figures(import_orders(store, path, "amazon-in-sale-report")) == (5733, 0, 0, 5733, 0)
    sound(store)
