"""Units of an order that are not wanted or cannot be had."""

from typing import Literal

from data_access.domain.events import Event, EventPart, Id, Text, Units
from data_access.events.context import EventContext
from data_access.events.judging import settle_lines, take_fact
from data_access.events.kind import EventKind
from data_access.events.needs import Needs


class CancelledLine(EventPart):
    """`quantity` empty: all that has not shipped."""

    line_ref: Id
    quantity: Units | None = None


class Cancellation(Event):
    """Units of an order that are not wanted or cannot be had. Without `lines`: the whole order."""

    kind: Literal["cancellation"] = "cancellation"
    channel_id: Id
    order_ref: Id
    lines: tuple[CancelledLine, ...] = ()
    reason: Text | None = None
    cancelled_by: Literal["buyer", "seller", "marketplace", "unknown"] = "unknown"


def _handle(context: EventContext, event: Cancellation, row_id: int) -> list[str]:
    key = (event.channel_id, event.order_ref)
    order = context.order(event.channel_id, event.order_ref, (line.line_ref for line in event.lines))
    wanted = event.lines or tuple(CancelledLine(line_ref=ref) for ref in order.lines)
    for cancelled in wanted:
        line = order.lines[cancelled.line_ref]
        units = cancelled.quantity or line.quantity
        row = {
            "id": context.unit.ids.take(),
            "event_id": row_id,
            "line_id": line.line_id,
            "quantity": units,
            "said_quantity": None,
            "cancelled_at": event.occurred_at,
            "reason": event.reason,
            "cancelled_by": event.cancelled_by,
        }
        take_fact(context, "cancellation", (key, line.order_id), row)
    return settle_lines(context, key, (order.lines[line.line_ref] for line in wanted))


def _needs(event: Cancellation) -> Needs:
    return Needs(facts=(event.channel_id, event.order_ref))


KIND = EventKind(model=Cancellation, label="Cancellation", rank=80, needs=_needs, handle=_handle)
