"""Stock: events in, the append-only ledger, counts, and the projections made from them.

The checks of `event.kind` and `stock_movement.kind` follow from the event kinds: `data_access.events.registry` adds them.
"""

from typing import Final

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    Text,
    TypedColumns,
    text,
)

from data_access.schema.base import Id, Micros, Units, metadata, one_of

ROW_KIND: Final = "order_row"
"""The kind of event that a row of an order file is; all others are declared in `data_access.events.kinds`."""
EVENT_STATUSES: Final = ("applied", "parked", "dismissed", "undone")
STATES: Final = ("sellable", "unsellable")
LEDGER_KINDS: Final = ("discrepancy",)
"""The kinds of movements that the ledger makes by itself; all others are declared by the event kinds that make them."""


class _EventRow(TypedColumns):
    id = Column(Id, primary_key=True, autoincrement=False, comment="Row id, from `id_block`; not the order of arrival.")
    source = Column(String, nullable=False, comment="The feed, file or job that told us.")
    event_id = Column(String, nullable=False, comment="The source's own id of the event.")
    kind = Column(String, nullable=False, comment="What happened: see the table of kinds.")
    channel_id = Column(String, nullable=True, comment="The channel it belongs to, if any.")
    occurred_at = Column(Micros, nullable=False, comment="When it happened.")
    received_at = Column(Micros, nullable=False, comment="When we were told.")
    payload_hash = Column(String(32), nullable=False, comment="BLAKE2b of the payload in canonical JSON; tells a repeat from a conflict.")
    status = Column(String, nullable=False, comment="applied, parked (a parent is missing), dismissed (by a person) or undone.")
    waits_for = Column(String, nullable=True, comment="What a parked event waits for, as `kind:key`.")
    payload = Column(Text, nullable=True, comment="Canonical JSON; kept while parked or dismissed, and where the source keeps no copy.")
    import_run_id = Column(Id, nullable=True, comment="The import of the file that it came from (`import_run.id`); empty for a feed's.")


event = Table(
    "event",
    metadata,
    _EventRow,
    Index("uq_event_source_event_id", "source", "event_id", unique=True),
    Index(
        "ix_event_import_run_id",
        "import_run_id",
        sqlite_where=text("import_run_id is not null"),
        postgresql_where=text("import_run_id is not null"),
    ),
    Index("ix_event_waits_for", "waits_for", sqlite_where=text("status = 'parked'"), postgresql_where=text("status = 'parked'")),
    CheckConstraint(one_of("status", EVENT_STATUSES), name="status"),
    comment="Everything that came in, once.",
)


class _StockMovement(TypedColumns):
    id = Column(Id, primary_key=True, autoincrement=False, comment="Row id, from `id_block`.")
    event_id = Column(Id, ForeignKey("event.id"), nullable=False, comment="The event that caused it (`event.id`).")
    line_no = Column(Integer, nullable=False, comment="Number within the event; a later correction continues it, and -n takes back n.")
    sku = Column(String, ForeignKey("product.sku"), nullable=False, comment="A stocked SKU; never a kit.")
    location_id = Column(String, ForeignKey("location.location_id"), nullable=False, comment="Where.")
    state = Column(String, nullable=False, comment="sellable or unsellable.")
    kind = Column(String, nullable=False, comment="Why the stock changed; `discrepancy` is flagged: more left than was there.")
    quantity = Column(Units, nullable=False, comment="Signed units.")
    occurred_at = Column(Micros, nullable=False, comment="When it happened.")


stock_movement = Table(
    "stock_movement",
    metadata,
    _StockMovement,
    Index("ix_stock_movement_occurred_at", "occurred_at"),
    Index("ix_stock_movement_sku_location_id_occurred_at", "sku", "location_id", "occurred_at"),
    Index("uq_stock_movement_event_id_line_no", "event_id", "line_no", unique=True),
    CheckConstraint(one_of("state", STATES), name="state"),
    comment="The ledger: one signed change of stock at a location. Append-only.",
)


class _StockCount(TypedColumns):
    event_id = Column(Id, ForeignKey("event.id"), primary_key=True, comment="The counting event (`event.id`).")
    sku = Column(String, ForeignKey("product.sku"), primary_key=True, comment="What was counted.")
    location_id = Column(String, ForeignKey("location.location_id"), primary_key=True, comment="Where.")
    state = Column(String, primary_key=True, comment="sellable or unsellable.")
    quantity = Column(Units, nullable=False, comment="Units found; the ledger is made equal to it at `occurred_at`.")
    occurred_at = Column(Micros, nullable=False, comment="When it was counted; what happened at the same instant is before it.")
    tie = Column(String, nullable=False, comment="Source and event id; of two counts at one instant the greater wins.")


stock_count = Table(
    "stock_count",
    metadata,
    _StockCount,
    Index("ix_stock_count_sku_location_id_occurred_at", "sku", "location_id", "occurred_at"),
    CheckConstraint("quantity >= 0", name="quantity"),
    comment="Stock counts: what was found, of which the `count` movements make the ledger.",
)


class _StockLevel(TypedColumns):
    sku = Column(String, ForeignKey("product.sku"), primary_key=True, comment="A stocked SKU.")
    location_id = Column(String, ForeignKey("location.location_id"), primary_key=True, comment="Where.")
    on_hand = Column(Units, nullable=False, comment="Units physically there, in any state.")
    unsellable = Column(Units, nullable=False, comment="Of these: damaged, in quarantine or awaiting inspection.")
    allocated = Column(Units, nullable=False, comment="Of these: tied to placed, unshipped order lines.")
    on_order = Column(Units, nullable=False, comment="Ordered from a supplier for this location, not yet received.")
    tracked_from = Column(Micros, nullable=True, comment="First count or opening; imported shipments before it are history.")
    last_at = Column(Micros, nullable=False, comment="Newest movement or count; what comes earlier is worked in by replay.")
    is_assumed = Column(Boolean, nullable=False, comment="The balance rests on an assumed opening.")


stock_level = Table(
    "stock_level",
    metadata,
    _StockLevel,
    CheckConstraint("on_hand >= 0 and unsellable >= 0 and unsellable <= on_hand and allocated >= 0 and on_order >= 0", name="not_negative"),
    comment="Projection of the ledger, allocations and purchase order lines, by SKU and location.",
)


class _BackorderLevel(TypedColumns):
    sku = Column(String, ForeignKey("product.sku"), primary_key=True, comment="A stocked SKU (components of kits).")
    channel_id = Column(String, ForeignKey("channel.channel_id"), primary_key=True, comment="The channel that sold it.")
    backordered = Column(Units, nullable=False, comment="Units sold, not yet allocatable.")


backorder_level = Table(
    "backorder_level",
    metadata,
    _BackorderLevel,
    CheckConstraint("backordered >= 0", name="not_negative"),
    comment="Projection of open order lines that nothing could be allocated to.",
)

__all__ = [
    "EVENT_STATUSES",
    "LEDGER_KINDS",
    "ROW_KIND",
    "STATES",
    "backorder_level",
    "event",
    "stock_count",
    "stock_level",
    "stock_movement",
]
