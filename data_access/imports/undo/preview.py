"""What taking an import back would do, before anything is done."""

from dataclasses import asdict, dataclass
from typing import Any, Final

import polars as pl
import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from data_access.engine import reading
from data_access.errors import InvalidInput
from data_access.imports.undo.rows import RunRows, events_of, read_rows
from data_access.imports.undo.stops import Stop, stops
from data_access.schema.audit import import_run, inbox_item
from data_access.schema.orders import order_line
from data_access.schema.stock import event, stock_movement
from data_access.store.frames import read
from data_access.write.bulk import in_values
from data_access.write.ledger_reader import DERIVED

KINDS: Final = ("orders", "counts")
"""The kinds of files whose import can be taken back; of a channel's export of products, the counts that came with it can."""

UNITS: Final = pl.Schema({"location_id": pl.String, "back": pl.Int64, "gone": pl.Int64})


@dataclass(frozen=True, slots=True, kw_only=True)
class UndoPreview:
    """What an import brought that would be taken back, as numbers of rows.

    `orders`: that would be gone whole; `open_lines`: of the lines, those neither shipped nor cancelled; `overwritten`: rows of other
    sources that would say again what they said before; `units`: `UNITS`, for each location the units that come back to its stock
    and that go from it; `mended`: rows that a person mended in the inbox, which would be gone too; `failed`: rows that still wait
    there, which would be dismissed; `overlapping`: later imports (`import_run_id`, `file_name`, `rows` that said nothing new) whose files
    may hold rows of this one, so that they must be imported again; `stops`: what rests on the import, so that it cannot be taken back.
    """

    import_run_id: int
    file_name: str
    kind: str
    status: str
    orders: int
    lines: int
    open_lines: int
    shipments: int
    cancellations: int
    returns: int
    charges: int
    counts: int
    overwritten: int
    units: list[dict[str, Any]]
    mended: int
    failed: int
    overlapping: list[dict[str, Any]]
    stops: list[Stop]

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def preview_undo(engine: Engine, run_id: int) -> UndoPreview:
    """Work out what taking an import back would do; nothing is changed.

    Raises:
        InvalidInput: there is no such import, or it is none that can be taken back.

    """
    with reading(engine) as connection:
        run = run_of(connection, run_id)
        rows = read_rows(connection, run_id)
        return UndoPreview(
            import_run_id=run_id,
            file_name=run["file_name"],
            kind=run["kind"],
            status=run["status"],
            orders=_orders(connection, rows),
            lines=rows.lines.height,
            open_lines=rows.lines.filter(pl.col("open_units") > 0).height,
            shipments=rows.shipments.height,
            cancellations=rows.cancellations.height,
            returns=rows.returns.height,
            charges=rows.charges.height,
            counts=rows.counts.height,
            overwritten=len(rows.overwritten),
            units=_units(connection, run_id),
            mended=_items(connection, run_id, inbox_item.c.status == "resolved", inbox_item.c.mended.is_not(None)),
            failed=_items(connection, run_id, inbox_item.c.status == "open"),
            overlapping=_overlapping(connection, run),
            stops=stops(connection, rows) if not is_begun(connection, run_id) else [],
        )


def run_of(connection: Connection, run_id: int) -> dict[str, Any]:
    """The row of an import that can be taken back, as far as its kind and age say.

    Raises:
        InvalidInput: there is no such import, or it cannot be.

    """
    row = connection.execute(sa.select(import_run).where(import_run.c.id == run_id)).mappings().first()
    if row is None:
        raise InvalidInput(f"There is no import {run_id}: `onhand import runs` lists them.")
    has_events = connection.execute(events_of(run_id).limit(1)).first() is not None
    if row["kind"] not in KINDS and not has_events and row["status"] not in ("undoing", "undone"):
        raise InvalidInput(
            f"Import {run_id} brought {row['kind']}, and only imports of orders and counts can be taken back: "
            "import a corrected file, which overwrites it."
        )
    if row["status"] == "undone":
        raise InvalidInput(f"Import {run_id} ({row['file_name']}) has been taken back already.")
    if row["status"] != "undoing" and not has_events:
        older = "" if not row["imported"] + row["updated"] else ", or it is older than the taking back of imports"
        raise InvalidInput(f"Import {run_id} ({row['file_name']}) brought nothing new{older}: there is nothing to take back.")
    return dict(row)


def is_begun(connection: Connection, run_id: int) -> bool:
    """Whether some of the import is taken back already."""
    query = sa.select(event.c.id).where(event.c.import_run_id == run_id, event.c.status == "undone").limit(1)
    return connection.execute(query).first() is not None


def _overlapping(connection: Connection, run: dict[str, Any]) -> list[dict[str, Any]]:
    """Later imports by the same mapping, or of the same channels, of which rows were known."""
    r, e = import_run.c, event.c
    channels = sa.select(e.channel_id).where(e.import_run_id == run["id"], e.channel_id.is_not(None))
    of_channel = sa.select(e.id).where(e.import_run_id == r.id, e.channel_id.in_(channels)).exists()
    query = (
        sa.select(r.id.label("import_run_id"), r.file_name, (r.duplicates + r.ignored).label("rows"))
        .where(r.kind == run["kind"], r.id != run["id"], r.started_at >= run["started_at"], r.status.in_(("running", "complete")))
        .where(r.duplicates + r.ignored + r.updated > 0, sa.or_(r.mapping == run["mapping"], of_channel))
        .order_by(r.id)
    )
    return [dict(row) for row in connection.execute(query).mappings()]


def _orders(connection: Connection, rows: RunRows) -> int:
    """Orders all of whose lines it brought."""
    line = order_line.c
    counted = sa.select(line.order_id, sa.func.count()).where(
        in_values(connection, line.order_id, rows.lines["order_id"].unique().to_list())
    )
    all_lines = read(connection, counted.group_by(line.order_id), pl.Schema({"order_id": pl.Int64, "all_lines": pl.Int64}))
    own = rows.lines.group_by("order_id").agg(own_lines=pl.len().cast(pl.Int64))
    return own.join(all_lines, on="order_id").filter(pl.col("own_lines") == pl.col("all_lines")).height


def _units(connection: Connection, run_id: int) -> list[dict[str, Any]]:
    m = stock_movement.c
    own = (m.event_id.in_(events_of(run_id)), m.kind.not_in(DERIVED), m.line_no > 0)

    def total(where: sa.ColumnElement[bool], quantity: sa.ColumnElement[int]) -> sa.ColumnElement[int]:
        return sa.cast(sa.func.sum(sa.case((where, quantity), else_=0)), sa.BigInteger)

    query = sa.select(m.location_id, total(m.quantity < 0, -m.quantity), total(m.quantity > 0, m.quantity)).where(*own)
    return read(connection, query.group_by(m.location_id).order_by(m.location_id), UNITS).to_dicts()


def _items(connection: Connection, run_id: int, *where: sa.ColumnElement[bool]) -> int:
    i = inbox_item.c
    query = sa.select(sa.func.count()).select_from(inbox_item).where(i.import_run_id == run_id, i.kind == "row", *where)
    return int(connection.execute(query).scalar_one())
