"""Returns of the live simulator: what was sold in the last two months and will come back, from the request to the refund."""

import heapq
from dataclasses import dataclass, field
from typing import Any, Final, Literal

import numpy as np
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from data_access.demo.fulfilment import delivered_at, draw_traits, shipped_at
from data_access.demo.handling import received
from data_access.demo.returning import (
    DISPOSITION_NAMES,
    REFURBISH,
    Returning,
    draw_returning,
    received_day,
    return_location,
)
from data_access.demo.returns import BACK, CARRIER, approved_at, refunded_at, requested_at
from data_access.demo.specs import CHANNEL_INDEX, DAY_US, HOUR_US, LOCATION_INDEX, LOCATIONS, REASON_CODES, REASONS
from data_access.demo.stock import INSPECTED_US, REPAIRED_US
from data_access.demo.world import SOURCE, DemoWindow, DemoWorld, in_chunks
from data_access.events.models import (
    Event,
    InspectedUnits,
    Inspection,
    RefundedLine,
    RequestedUnits,
    ReturnDecided,
    ReturnedUnits,
    ReturnReceived,
    ReturnRefunded,
    ReturnRequested,
    ReturnSentBack,
)
from data_access.schema.orders import order_line, sales_order, shipment
from data_access.schema.returns import return_line

WATCHED_DAYS: Final = 60  # all returns come in within this time after placing
TRIES: Final = 30  # days that the shipping of a line is waited for
BEFORE_RECEIPT: Final = ("request", "approve", "send")
KNOWN_US: Final = 30 * DAY_US
Task = tuple[int, str, int, int]  # time, what is to be done, row id, tries so far


@dataclass(slots=True)
class Comeback:
    """What is to come back or to be dealt with, by when. `read_from`: order lines placed before have still to be looked through;
    `read_to`: lines placed after have too. `asked`: order lines that a return was requested for.
    """

    read_from: int
    read_to: int
    due: list[Task] = field(default_factory=list)
    known: set[tuple[str, int]] = field(default_factory=set)
    asked: set[int] = field(default_factory=set)

    def add(self, when: int, task: str, row: int, tries: int = 0) -> None:
        """Do a task about a row at a time."""
        heapq.heappush(self.due, (when, task, row, tries))

    def take(self, until: int) -> list[Task]:
        """Tasks that are due."""
        tasks = []
        while self.due and self.due[0][0] <= until:
            tasks.append(heapq.heappop(self.due))
        return tasks


def open_comeback(world: DemoWorld, connection: Connection) -> Comeback:
    """Begin with the returns that wait for inspection or their refund, or are being repaired."""
    comeback = Comeback(world.now, world.now)
    query = (
        sa.select(return_line.c.id)
        .where(
            sa.or_(
                return_line.c.inspected_at.is_(None),
                sa.and_(return_line.c.refunded_at.is_(None), return_line.c.received_at > world.now - KNOWN_US),
                sa.and_(return_line.c.disposition == "refurbish", return_line.c.inspected_at > world.now - KNOWN_US),
            ),
            return_line.c.line_id.is_not(None),
        )
        .order_by(return_line.c.id)
    )
    _watch_returns(world, connection, comeback, list(connection.execute(query).scalars()))
    return comeback


def look_back(world: DemoWorld, connection: Connection, comeback: Comeback, days: int) -> None:
    """Look through `days` further days of past orders, and through the newest, for lines that will come back."""
    oldest = max(comeback.read_from - days * DAY_US, world.now - WATCHED_DAYS * DAY_US)
    for since, until in ((oldest, comeback.read_from), (comeback.read_to, world.now)):
        if since < until:
            _watch_lines(world, connection, comeback, since, until)
    comeback.read_from, comeback.read_to = oldest, world.now


def _watch_lines(world: DemoWorld, connection: Connection, comeback: Comeback, since: int, until: int) -> None:
    query = sa.select(order_line.c.id, order_line.c.sku, order_line.c.channel_id, order_line.c.placed_at, order_line.c.quantity).where(
        order_line.c.placed_at > since - 2 * HOUR_US,  # a lagging channel's lines come in later than they were placed
        order_line.c.placed_at <= until,
        order_line.c.cancelled_quantity == 0,
        order_line.c.returned_quantity == 0,
    )
    rows = [row for row in connection.execute(query.order_by(order_line.c.id)) if world.knows(row)]
    if not rows:
        return
    lines = world.lines([r.sku for r in rows], [r.channel_id for r in rows], [r.placed_at for r in rows], [r.quantity for r in rows])
    returning = draw_returning(world.company, lines)
    at = np.flatnonzero(returning.comes_back)
    if len(at) == 0:
        return
    traits = draw_traits(world.company, lines)
    where = np.full(len(at), 0)
    shipped = shipped_at(world.company, lines, traits, world.strain, at, where, (lines.placed_at[at] - world.company.start_us) // DAY_US)
    delivered = delivered_at(world.company, lines, traits, at, where, shipped)
    back = _received_at(world, returning, at, delivered)
    asked = requested_at(delivered, back)
    steps = zip(at.tolist(), asked.tolist(), approved_at(asked, back).tolist(), back.tolist(), strict=True)
    for number, requested, approved, when in steps:
        if ("return", rows[number].id) not in comeback.known:
            comeback.known.add(("return", rows[number].id))
            for task, due in (("request", requested), ("approve", approved), ("send", (approved + when) // 2), ("return", when)):
                comeback.add(due, task, rows[number].id)


def _received_at(world: DemoWorld, returning: Returning, at: Any, delivered: Any) -> Any:
    day = received_day(world.company, returning, at, delivered)
    return world.company.start_us + day * DAY_US + 9 * HOUR_US + delivered * 7 % (7 * HOUR_US)


_RETURNS: Final = (
    sa.select(
        return_line.c.id,
        return_line.c.channel_id,
        return_line.c.return_ref,
        return_line.c.location_id,
        return_line.c.received_at,
        return_line.c.inspected_at,
        return_line.c.disposition,
        return_line.c.fates,
        return_line.c.refunded_at,
        return_line.c.quantity.label("units"),
        order_line.c.sku,
        order_line.c.placed_at,
        order_line.c.quantity,
        order_line.c.line_ref,
        order_line.c.unit_price,
        sales_order.c.order_ref,
        sales_order.c.currency,
    )
    .join(order_line, order_line.c.id == return_line.c.line_id)
    .join(sales_order, sales_order.c.id == order_line.c.order_id)
    .order_by(return_line.c.id)
)


def _returns(world: DemoWorld, connection: Connection, ids: list[int]) -> list[Any]:
    rows: list[Any] = []
    for part in in_chunks(ids):
        rows += connection.execute(_RETURNS.where(return_line.c.id.in_(part))).all()
    return [row for row in rows if world.knows(row)]


def _watch_returns(world: DemoWorld, connection: Connection, comeback: Comeback, ids: list[int]) -> None:
    """Plan the inspection and refund of returns that wait for it, and the end of the repair of those that are repaired."""
    rows = _returns(world, connection, ids)
    if not rows:
        return
    lines = world.lines([r.sku for r in rows], [r.channel_id for r in rows], [r.placed_at for r in rows], [r.quantity for r in rows])
    returning = draw_returning(world.company, lines)
    refunded = refunded_at(world.company, lines.placed_at, np.array([row.received_at for row in rows], np.int64))
    for number, row in enumerate(rows):
        if row.refunded_at is None and row.unit_price is not None:
            comeback.add(int(refunded[number]), "refund", row.id)
        day = (row.received_at - world.company.start_us) // DAY_US
        morning = world.company.start_us + (day + int(returning.inspect_days[number])) * DAY_US
        if row.inspected_at is None:
            comeback.add(morning + INSPECTED_US + row.placed_at % 3_300 * 1_000_000, "inspect", row.id)
        elif row.disposition == "refurbish":
            begun = row.inspected_at - (row.inspected_at - world.company.start_us) % DAY_US
            when = begun + int(returning.repair_days[number]) * DAY_US + REPAIRED_US
            if when > world.now:
                comeback.add(when, "repair", row.id)


def come_back(world: DemoWorld, window: DemoWindow, connection: Connection, comeback: Comeback) -> list[Event]:
    """Requests, receipts, inspections, ends of repairs and refunds that are due. Times of lagging channels are told when they are known."""
    due = comeback.take(int(window.until.min()))
    events = _before_receipt(world, window, connection, comeback, [task for task in due if task[1] in BEFORE_RECEIPT])
    events += _receive(world, window, connection, comeback, [task for task in due if task[1] == "return"])
    ids = sorted({task[2] for task in due if task[1] not in ("return", *BEFORE_RECEIPT)})
    when = {(task[1], task[2]): task[0] for task in due}
    rows = _returns(world, connection, ids)
    if not rows:
        return events
    lines = world.lines([r.sku for r in rows], [r.channel_id for r in rows], [r.placed_at for r in rows], [r.quantity for r in rows])
    returning = draw_returning(world.company, lines)
    for number, row in enumerate(rows):
        if ("inspect", row.id) in when and row.inspected_at is None:
            at = max(when["inspect", row.id], row.received_at + 1)
            fate = int(returning.disposition[number])
            events.append(_inspection(window, row, at, fate))
            if fate == REFURBISH:
                midnight = at - (at - world.company.start_us) % DAY_US
                comeback.add(midnight + int(returning.repair_days[number]) * DAY_US + REPAIRED_US, "repair", row.id)
        if ("refund", row.id) in when and row.refunded_at is None:
            events.append(_refunded(window, row, when["refund", row.id]))
        # a person may have decided otherwise meanwhile
        if ("repair", row.id) in when and row.disposition == "refurbish" and row.fates is None:
            events.append(_repaired(world, window, row, when["repair", row.id], bool(returning.repaired[number])))
    return events


def _inspection(window: DemoWindow, row: Any, at: int, fate: int) -> Inspection:
    return Inspection(
        source=SOURCE,
        event_id=f"inspect:{row.channel_id}:{row.return_ref}",
        occurred_at=at,
        received_at=received(window, CHANNEL_INDEX[row.channel_id], at),
        channel_id=row.channel_id,
        return_ref=row.return_ref,
        disposition=DISPOSITION_NAMES[fate],
    )


def _repaired(world: DemoWorld, window: DemoWindow, row: Any, at: int, good: bool) -> Inspection:
    """What was refurbished is repaired, or cannot be."""
    after: Literal["repaired", "discard"] = "repaired" if good else "discard"
    return Inspection(
        source=SOURCE,
        event_id=f"repair:{row.id}",
        occurred_at=at,
        received_at=received(window, CHANNEL_INDEX[row.channel_id], at),
        channel_id=row.channel_id,
        return_ref=row.return_ref,
        units=tuple(
            InspectedUnits(sku=world.company.skus[part], quantity=units * row.units, before="refurbish", after=after)
            for part, units in world.parts(world.sku_of[row.sku])
        ),
    )


def _refunded(window: DemoWindow, row: Any, at: int) -> ReturnRefunded:
    return ReturnRefunded(
        source=SOURCE,
        event_id=f"refund:{row.id}",
        occurred_at=at,
        received_at=received(window, CHANNEL_INDEX[row.channel_id], at),
        channel_id=row.channel_id,
        return_ref=row.return_ref,
        order_ref=row.order_ref,
        currency=row.currency,
        lines=(RefundedLine(line_ref=row.line_ref, amount=row.unit_price * row.units),),
    )


def _before_receipt(world: DemoWorld, window: DemoWindow, connection: Connection, comeback: Comeback, tasks: list[Task]) -> list[Event]:
    """What happens to returns before they come in, of lines that were shipped and did not come back yet."""
    rows = _lines(connection, [task[2] for task in tasks])
    events: list[Event] = []
    asked = {row_id: row for row_id, row in rows.items() if row.location_id in LOCATION_INDEX and not row.returned_quantity}
    if not asked:
        return events
    ready = list(asked.values())
    lines = world.lines([r.sku for r in ready], [r.channel_id for r in ready], [r.placed_at for r in ready], [r.quantity for r in ready])
    returning = draw_returning(world.company, lines)
    number_of = {row.id: number for number, row in enumerate(ready)}
    for at, task, row_id, _ in tasks:
        row = asked.get(row_id)
        if row is None:
            continue
        head = {
            "source": SOURCE,
            "event_id": f"{task}:{row_id}",
            "occurred_at": at,
            "received_at": received(window, CHANNEL_INDEX[row.channel_id], at),
            "channel_id": row.channel_id,
            "return_ref": f"RL{row_id}",
        }
        if task == "request":
            comeback.asked.add(row_id)
            line = RequestedUnits(**_units(row, number_of[row_id], returning))
            events.append(ReturnRequested(**head, order_ref=row.order_ref, lines=(line,)))
        elif row_id not in comeback.asked:
            continue  # it was not shipped yet when the request was due
        elif task == "approve":
            events.append(ReturnDecided(**head, decision="approved"))
        else:
            events.append(ReturnSentBack(**head, carrier=CARRIER, tracking_number=f"{BACK[0]}{row_id}"))
    return events


def _units(row: Any, number: int, returning: Returning) -> dict[str, Any]:
    """What comes back of a line, and why."""
    reason = REASONS[int(returning.reason[number])]
    codes = REASON_CODES.get(row.channel_id, REASON_CODES["*"])
    units = min(int(returning.quantity[number]), int(row.shipped_quantity))
    return {"line_ref": row.line_ref, "quantity": units, "reason_code": codes[reason], "return_reason": reason}


def _lines(connection: Connection, line_ids: list[int]) -> dict[int, Any]:
    """Order lines by id, with their order and what of them was shipped, when and from where."""
    rows: dict[int, Any] = {}
    for part in in_chunks(line_ids):
        query = (
            sa.select(
                order_line.c.id,
                order_line.c.line_ref,
                order_line.c.sku,
                order_line.c.channel_id,
                order_line.c.placed_at,
                order_line.c.quantity,
                order_line.c.unit_price,
                order_line.c.shipped_quantity,
                order_line.c.returned_quantity,
                order_line.c.cancelled_quantity,
                sales_order.c.order_ref,
                shipment.c.shipped_at,
                shipment.c.location_id,
            )
            .join(sales_order, sales_order.c.id == order_line.c.order_id)
            .outerjoin(shipment, shipment.c.line_id == order_line.c.id)
            .where(order_line.c.id.in_(part))
            .order_by(order_line.c.id, shipment.c.id)
        )
        rows |= {row.id: row for row in connection.execute(query)}
    return rows


def _receive(world: DemoWorld, window: DemoWindow, connection: Connection, comeback: Comeback, tasks: list[Task]) -> list[Event]:
    """Returns of lines that were really shipped; where the package is still on its way, later."""
    rows = _lines(connection, [task[2] for task in tasks])
    ready: list[tuple[Any, int]] = []
    for when, _, line_id, tries in tasks:
        row = rows.get(line_id)
        if row is None or row.returned_quantity or row.cancelled_quantity:
            continue
        if row.location_id in LOCATION_INDEX:
            ready.append((row, tries))
        elif tries < TRIES:
            comeback.add(when + DAY_US, "return", line_id, tries + 1)
    if not ready:
        return []
    lines = world.lines(
        [r.sku for r, _ in ready], [r.channel_id for r, _ in ready], [r.placed_at for r, _ in ready], [r.quantity for r, _ in ready]
    )
    returning, at = draw_returning(world.company, lines), np.arange(len(ready))
    place = np.array([LOCATION_INDEX[row.location_id] for row, _ in ready], np.int64)
    shipped = np.array([row.shipped_at for row, _ in ready], np.int64)
    arrived = delivered_at(world.company, lines, draw_traits(world.company, lines), at, place, shipped)
    back = _received_at(world, returning, at, arrived)
    home = return_location(lines.channel, place)
    events: list[Event] = []
    for number, (row, tries) in enumerate(ready):
        if back[number] > window.until.min():
            comeback.add(int(back[number]), "return", row.id, tries)
        else:
            events.append(_return(window, row, number, returning, int(back[number]), int(arrived[number]), int(home[number])))
    return events


def _return(window: DemoWindow, row: Any, number: int, returning: Returning, at: int, arrived: int, place: int) -> ReturnReceived:
    return ReturnReceived(
        source=SOURCE,
        event_id=f"return:{row.id}",
        occurred_at=at,
        received_at=received(window, CHANNEL_INDEX[row.channel_id], at),
        channel_id=row.channel_id,
        order_ref=row.order_ref,
        return_ref=f"RL{row.id}",
        location_id=LOCATIONS[place].location_id,
        requested_at=arrived + max(at - arrived, 0) * 4 // 10,
        lines=(ReturnedUnits(**_units(row, number, returning)),),
    )


def watch_new_returns(world: DemoWorld, connection: Connection, comeback: Comeback, refs: list[tuple[str, str]]) -> None:
    """Plan the inspection of returns that were just sent: (channel, return id)."""
    ids: list[int] = []
    for part in in_chunks(refs):
        query = sa.select(return_line.c.id).where(
            sa.tuple_(return_line.c.channel_id, return_line.c.return_ref).in_(part), return_line.c.inspected_at.is_(None)
        )
        ids += connection.execute(query.order_by(return_line.c.id)).scalars()
    _watch_returns(world, connection, comeback, ids)
