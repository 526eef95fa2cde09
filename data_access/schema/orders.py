"""Orders as the channels tell them: orders, lines, allocations, shipments, cancellations, charges."""

from typing import Final

from sqlalchemy import Boolean, CheckConstraint, Column, ForeignKey, Index, Integer, String, Table, Text, TypedColumns, false, text

from data_access.domain.line_facts import CODES
from data_access.schema.base import Id, Micros, Money, Units, metadata, one_of

CANCELLED_BY: Final = ("buyer", "seller", "marketplace", "unknown")
FACT_KINDS: Final = ("shipment", "cancellation", "return")


class _SalesOrder(TypedColumns):
    id = Column(Id, primary_key=True, autoincrement=False, comment="Row id, from `id_block`.")
    channel_id = Column(String, ForeignKey("channel.channel_id"), nullable=False, comment="Where it was sold.")
    order_ref = Column(String, nullable=False, comment="The channel's own order id.")
    placed_at = Column(Micros, nullable=False, comment="When the customer placed it.")
    currency = Column(String(3), nullable=False, comment="ISO 4217 code of its prices.")
    customer_ref = Column(String, nullable=True, comment="The channel's own id of the customer; no name or address is kept.")
    destination_country = Column(String, nullable=True, comment="ISO 3166 code, or the channel's own word for it.")
    destination_region = Column(String, nullable=True, comment="Region or state.")
    fulfilled_by = Column(String, nullable=False, server_default="seller", comment="seller or marketplace.")


sales_order = Table(
    "sales_order",
    metadata,
    _SalesOrder,
    Index("uq_sales_order_channel_id_order_ref", "channel_id", "order_ref", unique=True),
    comment="One customer order on one channel.",
)


class _OrderLine(TypedColumns):
    id = Column(Id, primary_key=True, autoincrement=False, comment="Row id, from `id_block`.")
    order_id = Column(Id, ForeignKey("sales_order.id"), nullable=False, comment="Its order (`sales_order.id`).")
    line_ref = Column(String, nullable=False, comment="The channel's own line id, or one made from the row's content.")
    channel_id = Column(String, ForeignKey("channel.channel_id"), nullable=False, comment="As on its order.")
    event_id = Column(Id, ForeignKey("event.id"), nullable=False, comment="The event that placed it (`event.id`).")
    external_sku = Column(String, nullable=False, comment="The listing's id as the channel wrote it.")
    sku = Column(String, ForeignKey("product.sku"), nullable=False, comment="The SKU sold; may be a kit.")
    kit_version = Column(Integer, nullable=False, comment="0, or the version of the kit's components that was sold.")
    quantity = Column(Units, nullable=False, comment="Units ordered (of the kit, for a kit).")
    unit_price = Column(Money, nullable=True, comment="In 1/10,000 of the order's currency; empty if the channel gave none.")
    placed_at = Column(Micros, nullable=False, comment="As on its order.")
    ship_by_at = Column(Micros, nullable=True, comment="Latest time to ship that the channel expects.")
    deliver_by_at = Column(Micros, nullable=True, comment="Latest time to deliver that the channel promised.")
    location_id = Column(String, ForeignKey("location.location_id"), nullable=True, comment="The location the sale named, if any.")
    cancelled_quantity = Column(Units, nullable=False, comment="Units cancelled, at most those ordered; what has shipped stays shipped.")
    shipped_quantity = Column(Units, nullable=False, comment="Units shipped.")
    allocated_quantity = Column(Units, nullable=False, comment="Units allocated, over all locations.")
    backordered_quantity = Column(Units, nullable=False, comment="Open units that nothing could be allocated to.")
    returned_quantity = Column(Units, nullable=False, comment="Units that came back.")


order_line = Table(
    "order_line",
    metadata,
    _OrderLine,
    Index("uq_order_line_order_id_line_ref", "order_id", "line_ref", unique=True),
    Index(
        "ix_order_line_open",
        "sku",
        "placed_at",
        sqlite_where=text("allocated_quantity + backordered_quantity > 0"),
        postgresql_where=text("allocated_quantity + backordered_quantity > 0"),
    ),
    Index("ix_order_line_placed_at", "placed_at"),
    Index("ix_order_line_sku_placed_at", "sku", "placed_at"),
    CheckConstraint("quantity > 0", name="quantity"),
    CheckConstraint(
        "cancelled_quantity >= 0 and shipped_quantity >= 0 and allocated_quantity >= 0 and backordered_quantity >= 0", name="not_negative"
    ),
    comment="One line of an order. Open units = max(quantity - shipped - cancelled, 0) = allocated + backordered.",
)


class _Allocation(TypedColumns):
    line_id = Column(Id, ForeignKey("order_line.id"), primary_key=True, comment="The order line (`order_line.id`).")
    location_id = Column(String, ForeignKey("location.location_id"), primary_key=True, comment="Where the units lie.")
    quantity = Column(Units, nullable=False, comment="Units of the line (whole kits, for a kit).")


allocation = Table(
    "allocation",
    metadata,
    _Allocation,
    Index(None, "location_id"),
    CheckConstraint("quantity > 0", name="quantity"),
    comment="Units on hand that are tied to an open order line.",
)


class _Shipment(TypedColumns):
    id = Column(Id, primary_key=True, autoincrement=False, comment="Row id, from `id_block`.")
    event_id = Column(Id, ForeignKey("event.id"), nullable=False, comment="The shipping event (`event.id`).")
    line_id = Column(Id, ForeignKey("order_line.id"), nullable=False, comment="The order line (`order_line.id`).")
    shipment_ref = Column(String, nullable=False, comment="The package: lines that left together share it within their order.")
    location_id = Column(String, ForeignKey("location.location_id"), nullable=False, comment="Where it really left from.")
    quantity = Column(Units, nullable=False, comment="Units of the line that left.")
    shipped_at = Column(Micros, nullable=False, comment="When it was confirmed as shipped.")
    carrier = Column(String, nullable=True, comment="Carrier.")
    tracking_number = Column(String, nullable=True, comment="Tracking number.")
    tracking_uploaded_at = Column(Micros, nullable=True, comment="When the channel was given the tracking number.")
    first_scan_at = Column(Micros, nullable=True, comment="First scan by the carrier.")
    last_scan_at = Column(Micros, nullable=True, comment="Latest scan by the carrier.")
    delivered_at = Column(Micros, nullable=True, comment="When it was delivered.")
    moves_stock = Column(Boolean, nullable=False, comment="False: imported history from before the location's first count or opening.")
    is_followed = Column(Boolean, nullable=False, server_default=false(), comment="A tracking, scan or delivery came of it as an event.")


shipment = Table(
    "shipment",
    metadata,
    _Shipment,
    Index(None, "line_id"),
    Index(
        "ix_shipment_under_way",
        "shipped_at",
        sqlite_where=text("delivered_at is null"),
        postgresql_where=text("delivered_at is null"),
    ),
    CheckConstraint("quantity > 0", name="quantity"),
    comment="Units of a line that left a location, and what became of the package.",
)


class _Cancellation(TypedColumns):
    id = Column(Id, primary_key=True, autoincrement=False, comment="Row id, from `id_block`.")
    event_id = Column(Id, ForeignKey("event.id"), nullable=False, comment="The cancelling event (`event.id`).")
    line_id = Column(Id, ForeignKey("order_line.id"), nullable=False, comment="The order line (`order_line.id`).")
    quantity = Column(Units, nullable=False, comment="Units that it cancels.")
    said_quantity = Column(Units, nullable=True, comment="Units that its source said, where they are more than were left to cancel.")
    cancelled_at = Column(Micros, nullable=False, comment="When.")
    reason = Column(String, nullable=True, comment="The channel's own reason.")
    cancelled_by = Column(String, nullable=False, comment="buyer, seller, marketplace or unknown.")


cancellation = Table(
    "cancellation",
    metadata,
    _Cancellation,
    Index(None, "line_id"),
    CheckConstraint(one_of("cancelled_by", CANCELLED_BY), name="cancelled_by"),
    CheckConstraint("quantity > 0", name="quantity"),
    comment="Cancelled units of a line, with reason and by whom.",
)


class _OrderCharge(TypedColumns):
    id = Column(Id, primary_key=True, autoincrement=False, comment="Row id, from `id_block`.")
    event_id = Column(Id, ForeignKey("event.id"), nullable=False, comment="The event that told it (`event.id`).")
    channel_id = Column(String, ForeignKey("channel.channel_id"), nullable=False, comment="The channel.")
    order_ref = Column(String, nullable=False, comment="The channel's own order or invoice id; the order may have no goods.")
    line_ref = Column(String, nullable=False, comment="The channel's own line id, or one made from the row's content.")
    code = Column(String, nullable=False, comment="The channel's own code (postage, fee, ...).")
    description = Column(String, nullable=True, comment="As the channel wrote it.")
    quantity = Column(Units, nullable=False, comment="Signed.")
    unit_price = Column(Money, nullable=True, comment="Signed, in 1/10,000 of `currency`.")
    currency = Column(String(3), nullable=False, comment="ISO 4217 code.")
    occurred_at = Column(Micros, nullable=False, comment="When it was charged.")


order_charge = Table(
    "order_charge",
    metadata,
    _OrderCharge,
    Index("uq_order_charge_channel_id_order_ref_line_ref", "channel_id", "order_ref", "line_ref", unique=True),
    comment="Rows of an order that are not goods: postage, fees, manual corrections.",
)


class _ContradictedFact(TypedColumns):
    id = Column(Id, primary_key=True, autoincrement=False, comment="The row id that it has where it counts.")
    event_id = Column(Id, ForeignKey("event.id"), nullable=False, comment="The event that says so (`event.id`).")
    line_id = Column(Id, ForeignKey("order_line.id"), nullable=False, comment="The order line (`order_line.id`).")
    channel_id = Column(String, ForeignKey("channel.channel_id"), nullable=False, comment="As on its order.")
    order_ref = Column(String, nullable=False, comment="As on its order.")
    kind = Column(String, nullable=False, comment="shipment, cancellation or return.")
    reference = Column(String, nullable=True, comment="The package's or the return's own id.")
    code = Column(String, nullable=False, comment="Why it does not count, as a short code.")
    twin_id = Column(Id, nullable=True, comment="The row that says the same, where there is one.")
    content = Column(Text, nullable=False, comment="Its row as JSON, by the columns of the table where it would count.")


contradicted_fact = Table(
    "contradicted_fact",
    metadata,
    _ContradictedFact,
    Index(None, "channel_id", "order_ref"),
    Index(None, "event_id"),
    Index(None, "channel_id", "reference"),
    CheckConstraint(one_of("kind", FACT_KINDS), name="kind"),
    CheckConstraint(one_of("code", CODES), name="code"),
    comment="Shipments, cancellations and returns that do not count: told before, or more than can be by all that is known.",
)

__all__ = ["CANCELLED_BY", "allocation", "cancellation", "contradicted_fact", "order_charge", "order_line", "sales_order", "shipment"]
