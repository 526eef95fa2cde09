"""Buffers and users

Revision ID: 0002
Revises: 0001
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

TOPICS = ("catalog", "channels", "demand", "freshness", "inbox", "orders", "purchasing", "returns", "stock")


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
    _allow_topics("buffers", *TOPICS)
    op.execute("insert into store_version (topic, version) select 'buffers', 0 where exists (select 1 from store_version)")
    op.add_column(
        "inbox_item",
        sa.Column(
            "told", sa.Text(), nullable=True, comment="JSON: what its file says of the row beside its text, such as its order's status."
        ),
    )
    op.create_table(
        "app_user",
        sa.Column("name", sa.String(), nullable=False, comment="What the person is called, on pages and in the audit."),
        sa.Column("role", sa.String(), nullable=False, comment="viewer, ops, planner, manager or admin."),
        sa.Column("created_at", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False, comment="When the person was added."),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False, comment="Raised by each change."),
        sa.CheckConstraint("role in ('viewer', 'ops', 'planner', 'manager', 'admin')", name=op.f("ck_app_user_role")),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_app_user")),
        comment="People, and their roles.",
    )
    op.create_table(
        "buffer_rule",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=False,
            nullable=False,
            comment="Row id, from `id_block`.",
        ),
        sa.Column("scope", sa.String(), nullable=False, comment="What it covers, as one text: a scope has one rule."),
        sa.Column(
            "level",
            sa.String(),
            nullable=False,
            comment="channel_sku, sku, channel_category, category or channel: the first that covers a SKU on a channel wins. location: a SKU at a location, before the pool.",
        ),
        sa.Column("channel_id", sa.String(), nullable=True, comment="The channel, of levels that name one."),
        sa.Column("sku", sa.String(), nullable=True, comment="The SKU, of levels that name one."),
        sa.Column("category", sa.String(), nullable=True, comment="The category, of levels that name one."),
        sa.Column("location_id", sa.String(), nullable=True, comment="The location, of level location."),
        sa.Column(
            "basis", sa.String(), nullable=False, comment="units, percent (of the pool) or days (of the channel's mean daily demand)."
        ),
        sa.Column("amount", sa.Float(), nullable=False, comment="How many units, percent or days; at most two decimals, of units none."),
        sa.Column("reason", sa.String(), nullable=False, comment="Why it is there."),
        sa.Column(
            "ends_at",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            nullable=True,
            comment="First moment at which it no longer counts; empty for no end.",
        ),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False, comment="Raised by each change."),
        sa.CheckConstraint("basis in ('units', 'percent', 'days')", name=op.f("ck_buffer_rule_basis")),
        sa.CheckConstraint(
            "level in ('channel_sku', 'sku', 'channel_category', 'category', 'channel', 'location')", name=op.f("ck_buffer_rule_level")
        ),
        sa.CheckConstraint("amount >= 0", name=op.f("ck_buffer_rule_amount")),
        sa.ForeignKeyConstraint(["channel_id"], ["channel.channel_id"], name=op.f("fk_buffer_rule_channel_id")),
        sa.ForeignKeyConstraint(["location_id"], ["location.location_id"], name=op.f("fk_buffer_rule_location_id")),
        sa.ForeignKeyConstraint(["sku"], ["product.sku"], name=op.f("fk_buffer_rule_sku")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_buffer_rule")),
        comment="Units withheld from channels: channel buffers and location buffers. Who changed what is in `audit_entry`.",
    )
    with op.batch_alter_table("buffer_rule", schema=None) as batch_op:
        batch_op.create_index("uq_buffer_rule_scope", ["scope"], unique=True)

    op.create_table(
        "channel_reservation",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=False,
            nullable=False,
            comment="Row id, from `id_block`.",
        ),
        sa.Column("sku", sa.String(), nullable=False, comment="A stocked SKU."),
        sa.Column("units", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True, comment="How many; empty for all."),
        sa.Column("reason", sa.String(), nullable=False, comment="Why it is there."),
        sa.Column(
            "ends_at",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            nullable=True,
            comment="First moment at which it no longer counts; empty for no end.",
        ),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False, comment="Raised by each change."),
        sa.CheckConstraint("units is null or units > 0", name=op.f("ck_channel_reservation_units")),
        sa.ForeignKeyConstraint(["sku"], ["product.sku"], name=op.f("fk_channel_reservation_sku")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_channel_reservation")),
        comment="Units kept for some channels, and so withheld from the others.",
    )
    with op.batch_alter_table("channel_reservation", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_channel_reservation_sku"), ["sku"], unique=False)

    op.create_table(
        "reservation_channel",
        sa.Column("reservation_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False, comment="The reservation."),
        sa.Column("channel_id", sa.String(), nullable=False, comment="A channel that it is for."),
        sa.ForeignKeyConstraint(["channel_id"], ["channel.channel_id"], name=op.f("fk_reservation_channel_channel_id")),
        sa.ForeignKeyConstraint(["reservation_id"], ["channel_reservation.id"], name=op.f("fk_reservation_channel_reservation_id")),
        sa.PrimaryKeyConstraint("reservation_id", "channel_id", name=op.f("pk_reservation_channel")),
        comment="For whom units are kept.",
    )
    op.create_table(
        "reservation_location",
        sa.Column("reservation_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False, comment="The reservation."),
        sa.Column("location_id", sa.String(), nullable=False, comment="A location that it is at."),
        sa.ForeignKeyConstraint(["location_id"], ["location.location_id"], name=op.f("fk_reservation_location_location_id")),
        sa.ForeignKeyConstraint(["reservation_id"], ["channel_reservation.id"], name=op.f("fk_reservation_location_reservation_id")),
        sa.PrimaryKeyConstraint("reservation_id", "location_id", name=op.f("pk_reservation_location")),
        comment="Where units are kept; a reservation without a row here is at all locations that serve its channels.",
    )


def downgrade() -> None:
    """Take the store back to the revision before."""
    op.drop_table("reservation_location")
    op.drop_table("reservation_channel")
    with op.batch_alter_table("channel_reservation", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_channel_reservation_sku"))

    op.drop_table("channel_reservation")
    with op.batch_alter_table("buffer_rule", schema=None) as batch_op:
        batch_op.drop_index("uq_buffer_rule_scope")

    op.drop_table("buffer_rule")
    op.drop_table("app_user")
    op.drop_column("inbox_item", "told")
    op.execute("delete from store_version where topic = 'buffers'")
    _allow_topics(*TOPICS)
