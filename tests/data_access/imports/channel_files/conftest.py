"""A company to import exports into."""

from pathlib import Path

import pytest
from sqlalchemy.engine import Engine

from data_access.imports.order_import import import_table
from tests.data_access.import_files import write


@pytest.fixture
def company(store: Engine, tmp_path: Path) -> Engine:
    """A web shop, a marketplace, two locations, no products."""
    zone = "Europe/Berlin"
    files = {
        "locations": ["location_id,name,kind", "main,Main hall,warehouse", "shop,Shop,shop"],
        "channels": ["channel_id,name,kind,currency,time_zone", f"web,Web,webstore,EUR,{zone}", f"fair,Fair,marketplace,EUR,{zone}"],
    }
    for kind, lines in files.items():
        assert import_table(store, kind, write(tmp_path / f"{kind}.csv", *lines)).quarantined == 0
    return store
