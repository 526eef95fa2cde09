"""The life of a return: asked for, decided, sent back, received in parts, refunded, closed; and what rules say of it

Revision ID: 0015
Revises: 0014
"""

import sqlalchemy as sa
from alembic import op

from data_access.migrations.checks import allow

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

_WIDE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_EXPECTED = sa.text("received_at is null and closed_at is null")
KINDS = ("return_requested", "return_decided", "return_sent_back", "return_refunded", "return_closed")


def upgrade() -> None:
    """Bring the store to this revision."""
    allow("event", "kind", *KINDS)
    op.add_column("return_line", sa.Column("part", sa.String(), nullable=True, comment="Which part of the return; empty: the whole."))
    op.add_column("return_line", sa.Column("approved_at", _WIDE, nullable=True, comment="When the return was approved, if it was."))
    op.add_column("return_line", sa.Column("refunded_at", _WIDE, nullable=True, comment="When money was first given back for it."))
    days = "Days from the request within which it is to be refunded."
    approval = "A request is to be approved by a person."
    with op.batch_alter_table("return_rule") as rule:
        rule.add_column(sa.Column("refund_days", sa.Integer(), nullable=False, server_default="14", comment=days))
        rule.add_column(sa.Column("needs_approval", sa.Boolean(), nullable=False, server_default=sa.false(), comment=approval))
        rule.create_check_constraint(op.f("ck_return_rule_refund_days"), "refund_days >= 0")
    op.create_table(
        "return_case",
        sa.Column("id", _WIDE, autoincrement=False, nullable=False, comment="Row id, from `id_block`."),
        sa.Column("channel_id", sa.String(), nullable=False, comment="The channel."),
        sa.Column("return_ref", sa.String(), nullable=False, comment="The channel's own return id (RMA)."),
        sa.Column("requested_at", _WIDE, nullable=True, comment="When the customer asked; of several tellings the earliest."),
        sa.Column("decision", sa.String(), nullable=True, comment="approved or refused, as decided last; empty: not decided."),
        sa.Column("decided_at", _WIDE, nullable=True, comment="When that was decided."),
        sa.Column("decision_reason", sa.String(), nullable=True, comment="Why, if it was said."),
        sa.Column("sent_at", _WIDE, nullable=True, comment="When the customer sent it back."),
        sa.Column("carrier", sa.String(), nullable=True, comment="With whom."),
        sa.Column("tracking_number", sa.String(), nullable=True, comment="Of the package that the customer sent."),
        sa.Column("received_at", _WIDE, nullable=True, comment="When something of it first came in."),
        sa.Column("refunded_at", _WIDE, nullable=True, comment="When money was first given back."),
        sa.Column("closed_at", _WIDE, nullable=True, comment="When the channel closed it."),
        sa.CheckConstraint("decision is null or decision in ('approved', 'refused')", name=op.f("ck_return_case_decision")),
        sa.ForeignKeyConstraint(["channel_id"], ["channel.channel_id"], name=op.f("fk_return_case_channel_id_channel")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_return_case")),
        comment="What is known of a return besides its goods: asked for, decided, sent back, refunded, closed.",
    )
    op.create_index(op.f("uq_return_case_channel_id_return_ref"), "return_case", ["channel_id", "return_ref"], unique=True)
    op.create_index("ix_return_case_open", "return_case", ["requested_at"], sqlite_where=_EXPECTED, postgresql_where=_EXPECTED)
    op.create_index(op.f("ix_return_case_tracking_number"), "return_case", ["tracking_number"])
    op.create_table(
        "return_request",
        sa.Column("id", _WIDE, autoincrement=False, nullable=False, comment="Row id, from `id_block`."),
        sa.Column("event_id", _WIDE, nullable=False, comment="The event that asked (`event.id`)."),
        sa.Column("case_id", _WIDE, nullable=False, comment="The return (`return_case.id`)."),
        sa.Column("line_id", _WIDE, nullable=False, comment="The order line (`order_line.id`)."),
        sa.Column("quantity", _WIDE, nullable=False, comment="Units that the customer wants to send back."),
        sa.Column("reason_code", sa.String(), nullable=True, comment="The channel's own code, as written."),
        sa.Column("return_reason", sa.String(), nullable=True, comment="The reason as the feed normalised it, if it did."),
        sa.Column("customer_note", sa.String(), nullable=True, comment="What the customer wrote."),
        sa.CheckConstraint("quantity > 0", name=op.f("ck_return_request_quantity")),
        sa.ForeignKeyConstraint(["case_id"], ["return_case.id"], name=op.f("fk_return_request_case_id_return_case")),
        sa.ForeignKeyConstraint(["event_id"], ["event.id"], name=op.f("fk_return_request_event_id_event")),
        sa.ForeignKeyConstraint(["line_id"], ["order_line.id"], name=op.f("fk_return_request_line_id_order_line")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_return_request")),
        comment="Units of an order line that a customer asked to send back.",
    )
    op.create_index(op.f("ix_return_request_case_id"), "return_request", ["case_id"])
    op.create_index(op.f("ix_return_request_line_id"), "return_request", ["line_id"])
    op.create_table(
        "return_refund",
        sa.Column("id", _WIDE, autoincrement=False, nullable=False, comment="Row id, from `id_block`."),
        sa.Column("event_id", _WIDE, nullable=False, comment="The event that told it (`event.id`)."),
        sa.Column("case_id", _WIDE, nullable=False, comment="The return (`return_case.id`)."),
        sa.Column("refund_ref", sa.String(), nullable=False, comment="The channel's own id of the refund, or the event's."),
        sa.Column("line_id", _WIDE, nullable=False, comment="The order line (`order_line.id`)."),
        sa.Column("amount", _WIDE, nullable=False, comment="In 1/10,000 of `currency`."),
        sa.Column("currency", sa.String(length=3), nullable=False, comment="ISO 4217 code."),
        sa.Column("refunded_at", _WIDE, nullable=False, comment="When it was given back."),
        sa.CheckConstraint("amount >= 0", name=op.f("ck_return_refund_amount")),
        sa.ForeignKeyConstraint(["case_id"], ["return_case.id"], name=op.f("fk_return_refund_case_id_return_case")),
        sa.ForeignKeyConstraint(["event_id"], ["event.id"], name=op.f("fk_return_refund_event_id_event")),
        sa.ForeignKeyConstraint(["line_id"], ["order_line.id"], name=op.f("fk_return_refund_line_id_order_line")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_return_refund")),
        comment="Money that was given back for a line of a return.",
    )
    op.create_index(op.f("ix_return_refund_case_id"), "return_refund", ["case_id"])
    op.create_index(op.f("ix_return_refund_line_id"), "return_refund", ["line_id"])


def downgrade() -> None:
    """Take this revision back; the further kinds stay allowed."""
    for table in ("return_refund", "return_request", "return_case"):
        op.drop_table(table)
    with op.batch_alter_table("return_rule") as rule:
        rule.drop_constraint(op.f("ck_return_rule_refund_days"), type_="check")
        rule.drop_column("needs_approval")
        rule.drop_column("refund_days")
    for column in ("refunded_at", "approved_at", "part"):
        op.drop_column("return_line", column)
