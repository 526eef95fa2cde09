"""The delivery of a package."""

from typing import Literal

from data_access.events.context import EventContext
from data_access.events.kind import EventKind
from data_access.events.packages import PackageEvent, change_package, package_needs


class Delivery(PackageEvent):
    """The package was delivered."""

    kind: Literal["delivery"] = "delivery"


def _handle(context: EventContext, event: Delivery, _row_id: int) -> list[str]:
    change_package(context, event, lambda row: {"delivered_at": min(event.occurred_at, row["delivered_at"] or event.occurred_at)})
    return []


KIND = EventKind(model=Delivery, label="Delivery", rank=120, needs=package_needs, handle=_handle)
