"""Codes of a file that the store does not know: created, mapped, or refused."""

from pathlib import Path

import pytest
from sqlalchemy.engine import Engine

from data_access.commands.first_steps import take_first_steps
from data_access.commands.people import add_user
from data_access.commands.unknown_codes import CodeChoice, create_locations, settle_codes
from data_access.errors import Forbidden, InvalidInput, Refused
from data_access.imports.files.mapping import load_mapping
from data_access.imports.table_import import import_table
from data_access.write.permissions import COMMAND_LINE
from tests.data_access.commands.test_first_steps import STEPS
from tests.data_access.import_files import one, sound, table, write

LISTED = "select channel_id, external_sku, sku, title from listing order by 1, 2"
PRODUCTS = "select sku, name from product order by 1"


@pytest.fixture
def company(store: Engine, tmp_path: Path) -> Engine:
    take_first_steps(store, STEPS)
    import_table(store, "products", write(tmp_path / "products.csv", "sku,name", "A-1,Pan"))
    return store


def test_codes_are_created_or_mapped(company: Engine) -> None:
    choices = [CodeChoice("A-1", "A-1"), CodeChoice("B", "B-2", "Pot", is_new=True), CodeChoice("PAN", "A-1", "A pan")]
    assert settle_codes(company, choices, "web-shop-1", "Ann") == 3
    assert table(company, PRODUCTS) == [("A-1", "Pan"), ("B-2", "Pot")]
    assert table(company, LISTED) == [
        ("web-shop-1", "A-1", "A-1", None),
        ("web-shop-1", "B", "B-2", "Pot"),
        ("web-shop-1", "PAN", "A-1", "A pan"),
    ]
    settled = "select actor, action, entity_id from audit_entry where why = 'on the Import page' order by 3"
    assert table(company, settled) == [
        ("Ann", "map_listing", "web-shop-1:A-1"),
        ("Ann", "create_product", "web-shop-1:B"),
        ("Ann", "map_listing", "web-shop-1:PAN"),
    ]


def test_rows_that_waited_arrive(company: Engine, tmp_path: Path) -> None:
    counts = write(tmp_path / "counts.csv", "sku,location_id,quantity,counted_at", "Z,hall,5,2026-11-01", "A-1,main-warehouse,3,2026-11-01")
    assert import_table(company, "counts", counts).quarantined == 1
    assert create_locations(company, ["hall", "hall", "main-warehouse"], "Ann") == 1
    assert settle_codes(company, [CodeChoice("Z", "Z", is_new=True)], None, "Ann") == 1
    assert table(company, "select sku, location_id, on_hand from stock_level order by 1") == [
        ("A-1", "main-warehouse", 3),
        ("Z", "hall", 5),
    ]
    assert one(company, "select count(*) from inbox_item where status = 'open'") == 0
    assert one(company, "select count(*) from listing") == 0
    zones = dict(table(company, "select location_id, time_zone from location"))
    assert zones["hall"] == zones["main-warehouse"]
    sound(company)


def test_the_channel_of_the_mapping_is_made(company: Engine) -> None:
    shopify = load_mapping("shopify-orders").mapping
    with pytest.raises(InvalidInput, match="There is no channel 'shopify': import channels first"):
        settle_codes(company, [CodeChoice("A-1", "A-1")], "shopify", "Ann")
    settle_codes(company, [CodeChoice("A-1", "A-1")], "shopify", "Ann", shopify)
    assert table(company, LISTED) == [("shopify", "A-1", "A-1", None)]


def test_what_cannot_be_is_refused_and_changes_nothing(company: Engine) -> None:
    good = CodeChoice("B", "B", is_new=True)
    for wrong, sentence in (
        (CodeChoice("C", "NO-SUCH"), "There is no SKU NO-SUCH: create the product of C, or map it to another"),
        (CodeChoice("C", " ", is_new=True), "Give C a SKU, of at most 200 characters"),
    ):
        with pytest.raises(Refused, match=sentence):
            settle_codes(company, [good, wrong], "web-shop-1", "Ann")
    add_user(company, "Otto", "ops", COMMAND_LINE)
    with pytest.raises(Forbidden, match="may not import files"):
        settle_codes(company, [good], "web-shop-1", "Otto")
    with pytest.raises(Forbidden, match="may not import files"):
        create_locations(company, ["hall"], "Otto")
    assert table(company, PRODUCTS) == [("A-1", "Pan")]
    assert table(company, LISTED) == []
    assert table(company, "select location_id from location") == [("main-warehouse",)]
