"""Small workbooks for the tests of importing."""

import datetime as dt
import zipfile
from collections.abc import Sequence
from pathlib import Path
from xml.sax.saxutils import escape, quoteattr

import openpyxl

Cell = str | int | float | bool | dt.date | dt.datetime | None
_MANIFEST = '<manifest:manifest xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0"/>'
_NAMES = "".join(f' xmlns:{name}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"' for name in ("office", "table", "text"))


def write_xlsx(path: Path, *sheets: tuple[str, Sequence[Sequence[Cell]]], merged: str = "") -> Path:
    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, rows in sheets:
        page = book.create_sheet(name)
        for row, cells in enumerate(rows, start=1):
            for column, cell in enumerate(cells, start=1):
                if cell is not None:
                    page.cell(row, column).value = cell
                    if isinstance(cell, str):
                        page.cell(row, column).data_type = "s"
        if merged:
            page.merge_cells(merged)
    book.save(path)
    return path


def write_ods(path: Path, *sheets: tuple[str, Sequence[Sequence[Cell]]], first_cell: str = "") -> Path:
    tables = []
    for name, rows in sheets:
        lines = "".join(f"<table:table-row>{''.join(map(_ods_cell, row))}</table:table-row>" for row in rows)
        tables.append(f"<table:table table:name={quoteattr(name)}>{lines}</table:table>")
    body = "".join(tables).replace("<table:table-cell", f"<table:table-cell {first_cell}", 1)
    content = f"<office:document-content{_NAMES}><office:body><office:spreadsheet>{body}</office:spreadsheet></office:body>"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(zipfile.ZipInfo("mimetype"), "application/vnd.oasis.opendocument.spreadsheet")
        archive.writestr("content.xml", f'<?xml version="1.0" encoding="UTF-8"?>{content}</office:document-content>')
        archive.writestr("META-INF/manifest.xml", _MANIFEST)
    return path


def _ods_cell(cell: Cell) -> str:
    match cell:
        case None:
            return "<table:table-cell/>"
        case bool():
            value = f'office:value-type="boolean" office:boolean-value="{str(cell).lower()}"'
        case int() | float():
            value = f'office:value-type="float" office:value="{cell!r}"'
        case dt.date():
            value = f'office:value-type="date" office:date-value="{cell.isoformat()}"'
        case _:
            value = 'office:value-type="string"'
    return f"<table:table-cell {value}><text:p>{escape(str(cell))}</text:p></table:table-cell>"
