"""Writing the rows of table files: new rows are inserted, rows that say something else than the store update it, others are duplicates."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from zoneinfo import available_timezones

import polars as pl
import sqlalchemy as sa

from data_access.engine import now_us
from data_access.imports.count_rows import write_counts
from data_access.imports.files.tables import Kind
from data_access.imports.kit_rows import write_kits
from data_access.imports.order_plan import Bad, Chunk
from data_access.schema.catalog import listing, location, product
from data_access.schema.channels import channel, channel_location
from data_access.schema.purchasing import supplier, supplier_item
from data_access.write.bulk import in_values
from data_access.write.unit_of_work import UnitOfWork

Row = dict[str, Any]
Refusal = tuple[str, str]
"""Code and sentence."""
_DAY_SECONDS: Final = 86_400


@dataclass(slots=True)
class TargetTable:
    """How rows become rows of one table of the store. `taken` names, by our column, the table's column."""

    table: sa.Table
    keys: tuple[str, ...]
    taken: dict[str, str]
    defaults: Row = field(default_factory=dict)
    needed: tuple[str, ...] = ()


PRODUCT: Final = TargetTable(
    product,
    ("sku",),
    {name: name for name in ("name", "category", "price", "currency", "launched_on", "ended_on")},
    {"category": "uncategorised"},
    ("name",),
)
LISTING: Final = TargetTable(listing, ("channel_id", "external_sku"), {name: name for name in ("sku", "title", "maximum")}, {}, ("sku",))
_LOCATION: Final = TargetTable(
    location,
    ("location_id",),
    {name: name for name in ("name", "kind", "country", "region", "time_zone")},
    {"time_zone": "UTC"},
    ("name", "kind"),
)
_CHANNEL: Final = TargetTable(
    channel,
    ("channel_id",),
    {name: name for name in ("name", "kind", "marketplace", "currency", "time_zone", "country", "stale_after_seconds")},
    {"stale_after_seconds": _DAY_SECONDS},
    ("name", "kind", "currency", "time_zone"),
)
_SUPPLIER: Final = TargetTable(
    supplier,
    ("supplier_id",),
    {name: name for name in ("name", "lead_time_days", "lead_time_sd_days", "currency")},
    {},
    ("name",),
)
_ITEM: Final = TargetTable(
    supplier_item,
    ("supplier_id", "sku"),
    {"unit_cost": "unit_cost", "moq": "moq", "case_pack": "case_pack", "item_lead_time_days": "lead_time_days"},
    {"moq": 1, "case_pack": 1},
)
TARGETS: Final[dict[Kind, TargetTable]] = {
    "products": PRODUCT,
    "listings": LISTING,
    "locations": _LOCATION,
    "channels": _CHANNEL,
    "suppliers": _SUPPLIER,
}
"""Where the rows of each kind go; kits and counts go their own ways."""


class Upsert:
    """Rows of one table, loaded by key, changed in memory, written at the end."""

    def __init__(self, unit: UnitOfWork, into: TargetTable, rows: Sequence[Row]) -> None:
        self._unit = unit
        self._into = into
        self._stored: dict[tuple[Any, ...], Row] = {}
        self._new: dict[tuple[Any, ...], Row] = {}
        self._changed: dict[tuple[Any, ...], Row] = {}
        first = into.keys[0]
        wanted = sorted({row[first] for row in rows})
        query = sa.select(into.table).where(in_values(unit.connection, into.table.c[first], wanted))
        for row in unit.connection.execute(query).mappings():
            self._stored[tuple(row[key] for key in into.keys)] = dict(row)

    def get(self, *key: Any) -> Row | None:
        """The row of that key, in the store or among the new."""
        return self._new.get(key) or self._stored.get(key)

    def knows(self, row: Row) -> bool:
        """Whether there is such a row already, in the store or among the new."""
        return self.get(*(row[name] for name in self._into.keys)) is not None

    def missing(self, row: Row) -> str | None:
        """The first column that a new row must have, and lacks."""
        return next((name for name in self._into.needed if row.get(name) is None and not self.knows(row)), None)

    def take(self, row: Row, extra: Callable[[], Row] | None = None) -> str:
        """`imported`, `updated` or `duplicates`. `extra`: further values of a new row."""
        into = self._into
        key = tuple(row[name] for name in into.keys)
        filled = {theirs: row[ours] for ours, theirs in into.taken.items() if row.get(ours) is not None}
        known = self.get(*key)
        if known is None:
            empty: Row = dict.fromkeys(into.taken.values())
            more = extra() if extra is not None else {}
            self._new[key] = {**dict(zip(into.keys, key, strict=True)), **empty, **into.defaults, **filled, **more}
            return "imported"
        changes = {name: value for name, value in filled.items() if known[name] != value}
        if not changes:
            return "duplicates"
        known.update(changes)
        if key in self._stored:
            self._changed[key] = known
        return "updated"

    def write(self) -> None:
        """Insert and update."""
        table, connection = self._into.table, self._unit.connection
        if self._new:
            connection.execute(table.insert(), list(self._new.values()))
        for key, row in self._changed.items():
            values = {name: row[name] for name in self._into.taken.values()}
            if "version" in table.c:
                values["version"] = table.c.version + 1
            where = [table.c[name] == value for name, value in zip(self._into.keys, key, strict=True)]
            connection.execute(sa.update(table).where(*where).values(values))


def write_table(unit: UnitOfWork, kind: Kind, origin: tuple[str, int], rows: pl.DataFrame) -> Chunk:
    """Take in rows by `files.tables.table_rows`, in the unit's transaction; the caller flushes. `origin`: their source and import."""
    chunk = Chunk()
    bad = rows.filter(pl.col("code").is_not_null())
    for row_no, line_number, reference, code, reason in bad.select("row_no", "line_number", "reference", "code", "reason").iter_rows():
        chunk.bad.append(Bad(row_no, line_number, reference, code, reason))
    good = rows.filter(pl.col("code").is_null()).to_dicts()
    if kind == "kits":
        write_kits(unit, chunk, good, [str(reference) for reference in bad["reference"]])
    elif kind == "counts":
        write_counts(unit, chunk, good, *origin)
    else:
        _WRITE[kind](unit, chunk, good)
    chunk.tally.quarantined += len(chunk.bad)
    return chunk


def _take(chunk: Chunk, row: Row, outcome: str) -> None:
    setattr(chunk.tally, outcome, getattr(chunk.tally, outcome) + 1)
    chunk.taken.append(row["row_no"])


def _refuse(chunk: Chunk, row: Row, code: str, reason: str) -> None:
    chunk.bad.append(Bad(row["row_no"], row["line_number"], row["reference"], code, reason))


def _incomplete(chunk: Chunk, upsert: Upsert, row: Row, what: str) -> bool:
    missing = upsert.missing(row)
    if missing is not None:
        _refuse(chunk, row, f"missing_{missing}", f"The column {missing} is empty, and the {what} is new: give it.")
    return missing is not None


def _products(unit: UnitOfWork, chunk: Chunk, rows: list[Row]) -> None:
    upsert = Upsert(unit, PRODUCT, rows)
    for row in rows:
        if _incomplete(chunk, upsert, row, "product"):
            continue
        outcome = upsert.take(row)
        _take(chunk, row, outcome)
        if outcome != "duplicates":
            unit.touch("catalog", "product", row["sku"])
        if outcome == "imported":
            chunk.keys.append(f"sku:{row['sku']}")
    upsert.write()


def _listings(unit: UnitOfWork, chunk: Chunk, rows: list[Row]) -> None:
    upsert = Upsert(unit, LISTING, rows)
    known = _known_skus(unit, (row["sku"] for row in rows))
    for row in rows:
        if not unit.lookups.has_channel(row["channel_id"]):
            _refuse(chunk, row, "unknown_channel", f"There is no channel {row['channel_id']}: import channels first.")
            continue
        if row["sku"] is not None and row["sku"] not in known:
            _refuse(chunk, row, "unknown_sku", f"There is no SKU {row['sku']}: import products first.")
            continue
        if _incomplete(chunk, upsert, row, "listing"):
            continue
        outcome = upsert.take(row, lambda: {"listing_id": unit.ids.take(), "first_seen_at": now_us()})
        _take(chunk, row, outcome)
        if outcome != "duplicates":
            unit.touch("catalog", "listing", f"{row['channel_id']}:{row['external_sku']}")
            chunk.keys.append(f"listing:{row['channel_id']}:{row['external_sku']}")
    upsert.write()


def _known_skus(unit: UnitOfWork, skus: Iterable[str | None]) -> set[str]:
    wanted = {sku for sku in skus if sku is not None}
    unit.lookups.load(unit.connection, wanted, ())
    return {sku for sku in wanted if unit.lookups.kit_version(sku) is not None}


def _bad_zone(row: Row) -> Refusal | None:
    if row["time_zone"] is None or row["time_zone"] in available_timezones():
        return None
    return "unknown_word", f"'{row['time_zone']}' is not the IANA name of a time zone, such as Europe/London: mend it."


def _locations(unit: UnitOfWork, chunk: Chunk, rows: list[Row]) -> None:
    upsert = Upsert(unit, _LOCATION, rows)
    for row in rows:
        if (refusal := _bad_zone(row)) is not None:
            _refuse(chunk, row, *refusal)
            continue
        if _incomplete(chunk, upsert, row, "location"):
            continue
        outcome = upsert.take(row)
        _take(chunk, row, outcome)
        if outcome != "duplicates":
            unit.touch("catalog", "location", row["location_id"])
        if outcome == "imported":
            chunk.keys.append(f"location:{row['location_id']}")
    upsert.write()


def _channels(unit: UnitOfWork, chunk: Chunk, rows: list[Row]) -> None:
    upsert = Upsert(unit, _CHANNEL, rows)
    last = unit.connection.execute(sa.select(sa.func.coalesce(sa.func.max(channel.c.position), 0))).scalar_one()
    serving: dict[str, list[str]] = {}
    for row in rows:
        if (refusal := _bad_zone(row) or _bad_places(unit, row)) is not None:
            _refuse(chunk, row, *refusal)
            continue
        if _incomplete(chunk, upsert, row, "channel"):
            continue
        hours = row["stale_after_hours"]
        values = {**row, "stale_after_seconds": hours * 3_600 if hours is not None else None}
        is_new = not upsert.knows(row)
        last += is_new
        outcome = upsert.take(values, lambda position=last: {"position": position})  # type: ignore[misc]
        places = _places(row)
        before = serving.get(row["channel_id"], list(unit.lookups.serving(row["channel_id"])))
        if places and places != before:
            serving[row["channel_id"]] = places
            outcome = "imported" if outcome == "imported" else "updated"
        _take(chunk, row, outcome)
        if outcome != "duplicates":
            unit.touch("channels", "channel", row["channel_id"])
        if outcome == "imported":
            chunk.keys.append(f"channel:{row['channel_id']}")
    upsert.write()
    for channel_id, places in serving.items():
        unit.connection.execute(sa.delete(channel_location).where(channel_location.c.channel_id == channel_id))
        served = [{"channel_id": channel_id, "location_id": place, "priority": at} for at, place in enumerate(places, start=1)]
        unit.connection.execute(channel_location.insert(), served)


def _places(row: Row) -> list[str]:
    return list(dict.fromkeys(part.strip() for part in (row["locations"] or "").split(";") if part.strip()))


def _bad_places(unit: UnitOfWork, row: Row) -> Refusal | None:
    unknown = next((place for place in _places(row) if not unit.lookups.has_location(place)), None)
    if unknown is None:
        return None
    return "unknown_location", f"There is no location {unknown}: import locations first, and separate several with a semicolon."


def _suppliers(unit: UnitOfWork, chunk: Chunk, rows: list[Row]) -> None:
    suppliers = Upsert(unit, _SUPPLIER, rows)
    items = Upsert(unit, _ITEM, rows)
    known = _known_skus(unit, (row["sku"] for row in rows))
    for row in rows:
        sku = row["sku"]
        if sku is not None and sku not in known:
            _refuse(chunk, row, "unknown_sku", f"There is no SKU {sku}: import products first.")
            continue
        if sku is not None and unit.lookups.kit_version(sku):
            _refuse(chunk, row, "is_kit", f"{sku} is a kit, and kits are not bought: give its components.")
            continue
        if _incomplete(chunk, suppliers, row, "supplier"):
            continue
        outcomes = {suppliers.take(row)}
        if "imported" in outcomes:
            chunk.keys.append(f"supplier:{row['supplier_id']}")
        if sku is not None:
            outcomes.add(items.take(row))
        outcome = next(name for name in ("imported", "updated", "duplicates") if name in outcomes)
        _take(chunk, row, outcome)
        if outcome != "duplicates":
            unit.touch("purchasing", "supplier", row["supplier_id"])
    suppliers.write()
    items.write()


_WRITE: Final[dict[str, Callable[[UnitOfWork, Chunk, list[Row]], None]]] = {
    "products": _products,
    "listings": _listings,
    "locations": _locations,
    "channels": _channels,
    "suppliers": _suppliers,
}
