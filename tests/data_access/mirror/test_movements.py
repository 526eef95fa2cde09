"""The movements beside the mirror are those of the store, whatever came in since, in whatever order of ids."""

from pathlib import Path

import polars as pl
import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from data_access.engine import reading, writing
from data_access.errors import StoreUnavailable
from data_access.events import models as ev
from data_access.events.ingest import ingest
from data_access.mirror import movements
from data_access.mirror.movements import MOVES, moves
from data_access.schema.audit import id_block
from data_access.schema.stock import stock_movement
from data_access.store.frames import read
from tests.data_access.queries.busy_company import head, make_busy_company, opening
from tests.data_access.small_company import T0, make_company


def stored(engine: Engine) -> pl.DataFrame:
    c = stock_movement.c
    query = sa.select(c.id, c.sku, c.location_id, c.occurred_at, c.quantity, c.state, c.kind).order_by(c.id)
    rows = read(engine, query, pl.Schema({**MOVES, "state": pl.String(), "kind": pl.String()}))
    return rows.filter(pl.col("state") == "sellable", pl.col("kind") != "shipment").select(MOVES.names())


def kept(engine: Engine, folder: Path, store_id: str = "one") -> pl.DataFrame:
    with reading(engine) as connection:
        return moves(connection, folder, store_id)


def receipt(number: int, units: int) -> ev.Receipt:
    return ev.Receipt(**head(number, number), location_id="north", lines=(ev.SkuUnits(sku="A", quantity=units),))


def add(engine: Engine, movement_id: int, units: int) -> None:
    """A movement under an id of a block that was taken earlier."""
    with writing(engine) as connection:
        some = connection.execute(sa.select(stock_movement).limit(1)).mappings().one()
        line_no = 1_000 + movement_id
        row = {**some, "id": movement_id, "line_no": line_no, "state": "sellable", "kind": "receipt", "quantity": units, "occurred_at": T0}
        connection.execute(sa.insert(stock_movement), row)


@pytest.mark.parametrize("chunk", [1, 2, 1_000])
def test_only_sellable_stock_and_no_shipments(store: Engine, tmp_path: Path, chunk: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(movements, "CHUNK", chunk)
    make_busy_company(store)
    shipped = ev.OrderUnits(line_ref="1", quantity=1)
    to = {"channel_id": "web", "order_ref": "o3", "shipment_ref": "p1", "location_id": "north"}
    ingest(store, [ev.Shipment(**head(8, 6), **to, lines=(shipped,))])
    moved = kept(store, tmp_path)
    assert moved.schema == MOVES
    assert moved.select("sku", "location_id", "units").sort("sku", "location_id", "units").rows() == [
        ("A", "north", 5),
        ("A", "north", 10),
        ("A", "south", 4),
        ("B", "north", 9),
    ]
    assert moved.equals(stored(store))


def test_what_came_in_since_is_read_and_no_more(store: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_busy_company(store)
    first = kept(store, tmp_path)
    ingest(store, [receipt(8, 2)])
    monkeypatch.setattr(movements, "OVERLAP", 0)
    assert kept(store, tmp_path).equals(stored(store))
    with writing(store) as connection:  # what was read is not read again
        connection.execute(sa.update(stock_movement).where(stock_movement.c.id == first["id"][0]).values(quantity=77))
    ingest(store, [receipt(9, 3)])
    moved = kept(store, tmp_path)
    assert moved["units"].to_list() == [*first["units"], 2, 3]
    assert pl.read_parquet(tmp_path / "moves.parquet").equals(moved)


def test_ids_of_earlier_blocks_are_seen_among_the_last_ids_and_after_some_days(
    store: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with writing(store) as connection:
        connection.execute(sa.update(id_block).values(next_id=100_000))
    make_busy_company(store)
    first = int(kept(store, tmp_path)["id"].min() or 0)  # type: ignore[arg-type]
    add(store, first - 10, 5)
    assert kept(store, tmp_path).equals(stored(store))
    monkeypatch.setattr(movements, "OVERLAP", 5)
    add(store, first - 200, 6)
    assert kept(store, tmp_path).height == stored(store).height - 1
    monkeypatch.setattr(movements, "KEPT_DAYS", -1)
    assert kept(store, tmp_path).equals(stored(store))


def test_what_cannot_be_used_is_read_anew(store: Engine, tmp_path: Path) -> None:
    make_busy_company(store)
    kept(store, tmp_path)
    (tmp_path / "moves.parquet").write_bytes(b"half a file")
    assert kept(store, tmp_path).equals(stored(store))
    MOVES.to_frame().write_parquet(tmp_path / "moves.parquet")
    assert kept(store, tmp_path).equals(stored(store))
    (tmp_path / "moves.parquet").unlink()
    kept(store, tmp_path)
    with writing(store) as connection:  # as if it had been put back to an earlier state
        connection.execute(sa.delete(stock_movement).where(stock_movement.c.id == stored(store)["id"].max()))
    assert kept(store, tmp_path).equals(stored(store))
    other = {"format": "1", "store_id": "other", "read_at": "2999-01-01T00:00:00+00:00", "newest": "999999999"}
    MOVES.to_frame().write_parquet(tmp_path / "moves.parquet", metadata=other)
    assert kept(store, tmp_path).equals(stored(store))


def test_a_folder_that_cannot_be_written_is_said(store: Engine, tmp_path: Path) -> None:
    make_company(store)
    ingest(store, [opening(1, "north", A=1)])
    with pytest.raises(StoreUnavailable, match="cannot be written"):
        kept(store, tmp_path / "missing")
