"""Packages: sending one, and changing what is known of one."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from data_access.domain.events import Event, Text
from data_access.domain.ledger_state import Line
from data_access.events.context import EventContext, NotYet
from data_access.events.judging import change_row, package_facts, take_fact
from data_access.events.known_facts import KnownFact, OrderKey
from data_access.events.needs import Needs


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
    """Units of a line leave in a package, by the event `row_id`; `judging.settle_line` then says whether they can."""
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
    for other in context.facts.of_order((line.channel_id, package.order_ref)):
        if other.kind == "shipment" and other.reference == package.shipment_ref:
            row.update(package_facts(row, other.row))  # what is known of the package already
    take_fact(context, "shipment", ((line.channel_id, package.order_ref), line.order_id), row)


class PackageEvent(Event):
    """Something that happened to a package that was sent."""

    channel_id: Text
    order_ref: Text
    shipment_ref: Text


def package_needs(event: PackageEvent) -> Needs:
    """The packages of its order."""
    return Needs(packages=(event.channel_id, event.order_ref))


def change_package(context: EventContext, event: PackageEvent, change: Callable[[Mapping[str, Any]], dict[str, Any]]) -> list[KnownFact]:
    """Change the facts of a package, under whichever of its references. The earliest event of a kind wins, whatever comes first.

    Returns what is known of the package.

    Raises:
        NotYet: no such package was told.

    """
    key: OrderKey = (event.channel_id, event.order_ref)
    facts = [fact for fact in context.facts.of_order(key) if fact.kind == "shipment"]
    named = [fact for fact in facts if fact.row["shipment_ref"] == event.shipment_ref]
    if not named:
        raise NotYet(f"shipment:{event.channel_id}:{event.order_ref}:{event.shipment_ref}")
    twins = {fact.twin_id for fact in named}
    package = [fact for fact in facts if fact in named or fact.row["id"] in twins]
    for fact in package:
        change_row(context, fact, {**change(fact.row), "is_followed": True})
    return package
