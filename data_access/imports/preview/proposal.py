"""A file that no mapping is known for: which of its columns may be which of ours, by their names and what they hold."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import polars as pl

from data_access.errors import InvalidInput
from data_access.imports.files import values
from data_access.imports.files.mapping_parts import ChannelPart, FilePart, LocationPart
from data_access.imports.files.reader import headers_of, read_records
from data_access.imports.files.sheets.workbook import SHEET_DATES
from data_access.imports.files.tables import TABLES, Kind
from data_access.imports.preview.file_format import ORDERS

SAMPLE_ROWS: Final = 1_000
WORDS_SHOWN: Final = 40
DATES: Final = (
    *("%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S%z", "%Y-%m-%d %H:%M:%S %z", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%d"),
    *("%d.%m.%Y %H:%M:%S", "%d.%m.%Y %H:%M", "%d.%m.%Y", "%d/%m/%Y %H:%M:%S", "%d/%m/%Y %H:%M", "%d/%m/%Y"),
    *("%m/%d/%Y %H:%M:%S", "%m/%d/%Y %H:%M", "%m/%d/%Y", "%Y/%m/%d %H:%M:%S", "%Y/%m/%d", "%d-%b-%Y", "%b %d, %Y"),
)
"""Ways of writing times that are tried on a file."""

ORDER_COLUMNS: Final[dict[str, tuple[str, bool]]] = {
    "order": ("text", True),
    "external_sku": ("text", True),
    "quantity": ("units", True),
    "placed": ("time", True),
    "line": ("text", False),
    "title": ("text", False),
    "price": ("price", False),
    "currency": ("text", False),
    "status": ("text", False),
    "ship_by": ("time", False),
    "shipped": ("time", False),
    "carrier": ("text", False),
    "tracking_number": ("text", False),
    "cancelled": ("time", False),
    "country": ("text", False),
}
"""Columns of orders that a person can map here: what they hold, and whether they are needed."""

_NAMES: Final[dict[str, tuple[str, ...]]] = {
    "order": ("order", "orderid", "ordernumber", "orderno", "orderref", "orderreference", "invoice", "invoiceno", "reference", "receipt"),
    "external_sku": (
        "sku",
        "itemsku",
        "productsku",
        "sellersku",
        "itemcode",
        "productcode",
        "articlenumber",
        "article",
        "stockcode",
        "item",
    ),
    "quantity": ("quantity", "qty", "units", "quantityordered", "itemquantity", "amount", "count", "stock", "onhand", "available"),
    "placed": ("placed", "orderdate", "date", "createdat", "purchasedate", "orderedat", "saledate", "datetime", "time", "created"),
    "line": ("line", "lineid", "orderitemid", "itemid", "lineitemid"),
    "title": ("title", "itemname", "productname", "product", "description", "name", "itemtitle"),
    "price": ("price", "unitprice", "itemprice", "rate", "listprice"),
    "currency": ("currency", "currencycode"),
    "status": ("status", "orderstatus", "itemstatus", "state", "fulfillmentstatus"),
    "ship_by": ("shipby", "shipbydate", "latestshipdate", "dispatchby"),
    "shipped": ("shipped", "shippedat", "shipdate", "dispatched", "dispatchdate", "fulfilledat", "shippeddate", "shippedon"),
    "carrier": ("carrier", "courier", "shippingcompany"),
    "tracking_number": ("trackingnumber", "tracking", "trackingno", "trackingcode"),
    "cancelled": ("cancelled", "canceled", "cancelledat", "canceledat", "cancellationdate"),
    "country": ("country", "shippingcountry", "shipcountry", "destinationcountry"),
    "sku": ("sku", "itemsku", "productsku", "itemcode", "productcode", "articlenumber", "article", "stockcode", "item"),
    "name": ("name", "title", "productname", "product", "description", "itemname"),
    "category": ("category", "producttype", "type", "group"),
    "location_id": ("location", "locationid", "warehouse", "store", "site"),
    "counted_at": ("countedat", "counted", "counteddate", "date", "countdate", "snapshotdate"),
}
_CODE: Final = re.compile(r"[^a-z0-9]")
_LEAST_SHARE: Final = 0.9  # of a column's cells that must be of the type


@dataclass(frozen=True, slots=True)
class Sample:
    """The first rows of a file, one text column for each of its columns that has a name of its own. `read_as`: in words."""

    header: tuple[str, ...]
    rows: pl.DataFrame
    read_as: str
    is_sheet: bool


@dataclass(frozen=True, slots=True)
class OurColumn:
    """A column of ours that may be mapped. `type`: text, units, price or time."""

    name: str
    type: str
    is_needed: bool


def sample(path: Path) -> Sample:
    """The beginning of a file of whatever form.

    Raises:
        InvalidInput: it cannot be read.

    """
    header = headers_of(path, [(FilePart(), ())])[0]
    if isinstance(header, InvalidInput):
        raise header
    names = tuple(name for name in dict.fromkeys(header) if name and header.count(name) == 1)
    contents = read_records(path, FilePart(), (), names)
    rows = contents.frame.head(SAMPLE_ROWS).select(names)
    return Sample(names, rows, contents.read_as, contents.is_sheet)


def columns_of(kind: str) -> list[OurColumn]:
    """The columns of a kind of file that may be mapped, the needed ones first."""
    if kind == ORDERS:
        return [OurColumn(name, type_, is_needed) for name, (type_, is_needed) in ORDER_COLUMNS.items()]
    table = next(columns for name, columns in TABLES.items() if name == kind)
    types = {"units": "units", "price": "price", "number": "price", "day": "time", "time": "time"}
    ours = [OurColumn(column.name, types.get(column.type, "text"), column.need == "always") for column in table]
    return sorted(ours, key=lambda one: not one.is_needed)


def proposed(kind: str, of: Sample) -> dict[str, str]:
    """The file's column for each of ours that one fits, by its name and by what it holds; none is used twice."""
    taken: dict[str, str] = {}
    fits = {(ours.name, theirs): _fit(ours, theirs, of.rows[theirs]) for ours in columns_of(kind) for theirs in of.header}
    for (ours, theirs), score in sorted(fits.items(), key=lambda one: -one[1]):
        if score > 0 and ours not in taken and theirs not in taken.values():
            taken[ours] = theirs
    return taken


def _fit(ours: OurColumn, name: str, cells: pl.Series) -> float:
    """How well a column fits: 3 by its very name, 2 by a part of it, 0 if what it holds is something else."""
    plain = _CODE.sub("", name.lower())
    names = (_CODE.sub("", ours.name), *_NAMES.get(ours.name, ()))
    by_name = 3.0 - names.index(plain) / 100 if plain in names else 2.0 if any(len(one) > 3 and one in plain for one in names) else 0.0
    if not holds(ours.type, cells):
        return 0.0
    return by_name or _by_content(ours, cells)


def _by_content(ours: OurColumn, cells: pl.Series) -> float:
    """How well a column fits that has another name: times and units that are needed, and prices that have decimals."""
    if cells.null_count() == cells.len():
        return 0.0
    if ours.type == "price" and ours.name == "price":
        return 0.3 if bool(cells.drop_nulls().str.contains(r"\d[.,]\d{2}$").any()) else 0.0
    return {"time": 0.5, "units": 0.4}.get(ours.type, 0.0) if ours.is_needed else 0.0


def holds(type_: str, cells: pl.Series) -> bool:
    """Whether most cells of a column are of a type: any text is text; an empty column may be anything."""
    filled = cells.drop_nulls()
    if type_ == "text" or filled.is_empty():
        return True
    if type_ == "time":
        return bool(date_formats([filled]))
    frame = filled.to_frame("cell")
    read = [values.price("cell", ".", ","), values.price("cell", ",", ".")] if type_ == "price" else [values.units("cell", ".", ",")]
    return max(int(frame.select(one.is_not_null().sum()).item()) for one in read) >= _LEAST_SHARE * filled.len()


def date_formats(columns: Sequence[pl.Series]) -> list[str]:
    """The ways of writing times by which all filled cells of the columns can be read."""
    cells = pl.concat([column.drop_nulls().rename("cell") for column in columns]).to_frame() if columns else pl.DataFrame({"cell": []})
    if cells.is_empty():
        return [DATES[0]]
    return [form for form in DATES if bool(cells.select(values.micros("cell", (form,), "UTC").is_not_null().all()).item())]


def decimal_of(column: pl.Series) -> str:
    """The decimal sign by which most cells of a column are prices."""
    frame = column.drop_nulls().to_frame("cell")
    counts = {
        sign: int(frame.select(values.price("cell", sign, other).is_not_null().sum()).item()) for sign, other in ((".", ","), (",", "."))
    }
    ends = int(frame.select(pl.col("cell").str.contains(r",\d{1,2}$").sum()).item())
    return "," if counts[","] > counts["."] or (counts[","] == counts["."] and ends * 2 > frame.height) else "."


# ---- the mapping's text ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class MappingDraft:
    """What a person confirmed. `columns`: ours to the file's; `dates`: how times are written; `statuses`: each word of the status
    column with what it means (an empty list: not yet an order). `channel` and `location`: of orders.
    """

    kind: str
    columns: dict[str, str]
    dates: str
    decimal: str
    is_sheet: bool = False
    statuses: dict[str, list[str]] | None = None
    channel: ChannelPart | None = None
    location: LocationPart | None = None


def mapping_text(draft: MappingDraft) -> str:
    """The draft as the text of a mapping file."""
    tables: dict[str, dict[str, Any]] = {}
    for name, part in (("channel", draft.channel), ("location", draft.location)):
        if part is not None:
            tables[name] = part.model_dump(exclude_none=True)
    tables["columns"] = dict(draft.columns)
    dates = [draft.dates, *(SHEET_DATES if draft.is_sheet else ())]
    thousands = {".": ",", ",": "."}[draft.decimal]
    tables["formats"] = {"dates": list(dict.fromkeys(dates)), "decimal": draft.decimal, "thousands": thousands}
    if draft.statuses:
        tables["status"] = draft.statuses
    parts = [f"[{name}]\n" + "".join(f"{_text(key)} = {_value(value)}\n" for key, value in table.items()) for name, table in tables.items()]
    return "\n".join(parts)


def _text(text: str) -> str:
    """A TOML string."""
    escaped = {'"': '\\"', "\\": "\\\\"}
    return '"' + "".join(escaped.get(one, one if one.isprintable() else f"\\U{ord(one):08X}") for one in text) + '"'


def _value(value: Any) -> str:
    if isinstance(value, list):
        return f"[{', '.join(_text(one) for one in value)}]"
    return str(value) if isinstance(value, int) else _text(value)


def table_kind(kind: str) -> Kind:
    """A kind of table by its name."""
    return next(name for name in TABLES if name == kind)
