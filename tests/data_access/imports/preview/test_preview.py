"""Previews of files: what they say beforehand is what the import then does, and nothing is written."""

from pathlib import Path

import polars as pl
import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from data_access.engine import reading
from data_access.errors import InvalidInput
from data_access.imports.order_import import import_orders
from data_access.imports.places import ChosenPlaces
from data_access.imports.preview.file_format import FileFormat, format_of
from data_access.imports.preview.findings import Preview
from data_access.imports.preview.order_file import preview_orders
from data_access.imports.preview.table_file import preview_table
from data_access.imports.table_import import import_table
from data_access.schema import metadata
from tests.data_access.import_files import table, write

ORDERS = (
    "Name,Email,Financial Status,Fulfillment Status,Fulfilled at,Currency,Created at,Lineitem quantity,Lineitem name,"
    "Lineitem price,Lineitem sku,Lineitem requires shipping,Lineitem fulfillment status,Cancelled at"
)
FIRST = (
    "#1,ann@example.com,paid,fulfilled,2026-11-03 10:00:00 +0100,EUR,2026-11-02 10:00:00 +0100,2,Pan,12.50,A-1,true,fulfilled,",
    "#2,bob@example.com,paid,,,EUR,2026-11-02 23:30:00 +0100,3,Pot,3.00,B-2,true,pending,",
    "#3,bob@example.com,paid,,,EUR,2026-11-02 23:30:00 +0100,1,Lid,3.00,L-3,true,pending,",
    "#4,cy@example.com,pending,,,EUR,2026-11-02 23:30:00 +0100,1,Pot,3.00,B-2,true,pending,",
    "#5,cy@example.com,paid,,,EUR,2026-11-02 23:30:00 +0100,1,Gift wrap,1.00,G,false,pending,",
    "#6,cy@example.com,paid,,,EUR,2026-11-02 23:30:00 +0100,some,Pot,3.00,B-2,true,pending,",
)
WEB = ChosenPlaces("web", "hall")
TABLES = {
    "products": ["sku,name,price,currency", "A-1,Pan,12.5,EUR", "B-2,Pot,3,EUR"],
    "locations": ["location_id,name,kind", "hall,Hall,warehouse"],
    "channels": ["channel_id,name,kind,currency,time_zone", "web,Web,webstore,EUR,Europe/Berlin"],
    "listings": ["channel_id,external_sku,sku", "web,A-1,A-1", "web,B-2,B-2"],
    "counts": ["sku,location_id,quantity,counted_at", "A-1,hall,100,2026-11-01 00:00", "B-2,hall,100,2026-11-04 00:00"],
}


def everything(store: Engine) -> dict[str, list[tuple[object, ...]]]:
    """All rows of the store."""
    with reading(store) as connection:
        return {table.name: sorted(map(tuple, connection.execute(sa.select(table))), key=repr) for table in metadata.sorted_tables}


def outcomes(preview: Preview) -> dict[str, int]:
    return {name: rows for name, rows in preview.outcomes.items() if rows}


@pytest.fixture
def company(store: Engine, tmp_path: Path) -> Engine:
    """100 units of A-1, and of B-2 (counted later than the orders), at `hall`, listed in the web shop."""
    for kind, lines in TABLES.items():
        assert import_table(store, kind, write(tmp_path / f"{kind}.csv", lines[0], *lines[1:])).quarantined == 0
    return store


def test_orders_are_shown_as_they_would_be_imported(company: Engine, tmp_path: Path) -> None:
    path = write(tmp_path / "orders.csv", ORDERS, *FIRST)
    before = everything(company)
    preview = preview_orders(company, path, "auto", WEB)
    assert everything(company) == before
    assert (preview.kind, preview.mapping, preview.read_as, preview.zone, preview.rows) == (
        *("orders", "shopify-orders:web", "utf-8 with commas", "Europe/Berlin"),
        6,
    )
    assert outcomes(preview) == {"imported": 2, "left_out": 1, "waiting": 1, "quarantined": 2}
    names = ("line_number", "outcome", "order_ref", "sku", "quantity", "unit_price", "state", "placed_local", "placed_at")
    shown = preview.first.select(names).with_columns(pl.col(pl.Datetime).dt.to_string("%d %H:%M"))
    assert shown.rows()[:3] == [
        (2, "imported", "#1", "A-1", 2, 12.5, "shipped", "02 10:00", "02 09:00"),
        (3, "imported", "#2", "B-2", 3, 3.0, "open", "02 23:30", "02 22:30"),
        (4, "quarantined", "#3", None, 1, 3.0, "open", "02 23:30", "02 22:30"),
    ]
    assert preview.first["state"].to_list()[3:] == ["waiting", "left_out", "open"]
    assert preview.moves.rows() == [("hall", "allocated", 1, 3), ("hall", "shipped", 1, 2)]
    assert preview.unknown.rows() == [("listing", "web", "L-3", "Lid", 1, 1)]
    assert preview.problems.select("code", "rows", "line_number", "reference").rows() == [
        ("unknown_listing", 1, 4, "#3"),
        ("bad_number", 1, 7, "#6"),
    ]
    assert not any("example.com" in str(value) for row in preview.first.rows() for value in row)
    result = import_orders(company, path, "auto", places=WEB)
    assert preview.outcomes == {name: getattr(result, name) for name in preview.outcomes}


def test_a_later_export_says_what_changed(company: Engine, tmp_path: Path) -> None:
    import_orders(company, write(tmp_path / "orders.csv", ORDERS, *FIRST), "auto", places=WEB)
    later = FIRST[1].replace("paid,,,", "paid,fulfilled,2026-11-05 08:00:00 +0100,").replace(",pending,", ",fulfilled,")
    new = FIRST[0].replace("#1", "#9").replace("2026-11-03", "2026-10-30").replace("2026-11-02", "2026-10-30")
    path = write(tmp_path / "later.csv", ORDERS, FIRST[0], later, new)
    preview = preview_orders(company, path, "auto", WEB)
    assert outcomes(preview) == {"imported": 1, "updated": 1, "duplicates": 1}
    assert preview.moves.rows() == [("hall", "history", 1, 2), ("hall", "shipped", 1, 3)]  # #9 left before the first count
    result = import_orders(company, path, "auto", places=WEB)
    assert (result.imported, result.updated, result.duplicates) == (1, 1, 1)
    assert table(company, "select sku, on_hand from stock_level order by 1") == [("A-1", 98), ("B-2", 97)]
    assert outcomes(preview_orders(company, path, "auto", WEB)) == {"duplicates": 3}


@pytest.mark.parametrize(
    ("kind", "lines", "expected"),
    [
        ("products", ["sku,name,price", "A-1,Pan,12.5", "B-2,Pot,4", "C-3,Cup,1", "D-4,,1"], [1, 1, 1, 0, 0, 1]),
        ("locations", ["location_id,name,kind", "hall,Hall,shop", "new,New,warehouse"], [1, 1, 0, 0, 0, 0]),
        ("listings", ["channel_id,external_sku,sku", "web,A-1,A-1", "web,Z,Z", "fair,A-1,A-1", "web,A-9,A-1"], [1, 0, 1, 0, 0, 2]),
        ("channels", ["channel_id,name,stale_after_hours", "web,Web,24", "web,Web,5"], [0, 1, 1, 0, 0, 0]),
        ("kits", ["kit_sku,component_sku,quantity,name", "K,A-1,1,Kit", "K,B-2,2,Kit", "L,A-1,1,L", "L,Z,1,L"], [2, 0, 0, 0, 0, 2]),
        ("suppliers", ["supplier_id,name,sku", "acme,Acme,A-1", "acme,Acme,Z"], [1, 0, 0, 0, 0, 1]),
        (
            "counts",
            ["sku,location_id,quantity,counted_at", "A-1,hall,100,2026-11-01 00:00", "A-1,hall,90,2026-11-06 00:00", "Z,roof,1,2026-11-06"],
            [1, 0, 1, 0, 0, 1],
        ),
    ],
)
def test_tables_are_shown_as_they_would_be_imported(
    company: Engine, tmp_path: Path, kind: str, lines: list[str], expected: list[int]
) -> None:
    path = write(tmp_path / "table.csv", lines[0], *lines[1:])
    assert format_of(path) == FileFormat(kind)
    before = everything(company)
    preview = preview_table(company, kind, path)
    assert everything(company) == before
    result = import_table(company, kind, path)
    assert list(preview.outcomes.values()) == expected
    assert [getattr(result, name) for name in preview.outcomes] == expected
    assert preview.first["line_number"].to_list() == list(range(2, len(lines) + 1))


def test_counts_say_how_far_they_are_from_the_stock(company: Engine, tmp_path: Path) -> None:
    rows = ["A-1,hall,90,2026-11-06 00:00", "B-2,hall,130,2026-11-06 00:00", "Z,roof,1,2026-11-06 00:00"]
    preview = preview_table(company, "counts", write(tmp_path / "counts.csv", TABLES["counts"][0], *rows))
    assert preview.moves.rows() == [("hall", "less", 1, 10), ("hall", "more", 1, 30)]
    assert preview.unknown.rows() == [("sku", None, "Z", None, 1, 1)]


def test_a_kit_that_is_the_same_is_a_duplicate(company: Engine, tmp_path: Path) -> None:
    path = write(tmp_path / "kits.csv", "kit_sku,component_sku,quantity,name", "K,A-1,1,Kit", "K,B-2,2,Kit")
    import_table(company, "kits", path)
    assert outcomes(preview_table(company, "kits", path)) == {"duplicates": 2}
    assert outcomes(preview_table(company, "kits", write(path, "kit_sku,component_sku,quantity", "K,A-1,1"))) == {"updated": 1}


def test_orders_of_kits_move_their_components(company: Engine, tmp_path: Path) -> None:
    import_table(company, "kits", write(tmp_path / "kits.csv", "kit_sku,component_sku,quantity,name", "K,A-1,1,Kit", "K,B-2,2,Kit"))
    import_table(company, "listings", write(tmp_path / "listings.csv", "channel_id,external_sku,sku", "web,K,K"))
    row = FIRST[1].replace("B-2", "K")
    preview = preview_orders(company, write(tmp_path / "orders.csv", ORDERS, row), "auto", WEB)
    assert preview.moves.rows() == [("hall", "allocated", 2, 9)]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "is empty: it has no header line"),
        (b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", "is neither text nor a workbook: save the table as CSV, XLSX or ODS"),
        (b"colour,size\nred,1\n", "No mapping that comes with OnHand fits the header"),
        (b"sku,units sold\nA-1,3\n", "No mapping that comes with OnHand fits the header"),
        ((",".join(f"c{n}" for n in range(2_000)) + "\n").encode(), "has a header of 2,000 columns, more than 1,000"),
    ],
    ids=["empty", "picture", "foreign", "a lone SKU", "2,000 columns"],
)
def test_what_is_no_file_of_any_kind_is_refused_in_a_sentence(tmp_path: Path, content: bytes, sentence: str) -> None:
    path = tmp_path / "file.csv"
    path.write_bytes(content)
    with pytest.raises(InvalidInput, match=sentence) as caught:
        format_of(path)
    assert str(caught.value).count(". ") == 0
