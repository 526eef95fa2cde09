"""A customer sends a return."""

from collections.abc import Mapping
from typing import Any, Literal

from data_access.domain.events import Text
from data_access.events.cases import CaseEvent, case_needs, change_case
from data_access.events.context import EventContext
from data_access.events.kind import EventKind


class ReturnSentBack(CaseEvent):
    """A customer handed a return to a carrier. Told more than once, the earliest holds."""

    kind: Literal["return_sent_back"] = "return_sent_back"
    carrier: Text | None = None
    tracking_number: Text | None = None


def _handle(context: EventContext, event: ReturnSentBack, _row_id: int) -> list[str]:
    case = context.cases.of((event.channel_id, event.return_ref))
    new = (event.occurred_at, event.tracking_number or "", event.carrier or "")
    if case is not None and case.row["sent_at"] is not None and _when(case.row) <= new:
        return []
    return change_case(context, event, {"sent_at": event.occurred_at, "carrier": event.carrier, "tracking_number": event.tracking_number})


def _when(row: Mapping[str, Any]) -> tuple[int, str, str]:
    return row["sent_at"], row["tracking_number"] or "", row["carrier"] or ""


KIND = EventKind(model=ReturnSentBack, label="Return sent back", rank=126, needs=case_needs, handle=_handle)
