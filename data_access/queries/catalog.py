"""The catalogue as pages need it: products with lead times, kits, listings, channels, locations."""

from typing import Final

import polars as pl
import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from data_access.schema.catalog import kit_component, listing, location, product
from data_access.schema.channels import channel, channel_location
from data_access.schema.purchasing import supplier, supplier_item
from data_access.store.frames import read

PRODUCTS: Final = pl.Schema(
    {
        "sku": pl.String,
        "name": pl.String,
        "category": pl.String,
        "is_kit": pl.Boolean,
        "lead_time_days": pl.Float64,  # null when unknown
    }
)
KITS: Final = pl.Schema({"kit_sku": pl.String, "component_sku": pl.String, "quantity": pl.Int64})
LISTINGS: Final = pl.Schema({"sku": pl.String, "channel_id": pl.String, "maximum": pl.Int64})
CHANNELS: Final = pl.Schema(
    {
        "channel_id": pl.String,
        "name": pl.String,
        "kind": pl.String,
        "marketplace": pl.String,
        "currency": pl.String,
        "time_zone": pl.String,
        "position": pl.Int64,
        "stale_after_seconds": pl.Int64,
    }
)
LOCATIONS: Final = pl.Schema({"location_id": pl.String, "name": pl.String, "kind": pl.String, "country": pl.String, "time_zone": pl.String})
CHANNEL_LOCATIONS: Final = pl.Schema({"channel_id": pl.String, "location_id": pl.String, "priority": pl.Int64})


def products(bind: Connection | Engine) -> pl.DataFrame:
    """`PRODUCTS` by SKU. The lead time is the fastest supplier's, the item's own before the general; a kit's, its slowest component's."""
    lead = sa.func.min(sa.func.coalesce(supplier_item.c.lead_time_days, supplier.c.lead_time_days)).label("lead_time_days")
    fastest = (
        sa.select(supplier_item.c.sku, lead)
        .join(supplier, supplier.c.supplier_id == supplier_item.c.supplier_id)
        .group_by(supplier_item.c.sku)
        .subquery()
    )
    items = read(
        bind,
        sa.select(product.c.sku, product.c.name, product.c.category, product.c.kit_version > 0, fastest.c.lead_time_days).join(
            fastest, fastest.c.sku == product.c.sku, isouter=True
        ),
        PRODUCTS,
    )
    parts = kits(bind).join(items, left_on="component_sku", right_on="sku")
    of_kits = parts.group_by(sku="kit_sku").agg(slowest=pl.col("lead_time_days").max())
    return (
        items.join(of_kits, on="sku", how="left")
        .with_columns(lead_time_days=pl.coalesce("slowest", "lead_time_days"))
        .select(PRODUCTS.names())
        .sort("sku")
    )


def kits(bind: Connection | Engine) -> pl.DataFrame:
    """`KITS`: what each kit is made of now, by kit and component."""
    statement = (
        sa.select(kit_component.c.kit_sku, kit_component.c.component_sku, kit_component.c.quantity)
        .join(product, (product.c.sku == kit_component.c.kit_sku) & (product.c.kit_version == kit_component.c.kit_version))
        .order_by(kit_component.c.kit_sku, kit_component.c.component_sku)
    )
    return read(bind, statement, KITS)


def listings(bind: Connection | Engine) -> pl.DataFrame:
    """`LISTINGS`: every listing, also those that no SKU is mapped to yet."""
    return read(bind, sa.select(listing.c.sku, listing.c.channel_id, listing.c.maximum), LISTINGS)


def channels(bind: Connection | Engine) -> pl.DataFrame:
    """`CHANNELS` by position."""
    return read(bind, sa.select(*(channel.c[name] for name in CHANNELS)).order_by(channel.c.position, channel.c.channel_id), CHANNELS)


def locations(bind: Connection | Engine) -> pl.DataFrame:
    """`LOCATIONS` by name."""
    return read(bind, sa.select(*(location.c[name] for name in LOCATIONS)).order_by(location.c.name, location.c.location_id), LOCATIONS)


def channel_locations(bind: Connection | Engine) -> pl.DataFrame:
    """`CHANNEL_LOCATIONS`: which locations serve which channel, in order of priority."""
    own = channel_location.c
    return read(
        bind,
        sa.select(own.channel_id, own.location_id, own.priority).order_by(own.channel_id, own.priority, own.location_id),
        CHANNEL_LOCATIONS,
    )


def main_country(bind: Connection | Engine) -> str | None:
    """The home market of most channels, as a two-letter code; None if no channel tells one."""
    c = channel.c
    query = sa.select(c.country).where(c.country.is_not(None)).group_by(c.country).order_by(sa.func.count().desc(), c.country).limit(1)
    countries = read(bind, query, pl.Schema({"country": pl.String}))
    return None if countries.is_empty() else str(countries["country"][0])
