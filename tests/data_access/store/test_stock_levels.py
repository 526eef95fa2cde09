"""The codec of stock levels: one declaration for the schema, the ledger, bulk loads and verification."""

from types import SimpleNamespace
from typing import Any, cast

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from data_access.domain.ledger_state import Level
from data_access.schema.stock import stock_level
from data_access.store import stock_levels

UNITS = st.integers(0, 10_000_000)
LEVELS = st.builds(
    Level,
    sku=st.just("A-1"),
    location_id=st.just("main"),
    sellable=UNITS,
    unsellable=UNITS,
    allocated=UNITS,
    on_order=UNITS,
    tracked_from=st.none() | st.integers(0, 2**50),
    last_at=st.integers(0, 2**50),
    is_assumed=st.booleans(),
)


def test_the_codec_has_every_column_of_the_table() -> None:
    assert list(stock_levels.ROWS) == [column.name for column in stock_level.columns]


@given(level=LEVELS)
def test_a_level_comes_back_from_its_row(level: Level) -> None:
    row = stock_levels.row_of(level)
    assert list(row) == list(stock_levels.ROWS)
    assert stock_levels.level_of(cast(Any, SimpleNamespace(**row))) == level


def test_a_bulk_load_is_whole() -> None:
    said = pl.DataFrame({"position": [7], "sku": ["A-1"], "location_id": ["main"], "on_hand": [5], "last_at": [9]})
    assert stock_levels.for_bulk_load(said).row(0, named=True) == {
        "position": 7,
        "sku": "A-1",
        "location_id": "main",
        "on_hand": 5,
        "last_at": 9,
        "unsellable": 0,
        "allocated": 0,
        "on_order": 0,
        "tracked_from": None,
        "is_assumed": False,
    }


def test_all_but_the_assumption_is_compared_with_the_facts() -> None:
    assert list(stock_levels.compared()) == [name for name in stock_levels.NAMES if name != "is_assumed"]
