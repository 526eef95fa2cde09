"""Where stock comes from: suppliers, what they sell, purchase orders."""

from sqlalchemy import CheckConstraint, Column, Float, ForeignKey, Index, String, Table, TypedColumns, text

from data_access.schema.base import Id, Micros, Money, Units, metadata


class _Supplier(TypedColumns):
    supplier_id = Column(String, primary_key=True, comment="Short id of the supplier.")
    name = Column(String, nullable=False, comment="Name shown to people.")
    lead_time_days = Column(Float, nullable=True, comment="Mean days from ordering until usable.")
    lead_time_sd_days = Column(Float, nullable=True, comment="Standard deviation of the same, in days.")
    currency = Column(String(3), nullable=True, comment="ISO 4217 code it invoices in.")
    version = Column(Id, nullable=False, server_default="1", comment="Raised by each change.")


supplier = Table("supplier", metadata, _Supplier, comment="Suppliers, with their lead times.")


class _SupplierItem(TypedColumns):
    supplier_id = Column(String, ForeignKey("supplier.supplier_id"), primary_key=True, comment="The supplier.")
    sku = Column(String, ForeignKey("product.sku"), primary_key=True, comment="A stocked SKU it sells.")
    unit_cost = Column(Money, nullable=True, comment="In 1/10,000 of the supplier's currency.")
    moq = Column(Units, nullable=False, server_default="1", comment="The least it sells, in units.")
    case_pack = Column(Units, nullable=False, server_default="1", comment="Orders are a multiple of this.")
    lead_time_days = Column(Float, nullable=True, comment="Of this item, where it differs from the supplier's.")


supplier_item = Table(
    "supplier_item",
    metadata,
    _SupplierItem,
    Index(None, "sku"),
    CheckConstraint("moq > 0 and case_pack > 0", name="positive"),
    comment="What a supplier sells, on which terms.",
)


class _PurchaseOrder(TypedColumns):
    id = Column(Id, primary_key=True, autoincrement=False, comment="Row id, from `id_block`.")
    event_id = Column(Id, ForeignKey("event.id"), nullable=False, comment="The event that placed it (`event.id`).")
    po_ref = Column(String, nullable=False, unique=True, comment="Our number of the order.")
    supplier_id = Column(String, ForeignKey("supplier.supplier_id"), nullable=False, comment="The supplier.")
    location_id = Column(String, ForeignKey("location.location_id"), nullable=False, comment="Where it is to come in.")
    placed_at = Column(Micros, nullable=False, comment="When it was ordered.")
    expected_at = Column(Micros, nullable=True, comment="When it is expected.")


purchase_order = Table("purchase_order", metadata, _PurchaseOrder, comment="Orders to suppliers.")


class _PurchaseOrderLine(TypedColumns):
    id = Column(Id, primary_key=True, autoincrement=False, comment="Row id, from `id_block`.")
    po_id = Column(Id, ForeignKey("purchase_order.id"), nullable=False, comment="Its order (`purchase_order.id`).")
    sku = Column(String, ForeignKey("product.sku"), nullable=False, comment="A stocked SKU.")
    location_id = Column(String, ForeignKey("location.location_id"), nullable=False, comment="As on its order.")
    quantity = Column(Units, nullable=False, comment="Units ordered.")
    received_quantity = Column(Units, nullable=False, comment="Units received, over all receipts.")
    unit_cost = Column(Money, nullable=True, comment="In 1/10,000 of the supplier's currency.")
    first_received_at = Column(Micros, nullable=True, comment="First receipt.")


purchase_order_line = Table(
    "purchase_order_line",
    metadata,
    _PurchaseOrderLine,
    Index("uq_purchase_order_line_po_id_sku", "po_id", "sku", unique=True),
    Index(
        "ix_purchase_order_line_open",
        "sku",
        "location_id",
        sqlite_where=text("received_quantity < quantity"),
        postgresql_where=text("received_quantity < quantity"),
    ),
    CheckConstraint("quantity > 0 and received_quantity >= 0", name="quantity"),
    comment="One SKU of a purchase order. On order = max(quantity - received, 0).",
)

__all__ = ["purchase_order", "purchase_order_line", "supplier", "supplier_item"]
