"""Workbooks, XLSX and ODS: which sheet holds a file's table, and its rows as those of a delimited file."""

import json
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Final

from data_access.errors import InvalidInput
from data_access.imports.files.delimited.records import KEPT_BYTES, MAX_RECORD_BYTES, Form, Records, cells_of
from data_access.imports.files.mapping_parts import FilePart
from data_access.imports.files.sheets import rows

MAX_UNPACKED_BYTES: Final = 200_000_000
SHEET_FORM: Final = Form(",", "standard")
SHEET_PART: Final = FilePart(delimiter=",", quoting="standard")
"""How rows of sheets are kept as text."""

SHEET_DATES: Final = ("%Y-%m-%d %H:%M:%S", "%Y-%m-%d")
"""How cells that are times and days become text."""

_ZIP: Final = (b"PK\x03\x04", b"PK\x05\x06")
_OLE: Final = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"  # an old workbook, or an encrypted new one
_ENCRYPTED: Final = "EncryptedPackage".encode("utf-16-le")
_ODS: Final = b"application/vnd.oasis.opendocument.spreadsheet"


@dataclass(frozen=True, slots=True)
class Sheet:
    """A sheet of a workbook. `header`: its first row with cells, none if it is empty; `header_row`: the number of it, from 1."""

    name: str
    header_text: str
    header: tuple[str, ...]
    header_row: int
    file: Path
    merged: Sequence[rows.Corners]

    def fill(self, records: Records) -> None:
        """Add the rows below the header, known by their numbers in the sheet.

        Raises:
            InvalidInput: cells of them are merged.

        """
        for first, last in self.merged:
            if last[0] >= self.header_row - 1:
                sentence = "are merged: a merged cell is empty but for its first; unmerge them, and fill each."
                raise InvalidInput(f"The cells {_name(*first)}:{_name(*last)} of the sheet {self.name!r} {sentence}")
        with self.file.open(encoding="utf-8") as file:
            for number, line in islice(enumerate(file, start=1), self.header_row, None):
                text = json.loads(line).encode()
                if len(text) > MAX_RECORD_BYTES:
                    records.long.append(len(records.texts))
                if text:
                    records.texts.append(text if len(text) <= MAX_RECORD_BYTES else text[:KEPT_BYTES])
                    records.line_numbers.append(number)


@dataclass(frozen=True, slots=True)
class Workbook:
    """The sheets of a workbook, as text."""

    path: Path
    sheets: Sequence[dict[str, Any]]
    folder: Path

    def sheet_with(self, part: FilePart, needed: Sequence[str]) -> Sheet:
        """The sheet that the mapping names, else the only one, else the one whose header holds all that is needed.

        Raises:
            InvalidInput: there is none, or there are several.

        """
        sheets = self._candidates(part)
        wanted = {name.strip() for name in needed}
        fitting = [sheet for sheet in sheets if wanted <= set(sheet.header)]
        if len(fitting) > 1:
            named = " and ".join(repr(sheet.name) for sheet in fitting[:3])
            raise InvalidInput(f"The sheets {named} of {self.path} hold the mapping's columns: name the one as file.sheet in the mapping.")
        return fitting[0] if fitting else _nearest(sheets, wanted)

    def nearest_sheet(self, part: FilePart, expected: Sequence[str]) -> Sheet:
        """The sheet that the mapping names, else the one whose header holds most of the columns.

        Raises:
            InvalidInput: there is none.

        """
        return _nearest(self._candidates(part), {name.strip() for name in expected})

    def _candidates(self, part: FilePart) -> list[Sheet]:
        if part.sheet is not None:
            named = [sheet for sheet in self.sheets if sheet["name"] == part.sheet]
            if not named:
                listed = ", ".join(repr(sheet["name"]) for sheet in self.sheets[:10])
                raise InvalidInput(f"{self.path} has no sheet {part.sheet!r}: it has {listed or 'none'}; see file.sheet in the mapping.")
            return [self._sheet(named[0], part.preamble_rows)]
        sheets = [self._sheet(sheet, part.preamble_rows) for sheet in self.sheets if not sheet["is_hidden"]]
        filled = [sheet for sheet in sheets if sheet.header]
        if not filled:
            raise InvalidInput(f"The workbook {self.path} is empty: no sheet of it has a header.")
        return filled

    def _sheet(self, about: dict[str, Any], preamble_rows: int) -> Sheet:
        file = self.folder / about["file"]
        header_text, header_row = "", 0
        with file.open(encoding="utf-8") as lines:
            for number, line in islice(enumerate(lines, start=1), preamble_rows, None):
                header_text, header_row = json.loads(line), number
                if header_text:
                    break
        header = tuple(cell.strip() for cell in cells_of(header_text, ",")) if header_text else ()
        return Sheet(about["name"], header_text, header, header_row, file, about["merged"])


def _nearest(sheets: Sequence[Sheet], wanted: set[str]) -> Sheet:
    return max(sheets, key=lambda sheet: len(wanted & set(sheet.header)))  # the first of equals


def _name(row: int, column: int) -> str:
    """Such as B5."""
    letters, column = "", column + 1
    while column:
        column, rest = divmod(column - 1, 26)
        letters = chr(ord("A") + rest) + letters
    return f"{letters}{row + 1}"


def is_workbook(path: Path) -> bool:
    """Whether a file begins as workbooks do.

    Raises:
        InvalidInput: it cannot be read.

    """
    try:
        with path.open("rb") as handle:
            head = handle.read(8)
    except OSError as error:
        raise InvalidInput(f"The file {path} cannot be read ({error.strerror}): check the path.") from error
    return head.startswith((*_ZIP, _OLE))


@contextmanager
def opened(path: Path, decimal: str = ".") -> Iterator[Workbook]:
    """A workbook whose sheets are read, with numbers by this decimal sign.

    Raises:
        InvalidInput: it is none, is damaged, needs a password, or is too large.

    """
    _check_form(path)
    with tempfile.TemporaryDirectory(prefix="onhand-") as folder:
        command = [sys.executable, "-I", rows.__file__, str(path), folder, decimal]
        read = subprocess.run(command, capture_output=True, check=False)  # noqa: S603 - our own module
        report: dict[str, Any] = json.loads(read.stdout) if read.returncode == 0 and read.stdout else {"problem": "large"}
        match report.get("problem"):
            case "password":
                raise _with_password(path)
            case "large":
                raise InvalidInput(f"The workbook {path} takes more memory or time than there is for it: save the sheet as CSV.")
            case "damaged":
                raise _damaged(path, report["said"])
        yield Workbook(path, report["sheets"], Path(folder))


def _check_form(path: Path) -> None:
    """What can be known of a workbook before it is unpacked."""
    with path.open("rb") as handle:
        is_old = handle.read(8) == _OLE
        if is_old and _ENCRYPTED in handle.read(MAX_UNPACKED_BYTES):
            raise _with_password(path)
    if is_old:
        raise InvalidInput(f"The file {path} is a workbook of an old form: save it as .xlsx, .ods or CSV.")
    try:
        with zipfile.ZipFile(path) as archive:
            members = {member.filename: member.file_size for member in archive.infolist()}
            form = archive.read("mimetype") if members.get("mimetype", 1_000) < 1_000 else b""
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, OSError, EOFError) as error:
        raise _damaged(path, str(error)) from error
    if "xl/workbook.bin" in members:
        raise InvalidInput(f"The file {path} is a binary workbook: save it as .xlsx, .ods or CSV.")
    if "xl/workbook.xml" not in members and not form.startswith(_ODS):
        raise InvalidInput(f"The file {path} is a zip archive, but no workbook: unpack it, and import what is in it.")
    unpacked = sum(members.values())
    if unpacked > MAX_UNPACKED_BYTES:
        most = MAX_UNPACKED_BYTES // 10**6
        raise InvalidInput(f"The workbook {path} is {unpacked // 10**6:,} MB unpacked, more than {most} MB: save the sheet as CSV.")


def _with_password(path: Path) -> InvalidInput:
    return InvalidInput(f"The workbook {path} is protected by a password: save it without one.")


def _damaged(path: Path, said: str) -> InvalidInput:
    return InvalidInput(f"The workbook {path} is damaged and cannot be read ({said or 'it ends early'}): save or fetch it again.")
