"""Exports of products and stock as channels write them: their headers are real, their rows made for the tests."""

from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy.engine import Engine

from data_access.commands.inbox import map_listing
from data_access.errors import InvalidInput
from data_access.imports.channel_files.layouts import ChannelFile, Kind, layout_of
from data_access.imports.channel_files.rows import ROWS, channel_rows
from data_access.imports.files.mapping_parts import FilePart
from data_access.imports.files.reader import read_records
from data_access.imports.order_import import import_orders, import_table
from data_access.imports.places import ChosenPlaces
from data_access.write.permissions import COMMAND_LINE
from tests.data_access.import_files import one, sound, table, write
from tests.data_access.imports.channel_files.exports import (
    FBA,
    LEVELS,
    LISTED,
    NEW,
    OLD,
    STOCK_2023,
    STOCK_2024,
    STOCK_BY_PLACE,
    VARIANT,
    fba,
    line,
    picture,
    products,
    stock,
    take,
    variant,
)

PUBLISHED = Path(__file__).resolve().parents[5] / "shared" / "data" / "channel-formats"


@pytest.mark.parametrize(
    ("kind", "header", "name"),
    [
        ("products", OLD, "shopify-products"),
        ("products", NEW, "shopify-products"),
        ("counts", STOCK_2023, "shopify-inventory"),
        ("counts", STOCK_2024, "shopify-inventory"),
        ("counts", STOCK_BY_PLACE, "shopify-inventory"),
        ("counts", FBA, "amazon-fba-inventory"),
    ],
)
def test_an_export_is_recognised_by_its_header(tmp_path: Path, kind: Kind, header: str, name: str) -> None:
    path = write(tmp_path / "f.csv", header)
    assert layout_of(path, kind, "auto").layout == layout_of(path, kind, name).layout == name
    assert layout_of(path, kind, "auto").places == (("Main hall", "shop") if header == STOCK_BY_PLACE else ())
    other: Kind = "counts" if kind == "products" else "products"
    with pytest.raises(InvalidInput, match=rf"is {name}: import it with `onhand import {kind}`"):
        layout_of(path, other, "auto")


@pytest.mark.skipif(not PUBLISHED.exists(), reason="the published files are not there")
def test_published_files_are_read(tmp_path: Path) -> None:
    for name, variants, pictures in (("apparel", 22, 0), ("home-and-garden", 21, 0), ("jewelery", 23, 18)):
        path = PUBLISHED / "shopify-product-csv" / f"{name}.csv"
        file = layout_of(path, "products", "auto")
        rows = channel_rows(read_records(path, FilePart(), file.wanted), file)
        assert (rows.filter(~pl.col("is_aside")).height, rows["is_aside"].sum()) == (variants, pictures), name
        assert rows.filter(~pl.col("is_aside"))["title"].null_count() == 0
    header = PUBLISHED / "amazon-report-headers" / "GET_FBA_MYI_UNSUPPRESSED_INVENTORY_DATA.header.tsv"
    assert layout_of(header, "counts", "auto").layout == "amazon-fba-inventory"


@pytest.mark.parametrize(
    ("kind", "mapping", "header", "sentence"),
    [
        (
            "products",
            "auto",
            "a,b,c",
            r"no export that OnHand knows \(the nearest, shopify-products, lacks 'Handle', 'Title', 'Variant SKU'\)",
        ),
        ("products", "auto", OLD.replace("Variant SKU", "Code"), "nearest, shopify-products, lacks 'Variant SKU'"),
        ("counts", "auto", VARIANT, "lacks 'a column for each location'"),
        ("counts", "shopfy", FBA, "no mapping 'shopfy' of counts: give auto, one of shopify-inventory, amazon-fba-inventory, or"),
        ("products", "auto", "", "is empty"),
    ],
)
def test_other_headers_are_refused(tmp_path: Path, kind: Kind, mapping: str, header: str, sentence: str) -> None:
    with pytest.raises(InvalidInput, match=sentence):
        layout_of(write(tmp_path / "f.csv", header), kind, mapping)


def test_products_with_listings_and_counts(company: Engine, tmp_path: Path) -> None:
    rows = (
        variant("shirt", "S-RED", "5", "Shirt", "Small", "Red", Type="Clothes"),
        picture("shirt"),
        variant("shirt", "S-BLU", "0", "", "Small", "Blue"),
        variant("mug", "'0012", "", "Mug"),
        picture("mug", "Mug"),
        variant("hat", "H-1", "-2", "Hat"),
        variant("sock", "", "9", "Sock", "Long"),
    )
    result = take(company, tmp_path, "products", OLD, *rows, location="main")
    assert (result.rows_read, result.imported, result.left_out, result.quarantined) == (7, 5, 2, 0)
    assert result.counts == {"products": 5, "listings": 5, "counts": 3, "below_zero": 1}
    assert table(company, "select sku, name, category, price, currency from product order by 1") == [
        ("0012", "Mug", "uncategorised", 95_000, "EUR"),
        ("H-1", "Hat", "uncategorised", 95_000, "EUR"),
        ("S-BLU", "Shirt - Small / Blue", "Clothes", 95_000, "EUR"),
        ("S-RED", "Shirt - Small / Red", "Clothes", 95_000, "EUR"),
        ("Sock - Long", "Sock - Long", "uncategorised", 95_000, "EUR"),
    ]
    listed = [(sku, sku, name) for sku, name in table(company, "select sku, name from product order by 1")]
    assert table(company, LISTED) == listed
    assert table(company, LEVELS) == [("main", "S-BLU", 0, 0), ("main", "S-RED", 5, 0), ("main", "Sock - Long", 9, 0)]
    again = take(company, tmp_path, "products", OLD, *rows, location="main")
    assert (again.duplicates, again.left_out, again.quarantined, again.counts) == (5, 2, 0, {"below_zero": 1})
    sound(company)


def test_the_newer_product_file(company: Engine, tmp_path: Path) -> None:
    cells = {"URL handle": "shirt", "Price": "9.50", "Inventory tracker": "shopify", "Option1 name": "Size"}
    first = {
        "Title": "Shirt",
        "Product category": "Clothing > Tops > Shirts",
        "SKU": "S-1",
        "Option1 value": "S",
        "Inventory quantity": "3",
    }
    rows = [
        line(NEW, {**cells, **first}),
        line(NEW, {**cells, "SKU": "S-2", "Option1 value": "M", "Inventory quantity": "4"}),
        line(NEW, {"URL handle": "shirt", "Product image URL": "https://pictures.example/1.jpg"}),
    ]
    result = take(company, tmp_path, "products", NEW, *rows)
    assert (result.imported, result.left_out, result.counts) == (2, 1, {"products": 2, "listings": 2})
    assert table(company, "select sku, name, category from product order by 1") == [
        ("S-1", "Shirt - S", "Shirts"),
        ("S-2", "Shirt - M", "Shirts"),
    ]
    later = take(company, tmp_path, "products", NEW, *rows, location="shop")
    assert (later.imported, later.left_out, later.counts) == (2, 1, {"counts": 2})
    assert table(company, LEVELS) == [("shop", "S-1", 3, 0), ("shop", "S-2", 4, 0)]
    sound(company)


def test_a_later_export_and_another_channel(company: Engine, tmp_path: Path) -> None:
    products(company, tmp_path)
    take(company, tmp_path, "products", OLD, variant("pan", "A-1", title="Frying pan"), variant("cup", "C-3", title="Cup"))
    assert table(company, "select sku, name from product order by 1") == [("A-1", "Pan"), ("B-2", "Pot"), ("C-3", "Cup")]
    result = take(company, tmp_path, "products", OLD, variant("pan", "A-1", title="Wok"), variant("cup", "C-3", title="Beaker"))
    assert (result.imported, result.updated) == (0, 2)
    assert table(company, LISTED) == [("A-1", "A-1", "Wok"), ("C-3", "C-3", "Beaker")]
    assert table(company, "select sku, name from product order by 1") == [("A-1", "Pan"), ("B-2", "Pot"), ("C-3", "Beaker")]
    take(company, tmp_path, "products", OLD, variant("cup", "C-3", title="Tasse"), channel="fair")
    assert one(company, "select name from product where sku = 'C-3'") == "Beaker"
    assert one(company, "select title from listing where channel_id = 'fair'") == "Tasse"
    sound(company)


def test_a_code_that_sells_another_sku_brings_no_product(company: Engine, tmp_path: Path) -> None:
    products(company, tmp_path)
    import_table(company, "listings", write(tmp_path / "l.csv", "channel_id,external_sku,sku", "web,X-9,A-1"))
    result = take(company, tmp_path, "products", OLD, variant("pan", "X-9", "6", "Pan"), location="main")
    assert (result.updated, result.imported, result.counts) == (0, 1, {"counts": 1})
    assert table(company, "select sku from product order by 1") == [("A-1",), ("B-2",)]
    assert table(company, LEVELS) == [("main", "A-1", 6, 0)]
    sound(company)


@pytest.mark.parametrize(
    ("rows", "reasons"),
    [
        ([variant("a", "S-1", "1", "Shirt", "S"), variant("a", "S-1", "2", "", "M")], ["shared_sku", "shared_sku"]),
        ([variant("a", "S-1", "1", ""), picture("a")], ["missing_title"]),
        ([variant("a", "S-1", "two", "Shirt")], ["bad_number"]),
        ([variant("a", "S-1", "1.5", "Shirt")], ["bad_number"]),
        ([variant("a", "S-1", "1", "Shirt", **{"Variant Price": "free"})], ["bad_number"]),
        ([variant("a", "S" * 201, "1", "Shirt")], ["too_long"]),
        ([variant("a", "", "1", "Shirt", "S"), variant("b", "", "2", "Shirt", "S")], ["shared_name", "shared_name"]),
    ],
)
def test_products_that_cannot_be_taken_wait(company: Engine, tmp_path: Path, rows: list[str], reasons: list[str]) -> None:
    result = take(company, tmp_path, "products", OLD, *rows, location="main")
    assert (result.imported, result.quarantined) == (0, len(reasons))
    assert [code for (code,) in table(company, "select reason_code from inbox_item order by line_number")] == reasons
    assert one(company, "select count(*) from product") == 0


def test_a_variant_without_sku_is_known_by_its_name_as_in_orders(company: Engine, tmp_path: Path) -> None:
    rows = (variant("pan", "", "", "Pan", "Small"), variant("pan", "", "8", "", "Large"))
    header = "Name,Currency,Created at,Lineitem quantity,Lineitem name,Lineitem price,Lineitem sku,Lineitem requires shipping,"
    header += "Lineitem fulfillment status,Fulfilled at,Cancelled at,Financial Status,Fulfillment Status"
    order = "#1,EUR,2026-11-16 10:00:00 +0100,2,Pan - Large,9.50,,true,pending,,,paid,unfulfilled"
    result = import_orders(company, write(tmp_path / "o.csv", header, order), "auto", places=ChosenPlaces("web", "main"))
    assert result.quarantined == 1
    assert take(company, tmp_path, "products", OLD, *rows, location="main").imported == 2
    assert table(company, "select sku, quantity from order_line") == [("Pan - Large", 2)]
    assert table(company, "select location_id, sku, on_hand, allocated from stock_level") == [("main", "Pan - Large", 8, 2)]
    assert one(company, "select count(*) from inbox_item where status = 'open'") == 0
    inventory = stock(STOCK_2023, "", "shop", on_hand="3").replace("Thing ", "Pan").replace("Default Title", "Large")
    assert take(company, tmp_path, "counts", STOCK_2023, inventory).counts == {"counts": 2}  # sellable and unsellable
    assert one(company, "select on_hand from stock_level where location_id = 'shop'") == 3
    sound(company)


def test_a_variant_that_gets_a_sku_later_stays_the_product_that_it_is(company: Engine, tmp_path: Path) -> None:
    take(company, tmp_path, "products", OLD, variant("pan", "", "8", "Pan", "Large"), location="main", as_of="2026-11-16T10:00Z")
    later = take(company, tmp_path, "products", OLD, variant("pan", "P-1", "6", "Pan", "Large"), location="main")
    assert later.counts == {"listings": 1, "counts": 1}
    assert table(company, "select sku, name from product") == [("Pan - Large", "Pan - Large")]
    assert table(company, LISTED) == [("P-1", "Pan - Large", "Pan - Large"), ("Pan - Large", "Pan - Large", "Pan - Large")]
    assert table(company, LEVELS) == [("main", "Pan - Large", 6, 0)]
    sound(company)


@pytest.mark.parametrize("header", [STOCK_2023, STOCK_2024])
def test_shopify_inventory(company: Engine, tmp_path: Path, header: str) -> None:
    products(company, tmp_path)
    rows = (
        stock(header, "A-1", "Main hall", unavailable="2", committed="3", available="5", on_hand="10"),
        stock(header, "A-1", "shop", unavailable="0", committed="0", available="4", on_hand="4"),
        stock(header, "B-2", "MAIN HALL", unavailable="0", committed="1", available="6"),
        stock(header, "B-2", "shop", unavailable="not stocked", committed="not stocked", available="not stocked", on_hand="not stocked"),
        stock(header, "B-2", "Attic", unavailable="0", committed="0", available="1", on_hand="1"),
        stock(header, "Z-9", "shop", on_hand="1"),
        stock(header, "A-1", "", on_hand="1"),
    )
    result = take(company, tmp_path, "counts", header, *rows)
    assert (result.imported, result.left_out, result.quarantined) == (3, 1, 3)
    assert table(company, LEVELS) == [("main", "A-1", 10, 2), ("main", "B-2", 7, 0), ("shop", "A-1", 4, 0)]
    assert table(company, "select reason_code from inbox_item order by line_number") == [
        ("unknown_location",),
        ("unknown_sku",),
        ("missing_location",),
    ]
    assert table(company, LISTED) == [("A-1", "A-1", "Thing A-1"), ("B-2", "B-2", "Thing B-2"), ("Z-9", None, "Thing Z-9")]
    again = take(company, tmp_path, "counts", header, *rows)
    assert (again.duplicates, again.left_out, again.quarantined) == (3, 1, 3)
    import_table(company, "locations", write(tmp_path / "l.csv", "location_id,name,kind", "attic,Attic,warehouse"))
    assert one(company, "select on_hand from stock_level where location_id = 'attic'") == 1
    map_listing(company, "web", "Z-9", "B-2", COMMAND_LINE)
    assert one(company, "select on_hand from stock_level where location_id = 'shop' and sku = 'B-2'") == 1
    assert one(company, "select count(*) from stock_count") >= 7
    sound(company)


def test_shopify_inventory_with_a_column_for_each_location(company: Engine, tmp_path: Path) -> None:
    products(company, tmp_path)
    cells = {"Handle": "h", "Title": "Pan", "Option1 Value": "Default Title"}
    rows = (
        line(STOCK_BY_PLACE, {**cells, "SKU": "A-1", "Main hall": "6", "shop": "40"}),
        line(STOCK_BY_PLACE, {**cells, "SKU": "B-2", "Main hall": "not stocked", "shop": "0"}),
        line(STOCK_BY_PLACE, {**cells, "SKU": "C-3", "Main hall": "not stocked", "shop": ""}),
        line(STOCK_BY_PLACE, {**cells, "SKU": "A-1", "Main hall": "-3", "shop": ""}),
        line(STOCK_BY_PLACE, {**cells, "SKU": "A-1", "Main hall": "some", "shop": ""}),
    )
    result = take(company, tmp_path, "counts", STOCK_BY_PLACE, *rows, channel=None)
    assert (result.imported, result.left_out, result.quarantined, result.counts) == (2, 1, 2, {"counts": 3})
    assert table(company, LEVELS) == [("main", "A-1", 6, 0), ("shop", "A-1", 40, 0), ("shop", "B-2", 0, 0)]
    assert table(company, LISTED) == []
    sound(company)


def test_fba_inventory(company: Engine, tmp_path: Path) -> None:
    products(company, tmp_path)
    import_table(company, "listings", write(tmp_path / "l.csv", "channel_id,external_sku,sku", "fair,PAN-FBA,A-1"))
    rows = (fba("PAN-FBA", "12", "3"), fba("B-2", "5"), fba("MINE", "", "", "No"), fba("Z-9", "1"), fba("B-3", "x"))
    result = take(company, tmp_path, "counts", FBA, *rows, channel="fair", location="shop")
    assert (result.imported, result.left_out, result.quarantined) == (2, 1, 2)
    assert table(company, LEVELS) == [("shop", "A-1", 15, 3), ("shop", "B-2", 5, 0)]
    assert table(company, "select external_sku, sku from listing order by 1") == [("B-2", "B-2"), ("PAN-FBA", "A-1"), ("Z-9", None)]
    sound(company)


def test_two_rows_of_one_sku_at_one_place_are_asked_about(company: Engine, tmp_path: Path) -> None:
    products(company, tmp_path)
    import_table(company, "listings", write(tmp_path / "l.csv", "channel_id,external_sku,sku", "fair,PAN-FBA,A-1"))
    rows = (fba("PAN-FBA", "5"), fba("A-1", "5"), fba("B-2", "5"))
    result = take(company, tmp_path, "counts", FBA, *rows, channel="fair", location="shop")
    assert (result.imported, result.quarantined) == (1, 2)
    assert table(company, "select reference, reason_code from inbox_item") == [("A-1", "counted_twice")] * 2
    assert table(company, LEVELS) == [("shop", "B-2", 5, 0)]
    sound(company)


def test_when_units_were_there(company: Engine, tmp_path: Path) -> None:
    products(company, tmp_path)
    row = fba("A-1", "5", "0")
    take(company, tmp_path, "counts", FBA, row, channel="fair", location="shop", as_of="2026-11-16 10:00")
    assert table(company, "select distinct occurred_at from event") == [(1_794_819_600_000_000,)]  # 9:00 UTC
    assert take(company, tmp_path, "counts", FBA, row, channel="fair", location="shop", as_of="2026-11-16 10:00").duplicates == 1
    later = take(company, tmp_path, "counts", FBA, row, channel="fair", location="shop", as_of="2026-11-17T10:00Z")
    assert (later.imported, later.counts) == (1, {"counts": 2})
    for wrong in ("yesterday", "2100-01-01", "1969-01-01"):
        with pytest.raises(InvalidInput, match="mend --as-of"):
            take(company, tmp_path, "counts", FBA, row, channel="fair", location="shop", as_of=wrong)
    sound(company)


@pytest.mark.parametrize(
    ("kind", "lines", "channel", "location", "sentence"),
    [
        ("products", (OLD, variant("a", "S-1", title="A")), None, None, "Say with --channel"),
        ("products", (OLD, variant("a", "S-1", title="A")), "nowhere", None, "no channel 'nowhere'"),
        ("counts", (FBA, fba("A-1", "1")), "fair", None, "say with --location"),
        ("counts", (FBA, fba("A-1", "1")), "fair", "moon", "no location 'moon'"),
        (
            "counts",
            (STOCK_2023, stock(STOCK_2023, "A-1", "shop", on_hand="1"), stock(STOCK_2023, "A-1", "Main hall", on_hand="1")),
            "web",
            "main",
            r"several locations \(Main hall, shop\)",
        ),
    ],
)
def test_places_that_do_not_fit_are_refused(
    company: Engine, tmp_path: Path, kind: Kind, lines: tuple[str, ...], channel: str | None, location: str | None, sentence: str
) -> None:
    with pytest.raises(InvalidInput, match=sentence):
        take(company, tmp_path, kind, *lines, channel=channel, location=location)
    assert one(company, "select count(*) from import_run where kind in ('products', 'counts')") == 0


SKUS = st.lists(st.text("ABC", min_size=1, max_size=3), min_size=1, max_size=8, unique=True)


@settings(max_examples=40, deadline=None)
@given(skus=SKUS, draw=st.data())
def test_pictures_between_variants_change_nothing(tmp_path_factory: pytest.TempPathFactory, skus: list[str], draw: st.DataObject) -> None:
    folder = tmp_path_factory.mktemp("shuffled")
    rows = []
    for at, sku in enumerate(skus):
        handle = f"h{at % 3}"
        rows.append(variant(handle, sku, "4", f"Title {handle}" if at < 3 else "", f"size {at}"))
    pictures = [picture(f"h{draw.draw(st.integers(0, 2))}") for _ in range(draw.draw(st.integers(0, 6)))]
    mixed = draw.draw(st.permutations([*rows, *pictures]))
    assert understood(folder, mixed) == understood(folder, rows)


def understood(folder: Path, rows: list[str]) -> list[tuple[Any, ...]]:
    """What the variants of a product file say."""
    path = write(folder / "p.csv", OLD, *rows)
    file: ChannelFile = layout_of(path, "products", "auto")
    kept = [name for name in ROWS if name not in ("position", "row_no", "line_number")]
    frame = channel_rows(read_records(path, FilePart(), file.wanted), file).filter(~pl.col("is_aside")).select(kept)
    return sorted((tuple(map(str, row)) for row in frame.rows()), key=repr)
