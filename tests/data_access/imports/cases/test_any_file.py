"""No row changes its meaning, whatever a file looks like: orders, SKUs and quantities are those that a slow and obvious reader reads."""

import csv
import io
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_access.imports.files.mapping import parse_mapping
from data_access.imports.files.orders import normalised
from data_access.imports.files.reader import read_records
from tests.data_access.imports.cases.plain_reader import Fact, facts, records

COLUMNS: Final = ("order", "date", "title", "sku", "qty", "note")
PLACED: Final = "2026-11-16 10:00:00"
TEXT: Final = """
[channel]
id = "shop"
name = "Shop"
kind = "webstore"
currency = "EUR"
time_zone = "Europe/Berlin"
[location]
id = "main"
[columns]
order = "order"
placed = "date"
external_sku = "sku"
quantity = "qty"
title = "title"
"""


@dataclass(frozen=True)
class FileStyle:
    """A way to write a file: its delimiter, quotes, line ends and encoding, and the order of its columns."""

    delimiter: str
    quoting: int
    ending: str
    encoding: str
    columns: Sequence[str]

    def text(self, rows: Sequence[dict[str, str]]) -> str:
        buffer = io.StringIO(newline="")
        styled = [{**row, "qty": int(row["qty"])} for row in rows]  # so that a style that quotes all but numbers shows
        writer = csv.DictWriter(buffer, self.columns, delimiter=self.delimiter, lineterminator=self.ending, quoting=self.quoting)  # type: ignore[arg-type]
        writer.writeheader()
        writer.writerows(styled)
        return buffer.getvalue()


WAYS = st.builds(
    FileStyle,
    st.sampled_from(",;\t|"),
    st.sampled_from([csv.QUOTE_ALL, csv.QUOTE_MINIMAL, csv.QUOTE_NONNUMERIC]),
    st.sampled_from(["\n", "\r\n"]),
    st.sampled_from(["utf-8", "utf-8-sig", "cp1252", "utf-16"]),
    st.permutations(COLUMNS),
)
LINE: Final = st.text(st.sampled_from(list("ab \"',;\t|é")), max_size=10)
LINES: Final = st.text(st.sampled_from(list('ab ",;\t|\n')), max_size=14)
ORDERS: Final = st.sampled_from(["1", "0042", "A 7", "#1001", "B,2", "S;3"])
SKUS: Final = st.sampled_from(["MUG", "0012", "GRÜN-1", "a|b", 'PIPE-1/2"', "x y"])


def rows_of(titles: st.SearchStrategy[str]) -> st.SearchStrategy[list[dict[str, str]]]:
    cells = st.fixed_dictionaries(
        {
            "order": ORDERS,
            "date": st.just(PLACED),
            "title": titles,
            "sku": SKUS,
            "qty": st.integers(1, 99).map(str),
            "note": titles,
        }
    )
    return st.lists(cells, min_size=1, max_size=8)


def drawn(rows: Sequence[dict[str, str]]) -> Counter[Fact]:
    return Counter((row["order"], row["sku"], int(row["qty"])) for row in rows)


def taken_in(folder: Path, text: str, encoding: str = "utf-8") -> tuple[Counter[Fact], int]:
    """Order, SKU and quantity of the rows that are taken in, and the number of those that wait in the inbox."""
    path = folder / "f.txt"
    path.write_text(text, encoding=encoding, newline="")
    mapping = parse_mapping(TEXT, "test")
    rows = normalised(read_records(path, mapping.file, mapping.file_columns, (), mapping.never_empty), mapping)
    good = rows.filter(pl.col("code").is_null()).select("order_ref", "external_sku", "quantity")
    return Counter(good.rows()), rows["code"].count()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("any")


@given(rows=rows_of(LINES), way=WAYS)
def test_the_slow_reader_reads_what_was_written(rows: list[dict[str, str]], way: FileStyle) -> None:
    header, *cells = records(way.text(rows), way.delimiter)
    assert header == list(way.columns)
    assert cells == [[row[name] for name in way.columns] for row in rows]


@given(rows=rows_of(LINE), way=WAYS)
@settings(max_examples=50)
def test_a_file_without_line_breaks_is_taken_in_whole(folder: Path, rows: list[dict[str, str]], way: FileStyle) -> None:
    text = way.text(rows)
    assert taken_in(folder, text, way.encoding) == (facts(text, way.delimiter), 0)


@given(rows=rows_of(LINES), way=WAYS)
@settings(max_examples=50)
def test_of_a_file_with_line_breaks_nothing_is_taken_in_otherwise(folder: Path, rows: list[dict[str, str]], way: FileStyle) -> None:
    """A title whose lines look like rows asks; all that is taken in is what the file says."""
    text = way.text(rows)
    taken, waiting = taken_in(folder, text, way.encoding)
    expected = facts(text, way.delimiter)
    assert taken - expected == Counter()
    assert taken.total() + waiting >= expected.total()


@given(rows=rows_of(LINE), way=WAYS, draw=st.data())
@settings(max_examples=60)
def test_a_quote_too_few_or_too_many_changes_no_row(folder: Path, rows: list[dict[str, str]], way: FileStyle, draw: st.DataObject) -> None:
    """One quote is lost anywhere below the header, or one is added before or after a title."""
    text = way.text(rows)
    body = text.index(way.ending) + len(way.ending)
    quotes = [place for place, letter in enumerate(text) if letter == '"' and place >= body]
    if quotes and draw.draw(st.booleans()):
        lost = draw.draw(st.sampled_from(quotes))
        spoilt = text[:lost] + text[lost + 1 :]
    else:
        spoilt_rows = [dict(row) for row in rows]
        row = draw.draw(st.sampled_from(spoilt_rows))
        row["title"] = "\x01" + row["title"] if draw.draw(st.booleans()) else row["title"] + "\x01"
        spoilt = way.text(spoilt_rows).replace("\x01", '"')
    taken, waiting = taken_in(folder, spoilt, way.encoding)
    assert taken - drawn(rows) == Counter()
    assert taken.total() + waiting >= len(rows)
