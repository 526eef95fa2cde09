"""Counting only the orders that changed gives what counting all of them gives."""

import json
import random
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy.engine import Engine

from data_access.domain.scorecards.rates import TALLY
from data_access.engine import open_engine
from data_access.events import models as ev
from data_access.events.ingest import ingest
from data_access.mirror import manifest as manifests
from data_access.mirror.count_file import counted
from data_access.mirror.counting import Counted, count, missent, recount
from data_access.mirror.scan import Mirror, open_mirror
from data_access.mirror.verify import verify_mirror
from data_access.mirror.writing import catch_up
from data_access.queries import scorecards as queries
from tests.data_access.histories import histories
from tests.data_access.queries.busy_company import make_busy_company, sale
from tests.data_access.small_company import HOUR, T0, forget_events, make_company

ZONES = pl.DataFrame({"channel_id": ["web", "market"], "time_zone": ["Europe/Berlin", "America/New_York"]})
NOW = datetime.fromtimestamp(T0 / 1e6 + 60 * 86_400, UTC)


def opened(folder: Path) -> Mirror:
    mirror = open_mirror(folder)
    assert mirror is not None
    return mirror


def comparable(counted: Counted) -> pl.DataFrame:
    return counted.tally.sort(TALLY.names())


@pytest.fixture(scope="module")
def company(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    path = tmp_path_factory.mktemp("counting") / "store.db"
    shutil.copyfile(sqlite_template, path)
    engine = open_engine(f"sqlite:///{path}")
    make_company(engine)
    yield engine
    engine.dispose()


@settings(max_examples=15, phases=(Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink))
@given(history=histories(hours=(0, 1, 30, 200)), seed=st.integers(0, 2**32 - 1))
def test_only_the_changed_orders_are_counted_again(
    company: Engine, tmp_path_factory: pytest.TempPathFactory, history: list[ev.Event], seed: int
) -> None:
    chance, folder = random.Random(seed), tmp_path_factory.mktemp("facts")
    forget_events(company)
    metrics = queries.metrics(company)
    catch_up(company, folder, rebuild=True)
    counted = count(opened(folder), ZONES, metrics, NOW)
    start = 0
    while start < len(history):
        size = chance.randint(1, 5)
        ingest(company, history[start : start + size])
        start += size
        done = catch_up(company, folder)
        counted = recount(counted, opened(folder), done.orders, done.months)
    again = count(opened(folder), ZONES, metrics, NOW)
    assert comparable(counted).equals(comparable(again))
    assert counted.sent.equals(again.sent)
    assert missent(counted).is_empty()


def test_the_touched_day_cells_are_told(store: Engine, tmp_path: Path) -> None:
    make_busy_company(store)
    metrics = queries.metrics(store)
    catch_up(store, tmp_path)
    before = count(opened(tmp_path), ZONES, metrics, NOW)
    ingest(store, [sale(60, "web", "A", 1, 30)])
    done = catch_up(store, tmp_path)
    after = recount(before, opened(tmp_path), done.orders, done.months)
    # one cell for each kind: cancellations and returns stay open; the others exclude an order without a ship-by or a deliver-by date
    assert after.touched == 5
    assert recount(after, opened(tmp_path), [], []).touched == 0
    at = {"occurred_at": T0 + 40 * HOUR, "received_at": T0 + 40 * HOUR}
    gone = ev.Cancellation(source="test", event_id="gone", **at, channel_id="web", order_ref="o60", cancelled_by="seller")
    ingest(store, [gone])
    done = catch_up(store, tmp_path)
    last = recount(after, opened(tmp_path), done.orders, done.months)
    assert comparable(last).equals(comparable(count(opened(tmp_path), ZONES, metrics, NOW)))
    assert last.touched > 0


def test_the_next_process_goes_on_from_the_last_count(store: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_busy_company(store)
    metrics = queries.metrics(store)
    first = counted(tmp_path, catch_up(store, tmp_path), ZONES, metrics, NOW, None)
    assert (first.touched, first.tally.height) == (first.tally.height, 10)  # five kinds on two channels
    again = counted(tmp_path, catch_up(store, tmp_path), ZONES, metrics, NOW, None)
    assert (again.touched, comparable(again).equals(comparable(first))) == (0, True)
    monkeypatch.setattr(manifests, "KEPT_SECONDS", -1.0)  # what is counted stays, though nobody reads it
    for number in (70, 71):
        ingest(store, [sale(number, "web", "A", 1, number)])
        last = counted(tmp_path, catch_up(store, tmp_path), ZONES, metrics, NOW, None)
        assert last.touched == 5
    assert comparable(last).equals(comparable(count(opened(tmp_path), ZONES, metrics, NOW)))
    assert counted(tmp_path, catch_up(store, tmp_path), ZONES, metrics, NOW + timedelta(days=8), None).touched > 0  # too old
    ingest(store, [sale(72, "web", "A", 1, 72)])
    catch_up(store, tmp_path)  # and not counted
    ingest(store, [sale(73, "web", "A", 1, 73)])
    late = counted(tmp_path, catch_up(store, tmp_path), ZONES, metrics, NOW, None)
    assert comparable(late).equals(comparable(count(opened(tmp_path), ZONES, metrics, NOW)))
    (tmp_path / "count.json").write_text("{")
    assert counted(tmp_path, catch_up(store, tmp_path), ZONES, metrics, NOW, None).touched > 0
    other = counted(tmp_path, catch_up(store, tmp_path), ZONES.head(1), metrics, NOW, None)  # of other channels
    assert other.channels.height == 1


def test_what_was_ever_sent_reaches_further_back_than_the_windows(store: Engine, tmp_path: Path) -> None:
    make_busy_company(store)
    metrics = queries.metrics(store)
    much_later = NOW + timedelta(days=700)
    first = counted(tmp_path, catch_up(store, tmp_path), ZONES, metrics, much_later, None)
    assert first.tally.is_empty()  # every order is too old for a window
    assert first.sent.rows() == [("market", "order", 1), ("web", "order", 2)]
    at = {"occurred_at": T0 + 40 * HOUR, "received_at": T0 + 40 * HOUR}
    ingest(
        store,
        [
            ev.Cancellation(source="test", event_id="late", **at, channel_id="market", order_ref="o4", cancelled_by="buyer"),
            ev.Cancellation(source="test", event_id="unknown", **at, channel_id="web", order_ref="o3", cancelled_by="unknown"),
        ],
    )
    last = counted(tmp_path, catch_up(store, tmp_path), ZONES, metrics, much_later, None)
    assert (last.touched, last.tally.height) == (0, 0)
    assert last.sent.rows() == [("market", "cancellation", 1), ("market", "order", 1), ("web", "order", 2)]
    then = datetime.fromtimestamp(T0 / 1e6 + 20 * 3_600, UTC)
    assert count(opened(tmp_path), ZONES, metrics, then, known_then=True).sent.equals(first.sent)
    about = json.loads((tmp_path / "count.json").read_text())
    (tmp_path / "count.json").write_text(json.dumps({**about, "sent": [["web", "order", 1]]}))
    report = verify_mirror(store, tmp_path)
    assert report is not None
    assert [(row["fact"], row["key"], row["what"]) for row in report.first_differences] == [
        ("sent ever", "market cancellation", "should be +1"),
        ("sent ever", "market order", "should be +1"),
        ("sent ever", "web order", "should be +1"),
    ]


def test_what_was_known_then_is_what_the_mirror_held_then(store: Engine, tmp_path: Path) -> None:
    make_busy_company(store)
    metrics = queries.metrics(store)
    catch_up(store, tmp_path)
    then = datetime.fromtimestamp(T0 / 1e6 + 20 * 3_600, UTC)
    before = count(opened(tmp_path), ZONES, metrics, then)
    at = {"occurred_at": T0 + 40 * HOUR, "received_at": T0 + 40 * HOUR}
    ingest(
        store,
        [
            sale(61, "web", "B", 1, 30),
            ev.Cancellation(source="test", event_id="late", **at, channel_id="market", order_ref="o4", cancelled_by="seller"),
        ],
    )
    catch_up(store, tmp_path)
    again = count(opened(tmp_path), ZONES, metrics, then, known_then=True)
    for column, expected in zip(comparable(again), comparable(before), strict=True):
        assert column.equals(expected)


def test_a_miscount_is_found(store: Engine, tmp_path: Path) -> None:
    make_busy_company(store)
    metrics = queries.metrics(store)
    counted(tmp_path, catch_up(store, tmp_path), ZONES, metrics, NOW, None)
    report = verify_mirror(store, tmp_path)
    assert report is not None
    assert (report.differences, report.day_cells) == (0, 10)
    file = next(tmp_path.glob("count.*.parquet"))
    cells = pl.read_parquet(file)
    returns = (pl.col("kind") == "return_rate") & (pl.col("channel_id") == "web")
    cells.with_columns(n=pl.when(returns).then(pl.col("n") + 2).otherwise("n")).write_parquet(file)
    report = verify_mirror(store, tmp_path)
    assert report is not None
    assert report.differences == 1
    day = cells.filter(returns)["day"].item()
    assert report.first_differences == [
        {"fact": "day cell", "month": day.strftime("%Y-%m"), "key": f"web return_rate {day} open", "what": "should be -2"}
    ]
