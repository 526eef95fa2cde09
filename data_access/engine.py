"""Opening the store: an engine for SQLite or PostgreSQL, transactions, and row ids."""

import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy import event as sa_event
from sqlalchemy.engine import URL, Connection, Engine, make_url
from sqlalchemy.exc import DBAPIError
from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_random_exponential

from data_access.errors import OnHandError, StoreUnavailable
from data_access.schema.audit import id_block

BUSY_TIMEOUT_SECONDS: Final = 30.0
ID_BLOCK: Final = 5_000
_WRITE: Final = "onhand_write"


def now_us() -> int:
    """The present, as the store keeps time: microseconds since 1970 in UTC."""
    return time.time_ns() // 1_000


def open_engine(url: str) -> Engine:
    """An engine for the store at `url`, `sqlite:///path` or `postgresql://...`.

    SQLite is set to write-ahead logging, with foreign keys checked; writes begin with BEGIN IMMEDIATE (see `writing`).

    Raises:
        StoreUnavailable: the URL cannot be read, or its folder cannot be made.

    """
    try:
        parsed = make_url(url)
    except sa.exc.ArgumentError as error:
        raise StoreUnavailable(
            "The database address cannot be read: set ONHAND_DATABASE_URL to sqlite:///path or postgresql://host/name."
        ) from error
    if parsed.get_backend_name() == "sqlite":
        return _sqlite(parsed)
    if parsed.get_backend_name() == "postgresql":
        return sa.create_engine(
            parsed.set(drivername="postgresql+psycopg"), pool_pre_ping=True, pool_size=8, connect_args={"connect_timeout": 10}
        )
    raise StoreUnavailable(f"The database address begins with {parsed.drivername}: only sqlite and postgresql are served.")


def _sqlite(url: URL) -> Engine:
    if url.database not in (None, "", ":memory:"):
        folder = Path(str(url.database)).parent
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreUnavailable(
                f"The folder {folder} cannot be made ({error.strerror}): choose another with ONHAND_DATABASE_URL."
            ) from error
    engine = sa.create_engine(url, connect_args={"timeout": BUSY_TIMEOUT_SECONDS, "check_same_thread": False})

    @sa_event.listens_for(engine, "connect")
    def _connected(connection: sqlite3.Connection, _record: object) -> None:
        connection.isolation_level = None  # SQLAlchemy begins transactions, by the event below
        cursor = connection.cursor()
        # Setting the mode asks for a lock that a busy writer may hold; once set, it stays in the file.
        if cursor.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
            cursor.execute("PRAGMA journal_mode = WAL")
        cursor.execute("PRAGMA synchronous = NORMAL")
        # 16 MB: a page that many transactions change is copied into the file once, not once every 4 MB of them
        cursor.execute("PRAGMA wal_autocheckpoint = 4000")
        cursor.execute("PRAGMA foreign_keys = ON")
        cursor.execute("PRAGMA cache_size = -65536")
        cursor.execute("PRAGMA temp_store = MEMORY")
        cursor.close()

    @sa_event.listens_for(engine, "begin")
    def _begun(connection: Connection) -> None:
        mode = "BEGIN IMMEDIATE" if connection.get_execution_options().get(_WRITE) else "BEGIN"
        connection.exec_driver_sql(mode)

    return engine


def is_sqlite(bind: Engine | Connection) -> bool:
    """Whether the store is an SQLite file."""
    return bind.dialect.name == "sqlite"


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """One writing transaction: commits at the end, rolls back on any error.

    Raises:
        StoreUnavailable: the database refused (unreachable, full, read-only, locked for too long).

    """
    try:
        with engine.connect() as plain:
            connection = plain.execution_options(**{_WRITE: True})
            with connection.begin():
                yield connection
    except DBAPIError as error:
        raise explained(error, engine) from error


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """One consistent snapshot to read from.

    Raises:
        StoreUnavailable: the database cannot be reached or read.

    """
    try:
        with engine.connect() as plain:
            options: dict[str, Any] = {} if is_sqlite(engine) else {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
            connection = plain.execution_options(**options)
            with connection.begin():
                yield connection
    except DBAPIError as error:
        raise explained(error, engine) from error


def explained(error: DBAPIError, engine: Engine) -> Exception:
    """The sentence for a database error that people can act on; other errors come back as they are."""
    text = str(error.orig).lower()
    where = engine.url.render_as_string(hide_password=True)
    if "disk is full" in text or "no space left" in text:
        return StoreUnavailable(f"The disk of {where} is full: free some space and try again; nothing was lost.")
    if "readonly" in text or "read-only" in text:
        return StoreUnavailable(f"The store {where} is read-only: give write permission on the file and its folder, then try again.")
    if "unable to open database file" in text:
        return StoreUnavailable(f"The store {where} cannot be opened: check that its folder exists and can be written.")
    if "not a database" in text or "malformed" in text:
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
        self._lock = threading.Lock()
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
