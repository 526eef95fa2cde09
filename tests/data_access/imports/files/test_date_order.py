"""Which of a mapping's date patterns a file is written in; a file that can be read two ways asks."""

from datetime import date, timedelta
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.engine import Engine

from data_access.commands.inbox import mend, retry
from data_access.errors import InvalidInput
from data_access.imports.files.date_order import decided
from data_access.imports.order_import import import_orders, import_table
from data_access.write.permissions import COMMAND_LINE
from tests.data_access.import_files import HEADER, SHOP, mapping, one, row, shop, sound, table, write

DAY_FIRST, MONTH_FIRST, ISO = "%d/%m/%Y", "%m/%d/%Y", "%Y-%m-%d"
BOTH = SHOP + f'\n[formats]\ndates = ["{DAY_FIRST}", "{MONTH_FIRST}", "{ISO}"]\n'


def patterns_of(*texts: str | None, patterns: tuple[str, ...] = (DAY_FIRST, MONTH_FIRST, ISO)) -> list[str]:
    return decided(patterns, [pl.Series(texts, dtype=pl.String)], "f.csv")


def test_the_pattern_that_reads_more_is_the_files() -> None:
    assert patterns_of("03/04/2026", "25/12/2026") == [DAY_FIRST, ISO]
    assert patterns_of("03/04/2026", "12/25/2026", None, "2026-03-04") == [MONTH_FIRST, ISO]
    assert patterns_of("03/03/2026", "2026-03-04") == [DAY_FIRST, MONTH_FIRST, ISO]
    assert patterns_of("03/04/2026", patterns=(DAY_FIRST,)) == [DAY_FIRST]
    assert patterns_of() == [DAY_FIRST, MONTH_FIRST, ISO]


def test_two_ways_ask() -> None:
    with pytest.raises(InvalidInput) as caught:
        patterns_of("03/04/2026", "04/04/2026")
    assert str(caught.value) == (
        "The dates of f.csv can be read two ways: '03/04/2026' is 2026-04-03 by %d/%m/%Y and 2026-03-04 by %m/%d/%Y; "
        "keep the right one in formats.dates of the mapping."
    )


def test_two_ways_in_one_file_ask() -> None:
    with pytest.raises(InvalidInput) as caught:
        patterns_of("03/04/2026", "25/12/2026", "12/25/2026")
    assert str(caught.value) == (
        "f.csv has dates written in two ways, of which one contradicts the other ('25/12/2026' only by %d/%m/%Y and "
        "'12/25/2026' only by %m/%d/%Y): keep the right one in formats.dates of the mapping."
    )


@given(
    st.lists(st.integers(0, 800), min_size=1, max_size=30),
    st.sampled_from((DAY_FIRST, MONTH_FIRST)),
    st.permutations((DAY_FIRST, MONTH_FIRST, ISO)),
)
def test_no_day_is_ever_read_as_another(offsets: list[int], written: str, patterns: list[str]) -> None:
    days = [date(2025, 1, 1) + timedelta(days=offset) for offset in offsets]
    is_told = any(day.day > 12 for day in days)
    differs = any(day.day <= 12 and day.day != day.month for day in days)
    texts = [day.strftime(written) for day in days]
    if differs and not is_told:
        with pytest.raises(InvalidInput):
            patterns_of(*texts, patterns=tuple(patterns))
        return
    kept = patterns_of(*texts, patterns=tuple(patterns))
    read = pl.DataFrame({"text": texts}).select(pl.coalesce(pl.col("text").str.to_date(pattern, strict=False) for pattern in kept))
    assert read.to_series().to_list() == days


def test_a_file_that_can_be_read_two_ways_writes_nothing(store: Engine, tmp_path: Path) -> None:
    path = write(tmp_path / "orders.csv", HEADER, row("1", "a", "MUG", placed="03/04/2026"))
    with pytest.raises(InvalidInput, match="can be read two ways: '03/04/2026' is 2026-04-03"):
        import_orders(store, path, mapping(tmp_path, BOTH))
    assert one(store, "select count(*) from import_run") == 0


def test_a_retried_row_is_read_as_its_file_was(store: Engine, tmp_path: Path) -> None:
    rows = [row("1", "a", "MUG", placed="12/25/2025"), row("2", "a", "MUG", "x", placed="03/04/2026")]
    result = shop(store, tmp_path, *rows, text=BOTH)
    assert (result.imported, result.quarantined) == (1, 1)
    item_id = one(store, "select id from inbox_item")
    mend(store, item_id, row("2", "a", "MUG", 1, placed="03/04/2026"), 1, COMMAND_LINE)
    assert retry(store, [item_id], COMMAND_LINE).taken == 1
    placed = table(store, "select order_ref, placed_at from sales_order order by 1")
    assert [(ref, str(pl.Series([at]).cast(pl.Datetime("us"))[0])) for ref, at in placed] == [
        ("1", "2025-12-24 23:00:00"),
        ("2", "2026-03-03 23:00:00"),
    ]
    sound(store)


def test_counts_are_in_the_zone_of_their_location(store: Engine, tmp_path: Path) -> None:
    zones = {"ny": "America/New_York", "berlin": "Europe/Berlin", "other": ""}
    places = [f"{name},{name.title()},warehouse,{zone}" for name, zone in zones.items()]
    import_table(store, "locations", write(tmp_path / "l.csv", "location_id,name,kind,time_zone", *places))
    import_table(store, "products", write(tmp_path / "p.csv", "sku,name", "A,Apple"))
    lines = [f"A,{name},5,2026-07-01 12:00" for name in zones]
    result = import_table(store, "counts", write(tmp_path / "c.csv", "sku,location_id,quantity,counted_at", *lines))
    assert (result.imported, result.quarantined) == (3, 0)
    counted = table(store, "select location_id, occurred_at from stock_count order by 1")
    assert [(name, str(pl.Series([at]).cast(pl.Datetime("us"))[0])) for name, at in counted] == [
        ("berlin", "2026-07-01 10:00:00"),
        ("ny", "2026-07-01 16:00:00"),
        ("other", "2026-07-01 12:00:00"),
    ]
    sound(store)


def test_days_of_a_table_ask_too(store: Engine, tmp_path: Path) -> None:
    text = f'[formats]\ndates = ["{DAY_FIRST}", "{MONTH_FIRST}"]\n'
    path = write(tmp_path / "p.csv", "sku,name,launched_on", "A,Apple,03/04/2026")
    with pytest.raises(InvalidInput, match="can be read two ways"):
        import_table(store, "products", path, mapping(tmp_path, text, "products"))
    path = write(tmp_path / "p.csv", "sku,name,launched_on", "A,Apple,03/04/2026", "B,Banana,25/04/2026")
    assert import_table(store, "products", path, mapping(tmp_path, text, "products")).imported == 2
    assert table(store, "select sku, launched_on from product order by 1") == [("A", "2026-04-03"), ("B", "2026-04-25")]
