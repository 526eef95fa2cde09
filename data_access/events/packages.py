"""Packages: sending one, and changing what is known of one."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from data_access.domain.events import Event, Text
from data_access.domain.ledger_state import Line
from data_access.events.context import EventContext, NotYet
from data_access.events.needs import Needs
from data_access.schema.orders import shipment


@dataclass(frozen=True, slots=True)
class Package:
    """A package: its order and its own reference, the location it left, when (microseconds), by whom, and whether it was handed over."""

    order_ref: str
    shipment_ref: str
    location_id: str
    shipped_at: int
    carrier: str | None = None
    is_handed_over: bool = False


def send(context: EventContext, row_id: int, package: Package, line: Line, units: int) -> None:
    """Units of a line leave in a package, by the event `row_id`."""
    row = {
        "id": context.unit.ids.take(),
        "event_id": row_id,
        "line_id": line.line_id,
        "shipment_ref": package.shipment_ref,
        "location_id": package.location_id,
        "quantity": units,
        "shipped_at": package.shipped_at,
        "carrier": package.carrier,
        "tracking_number": None,
        "tracking_uploaded_at": None,
        "first_scan_at": None,
        "last_scan_at": None,
        "delivered_at": package.shipped_at if package.is_handed_over else None,
        "moves_stock": True,
        "is_followed": False,
    }
    context.unit.add(shipment, row)
    sent = {**row, "order_id": line.order_id, "new": row}
    key = (line.channel_id, package.order_ref)
    context.sent.setdefault(key, []).append(sent)
    if key in context.packages:
        context.packages[key].setdefault(package.shipment_ref, []).append(sent)
    context.unit.ledger.ship(line, units, package.location_id, row_id, package.shipped_at)


class PackageEvent(Event):
    """Something that happened to a package that was sent."""

    channel_id: Text
    order_ref: Text
    shipment_ref: Text


def package_needs(event: PackageEvent) -> Needs:
    """The packages of its order."""
    return Needs(packages=(event.channel_id, event.order_ref))


def change_package(context: EventContext, event: PackageEvent, change: Callable[[Mapping[str, Any]], dict[str, Any]]) -> list[str]:
    """Change the rows of a package. The earliest event of a kind wins, so that the order of arrival does not matter."""
    rows = context.packages[(event.channel_id, event.order_ref)].get(event.shipment_ref)
    if not rows:
        raise NotYet(f"shipment:{event.channel_id}:{event.order_ref}:{event.shipment_ref}")
    for row in rows:
        values = {**change(row), "is_followed": True}
        row.update(values)
        if "new" in row:
            row["new"].update(values)
        else:
            context.unit.change(shipment, row["id"], values)
        context.unit.touch("orders", "order", row["order_id"])
    return []
