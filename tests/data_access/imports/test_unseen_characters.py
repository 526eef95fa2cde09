"""Ids with characters that nobody sees, and in another form, by files, events and commands."""

import json
from pathlib import Path

import pytest
from sqlalchemy.engine import Engine

from data_access.commands.inbox import map_listing
from data_access.commands.people import add_user
from data_access.errors import Conflict, InvalidInput
from data_access.events.ingest import ingest_json
from data_access.imports.order_import import import_table
from data_access.queries import inbox
from data_access.write.permissions import COMMAND_LINE
from tests.data_access.import_files import SHOP, figures, one, row, shop, table, write

SAYS = "holds the character \\u200b, which nobody sees: write it without."


def test_rows_of_orders(store: Engine, tmp_path: Path) -> None:
    good = [row("1", "a", "GRU\u0308N"), row("1", "b", "GR\u00dcN")]
    bad = [row("2\u200b", "a", "B"), row("3", "a\u200b", "B"), row("4", "a", "B\u200bC")]
    assert figures(shop(store, tmp_path, *good, *bad)) == (5, 2, 0, 0, 3)
    assert table(store, "select distinct external_sku from order_line") == [("GR\u00dcN",)]
    assert inbox.items(store)["reason"].to_list() == [f"The id in column {name} {SAYS}" for name in ("order", "line", "sku")]


def test_rows_of_tables(store: Engine, tmp_path: Path) -> None:
    path = write(tmp_path / "products.csv", "sku,name", "GRU\u0308N,a", "GR\u00dcN,a", "B\u200b,b")
    assert figures(import_table(store, "products", path)) == (3, 1, 0, 1, 1)
    assert inbox.items(store)["reason"].to_list() == [f"The id in column sku {SAYS}"]
    path = write(tmp_path / "locations.csv", "location_id,name,kind", "ma\u202ein,Main,warehouse")
    assert figures(import_table(store, "locations", path)) == (1, 0, 0, 0, 1)


def test_a_mapping(store: Engine, tmp_path: Path) -> None:
    text = SHOP.replace('id = "shop"', 'id = "sh\u200bop"')
    with pytest.raises(InvalidInput, match=r"channel\.id: 'sh\\u200bop' holds the character \\u200b"):
        shop(store, tmp_path, row("1", "a", "A"), text=text)


def test_events_and_commands(store: Engine, tmp_path: Path) -> None:
    shop(store, tmp_path, row("1", "a", "A"))
    event = {"kind": "count", "source": "feed", "event_id": "1", "occurred_at": 9, "received_at": 9, "location_id": "main"}
    ingest_json(store, [json.dumps({**event, "lines": [{"sku": "A\u200b", "quantity": 1}]})], "feed")
    assert "'a\\u200b' holds the character \\u200b, which nobody sees" in one(store, "select reason from inbox_item where kind = 'event'")
    add_user(store, "Ann", "planner", COMMAND_LINE)
    with pytest.raises(InvalidInput, match=r"holds the character \\u200b"):
        map_listing(store, "shop", "A\u200b", "A", "Ann")
    for alike in ("ann", "\uff21nn", "ANN"):
        with pytest.raises(Conflict, match=r"'Ann', and .* could be taken for the same"):
            add_user(store, alike, "viewer", COMMAND_LINE)
