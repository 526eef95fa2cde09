"""Small files for the tests of importing, and looks into the store."""

import gzip
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from data_access.imports.order_import import ImportResult, import_orders
from data_access.queries.verification.verify import verify

HEADER = "order,line,sku,title,qty,price,currency,status,placed,shipped,delivered,tracking,carrier,reason,by,customer,country"
SHOP = """
[channel]
id = "shop"
name = "Shop"
kind = "webstore"
currency = "EUR"
time_zone = "Europe/Berlin"

[location]
id = "main"
name = "Main warehouse"

[columns]
order = "order"
line = "line"
external_sku = "sku"
title = "title"
quantity = "qty"
price = "price"
currency = "currency"
status = "status"
placed = "placed"
shipped = "shipped"
delivered = "delivered"
tracking_number = "tracking"
carrier = "carrier"
cancel_reason = "reason"
cancelled_by = "by"
customer = "customer"
country = "country"

[skus]
unknown = "create"

[status]
Open = ["placed"]
Shipped = ["shipped"]
Delivered = ["delivered"]
Cancelled = ["cancelled"]
Returned = ["returned"]

[cancelled_by]
Customer = "buyer"
Us = "seller"
"""
RETAIL_HEADER = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country"


def row(order: str, line: str, sku: str, qty: object = 1, status: str = "Open", placed: str = "2026-03-01 10:00:00", **more: str) -> str:
    """A row of the shop's file."""
    cells = {"order": order, "line": line, "sku": sku, "qty": str(qty), "status": status, "placed": placed, "price": "2.50", **more}
    return ",".join(cells.get(name, "") for name in HEADER.split(","))


def retail(
    order: str, sku: str, qty: int, when: str = "2011-01-01 10:00:00", *, price: str = "2.5", customer: str = "17.0", title: str = "MUG"
) -> str:
    """A row of the online-retail file."""
    return f"{order},{sku},{title},{qty},{when},{price},{customer},United Kingdom"


def write(path: Path, header: str, *rows: str) -> Path:
    """A CSV file; gzip if its name says so."""
    text = "\n".join([header, *rows, ""]).encode()
    path.write_bytes(gzip.compress(text) if path.suffix == ".gz" else text)
    return path


def long_file(path: Path) -> Path:
    """Some thousand rows of all sorts."""
    rows = []
    for number in range(1_500):
        when = f"2011-{1 + number // 125:02}-{1 + number % 28:02} 10:{number % 60:02}:00"
        rows += [retail(str(number), f"SKU{number % 37}", 1 + number % 5, when), retail(str(number), f"SKU{number % 11}", 2, when)]
        if number % 9 == 0:
            rows.append(retail(f"C{number}", f"SKU{number % 37}", -2, when))
        if number % 50 == 0:
            rows += [
                retail(str(number), "POST", 1, when, title="POSTAGE"),
                retail(str(number), "SKU1", -3, when, price="0", customer="", title="wet"),
            ]
            rows.append(retail(str(number), "SKU1", -3, when))
    return write(path, RETAIL_HEADER, *rows)


def mapping(folder: Path, text: str = SHOP, name: str = "shop") -> str:
    """A mapping file."""
    path = folder / f"{name}.toml"
    path.write_text(text)
    return str(path)


def shop(engine: Engine, folder: Path, *rows: str, text: str = SHOP, **options: Any) -> ImportResult:
    """Import rows of the shop's file."""
    return import_orders(engine, write(folder / "orders.csv", HEADER, *rows), mapping(folder, text), **options)


def figures(result: ImportResult, *, ignored: int = 0) -> tuple[int, int, int, int, int]:
    """rows_read, imported, updated, duplicates, quarantined, of a file of which so many rows were ignored and none put aside."""
    assert (result.ignored, result.left_out, result.waiting) == (ignored, 0, 0)
    assert result.rows_read == result.imported + result.updated + ignored + result.duplicates + result.quarantined
    return result.rows_read, result.imported, result.updated, result.duplicates, result.quarantined


def table(engine: Engine, query: str) -> list[tuple[Any, ...]]:
    """Rows of a query."""
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(sa.text(query))]


def one(engine: Engine, query: str) -> Any:
    """The one value of a query."""
    (row,) = table(engine, query)
    return row[0]


def sound(engine: Engine) -> None:
    """The store verifies."""
    report = verify(engine)
    assert report.differences == 0, report.rows


TABLES = [
    *("product", "kit_component", "location", "listing", "channel", "channel_location", "supplier", "supplier_item"),
    *("sales_order", "order_line", "allocation", "cancellation", "order_charge", "shipment", "return_line"),
    *("event", "stock_movement", "stock_count", "stock_level", "backorder_level"),
]
_OWN = {"received_at", "first_seen_at", "id", "event_id", "order_id", "line_id", "listing_id"}


def contents(engine: Engine) -> dict[str, list[str]]:
    """All that the store holds but for row ids and times of receipt, to compare two stores."""
    by_table = {}
    with engine.connect() as connection:
        for name in TABLES:
            rows = connection.execute(sa.text(f"select * from {name}")).mappings()
            kept = _OWN - {"event_id"} if name == "event" else _OWN
            plain = [sorted((key, int(value) if isinstance(value, bool) else value) for key, value in row.items()) for row in rows]
            by_table[name] = sorted(repr([pair for pair in row if pair[0] not in kept]) for row in plain)
    return by_table
