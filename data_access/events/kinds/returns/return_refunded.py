"""Money is given back for a return."""

from typing import Annotated, Literal

from pydantic import Field

from data_access.domain.events import EventPart, Id, Price
from data_access.events.cases import CaseEvent, earliest, name_of, open_case, set_case, tell_lines
from data_access.events.context import Contradiction, EventContext, Repeated
from data_access.events.kind import EventKind
from data_access.events.needs import Needs
from data_access.schema.returns import return_refund


class RefundedLine(EventPart):
    """`amount`: for all units of the line that it pays back, in 1/10,000 of the currency."""

    line_ref: Id
    amount: Price


class ReturnRefunded(CaseEvent):
    """Money was given back for lines of a return, before or after the goods came in. `refund_ref`: the channel's own id of it."""

    kind: Literal["return_refunded"] = "return_refunded"
    order_ref: Id
    refund_ref: Id | None = None
    currency: Annotated[str, Field(pattern="^[A-Z]{3}$")]
    lines: Annotated[tuple[RefundedLine, ...], Field(min_length=1)]


def _handle(context: EventContext, event: ReturnRefunded, row_id: int) -> list[str]:
    order = context.order(event.channel_id, event.order_ref, (line.line_ref for line in event.lines))
    key = (event.channel_id, event.return_ref)
    ref = event.refund_ref or event.event_id
    given = sorted((order.lines[line.line_ref].line_id, line.amount, event.currency) for line in event.lines)
    known = context.cases.of(key)
    alike = [row for row in known.refunds if row["refund_ref"] == ref] if known else []
    before = sorted((row["line_id"], row["amount"], row["currency"]) for row in alike)
    if before == given:
        raise Repeated
    if before:
        raise Contradiction(
            f"Another event brought refund {ref} of return {event.return_ref} on {event.channel_id}, with other amounts: it stands; "
            "send a further refund under an id of its own."
        )
    case = open_case(context, key)
    for line in event.lines:
        row = {
            "id": context.unit.ids.take(),
            "event_id": row_id,
            "case_id": case.row["id"],
            "refund_ref": ref,
            "line_id": order.lines[line.line_ref].line_id,
            "amount": line.amount,
            "currency": event.currency,
            "refunded_at": event.occurred_at,
        }
        context.unit.add(return_refund, row)
        case.refunds.append(row)
    set_case(context, case, {"refunded_at": earliest(case.row["refunded_at"], event.occurred_at)})
    tell_lines(context, key)
    return [name_of(key)]


def _needs(event: ReturnRefunded) -> Needs:
    return Needs(facts=(event.channel_id, event.order_ref), returns=(event.channel_id, event.return_ref))


KIND = EventKind(model=ReturnRefunded, label="Return refunded", rank=145, needs=_needs, handle=_handle)
