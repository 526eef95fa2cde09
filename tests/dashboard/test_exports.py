"""Exports are read back as a spreadsheet would: formulas are texts, numbers are numbers."""

import csv
import io
import math
from datetime import UTC, date, datetime

import openpyxl
import polars as pl
import pytest

from dashboard.exports import XLSX_ROWS, to_csv, to_xlsx
from data_access.errors import InvalidInput

DANGEROUS = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", '=HYPERLINK("http://x","y")']
FRAME = pl.DataFrame(
    {
        "name": [*DANGEROUS, "plain", "a=b", "", None],
        "units": [-5, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, None],
        "cover": [-1.5, math.nan, math.inf, None, 0.1, *[1.0] * 7],
        "is_out": [True, False, *[None] * 10],
        "at": pl.Series([datetime(2026, 7, 27, 14, 5, 6, 7, tzinfo=UTC), *[None] * 11], dtype=pl.Datetime("us", "UTC")),
        "on": [date(2026, 7, 27), *[None] * 11],
        "history": [[1, 2], *[[]] * 11],
    }
)


def test_csv_makes_formulas_harmless_and_leaves_numbers_alone() -> None:
    data = to_csv(FRAME)
    assert data.startswith(b"\xef\xbb\xbf")
    rows = list(csv.DictReader(io.StringIO(data.decode("utf-8-sig"), newline="")))
    assert [row["name"] for row in rows] == ["'" + text for text in DANGEROUS] + ["plain", "a=b", "", ""]
    assert [row["units"] for row in rows][:3] == ["-5", "0", "1"]
    assert [row["cover"] for row in rows][:5] == ["-1.5", "", "", "", "0.1"]
    shown = [rows[0][name] for name in ("is_out", "at", "on", "history")]
    assert shown == ["true", "2026-07-27T14:05:06.000007Z", "2026-07-27", "1; 2"]


def test_csv_header_is_harmless_too() -> None:
    assert to_csv(pl.DataFrame({"=cmd": [1]})).decode("utf-8-sig") == "'=cmd\n1\n"


def test_xlsx_holds_texts_as_texts_and_numbers_as_numbers() -> None:
    sheet = openpyxl.load_workbook(io.BytesIO(to_xlsx(FRAME, "Stock"))).active
    assert sheet is not None
    assert sheet.title == "Stock"
    rows = list(sheet.iter_rows())
    assert [cell.value for cell in rows[0]] == FRAME.columns
    # openpyxl gives a string cell that begins with "=" the type of a formula only if the file says so
    assert [row[0].data_type for row in rows[1:9]] == ["s"] * 8
    assert [row[0].value for row in rows[1:4]] == ["=1+1", "+1", "-1"]
    assert [row[1].value for row in rows[1:4]] == [-5, 0, 1]
    assert [row[2].value for row in rows[1:6]] == [-1.5, None, None, None, 0.1]
    assert [cell.value for cell in rows[1][3:]] == [True, "2026-07-27T14:05:06.000007Z", "2026-07-27", "1; 2"]


def test_an_empty_frame_has_its_header() -> None:
    empty = FRAME.clear()
    assert to_csv(empty).decode("utf-8-sig") == "name,units,cover,is_out,at,on,history\n"
    sheet = openpyxl.load_workbook(io.BytesIO(to_xlsx(empty))).active
    assert sheet is not None
    assert [cell.value for cell in next(sheet.iter_rows())] == FRAME.columns


def test_too_many_rows_for_a_workbook_are_refused() -> None:
    with pytest.raises(InvalidInput, match="download CSV"):
        to_xlsx(pl.DataFrame({"n": range(XLSX_ROWS + 1)}))


def test_a_long_text_is_cut_to_what_a_cell_holds() -> None:
    sheet = openpyxl.load_workbook(io.BytesIO(to_xlsx(pl.DataFrame({"text": ["x" * 40_000]})))).active
    assert sheet is not None
    assert len(str(sheet["A2"].value)) == 32_767
