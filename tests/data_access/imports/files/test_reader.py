"""What a file may do to its reader."""

import gzip
import resource
from pathlib import Path

import pytest

from data_access.errors import InvalidInput
from data_access.imports.files.delimited.records import MAX_RECORD_BYTES
from data_access.imports.files.mapping_parts import FilePart
from data_access.imports.files.reader import Contents, read_records, read_text

PART = FilePart()
STANDARD = FilePart(quoting="standard")
UTF8 = FilePart(encoding="utf-8", delimiter=",")


def read(path: Path, raw: bytes, part: FilePart = PART, needed: tuple[str, ...] = ("a", "b")) -> Contents:
    path.write_bytes(raw)
    return read_records(path, part, needed)


def rows(contents: Contents) -> list[tuple[object, ...]]:
    return contents.frame.select("line_number", "a", "b").rows()


def bad(contents: Contents) -> list[tuple[int, str, str]]:
    return [(record.line_number, record.code, record.text) for record in contents.bad]


def test_cells_are_stripped_and_empty_ones_are_null(tmp_path: Path) -> None:
    contents = read(tmp_path / "f.csv", b'\xef\xbb\xbfb , x,a\r\n 1 ,y, \r\n\r\n"2",y,"  p""q "\r\n')
    assert rows(contents) == [(2, None, "1"), (4, 'p"q', "2")]
    assert contents.texts(0) == " 1 ,y, "
    assert contents.bad == ()


def test_quoted_line_breaks_keep_the_line_numbers(tmp_path: Path) -> None:
    contents = read(tmp_path / "f.csv", b'a,b\n"one\ntwo\n",1\nx,2\n"three\n\nfour",3\ny,4')
    assert rows(contents) == [(2, "one\ntwo", "1"), (5, "x", "2"), (6, "three\n\nfour", "3"), (9, "y", "4")]
    assert contents.texts(0) == '"one\ntwo\n",1'


def test_a_stray_quote_costs_its_own_row_alone(tmp_path: Path) -> None:
    contents = read(tmp_path / "f.csv", b'a,b\n1,2\n3",4\n5,6\n"7\n8",9\n10,"11\n12,13\n', STANDARD)
    assert rows(contents) == [(2, "1", "2"), (4, "5", "6"), (5, "7\n8", "9"), (8, "12", "13")]
    assert bad(contents) == [(3, "unbalanced_quotes", '3",4'), (7, "unbalanced_quotes", '10,"11')]
    contents = read(tmp_path / "f.csv", b'a,b\nx"y"z,1\n"p"q,2\n', STANDARD)
    assert bad(contents) == [(3, "unbalanced_quotes", '"p"q,2')]


def test_rows_of_another_width_are_kept(tmp_path: Path) -> None:
    contents = read(tmp_path / "f.csv", b"a,b\n1\n1,2\n1,2,3\n1,2,, \n,\n")
    assert rows(contents) == [(2, "1", None), (3, "1", "2"), (5, "1", "2")]  # missing and surplus cells are empty; so are whole rows
    assert bad(contents) == [(4, "wrong_fields", "1,2,3")]
    assert contents.bad[0].reason.startswith("The row has 3 fields where the header has 2")


def test_bytes_that_are_no_text(tmp_path: Path) -> None:
    contents = read(tmp_path / "f.csv", b"a,b\nok,1\ncaf\xe9,2\nok,3\nz\x00,4\nok,5\n", UTF8)
    assert [row[0] for row in rows(contents)] == [2, 4, 6]
    assert bad(contents) == [(3, "undecodable", "caf\\xe9,2"), (5, "undecodable", "z\\x00,4")]
    assert [record.reason for record in contents.bad] == [
        "The row holds bytes that are not utf-8 text: mend it, or set file.encoding in the mapping.",
        "The row holds a zero byte (NUL), which is no text: remove it.",
    ]
    assert rows(read(tmp_path / "f.csv", b"a,b\ncaf\xe9,2\n", FilePart(encoding="cp1252"))) == [(2, "caf\xe9", "2")]


def test_lines_that_a_carriage_return_parts(tmp_path: Path) -> None:
    contents = read(tmp_path / "f.csv", b'a,b\n1,2\r3,4\n5,6\n7,"8\r8"\n9,10\r\r\n')
    assert rows(contents) == [(3, "5", "6"), (4, "7", "8\r8"), (5, "9", "10")]
    assert bad(contents) == [(2, "lone_cr", "1,2\r3,4")]


@pytest.mark.parametrize(
    ("raw", "part", "sentence"),
    [
        (b"", PART, "is empty"),
        (b"a,b\r1,2\r3,4\r", PART, r"end with a carriage return \(CR\) alone: save it with line ends LF or CRLF"),
        (b"x\ra,b\r1,2\r", FilePart(preamble_rows=1), r"end with a carriage return \(CR\) alone"),
        (b"a,b\r" + b"1,2\r" * 300_000, PART, r"end with a carriage return \(CR\) alone"),
        (b"a,b\x00\n1,2\n", PART, r"The header of .* holds zero bytes \(NUL\)"),
        (b"a,b\n1\x00,2\n3\x00,4\n5,6\n", PART, r"Most rows of .* hold zero bytes \(NUL\): set file.encoding if it is UTF-16"),
        (b"a,c\n1,2\n", PART, "lacks the column 'b'"),
        (b"x,y\n1,2\n", PART, "lacks the columns 'a', 'b'"),
        (b"a,b,a\n1,2,3\n", PART, "has the column 'a' more than once"),
        ("a,b\n1,2\n".encode("utf-16"), UTF8, "is not utf-8 text"),
        (b"a,b\n\xe9,1\n\xe9,2\nx,3\n", UTF8, "Most rows of .* are not utf-8 text"),
        (b'a,"b\n1,2\n', PART, "its quotes do not match"),
        (b"a" * (MAX_RECORD_BYTES + 5), PART, "it is not a header"),
        (b"a;b\n1;2\n", UTF8, "check the file, the delimiter and the mapping"),
        (gzip.compress(b"a,b\n" + b"1,2\n" * 9_000, mtime=0)[:-20], PART, "cut short"),
        (gzip.compress(b"a,b\n1,2\n", mtime=0)[:-8] + b"12345678", PART, "damaged"),
    ],
    ids=[
        *("empty", "cr", "cr_preamble", "cr_long", "nul_header", "nul"),
        *("no_b", "other", "twice", "utf16", "latin", "quotes", "long", "semicolons", "cut", "damaged"),
    ],
)
def test_files_that_are_refused(tmp_path: Path, raw: bytes, part: FilePart, sentence: str) -> None:
    with pytest.raises(InvalidInput, match=sentence) as caught:
        read(tmp_path / "f.csv", raw, part)
    assert "\n" not in str(caught.value)


def test_a_missing_file_and_a_folder(tmp_path: Path) -> None:
    for path in (tmp_path / "none.csv", tmp_path):
        with pytest.raises(InvalidInput, match="cannot be read"):
            read_records(path, PART, ["a"])


def test_other_encodings_delimiters_preambles_and_footers(tmp_path: Path) -> None:
    part = FilePart(encoding="utf-16", delimiter="\t", preamble_rows=2, footer=r"record\(s\) downloaded")
    raw = "Orders\n\na\tb\nü\t1\nz\t2\n\n2 record(s) downloaded\n".encode("utf-16")
    assert rows(read(tmp_path / "f.csv", raw, part)) == [(4, "ü", "1"), (5, "z", "2")]


def test_gzip_is_recognised_by_its_bytes(tmp_path: Path) -> None:
    assert rows(read(tmp_path / "f.csv", gzip.compress(b"a,b\n1,2\n"))) == [(2, "1", "2")]


def test_a_line_of_a_gigabyte_is_one_bad_row(tmp_path: Path) -> None:
    path = tmp_path / "long.csv.gz"
    with gzip.open(path, "wb", compresslevel=1) as handle:
        handle.write(b"a,b\n1,2\n")
        for _ in range(1_000):
            handle.write(b"x" * 1_000_000)
        handle.write(b"\n3,4\n")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    contents = read_records(path, PART, ("a", "b"))
    assert rows(contents) == [(2, "1", "2"), (4, "3", "4")]
    assert [(record.line_number, record.code, len(record.text)) for record in contents.bad] == [(3, "too_long", 10_000)]
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000  # kilobytes


def test_single_records(tmp_path: Path) -> None:
    contents = read_text("b, a", [(0, 7, '"x\ny",1'), (2, 9, "1,2,3"), (3, 10, 'p"')], PART, ("a", "b"))
    assert rows(contents) == [(7, "1", "x\ny")]
    assert bad(contents) == [(9, "wrong_fields", "1,2,3"), (10, "unbalanced_quotes", 'p"')]
    assert contents.texts(2) == "1,2,3"


def test_a_footer_is_looked_for_in_linear_time(tmp_path: Path) -> None:
    long = b"a" * 5_000 + b"!,1"
    contents = read(tmp_path / "f.csv", b"a,b\n1,2\n" + long + b"\n", FilePart(footer="(a+)+$"))
    assert contents.frame.height == 2


@pytest.mark.parametrize("footers", [1, 99, 100, 101, 250])
def test_footers_of_any_length_are_dropped(tmp_path: Path, footers: int) -> None:
    contents = read(tmp_path / "f.csv", b"a,b\nend,1\n1,2\n" + b"end,2\n" * footers, FilePart(footer="^end"))
    assert rows(contents) == [(2, "end", "1"), (3, "1", "2")]
