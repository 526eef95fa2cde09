"""From the bytes of a delimited file to its records: bounded in memory, whatever the file holds."""

import codecs
import csv
import gzip
import hashlib
import io
import zlib
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from data_access.errors import InvalidInput
from data_access.imports.files.delimited.spool import Spool

BLOCK_BYTES: Final = 4_000_000
MAX_RECORD_BYTES: Final = 1_000_000
KEPT_BYTES: Final = 10_000  # of a record that is too long
MAX_RECORD_LINES: Final = 200
MAX_FILE_BYTES: Final = 4_000_000_000
QUOTE: Final = b'"'
_UNBALANCED: Final = "The quotes of the row do not match: mend them, or set file.quoting in the mapping."


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


# ---- bytes to lines ----------------------------------------------------------------------------------------------------


def unpacked(path: Path) -> Iterator[bytes]:
    """The bytes of a file, plain or gzip.

    Raises:
        InvalidInput: it cannot be read, or not be unpacked whole.

    """
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
class LongLine:
    """The first part of a line that is too long to keep."""

    raw: bytes


def _cut(blocks: Iterable[bytes], path: Path) -> Iterator[bytes | LongLine]:
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
            yield line.removesuffix(b"\r") if len(line) <= MAX_RECORD_BYTES else LongLine(line[:KEPT_BYTES])
        if len(rest) > MAX_RECORD_BYTES:
            yield LongLine(rest[:KEPT_BYTES])
            rest, skipping = b"", True
    if rest:
        yield rest.removesuffix(b"\r")


def decompressed(path: Path) -> Iterator[bytes | LongLine]:
    """Lines of a file, plain or gzip, whose line breaks are single bytes."""
    return _cut(unpacked(path), path)


def recoded(path: Path, encoding: str) -> Iterator[bytes | LongLine]:
    """Lines of a file whose line breaks are not single bytes, such as UTF-16, as UTF-8."""
    decoder = codecs.getincrementaldecoder(encoding)(errors="replace")

    def blocks() -> Iterator[bytes]:
        for block in unpacked(path):
            yield decoder.decode(block).encode()
        yield decoder.decode(b"", final=True).encode()

    return _cut(blocks(), path)


# ---- lines to records --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Form:
    """How records are written: what parts their fields, and whether quotes enclose some (`mapping.FilePart.quoting`).

    `needed`: places of fields that no row leaves empty, and by which it is known.
    """

    delimiter: str = ","
    quoting: Literal["detect", "standard", "none"] = "detect"
    needed: tuple[int, ...] = ()


class Records:
    """Records with the number of their first line, as bytes; a quoted line break keeps a record open.

    A quote that nothing closes, and one that is closed in a later row, would swallow the rows between. So a record of several lines is
    one only if it has the file's width and those lines do not look like rows; else its lines are records by themselves. What such a
    line means is decided by `fitted`.
    """

    def __init__(self, lines: Iterator[bytes | LongLine]) -> None:
        self._lines = lines
        self._form = Form()
        self._width = 0
        self.line_number = 0
        self.texts = Spool()
        self.line_numbers = array("q")
        self.long: list[int] = []
        self.suspect: list[int] = []
        self.joined: dict[int, int] = {}
        self._doubtful: set[int] = set()  # lines of records that would swallow rows, and are no rows for sure

    def next_line(self) -> bytes | LongLine | None:
        """The next line of the file, counted; None at its end."""
        line = next(self._lines, None)
        if line is not None:
            self.line_number += 1
        return line

    def read(self, form: Form, width: int) -> None:
        """All further records, of `width` fields."""
        self._form, self._width = form, width
        waiting: list[tuple[int, bytes]] = []
        queue: list[tuple[int, bytes | LongLine]] = []
        may_open = form.quoting != "none"
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
            if isinstance(line, LongLine):
                if waiting:
                    queue.append((number, line))
                    self._give_up(waiting, queue)
                    continue
                self.long.append(len(self.texts))
                self._keep(number, line.raw)
            elif waiting:
                waiting.append((number, line))
                self._close(waiting, queue)
            elif may_open and line.count(QUOTE) % 2:
                waiting.append((number, line))
            elif line:
                self._keep(number, line)

    def _keep(self, number: int, raw: bytes) -> None:
        if number in self._doubtful:
            self.suspect.append(len(self.texts))
        self.texts.append(raw)
        self.line_numbers.append(number)

    def _close(self, waiting: list[tuple[int, bytes]], queue: list[tuple[int, bytes | LongLine]]) -> None:
        """End the open record if the last line balances its quotes; give it up if it has not the file's width, or swallowed rows."""
        if waiting[-1][1].count(QUOTE) % 2 == 0:
            if len(waiting) > MAX_RECORD_LINES:
                self._give_up(waiting, queue)
            return
        joined = b"\n".join(line for _, line in waiting)
        if len(joined) > MAX_RECORD_BYTES or _width(joined, self._form.delimiter, self._width) != self._width:
            self._doubt_end(waiting)
            self._give_up(waiting, queue)
            return
        looks = [self._looks(line) for _, line in waiting]
        if any(looks[1:-1]) or (looks[0] and looks[-1]):  # it would swallow rows
            if looks[0] is None:  # alone it is no row, and what is between may well be part of its field
                self._doubtful |= {number for number, _ in waiting}
            elif not all(look == "row" for look in looks):
                doubtful = (number for (number, _), look in zip(waiting[1:], looks[1:], strict=True) if look != "row")
                self._doubtful |= {waiting[0][0], *doubtful}
            self._doubt_end(waiting)
            self._give_up(waiting, queue)
            return
        self.joined[len(self.texts)] = len(waiting)
        self._keep(waiting[0][0], joined)
        waiting.clear()

    def _doubt_end(self, waiting: list[tuple[int, bytes]]) -> None:
        """The last line is in doubt if a field of the first opens with a quote, and the one that would close it ends a needed field."""
        first, last = ([cell.strip() for cell in line.split(self._form.delimiter.encode())] for _, line in (waiting[0], waiting[-1]))
        opens = any(cell.startswith(QUOTE) and (len(cell) == 1 or not cell.endswith(QUOTE)) for cell in first)
        closing = [last[place] for place in self._form.needed if place < len(last)]
        if opens and any(cell.endswith(QUOTE) and not cell.startswith(QUOTE) for cell in closing):
            self._doubtful.add(waiting[-1][0])

    def _looks(self, line: bytes) -> Literal["row", "unclear"] | None:
        """Whether a line of an open record looks like a row by itself: it has the fields of one.

        It is unclear if some fields are enclosed in quotes, for then the open quote may well be one of a quoted line break; or if a needed
        one is empty.
        """
        if self._width == 1:
            return None  # every line has the fields of a row
        delimiter, text = self._form.delimiter, line.decode("latin-1")
        cells = _trimmed(tuple(text.split(delimiter)), self._width)
        if len(cells) != self._width:
            try:
                cells = _trimmed(cells_of(text, delimiter), self._width)
            except csv.Error:
                return None
        if len(cells) != self._width:
            return None
        has_gaps = not all(cells[place].strip().strip('"').strip() for place in self._form.needed)
        return "unclear" if has_gaps or any(map(_is_enclosed, cells)) else "row"

    def _give_up(self, waiting: list[tuple[int, bytes]], queue: list[tuple[int, bytes | LongLine]]) -> None:
        """Make the first open line a record of its own; the others are read again."""
        self._keep(*waiting[0])
        queue.extend(reversed(waiting[1:]))
        waiting.clear()


def _width(raw: bytes, delimiter: str, width: int) -> int:
    """Number of fields without empty ones beyond the header's width; 0 if the quotes do not match."""
    try:
        return len(_trimmed(cells_of(raw.decode("latin-1"), delimiter), width))
    except csv.Error:
        return 0


def cells_of(text: str, delimiter: str) -> tuple[str, ...]:
    """The fields of one record; `csv.Error` if its quotes do not match."""
    rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True))
    if len(rows) != 1:
        raise csv.Error("not one record")
    return tuple(rows[0])


class Unfit(ValueError):
    """A record that is not one of the file's form: `code` and the sentence."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code


def fitted(text: str, form: Form, width: int) -> tuple[str, ...]:
    """The cells of one record, as many as the header has: empty ones beyond it are dropped, those missing at the end are empty.

    With `detect`, quotes that do not match are plain text if the record has the header's width so; fields that are properly enclosed
    by themselves lose theirs.

    Raises:
        Unfit: the quotes do not match, or the width is another.

    """
    plain = tuple(text.split(form.delimiter))
    if form.quoting == "none" or '"' not in text:
        return _padded(plain, width)
    as_text = _trimmed(plain, width) if "\n" not in text else ()
    try:
        quoted = cells_of(text, form.delimiter) if text.count('"') % 2 == 0 else ()
    except csv.Error:
        quoted = ()
    if len(_trimmed(quoted, width)) == width:
        return _trimmed(quoted, width)
    if form.quoting == "detect" and len(as_text) == width and not quoted:
        return _bared(as_text, form.needed)
    if not quoted:
        raise Unfit("unbalanced_quotes", _UNBALANCED)
    if len(quoted) < len(as_text):  # cells are missing, or a quote swallowed them: who can tell?
        raise _wrong_width(len(quoted), width)
    return _padded(quoted, width)


def _bared(cells: tuple[str, ...], needed: Sequence[int]) -> tuple[str, ...]:
    """The fields of a record whose quotes do not match, each by itself. Where quotes enclose some, a needed one with half of its own is in
    doubt.
    """
    bare = tuple(_bare(cell) for cell in cells)
    if bare != cells and any(bare[place].strip().endswith('"') for place in needed):
        raise Unfit("unbalanced_quotes", _UNBALANCED)
    return bare


def _bare(cell: str) -> str:
    """A field of a record whose quotes do not match: without those that enclose it, if all within it is written as it has to be."""
    stripped = cell.strip()
    return stripped[1:-1].replace('""', '"') if _is_enclosed(stripped) else cell


def _is_enclosed(cell: str) -> bool:
    """Whether quotes enclose a field, and those within it are written as they have to be."""
    return len(cell) > 1 and cell[0] == cell[-1] == '"' and '"' not in cell[1:-1].replace('""', "")


def _trimmed(cells: tuple[str, ...], width: int) -> tuple[str, ...]:
    """Without the empty cells beyond the width."""
    return cells[:width] if len(cells) > width and not any(cell.strip() for cell in cells[width:]) else cells


def _padded(cells: tuple[str, ...], width: int) -> tuple[str, ...]:
    cells = _trimmed(cells, width)
    if len(cells) > width:
        raise _wrong_width(len(cells), width)
    return cells + ("",) * (width - len(cells))


def _wrong_width(width: int, expected: int) -> Unfit:
    noun = "field" if width == 1 else "fields"
    sentence = f"The row has {width} {noun} where the header has {expected}: mend it, quoting fields that hold the delimiter."
    return Unfit("wrong_fields", sentence)
