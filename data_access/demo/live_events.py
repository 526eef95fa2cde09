"""The demo company goes on: its events as they happen, those of missed days, and, for scratch stores, as many as one likes.

All go through `data_access.events.ingest`, as any feed's do. Event ids are made of what they are about, or of their time, so that they
never repeat over restarts, and a step that is sent again after a stop changes nothing.
"""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from data_access.demo.comeback import Comeback, come_back, look_back, open_comeback, watch_new_returns
from data_access.demo.handling import Pages, cancel, follow, give_up, scan_again, ship
from data_access.demo.rate import send_at_rate
from data_access.demo.selling import sell
from data_access.demo.specs import CHANNELS, DAY_US, HOUR_US
from data_access.demo.stocking import Deliveries, count, order, receive, replenish
from data_access.demo.world import SOURCE, DemoWindow, DemoWorld, in_chunks, open_world
from data_access.engine import now_us, reading
from data_access.errors import InvalidInput, StoreUnavailable
from data_access.events.ingest import Outcome, ingest
from data_access.events.models import Event, ReturnReceived
from data_access.schema.channels import channel_state
from data_access.schema.stock import event as event_table

MOST_DAYS: Final = 14
STEP_US: Final = 12 * HOUR_US
TICK_SECONDS: Final = 1.0
QUIET_SECONDS: Final = 2.0  # after which a carrier scans something again
BATCH: Final = 400  # events in one transaction: it holds the write lock for less than 250 ms
HEARTBEAT_US: Final = 3_000_000
SLOW_US: Final = 30_000_000  # what is looked at now and then: cancellations, waiting customers, returns, supply

LAGGING: Final = np.array([spec.lag_minutes[1] > 0 for spec in CHANNELS])

OnEvent = Callable[[Event, Outcome], None]
Progress = Callable[[int, int], None]


@dataclass(slots=True)
class _Tasks:
    """What is read step by step."""

    pages: Pages
    comeback: Comeback
    looked_at: int
    told_at: int = 0
    deliveries: Deliveries = field(default_factory=Deliveries)
    unsure: bool = True  # events of the first step may be known already: the last process may have been stopped half way


def days_missed(engine: Engine, now: int) -> int:
    """Whole days since the demo company was last heard of; `now` in microseconds."""
    with reading(engine) as connection:
        newest = connection.execute(sa.select(sa.func.max(channel_state.c.synced_until))).scalar_one_or_none()
    return 0 if newest is None else max((now - int(newest)) // DAY_US, 0)


def catch_up(engine: Engine, until_us: int, progress: Progress | None = None) -> int:
    """Simulate the time missed until `until_us`, at most 14 days, in steps of half a day. Returns the events sent.

    After a stop half way it goes on from the newest channel state.

    Raises:
        InvalidInput: the store is not a demo, or stood still for too long.
        StoreUnavailable: the database refused.

    """
    if days_missed(engine, until_us) > MOST_DAYS:
        raise InvalidInput(f"The demo company stood still for more than {MOST_DAYS} days: make it again with `onhand demo --replace`.")
    world = open_world(engine)
    steps = max(-(-(until_us - world.now) // STEP_US), 0)
    if steps == 0:
        return 0
    tasks = _begin(world, size=None)
    begun, sent = world.now, 0
    for number in range(steps):
        now = min(begun + (number + 1) * STEP_US, until_us)
        sent += len(_step(world, tasks, now, slow=True, on_event=None))
        if progress:
            progress(number + 1, steps)
    return sent


def live(engine: Engine, stop: threading.Event, rate: float | None = None, on_event: OnEvent | None = None) -> None:
    """Send the demo company's events as they happen until `stop` is set; at least one every five seconds.

    With `rate`, so many events a second, sale : shipment : tracking as 5 : 4 : 3: for scratch stores, whose stock it makes up.

    If the store is replaced by another demo, it goes on with that one.

    Raises:
        InvalidInput: the store is not a demo.

    """
    world = open_world(engine)
    while not stop.is_set():
        try:
            if rate is None:
                _run(world, stop, on_event)
            else:
                send_at_rate(world, stop, rate, on_event)
        except StoreUnavailable:
            stop.wait(TICK_SECONDS)
            world = _opened(engine, stop) or world


def _opened(engine: Engine, stop: threading.Event) -> DemoWorld | None:
    while not stop.is_set():
        try:
            return open_world(engine)
        except StoreUnavailable:
            stop.wait(TICK_SECONDS)
    return None


def _run(world: DemoWorld, stop: threading.Event, on_event: OnEvent | None) -> None:
    if now_us() - world.now > MOST_DAYS * DAY_US:
        world.now = now_us() - DAY_US
        world.sent_until = np.maximum(world.sent_until, world.now)
    tasks = _begin(world, size=1_000)
    while now_us() - world.now > STEP_US and not stop.is_set():
        _step(world, tasks, world.now + STEP_US, slow=True, on_event=on_event)
    printed_at = 0.0
    while not stop.is_set():
        now = now_us()
        slow = now - tasks.looked_at > SLOW_US
        quiet = time.monotonic() - printed_at > QUIET_SECONDS
        if _step(world, tasks, now, slow, on_event, quiet):
            printed_at = time.monotonic()
        stop.wait(TICK_SECONDS)


def _begin(world: DemoWorld, size: int | None) -> _Tasks:
    with reading(world.engine) as connection:
        comeback = open_comeback(world, connection)
        if size is None:
            look_back(world, connection, comeback, days=60)
    return _Tasks(Pages(size), comeback, world.now)


def _step(world: DemoWorld, tasks: _Tasks, now: int, slow: bool, on_event: OnEvent | None, quiet: bool = False) -> list[Event]:
    """All that happened until `now`, sent in small transactions, oldest first. Returns the events."""
    window = world.window(now)
    with reading(world.engine) as connection:
        sales, wanted = sell(world, window, connection)
        events: list[Event] = [*sales]
        events += ship(world, window, connection, tasks.pages)
        events += follow(world, window, connection, tasks.pages)
        if slow:
            longer = DemoWindow(window.since, window.until, tasks.looked_at, now)
            tasks.looked_at = now
            look_back(world, connection, tasks.comeback, days=1)
            events += cancel(world, longer, connection)
            events += give_up(world, longer, connection)
            events += come_back(world, longer, connection, tasks.comeback)
            events += receive(world, longer, connection, tasks.deliveries)
            events += order(world, longer, connection)
            events += count(world, longer, connection, wanted | touched_skus(world, events))
        events += replenish(world, window, connection, wanted, touched_skus(world, events))
        if quiet and not events:
            events += scan_again(world, window, tasks.pages)
    synced = {spec.channel_id: int(window.until[c]) for c, spec in enumerate(CHANNELS) if window.until[c] > window.since[c]}
    if events or slow or now - tasks.told_at > HEARTBEAT_US or (window.until[LAGGING] > window.since[LAGGING]).any():
        _send(world, tasks, events, synced, on_event)
        tasks.told_at = now
    world.sent_until, world.now = window.until, now
    refs = [(event.channel_id, event.return_ref) for event in events if isinstance(event, ReturnReceived)]
    if refs:
        with reading(world.engine) as connection:
            watch_new_returns(world, connection, tasks.comeback, refs)
    return events


def touched_skus(world: DemoWorld, events: Sequence[Event]) -> set[int]:
    """Stocked SKUs that events other than sales move."""
    touched: set[int] = set()
    for event in events:
        for line in getattr(event, "lines", ()):
            sku = getattr(line, "sku", None)
            if sku in world.sku_of and event.kind != "sale":
                touched |= {part for part, _ in world.parts(world.sku_of[sku])}
    return touched


def _send(world: DemoWorld, tasks: _Tasks, events: list[Event], synced: dict[str, int], on_event: OnEvent | None) -> None:
    if tasks.unsure:
        known = _known(world, events)
        events[:] = [event for event in events if event.event_id not in known]
        tasks.unsure = False
    events.sort(key=lambda event: event.occurred_at)
    parts = [events[start : start + BATCH] for start in range(0, len(events), BATCH)] or [[]]
    for number, part in enumerate(parts):
        outcomes = ingest(world.engine, part, synced if number == len(parts) - 1 else None)
        if on_event:
            for event, outcome in zip(part, outcomes, strict=True):
                on_event(event, outcome)


def _known(world: DemoWorld, events: list[Event]) -> set[str]:
    ids: set[str] = set()
    with reading(world.engine) as connection:
        for part in in_chunks([event.event_id for event in events]):
            query = sa.select(event_table.c.event_id).where(event_table.c.source == SOURCE, event_table.c.event_id.in_(part))
            ids |= set(connection.execute(query).scalars())
    return ids
