"""Returns from the request to the refund, and what channels' codes for them mean."""

from typing import Final

from sqlalchemy import Boolean, CheckConstraint, Column, ForeignKey, Index, Integer, String, Table, TypedColumns, false, text

from data_access.schema.base import Id, Micros, Money, Units, metadata, one_of

DISPOSITIONS: Final = ("restock", "refurbish", "discard")
OPEN: Final = "(disposition is null or disposition = 'refurbish')"
"""Of return lines: something is still to be done with units of it, or its units differ. Written so in a query, it finds the index."""

DECISIONS: Final = ("approved", "refused")
EXPECTED: Final = "received_at is null and closed_at is null"
"""Of return cases: goods may still come. Written so in a query, it finds the index."""


class _ReturnLine(TypedColumns):
    id = Column(Id, primary_key=True, autoincrement=False, comment="Row id, from `id_block`.")
    event_id = Column(Id, ForeignKey("event.id"), nullable=False, comment="The receiving event (`event.id`).")
    channel_id = Column(String, ForeignKey("channel.channel_id"), nullable=False, comment="The channel it came from.")
    return_ref = Column(String, nullable=False, comment="The channel's own return id.")
    line_id = Column(Id, ForeignKey("order_line.id"), nullable=True, comment="The order line; empty if no purchase was found.")
    sku = Column(String, ForeignKey("product.sku"), nullable=False, comment="The SKU as sold; may be a kit.")
    location_id = Column(String, ForeignKey("location.location_id"), nullable=False, comment="Where it came in.")
    quantity = Column(Units, nullable=False, comment="Units (of the kit, for a kit).")
    requested_at = Column(Micros, nullable=True, comment="When the customer asked to return it.")
    received_at = Column(Micros, nullable=False, comment="When it came in.")
    reason_code = Column(String, nullable=True, comment="The channel's own code, as written.")
    return_reason = Column(String, nullable=True, comment="The reason as the feed normalised it, if it did.")
    customer_note = Column(String, nullable=True, comment="What the customer wrote.")
    inspected_at = Column(Micros, nullable=True, comment="When it was inspected; empty while units of it wait.")
    disposition = Column(
        String, nullable=True, comment="restock (also what was repaired), refurbish or discard; empty where its units differ."
    )
    is_disposition_assumed = Column(Boolean, nullable=False, comment="The disposition is assumed: the source has none.")
    refund = Column(Money, nullable=True, comment="In 1/10,000 of `currency`.")
    currency = Column(String(3), nullable=True, comment="ISO 4217 code of `refund`.")
    moves_stock = Column(Boolean, nullable=False, comment="False: imported history from before the location's first count or opening.")
    part = Column(String, nullable=True, comment="Which part of the return; empty: the whole.")
    approved_at = Column(Micros, nullable=True, comment="When the return was approved, if it was.")
    refunded_at = Column(Micros, nullable=True, comment="When money was first given back for it.")
    fates = Column(
        String, nullable=True, comment="JSON, if not all at once: [when, SKU, from, to, units, note] of each step; empty: `disposition`."
    )


return_line = Table(
    "return_line",
    metadata,
    _ReturnLine,
    Index(None, "line_id"),
    Index(None, "sku"),
    Index("ix_return_line_channel_id_return_ref", "channel_id", "return_ref"),
    Index("ix_return_line_open", "location_id", sqlite_where=text(OPEN), postgresql_where=text(OPEN)),
    CheckConstraint(f"disposition is null or {one_of('disposition', DISPOSITIONS)}", name="disposition"),
    CheckConstraint("quantity > 0", name="quantity"),
    comment="Units that came back, matched to their order line where there is one.",
)


class _ReturnCase(TypedColumns):
    id = Column(Id, primary_key=True, autoincrement=False, comment="Row id, from `id_block`.")
    channel_id = Column(String, ForeignKey("channel.channel_id"), nullable=False, comment="The channel.")
    return_ref = Column(String, nullable=False, comment="The channel's own return id (RMA).")
    requested_at = Column(Micros, nullable=True, comment="When the customer asked; of several tellings the earliest.")
    decision = Column(String, nullable=True, comment="approved or refused, as decided last; empty: not decided.")
    decided_at = Column(Micros, nullable=True, comment="When that was decided.")
    decision_reason = Column(String, nullable=True, comment="Why, if it was said.")
    sent_at = Column(Micros, nullable=True, comment="When the customer sent it back.")
    carrier = Column(String, nullable=True, comment="With whom.")
    tracking_number = Column(String, nullable=True, comment="Of the package that the customer sent.")
    received_at = Column(Micros, nullable=True, comment="When something of it first came in.")
    refunded_at = Column(Micros, nullable=True, comment="When money was first given back.")
    closed_at = Column(Micros, nullable=True, comment="When the channel closed it.")


return_case = Table(
    "return_case",
    metadata,
    _ReturnCase,
    Index("uq_return_case_channel_id_return_ref", "channel_id", "return_ref", unique=True),
    Index("ix_return_case_open", "requested_at", sqlite_where=text(EXPECTED), postgresql_where=text(EXPECTED)),
    Index(None, "tracking_number"),
    CheckConstraint(f"decision is null or {one_of('decision', DECISIONS)}", name="decision"),
    comment="What is known of a return besides its goods: asked for, decided, sent back, refunded, closed.",
)


class _ReturnRequest(TypedColumns):
    id = Column(Id, primary_key=True, autoincrement=False, comment="Row id, from `id_block`.")
    event_id = Column(Id, ForeignKey("event.id"), nullable=False, comment="The event that asked (`event.id`).")
    case_id = Column(Id, ForeignKey("return_case.id"), nullable=False, comment="The return (`return_case.id`).")
    line_id = Column(Id, ForeignKey("order_line.id"), nullable=False, comment="The order line (`order_line.id`).")
    quantity = Column(Units, nullable=False, comment="Units that the customer wants to send back.")
    reason_code = Column(String, nullable=True, comment="The channel's own code, as written.")
    return_reason = Column(String, nullable=True, comment="The reason as the feed normalised it, if it did.")
    customer_note = Column(String, nullable=True, comment="What the customer wrote.")


return_request = Table(
    "return_request",
    metadata,
    _ReturnRequest,
    Index(None, "case_id"),
    Index(None, "line_id"),
    CheckConstraint("quantity > 0", name="quantity"),
    comment="Units of an order line that a customer asked to send back.",
)


class _ReturnRefund(TypedColumns):
    id = Column(Id, primary_key=True, autoincrement=False, comment="Row id, from `id_block`.")
    event_id = Column(Id, ForeignKey("event.id"), nullable=False, comment="The event that told it (`event.id`).")
    case_id = Column(Id, ForeignKey("return_case.id"), nullable=False, comment="The return (`return_case.id`).")
    refund_ref = Column(String, nullable=False, comment="The channel's own id of the refund, or the event's.")
    line_id = Column(Id, ForeignKey("order_line.id"), nullable=False, comment="The order line (`order_line.id`).")
    amount = Column(Money, nullable=False, comment="In 1/10,000 of `currency`.")
    currency = Column(String(3), nullable=False, comment="ISO 4217 code.")
    refunded_at = Column(Micros, nullable=False, comment="When it was given back.")


return_refund = Table(
    "return_refund",
    metadata,
    _ReturnRefund,
    Index(None, "case_id"),
    Index(None, "line_id"),
    CheckConstraint("amount >= 0", name="amount"),
    comment="Money that was given back for a line of a return.",
)


class _ReturnCode(TypedColumns):
    id = Column(Id, primary_key=True, autoincrement=False, comment="Row id, from `id_block`.")
    channel_id = Column(String, ForeignKey("channel.channel_id"), nullable=False, comment="The channel.")
    code_key = Column(String, nullable=False, comment="The channel's own code, in capitals, other characters as _.")
    means = Column(String, nullable=True, comment="The reason, or a finer one as late.never_arrived; empty: what the lists say.")
    version = Column(Integer, nullable=False, server_default="1", comment="Raised by each change.")


return_code = Table(
    "return_code",
    metadata,
    _ReturnCode,
    Index("uq_return_code_channel_id_code_key", "channel_id", "code_key", unique=True),
    comment="What a channel's own return codes mean where a person decided it. Who changed what is in `audit_entry`.",
)


class _ReturnRule(TypedColumns):
    id = Column(Id, primary_key=True, autoincrement=False, comment="Row id, from `id_block`.")
    channel_id = Column(String, ForeignKey("channel.channel_id"), nullable=True, comment="The channel; empty: all channels.")
    category = Column(String, nullable=True, comment="The category (`product.category`); empty: all categories.")
    window_days = Column(Integer, nullable=True, comment="Days after delivery in which customers may return; empty: no end.")
    inspect_days = Column(Integer, nullable=False, comment="Days after receipt within which it is to be inspected.")
    condition = Column(String, nullable=False, comment="In which condition it may be sold again.")
    refund_days = Column(Integer, nullable=False, server_default="14", comment="Days from the request within which it is to be refunded.")
    needs_approval = Column(Boolean, nullable=False, server_default=false(), comment="A request is to be approved by a person.")
    version = Column(Integer, nullable=False, server_default="1", comment="Raised by each change.")


return_rule = Table(
    "return_rule",
    metadata,
    _ReturnRule,
    CheckConstraint("window_days is null or window_days >= 0", name="window_days"),
    CheckConstraint("inspect_days >= 0", name="inspect_days"),
    CheckConstraint("refund_days >= 0", name="refund_days"),
    comment="Rules for returns by channel and category, where people set them. Who changed what is in `audit_entry`.",
)


class _ReturnHold(TypedColumns):
    id = Column(Id, primary_key=True, autoincrement=False, comment="Row id, from `id_block`.")
    sku = Column(String, ForeignKey("product.sku"), nullable=False, comment="The SKU, as sold or as stocked.")
    why = Column(String, nullable=False, comment="What the inspector reads.")
    version = Column(Integer, nullable=False, server_default="1", comment="Raised by each change.")


return_hold = Table(
    "return_hold",
    metadata,
    _ReturnHold,
    Index("uq_return_hold_sku", "sku", unique=True),
    comment="SKUs whose returned units people put back for sale only after a manager looked into them. Who decided is in `audit_entry`.",
)

__all__ = [
    "DECISIONS",
    "DISPOSITIONS",
    "EXPECTED",
    "OPEN",
    "return_case",
    "return_code",
    "return_hold",
    "return_line",
    "return_refund",
    "return_request",
    "return_rule",
]
