"""Writing rows of the inbox to a file as the one that they came from, to be mended there and imported again."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa
import xlsxwriter
from sqlalchemy.engine import Engine

from data_access.engine import reading
from data_access.errors import InvalidInput
from data_access.imports.files.delimited.dialect import encoding_of
from data_access.imports.files.delimited.records import Unfit, fitted
from data_access.imports.files.row_ids import ROW_COLUMN, harmless_records
from data_access.imports.inbox_files.hiding import Hiding
from data_access.imports.inbox_files.layout import RUN_COLUMNS, FileLayout, layout_of
from data_access.schema.audit import import_run, inbox_item

XLSX_ROWS: Final = 1_048_576
XLSX_TEXT: Final = 32_767  # characters that a cell holds


def export_rows(engine: Engine, import_run_id: int | None, path: Path) -> int:
    """Write the open rows of an import, or of all imports, to a file: as they are, or as mended. Returns how many rows were written.

    The file is written as the one that the rows came from (encoding, delimiter, quotes, lines before the header, columns; the rows of a
    workbook to an XLSX file), with the column `onhand_row` before the others, by which `reentries` knows each row again. Cells that a
    spreadsheet could take for formulas have an apostrophe before them, which the import takes off again; what is said of persons is hidden.

    Raises:
        InvalidInput: there are none, or not all can stand in one file.

    """
    i = inbox_item.c
    query = (
        sa.select(i.id, sa.func.coalesce(i.mended, i.content).label("text"), i.import_run_id, *RUN_COLUMNS)
        .join(import_run, import_run.c.id == i.import_run_id)
        .where(i.status == "open", i.kind == "row")
        .order_by(i.import_run_id, i.line_number, i.id)
    )
    if import_run_id is not None:
        query = query.where(i.import_run_id == import_run_id)
    with reading(engine) as connection:
        rows = connection.execute(query).all()
    if not rows:
        raise InvalidInput("No row of that import waits in the inbox." if import_run_id is not None else "No row waits in the inbox.")
    layout = _common_layout(rows)
    hiding = Hiding(layout.header, layout.form)
    texts = harmless_records([hiding.hidden(row.text) for row in rows], layout.form, len(layout.header))
    ids = [str(row.id) for row in rows]
    if layout.recipe.is_sheet:
        _write_workbook(path, layout, ids, texts)
    else:
        path.write_bytes(_file_bytes(layout, ids, texts))
    return len(rows)


def _common_layout(rows: Sequence[Any]) -> FileLayout:
    """The layout of the newest import; rows of several stand in one file if the same mapping reads them, under the same header."""
    by_run = {row.import_run_id: row for row in rows}
    layouts = {run_id: layout_of(row) for run_id, row in by_run.items()}
    kinds = {(row.run_kind, row.mapping, layouts[run_id].header, layouts[run_id].recipe.is_sheet) for run_id, row in by_run.items()}
    if len(kinds) > 1:
        listed = ", ".join(str(run_id) for run_id in sorted(by_run))
        raise InvalidInput(f"Rows of imports with different headers or mappings wait in the inbox: export one of {listed} at a time.")
    return layouts[max(layouts)]


def _file_bytes(layout: FileLayout, ids: Sequence[str], texts: Sequence[str]) -> bytes:
    form, part = layout.form, layout.part
    preamble = harmless_records(layout.recipe.preamble or [""] * part.preamble_rows, form, 1)
    header = harmless_records([layout.recipe.header], form, len(layout.header))[0]
    records = (f"{row_id}{form.delimiter}{text}" for row_id, text in zip([ROW_COLUMN, *ids], [header, *texts], strict=True))
    return _encoded("".join(f"{line}\n" for line in (*preamble, *records)), part.encoding, layout.recipe.encoding or "utf-8")


def _encoded(text: str, by_mapping: str | None, own: str) -> bytes:
    """In the encoding of the mapping, else of the file, if it will be known from the bytes and has all characters; else UTF-8, marked."""
    try:
        data = text.encode(by_mapping or own)
    except UnicodeEncodeError as error:
        if by_mapping is not None:
            lost = text[error.start]
            raise InvalidInput(f"A row holds {lost!r}, which a file in {by_mapping} cannot hold: mend it in the inbox.") from error
        return text.encode("utf-8-sig")
    if by_mapping is None and data.decode(encoding_of([data]), errors="replace") != text:
        return text.encode("utf-8-sig")
    return data


def _write_workbook(path: Path, layout: FileLayout, ids: Sequence[str], texts: Sequence[str]) -> None:
    if path.suffix.lower() != ".xlsx":
        raise InvalidInput(f"The rows are of a workbook: give a file that ends in .xlsx, not {path.name}.")
    first = layout.part.preamble_rows
    rows = [[ROW_COLUMN, *layout.header], *([row_id, *_cells(text, layout)] for row_id, text in zip(ids, texts, strict=True))]
    if first + len(rows) > XLSX_ROWS:
        raise InvalidInput(f"{len(ids):,} rows are more than a workbook holds: export one import at a time.")
    if any(len(cell) > XLSX_TEXT for row in rows for cell in row):
        raise InvalidInput(f"A cell of the rows has more than the {XLSX_TEXT:,} characters that a workbook's may: mend it in the inbox.")
    with xlsxwriter.Workbook(str(path)) as book:
        sheet = book.add_worksheet(layout.part.sheet or "Rows")
        for at, row in enumerate(rows, start=first):
            for column, cell in enumerate(row):
                sheet.write_string(at, column, cell)


def _cells(text: str, layout: FileLayout) -> Sequence[str]:
    try:
        return fitted(text, layout.form, len(layout.header))
    except Unfit:
        return text.split(layout.form.delimiter)
