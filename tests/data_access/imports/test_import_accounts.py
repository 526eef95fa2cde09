"""Imports account for every row, whatever the file, and survive being killed."""

import gzip
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy.engine import Engine

from data_access.engine import open_engine
from data_access.errors import Conflict
from data_access.imports.files.mapping import load_mapping
from data_access.imports.files.reader import read_records
from data_access.imports.order_import import import_orders
from tests.data_access.import_files import (
    HEADER,
    SHOP,
    contents,
    figures,
    long_file,
    mapping,
    one,
    row,
    sound,
    table,
    write,
)

CELLS = st.fixed_dictionaries(
    {
        "order": st.sampled_from(["1", "2", "3", ""]),
        "line": st.sampled_from(["a", "b"]),
        "sku": st.sampled_from(["MUG", "CUP", '"a,b"', ""]),
        "qty": st.sampled_from(["1", "2", "3", "0", "-1", "x"]),
        "status": st.sampled_from(["Open", "Shipped", "Delivered", "Cancelled", "Returned", "Lost"]),
        "placed": st.sampled_from(["2026-03-01 10:00:00", "2026-03-02 10:00:00", "never"]),
        "shipped": st.sampled_from(["", "2026-03-03 10:00:00"]),
        "country": st.sampled_from(["", "DE"]),
    }
)
BROKEN = st.sampled_from(["", "x", '"', "1,2,3", '1"2,'])
ROWS = st.lists(st.one_of(CELLS.map(lambda cells: row(**cells)), BROKEN), max_size=30)
TEXTS = st.sampled_from([SHOP, SHOP.replace('line = "line"\n', ""), SHOP.replace('unknown = "create"', 'unknown = "quarantine"')])


@given(rows=ROWS, text=TEXTS, opening_stock=st.sampled_from([None, "cover:10d"]))
@settings(max_examples=20)
def test_every_row_is_accounted_for(
    rows: list[str], text: str, opening_stock: str | None, sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("accounts")
    shutil.copyfile(sqlite_template, folder / "store.db")
    engine = open_engine(f"sqlite:///{folder / 'store.db'}")
    try:
        path, said = write(folder / "orders.csv", HEADER, *rows), mapping(folder, text)
        first = import_orders(engine, path, said, opening_stock)
        assert first.rows_read == sum(1 for line in rows if line)
        assert one(engine, "select count(*) from inbox_item") == first.quarantined
        assert table(engine, "select rows_read, imported, updated, ignored, duplicates, quarantined, status from import_run") == [
            (first.rows_read, first.imported, first.updated, first.ignored, first.duplicates, first.quarantined, "complete")
        ]
        assert one(engine, "select count(*) from ignored_row") >= first.ignored
        sound(engine)
        before = contents(engine)
        again = import_orders(engine, path, said, opening_stock)
        assert figures(again) == (first.rows_read, 0, 0, first.rows_read - first.quarantined, first.quarantined)
        assert contents(engine) == before
        assert one(engine, "select count(*) from inbox_item") == first.quarantined
    finally:
        engine.dispose()


CHILD = """
import sys
from pathlib import Path
from data_access.imports.order_import import import_orders
from data_access.engine import open_engine
import_orders(open_engine(sys.argv[1]), Path(sys.argv[2]), "online-retail", sys.argv[3] or None)
"""


@pytest.mark.parametrize("opening_stock", [None, "cover:30d"])
def test_a_killed_import_resumes_to_the_same_store(
    store: Engine, store_url: str, sqlite_template: Path, tmp_path: Path, opening_stock: str | None
) -> None:
    path = long_file(tmp_path / "retail.csv")
    killed = 0
    for wanted in (1, 1_500):
        child = subprocess.Popen([sys.executable, "-c", CHILD, store_url, str(path), opening_stock or ""])
        while child.poll() is None:
            if (table(store, "select max(next_row) from import_run")[0][0] or 0) >= wanted:
                os.kill(child.pid, signal.SIGKILL)
                break
            time.sleep(0.002)
        child.wait()
        ((status, next_row, rows_read),) = table(store, "select status, next_row, rows_read from import_run")
        killed += status == "running"
        assert next_row == rows_read
        sound(store)
    assert killed >= 1
    result = import_orders(store, path, "online-retail", opening_stock)
    assert figures(result)[0] == one(store, "select rows_read from import_run")
    assert result.quarantined == 30
    assert one(store, "select status from import_run") == "complete"
    sound(store)
    shutil.copyfile(sqlite_template, tmp_path / "unbroken.db")
    unbroken = open_engine(f"sqlite:///{tmp_path / 'unbroken.db'}")
    straight = import_orders(unbroken, path, "online-retail", opening_stock)
    assert (figures(straight), straight.counts) == (figures(result), result.counts)
    assert contents(store) == contents(unbroken)
    unbroken.dispose()


def test_two_imports_of_one_file_do_not_mix(sqlite_store: Engine, tmp_path: Path) -> None:
    path = long_file(tmp_path / "retail.csv")

    def interfere(done: int, rows: int) -> None:
        if done < rows:
            with sqlite_store.begin() as connection:
                connection.exec_driver_sql("update import_run set next_row = next_row + 1 where status = 'running'")

    with pytest.raises(Conflict, match="Another process is importing the same file"):
        import_orders(sqlite_store, path, "online-retail", progress=interfere)


def test_an_import_leaves_room_for_others(sqlite_store: Engine, tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    path = long_file(tmp_path / "retail.csv")
    result = import_orders(sqlite_store, path, "online-retail", progress=lambda done, rows: seen.append((done, rows)))
    assert len(seen) > 3
    assert seen[-1] == (result.rows_read, result.rows_read)
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)


def test_online_retail(sqlite_store: Engine, shared_data: Path, tmp_path: Path) -> None:
    """The first 12,000 rows of the real file; all of them: benchmarks/import_orders.py."""
    path = tmp_path / "retail.csv"
    with gzip.open(shared_data / "uci-online-retail" / "online-retail.csv.gz", "rt") as whole, path.open("w") as part:
        part.writelines(line for _, line in zip(range(12_001), whole, strict=False))
    loaded = load_mapping("online-retail").mapping
    frame = read_records(path, loaded.file, loaded.file_columns).frame
    result = import_orders(sqlite_store, path, "online-retail", opening_stock="cover:30d")
    assert figures(result) == (12_000, 12_000, 0, 0, 0)
    negative = frame.filter(pl.col("Quantity").str.starts_with("-"))
    returned = negative.filter(pl.col("InvoiceNo").str.starts_with("C"))
    counts = result.counts
    assert counts["lines"] + counts["charges"] + counts["returns"] + counts["write_offs"] == 12_000
    assert counts["write_offs"] == negative.height - returned.height
    assert one(sqlite_store, "select count(distinct return_ref) from return_line") <= returned["InvoiceNo"].n_unique()
    assert one(sqlite_store, "select count(*) from stock_movement where kind = 'discrepancy'") == 0
    assert one(sqlite_store, "select count(*) from stock_level where not is_assumed") == 0
    assert one(sqlite_store, "select count(*) - count(distinct upper(sku)) from product") == 0
    assert figures(import_orders(sqlite_store, path, "online-retail", opening_stock="cover:30d")) == (12_000, 0, 0, 12_000, 0)
    sound(sqlite_store)
