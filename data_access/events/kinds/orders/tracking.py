"""A tracking number given to the channel."""

from collections.abc import Mapping
from typing import Any, Literal

from data_access.domain.events import Text
from data_access.events.context import EventContext
from data_access.events.judging import is_told_twice, settle_known_lines
from data_access.events.kind import EventKind
from data_access.events.packages import PackageEvent, change_package, package_needs


class Tracking(PackageEvent):
    """The channel was given the package's tracking number."""

    kind: Literal["tracking"] = "tracking"
    tracking_number: Text
    carrier: Text | None = None


def _handle(context: EventContext, event: Tracking, _row_id: int) -> list[str]:
    def change(row: Mapping[str, Any]) -> dict[str, Any]:
        before = row["tracking_uploaded_at"]
        if before is not None and (before, row["tracking_number"]) <= (event.occurred_at, event.tracking_number):
            return {}
        return {
            "tracking_uploaded_at": event.occurred_at,
            "tracking_number": event.tracking_number,
            "carrier": event.carrier or row["carrier"],
        }

    package = change_package(context, event, change)
    key = (event.channel_id, event.order_ref)
    return settle_known_lines(context, key, {fact.row["line_id"] for fact in package if is_told_twice(context, key, fact)})


KIND = EventKind(model=Tracking, label="Tracking number", rank=100, needs=package_needs, handle=_handle)
