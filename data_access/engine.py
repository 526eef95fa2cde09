"""Opening the store: an engine for SQLite or PostgreSQL, transactions, and row ids."""

import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy import event as sa_event
from sqlalchemy.engine import URL, Connection, Engine
from sqlalchemy.exc import ArgumentError, DBAPIError
from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_random_exponential

from data_access.errors import OnHandError, StoreReplaced, StoreUnavailable
from data_access.schema.audit import id_block
from data_access.store_address import parsed, shown, sqlite_file
from data_access.store_file import ServedFile, options, served_file

BUSY_TIMEOUT_SECONDS: Final = 30.0
ID_BLOCK: Final = 5_000
_WRITE: Final = "onhand_write"
_APART: Final = "onhand_checkpoints_apart"
# 16 MB: a page that many transactions change is copied into the file once, not once every 4 MB of them
_CHECKPOINTS: Final = "PRAGMA wal_autocheckpoint = 4000"


def now_us() -> int:
    """The present, as the store keeps time: microseconds since 1970 in UTC."""
    return time.time_ns() // 1_000


def open_engine(url: str) -> Engine:
    """An engine for the store at `url`, `sqlite:///path` or `postgresql://...`.

    SQLite is set to write-ahead logging, with foreign keys checked; writes begin with BEGIN IMMEDIATE (see `writing`).

    Raises:
        StoreUnavailable: the URL cannot be read, or its folder cannot be made.

    """
    address = parsed(url)
    try:
        if address.get_backend_name() == "sqlite":
            return _sqlite(address.set(drivername="sqlite"))
        if address.get_backend_name() == "postgresql":
            return sa.create_engine(
                address.set(drivername="postgresql+psycopg"), pool_pre_ping=True, pool_size=8, connect_args={"connect_timeout": 10}
            )
    except (ArgumentError, ValueError):
        raise StoreUnavailable(f"The database address {shown(address)} cannot be used: check its parameters.") from None
    raise StoreUnavailable(f"The database address begins with {address.drivername}: only sqlite and postgresql are served.")


def _sqlite(url: URL) -> Engine:
    path = sqlite_file(url)
    served = None if path is None else ServedFile(path)
    if served is not None:
        folder = served.path.parent
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreUnavailable(
                f"The folder {folder} cannot be made ({error.strerror}): choose another with ONHAND_DATABASE_URL."
            ) from error
    engine = sa.create_engine(
        url,
        connect_args={"timeout": BUSY_TIMEOUT_SECONDS, "check_same_thread": False},
        execution_options={} if served is None else options(served),
    )

    @sa_event.listens_for(engine, "do_connect")
    def _connecting(dialect: Any, record: Any, args: Any, parameters: Any) -> sqlite3.Connection:
        def open_file() -> sqlite3.Connection:
            return _settled(dialect.loaded_dbapi.connect(*args, **parameters))

        return open_file() if served is None else served.connect(open_file, record)

    @sa_event.listens_for(engine, "checkout")
    def _checked_out(_connection: sqlite3.Connection, record: Any, _proxy: object) -> None:
        if served is not None:
            served.check_out(record)

    @sa_event.listens_for(engine, "checkin")
    def _checked_in(connection: sqlite3.Connection | None, record: Any) -> None:
        if record.info.pop(_APART, False) and connection is not None:
            connection.execute(_CHECKPOINTS)

    @sa_event.listens_for(engine, "begin")
    def _begun(connection: Connection) -> None:
        mode = "BEGIN IMMEDIATE" if connection.get_execution_options().get(_WRITE) else "BEGIN"
        connection.exec_driver_sql(mode)

    return engine


def _settled(connection: sqlite3.Connection) -> sqlite3.Connection:
    """A connection with our settings, whose write-ahead log is open."""
    try:
        connection.isolation_level = None  # SQLAlchemy begins transactions, by the event `begin`
        # Setting the mode asks for a lock that a busy writer may hold; once set, it stays in the file.
        if connection.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
            connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute(_CHECKPOINTS)
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA cache_size = -65536")
        connection.execute("PRAGMA temp_store = MEMORY")
        connection.execute("SELECT 1 FROM sqlite_schema LIMIT 1").fetchone()
    except BaseException:
        connection.close()
        raise
    return connection


def is_sqlite(bind: Engine | Connection) -> bool:
    """Whether the store is an SQLite file."""
    return bind.dialect.name == "sqlite"


def leave_checkpoint(connection: Connection) -> None:
    """In a writing transaction: its commit copies nothing from an SQLite store's write-ahead log into the file, see `checkpoint`."""
    if is_sqlite(connection):
        connection.connection.info[_APART] = True
        connection.exec_driver_sql("PRAGMA wal_autocheckpoint = 0")


def checkpoint(engine: Engine) -> int:
    """Copy what is in an SQLite store's write-ahead log into the file, without the write lock; how many pages the log had."""
    if not is_sqlite(engine):
        return 0
    with engine.connect() as connection:  # outside of any transaction
        driver: Any = connection.connection.driver_connection
        _is_busy, pages, _copied = driver.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
    return int(pages)


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """One writing transaction: commits at the end, rolls back on any error.

    Raises:
        StoreReplaced: the SQLite file was replaced by another; what the transaction wrote is not in that one.
        StoreUnavailable: the database refused (unreachable, full, read-only, locked for too long).

    """
    served = served_file(engine)
    try:
        with engine.connect() as plain:
            connection = plain.execution_options(**{_WRITE: True})
            with connection.begin():
                if served is not None:
                    served.begin(connection, is_writing=True)
                yield connection
            if served is not None:
                served.end(connection)
    except StoreReplaced:
        start_over(engine)
        raise
    except DBAPIError as error:
        raise _refusal(error, engine, served) from error


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """One consistent snapshot to read from: of the store that is at the path now, on SQLite too.

    Raises:
        StoreReplaced: another store was written over the SQLite file.
        StoreUnavailable: the database cannot be reached or read.

    """
    served = served_file(engine)
    try:
        with engine.connect() as plain:
            connection = plain if is_sqlite(engine) else plain.execution_options(isolation_level="REPEATABLE READ")
            with connection.begin():
                if not is_sqlite(engine):
                    # as an option, it would make later writes by this connection override a database that is set to be read-only
                    connection.exec_driver_sql("SET TRANSACTION READ ONLY")
                if served is not None:
                    served.begin(connection, is_writing=False)
                yield connection
    except StoreReplaced:
        start_over(engine)
        raise
    except DBAPIError as error:
        raise _refusal(error, engine, served) from error


def start_over(engine: Engine) -> None:
    """Serve the store that is at the path of an SQLite engine now: drop what is known of the one before, and open connections again."""
    served = served_file(engine)
    if served is not None:
        row_ids(engine).forget()  # first: nobody may write to the new store with ids of the old one
        served.forget()


def _refusal(error: DBAPIError, engine: Engine, served: ServedFile | None) -> Exception:
    if served is not None and served.is_replaced():
        start_over(engine)
        return served.replaced()
    return explained(error, engine)


def explained(error: DBAPIError, engine: Engine) -> Exception:
    """The sentence for a database error that people can act on; other errors come back as they are."""
    text = str(error.orig).lower()
    where = shown(engine.url)
    if "disk is full" in text or "no space left" in text:
        return StoreUnavailable(f"The disk of {where} is full: free some space and try again; nothing was lost.")
    if "readonly" in text or "read-only" in text:
        return StoreUnavailable(f"The store {where} is read-only: give write permission on the file and its folder, then try again.")
    if "unable to open database file" in text:
        return StoreUnavailable(f"The store {where} cannot be opened: check that its folder exists and can be written.")
    if "malformed" in text:
        return StoreUnavailable(
            f"The store {where} is damaged: stop OnHand, and put a whole backup in its place with `onhand restore FILE`."
        )
    if "not a database" in text:
        return StoreUnavailable(f"The file {where} is not an OnHand store: choose another with ONHAND_DATABASE_URL.")
    if "database is locked" in text:
        return StoreUnavailable(f"The store {where} was locked for {BUSY_TIMEOUT_SECONDS:.0f} s by another writer: try again.")
    if error.connection_invalidated or "connection" in text or "could not translate host" in text:
        return StoreUnavailable(f"The database {where} cannot be reached: check that it runs and that ONHAND_DATABASE_URL is right.")
    return error


class IdsUsedUp(OnHandError):
    """A transaction made more rows than it had reserved ids for: reserve more and try again."""


def is_retryable(error: BaseException) -> bool:
    """Whether a transaction failed only because of others at the same time, so that it may be tried again."""
    if isinstance(error, IdsUsedUp):
        return True
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, DBAPIError):
        cause = cause.__cause__
    if not isinstance(cause, DBAPIError):
        return False
    state = getattr(cause.orig, "sqlstate", None)
    # serialization failure, deadlock; unique violation: another process wrote the same parent first
    text = str(cause.orig).lower()
    return state in {"40001", "40P01", "23505"} or "database is locked" in text or "unique constraint failed" in text


def retrying() -> Retrying:
    """How writers repeat a transaction that lost to another: up to 8 times, with growing random waits."""
    return Retrying(
        retry=retry_if_exception(is_retryable), stop=stop_after_attempt(8), wait=wait_random_exponential(0.02, 1.0), reraise=True
    )


class RowIds:
    """Row ids for one engine. A block is taken in a transaction of its own, so that a writer never waits for another's ids."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._lock = threading.RLock()  # a reservation that fails may have to forget
        self._next = 0
        self._end = 0

    def reserve(self, count: int) -> None:
        """Make sure that the next `count` calls of `take` need no statement. Call it before the transaction begins."""
        with self._lock:
            if self._end - self._next < count:
                size = max(count, ID_BLOCK)
                with writing(self._engine) as connection:
                    end = connection.execute(
                        sa.update(id_block)
                        .where(id_block.c.name == "row")
                        .values(next_id=id_block.c.next_id + size)
                        .returning(id_block.c.next_id)
                    ).scalar_one_or_none()
                if end is None:
                    raise OnHandError("The store has no id block: it was not made by `onhand migrate`.")
                self._next, self._end = end - size, end

    def forget(self) -> None:
        """Drop what is reserved: it is of a store that was replaced."""
        with self._lock:
            self._next = self._end = 0

    def take(self, count: int = 1) -> int:
        """The first of `count` consecutive ids that nobody else gets."""
        with self._lock:
            if self._end - self._next < count:
                raise IdsUsedUp("More row ids were taken than reserved: reserve more and try again.")
            first = self._next
            self._next += count
            return first


_row_ids: dict[int, RowIds] = {}
_row_ids_lock = threading.Lock()


def row_ids(engine: Engine) -> RowIds:
    """The engine's allocator of row ids."""
    with _row_ids_lock:
        ids = _row_ids.get(id(engine))
        if ids is None or ids._engine is not engine:
            ids = _row_ids[id(engine)] = RowIds(engine)
        return ids
