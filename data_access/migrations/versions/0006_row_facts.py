"""What a file says of a row has a name

Revision ID: 0006
Revises: 0005
"""

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the store to this revision."""
    op.execute("alter table inbox_item rename column told to row_facts")


def downgrade() -> None:
    """Take this revision back."""
    op.execute("alter table inbox_item rename column row_facts to told")
