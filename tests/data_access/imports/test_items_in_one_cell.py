"""Orders whose items stand in one cell: each item is a line, and an item that cannot be taken waits by itself."""

from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy.engine import Engine

from data_access.commands.imports import undo_import
from data_access.commands.inbox import dismiss, map_listing, mend, retry
from data_access.errors import InvalidInput
from data_access.imports.files.items import itemised
from data_access.imports.files.mapping import load_mapping, parse_mapping
from data_access.imports.files.order_cells import ROW_FACTS
from data_access.imports.files.orders import normalised
from data_access.imports.files.reader import read_records
from data_access.imports.files.recognise import recognised
from data_access.imports.import_run import ImportResult
from data_access.imports.inbox_files.export import export_rows
from data_access.imports.order_import import import_orders, import_table
from data_access.imports.places import ChosenPlaces
from data_access.write.permissions import COMMAND_LINE
from tests.data_access.import_files import one, sound, table, write

REPORT = "Date,Order #,Status,Customer,Customer type,Product(s),Items sold,Coupon(s),Net sales,Attribution"
LINES = (
    "select o.order_ref, l.external_sku, l.sku, l.quantity, l.shipped_quantity from order_line l join sales_order o on o.id = l.order_id"
)
ACCOUNT = "select imported, updated, ignored, duplicates, left_out, waiting, quarantined, rows_read from import_run where id = {}"
OUTCOMES = ("imported", "updated", "ignored", "duplicates", "left_out", "waiting", "quarantined")
OWN = """
[channel]
id = "web"
name = "Web"
kind = "webstore"
currency = "EUR"
time_zone = "UTC"
[location]
id = "hall"
[columns]
order = "no"
external_sku = "code"
quantity = {quantity}
placed = "day"
[items]
column = "what"
separator = "{separator}"
pattern = '{pattern}'
[formats]
dates = ["%Y-%m-%d"]
[lines]
identity = ["external_sku"]
"""


@pytest.fixture
def company(store: Engine, tmp_path: Path) -> Engine:
    """A web shop that lists a pan and a pot by their names; 100 of each at `hall`."""
    files = {
        "products": ["sku,name", "A-1,Pan", "B-2,Pot"],
        "locations": ["location_id,name,kind", "hall,Hall,warehouse"],
        "channels": ["channel_id,name,kind,currency,time_zone", "web,Web,webstore,EUR,Europe/Berlin"],
        "listings": ["channel_id,external_sku,sku", "web,Pan,A-1", 'web,"Pot, large",B-2'],
        "counts": ["sku,location_id,quantity,counted_at", "A-1,hall,100,2026-11-01 00:00", "B-2,hall,100,2026-11-01 00:00"],
    }
    for kind, lines in files.items():
        assert import_table(store, kind, write(tmp_path / f"{kind}.csv", *lines)).quarantined == 0
    return store


def order(number: int, items: str, sold: str, status: str = "processing") -> str:
    """A row of the report, its multiplication signs written as asterisks."""
    items = items.replace("*", "\u00d7")
    return f'2026-11-16 10:00:00,{number},{status},A Person,new,"{items}",{sold},,50.00,Direct'


def take(engine: Engine, path: Path) -> ImportResult:
    result = import_orders(engine, path, "auto", places=ChosenPlaces("web", "hall"))
    assert result.rows_read == sum(getattr(result, name) for name in OUTCOMES)
    return result


def accounted(engine: Engine, run_id: int) -> dict[str, int]:
    """The figures of an import that are not 0, which add up."""
    *figures, rows_read = table(engine, ACCOUNT.format(run_id))[0]
    assert rows_read == sum(figures)
    return {name: rows for name, rows in zip(OUTCOMES, figures, strict=True) if rows}


def test_the_report_of_woocommerce_analytics(company: Engine, tmp_path: Path) -> None:
    rows = [
        order(1, "1* Pan, 2* Pot, large", "3"),
        order(2, "4* Pot, large", "4", "Completed"),
        order(3, "5* Pan", "5", "Pending payment"),
        order(4, "1* Pan, 1* Pan", "2", "on-hold"),
    ]
    path = write(tmp_path / "report.csv", REPORT, *rows)
    assert recognised(path).name == "woocommerce-analytics"
    result = take(company, path)
    assert (result.rows_read, result.imported, result.waiting) == (6, 5, 1)
    assert table(company, f"{LINES} order by 1, 2, 4") == [
        ("1", "Pan", "A-1", 1, 0),
        ("1", "Pot, large", "B-2", 2, 0),
        ("2", "Pot, large", "B-2", 4, 4),
        ("4", "Pan", "A-1", 1, 0),
        ("4", "Pan", "A-1", 1, 0),
    ]
    assert table(company, "select sku, on_hand, allocated from stock_level order by 1") == [("A-1", 100, 3), ("B-2", 96, 2)]
    again = take(company, path)
    assert (again.duplicates, again.waiting, again.imported) == (5, 1, 0)
    undo_import(company, result.import_run_id, COMMAND_LINE)
    assert one(company, "select count(*) from order_line") == 0
    assert take(company, path).imported == 5
    sound(company)


def test_a_newer_report_with_another_status(company: Engine, tmp_path: Path) -> None:
    take(company, write(tmp_path / "a.csv", REPORT, order(1, "1* Pan, 2* Pot, large", "3")))
    result = take(company, write(tmp_path / "b.csv", REPORT, order(1, "2* Pot, large, 1* Pan", "3", "completed")))
    assert (result.updated, result.imported) == (2, 0)
    assert table(company, "select sku, on_hand, allocated from stock_level order by 1") == [("A-1", 99, 0), ("B-2", 98, 0)]
    sound(company)


def test_an_unknown_item_waits_by_itself(company: Engine, tmp_path: Path) -> None:
    path = write(tmp_path / "r.csv", REPORT, order(1, "1* Pan, 2* Lid, 3* Cup", "6"), order(2, "1* Pan", "1"))
    result = take(company, path)
    assert (result.imported, result.quarantined) == (2, 2)
    assert table(company, "select external_sku from inbox_item order by id") == [("Lid",), ("Cup",)]
    assert (take(company, path).duplicates, one(company, "select count(*) from inbox_item")) == (2, 2)
    assert export_rows(company, None, tmp_path / "out.csv") == 2  # a row for each item that waits
    again = take(company, tmp_path / "out.csv")
    assert (again.duplicates, again.quarantined, one(company, "select count(*) from inbox_item")) == (0, 2, 2)
    map_listing(company, "web", "Cup", "B-2", COMMAND_LINE)
    assert table(company, f"{LINES} where o.order_ref = '1' order by 2") == [("1", "Cup", "B-2", 3, 0), ("1", "Pan", "A-1", 1, 0)]
    assert accounted(company, result.import_run_id) == {"imported": 3, "quarantined": 1}
    last = one(company, "select id from inbox_item where status = 'open'")
    dismiss(company, [last], "not ours", COMMAND_LINE)
    assert (take(company, path).duplicates, one(company, "select count(*) from inbox_item where status = 'open'")) == (4, 0)
    sound(company)


def test_an_item_that_was_exported_is_mended_there(company: Engine, tmp_path: Path) -> None:
    result = take(company, write(tmp_path / "r.csv", REPORT, order(1, "1* Pan, 2* Lid, 3* Cup", "6")))
    assert (result.imported, result.quarantined) == (1, 2)
    out = tmp_path / "out.csv"
    assert export_rows(company, None, out) == 2
    out.write_text(out.read_text().replace("Lid", "Pot, large"))
    again = take(company, out)
    assert (again.imported, again.quarantined, again.duplicates) == (1, 1, 0)
    assert table(company, f"{LINES} where o.order_ref = '1' order by 2") == [("1", "Pan", "A-1", 1, 0), ("1", "Pot, large", "B-2", 2, 0)]
    assert table(company, "select external_sku, status from inbox_item order by id") == [("Lid", "resolved"), ("Cup", "open")]
    assert accounted(company, result.import_run_id) == {"imported": 1, "duplicates": 1, "quarantined": 1}
    sound(company)


@pytest.mark.parametrize(
    ("items", "sold", "sentence"),
    [
        ("Pan and pot", "3", "The items 'Pan and pot' in column Product(s) cannot be read"),
        ("1* Pan, 2* Pot, large", "4", "are 3 units, but column Items sold says 4"),
        ("1* Bolt, 2* pack", "1", "are 3 units, but column Items sold says 1"),
        ("x* Pan", "1", "cannot be read"),
    ],
)
def test_items_that_cannot_be_read_are_put_aside_whole(company: Engine, tmp_path: Path, items: str, sold: str, sentence: str) -> None:
    result = take(company, write(tmp_path / "r.csv", REPORT, order(1, items, sold), order(2, "1* Pan", "1")))
    assert (result.imported, result.quarantined) == (1, 1)
    assert sentence in one(company, "select reason from inbox_item")
    item_id, version = table(company, "select id, version from inbox_item")[0]
    mend(company, item_id, order(1, "1* Pan, 2* Pot, large", "3"), version, COMMAND_LINE)
    assert retry(company, [item_id], COMMAND_LINE).taken == 1
    assert table(company, f"{LINES} where o.order_ref = '1' order by 2") == [("1", "Pan", "A-1", 1, 0), ("1", "Pot, large", "B-2", 2, 0)]
    assert accounted(company, result.import_run_id) == {"imported": 3}
    assert one(company, "select count(*) from inbox_item where status = 'open'") == 0
    sound(company)


@pytest.mark.parametrize(
    ("pattern", "separator", "quantity", "cell", "expected"),
    [
        (r"^(?P<code>.+) x (?P<units>\d+)$", ", ", '"units"', "Pan x 1, Pot, large x 2", [("Pan", 1), ("Pot, large", 2)]),
        (r"^(?P<code>\S+):(?P<units>\d+)$", "|", '"units"', "A-1:3|B-2:1", [("A-1", 3), ("B-2", 1)]),
        (r"^(?P<code>.+)$", ";", '{ otherwise = "1" }', "A-1; B-2;A-1", [("A-1", 1), ("B-2", 1), ("A-1", 1)]),
        (r"^(?:(?P<units>\d+) ?x ?)(?P<code>.+)$", " + ", '"units"', "2x Nuts + bolts + 3 x Pan", [("Nuts + bolts", 2), ("Pan", 3)]),
    ],
)
def test_other_ways_to_write_items(
    tmp_path: Path, pattern: str, separator: str, quantity: str, cell: str, expected: list[tuple[str, int]]
) -> None:
    text = OWN.format(pattern=pattern, separator=separator, quantity=quantity)
    assert understood(tmp_path, text, "no,day,what", f'1,2026-11-16,"{cell}"') == [("1", *item) for item in expected]


def understood(folder: Path, text: str, header: str, *rows: str) -> list[tuple[Any, ...]]:
    """Order, code and units of the rows of a file; none is bad."""
    mapping = parse_mapping(text, "test")
    contents = read_records(write(folder / "f.csv", header, *rows), mapping.file, mapping.file_columns, (), mapping.never_empty)
    frame = normalised(itemised(contents, mapping, pl.DataFrame(schema=ROW_FACTS))[0], mapping)
    assert frame["code"].drop_nulls().to_list() == []
    return frame.sort("row_no").select("order_ref", "external_sku", "quantity").rows()


def test_a_pattern_without_named_groups_is_refused() -> None:
    with pytest.raises(InvalidInput, match="no named group"):
        parse_mapping(OWN.format(pattern=r"(\d+) (.+)", separator=",", quantity='"units"'), "test")


WORDS = st.lists(st.sampled_from(["Pan", "Pot, large", "Lid (set of 2)", "Cup 3", "x", "Nuts & bolts", "é"]), min_size=1, max_size=3)
ITEMS = st.lists(st.tuples(st.integers(1, 30), WORDS.map(" ".join)), min_size=1, max_size=5)


@settings(max_examples=60, deadline=None)
@given(orders=st.lists(ITEMS, min_size=1, max_size=6))
def test_each_item_of_any_report_is_a_row(tmp_path_factory: pytest.TempPathFactory, orders: list[list[tuple[int, str]]]) -> None:
    rows = [
        order(number, ", ".join(f"{units}* {name}" for units, name in items), str(sum(units for units, _ in items)))
        for number, items in enumerate(orders)
    ]
    expected = [(str(number), name, units) for number, items in enumerate(orders) for units, name in items]
    text = load_mapping("woocommerce-analytics").text
    assert understood(tmp_path_factory.mktemp("report"), text, REPORT, *rows) == expected
