"""The first store

Revision ID: 0001
Revises:
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the store to this revision."""
    #
    op.create_table(
        "audit_entry",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=False,
            nullable=False,
            comment="Row id, from `id_block`.",
        ),
        sa.Column("at", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False, comment="When."),
        sa.Column("actor", sa.String(), nullable=False, comment="Who."),
        sa.Column("action", sa.String(), nullable=False, comment="What was done, as the command's name."),
        sa.Column("entity", sa.String(), nullable=False, comment="Kind of thing changed."),
        sa.Column("entity_id", sa.String(), nullable=False, comment="Which one."),
        sa.Column("before", sa.Text(), nullable=True, comment="JSON of the values before; empty if new."),
        sa.Column("after", sa.Text(), nullable=True, comment="JSON of the values after; empty if gone."),
        sa.Column("why", sa.String(), nullable=True, comment="The reason given."),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_entry")),
        comment="Every write that a person made.",
    )
    with op.batch_alter_table("audit_entry", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_audit_entry_entity_entity_id"), ["entity", "entity_id"], unique=False)

    op.create_table(
        "change_log",
        sa.Column("topic", sa.String(), nullable=False, comment="The topic."),
        sa.Column(
            "version",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            nullable=False,
            comment="The topic's version that the change made: commit-ordered.",
        ),
        sa.Column("entity", sa.String(), nullable=False, comment="What changed: sku, order, return, channel, product, inbox, or bulk."),
        sa.Column("entity_id", sa.String(), nullable=False, comment="Which one; `*` for all."),
        sa.Column("logged_at", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False, comment="When."),
        sa.PrimaryKeyConstraint("topic", "version", "entity", "entity_id", name=op.f("pk_change_log")),
        comment="What changed, in the order of commits; 7 days.",
    )
    with op.batch_alter_table("change_log", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_change_log_logged_at"), ["logged_at"], unique=False)

    op.create_table(
        "channel",
        sa.Column("channel_id", sa.String(), nullable=False, comment="Short id of the channel."),
        sa.Column("name", sa.String(), nullable=False, comment="Name shown to people."),
        sa.Column("kind", sa.String(), nullable=False, comment="marketplace, webstore, social or retail."),
        sa.Column("marketplace", sa.String(), nullable=True, comment="Whose rules apply (amazon, ebay, ...); empty for own channels."),
        sa.Column("currency", sa.String(length=3), nullable=False, comment="ISO 4217 code its prices are in."),
        sa.Column("time_zone", sa.String(), nullable=False, comment="IANA name; cuts the channel's days."),
        sa.Column("country", sa.String(length=2), nullable=True, comment="ISO 3166 code of its home market."),
        sa.Column("position", sa.Integer(), nullable=False, comment="Order on pages; fixes the channel's colour."),
        sa.Column("stale_after_seconds", sa.Integer(), nullable=False, comment="Older data than this are called stale."),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False, comment="Raised by each change."),
        sa.CheckConstraint("kind in ('marketplace', 'webstore', 'social', 'retail')", name=op.f("ck_channel_kind")),
        sa.PrimaryKeyConstraint("channel_id", name=op.f("pk_channel")),
        comment="Places that sell.",
    )
    op.create_table(
        "event",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=False,
            nullable=False,
            comment="Row id, from `id_block`; not the order of arrival.",
        ),
        sa.Column("source", sa.String(), nullable=False, comment="The feed, file or job that told us."),
        sa.Column("event_id", sa.String(), nullable=False, comment="The source's own id of the event."),
        sa.Column("kind", sa.String(), nullable=False, comment="What happened: see the table of kinds."),
        sa.Column("channel_id", sa.String(), nullable=True, comment="The channel it belongs to, if any."),
        sa.Column("occurred_at", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False, comment="When it happened."),
        sa.Column("received_at", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False, comment="When we were told."),
        sa.Column(
            "payload_hash",
            sa.String(length=32),
            nullable=False,
            comment="BLAKE2b of the payload in canonical JSON; tells a repeat from a conflict.",
        ),
        sa.Column("status", sa.String(), nullable=False, comment="applied, parked (its parent is missing) or dismissed (by a person)."),
        sa.Column("waits_for", sa.String(), nullable=True, comment="What a parked event waits for, as `kind:key`."),
        sa.Column(
            "payload",
            sa.Text(),
            nullable=True,
            comment="Canonical JSON; kept while parked or dismissed, and where the source keeps no copy.",
        ),
        sa.CheckConstraint(
            "kind in ('sale', 'cancellation', 'shipment', 'tracking', 'scan', 'delivery', 'receipt', 'purchase_order', 'transfer', 'adjustment', 'count', 'opening', 'write_off', 'return_received', 'inspection', 'order_row')",
            name=op.f("ck_event_kind"),
        ),
        sa.CheckConstraint("status in ('applied', 'parked', 'dismissed')", name=op.f("ck_event_status")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_event")),
        comment="Everything that came in, once.",
    )
    with op.batch_alter_table("event", schema=None) as batch_op:
        batch_op.create_index(
            "ix_event_waits_for",
            ["waits_for"],
            unique=False,
            sqlite_where=sa.text("status = 'parked'"),
            postgresql_where=sa.text("status = 'parked'"),
        )
        batch_op.create_index("uq_event_source_event_id", ["source", "event_id"], unique=True)

    op.create_table(
        "id_block",
        sa.Column("name", sa.String(), nullable=False, comment="`row`: the one sequence of row ids."),
        sa.Column(
            "next_id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            nullable=False,
            comment="First id not yet handed out. A writer takes a block by raising it.",
        ),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_id_block")),
        comment="Row ids, handed to writers in blocks.",
    )
    op.create_table(
        "import_run",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=False,
            nullable=False,
            comment="Row id, from `id_block`.",
        ),
        sa.Column(
            "kind", sa.String(), nullable=False, comment="orders, products, kits, listings, locations, channels, suppliers or counts."
        ),
        sa.Column("file_name", sa.String(), nullable=False, comment="Name of the file, without its folder."),
        sa.Column("file_hash", sa.String(length=32), nullable=False, comment="BLAKE2b of the file's bytes."),
        sa.Column("mapping", sa.String(), nullable=False, comment="Name of the mapping."),
        sa.Column("mapping_hash", sa.String(length=32), nullable=False, comment="BLAKE2b of the mapping and the options."),
        sa.Column("status", sa.String(), nullable=False, comment="running (or killed: run it again to resume) or complete."),
        sa.Column("started_at", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False, comment="When it began."),
        sa.Column("finished_at", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True, comment="When it ended."),
        sa.Column(
            "next_row", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False, comment="First data row not yet taken in."
        ),
        sa.Column(
            "rows_read",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            nullable=False,
            comment="imported + updated + duplicates + quarantined.",
        ),
        sa.Column("imported", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False, comment="Rows that were new."),
        sa.Column(
            "updated", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False, comment="Rows that changed what was known."
        ),
        sa.Column(
            "duplicates", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False, comment="Rows that were known already."
        ),
        sa.Column(
            "quarantined",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            nullable=False,
            comment="Rows that could not be taken, kept in the inbox.",
        ),
        sa.Column(
            "counts",
            sa.Text(),
            server_default="{}",
            nullable=False,
            comment="JSON: further counts, such as returns without a purchase.",
        ),
        sa.Column(
            "recipe",
            sa.Text(),
            server_default="{}",
            nullable=False,
            comment="JSON: the mapping's text, the file's header and the options.",
        ),
        sa.CheckConstraint("status in ('running', 'complete')", name=op.f("ck_import_run_status")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_import_run")),
        comment="Each import of a file, with its accounting.",
    )
    with op.batch_alter_table("import_run", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_import_run_file_hash_mapping_hash"), ["file_hash", "mapping_hash"], unique=False)

    op.create_table(
        "ingest_lock",
        sa.Column("stripe", sa.Integer(), nullable=False, comment="Orders and other parents hash to a stripe."),
        sa.PrimaryKeyConstraint("stripe", name=op.f("pk_ingest_lock")),
        comment="Rows that writers lock on PostgreSQL so that a parent and its child never miss each other.",
    )
    op.create_table(
        "location",
        sa.Column("location_id", sa.String(), nullable=False, comment="Short id of the place."),
        sa.Column("name", sa.String(), nullable=False, comment="Name shown to people."),
        sa.Column("kind", sa.String(), nullable=False, comment="warehouse, shop, 3pl or fulfilment_centre (a marketplace's own)."),
        sa.Column("country", sa.String(length=2), nullable=True, comment="ISO 3166 code."),
        sa.Column("region", sa.String(), nullable=True, comment="Region within the country."),
        sa.Column("time_zone", sa.String(), server_default="UTC", nullable=False, comment="IANA name."),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False, comment="Raised by each change."),
        sa.CheckConstraint("kind in ('warehouse', 'shop', '3pl', 'fulfilment_centre')", name=op.f("ck_location_kind")),
        sa.PrimaryKeyConstraint("location_id", name=op.f("pk_location")),
        comment="Places that hold stock.",
    )
    op.create_table(
        "product",
        sa.Column("sku", sa.String(), nullable=False, comment="The one internal id of a thing that is stocked or, for a kit, sold."),
        sa.Column("name", sa.String(), nullable=False, comment="Name shown to people."),
        sa.Column("category", sa.String(), nullable=False, comment="One level; 'uncategorised' if none was given."),
        sa.Column(
            "kit_version",
            sa.Integer(),
            server_default="0",
            nullable=False,
            comment="0: stocked itself. n > 0: a kit, made of version n of its components.",
        ),
        sa.Column(
            "price", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True, comment="List price in 1/10,000 of `currency`."
        ),
        sa.Column("currency", sa.String(length=3), nullable=True, comment="ISO 4217 code of `price`."),
        sa.Column("launched_on", sa.String(length=10), nullable=True, comment="First day of sale, if known."),
        sa.Column("ended_on", sa.String(length=10), nullable=True, comment="Last day of sale, if it has ended."),
        sa.Column(
            "version", sa.Integer(), server_default="1", nullable=False, comment="Raised by each change; for the version check of forms."
        ),
        sa.CheckConstraint("kit_version >= 0", name=op.f("ck_product_kit_version")),
        sa.PrimaryKeyConstraint("sku", name=op.f("pk_product")),
        comment="SKUs: stocked products and kits.",
    )
    op.create_table(
        "store_meta",
        sa.Column("key", sa.String(), nullable=False, comment="What is told."),
        sa.Column("value", sa.Text(), nullable=False, comment="JSON."),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_store_meta")),
        comment="What kind of store this is (own or demo) and how it was made.",
    )
    op.create_table(
        "store_version",
        sa.Column(
            "topic",
            sa.String(),
            nullable=False,
            comment="catalog, channels, demand, freshness, inbox, orders, purchasing, returns or stock.",
        ),
        sa.Column(
            "version",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            nullable=False,
            comment="Raised by the last statement of each transaction that writes to the topic.",
        ),
        sa.CheckConstraint(
            "topic in ('catalog', 'channels', 'demand', 'freshness', 'inbox', 'orders', 'purchasing', 'returns', 'stock')",
            name=op.f("ck_store_version_topic"),
        ),
        sa.PrimaryKeyConstraint("topic", name=op.f("pk_store_version")),
        comment="One version a topic.",
    )
    op.create_table(
        "supplier",
        sa.Column("supplier_id", sa.String(), nullable=False, comment="Short id of the supplier."),
        sa.Column("name", sa.String(), nullable=False, comment="Name shown to people."),
        sa.Column("lead_time_days", sa.Float(), nullable=True, comment="Mean days from ordering until usable."),
        sa.Column("lead_time_sd_days", sa.Float(), nullable=True, comment="Standard deviation of the same, in days."),
        sa.Column("currency", sa.String(length=3), nullable=True, comment="ISO 4217 code it invoices in."),
        sa.Column(
            "version",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            server_default="1",
            nullable=False,
            comment="Raised by each change.",
        ),
        sa.PrimaryKeyConstraint("supplier_id", name=op.f("pk_supplier")),
        comment="Suppliers, with their lead times.",
    )
    op.create_table(
        "backorder_level",
        sa.Column("sku", sa.String(), nullable=False, comment="A stocked SKU (components of kits)."),
        sa.Column("channel_id", sa.String(), nullable=False, comment="The channel that sold it."),
        sa.Column(
            "backordered", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False, comment="Units sold, not yet allocatable."
        ),
        sa.CheckConstraint("backordered >= 0", name=op.f("ck_backorder_level_not_negative")),
        sa.ForeignKeyConstraint(["channel_id"], ["channel.channel_id"], name=op.f("fk_backorder_level_channel_id")),
        sa.ForeignKeyConstraint(["sku"], ["product.sku"], name=op.f("fk_backorder_level_sku")),
        sa.PrimaryKeyConstraint("sku", "channel_id", name=op.f("pk_backorder_level")),
        comment="Projection of open order lines that nothing could be allocated to.",
    )
    op.create_table(
        "channel_location",
        sa.Column("channel_id", sa.String(), nullable=False, comment="The channel served."),
        sa.Column("location_id", sa.String(), nullable=False, comment="The location that serves it."),
        sa.Column("priority", sa.Integer(), nullable=False, comment="1 is tried first when a sale is allocated."),
        sa.ForeignKeyConstraint(["channel_id"], ["channel.channel_id"], name=op.f("fk_channel_location_channel_id")),
        sa.ForeignKeyConstraint(["location_id"], ["location.location_id"], name=op.f("fk_channel_location_location_id")),
        sa.PrimaryKeyConstraint("channel_id", "location_id", name=op.f("pk_channel_location")),
        comment="Which locations serve which channel, in order of priority.",
    )
    op.create_table(
        "channel_price",
        sa.Column("channel_id", sa.String(), nullable=False, comment="The channel."),
        sa.Column("sku", sa.String(), nullable=False, comment="The SKU."),
        sa.Column("valid_from_on", sa.String(length=10), nullable=False, comment="First day of this price, in the channel's time zone."),
        sa.Column(
            "price",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            nullable=False,
            comment="In 1/10,000 of the channel's currency, before promotions.",
        ),
        sa.ForeignKeyConstraint(["channel_id"], ["channel.channel_id"], name=op.f("fk_channel_price_channel_id")),
        sa.ForeignKeyConstraint(["sku"], ["product.sku"], name=op.f("fk_channel_price_sku")),
        sa.PrimaryKeyConstraint("channel_id", "sku", "valid_from_on", name=op.f("pk_channel_price")),
        comment="Prices by channel and SKU, by their first day.",
    )
    op.create_table(
        "channel_state",
        sa.Column("channel_id", sa.String(), nullable=False, comment="The channel."),
        sa.Column(
            "synced_until",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            nullable=False,
            comment="All that happened on the channel up to here is known.",
        ),
        sa.Column(
            "received_at",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            nullable=False,
            comment="When something last came in from the channel.",
        ),
        sa.ForeignKeyConstraint(["channel_id"], ["channel.channel_id"], name=op.f("fk_channel_state_channel_id")),
        sa.PrimaryKeyConstraint("channel_id", name=op.f("pk_channel_state")),
        comment="How fresh each channel's data are.",
    )
    op.create_table(
        "inbox_item",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=False,
            nullable=False,
            comment="Row id, from `id_block`.",
        ),
        sa.Column("kind", sa.String(), nullable=False, comment="row (of a file), event (not valid) or conflict (same id, other payload)."),
        sa.Column("status", sa.String(), nullable=False, comment="open, resolved or dismissed."),
        sa.Column("source", sa.String(), nullable=False, comment="The feed or file it came from."),
        sa.Column("reference", sa.String(), nullable=False, comment="Event id, or order id of the row."),
        sa.Column("channel_id", sa.String(), nullable=True, comment="The channel, if known."),
        sa.Column("external_sku", sa.String(), nullable=True, comment="The listing it waits for, if that is the reason."),
        sa.Column(
            "import_run_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True, comment="The import (`import_run.id`)."
        ),
        sa.Column(
            "line_number",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            nullable=True,
            comment="Line in the file, the header being line 1.",
        ),
        sa.Column("reason", sa.String(), nullable=False, comment="What is wrong, where, and what to do: one sentence."),
        sa.Column("reason_code", sa.String(), nullable=False, comment="The same as a short code."),
        sa.Column("content", sa.Text(), nullable=False, comment="The row's text or the event's JSON, whole."),
        sa.Column("mended", sa.Text(), nullable=True, comment="The text as a person mended it."),
        sa.Column("created_at", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False, comment="When it came in."),
        sa.Column(
            "closed_at", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True, comment="When it was resolved or dismissed."
        ),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False, comment="Raised by each change."),
        sa.CheckConstraint("kind in ('row', 'event', 'conflict')", name=op.f("ck_inbox_item_kind")),
        sa.CheckConstraint("status in ('open', 'resolved', 'dismissed')", name=op.f("ck_inbox_item_status")),
        sa.ForeignKeyConstraint(["import_run_id"], ["import_run.id"], name=op.f("fk_inbox_item_import_run_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_inbox_item")),
        comment="What could not be taken in: kept whole until it is mended, retried or dismissed.",
    )
    with op.batch_alter_table("inbox_item", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_inbox_item_import_run_id"), ["import_run_id"], unique=False)
        batch_op.create_index(
            "ix_inbox_item_open",
            ["channel_id", "external_sku"],
            unique=False,
            sqlite_where=sa.text("status = 'open'"),
            postgresql_where=sa.text("status = 'open'"),
        )
        batch_op.create_index("ix_inbox_item_source_reference", ["source", "reference"], unique=False)

    op.create_table(
        "kit_component",
        sa.Column("kit_sku", sa.String(), nullable=False, comment="The kit."),
        sa.Column(
            "kit_version", sa.Integer(), nullable=False, comment="A changed composition is a new version; old order lines keep theirs."
        ),
        sa.Column("component_sku", sa.String(), nullable=False, comment="A stocked SKU; never a kit."),
        sa.Column(
            "quantity", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False, comment="Units of the component in one kit."
        ),
        sa.CheckConstraint("quantity > 0", name=op.f("ck_kit_component_quantity")),
        sa.ForeignKeyConstraint(["component_sku"], ["product.sku"], name=op.f("fk_kit_component_component_sku")),
        sa.ForeignKeyConstraint(["kit_sku"], ["product.sku"], name=op.f("fk_kit_component_kit_sku")),
        sa.PrimaryKeyConstraint("kit_sku", "kit_version", "component_sku", name=op.f("pk_kit_component")),
        comment="What a kit is made of, by version.",
    )
    with op.batch_alter_table("kit_component", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_kit_component_component_sku"), ["component_sku"], unique=False)

    op.create_table(
        "listing",
        sa.Column(
            "listing_id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=False,
            nullable=False,
            comment="Row id, from `id_block`.",
        ),
        sa.Column("channel_id", sa.String(), nullable=False, comment="Where it is listed."),
        sa.Column("external_sku", sa.String(), nullable=False, comment="The channel's own id."),
        sa.Column("sku", sa.String(), nullable=True, comment="The SKU it sells; empty until someone maps it."),
        sa.Column("title", sa.String(), nullable=True, comment="The channel's own title."),
        sa.Column(
            "maximum",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            nullable=True,
            comment="Most units to show on this listing; empty for no cap.",
        ),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False, comment="Raised by each change."),
        sa.Column(
            "first_seen_at",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            nullable=False,
            comment="When it was first seen or imported.",
        ),
        sa.CheckConstraint("maximum is null or maximum >= 0", name=op.f("ck_listing_maximum")),
        sa.ForeignKeyConstraint(["channel_id"], ["channel.channel_id"], name=op.f("fk_listing_channel_id")),
        sa.ForeignKeyConstraint(["sku"], ["product.sku"], name=op.f("fk_listing_sku")),
        sa.PrimaryKeyConstraint("listing_id", name=op.f("pk_listing")),
        comment="A channel's own id for a SKU; many listings map to one SKU.",
    )
    with op.batch_alter_table("listing", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_listing_sku"), ["sku"], unique=False)
        batch_op.create_index("uq_listing_channel_id_external_sku", ["channel_id", "external_sku"], unique=True)

    op.create_table(
        "order_charge",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=False,
            nullable=False,
            comment="Row id, from `id_block`.",
        ),
        sa.Column(
            "event_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False, comment="The event that told it (`event.id`)."
        ),
        sa.Column("channel_id", sa.String(), nullable=False, comment="The channel."),
        sa.Column("order_ref", sa.String(), nullable=False, comment="The channel's own order or invoice id; the order may have no goods."),
        sa.Column("line_ref", sa.String(), nullable=False, comment="The channel's own line id, or one made from the row's content."),
        sa.Column("code", sa.String(), nullable=False, comment="The channel's own code (postage, fee, ...)."),
        sa.Column("description", sa.String(), nullable=True, comment="As the channel wrote it."),
        sa.Column("quantity", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False, comment="Signed."),
        sa.Column(
            "unit_price", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True, comment="Signed, in 1/10,000 of `currency`."
        ),
        sa.Column("currency", sa.String(length=3), nullable=False, comment="ISO 4217 code."),
        sa.Column("occurred_at", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False, comment="When it was charged."),
        sa.ForeignKeyConstraint(["channel_id"], ["channel.channel_id"], name=op.f("fk_order_charge_channel_id")),
        sa.ForeignKeyConstraint(["event_id"], ["event.id"], name=op.f("fk_order_charge_event_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_order_charge")),
        comment="Rows of an order that are not goods: postage, fees, manual corrections.",
    )
    with op.batch_alter_table("order_charge", schema=None) as batch_op:
        batch_op.create_index("uq_order_charge_channel_id_order_ref_line_ref", ["channel_id", "order_ref", "line_ref"], unique=True)

    op.create_table(
        "promotion",
        sa.Column("promotion_id", sa.String(), nullable=False, comment="Short id of the promotion."),
        sa.Column("channel_id", sa.String(), nullable=False, comment="Where it ran."),
        sa.Column("sku", sa.String(), nullable=False, comment="What was discounted."),
        sa.Column("starts_on", sa.String(length=10), nullable=False, comment="First day, in the channel's time zone."),
        sa.Column("ends_on", sa.String(length=10), nullable=False, comment="Last day, in the channel's time zone."),
        sa.Column("discount", sa.Float(), nullable=False, comment="Share of the price, above 0 and below 1."),
        sa.CheckConstraint("discount > 0 and discount < 1", name=op.f("ck_promotion_discount")),
        sa.CheckConstraint("ends_on >= starts_on", name=op.f("ck_promotion_days")),
        sa.ForeignKeyConstraint(["channel_id"], ["channel.channel_id"], name=op.f("fk_promotion_channel_id")),
        sa.ForeignKeyConstraint(["sku"], ["product.sku"], name=op.f("fk_promotion_sku")),
        sa.PrimaryKeyConstraint("promotion_id", "channel_id", "sku", name=op.f("pk_promotion")),
        comment="Discounts of a SKU on a channel.",
    )
    with op.batch_alter_table("promotion", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_promotion_sku"), ["sku"], unique=False)

    op.create_table(
        "purchase_order",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=False,
            nullable=False,
            comment="Row id, from `id_block`.",
        ),
        sa.Column(
            "event_id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            nullable=False,
            comment="The event that placed it (`event.id`).",
        ),
        sa.Column("po_ref", sa.String(), nullable=False, comment="Our number of the order."),
        sa.Column("supplier_id", sa.String(), nullable=False, comment="The supplier."),
        sa.Column("location_id", sa.String(), nullable=False, comment="Where it is to come in."),
        sa.Column("placed_at", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False, comment="When it was ordered."),
        sa.Column("expected_at", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True, comment="When it is expected."),
        sa.ForeignKeyConstraint(["event_id"], ["event.id"], name=op.f("fk_purchase_order_event_id")),
        sa.ForeignKeyConstraint(["location_id"], ["location.location_id"], name=op.f("fk_purchase_order_location_id")),
        sa.ForeignKeyConstraint(["supplier_id"], ["supplier.supplier_id"], name=op.f("fk_purchase_order_supplier_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_purchase_order")),
        sa.UniqueConstraint("po_ref", name=op.f("uq_purchase_order_po_ref")),
        comment="Orders to suppliers.",
    )
    op.create_table(
        "sales_order",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=False,
            nullable=False,
            comment="Row id, from `id_block`.",
        ),
        sa.Column("channel_id", sa.String(), nullable=False, comment="Where it was sold."),
        sa.Column("order_ref", sa.String(), nullable=False, comment="The channel's own order id."),
        sa.Column(
            "placed_at", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False, comment="When the customer placed it."
        ),
        sa.Column("currency", sa.String(length=3), nullable=False, comment="ISO 4217 code of its prices."),
        sa.Column("customer_ref", sa.String(), nullable=True, comment="The channel's own id of the customer; no name or address is kept."),
        sa.Column("destination_country", sa.String(), nullable=True, comment="ISO 3166 code, or the channel's own word for it."),
        sa.Column("destination_region", sa.String(), nullable=True, comment="Region or state."),
        sa.Column("fulfilled_by", sa.String(), server_default="seller", nullable=False, comment="seller or marketplace."),
        sa.ForeignKeyConstraint(["channel_id"], ["channel.channel_id"], name=op.f("fk_sales_order_channel_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sales_order")),
        comment="One customer order on one channel.",
    )
    with op.batch_alter_table("sales_order", schema=None) as batch_op:
        batch_op.create_index("uq_sales_order_channel_id_order_ref", ["channel_id", "order_ref"], unique=True)

    op.create_table(
        "stock_count",
        sa.Column(
            "event_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False, comment="The counting event (`event.id`)."
        ),
        sa.Column("sku", sa.String(), nullable=False, comment="What was counted."),
        sa.Column("location_id", sa.String(), nullable=False, comment="Where."),
        sa.Column("state", sa.String(), nullable=False, comment="sellable or unsellable."),
        sa.Column(
            "quantity",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            nullable=False,
            comment="Units found; the ledger is made equal to it at `occurred_at`.",
        ),
        sa.Column(
            "occurred_at",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            nullable=False,
            comment="When it was counted; what happened at the same instant is before it.",
        ),
        sa.Column("tie", sa.String(), nullable=False, comment="Source and event id; of two counts at one instant the greater wins."),
        sa.CheckConstraint("quantity >= 0", name=op.f("ck_stock_count_quantity")),
        sa.ForeignKeyConstraint(["event_id"], ["event.id"], name=op.f("fk_stock_count_event_id")),
        sa.ForeignKeyConstraint(["location_id"], ["location.location_id"], name=op.f("fk_stock_count_location_id")),
        sa.ForeignKeyConstraint(["sku"], ["product.sku"], name=op.f("fk_stock_count_sku")),
        sa.PrimaryKeyConstraint("event_id", "sku", "location_id", "state", name=op.f("pk_stock_count")),
        comment="Stock counts: what was found, of which the `count` movements make the ledger.",
    )
    with op.batch_alter_table("stock_count", schema=None) as batch_op:
        batch_op.create_index("ix_stock_count_sku_location_id_occurred_at", ["sku", "location_id", "occurred_at"], unique=False)

    op.create_table(
        "stock_level",
        sa.Column("sku", sa.String(), nullable=False, comment="A stocked SKU."),
        sa.Column("location_id", sa.String(), nullable=False, comment="Where."),
        sa.Column(
            "on_hand", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False, comment="Units physically there, in any state."
        ),
        sa.Column(
            "unsellable",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            nullable=False,
            comment="Of these: damaged, in quarantine or awaiting inspection.",
        ),
        sa.Column(
            "allocated",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            nullable=False,
            comment="Of these: tied to placed, unshipped order lines.",
        ),
        sa.Column(
            "on_order",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            nullable=False,
            comment="Ordered from a supplier for this location, not yet received.",
        ),
        sa.Column(
            "tracked_from",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            nullable=True,
            comment="First count or opening; imported shipments before it are history.",
        ),
        sa.Column(
            "last_at",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            nullable=False,
            comment="Newest movement or count; what comes earlier is worked in by replay.",
        ),
        sa.Column("is_assumed", sa.Boolean(), nullable=False, comment="The balance rests on an assumed opening."),
        sa.CheckConstraint(
            "on_hand >= 0 and unsellable >= 0 and unsellable <= on_hand and allocated >= 0 and on_order >= 0",
            name=op.f("ck_stock_level_not_negative"),
        ),
        sa.ForeignKeyConstraint(["location_id"], ["location.location_id"], name=op.f("fk_stock_level_location_id")),
        sa.ForeignKeyConstraint(["sku"], ["product.sku"], name=op.f("fk_stock_level_sku")),
        sa.PrimaryKeyConstraint("sku", "location_id", name=op.f("pk_stock_level")),
        comment="Projection of the ledger, allocations and purchase order lines, by SKU and location.",
    )
    op.create_table(
        "stock_movement",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=False,
            nullable=False,
            comment="Row id, from `id_block`.",
        ),
        sa.Column(
            "event_id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            nullable=False,
            comment="The event that caused it (`event.id`).",
        ),
        sa.Column("line_no", sa.Integer(), nullable=False, comment="Number within the event; a later correction continues it."),
        sa.Column("sku", sa.String(), nullable=False, comment="A stocked SKU; never a kit."),
        sa.Column("location_id", sa.String(), nullable=False, comment="Where."),
        sa.Column("state", sa.String(), nullable=False, comment="sellable or unsellable."),
        sa.Column(
            "kind", sa.String(), nullable=False, comment="Why the stock changed; `discrepancy` is flagged: more left than was there."
        ),
        sa.Column("quantity", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False, comment="Signed units."),
        sa.Column("occurred_at", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False, comment="When it happened."),
        sa.CheckConstraint(
            "kind in ('opening', 'receipt', 'shipment', 'transfer_out', 'transfer_in', 'adjustment', 'count', 'write_off', 'return_received', 'restock', 'refurbish', 'discard', 'discrepancy')",
            name=op.f("ck_stock_movement_kind"),
        ),
        sa.CheckConstraint("state in ('sellable', 'unsellable')", name=op.f("ck_stock_movement_state")),
        sa.ForeignKeyConstraint(["event_id"], ["event.id"], name=op.f("fk_stock_movement_event_id")),
        sa.ForeignKeyConstraint(["location_id"], ["location.location_id"], name=op.f("fk_stock_movement_location_id")),
        sa.ForeignKeyConstraint(["sku"], ["product.sku"], name=op.f("fk_stock_movement_sku")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stock_movement")),
        comment="The ledger: one signed change of stock at a location. Append-only.",
    )
    with op.batch_alter_table("stock_movement", schema=None) as batch_op:
        batch_op.create_index("ix_stock_movement_occurred_at", ["occurred_at"], unique=False)
        batch_op.create_index("ix_stock_movement_sku_location_id_occurred_at", ["sku", "location_id", "occurred_at"], unique=False)
        batch_op.create_index("uq_stock_movement_event_id_line_no", ["event_id", "line_no"], unique=True)

    op.create_table(
        "supplier_item",
        sa.Column("supplier_id", sa.String(), nullable=False, comment="The supplier."),
        sa.Column("sku", sa.String(), nullable=False, comment="A stocked SKU it sells."),
        sa.Column(
            "unit_cost",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            nullable=True,
            comment="In 1/10,000 of the supplier's currency.",
        ),
        sa.Column(
            "moq",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            server_default="1",
            nullable=False,
            comment="The least it sells, in units.",
        ),
        sa.Column(
            "case_pack",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            server_default="1",
            nullable=False,
            comment="Orders are a multiple of this.",
        ),
        sa.Column("lead_time_days", sa.Float(), nullable=True, comment="Of this item, where it differs from the supplier's."),
        sa.CheckConstraint("moq > 0 and case_pack > 0", name=op.f("ck_supplier_item_positive")),
        sa.ForeignKeyConstraint(["sku"], ["product.sku"], name=op.f("fk_supplier_item_sku")),
        sa.ForeignKeyConstraint(["supplier_id"], ["supplier.supplier_id"], name=op.f("fk_supplier_item_supplier_id")),
        sa.PrimaryKeyConstraint("supplier_id", "sku", name=op.f("pk_supplier_item")),
        comment="What a supplier sells, on which terms.",
    )
    with op.batch_alter_table("supplier_item", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_supplier_item_sku"), ["sku"], unique=False)

    op.create_table(
        "order_line",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=False,
            nullable=False,
            comment="Row id, from `id_block`.",
        ),
        sa.Column(
            "order_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False, comment="Its order (`sales_order.id`)."
        ),
        sa.Column("line_ref", sa.String(), nullable=False, comment="The channel's own line id, or one made from the row's content."),
        sa.Column("channel_id", sa.String(), nullable=False, comment="As on its order."),
        sa.Column(
            "event_id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            nullable=False,
            comment="The event that placed it (`event.id`).",
        ),
        sa.Column("external_sku", sa.String(), nullable=False, comment="The listing's id as the channel wrote it."),
        sa.Column("sku", sa.String(), nullable=False, comment="The SKU sold; may be a kit."),
        sa.Column("kit_version", sa.Integer(), nullable=False, comment="0, or the version of the kit's components that was sold."),
        sa.Column(
            "quantity",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            nullable=False,
            comment="Units ordered (of the kit, for a kit).",
        ),
        sa.Column(
            "unit_price",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            nullable=True,
            comment="In 1/10,000 of the order's currency; empty if the channel gave none.",
        ),
        sa.Column("placed_at", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False, comment="As on its order."),
        sa.Column(
            "ship_by_at",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            nullable=True,
            comment="Latest time to ship that the channel expects.",
        ),
        sa.Column(
            "deliver_by_at",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            nullable=True,
            comment="Latest time to deliver that the channel promised.",
        ),
        sa.Column("location_id", sa.String(), nullable=True, comment="The location the sale named, if any."),
        sa.Column(
            "cancelled_quantity",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            nullable=False,
            comment="Units asked to be cancelled; what has shipped stays shipped.",
        ),
        sa.Column("shipped_quantity", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False, comment="Units shipped."),
        sa.Column(
            "allocated_quantity",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            nullable=False,
            comment="Units allocated, over all locations.",
        ),
        sa.Column(
            "backordered_quantity",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            nullable=False,
            comment="Open units that nothing could be allocated to.",
        ),
        sa.Column(
            "returned_quantity", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False, comment="Units that came back."
        ),
        sa.CheckConstraint(
            "cancelled_quantity >= 0 and shipped_quantity >= 0 and allocated_quantity >= 0 and backordered_quantity >= 0",
            name=op.f("ck_order_line_not_negative"),
        ),
        sa.CheckConstraint("quantity > 0", name=op.f("ck_order_line_quantity")),
        sa.ForeignKeyConstraint(["channel_id"], ["channel.channel_id"], name=op.f("fk_order_line_channel_id")),
        sa.ForeignKeyConstraint(["event_id"], ["event.id"], name=op.f("fk_order_line_event_id")),
        sa.ForeignKeyConstraint(["location_id"], ["location.location_id"], name=op.f("fk_order_line_location_id")),
        sa.ForeignKeyConstraint(["order_id"], ["sales_order.id"], name=op.f("fk_order_line_order_id")),
        sa.ForeignKeyConstraint(["sku"], ["product.sku"], name=op.f("fk_order_line_sku")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_order_line")),
        comment="One line of an order. Open units = max(quantity - shipped - cancelled, 0) = allocated + backordered.",
    )
    with op.batch_alter_table("order_line", schema=None) as batch_op:
        batch_op.create_index(
            "ix_order_line_open",
            ["sku", "placed_at"],
            unique=False,
            sqlite_where=sa.text("allocated_quantity + backordered_quantity > 0"),
            postgresql_where=sa.text("allocated_quantity + backordered_quantity > 0"),
        )
        batch_op.create_index("ix_order_line_placed_at", ["placed_at"], unique=False)
        batch_op.create_index("ix_order_line_sku_placed_at", ["sku", "placed_at"], unique=False)
        batch_op.create_index("uq_order_line_order_id_line_ref", ["order_id", "line_ref"], unique=True)

    op.create_table(
        "purchase_order_line",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=False,
            nullable=False,
            comment="Row id, from `id_block`.",
        ),
        sa.Column(
            "po_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False, comment="Its order (`purchase_order.id`)."
        ),
        sa.Column("sku", sa.String(), nullable=False, comment="A stocked SKU."),
        sa.Column("location_id", sa.String(), nullable=False, comment="As on its order."),
        sa.Column("quantity", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False, comment="Units ordered."),
        sa.Column(
            "received_quantity",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            nullable=False,
            comment="Units received, over all receipts.",
        ),
        sa.Column(
            "unit_cost",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            nullable=True,
            comment="In 1/10,000 of the supplier's currency.",
        ),
        sa.Column("first_received_at", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True, comment="First receipt."),
        sa.CheckConstraint("quantity > 0 and received_quantity >= 0", name=op.f("ck_purchase_order_line_quantity")),
        sa.ForeignKeyConstraint(["location_id"], ["location.location_id"], name=op.f("fk_purchase_order_line_location_id")),
        sa.ForeignKeyConstraint(["po_id"], ["purchase_order.id"], name=op.f("fk_purchase_order_line_po_id")),
        sa.ForeignKeyConstraint(["sku"], ["product.sku"], name=op.f("fk_purchase_order_line_sku")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_purchase_order_line")),
        comment="One SKU of a purchase order. On order = max(quantity - received, 0).",
    )
    with op.batch_alter_table("purchase_order_line", schema=None) as batch_op:
        batch_op.create_index(
            "ix_purchase_order_line_open",
            ["sku", "location_id"],
            unique=False,
            sqlite_where=sa.text("received_quantity < quantity"),
            postgresql_where=sa.text("received_quantity < quantity"),
        )
        batch_op.create_index("uq_purchase_order_line_po_id_sku", ["po_id", "sku"], unique=True)

    op.create_table(
        "allocation",
        sa.Column(
            "line_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False, comment="The order line (`order_line.id`)."
        ),
        sa.Column("location_id", sa.String(), nullable=False, comment="Where the units lie."),
        sa.Column(
            "quantity",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            nullable=False,
            comment="Units of the line (whole kits, for a kit).",
        ),
        sa.CheckConstraint("quantity > 0", name=op.f("ck_allocation_quantity")),
        sa.ForeignKeyConstraint(["line_id"], ["order_line.id"], name=op.f("fk_allocation_line_id")),
        sa.ForeignKeyConstraint(["location_id"], ["location.location_id"], name=op.f("fk_allocation_location_id")),
        sa.PrimaryKeyConstraint("line_id", "location_id", name=op.f("pk_allocation")),
        comment="Units on hand that are tied to an open order line.",
    )
    with op.batch_alter_table("allocation", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_allocation_location_id"), ["location_id"], unique=False)

    op.create_table(
        "cancellation",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=False,
            nullable=False,
            comment="Row id, from `id_block`.",
        ),
        sa.Column(
            "event_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False, comment="The cancelling event (`event.id`)."
        ),
        sa.Column(
            "line_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False, comment="The order line (`order_line.id`)."
        ),
        sa.Column("quantity", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False, comment="Units asked to be cancelled."),
        sa.Column("cancelled_at", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False, comment="When."),
        sa.Column("reason", sa.String(), nullable=True, comment="The channel's own reason."),
        sa.Column("cancelled_by", sa.String(), nullable=False, comment="buyer, seller, marketplace or unknown."),
        sa.CheckConstraint("cancelled_by in ('buyer', 'seller', 'marketplace', 'unknown')", name=op.f("ck_cancellation_cancelled_by")),
        sa.CheckConstraint("quantity > 0", name=op.f("ck_cancellation_quantity")),
        sa.ForeignKeyConstraint(["event_id"], ["event.id"], name=op.f("fk_cancellation_event_id")),
        sa.ForeignKeyConstraint(["line_id"], ["order_line.id"], name=op.f("fk_cancellation_line_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_cancellation")),
        comment="Cancelled units of a line, with reason and by whom.",
    )
    with op.batch_alter_table("cancellation", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_cancellation_line_id"), ["line_id"], unique=False)

    op.create_table(
        "return_line",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=False,
            nullable=False,
            comment="Row id, from `id_block`.",
        ),
        sa.Column(
            "event_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False, comment="The receiving event (`event.id`)."
        ),
        sa.Column("channel_id", sa.String(), nullable=False, comment="The channel it came from."),
        sa.Column("return_ref", sa.String(), nullable=False, comment="The channel's own return id."),
        sa.Column(
            "line_id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            nullable=True,
            comment="The order line; empty if no purchase was found.",
        ),
        sa.Column("sku", sa.String(), nullable=False, comment="The SKU as sold; may be a kit."),
        sa.Column("location_id", sa.String(), nullable=False, comment="Where it came in."),
        sa.Column(
            "quantity", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False, comment="Units (of the kit, for a kit)."
        ),
        sa.Column(
            "requested_at",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            nullable=True,
            comment="When the customer asked to return it.",
        ),
        sa.Column("received_at", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False, comment="When it came in."),
        sa.Column("reason_code", sa.String(), nullable=True, comment="The channel's own code, as written."),
        sa.Column("return_reason", sa.String(), nullable=True, comment="The normalised reason."),
        sa.Column(
            "inspected_at",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            nullable=True,
            comment="When it was inspected; empty while waiting.",
        ),
        sa.Column("disposition", sa.String(), nullable=True, comment="restock, refurbish or discard."),
        sa.Column("is_disposition_assumed", sa.Boolean(), nullable=False, comment="The disposition is assumed: the source has none."),
        sa.Column("refund", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True, comment="In 1/10,000 of `currency`."),
        sa.Column("currency", sa.String(length=3), nullable=True, comment="ISO 4217 code of `refund`."),
        sa.Column(
            "moves_stock",
            sa.Boolean(),
            nullable=False,
            comment="False: imported history from before the location's first count or opening.",
        ),
        sa.CheckConstraint(
            "disposition is null or disposition in ('restock', 'refurbish', 'discard')", name=op.f("ck_return_line_disposition")
        ),
        sa.CheckConstraint("quantity > 0", name=op.f("ck_return_line_quantity")),
        sa.ForeignKeyConstraint(["channel_id"], ["channel.channel_id"], name=op.f("fk_return_line_channel_id")),
        sa.ForeignKeyConstraint(["event_id"], ["event.id"], name=op.f("fk_return_line_event_id")),
        sa.ForeignKeyConstraint(["line_id"], ["order_line.id"], name=op.f("fk_return_line_line_id")),
        sa.ForeignKeyConstraint(["location_id"], ["location.location_id"], name=op.f("fk_return_line_location_id")),
        sa.ForeignKeyConstraint(["sku"], ["product.sku"], name=op.f("fk_return_line_sku")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_return_line")),
        comment="Units that came back, matched to their order line where there is one.",
    )
    with op.batch_alter_table("return_line", schema=None) as batch_op:
        batch_op.create_index("ix_return_line_channel_id_return_ref", ["channel_id", "return_ref"], unique=False)
        batch_op.create_index(batch_op.f("ix_return_line_line_id"), ["line_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_return_line_sku"), ["sku"], unique=False)

    op.create_table(
        "shipment",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=False,
            nullable=False,
            comment="Row id, from `id_block`.",
        ),
        sa.Column(
            "event_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False, comment="The shipping event (`event.id`)."
        ),
        sa.Column(
            "line_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False, comment="The order line (`order_line.id`)."
        ),
        sa.Column(
            "shipment_ref", sa.String(), nullable=False, comment="The package: lines that left together share it within their order."
        ),
        sa.Column("location_id", sa.String(), nullable=False, comment="Where it really left from."),
        sa.Column("quantity", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False, comment="Units of the line that left."),
        sa.Column(
            "shipped_at", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False, comment="When it was confirmed as shipped."
        ),
        sa.Column("carrier", sa.String(), nullable=True, comment="Carrier."),
        sa.Column("tracking_number", sa.String(), nullable=True, comment="Tracking number."),
        sa.Column(
            "tracking_uploaded_at",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            nullable=True,
            comment="When the channel was given the tracking number.",
        ),
        sa.Column(
            "first_scan_at", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True, comment="First scan by the carrier."
        ),
        sa.Column(
            "last_scan_at", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True, comment="Latest scan by the carrier."
        ),
        sa.Column("delivered_at", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True, comment="When it was delivered."),
        sa.Column(
            "moves_stock",
            sa.Boolean(),
            nullable=False,
            comment="False: imported history from before the location's first count or opening.",
        ),
        sa.CheckConstraint("quantity > 0", name=op.f("ck_shipment_quantity")),
        sa.ForeignKeyConstraint(["event_id"], ["event.id"], name=op.f("fk_shipment_event_id")),
        sa.ForeignKeyConstraint(["line_id"], ["order_line.id"], name=op.f("fk_shipment_line_id")),
        sa.ForeignKeyConstraint(["location_id"], ["location.location_id"], name=op.f("fk_shipment_location_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_shipment")),
        comment="Units of a line that left a location, and what became of the package.",
    )
    with op.batch_alter_table("shipment", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_shipment_line_id"), ["line_id"], unique=False)
        batch_op.create_index(
            "ix_shipment_under_way",
            ["shipped_at"],
            unique=False,
            sqlite_where=sa.text("delivered_at is null"),
            postgresql_where=sa.text("delivered_at is null"),
        )

    #


def downgrade() -> None:
    """Take the store back to the revision before."""
    #
    with op.batch_alter_table("shipment", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_shipment_under_way", sqlite_where=sa.text("delivered_at is null"), postgresql_where=sa.text("delivered_at is null")
        )
        batch_op.drop_index(batch_op.f("ix_shipment_line_id"))

    op.drop_table("shipment")
    with op.batch_alter_table("return_line", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_return_line_sku"))
        batch_op.drop_index(batch_op.f("ix_return_line_line_id"))
        batch_op.drop_index("ix_return_line_channel_id_return_ref")

    op.drop_table("return_line")
    with op.batch_alter_table("cancellation", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_cancellation_line_id"))

    op.drop_table("cancellation")
    with op.batch_alter_table("allocation", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_allocation_location_id"))

    op.drop_table("allocation")
    with op.batch_alter_table("purchase_order_line", schema=None) as batch_op:
        batch_op.drop_index("uq_purchase_order_line_po_id_sku")
        batch_op.drop_index(
            "ix_purchase_order_line_open",
            sqlite_where=sa.text("received_quantity < quantity"),
            postgresql_where=sa.text("received_quantity < quantity"),
        )

    op.drop_table("purchase_order_line")
    with op.batch_alter_table("order_line", schema=None) as batch_op:
        batch_op.drop_index("uq_order_line_order_id_line_ref")
        batch_op.drop_index("ix_order_line_sku_placed_at")
        batch_op.drop_index("ix_order_line_placed_at")
        batch_op.drop_index(
            "ix_order_line_open",
            sqlite_where=sa.text("allocated_quantity + backordered_quantity > 0"),
            postgresql_where=sa.text("allocated_quantity + backordered_quantity > 0"),
        )

    op.drop_table("order_line")
    with op.batch_alter_table("supplier_item", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_supplier_item_sku"))

    op.drop_table("supplier_item")
    with op.batch_alter_table("stock_movement", schema=None) as batch_op:
        batch_op.drop_index("uq_stock_movement_event_id_line_no")
        batch_op.drop_index("ix_stock_movement_sku_location_id_occurred_at")
        batch_op.drop_index("ix_stock_movement_occurred_at")

    op.drop_table("stock_movement")
    op.drop_table("stock_level")
    with op.batch_alter_table("stock_count", schema=None) as batch_op:
        batch_op.drop_index("ix_stock_count_sku_location_id_occurred_at")

    op.drop_table("stock_count")
    with op.batch_alter_table("sales_order", schema=None) as batch_op:
        batch_op.drop_index("uq_sales_order_channel_id_order_ref")

    op.drop_table("sales_order")
    op.drop_table("purchase_order")
    with op.batch_alter_table("promotion", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_promotion_sku"))

    op.drop_table("promotion")
    with op.batch_alter_table("order_charge", schema=None) as batch_op:
        batch_op.drop_index("uq_order_charge_channel_id_order_ref_line_ref")

    op.drop_table("order_charge")
    with op.batch_alter_table("listing", schema=None) as batch_op:
        batch_op.drop_index("uq_listing_channel_id_external_sku")
        batch_op.drop_index(batch_op.f("ix_listing_sku"))

    op.drop_table("listing")
    with op.batch_alter_table("kit_component", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_kit_component_component_sku"))

    op.drop_table("kit_component")
    with op.batch_alter_table("inbox_item", schema=None) as batch_op:
        batch_op.drop_index("ix_inbox_item_source_reference")
        batch_op.drop_index("ix_inbox_item_open", sqlite_where=sa.text("status = 'open'"), postgresql_where=sa.text("status = 'open'"))
        batch_op.drop_index(batch_op.f("ix_inbox_item_import_run_id"))

    op.drop_table("inbox_item")
    op.drop_table("channel_state")
    op.drop_table("channel_price")
    op.drop_table("channel_location")
    op.drop_table("backorder_level")
    op.drop_table("supplier")
    op.drop_table("store_version")
    op.drop_table("store_meta")
    op.drop_table("product")
    op.drop_table("location")
    op.drop_table("ingest_lock")
    with op.batch_alter_table("import_run", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_import_run_file_hash_mapping_hash"))

    op.drop_table("import_run")
    op.drop_table("id_block")
    with op.batch_alter_table("event", schema=None) as batch_op:
        batch_op.drop_index("uq_event_source_event_id")
        batch_op.drop_index("ix_event_waits_for", sqlite_where=sa.text("status = 'parked'"), postgresql_where=sa.text("status = 'parked'"))

    op.drop_table("event")
    op.drop_table("channel")
    with op.batch_alter_table("change_log", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_change_log_logged_at"))

    op.drop_table("change_log")
    with op.batch_alter_table("audit_entry", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_audit_entry_entity_entity_id"))

    op.drop_table("audit_entry")
    #
