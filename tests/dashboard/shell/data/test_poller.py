"""The poller: it patches what changed, keeps the last good figures when the database goes away, and comes back by itself."""

import shutil
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import polars as pl
import pytest
import sqlalchemy as sa
from polars.testing import assert_frame_equal
from sqlalchemy.engine import Engine

from dashboard.shell.data.poller import LiveStock
from data_access.commands.buffers import Change, save
from data_access.domain.buffer_rules import RuleDraft
from data_access.engine import now_us, open_engine, writing
from data_access.errors import StoreUnavailable
from data_access.events.ingest import ingest
from data_access.queries import live_stock as live
from data_access.queries.recent import DEMAND
from data_access.schema.catalog import product
from data_access.store.replacing import restore
from data_access.write.permissions import COMMAND_LINE
from data_access.write.unit_of_work import raise_versions
from tests.data_access.queries.busy_company import make_busy_company, sale
from tests.data_access.small_company import T0, make_company


@pytest.fixture
def polled(store: Engine) -> Iterator[tuple[LiveStock, Engine]]:
    """A poller on an engine of its own, asked by hand, and the engine that writes."""
    make_busy_company(store)
    hub = LiveStock(open_engine(store.url.render_as_string(hide_password=False)))
    yield hub, store
    hub.engine.dispose()


def pool(hub: LiveStock, sku: str, channel_id: str) -> int:
    latest = hub.snapshot.live
    assert latest is not None
    return int(latest.availability.filter((pl.col("sku") == sku) & (pl.col("channel_id") == channel_id))["pool"].item())


def until(condition: Callable[[], bool], seconds: float = 10) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come"
        time.sleep(0.02)


def test_an_event_is_patched_in_and_nothing_is_read_without_one(polled: tuple[LiveStock, Engine]) -> None:
    hub, store = polled
    hub.poll()
    first = hub.snapshot
    assert pool(hub, "A", "web") == 8
    hub.poll()
    assert hub.snapshot is first
    ingest(store, [sale(50, "web", "A", 3, 10)])
    hub.poll()
    assert pool(hub, "A", "web") == 5
    assert hub.snapshot.token > first.token
    assert hub.snapshot.catalogue is first.catalogue
    again = live.load(store, live.load_catalogue(store), live.load_withheld(store), DEMAND.to_frame(), now_us())
    assert hub.snapshot.live is not None
    for name in ("levels", "backorders", "allocated", "places", "availability", "overall"):
        assert_frame_equal(getattr(hub.snapshot.live, name), getattr(again, name), check_row_order=False)


def test_a_saved_rule_is_worked_in_and_leaves_when_it_ends(polled: tuple[LiveStock, Engine], monkeypatch: pytest.MonkeyPatch) -> None:
    hub, store = polled
    hub.poll()

    def may_sell() -> int:
        latest = hub.snapshot.live
        assert latest is not None
        return int(latest.availability.filter((pl.col("sku") == "A") & (pl.col("channel_id") == "web"))["available_to_sell"].item())

    assert may_sell() == 8
    ends_at = now_us() + 3_600_000_000
    save(store, [Change(RuleDraft("sku", sku="A", amount=3.0, reason="display", ends_at=ends_at))], COMMAND_LINE)
    hub.poll()
    assert may_sell() == 5
    ingest(store, [sale(50, "web", "A", 1, 10)])
    hub.poll()
    assert may_sell() == 4
    before = hub.snapshot
    hub.poll()
    assert hub.snapshot is before
    monkeypatch.setattr("dashboard.shell.data.poller.now_us", lambda: ends_at)
    hub.poll()
    assert may_sell() == 7
    after = hub.snapshot
    hub.poll()
    assert hub.snapshot is after


def test_many_changes_and_bulk_changes_are_loaded_whole(polled: tuple[LiveStock, Engine], monkeypatch: pytest.MonkeyPatch) -> None:
    hub, store = polled
    hub.poll()
    monkeypatch.setattr("dashboard.shell.data.poller.PATCH_SKUS", 1)
    ingest(store, [sale(50, "web", "KIT", 1, 10)])
    hub.poll()
    assert (pool(hub, "A", "web"), pool(hub, "B", "web")) == (7, 3)
    with writing(store) as connection:
        connection.execute(sa.text("update stock_level set on_hand = on_hand + 100 where sku = 'B'"))
        raise_versions(connection, {"stock": [("bulk", "*")]})
    hub.poll()
    assert pool(hub, "B", "web") >= 103


def test_a_heartbeat_moves_freshness_alone(polled: tuple[LiveStock, Engine]) -> None:
    hub, store = polled
    hub.poll()
    before = hub.snapshot
    ingest(store, [], {"web": T0 + 10**12})
    hub.poll()
    assert hub.snapshot.token == before.token
    assert hub.snapshot.synced["synced_until"].max() != before.synced["synced_until"].max()


def test_a_new_name_is_there_after_the_next_look(polled: tuple[LiveStock, Engine]) -> None:
    hub, store = polled
    hub.poll()
    with writing(store) as connection:
        connection.execute(sa.update(product).where(product.c.sku == "A").values(name="Avocado"))
        raise_versions(connection, {"catalog": [("product", "A")]})
    hub.poll()
    assert hub.snapshot.catalogue is not None
    assert hub.snapshot.catalogue.products["name"].to_list() == ["Avocado", "Banana", "Fruit basket"]


def test_the_database_goes_away_and_comes_back(sqlite_store: Engine, tmp_path: Path) -> None:
    make_busy_company(sqlite_store)
    sqlite_store.dispose()
    path = Path(str(sqlite_store.url.database))
    hub = LiveStock(open_engine(f"sqlite:///{path}"))
    hub.start()
    try:
        assert hub.ready().live is not None
        until(lambda: hub.snapshot.recent is not None)
        good = hub.snapshot
        path.rename(tmp_path / "elsewhere.db")
        until(lambda: not hub.health.is_ok)
        assert "There is no file" in hub.health.sentence
        assert hub.health.since is not None
        assert hub.snapshot is good
        assert not path.exists(), "asking must not make an empty file"
        with pytest.raises(StoreUnavailable):
            hub.ask(lambda _: 1)
        (tmp_path / "elsewhere.db").rename(path)
        until(lambda: hub.health.is_ok)
        assert hub.health.sentence == ""
        assert hub.ask(lambda _: 1) == 1
    finally:
        hub.stop()


def test_another_store_in_its_place_is_loaded_whole(sqlite_template: Path, tmp_path: Path) -> None:
    path, other = tmp_path / "store.db", tmp_path / "other.db"
    for one in (path, other):
        shutil.copyfile(sqlite_template, one)
    small, busy = open_engine(f"sqlite:///{path}"), open_engine(f"sqlite:///{other}")
    make_company(small)
    make_busy_company(busy)
    small.dispose()
    busy.dispose()
    hub = LiveStock(open_engine(f"sqlite:///{path}"))
    hub.poll()
    assert pool(hub, "A", "web") == 0
    for suffix in ("-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
    other.rename(path)
    hub.poll()
    assert pool(hub, "A", "web") == 8
    hub.engine.dispose()


def test_a_restored_store_of_the_same_versions_is_loaded_whole_and_may_be_written(sqlite_store: Engine, tmp_path: Path) -> None:
    make_busy_company(sqlite_store)
    path, backup = Path(str(sqlite_store.url.database)), tmp_path / "backup.db"
    with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(backup)) as target:
        source.backup(target)
    hub = LiveStock(open_engine(f"sqlite:///{path}"))
    hub.poll()
    before = hub.snapshot
    restore(f"sqlite:///{path}", backup)
    hub.poll()
    after = hub.snapshot
    assert after.versions == before.versions
    assert (before.store_number, after.store_number) == (0, 1)
    assert after.token > before.token
    assert after.catalogue is not before.catalogue
    ingest(hub.engine, [], {"web": T0 + 10**12})
    hub.poll()
    assert hub.health.is_ok
    hub.engine.dispose()


def test_a_store_that_is_not_there_or_not_made_says_what_to_do(empty_url: str) -> None:
    hub = LiveStock(open_engine(empty_url))
    try:
        if empty_url.startswith("sqlite"):
            with pytest.raises(StoreUnavailable, match="onhand migrate"):
                hub.poll()
        else:
            hub.poll()
            assert "onhand migrate" in hub.snapshot.problem
            assert hub.snapshot.live is None
    finally:
        hub.engine.dispose()


def test_an_unreachable_database_is_no_end_of_the_poller() -> None:
    hub = LiveStock(open_engine("postgresql://nobody@127.0.0.1:1/none"))
    hub.start()
    try:
        assert hub.ready().live is None
        assert "cannot be reached" in hub.health.sentence
    finally:
        hub.stop()
