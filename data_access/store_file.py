"""Which store an SQLite engine serves, and whether that is still the one at its path.

A file may be replaced by another while processes have it open (`onhand restore`, `onhand demo --replace`). Without noticing anything they
would go on with the deleted one. So every connection keeps the marks of its files, every transaction compares them with the path's, and
a write is compared once more after its commit, before anybody is told that it was taken.
"""

import fcntl
import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import DisconnectionError

from data_access.errors import StoreReplaced, StoreUnavailable

STORE_ID: Final = "store_id"
"""Key in `store_meta` of what tells a store from every other, and from every copy of it that was restored."""

LOCK_SECONDS: Final = 30.0
_SERVED: Final = "onhand_served_file"  # execution option of an engine
_MARKS, _NUMBER, _FRESH, _STORE = "onhand_marks", "onhand_number", "onhand_fresh", "onhand_store"  # what a connection keeps
_ID_QUERY: Final = f"select value from store_meta where key = '{STORE_ID}'"  # noqa: S608 - a constant


@dataclass(frozen=True, slots=True)
class StoreIdentity:
    """Device and inode of a store's file, and the store's own id: empty for one that has none yet."""

    device: int
    inode: int
    store_id: str

    def is_other(self, other: "StoreIdentity") -> bool:
        """Whether these are two stores. One that has no id yet may be given one."""
        are_named = bool(self.store_id and other.store_id)
        return (self.device, self.inode) != (other.device, other.inode) or (are_named and self.store_id != other.store_id)


@dataclass(frozen=True, slots=True)
class _Marks:
    """Device and inode of a store's file, and the name and the inode of its write-ahead log, if it has one."""

    device: int
    inode: int
    log: str
    log_inode: int | None


class ServedFile:
    """The file of one SQLite engine: `served` is the store that the engine's users know, until it is replaced."""

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        self._name = str(self.path)
        self.served: StoreIdentity | None = None
        self._number = 0  # how often it was replaced: connections of before are opened again
        self._content: tuple[int, int] | None = None  # time of change and size of the file, when its id was last read from the disk

    def connect(self, open_file: Callable[[], sqlite3.Connection], record: Any) -> sqlite3.Connection:
        """Open the file, and keep the connection's marks. Nobody replaces it meanwhile, if they go by `folder_lock`."""
        if self._number and not self.path.exists():
            raise StoreUnavailable(self._gone())  # opening it would make an empty one
        with folder_lock(self.path.resolve().parent):
            while True:
                before = self._marks()
                connection = open_file()
                after = self._marks()
                if before is None or after is None or (before.device, before.inode) == (after.device, after.inode):
                    break
                connection.close()
        record.info.update({_MARKS: after, _NUMBER: self._number, _FRESH: True})
        return connection

    def check_out(self, record: Any) -> None:
        """Let a connection of a file that is not at the path any more be opened again.

        Raises:
            DisconnectionError: so that it is.
            StoreUnavailable: there is no file at the path.

        """
        if record.info.pop(_FRESH, False):
            return
        if self._status(record.info[_MARKS]) is None or record.info[_NUMBER] != self._number:
            if not self.path.exists():
                raise StoreUnavailable(self._gone())
            raise DisconnectionError("another file is at the store's path")

    def begin(self, connection: Connection, *, is_writing: bool) -> None:
        """At the beginning of a transaction: note which store it is of.

        A reader whose store is replaced just now reads what was there.

        Raises:
            StoreReplaced: the store of the connection was overwritten; or, for writing, it is not the one that is served.

        """
        store = self._look(connection, is_writing=is_writing)
        if self.served is None:
            self.served = store
        elif is_writing and store.is_other(self.served):
            raise self.replaced()
        connection.info[_STORE] = store

    def end(self, connection: Connection) -> None:
        """After the commit of a writing transaction, before anybody is told of it.

        Raises:
            StoreReplaced: it went into a store that is not at the path.

        """
        begun: StoreIdentity = connection.info[_STORE]
        if self._look(connection, is_writing=True).is_other(begun):
            raise self.replaced()

    def _look(self, connection: Connection, *, is_writing: bool) -> StoreIdentity:
        marks: _Marks = connection.info[_MARKS]
        status = self._status(marks)
        if is_writing and status is None:
            raise self.replaced()
        driver: Any = connection.connection.driver_connection
        store = StoreIdentity(marks.device, marks.inode, _id_in(driver))
        if status is not None:
            self._look_at_content(status, store.store_id)
        return store

    def _look_at_content(self, status: os.stat_result, store_id: str) -> None:
        """Notice that another store was written over this one, of which a connection's cache knows nothing."""
        content = (status.st_mtime_ns, status.st_size)
        if content == self._content:
            return  # nobody wrote into the file: what is committed lies in the log until the next checkpoint
        if self._is_overwritten(store_id):
            raise StoreReplaced(
                f"The file of the store {self.path} was overwritten while it was in use: "
                "stop OnHand, and put a whole backup in its place with `onhand restore FILE`."
            )
        self._content = content

    def is_replaced(self) -> bool:
        """Whether another file is at the path than the one that is served, or none."""
        marks, served = self._marks(), self.served
        return served is not None and (marks is None or (marks.device, marks.inode) != (served.device, served.inode))

    def forget(self) -> None:
        """Serve what is at the path from now on."""
        self._number += 1
        self.served = self._content = None

    def replaced(self) -> StoreReplaced:
        """What a writer is told whose store is not the one at the path any more."""
        return StoreReplaced(
            f"The store {self.path} was replaced or moved while it was in use: "
            "what was written last is not in the store that is there now. Do it again."
        )

    def _marks(self) -> _Marks | None:
        try:
            status = self.path.stat()
        except FileNotFoundError:
            return None
        log = f"{self.path.resolve()}-wal"
        try:
            log_inode = os.stat(log).st_ino
        except FileNotFoundError:
            log_inode = None
        return _Marks(status.st_dev, status.st_ino, log, log_inode)

    def _status(self, marks: _Marks) -> os.stat_result | None:
        """The status of the file at the path, if it and its log are those of the marks. Each transaction asks, so it is quick."""
        try:
            status = os.stat(self._name)
            is_log_there = marks.log_inode is None or os.stat(marks.log).st_ino == marks.log_inode
        except FileNotFoundError:
            return None
        return status if is_log_there and (status.st_dev, status.st_ino) == (marks.device, marks.inode) else None

    def _is_overwritten(self, store_id: str) -> bool:
        """Whether a connection without a cache reads another id than this."""
        try:
            with closing(sqlite3.connect(f"{self.path.as_uri()}?mode=ro", uri=True)) as other:
                return _id_in(other) != store_id
        except sqlite3.OperationalError:
            return False  # it cannot be looked at just now: locked, or no further file can be opened
        except sqlite3.DatabaseError:
            return True

    def _gone(self) -> str:
        return f"There is no file {self.path}: put the store back, or run `onhand restore FILE`."


def _id_in(connection: sqlite3.Connection) -> str:
    try:
        row = sqlite3.Cursor(connection).execute(_ID_QUERY).fetchone()  # without what SQLAlchemy does to each statement
    except sqlite3.OperationalError as error:
        if "no such table" in str(error):
            return ""
        raise
    return "" if row is None else str(row[0])


def options(served: ServedFile) -> dict[str, Any]:
    """Execution options of an engine, by which it knows its file."""
    return {_SERVED: served}


def served_file(bind: Engine | Connection) -> ServedFile | None:
    """The file that an engine serves; None on PostgreSQL and in memory."""
    served: ServedFile | None = bind.get_execution_options().get(_SERVED)
    return served


def store_of(connection: Connection) -> StoreIdentity | None:
    """The store that a transaction of `reading` or `writing` is in; None on PostgreSQL and in memory."""
    store: StoreIdentity | None = connection.info.get(_STORE)
    return store


@contextmanager
def folder_lock(folder: Path, *, alone: bool = False) -> Iterator[None]:
    """Held by whoever opens a store in the folder, together with others, and by whoever replaces one, alone.

    Between the removal of a write-ahead log and the renaming of a file nobody may open either. The lock is on the folder itself, and ends
    with the process. Who cannot have it to open a store goes without.

    Raises:
        StoreUnavailable: it cannot be had alone.

    """
    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError as error:
        if alone:
            raise StoreUnavailable(f"The folder {folder} cannot be opened ({error.strerror}): give permission on it.") from error
        yield
        return
    try:
        if alone:
            _lock_alone(handle, folder)
        else:
            _lock_with_others(handle)
        yield
    finally:
        os.close(handle)


def _lock_with_others(handle: int) -> None:
    try:
        fcntl.flock(handle, fcntl.LOCK_SH)
    except OSError:
        return  # a file system without such locks


def _lock_alone(handle: int, folder: Path) -> None:
    deadline = time.monotonic() + LOCK_SECONDS
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            if time.monotonic() > deadline:
                raise StoreUnavailable(f"Another process is opening or replacing a store in {folder}: try again.") from error
            time.sleep(0.01)
        except OSError as error:
            raise StoreUnavailable(f"The folder {folder} cannot be locked ({error.strerror}): use a local disk.") from error
        else:
            return
