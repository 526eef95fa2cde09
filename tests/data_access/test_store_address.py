"""Addresses are read, and shown to people without what is secret in them, in whatever form it was given."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from dashboard.run import app_command, child_environment, live_command
from dashboard.settings import Settings
from data_access.engine import open_engine, reading
from data_access.errors import StoreUnavailable
from data_access.store_address import UNREADABLE, absolute, shown, sqlite_file
from tests.conftest import ROOT
from tests.test_structure import modules

SECRET = "hunter2"
CLOSED = "127.0.0.1:1"  # nobody listens there

READABLE = {
    f"postgresql://me:{SECRET}@{CLOSED}/x": f"postgresql://me:***@{CLOSED}/x",
    f"postgresql://me:{SECRET}%40home@{CLOSED}/x": f"postgresql://me:***@{CLOSED}/x",
    f"postgresql://{CLOSED}/x?user=me&password={SECRET}": f"postgresql://{CLOSED}/x?user=me&password=***",
    f"postgresql://{CLOSED}/x?pass%77ord={SECRET}": f"postgresql://{CLOSED}/x?password=***",
    f"postgresql://{CLOSED}/x?password={SECRET}&password={SECRET}": f"postgresql://{CLOSED}/x?password=***",
    f"postgresql://{CLOSED}/x?sslpassword={SECRET}&sslmode=prefer": f"postgresql://{CLOSED}/x?sslpassword=***&sslmode=prefer",
    f"postgresql://{CLOSED}/x?passfile=/home/{SECRET}": f"postgresql://{CLOSED}/x?passfile=***",
    f"postgresql://{CLOSED}/x?user=me;password={SECRET}": f"postgresql://{CLOSED}/x?user=***",
    f"postgresql://{CLOSED}/x?a%40{SECRET}=b": f"postgresql://{CLOSED}/x?***=***",
    f"postgresql://{CLOSED}/x?sslmode={SECRET}%40": f"postgresql://{CLOSED}/x?sslmode=***",
}
MALFORMED = (
    f"postgresql://me:a/{SECRET}@{CLOSED}/x",
    f"postgresql://me:a?{SECRET}@{CLOSED}/x",
    f"postgresql://me:a#{SECRET}@{CLOSED}/x",
    f"postgresql://{CLOSED}/x?password=a@{SECRET}",
    f"postgresql://{CLOSED}/x?sslmode={SECRET}@",
    f"postgresql://me:p@{SECRET}@{CLOSED}/x",
    f"postgresql://me:{SECRET}@{CLOSED}:x/y",
    f"postgresql://me/x:{SECRET}@{CLOSED}/x",
    f"postgresql://me:{SECRET}",
    f"postgresql://{CLOSED}/x;password={SECRET}",
    f"postgresql://me:{SECRET}\n@{CLOSED}/x",
    f"postgresql:me:{SECRET}@{CLOSED}/x",
    f"host={CLOSED} password={SECRET}",
    f"sqlite://me:{SECRET}@{CLOSED}/x.db",
    SECRET,
)


@pytest.mark.parametrize(("address", "expected"), READABLE.items())
def test_a_password_is_never_shown(address: str, expected: str) -> None:
    assert shown(address) == expected
    assert shown(open_engine(address).url).replace("+psycopg", "") == expected


@pytest.mark.parametrize("address", READABLE)
def test_a_driver_that_refuses_an_address_does_not_repeat_it(address: str) -> None:
    engine = open_engine(address)
    with pytest.raises(StoreUnavailable, match="cannot be reached") as refused, reading(engine):
        pass
    engine.dispose()
    assert SECRET not in str(refused.value)


@pytest.mark.parametrize("address", MALFORMED)
def test_a_malformed_address_gets_a_sentence_without_it(address: str) -> None:
    assert shown(address) == UNREADABLE
    assert sqlite_file(address) is None
    with pytest.raises(StoreUnavailable, match=r"^The database address cannot be read: set ONHAND_DATABASE_URL to ") as refused:
        open_engine(address)
    assert SECRET not in str(refused.value)
    assert refused.value.__cause__ is None


@pytest.mark.parametrize(
    "address", [f"mysql://me:{SECRET}@h/x", f"sqlite+pysqlcipher://:{SECRET}@/x.db", *MALFORMED[:2], *list(READABLE)[:3]]
)
def test_the_command_line_never_shows_a_password(address: str, tmp_path: Path) -> None:
    (tmp_path / "onhand.toml").write_text(f'database_url = "{address}"\n')
    command = [sys.executable, "-P", "-m", "dashboard.cli", "verify"]
    done = subprocess.run(command, cwd=tmp_path, env={"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert SECRET not in done.stderr


def test_no_process_has_the_address_on_its_command_line() -> None:
    settings = Settings(database_url=f"postgresql://me:{SECRET}@{CLOSED}/x")
    assert SECRET not in repr(settings)
    assert child_environment(settings, settings.database_url)["ONHAND_DATABASE_URL"] == settings.database_url
    assert SECRET not in " ".join([*app_command(), *live_command()])
    assert not [str(path) for path, text in modules().items() if re.search(r"\"--(database-)?url\"", text) and path.parts[0] == "dashboard"]


def test_only_one_module_renders_addresses() -> None:
    pattern = re.compile(r"render_as_string|str\(\w*\.?engine\.url\)|\{\w*\.?engine\.url\}")
    elsewhere = [
        str(path) for path, text in modules().items() if path.parts[0] in ("dashboard", "data_access", "pages") and pattern.search(text)
    ]
    assert elsewhere == ["data_access/store_address.py"]


def test_files_of_stores() -> None:
    assert sqlite_file("sqlite:///var/x.db") == Path("var/x.db")
    assert sqlite_file("sqlite:///file:/var/a%20b.db?mode=ro&uri=true") == Path("/var/a b.db")
    assert sqlite_file("sqlite://") is None
    assert sqlite_file("sqlite:///:memory:") is None
    assert sqlite_file("sqlite:///file:x?mode=memory&uri=true") is None
    assert sqlite_file("postgresql://h/x") is None


def test_absolute_addresses_keep_their_password() -> None:
    assert absolute("sqlite:////tmp/x.db") == "sqlite:////tmp/x.db"
    assert absolute("sqlite:///x.db") == f"sqlite:///{Path.cwd() / 'x.db'}"
    assert absolute("postgresql://me:secret@h/x") == "postgresql://me:secret@h/x"
    assert shown("postgresql://me:secret@h/x") == "postgresql://me:***@h/x"
