"""Imports of products, kits, listings, locations, channels, suppliers and counts, on both databases."""

from pathlib import Path

import pytest
from sqlalchemy.engine import Engine

from data_access.errors import InvalidInput
from data_access.events.ingest import ingest
from data_access.events.models import Receipt, SkuUnits
from data_access.imports.order_import import ImportResult, import_table
from tests.data_access.import_files import SHOP, figures, one, row, shop, sound, table, write


def take(engine: Engine, folder: Path, kind: str, *lines: str, mapping: str | None = None) -> ImportResult:
    return import_table(engine, kind, write(folder / f"{kind}.csv", *lines), mapping)


def company(engine: Engine, folder: Path) -> None:
    take(engine, folder, "locations", "location_id,name,kind,country", "main,Main,warehouse,DE", "shop,Shop,shop,")
    channels = ("shop,Shop,webstore,EUR,Europe/Berlin,main;shop", "till,Till,retail,EUR,Europe/Berlin,shop")
    take(engine, folder, "channels", "channel_id,name,kind,currency,time_zone,locations", *channels)
    take(engine, folder, "products", "sku,name,price,currency", "MUG,Mug,2.5,EUR", "CUP,Cup,,")


def test_products(store: Engine, tmp_path: Path) -> None:
    header = "sku,name,category,price,currency,launched_on,ended_on,colour"
    first = (
        header,
        "MUG,Mug,kitchen,2.50,eur,2024-01-31,,red",
        "CUP,Cup,,,,,,",
        "MUG,Mug,,,,,,",
        "POT,,,,,,,",
        "PAN,Pan,,-1,,,,",
        "LID,Lid,,,,31.1.,,",
    )
    result = take(store, tmp_path, "products", *first)
    assert figures(result) == (6, 2, 0, 1, 3)
    assert table(store, "select * from product order by sku") == [
        ("CUP", "Cup", "uncategorised", 0, None, None, None, None, 1),
        ("MUG", "Mug", "kitchen", 0, 25_000, "EUR", "2024-01-31", None, 1),
    ]
    assert table(store, "select line_number, reference, reason_code, content from inbox_item order by line_number") == [
        (5, "POT", "missing_name", "POT,,,,,,,"),
        (6, "PAN", "bad_number", "PAN,Pan,,-1,,,,"),
        (7, "LID", "bad_date", "LID,Lid,,,,31.1.,,"),
    ]
    assert figures(take(store, tmp_path, "products", "sku,price,name", "MUG,3,", "CUP,,Big cup", "CUP,,")) == (3, 0, 2, 1, 0)
    assert table(store, "select sku, name, price, category, version from product order by sku") == [
        ("CUP", "Big cup", None, "uncategorised", 2),
        ("MUG", "Mug", 30_000, "kitchen", 2),
    ]
    assert figures(take(store, tmp_path, "products", *first)) == (6, 0, 2, 1, 3)
    assert one(store, "select count(*) from inbox_item") == 3


def test_other_column_names(sqlite_store: Engine, tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text('[file]\ndelimiter = ";"\n[formats]\ndecimal = ","\n[columns]\nsku = "Artikel"\nprice = "Preis"\n')
    lines = ("Artikel;name;Preis", "MUG;Mug;2,5")
    assert figures(take(sqlite_store, tmp_path, "products", *lines, mapping=str(tmp_path / "mine.toml"))) == (1, 1, 0, 0, 0)
    assert table(sqlite_store, "select sku, price from product") == [("MUG", 25_000)]
    with pytest.raises(InvalidInput, match="lacks the columns 'Artikel', 'Preis'"):
        take(sqlite_store, tmp_path, "products", "sku,name", "A,B", mapping=str(tmp_path / "mine.toml"))
    with pytest.raises(InvalidInput, match="lacks the column 'sku'"):
        take(sqlite_store, tmp_path, "products", "name", "A")
    assert one(sqlite_store, "select count(*) from import_run") == 1


def test_channels_and_locations(store: Engine, tmp_path: Path) -> None:
    company(store, tmp_path)
    assert table(store, "select channel_id, location_id, priority from channel_location order by 1, 3") == [
        ("shop", "main", 1),
        ("shop", "shop", 2),
        ("till", "shop", 1),
    ]
    assert table(store, "select channel_id, position, stale_after_seconds from channel order by 2") == [
        ("shop", 1, 86_400),
        ("till", 2, 86_400),
    ]
    lines = ("channel_id,locations,stale_after_hours,time_zone", "shop,shop,2,", "till,shop,,", "till,moon,,", "till,,,Mars")
    assert figures(take(store, tmp_path, "channels", *lines)) == (4, 0, 1, 1, 2)
    assert table(store, "select location_id, priority from channel_location where channel_id = 'shop'") == [("shop", 1)]
    assert table(store, "select reason_code from inbox_item order by id") == [("unknown_location",), ("unknown_word",)]


def test_what_waited_arrives(store: Engine, tmp_path: Path) -> None:
    waits = SHOP.replace('unknown = "create"', 'unknown = "quarantine"')
    assert figures(shop(store, tmp_path, row("1", "a", "M-1", 2), text=waits)) == (1, 0, 0, 0, 1)
    listing = ("channel_id,external_sku,sku,title,maximum", "shop,M-1,MUG,A mug,5", "moon,M-1,MUG,,")
    assert figures(take(store, tmp_path, "listings", *listing)) == (2, 0, 0, 0, 2)
    receipt = Receipt(
        source="wms", event_id="r", occurred_at=1, received_at=2, location_id="main", lines=(SkuUnits(sku="MUG", quantity=9),)
    )
    assert [outcome.status for outcome in ingest(store, [receipt])] == ["parked"]
    assert figures(take(store, tmp_path, "products", "sku,name", "MUG,Mug")) == (1, 1, 0, 0, 0)
    assert table(store, "select sku, title, maximum from listing") == [("MUG", "A mug", 5)]
    assert table(store, "select kind, rows_read, imported, updated, duplicates, quarantined from import_run order by id") == [
        ("orders", 1, 1, 0, 0, 0),
        ("listings", 2, 0, 1, 0, 1),  # the listing was noted when its row was put aside
        ("products", 1, 1, 0, 0, 0),
    ]
    assert table(store, "select on_hand, allocated from stock_level") == [(9, 2)]
    assert one(store, "select count(*) from event where status = 'parked'") == 0
    sound(store)


def test_kits_come_whole(store: Engine, tmp_path: Path) -> None:
    company(store, tmp_path)
    header = "kit_sku,component_sku,quantity"
    assert figures(take(store, tmp_path, "kits", header, "SET,MUG,1", "TWO,CUP,2", "SET,JAR,1", "BAD,MUG,x", "BAD,CUP,1")) == (
        5,
        1,
        0,
        0,
        4,
    )
    assert table(store, "select reference, reason_code from inbox_item order by line_number") == [
        ("SET", "incomplete_kit"),
        ("SET", "unknown_sku"),
        ("BAD", "bad_number"),
        ("BAD", "incomplete_kit"),
    ]
    take(store, tmp_path, "products", "sku,name", "JAR,Jar")
    assert table(store, "select kit_sku, component_sku, quantity from kit_component order by 1, 2") == [
        ("SET", "JAR", 1),
        ("SET", "MUG", 1),
        ("TWO", "CUP", 2),
    ]
    assert figures(take(store, tmp_path, "kits", header, "SET,MUG,1", "SET,JAR,1", "TWO,CUP,3")) == (3, 0, 1, 2, 0)
    assert table(store, "select sku, kit_version from product where kit_version > 0 order by sku") == [("SET", 1), ("TWO", 2)]
    refused = take(store, tmp_path, "kits", header, "X,SET,1", "MUG,CUP,1", "Y,CUP,1", "Y,CUP,1")
    assert figures(refused) == (4, 0, 0, 0, 4)
    assert table(store, f"select reason_code from inbox_item where import_run_id = {refused.import_run_id} order by line_number") == [
        ("nested_kit",),
        ("has_stock",),
        ("repeated_component",),
        ("repeated_component",),
    ]


def test_suppliers(store: Engine, tmp_path: Path) -> None:
    company(store, tmp_path)
    header = "supplier_id,name,lead_time_days,lead_time_sd_days,currency,sku,unit_cost,moq,case_pack,item_lead_time_days"
    rows = ("acme,Acme,14,2.5,USD,MUG,0.8,100,12,", "acme,,,,,CUP,1,,,21", "bolt,Bolt,7,,,,,,,", "acme,,,,,JAR,1,,,", "none,,,,,MUG,1,,,")
    assert figures(take(store, tmp_path, "suppliers", header, *rows)) == (5, 3, 0, 0, 2)
    assert table(store, "select supplier_id, name, lead_time_days, lead_time_sd_days, currency from supplier order by 1") == [
        ("acme", "Acme", 14.0, 2.5, "USD"),
        ("bolt", "Bolt", 7.0, None, None),
    ]
    assert table(store, "select sku, unit_cost, moq, case_pack, lead_time_days from supplier_item order by sku") == [
        ("CUP", 10_000, 1, 1, 21.0),
        ("MUG", 8_000, 100, 12, None),
    ]
    assert figures(take(store, tmp_path, "suppliers", header, "acme,,15,,,MUG,0.9,,,", "acme,,,,,MUG,,,,")) == (2, 0, 1, 1, 0)
    assert table(store, "select unit_cost, moq from supplier_item where sku = 'MUG'") == [(9_000, 100)]
    assert one(store, "select lead_time_days from supplier where supplier_id = 'acme'") == 15.0


def test_counts_make_the_ledger_equal(store: Engine, tmp_path: Path) -> None:
    company(store, tmp_path)
    header = "sku,location_id,quantity,state,counted_at"
    rows = (
        "MUG,main,7,,2026-03-01",
        "MUG,main,2,unsellable,2026-03-01 08:00",
        "CUP,main,x,,2026-03-01",
        "JAR,main,1,,2026-03-01",
        "CUP,moon,1,,2026-03-01",
    )
    assert figures(take(store, tmp_path, "counts", header, *rows)) == (5, 2, 0, 0, 3)
    assert table(store, "select on_hand, unsellable from stock_level") == [(9, 2)]
    assert figures(take(store, tmp_path, "counts", header, *rows)) == (5, 0, 0, 2, 3)
    assert figures(take(store, tmp_path, "counts", header, "MUG,main,8,,2026-03-01", "MUG,main,5,,2026-03-02")) == (2, 1, 0, 0, 1)
    assert table(store, "select on_hand from stock_level") == [(7,)]
    assert table(store, "select kind, count(*) from inbox_item group by kind order by kind") == [("conflict", 1), ("row", 3)]
    sound(store)
