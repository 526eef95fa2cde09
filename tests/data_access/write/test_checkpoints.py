"""Checkpoints of an SQLite store that a long write makes between its transactions."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy.engine import Engine

from data_access.engine import checkpoint, leave_checkpoint, open_engine, writing
from data_access.schema.catalog import product
from data_access.write import checkpoints
from data_access.write.bulk import insert_rows
from data_access.write.checkpoints import Checkpoints


@pytest.fixture
def file_store(sqlite_url: str) -> Iterator[Engine]:
    engine = open_engine(sqlite_url)
    checkpoint(engine)
    yield engine
    engine.dispose()


def limit(engine: Engine) -> int:
    with engine.connect() as connection:
        return int(connection.exec_driver_sql("pragma wal_autocheckpoint").scalar_one())


def add(engine: Engine, first: int, count: int) -> None:
    with writing(engine) as connection:
        leave_checkpoint(connection)
        rows = [(f"A-{number}", "name" * 100, "c") for number in range(first, first + count)]
        insert_rows(connection, product, ("sku", "name", "category"), rows)


def test_a_connection_that_left_its_checkpoint_makes_them_again_once_it_is_given_back(file_store: Engine) -> None:
    before = limit(file_store)
    with writing(file_store) as connection:
        leave_checkpoint(connection)
        assert connection.exec_driver_sql("pragma wal_autocheckpoint").scalar_one() == 0
    assert limit(file_store) == before > 0


def test_a_checkpoint_needs_no_write_lock_and_the_log_begins_anew(file_store: Engine, sqlite_url: str) -> None:
    add(file_store, 0, 2_000)
    other = sqlite3.connect(sqlite_url.removeprefix("sqlite:///"), isolation_level=None)
    other.execute("begin immediate")
    assert checkpoint(file_store) > 200
    other.execute("rollback")
    other.close()
    add(file_store, 2_000, 1)
    assert 0 < checkpoint(file_store) < 20


def test_a_long_write_keeps_its_log_short(file_store: Engine, sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoints, "LOG_PAGES", 500)
    long_write = Checkpoints(file_store)
    log = Path(sqlite_url.removeprefix("sqlite:///") + "-wal")
    longest = 0
    for number in range(60):
        add(file_store, 500 * number, 500)
        long_write.after_write()
        longest = max(longest, log.stat().st_size)
    assert 250 * 4_096 < longest < 2_000 * 4_096


def test_other_databases_have_none_to_make(store: Engine) -> None:
    with writing(store) as connection:
        leave_checkpoint(connection)
    if store.dialect.name != "sqlite":
        assert checkpoint(store) == 0
