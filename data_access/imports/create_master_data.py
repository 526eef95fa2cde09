"""What must be in the store before a file's rows: its channel, its location, and (if the mapping says so) products and listings."""

from collections.abc import Sequence
from functools import partial
from typing import Any, Final

import polars as pl
import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from data_access.engine import now_us, reading
from data_access.errors import InvalidInput
from data_access.events.ingest import release
from data_access.imports.files.mapping import Mapping
from data_access.prepared import Prepared
from data_access.schema.catalog import listing, location, product
from data_access.schema.channels import channel, channel_location
from data_access.schema.stock import event
from data_access.write import lookups
from data_access.write.kernel import SYSTEM, work
from data_access.write.unit_of_work import UnitOfWork

CODES_PER_TRANSACTION: Final = 1_000
_IDS: Final = 20_000  # what is released takes ids too
_PARKED: Final = Prepared(sa.select(sa.exists(sa.select(event.c.id).where(event.c.status == sa.literal_column("'parked'")))))


def prepare_places(engine: Engine, mapping: Mapping) -> None:
    """Create the mapping's channel and location, and let the location serve the channel, as far as the store lacks them.

    Raises:
        InvalidInput: the location is new, but the mapping does not name it in full.

    """

    def create(unit: UnitOfWork) -> None:
        keys = [*_channel(unit, mapping), *_location(unit, mapping)]
        served = sa.select(channel_location.c.location_id).where(channel_location.c.channel_id == mapping.channel.id)
        serving = set(unit.connection.execute(served).scalars())
        if mapping.location.id not in serving:
            row = {"channel_id": mapping.channel.id, "location_id": mapping.location.id, "priority": len(serving) + 1}
            unit.connection.execute(channel_location.insert(), row)
            unit.touch("channels", "channel", mapping.channel.id)
        unit.flush()
        release_keys(unit, keys)

    work(engine, SYSTEM, None, create, rows=_IDS, parents=None)


def _channel(unit: UnitOfWork, mapping: Mapping) -> list[str]:
    part = mapping.channel
    if unit.lookups.has_channel(part.id):
        return []
    last = unit.connection.execute(sa.select(sa.func.max(channel.c.position))).scalar()
    unit.connection.execute(
        channel.insert(),
        {
            "channel_id": part.id,
            "name": part.name,
            "kind": part.kind,
            "marketplace": part.marketplace,
            "currency": part.currency,
            "time_zone": part.time_zone,
            "country": part.country,
            "position": 1 if last is None else last + 1,
            "stale_after_seconds": part.stale_after_hours * 3_600,
        },
    )
    unit.touch("channels", "channel", part.id)
    return [f"channel:{part.id}"]


def _location(unit: UnitOfWork, mapping: Mapping) -> list[str]:
    part = mapping.location
    if unit.lookups.has_location(part.id):
        return []
    if part.name is None:
        raise InvalidInput(f"The store has no location {part.id!r}: give its name in [location] of the mapping, or import locations first.")
    unit.connection.execute(
        location.insert(),
        {
            "location_id": part.id,
            "name": part.name,
            "kind": part.kind,
            "country": part.country,
            "region": part.region,
            "time_zone": part.time_zone or mapping.channel.time_zone,
        },
    )
    unit.touch("catalog", "location", part.id)
    return [f"location:{part.id}"]


def has_parked(connection: Connection) -> bool:
    """Whether any event waits for its parent."""
    return bool(_PARKED.all(connection)[0][0])


def release_keys(unit: UnitOfWork, keys: Sequence[str], changed: Sequence[tuple[str, str]] = ()) -> int:
    """Apply parked events that wait for what a flushed unit, which holds all parents locked, has just written; flush it again.

    `changed`: orders (channel, reference) with other units than before: what was told of them is judged again.
    """
    if not (keys or changed) or not has_parked(unit.connection):
        return 0
    lookups.forget()  # what was brought is not in the copy that events are checked against
    released = release(unit, keys, changed)
    unit.flush()
    return released


def prepare_catalogue(engine: Engine, rows: pl.DataFrame, mapping: Mapping) -> None:
    """Make a product and a listing for each code of the file's good rows that the channel does not know.

    The most frequent title is the name; of equally frequent ones the first in the alphabet.

    Args:
        engine: the store.
        rows: good rows by `files.orders.ROWS`, without charges.
        mapping: its channel gets the listings.

    """
    with reading(engine) as connection:
        rows = _without_listing(connection, rows, mapping)
    codes = rows["external_sku"].unique(maintain_order=True)
    for start in range(0, codes.len(), CODES_PER_TRANSACTION):
        part = rows.filter(pl.col("external_sku").is_in(codes.slice(start, CODES_PER_TRANSACTION).implode()))
        work(engine, SYSTEM, None, partial(_create_and_release, part, mapping), rows=_IDS, parents=None)


def _create_and_release(rows: pl.DataFrame, mapping: Mapping, unit: UnitOfWork) -> None:
    release_keys(unit, create_codes(unit, rows, mapping))


def _without_listing(connection: Connection, rows: pl.DataFrame, mapping: Mapping) -> pl.DataFrame:
    """The codes of rows that no listing of the channel maps, with the name of each SKU and the title of each listing."""
    query = sa.select(listing.c.external_sku).where(listing.c.channel_id == mapping.channel.id, listing.c.sku.is_not(None))
    mapped = pl.Series(connection.execute(query).scalars().all(), dtype=pl.String)
    new = rows.filter(~pl.col("external_sku").is_in(mapped.implode())).select("sku").unique()
    rows = rows.join(new, on="sku", how="semi")
    titles = _most_frequent(rows, "external_sku", "sku").filter(~pl.col("external_sku").is_in(mapped.implode()))
    return titles.join(_most_frequent(rows, "sku").rename({"title": "name"}), on="sku", how="left").sort("sku", "external_sku")


def create_codes(unit: UnitOfWork, rows: pl.DataFrame, mapping: Mapping) -> list[str]:
    """Make a product and a listing for each code of these rows that the channel does not know, and flush the unit.

    Returns what parked events may wait for.
    """
    if "name" not in rows.columns:
        rows = _without_listing(unit.connection, rows, mapping)
    return add_codes(unit, rows, mapping.channel.id)


def add_codes(unit: UnitOfWork, rows: pl.DataFrame, channel_id: str | None) -> list[str]:
    """Make the products that the store lacks, and of a channel the listings, and flush the unit.

    `rows`: external_sku, sku, the title of the listing and the name of the product. Returns what parked events may wait for.
    """
    keys = _add_products(unit, rows.unique("sku", keep="first", maintain_order=True))
    if channel_id is not None:
        keys += _add_listings(unit, rows, channel_id)
    unit.flush()
    return keys


def _most_frequent(rows: pl.DataFrame, *keys: str) -> pl.DataFrame:
    """The most frequent title by key; of equally frequent ones the first in the alphabet."""
    counted = rows.group_by(*keys, "title").agg(n=-pl.len().cast(pl.Int64))
    ordered = counted.sort(*keys, pl.col("title").is_null(), "n", "title")
    return ordered.group_by(*keys, maintain_order=True).agg(pl.col("title").first())


def _add_products(unit: UnitOfWork, names: pl.DataFrame) -> list[str]:
    skus = names["sku"].to_list()
    unit.lookups.load(unit.connection, skus, ())
    new = [(sku, title) for sku, title in names.select("sku", "name").iter_rows() if unit.lookups.kit_version(sku) is None]
    if new:
        rows = [{"sku": sku, "name": title or sku, "category": "uncategorised"} for sku, title in new]
        unit.connection.execute(product.insert(), rows)
    for sku, _ in new:
        unit.touch("catalog", "product", sku)
    return [f"sku:{sku}" for sku, _ in new]


def _add_listings(unit: UnitOfWork, titles: pl.DataFrame, channel_id: str) -> list[str]:
    codes = titles["external_sku"].to_list()
    unit.lookups.load(unit.connection, (), [(channel_id, code) for code in codes])
    new: list[dict[str, Any]] = []
    for sku, code, title in titles.select("sku", "external_sku", "title").iter_rows():
        known, mapped = unit.lookups.listed(channel_id, code)
        if mapped is not None:
            continue
        if known:
            where = (listing.c.channel_id == channel_id, listing.c.external_sku == code, listing.c.sku.is_(None))
            unit.connection.execute(sa.update(listing).where(*where).values(sku=sku, version=listing.c.version + 1))
        else:
            row = {"listing_id": unit.ids.take(), "channel_id": channel_id, "external_sku": code, "sku": sku, "title": title}
            new.append({**row, "maximum": None, "first_seen_at": now_us()})
        unit.touch("catalog", "listing", f"{channel_id}:{code}")
    if new:
        unit.connection.execute(listing.insert(), new)
    return [f"listing:{channel_id}:{code}" for code in codes]
