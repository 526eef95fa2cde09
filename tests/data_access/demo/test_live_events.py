"""The company goes on: live events, missed days, load."""

import threading
import time
from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from data_access.demo import build_demo, catch_up, days_missed, live
from data_access.demo.live_events import _begin, _step
from data_access.demo.specs import DAY_US, HOUR_US
from data_access.demo.world import SOURCE, open_world
from data_access.engine import now_us, open_engine, reading
from data_access.errors import InvalidInput
from data_access.events.ingest import Outcome
from data_access.events.models import Event
from data_access.queries.verification.verify import verify
from data_access.schema.audit import inbox_item
from data_access.schema.channels import channel_state
from data_access.schema.stock import event, stock_movement


def end_of(engine: Engine) -> int:
    with reading(engine) as connection:
        return int(connection.execute(sa.select(sa.func.max(channel_state.c.synced_until))).scalar_one())


def kinds(engine: Engine) -> Counter[str]:
    with reading(engine) as connection:
        rows = connection.execute(sa.select(event.c.kind, sa.func.count()).where(event.c.source == SOURCE).group_by(event.c.kind))
        return Counter({row[0]: row[1] for row in rows})


def assert_sound(engine: Engine) -> None:
    """The store verifies, and nothing went to the inbox, was parked, or did not add up."""
    assert verify(engine).rows == []
    with reading(engine) as connection:
        assert connection.execute(sa.select(inbox_item.c.reason)).all() == []
        assert connection.execute(sa.select(event.c.event_id).where(event.c.status != "applied")).all() == []
        assert connection.execute(sa.select(stock_movement.c.id).where(stock_movement.c.kind == "discrepancy")).all() == []


def test_missed_days_are_made_up_for_once(demo_store: Engine) -> None:
    until = end_of(demo_store) + 9 * DAY_US
    assert days_missed(demo_store, until) == 9
    steps: list[tuple[int, int]] = []
    sent = catch_up(demo_store, until, lambda done, total: steps.append((done, total)))
    by_kind = kinds(demo_store)
    assert sum(by_kind.values()) == sent
    assert steps[-1] == (18, 18)
    everything = {
        "sale", "shipment", "tracking", "scan", "delivery", "cancellation", "return_received", "inspection", "purchase_order",
        "receipt", "transfer", "count",
    }  # fmt: skip
    assert everything <= set(by_kind)
    assert by_kind["sale"] > 200
    assert end_of(demo_store) == until
    assert_sound(demo_store)
    assert days_missed(demo_store, until) == 0
    assert catch_up(demo_store, until) == 0
    assert kinds(demo_store) == by_kind


def test_a_stop_half_way_loses_nothing_and_repeats_nothing(demo_store: Engine) -> None:
    until = end_of(demo_store) + 3 * DAY_US

    class Stopped(Exception):
        pass

    def stop(done: int, _total: int) -> None:
        if done == 2:
            raise Stopped

    with pytest.raises(Stopped):
        catch_up(demo_store, until, stop)
    half = end_of(demo_store)
    assert half == until - 2 * DAY_US
    catch_up(demo_store, until)
    assert end_of(demo_store) == until
    assert_sound(demo_store)


def test_the_same_step_sent_twice_changes_nothing(demo_store: Engine) -> None:
    now = end_of(demo_store) + 6 * HOUR_US
    first = open_world(demo_store)
    _step(first, _begin(first, None), now, slow=True, on_event=None)
    before = kinds(demo_store)
    world = open_world(demo_store)
    world.now, world.sent_until = now - 6 * HOUR_US, first.sent_until - 6 * HOUR_US
    _step(world, _begin(world, None), now, slow=True, on_event=None)
    with reading(demo_store) as connection:
        assert connection.execute(sa.select(inbox_item.c.reason)).all() == []
    assert kinds(demo_store)["sale"] >= before["sale"]
    assert verify(demo_store).differences == 0


def test_too_long_a_gap_is_refused(demo_store: Engine) -> None:
    with pytest.raises(InvalidInput, match="more than 14 days"):
        catch_up(demo_store, end_of(demo_store) + 16 * DAY_US)


@pytest.mark.parametrize("rate", [None, 10.0])
def test_events_are_only_invented_for_a_demo(sqlite_store: Engine, rate: float | None) -> None:
    with pytest.raises(InvalidInput, match="not a demo"):
        live(sqlite_store, threading.Event(), rate)


def run_live(engine: Engine, seconds: float, rate: float | None = None) -> tuple[list[tuple[float, Event, Outcome]], float]:
    """Live events for some seconds, and how long it took to stop."""
    stop = threading.Event()
    seen: list[tuple[float, Event, Outcome]] = []
    thread = threading.Thread(target=live, args=(engine, stop, rate, lambda e, o: seen.append((time.monotonic(), e, o))))
    thread.start()
    time.sleep(seconds)
    stop.set()
    begun = time.monotonic()
    thread.join(timeout=20)
    assert not thread.is_alive()
    return seen, time.monotonic() - begun


def test_live_events_go_through_ingestion_and_verify(demo_today_url: str) -> None:
    engine = open_engine(demo_today_url)
    try:
        seen, stopping = run_live(engine, 9)
        assert stopping < 2
        assert len(seen) >= 2
        assert all(outcome.status == "applied" for _, _, outcome in seen)
        gaps = [later[0] - earlier[0] for earlier, later in pairwise(seen)]
        assert max(gaps, default=0) < 6
        with reading(engine) as connection:
            states = {row.channel_id: row.synced_until for row in connection.execute(sa.select(channel_state))}
        assert now_us() - states["amazon"] < 12_000_000
        assert 20 * 60_000_000 <= now_us() - states["ebay"] < 92 * 60_000_000
        before = kinds(engine)
        again, _ = run_live(engine, 4)
        assert all(outcome.status == "applied" for _, _, outcome in again)
        assert sum(kinds(engine).values()) == sum(before.values()) + len(again)
        assert_sound(engine)
    finally:
        engine.dispose()


def test_load_keeps_its_proportions_and_verifies(demo_store: Engine) -> None:
    seen, stopping = run_live(demo_store, 6, rate=200.0)
    assert stopping < 2
    by_kind = Counter(event.kind for _, event, _ in seen)
    assert by_kind["sale"] > 200
    assert 0.65 < by_kind["shipment"] / by_kind["sale"] <= 0.85
    assert 0.45 < by_kind["tracking"] / by_kind["sale"] <= 0.65
    assert sum(by_kind.values()) - by_kind["sale"] - by_kind["shipment"] - by_kind["tracking"] == by_kind["receipt"]
    assert all(outcome.status == "applied" for _, _, outcome in seen)
    assert_sound(demo_store)


@pytest.mark.postgres
def test_days_are_made_up_for_on_postgres_too(postgres_server: str, tmp_path: Path) -> None:
    from datetime import date

    from tests.conftest import postgres_database

    with postgres_database(postgres_server, "template1") as url:
        build_demo(url, "tiny", 7, date(2026, 9, 30), tmp_path)
        engine = open_engine(url)
        try:
            until = end_of(engine) + 2 * DAY_US
            assert catch_up(engine, until) > 100
            assert_sound(engine)
        finally:
            engine.dispose()
