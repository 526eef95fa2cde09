"""Mappings: what may stand in them, and that every key is explained."""

import re
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import BaseModel

from data_access.errors import InvalidInput
from data_access.imports.files.mapping import Mapping, load_mapping, mapping_names, parse_mapping
from data_access.imports.files.mapping_parts import ColumnSource
from data_access.imports.files.tables import TABLES, TableMapping, load_table_mapping
from tests.data_access.import_files import SHOP

GUIDE = Path(__file__).resolve().parents[4] / "docs" / "importing.md"


def keys(model: type[BaseModel], prefix: str = "") -> list[str]:
    names = []
    for name, field in model.model_fields.items():
        inner = [part for part in (field.annotation, *get_args(field.annotation)) if isinstance(part, type) and issubclass(part, BaseModel)]
        is_table = bool(inner) and inner[0] is not ColumnSource and not prefix.startswith("rows.")  # a rule's places are tables as above
        names += keys(inner[0], f"{prefix}{name}.") if is_table else [f"{prefix}{name}"]
    return names


def test_every_key_and_column_is_explained() -> None:
    text = GUIDE.read_text()
    explained = set(re.findall(r"^\| `([a-z_.]+)` \|", text, re.MULTILINE))
    assert set(keys(Mapping)) <= explained
    assert set(keys(TableMapping)) <= explained
    for kind, columns in TABLES.items():
        section = text.split(f"\n### {kind.capitalize()}\n")[1].split("\n### ")[0]
        assert {column.name for column in columns} <= set(re.findall(r"^\| `([a-z_]+)` \|", section, re.MULTILINE)), kind
    for name in mapping_names():
        assert f"`{name}`" in text


def test_shipped_mappings() -> None:
    ready = [
        "amazon-all-orders",
        "amazon-in-sale-report",
        "ebay-orders",
        "online-retail",
        "shopify-orders",
        "woocommerce-analytics",
        "woocommerce-orders",
    ]
    assert mapping_names() == ready
    retail = load_mapping("online-retail").mapping
    assert retail.identity == ("external_sku", "quantity", "price", "placed")
    assert retail.time_zone == "Europe/London"
    assert load_mapping("amazon-in-sale-report").mapping.status["Shipped - Returned to Seller"] == ["shipped", "returned"]


def replaced(old: str, new: str) -> str:
    assert old in SHOP
    return SHOP.replace(old, new)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("a = ", "is not valid TOML"),
        (replaced('id = "shop"', "id = 3"), "wrong at channel.id"),
        (replaced('currency = "EUR"', 'currency = "euro"'), "wrong at channel.currency"),
        (replaced('time_zone = "Europe/Berlin"', 'time_zone = "Berlin"'), "'Berlin' is not the IANA name"),
        (SHOP + "\n[colours]\nred = 1\n", "wrong at colours"),
        (SHOP + '\n[returns]\norder = "("\n', "is not a regular expression"),
        (SHOP + '\n[lines]\nidentity = ["price"]\n', "columns.line names one"),
        (SHOP + "\n[charges]\n", "give order, external_sku or both"),
        (SHOP + '\n[formats]\ndecimal = ","\nthousands = ","\n', "are the same character"),
        (SHOP + '\n[file]\nencoding = "klingon"\n', "is not the name of an encoding"),
        (SHOP + '\n[file]\ndelimiter = "ab"\n', "wrong at file.delimiter"),
        (replaced('status = "status"\n', ""), "go together"),
        (replaced('line = "line"\n', "") + '\n[lines]\nidentity = ["ship_by"]\n', "which columns does not map"),
        (replaced('Shipped = ["shipped"]', 'Shipped = ["sent"]'), "wrong at status.Shipped.0"),
        (replaced('price = "price"', "price = []"), "wrong at columns.price: give the name of a column"),
        (replaced('price = "price"', "price = 3"), "wrong at columns.price"),
        (replaced('price = "price"', 'price = { columns = ["a"], optional = ["b"] }'), "optional names a column that columns does not"),
        (SHOP + '\n[[rows]]\nwhere = { sku = "x" }\n', "wrong at rows.0: give then, or a channel or location"),
        (SHOP + '\n[[rows]]\nwhere = {}\nthen = "wait"\n', "wrong at rows.0.where"),
        (SHOP + '\n[[rows]]\nwhere = { sku = "(a+)+(?=b)" }\nthen = "wait"\n', "not a regular expression that can be run in linear time"),
        (SHOP + "\n[returns]\n", "wrong at returns: give order, or set negative_quantity"),
    ],
)
def test_mistakes_have_one_sentence(text: str, sentence: str) -> None:
    with pytest.raises(InvalidInput, match=sentence) as caught:
        parse_mapping(text, "mine.toml")
    assert str(caught.value).startswith("The mapping mine.toml")
    assert "\n" not in str(caught.value)


def test_files_that_are_no_mappings(tmp_path: Path) -> None:
    for raw, sentence in ((b"\xff\xfe", "not UTF-8"), (b"x" * 2_000_000, "too large")):
        (tmp_path / "m.toml").write_bytes(raw)
        with pytest.raises(InvalidInput, match=sentence):
            load_mapping(str(tmp_path / "m.toml"))
    with pytest.raises(InvalidInput, match="cannot be read"):
        load_mapping(str(tmp_path / "none.toml"))
    with pytest.raises(InvalidInput, match="choose one of amazon-all-orders, amazon-in-sale-report, "):
        load_mapping("ebay")


def test_the_hash_follows_text_and_options() -> None:
    loaded = load_mapping("online-retail")
    assert loaded.hash("a") == loaded.hash("a") != loaded.hash("b")


def test_table_mappings(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text('[columns]\nsku = "Artikel"\n')
    loaded, table = load_table_mapping("products", str(path))
    assert (loaded.name, table.needed) == ("mine", ["Artikel"])
    path.write_text('[columns]\ncolour = "Farbe"\n')
    with pytest.raises(InvalidInput, match="'colour', which products do not have"):
        load_table_mapping("products", str(path))
    with pytest.raises(InvalidInput, match="choose one of products, kits"):
        load_table_mapping("toys", None)
    names: Any = TABLES
    assert list(names) == ["products", "kits", "listings", "locations", "channels", "suppliers", "counts"]


@pytest.mark.parametrize("text", ["a = " + "[" * 100_000, "a = {b = " * 20_000, "a" + ".a" * 100_000 + " = 1", "[" + "a." * 60 + "a]"])
def test_deep_mappings_are_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match=r"^The mapping deep is nested more than 50 levels deep: is it a mapping\?$"):
        parse_mapping(text, "deep")


def test_brackets_and_dots_within_texts_are_no_depth() -> None:
    with pytest.raises(InvalidInput, match=r"^The mapping text is wrong at "):
        parse_mapping(f"# {'[' * 60}\ndescription = '{'[.' * 60}'\nname = \"{'{.' * 60}\"", "text")


def test_a_large_mapping_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "large.toml"
    path.write_text("#" * 256_001)
    with pytest.raises(InvalidInput, match=r"is too large for a mapping: is it the data file\?$"):
        load_mapping(str(path))
