"""A small company made by hand, every number of which a test can know: four channels, three locations, 64 SKUs, one kit."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from data_access.engine import now_us, writing
from data_access.events.ingest import ingest, ingest_json
from data_access.events.models import (
    Event,
    Opening,
    PurchaseOrder,
    PurchaseOrderLine,
    Sale,
    SaleLine,
    Scan,
    Shipment,
    WriteOff,
)
from data_access.schema.catalog import kit_component, listing, location, product
from data_access.schema.channels import channel, channel_location
from data_access.schema.orders import order_line, sales_order, shipment
from data_access.schema.purchasing import supplier, supplier_item

CHANNELS = (
    ("amazon", "Amazon", "marketplace"),
    ("ebay", "eBay", "marketplace"),
    ("web", "Web shop", "webstore"),
    ("till", "Soho till", "retail"),
)
LOCATIONS = (("LDN", "London warehouse", "warehouse"), ("LEE", "Leeds 3PL", "3pl"), ("SOHO", "Soho shop", "shop"))
SERVES = (("amazon", "LDN", 1), ("amazon", "LEE", 2), ("ebay", "LDN", 1), ("web", "LDN", 1), ("web", "LEE", 2), ("till", "SOHO", 1))
CATEGORIES = ("Chairs", "Desks", "Lamps", "Shelves")
KINDS = ("Chair", "Desk", "Lamp", "Shelf")
SKUS = tuple(f"{KINDS[i % 4].upper()}-{i:03d}" for i in range(64))
KIT = "KIT-OFFICE"
UNMAPPED = "AMZ-LAMP-050"
_NUMBER = iter(range(1, 10**9))


def _event(kind: type[Event], at: datetime, source: str = "scene", **fields: object) -> Event:
    return kind(source=source, event_id=f"e{next(_NUMBER)}", occurred_at=at, received_at=at, **fields)  # type: ignore[arg-type]


def build(engine: Engine) -> None:
    """Fill an empty store. CHAIR-000 is oversold on eBay by 3; LAMP-002 is out; DESK-001 has 40 on hand."""
    _catalogue(engine)
    now = datetime.now(UTC)
    start = now - timedelta(days=40)
    stock = {sku: 20 + 7 * index for index, sku in enumerate(SKUS)} | {"CHAIR-000": 12, "DESK-001": 40, "LAMP-002": 5, "SHELF-003": 9}
    events: list[Event] = [
        _event(Opening, start, location_id="LDN", lines=[{"sku": sku, "quantity": units} for sku, units in stock.items()]),
        _event(Opening, start, location_id="LEE", lines=[{"sku": sku, "quantity": 10} for sku in SKUS[8:40]]),
        _event(Opening, start, location_id="SOHO", is_assumed=True, lines=[{"sku": sku, "quantity": 4} for sku in SKUS[40:]]),
        _event(
            PurchaseOrder,
            start + timedelta(days=30),
            po_ref="PO-1",
            supplier_id="ACME",
            location_id="LDN",
            expected_at=now + timedelta(days=5),
            lines=[PurchaseOrderLine(sku="CHAIR-000", quantity=60), PurchaseOrderLine(sku="LAMP-002", quantity=30)],
        ),
        _event(
            WriteOff, start + timedelta(days=3), location_id="LDN", reason="broken in the rack", lines=[{"sku": "DESK-001", "quantity": 2}]
        ),
    ]
    for day in range(1, 39):
        at = start + timedelta(days=day, hours=2)
        for number in range(4):
            sku = SKUS[(day * 5 + number * 7) % len(SKUS)]
            events += _shipped(("amazon", "ebay", "web")[number % 3], sku, 1, at + timedelta(hours=number))
    events += _shipped("amazon", "LAMP-002", 5, start + timedelta(days=20))
    events += _shipped("web", "DESK-001", 3, start + timedelta(days=21))
    events.append(sale("ebay", "CHAIR-000", 15, now - timedelta(hours=3)))
    events.append(sale("web", KIT, 2, now - timedelta(hours=2)))
    events.append(sale("amazon", "DESK-001", 4, now - timedelta(hours=1)))
    events.append(sale("amazon", None, 2, now - timedelta(minutes=50), external_sku=UNMAPPED))
    second = now_us()
    ingest(engine, events, synced={"amazon": second, "web": second, "till": second, "ebay": second - 7_200_000_000})
    ingest_json(engine, ['{"kind": "sale", "event_id": "broken-1", "channel_id": "web", "quantity": -3}'], "web feed")
    twice = sale("web", "DESK-005", 1, now - timedelta(minutes=5), source="web feed", event_id="twice")
    ingest(engine, [twice])
    ingest(engine, [sale("web", "DESK-005", 2, now - timedelta(minutes=5), source="web feed", event_id="twice")])


def sale(
    channel_id: str,
    sku: str | None,
    quantity: int,
    at: datetime | None = None,
    *,
    external_sku: str | None = None,
    source: str = "scene",
    event_id: str | None = None,
    late: timedelta = timedelta(),
) -> Sale:
    """An order of one line; `late`: how much later than it was placed we are told."""
    number = next(_NUMBER)
    when = at or datetime.now(UTC)
    return Sale(
        source=source,
        event_id=event_id or f"e{number}-{now_us()}",
        occurred_at=when,
        received_at=when + late,
        channel_id=channel_id,
        order_ref=f"O-{event_id or f'{number}-{now_us()}'}",
        currency="GBP",
        lines=(SaleLine(line_ref="1", sku=sku, external_sku=external_sku, quantity=quantity, unit_price=199_900),),
    )


def first_scan(engine: Engine, channel_id: str) -> Scan:
    """A carrier's scan of a channel's last package: from then on its tracking is something to judge."""
    query = (
        sa.select(sales_order.c.order_ref, shipment.c.shipment_ref, shipment.c.shipped_at)
        .join_from(shipment, order_line, order_line.c.id == shipment.c.line_id)
        .join(sales_order, sales_order.c.id == order_line.c.order_id)
        .where(sales_order.c.channel_id == channel_id)
        .order_by(shipment.c.shipped_at.desc())
    )
    with engine.connect() as connection:
        order_ref, shipment_ref, at = connection.execute(query.limit(1)).one()
    head = {"source": "scene", "event_id": "scan", "occurred_at": at, "received_at": at}
    return Scan(**head, channel_id=channel_id, order_ref=order_ref, shipment_ref=shipment_ref)


def _shipped(channel_id: str, sku: str, quantity: int, at: datetime) -> Sequence[Event]:
    sold = sale(channel_id, sku, quantity, at)
    return [
        sold,
        _event(
            Shipment,
            at + timedelta(hours=6),
            channel_id=channel_id,
            order_ref=sold.order_ref,
            shipment_ref="1",
            location_id="LDN",
            lines=[{"line_ref": "1", "quantity": quantity}],
            carrier="Royal Mail",
        ),
    ]


def _catalogue(engine: Engine) -> None:
    with writing(engine) as connection:
        for position, (channel_id, name, kind) in enumerate(CHANNELS, start=1):
            row = {"channel_id": channel_id, "name": name, "kind": kind, "currency": "GBP", "time_zone": "Europe/London"}
            connection.execute(sa.insert(channel).values(**row, position=position, stale_after_seconds=3_600))
        connection.execute(sa.insert(location), [{"location_id": one, "name": name, "kind": kind} for one, name, kind in LOCATIONS])
        connection.execute(
            sa.insert(channel_location), [{"channel_id": one, "location_id": place, "priority": rank} for one, place, rank in SERVES]
        )
        products = [
            {"sku": sku, "name": f"{KINDS[i % 4]} no. {i}", "category": CATEGORIES[i % 4], "kit_version": 0} for i, sku in enumerate(SKUS)
        ]
        products.append({"sku": KIT, "name": "Home office set", "category": "Desks", "kit_version": 1})
        connection.execute(sa.insert(product), products)
        parts = [("DESK-005", 1), ("CHAIR-004", 2)]
        connection.execute(
            sa.insert(kit_component), [{"kit_sku": KIT, "kit_version": 1, "component_sku": sku, "quantity": n} for sku, n in parts]
        )
        wanted = [(one, sku) for one, _, _ in CHANNELS for sku in (*SKUS, KIT)]
        connection.execute(
            sa.insert(listing),
            [
                {"listing_id": 10**9 + i, "channel_id": one, "external_sku": f"{one.upper()}-{sku}", "sku": sku, "first_seen_at": now_us()}
                for i, (one, sku) in enumerate(wanted)
            ],
        )
        connection.execute(sa.insert(supplier), [{"supplier_id": "ACME", "name": "Acme Furniture", "lead_time_days": 12.0}])
        connection.execute(sa.insert(supplier_item), [{"supplier_id": "ACME", "sku": sku} for sku in SKUS[:30]])
