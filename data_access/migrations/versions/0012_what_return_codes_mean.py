"""What customers wrote of a return is kept, and people say what a channel's return codes mean

Revision ID: 0012
Revises: 0011
"""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

_WIDE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Bring the store to this revision."""
    op.add_column("return_line", sa.Column("customer_note", sa.String(), nullable=True, comment="What the customer wrote."))
    _comment("The reason as the feed normalised it, if it did.")
    op.create_table(
        "return_code",
        sa.Column("id", _WIDE, autoincrement=False, nullable=False, comment="Row id, from `id_block`."),
        sa.Column("channel_id", sa.String(), nullable=False, comment="The channel."),
        sa.Column("code_key", sa.String(), nullable=False, comment="The channel's own code, in capitals, other characters as _."),
        sa.Column(
            "means", sa.String(), nullable=True, comment="The reason, or a finer one as late.never_arrived; empty: what the lists say."
        ),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False, comment="Raised by each change."),
        sa.ForeignKeyConstraint(["channel_id"], ["channel.channel_id"], name=op.f("fk_return_code_channel_id_channel")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_return_code")),
        comment="What a channel's own return codes mean where a person decided it. Who changed what is in `audit_entry`.",
    )
    op.create_index(op.f("uq_return_code_channel_id_code_key"), "return_code", ["channel_id", "code_key"], unique=True)


def downgrade() -> None:
    """Take this revision back."""
    op.drop_table("return_code")
    op.drop_column("return_line", "customer_note")
    _comment("The normalised reason.")


def _comment(text: str) -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.alter_column("return_line", "return_reason", comment=text, existing_type=sa.String())
