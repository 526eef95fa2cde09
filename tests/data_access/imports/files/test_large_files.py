"""Files that are taken in part by part: what comes of them is what comes of the whole."""

import random
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.engine import Engine

from data_access.engine import open_engine, reading
from data_access.errors import InvalidInput
from data_access.imports import order_parts, table_import
from data_access.imports.files.delimited.spool import Spool
from data_access.imports.import_run import ImportResult
from data_access.imports.order_import import import_orders, import_table
from data_access.queries.verification.verify import verify
from data_access.schema.orders import order_line, sales_order
from tests.data_access.import_files import HEADER, SHOP, one, row, table, write

LINES = ["order_ref", "line_ref", "sku", "quantity", "allocated_quantity", "shipped_quantity", "cancelled_quantity"]


def small_parts(monkeypatch: pytest.MonkeyPatch, rows: int) -> None:
    """Take in files of more rows than these in parts of as many."""
    for module in (order_parts, table_import):
        monkeypatch.setattr(module, "WHOLE_ROWS", rows)
        monkeypatch.setattr(module, "PART_ROWS", rows)


def lines(engine: Engine) -> list[tuple[object, ...]]:
    with reading(engine) as connection:
        query = sa.select(sales_order.c.order_ref, *(order_line.c[name] for name in LINES[1:])).join(order_line)
        return sorted(map(tuple, connection.execute(query)), key=repr)


def shuffled_orders(seed: int) -> list[str]:
    """Rows of 40 orders, whose rows are apart; without line ids, some of them alike, and some that cannot be read."""
    chance = random.Random(seed)
    rows = []
    for number in range(40):
        placed = f"2026-03-{1 + number % 28:02d} 10:00:00"
        for _ in range(chance.randint(1, 4)):
            status = chance.choice(["Open", "Shipped", "Cancelled"])
            shipped = {"shipped": "2026-03-29 10:00:00"} if status == "Shipped" else {}
            units = chance.choice([1, 2, "some"]) if chance.random() < 0.1 else chance.randint(1, 2)
            rows.append(row(f"O-{number}", "", chance.choice("ABC"), units, status, placed=placed, **shipped))
    rows.append(row("O-1", "", "A", "some"))
    chance.shuffle(rows)
    return rows


@pytest.fixture
def two_stores(sqlite_template: Path, tmp_path: Path) -> Iterator[tuple[Engine, Engine]]:
    """Empty stores, for the whole and for parts."""
    paths = [tmp_path / name for name in ("whole.db", "parts.db")]
    for path in paths:
        shutil.copyfile(sqlite_template, path)
    engines = [open_engine(f"sqlite:///{path}") for path in paths]
    yield engines[0], engines[1]
    for engine in engines:
        engine.dispose()


@pytest.fixture
def mapping(tmp_path: Path) -> str:
    """Of the shop, without line ids."""
    path = tmp_path / "shop.toml"
    path.write_text(SHOP.replace('line = "line"\n', "") + '\n[lines]\nidentity = ["external_sku", "quantity", "price"]\n')
    return str(path)


def figures(result: ImportResult) -> dict[str, object]:
    return result.as_dict() | {"import_run_id": 0, "longest_lock_seconds": 0, "resumed_at": 0}


@pytest.mark.parametrize("seed", range(3))
def test_orders_in_parts_are_the_orders_of_the_whole(
    two_stores: tuple[Engine, Engine], mapping: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    store, other_store = two_stores
    path = write(tmp_path / "orders.csv", HEADER, *shuffled_orders(seed))
    whole = import_orders(store, path, mapping)
    small_parts(monkeypatch, 17)
    parts = import_orders(other_store, path, mapping)
    assert figures(parts) == figures(whole)
    assert whole.quarantined > 0
    assert lines(other_store) == lines(store) != []
    assert (verify(other_store).differences, verify(store).differences) == (0, 0)
    again = import_orders(other_store, path, mapping)
    assert (again.imported, again.updated, again.rows_read) == (0, 0, whole.rows_read)
    assert lines(other_store) == lines(store)
    assert one(other_store, "select count(*) from inbox_item") == one(store, "select count(*) from inbox_item")


def test_an_import_in_parts_goes_on_where_it_was_interrupted(
    two_stores: tuple[Engine, Engine], mapping: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, other_store = two_stores
    path = write(tmp_path / "orders.csv", HEADER, *shuffled_orders(7))
    whole = import_orders(store, path, mapping)
    small_parts(monkeypatch, 17)
    seen: list[tuple[int, int]] = []

    def interrupt(done: int, total: int) -> None:
        seen.append((done, total))
        if len(seen) == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        import_orders(other_store, path, mapping, progress=interrupt)
    assert one(other_store, "select status from import_run") == "running"
    assert [total for _, total in seen] == [whole.rows_read] * 3
    rest = import_orders(other_store, path, mapping)
    assert (rest.import_run_id, rest.resumed_at) == (1, seen[-1][0])
    assert figures(rest) == figures(whole)
    assert lines(other_store) == lines(store)
    assert verify(other_store).differences == 0


def test_the_dates_of_all_parts_decide_how_they_are_written(
    two_stores: tuple[Engine, Engine], mapping: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small_parts(monkeypatch, 2)
    either = tmp_path / "either.toml"
    either.write_text(Path(mapping).read_text() + '\n[formats]\ndates = ["%d/%m/%Y", "%m/%d/%Y"]\n')
    days = ["03/04/2026", "05/04/2026", "06/04/2026", "17/04/2026"]  # the last alone says what comes first
    path = write(tmp_path / "orders.csv", HEADER, *(row(f"O-{day}", "", "A", placed=day) for day in days))
    assert import_orders(two_stores[0], path, str(either)).imported == 4
    months = "select distinct placed_at >= 1774994400000000 from sales_order"  # April begins in Berlin
    assert one(two_stores[0], months) == 1
    unclear = write(tmp_path / "unclear.csv", HEADER, *(row(f"O-{day}", "", "A", placed=day) for day in days[:3]))
    with pytest.raises(InvalidInput, match="can be read two ways"):
        import_orders(two_stores[1], unclear, str(either))
    assert one(two_stores[1], "select count(*) from import_run") == 0


def test_tables_in_parts(two_stores: tuple[Engine, Engine], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [f"A-{number % 30},Thing {number},{number}" for number in range(50)] + ["B,,1", "C,Cup,much"]
    path = write(tmp_path / "products.csv", "sku,name,price", *rows)
    whole = import_table(two_stores[0], "products", path)
    small_parts(monkeypatch, 9)
    parts = import_table(two_stores[1], "products", path)
    assert figures(parts) == figures(whole)
    assert (whole.rows_read, whole.quarantined) == (52, 2)
    products = "select sku, name, price from product order by 1"
    assert table(two_stores[1], products) == table(two_stores[0], products) != []


records = st.lists(st.binary(max_size=20), max_size=40)


@given(records=records, added=records, data=st.data())
def test_a_spool_is_a_list_wherever_it_lies(records: list[bytes], added: list[bytes], data: st.DataObject) -> None:
    spool, expected = Spool(in_memory=data.draw(st.sampled_from([0, 30, 10_000]))), list(records)
    for raw in records:
        spool.append(raw)
    if expected:
        place = data.draw(st.integers(0, len(expected) - 1))
        spool[place] = expected[place] = b"another"
    end = data.draw(st.integers(0, len(expected)))
    spool.cut(end)
    del expected[end:]
    for raw in added:
        spool.append(raw)
        expected.append(raw)
    assert (list(spool), len(spool)) == (expected, len(expected))
    places = data.draw(st.lists(st.integers(0, max(len(expected) - 1, 0)), max_size=9 if expected else 0))
    assert list(spool.take(places)) == [expected[place] for place in places]
    assert [spool[place] for place in places] == [expected[place] for place in places]
    first = data.draw(st.integers(0, len(expected)))
    assert spool[first:] == expected[first:]


def test_the_records_of_a_large_file_lie_where_nobody_else_can_read_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    spool = Spool(in_memory=3)
    for raw in (b"one", b"two", b"three"):
        spool.append(raw)
    assert list(spool) == [b"one", b"two", b"three"]
    assert list(tmp_path.iterdir()) == []
