"""A stock count."""

from typing import Literal

from data_access.events.context import EventContext
from data_access.events.counting import CountedStock, counted_needs, take_count
from data_access.events.kind import EventKind


class Count(CountedStock):
    """What was found at a location: the ledger is made equal to it."""

    kind: Literal["count"] = "count"


def _handle(context: EventContext, event: Count, row_id: int) -> list[str]:
    return take_count(context, event, row_id, is_assumed=False)


KIND = EventKind(model=Count, label="Count", rank=30, movement_kinds=("count",), needs=counted_needs, handle=_handle)
