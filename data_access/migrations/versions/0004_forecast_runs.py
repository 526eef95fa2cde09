"""Forecast runs

Revision ID: 0004
Revises: 0003
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_WIDE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Bring the store to this revision."""
    op.create_table(
        "forecast_run",
        sa.Column(
            "id", _WIDE, autoincrement=False, nullable=False, comment="Row id, from `id_block`; names the folder of the run's files."
        ),
        sa.Column("state", sa.String(), nullable=False, comment="running, finished, failed or left (another was begun instead)."),
        sa.Column("asked_by", sa.String(), nullable=False, comment="Who asked for it."),
        sa.Column("asked_at", _WIDE, nullable=False, comment="When."),
        sa.Column("finished_at", _WIDE, nullable=True, comment="When it finished or failed."),
        sa.Column(
            "last_on",
            sa.String(length=10),
            nullable=False,
            comment="The last day of the history that it knows; the first day ahead follows.",
        ),
        sa.Column("horizon", sa.Integer(), nullable=False, comment="Days ahead."),
        sa.Column("seed", sa.Integer(), nullable=False, comment="Seed of all that is drawn."),
        sa.Column("inputs_version", sa.String(), nullable=True, comment="State of the mirror that the history was read from."),
        sa.Column("learned_by", _WIDE, nullable=True, comment="The run whose models it used: its own id if it trained them."),
        sa.Column("reason", sa.String(), nullable=True, comment="Why it trained anew, or that it did not."),
        sa.Column("series", sa.Integer(), nullable=True, comment="SKUs on channels that it forecast."),
        sa.Column(
            "fell_back",
            sa.Integer(),
            nullable=True,
            comment="How many of them could not be forecast and got their average.",
        ),
        sa.Column("problem", sa.String(), nullable=True, comment="Why it failed."),
        sa.CheckConstraint("state in ('running', 'finished', 'failed', 'left')", name=op.f("ck_forecast_run_state")),
        sa.CheckConstraint("horizon > 0", name=op.f("ck_forecast_run_horizon")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_forecast_run")),
        comment="Runs of the demand forecast. Quantiles, models and the model of each series are in files beside the mirror, by the run's id.",
    )
    op.create_index(op.f("ix_forecast_run_state_last_on"), "forecast_run", ["state", "last_on"], unique=False)


def downgrade() -> None:
    """Back to the revision before."""
    op.drop_table("forecast_run")
