"""Rows of the inbox in files: the column that says which row of the inbox a row is, and cells that no spreadsheet takes for a formula."""

import csv
import io
import re
from collections.abc import Callable, Sequence
from typing import Final

from data_access.errors import InvalidInput
from data_access.imports.files.delimited.records import Form, Records, Unfit, fitted
from data_access.spreadsheets import harmless_texts, restored_texts

ROW_COLUMN: Final = "onhand_row"
"""The first column of an exported file: the id of the inbox item, empty for a row that is none's."""


def record_of(cells: Sequence[str], form: Form) -> str:
    """One record with these cells; quotes only where they are needed."""
    if form.quoting == "none":
        return form.delimiter.join(cells)
    record = io.StringIO(newline="")
    csv.writer(record, delimiter=form.delimiter, lineterminator="").writerow(cells)
    return record.getvalue()


def harmless_records(texts: Sequence[str], form: Form, width: int) -> list[str]:
    """Records of `width` fields, with an apostrophe before each cell that a spreadsheet could take for a formula."""
    return _changed(texts, form, width, harmless_texts)


def restored_records(texts: Sequence[str], form: Form, width: int) -> list[str]:
    """The records that `harmless_records` made these of; cells that were mended since stay as they are."""
    return _changed(texts, form, width, restored_texts)


def _changed(texts: Sequence[str], form: Form, width: int, change: Callable[[list[str]], list[str]]) -> list[str]:
    parts = [_cells(text, form, width) for text in texts]
    changed = iter(change([cell for cells, _ in parts for cell in cells]))
    records = []
    for text, (cells, quotes) in zip(texts, parts, strict=True):
        after = [next(changed) for _ in cells]
        if after == cells:
            records.append(text)
        elif quotes is None:
            records.append(record_of(after, form))
        else:
            records.append(form.delimiter.join(quote + cell for quote, cell in zip(quotes, after, strict=True)))
    return records


def _cells(text: str, form: Form, width: int) -> tuple[list[str], list[str] | None]:
    """The cells of a record; of one that is not of the file's form, what stands between delimiters, and the quote before each."""
    try:
        return list(fitted(text, form, width)), None
    except Unfit:
        pieces = text.split(form.delimiter)
        return [piece.removeprefix('"') for piece in pieces], ['"' if piece.startswith('"') else "" for piece in pieces]


def has_row_ids(header: Sequence[str], where: str) -> bool:
    """Whether the file is one of rows of the inbox.

    Raises:
        InvalidInput: the column was moved.

    """
    if ROW_COLUMN in header[1:]:
        raise InvalidInput(f"{where} has the column {ROW_COLUMN} further on: make it the first again, as it was exported.")
    return header[:1] == (ROW_COLUMN,)


def take_off(records: Records, form: Form, width: int, encoding: str) -> dict[int, str]:
    """Make records with row ids, of `width` fields, those of the file that they came from; returns the ids as they stand, by place."""
    delimiter = re.escape(form.delimiter.encode())
    first = re.compile(rb' *(?:"([^"]*)"|([^"%b]*?)) *(?:%b|$)' % (delimiter, delimiter))
    ids, escaped = {}, []
    for place, raw in enumerate(records.texts):
        match = first.match(raw)
        if match is None:
            ids[place] = raw.partition(form.delimiter.encode())[0].decode(encoding, errors="replace")
            continue
        if cell := (match[1] or match[2] or b"").strip():
            ids[place] = cell.decode(encoding, errors="replace")
        records.texts[place] = raw[match.end() :]
        if cell and b"'" in raw:
            escaped.append(place)
    _restore(records, escaped, form, width - 1, encoding)
    return ids


def _restore(records: Records, places: Sequence[int], form: Form, width: int, encoding: str) -> None:
    texts = {}
    for place in places:
        try:
            texts[place] = records.texts[place].decode(encoding)
        except UnicodeDecodeError:
            continue  # it is refused as it stands
    for place, text in zip(texts, restored_records(list(texts.values()), form, width), strict=True):
        records.texts[place] = text.encode(encoding.removesuffix("-sig"))  # the mark is the file's


def header_without_ids(text: str, form: Form, width: int) -> str:
    """The header of the file that the rows came from; `width` counts the column of row ids."""
    rest = text.partition(form.delimiter)[2]
    return restored_records([rest], form, width - 1)[0]
