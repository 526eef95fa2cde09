"""The mirror equals the store, whatever happened to either."""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from unittest.mock import patch

import polars as pl
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy.engine import Engine

from data_access.demo import build_demo
from data_access.domain.facts import FACTS, KEYS
from data_access.engine import open_engine, writing
from data_access.errors import StoreUnavailable
from data_access.events import models as ev
from data_access.events.ingest import ingest
from data_access.imports.order_import import import_table
from data_access.mirror import manifest as manifests
from data_access.mirror import writing as mirror_writing
from data_access.mirror.manifest import load
from data_access.mirror.scan import Mirror, open_mirror
from data_access.mirror.verify import verify_mirror
from data_access.mirror.writing import catch_up
from data_access.schema.audit import change_log
from data_access.schema.orders import cancellation, order_line, sales_order, shipment
from data_access.schema.returns import return_line
from data_access.store.frames import read
from tests.conftest import DEMO_AS_OF, DEMO_SEED, TEMPLATE, postgres_database
from tests.data_access.histories import histories
from tests.data_access.import_files import row, shop, write
from tests.data_access.queries.busy_company import make_busy_company, sale
from tests.data_access.small_company import HOUR, T0, forget_events, make_company

TABLES = {"order": sales_order, "line": order_line, "shipment": shipment, "cancellation": cancellation, "return": return_line}
MONTHS_APART = (0, 1, 30, 400)  # hours


def raw(engine: Engine, fact: str) -> pl.DataFrame:
    """The columns that a fact has from its own table, read without the mirror's statements."""
    table = TABLES[fact]
    names = {KEYS[fact]: "id"} | {name: name for name in FACTS[fact] if name in table.c and name != KEYS[fact]}
    schema = pl.Schema({name: FACTS[fact][name] for name in names})
    return read(engine, sa.select(*(table.c[column] for column in names.values())), schema).sort(KEYS[fact])


def mirrored(folder: Path, fact: str) -> pl.DataFrame:
    mirror = open_mirror(folder)
    assert mirror is not None
    return mirror.scan(fact).collect().sort(KEYS[fact])


def assert_equal(engine: Engine, folder: Path) -> None:
    lines = raw(engine, "line").select("line_id", "order_id", "placed_at", "channel_id")
    for fact in FACTS:
        rows, expected = mirrored(folder, fact), raw(engine, fact)
        assert rows.schema == FACTS[fact]
        assert rows.select(expected.columns).equals(expected), fact
        if fact in ("shipment", "cancellation", "return"):
            on_line = rows.filter(pl.col("line_id").is_not_null())
            assert on_line.select(lines.columns).equals(
                on_line.select("line_id").join(lines, on="line_id", how="left", maintain_order="left")
            )
    alone = mirrored(folder, "return").filter(pl.col("line_id").is_null())
    assert alone["order_id"].null_count() == alone.height
    assert (alone["placed_at"] == alone["received_at"]).all()
    report = verify_mirror(engine, folder)
    assert report is not None
    assert (report.differences, report.first_differences) == (0, [])


@pytest.fixture(scope="module", params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def company(request: pytest.FixtureRequest, sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """The small company, on both databases; each example empties it again."""
    if request.param == "sqlite":
        path = tmp_path_factory.mktemp("mirror") / "store.db"
        shutil.copyfile(sqlite_template, path)
        engine = open_engine(f"sqlite:///{path}")
        make_company(engine)
        yield engine
        engine.dispose()
        return
    with postgres_database(request.getfixturevalue("postgres_server"), TEMPLATE) as url:
        engine = open_engine(url)
        make_company(engine)
        yield engine
        engine.dispose()


@settings(max_examples=25, phases=(Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink), suppress_health_check=[HealthCheck.too_slow])
@given(history=histories(hours=MONTHS_APART), seed=st.integers(0, 2**32 - 1))
def test_it_equals_the_store_after_any_changes_failures_and_rebuilds(
    company: Engine, tmp_path_factory: pytest.TempPathFactory, history: list[ev.Event], seed: int
) -> None:
    chance, folder = random.Random(seed), tmp_path_factory.mktemp("facts")
    forget_events(company)
    with patch.object(mirror_writing, "PATCHED", chance.choice((0, 1, 10))):  # always patches; soon folded; as it is
        live_through(company, folder, history, chance)
        catch_up(company, folder)
        assert_equal(company, folder)


def live_through(company: Engine, folder: Path, history: list[ev.Event], chance: random.Random) -> None:
    """Take a history in, in batches, and catch up or fail to between them."""
    start = 0
    while start < len(history):
        size = chance.randint(1, 6)
        ingest(company, history[start : start + size])
        start += size
        if chance.random() < 0.3:  # the disk fails at one of the writes
            calls = iter(range(100))
            last = chance.randint(0, 9)

            def failing(handle: int, sync: object = os.fsync, calls: Iterator[int] = calls, last: int = last) -> None:
                if next(calls) == last:
                    raise OSError(28, "No space left on device")
                sync(handle)  # type: ignore[operator]

            with patch.object(os, "fsync", failing):
                try:
                    catch_up(company, folder)
                except StoreUnavailable:
                    continue
        elif chance.random() < 0.7:
            catch_up(company, folder, rebuild=chance.random() < 0.1)
            if chance.random() < 0.5:
                assert_equal(company, folder)


def kill_one(store_url: str, folder: Path, after: float) -> bool:
    """Start `onhand mirror` and kill it; whether it was still at it."""
    environment = {**os.environ, "ONHAND_DATABASE_URL": store_url, "ONHAND_VAR_DIR": str(folder)}
    command = [sys.executable, "-m", "dashboard.cli", "mirror", "--rebuild"]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    time.sleep(after)
    was_running = process.poll() is None
    process.send_signal(signal.SIGKILL)
    process.wait()
    return was_running


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def demo(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Address of a tiny demo store, on both databases."""
    if request.param == "sqlite":
        return str(request.getfixturevalue("demo_url"))
    url = str(request.getfixturevalue("postgres_empty_url"))
    build_demo(url, "tiny", DEMO_SEED, DEMO_AS_OF, tmp_path / "truth")
    return url


def test_it_equals_the_store_after_kills(demo: str, tmp_path: Path) -> None:
    engine, folder = open_engine(demo), tmp_path / "var" / "mirror"
    catch_up(engine, folder)
    before = {fact: mirrored(folder, fact) for fact in FACTS}
    killed = [kill_one(demo, folder.parent, after) for after in (0.5, 0.8, 1.0, 1.2, 1.4)]
    assert any(killed)
    for fact in FACTS:  # whichever state it is in, it is a whole one
        assert mirrored(folder, fact).equals(before[fact])
    done = catch_up(engine, folder)
    assert_equal(engine, folder)
    assert {fact: mirrored(folder, fact).height for fact in FACTS} == {fact: rows.height for fact, rows in before.items()}
    assert not done.is_rebuilt
    engine.dispose()


def test_a_small_change_is_a_patch_beside_a_large_month(demo_store: Engine, tmp_path: Path) -> None:
    before = catch_up(demo_store, tmp_path).manifest
    *_, other, last = mirrored(tmp_path, "order").sort("placed_at", "order_id").iter_rows(named=True)
    assert other["placed_at"].strftime("%Y-%m") == last["placed_at"].strftime("%Y-%m")
    at = int(last["placed_at"].timestamp() * 1e6) + HOUR
    for number, order in ((1, last), (2, other)):
        head = {"source": "test", "channel_id": order["channel_id"], "order_ref": order["order_ref"], "occurred_at": at, "received_at": at}
        assert ingest(demo_store, [ev.Cancellation(**head, event_id=f"c{number}", cancelled_by="seller")])[0].status == "applied"
        done = catch_up(demo_store, tmp_path)
        month = done.manifest.parts["line"][last["placed_at"].strftime("%Y-%m")]
        assert (month.files, month.patch is None) == (before.parts["line"][last["placed_at"].strftime("%Y-%m")].files, False)
        assert_equal(demo_store, tmp_path)


def test_only_what_changed_is_read_and_written_anew(store: Engine, tmp_path: Path) -> None:
    make_busy_company(store)
    first = catch_up(store, tmp_path)
    assert (first.is_rebuilt, first.orders, first.parts) == (True, (), 2)
    assert {fact: Mirror(tmp_path, first.manifest).count(fact) for fact in FACTS} == {
        "order": 3,
        "line": 3,
        "shipment": 0,
        "cancellation": 0,
        "return": 0,
    }
    assert catch_up(store, tmp_path).parts == 0
    at = {"occurred_at": T0 + 40 * 24 * HOUR, "received_at": T0 + 40 * 24 * HOUR}
    line = ev.OrderUnits(line_ref="1", quantity=1)
    base = {"source": "test", "channel_id": "web", "order_ref": "o3"}
    ingest(store, [ev.Shipment(**base, **at, event_id="s1", shipment_ref="p1", location_id="north", lines=(line,))])
    second = catch_up(store, tmp_path)
    assert (second.is_rebuilt, len(second.orders), second.parts) == (False, 1, 3)
    assert list(second.manifest.parts["shipment"]) == ["2025-10"]  # the month of placing
    assert_equal(store, tmp_path)


def test_months_are_read_alone(store: Engine, tmp_path: Path) -> None:
    make_company(store)
    ingest(store, [sale(1, "web", "A", 1, 0), sale(2, "web", "A", 1, 24 * 40), sale(3, "web", "A", 1, 24 * 80)])
    catch_up(store, tmp_path)
    mirror = open_mirror(tmp_path)
    assert mirror is not None
    assert sorted(mirror.manifest.parts["line"]) == ["2025-10", "2025-11", "2025-12"]
    since, until = datetime(2025, 11, 1, tzinfo=UTC), datetime(2025, 11, 30, tzinfo=UTC)
    assert mirror.scan("order", since, until).collect()["order_ref"].to_list() == ["o2"]
    assert mirror.scan("order", since).collect()["order_ref"].to_list() == ["o2", "o3"]
    assert mirror.scan("return").collect().equals(FACTS["return"].to_frame())


def test_it_is_read_anew_when_the_log_does_not_tell(store: Engine, tmp_path: Path) -> None:
    make_busy_company(store)
    catch_up(store, tmp_path)
    ingest(store, [sale(20, "web", "A", 1, 7), sale(21, "web", "A", 1, 8)])
    with writing(store) as connection:
        connection.execute(sa.delete(change_log).where(change_log.c.topic == "orders"))
    assert catch_up(store, tmp_path).is_rebuilt
    assert_equal(store, tmp_path)


def test_history_that_a_count_begins_to_move_stock_is_read_anew(store: Engine, tmp_path: Path) -> None:
    shop(
        store,
        tmp_path,
        row("1", "a", "MUG", 2, "Shipped"),
        row("2", "a", "MUG", 3, "Shipped", "2026-03-03 10:00:00"),
    )
    folder = tmp_path / "mirror"
    catch_up(store, folder)
    assert mirrored(folder, "shipment")["moves_stock"].to_list() == [False, False]
    counts = write(tmp_path / "counts.csv", "sku,location_id,quantity,counted_at", "MUG,main,20,2026-03-02 00:00:00")
    import_table(store, "counts", counts)
    assert not catch_up(store, folder).is_rebuilt
    assert mirrored(folder, "shipment").sort("quantity")["moves_stock"].to_list() == [False, True]
    assert_equal(store, folder)


def test_another_store_is_not_taken_for_this_one(store: Engine, sqlite_url: str, tmp_path: Path) -> None:
    make_busy_company(store)
    catch_up(store, tmp_path / "mirror")
    other = open_engine(sqlite_url.replace("store.db", "other.db"))
    shutil.copyfile(sqlite_url.removeprefix("sqlite:///"), sqlite_url.removeprefix("sqlite:///").replace("store.db", "other.db"))
    made = catch_up(other, tmp_path / "mirror")
    other.dispose()
    assert made.is_rebuilt
    assert mirrored(tmp_path / "mirror", "order").is_empty()


def test_a_difference_is_found(store: Engine, tmp_path: Path) -> None:
    make_busy_company(store)
    manifest = catch_up(store, tmp_path).manifest
    name = manifest.parts["line"]["2025-10"].files[0]
    rows = pl.read_parquet(tmp_path / name).sort("line_id")
    changed = rows.with_columns(quantity=pl.when(pl.col("line_id") == rows["line_id"][0]).then(9).otherwise("quantity"))
    pl.concat([changed.head(2), changed.head(1).with_columns(line_id=pl.lit(1, pl.Int64))]).write_parquet(tmp_path / name)
    report = verify_mirror(store, tmp_path)
    assert report is not None
    assert report.differences == 3
    assert [(row["fact"], row["month"], row["key"], row["what"]) for row in report.first_differences] == [
        ("line", "2025-10", 1, "only mirrored"),
        ("line", "2025-10", rows["line_id"][0], "differs"),
        ("line", "2025-10", rows["line_id"][2], "missing"),
    ]


def test_a_store_that_was_never_mirrored_has_nothing_to_compare(store: Engine, tmp_path: Path) -> None:
    assert verify_mirror(store, tmp_path) is None
    assert open_mirror(tmp_path) is None


def test_a_manifest_of_another_release_is_not_read(store: Engine, tmp_path: Path) -> None:
    make_busy_company(store)
    catch_up(store, tmp_path)
    path = tmp_path / "manifest.json"
    path.write_text(path.read_text().replace(f'"format": {manifests.FORMAT}', '"format": 0'))
    assert load(tmp_path) is None
    assert catch_up(store, tmp_path).is_rebuilt


def test_superseded_files_stay_for_those_who_read_them(store: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_busy_company(store)
    catch_up(store, tmp_path)
    reader = open_mirror(tmp_path)
    assert reader is not None
    for number in (30, 31):
        ingest(store, [sale(number, "web", "A", 1, number)])
        catch_up(store, tmp_path)
    assert reader.scan("order").collect().height == 3
    assert len(list(tmp_path.glob("line/*.parquet"))) == 3
    monkeypatch.setattr(manifests, "KEPT_SECONDS", -1.0)
    ingest(store, [sale(32, "web", "A", 1, 32)])
    catch_up(store, tmp_path)
    assert len(list(tmp_path.glob("line/*.parquet"))) == 1
