"""A company small enough to work out by hand: two SKUs and a kit of both, two locations, a web shop and a marketplace."""

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from data_access.engine import writing
from data_access.schema import metadata
from data_access.schema.catalog import kit_component, listing, location, product
from data_access.schema.channels import channel, channel_location
from data_access.schema.purchasing import supplier
from data_access.write.unit_of_work import raise_versions

HOUR = 3_600_000_000
DAY = 24 * HOUR
T0 = 1_760_000_000_000_000


def make_company(engine: Engine) -> None:
    """`web` is served by `north` then `south`; `market` by `south` alone. `KIT` = 1 `A` + 2 `B`."""
    with writing(engine) as connection:
        connection.execute(
            sa.insert(product),
            [
                {"sku": "A", "name": "Apple", "category": "fruit", "kit_version": 0},
                {"sku": "B", "name": "Banana", "category": "fruit", "kit_version": 0},
                {"sku": "KIT", "name": "Fruit basket", "category": "baskets", "kit_version": 1},
            ],
        )
        connection.execute(
            sa.insert(kit_component),
            [
                {"kit_sku": "KIT", "kit_version": 1, "component_sku": "A", "quantity": 1},
                {"kit_sku": "KIT", "kit_version": 1, "component_sku": "B", "quantity": 2},
            ],
        )
        connection.execute(
            sa.insert(location),
            [
                {"location_id": "north", "name": "North", "kind": "warehouse"},
                {"location_id": "south", "name": "South", "kind": "warehouse"},
            ],
        )
        connection.execute(
            sa.insert(channel),
            [
                {
                    "channel_id": name,
                    "name": name.title(),
                    "kind": kind,
                    "currency": "EUR",
                    "time_zone": "Europe/Berlin",
                    "position": position,
                    "stale_after_seconds": 900,
                }
                for position, (name, kind) in enumerate((("web", "webstore"), ("market", "marketplace")))
            ],
        )
        connection.execute(
            sa.insert(channel_location),
            [
                {"channel_id": "web", "location_id": "north", "priority": 1},
                {"channel_id": "web", "location_id": "south", "priority": 2},
                {"channel_id": "market", "location_id": "south", "priority": 1},
            ],
        )
        connection.execute(
            sa.insert(listing),
            [
                {"listing_id": 1_000_000 + index, "channel_id": place, "external_sku": f"{place}-{sku}", "sku": sku, "first_seen_at": T0}
                for index, (place, sku) in enumerate((p, s) for p in ("web", "market") for s in ("A", "B", "KIT"))
            ],
        )
        connection.execute(sa.insert(supplier), {"supplier_id": "sup", "name": "Supplier", "lead_time_days": 10.0, "currency": "EUR"})
        raise_versions(connection, {topic: [("bulk", "*")] for topic in ("catalog", "channels", "purchasing")})


def forget_events(engine: Engine) -> None:
    """Delete everything that events brought, and leave the company. Quicker than a new store for each example."""
    facts = (
        "return_refund return_request return_case "
        "allocation contradicted_fact shipment cancellation return_line order_charge stock_movement stock_count stock_level "
        "backorder_level order_line sales_order purchase_order_line purchase_order inbox_item channel_state change_log event"
    )
    with writing(engine) as connection:
        for name in facts.split():
            connection.execute(metadata.tables[name].delete())
