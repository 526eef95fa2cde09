"""A store that is replaced while it is in use: no write is acknowledged that is not in the store at the path, and readers go over to it."""

import shutil
import sqlite3
import threading
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from data_access.engine import open_engine, reading, row_ids, writing
from data_access.errors import StoreReplaced, StoreUnavailable
from data_access.events.ingest import ingest
from data_access.schema.catalog import product
from data_access.schema.stock import event
from data_access.store.replacing import replace_store
from data_access.store_file import store_of
from data_access.write import lookups
from tests.conftest import opened
from tests.data_access.events.test_ingest import receipt
from tests.data_access.small_company import make_company

REPLACED = (
    r"^The store .* was replaced or moved while it was in use: "
    r"what was written last is not in the store that is there now\. Do it again\.$"
)
GONE = r"^There is no file .*: put the store back, or run `onhand restore FILE`\.$"


def path_of(engine: Engine) -> Path:
    return Path(str(engine.url.database))


def another(template: Path, folder: Path, name: str = "other.db") -> Path:
    """A store of the same small company, with an id of its own, that nobody has open."""
    path = folder / name
    shutil.copyfile(template, path)
    with opened(f"sqlite:///{path}") as engine:
        make_company(engine)
        with engine.begin() as connection:
            connection.exec_driver_sql(f"update store_meta set value = '\"{name}\"' where key = 'store_id'")
    return path


def events_in(path: Path) -> set[str]:
    with opened(f"sqlite:///{path}") as engine, reading(engine) as connection:
        return set(connection.execute(sa.select(event.c.event_id)).scalars())


@pytest.fixture
def company(sqlite_store: Engine) -> Engine:
    make_company(sqlite_store)
    return sqlite_store


def test_a_write_after_the_store_was_replaced_is_refused_once(company: Engine, sqlite_template: Path, tmp_path: Path) -> None:
    assert ingest(company, [receipt(1, "A", 5)])[0].status == "applied"
    replace_store(path_of(company), another(sqlite_template, tmp_path))
    with pytest.raises(StoreReplaced, match=REPLACED):
        ingest(company, [receipt(2, "A", 5)])
    assert {receipt(1, "A", 5).event_id, receipt(2, "A", 5).event_id}.isdisjoint(events_in(path_of(company)))
    assert ingest(company, [receipt(2, "A", 5)])[0].status == "applied"
    assert receipt(2, "A", 5).event_id in events_in(path_of(company))


def test_a_write_during_which_the_store_is_replaced_is_refused(company: Engine, sqlite_template: Path, tmp_path: Path) -> None:
    other = another(sqlite_template, tmp_path)
    with pytest.raises(StoreReplaced, match=REPLACED), writing(company) as connection:  # noqa: PT012 - it raises after the commit
        connection.execute(sa.update(product).values(name="Lost"))
        _by_hand(other, path_of(company))
    with reading(company) as connection:
        assert "Lost" not in set(connection.execute(sa.select(product.c.name)).scalars())


def _by_hand(whole: Path, path: Path) -> None:
    for suffix in ("-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
    whole.replace(path)


def test_a_reader_goes_over_to_the_new_store(company: Engine, sqlite_template: Path, tmp_path: Path) -> None:
    with reading(company) as connection:
        before = store_of(connection)
    replace_store(path_of(company), another(sqlite_template, tmp_path))
    with reading(company) as connection:
        after = store_of(connection)
    assert before is not None
    assert after is not None
    assert after.is_other(before)
    assert after.store_id == '"other.db"'
    with pytest.raises(StoreReplaced), writing(company):  # what a writer does next may rest on what it read before
        pass
    with writing(company) as connection:
        assert store_of(connection) == after


def test_row_ids_and_lookups_of_the_old_store_are_not_used_in_the_new_one(company: Engine, sqlite_template: Path, tmp_path: Path) -> None:
    ingest(company, [receipt(1, "A", 5)])
    with writing(company) as connection:
        known = lookups.current(connection)
    replace_store(path_of(company), another(sqlite_template, tmp_path))
    with pytest.raises(StoreReplaced):
        ingest(company, [receipt(2, "A", 5)])
    with reading(company) as connection:
        begin = connection.exec_driver_sql("select next_id from id_block").scalar_one()
    with writing(company) as connection:
        assert lookups.current(connection) is not known
    ids = row_ids(company)
    ids.reserve(1)
    assert ids.take() == begin


def test_a_write_into_a_log_that_is_gone_is_refused(company: Engine) -> None:
    path = path_of(company)
    with pytest.raises(StoreReplaced, match=REPLACED), writing(company):
        path.with_name(f"{path.name}-wal").unlink()


def test_a_store_that_is_moved_away_is_neither_written_nor_made_again(company: Engine, tmp_path: Path) -> None:
    path = path_of(company)
    with pytest.raises(StoreReplaced, match=REPLACED), writing(company):
        path.rename(tmp_path / "elsewhere.db")
    for _ in range(2):
        with (
            pytest.raises(StoreUnavailable, match=GONE),
            reading(company),
        ):
            pass
    assert not path.exists()


def test_a_store_that_is_overwritten_in_place_is_noticed(company: Engine, sqlite_template: Path, tmp_path: Path) -> None:
    ingest(company, [receipt(1, "A", 5)])
    path, inode = path_of(company), path_of(company).stat().st_ino
    path.write_bytes(another(sqlite_template, tmp_path).read_bytes())
    assert path.stat().st_ino == inode
    with pytest.raises(StoreReplaced, match="was overwritten while it was in use: stop OnHand, and put a whole backup in its place"):
        ingest(company, [receipt(2, "A", 5)])


def test_checkpoints_of_others_are_no_replacement(company: Engine) -> None:
    for number in range(1, 6):
        assert ingest(company, [receipt(number, "A", 5)])[0].status == "applied"
        with sqlite3.connect(path_of(company)) as other:
            other.execute("pragma wal_checkpoint(truncate)")
        other.close()
    assert len(events_in(path_of(company))) >= 5


def test_whoever_waits_for_the_write_lock_while_the_store_is_replaced_is_refused(
    company: Engine, sqlite_template: Path, tmp_path: Path
) -> None:
    other, kept = another(sqlite_template, tmp_path), tmp_path / "kept.db"
    problems: list[Exception] = []
    holds, done = threading.Event(), threading.Event()

    def write() -> None:
        with writing(company):
            holds.set()
            done.wait(10)

    def wait_and_write() -> None:
        try:
            ingest(company, [receipt(7, "A", 5)])
        except StoreReplaced as error:
            problems.append(error)

    first, second = threading.Thread(target=write), threading.Thread(target=wait_and_write)
    row_ids(company).reserve(4_000)
    first.start()
    holds.wait(10)
    replacing = threading.Thread(target=replace_store, args=(path_of(company), other, kept))
    replacing.start()
    second.start()
    done.set()
    for thread in (first, second, replacing):
        thread.join(60)
    assert receipt(7, "A", 5).event_id in events_in(kept) or len(problems) == 1
    assert receipt(7, "A", 5).event_id not in events_in(path_of(company))


def test_a_new_store_gets_an_id_and_an_engine_without_a_file_is_left_alone(store: Engine) -> None:
    with writing(store) as connection:
        ids = connection.exec_driver_sql("select value from store_meta where key = 'store_id'").scalars().all()
        assert len(ids) == 1
        assert (store_of(connection) is None) == (store.dialect.name == "postgresql")
    memory = open_engine("sqlite://")
    with writing(memory) as connection:
        assert store_of(connection) is None
    memory.dispose()
