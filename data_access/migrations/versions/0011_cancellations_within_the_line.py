"""A cancellation cancels no more than was ordered, and what it said beside that is kept

Revision ID: 0011
Revises: 0010
"""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

_WIDE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_COMMENT = "Units that its source said, where they are more than were left to cancel."


def upgrade() -> None:
    """Bring the store to this revision; lines that are cancelled beyond what was ordered are mended when something of them is told."""
    op.add_column("cancellation", sa.Column("said_quantity", _WIDE, nullable=True, comment=_COMMENT))
    _comment("Units that it cancels.", "Units cancelled, at most those ordered; what has shipped stays shipped.")


def downgrade() -> None:
    """Take this revision back."""
    op.drop_column("cancellation", "said_quantity")
    _comment("Units asked to be cancelled.", "Units asked to be cancelled; what has shipped stays shipped.")


def _comment(of_cancellation: str, of_line: str) -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.alter_column("cancellation", "quantity", comment=of_cancellation, existing_type=_WIDE)
        op.alter_column("order_line", "cancelled_quantity", comment=of_line, existing_type=_WIDE)
