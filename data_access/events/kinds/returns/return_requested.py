"""A customer asks to send units back."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from data_access.domain.events import EventPart, Id, Note, Text, Units
from data_access.events.cases import CaseEvent, earliest, name_of, open_case, set_case, tell_lines
from data_access.events.context import Contradiction, EventContext, KnownOrder
from data_access.events.kind import EventKind
from data_access.events.needs import Needs
from data_access.schema.returns import return_request


class RequestedUnits(EventPart):
    line_ref: Id
    quantity: Units
    reason_code: Text | None = None
    return_reason: Text | None = None
    customer_note: Note | None = None


class ReturnRequested(CaseEvent):
    """A customer asked to send units of an order back (RMA). Told again with another date, it is one request: the earliest stands."""

    kind: Literal["return_requested"] = "return_requested"
    order_ref: Id
    lines: Annotated[tuple[RequestedUnits, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _once(self) -> "ReturnRequested":
        if len({line.line_ref for line in self.lines}) < len(self.lines):
            raise ValueError("two lines of one request have the same line_ref")
        return self


def _handle(context: EventContext, event: ReturnRequested, row_id: int) -> list[str]:
    order = context.order(event.channel_id, event.order_ref, (line.line_ref for line in event.lines))
    key = (event.channel_id, event.return_ref)
    known = context.cases.of(key)
    before = {row["line_id"]: row["quantity"] for row in known.requests} if known else {}
    units = {order.lines[line.line_ref].line_id: line.quantity for line in event.lines}
    if before and before != units:
        raise Contradiction(
            f"Return {event.return_ref} on {event.channel_id} was requested by another event, of other units: it stands; "
            "send further units under a return id of their own."
        )
    _need_bought(event, order)
    case = open_case(context, key)
    set_case(context, case, {"requested_at": earliest(case.row["requested_at"], event.occurred_at)})
    for line in event.lines if not before else ():
        row = {
            "id": context.unit.ids.take(),
            "event_id": row_id,
            "case_id": case.row["id"],
            "line_id": order.lines[line.line_ref].line_id,
            "quantity": line.quantity,
            "reason_code": line.reason_code,
            "return_reason": line.return_reason,
            "customer_note": line.customer_note,
        }
        context.unit.add(return_request, row)
        case.requests.append(row)
    tell_lines(context, key)
    return [name_of(key)]


def _need_bought(event: ReturnRequested, order: KnownOrder) -> None:
    for line in event.lines:
        bought = order.lines[line.line_ref].quantity
        if line.quantity > bought:
            raise Contradiction(
                f"Return {event.return_ref} on {event.channel_id} asks for {line.quantity} units of line {line.line_ref} of order "
                f"{event.order_ref}, of which {bought} were bought: send it with at most as many."
            )


def _needs(event: ReturnRequested) -> Needs:
    return Needs(facts=(event.channel_id, event.order_ref), returns=(event.channel_id, event.return_ref))


KIND = EventKind(model=ReturnRequested, label="Return requested", rank=122, needs=_needs, handle=_handle)
