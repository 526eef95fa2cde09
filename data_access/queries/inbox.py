"""What waits for a person: rows and events that could not be taken in, parked events, listings without a SKU."""

from contextlib import nullcontext
from dataclasses import dataclass
from typing import Final

import polars as pl
import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from data_access.imports.inbox_files.hiding import hiding_of
from data_access.imports.inbox_files.layout import RUN_COLUMNS
from data_access.schema.audit import import_run, inbox_item
from data_access.schema.catalog import listing
from data_access.schema.stock import event
from data_access.store.frames import MICROS, read

ITEMS: Final = pl.Schema(
    {
        "id": pl.Int64,
        "kind": pl.String,
        "status": pl.String,
        "source": pl.String,
        "reference": pl.String,
        "channel_id": pl.String,
        "external_sku": pl.String,
        "import_run_id": pl.Int64,
        "file_name": pl.String,
        "line_number": pl.Int64,
        "reason": pl.String,
        "reason_code": pl.String,
        "content": pl.String,
        "mended": pl.String,
        "created_at": MICROS,
        "closed_at": MICROS,
        "version": pl.Int64,
    }
)
"""One row an item; `file_name` of the import it came from, if any."""

LISTINGS: Final = pl.Schema(
    {
        "channel_id": pl.String,
        "external_sku": pl.String,
        "title": pl.String,
        "rows_waiting": pl.Int64,
        "events_waiting": pl.Int64,
        "first_seen_at": MICROS,
        "version": pl.Int64,
    }
)
"""One row a listing without a SKU, the one that most waits for first."""

PARKED: Final = pl.Schema(
    {
        "id": pl.Int64,
        "source": pl.String,
        "event_id": pl.String,
        "kind": pl.String,
        "channel_id": pl.String,
        "waits_for": pl.String,
        "occurred_at": MICROS,
        "received_at": MICROS,
        "payload": pl.String,
    }
)
"""One row an event that waits for its parent, oldest first."""

COUNTS: Final = pl.Schema({"what": pl.String, "waiting": pl.Int64})
"""`what`: row, event, conflict, parked or listing."""


@dataclass(frozen=True, slots=True)
class InboxFilter:
    """Which items; None and empty mean all. `text` is looked for in the reference, the reason and the content."""

    status: str | None = "open"
    kind: str | None = None
    channel_id: str | None = None
    reason_code: str | None = None
    import_run_id: int | None = None
    text: str = ""
    limit: int = 1_000
    offset: int = 0


def items(bind: Engine | Connection, where: InboxFilter | None = None) -> pl.DataFrame:
    """Items by `ITEMS`, in the order in which they came; what rows of files say of persons is hidden in their texts."""
    where, i = where or InboxFilter(), inbox_item.c
    conditions: list[sa.ColumnElement[bool]] = []
    for column, value in (
        (i.status, where.status),
        (i.kind, where.kind),
        (i.channel_id, where.channel_id),
        (i.reason_code, where.reason_code),
        (i.import_run_id, where.import_run_id),
    ):
        if value is not None:
            conditions.append(column == value)
    if where.text:
        conditions.append(sa.or_(*(column.icontains(where.text, autoescape=True) for column in (i.reference, i.reason, i.content))))
    named = [import_run.c.file_name if name == "file_name" else i[name] for name in ITEMS]
    query = sa.select(*named).join(import_run, import_run.c.id == i.import_run_id, isouter=True).where(*conditions)
    return _hidden(bind, read(bind, query.order_by(i.id).limit(where.limit).offset(where.offset), ITEMS))


def _hidden(bind: Engine | Connection, rows: pl.DataFrame) -> pl.DataFrame:
    run_ids = rows.filter(pl.col("kind") == "row")["import_run_id"].drop_nulls().unique().to_list()
    if not run_ids:
        return rows
    query = sa.select(import_run.c.id, *RUN_COLUMNS).where(import_run.c.id.in_(run_ids))
    with bind.connect() if isinstance(bind, Engine) else nullcontext(bind) as connection:
        hidings = {run.id: hiding_of(run) for run in connection.execute(query)}
    texts: dict[str, list[str | None]] = {"content": [], "mended": []}
    for run_id, kind, content, mended in rows.select("import_run_id", "kind", "content", "mended").iter_rows():
        hiding = hidings.get(run_id) if kind == "row" else None
        texts["content"].append(content if hiding is None else hiding.hidden(content))
        texts["mended"].append(mended if hiding is None or mended is None else hiding.hidden(mended))
    return rows.with_columns(pl.Series(name, values, dtype=pl.String) for name, values in texts.items())


def listings_without_sku(bind: Engine | Connection) -> pl.DataFrame:
    """Listings that nobody has mapped, by `LISTINGS`."""
    i, c = inbox_item.c, listing.c
    rows = (
        sa.select(i.channel_id, i.external_sku, sa.func.count().label("rows_waiting"))
        .where(i.status == sa.literal_column("'open'"), i.external_sku.is_not(None))
        .group_by(i.channel_id, i.external_sku)
        .subquery()
    )
    events = (
        sa.select(event.c.waits_for, sa.func.count().label("events_waiting"))
        .where(event.c.status == sa.literal_column("'parked'"), event.c.waits_for.is_not(None))
        .group_by(event.c.waits_for)
        .subquery()
    )
    waiting = (sa.func.coalesce(rows.c.rows_waiting, 0), sa.func.coalesce(events.c.events_waiting, 0))
    query = (
        sa.select(c.channel_id, c.external_sku, c.title, *waiting, c.first_seen_at, c.version)
        .join(rows, sa.and_(rows.c.channel_id == c.channel_id, rows.c.external_sku == c.external_sku), isouter=True)
        .join(events, events.c.waits_for == sa.literal("listing:") + c.channel_id + ":" + c.external_sku, isouter=True)
        .where(c.sku.is_(None))
        .order_by((waiting[0] + waiting[1]).desc(), c.channel_id, c.external_sku)
    )
    return read(bind, query, LISTINGS)


def parked(bind: Engine | Connection) -> pl.DataFrame:
    """Events that wait for their parent, by `PARKED`."""
    query = sa.select(*(event.c[name] for name in PARKED)).where(event.c.status == sa.literal_column("'parked'"))
    return read(bind, query.order_by(event.c.received_at, event.c.id), PARKED)


def counts(bind: Engine | Connection) -> pl.DataFrame:
    """How much waits, by `COUNTS`; what nothing waits of is left out."""
    i = inbox_item.c
    open_items = sa.select(i.kind, sa.func.count()).where(i.status == sa.literal_column("'open'")).group_by(i.kind)
    waiting = sa.select(sa.literal("parked"), sa.func.count()).where(event.c.status == sa.literal_column("'parked'"))
    unmapped = sa.select(sa.literal("listing"), sa.func.count()).where(listing.c.sku.is_(None))
    return read(bind, sa.union_all(open_items, waiting, unmapped), COUNTS).filter(pl.col("waiting") > 0).sort("what")
