"""Putting a backup in the place of a store: what is checked, what is kept, and that a refusal changes nothing."""

import shutil
import sqlite3
import stat
import threading
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from data_access.engine import reading
from data_access.errors import InvalidInput, OnHandError, StoreOutOfDate, StoreUnavailable
from data_access.events.ingest import ingest
from data_access.queries.verification.verify import verify
from data_access.store import replacing
from data_access.store.lifecycle import check_store
from data_access.store.replacing import KEPT, replace_store, restore
from tests.conftest import opened
from tests.data_access.events.test_ingest import receipt
from tests.data_access.small_company import make_company
from tests.data_access.test_store_file import events_in, path_of

FIRST, SECOND = receipt(1, "A", 5), receipt(2, "A", 5)


@pytest.fixture
def backup(sqlite_store: Engine, tmp_path: Path) -> Path:
    """A backup of the store, which has taken in an event since."""
    make_company(sqlite_store)
    ingest(sqlite_store, [FIRST])
    path = tmp_path / "backups" / "store.db"
    path.parent.mkdir()
    with sqlite3.connect(path_of(sqlite_store)) as source, sqlite3.connect(path) as target:
        source.backup(target)
    source.close()
    target.close()
    ingest(sqlite_store, [SECOND])
    return path


def url_of(engine: Engine) -> str:
    return f"sqlite:///{engine.url.database}"


def id_of(path: Path) -> str:
    with opened(f"sqlite:///{path}") as engine:
        return str(check_store(engine).meta["store_id"])


def test_a_backup_takes_the_place_of_the_store_which_is_kept(sqlite_store: Engine, backup: Path) -> None:
    path = path_of(sqlite_store)
    path.chmod(0o644)
    before, names = id_of(path), set(path.parent.iterdir())
    restored = restore(url_of(sqlite_store), backup)
    kept = path.with_name(f"{path.name}.{KEPT}")
    assert (restored.path, restored.kept, restored.revision_state) == (path, kept, "current")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert {FIRST.event_id, SECOND.event_id} & events_in(path) == {FIRST.event_id}
    assert {FIRST.event_id, SECOND.event_id} <= events_in(kept)
    assert verify(sqlite_store).differences == 0
    assert id_of(kept) == before
    assert len({id_of(path), before, id_of(backup)}) == 2
    sqlite_store.dispose()
    assert {each for each in path.parent.iterdir() if not each.name.endswith(("-wal", "-shm"))} - names == {kept}
    assert [each.name for each in backup.parent.iterdir()] == [backup.name]


def test_what_was_replaced_can_be_restored_and_each_restored_store_has_an_id_of_its_own(sqlite_store: Engine, backup: Path) -> None:
    path, ids = path_of(sqlite_store), set()
    for number in range(4):
        restore(url_of(sqlite_store), backup if number % 2 == 0 else path.with_name(f"{path.name}.{KEPT}"))
        ids.add(id_of(path))
        assert (SECOND.event_id in events_in(path)) == (number % 2 == 1)
    assert len(ids) == 4


def test_a_store_is_restored_where_none_is_or_a_broken_one(sqlite_store: Engine, backup: Path, tmp_path: Path) -> None:
    assert restore(f"sqlite:///{tmp_path / 'new' / 'store.db'}", backup).kept is None
    path = path_of(sqlite_store)
    sqlite_store.dispose()
    path.write_bytes(b"no database " * 500)
    restored = restore(url_of(sqlite_store), backup)
    assert restored.kept is not None
    assert restored.kept.read_bytes().startswith(b"no database")
    assert FIRST.event_id in events_in(path)


def test_a_link_to_a_store_stays_one(sqlite_store: Engine, backup: Path, tmp_path: Path) -> None:
    link = tmp_path / "elsewhere" / "link.db"
    link.parent.mkdir()
    link.symlink_to(path_of(sqlite_store))
    restore(f"sqlite:///{link}", backup)
    assert link.is_symlink()
    assert SECOND.event_id not in events_in(path_of(sqlite_store))


def test_a_backup_that_is_written_meanwhile_is_copied_whole(sqlite_store: Engine, backup: Path, tmp_path: Path) -> None:
    with opened(f"sqlite:///{backup}") as live:
        ingest(live, [receipt(3, "A", 5)])
        restore(url_of(sqlite_store), backup)
    assert receipt(3, "A", 5).event_id in events_in(path_of(sqlite_store))


def _cut(backup: Path, tmp_path: Path) -> Path:
    path = tmp_path / "cut.db"
    path.write_bytes(backup.read_bytes()[: backup.stat().st_size // 2])
    return path


def _scribbled(backup: Path, tmp_path: Path) -> Path:
    path, content = tmp_path / "scribbled.db", bytearray(backup.read_bytes())
    content[8_192 : len(content) // 2] = b"\x5a" * (len(content) // 2 - 8_192)
    path.write_bytes(content)
    return path


def _text(_backup: Path, tmp_path: Path) -> Path:
    path = tmp_path / "notes.txt"
    path.write_text("no database " * 500)
    return path


def _foreign(_backup: Path, tmp_path: Path) -> Path:
    path = tmp_path / "foreign.db"
    with sqlite3.connect(path) as connection:
        connection.execute("create table song (title text)")
    connection.close()
    return path


def _empty(_backup: Path, tmp_path: Path) -> Path:
    path = tmp_path / "empty.db"
    path.touch()
    return path


@pytest.mark.parametrize(
    "spoilt", [_cut, _scribbled, _text, _foreign, _empty, lambda _, folder: folder / "none.db", lambda _, folder: folder]
)
def test_what_is_no_whole_store_is_refused_and_nothing_changes(sqlite_store: Engine, backup: Path, tmp_path: Path, spoilt: object) -> None:
    assert callable(spoilt)
    file, path = spoilt(backup, tmp_path), path_of(sqlite_store)
    before, names = path.stat().st_ino, set(tmp_path.iterdir())
    with pytest.raises(
        InvalidInput, match=r"(is not an OnHand store|is damaged|is not a whole store|There is no file) ?.*name a"
    ) as refused:
        restore(url_of(sqlite_store), file)
    assert str(file) in str(refused.value)
    assert (path.stat().st_ino, set(tmp_path.iterdir())) == (before, names)
    assert SECOND.event_id in events_in(path)


def test_the_store_itself_and_a_newer_backup_are_refused(sqlite_store: Engine, backup: Path) -> None:
    with pytest.raises(InvalidInput, match="is the store itself"):
        restore(url_of(sqlite_store), path_of(sqlite_store))
    with opened(f"sqlite:///{backup}") as engine, engine.begin() as connection:
        connection.exec_driver_sql("update alembic_version set version_num = '9999'")
    with pytest.raises(StoreOutOfDate, match=r"is of a newer release \(revision 9999\)"):
        restore(url_of(sqlite_store), backup)


def test_an_older_backup_is_restored_and_said_to_be_older(sqlite_store: Engine, backup: Path) -> None:
    with opened(f"sqlite:///{backup}") as engine, engine.begin() as connection:
        connection.exec_driver_sql("update alembic_version set version_num = '0007'")
        connection.exec_driver_sql("delete from store_meta where key = 'store_id'")
    restored = restore(url_of(sqlite_store), backup)
    assert (restored.revision, restored.revision_state) == ("0007", "older")
    assert len(id_of(path_of(sqlite_store))) == 32


def test_a_database_of_others_is_not_replaced(backup: Path, tmp_path: Path) -> None:
    path = _foreign(backup, tmp_path)
    with pytest.raises(OnHandError, match="holds tables that are not OnHand's"):
        restore(f"sqlite:///{path}", backup)


def test_a_store_on_a_server_is_not_restored_here(postgres_url: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="use pg_restore"):
        restore(postgres_url, tmp_path / "any.db")


def test_whoever_writes_or_reads_for_too_long_stops_it(sqlite_store: Engine, backup: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replacing, "BUSY_TIMEOUT_SECONDS", 0.2)
    path = path_of(sqlite_store)
    writer = sqlite3.connect(path, isolation_level=None)
    writer.execute("begin immediate")
    with pytest.raises(StoreUnavailable, match=r"was written for more than 0 s: try again\.$"):
        restore(url_of(sqlite_store), backup)
    writer.close()
    ingest(sqlite_store, [receipt(3, "A", 5)])
    with reading(sqlite_store), pytest.raises(StoreUnavailable, match="is being read by something that takes long"):
        _read_an_earlier_state(sqlite_store, backup)
    assert SECOND.event_id in events_in(path)
    restore(url_of(sqlite_store), backup)
    assert SECOND.event_id not in events_in(path)


def _read_an_earlier_state(engine: Engine, backup: Path) -> None:
    with opened(url_of(engine)) as other:
        ingest(other, [receipt(4, "A", 5)])
        restore(url_of(engine), backup)


def test_nobody_opens_the_store_between_log_and_name(sqlite_store: Engine, backup: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, seen = path_of(sqlite_store), []
    original = replacing._remove_log

    def opens() -> None:
        with opened(url_of(sqlite_store)) as engine, reading(engine) as connection:
            seen.append(connection.execute(sa.text("select value from store_meta where key = 'store_id'")).scalar_one())

    threads = [threading.Thread(target=opens)]

    def remove(removed: Path) -> None:
        original(removed)
        if removed == path:
            threads[0].start()
            threads[0].join(0.3)
            assert seen == []

    monkeypatch.setattr(replacing, "_remove_log", remove)
    restore(url_of(sqlite_store), backup)
    threads[0].join(30)
    assert seen == [f'"{id_of(path)}"']


def test_a_reader_that_opens_another_connection_meanwhile_is_not_waited_for_in_vain(
    sqlite_store: Engine, backup: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    is_waiting, restored = threading.Event(), []
    original = replacing._finish_log

    def finish(other: sqlite3.Connection, path: Path) -> None:
        is_waiting.set()
        original(other, path)

    monkeypatch.setattr(replacing, "_finish_log", finish)
    thread = threading.Thread(target=lambda: restored.append(restore(url_of(sqlite_store), backup)))
    with reading(sqlite_store):
        with opened(url_of(sqlite_store)) as other:
            ingest(other, [receipt(3, "A", 5)])  # so that an earlier state is read here
        thread.start()
        assert is_waiting.wait(30)
        with opened(url_of(sqlite_store)) as other, reading(other) as connection:
            assert connection.execute(sa.text("select count(*) from event where source is not null")).scalar_one() > 0
        assert restored == []
    thread.join(30)
    assert [each.path for each in restored] == [path_of(sqlite_store)]


def test_two_that_replace_a_store_at_once_wait_for_each_other(sqlite_store: Engine, backup: Path) -> None:
    path = path_of(sqlite_store)
    threads = [threading.Thread(target=replace_store, args=(path, _copy_of(backup, number), _kept(path, number))) for number in range(4)]
    inodes = {_copy_of(backup, number).stat().st_ino for number in range(4)} | {path.stat().st_ino}
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    kept = [_kept(path, number) for number in range(4)]
    assert {each.stat().st_ino for each in [path, *kept]} == inodes  # each replaced another one


def _copy_of(backup: Path, number: int) -> Path:
    copy = backup.with_name(f"copy-{number}.db")
    if not copy.exists():
        shutil.copyfile(backup, copy)
    return copy


def _kept(path: Path, number: int) -> Path:
    return path.with_name(f"kept-{number}.db")


def test_a_copy_that_was_left_by_a_killed_restore_is_no_hindrance(sqlite_store: Engine, backup: Path) -> None:
    path = path_of(sqlite_store)
    shutil.copyfile(backup, path.with_name(f"{path.name}.restoring-1"))
    assert restore(url_of(sqlite_store), backup).path == path
