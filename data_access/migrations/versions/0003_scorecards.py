"""Scorecards

Revision ID: 0003
Revises: 0002
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

TOPICS = ("buffers", "catalog", "channels", "demand", "freshness", "inbox", "orders", "purchasing", "returns", "stock")


def _allow_topics(*topics: str) -> None:
    """The check of `store_version.topic`; SQLite can only make the table, of a few rows, anew."""
    allowed = f"topic in ({', '.join(repr(topic) for topic in topics)})"
    if op.get_bind().dialect.name == "postgresql":
        op.drop_constraint(op.f("ck_store_version_topic"), "store_version", type_="check")
        op.create_check_constraint(op.f("ck_store_version_topic"), "store_version", allowed)
        listed = f"{', '.join(topics[:-1])} or {topics[-1]}."
        op.alter_column("store_version", "topic", existing_type=sa.String(), existing_nullable=False, comment=listed)
        return
    op.rename_table("store_version", "store_version_before")
    op.create_table(
        "store_version",
        sa.Column("topic", sa.String(), nullable=False),
        sa.Column("version", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.CheckConstraint(allowed, name=op.f("ck_store_version_topic")),
        sa.PrimaryKeyConstraint("topic", name=op.f("pk_store_version")),
    )
    op.execute("insert into store_version select topic, version from store_version_before")
    op.drop_table("store_version_before")


def upgrade() -> None:
    """Bring the store to this revision."""
    *before, last = TOPICS
    _allow_topics(*before, "scorecards", last)
    op.execute("insert into store_version (topic, version) select 'scorecards', 0 where exists (select 1 from store_version)")
    op.create_table(
        "metric_setting",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=False,
            nullable=False,
            comment="Row id, from `id_block`.",
        ),
        sa.Column("channel_id", sa.String(), nullable=False, comment="The channel."),
        sa.Column("metric_id", sa.String(), nullable=False, comment="The metric, as the registry names it."),
        sa.Column(
            "is_on",
            sa.Boolean(),
            nullable=False,
            comment="Whether the channel is judged by it; for an uncertain one, true once a person confirmed it.",
        ),
        sa.Column(
            "target",
            sa.String(),
            nullable=True,
            comment="The company's own target as a decimal share, such as 0.04; empty for the registry's.",
        ),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False, comment="Raised by each change."),
        sa.ForeignKeyConstraint(["channel_id"], ["channel.channel_id"], name=op.f("fk_metric_setting_channel_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_metric_setting")),
        comment="Where a channel's metric differs from the registry. Who changed what is in `audit_entry`.",
    )
    op.create_index("uq_metric_setting_channel_id_metric_id", "metric_setting", ["channel_id", "metric_id"], unique=True)
    op.create_table(
        "recorded_figure",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=False,
            nullable=False,
            comment="Row id, from `id_block`.",
        ),
        sa.Column("channel_id", sa.String(), nullable=False, comment="The channel."),
        sa.Column("metric_id", sa.String(), nullable=False, comment="The metric, as the registry names it."),
        sa.Column(
            "day",
            sa.String(length=10),
            nullable=False,
            comment="The day that the marketplace gave it for, YYYY-MM-DD, in the channel's time zone.",
        ),
        sa.Column("value", sa.String(), nullable=False, comment="A decimal: a share such as 0.0312, or stars."),
        sa.Column("note", sa.String(), nullable=False, comment="Where it was read, or what else is to be known."),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False, comment="Raised by each change."),
        sa.ForeignKeyConstraint(["channel_id"], ["channel.channel_id"], name=op.f("fk_recorded_figure_channel_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_recorded_figure")),
        comment="A metric as the marketplace itself states it, typed in by a person.",
    )
    op.create_index("uq_recorded_figure_channel_id_metric_id_day", "recorded_figure", ["channel_id", "metric_id", "day"], unique=True)


def downgrade() -> None:
    """Back to the revision before."""
    op.drop_table("recorded_figure")
    op.drop_table("metric_setting")
    op.execute("delete from change_log where topic = 'scorecards'")
    op.execute("delete from store_version where topic = 'scorecards'")
    _allow_topics(*TOPICS)
