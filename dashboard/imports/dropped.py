"""Files that people dropped on the Import page: kept in the private folder, archives unpacked, until they are imported or a day is over."""

import gzip
import os
import shutil
import time
import uuid
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from data_access.errors import InvalidInput, StoreUnavailable
from data_access.imports.files.delimited.records import file_hash

MAX_BYTES: Final = 200_000_000
"""The most that is taken at once, unpacked."""

MAX_FILES: Final = 50
KEPT_SECONDS: Final = 86_400
_BLOCK_BYTES: Final = 1_000_000
_MAX_NAME: Final = 120
_WORKBOOK_ENTRIES: Final = frozenset({"[Content_Types].xml", "content.xml"})  # what an archive that is a workbook holds
_NO_FILES: Final = ("__MACOSX/",)
_DAMAGED: Final = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError)
_LARGER: Final = "for a larger file use `onhand import orders FILE --mapping auto`"


@dataclass(frozen=True, slots=True)
class DroppedFile:
    """A file as it is kept, alone in a folder. `size`: in bytes, unpacked; `file_hash`: of its bytes."""

    path: Path
    size: int
    file_hash: str


def keep(root: Path, files: list[tuple[str, IO[bytes]]]) -> list[DroppedFile]:
    """Keep the files of one drop, by their names, all or none; those of an archive one by one.

    Raises:
        InvalidInput: they are too large or too many, or an archive cannot be unpacked; nothing was kept.
        StoreUnavailable: the folder cannot be written.

    """
    kept: list[DroppedFile] = []
    left = MAX_BYTES
    try:
        forget_old(root)
        for name, data in files:
            for one, blocks in _members(name, data):
                if len(kept) == MAX_FILES:
                    raise InvalidInput(f"These are more than {MAX_FILES} files: drop fewer at once.")
                kept.append(_keep_one(root, one, blocks, left))
                left -= kept[-1].size
    except OSError as error:
        forget(kept)
        raise StoreUnavailable(f"The files could not be kept ({error.strerror}): check that {root} can be written.") from error
    except BaseException:
        forget(kept)
        raise
    return kept


def forget(files: list[DroppedFile]) -> None:
    """Delete kept files."""
    for file in files:
        shutil.rmtree(file.path.parent, ignore_errors=True)


def forget_old(root: Path) -> None:
    """Delete what was kept a day ago or earlier."""
    with suppress(FileNotFoundError):
        for folder in root.iterdir():
            with suppress(FileNotFoundError):
                if time.time() - folder.stat().st_mtime > KEPT_SECONDS:
                    shutil.rmtree(folder, ignore_errors=True)


def safe_name(name: str) -> str:
    """The last part of a name, which is no path and of which every letter can be printed."""
    last = name.replace("\\", "/").rstrip("/").rpartition("/")[2]
    printable = "".join(letter for letter in last if letter.isprintable()).strip().lstrip(".-")
    stem, dot, ending = printable.rpartition(".")
    short = f"{stem[: _MAX_NAME - len(ending) - 1]}{dot}{ending}" if dot and len(ending) < 10 else printable[:_MAX_NAME]
    return short or "file"


def _keep_one(root: Path, name: str, blocks: Iterator[bytes], left: int) -> DroppedFile:
    root.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder = root / uuid.uuid4().hex
    folder.mkdir(mode=0o700)
    path, size = folder / name, 0
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            for block in blocks:
                size += len(block)
                _require_room(name, size, left)
                file.write(block)
        if _is_gzip(path):
            size = _unpacked_size(path, left)
        return DroppedFile(path, size, file_hash(path))
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _require_room(name: str, size: int, left: int) -> None:
    if size > left:
        most = f"{MAX_BYTES // 1_000_000} MB"
        raise InvalidInput(f"With {name} these are more than {most} unpacked, the most that this page takes: {_LARGER}.")


def _is_gzip(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(2) == b"\x1f\x8b"


def _unpacked_size(path: Path, left: int) -> int:
    size = 0
    try:
        with gzip.open(path, "rb") as stream:
            while block := stream.read(_BLOCK_BYTES):
                size += len(block)
                _require_room(path.name, size, left)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise InvalidInput(f"{path.name} is damaged or cut short: its gzip data cannot be unpacked; fetch it again.") from error
    return size


def _members(name: str, data: IO[bytes]) -> Iterator[tuple[str, Iterator[bytes]]]:
    """The files of an archive, or the file itself."""
    if not zipfile.is_zipfile(data):
        data.seek(0)
        yield safe_name(name), _blocks(data)
        return
    shown = safe_name(name)
    try:
        with zipfile.ZipFile(data) as archive:
            if not _WORKBOOK_ENTRIES.isdisjoint(archive.namelist()):
                data.seek(0)
                yield shown, _blocks(data)
                return
            members = [info for info in archive.infolist() if not info.is_dir() and not info.filename.startswith(_NO_FILES)]
            if not members:
                raise InvalidInput(f"The archive {shown} is empty.")
            if len(members) > MAX_FILES:
                raise InvalidInput(f"The archive {shown} holds {len(members):,} files, more than {MAX_FILES}: drop fewer at once.")
            for info in members:
                if info.flag_bits & 1:
                    raise InvalidInput(f"The archive {shown} needs a password: unpack it, and drop its files.")
                if info.filename.lower().endswith(".zip"):
                    raise InvalidInput(f"The archive {shown} holds another archive, {safe_name(info.filename)}: unpack it first.")
                yield safe_name(info.filename), _unpacked(archive, info, shown)
    except _DAMAGED as error:
        raise _damaged(shown) from error


def _unpacked(archive: zipfile.ZipFile, info: zipfile.ZipInfo, shown: str) -> Iterator[bytes]:
    try:
        with archive.open(info) as member:
            yield from _blocks(member)
    except _DAMAGED as error:
        raise _damaged(shown) from error


def _damaged(shown: str) -> InvalidInput:
    return InvalidInput(f"The archive {shown} is damaged, or packed in a way that cannot be read: pack it again as ZIP.")


def _blocks(data: IO[bytes]) -> Iterator[bytes]:
    while block := data.read(_BLOCK_BYTES):
        yield block
