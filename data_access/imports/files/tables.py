"""Files of what the company itself knows: products, kits, listings, locations, channels, suppliers, stock counts.

Each kind has its columns, under their own names unless a small TOML mapping says otherwise. `docs/importing.md` lists them.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, Literal

import polars as pl
from pydantic import BaseModel, ConfigDict

from data_access.domain.ids import proper_ids
from data_access.errors import InvalidInput
from data_access.imports.files import values
from data_access.imports.files.date_order import OPTION, decided
from data_access.imports.files.id_checks import Check, id_checks
from data_access.imports.files.mapping import parse_toml, read_toml
from data_access.imports.files.mapping_parts import FilePart, FormatsPart
from data_access.imports.files.reader import Contents, of_sheet

Kind = Literal["products", "kits", "listings", "locations", "channels", "suppliers", "counts"]
Type = Literal["text", "long", "currency", "country", "units", "price", "number", "day", "time"]


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a kind of file. `need`: always, new (for what the store does not have yet) or never."""

    name: str
    type: Type
    need: Literal["always", "new", "never"] = "never"
    least: int | None = None
    words: tuple[str, ...] = ()


_SKU: Final = Column("sku", "text", "always")
TABLES: Final[dict[Kind, tuple[Column, ...]]] = {
    "products": (
        _SKU,
        Column("name", "long", "new"),
        Column("category", "text"),
        Column("price", "price", least=0),
        Column("currency", "currency"),
        Column("launched_on", "day"),
        Column("ended_on", "day"),
    ),
    "kits": (
        Column("kit_sku", "text", "always"),
        Column("component_sku", "text", "always"),
        Column("quantity", "units", "always", least=1),
        Column("name", "long"),
    ),
    "listings": (
        Column("channel_id", "text", "always"),
        Column("external_sku", "text", "always"),
        Column("sku", "text", "new"),
        Column("title", "long"),
        Column("maximum", "units", least=0),
    ),
    "locations": (
        Column("location_id", "text", "always"),
        Column("name", "text", "new"),
        Column("kind", "text", "new", words=("warehouse", "shop", "3pl", "fulfilment_centre")),
        Column("country", "country"),
        Column("region", "text"),
        Column("time_zone", "text"),
    ),
    "channels": (
        Column("channel_id", "text", "always"),
        Column("name", "text", "new"),
        Column("kind", "text", "new", words=("marketplace", "webstore", "social", "retail")),
        Column("marketplace", "text"),
        Column("currency", "currency", "new"),
        Column("time_zone", "text", "new"),
        Column("country", "country"),
        Column("stale_after_hours", "units", least=1),
        Column("locations", "long"),
    ),
    "suppliers": (
        Column("supplier_id", "text", "always"),
        Column("name", "text", "new"),
        Column("lead_time_days", "number", least=0),
        Column("lead_time_sd_days", "number", least=0),
        Column("currency", "currency"),
        Column("sku", "text"),
        Column("unit_cost", "price", least=0),
        Column("moq", "units", least=1),
        Column("case_pack", "units", least=1),
        Column("item_lead_time_days", "number", least=0),
    ),
    "counts": (
        _SKU,
        Column("location_id", "text", "always"),
        Column("quantity", "units", "always", least=0),
        Column("state", "text", words=("sellable", "unsellable")),
        Column("counted_at", "time", "always"),
    ),
}
KINDS: Final[tuple[Kind, ...]] = tuple(TABLES)
REFERENCE: Final[dict[Kind, tuple[str, ...]]] = {
    "products": ("sku",),
    "kits": ("kit_sku",),
    "listings": ("channel_id", "external_sku"),
    "locations": ("location_id",),
    "channels": ("channel_id",),
    "suppliers": ("supplier_id",),
    "counts": ("location_id", "sku"),
}
"""What a row is about: kept as the reference of quarantined rows."""

_DAYS: Final = ("%Y-%m-%d",)
_TIMES: Final = ("%Y-%m-%dT%H:%M:%S%z", "%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%d")
_IDS: Final = frozenset({"sku", "kit_sku", "component_sku", "external_sku", "channel_id", "location_id", "supplier_id", "locations"})
_MAX_CHARS: Final = {"text": 200, "long": 1_000}


class TableMapping(BaseModel):
    """How a file of a kind is written, where it is not as `docs/importing.md` says."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    description: str = ""
    file: FilePart = FilePart()
    formats: FormatsPart | None = None
    columns: dict[str, str] = {}


@dataclass(frozen=True, slots=True)
class TableFile:
    """A kind of file with its mapping."""

    kind: Kind
    mapping: TableMapping

    @property
    def needed(self) -> list[str]:
        """The file's columns that must be there: those always needed, and those that the mapping names."""
        always = [column.name for column in TABLES[self.kind] if column.need == "always"]
        return [self.mapping.columns.get(name, name) for name in dict.fromkeys([*always, *self.mapping.columns])]

    @property
    def never_empty(self) -> list[str]:
        """The file's columns that no row leaves empty."""
        return [self.mapping.columns.get(column.name, column.name) for column in TABLES[self.kind] if column.need == "always"]

    @property
    def optional(self) -> list[str]:
        """The file's columns that are read if they are there."""
        return [column.name for column in TABLES[self.kind] if column.need != "always" and column.name not in self.mapping.columns]

    @property
    def decimal(self) -> str:
        """The decimal sign of numbers."""
        return (self.mapping.formats or FormatsPart()).decimal

    def date_cells(self, contents: Contents) -> list[pl.Series]:
        """The different cells of the times and days of a file, by column; none where the mapping does not say how they are written."""
        formats = self.mapping.formats
        if formats is None or "dates" not in formats.model_fields_set:
            return []
        names = [self.mapping.columns.get(column.name, column.name) for column in TABLES[self.kind] if column.type in ("day", "time")]
        return [contents.frame[name].drop_nulls().unique() for name in names if name in contents.frame.columns]

    def with_decided_dates(self, columns: list[pl.Series], file_name: str) -> tuple["TableFile", dict[str, Any]]:
        """The mapping with the patterns that a file with these cells is written in, and what a retry of single rows needs to know of it.

        Raises:
            InvalidInput: they can be read two ways.

        """
        formats = self.mapping.formats
        if formats is None or "dates" not in formats.model_fields_set:
            return self, {}
        dates = decided(formats.dates, columns, file_name)
        return (self, {}) if dates == formats.dates else (self.with_dates({OPTION: dates}), {OPTION: dates})

    def with_dates(self, options: dict[str, Any]) -> "TableFile":
        """The mapping with the patterns that were decided on, as `with_decided_dates` returned them."""
        if OPTION not in options:
            return self
        formats = (self.mapping.formats or FormatsPart()).model_copy(update={"dates": options[OPTION]})
        return replace(self, mapping=self.mapping.model_copy(update={"formats": formats}))


@dataclass(frozen=True, slots=True)
class LoadedTable:
    """A table mapping's name and text."""

    name: str
    text: str

    def hash(self, kind: str) -> str:
        """32 hexadecimal digits of the mapping and the kind."""
        return hashlib.blake2b(f"{kind}\x1f{self.name}\x1f{self.text}".encode(), digest_size=16).hexdigest()


def load_table_mapping(kind: str, path: str | None) -> tuple[LoadedTable, TableFile]:
    """The mapping of a kind of file; without a path, its default columns.

    Raises:
        InvalidInput: there is no such kind, or the mapping cannot be used.

    """
    known_kind = next((name for name in TABLES if name == kind), None)
    if known_kind is None:
        raise InvalidInput(f"{kind!r} cannot be imported: choose one of {', '.join(KINDS)}.")
    text = read_toml(Path(path)) if path is not None else ""
    return LoadedTable(Path(path).stem if path is not None else kind, text), parse_table(known_kind, text, path or kind)


def parse_table(kind: Kind, text: str, where: str) -> TableFile:
    """The table mapping that a TOML text describes; an empty text is the default.

    Raises:
        InvalidInput: it cannot be understood, or names a column that the kind does not have.

    """
    mapping = parse_toml(text, where, TableMapping)
    known = {column.name for column in TABLES[kind]}
    unknown = [name for name in mapping.columns if name not in known]
    if unknown:
        raise InvalidInput(f"The mapping {where} names the column {unknown[0]!r}, which {kind} do not have: see docs/importing.md.")
    return TableFile(kind, mapping)


def table_rows(contents: Contents, table: TableFile, zones: dict[str, str]) -> pl.DataFrame:
    """The rows of a file, one typed column for each of the kind's, with row_no, line_number, reference, code and reason.

    `zones`: the time zone of each location, in which its times are that have neither an offset nor a zone by the mapping. Units and prices
    (in 1/10,000) are Int64, times microseconds since 1970 (UTC), days text `YYYY-MM-DD`.
    """
    mapping = table.mapping
    if contents.is_sheet and mapping.formats is not None and "dates" in mapping.formats.model_fields_set:
        mapping = mapping.model_copy(update={"formats": of_sheet(mapping.formats)})
    columns = TABLES[table.kind]
    names = {column.name: mapping.columns.get(column.name, column.name) for column in columns}
    there = set(contents.frame.columns)
    raw = contents.frame.select(
        "row_no",
        "line_number",
        *((pl.col(file) if file in there else pl.lit(None, pl.String)).alias(f"raw_{name}") for name, file in names.items()),
    )
    raw = raw.with_columns(proper_ids(raw[f"raw_{column.name}"]) for column in columns if column.name in _IDS)
    frame = raw.with_columns(_typed(column, mapping, zones).alias(column.name) for column in columns)
    checks = [check for column in columns for check in _checks(column, names[column.name], mapping)]
    code = pl.coalesce([pl.when(wrong).then(pl.lit(code)) for wrong, code, _ in checks])
    reason = pl.coalesce([pl.when(wrong).then(reason) for wrong, _, reason in checks])
    reference = pl.concat_str([pl.col(f"raw_{name}").fill_null("") for name in REFERENCE[table.kind]], separator=" ")
    frame = frame.with_columns(code=code, reason=reason, reference=reference.str.slice(0, 200))
    bad = pl.DataFrame(
        [(record.row_no, record.line_number, record.code, record.reason, "") for record in contents.bad],
        schema={"row_no": pl.Int64, "line_number": pl.Int64, "code": pl.String, "reason": pl.String, "reference": pl.String},
        orient="row",
    )
    rows = pl.concat([frame.select(pl.exclude("^raw_.*$")), bad], how="diagonal").sort("row_no")
    return rows.with_columns(position=pl.int_range(pl.len(), dtype=pl.Int64))


def _typed(column: Column, mapping: TableMapping, zones: dict[str, str]) -> pl.Expr:
    formats, name = mapping.formats or FormatsPart(), f"raw_{column.name}"
    match column.type:
        case "units":
            return values.units(name, formats.decimal, formats.thousands)
        case "price":
            return values.price(name, formats.decimal, formats.thousands)
        case "number":
            return values.number(pl.col(name), formats.decimal, formats.thousands)
        case "time":
            return _in_zones(name, _formats(column, mapping), {} if formats.time_zone else zones, formats.time_zone or "UTC")
        case "day":
            micros = values.micros(name, _formats(column, mapping), "UTC")
            return micros.cast(pl.Datetime("us")).dt.strftime("%Y-%m-%d")
        case "currency" | "country":
            size = 3 if column.type == "currency" else 2
            code = pl.col(name).str.to_uppercase()
            return pl.when(code.str.contains(f"^[A-Z]{{{size}}}$")).then(code)
        case _:
            word = pl.col(name).str.to_lowercase()
            return pl.when(word.is_in(list(column.words))).then(word) if column.words else pl.col(name)


def _in_zones(name: str, patterns: Sequence[str], zones: dict[str, str], otherwise: str) -> pl.Expr:
    """Times, each in the zone of its row's location."""
    instant = values.micros(name, patterns, otherwise)
    for zone in sorted(set(zones.values()) - {otherwise}):
        there = [location_id for location_id, of in zones.items() if of == zone]
        instant = pl.when(pl.col("raw_location_id").is_in(there)).then(values.micros(name, patterns, zone)).otherwise(instant)
    return instant


def _formats(column: Column, mapping: TableMapping) -> tuple[str, ...]:
    if mapping.formats is not None and "dates" in mapping.formats.model_fields_set:
        return tuple(mapping.formats.dates)
    return _TIMES if column.type == "time" else _DAYS


def _checks(column: Column, file_name: str, mapping: TableMapping) -> list[Check]:
    raw, value = pl.col(f"raw_{column.name}"), pl.col(column.name)
    shown = file_name.replace("{", "(").replace("}", ")")
    checks: list[Check] = []
    if column.need == "always":
        checks.append((raw.is_null(), f"missing_{column.name}", pl.lit(f"The column {file_name} is empty: every row needs it.")))
    expected = {
        "units": "a whole number of units",
        "price": "a price",
        "number": "a number",
        "currency": "a currency such as EUR",
        "country": "a country such as DE",
        "day": f"a day like {_formats(column, mapping)[0]}",
        "time": f"a time like {' or '.join(_formats(column, mapping))}",
    }.get(column.type, f"one of {', '.join(column.words)}")
    code = {"day": "bad_date", "time": "bad_date", "text": "unknown_word", "long": "unknown_word"}.get(column.type, "bad_number")
    pattern = f"'{{}}' in column {shown} is not {expected}: mend it."
    checks.append((raw.is_not_null() & value.is_null(), code, pl.format(pattern, raw.str.slice(0, 100))))
    if column.name in _IDS:
        checks += id_checks(raw, file_name, mapping.file)
    if column.least is not None:
        low = f"'{{}}' in column {shown} is less than {column.least}: mend it."
        checks.append(((value < column.least).fill_null(value=False), "bad_number", pl.format(low, raw.str.slice(0, 100))))
    if column.type in _MAX_CHARS:
        most = _MAX_CHARS[column.type]
        long = pl.lit(f"The text in column {file_name} is longer than {most} characters: shorten it.")
        checks.append(((raw.str.len_chars() > most).fill_null(value=False), "too_long", long))
    return checks
