"""A demo store: whole, verified, and never half made."""

import json
import os
import stat
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
import sqlalchemy as sa

from data_access.demo import build_demo
from data_access.demo.truth import TRUTH
from data_access.engine import now_us, open_engine, reading
from data_access.errors import InvalidInput, StoreUnavailable
from data_access.queries.verification.verify import verify
from data_access.schema import metadata
from data_access.schema.audit import TOPICS, change_log, id_block, store_version
from data_access.schema.orders import order_line
from data_access.schema.stock import event, stock_level
from data_access.store.lifecycle import check_store

AS_OF = date(2026, 9, 30)


def test_a_demo_verifies_on_both_databases(empty_url: str, tmp_path: Path) -> None:
    steps: list[tuple[int, int]] = []
    made = build_demo(empty_url, "tiny", 7, AS_OF, tmp_path / "truth", lambda done, total: steps.append((done, total)))
    engine = open_engine(empty_url)
    try:
        info = check_store(engine)
        assert (info.kind, info.revision_state) == ("demo", "current")
        assert {key: info.meta["demo"][key] for key in ("size", "seed", "as_of")} == {"size": "tiny", "seed": 7, "as_of": "2026-09-30"}
        assert verify(engine).differences == 0
        with reading(engine) as connection:
            assert connection.execute(sa.select(sa.func.count()).select_from(order_line)).scalar_one() == made.order_lines
            newest = connection.execute(sa.select(sa.func.max(event.c.id))).scalar_one()
            assert connection.execute(sa.select(id_block.c.next_id)).scalar_one() > newest
            assert {tuple(row) for row in connection.execute(sa.select(store_version))} == {(topic, 1) for topic in TOPICS}
            assert connection.execute(sa.select(sa.func.count()).select_from(change_log)).scalar_one() == len(TOPICS)
            assert connection.execute(sa.select(sa.func.sum(stock_level.c.allocated))).scalar_one() > 0
        indexes = {index["name"] for table in metadata.sorted_tables for index in sa.inspect(engine).get_indexes(table.name)}
        assert {str(index.name) for table in metadata.sorted_tables for index in table.indexes} <= indexes
        keys = [key for table in metadata.sorted_tables for key in sa.inspect(engine).get_foreign_keys(table.name)]
        assert len(keys) == sum(len(table.foreign_keys) for table in metadata.sorted_tables)
    finally:
        engine.dispose()
    assert steps[-1][0] == steps[-1][1]
    assert made.skus == 40
    assert pl.read_parquet(made.truth).schema == TRUTH
    assert [path.name for path in made.truth.parent.iterdir()] == ["7.parquet"]


def test_sqlite_rows_obey_the_checks_that_the_load_leaves_out(demo_url: str) -> None:
    engine = open_engine(demo_url)
    try:
        with reading(engine) as connection:
            assert connection.exec_driver_sql("pragma foreign_key_check").all() == []
            assert connection.exec_driver_sql("pragma integrity_check").scalar_one() == "ok"
            types = connection.exec_driver_sql(
                "select distinct typeof(moves_stock), typeof(shipped_at), typeof(shipment_ref) from shipment"
            )
            assert types.all() == [("integer", "integer", "text")]
    finally:
        engine.dispose()


def test_a_demo_as_of_today_ends_now(tmp_path: Path) -> None:
    today = datetime.now(UTC).date()
    build_demo(tmp_path / "now.db", "tiny", 3, today, tmp_path / "truth")
    engine = open_engine(f"sqlite:///{tmp_path / 'now.db'}")
    try:
        with reading(engine) as connection:
            newest = connection.execute(sa.select(sa.func.max(event.c.received_at))).scalar_one()
        assert newest <= now_us()
    finally:
        engine.dispose()


def test_a_store_is_never_overwritten(store_url: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="holds a store already"):
        build_demo(store_url, "tiny", 7, AS_OF, tmp_path / "truth")
    assert not (tmp_path / "truth").exists()


def test_a_day_to_come_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="a day to come"):
        build_demo(tmp_path / "demo.db", "tiny", 7, datetime.now(UTC).date() + timedelta(days=2), tmp_path)
    assert not (tmp_path / "demo.db").exists()


def test_a_killed_build_leaves_nothing_and_the_next_one_cleans_up(tmp_path: Path) -> None:
    path = tmp_path / "demo.db"
    script = (
        "import os, signal, sys\nfrom datetime import date\nfrom pathlib import Path\nfrom data_access.demo import build_demo\n"
        "def stop(done, total):\n    if done * 2 > total:\n        os.kill(os.getpid(), signal.SIGKILL)\n"
        "build_demo(Path(sys.argv[1]), 'tiny', 7, date(2026, 9, 30), Path(sys.argv[2]), stop)\n"
    )
    killed = subprocess.run([sys.executable, "-c", script, str(path), str(tmp_path / "truth")], check=False)
    assert killed.returncode == -9
    assert not path.exists()
    assert [left.name.split("-")[0] for left in tmp_path.glob("demo.db.new-*")] != []
    build_demo(path, "tiny", 7, AS_OF, tmp_path / "truth")
    assert sorted(left.name for left in tmp_path.iterdir()) == ["demo.db", "truth"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_folder_gets_a_sentence(tmp_path: Path) -> None:
    folder = tmp_path / "locked"
    folder.mkdir()
    folder.chmod(stat.S_IRUSR | stat.S_IXUSR)
    with pytest.raises(StoreUnavailable):
        build_demo(folder / "demo.db", "tiny", 7, AS_OF, tmp_path / "truth")


def test_a_truth_folder_that_cannot_be_made_gets_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "truth").write_text("a file in the way")
    with pytest.raises(StoreUnavailable, match="cannot be written"):
        build_demo(tmp_path / "demo.db", "tiny", 7, AS_OF, tmp_path / "truth")
    assert not (tmp_path / "demo.db").exists()


def test_meta_is_json(demo_url: str) -> None:
    engine = open_engine(demo_url)
    try:
        assert json.dumps(check_store(engine).meta["demo"]["release"])
    finally:
        engine.dispose()
