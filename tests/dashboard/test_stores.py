"""What `make run` does with the store that it finds."""

import json
import sqlite3
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from dashboard import stores
from dashboard.settings import Settings
from data_access.demo import days_missed
from data_access.engine import now_us, open_engine, reading, writing
from data_access.errors import InvalidInput, StoreOutOfDate, StoreReplaced
from data_access.queries.verification.verify import verify
from data_access.schema.audit import store_meta
from data_access.store.lifecycle import check_store
from data_access.store_file import store_of
from tests.conftest import ROOT

TODAY = datetime.now(UTC).date()


def prepared(url: str, folder: Path, demo: bool = True) -> tuple[str, bool, list[str]]:
    said: list[str] = []
    settings = Settings(database_url=url, var_dir=folder / "var")
    served, live = stores.prepare(settings, demo, "tiny", TODAY, said.append)
    return served, live, said


def test_an_empty_place_becomes_a_demo(empty_url: str, tmp_path: Path) -> None:
    served, live, said = prepared(empty_url, tmp_path)
    assert (served, live) == (empty_url, True)
    assert said[0].startswith("Making the demo company (tiny) in ")
    engine = open_engine(empty_url)
    info = check_store(engine)
    assert (info.kind, info.revision_state, info.meta["demo"]["size"]) == ("demo", "current", "tiny")
    assert verify(engine).differences == 0
    engine.dispose()
    assert [path.name for path in (tmp_path / "var" / "truth").iterdir()] == [f"{stores.DEMO_SEED}.parquet"]
    assert not list(tmp_path.glob("*.making*"))


def test_an_empty_place_becomes_an_own_store_without_demo(empty_url: str, tmp_path: Path) -> None:
    served, live, said = prepared(empty_url, tmp_path, demo=False)
    assert (served, live) == (empty_url, False)
    assert [line.split(" in ")[0] for line in said] == ["Made an empty store"]
    engine = open_engine(empty_url)
    assert (check_store(engine).kind, check_store(engine).revision_state) == ("own", "current")
    engine.dispose()


def test_a_current_demo_is_kept(demo_today_url: str, tmp_path: Path) -> None:
    engine = open_engine(demo_today_url)
    before = _counted(engine)
    served, live, _ = prepared(demo_today_url, tmp_path)
    assert (served, live) == (demo_today_url, True)
    assert _counted(engine) >= before
    engine.dispose()


def _counted(engine: Engine) -> int:
    with engine.connect() as connection:
        return int(connection.exec_driver_sql("select count(*) from event").scalar_one())


def test_missed_days_are_simulated(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'demo.db'}"
    settings = Settings(database_url=url, var_dir=tmp_path / "var")
    stores.make_demo(settings, "tiny", 7, TODAY - timedelta(days=5), False)
    engine = open_engine(url)
    missed = days_missed(engine, now_us())
    assert missed in (4, 5)
    before = _counted(engine)
    _, live, said = prepared(url, tmp_path)
    assert live
    assert said == [f"The demo company missed {missed} days: simulating ..."]
    assert days_missed(engine, now_us()) == 0
    assert _counted(engine) > before
    assert verify(engine).differences == 0
    engine.dispose()


def test_too_many_missed_days_are_said(demo_url: str, tmp_path: Path) -> None:
    engine = open_engine(demo_url)
    before = _counted(engine)
    _, live, said = prepared(demo_url, tmp_path)
    assert live
    assert len(said) == 1
    assert said[0].endswith("too long to make up for: run `onhand demo --replace` for a fresh one.")
    assert _counted(engine) == before
    engine.dispose()


def test_an_own_store_gets_no_demo_events(store_url: str, tmp_path: Path) -> None:
    served, live, said = prepared(store_url, tmp_path)
    assert (served, live) == (store_url, False)
    assert [line.split(" is a store ")[1] for line in said] == ["of your own: it is served as it is, without demo events."]
    assert prepared(store_url, tmp_path, demo=False) == (store_url, False, [])


def test_without_demo_the_default_demo_store_gives_way_to_an_own_one(
    demo_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "var").mkdir()
    (tmp_path / "demo.db").rename(tmp_path / "var" / "onhand.db")
    default = str(Settings.model_fields["database_url"].default)
    served, live, said = prepared(default, tmp_path, demo=False)
    assert (served, live) == ("sqlite:///var/own.db", False)
    assert said[0].startswith("sqlite:///var/onhand.db holds the demo company, so your own store is sqlite:///var/own.db")
    assert (tmp_path / "var" / "own.db").exists()


@pytest.fixture
def one_release_later(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Migrations as the next release may have them: one more revision, which adds a table."""
    import shutil

    from data_access import migrations
    from data_access.store import lifecycle as store

    folder = tmp_path / "migrations"
    shutil.copytree(Path(migrations.__file__).parent, folder, ignore=shutil.ignore_patterns("__pycache__"))
    head = store.head_revision()
    (folder / "versions" / "9000_next.py").write_text(
        f'revision = "9000"\ndown_revision = "{head}"\n'
        "import sqlalchemy as sa\nfrom alembic import op\n"
        'def upgrade():\n    op.create_table("later", sa.Column("id", sa.Integer, primary_key=True))\n'
        "def downgrade():\n    pass\n"
    )
    monkeypatch.setattr(migrations, "__file__", str(folder / "__init__.py"))


@pytest.mark.usefixtures("one_release_later")
def test_an_older_demo_is_copied_then_upgraded(demo_today_url: str, tmp_path: Path) -> None:
    path = Path(demo_today_url.removeprefix("sqlite:///"))
    old = check_store(engine := open_engine(demo_today_url)).revision
    _, live, said = prepared(demo_today_url, tmp_path)
    copy = path.with_name(f"{path.name}.bak-{old}")
    assert live
    assert said[0] == f"The demo store is of an older release: copied to {copy}, now upgraded."
    assert check_store(engine).revision == "9000"
    engine.dispose()
    with sqlite3.connect(copy) as kept:
        assert kept.execute("select version_num from alembic_version").fetchall() == [(old,)]
        assert kept.execute("select count(*) from event").fetchone()[0] > 1_000
        assert kept.execute("pragma integrity_check").fetchall() == [("ok",)]
    kept.close()


@pytest.mark.usefixtures("one_release_later")
def test_an_older_own_store_is_refused(store_url: str, tmp_path: Path) -> None:
    with pytest.raises(StoreOutOfDate, match="run `onhand migrate`"):
        prepared(store_url, tmp_path)
    engine = open_engine(store_url)
    assert check_store(engine).revision_state == "older"
    engine.dispose()


@pytest.mark.usefixtures("one_release_later")
def test_an_older_demo_on_a_server_is_refused(postgres_url: str, tmp_path: Path) -> None:
    engine = open_engine(postgres_url)
    with engine.begin() as connection:
        connection.execute(sa.update(store_meta).where(store_meta.c.key == "kind").values(value=json.dumps("demo")))
    engine.dispose()
    with pytest.raises(StoreOutOfDate, match="run `onhand migrate`"):
        prepared(postgres_url, tmp_path)


def test_a_demo_is_replaced_only_with_the_option(demo_url: str, tmp_path: Path) -> None:
    settings = Settings(database_url=demo_url, var_dir=tmp_path / "var")
    with pytest.raises(InvalidInput, match="--replace"):
        stores.make_demo(settings, "tiny", 8, date(2026, 3, 1), False)
    stores.make_demo(settings, "tiny", 8, date(2026, 3, 1), True)
    engine = open_engine(demo_url)
    assert check_store(engine).meta["demo"]["seed"] == 8
    engine.dispose()


def test_nothing_acknowledged_is_lost_while_the_store_is_replaced(demo_folder: Path) -> None:
    command = [sys.executable, "-m", "benchmarks.store_replaced", "--replacements", "3", "--store", str(demo_folder / "onhand.db")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stderr == ""
    report = json.loads(done.stdout)
    assert (report["replacements"], report["differences"]) == (3, 0)
    for writer in ("feed", "take_in"):
        assert report[writer]["lost"] == 0
        assert report[writer]["acknowledged"] >= 1
        assert report[writer]["refused"] >= 1


def test_a_demo_that_is_replaced_is_another_store_for_whoever_has_it_open(demo_url: str, tmp_path: Path) -> None:
    engine = open_engine(demo_url)
    with reading(engine) as connection:
        before = store_of(connection)
    stores.make_demo(Settings(database_url=demo_url, var_dir=tmp_path / "var"), "tiny", 8, date(2026, 3, 1), True)
    with pytest.raises(StoreReplaced), writing(engine):
        pass
    with writing(engine) as connection:
        after = store_of(connection)
    engine.dispose()
    assert before is not None
    assert after is not None
    assert after.is_other(before)
    assert after.store_id != before.store_id
    assert not [path.name for path in tmp_path.iterdir() if path.name.startswith("demo.db.")]
