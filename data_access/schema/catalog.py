"""What is sold and where it lies: products, kits, locations, listings."""

from typing import Final

from sqlalchemy import CheckConstraint, Column, ForeignKey, Index, Integer, String, Table, TypedColumns

from data_access.schema.base import Id, Micros, Money, Units, metadata, one_of

LOCATION_KINDS: Final = ("warehouse", "shop", "3pl", "fulfilment_centre")


class _Product(TypedColumns):
    sku = Column(String, primary_key=True, comment="The one internal id of a thing that is stocked or, for a kit, sold.")
    name = Column(String, nullable=False, comment="Name shown to people.")
    category = Column(String, nullable=False, comment="One level; 'uncategorised' if none was given.")
    kit_version = Column(
        Integer, nullable=False, server_default="0", comment="0: stocked itself. n > 0: a kit, made of version n of its components."
    )
    price = Column(Money, nullable=True, comment="List price in 1/10,000 of `currency`.")
    currency = Column(String(3), nullable=True, comment="ISO 4217 code of `price`.")
    launched_on = Column(String(10), nullable=True, comment="First day of sale, if known.")
    ended_on = Column(String(10), nullable=True, comment="Last day of sale, if it has ended.")
    version = Column(Integer, nullable=False, server_default="1", comment="Raised by each change; for the version check of forms.")


product = Table(
    "product",
    metadata,
    _Product,
    CheckConstraint("kit_version >= 0", name="kit_version"),
    comment="SKUs: stocked products and kits.",
)


class _KitComponent(TypedColumns):
    kit_sku = Column(String, ForeignKey("product.sku"), primary_key=True, comment="The kit.")
    kit_version = Column(Integer, primary_key=True, comment="A changed composition is a new version; old order lines keep theirs.")
    component_sku = Column(String, ForeignKey("product.sku"), primary_key=True, comment="A stocked SKU; never a kit.")
    quantity = Column(Units, nullable=False, comment="Units of the component in one kit.")


kit_component = Table(
    "kit_component",
    metadata,
    _KitComponent,
    CheckConstraint("quantity > 0", name="quantity"),
    Index(None, "component_sku"),
    comment="What a kit is made of, by version.",
)


class _Location(TypedColumns):
    location_id = Column(String, primary_key=True, comment="Short id of the place.")
    name = Column(String, nullable=False, comment="Name shown to people.")
    kind = Column(String, nullable=False, comment="warehouse, shop, 3pl or fulfilment_centre (a marketplace's own).")
    country = Column(String(2), nullable=True, comment="ISO 3166 code.")
    region = Column(String, nullable=True, comment="Region within the country.")
    time_zone = Column(String, nullable=False, server_default="UTC", comment="IANA name.")
    version = Column(Integer, nullable=False, server_default="1", comment="Raised by each change.")


location = Table(
    "location",
    metadata,
    _Location,
    CheckConstraint(one_of("kind", LOCATION_KINDS), name="kind"),
    comment="Places that hold stock.",
)


class _Listing(TypedColumns):
    listing_id = Column(Id, primary_key=True, autoincrement=False, comment="Row id, from `id_block`.")
    channel_id = Column(String, ForeignKey("channel.channel_id"), nullable=False, comment="Where it is listed.")
    external_sku = Column(String, nullable=False, comment="The channel's own id.")
    sku = Column(String, ForeignKey("product.sku"), nullable=True, comment="The SKU it sells; empty until someone maps it.")
    title = Column(String, nullable=True, comment="The channel's own title.")
    maximum = Column(Units, nullable=True, comment="Most units to show on this listing; empty for no cap.")
    version = Column(Integer, nullable=False, server_default="1", comment="Raised by each change.")
    first_seen_at = Column(Micros, nullable=False, comment="When it was first seen or imported.")


listing = Table(
    "listing",
    metadata,
    _Listing,
    Index("uq_listing_channel_id_external_sku", "channel_id", "external_sku", unique=True),
    Index(None, "sku"),
    CheckConstraint("maximum is null or maximum >= 0", name="maximum"),
    comment="A channel's own id for a SKU; many listings map to one SKU.",
)

__all__ = ["LOCATION_KINDS", "kit_component", "listing", "location", "product"]
