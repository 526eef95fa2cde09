"""Columns of a foreign file, proposed by name and content, and the mapping that a person makes of them."""

from pathlib import Path

import polars as pl
import pytest
from sqlalchemy.engine import Engine

from data_access.commands.mappings import mapping_by_name, save_mapping, saved_mappings
from data_access.commands.people import add_user
from data_access.errors import Forbidden, InvalidInput
from data_access.imports.files.mapping import parse_mapping
from data_access.imports.files.mapping_parts import ChannelPart, LocationPart
from data_access.imports.preview.proposal import MappingDraft, date_formats, decimal_of, mapping_text, proposed, sample
from data_access.imports.table_import import import_table
from data_access.write.permissions import COMMAND_LINE
from tests.data_access.import_files import table, write

CHANNEL = ChannelPart(id="web", name='The "Web"\nshop', kind="webstore", currency="EUR", time_zone="Europe/Berlin")
PLACE = LocationPart(id="main", name="Main \\ hall")
DRAFT = MappingDraft(
    kind="orders",
    columns={"order": "Beleg Nr", "external_sku": "Artikel", "quantity": "Menge", "placed": "Datum", "status": "Status"},
    dates="%d.%m.%Y",
    decimal=",",
    statuses={"versandt": ["shipped"], "Entwurf": []},
    channel=CHANNEL,
    location=PLACE,
)


def test_columns_are_proposed_by_name_and_content(tmp_path: Path) -> None:
    header = "Order No.;Order date;Item SKU;Item name;Qty;Unit price;Order status;Note;Note;"
    path = write(tmp_path / "till.csv", header, "1;02.11.2026;A;Pan;2;1,50;open;x;y;", "2;13.11.2026;B;Pot;1;2,50;sent;x;y;")
    of = sample(path)
    assert of.header == ("Order No.", "Order date", "Item SKU", "Item name", "Qty", "Unit price", "Order status")
    assert of.read_as == "utf-8 with semicolons"
    assert proposed("orders", of) == {
        "order": "Order No.",
        "external_sku": "Item SKU",
        "quantity": "Qty",
        "placed": "Order date",
        "title": "Item name",
        "price": "Unit price",
        "status": "Order status",
    }


def test_a_column_that_holds_something_else_is_not_proposed(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "sku,quantity,date,taken", "A,many,soon,2026-11-02 10:00", "B,few,later,2026-11-03 10:00")
    assert proposed("counts", sample(path)) == {"sku": "sku", "counted_at": "taken"}


def test_columns_of_other_languages_are_proposed_by_what_they_hold(tmp_path: Path) -> None:
    path = write(tmp_path / "till.csv", "Beleg;Artikel;Menge;Preis;Datum", "R-1;PAN;2;12,50;02.11.2026", "R-2;POT;3;1,00;13.11.2026")
    assert proposed("orders", sample(path)) == {"placed": "Datum", "quantity": "Menge", "price": "Preis"}


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (["2026-11-02", "2026-11-13"], ["%Y-%m-%d"]),
        (["02/11/2026", "13/11/2026"], ["%d/%m/%Y"]),
        (["02/11/2026", "03/11/2026"], ["%d/%m/%Y", "%m/%d/%Y"]),
        (["2026-11-02T10:00:00Z"], ["%Y-%m-%dT%H:%M:%S%z"]),
        (["soon"], []),
    ],
)
def test_ways_of_writing_times_are_those_that_fit_all(cells: list[str], expected: list[str]) -> None:
    assert date_formats([pl.Series(cells), pl.Series([None], dtype=pl.String)]) == expected


@pytest.mark.parametrize(
    ("cells", "sign"), [(["1.50", "2"], "."), (["1,50", "2"], ","), (["1.030,00"], ","), (["1,030.00"], "."), (["3", "4"], ".")]
)
def test_the_decimal_sign_is_that_of_most_prices(cells: list[str], sign: str) -> None:
    assert decimal_of(pl.Series(cells)) == sign


def test_the_text_of_a_mapping_says_what_was_confirmed() -> None:
    mapping = parse_mapping(mapping_text(DRAFT), "draft")
    assert (mapping.channel, mapping.location) == (CHANNEL, PLACE)
    assert {name: source.columns for name, source in mapping.columns.named.items()} == {
        name: [column] for name, column in DRAFT.columns.items()
    }
    assert (mapping.formats.dates, mapping.formats.decimal, mapping.formats.thousands) == (["%d.%m.%Y"], ",", ".")
    assert mapping.status == {"versandt": ["shipped"], "Entwurf": []}


def test_a_mapping_is_kept_under_its_name_and_known_by_it(store: Engine, tmp_path: Path) -> None:
    add_user(store, "Pia", "planner", COMMAND_LINE)
    folder = tmp_path / "mappings"
    text = mapping_text(MappingDraft(kind="products", columns={"sku": "Code", "name": "Label"}, dates="%d.%m.%Y", decimal="."))
    path = save_mapping(store, folder, "products", "till-products", text, "Pia")
    assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    assert saved_mappings(folder, "products") == {"till-products": path}
    assert mapping_by_name(folder, "products", "till-products") == str(path)
    assert mapping_by_name(folder, "orders", "till-products") == "till-products"
    assert table(store, "select actor, action, entity_id from audit_entry where action = 'save_mapping'") == [
        ("Pia", "save_mapping", "products:till-products")
    ]
    result = import_table(store, "products", write(tmp_path / "p.csv", "Code,Label,Other", "A-1,Pan,x"), str(path))
    assert (result.imported, table(store, "select sku, name from product")) == (1, [("A-1", "Pan")])


def test_what_is_no_mapping_or_no_name_is_refused_and_not_kept(store: Engine, tmp_path: Path) -> None:
    good = mapping_text(DRAFT)
    for name in ("auto", "shopify-orders", "../x", "A", "", "a b"):
        with pytest.raises(InvalidInput, match="cannot be the name of a mapping"):
            save_mapping(store, tmp_path / "m", "orders", name, good, COMMAND_LINE)
    with pytest.raises(InvalidInput, match="The mapping till is wrong"):
        save_mapping(store, tmp_path / "m", "orders", "till", "[columns]", COMMAND_LINE)
    with pytest.raises(InvalidInput, match="names the column 'colour', which products do not have"):
        save_mapping(store, tmp_path / "m", "products", "till", '[columns]\ncolour = "x"', COMMAND_LINE)
    add_user(store, "Otto", "ops", COMMAND_LINE)
    with pytest.raises(Forbidden, match="may not import files"):
        save_mapping(store, tmp_path / "m", "orders", "till", good, "Otto")
    assert not (tmp_path / "m").exists()
    save_mapping(store, tmp_path / "m", "orders", "till", good, COMMAND_LINE)
    with pytest.raises(InvalidInput, match="There is a mapping 'till' of orders already: choose another name"):
        save_mapping(store, tmp_path / "m", "orders", "till", good, COMMAND_LINE)
