"""An empty store and its app, for the tests of the Import page."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from data_access.engine import open_engine
from tests.e2e.conftest import serving
from tests.e2e.importing.way import NewStore


@pytest.fixture
def new_store(sqlite_template: Path, tmp_path: Path) -> Iterator[NewStore]:
    shutil.copyfile(sqlite_template, tmp_path / "store.db")
    engine = open_engine(f"sqlite:///{tmp_path / 'store.db'}")
    with serving(str(engine.url), tmp_path) as address:
        yield NewStore(engine, address, tmp_path)
    engine.dispose()
