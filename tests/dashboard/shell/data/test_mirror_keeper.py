"""The keeper of history: it makes the mirror, follows the store, and says why it does not go on."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy.engine import Engine

from dashboard.shell.data import mirror_keeper as history
from dashboard.shell.data.mirror_keeper import HistoryKeeper
from dashboard.shell.data.poller import Snapshot
from data_access.events.ingest import ingest
from data_access.mirror.scan import Mirror
from data_access.store.versions import versions
from tests.dashboard.shell.data.test_poller import until
from tests.data_access.queries.busy_company import make_busy_company, sale


@pytest.fixture
def company(store: Engine) -> Engine:
    make_busy_company(store)
    return store


@pytest.fixture
def keeper(company: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HistoryKeeper]:
    monkeypatch.setattr(history, "CATCH_UP_SECONDS", 0.0)
    monkeypatch.setattr(history, "LOOK_SECONDS", 0.05)
    kept = HistoryKeeper(company, tmp_path / "mirror", lambda: Snapshot(versions=versions(company)))
    yield kept
    kept.stop()


def orders(mirror: Mirror | None) -> int:
    return 0 if mirror is None else mirror.count("order")


def test_history_follows_the_store(company: Engine, keeper: HistoryKeeper) -> None:
    keeper.start()
    first = keeper.ready()
    assert (orders(first.mirror), first.share, first.problem) == (3, None, "")
    assert first.at is not None
    ingest(company, [sale(50, "web", "A", 1, 9)])
    until(lambda: orders(keeper.state.mirror) == 4)
    assert keeper.state.at is not None
    assert keeper.state.at > first.at


def test_what_was_known_stays_when_the_folder_cannot_be_written(company: Engine, keeper: HistoryKeeper, tmp_path: Path) -> None:
    keeper.start()
    assert orders(keeper.ready().mirror) == 3
    (tmp_path / "mirror").rename(tmp_path / "elsewhere")
    (tmp_path / "mirror").write_text("a file in its place")
    ingest(company, [sale(50, "web", "A", 1, 9)])
    until(lambda: keeper.state.problem != "")
    assert "cannot be" in keeper.state.problem
    (tmp_path / "mirror").unlink()
    (tmp_path / "elsewhere").rename(tmp_path / "mirror")
    until(lambda: keeper.state.problem == "" and orders(keeper.state.mirror) == 4)
