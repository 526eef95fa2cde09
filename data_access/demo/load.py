"""A history into a new store, in bulk: tables filled without their indexes, which are made afterwards.

History makes one event row for each sale, package, receipt, transfer, count, write-off, adjustment, return, inspection, purchase order and
cancellation; times of tracking, scans and delivery stand in the shipment rows alone, without events of their own.

On SQLite the store is built in a file beside its place and moved there when it is whole; on PostgreSQL in one transaction. So a process
that is killed leaves no half-made store.
"""

import os
import sqlite3
from collections.abc import Callable
from importlib.metadata import version
from io import BytesIO
from pathlib import Path
from typing import Any, Final

import adbc_driver_sqlite.dbapi as adbc
import polars as pl
import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import DBAPIError

from data_access.demo.history import DemoHistory
from data_access.engine import explained, open_engine
from data_access.errors import InvalidInput, StoreUnavailable
from data_access.schema.audit import id_block, store_version
from data_access.store.lifecycle import check_store, create_store, create_store_in
from data_access.store_address import shown, sqlite_file

Progress = Callable[[int, int], None]
ROWS_A_LINE: Final = 6.6  # rows of all tables for each order line, about
COPY_BYTES: Final = 1 << 20
# Nobody else opens the file yet, and a file that is not whole is thrown away.
FAST: Final = (
    "PRAGMA journal_mode = OFF",
    "PRAGMA synchronous = OFF",
    "PRAGMA foreign_keys = OFF",
    "PRAGMA locking_mode = EXCLUSIVE",
    "PRAGMA cache_size = -262144",
)


def load_store(url: str, history: DemoHistory, progress: Progress | None = None) -> int:
    """Put the history into a new store at `url`. Returns the rows written.

    Raises:
        InvalidInput: there is a store already.
        StoreUnavailable: the database cannot be reached or written.

    """
    require_empty(url)
    path = _file(url)
    if path is not None:
        return _load_sqlite(path, history, progress)
    engine = open_engine(url)
    try:
        return _load_postgres(engine, history, progress)
    finally:
        engine.dispose()


def require_empty(url: str) -> None:
    """Check that nothing is there. A file that is missing is not made.

    Raises:
        InvalidInput: the database holds a store, or cannot keep one.
        StoreUnavailable: the database cannot be reached.

    """
    path = _file(url)
    if path is not None and not path.exists():
        return
    engine = open_engine(url)
    try:
        if check_store(engine).revision_state != "empty":
            raise InvalidInput(
                f"{shown(engine.url)} holds a store already, and a demo is only made in an empty place: "
                "set ONHAND_DATABASE_URL to another one."
            )
    finally:
        engine.dispose()


def _file(url: str) -> Path | None:
    """The store's file; None if it is on a server."""
    engine = open_engine(url)  # connects to nothing yet, and says what is wrong with an address that cannot be read
    engine.dispose()
    if engine.url.get_backend_name() != "sqlite":
        return None
    path = sqlite_file(engine.url)
    if path is None:
        raise InvalidInput("A demo store in memory would be gone at once: set ONHAND_DATABASE_URL to a file.")
    return path


def _meta(history: DemoHistory) -> dict[str, object]:
    company = history.company
    return {
        "demo": {"size": company.size_name, "seed": company.seed, "as_of": company.as_of.isoformat(), "release": version("onhand")},
    }


def _finish(history: DemoHistory) -> list[sa.Update]:
    return [sa.update(id_block).values(next_id=history.numbers.next_id), sa.update(store_version).values(version=1)]


# ---- SQLite --------------------------------------------------------------------------------------------------------


def _load_sqlite(path: Path, history: DemoHistory, progress: Progress | None) -> int:
    _clear_leavings(path)
    beside = path.with_name(f"{path.name}.new-{os.getpid()}")
    try:
        engine = open_engine(f"sqlite:///{beside}")
        try:
            create_store(engine, "demo", **_meta(history))
        finally:
            engine.dispose()
        rows = _fill_sqlite(beside, history, progress)
        with beside.open("rb") as whole:
            os.fsync(whole.fileno())
        _remove(path)
        beside.replace(path)
        return rows
    except (sqlite3.OperationalError, adbc.Error, OSError) as error:
        said = str(error).splitlines()[0]
        raise StoreUnavailable(f"The store {path} cannot be written ({said}): free some space or choose another place.") from error
    finally:
        _remove(beside)


def _clear_leavings(path: Path) -> None:
    """Remove what killed processes left beside the store."""
    for leftover in path.parent.glob(f"{path.name}.new-*"):
        owner = leftover.name.removeprefix(f"{path.name}.new-").split("-")[0]
        if owner.isdigit() and not _is_running(int(owner)):
            leftover.unlink(missing_ok=True)


def _is_running(process: int) -> bool:
    if process == os.getpid():
        return False  # a file of ours from an earlier attempt
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _remove(path: Path) -> None:
    for suffix in ("", "-wal", "-shm", "-journal"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)


def _fill_sqlite(path: Path, history: DemoHistory, progress: Progress | None) -> int:
    connection = sqlite3.connect(path, isolation_level=None)
    try:
        indexes = connection.execute("select name, sql from sqlite_master where type = 'index' and sql is not null").fetchall()
        for name, _ in indexes:
            connection.execute(f'drop index "{name}"')
    finally:
        connection.close()
    rows = _ingest(path, history, progress)
    connection = sqlite3.connect(path, isolation_level=None)
    try:
        for pragma in FAST:
            connection.execute(pragma)
        for number, (_, sql) in enumerate(indexes):
            connection.execute(sql)
            if progress:
                progress(3 * len(indexes) + number + 1, 4 * len(indexes))
        for statement in _finish(history):
            connection.execute(str(statement.compile(compile_kwargs={"literal_binds": True})))
        connection.execute("PRAGMA locking_mode = NORMAL")
        connection.execute("PRAGMA journal_mode = WAL")
    finally:
        connection.close()
    return rows


def _ingest(path: Path, history: DemoHistory, progress: Progress | None) -> int:
    """Arrow straight into SQLite, in one transaction: a third of the time of `executemany`. Checks of values are left out."""
    expected = int(history.order_lines * ROWS_A_LINE)
    rows = 0
    with adbc.connect(f"file:{path}", autocommit=True) as connection, connection.cursor() as cursor:
        for pragma in (*FAST, "PRAGMA ignore_check_constraints = ON"):
            cursor.execute(pragma)
            cursor.fetchall()
        connection.adbc_connection.set_autocommit(False)
        for table, frame in history.frames:
            if frame.height:
                cursor.adbc_ingest(table, frame.to_arrow(), mode="append")
            rows += len(frame)
            if progress:
                progress(min(rows, expected) * 3, expected * 4)
        connection.adbc_connection.commit()
    return rows


# ---- PostgreSQL ----------------------------------------------------------------------------------------------------


def _load_postgres(engine: Engine, history: DemoHistory, progress: Progress | None) -> int:
    try:
        with engine.connect() as connection, connection.begin():
            create_store_in(connection, "demo", **_meta(history))
            constraints, indexes = _strip(connection)
            rows, expected = 0, int(history.order_lines * ROWS_A_LINE)
            for table, frame in history.frames:
                _copy(connection, table, frame)
                rows += len(frame)
                if progress:
                    progress(min(rows, expected) * 3, expected * 4)
            for statement in (*indexes, *constraints):
                connection.exec_driver_sql(statement)
            for update in _finish(history):
                connection.execute(update)
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql("analyze")
        if progress:
            progress(rows, rows)
        return rows
    except DBAPIError as error:
        raise explained(error, engine) from error


def _strip(connection: Connection) -> tuple[list[str], list[str]]:
    """Drop foreign keys and plain indexes; returns the statements that make them again."""
    keys = connection.exec_driver_sql(
        "select conrelid::regclass::text, conname, pg_get_constraintdef(oid) from pg_constraint"
        " where contype = 'f' and connamespace = current_schema()::regnamespace order by 1, 2"
    ).all()
    indexes = connection.exec_driver_sql(
        "select i.indexrelid::regclass::text, pg_get_indexdef(i.indexrelid) from pg_index i join pg_class c on c.oid = i.indexrelid"
        " where c.relnamespace = current_schema()::regnamespace"
        " and not exists (select 1 from pg_constraint k where k.conindid = i.indexrelid) order by 1"
    ).all()
    for table, name, _ in keys:
        connection.exec_driver_sql(f'alter table {table} drop constraint "{name}"')
    for name, _ in indexes:
        connection.exec_driver_sql(f"drop index {name}")
    return [f'alter table {table} add constraint "{name}" {text}' for table, name, text in keys], [text for _, text in indexes]


def _copy(connection: Connection, table: str, frame: pl.DataFrame) -> None:
    names = ", ".join(f'"{name}"' for name in frame.columns)
    driver: Any = connection.connection.driver_connection
    text = BytesIO()
    frame.write_csv(text, include_header=False, null_value="", quote_style="non_numeric" if frame.height else "necessary")
    with driver.cursor() as cursor, cursor.copy(f"copy \"{table}\" ({names}) from stdin (format csv, null '')") as copy:
        text.seek(0)
        while part := text.read(COPY_BYTES):
            copy.write(part)
