"""Open orders and packages of the live simulator: shipped, tracked, scanned, delivered, cancelled, when their luck says so."""

from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from data_access.demo.demand import Lines
from data_access.demo.fulfilment import (
    BUYER,
    CARRIER_NAMES,
    carriers,
    delivered_at,
    draw_traits,
    missing_when_picked,
    package_times,
    shipped_at,
)
from data_access.demo.specs import CHANNEL_INDEX, DAY_US, EBAY, HOUR_US, LEIPZIG, LOCATION_INDEX, SHOP
from data_access.demo.waiting import draw_patience, received_later
from data_access.demo.world import SOURCE, DemoWindow, DemoWorld, in_chunks
from data_access.events.models import (
    Adjustment,
    Cancellation,
    CancelledLine,
    Delivery,
    Event,
    OrderUnits,
    Scan,
    Shipment,
    SignedStateUnits,
    Tracking,
)
from data_access.schema.orders import allocation, order_line, sales_order, shipment
from data_access.schema.stock import backorder_level

UNDER_WAY_US: Final = 30 * DAY_US  # a package not delivered by then never will be
MEMORY_US: Final = HOUR_US  # buyers cancel within the hour


@dataclass(slots=True)
class Pages:
    """Where the reading of open lines and of packages goes on. `size`: rows read at a time; None for all."""

    size: int | None = 1_000
    line: int = 0
    package: int = 0
    under_way: list[Any] = field(default_factory=list)


def received(window: DemoWindow, channel: int, at: int) -> int:
    """When an event of the window is heard of."""
    return max(at, min(int(received_later(np.array([channel]), np.array([at]))[0]), window.now))


def _spread(world: DemoWorld, window: DemoWindow, channel: int, due: int) -> int:
    """When something due happens: then, or some time in the window if that is past; at its end, if a lagging channel told nothing new."""
    since, until = int(window.since[channel]), int(window.until[channel])
    return due if due > since else int(world.random.integers(min(since, until - 1) + 1, until + 1))


# ---- shipping ------------------------------------------------------------------------------------------------------


_HELD: Final = (
    sa.select(
        allocation.c.line_id,
        allocation.c.location_id,
        allocation.c.quantity,
        order_line.c.line_ref,
        order_line.c.sku,
        order_line.c.channel_id,
        order_line.c.placed_at,
        sales_order.c.order_ref,
    )
    .join(order_line, order_line.c.id == allocation.c.line_id)
    .join(sales_order, sales_order.c.id == order_line.c.order_id)
    .order_by(allocation.c.line_id, allocation.c.location_id)
)


def ship(world: DemoWorld, window: DemoWindow, connection: Connection, pages: Pages) -> list[Event]:
    """Shipments of allocated lines that are due; what is not found on the shelf is cancelled and written down."""
    rows: list[Any] = list(connection.execute(_HELD.where(allocation.c.line_id > pages.line).limit(pages.size)))
    if pages.size is not None and len(rows) == pages.size:  # a line may be held at two locations: read its rows together
        pages.line = max(rows[-1].line_id - 1, pages.line + 1)
    else:
        pages.line = 0
    rows = [row for row in rows if world.knows(row) and row.location_id in LOCATION_INDEX]
    if not rows:
        return []
    lines = _lines(world, rows)
    traits = draw_traits(world.company, lines)
    location = np.array([LOCATION_INDEX[row.location_id] for row in rows], np.int64)
    at = np.arange(len(rows))
    held_day = (lines.placed_at - world.company.start_us) // DAY_US
    due = shipped_at(world.company, lines, traits, world.strain, at, location, held_day)
    late = due <= window.since[lines.channel]
    hour = window.until[lines.channel] // HOUR_US % 24
    wanted = (traits.cancels == 0) | (lines.placed_at < window.now - DAY_US)  # nobody cancelled while the simulator was off
    ready = wanted & (due <= window.until[lines.channel]) & (~late | ((hour >= 7) & (hour < 18)) | (location == LEIPZIG))
    carrier, missing = carriers(traits, at, location), missing_when_picked(traits, at, location)
    packages: dict[tuple[str, str, str, int], list[Any]] = {}
    events: list[Event] = []
    for row in np.flatnonzero(ready).tolist():
        if missing[row]:
            events += _cancel_missing(world, window, rows[row], int(lines.channel[row]), int(due[row]))
            continue
        packages.setdefault((rows[row].channel_id, rows[row].order_ref, rows[row].location_id, int(due[row])), []).append((rows[row], row))
    for (channel_id, order_ref, location_id, when), members in packages.items():
        channel = CHANNEL_INDEX[channel_id]
        occurred = _spread(world, window, channel, when)
        ref = f"{LOCATION_INDEX[location_id]}{occurred // 1_000_000}"
        events.append(
            Shipment(
                source=SOURCE,
                event_id=f"ship:{channel}:{order_ref}:{ref}",
                occurred_at=occurred,
                received_at=received(window, channel, occurred),
                channel_id=channel_id,
                order_ref=order_ref,
                shipment_ref=ref,
                location_id=location_id,
                lines=tuple(OrderUnits(line_ref=row.line_ref, quantity=row.quantity) for row, _ in members),
                carrier=CARRIER_NAMES[int(carrier[members[0][1]])],
            )
        )
    return events


def _lines(world: DemoWorld, rows: list[Any]) -> Lines:
    return world.lines(
        [row.sku for row in rows], [row.channel_id for row in rows], [row.placed_at for row in rows], [row.quantity for row in rows]
    )


def _cancel_missing(world: DemoWorld, window: DemoWindow, row: Any, channel: int, due: int) -> list[Event]:
    occurred = _spread(world, window, channel, due)
    key = f"{channel}:{row.order_ref}:{row.line_ref}"
    parts = world.parts(world.sku_of[row.sku])
    return [
        Cancellation(
            source=SOURCE,
            event_id=f"not-found:{key}",
            occurred_at=occurred,
            received_at=received(window, channel, occurred),
            channel_id=row.channel_id,
            order_ref=row.order_ref,
            lines=(CancelledLine(line_ref=row.line_ref),),
            reason="out of stock",
            cancelled_by="seller",
        ),
        Adjustment(
            source=SOURCE,
            event_id=f"missing:{key}:{row.location_id}",
            occurred_at=occurred,
            received_at=received(window, channel, occurred),
            location_id=row.location_id,
            reason="not found when picking",
            lines=tuple(SignedStateUnits(sku=world.company.skus[part], quantity=-units * row.quantity) for part, units in parts),
        ),
    ]


# ---- packages ------------------------------------------------------------------------------------------------------

_PACKAGES: Final = (
    sa.select(
        shipment.c.id,
        shipment.c.shipment_ref,
        shipment.c.location_id,
        shipment.c.shipped_at,
        shipment.c.tracking_uploaded_at,
        shipment.c.first_scan_at,
        shipment.c.quantity,
        order_line.c.order_id,
        order_line.c.sku,
        order_line.c.channel_id,
        order_line.c.placed_at,
        sales_order.c.order_ref,
    )
    .join(order_line, order_line.c.id == shipment.c.line_id)
    .join(sales_order, sales_order.c.id == order_line.c.order_id)
    # the condition written out as in the index, so that both databases use it
    .where(shipment.c.delivered_at.is_(None))
    .order_by(shipment.c.shipped_at, shipment.c.id)
)


def follow(world: DemoWorld, window: DemoWindow, connection: Connection, pages: Pages) -> list[Event]:
    """Tracking numbers, first scans and deliveries of packages under way."""
    oldest = max(pages.package, window.now - UNDER_WAY_US)
    query = _PACKAGES.where(shipment.c.shipped_at >= oldest).limit(pages.size)
    rows: list[Any] = list(connection.execute(query))
    full = pages.size is not None and len(rows) == pages.size
    newest = rows[-1].shipped_at if full else 0
    pages.package = newest + (newest == pages.package)
    pages.under_way = rows
    rows = [row for row in rows if world.knows(row) and row.location_id in LOCATION_INDEX]
    if not rows:
        return []
    lines = _lines(world, rows)
    traits = draw_traits(world.company, lines)
    location = np.array([LOCATION_INDEX[row.location_id] for row in rows], np.int64)
    shipped = np.array([row.shipped_at for row in rows], np.int64)
    at = np.arange(len(rows))
    arrives = delivered_at(world.company, lines, traits, at, location, shipped)
    uploaded, scanned, reported = package_times(lines, traits, at, shipped, arrives)
    until = window.until[lines.channel]
    steps = (
        (uploaded <= until) & np.array([row.tracking_uploaded_at is None for row in rows]),
        (scanned <= until) & np.array([row.first_scan_at is None for row in rows]),
        reported <= until,
    )
    carrier = carriers(traits, at, location)
    events: list[Event] = []
    seen: set[tuple[int, str]] = set()
    for number in np.flatnonzero(steps[0] | steps[1] | steps[2]).tolist():
        row = rows[number]
        if (row.order_id, row.shipment_ref) in seen:
            continue
        seen.add((row.order_id, row.shipment_ref))
        times = [int(when[number]) if step[number] else None for when, step in zip((uploaded, scanned, reported), steps, strict=True)]
        events += _steps(world, window, row, times, CARRIER_NAMES[int(carrier[number])])
    return events


def _steps(world: DemoWorld, window: DemoWindow, row: Any, times: list[int | None], carrier: str) -> list[Event]:
    """Tracking, first scan and delivery of one package, each where it has a time."""
    channel = CHANNEL_INDEX[row.channel_id]
    key = f"{channel}:{row.order_ref}:{row.shipment_ref}"

    def base(kind: str, at: int) -> dict[str, Any]:
        # what is long past, of packages that another process sent, is told when it is noticed
        occurred = at if at > int(window.since[channel]) - DAY_US else _spread(world, window, channel, at)
        return {
            "source": SOURCE,
            "event_id": f"{kind}:{key}",
            "occurred_at": occurred,
            "received_at": received(window, channel, occurred),
            "channel_id": row.channel_id,
            "order_ref": row.order_ref,
            "shipment_ref": row.shipment_ref,
        }

    events: list[Event] = []
    if times[0] is not None:
        events.append(Tracking(**base("track", times[0]), tracking_number=f"NL{row.shipped_at % 10**10:010d}", carrier=carrier))
    if times[1] is not None:
        events.append(Scan(**base("scan", times[1])))
    if times[2] is not None:
        events.append(Delivery(**base("deliver", times[2])))
    return events


def scan_again(world: DemoWorld, window: DemoWindow, pages: Pages) -> list[Event]:
    """One more scan by the carrier of some package under way: there is always something to tell."""
    able = [row for row in pages.under_way if row.first_scan_at is not None and world.knows(row) and CHANNEL_INDEX[row.channel_id] != EBAY]
    if not able:
        return []
    row = able[int(world.random.integers(len(able)))]
    channel = CHANNEL_INDEX[row.channel_id]
    return [
        Scan(
            source=SOURCE,
            event_id=f"scan:{channel}:{row.order_ref}:{row.shipment_ref}:{window.now}",
            occurred_at=window.now,
            received_at=window.now,
            channel_id=row.channel_id,
            order_ref=row.order_ref,
            shipment_ref=row.shipment_ref,
        )
    ]


# ---- cancelling ----------------------------------------------------------------------------------------------------


def cancel(world: DemoWorld, window: DemoWindow, connection: Connection) -> list[Event]:
    """Orders that buyers, or the marketplace, cancel within the hour."""
    oldest = int(min(window.since.min(), window.begins)) - 2 * MEMORY_US
    query = (
        sa.select(order_line.c.sku, order_line.c.channel_id, order_line.c.placed_at, order_line.c.quantity, sales_order.c.order_ref)
        .join(sales_order, sales_order.c.id == order_line.c.order_id)
        .where(
            order_line.c.placed_at > oldest,
            order_line.c.placed_at <= window.now,
            order_line.c.cancelled_quantity == 0,
            order_line.c.shipped_quantity == 0,
        )
        .order_by(order_line.c.placed_at)
    )
    rows = [row for row in connection.execute(query) if world.knows(row)]
    if not rows:
        return []
    lines = _lines(world, rows)
    traits = draw_traits(world.company, lines)
    due = lines.placed_at + traits.cancel_after
    cancellations: dict[tuple[int, str], Event] = {}
    for number in np.flatnonzero((traits.cancels > 0) & (due <= window.until[lines.channel])).tolist():
        row, channel, when = rows[number], int(lines.channel[number]), int(due[number])
        by_buyer = int(traits.cancels[number]) == BUYER
        cancellations[(channel, row.order_ref)] = Cancellation(
            source=SOURCE,
            event_id=f"cancel:{channel}:{row.order_ref}",
            occurred_at=when,
            received_at=received(window, channel, when),
            channel_id=row.channel_id,
            order_ref=row.order_ref,
            reason=("changed mind", "ordered by mistake", "found a better price")[when % 3] if by_buyer else "payment not confirmed",
            cancelled_by="buyer" if by_buyer else "marketplace",
        )
    return list(cancellations.values())


def give_up(world: DemoWorld, window: DemoWindow, connection: Connection) -> list[Event]:
    """Backordered lines whose customer or seller waits no longer."""
    owed = connection.execute(sa.select(backorder_level.c.sku).where(backorder_level.c.backordered > 0)).scalars().all()
    parts = {world.sku_of[sku] for sku in owed if sku in world.sku_of}
    kits = {world.company.skus[kit] for kit, members in world.company.components.items() if any(part in parts for part, _ in members)}
    rows: list[Any] = []
    for part in in_chunks(sorted(set(owed) | kits)):
        query = (
            sa.select(
                order_line.c.sku,
                order_line.c.channel_id,
                order_line.c.placed_at,
                order_line.c.quantity,
                order_line.c.line_ref,
                sales_order.c.order_ref,
            )
            .join(sales_order, sales_order.c.id == order_line.c.order_id)
            .where(
                order_line.c.sku.in_(part),
                # the index on open lines asks for its own condition
                sa.text("order_line.allocated_quantity + order_line.backordered_quantity > 0"),
                order_line.c.backordered_quantity > 0,
            )
            .order_by(order_line.c.placed_at, order_line.c.id)
        )
        rows += [row for row in connection.execute(query) if world.knows(row)]
    if not rows:
        return []
    lines = _lines(world, rows)
    midnight = lines.placed_at - (lines.placed_at - world.company.start_us) % DAY_US
    due = midnight + draw_patience(world.company, lines).leaves_after
    events: list[Event] = []
    for number in np.flatnonzero(due <= window.until[lines.channel]).tolist():
        row, channel = rows[number], int(lines.channel[number])
        occurred = _spread(world, window, channel, int(due[number]))
        patient = channel == SHOP
        events.append(
            Cancellation(
                source=SOURCE,
                event_id=f"give-up:{channel}:{row.order_ref}:{row.line_ref}",
                occurred_at=occurred,
                received_at=received(window, channel, occurred),
                channel_id=row.channel_id,
                order_ref=row.order_ref,
                lines=(CancelledLine(line_ref=row.line_ref),),
                reason="took too long" if patient else "out of stock",
                cancelled_by="buyer" if patient else "seller",
            )
        )
    return events
