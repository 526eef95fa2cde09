"""Workbooks are read as what their sheets hold, and give the records that their CSV would."""

import csv
import datetime as dt
import io
import resource
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy.engine import Engine

from data_access.errors import InvalidInput
from data_access.imports.files.mapping_parts import FilePart
from data_access.imports.files.reader import Contents, read_records
from data_access.imports.files.recognise import recognised
from data_access.imports.files.sheets import workbook
from data_access.imports.files.sheets.rows import text_of
from data_access.imports.inbox_files.export import export_rows
from data_access.imports.order_import import import_orders, import_table
from data_access.queries.inbox import items
from tests.data_access.import_files import HEADER, SHOP, sound
from tests.data_access.imports.files.workbooks import Cell, write_ods, write_xlsx

NOON = dt.datetime.fromisoformat("2026-03-01 12:00:01")
TABLE: list[list[Cell]] = [
    [None, None, None, None, None],
    ["code", "number", "yes", "when", "day"],
    ["007", 5, True, NOON, dt.date(2026, 3, 1)],
    ["1e5", 0.1 + 0.2, False, dt.datetime.fromisoformat("2026-03-02"), dt.date(2026, 3, 2)],
    [None, None, None, None, None],
    ['two\nlines, "quoted"', 123456789012, None, None, None],
]
FRAME = [
    (3, "007", "5", "TRUE", "2026-03-01 12:00:01", "2026-03-01"),
    (4, "1e5", "0.3", "FALSE", "2026-03-02 00:00:00", "2026-03-02"),
    (6, 'two\nlines, "quoted"', "123456789012", None, None, None),
]


def read(path: Path, part: FilePart | None = None, needed: tuple[str, ...] = ("code", "number"), decimal: str = ".") -> Contents:
    return read_records(path, part or FilePart(), needed, ("yes", "when", "day"), decimal=decimal)


@pytest.mark.parametrize("write", [write_xlsx, write_ods])
def test_cells_are_what_the_sheet_has(tmp_path: Path, write: Callable[..., Path]) -> None:
    contents = read(write(tmp_path / "book", ("Orders", TABLE)))
    assert contents.frame.select("line_number", "code", "number", "yes", "when", "day").rows() == FRAME
    assert (contents.bad, contents.read_as, contents.is_sheet) == ((), "sheet Orders", True)
    assert contents.texts(0) == "007,5,TRUE,2026-03-01 12:00:01,2026-03-01"
    commas = read(tmp_path / "book", decimal=",")
    assert commas.frame["number"].to_list() == ["5", "0,3", "123456789012"]


def test_numbers_and_times_as_text() -> None:
    assert [text_of(value) for value in (1e20, -2.0, 1e-7, 1.5, 2.0**53)] == [
        "100000000000000000000",
        "-2",
        "0.0000001",
        "1.5",
        "9007199254740990",
    ]
    assert text_of(dt.time(5, 6, 7)) == "05:06:07"
    assert text_of(dt.timedelta(hours=30, seconds=1)) == "30:00:01"
    assert text_of(dt.datetime.fromisoformat("2026-03-01 23:59:59.999600")) == "2026-03-02 00:00:00"


def test_the_sheet_is_that_with_the_columns_or_that_which_is_named(tmp_path: Path) -> None:
    path = write_xlsx(tmp_path / "f.xlsx", ("Notes", [["text"], ["x"]]), ("Orders", TABLE), ("Empty", []))
    assert read(path).read_as == "sheet Orders"
    path = write_xlsx(tmp_path / "g.xlsx", ("One", TABLE), ("Two", TABLE))
    with pytest.raises(InvalidInput, match=r"^The sheets 'One' and 'Two' of .* hold the mapping's columns: name the one as file\.sheet in"):
        read(path)
    assert read(path, FilePart(sheet="Two")).read_as == "sheet Two"
    with pytest.raises(InvalidInput, match=r"has no sheet 'Three': it has 'One', 'Two'; see file\.sheet in the mapping\."):
        read(path, FilePart(sheet="Three"))
    with pytest.raises(InvalidInput, match=r"^The sheet 'One' of .* lacks the column 'price' that the mapping names"):
        read(path, needed=("code", "price"))


def bomb(path: Path) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/workbook.xml", "")
        archive.writestr("xl/worksheets/sheet1.xml", b"0" * (workbook.MAX_UNPACKED_BYTES + 1))
    return path


def damaged(path: Path) -> Path:
    path.write_bytes(write_xlsx(path, ("A", TABLE)).read_bytes()[:-300])
    return path


def without_content(path: Path) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("xl/workbook.xml", "<workbook")
    return path


def other_zip(path: Path) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("orders.csv", "a,b")
    return path


def spread(path: Path) -> Path:
    """Two cells, the corners of the largest sheet there is."""
    rows: list[list[Cell]] = [["code", "number"]]
    write_xlsx(path, ("A", rows))
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    last = b'<row r="1048576"><c r="XFD1048576"><v>1</v></c></row></sheetData>'
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content.replace(b"</sheetData>", last))
    return path


def written(path: Path, raw: bytes) -> Path:
    path.write_bytes(raw)
    return path


REFUSED: list[tuple[Callable[[Path], Path], str]] = [
    (bomb, "is 200 MB unpacked, more than 200 MB: save the sheet as CSV."),
    (damaged, "is damaged and cannot be read"),
    (without_content, "is damaged and cannot be read"),
    (other_zip, "is a zip archive, but no workbook: unpack it, and import what is in it."),
    (spread, "takes more memory or time than there is for it: save the sheet as CSV."),
    (lambda path: written(path, workbook._OLE + b"\0" * 600), "is a workbook of an old form: save it as .xlsx, .ods or CSV."),
    (lambda path: written(path, workbook._OLE + workbook._ENCRYPTED), "is protected by a password: save it without one."),
    (lambda path: write_xlsx(path, ("A", []), ("B", [])), "is empty: no sheet of it has a header."),
    (lambda path: write_xlsx(path, ("A", TABLE), merged="B3:C4"), "The cells B3:C4 of the sheet 'A' are merged"),
    (
        lambda path: write_ods(path, ("A", TABLE[1:]), first_cell='table:number-rows-spanned="3"'),
        "The cells A1:A3 of the sheet 'A' are merged",
    ),
    (
        lambda path: write_xlsx(path, ("A", [["code", "number", *(f"c{place}" for place in range(1_998))]])),
        "has a header of 2,000 columns, more than 1,000: leave out those that are not needed.",
    ),
]


@pytest.mark.parametrize(("build", "sentence"), REFUSED)
def test_what_cannot_be_read_is_refused_in_a_sentence(tmp_path: Path, build: Callable[[Path], Path], sentence: str) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(InvalidInput) as refused:
        read(build(tmp_path / "book.xlsx"))
    assert sentence in str(refused.value)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 400_000  # kB


def test_a_title_that_is_merged_above_the_header_does_no_harm(tmp_path: Path) -> None:
    path = write_xlsx(tmp_path / "f.xlsx", ("A", [["Orders of March"], *TABLE[1:]]), merged="A1:D1")
    assert read(path, FilePart(preamble_rows=1)).frame.height == 3


def test_mappings_are_recognised_by_the_header_of_a_sheet(tmp_path: Path) -> None:
    columns = recognised_columns("woocommerce-orders")
    path = write_xlsx(tmp_path / "f.xlsx", ("Notes", [["x"]]), ("Export", [columns]))
    assert recognised(path).name == "woocommerce-orders"


def recognised_columns(name: str) -> list[str]:
    from data_access.imports.files.mapping import load_mapping

    return load_mapping(name).mapping.file_columns


def test_orders_of_a_workbook_are_taken_in_and_its_bad_rows_tried_again(sqlite_store: Engine, tmp_path: Path) -> None:
    mapping = tmp_path / "shop.toml"
    mapping.write_text(SHOP + '[formats]\ndates = ["%d/%m/%Y %H:%M"]\n[file]\ndelimiter = ";"\n')

    def row(order: int, qty: Cell) -> list[Cell]:
        cells: dict[str, Cell] = {"order": order, "line": 1, "sku": "007", "qty": qty, "price": 2.5, "status": "Open", "placed": NOON}
        return [cells.get(name) for name in HEADER.split(",")]

    path = write_xlsx(tmp_path / "orders.xlsx", ("Orders", [HEADER.split(","), row(1, 2), row(2, "two"), row(3, 1)]))
    result = import_orders(sqlite_store, path, str(mapping))
    assert (result.rows_read, result.imported, result.quarantined, result.read_as) == (3, 2, 1, "sheet Orders")
    with pytest.raises(InvalidInput, match=r"ends in \.xlsx, not mended\.csv"):
        export_rows(sqlite_store, result.import_run_id, tmp_path / "mended.csv")
    mended = tmp_path / "mended.xlsx"
    assert export_rows(sqlite_store, result.import_run_id, mended) == 1
    needed = HEADER.split(",")
    exported = read_records(mended, FilePart(), needed)
    assert list(exported.row_ids.values()) == [str(item) for item in items(sqlite_store)["id"]]
    assert exported.frame.select(needed).row(0)[:9] == ("2", "1", "007", None, "two", "2.5", None, "Open", "2026-03-01 12:00:01")
    again = import_orders(sqlite_store, mended, str(mapping))
    assert (again.rows_read, again.quarantined, items(sqlite_store).height) == (1, 1, 1)
    assert import_orders(sqlite_store, path, str(mapping)).duplicates == 2
    sound(sqlite_store)


def test_tables_of_a_workbook_are_taken_in(sqlite_store: Engine, tmp_path: Path) -> None:
    path = write_ods(tmp_path / "p.ods", ("P", [["sku", "name", "price", "launched_on"], ["0012", "Mug", 3, dt.date(2026, 1, 2)]]))
    assert import_table(sqlite_store, "products", path).imported == 1


WORDS = st.text(st.sampled_from("ab0 ,;\"'\n="), max_size=6)


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], phases=[Phase.generate])
@given(table=st.lists(st.tuples(WORDS, st.integers(-(10**9), 10**9), WORDS), min_size=1, max_size=5))
def test_a_workbook_gives_the_records_of_its_csv(tmp_path: Path, table: list[tuple[str, int, str]]) -> None:
    header = ("a", "b", "c")
    expected = [tuple(str(cell).strip() or None for cell in row) for row in table]
    for write in (write_xlsx, write_ods):
        sheet = read_records(write(tmp_path / "book", ("A", [header, *table])), FilePart(), header)
        assert (sheet.frame.select(header).rows(), sheet.bad) == (expected, ())
    if not any("\n" in cell for row in table for cell in (row[0], row[2])):  # by which CSV may be in doubt
        text = io.StringIO(newline="")
        csv.writer(text, quoting=csv.QUOTE_ALL).writerows([header, *table])
        (tmp_path / "f.csv").write_text(text.getvalue(), encoding="utf-8", newline="")
        assert read_records(tmp_path / "f.csv", FilePart(quoting="standard"), header).frame.equals(sheet.frame)
