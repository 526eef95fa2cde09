"""Exports of products and stock for the tests: real headers, rows of our own."""

from pathlib import Path
from typing import Any

from sqlalchemy.engine import Engine

from data_access.imports.channel_files.channel_import import ChannelExport
from data_access.imports.channel_files.layouts import Kind
from data_access.imports.import_run import ImportResult
from data_access.imports.order_import import import_table
from data_access.imports.places import ChosenPlaces
from data_access.imports.table_import import import_export
from tests.data_access.import_files import write

OLD = (
    "Handle,Title,Body (HTML),Vendor,Type,Tags,Published,Option1 Name,Option1 Value,Option2 Name,Option2 Value,Option3 Name,Option3 Value,"
    "Variant SKU,Variant Grams,Variant Inventory Tracker,Variant Inventory Qty,Variant Inventory Policy,Variant Price,Image Src,"
    "Image Position"
)
NEW = (
    "Title,URL handle,Description,Vendor,Product category,Type,Tags,Published on online store,Status,SKU,Barcode,Option1 name,"
    "Option1 value,Option1 Linked To,Option2 name,Option2 value,Option2 Linked To,Option3 name,Option3 value,Option3 Linked To,Price,"
    "Inventory tracker,Inventory quantity,Product image URL,Image position"
)
VARIANT = "Handle,Title,Option1 Name,Option1 Value,Option2 Name,Option2 Value,Option3 Name,Option3 Value,SKU"
STOCK_2023 = f"{VARIANT},HS Code,COO,Location,Incoming,Unavailable,Committed,Available,On hand"
STOCK_2024 = (
    f"{VARIANT},HS Code,COO,Location,Bin name,Incoming (not editable),Unavailable (not editable),Committed (not editable),"
    "Available (not editable),On hand (current),On hand (new)"
)
STOCK_BY_PLACE = f"{VARIANT},HS Code,COO,Main hall,shop"
FBA = (
    "sku\tfnsku\tasin\tproduct-name\tcondition\tyour-price\tmfn-listing-exists\tmfn-fulfillable-quantity\tafn-listing-exists\t"
    "afn-warehouse-quantity\tafn-fulfillable-quantity\tafn-unsellable-quantity\tafn-reserved-quantity\tafn-total-quantity\tper-unit-volume\t"
    "afn-inbound-working-quantity\tafn-inbound-shipped-quantity\tafn-inbound-receiving-quantity"
)
LISTED = "select external_sku, sku, title from listing where channel_id = 'web' order by 1"
LEVELS = "select location_id, sku, on_hand, unsellable from stock_level order by 1, 2"
Cells = dict[str, str]


def line(header: str, cells: Cells) -> str:
    """A row under a header of commas."""
    assert set(cells) <= set(header.split(","))
    return ",".join(cells.get(name, "") for name in header.split(","))


def variant(handle: str, sku: str, quantity: str = "", title: str = "", size: str = "", colour: str = "", **more: str) -> str:
    """A row of a variant of Shopify's older file."""
    cells = {"Handle": handle, "Title": title, "Variant SKU": sku, "Variant Inventory Qty": quantity, "Variant Price": "9.50"}
    tracker = "shopify" if quantity else ""
    options = {"Option1 Value": size or "Default Title", "Option2 Value": colour, "Variant Inventory Tracker": tracker}
    return line(OLD, {**cells, **options, **more})


def picture(handle: str, title: str = "") -> str:
    """A row of a further picture."""
    return line(OLD, {"Handle": handle, "Title": title, "Image Src": "https://pictures.example/1.jpg", "Image Position": "2"})


def stock(header: str, sku: str, place: str, **units: str) -> str:
    """A row of Shopify's inventory."""
    suffix = " (not editable)" if header == STOCK_2024 else ""
    names = {"unavailable": f"Unavailable{suffix}", "committed": f"Committed{suffix}", "available": f"Available{suffix}"}
    names["on_hand"] = "On hand (current)" if suffix else "On hand"
    cells = {"Handle": "h", "Title": f"Thing {sku}", "Option1 Value": "Default Title", "SKU": sku, "Location": place}
    return line(header, {**cells, **{names[name]: value for name, value in units.items()}})


def fba(sku: str, units: str, unsellable: str = "0", exists: str = "Yes") -> str:
    cells = [sku, "X0", "B0", f"Thing {sku}", "New", "9.50", "No", "", exists, "99", units, unsellable, "7", "99", "", "50", "60", "70"]
    return "\t".join(cells)


def take(
    engine: Engine, folder: Path, kind: Kind, *lines: str, channel: str | None = "web", location: str | None = None, **more: Any
) -> ImportResult:
    file = write(folder / f"{kind}.csv", *lines)
    result = import_export(engine, ChannelExport(path=file, kind=kind, places=ChosenPlaces(channel, location), **more))
    figures = (result.imported, result.updated, result.ignored, result.duplicates, result.left_out, result.waiting, result.quarantined)
    assert result.rows_read == sum(figures)
    return result


def products(engine: Engine, folder: Path) -> None:
    """A-1 and B-2, not listed anywhere."""
    assert import_table(engine, "products", write(folder / "p.csv", "sku,name", "A-1,Pan", "B-2,Pot")).imported == 2
