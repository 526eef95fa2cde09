"""Imports that the page starts: a process of their own, with the outcome kept beside the file."""

import time
from pathlib import Path

import pytest
from sqlalchemy.engine import Engine

from dashboard.imports.dropped import DroppedFile, keep
from dashboard.jobs import import_start
from dashboard.jobs.import_start import ImportState
from dashboard.settings import Settings
from data_access.commands.imports import ImportRequest
from data_access.commands.people import add_user
from data_access.errors import Forbidden
from data_access.write.permissions import COMMAND_LINE
from tests.data_access.import_files import table


def kept(folder: Path, text: str) -> DroppedFile:
    path = folder / "products.csv"
    path.write_text(text)
    with path.open("rb") as file:
        return keep(folder / "imports", [(path.name, file)])[0]


def ended(path: Path) -> ImportState:
    deadline = time.monotonic() + 120
    while (state := import_start.state(path)) is None or state.is_running:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    return state


@pytest.fixture
def own(sqlite_store: Engine, tmp_path: Path) -> Settings:
    add_user(sqlite_store, "Pia", "planner", COMMAND_LINE)
    return Settings(database_url=str(sqlite_store.url), var_dir=tmp_path / "var")


def test_an_import_runs_in_a_process_of_its_own(sqlite_store: Engine, own: Settings, tmp_path: Path) -> None:
    file = kept(tmp_path, "sku,name\nA-1,Pan\nB-2,Pot\nB-2,\n")
    assert import_start.state(file.path) is None
    import_start.start(own, sqlite_store, ImportRequest(kind="products", path=file.path, file_hash=file.file_hash), "Pia")
    state = ended(file.path)
    assert state.result is not None
    assert (state.problem, state.result["rows_read"], state.result["imported"], state.result["duplicates"]) == ("", 3, 2, 1)
    assert table(sqlite_store, "select sku, name from product order by 1") == [("A-1", "Pan"), ("B-2", "Pot")]
    assert table(sqlite_store, "select file_name, status from import_run") == [("products.csv", "complete")]


def test_what_goes_wrong_is_a_sentence_without_paths(sqlite_store: Engine, own: Settings, tmp_path: Path) -> None:
    file = kept(tmp_path, "colour,size\nred,1\n")
    import_start.start(own, sqlite_store, ImportRequest(kind="products", path=file.path, file_hash=file.file_hash), "Pia")
    lacks = "products.csv lacks the column 'sku' that the mapping names: check the file, the delimiter and the mapping."
    assert ended(file.path) == ImportState(is_running=False, problem=lacks)


def test_who_may_not_import_starts_no_process(sqlite_store: Engine, own: Settings, tmp_path: Path) -> None:
    file = kept(tmp_path, "sku,name\nA-1,Pan\n")
    with pytest.raises(Forbidden, match="nobody is viewer and may not import files"):
        import_start.start(own, sqlite_store, ImportRequest(kind="products", path=file.path, file_hash=file.file_hash), "nobody")
    assert import_start.state(file.path) is None


def test_values_of_options_are_no_options(tmp_path: Path) -> None:
    request = ImportRequest(kind="orders", path=tmp_path / "a.csv", file_hash="", mapping="auto", channel_id="--json", location_id="hall")
    assert import_start.command_line(request)[3:] == [
        *("import", "orders", str(tmp_path / "a.csv"), "--mapping=auto", "--channel=--json", "--location=hall", "--json"),
    ]
