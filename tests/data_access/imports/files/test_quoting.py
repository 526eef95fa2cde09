"""Quotes in delimited files: fields with delimiters and line breaks, inches, and quotes that nobody closed. No row changes its meaning."""

import csv
import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_access.imports.files.mapping_parts import FilePart
from data_access.imports.files.reader import Contents, read_records

NEEDED = ("order", "title", "sku", "quantity")
Row = tuple[str, str, str, str]
DETECT, STANDARD, NONE = (FilePart(delimiter="\t", quoting=quoting) for quoting in ("detect", "standard", "none"))


def read(folder: Path, text: str, part: FilePart = DETECT) -> Contents:
    (folder / "file.txt").write_text(text, encoding="utf-8", newline="")
    return read_records(folder / "file.txt", part, NEEDED, always=("order", "sku", "quantity"))


def taken(contents: Contents) -> list[tuple[str | None, ...]]:
    return contents.frame.select(NEEDED).rows()


def bad(contents: Contents) -> list[tuple[int, str]]:
    return [(record.line_number, record.code) for record in contents.bad]


def file_of(*rows: str, delimiter: str = "\t") -> str:
    return "\n".join([delimiter.join(NEEDED), *rows, ""])


SWALLOWING = ('1\t"Chef pan, 28 cm\tA\t1', "2\tPot\tB\t3", "3\tPot\tB\t4", '4\tLid for pans of 11"\tC\t7', "5\tPan\tA\t2")


def test_a_quote_that_nobody_closed_swallows_no_rows(tmp_path: Path) -> None:
    contents = read(tmp_path, file_of(*SWALLOWING))
    assert [row[0] for row in taken(contents)] == ["1", "2", "3", "4", "5"]
    assert taken(contents)[0] == ("1", '"Chef pan, 28 cm', "A", "1")
    assert taken(contents)[3] == ("4", 'Lid for pans of 11"', "C", "7")
    assert bad(contents) == []


def test_where_quotes_are_said_to_be_standard_its_rows_ask(tmp_path: Path) -> None:
    contents = read(tmp_path, file_of(*SWALLOWING), STANDARD)
    assert [row[0] for row in taken(contents)] == ["2", "3", "5"]
    assert bad(contents) == [(2, "unbalanced_quotes"), (5, "unbalanced_quotes")]


@pytest.mark.parametrize(
    ("rows", "orders", "refused"),
    [
        # the first and the last line alone, nothing between
        (('1\t"Pan\tA\t1', '2\tLid 11"\tC\t7'), ["1", "2"], []),
        # a proper quoted field lies between
        (('1\t"Pan\tA\t1', '2\t"Pot, blue"\tB\t3', "3\tPot\tB\t4", '4\tLid 11"\tC\t7'), ["1", "2", "3", "4"], []),
        # nothing closes it at all
        (('1\t"Pan\tA\t1', "2\tPot\tB\t3"), ["1", "2"], []),
        # a quoted line break holds what looks like a row: a person is asked of all of it, and rows around it come in
        (('1\t"see\n2\tPot\tB\t3\nend"\tA\t1', "9\tPan\tA\t1"), ["9"], [(line, "open_quote") for line in (2, 3, 4)]),
        # fields enclosed in quotes beside an open one: it may be either, and what closes it may be part of an id
        (('1\t"Pan"\t"A\t1', '2\tPot\tB"\t3'), [], [(2, "open_quote"), (3, "open_quote")]),
        # a quoted line break that holds no row
        (('1\t"see\nbelow"\tA\t1', "9\tPan\tA\t1"), ["1", "9"], []),
        (('"1\n"\tPan\tA\t1', '9\tPan\tA\t"1\n"'), ["1", "9"], []),
    ],
    ids=["ends", "proper", "never", "asked", "unclear", "break", "edges"],
)
def test_open_quotes_of_other_kinds(tmp_path: Path, rows: tuple[str, ...], orders: list[str], refused: list[tuple[int, str]]) -> None:
    contents = read(tmp_path, file_of(*rows))
    assert [row[0] for row in taken(contents)] == orders
    assert bad(contents) == refused


INCHES = ('1\tPan 11" non-stick\tA\t1', '2\t"Best" pan of 2026\tA\t1', '3\tPan 10" and lid 10"\tA\t1', '4\t"\tA\t1')


@pytest.mark.parametrize("part", [DETECT, NONE], ids=["detect", "none"])
def test_inches_are_text(tmp_path: Path, part: FilePart) -> None:
    contents = read(tmp_path, file_of(*INCHES), part)
    assert [row[1] for row in taken(contents)] == ['Pan 11" non-stick', '"Best" pan of 2026', 'Pan 10" and lid 10"', '"']
    assert bad(contents) == []


def test_without_quoting_a_quote_is_a_letter_of_the_header_too(tmp_path: Path) -> None:
    (tmp_path / "file.txt").write_text('"order"\ttitle\n1\t"Pan"\n')
    contents = read_records(tmp_path / "file.txt", NONE, ('"order"', "title"))
    assert contents.frame.select('"order"', "title").rows() == [("1", '"Pan"')]


@pytest.mark.parametrize(
    ("row", "code"),
    [("1,Pan, big,A,1", "wrong_fields"), ('1,"Pan,A,1,",', "wrong_fields"), ('1,"Pan, big"x,A,1', "unbalanced_quotes")],
)
def test_a_row_that_can_be_read_in_no_way_asks(tmp_path: Path, row: str, code: str) -> None:
    contents = read(tmp_path, file_of(row, "9,Pan,A,1", delimiter=","), FilePart())
    assert [one[0] for one in taken(contents)] == ["9"]
    assert bad(contents) == [(2, code)]


def test_the_rest_of_a_record_in_doubt_is_in_doubt(tmp_path: Path) -> None:
    """Both halves of a title with a line break look like rows: neither is taken as one."""
    text = '"order"\t"title"\t"sku"\t"quantity"\n"O0"\t"\t;\t;\n;\t"\t"A"\t"1"\n"O1"\t"Pan"\t"A"\t"2"\n'
    contents = read(tmp_path, text)
    assert [row[0] for row in taken(contents)] == ["O1"]
    assert bad(contents) == [(2, "open_quote"), (3, "open_quote")]


def test_a_line_of_delimiters_within_quotes_is_no_row(tmp_path: Path) -> None:
    contents = read(tmp_path, '"order"\t"title"\t"sku"\t"quantity"\n"O0"\t"\n;\t\t;\t;\n"\t"A"\t"1"\n"O1"\t"Pan"\t"A"\t"2"\n')
    assert [row[0] for row in taken(contents)] == ["O1"]
    assert bad(contents) == [(2, "open_quote"), (3, "open_quote"), (4, "open_quote")]


# ---- files drawn at random -----------------------------------------------------------------------------------------------

numbers = st.integers(1, 999).map(str)
skus = st.sampled_from(["A", "B-2", "GRÜN-1"])
titles = st.text(st.sampled_from(list('ab "\t\n,;')), max_size=12)
plain_titles = st.text(st.sampled_from(list('ab ",')), max_size=12)


def numbered(rows: list[tuple[str, str, str]]) -> list[Row]:
    return [(f"O{number}", *row) for number, row in enumerate(rows)]


def cells(rows: list[Row]) -> list[tuple[str | None, ...]]:
    return [tuple(cell.strip() or None for cell in row) for row in rows]


def facts(rows: list[tuple[str | None, ...]]) -> list[tuple[str | None, ...]]:
    """Order, SKU and quantity: what must never change."""
    return [(row[0], row[2], row[3]) for row in rows]


@given(st.lists(st.tuples(titles, skus, numbers), max_size=12).map(numbered), st.sampled_from(["\n", "\r\n"]))
def test_a_properly_quoted_file_is_read_as_the_csv_module_reads_it(
    tmp_path_factory: pytest.TempPathFactory, rows: list[Row], ending: str
) -> None:
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, delimiter="\t", lineterminator=ending, quoting=csv.QUOTE_ALL)
    writer.writerows([NEEDED, *rows])
    contents = read(tmp_path_factory.mktemp("drawn"), buffer.getvalue())
    assert [row for row in taken(contents) if row not in cells(rows)] == []
    assert contents.frame.height + len(contents.bad) >= len(rows)
    refused = {record.line_number for record in contents.bad}
    if not refused:
        assert taken(contents) == cells(rows)


@given(st.lists(st.tuples(plain_titles, skus, numbers), max_size=12).map(numbered), st.sampled_from([DETECT, NONE]))
def test_a_file_that_knows_no_quotes_keeps_every_row(tmp_path_factory: pytest.TempPathFactory, rows: list[Row], part: FilePart) -> None:
    """Where one field is enclosed in quotes after all, rows with open ones may be asked about; none is lost or changes."""
    contents = read(tmp_path_factory.mktemp("drawn"), file_of(*("\t".join(row) for row in rows)), part)
    asked = {record.line_number - 2 for record in contents.bad}  # the header is line 1
    assert not asked or (part == DETECT and any(title[:1] == title[-1:] == '"' and len(title) > 1 for _, title, _, _ in rows))
    assert facts(taken(contents)) == facts(cells([row for number, row in enumerate(rows) if number not in asked]))
