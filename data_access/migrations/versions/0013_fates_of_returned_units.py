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
    _comment("disposition", sa.String(), "restock (also what was repaired), refurbish or discard; empty where its units differ.")
    _comment("inspected_at", sa.BigInteger(), "When it was inspected; empty while units of it wait.")
    is_open = sa.text("(disposition is null or disposition = 'refurbish')")
    op.create_index("ix_return_line_open", "return_line", ["location_id"], sqlite_where=is_open, postgresql_where=is_open)


def downgrade() -> None:
    """Take this revision back."""
    op.drop_index("ix_return_line_open", "return_line")
    op.drop_column("return_line", "fates")
    _comment("disposition", sa.String(), "restock, refurbish or discard.")
    _comment("inspected_at", sa.BigInteger(), "When it was inspected; empty while waiting.")


def _comment(column: str, kind: sa.String | sa.BigInteger, text: str) -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.alter_column("return_line", column, comment=text, existing_type=kind)
