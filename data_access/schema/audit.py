"""How the store keeps account of itself: versions, change log, audit, imports, the inbox, id blocks."""

from typing import Final

from sqlalchemy import CheckConstraint, Column, ForeignKey, Index, Integer, String, Table, Text, TypedColumns, text

from data_access.schema.base import Id, Micros, metadata, one_of

TOPICS: Final = (
    *("buffers", "catalog", "channels", "demand", "freshness", "inbox", "jobs", "orders", "purchasing", "returns", "scorecards", "stock"),
)
IMPORT_STATUSES: Final = ("running", "complete", "undoing", "undone")
INBOX_KINDS: Final = ("row", "event", "conflict")
INBOX_STATUSES: Final = ("open", "resolved", "dismissed")


class _StoreMeta(TypedColumns):
    key = Column(String, primary_key=True, comment="What is told.")
    value = Column(Text, nullable=False, comment="JSON.")


store_meta = Table("store_meta", metadata, _StoreMeta, comment="What kind of store this is (own or demo) and how it was made.")


class _StoreVersion(TypedColumns):
    topic = Column(
        String,
        primary_key=True,
        comment="buffers, catalog, channels, demand, freshness, inbox, jobs, orders, purchasing, returns, scorecards or stock.",
    )
    version = Column(Id, nullable=False, comment="Raised by the last statement of each transaction that writes to the topic.")


store_version = Table(
    "store_version", metadata, _StoreVersion, CheckConstraint(one_of("topic", TOPICS), name="topic"), comment="One version a topic."
)


class _ChangeLog(TypedColumns):
    topic = Column(String, primary_key=True, comment="The topic.")
    version = Column(Id, primary_key=True, comment="The topic's version that the change made: commit-ordered.")
    entity = Column(String, primary_key=True, comment="What changed: sku, order, return, channel, product, inbox, or bulk.")
    entity_id = Column(String, primary_key=True, comment="Which one; `*` for all.")
    logged_at = Column(Micros, nullable=False, comment="When.")


change_log = Table("change_log", metadata, _ChangeLog, Index(None, "logged_at"), comment="What changed, in the order of commits; 7 days.")


class _AuditEntry(TypedColumns):
    id = Column(Id, primary_key=True, autoincrement=False, comment="Row id, from `id_block`.")
    at = Column(Micros, nullable=False, comment="When.")
    actor = Column(String, nullable=False, comment="Who.")
    action = Column(String, nullable=False, comment="What was done, as the command's name.")
    entity = Column(String, nullable=False, comment="Kind of thing changed.")
    entity_id = Column(String, nullable=False, comment="Which one.")
    before = Column(Text, nullable=True, comment="JSON of the values before; empty if new.")
    after = Column(Text, nullable=True, comment="JSON of the values after; empty if gone.")
    why = Column(String, nullable=True, comment="The reason given.")


audit_entry = Table("audit_entry", metadata, _AuditEntry, Index(None, "entity", "entity_id"), comment="Every write that a person made.")


class _IdBlock(TypedColumns):
    name = Column(String, primary_key=True, comment="`row`: the one sequence of row ids.")
    next_id = Column(Id, nullable=False, comment="First id not yet handed out. A writer takes a block by raising it.")


id_block = Table("id_block", metadata, _IdBlock, comment="Row ids, handed to writers in blocks.")


class _IngestLock(TypedColumns):
    stripe = Column(Integer, primary_key=True, comment="Orders and other parents hash to a stripe.")


ingest_lock = Table(
    "ingest_lock",
    metadata,
    _IngestLock,
    comment="Rows that writers lock on PostgreSQL so that a parent and its child never miss each other.",
)


class _ImportRun(TypedColumns):
    id = Column(Id, primary_key=True, autoincrement=False, comment="Row id, from `id_block`.")
    kind = Column(String, nullable=False, comment="orders, products, kits, listings, locations, channels, suppliers or counts.")
    file_name = Column(String, nullable=False, comment="Name of the file, without its folder.")
    file_hash = Column(String(32), nullable=False, comment="BLAKE2b of the file's bytes.")
    mapping = Column(String, nullable=False, comment="Name of the mapping.")
    mapping_hash = Column(String(32), nullable=False, comment="BLAKE2b of the mapping and the options.")
    status = Column(String, nullable=False, comment="running (or killed: run it again to resume), complete, undoing (likewise) or undone.")
    started_at = Column(Micros, nullable=False, comment="When it began.")
    finished_at = Column(Micros, nullable=True, comment="When it ended.")
    next_row = Column(Id, nullable=False, comment="First data row not yet taken in.")
    rows_read = Column(Id, nullable=False, comment="imported + updated + ignored + duplicates + left_out + waiting + quarantined.")
    imported = Column(Id, nullable=False, comment="Rows that were new.")
    updated = Column(Id, nullable=False, comment="Rows that changed what was known.")
    ignored = Column(Id, nullable=False, server_default="0", comment="Changed rows that were not taken as a change; see `ignored_row`.")
    duplicates = Column(Id, nullable=False, comment="Rows that were known already.")
    left_out = Column(Id, nullable=False, server_default="0", comment="Rows that a rule of the mapping leaves out.")
    waiting = Column(Id, nullable=False, server_default="0", comment="Rows that are not yet an order.")
    quarantined = Column(Id, nullable=False, comment="Rows that could not be taken, kept in the inbox.")
    counts = Column(Text, nullable=False, server_default="{}", comment="JSON: further counts, such as returns without a purchase.")
    recipe = Column(Text, nullable=False, server_default="{}", comment="JSON: the mapping's text, the file's header and the options.")
    undone_at = Column(Micros, nullable=True, comment="When it was taken back, or when that began.")


import_run = Table(
    "import_run",
    metadata,
    _ImportRun,
    Index(None, "file_hash", "mapping_hash"),
    Index("ix_import_run_undoing", "id", sqlite_where=text("status = 'undoing'"), postgresql_where=text("status = 'undoing'")),
    CheckConstraint(one_of("status", IMPORT_STATUSES), name="status"),
    comment="Each import of a file, with its accounting.",
)


class _IgnoredRow(TypedColumns):
    id = Column(Id, primary_key=True, autoincrement=False, comment="Row id, from `id_block`.")
    import_run_id = Column(Id, ForeignKey("import_run.id"), nullable=False, comment="The import (`import_run.id`).")
    line_number = Column(Id, nullable=False, comment="Line in the file, the header being line 1.")
    reference = Column(String, nullable=False, comment="Order id of the row.")
    reason_code = Column(String, nullable=False, comment="Why, as a short code.")
    reason = Column(String, nullable=False, comment="What the row says, what is known, and why that stands: one sentence.")


ignored_row = Table(
    "ignored_row", metadata, _IgnoredRow, Index(None, "import_run_id"), comment="What changed rows say that was not taken as a change."
)


class _ImportChange(TypedColumns):
    id = Column(Id, primary_key=True, autoincrement=False, comment="Row id, from `id_block`.")
    import_run_id = Column(Id, ForeignKey("import_run.id"), nullable=False, comment="The import (`import_run.id`).")
    table_name = Column(String, nullable=False, comment="Table of the row that was changed.")
    row_id = Column(Id, nullable=False, comment="Its id there.")
    before = Column(Text, nullable=False, comment="JSON of the values before, by column.")
    after = Column(Text, nullable=False, comment="JSON of the values after.")


import_change = Table(
    "import_change",
    metadata,
    _ImportChange,
    Index(None, "import_run_id"),
    Index(None, "table_name", "row_id"),
    comment="What rows of files overwrote, so that it can be put back.",
)


class _InboxItem(TypedColumns):
    id = Column(Id, primary_key=True, autoincrement=False, comment="Row id, from `id_block`.")
    kind = Column(String, nullable=False, comment="row (of a file), event (not valid) or conflict (same id, other payload).")
    status = Column(String, nullable=False, comment="open, resolved or dismissed.")
    source = Column(String, nullable=False, comment="The feed or file it came from.")
    reference = Column(String, nullable=False, comment="Event id, or order id of the row.")
    channel_id = Column(String, nullable=True, comment="The channel, if known.")
    external_sku = Column(String, nullable=True, comment="The listing it waits for, if that is the reason.")
    import_run_id = Column(Id, ForeignKey("import_run.id"), nullable=True, comment="The import (`import_run.id`).")
    line_number = Column(Id, nullable=True, comment="Line in the file, the header being line 1.")
    reason = Column(String, nullable=False, comment="What is wrong, where, and what to do: one sentence.")
    reason_code = Column(String, nullable=False, comment="The same as a short code.")
    content = Column(Text, nullable=False, comment="The row's text or the event's JSON, whole.")
    row_facts = Column(Text, nullable=True, comment="JSON: what its file says of the row beside its text, such as its order's status.")
    mended = Column(Text, nullable=True, comment="The text as a person mended it.")
    created_at = Column(Micros, nullable=False, comment="When it came in.")
    closed_at = Column(Micros, nullable=True, comment="When it was resolved or dismissed.")
    version = Column(Integer, nullable=False, server_default="1", comment="Raised by each change.")


inbox_item = Table(
    "inbox_item",
    metadata,
    _InboxItem,
    Index(
        "ix_inbox_item_open",
        "channel_id",
        "external_sku",
        sqlite_where=text("status = 'open'"),
        postgresql_where=text("status = 'open'"),
    ),
    Index(None, "import_run_id"),
    Index("ix_inbox_item_source_reference", "source", "reference"),
    CheckConstraint(one_of("kind", INBOX_KINDS), name="kind"),
    CheckConstraint(one_of("status", INBOX_STATUSES), name="status"),
    comment="What could not be taken in: kept whole until it is mended, retried or dismissed.",
)

__all__ = [
    "IMPORT_STATUSES",
    "INBOX_KINDS",
    "INBOX_STATUSES",
    "TOPICS",
    "audit_entry",
    "change_log",
    "id_block",
    "ignored_row",
    "import_change",
    "import_run",
    "inbox_item",
    "ingest_lock",
    "store_meta",
    "store_version",
]
