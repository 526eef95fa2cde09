"""Writing the rows of count files: each is an event `count`, which makes the ledger equal to what was counted."""

import hashlib
from collections.abc import Sequence
from typing import Any

from data_access.engine import now_us
from data_access.events.ingest import Outcome, take_in
from data_access.events.models import Count, CountedStateUnits
from data_access.imports.files.orders import MAX_TEXT
from data_access.imports.order_plan import Bad, Chunk
from data_access.schema.stock import event
from data_access.write.unit_of_work import UnitOfWork

Row = dict[str, Any]


def write_counts(unit: UnitOfWork, chunk: Chunk, rows: list[Row], source: str, run_id: int) -> None:
    """Take in counts. The same SKU, location, state and time again is a duplicate; with another quantity it is a conflict."""
    unit.lookups.load(unit.connection, {row["sku"] for row in rows}, ())
    taken: list[Row] = []
    for row in rows:
        problem = _problem(unit, row)
        if problem is not None:
            chunk.bad.append(Bad(row["row_no"], row["line_number"], row["reference"], *problem))
        else:
            taken.append(row)
    for row, outcome in zip(taken, take_counts(unit, taken, source, run_id), strict=True):
        if outcome.status == "applied":
            chunk.tally.imported += 1
            chunk.taken.append(row["row_no"])
        elif outcome.status == "duplicate":
            chunk.tally.duplicates += 1
            chunk.taken.append(row["row_no"])
        else:
            chunk.tally.quarantined += 1  # a conflict: it is in the inbox as the event that it is


def take_counts(unit: UnitOfWork, rows: Sequence[Row], source: str, run_id: int) -> list[Outcome]:
    """Take in the counts of rows with sku, location_id, state, quantity and counted_at, as events of this import."""
    now = now_us()
    outcomes = take_in(unit, [_event(row, source, now) for row in rows])
    for stored in unit.added(event):
        stored["import_run_id"] = run_id
    return outcomes


def count_id(row: Row) -> str:
    """The event id of a row: one count per location, SKU, state and time."""
    identity = f"{row['location_id']}|{row['sku']}|{row['state'] or 'sellable'}|{row['counted_at']}"
    return identity if len(identity) <= MAX_TEXT else hashlib.blake2b(identity.encode(), digest_size=16).hexdigest()


def _problem(unit: UnitOfWork, row: Row) -> tuple[str, str] | None:
    version = unit.lookups.kit_version(row["sku"])
    if version is None:
        return "unknown_sku", f"There is no SKU {row['sku']}: import products first."
    if version:
        return "is_kit", f"{row['sku']} is a kit, and kits hold no stock: count its components."
    if not unit.lookups.has_location(row["location_id"]):
        return "unknown_location", f"There is no location {row['location_id']}: import locations first."
    return None


def _event(row: Row, source: str, now: int) -> Count:
    state = row["state"] or "sellable"
    return Count(
        source=source,
        event_id=count_id(row),
        occurred_at=row["counted_at"],
        received_at=now,
        location_id=row["location_id"],
        lines=(CountedStateUnits(sku=row["sku"], quantity=row["quantity"], state=state),),
    )
