"""The movements of sellable stock that are no shipments, kept beside the mirror, so that a run reads only what came in since the last.

Of every ten movements nine are shipments, which the mirror has as facts: these are the others. Movements are only ever appended, but row
ids do not tell in what order: a process numbers its rows from a block that it took earlier. So the last `OVERLAP` ids are read again each
time, and everything once in `KEPT_DAYS`.
"""

import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import polars as pl
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from data_access.errors import StoreUnavailable
from data_access.mirror.manifest import sync
from data_access.mirror.reading import CHUNK
from data_access.schema.stock import stock_movement
from data_access.store.frames import read

MOVES: Final = pl.Schema({"id": pl.Int64, "sku": pl.String, "location_id": pl.String, "at": pl.Int64, "units": pl.Int64})
"""`at`: microseconds since 1970; `units`: signed."""

OVERLAP: Final = 1_000_000
KEPT_DAYS: Final = 7
_FILE: Final = "moves.parquet"
_FORMAT: Final = "1"


def moves(connection: Connection, folder: Path, store_id: str) -> pl.DataFrame:
    """`MOVES` of the whole store, by id.

    Raises:
        StoreUnavailable: the folder cannot be written.

    """
    newest = int(connection.execute(sa.select(sa.func.coalesce(sa.func.max(stock_movement.c.id), 0))).scalar_one())
    known, about = _kept(folder, store_id, newest, datetime.now(UTC))
    after = int(about["newest"]) - OVERLAP
    all_moves = pl.concat([known.filter(pl.col("id") <= after), *_read(connection, after)])
    if all_moves.height != known.height or int(about["newest"]) != newest:
        _keep(folder, all_moves, {**about, "newest": str(newest)})
    return all_moves


def _read(connection: Connection, after: int) -> Iterator[pl.DataFrame]:
    """Those with greater ids, some at a time."""
    move = stock_movement.c
    query = sa.select(move.id, move.sku, move.location_id, move.occurred_at, move.quantity).order_by(move.id).limit(CHUNK)
    while True:
        rows = read(connection, query.where(move.id > after, move.state == "sellable", move.kind != "shipment"), MOVES)
        yield rows
        if rows.height < CHUNK:
            return
        after = int(rows["id"][-1])


def _kept(folder: Path, store_id: str, newest: int, now: datetime) -> tuple[pl.DataFrame, dict[str, str]]:
    """What was kept, and since when; nothing, if it is too old, or of another store or a later state of it."""
    path = folder / _FILE
    again = {"format": _FORMAT, "store_id": store_id, "read_at": now.isoformat(), "newest": "0"}
    try:
        about = pl.read_parquet_metadata(path)
        header = {name: about[name] for name in again}
        is_ours = (header["format"], header["store_id"]) == (_FORMAT, store_id) and int(header["newest"]) <= newest
        if is_ours and now - datetime.fromisoformat(header["read_at"]) <= timedelta(KEPT_DAYS):
            return pl.read_parquet(path), header
    except (OSError, ValueError, KeyError, pl.exceptions.PolarsError):
        pass
    return MOVES.to_frame(), again


def _keep(folder: Path, all_moves: pl.DataFrame, about: dict[str, str]) -> None:
    """Put it in place of what was kept; a kill leaves either."""
    beside = folder / f"{_FILE}.{os.getpid()}"
    try:
        with beside.open("wb") as file:
            all_moves.write_parquet(file, compression="lz4", metadata=about)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(folder / _FILE)
        sync(folder)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise StoreUnavailable(f"The mirror in {folder} cannot be written ({error.strerror}): give write permission on it.") from error
