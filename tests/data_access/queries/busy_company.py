"""The small company on a busy morning, reckoned by hand; times are hours after `T0`, 2025-10-09 08:53 UTC (10:53 in Berlin)."""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from data_access.engine import writing
from data_access.events import models as ev
from data_access.events.ingest import ingest
from data_access.schema.purchasing import supplier_item
from tests.data_access.small_company import HOUR, T0, make_company


def head(number: int, hours: float) -> dict[str, Any]:
    at = T0 + int(hours * HOUR)
    return {"source": "test", "event_id": f"e{number}", "occurred_at": at, "received_at": at}


def sale(number: int, channel: str, sku: str, quantity: int, hours: float) -> ev.Sale:
    line = ev.SaleLine(line_ref="1", external_sku=f"{channel}-{sku}", quantity=quantity)
    return ev.Sale(**head(number, hours), channel_id=channel, order_ref=f"o{number}", currency="EUR", lines=(line,))


def opening(number: int, location_id: str, **units: int) -> ev.Opening:
    """`A_unsellable=1` for units of A that cannot be sold."""
    lines = [
        ev.CountedStateUnits(sku=name.split("_")[0], quantity=quantity, state="unsellable" if "_" in name else "sellable")
        for name, quantity in units.items()
    ]
    return ev.Opening(**head(number, 0), location_id=location_id, lines=tuple(lines))


def make_busy_company(engine: Engine) -> None:
    """Ends with, on hand / unsellable / allocated / on order: A at north 16 / 1 / 5 / 15, at south 4 / 0 / 4 / 0; B at north 9 / 0 / 4 / 0.

    `market` waits for 2 A. The lead time of A is its supplier's, 10 days.
    """
    make_company(engine)
    with writing(engine) as connection:
        connection.execute(sa.insert(supplier_item), {"supplier_id": "sup", "sku": "A"})
    order_line = ev.PurchaseOrderLine(sku="A", quantity=20)
    placed = {"po_ref": "PO1", "supplier_id": "sup", "location_id": "north", "expected_at": T0 + 240 * HOUR}
    outcomes = ingest(
        engine,
        [
            opening(1, "north", A=10, A_unsellable=1, B=9),
            opening(2, "south", A=4),
            sale(3, "web", "A", 3, 1),
            sale(4, "market", "A", 6, 2),
            sale(5, "web", "KIT", 2, 3),
            ev.PurchaseOrder(**head(6, 4), **placed, lines=(order_line,)),
            ev.Receipt(**head(7, 5), location_id="north", po_ref="PO1", lines=(ev.SkuUnits(sku="A", quantity=5),)),
        ],
        {"web": T0 + 6 * HOUR, "market": T0 + 5 * HOUR},
    )
    assert {outcome.status for outcome in outcomes} == {"applied"}
