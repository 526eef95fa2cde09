"""A small company's orders, stock and demand history, for the tests of the demand history."""

from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy.engine import Engine

from data_access.events import models as ev
from data_access.events.ingest import ingest
from data_access.mirror.scan import Mirror
from data_access.mirror.writing import catch_up
from data_access.queries.demand import DemandHistory, demand_history

FIRST = date(2025, 10, 10)
LAST = date(2025, 10, 14)
DAYS = 5


def at(day: int, hour: float, zone: str = "Europe/Berlin") -> int:
    """Microseconds of an hour on a day, 0 being `FIRST`."""
    begin = datetime(FIRST.year, FIRST.month, FIRST.day, tzinfo=ZoneInfo(zone)) + timedelta(days=day, hours=hour)
    return int(begin.timestamp()) * 1_000_000


def head(number: int, when: int) -> dict[str, Any]:
    return {"source": "test", "event_id": f"e{number}", "occurred_at": when, "received_at": when}


def sale(number: int, when: int, channel_id: str, sku: str, quantity: int = 1, **more: Any) -> ev.Sale:
    line = ev.SaleLine(line_ref="1", external_sku=f"{channel_id}-{sku}", quantity=quantity)
    return ev.Sale(**head(number, when), channel_id=channel_id, order_ref=f"o{number}", currency="EUR", lines=(line,), **more)


def ship(number: int, when: int, order: int, channel_id: str, location_id: str, quantity: int = 1) -> ev.Shipment:
    lines = (ev.OrderUnits(line_ref="1", quantity=quantity),)
    of = {"channel_id": channel_id, "order_ref": f"o{order}", "location_id": location_id}
    return ev.Shipment(**head(number, when), **of, shipment_ref=f"s{number}", lines=lines)


def cancel(number: int, when: int, order: int, channel_id: str, quantity: int, by: Any) -> ev.Cancellation:
    lines = (ev.CancelledLine(line_ref="1", quantity=quantity),)
    return ev.Cancellation(**head(number, when), channel_id=channel_id, order_ref=f"o{order}", lines=lines, cancelled_by=by)


def opening(number: int, when: int, location_id: str, **units: int) -> ev.Opening:
    """`A_unsellable=1` for units of A that cannot be sold."""
    lines = [
        ev.CountedStateUnits(sku=name.split("_")[0], quantity=quantity, state="unsellable" if "_" in name else "sellable")
        for name, quantity in units.items()
    ]
    return ev.Opening(**head(number, when), location_id=location_id, lines=tuple(lines))


def receipt(number: int, when: int, location_id: str, **units: int) -> ev.Receipt:
    lines = tuple(ev.SkuUnits(sku=sku, quantity=quantity) for sku, quantity in units.items())
    return ev.Receipt(**head(number, when), location_id=location_id, lines=lines)


def happened(engine: Engine, *events: ev.Event, until: int = at(6, 0)) -> None:
    """Take in events; everything up to a moment is known of both channels."""
    outcomes = ingest(engine, events, {"web": until, "market": until})
    assert {outcome.status for outcome in outcomes} <= {"applied"}


def history(engine: Engine, folder: Path, last: date | None = LAST, days: int = DAYS, ahead: int = 3) -> DemandHistory:
    return demand_history(engine, Mirror(folder, catch_up(engine, folder).manifest), last, days, ahead)


def row(demand: DemandHistory, sku: str, channel_id: str) -> int:
    names = demand.series.select("sku", "channel_id").rows()
    assert names == sorted(set(names))
    return names.index((sku, channel_id))


def units(demand: DemandHistory, sku: str, channel_id: str) -> list[float]:
    return demand.units[row(demand, sku, channel_id)].tolist()


def available(demand: DemandHistory, sku: str, channel_id: str) -> list[float]:
    return [round(float(share), 4) for share in demand.available[row(demand, sku, channel_id)]]
