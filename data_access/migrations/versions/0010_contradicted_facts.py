"""Facts that contradict what is known are kept, and count for nothing

Revision ID: 0010
Revises: 0009
"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

_WIDE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Bring the store to this revision."""
    op.create_table(
        "contradicted_fact",
        sa.Column("id", _WIDE, autoincrement=False, nullable=False, comment="The row id that it has where it counts."),
        sa.Column("event_id", _WIDE, nullable=False, comment="The event that says so (`event.id`)."),
        sa.Column("line_id", _WIDE, nullable=False, comment="The order line (`order_line.id`)."),
        sa.Column("channel_id", sa.String(), nullable=False, comment="As on its order."),
        sa.Column("order_ref", sa.String(), nullable=False, comment="As on its order."),
        sa.Column("kind", sa.String(), nullable=False, comment="shipment, cancellation or return."),
        sa.Column("reference", sa.String(), nullable=True, comment="The package's or the return's own id."),
        sa.Column("code", sa.String(), nullable=False, comment="Why it does not count, as a short code."),
        sa.Column("twin_id", _WIDE, nullable=True, comment="The row that says the same, where there is one."),
        sa.Column("content", sa.Text(), nullable=False, comment="Its row as JSON, by the columns of the table where it would count."),
        sa.CheckConstraint("kind in ('shipment', 'cancellation', 'return')", name=op.f("ck_contradicted_fact_kind")),
        sa.CheckConstraint(
            "code in ('same_package', 'same_cancellation', 'beyond_ordered', 'beyond_shipped', 'other_units')",
            name=op.f("ck_contradicted_fact_code"),
        ),
        sa.ForeignKeyConstraint(["channel_id"], ["channel.channel_id"], name=op.f("fk_contradicted_fact_channel_id_channel")),
        sa.ForeignKeyConstraint(["event_id"], ["event.id"], name=op.f("fk_contradicted_fact_event_id_event")),
        sa.ForeignKeyConstraint(["line_id"], ["order_line.id"], name=op.f("fk_contradicted_fact_line_id_order_line")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_contradicted_fact")),
        comment="Shipments, cancellations and returns that do not count: told before, or more than can be by all that is known.",
    )
    op.create_index(op.f("ix_contradicted_fact_channel_id_order_ref"), "contradicted_fact", ["channel_id", "order_ref"])
    op.create_index(op.f("ix_contradicted_fact_channel_id_reference"), "contradicted_fact", ["channel_id", "reference"])
    op.create_index(op.f("ix_contradicted_fact_event_id"), "contradicted_fact", ["event_id"])


def downgrade() -> None:
    """Take this revision back."""
    op.drop_table("contradicted_fact")
