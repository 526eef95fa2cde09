"""A workbook's sheets as rows of text, read in a process of its own: `workbook` starts this module as a script.

So a workbook that would take all memory or never end, or that crashes the library, ends this process alone. Each sheet becomes a file
of JSON texts, one per row from the first row of the sheet on: a CSV record, empty for a row without cells. Then one JSON object is
printed: the sheets, or the problem.
"""

import csv
import datetime as dt
import io
import json
import sys
import xml.etree.ElementTree as ElementTree
import zipfile
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from python_calamine import CalamineSheet, CalamineWorkbook, PasswordError, SheetTypeEnum, SheetVisibleEnum

Cell = int | float | str | bool | dt.time | dt.date | dt.datetime | dt.timedelta
Corners = tuple[tuple[int, int], tuple[int, int]]
"""The first and last cell of a range, each by row and column, from 0."""

MAX_MEMORY_BYTES: Final = 2_000_000_000
MAX_SECONDS: Final = 300
MAX_TEXT_BYTES: Final = 1_000_000_000  # of a sheet
_EXACT: Final = 2**53  # whole numbers below it are exact
_TABLE: Final = "{urn:oasis:names:tc:opendocument:xmlns:table:1.0}"


def text_of(cell: Cell, decimal: str = ".", *, with_time: bool = False) -> str:
    """A cell as a spreadsheet's own CSV has it: text as it is, numbers plainly, days and times as ISO 8601 without a T.

    `decimal`: the decimal sign of numbers. `with_time`: a day is its midnight, for other cells of its column have a time.
    """
    if isinstance(cell, str):
        return cell
    if isinstance(cell, bool):
        return "TRUE" if cell else "FALSE"
    if isinstance(cell, int | float):
        is_exact = cell == int(cell) and abs(cell) < _EXACT
        return str(int(cell)) if is_exact else format(Decimal(f"{cell:.15g}"), "f").replace(".", decimal)  # as many digits as are shown
    if isinstance(cell, dt.timedelta):
        seconds = round(cell.total_seconds())
        return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"
    if isinstance(cell, dt.datetime):  # kept as a fraction of a day, and so off by microseconds
        return (cell + dt.timedelta(milliseconds=500)).isoformat(" ", "seconds")
    if isinstance(cell, dt.time):
        return cell.isoformat("seconds")
    return f"{cell.isoformat()} 00:00:00" if with_time else cell.isoformat()


def _write_rows(sheet: CalamineSheet, path: Path, decimal: str) -> None:
    times = {place for row in sheet.iter_rows() for place, cell in enumerate(row) if type(cell) is dt.datetime}
    record = io.StringIO(newline="")
    writer = csv.writer(record)  # whose own line ends decide what is quoted
    with path.open("w", encoding="utf-8") as file:
        for row in sheet.iter_rows():
            cells = [text_of(cell, decimal, with_time=place in times) for place, cell in enumerate(row)]
            if any(cell.strip() for cell in cells):
                writer.writerow(cells)
            file.write(json.dumps(record.getvalue().removesuffix("\r\n"), ensure_ascii=False) + "\n")
            record.seek(0)
            record.truncate()


def _merged_ods(path: Path) -> dict[str, list[Corners]]:
    """Merged cells by sheet, which the library does not tell for this format."""
    with zipfile.ZipFile(path) as archive:
        if b"-spanned=" not in archive.read("content.xml"):
            return {}
        merged: dict[str, list[Corners]] = {}
        ranges: list[Corners] = []
        row = -1
        with archive.open("content.xml") as content:
            for happened, element in ElementTree.iterparse(content, ("start", "end")):  # noqa: S314 - as above
                if happened == "start" and element.tag == f"{_TABLE}table":
                    ranges, row = merged.setdefault(element.get(f"{_TABLE}name", ""), []), 0
                elif happened == "end" and element.tag == f"{_TABLE}table-row":
                    ranges += _spans(element, row)
                    row += int(element.get(f"{_TABLE}number-rows-repeated", 1))
                    element.clear()
    return merged


def _spans(row: ElementTree.Element, row_no: int) -> list[Corners]:
    spans, column = [], 0
    for cell in row:
        rows, columns = (int(cell.get(f"{_TABLE}number-{what}-spanned", 1)) for what in ("rows", "columns"))
        if rows * columns > 1:
            spans.append(((row_no, column), (row_no + rows - 1, column + columns - 1)))
        column += int(cell.get(f"{_TABLE}number-columns-repeated", 1))
    return spans


def _read(path: Path, folder: Path, decimal: str) -> dict[str, Any]:
    book = CalamineWorkbook.from_filelike(io.BytesIO(path.read_bytes()))  # by its content, whatever its name
    merged = _merged_ods(path) if "mimetype" in zipfile.ZipFile(path).namelist() else None
    sheets = []
    for place, about in enumerate(book.sheets_metadata):
        if about.typ != SheetTypeEnum.WorkSheet:
            continue
        sheet = book.get_sheet_by_index(place)
        file = folder / f"{place}.rows"
        _write_rows(sheet, file, decimal)
        ranges = (sheet.merged_cell_ranges or []) if merged is None else merged.get(about.name, [])
        is_hidden = about.visible != SheetVisibleEnum.Visible
        sheets.append({"name": about.name, "file": file.name, "merged": ranges, "is_hidden": is_hidden})
    return {"sheets": sheets}


def main(arguments: Sequence[str]) -> None:
    """Read the workbook of the first argument into the folder of the second, with the decimal sign of the third."""
    if sys.platform != "win32":
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MAX_MEMORY_BYTES, MAX_MEMORY_BYTES))
        resource.setrlimit(resource.RLIMIT_CPU, (MAX_SECONDS, MAX_SECONDS))
        resource.setrlimit(resource.RLIMIT_FSIZE, (MAX_TEXT_BYTES, MAX_TEXT_BYTES))
    path, folder, decimal = arguments
    try:
        report = _read(Path(path), Path(folder), decimal)
    except PasswordError:
        report = {"problem": "password"}
    except (MemoryError, OSError):
        report = {"problem": "large"}
    except BaseException as error:  # what the library could not read, in one of many ways; also its panics
        report = {"problem": "damaged", "said": str(error)[:200]}
    sys.stdout.write(json.dumps(report))


if __name__ == "__main__":
    main(sys.argv[1:])
