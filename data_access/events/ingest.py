"""Events in: each is taken exactly once, in whatever order they come. One call is one transaction.

The same (source, event id) with the same payload changes nothing; with another payload it goes to the inbox as a conflict. An event
whose parent is missing (its order, listing, SKU, ...) is parked, and applied in the transaction that brings the parent.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import Final, Literal

import sqlalchemy as sa
from pydantic import ValidationError
from sqlalchemy.engine import Engine

from data_access.domain.events import OWN_SOURCE, Event
from data_access.engine import now_us
from data_access.events.context import Contradiction, EventContext, NotYet, Repeated
from data_access.events.judging import is_repeat, judge_again, waits_for
from data_access.events.known_facts import OrderKey
from data_access.events.registry import KINDS, needs_of, parents_of, parse
from data_access.prepared import Prepared, in_list
from data_access.schema.audit import inbox_item
from data_access.schema.stock import event as event_table
from data_access.write.kernel import SYSTEM, work
from data_access.write.unit_of_work import UnitOfWork

Status = Literal["applied", "duplicate", "parked", "conflict", "refused"]
_KNOWN: Final = Prepared(
    sa.select(event_table.c.event_id, event_table.c.payload_hash).where(
        event_table.c.source == sa.bindparam("source"), in_list(event_table.c.event_id, "ids")
    )
)
_WAITING: Final = Prepared(
    sa.select(event_table).where(event_table.c.status == sa.literal_column("'parked'"), in_list(event_table.c.waits_for, "keys"))
)
_SETTLED: Final = Prepared(
    sa.update(event_table)
    .where(event_table.c.id == sa.bindparam("b_id"))
    .values(status=sa.bindparam("b_status"), waits_for=sa.bindparam("b_waits_for"), payload=sa.bindparam("b_payload"))
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one event. `waits_for` of a parked one; `reason` of one that went to the inbox."""

    source: str
    event_id: str
    status: Status
    waits_for: str | None = None
    reason: str | None = None


@dataclass(slots=True)
class _Task:
    event: Event
    row_id: int
    stored: bool = False
    waits_for: str | None = None
    refusal: str | None = None
    is_repeat: bool = False


@dataclass(slots=True)
class _Batch:
    context: EventContext
    waiting: dict[str, list[_Task]] = field(default_factory=dict)
    done: list[_Task] = field(default_factory=list)


def ingest(engine: Engine, events: Sequence[Event], synced: Mapping[str, int] | None = None) -> list[Outcome]:
    """Take in events, in one transaction. `synced`: all of a channel's events up to a time (microseconds) are known.

    Returns one outcome an event, in the order given.

    Raises:
        StoreUnavailable: the database refused; nothing was taken in.

    """

    def take(unit: UnitOfWork) -> list[Outcome]:
        outcomes = take_in(unit, events)
        for channel_id, until in (synced or {}).items():
            unit.saw_channel(channel_id, until, now_us())
        return outcomes

    return work(engine, SYSTEM, None, take, rows=_ids_needed(events))


def ingest_json(engine: Engine, lines: Sequence[str], source: str) -> list[Outcome]:
    """Take in events as JSON texts. One that is not valid goes to the inbox, whole, with the reason.

    Raises:
        StoreUnavailable: the database refused; nothing was taken in.

    """
    events: list[Event] = []
    refused: list[tuple[str, str, str]] = []
    for line in lines:
        try:
            events.append(parse(line))
        except ValidationError as error:
            refused.append((line, _reference(line), _sentence(error)))
    outcomes = ingest(engine, events) if events else []
    if refused:
        work(engine, SYSTEM, None, partial(_quarantine, source, refused), rows=len(refused))
        outcomes += [Outcome(source, reference, "refused", reason=reason) for _, reference, reason in refused]
    return outcomes


def _quarantine(source: str, refused: Sequence[tuple[str, str, str]], unit: UnitOfWork) -> None:
    for text, reference, reason in refused:
        add_to_inbox(unit, RefusedEvent("event", source, reference, reason, "invalid_event", text))


def release(unit: UnitOfWork, keys: Iterable[str], changed: Iterable[OrderKey] = ()) -> int:
    """Apply stored events that wait for any of these keys, as the unit brought what they wait for. Returns how many.

    The unit holds all parents locked (`lock_parents(None)`); what is released may release more. What is set aside of the `changed`
    orders is judged again.
    """
    batch = _Batch(EventContext(unit))
    wanted = set(keys) | set(judge_again(batch.context, changed))
    unit.settle()
    _drain(batch, [], wanted)
    _store(batch)
    return sum(task.waits_for is None for task in batch.done)


@dataclass(frozen=True, slots=True)
class RefusedEvent:
    """An event that is not applied, as the inbox keeps it. `kind`: event or conflict; `reference`: its id, as far as it can be read."""

    kind: str
    source: str
    reference: str
    reason: str
    reason_code: str
    content: str
    channel_id: str | None = None


def add_to_inbox(unit: UnitOfWork, refused: RefusedEvent) -> None:
    """Keep an event that cannot be applied, whole, for a person to look at."""
    item = unit.ids.take()
    unit.add(
        inbox_item,
        {
            "id": item,
            **asdict(refused),
            "status": "open",
            "external_sku": None,
            "import_run_id": None,
            "line_number": None,
            "row_facts": None,
            "created_at": now_us(),
        },
    )
    unit.touch("inbox", "item", item)


def _ids_needed(events: Sequence[Event]) -> int:
    # An event makes its own row, a few rows a line, and what it releases; a block is large, and a retry takes a larger one.
    return 2_000 + sum(12 + 12 * len(getattr(event, "lines", ())) for event in events)


def _reference(text: str) -> str:
    try:
        raw = json.loads(text)
    except ValueError:
        return text[:100]
    return str(raw.get("event_id", text[:100]))[:200] if isinstance(raw, dict) else text[:100]


def _sentence(error: ValidationError) -> str:
    first = error.errors(include_url=False)[0]
    where = ".".join(str(part) for part in first["loc"]) or "the event"
    return f"{where}: {first['msg'].lower()}; mend the event and send it again."


def take_in(unit: UnitOfWork, events: Sequence[Event]) -> list[Outcome]:
    """Take in events in a unit of work that has done nothing else yet, and that the caller flushes. One outcome an event."""
    unit.lock_parents({key for event in events for key in parents_of(event)})
    fresh, outcomes = _new_ones(unit, events)
    batch = _Batch(EventContext(unit))
    tasks = [_Task(event, unit.ids.take()) for event in fresh]
    tasks.sort(key=lambda task: (task.event.occurred_at, KINDS[task.event.kind].rank))
    for task in tasks:
        unit.ledger.begins(task.row_id)
    _drain(batch, tasks, set())
    _store(batch)
    results = {(task.event.source, task.event.event_id): task for task in batch.done}
    in_order = []
    for index, event in enumerate(events):
        outcome = outcomes.get(index)
        if outcome is None:
            task = results[(event.source, event.event_id)]
            outcome = Outcome(event.source, event.event_id, _status(task), task.waits_for, task.refusal)
        in_order.append(outcome)
    return in_order


def _status(task: _Task) -> Status:
    if task.refusal:
        return "refused"
    return "parked" if task.waits_for else "duplicate" if task.is_repeat else "applied"


def _new_ones(unit: UnitOfWork, events: Sequence[Event]) -> tuple[list[Event], dict[int, Outcome]]:
    """Events not taken before, and the outcomes, by index, of the others."""
    known: dict[tuple[str, str], str] = {}
    by_source: dict[str, list[str]] = {}
    for event in events:
        by_source.setdefault(event.source, []).append(event.event_id)
    for source, event_ids in by_source.items():
        for row in _KNOWN.all(unit.connection, source=source, ids=event_ids):
            known[(source, row.event_id)] = row.payload_hash
    fresh, outcomes = [], {}
    for index, event in enumerate(events):
        before = known.get((event.source, event.event_id))
        if before is None:
            known[(event.source, event.event_id)] = event.payload_hash
            fresh.append(event)
        elif before == event.payload_hash:
            outcomes[index] = Outcome(event.source, event.event_id, "duplicate")
        else:
            reason = (
                f"Event {event.event_id} of {event.source} was taken in before with another payload: the first one stands; "
                "send a correction as an event of its own, or dismiss this one."
            )
            outcomes[index] = Outcome(event.source, event.event_id, "conflict", reason=reason)
            _add_conflict(unit, event, reason, "conflict")
    return fresh, outcomes


def _add_conflict(unit: UnitOfWork, event: Event, reason: str, code: str) -> None:
    """One open item a payload, however often it comes."""
    content = event.payload
    same = sa.select(inbox_item.c.id).where(
        inbox_item.c.source == event.source, inbox_item.c.reference == event.event_id, inbox_item.c.content == content
    )
    if unit.connection.execute(same).first() is None and all(row["content"] != content for row in unit.added(inbox_item)):
        channel_id = getattr(event, "channel_id", None)
        add_to_inbox(unit, RefusedEvent("conflict", event.source, event.event_id, reason, code, content, channel_id))


def _drain(batch: _Batch, tasks: list[_Task], created: set[str]) -> None:
    """Apply tasks; then, as long as parents were created, the stored and new events that waited for them."""
    unit = batch.context.unit
    batch.context.load([needs_of(task.event) for task in tasks])
    looked_up: set[str] = set()
    queue = tasks
    while True:
        for task in queue:
            _attempt(batch, task, created)
        ready = [task for key in created for task in batch.waiting.pop(key, ())]
        new_keys = sorted(created - looked_up)
        looked_up |= created
        created.clear()
        if new_keys:
            ready += _stored_waiting(batch, new_keys)
        if not ready:
            break
        ready.sort(key=lambda task: (task.event.occurred_at, KINDS[task.event.kind].rank))
        batch.context.load([needs_of(task.event) for task in ready])
        queue = ready
    batch.done += [task for waiting in batch.waiting.values() for task in waiting]
    batch.waiting.clear()
    unit.settle()


def _attempt(batch: _Batch, task: _Task, created: set[str]) -> None:
    try:
        batch.context.require_settled(needs_of(task.event))
        keys = KINDS[task.event.kind].handle(batch.context, task.event, task.row_id)
    except NotYet as missing:
        task.waits_for = missing.key
        batch.waiting.setdefault(missing.key, []).append(task)
        return
    except Repeated:
        task.is_repeat = True
        keys = []
    except Contradiction as refusal:
        task.waits_for, task.refusal = None, str(refusal)
        batch.done.append(task)
        return
    task.waits_for = None
    batch.done.append(task)
    created.update(keys)
    batch.context.unit.settle()


def _stored_waiting(batch: _Batch, keys: Sequence[str]) -> list[_Task]:
    tasks = []
    for row in _WAITING.all(batch.context.unit.connection, keys=keys):
        raw = json.loads(row.payload)
        tasks.append(_Task(parse({**raw, "received_at": row.received_at}), row.id, stored=True, waits_for=row.waits_for))
        batch.context.unit.ledger.begins(row.id)
    return tasks


def _judge_events(batch: _Batch) -> None:
    """Events whose facts do not all count are parked; so are stored ones that a new fact contradicts, and others wait no more."""
    context, tasks = batch.context, {task.row_id: task for task in batch.done}
    for event_id, key in context.judged.items():
        waiting = waits_for(context, event_id, key)
        task = tasks.get(event_id)
        if task is None:
            context.unit.change(event_table, event_id, {"status": "parked" if waiting else "applied", "waits_for": waiting})
            context.unit.touch("inbox", "event", event_id)
        else:
            task.waits_for, task.is_repeat = waiting, is_repeat(context, event_id, key)


def _store(batch: _Batch) -> None:
    _judge_events(batch)
    unit = batch.context.unit
    settled = []
    for task in batch.done:
        event = task.event
        if task.refusal:
            _add_conflict(unit, event, task.refusal, "refused")
        status = "dismissed" if task.refusal else "parked" if task.waits_for else "applied"
        kept = event.payload if status != "applied" else None
        if task.stored:
            settled.append({"b_id": task.row_id, "b_status": status, "b_waits_for": task.waits_for, "b_payload": kept})
            unit.touch("inbox", "event", task.row_id)
            continue
        if status != "applied":
            unit.touch("inbox", "event", task.row_id)
        channel_id = getattr(event, "channel_id", None)
        unit.add(
            event_table,
            {
                "id": task.row_id,
                "source": event.source,
                "event_id": event.event_id,
                "kind": event.kind,
                "channel_id": channel_id,
                "occurred_at": event.occurred_at,
                "received_at": event.received_at,
                "payload_hash": event.payload_hash,
                "status": status,
                "waits_for": task.waits_for,
                "payload": kept,
            },
        )
        if channel_id is not None and event.source != OWN_SOURCE and unit.lookups.has_channel(channel_id):
            unit.saw_channel(channel_id, event.occurred_at, event.received_at)
    if settled:
        _SETTLED.run(unit.connection, settled)
