"""What a person does with what could not be taken in: map a listing, mend, retry, dismiss. Each is audited in its own transaction."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, TypeVar

import sqlalchemy as sa
from pydantic import ValidationError
from sqlalchemy.engine import Engine

from data_access.domain.ids import proper_id
from data_access.engine import now_us
from data_access.errors import Conflict, InvalidInput
from data_access.events.ingest import take_in
from data_access.events.registry import parse
from data_access.imports.create_master_data import release_keys
from data_access.imports.files.delimited.records import MAX_RECORD_BYTES
from data_access.imports.files.orders import MAX_TEXT
from data_access.imports.inbox_files.hiding import Hiding, hiding_of
from data_access.imports.inbox_files.layout import RUN_COLUMNS
from data_access.imports.retry_quarantined import ITEMS_A_TRANSACTION, Retried, retry_in, retry_rows
from data_access.schema.audit import import_run, inbox_item
from data_access.schema.catalog import listing
from data_access.schema.orders import contradicted_fact
from data_access.schema.stock import event
from data_access.write import lookups
from data_access.write.bulk import in_values
from data_access.write.kernel import work
from data_access.write.unit_of_work import UnitOfWork

MAX_WHY: Final = 500
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Mapped:
    """What mapping a listing brought in: rows of files, and events."""

    rows: Retried
    events: int

    def __str__(self) -> str:
        return f"Rows: {self.rows} Events: {self.events} applied."


def map_listing(
    engine: Engine, channel_id: str, external_sku: str, sku: str, actor: str, why: str | None = None, version: int | None = None
) -> Mapped:
    """Say which SKU a listing sells. The rows and events that waited for it arrive: the first ones in the same transaction.

    Args:
        engine: the store.
        channel_id: the channel.
        external_sku: the listing's id there; the listing is made if it is not known.
        sku: what it sells.
        actor: who says so.
        why: the reason, if one is given.
        version: of the listing as the person saw it; needed to change a listing that is mapped already.

    Raises:
        Forbidden: the actor may not work the inbox.
        InvalidInput: there is no such channel or SKU, or no listing id.
        Conflict: the listing was mapped or changed meanwhile.

    """
    actor = _actor(actor)
    if not external_sku.strip() or len(external_sku) > MAX_TEXT:
        raise InvalidInput(f"The listing's id is empty or longer than {MAX_TEXT} characters: give the channel's own id.")
    try:
        external_sku = proper_id(external_sku)
    except ValueError as error:
        raise InvalidInput(f"The listing's id {error}") from error

    def edit(unit: UnitOfWork) -> tuple[Mapped, list[int]]:
        if not unit.lookups.has_channel(channel_id):
            raise InvalidInput(f"There is no channel {channel_id!r}: import channels first.")
        unit.lookups.load(unit.connection, [sku], ())
        if unit.lookups.kit_version(sku) is None:
            raise InvalidInput(f"There is no SKU {sku!r}: choose one of the products, or import products first.")
        _set_listing(unit, (channel_id, external_sku), sku, version, why)
        unit.flush()
        lookups.forget()
        waiting = _waiting_rows(unit, channel_id, external_sku)
        rows, brought = retry_in(unit, waiting[:ITEMS_A_TRANSACTION])
        events = release_keys(unit, [f"listing:{channel_id}:{external_sku}", *brought.keys], brought.changed)
        return Mapped(rows, events), waiting

    mapped, waiting = _write(engine, actor, edit)
    return Mapped(mapped.rows + retry_rows(engine, waiting[ITEMS_A_TRANSACTION:]), mapped.events)


def _set_listing(unit: UnitOfWork, key: tuple[str, str], sku: str, version: int | None, why: str | None) -> None:
    """Map the listing of a channel and external SKU (`key`), if it is as the person saw it."""
    (channel_id, external_sku), c = key, listing.c
    query = sa.select(c.listing_id, c.sku, c.version).where(c.channel_id == channel_id, c.external_sku == external_sku)
    stored = unit.connection.execute(query.with_for_update()).first()
    name = f"{channel_id}:{external_sku}"
    if stored is None:
        values = {"listing_id": unit.ids.take(), "channel_id": channel_id, "external_sku": external_sku, "sku": sku}
        unit.connection.execute(listing.insert(), {**values, "first_seen_at": now_us()})
    else:
        if version is not None and version != stored.version:
            raise Conflict(f"The listing {name} was changed meanwhile and sells {stored.sku or 'nothing yet'} now: look at it again.")
        if version is None and stored.sku not in (None, sku):
            raise Conflict(f"The listing {name} was mapped to {stored.sku} meanwhile: look at it again before you change it.")
        unit.connection.execute(sa.update(listing).where(c.listing_id == stored.listing_id).values(sku=sku, version=stored.version + 1))
    unit.audit("map_listing", ("listing", name), {"sku": stored.sku if stored else None}, {"sku": sku}, why)
    unit.touch("catalog", "listing", name)
    unit.touch("inbox", "listing", name)


def _waiting_rows(unit: UnitOfWork, channel_id: str, external_sku: str) -> list[int]:
    i = inbox_item.c
    is_open = i.status == sa.literal_column("'open'")
    query = sa.select(i.id).where(is_open, i.kind == "row", i.channel_id == channel_id, i.external_sku == external_sku)
    return list(unit.connection.execute(query.order_by(i.id)).scalars())


def mend(engine: Engine, item_id: int, text: str, version: int, actor: str, why: str | None = None) -> None:
    """Keep a person's text for a row or event; `retry` then takes it instead of the original, which stays.

    What is hidden in it takes the value that is stored.

    Raises:
        Forbidden: the actor may not work the inbox.
        InvalidInput: the text is empty or too long, or the item is a conflict, which only a new event can correct.
        Conflict: the item was changed or closed meanwhile.

    """
    actor = _actor(actor)
    if not text.strip() or "\x00" in text or len(text.encode(errors="replace")) > MAX_RECORD_BYTES:
        raise InvalidInput(f"The mended text is empty, longer than {MAX_RECORD_BYTES:,} bytes, or holds a zero byte: mend it again.")

    def edit(unit: UnitOfWork) -> None:
        row = _open_items(unit, [item_id])[0]
        stored, hiding = row["mended"] or row["content"], _hiding(unit, row)
        if row["version"] != version:
            now = hiding.hidden(stored)
            raise Conflict(f"Item {item_id} was changed meanwhile to {now[:80]!r}: look at it again; your text was not kept.")
        if row["kind"] == "conflict":
            raise InvalidInput(f"Item {item_id} is a conflict, and the first event stands: send what changed as a new event, or dismiss it")
        after = hiding.revealed(text, stored)
        _change(unit, row, {"mended": after})
        texts = ({"text": hiding.hidden(one)} for one in (stored, after))
        unit.audit("mend", ("inbox_item", item_id), next(texts), next(texts), why)

    _write(engine, actor, edit)


def retry(engine: Engine, item_ids: Sequence[int], actor: str) -> Retried:
    """Try rows and events again, mended or as they were. What still cannot be taken stays, with what is wrong now.

    Raises:
        Forbidden: the actor may not work the inbox.
        InvalidInput: there is no such item.
        Conflict: one of them was closed meanwhile.

    """
    actor, total = _actor(actor), Retried()
    for start in range(0, len(item_ids), ITEMS_A_TRANSACTION):
        total += _write(engine, actor, partial(_retry, item_ids[start : start + ITEMS_A_TRANSACTION]))
    return total


def _retry(part: Sequence[int], unit: UnitOfWork) -> Retried:
    rows = _open_items(unit, part)
    events = [row for row in rows if row["kind"] == "event"]
    done = _retry_events(unit, events)
    unit.flush()
    retried, brought = retry_in(unit, part)
    for item_id in part:
        unit.audit("retry", ("inbox_item", item_id), {"status": "open"}, {"status": _status(unit, item_id)})
    unit.flush()
    release_keys(unit, brought.keys, brought.changed)
    conflicts = sum(row["kind"] == "conflict" for row in rows)
    return retried + Retried(done, len(events) - done + conflicts)


def _status(unit: UnitOfWork, item_id: int) -> str:
    return str(unit.connection.execute(sa.select(inbox_item.c.status).where(inbox_item.c.id == item_id)).scalar_one())


def _retry_events(unit: UnitOfWork, items: Sequence[dict[str, Any]]) -> int:
    """Events that can be read now are taken in, whatever becomes of them then; returns how many."""
    readable = []
    for item in items:
        try:
            readable.append((item, parse(item["mended"] or item["content"])))
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            where = ".".join(str(part) for part in first["loc"]) or "the event"
            _change(unit, item, {"reason": f"{where}: {first['msg'].lower()}; mend the event and try it again."})
    if readable:
        take_in(unit, [event for _, event in readable])
    for item, _ in readable:
        _change(unit, item, {"status": "resolved", "closed_at": now_us()})
    return len(readable)


def dismiss(engine: Engine, item_ids: Sequence[int], why: str, actor: str) -> None:
    """Close items that shall not be taken in; they are kept.

    Raises:
        Forbidden: the actor may not work the inbox.
        InvalidInput: no reason is given, or there is no such item.
        Conflict: one of them was closed meanwhile; none was dismissed.

    """
    actor, why = _actor(actor), _why(why)

    def edit(unit: UnitOfWork) -> None:
        for row in _open_items(unit, item_ids):
            _change(unit, row, {"status": "dismissed", "closed_at": now_us()})
            unit.audit("dismiss", ("inbox_item", row["id"]), {"status": "open"}, {"status": "dismissed"}, why)

    _write(engine, actor, edit, rows=len(item_ids))


def dismiss_parked(engine: Engine, event_ids: Sequence[int], why: str, actor: str) -> None:
    """Give up events that wait for something that will not come (`event.id`); they are kept, with their payload.

    Raises:
        Forbidden: the actor may not work the inbox.
        InvalidInput: no reason is given, or there is no such event.
        Conflict: one of them waits no more; none was dismissed.

    """
    actor, why = _actor(actor), _why(why)

    def edit(unit: UnitOfWork) -> None:
        query = sa.select(event.c.id, event.c.status, event.c.waits_for).where(in_values(unit.connection, event.c.id, list(event_ids)))
        parked = {row.id: row for row in unit.connection.execute(query.with_for_update())}
        for event_id in event_ids:
            row = parked.get(event_id)
            if row is None:
                raise InvalidInput(f"There is no event {event_id}: look at the inbox again.")
            if row.status != "parked":
                raise Conflict(f"Event {event_id} is {row.status} now and waits no more: look at the inbox again; nothing was dismissed.")
            before = {"status": "parked", "waits_for": row.waits_for}
            unit.audit("dismiss_parked", ("event", event_id), before, {"status": "dismissed"}, why)
            unit.touch("inbox", "event", event_id)
        set_aside = in_values(unit.connection, contradicted_fact.c.event_id, list(event_ids))
        unit.connection.execute(sa.delete(contradicted_fact).where(set_aside))
        where = in_values(unit.connection, event.c.id, list(event_ids))
        unit.connection.execute(sa.update(event).where(where).values(status="dismissed", waits_for=None))

    _write(engine, actor, edit, rows=len(event_ids))


# ---- shared --------------------------------------------------------------------------------------------------------


def _actor(actor: str) -> str:
    if not actor.strip():
        raise InvalidInput("The change has no author: say who makes it.")
    return actor.strip()[:MAX_TEXT]


def _why(why: str) -> str:
    if not why.strip() or len(why) > MAX_WHY:
        raise InvalidInput(f"Give a reason, of at most {MAX_WHY} characters.")
    return why.strip()


def _write(engine: Engine, actor: str, edit: Callable[[UnitOfWork], _T], rows: int = 0) -> _T:
    """One transaction of a person who may work the inbox; what waits there may be of any order, so all are locked."""
    return work(engine, actor, "work the inbox", edit, rows=20_000 + rows, parents=None)


def _hiding(unit: UnitOfWork, item: dict[str, Any]) -> Hiding:
    """What is hidden of an item's text."""
    query = sa.select(*RUN_COLUMNS).where(import_run.c.id == item["import_run_id"])
    return hiding_of(unit.connection.execute(query).first() if item["kind"] == "row" else None)


def _open_items(unit: UnitOfWork, item_ids: Sequence[int]) -> list[dict[str, Any]]:
    """The items in the order given; all must be there and open."""
    query = sa.select(inbox_item).where(in_values(unit.connection, inbox_item.c.id, list(item_ids))).with_for_update()
    items = {row["id"]: dict(row) for row in unit.connection.execute(query).mappings()}
    for item_id in item_ids:
        if item_id not in items:
            raise InvalidInput(f"There is no item {item_id} in the inbox: look at it again.")
        if items[item_id]["status"] != "open":
            raise Conflict(f"Item {item_id} was {items[item_id]['status']} meanwhile: look at the inbox again; nothing was changed.")
    return [items[item_id] for item_id in dict.fromkeys(item_ids)]


def _change(unit: UnitOfWork, row: dict[str, Any], values: dict[str, Any]) -> None:
    unit.connection.execute(sa.update(inbox_item).where(inbox_item.c.id == row["id"]).values(**values, version=row["version"] + 1))
    unit.touch("inbox", "item", row["id"])
