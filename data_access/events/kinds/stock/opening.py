"""The first balance of a SKU at a location."""

from typing import Literal

from data_access.events.context import EventContext
from data_access.events.counting import CountedStock, counted_needs, take_count
from data_access.events.kind import EventKind


class Opening(CountedStock):
    """The first balance of a SKU at a location: like a count, posted as kind `opening`, and perhaps assumed."""

    kind: Literal["opening"] = "opening"
    is_assumed: bool = False


def _handle(context: EventContext, event: Opening, row_id: int) -> list[str]:
    return take_count(context, event, row_id, is_assumed=event.is_assumed)


KIND = EventKind(model=Opening, label="Opening balance", rank=20, movement_kinds=("opening",), needs=counted_needs, handle=_handle)
