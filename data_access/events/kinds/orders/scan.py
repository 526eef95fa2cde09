"""A scan of a package by its carrier."""

from typing import Literal

from data_access.events.context import EventContext
from data_access.events.kind import EventKind
from data_access.events.packages import PackageEvent, change_package, package_needs


class Scan(PackageEvent):
    """The carrier scanned the package."""

    kind: Literal["scan"] = "scan"


def _handle(context: EventContext, event: Scan, _row_id: int) -> list[str]:
    change_package(
        context,
        event,
        lambda row: {
            "first_scan_at": min(event.occurred_at, row["first_scan_at"] or event.occurred_at),
            "last_scan_at": max(event.occurred_at, row["last_scan_at"] or 0),
        },
    )
    return []


KIND = EventKind(model=Scan, label="Carrier scan", rank=110, needs=package_needs, handle=_handle)
