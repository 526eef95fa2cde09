"""A return ends."""

from typing import Literal

from data_access.events.cases import CaseEvent, case_needs, change_case, earliest
from data_access.events.context import EventContext
from data_access.events.kind import EventKind


class ReturnClosed(CaseEvent):
    """The channel closed a return: nothing more is expected of it. What comes in nevertheless is received."""

    kind: Literal["return_closed"] = "return_closed"


def _handle(context: EventContext, event: ReturnClosed, _row_id: int) -> list[str]:
    case = context.cases.of((event.channel_id, event.return_ref))
    before = case.row["closed_at"] if case is not None else None
    return change_case(context, event, {"closed_at": earliest(before, event.occurred_at)})


KIND = EventKind(model=ReturnClosed, label="Return closed", rank=150, needs=case_needs, handle=_handle)
