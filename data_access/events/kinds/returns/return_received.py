"""Units that came back."""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field

from data_access.domain.events import Event, EventPart, Id, Micros, Note, Price, Text, Units
from data_access.events.cases import earliest, name_of, set_case, tell_lines
from data_access.events.context import Contradiction, EventContext, Repeated
from data_access.events.judging import settle_lines, take_fact
from data_access.events.kind import EventKind
from data_access.events.needs import Needs


class ReturnedUnits(EventPart):
    line_ref: Id
    quantity: Units
    reason_code: Text | None = None
    return_reason: Text | None = None
    customer_note: Note | None = None
    refund: Price | None = None


class ReturnReceived(Event):
    """Units of an order came back; they wait for inspection as unsellable. `part`: which part of the return, if it comes in several."""

    kind: Literal["return_received"] = "return_received"
    channel_id: Id
    order_ref: Id
    return_ref: Id
    location_id: Id
    requested_at: Micros | None = None
    part: Id | None = None
    lines: Annotated[tuple[ReturnedUnits, ...], Field(min_length=1)]


def _handle(context: EventContext, event: ReturnReceived, row_id: int) -> list[str]:
    order = context.order(event.channel_id, event.order_ref, (line.line_ref for line in event.lines))
    context.need_location(event.location_id)
    key = (event.channel_id, event.order_ref)
    _need_new(context, event, {order.lines[returned.line_ref].line_id: returned.quantity for returned in event.lines})
    unit = context.unit
    for returned in event.lines:
        line = order.lines[returned.line_ref]
        row = {
            "id": unit.ids.take(),
            "event_id": row_id,
            "channel_id": event.channel_id,
            "return_ref": event.return_ref,
            "line_id": line.line_id,
            "sku": line.sku,
            "location_id": event.location_id,
            "quantity": returned.quantity,
            "requested_at": event.requested_at,
            "received_at": event.occurred_at,
            "reason_code": returned.reason_code,
            "return_reason": returned.return_reason,
            "customer_note": returned.customer_note,
            "inspected_at": None,
            "disposition": None,
            "is_disposition_assumed": False,
            "refund": returned.refund,
            "currency": None,
            "moves_stock": True,
            "part": event.part,
            "approved_at": None,
            "refunded_at": None,
            "fates": None,
        }
        take_fact(context, "return", (key, line.order_id), row)
    return_key = (event.channel_id, event.return_ref)
    if (case := context.cases.of(return_key)) is not None:
        set_case(context, case, {"received_at": earliest(case.row["received_at"], event.occurred_at)})
        tell_lines(context, return_key)
    # an inspection is kept with the return, whether it counts or not
    keys = settle_lines(context, key, (order.lines[returned.line_ref] for returned in event.lines))
    return [name_of(return_key), *keys]


def _need_new(context: EventContext, event: ReturnReceived, units: Mapping[int, int]) -> None:
    """The return, or this part of it, is not known; or, by another source, with these very units (by line)."""
    key = (event.channel_id, event.return_ref)
    known = context.facts.of_return(key)
    alike = {fact.row["line_id"]: fact.row["quantity"] for fact in known if fact.row["part"] == event.part}
    if alike == units:
        raise Repeated
    parts = {fact.row["part"] for fact in known}
    if context.returns[key] or alike or None in parts or (event.part is None and parts):
        raise Contradiction(
            f"Return {event.return_ref} on {event.channel_id} was received by another event: it stands; "
            "send further units as parts of their own, or under a return id of their own."
        )


def _needs(event: ReturnReceived) -> Needs:
    return Needs(facts=(event.channel_id, event.order_ref), returns=(event.channel_id, event.return_ref))


KIND = EventKind(model=ReturnReceived, label="Return received", rank=130, movement_kinds=("return_received",), needs=_needs, handle=_handle)
