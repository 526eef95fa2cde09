"""Previews of channels' exports of products and stock: what they say beforehand is what the import then does, and nothing is written."""

from pathlib import Path

import pytest
from sqlalchemy.engine import Engine

from data_access.imports.channel_files.channel_import import ChannelExport
from data_access.imports.places import ChosenPlaces
from data_access.imports.preview.channel_file import places_named, preview_channel_file
from data_access.imports.preview.file_format import FileFormat, format_of
from data_access.imports.preview.findings import Preview
from data_access.imports.table_import import import_export, import_table
from tests.data_access.import_files import table, write
from tests.data_access.imports.channel_files.exports import (
    FBA,
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
    variant,
)
from tests.data_access.imports.preview.test_preview import everything

WEB, WEB_MAIN = ChosenPlaces("web", None), ChosenPlaces("web", "main")
SHIRTS = [
    OLD,
    variant("shirt", "S-1", "5", title="Shirt", size="S"),
    variant("shirt", "S-2", "-2", size="M"),
    picture("shirt"),
    variant("mug", "M-1", "7", title="Mug"),
    variant("mug-2", "M-2", "seven", title="Mug 2"),
    variant("lamp", "", "1", title="Lamp"),
]


@pytest.fixture
def company(store: Engine, tmp_path: Path) -> Engine:
    """A web shop and two locations, no products."""
    files = {
        "locations": ["location_id,name,kind", "main,Main hall,warehouse", "shop,Shop,shop", "den,Den,shop", "den-2,den,shop"],
        "channels": ["channel_id,name,kind,currency,time_zone", "web,Web,webstore,EUR,Europe/Berlin"],
    }
    for kind, lines in files.items():
        assert import_table(store, kind, write(tmp_path / f"{kind}.csv", *lines)).quarantined == 0
    return store


def foretold(engine: Engine, export: ChannelExport) -> Preview:
    """The preview of a file that is then imported: the figures of both are the same, and the preview writes nothing."""
    before = everything(engine)
    preview = preview_channel_file(engine, export)
    assert everything(engine) == before
    result = import_export(engine, export)
    assert preview.outcomes == {name: getattr(result, name) for name in preview.outcomes}
    assert preview.rows == result.rows_read
    reasons = {reason for (reason,) in table(engine, "select reason from inbox_item where kind = 'row' and status = 'open'")}
    assert set(preview.problems["reason"]) <= reasons
    return preview


def outcomes(preview: Preview) -> dict[str, int]:
    return {name: rows for name, rows in preview.outcomes.items() if rows}


def test_products_and_what_they_count(company: Engine, tmp_path: Path) -> None:
    path = write(tmp_path / "products.csv", *SHIRTS)
    assert format_of(path) == FileFormat("products", "shopify-products")
    preview = foretold(company, ChannelExport(path=path, kind="products", places=WEB_MAIN))
    assert (preview.kind, preview.mapping, preview.read_as) == ("products", "shopify-products:web", "utf-8 with commas")
    assert outcomes(preview) == {"imported": 4, "left_out": 1, "quarantined": 1}
    shown = preview.first.select("line_number", "outcome", "external_sku", "sku", "name", "price", "currency", "counted").rows()
    assert shown[:2] == [
        (2, "imported", "S-1", "S-1", "Shirt - S", 9.5, "EUR", "5 at main"),
        (3, "imported", "S-2", "S-2", "Shirt - M", 9.5, "EUR", None),
    ]
    assert shown[5] == (7, "imported", "Lamp", "Lamp", "Lamp", 9.5, "EUR", "1 at main")
    assert preview.moves.rows() == [("main", "more", 3, 13)]
    assert preview.unknown.is_empty()
    assert preview.problems.select("code", "rows", "reference").rows() == [("bad_number", 1, "M-2")]


def test_products_again_and_changed(company: Engine, tmp_path: Path) -> None:
    path = write(tmp_path / "products.csv", *SHIRTS)
    foretold(company, ChannelExport(path=path, kind="products", places=WEB))
    again = foretold(company, ChannelExport(path=path, kind="products", places=WEB))
    assert outcomes(again) == {"duplicates": 4, "left_out": 1, "quarantined": 1}
    changed = [*SHIRTS[:4], variant("mug", "M-1", "7", title="Big mug"), variant("lamp", "L-1", "1", title="Lamp"), SHIRTS[1]]
    later = foretold(company, ChannelExport(path=write(tmp_path / "later.csv", *changed), kind="products", places=WEB))
    assert outcomes(later) == {"imported": 1, "updated": 1, "duplicates": 3, "left_out": 1}
    assert later.first.filter(external_sku="L-1")["sku"].to_list() == ["Lamp"]  # it stays the product that it was


def test_the_newer_header_of_products(company: Engine, tmp_path: Path) -> None:
    rows = [
        line(
            NEW,
            {"Title": "Vase", "URL handle": "vase", "SKU": "V-1", "Price": "3", "Inventory tracker": "shopify", "Inventory quantity": "4"},
        )
    ]
    path = write(tmp_path / "products.csv", NEW, *rows)
    preview = foretold(company, ChannelExport(path=path, kind="products", places=WEB_MAIN))
    assert (outcomes(preview), preview.moves.rows()) == ({"imported": 1}, [("main", "more", 1, 4)])


@pytest.mark.parametrize("header", [STOCK_2023, STOCK_2024])
def test_inventory_with_unknown_codes_and_locations(company: Engine, tmp_path: Path, header: str) -> None:
    products(company, tmp_path)
    rows = [
        stock(header, "A-1", "MAIN HALL", on_hand="10", unavailable="3"),
        stock(header, "A-1", "Attic", on_hand="4"),
        stock(header, "B-2", "shop", on_hand="6"),
        stock(header, "B-2", "den ", on_hand="6"),
        stock(header, "Z-9", "shop", on_hand="2", unavailable="1"),
        stock(header, "B-2", "main", on_hand="not stocked"),
        stock(header, "B-2", "", on_hand="1"),
    ]
    path = write(tmp_path / "inventory.csv", header, *rows)
    form = format_of(path)
    assert form == FileFormat("counts", "shopify-inventory")
    assert places_named(path, form) == ("MAIN HALL", "Attic", "shop", "den", "main")
    preview = foretold(company, ChannelExport(path=path, kind="counts", places=WEB))
    assert outcomes(preview) == {"imported": 3, "left_out": 1, "quarantined": 3}
    assert preview.first["counted"].to_list()[:2] == ["7 at main, 3 unsellable at main", "4 at Attic"]
    assert preview.moves.rows() == [("den", "more", 1, 6), ("main", "more", 2, 10), ("shop", "more", 1, 6)]
    assert preview.unknown.rows() == [("listing", "web", "Z-9", "Thing Z-9", 1, 2), ("location", None, "Attic", None, 1, 4)]
    assert sorted(preview.problems["code"]) == ["missing_location", "unknown_location", "unknown_sku"]


def test_locations_of_one_name_are_not_guessed(company: Engine, tmp_path: Path) -> None:
    products(company, tmp_path)
    path = write(tmp_path / "inventory.csv", STOCK_2023, stock(STOCK_2023, "A-1", "Den", on_hand="1"))
    preview = foretold(company, ChannelExport(path=path, kind="counts", places=WEB))
    assert preview.problems["reason"].to_list() == ["Several locations are called Den: give them names that differ."]
    assert preview.unknown.is_empty()


def test_a_column_for_each_location_and_codes_without_a_channel(company: Engine, tmp_path: Path) -> None:
    products(company, tmp_path)
    cells = {"Handle": "h", "Title": "Pan", "Option1 Value": "Default Title"}
    rows = [
        line(STOCK_BY_PLACE, {**cells, "SKU": sku, "Main hall": "8", "shop": units})
        for sku, units in (("A-1", "not stocked"), ("Q-1", "3"))
    ]
    path = write(tmp_path / "inventory.csv", STOCK_BY_PLACE, *rows)
    form = format_of(path)
    assert (form, places_named(path, form)) == (FileFormat("counts", "shopify-inventory"), ("Main hall", "shop"))
    preview = foretold(company, ChannelExport(path=path, kind="counts"))
    assert outcomes(preview) == {"imported": 1, "quarantined": 1}
    assert preview.unknown.rows() == [("sku", None, "Q-1", "Pan", 1, 11)]
    again = foretold(company, ChannelExport(path=path, kind="counts"))
    assert outcomes(again) == {"duplicates": 1, "quarantined": 1}


def test_what_amazon_holds_and_kits(company: Engine, tmp_path: Path) -> None:
    products(company, tmp_path)
    kit = write(tmp_path / "kits.csv", "kit_sku,component_sku,quantity,name", "K,A-1,1,Kit", "K,B-2,1,Kit")
    assert import_table(company, "kits", kit).quarantined == 0
    path = write(tmp_path / "fba.txt", FBA, fba("A-1", "9", "2"), fba("B-2", "1", exists="No"), fba("K", "3"))
    form = format_of(path)
    assert (form, places_named(path, form)) == (FileFormat("counts", "amazon-fba-inventory"), ())
    preview = foretold(company, ChannelExport(path=path, kind="counts", places=WEB_MAIN))
    assert outcomes(preview) == {"imported": 1, "left_out": 1, "quarantined": 1}
    assert preview.moves.rows() == [("main", "more", 2, 11)]
    assert preview.problems["reason"].to_list() == ["K is a kit, and kits hold no stock: count its components."]


def test_files_of_the_same_columns_by_other_names_are_no_exports(tmp_path: Path) -> None:
    assert format_of(write(tmp_path / "products.csv", "sku,name", "A-1,Pan")) == FileFormat("products")
    with pytest.raises(Exception, match="No mapping that comes with OnHand fits"):
        format_of(write(tmp_path / "other.csv", VARIANT, "h,Pan,Title,Default Title,,,,,A-1"))
