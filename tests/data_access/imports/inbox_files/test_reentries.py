"""Rows that the inbox has exported come back by the same mapping and close what they mend."""

import codecs
from pathlib import Path
from typing import Final

import openpyxl
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy.engine import Engine

from data_access.commands.inbox import dismiss
from data_access.commands.people import add_user
from data_access.engine import open_engine
from data_access.errors import InvalidInput
from data_access.imports.files.delimited.records import Form
from data_access.imports.files.row_ids import record_of
from data_access.imports.inbox_files.export import export_rows
from data_access.imports.order_import import import_orders, import_table
from data_access.queries import inbox
from data_access.store.lifecycle import migrate
from data_access.write.permissions import COMMAND_LINE
from tests.data_access.import_files import figures, mapping, one, sound, table, write

GERMAN: Final = """
[channel]
id = "laden"
name = "Laden"
kind = "webstore"
currency = "EUR"
time_zone = "Europe/Berlin"
[location]
id = "main"
name = "Main warehouse"
[file]
preamble_rows = 1
[columns]
order = "order"
placed = "date"
external_sku = "sku"
quantity = "qty"
status = "status"
title = "title"
[lines]
of_order = ["placed", "status"]
[status]
Offen = ["placed"]
Versandt = ["shipped"]
[skus]
unknown = "create"
"""
HEADER: Final = "order;date;sku;qty;status;title"
ROWS: Final = (
    "Q1;2026-11-16 10:00:00;A-1;1;Offen;Pfannen",
    "Q1;;GRÜN-1;2,5;;Grüne Pfanne",
    "Q2;2026-11-16 11:00:00;GRÜN-1;x;Offen;=Grüne Pfanne",
)
LINES: Final = "select o.order_ref, l.external_sku, l.quantity from order_line l join sales_order o on o.id = l.order_id order by 1, 2, 3"
RUNS: Final = "select rows_read, imported, duplicates, quarantined from import_run order by id"


def german(folder: Path, *rows: str, encoding: str = "cp1252", preamble: str = "Exported 2026-11-20") -> Path:
    path = folder / "laden.csv"
    path.write_bytes("\r\n".join([preamble, HEADER, *rows, ""]).encode(encoding))
    return path


@pytest.fixture
def laden(store: Engine, tmp_path: Path) -> str:
    """The mapping of a file of which two of three rows wait in the inbox."""
    path = mapping(tmp_path, GERMAN, "laden")
    assert figures(import_orders(store, german(tmp_path, *ROWS), path)) == (3, 1, 0, 0, 2)
    return path


def exported(engine: Engine, folder: Path, name: str = "out.csv") -> Path:
    export_rows(engine, None, folder / name)
    return folder / name


def changed(path: Path, *changes: tuple[str, str], encoding: str = "cp1252") -> Path:
    text = path.read_bytes().decode(encoding)
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    path.write_bytes(text.encode(encoding))
    return path


def test_a_file_is_written_as_the_one_it_came_from(store: Engine, tmp_path: Path, laden: str) -> None:
    assert Path(laden).exists()
    ids = inbox.items(store)["id"]
    assert exported(store, tmp_path).read_bytes().decode("cp1252").splitlines() == [
        "Exported 2026-11-20",
        f"onhand_row;{HEADER}",
        f"{ids[0]};{ROWS[1]}",
        f"{ids[1]};{ROWS[2].replace('=', chr(39) + '=')}",
    ]


def test_mended_rows_close_their_items_and_know_their_order(store: Engine, tmp_path: Path, laden: str) -> None:
    path = changed(exported(store, tmp_path), (";2,5;", ";2;"), (";x;", ";1;"))
    assert figures(import_orders(store, path, laden)) == (2, 2, 0, 0, 0)
    assert table(store, LINES) == [("Q1", "A-1", 1), ("Q1", "GRÜN-1", 2), ("Q2", "GRÜN-1", 1)]
    assert table(store, "select distinct status from inbox_item") == [("resolved",)]
    assert table(store, "select title from listing where external_sku = 'GRÜN-1'") == [("=Grüne Pfanne",)]
    assert table(store, RUNS) == [(3, 1, 2, 0), (2, 2, 0, 0)]
    assert table(store, "select mended from inbox_item order by id") == [
        ("Q1;;GRÜN-1;2;;Grüne Pfanne",),
        ("Q2;2026-11-16 11:00:00;GRÜN-1;1;Offen;=Grüne Pfanne",),
    ]
    assert figures(import_orders(store, path, laden)) == (2, 0, 0, 2, 0)
    again = path.rename(tmp_path / "resaved.csv")
    assert figures(import_orders(store, changed(again, ("Exported", "Saved")), laden)) == (2, 0, 0, 2, 0)
    sound(store)


def test_a_row_that_is_still_wrong_stays_the_same_item(store: Engine, tmp_path: Path, laden: str) -> None:
    before = inbox.items(store)
    path = changed(exported(store, tmp_path), (";2,5;", ";two;"))
    assert figures(import_orders(store, path, laden)) == (2, 0, 0, 0, 2)
    after = inbox.items(store)
    assert after["id"].to_list() == before["id"].to_list()
    assert after["mended"].to_list() == ["Q1;;GRÜN-1;two;;Grüne Pfanne", None]
    assert "two" in after["reason"][0]
    path = changed(exported(store, tmp_path, "second.csv"), (";two;", ";2;"), (";x;", ";1;"))
    assert figures(import_orders(store, path, laden)) == (2, 2, 0, 0, 0)
    assert inbox.items(store).is_empty()
    assert table(store, RUNS) == [(3, 1, 2, 0), (2, 0, 0, 2), (2, 2, 0, 0)]


def test_a_mended_row_that_equals_its_sister_is_a_line_of_its_own(store: Engine, tmp_path: Path) -> None:
    text = mapping(tmp_path, GERMAN, "laden")
    good = "Q1;2026-11-16 10:00:00;A-1;1;Offen;Pfannen"
    import_orders(store, german(tmp_path, good, good, good.replace(";1;", ";x;"), good.replace(";1;", ";y;")), text)
    path = changed(exported(store, tmp_path), (";x;", ";1;"), (";y;", ";1;"))
    assert figures(import_orders(store, path, text)) == (2, 2, 0, 0, 0)
    assert table(store, LINES) == [("Q1", "A-1", 1)] * 4
    assert figures(import_orders(store, changed(path, ("Exported", "Saved")), text)) == (2, 0, 0, 2, 0)


def test_a_row_that_is_no_row_of_this_mapping_says_so(store: Engine, tmp_path: Path, laden: str) -> None:
    items = inbox.items(store)["id"]
    products = write(tmp_path / "products.csv", "sku,name,price", "MUG,Mug,dear")
    import_table(store, "products", products)
    foreign = inbox.items(store)["id"][2]
    add_user(store, "ann", "planner", COMMAND_LINE)
    dismiss(store, [items[1]], "no order", "ann")
    good = ROWS[1].replace("2,5", "2")
    path = tmp_path / "mixed.csv"
    rows = [f"{items[0]};{good}", f"{items[0]};{good}", f"{foreign};{good}", f"{items[1]};{good}", f"999;{good}", f"abc;{good}", f";{good}"]
    path.write_text("\n".join(["x", f"onhand_row;{HEADER}", *rows, f"{items[1]};{ROWS[2]}", ""]))
    assert figures(import_orders(store, path, laden)) == (8, 2, 0, 1, 5)
    refused = inbox.items(store).filter(reason_code="inbox_row")["reason"].to_list()
    empty = "empty the cell onhand_row, and it is a row of its own."
    assert refused == [
        f"The inbox row {items[0]} is line 3 too: {empty}",
        f"The inbox row {foreign} is of an import of products by the mapping products: import it by that.",
        f"The inbox row {items[1]}, which this row mends, was dismissed before: {empty}",
        f"The inbox has no row '999', which the cell onhand_row names: {empty}",
        f"The inbox has no row 'abc', which the cell onhand_row names: {empty}",
    ]
    assert inbox.items(store).filter(reason_code="inbox_row")["content"].to_list() == [good] * 5
    assert table(store, LINES) == [("Q1", "A-1", 1), ("Q1", "GRÜN-1", 2), ("Q1", "GRÜN-1", 2)]


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("onhand_row;order;date", "order;onhand_row;date", "has the column onhand_row further on"),
        ("title", "subtitle", "lacks the column 'title'"),
        ("status;title", "status;title;more", r"not those that its rows were exported with \(order, date, sku"),
    ],
)
def test_columns_stay_as_they_were_exported(store: Engine, tmp_path: Path, laden: str, old: str, new: str, sentence: str) -> None:
    with pytest.raises(InvalidInput, match=sentence):
        import_orders(store, changed(exported(store, tmp_path), (old, new)), laden)
    assert (one(store, "select count(*) from import_run"), inbox.items(store).height) == (1, 2)


def test_rows_saved_by_a_spreadsheet_come_in(store: Engine, tmp_path: Path, laden: str) -> None:
    records = [line.split(";") for line in exported(store, tmp_path).read_bytes().decode("cp1252").splitlines()]
    book = openpyxl.Workbook()
    for cells in [records[0], records[1], [*records[2][:4], "2", *records[2][5:]], [*records[3][:4], "1", *records[3][5:]]]:
        book.active.append([int(cell) if cell.isdigit() else cell or None for cell in cells])  # type: ignore[union-attr]
    book.save(tmp_path / "out.xlsx")
    assert figures(import_orders(store, tmp_path / "out.xlsx", laden)) == (2, 2, 0, 0, 0)
    assert table(store, LINES) == [("Q1", "A-1", 1), ("Q1", "GRÜN-1", 2), ("Q2", "GRÜN-1", 1)]
    assert one(store, "select mended from inbox_item where reference = 'Q2'").endswith(";1;Offen;=Grüne Pfanne")


def test_rows_of_other_files_come_in_too(store: Engine, tmp_path: Path) -> None:
    path = write(tmp_path / "products.csv", "sku,name,price", "MUG,Mug,dear", "CUP,-Cup,cheap", "POT,Pot,3")
    assert figures(import_table(store, "products", path)) == (3, 1, 0, 0, 2)
    assert "CUP,'-Cup" in exported(store, tmp_path).read_text()
    path = changed(tmp_path / "out.csv", ("dear", "4"), ("cheap", "2"))
    assert figures(import_table(store, "products", path)) == (2, 2, 0, 0, 0)
    assert table(store, "select sku, name from product order by sku") == [("CUP", "-Cup"), ("MUG", "Mug"), ("POT", "Pot")]
    assert inbox.items(store).is_empty()
    assert table(store, RUNS) == [(3, 1, 2, 0), (2, 2, 0, 0)]


def test_rows_of_several_imports_stand_in_one_file_only_if_one_mapping_reads_them(store: Engine, tmp_path: Path, laden: str) -> None:
    later = german(tmp_path, "Q3;2026-11-17 10:00:00;A-1;z;Offen;", preamble="Exported 2026-11-21")
    import_orders(store, later, laden)
    path = exported(store, tmp_path)
    assert path.read_bytes().splitlines()[0] == b"Exported 2026-11-21"
    path = changed(path, (";2,5;", ";2;"), (";x;", ";1;"), (";z;", ";3;"))
    assert figures(import_orders(store, path, laden)) == (3, 3, 0, 0, 0)
    assert table(store, RUNS) == [(3, 1, 2, 0), (1, 0, 1, 0), (3, 3, 0, 0)]
    import_orders(store, german(tmp_path, "Q4;2026-11-17 10:00:00;A-1;z;Offen;"), laden)
    import_table(store, "products", write(tmp_path / "products.csv", "sku,name,price", "MUG,Mug,dear"))
    with pytest.raises(InvalidInput, match=r"export one of \d+, \d+ at a time"):
        export_rows(store, None, tmp_path / "out.csv")


CELLS = st.text(st.sampled_from("ab Ü'\"=+-@;,\t|\u200b"), max_size=5)


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], phases=[Phase.generate])
@given(
    rows=st.lists(
        st.tuples(st.integers(1, 3), st.sampled_from(["A", "B"]), st.integers(1, 2), CELLS, st.booleans()), min_size=2, max_size=7
    ),
    delimiter=st.sampled_from(";,\t|"),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "cp1252", "utf-16"]),
    is_plain=st.booleans(),
)
def test_a_file_with_mended_rows_tells_what_a_clean_one_tells(
    tmp_path_factory: pytest.TempPathFactory,
    rows: list[tuple[int, str, int, str, bool]],
    delimiter: str,
    encoding: str,
    is_plain: bool,
) -> None:
    folder = tmp_path_factory.mktemp("mended")
    form = Form(delimiter, "none" if is_plain else "standard")
    preamble = "[file]\npreamble_rows = 1\n"
    text = GERMAN.replace(preamble, f'[file]\nquoting = "{form.quoting}"\npreamble_rows = 1\n')
    path = mapping(folder, text, "laden")

    def lines_of(name: str, *, spoilt: bool) -> list[tuple[object, ...]]:
        lines = []
        for order, sku, units, title, is_bad in rows:
            title = title.replace("\u200b", "" if encoding == "cp1252" else "\u200b")
            if is_plain:
                title = title.replace(delimiter, "").replace('"', "'")
            quantity = f"{units}?" if is_bad and spoilt else str(units)
            lines.append(record_of([str(order), "2026-11-16 10:00:00", sku, quantity, "Offen", f"t{title}" if is_bad else title], form))
        file = folder / f"{name}.csv"
        header = HEADER.replace(";", delimiter)
        file.write_bytes("\n".join(["Exported", header, *lines, ""]).encode(encoding))
        engine = open_engine(f"sqlite:///{folder}/{name}.db")
        migrate(engine)
        import_orders(engine, file, path)
        if inbox.items(engine).height:
            export_rows(engine, None, folder / "out.csv")
            mended = (folder / "out.csv").read_bytes().decode(encoding).replace("?", "")
            (folder / "out.csv").write_bytes(mended.encode(encoding))
            import_orders(engine, folder / "out.csv", path)
        assert inbox.items(engine).is_empty()
        sound(engine)
        facts = table(engine, LINES)
        engine.dispose()
        return facts

    assert lines_of("mended", spoilt=True) == lines_of("clean", spoilt=False)


def test_the_encoding_of_the_mapping_must_hold_the_rows(store: Engine, tmp_path: Path) -> None:
    text = mapping(tmp_path, GERMAN.replace("preamble_rows", 'encoding = "cp1252"\npreamble_rows'), "laden")
    import_orders(store, german(tmp_path, *ROWS), text)
    with store.begin() as connection:
        connection.execute(sa.text("update inbox_item set mended = 'Q9;;→;1;;' where reference = 'Q1'"))
    with pytest.raises(InvalidInput, match="'→', which a file in cp1252 cannot hold"):
        export_rows(store, None, tmp_path / "out.csv")


def test_an_encoding_that_no_mapping_names_gives_way_to_one_that_holds_the_rows(store: Engine, tmp_path: Path, laden: str) -> None:
    with store.begin() as connection:
        connection.execute(sa.text("update inbox_item set mended = 'Q1;;→;2;;' where reference = 'Q1'"))
    path = exported(store, tmp_path)
    assert path.read_bytes().startswith(codecs.BOM_UTF8)
    assert figures(import_orders(store, path, laden)) == (2, 1, 0, 0, 1)
    assert table(store, LINES) == [("Q1", "A-1", 1), ("Q1", "→", 2)]
