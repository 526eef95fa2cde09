"""The records of a file as bytes, in order: in memory while they are few, else in a temporary file that only this process can open."""

import os
import tempfile
import weakref
from array import array
from collections.abc import Iterator, Sequence
from typing import Final, overload

IN_MEMORY_BYTES: Final = 100_000_000
_WRITE_BYTES: Final = 4_000_000
_READ_RECORDS: Final = 10_000


class Spool(Sequence[bytes]):
    """A sequence of records that is appended to. Beyond `in_memory` bytes it lies in the folder of temporary files (`TMPDIR`)."""

    def __init__(self, in_memory: int = IN_MEMORY_BYTES) -> None:
        self._in_memory = in_memory
        self._bytes = 0
        self._records: list[bytes] = []
        self._fd: int | None = None
        self._starts, self._lengths = array("q"), array("q")
        self._unwritten = bytearray()
        self._written = 0

    def __len__(self) -> int:
        return len(self._records) if self._fd is None else len(self._starts)

    def append(self, raw: bytes) -> None:
        """Add a record."""
        if self._fd is not None:
            self._add(raw)
            return
        self._records.append(raw)
        self._bytes += len(raw)
        if self._bytes > self._in_memory:
            self._move_out()

    def _move_out(self) -> None:
        self._fd, path = tempfile.mkstemp(prefix="onhand-")
        weakref.finalize(self, os.close, self._fd)
        os.unlink(path)  # it has no name from here on, and is gone when it is closed
        for raw in self._records:
            self._add(raw)
        self._records = []

    def _add(self, raw: bytes) -> None:
        self._starts.append(self._written + len(self._unwritten))
        self._lengths.append(len(raw))
        self._unwritten += raw
        if len(self._unwritten) >= _WRITE_BYTES:
            self._write()

    def _write(self) -> None:
        if self._fd is None:
            return
        rest = memoryview(bytes(self._unwritten))
        while rest:
            done = os.pwrite(self._fd, rest, self._written)
            self._written, rest = self._written + done, rest[done:]
        self._unwritten.clear()

    @overload
    def __getitem__(self, index: int) -> bytes: ...
    @overload
    def __getitem__(self, index: slice) -> list[bytes]: ...
    def __getitem__(self, index: int | slice) -> bytes | list[bytes]:
        if self._fd is None:
            return self._records[index]
        if isinstance(index, slice):
            return self._several(range(*index.indices(len(self))))
        return self._several([index])[0]

    def _several(self, places: Sequence[int]) -> list[bytes]:
        """Records by their places; those that lie one after another in the file are read at once."""
        if self._fd is None:
            return [self._records[place] for place in places]
        if self._unwritten:
            self._write()
        records: list[bytes] = []
        for first, last in _stretches(self._starts, self._lengths, places):
            start, end = self._starts[places[first]], self._starts[places[last]] + self._lengths[places[last]]
            block = _read(self._fd, start, end - start)
            for place in places[first : last + 1]:
                at = self._starts[place] - start
                records.append(block[at : at + self._lengths[place]])
        return records

    def take(self, places: Sequence[int]) -> Iterator[bytes]:
        """Records by their places, a few thousand in memory at a time."""
        for start in range(0, len(places), _READ_RECORDS):
            yield from self._several(places[start : start + _READ_RECORDS])

    def __iter__(self) -> Iterator[bytes]:
        return self.take(range(len(self)))

    def __setitem__(self, place: int, raw: bytes) -> None:
        if self._fd is None:
            self._records[place] = raw
            return
        self._add(raw)
        self._starts[place], self._lengths[place] = self._starts.pop(), self._lengths.pop()

    def cut(self, end: int) -> None:
        """Forget the records from a place on."""
        if self._fd is None:
            del self._records[end:]
        else:
            del self._starts[end:], self._lengths[end:]


def _stretches(starts: Sequence[int], lengths: Sequence[int], places: Sequence[int]) -> Iterator[tuple[int, int]]:
    """First and last of each run of places whose records lie one after another."""
    first = 0
    for here in range(1, len(places) + 1):
        if here == len(places) or starts[places[here]] != starts[places[here - 1]] + lengths[places[here - 1]]:
            if first < len(places):
                yield first, here - 1
            first = here


def _read(fd: int, start: int, size: int) -> bytes:
    parts = []
    while size:
        part = os.pread(fd, size, start)
        if not part:
            raise OSError("a temporary file is shorter than it was written")
        parts.append(part)
        start, size = start + len(part), size - len(part)
    return parts[0] if len(parts) == 1 else b"".join(parts)
