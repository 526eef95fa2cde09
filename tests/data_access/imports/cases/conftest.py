"""A small company for the cases: three products, a hundred of each at `hall`, listed on a web shop and a marketplace."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy.engine import Engine

from data_access.engine import open_engine
from data_access.imports.table_import import import_table
from tests.data_access.import_files import write

SKUS = ("A-1", "B-2", "C-3")
FILES = {
    "products": ["sku,name", *(f"{sku},Thing {sku}" for sku in SKUS)],
    "locations": ["location_id,name,kind,time_zone", "hall,Hall,warehouse,Europe/Berlin"],
    "channels": [
        "channel_id,name,kind,currency,time_zone",
        "web,Web,webstore,EUR,Europe/Berlin",
        "fair,Fair,marketplace,EUR,Europe/Berlin",
    ],
    "listings": ["channel_id,external_sku,sku", *(f"{channel},{sku},{sku}" for channel in ("web", "fair") for sku in SKUS)],
    "counts": ["sku,location_id,quantity,counted_at", *(f"{sku},hall,100,2026-01-01 00:00" for sku in SKUS)],
}
Stores = Callable[[], Engine]
"""Gives a store of the company that nobody has used."""


@pytest.fixture(scope="module")
def company_file(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The company's store, to be copied."""
    folder = tmp_path_factory.mktemp("company")
    shutil.copyfile(sqlite_template, folder / "company.db")
    engine = open_engine(f"sqlite:///{folder / 'company.db'}")
    for kind, lines in FILES.items():
        assert import_table(engine, kind, write(folder / f"{kind}.csv", *lines)).quarantined == 0
    engine.dispose()
    return folder / "company.db"


@pytest.fixture(scope="module")
def stores(company_file: Path) -> Iterator[Stores]:
    """Fresh stores of the company, as many as are asked for."""
    engines: list[Engine] = []

    def fresh() -> Engine:
        path = company_file.with_name(f"{len(engines)}.db")
        shutil.copyfile(company_file, path)
        engines.append(open_engine(f"sqlite:///{path}"))
        return engines[-1]

    yield fresh
    for engine in engines:
        engine.dispose()


@pytest.fixture
def company(stores: Stores) -> Engine:
    """One of them."""
    return stores()
