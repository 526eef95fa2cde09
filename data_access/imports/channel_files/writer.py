"""Writing the rows of a channel's export: each may bring a product, its listing on the channel, and counts."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import polars as pl
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from data_access.engine import now_us
from data_access.imports.channel_files import questions
from data_access.imports.channel_files.layouts import ChannelFile
from data_access.imports.count_rows import take_counts
from data_access.imports.order_plan import Bad, Chunk
from data_access.imports.table_rows import LISTING, PRODUCT, Upsert
from data_access.schema.catalog import listing, location
from data_access.write.unit_of_work import UnitOfWork

Row = dict[str, Any]
_RANK: Final = ("imported", "updated", "duplicates")


@dataclass(slots=True)
class _TakenRow:
    """A row that can be taken, with what became of its parts so far."""

    row: Row
    counts: list[Row]
    outcomes: set[str] = field(default_factory=set)
    is_refused: bool = False


def write_channel_rows(unit: UnitOfWork, file: ChannelFile, origin: tuple[str, int], rows: pl.DataFrame) -> Chunk:
    """Take in rows by `rows.channel_rows`, in the unit's transaction; the caller flushes again. `origin`: their source and import.

    A row is counted once: as imported if anything of it is new, else as updated if anything changed.
    """
    chunk = Chunk()
    bad = rows.filter(pl.col("code").is_not_null())
    chunk.bad += [Bad(*one) for one in bad.select("row_no", "line_number", "reference", "code", "reason").iter_rows()]
    aside = rows.filter(pl.col("code").is_null() & pl.col("is_aside"))
    chunk.tally.left_out += aside.height
    chunk.taken += aside["row_no"].to_list()
    good = rows.filter(pl.col("code").is_null() & ~pl.col("is_aside")).to_dicts()
    catalogue = _Catalogue(unit, file, good)
    places = _Places(unit.connection, file)
    taken = [one for row in good if (one := _checked(catalogue, places, chunk, row)) is not None]
    catalogue.write(chunk)
    unit.flush()  # the counts are checked against the catalogue as it is now
    _count(unit, chunk, origin, file.counted_at, taken)
    for one in taken:
        if one.is_refused:
            chunk.tally.quarantined += 1  # a conflict: it is in the inbox as the event that it is
            continue
        outcome = next((name for name in _RANK if name in one.outcomes), "duplicates")
        setattr(chunk.tally, outcome, getattr(chunk.tally, outcome) + 1)
        chunk.taken.append(one.row["row_no"])
        chunk.tally.count("below_zero", int(one.row["is_below_zero"]))
    chunk.tally.quarantined += len(chunk.bad)
    return chunk


def _checked(catalogue: "_Catalogue", places: "_Places", chunk: Chunk, row: Row) -> _TakenRow | None:
    """The row with its product and listing taken in, and its counts by location; None if it is refused."""
    sku = catalogue.sku_of(row)
    if sku is None:
        catalogue.ask(row)
        chunk.bad.append(_refusal(row, *catalogue.question(row), row["external_sku"]))
        return None
    counts = []
    for count in row["counts"]:
        place = places.id_of(count["place"])
        if place is None:
            chunk.bad.append(_refusal(row, *places.unknown(count["place"])))
            return None
        counts.append({"sku": sku, "location_id": place, "state": count["state"], "quantity": count["quantity"]})
    is_kit = catalogue.is_kit(sku)
    if is_kit and catalogue.file.kind == "counts":
        chunk.bad.append(_refusal(row, "is_kit", questions.IS_KIT.format(sku)))
        return None
    return _TakenRow(row, [] if is_kit else counts, catalogue.take(row, sku))


def _refusal(row: Row, code: str, reason: str, external_sku: str | None = None) -> Bad:
    return Bad(row["row_no"], row["line_number"], row["reference"], code, reason, external_sku)


def _count(unit: UnitOfWork, chunk: Chunk, origin: tuple[str, int], counted_at: int, taken: Sequence[_TakenRow]) -> None:
    """Take in the counts of rows, as the events that count files make."""
    counted = [(one, {**count, "counted_at": counted_at}) for one in taken for count in one.counts]
    outcomes = take_counts(unit, [count for _, count in counted], *origin)
    for (one, _), outcome in zip(counted, outcomes, strict=True):
        if outcome.status == "applied":
            one.outcomes.add("imported")
            chunk.tally.count("counts")
        elif outcome.status != "duplicate":
            one.is_refused = True


class _Catalogue:
    """Products and listings of some rows: what is known of them, and what the rows add."""

    def __init__(self, unit: UnitOfWork, file: ChannelFile, rows: Sequence[Row]) -> None:
        self.file = file
        self._unit = unit
        self._listings = Upsert(unit, LISTING, [{"channel_id": file.channel_id}] if file.channel_id is not None else [])
        listings = [listed for row in rows for listed in (self._listing(row), self._named(row)) if listed is not None]
        skus = {*(listed["sku"] for listed in listings), *(row["external_sku"] for row in rows)} - {None}
        self._products = Upsert(unit, PRODUCT, [{"sku": sku} for sku in skus])
        self._keys: list[str] = []
        self._asked: list[str] = []
        self._counts = {"products": 0, "listings": 0}

    def _listing(self, row: Row) -> Row | None:
        return self._listings.get(self.file.channel_id, row["external_sku"])

    def _named(self, row: Row) -> Row | None:
        """The listing of a variant that had no SKU in the shop before."""
        return self._listings.get(self.file.channel_id, row["title"])

    def sku_of(self, row: Row) -> str | None:
        """What the channel's listing sells; without one, the row's own code if there is such a product, or the row brings it."""
        listed = self._listing(row)
        if listed is not None and listed["sku"] is not None:
            return str(listed["sku"])
        own = str(row["external_sku"])
        if self._products.get(own) is not None:
            return own
        if self.file.kind != "products":
            return None
        named = self._named(row)
        return str(named["sku"]) if named is not None and named["sku"] is not None else own

    def is_kit(self, sku: str) -> bool:
        """Whether the SKU is a kit, which holds no stock itself."""
        return bool((self._products.get(sku) or {}).get("kit_version"))

    def ask(self, row: Row) -> None:
        """List the code without a SKU, so that the inbox asks for it."""
        if self.file.channel_id is not None and self._listing(row) is None:
            self._list(row, None)
            self._asked.append(row["external_sku"])

    def question(self, row: Row) -> tuple[str, str]:
        """Code and sentence for a row whose SKU nobody knows."""
        code = row["external_sku"]
        if self.file.channel_id is None:
            return "unknown_sku", questions.UNKNOWN_SKU.format(code)
        return "unknown_sku", questions.UNKNOWN_ON_CHANNEL.format(code)

    def take(self, row: Row, sku: str) -> set[str]:
        """Take in the product and the listing of a row; what became of them."""
        outcomes = set()
        listed, known = self._listing(row), self._products.get(sku)
        if self.file.kind == "products" and (known is None or (listed is not None and listed["title"] == known["name"])):
            # A product that is there already keeps what people say of it; but for a name that it had from this channel.
            currency = self.file.currency if row["price"] is not None else None
            facts = {"name": row["title"], "category": row["category"], "price": row["price"], "currency": currency}
            outcome = self._products.take({"sku": sku, **(facts if known is None else {"name": row["title"]})})
            outcomes.add(outcome)
            self._counts["products"] += outcome == "imported"
            if outcome != "duplicates":
                self._unit.touch("catalog", "product", sku)
                self._keys.append(f"sku:{sku}")
        if self.file.channel_id is not None:
            outcomes.add(self._list(row, sku))
        return outcomes

    def _list(self, row: Row, sku: str | None) -> str:
        listed = self._listing(row)
        title = row["title"] if listed is None or self.file.kind == "products" else None
        key = {"channel_id": self.file.channel_id, "external_sku": row["external_sku"]}
        outcome = self._listings.take({**key, "sku": sku, "title": title}, self._new_listing)
        self._counts["listings"] += outcome == "imported" and sku is not None
        if outcome != "duplicates":
            self._unit.touch("catalog", "listing", f"{self.file.channel_id}:{row['external_sku']}")
            self._keys.append(f"listing:{self.file.channel_id}:{row['external_sku']}")
        return outcome

    def _new_listing(self) -> Row:
        return {"listing_id": self._unit.ids.take(), "first_seen_at": now_us()}

    def write(self, chunk: Chunk) -> None:
        """Insert and update."""
        self._products.write()
        self._listings.write()
        for code in self._asked:
            self._unit.touch("inbox", "listing", f"{self.file.channel_id}:{code}")
        for name, count in self._counts.items():
            chunk.tally.count(name, count)
        chunk.keys += self._keys


class _Places:
    """Locations by their ids and names."""

    def __init__(self, connection: Connection, file: ChannelFile) -> None:
        self._given = file.location_id
        rows = list(connection.execute(sa.select(location.c.location_id, location.c.name)))
        self._ids = {row.location_id for row in rows}
        self._named: dict[str, list[str]] = {}
        for row in rows:
            self._named.setdefault(row.name.lower(), []).append(row.location_id)

    def id_of(self, place: str | None) -> str | None:
        """The location that the import was given; else the one of that id, or the only one of that name, whatever its case."""
        if self._given is not None or place is None:
            return self._given
        if place in self._ids:
            return place
        named = self._named.get(place.lower(), [])
        return named[0] if len(named) == 1 else None

    def unknown(self, place: str | None) -> tuple[str, str]:
        """Code and sentence for a row at a place that is no location."""
        if place is None:
            return "missing_location", questions.NO_PLACE
        if len(self._named.get(place.lower(), [])) > 1:
            return "unknown_location", questions.SHARED_PLACE.format(place)
        return "unknown_location", questions.UNKNOWN_PLACE.format(place)


def counted_twice(connection: Connection, file: ChannelFile, rows: pl.DataFrame) -> pl.DataFrame:
    """Refuse rows that count one SKU at one place more than once: nobody can say whether their units add up."""
    codes = rows.filter(pl.col("counts").list.len() > 0)["external_sku"]
    if codes.is_empty():
        return rows
    mapped = _mapped(connection, file, codes.unique().to_list())
    resolved = pl.coalesce(pl.col("external_sku").replace_strict(mapped, default=None, return_dtype=pl.String), "external_sku")
    is_counting = pl.col("code").is_null() & ~pl.col("is_aside") & (pl.col("counts").list.len() > 0)
    counted = rows.filter(is_counting).select("row_no", "counts", resolved=resolved).explode("counts")
    place = pl.col("counts").struct.field("place").str.to_lowercase()
    keys = ("resolved", "place", "state")
    counted = counted.select("row_no", "resolved", place=place, state=pl.col("counts").struct.field("state"))
    again = counted.filter(pl.struct(*keys).is_duplicated()).unique("row_no").select("row_no", twice="resolved")
    if again.is_empty():
        return rows
    reason = pl.format("Several rows of the file count {} at the same place: import a count of its units in all.", "twice")
    is_twice = pl.col("twice").is_not_null()
    return (
        rows.join(again, on="row_no", how="left", maintain_order="left")
        .with_columns(
            code=pl.when(is_twice).then(pl.lit("counted_twice")).otherwise("code"),
            reason=pl.when(is_twice).then(reason).otherwise("reason"),
            reference=pl.coalesce("twice", "reference"),
        )
        .drop("twice")
    )


def _mapped(connection: Connection, file: ChannelFile, codes: Iterable[str]) -> dict[str, str]:
    if file.channel_id is None:
        return {}
    wanted = set(codes)
    query = sa.select(listing.c.external_sku, listing.c.sku).where(listing.c.channel_id == file.channel_id, listing.c.sku.is_not(None))
    return {row.external_sku: row.sku for row in connection.execute(query) if row.external_sku in wanted}
