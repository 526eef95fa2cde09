"""Each store has an id of its own

Revision ID: 0008
Revises: 0007
"""

import uuid

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the store to this revision. One that was mirrored has an id already."""
    connection = op.get_bind()
    if connection.execute(sa.text("select 1 from store_meta where key = 'store_id'")).first() is None:
        connection.execute(sa.text("insert into store_meta (key, value) values ('store_id', :value)"), {"value": f'"{uuid.uuid4().hex}"'})


def downgrade() -> None:
    """An id does no harm."""
