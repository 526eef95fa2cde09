"""Reading delimited files: bounded in memory, strict about form, and never at the cost of a row.

A file becomes records with their row and line numbers; what cannot be read as a record of the header's columns becomes a bad
record with its text and a reason. Records without quotes, nearly all in most files, are split by Polars; the rest, which may run
over several lines, by the `csv` module in strict mode.
"""

import codecs
import csv
import gzip
import hashlib
import io
import re
import zlib
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import polars as pl

from data_access.errors import InvalidInput
from data_access.imports.files.mapping import FilePart

BLOCK_BYTES: Final = 4_000_000
MAX_RECORD_BYTES: Final = 1_000_000
KEPT_BYTES: Final = 10_000  # of a record that is too long
MAX_RECORD_LINES: Final = 200
SLICE_RECORDS: Final = 50_000  # split at a time, for the sake of memory
MAX_FILE_BYTES: Final = 4_000_000_000
_BOM: Final = b"\xef\xbb\xbf"
_ASCII_LIKE: Final = frozenset({"utf-8", "utf-8-sig", "ascii", "cp1252", "latin-1", "iso8859-1"})
_QUOTE: Final = b'"'


@dataclass(frozen=True, slots=True)
class BadRecord:
    """A record that is not one of the file's form. `line_number`: of its first line, the first line of the file being 1."""

    row_no: int
    line_number: int
    text: str
    code: str
    reason: str


@dataclass(frozen=True, slots=True)
class Texts:
    """The records as they stand in the file, without their last line break, by row number."""

    raw: tuple[bytes, ...]
    encoding: str

    def __call__(self, row_no: int) -> str:
        """The text of one record."""
        return readable(self.raw[row_no], self.encoding)


@dataclass(frozen=True, slots=True)
class Contents:
    """A whole file, read. `frame`: row_no, line_number and one text column for each header (stripped; empty cells are null)."""

    file_hash: str
    header_text: str
    frame: pl.DataFrame
    bad: tuple[BadRecord, ...]
    texts: Texts


def readable(raw: bytes, encoding: str) -> str:
    """Bytes as text that both databases can keep; what cannot be decoded is shown by its hexadecimal code."""
    return raw.decode(encoding, errors="backslashreplace").replace("\x00", "\\x00")


def file_hash(path: Path) -> str:
    """BLAKE2b of the file's bytes, 32 hexadecimal digits.

    Raises:
        InvalidInput: it cannot be read.

    """
    try:
        digest = hashlib.blake2b(digest_size=16)
        with path.open("rb") as handle:
            while block := handle.read(BLOCK_BYTES):
                digest.update(block)
        return digest.hexdigest()
    except OSError as error:
        raise InvalidInput(f"The file {path} cannot be read ({error.strerror}): check the path.") from error


def read_records(path: Path, part: FilePart, needed: Iterable[str], optional: Iterable[str] = ()) -> Contents:
    """Read a file, plain or gzip, whose header holds the `needed` columns; of others only the `optional` are in the frame.

    Raises:
        InvalidInput: it cannot be read or decompressed whole, is in another encoding, has no header, or lacks columns; nothing
            of it is used then.

    """
    digest = file_hash(path)
    encoding = part.encoding
    lines = _decompressed(path) if encoding in _ASCII_LIKE else _recoded(path, encoding)
    if encoding not in _ASCII_LIKE:
        encoding = "utf-8"
    records = _Records(lines, part)
    header_text, header = _header(records, path, part, encoding)
    wanted = _positions(header, [*needed, *_present(header, optional)], str(path))
    records.read(len(header))
    frame, bad = _split(records, header, wanted, part, encoding, path)
    return Contents(digest, header_text, frame, tuple(bad), Texts(tuple(records.texts), encoding))


def read_text(
    header_text: str, texts: Sequence[tuple[int, int, str]], part: FilePart, needed: Iterable[str], optional: Iterable[str] = ()
) -> Contents:
    """The same for single records (row number, line number, text) that were kept from a file with this header."""
    delimiter = part.delimiter
    header = tuple(cell.strip() for cell in _cells(header_text, delimiter))
    wanted = _positions(header, [*needed, *_present(header, optional)], "The file")
    rows, bad, raw = [], [], {}
    for row_no, line_number, text in texts:
        raw[row_no] = text.encode()
        try:
            cells = _cells(text, delimiter)
        except csv.Error:
            bad.append(BadRecord(row_no, line_number, text, "unbalanced_quotes", _unbalanced()))
            continue
        if len(cells) != len(header):
            bad.append(BadRecord(row_no, line_number, text, "wrong_fields", _fields(len(cells), len(header))))
        else:
            rows.append((row_no, line_number, [cells[place] for place in wanted.values()]))
    texts_by_row = tuple(raw.get(row_no, b"") for row_no in range(max(raw, default=-1) + 1))
    return Contents("", header_text, _frame(rows, list(wanted)), tuple(bad), Texts(texts_by_row, "utf-8"))


# ---- bytes to lines ----------------------------------------------------------------------------------------------------


def _blocks(path: Path) -> Iterator[bytes]:
    try:
        with path.open("rb") as handle:
            packed = handle.read(2) == b"\x1f\x8b"
        with gzip.open(path, "rb") if packed else path.open("rb") as stream:
            while block := stream.read(BLOCK_BYTES):
                yield block
    except EOFError as error:
        raise InvalidInput(f"The file {path} is cut short: its gzip data end in the middle; fetch it again.") from error
    except (gzip.BadGzipFile, zlib.error) as error:
        raise InvalidInput(f"The file {path} is damaged: its gzip data cannot be unpacked ({error}); fetch it again.") from error
    except OSError as error:
        raise InvalidInput(f"The file {path} cannot be read ({error.strerror}): check the path.") from error


@dataclass(frozen=True, slots=True)
class _Long:
    """The first part of a line that is too long to keep."""

    raw: bytes


def _cut(blocks: Iterable[bytes], path: Path) -> Iterator[bytes | _Long]:
    """Lines without their breaks; of a line longer than a record may be, the first part."""
    rest, skipping, total = b"", False, 0
    for block in blocks:
        total += len(block)
        if total > MAX_FILE_BYTES:
            raise InvalidInput(f"The file {path} is longer than {MAX_FILE_BYTES // 10**9} GB unpacked: split it and import the parts.")
        if skipping:
            end = block.find(b"\n")
            if end < 0:
                continue
            block, skipping = block[end + 1 :], False
        *lines, rest = (rest + block).split(b"\n")
        for line in lines:
            yield line.removesuffix(b"\r") if len(line) <= MAX_RECORD_BYTES else _Long(line[:KEPT_BYTES])
        if len(rest) > MAX_RECORD_BYTES:
            yield _Long(rest[:KEPT_BYTES])
            rest, skipping = b"", True
    if rest:
        yield rest.removesuffix(b"\r")


def _decompressed(path: Path) -> Iterator[bytes | _Long]:
    return _cut(_blocks(path), path)


def _recoded(path: Path, encoding: str) -> Iterator[bytes | _Long]:
    """Lines of a file whose line breaks are not single bytes, such as UTF-16, as UTF-8."""
    decoder = codecs.getincrementaldecoder(encoding)(errors="replace")

    def blocks() -> Iterator[bytes]:
        for block in _blocks(path):
            yield decoder.decode(block).encode()
        yield decoder.decode(b"", final=True).encode()

    return _cut(blocks(), path)


# ---- lines to records --------------------------------------------------------------------------------------------------


class _Records:
    """Records with the number of their first line, as bytes; a quoted line break keeps a record open."""

    def __init__(self, lines: Iterator[bytes | _Long], part: FilePart) -> None:
        self._lines = lines
        self._part = part
        self.line_number = 0
        self.texts: list[bytes] = []
        self.line_numbers = array("q")
        self.long: list[int] = []
        self.unbalanced: list[int] = []

    def next_line(self) -> bytes | _Long | None:
        """The next line of the file, counted; None at its end."""
        line = next(self._lines, None)
        if line is not None:
            self.line_number += 1
        return line

    def read(self, width: int) -> None:
        """All further records, of `width` fields."""
        waiting: list[tuple[int, bytes]] = []
        queue: list[tuple[int, bytes | _Long]] = []
        while True:
            if queue:
                number, line = queue.pop()
            else:
                following = self.next_line()
                if following is None:
                    if not waiting:
                        return
                    self._give_up(waiting, queue)
                    continue
                number, line = self.line_number, following
            if isinstance(line, _Long):
                if waiting:
                    queue.append((number, line))
                    self._give_up(waiting, queue)
                    continue
                self.long.append(len(self.texts))
                self._keep(number, line.raw)
            elif waiting:
                waiting.append((number, line))
                self._close(waiting, queue, width)
            elif line.count(_QUOTE) % 2:
                waiting.append((number, line))
            elif line:
                self._keep(number, line)

    def _keep(self, number: int, raw: bytes) -> None:
        self.texts.append(raw)
        self.line_numbers.append(number)

    def _close(self, waiting: list[tuple[int, bytes]], queue: list[tuple[int, bytes | _Long]], width: int) -> None:
        """End the open record if the last line balances its quotes; give it up if it makes no row of the file."""
        if waiting[-1][1].count(_QUOTE) % 2 == 0:
            if len(waiting) > MAX_RECORD_LINES:
                self._give_up(waiting, queue)
            return
        joined = b"\n".join(line for _, line in waiting)
        if len(joined) <= MAX_RECORD_BYTES and _width(joined, self._part.delimiter) == width:
            self._keep(waiting[0][0], joined)
            waiting.clear()
        else:
            self._give_up(waiting, queue)

    def _give_up(self, waiting: list[tuple[int, bytes]], queue: list[tuple[int, bytes | _Long]]) -> None:
        """The first open line is a bad record by itself; the others are read again."""
        number, line = waiting[0]
        self.unbalanced.append(len(self.texts))
        self._keep(number, line)
        queue.extend(reversed(waiting[1:]))
        waiting.clear()


def _width(raw: bytes, delimiter: str) -> int:
    """Number of fields; 0 if the quotes make no sense."""
    try:
        return len(_cells(raw.decode("latin-1"), delimiter))
    except csv.Error:
        return 0


def _cells(text: str, delimiter: str) -> tuple[str, ...]:
    rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True))
    if len(rows) != 1:
        raise csv.Error("not one record")
    return tuple(rows[0])


# ---- the header --------------------------------------------------------------------------------------------------------


def _header(records: _Records, path: Path, part: FilePart, encoding: str) -> tuple[str, tuple[str, ...]]:
    for _ in range(part.preamble_rows):
        records.next_line()
    line = records.next_line()
    while line is not None and not isinstance(line, _Long) and not line.strip():
        line = records.next_line()
    if line is None:
        raise InvalidInput(f"The file {path} is empty: it has no header line.")
    if isinstance(line, _Long):
        raise InvalidInput(f"The first line of {path} is longer than {MAX_RECORD_BYTES:,} bytes: it is not a header.")
    try:
        text = line.removeprefix(_BOM).decode("utf-8" if encoding == "utf-8-sig" else encoding)
    except UnicodeDecodeError as error:
        raise InvalidInput(f"The header of {path} is not {encoding} text: set file.encoding in the mapping.") from error
    if "\x00" in text or "\ufffd" in text:
        raise InvalidInput(f"The header of {path} is not {part.encoding} text: set file.encoding in the mapping.")
    try:
        return text, tuple(cell.strip() for cell in _cells(text, part.delimiter))
    except csv.Error as error:
        raise InvalidInput(f"The header of {path} cannot be read: its quotes do not match.") from error


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


# ---- records to a frame ------------------------------------------------------------------------------------------------


def _unbalanced() -> str:
    return "The quotes of the row do not match: mend them, or double a quote that is part of the text."


def _fields(found: int, expected: int) -> str:
    return f"The row has {found} fields where the header has {expected}: mend it, quoting fields that hold the delimiter."


def _split(
    records: _Records, header: Sequence[str], wanted: dict[str, int], part: FilePart, encoding: str, path: Path
) -> tuple[pl.DataFrame, list[BadRecord]]:
    texts, line_numbers = records.texts, records.line_numbers
    if part.footer is not None:
        _drop_footer(records, part.footer, encoding)
    problems = dict.fromkeys(records.unbalanced, ("unbalanced_quotes", _unbalanced()))
    too_long = f"The row is longer than {MAX_RECORD_BYTES:,} bytes, and only its beginning is kept: import it again shortened."
    problems |= dict.fromkeys(records.long, ("too_long", too_long))
    _check_encoding(texts, encoding, part, problems, path)
    width, comma = len(header), part.delimiter.encode()
    plain = array("q")
    careful: list[tuple[int, int, list[str]]] = []
    for index, raw in enumerate(texts):
        if index in problems:
            continue
        if _QUOTE in raw:
            try:
                cells = _cells(raw.decode(encoding), part.delimiter)
            except csv.Error:
                problems[index] = ("unbalanced_quotes", _unbalanced())
                continue
            if len(cells) == width:
                careful.append((index, line_numbers[index], [cells[place] for place in wanted.values()]))
                continue
            found = len(cells)
        else:
            found = raw.count(comma) + 1
            if found == width:
                plain.append(index)
                continue
        problems[index] = ("wrong_fields", _fields(found, width))
    fast = _fast(texts, line_numbers, plain, wanted, width, part, encoding)
    frame = pl.concat([fast, _frame(careful, list(wanted))]).sort("row_no")
    bad = [BadRecord(i, line_numbers[i], readable(texts[i], encoding), *problems[i]) for i in sorted(problems)]
    return frame, bad


def _drop_footer(records: _Records, pattern: str, encoding: str) -> None:
    """A last line such as "12 record(s) downloaded" is not a row."""
    while records.texts and re.search(pattern, readable(records.texts[-1], encoding)):
        records.texts.pop()
        records.line_numbers.pop()
    end = len(records.texts)
    records.unbalanced = [index for index in records.unbalanced if index < end]
    records.long = [index for index in records.long if index < end]


def _check_encoding(texts: Sequence[bytes], encoding: str, part: FilePart, problems: dict[int, tuple[str, str]], path: Path) -> None:
    reason = f"The row holds bytes that are not {part.encoding} text: mend it, or set file.encoding in the mapping."
    recoded = part.encoding not in _ASCII_LIKE
    broken = 0
    for start in range(0, len(texts), SLICE_RECORDS):
        joined = b"\n".join(texts[start : start + SLICE_RECORDS])
        try:
            text = joined.decode(encoding)
        except UnicodeDecodeError:
            pass
        else:
            if "\x00" not in text and not (recoded and "\ufffd" in text):
                continue
        for index in range(start, min(start + SLICE_RECORDS, len(texts))):
            try:
                text = texts[index].decode(encoding)
                is_bad = "\x00" in text or (recoded and "\ufffd" in text)
            except UnicodeDecodeError:
                is_bad = True
            if is_bad:
                broken += 1
                problems.setdefault(index, ("undecodable", reason))
    if broken * 2 > len(texts):
        raise InvalidInput(f"Most rows of {path} are not {part.encoding} text: set file.encoding in the mapping.")


def _fast(
    texts: Sequence[bytes],
    line_numbers: Sequence[int],
    plain: Sequence[int],
    wanted: dict[str, int],
    width: int,
    part: FilePart,
    encoding: str,
) -> pl.DataFrame:
    """Records without quotes and of the right width."""
    parts = [_frame([], list(wanted))]
    for start in range(0, len(plain), SLICE_RECORDS):
        chosen = plain[start : start + SLICE_RECORDS]
        joined = b"\n".join([texts[index] for index in chosen])
        if encoding not in {"utf-8", "utf-8-sig", "ascii"}:
            joined = joined.decode(encoding).encode()
        split = pl.read_csv(
            joined,
            has_header=False,
            new_columns=[f"c{place}" for place in range(width)],
            separator=part.delimiter,
            quote_char=None,
            infer_schema=False,
        )
        if split.height != len(chosen):
            raise AssertionError(f"{split.height} of {len(chosen)} rows came back")
        rows = pl.DataFrame({"row_no": chosen, "line_number": [line_numbers[index] for index in chosen]}, schema=_KEYS)
        parts.append(_cleaned(rows.hstack([split[f"c{place}"].alias(name) for name, place in wanted.items()])))
    return pl.concat(parts)


_KEYS: Final = {"row_no": pl.Int64, "line_number": pl.Int64}


def _frame(rows: Sequence[tuple[int, int, list[str]]], names: Sequence[str]) -> pl.DataFrame:
    keys = pl.DataFrame({"row_no": [row[0] for row in rows], "line_number": [row[1] for row in rows]}, schema=_KEYS)
    cells = [pl.Series(name, [row[2][place] for row in rows], dtype=pl.String) for place, name in enumerate(names)]
    return _cleaned(keys.hstack(cells))


def _cleaned(frame: pl.DataFrame) -> pl.DataFrame:
    """Without spaces around the cells; what is empty then is null."""
    stripped = pl.col(pl.String).str.strip_chars()
    return frame.with_columns(pl.when(stripped != "").then(stripped))
