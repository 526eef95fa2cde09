"""Rules for returns by channel and category, and SKUs that are held at inspection

Revision ID: 0014
Revises: 0013
"""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

_WIDE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Bring the store to this revision."""
    op.create_table(
        "return_rule",
        sa.Column("id", _WIDE, autoincrement=False, nullable=False, comment="Row id, from `id_block`."),
        sa.Column("channel_id", sa.String(), nullable=True, comment="The channel; empty: all channels."),
        sa.Column("category", sa.String(), nullable=True, comment="The category (`product.category`); empty: all categories."),
        sa.Column("window_days", sa.Integer(), nullable=True, comment="Days after delivery in which customers may return; empty: no end."),
        sa.Column("inspect_days", sa.Integer(), nullable=False, comment="Days after receipt within which it is to be inspected."),
        sa.Column("condition", sa.String(), nullable=False, comment="In which condition it may be sold again."),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False, comment="Raised by each change."),
        sa.CheckConstraint("window_days is null or window_days >= 0", name=op.f("ck_return_rule_window_days")),
        sa.CheckConstraint("inspect_days >= 0", name=op.f("ck_return_rule_inspect_days")),
        sa.ForeignKeyConstraint(["channel_id"], ["channel.channel_id"], name=op.f("fk_return_rule_channel_id_channel")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_return_rule")),
        comment="Rules for returns by channel and category, where people set them. Who changed what is in `audit_entry`.",
    )
    op.create_table(
        "return_hold",
        sa.Column("id", _WIDE, autoincrement=False, nullable=False, comment="Row id, from `id_block`."),
        sa.Column("sku", sa.String(), nullable=False, comment="The SKU, as sold or as stocked."),
        sa.Column("why", sa.String(), nullable=False, comment="What the inspector reads."),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False, comment="Raised by each change."),
        sa.ForeignKeyConstraint(["sku"], ["product.sku"], name=op.f("fk_return_hold_sku_product")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_return_hold")),
        comment="SKUs whose returned units people put back for sale only after a manager looked into them. Who decided is in `audit_entry`.",
    )
    op.create_index(op.f("uq_return_hold_sku"), "return_hold", ["sku"], unique=True)


def downgrade() -> None:
    """Take this revision back."""
    op.drop_table("return_hold")
    op.drop_table("return_rule")
