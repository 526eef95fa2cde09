"""Reading delimited files and workbooks: bounded in memory and strict about form; no row is lost.

A file becomes records with their row and line numbers; what cannot be read as a record of the header's columns becomes a bad
record with its text and a reason. Records without quotes, nearly all in most files, are split by Polars; the rest, which may run
over several lines, by the `csv` module in strict mode.
"""

import csv
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Final

import polars as pl

from data_access.errors import InvalidInput
from data_access.imports.files.delimited.dialect import delimiter_of, encoding_of
from data_access.imports.files.delimited.faults import has_lone_cr
from data_access.imports.files.delimited.frames import BadRecord, Problems, ReadAs, frame_of, problems_of, readable, split
from data_access.imports.files.delimited.personal import Masked, masked_of
from data_access.imports.files.delimited.records import (
    KEPT_BYTES,
    MAX_RECORD_BYTES,
    Form,
    LongLine,
    Records,
    Unfit,
    cells_of,
    decompressed,
    file_hash,
    fitted,
    recoded,
    unpacked,
)
from data_access.imports.files.mapping_parts import FilePart, FormatsPart
from data_access.imports.files.recipe import Recipe
from data_access.imports.files.row_ids import has_row_ids, header_without_ids, take_off
from data_access.imports.files.sheets.workbook import SHEET_DATES, SHEET_FORM, SHEET_PART, Workbook, is_workbook, opened

MAX_COLUMNS: Final = 1_000
WHOLE_ROWS: Final = 600_000
"""A file of no more rows is taken in as one; a larger one in parts of `PART_ROWS`, for the sake of memory."""

PART_ROWS: Final = 200_000
FOOTER_RECORDS: Final = 100  # compared at a time
_BOM: Final = b"\xef\xbb\xbf"
_ASCII_LIKE: Final = frozenset({"utf-8", "utf-8-sig", "ascii", "cp1252", "latin-1", "iso8859-1"})


@dataclass(frozen=True, slots=True)
class Texts:
    """The records as they stand in the file, without their last line break, by row number; without the cells that are not to be kept."""

    raw: Sequence[bytes]
    encoding: str
    masked: Masked | None = None

    def __call__(self, row_no: int) -> str:
        """The text of one record."""
        text = readable(self.raw[row_no], self.encoding)
        return text if self.masked is None else self.masked(text)


@dataclass(frozen=True, slots=True)
class Contents:
    """A whole file, read. `frame`: row_no, line_number and one text column for each header (stripped; empty cells are null).

    `read_as`: its encoding and delimiter, or its sheet, in words. `is_sheet`: it is a workbook, and its texts are CSV. `form`: of the
    texts. `encoding`: of the file. `preamble`: its lines before the header. `row_ids`: of a file that the inbox has exported, what each
    row says it is, by its row number. `joined`: the line counts of the records that join several lines, as quoted line breaks make them.
    """

    file_hash: str
    header_text: str
    frame: pl.DataFrame
    bad: tuple[BadRecord, ...]
    texts: Texts
    read_as: str
    is_sheet: bool = False
    form: Form = SHEET_FORM
    encoding: str = "utf-8"
    preamble: tuple[str, ...] = ()
    row_ids: Mapping[int, str] = field(default_factory=dict)
    joined: tuple[int, ...] = ()

    def recipe(self, mapping: str, options: Mapping[str, Any]) -> Recipe:
        """What is kept of the import by this text of a mapping."""
        return Recipe(mapping, self.header_text, dict(options), self.read_as, self.is_sheet, self.encoding, self.preamble)


def of_sheet(formats: FormatsPart) -> FormatsPart:
    """Formats for the rows of a workbook: what the sheet has as a time or day is read as such, whatever the mapping expects of text."""
    return formats.model_copy(update={"dates": list(dict.fromkeys([*SHEET_DATES, *formats.dates]))})


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordFile:
    """A delimited file, read into records and not yet into rows; these come in parts of any size.

    The fields are as of `Contents`; `problems`: rows that are bad already.
    """

    file_hash: str
    header_text: str
    records: Records
    read_as: ReadAs
    problems: Problems
    texts: Texts
    preamble: tuple[str, ...]
    row_ids: Mapping[int, str]

    def __len__(self) -> int:
        return len(self.records.texts)

    @property
    def joined(self) -> tuple[int, ...]:
        """As of `Contents`."""
        return tuple(self.records.joined.values())

    def contents(self, row_nos: Sequence[int] | None = None) -> Contents:
        """The whole file, or the rows of these numbers, which ascend."""
        frame, bad = split(self.records, self.read_as, self.problems, range(len(self)) if row_nos is None else row_nos)
        contents = Contents(self.file_hash, self.header_text, frame, tuple(bad), self.texts, self.read_as.in_words)
        return replace(
            contents, form=self.read_as.form, encoding=self.read_as.name, preamble=self.preamble, row_ids=self.row_ids, joined=self.joined
        )


def read_records(
    path: Path,
    part: FilePart,
    needed: Iterable[str],
    optional: Iterable[str] = (),
    always: Sequence[str] = (),
    *,
    decimal: str = ".",
) -> Contents:
    """Read a file, plain or gzip, or a workbook, whose header holds the `needed` columns; of others only the `optional` are in the frame.

    `always`: of the needed columns those that no row leaves empty, by which a row is known where quotes are in doubt. `decimal`: the
    decimal sign that numbers of a workbook are given.

    Raises:
        InvalidInput: it cannot be read or decompressed whole, is in another encoding, has no header, lacks columns, or was changed
            meanwhile; nothing of it is used then.

    """
    needed = list(needed)
    if is_workbook(path):
        digest = file_hash(path)
        with opened(path, decimal) as workbook:
            contents = _sheet_contents(digest, workbook, part, needed, optional)
        _require_unchanged(path, digest)
        return contents
    return open_records(path, part, needed, optional, always).contents()


def open_records(path: Path, part: FilePart, needed: Iterable[str], optional: Iterable[str] = (), always: Sequence[str] = ()) -> RecordFile:
    """Read a delimited file into records; arguments and errors as of `read_records`."""
    digest = file_hash(path)
    needed = list(needed)
    name = part.encoding or encoding_of(unpacked(path))
    encoding = name if name in _ASCII_LIKE else "utf-8"
    records = Records(decompressed(path) if name in _ASCII_LIKE else recoded(path, name))
    preamble = _preamble(records, part.preamble_rows, encoding)
    header_text = _header_line(records, path, name, preamble)
    form = form_of(part, header_text, needed)
    header = header_cells(header_text, form, str(path))
    wanted = _positions(header, [*needed, *_present(header, optional)], str(path))
    records.read(replace(form, needed=tuple(wanted[name] for name in always)), len(header))
    _require_unchanged(path, digest)
    if part.footer is not None:
        _drop_footer(records, part.footer, encoding)
    row_ids: dict[int, str] = {}
    if has_row_ids(header, str(path)):
        row_ids = take_off(records, form, len(header), encoding)
        header_text, header = _without_ids(header_text, form, len(header), str(path))
        wanted = _positions(header, [*needed, *_present(header, optional)], str(path))
    form = replace(form, needed=tuple(wanted[name] for name in always))
    read_as = ReadAs(form=form, encoding=encoding, name=name, width=len(header), wanted=wanted, path=path)
    return RecordFile(
        file_hash=digest,
        header_text=header_text,
        records=records,
        read_as=read_as,
        problems=problems_of(records, read_as),
        texts=Texts(records.texts, encoding, masked_of(header, wanted.values(), form)),
        preamble=preamble,
        row_ids=row_ids,
    )


def _require_unchanged(path: Path, digest: str) -> None:
    if file_hash(path) != digest:
        raise InvalidInput(f"The file {path} was changed while it was read, and nothing of it was used: import it once it is whole.")


def _sheet_contents(digest: str, workbook: Workbook, part: FilePart, needed: Sequence[str], optional: Iterable[str]) -> Contents:
    sheet = workbook.sheet_with(part, needed)
    where = f"The sheet {sheet.name!r} of {workbook.path}"
    header_text = sheet.header_text
    header = header_cells(header_text, SHEET_FORM, where)
    records = Records(iter(()))
    sheet.fill(records)
    row_ids: dict[int, str] = {}
    if has_row_ids(header, where):
        row_ids = take_off(records, SHEET_FORM, len(header), "utf-8")
        header_text, header = _without_ids(header_text, SHEET_FORM, len(header), where)
    wanted = _positions(header, [*needed, *_present(header, optional)], where)
    read_as = ReadAs(form=SHEET_FORM, encoding="utf-8", name="utf-8", width=len(header), wanted=wanted, path=workbook.path)
    if part.footer is not None:
        _drop_footer(records, part.footer, "utf-8", is_sheet=True)
    frame, bad = split(records, read_as, problems_of(records, read_as), range(len(records.texts)))
    texts = Texts(records.texts, "utf-8", masked_of(header, wanted.values(), SHEET_FORM))
    return Contents(digest, header_text, frame, tuple(bad), texts, f"sheet {sheet.name}", is_sheet=True, row_ids=row_ids)


def headers_of(path: Path, parts: Sequence[tuple[FilePart, Sequence[str]]]) -> list[tuple[str, ...] | InvalidInput]:
    """The names of a file's columns as read by each part; with each, the columns by which its delimiter, or sheet, is known.

    In place of a header that is empty or no text: the error.

    Raises:
        InvalidInput: it cannot be read.

    """
    if is_workbook(path):
        with opened(path) as workbook:
            return [_or_error(partial(_sheet_header, workbook, *part)) for part in parts]
    return [_or_error(partial(_header_of, path, *part)) for part in parts]


def _or_error(read: Callable[[], tuple[str, ...]]) -> tuple[str, ...] | InvalidInput:
    try:
        return read()
    except InvalidInput as error:
        return error


def _sheet_header(workbook: Workbook, part: FilePart, expected: Sequence[str]) -> tuple[str, ...]:
    return workbook.nearest_sheet(part, expected).header


def _header_of(path: Path, part: FilePart, expected: Sequence[str]) -> tuple[str, ...]:
    name = part.encoding or encoding_of(unpacked(path))
    records = Records(decompressed(path) if name in _ASCII_LIKE else recoded(path, name))
    preamble = _preamble(records, part.preamble_rows, "utf-8")
    header_text = _header_line(records, path, name, preamble)
    return header_cells(header_text, form_of(part, header_text, expected), str(path))


def read_text(
    header_text: str,
    texts: Sequence[tuple[int, int, str]],
    part: FilePart,
    needed: Iterable[str],
    optional: Iterable[str] = (),
    always: Sequence[str] = (),
    *,
    is_sheet: bool = False,
) -> Contents:
    """The same for single records (row number, line number, text) that were kept from a file, or sheet, with this header.

    Raises:
        InvalidInput: the header lacks columns.

    """
    needed = list(needed)
    form = form_of(SHEET_PART if is_sheet else part, header_text, needed)
    header = header_cells(header_text, form, "the file")
    wanted = _positions(header, [*needed, *_present(header, optional)], "The file")
    form = replace(form, needed=tuple(wanted[name] for name in always))
    rows, bad, raw = [], [], {}
    for row_no, line_number, text in texts:
        raw[row_no] = text.encode()
        try:
            cells = fitted(text, form, len(header))
        except Unfit as unfit:
            bad.append(BadRecord(row_no, line_number, text, unfit.code, str(unfit)))
        else:
            rows.append((row_no, line_number, [cells[place] for place in wanted.values()]))
    texts_by_row = tuple(raw.get(row_no, b"") for row_no in range(max(raw, default=-1) + 1))
    return Contents("", header_text, frame_of(rows, list(wanted)), tuple(bad), Texts(texts_by_row, "utf-8"), "", is_sheet=is_sheet)


# ---- the header --------------------------------------------------------------------------------------------------------


def _preamble(records: Records, rows: int, encoding: str) -> tuple[str, ...]:
    """The lines before the header, read away."""
    lines = [records.next_line() for _ in range(rows)]
    raw = [line.raw if isinstance(line, LongLine) else line for line in lines if line is not None]
    return tuple(readable(line.removeprefix(_BOM)[:KEPT_BYTES], encoding) for line in raw)


def _header_line(records: Records, path: Path, encoding: str, preamble: Sequence[str]) -> str:
    lone_cr = InvalidInput(f"The lines of {path} end with a carriage return (CR) alone: save it with line ends LF or CRLF.")
    line = records.next_line()
    while line is not None and not isinstance(line, LongLine) and not line.strip():
        line = records.next_line()
    if line is None:
        raise lone_cr if any(has_lone_cr(text) for text in preamble) else InvalidInput(f"The file {path} is empty: it has no header line.")
    if isinstance(line, LongLine):
        if b"\r" in line.raw:
            raise lone_cr
        raise InvalidInput(f"The first line of {path} is longer than {MAX_RECORD_BYTES:,} bytes: it is not a header.")
    try:
        text = line.removeprefix(_BOM).decode(encoding if encoding in _ASCII_LIKE - {"utf-8-sig"} else "utf-8")
    except UnicodeDecodeError as error:
        raise InvalidInput(f"The header of {path} is not {encoding} text: set file.encoding in the mapping.") from error
    if has_lone_cr(text):
        raise lone_cr
    if "\x00" in text:
        raise InvalidInput(f"The header of {path} holds zero bytes (NUL): set file.encoding if it is UTF-16, or fetch the file again.")
    if "\ufffd" in text:
        raise InvalidInput(f"The header of {path} is not {encoding} text: set file.encoding in the mapping.")
    return text


def form_of(part: FilePart, header_text: str, needed: Sequence[str]) -> Form:
    """How the records of a file with this header are written."""
    return Form(part.delimiter or delimiter_of(header_text, needed), part.quoting)


def header_cells(text: str, form: Form, where: str) -> tuple[str, ...]:
    """The names of the columns.

    Raises:
        InvalidInput: there are too many, or their quotes do not match.

    """
    try:
        cells = text.split(form.delimiter) if form.quoting == "none" else cells_of(text, form.delimiter)
    except csv.Error as error:
        raise InvalidInput(f"The header of {where} cannot be read: its quotes do not match.") from error
    named = sum(bool(cell.strip()) for cell in cells)
    if named > MAX_COLUMNS:
        raise InvalidInput(f"{where} has a header of {named:,} columns, more than {MAX_COLUMNS:,}: leave out those that are not needed.")
    return tuple(cell.strip() for cell in cells)


def _without_ids(text: str, form: Form, width: int, where: str) -> tuple[str, tuple[str, ...]]:
    """The header of the file that rows of the inbox came from: as it stands, and its columns."""
    rest = header_without_ids(text, form, width)
    return rest, header_cells(rest, form, where)


def _present(header: Sequence[str], optional: Iterable[str]) -> list[str]:
    return [name for name in optional if name.strip() in header]


def _positions(header: Sequence[str], needed: Iterable[str], path: str) -> dict[str, int]:
    wanted = {name: name.strip() for name in needed}
    missing = [name for name, stripped in wanted.items() if stripped not in header]
    if missing:
        listed = ", ".join(repr(name) for name in missing)
        verb = "column" if len(missing) == 1 else "columns"
        raise InvalidInput(f"{path} lacks the {verb} {listed} that the mapping names: check the file, the delimiter and the mapping.")
    twice = [name for name, stripped in wanted.items() if list(header).count(stripped) > 1]
    if twice:
        raise InvalidInput(f"{path} has the column {twice[0]!r} more than once: rename one.")
    return {name: list(header).index(stripped) for name, stripped in wanted.items()}


def _drop_footer(records: Records, pattern: str, encoding: str, *, is_sheet: bool = False) -> None:
    """A last line such as "12 record(s) downloaded" is not a row; empty cells of a sheet after it do not count."""
    end, is_footer = len(records.texts), True
    while end and is_footer:
        start = max(end - FOOTER_RECORDS, 0)
        texts = [readable(text, encoding) for text in records.texts[start:end]]
        matches = pl.Series([text.rstrip(",") if is_sheet else text for text in texts]).str.contains(pattern)
        is_footer = bool(matches.all())
        end = start if is_footer else start + 1 + int(matches.not_().arg_true()[-1])
    records.texts.cut(end)
    del records.line_numbers[end:]
    records.long = [index for index in records.long if index < end]
    records.suspect = [index for index in records.suspect if index < end]
    records.joined = {index: lines for index, lines in records.joined.items() if index < end}
