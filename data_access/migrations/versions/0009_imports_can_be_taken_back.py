"""An import can be taken back: its events name it, and what it overwrote is kept

Revision ID: 0009
Revises: 0008
"""

import sqlalchemy as sa
from alembic import op

from data_access.migrations.checks import allow

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

COMMENTS = {
    ("import_run", "status"): (
        "running (or killed: run it again to resume) or complete.",
        "running (or killed: run it again to resume), complete, undoing (likewise) or undone.",
    ),
    ("event", "status"): (
        "applied, parked (its parent is missing) or dismissed (by a person).",
        "applied, parked (a parent is missing), dismissed (by a person) or undone.",
    ),
    ("stock_movement", "line_no"): (
        "Number within the event; a later correction continues it.",
        "Number within the event; a later correction continues it, and -n takes back n.",
    ),
}

_WIDE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Bring the store to this revision."""
    allow("import_run", "status", "undoing", "undone")
    allow("event", "status", "undone")
    _comment(1)
    op.add_column("import_run", sa.Column("undone_at", _WIDE, nullable=True, comment="When it was taken back, or when that began."))
    comment = "The import of the file that it came from (`import_run.id`); empty for a feed's."
    op.add_column("event", sa.Column("import_run_id", _WIDE, nullable=True, comment=comment))
    comment = "A tracking, scan or delivery came of it as an event."
    op.add_column("shipment", sa.Column("is_followed", sa.Boolean(), nullable=False, server_default=sa.false(), comment=comment))
    _index("ix_event_import_run_id", "event", "import_run_id", "import_run_id is not null")
    _index("ix_import_run_undoing", "import_run", "id", "status = 'undoing'")
    op.create_table(
        "import_change",
        sa.Column("id", _WIDE, autoincrement=False, nullable=False, comment="Row id, from `id_block`."),
        sa.Column("import_run_id", _WIDE, nullable=False, comment="The import (`import_run.id`)."),
        sa.Column("table_name", sa.String(), nullable=False, comment="Table of the row that was changed."),
        sa.Column("row_id", _WIDE, nullable=False, comment="Its id there."),
        sa.Column("before", sa.Text(), nullable=False, comment="JSON of the values before, by column."),
        sa.Column("after", sa.Text(), nullable=False, comment="JSON of the values after."),
        sa.ForeignKeyConstraint(["import_run_id"], ["import_run.id"], name=op.f("fk_import_change_import_run_id_import_run")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_import_change")),
        comment="What rows of files overwrote, so that it can be put back.",
    )
    op.create_index(op.f("ix_import_change_import_run_id"), "import_change", ["import_run_id"])
    op.create_index(op.f("ix_import_change_table_name_row_id"), "import_change", ["table_name", "row_id"])


def downgrade() -> None:
    """Take this revision back; the further statuses stay allowed, for nothing writes them any more."""
    op.drop_table("import_change")
    op.drop_index("ix_import_run_undoing", "import_run")
    op.drop_index("ix_event_import_run_id", "event")
    op.drop_column("shipment", "is_followed")
    op.drop_column("event", "import_run_id")
    op.drop_column("import_run", "undone_at")
    _comment(0)


def _index(name: str, table: str, column: str, where: str) -> None:
    op.create_index(name, table, [column], sqlite_where=sa.text(where), postgresql_where=sa.text(where))


def _comment(which: int) -> None:
    if op.get_bind().dialect.name == "postgresql":
        for (table, column), texts in COMMENTS.items():
            kind = sa.Integer() if column == "line_no" else sa.String()
            op.alter_column(
                table, column, comment=texts[which], existing_comment=texts[1 - which], existing_type=kind, existing_nullable=False
            )
