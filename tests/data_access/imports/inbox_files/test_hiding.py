"""What rows say of persons, where a mapping asks for it, is stored and not shown; a masked cell that comes back is what it was."""

import json
from pathlib import Path
from typing import Any

import pytest
from openpyxl import Workbook, load_workbook
from sqlalchemy.engine import Engine

from data_access.commands.inbox import mend, retry
from data_access.errors import Conflict
from data_access.imports.files.delimited.records import Form
from data_access.imports.inbox_files.export import export_rows
from data_access.imports.inbox_files.hiding import Hiding
from data_access.imports.order_import import import_orders
from data_access.queries.inbox import items
from data_access.write.permissions import COMMAND_LINE
from tests.data_access.import_files import HEADER, SHOP, mapping, one, row, sound, table, write

ASKS = SHOP.replace('customer = "customer"', 'customer = "Buyer Email"').replace(
    'country = "country"', 'country = ["Ship Address", "country"]'
)
MORE = f"{HEADER},Buyer Email,Ship Address"
ANN = f"{row('1', 'a', 'MUG', 'x')},ann@example.org,1 High St"
BOB = f"{row('2', 'a', 'MUG', 'x', title='for bob@example.org')},bob@example.org,"
HIDDEN = [
    f"{row('1', 'a', 'MUG', 'x')},(hidden),(hidden)",
    f"{row('2', 'a', 'MUG', 'x', title='(hidden)')},(hidden),",
]


@pytest.fixture
def waiting(store: Engine, tmp_path: Path) -> Engine:
    """Two rows whose quantity cannot be read."""
    result = import_orders(store, write(tmp_path / "orders.csv", MORE, ANN, BOB), mapping(tmp_path, ASKS))
    assert result.quarantined == 2
    return store


def customers(store: Engine) -> list[tuple[Any, ...]]:
    return table(store, "select order_ref, customer_ref, destination_country from sales_order order by order_ref")


EXPECTED = [("1", "ann@example.org", "1 High St"), ("2", "bob@example.org", None)]


def test_pages_and_audit_do_not_show_it_and_a_mended_text_keeps_it(waiting: Engine) -> None:
    shown = items(waiting)
    assert shown["content"].to_list() == HIDDEN
    assert [text for (text,) in table(waiting, "select content from inbox_item order by id")] == [ANN, BOB]
    for item in shown.iter_rows(named=True):
        mend(waiting, item["id"], item["content"].replace(",x,", ",3,"), item["version"], COMMAND_LINE)
    assert [text for (text,) in table(waiting, "select mended from inbox_item order by id")] == [
        text.replace(",x,", ",3,") for text in (ANN, BOB)
    ]
    assert items(waiting)["mended"].to_list() == [text.replace(",x,", ",3,") for text in HIDDEN]
    with pytest.raises(Conflict, match="was changed meanwhile to") as refusal:
        mend(waiting, shown["id"][0], "1,a", 1, COMMAND_LINE)
    audit = [json.loads(after)["text"] for (after,) in table(waiting, "select after from audit_entry where action = 'mend' order by id")]
    assert audit == [text.replace(",x,", ",3,") for text in HIDDEN]
    assert "example.org" not in str(refusal.value)
    assert retry(waiting, shown["id"].to_list(), COMMAND_LINE).taken == 2
    assert customers(waiting) == EXPECTED
    assert one(waiting, "select title from listing where external_sku = 'MUG'") == "for bob@example.org"
    sound(waiting)


def test_an_exported_file_does_not_hold_it_and_brings_it_back(waiting: Engine, tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    assert export_rows(waiting, None, out) == 2
    assert [line.partition(",")[2] for line in out.read_text().splitlines()[1:]] == HIDDEN
    out.write_text(out.read_text().replace(",x,", ",3,", 1))
    half = import_orders(waiting, out, mapping(tmp_path, ASKS))
    assert (half.imported, half.quarantined, customers(waiting)) == (1, 1, EXPECTED[:1])
    assert one(waiting, "select content from inbox_item where status = 'open'") == BOB
    export_rows(waiting, None, out)
    out.write_text(out.read_text().replace(",x,", ",3,").replace("(hidden),", "eve@example.org,"))
    assert import_orders(waiting, out, mapping(tmp_path, ASKS)).imported == 1
    assert customers(waiting) == [EXPECTED[0], ("2", "eve@example.org", None)]
    sound(waiting)


def test_a_workbook_of_them_does_not_either(sqlite_store: Engine, tmp_path: Path) -> None:
    book = Workbook()
    for line in (MORE, ANN, BOB):
        book.active.append(line.split(","))
    book.save(tmp_path / "orders.xlsx")
    assert import_orders(sqlite_store, tmp_path / "orders.xlsx", mapping(tmp_path, ASKS)).quarantined == 2
    out = tmp_path / "out.xlsx"
    export_rows(sqlite_store, None, out)
    book = load_workbook(out)
    texts = [cell.value for line in book.active.iter_rows() for cell in line if cell.value]
    assert (sum("example.org" in text for text in texts), texts.count("(hidden)")) == (0, 4)
    for line in book.active.iter_rows():
        for cell in line:
            cell.value = "3" if cell.value == "x" else cell.value
    book.save(out)
    assert import_orders(sqlite_store, out, mapping(tmp_path, ASKS)).imported == 2
    assert customers(sqlite_store) == EXPECTED


@pytest.mark.parametrize(
    ("stored", "hidden"),
    [
        ('1,"a, b"', "1,(hidden)"),
        ("1,(not kept)", "1,(not kept)"),
        ("1,", "1,"),
        ("ann@example.org,x", "(hidden),(hidden)"),
        ("1,a,b ann@example.org", "1,a,b (hidden)"),
    ],
)
def test_each_record_is_what_it_was_when_it_comes_back(stored: str, hidden: str) -> None:
    hiding = Hiding(("order", "Buyer Name"), Form())
    assert hiding.hidden(stored) == hidden
    assert hiding.revealed(hidden, stored) == stored
