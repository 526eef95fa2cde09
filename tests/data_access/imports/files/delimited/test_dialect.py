"""A file that says nothing of itself is read as what it is."""

from pathlib import Path

import pytest

from data_access.imports.files.delimited.dialect import delimiter_of, encoding_of
from data_access.imports.files.mapping_parts import FilePart
from data_access.imports.files.reader import read_records

NEEDED = ("order", "sku")


@pytest.mark.parametrize(
    ("raw", "encoding"),
    [
        (b"order,sku\n1,A\n", "utf-8"),
        ("order,sku\n1,GRÜN\n".encode(), "utf-8"),
        ("order,sku\n1,GRÜN\n".encode("utf-8-sig"), "utf-8-sig"),
        ("order,sku\n1,GRÜN\n".encode("cp1252"), "cp1252"),
        ("order,sku\n1,GRÜN\n".encode("utf-16"), "utf-16"),
        ("order,sku\n1,GRÜN\n".encode("utf-16-le"), "utf-16-le"),
        ("order,sku\n1,GRÜN\n".encode("utf-16-be"), "utf-16-be"),
        ("order,sku\n1,GRÜN\n".encode() + b"2,caf\xe9\n", "utf-8"),  # one broken row
        (b"", "utf-8"),
    ],
)
def test_the_encoding_is_told_by_the_bytes(raw: bytes, encoding: str) -> None:
    assert encoding_of([raw]) == encoding
    assert encoding_of([raw[start : start + 1] for start in range(len(raw))] if encoding in ("utf-8", "cp1252") else [raw]) == encoding


@pytest.mark.parametrize(
    ("header", "delimiter"),
    [
        ("order,sku,title", ","),
        ("order;sku;title, size", ";"),
        ("order\tsku\ttitle, size; colour", "\t"),
        ('"order"|"sku"|"a,b"', "|"),
        ("nothing", ","),
        ('order;"sku', ";"),
    ],
)
def test_the_delimiter_is_told_by_the_header(header: str, delimiter: str) -> None:
    assert delimiter_of(header, NEEDED) == delimiter


@pytest.mark.parametrize(
    ("raw", "read_as"),
    [
        ("order;sku\n1;GRÜN-1\n".encode("cp1252"), "cp1252 with semicolons"),
        ("sku\torder\nGRÜN-1\t1\n".encode("utf-16"), "utf-16 with tabs"),
        ("order|sku\n1|GRÜN-1\n".encode("utf-16-le"), "utf-16-le with vertical bars"),
        ("order,sku\n1,GRÜN-1\n".encode("utf-8-sig"), "utf-8-sig with commas"),
    ],
)
def test_files_are_read_without_a_word_on_their_form(tmp_path: Path, raw: bytes, read_as: str) -> None:
    path = tmp_path / "file.csv"
    path.write_bytes(raw)
    contents = read_records(path, FilePart(), NEEDED)
    assert contents.frame.select(NEEDED).rows() == [("1", "GRÜN-1")]
    assert (contents.read_as, contents.bad) == (read_as, ())
