"""From the bytes of a delimited file to its records: bounded in memory, whatever the file holds."""

import codecs
import csv
import gzip
import hashlib
import io
import zlib
from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from data_access.errors import InvalidInput
from data_access.imports.files.mapping import FilePart

BLOCK_BYTES: Final = 4_000_000
MAX_RECORD_BYTES: Final = 1_000_000
KEPT_BYTES: Final = 10_000  # of a record that is too long
MAX_RECORD_LINES: Final = 200
MAX_FILE_BYTES: Final = 4_000_000_000
QUOTE: Final = b'"'


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
    return _cut(_blocks(path), path)


def recoded(path: Path, encoding: str) -> Iterator[bytes | LongLine]:
    """Lines of a file whose line breaks are not single bytes, such as UTF-16, as UTF-8."""
    decoder = codecs.getincrementaldecoder(encoding)(errors="replace")

    def blocks() -> Iterator[bytes]:
        for block in _blocks(path):
            yield decoder.decode(block).encode()
        yield decoder.decode(b"", final=True).encode()

    return _cut(blocks(), path)


# ---- lines to records --------------------------------------------------------------------------------------------------


class Records:
    """Records with the number of their first line, as bytes; a quoted line break keeps a record open."""

    def __init__(self, lines: Iterator[bytes | LongLine], part: FilePart) -> None:
        self._lines = lines
        self._part = part
        self.line_number = 0
        self.texts: list[bytes] = []
        self.line_numbers = array("q")
        self.long: list[int] = []
        self.unbalanced: list[int] = []

    def next_line(self) -> bytes | LongLine | None:
        """The next line of the file, counted; None at its end."""
        line = next(self._lines, None)
        if line is not None:
            self.line_number += 1
        return line

    def read(self, width: int) -> None:
        """All further records, of `width` fields."""
        waiting: list[tuple[int, bytes]] = []
        queue: list[tuple[int, bytes | LongLine]] = []
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
                self._close(waiting, queue, width)
            elif line.count(QUOTE) % 2:
                waiting.append((number, line))
            elif line:
                self._keep(number, line)

    def _keep(self, number: int, raw: bytes) -> None:
        self.texts.append(raw)
        self.line_numbers.append(number)

    def _close(self, waiting: list[tuple[int, bytes]], queue: list[tuple[int, bytes | LongLine]], width: int) -> None:
        """End the open record if the last line balances its quotes; give it up if it has not the file's width."""
        if waiting[-1][1].count(QUOTE) % 2 == 0:
            if len(waiting) > MAX_RECORD_LINES:
                self._give_up(waiting, queue)
            return
        joined = b"\n".join(line for _, line in waiting)
        if len(joined) <= MAX_RECORD_BYTES and _width(joined, self._part.delimiter) == width:
            self._keep(waiting[0][0], joined)
            waiting.clear()
        else:
            self._give_up(waiting, queue)

    def _give_up(self, waiting: list[tuple[int, bytes]], queue: list[tuple[int, bytes | LongLine]]) -> None:
        """Make the first open line a bad record of its own; the others are read again."""
        number, line = waiting[0]
        self.unbalanced.append(len(self.texts))
        self._keep(number, line)
        queue.extend(reversed(waiting[1:]))
        waiting.clear()


def _width(raw: bytes, delimiter: str) -> int:
    """Number of fields; 0 if the quotes do not match."""
    try:
        return len(cells_of(raw.decode("latin-1"), delimiter))
    except csv.Error:
        return 0


def cells_of(text: str, delimiter: str) -> tuple[str, ...]:
    """The fields of one record; `csv.Error` if its quotes do not match."""
    rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True))
    if len(rows) != 1:
        raise csv.Error("not one record")
    return tuple(rows[0])
