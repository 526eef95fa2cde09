"""A request for a return is approved or refused."""

from collections.abc import Mapping
from typing import Any, Literal

from data_access.domain.events import Text
from data_access.events.cases import CaseEvent, case_needs, change_case
from data_access.events.context import EventContext
from data_access.events.kind import EventKind


class ReturnDecided(CaseEvent):
    """A request for a return was approved or refused; what was decided last holds. Goods are received whatever was decided."""

    kind: Literal["return_decided"] = "return_decided"
    decision: Literal["approved", "refused"]
    reason: Text | None = None


def _handle(context: EventContext, event: ReturnDecided, _row_id: int) -> list[str]:
    case = context.cases.of((event.channel_id, event.return_ref))
    new = (event.occurred_at, event.decision, event.reason or "")
    if case is not None and case.row["decision"] is not None and _when(case.row) >= new:
        return []
    return change_case(context, event, {"decision": event.decision, "decided_at": event.occurred_at, "decision_reason": event.reason})


def _when(row: Mapping[str, Any]) -> tuple[int, str, str]:
    return row["decided_at"], row["decision"], row["decision_reason"] or ""


KIND = EventKind(model=ReturnDecided, label="Return approved or refused", rank=124, needs=case_needs, handle=_handle)
