"""Putting another SQLite store in the place of the one that is there, while processes use it.

Writers are waited for and kept out; what they committed is copied into the file, so that a kill here leaves a whole store. Then
the write-ahead log goes, and the new file takes the name. Whoever has the old file open notices at the next transaction
(`data_access.store_file`).
"""

import os
import sqlite3
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from data_access.engine import BUSY_TIMEOUT_SECONDS, open_engine
from data_access.errors import InvalidInput, OnHandError, StoreOutOfDate, StoreUnavailable
from data_access.store.lifecycle import RevisionState, StoreInfo, check_store, name_store
from data_access.store_address import sqlite_file
from data_access.store_file import folder_lock

KEPT: Final = "before-restore"
COPIED_PAGES: Final = 4_096  # of a backup at a time, so that its progress shows

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Restored:
    """What `restore` did. `kept`: the file of the store that was there; None if there was none."""

    path: Path
    kept: Path | None
    revision: str
    revision_state: RevisionState


def restore(url: str, file: Path, progress: Progress = lambda _done, _total: None) -> Restored:
    """Put a copy of a store's file in the place of the store at an address, with an id of its own. What was there is kept beside it.

    Raises:
        InvalidInput: the address is not of an SQLite file, or the file is not a whole store.
        StoreOutOfDate: the file is of a newer release.
        StoreUnavailable: the store is written or read for too long, or the folder cannot be written; what was there stays.

    """
    path = sqlite_file(open_engine(url).url)
    if path is None:
        raise InvalidInput("Only a store in an SQLite file is restored by OnHand: for one on PostgreSQL use pg_restore.")
    path = path.resolve()
    if not file.is_file():
        raise InvalidInput(f"There is no file {file}: name a backup of a store.")
    if path.exists() and file.samefile(path):
        raise InvalidInput(f"{file} is the store itself: name a backup of it.")
    _require_ours(path)
    making = path.with_name(f"{path.name}.restoring-{os.getpid()}")
    try:
        _copy(file, making, progress)
        info = _checked(making, file)
        _name(making)
        kept = path.with_name(f"{path.name}.{KEPT}") if path.exists() else None
        replace_store(path, making, kept)
    except sqlite3.Error as error:
        raise StoreUnavailable(f"The copy {making} cannot be written ({error}): free some space; the store is as it was.") from error
    finally:
        remove_store(making)
    return Restored(path, kept, str(info.revision), info.revision_state)


def replace_store(path: Path, whole: Path, kept: Path | None = None) -> None:
    """Let the file of a whole store, which nobody has open, take the place of the store at a path. `kept`: where the one of before goes.

    Raises:
        StoreUnavailable: the store is written or read for too long, or the folder cannot be locked; nothing has changed.

    """
    path = path.resolve()
    whole.chmod(stat.S_IRUSR | stat.S_IWUSR)
    _sync(whole)
    while not _replaced(path, whole, kept):
        pass


def _replaced(path: Path, whole: Path, kept: Path | None) -> bool:
    """Whether the file took the place. It did not if another process replaced the store while its writers were waited for.

    The folder is locked last, when there is nobody to wait for but who is opening a store: a reader that opens another connection would
    else wait for the folder, and we for the reader.
    """
    before = _identity(path)
    with _without_writers(path), folder_lock(path.parent, alone=True):
        if _identity(path) != before:
            return False
        if kept is not None:
            _keep(path, kept)
        _remove_log(path)
        whole.replace(path)
        _sync(path.parent)
    return True


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    return status.st_dev, status.st_ino


def _keep(path: Path, kept: Path) -> None:
    remove_store(kept)
    try:
        kept.hardlink_to(path)
    except OSError as error:
        raise StoreUnavailable(f"The store {path} cannot be kept as {kept} ({error.strerror}): move it away first.") from error


def remove_store(path: Path) -> None:
    """Delete a store's file and what SQLite keeps beside it; nothing if there is none."""
    path.unlink(missing_ok=True)
    _remove_log(path)


def _remove_log(path: Path) -> None:
    for suffix in ("-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)


def _sync(path: Path) -> None:
    """See to it that a file, or the names in a folder, are on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def _without_writers(path: Path) -> Iterator[None]:
    """Wait for whoever writes to a store, keep all others from it, and have everything that was committed in the file itself."""
    if not path.exists():
        yield
        return
    with closing(_opened(path)) as writer, closing(_opened(path)) as other:
        try:
            writer.execute("BEGIN IMMEDIATE")
            _finish_log(other, path)
        except sqlite3.DatabaseError as error:
            if "locked" in str(error):
                raise StoreUnavailable(f"The store {path} was written for more than {BUSY_TIMEOUT_SECONDS:.0f} s: try again.") from error
            # it is damaged, or no store: nobody writes to it
        yield


def _opened(path: Path) -> sqlite3.Connection:
    """A connection whose write-ahead log is open, if the file is one of a store."""
    with folder_lock(path.parent):
        connection = sqlite3.connect(path, BUSY_TIMEOUT_SECONDS, isolation_level=None)
        with suppress(sqlite3.DatabaseError):
            connection.execute("SELECT 1 FROM sqlite_schema LIMIT 1").fetchone()
    return connection


def _finish_log(other: sqlite3.Connection, path: Path) -> None:
    """Copy the write-ahead log into the file; long reads of an earlier state are waited for."""
    deadline = time.monotonic() + BUSY_TIMEOUT_SECONDS
    while True:
        is_busy, frames, copied = other.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
        if not is_busy and frames == copied:
            return
        if time.monotonic() > deadline:
            raise StoreUnavailable(f"The store {path} is being read by something that takes long: try again when it is done.")
        time.sleep(0.02)


def _require_ours(path: Path) -> None:
    """Make sure that a file which may be replaced is a store, empty, or not readable as a database at all."""
    if path.exists():
        try:
            _store_at(path)
        except StoreUnavailable:
            return


def _store_at(path: Path) -> StoreInfo:
    engine = open_engine(f"sqlite:///{path}")
    try:
        return check_store(engine)
    finally:
        engine.dispose()


def _copy(file: Path, making: Path, progress: Progress) -> None:
    remove_store(making)
    log = file.with_name(f"{file.name}-wal")
    is_at_rest = not file.with_name(f"{file.name}-journal").exists() and not (log.exists() and log.stat().st_size)
    address = f"{file.absolute().as_uri()}?mode=ro{'&immutable=1' if is_at_rest else ''}"  # at rest, nothing is made beside it
    try:
        source = sqlite3.connect(address, uri=True, isolation_level=None)
    except sqlite3.Error as error:
        raise InvalidInput(f"{file} cannot be read ({error}): name a backup of a store.") from error
    with closing(source), closing(sqlite3.connect(making)) as target:
        try:
            source.execute("BEGIN")  # one state of it, should somebody write to it meanwhile
            source.execute("SELECT 1 FROM sqlite_schema LIMIT 1").fetchone()
            source.backup(target, pages=COPIED_PAGES, progress=lambda _status, left, total: progress(total - left, total))
        except sqlite3.OperationalError:
            raise
        except sqlite3.DatabaseError as error:
            raise InvalidInput(f"{file} is not a whole store ({error}): name another backup.") from error


def _checked(making: Path, file: Path) -> StoreInfo:
    """What the copy of a file is.

    Raises:
        InvalidInput: not a whole store.
        StoreOutOfDate: one of a newer release.

    """
    try:
        with closing(sqlite3.connect(making)) as connection:
            problem = str(connection.execute("PRAGMA integrity_check(1)").fetchone()[0])
    except sqlite3.DatabaseError as error:
        problem = str(error)
    if problem != "ok":
        raise InvalidInput(f"{file} is damaged ({problem.splitlines()[-1]}): name another backup.")
    try:
        info = _store_at(making)
    except OnHandError as error:
        raise InvalidInput(f"{file} is not an OnHand store: name a backup of one.") from error
    if info.revision_state == "empty":
        raise InvalidInput(f"{file} is not an OnHand store: name a backup of one.")
    if info.revision_state == "newer":
        raise StoreOutOfDate(f"{file} is of a newer release (revision {info.revision}) than this code: update OnHand.")
    return info


def _name(making: Path) -> None:
    """Give the copy an id of its own: it is another store than the one that was backed up."""
    engine = open_engine(f"sqlite:///{making}")
    try:
        with engine.begin() as connection:
            name_store(connection)
    finally:
        engine.dispose()
