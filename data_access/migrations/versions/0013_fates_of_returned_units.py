"""Units of one return line may end differently, and what became of them can be changed

Revision ID: 0013
Revises: 0012
"""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

_FATES = "JSON, if not all at once: [when, SKU, from, to, units, note] of each step; empty: `disposition`."


def upgrade() -> None:
    """Bring the store to this revision."""
    op.add_column("return_line", sa.Column("fates", sa.String(), nullable=True, comment=_FATES))
    _comment("disposition", sa.String(), "restock, refurbish or discard; empty where its units ended differently.")
    _comment("inspected_at", sa.BigInteger(), "When it was inspected; empty while units of it wait.")
    waits = sa.text("inspected_at is null")
    op.create_index("ix_return_line_waiting", "return_line", ["location_id"], sqlite_where=waits, postgresql_where=waits)


def downgrade() -> None:
    """Take this revision back."""
    op.drop_index("ix_return_line_waiting", "return_line")
    op.drop_column("return_line", "fates")
    _comment("disposition", sa.String(), "restock, refurbish or discard.")
    _comment("inspected_at", sa.BigInteger(), "When it was inspected; empty while waiting.")


def _comment(column: str, kind: sa.String | sa.BigInteger, text: str) -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.alter_column("return_line", column, comment=text, existing_type=kind)
