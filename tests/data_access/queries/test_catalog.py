"""The catalogue, what changed, how fresh the data are, and what needs attention."""

import polars as pl
import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from data_access.engine import now_us, writing
from data_access.events import models as ev
from data_access.events.ingest import ingest, ingest_json
from data_access.queries import catalog, freshness, overview
from data_access.queries import live_stock as live
from data_access.queries.recent import DEMAND, recent
from data_access.schema.audit import change_log
from data_access.schema.catalog import kit_component, listing, product
from data_access.schema.purchasing import supplier, supplier_item
from data_access.store.versions import changed, versions
from tests.data_access.queries.busy_company import head, make_busy_company, sale
from tests.data_access.small_company import DAY, HOUR, T0, make_company


@pytest.fixture
def company(store: Engine) -> Engine:
    make_company(store)
    return store


def test_products_have_the_fastest_lead_time_and_kits_the_slowest_components(company: Engine) -> None:
    with writing(company) as connection:
        connection.execute(sa.insert(supplier), {"supplier_id": "fast", "name": "Fast", "lead_time_days": 30.0})
        connection.execute(
            sa.insert(supplier_item),
            [
                {"supplier_id": "sup", "sku": "A", "lead_time_days": None},
                {"supplier_id": "fast", "sku": "A", "lead_time_days": 4.5},
                {"supplier_id": "sup", "sku": "B", "lead_time_days": None},
            ],
        )
    products = catalog.products(company)
    assert products.schema == catalog.PRODUCTS
    assert products.select("sku", "is_kit", "lead_time_days").rows() == [("A", False, 4.5), ("B", False, 10.0), ("KIT", True, 10.0)]


def test_kits_are_those_of_now(company: Engine) -> None:
    with writing(company) as connection:
        connection.execute(sa.insert(kit_component), {"kit_sku": "KIT", "kit_version": 2, "component_sku": "B", "quantity": 5})
        connection.execute(sa.update(product).where(product.c.sku == "KIT").values(kit_version=2))
    assert catalog.kits(company).rows() == [("KIT", "B", 5)]


def test_channels_locations_and_who_serves_whom(company: Engine) -> None:
    assert catalog.channels(company).select("channel_id", "position").rows() == [("web", 0), ("market", 1)]
    assert catalog.locations(company)["location_id"].to_list() == ["north", "south"]
    assert catalog.channel_locations(company).rows() == [("market", "south", 1), ("web", "north", 1), ("web", "south", 2)]
    assert catalog.listings(company).height == 6


def test_what_changed_since_a_version(company: Engine) -> None:
    assert set(versions(company)) == {
        "buffers",
        "catalog",
        "channels",
        "demand",
        "freshness",
        "inbox",
        "jobs",
        "orders",
        "purchasing",
        "returns",
        "scorecards",
        "stock",
    }
    start = versions(company)["stock"]
    assert changed(company, "stock", "sku", start) is None  # nothing logged, so nothing is known
    receipt = ev.Receipt(**head(1, 0), location_id="north", lines=(ev.SkuUnits(sku="A", quantity=5),))
    ingest(company, [receipt])
    ingest(company, [sale(2, "web", "KIT", 1, 1)])
    assert versions(company)["stock"] == start + 2
    assert changed(company, "stock", "sku", start) == {"A", "B"}
    assert changed(company, "stock", "sku", start - 1) is None  # the log does not reach back that far
    with writing(company) as connection:
        row = {"topic": "stock", "version": start + 3, "entity": "bulk", "entity_id": "*", "logged_at": 0}
        connection.execute(sa.insert(change_log), row)
    assert changed(company, "stock", "sku", start + 1) is None


def test_freshness(company: Engine) -> None:
    ingest(company, [], {"web": T0})
    ingest(company, [sale(1, "web", "unknown", 1, 0)])
    synced = freshness.aged(freshness.synced(company), T0 + 2 * HOUR)
    assert synced.schema == freshness.FRESHNESS
    shown = synced.select("channel_id", "age_seconds", "is_stale", "parked").rows()
    assert shown == [("web", 7_200.0, True, 1), ("market", None, True, 0)]
    assert freshness.aged(freshness.synced(company), T0 + 60_000_000)["is_stale"].to_list() == [False, True]
    assert freshness.aged(freshness.synced(company), T0 - HOUR)["age_seconds"].to_list() == [0.0, None]


def test_attention(store: Engine) -> None:
    make_busy_company(store)
    waiting = [sale(40, "web", "unknown", 1, 6), sale(41, "web", "unknown", 1, 6)]
    conflict = sale(3, "web", "A", 99, 1)
    ingest(store, [*waiting, conflict])
    ingest_json(store, ['{"kind": "sale", "broken'], source="test")
    with writing(store) as connection:
        unmapped = {"listing_id": 5_000_000, "channel_id": "market", "external_sku": "?", "sku": None, "first_seen_at": T0}
        connection.execute(sa.insert(listing), unmapped)
    known = live.load_catalogue(store)
    now = live.load(store, known, live.load_withheld(store), DEMAND.to_frame(), now_us())
    weeks = recent(store, now.levels, now.backorders, known.kits, known.channels, known.channel_locations, T0 + 5 * DAY)
    ages = freshness.aged(freshness.synced(store), T0 + 6 * HOUR)
    assert dict(overview.waiting(store).iter_rows()) == {"inbox_rows": 1, "conflicts": 1, "parked": 2, "listings": 2}
    rows = overview.attention(live.rows(now, weeks, ages, None, ()), ages, overview.waiting(store))
    assert rows.schema == overview.ATTENTION
    assert rows.select("kind", "count", "page", "query").rows() == [
        ("oversell", 1, "stock", "state=oversell"),
        ("backordered", 1, "stock", "state=oversell"),
        ("stale_channels", 1, "overview", ""),
        ("listings", 2, "inbox", "tab=listings"),
        ("inbox_rows", 1, "inbox", "tab=rows"),
        ("conflicts", 1, "inbox", "tab=conflicts"),
        ("parked", 2, "inbox", "tab=parked"),
    ]
    items = dict(rows.select("kind", "items").iter_rows())
    assert items["backordered"] == [{"key": "A", "label": "Apple", "detail": "2 units"}]
    assert items["stale_channels"] == [{"key": "market", "label": "Market", "detail": "60 minutes old"}]


def test_nothing_needs_attention_in_an_empty_store(store: Engine) -> None:
    nothing = overview.attention(live.STOCK_TABLE.to_frame(), freshness.FRESHNESS.to_frame(), overview.waiting(store))
    assert nothing.equals(overview.ATTENTION.to_frame())
    assert pl.DataFrame(overview.waiting(store))["count"].sum() == 0
