"""Runs of jobs

Revision ID: 0005
Revises: 0004
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

TOPICS = ("buffers", "catalog", "channels", "demand", "freshness", "inbox", "orders", "purchasing", "returns", "scorecards", "stock")

_WIDE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def _allow_topics(*topics: str) -> None:
    """The check of `store_version.topic`; on SQLite the table, of a few rows, is made again with it."""
    allowed = f"topic in ({', '.join(repr(topic) for topic in topics)})"
    if op.get_bind().dialect.name == "postgresql":
        op.drop_constraint(op.f("ck_store_version_topic"), "store_version", type_="check")
        op.create_check_constraint(op.f("ck_store_version_topic"), "store_version", allowed)
        comment = f"{', '.join(topics[:-1])} or {topics[-1]}."
        op.alter_column("store_version", "topic", existing_type=sa.String(), existing_nullable=False, comment=comment)
        return
    op.rename_table("store_version", "store_version_before")
    op.create_table(
        "store_version",
        sa.Column("topic", sa.String(), nullable=False),
        sa.Column("version", _WIDE, nullable=False),
        sa.CheckConstraint(allowed, name=op.f("ck_store_version_topic")),
        sa.PrimaryKeyConstraint("topic", name=op.f("pk_store_version")),
    )
    op.execute("insert into store_version select topic, version from store_version_before")
    op.drop_table("store_version_before")


def upgrade() -> None:
    """Bring the store to this revision."""
    _allow_topics(*sorted((*TOPICS, "jobs")))
    op.execute("insert into store_version (topic, version) select 'jobs', 0 where exists (select 1 from store_version)")
    op.create_table(
        "job_run",
        sa.Column("id", _WIDE, autoincrement=False, nullable=False, comment="Row id, from `id_block`."),
        sa.Column("job", sa.String(), nullable=False, comment="The job's name, as `onhand jobs` lists it."),
        sa.Column(
            "status",
            sa.String(),
            nullable=False,
            comment="running, done, failed, or missed (due while nothing ran jobs, and not made up for).",
        ),
        sa.Column("asked_by", sa.String(), nullable=False, comment="Who started it: a person, or the schedule."),
        sa.Column("scheduled_for", _WIDE, nullable=True, comment="When it was due; empty if it was started without being due."),
        sa.Column("started_at", _WIDE, nullable=False, comment="When it began; of a missed one, when that was noticed."),
        sa.Column("ended_at", _WIDE, nullable=True, comment="When it ended."),
        sa.Column(
            "alive_at",
            _WIDE,
            nullable=True,
            comment="When its process last said that it is alive; a minute of silence means that it died.",
        ),
        sa.Column("host", sa.String(), nullable=True, comment="The machine that it ran on."),
        sa.Column("pid", sa.Integer(), nullable=True, comment="Its process there."),
        sa.Column("message", sa.String(), nullable=True, comment="What it did, or why it failed: one sentence."),
        sa.CheckConstraint("status in ('running', 'done', 'failed', 'missed')", name=op.f("ck_job_run_status")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_job_run")),
        comment="Each run of a job. A due time is run once, and a job has one run at a time, whoever starts it.",
    )
    op.create_index("uq_job_run_job_scheduled_for", "job_run", ["job", "scheduled_for"], unique=True)
    op.create_index(
        "uq_job_run_running",
        "job_run",
        ["job"],
        unique=True,
        sqlite_where=sa.text("status = 'running'"),
        postgresql_where=sa.text("status = 'running'"),
    )
    op.create_index(op.f("ix_job_run_started_at"), "job_run", ["started_at"], unique=False)


def downgrade() -> None:
    """Back to the revision before."""
    op.drop_table("job_run")
    op.execute("delete from change_log where topic = 'jobs'")
    op.execute("delete from store_version where topic = 'jobs'")
    _allow_topics(*TOPICS)
