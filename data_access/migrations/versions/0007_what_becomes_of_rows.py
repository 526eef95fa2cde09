"""Imports account for rows that are ignored, left out or not yet orders

Revision ID: 0007
Revises: 0006
"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

OLD = "imported + updated + duplicates + quarantined."
NEW = "imported + updated + ignored + duplicates + left_out + waiting + quarantined."

_WIDE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Bring the store to this revision."""
    figures = {
        "ignored": "Changed rows that were not taken as a change; see `ignored_row`.",
        "left_out": "Rows that a rule of the mapping leaves out.",
        "waiting": "Rows that are not yet an order.",
    }
    for name, comment in figures.items():
        op.add_column("import_run", sa.Column(name, _WIDE, nullable=False, server_default="0", comment=comment))
    _comment(NEW, OLD)
    op.create_table(
        "ignored_row",
        sa.Column("id", _WIDE, autoincrement=False, nullable=False, comment="Row id, from `id_block`."),
        sa.Column("import_run_id", _WIDE, nullable=False, comment="The import (`import_run.id`)."),
        sa.Column("line_number", _WIDE, nullable=False, comment="Line in the file, the header being line 1."),
        sa.Column("reference", sa.String(), nullable=False, comment="Order id of the row."),
        sa.Column("reason_code", sa.String(), nullable=False, comment="Why, as a short code."),
        sa.Column("reason", sa.String(), nullable=False, comment="What the row says, what is known, and why that stands: one sentence."),
        sa.ForeignKeyConstraint(["import_run_id"], ["import_run.id"], name=op.f("fk_ignored_row_import_run_id_import_run")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ignored_row")),
        comment="What changed rows say that was not taken as a change.",
    )
    op.create_index(op.f("ix_ignored_row_import_run_id"), "ignored_row", ["import_run_id"])


def downgrade() -> None:
    """Take this revision back."""
    op.drop_table("ignored_row")
    _comment(OLD, NEW)
    for name in ("waiting", "left_out", "ignored"):
        op.drop_column("import_run", name)


def _comment(new: str, old: str) -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.alter_column("import_run", "rows_read", comment=new, existing_comment=old, existing_type=_WIDE, existing_nullable=False)
