"""What a database refuses becomes a sentence, and nothing that was there is lost."""

import sqlite3
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy import event as sa_event

from data_access.engine import IdsUsedUp, RowIds, open_engine, reading, writing
from data_access.errors import StoreUnavailable
from data_access.events.ingest import ingest
from data_access.queries.verification.verify import verify
from data_access.schema.stock import event
from tests.data_access.events.test_ingest import levels, receipt
from tests.data_access.small_company import make_company


def _receive(engine: sa.Engine) -> None:
    for number in range(2, 500):
        ingest(engine, [receipt(number, "A", 1)])


def test_a_full_disk_is_said_and_loses_nothing(sqlite_url: str) -> None:
    engine = open_engine(sqlite_url)
    make_company(engine)
    ingest(engine, [receipt(1, "A", 5)])
    engine.dispose()

    full = open_engine(sqlite_url)

    @sa_event.listens_for(full, "connect")
    def _no_more_pages(connection: sqlite3.Connection, _record: object) -> None:
        pages = connection.execute("pragma page_count").fetchone()[0]
        connection.execute(f"pragma max_page_count = {pages}")  # SQLite answers as on a full disk

    with pytest.raises(StoreUnavailable, match=r"^The disk of .* is full: free some space and try again; nothing was lost\.$"):
        _receive(full)
    full.dispose()
    again = open_engine(sqlite_url)
    assert verify(again).differences == 0
    with again.connect() as connection:
        taken = connection.execute(sa.select(sa.func.count()).select_from(event)).scalar_one()
    assert levels(again) == {"A@north": (5 + taken - 1, 0, 0, 0)}
    assert [outcome.status for outcome in ingest(again, [receipt(number, "A", 1) for number in range(2, 500)])].count(
        "applied"
    ) == 499 - taken
    again.dispose()


def test_a_read_only_store_is_said(sqlite_url: str) -> None:
    path = sqlite_url.removeprefix("sqlite:///")
    engine = open_engine(f"sqlite:///file:{path}?mode=ro&uri=true")
    with (
        pytest.raises(StoreUnavailable, match="is read-only: give write permission on the file and its folder"),
        writing(engine) as connection,
    ):
        connection.execute(sa.delete(event))
    engine.dispose()


def test_a_file_that_is_not_a_store_is_said(tmp_path: Path) -> None:
    path = tmp_path / "notes.db"
    path.write_text("no database " * 500)
    engine = open_engine(f"sqlite:///{path}")
    with pytest.raises(StoreUnavailable, match="is not an OnHand store: choose another"), reading(engine):
        pass
    engine.dispose()
    assert path.read_text() == "no database " * 500


def test_a_database_that_does_not_answer_is_said() -> None:
    engine = open_engine("postgresql://nobody@127.0.0.1:1/nothing")
    with (
        pytest.raises(StoreUnavailable, match=r"cannot be reached: check that it runs and that ONHAND_DATABASE_URL is right"),
        reading(engine),
    ):
        pass
    engine.dispose()


@pytest.mark.parametrize(("url", "says"), [("no address", "cannot be read"), ("mysql://host/x", "begins with mysql")])
def test_addresses_that_are_not_served_are_said(url: str, says: str) -> None:
    with pytest.raises(StoreUnavailable, match=says):
        open_engine(url)


def test_row_ids_are_never_handed_out_twice(store_url: str) -> None:
    engines = [open_engine(store_url) for _ in range(2)]
    ids = [RowIds(engine) for engine in engines]
    taken: list[int] = []
    for turn in range(6):
        one = ids[turn % 2]
        one.reserve(4_000)
        first = one.take(4_000)
        taken += range(first, first + 4_000)
    assert len(set(taken)) == len(taken) == 24_000
    with pytest.raises(IdsUsedUp):
        ids[0].take(1_000_000)
    for engine in engines:
        engine.dispose()


def test_a_store_in_a_folder_that_is_a_file_is_said(tmp_path: Path) -> None:
    (tmp_path / "here").write_text("a file")
    with pytest.raises(StoreUnavailable, match="cannot be made"):
        open_engine(f"sqlite:///{tmp_path / 'here' / 'deeper' / 'store.db'}")
