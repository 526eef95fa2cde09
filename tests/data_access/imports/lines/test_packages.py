"""Several rows of one line with different packages are packages of it, in whatever order, file or way they are told."""

from itertools import permutations
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.engine import Engine

from data_access.commands.imports import undo_import
from data_access.commands.inbox import mend, retry
from data_access.errors import InvalidInput
from data_access.events import models as ev
from data_access.events.ingest import ingest
from data_access.imports.files.mapping import parse_mapping
from data_access.imports.inbox_files.export import export_rows
from data_access.imports.order_import import ImportResult, import_orders
from data_access.queries.verification.contradictions import contradictions
from data_access.write.permissions import COMMAND_LINE
from tests.data_access.import_files import HEADER, SHOP, mapping, one, row, sound, table, write
from tests.data_access.imports.test_undo import counted, history
from tests.data_access.small_company import DAY, T0

MARCH_1 = 1_772_323_200_000_000  # 2026-03-01
BY_PACKAGE = SHOP + '\n[lines]\nquantity = "package"\n'
NO_IDS = SHOP.replace('line = "line"\n', "")
SAYS_UNITS = SHOP.replace('carrier = "carrier"', 'carrier = "carrier"\nshipped_quantity = "reason"').replace(
    'cancel_reason = "reason"\n', ""
)
WHEN = "2026-03-02 10:00:00"
DUPLICATES = {"duplicates": 2}


def sent(line: str, units: int, tracking: str, **more: str) -> str:
    return row("1", line, "MUG", units, "Shipped", shipped=WHEN, tracking=tracking, **more)


TWO, ONE = sent("a", 2, "T1"), sent("a", 1, "T2")


def take(store: Engine, folder: Path, *rows: str, text: str = SHOP) -> dict[str, int]:
    """What became of the rows of a file; all are accounted for, and the store is sound."""
    result = result_of(store, folder, *rows, text=text)
    sound(store)
    return {name: rows for name in ("imported", "updated", "ignored", "duplicates", "quarantined") if (rows := getattr(result, name))}


def result_of(store: Engine, folder: Path, *rows: str, text: str = SHOP) -> ImportResult:
    return import_orders(store, write(folder / "orders.csv", HEADER, *rows), mapping(folder, text))


def lines(store: Engine) -> list[tuple[Any, ...]]:
    """Ordered, shipped, cancelled and allocated units of order 1's lines."""
    columns = "l.quantity, l.shipped_quantity, l.cancelled_quantity, l.allocated_quantity"
    return table(store, f"select {columns} from order_line l join sales_order o on o.id = l.order_id where o.order_ref = '1' order by 1, 2")


def packages(store: Engine) -> list[tuple[Any, ...]]:
    return table(store, "select s.tracking_number, s.quantity from shipment s order by 1, 2")


def codes(store: Engine) -> list[str]:
    return [code for (code,) in table(store, "select reason_code from inbox_item where status = 'open' order by id")]


@pytest.fixture
def stocked(store: Engine, tmp_path: Path) -> Engine:
    """Ten mugs that were counted before, and an order of another number."""
    take(store, tmp_path, row("0", "a", "CUP"), row("00", "a", "MUG"))
    counted(store, 10, T0, "MUG")
    return store


def test_a_line_of_three_leaves_as_two_and_one(stocked: Engine, tmp_path: Path) -> None:
    assert take(stocked, tmp_path, TWO, ONE) == {"imported": 1, "updated": 1}
    expected = [(3, 3, 0, 0)], [("T1", 2), ("T2", 1)], 7
    assert (lines(stocked), packages(stocked), one(stocked, "select on_hand from stock_level where sku = 'MUG'")) == expected
    after = history(stocked)
    for rows in ([TWO, ONE], [ONE, TWO], [ONE], [TWO]):
        assert take(stocked, tmp_path, *rows) == {"duplicates": len(rows)}
    assert history(stocked) == after
    assert take(stocked, tmp_path, ONE, row("2", "a", "CUP"), TWO) == {"imported": 1, "duplicates": 2}
    assert (lines(stocked), packages(stocked)) == expected[:2]
    delivered = sent("a", 1, "T2", delivered="2026-03-05 10:00:00")
    assert take(stocked, tmp_path, delivered) == {"updated": 1}
    assert table(stocked, "select tracking_number from shipment where delivered_at is not null") == [("T2",)]
    assert lines(stocked) == expected[0]


def test_the_same_packages_by_events_are_the_same(stocked: Engine, tmp_path: Path) -> None:
    take(stocked, tmp_path, TWO, ONE)
    before = lines(stocked), packages(stocked)
    head: dict[str, Any] = {"source": "feed", "occurred_at": MARCH_1 + 2 * DAY, "received_at": MARCH_1 + 3 * DAY, "channel_id": "shop"}
    sold = [
        ev.Shipment(**head, event_id=ref, order_ref="1", shipment_ref=ref, location_id="main", lines=[{"line_ref": "a", "quantity": units}])
        for ref, units in (("T2", 1), ("T1", 2))
    ]
    assert [outcome.status for outcome in ingest(stocked, sold)] == ["duplicate", "duplicate"]
    assert ((lines(stocked), packages(stocked)), contradictions(stocked).height) == (before, 0)
    sound(stocked)


def test_events_that_came_first_are_the_same_packages(stocked: Engine, tmp_path: Path) -> None:
    """One with its tracking number, one without; the file names both, and gives the other its number."""
    head: dict[str, Any] = {"source": "feed", "occurred_at": MARCH_1 + DAY, "received_at": MARCH_1 + 3 * DAY, "channel_id": "shop"}
    order = {**head, "order_ref": "1"}
    placed = [{"line_ref": "a", "external_sku": "MUG", "quantity": 3}]
    ingest(stocked, [ev.Sale(**{**order, "occurred_at": MARCH_1}, event_id="s", currency="EUR", lines=placed)])
    for ref, units in (("P1", 2), ("P2", 1)):
        left = [{"line_ref": "a", "quantity": units}]
        ingest(stocked, [ev.Shipment(**order, event_id=ref, shipment_ref=ref, location_id="main", lines=left)])
    ingest(stocked, [ev.Tracking(**order, event_id="t", shipment_ref="P1", tracking_number="T1")])
    assert take(stocked, tmp_path, ONE, TWO) == {"updated": 1, "duplicates": 1}
    assert (lines(stocked), packages(stocked)) == ([(3, 3, 0, 0)], [("T1", 2), ("T2", 1)])


@pytest.mark.parametrize("rows", list(permutations([sent("a", 2, "T1"), sent("a", 1, "T2"), row("1", "a", "MUG", 2)])))
def test_by_the_mapping_a_row_is_a_package_whatever_file_it_stands_in(sqlite_store: Engine, tmp_path: Path, rows: tuple[str, ...]) -> None:
    """Two and one that left; the same quantity again in a row of its own is the line's rest, whenever it is told."""
    rest_is_first = rows[0] == row("1", "a", "MUG", 2)
    others = {"updated": 2} if rest_is_first else {"updated": 1, "duplicates": 1}
    assert take(sqlite_store, tmp_path, *rows, text=BY_PACKAGE) == {"imported": 1, **others}
    assert (lines(sqlite_store), packages(sqlite_store)) == ([(5, 3, 0, 0)], [("T1", 2), ("T2", 1)])


def test_split_in_two_files_they_make_the_line_larger_and_are_taken_back(stocked: Engine, tmp_path: Path) -> None:
    first = result_of(stocked, tmp_path, TWO, text=BY_PACKAGE)
    once = history(stocked)
    second = result_of(stocked, tmp_path, ONE, text=BY_PACKAGE)
    assert (lines(stocked), packages(stocked), codes(stocked)) == ([(3, 3, 0, 0)], [("T1", 2), ("T2", 1)], [])
    sound(stocked)
    assert take(stocked, tmp_path, ONE, TWO, text=BY_PACKAGE) == DUPLICATES
    undo_import(stocked, second.import_run_id, COMMAND_LINE)
    assert history(stocked) == once
    sound(stocked)
    assert take(stocked, tmp_path, ONE, text=BY_PACKAGE) == {"updated": 1}
    assert lines(stocked) == [(3, 3, 0, 0)]
    assert first.imported == 1


def test_a_known_line_is_not_made_larger_by_its_packages(stocked: Engine, tmp_path: Path) -> None:
    take(stocked, tmp_path, row("1", "a", "MUG", 3))
    assert take(stocked, tmp_path, sent("a", 1, "T1"), sent("a", 1, "T2"), text=BY_PACKAGE) == {"updated": 2}
    assert (lines(stocked), packages(stocked)) == ([(3, 2, 0, 1)], [("T1", 1), ("T2", 1)])
    assert take(stocked, tmp_path, sent("a", 1, "T3"), text=BY_PACKAGE) == {"updated": 1}
    assert lines(stocked) == [(3, 3, 0, 0)]


def test_a_column_says_how_many_units_left_in_each(stocked: Engine, tmp_path: Path) -> None:
    rows = [sent("a", 3, "T1", reason="2"), row("1", "a", "MUG", 3, "Shipped", shipped=WHEN, tracking="T2", reason="0")]
    assert take(stocked, tmp_path, *rows, text=SAYS_UNITS) == {"imported": 1, "duplicates": 1}
    assert (lines(stocked), packages(stocked)) == ([(3, 2, 0, 1)], [("T1", 2)])
    assert take(stocked, tmp_path, sent("a", 3, "T2", reason="1"), text=SAYS_UNITS) == {"updated": 1}
    assert (lines(stocked), packages(stocked)) == ([(3, 3, 0, 0)], [("T1", 2), ("T2", 1)])
    odd = [sent("b", 3, "T3", reason="4"), sent("c", 3, "T4"), sent("c", 3, "T5", reason="1")]
    assert take(stocked, tmp_path, *odd, text=SAYS_UNITS)["quarantined"] == 2
    assert codes(stocked) == ["beyond_ordered", "package_units"]


@pytest.mark.parametrize("text", [SHOP, BY_PACKAGE], ids=["line ids", "package"])
def test_rows_of_one_line_are_all_of_the_line_that_an_event_placed(stocked: Engine, tmp_path: Path, text: str) -> None:
    """The feed has another line id than the file, which names the line in several rows."""
    head: dict[str, Any] = {"source": "feed", "occurred_at": MARCH_1, "received_at": MARCH_1, "channel_id": "shop", "currency": "EUR"}
    sold = [{"line_ref": "its own", "external_sku": "MUG", "quantity": 3}]
    ingest(stocked, [ev.Sale(**head, event_id="s", order_ref="1", lines=sold)])
    text = text if text == SHOP else text.replace('line = "line"\n', "")
    assert take(stocked, tmp_path, TWO, ONE, text=text) == {"updated": 2}
    assert (lines(stocked), packages(stocked)) == ([(3, 3, 0, 0)], [("T1", 2), ("T2", 1)])


@pytest.mark.parametrize("text", [BY_PACKAGE, SAYS_UNITS], ids=["package", "column"])
def test_without_line_ids_rows_of_one_content_are_packages_of_one_line(stocked: Engine, tmp_path: Path, text: str) -> None:
    text = text.replace('line = "line"\n', "")
    ordered = (2, 1) if text.count("shipped_quantity") == 0 else (3, 3)
    rows = [sent("", units, tracking, reason=left) for units, tracking, left in zip(ordered, ("T1", "T2"), "21", strict=True)]
    assert take(stocked, tmp_path, *rows, text=text) == {"imported": 1, "updated": 1}
    assert (lines(stocked), packages(stocked)) == ([(3, 3, 0, 0)], [("T1", 2), ("T2", 1)])
    assert take(stocked, tmp_path, *reversed(rows), row("2", "", "CUP"), text=text) == {"imported": 1, "duplicates": 2}
    assert take(stocked, tmp_path, rows[1], text=text) == {"duplicates": 1}
    twice = [sent("", ordered[1], "T2", reason="1")] * 2
    assert take(stocked, tmp_path, rows[0], *twice, text=text) == {"imported": 1, "duplicates": 2}  # an exact repeat is a line


ASKED = {
    "the same quantity in both": ([], [sent("a", 3, "T1"), sent("a", 3, "T2")], 2),
    "the same quantity, of a line of as many": ([row("1", "a", "MUG", 3)], [sent("a", 3, "T1"), sent("a", 3, "T2")], 2),
    "one unit in both": ([], [sent("a", 1, "T1"), sent("a", 1, "T2")], 2),
    "more than the line has": ([row("1", "a", "MUG", 2)], [sent("a", 2, "T1"), sent("a", 1, "T2")], 2),
    "another package of what has left": ([sent("a", 2, "T1")], [sent("a", 2, "T2")], 1),
    "a further package beyond the line": ([sent("a", 2, "T1")], [sent("a", 1, "T2")], 1),
    "one package with two quantities": ([], [TWO, ONE, sent("a", 2, "T2")], 3),
    "a row beside them that is neither": ([], [TWO, ONE, row("1", "a", "MUG", 1)], 3),
}


@pytest.mark.parametrize("case", ASKED)
def test_what_cannot_be_told_is_asked(sqlite_store: Engine, tmp_path: Path, case: str) -> None:
    before, rows, asked = ASKED[case]
    if before:
        take(sqlite_store, tmp_path, *before)
    held = lines(sqlite_store), packages(sqlite_store)
    assert take(sqlite_store, tmp_path, *rows) == {"quarantined": asked}
    assert (codes(sqlite_store), lines(sqlite_store), packages(sqlite_store)) == (["package_units"] * asked, *held)
    assert take(sqlite_store, tmp_path, *rows) == {"quarantined": asked}
    assert (len(codes(sqlite_store)), lines(sqlite_store)) == (asked, held[0])


def test_without_line_ids_rows_of_one_content_are_asked_about(stocked: Engine, tmp_path: Path) -> None:
    rows = [sent("", 1, "T1"), sent("", 1, "T2")]
    assert take(stocked, tmp_path, *rows, text=NO_IDS) == {"quarantined": 2}
    assert (codes(stocked), lines(stocked)) == (["package_units"] * 2, [])
    assert take(stocked, tmp_path, sent("", 1, "T1"), text=NO_IDS) == {"imported": 1}
    assert take(stocked, tmp_path, sent("", 1, "T2"), text=NO_IDS) == {"quarantined": 1}
    assert (lines(stocked), packages(stocked)) == ([(1, 1, 0, 0)], [("T1", 1)])


def test_those_of_one_question_come_in_once_all_are_mended(stocked: Engine, tmp_path: Path) -> None:
    take(stocked, tmp_path, sent("a", 3, "T1"), sent("a", 3, "T2"))
    first, second = table(stocked, "select id, content from inbox_item order by id")
    assert retry(stocked, [first[0]], COMMAND_LINE).taken == 0
    assert mend_and_retry(stocked, first, ",3,", ",2,") == 0
    assert (lines(stocked), codes(stocked)) == ([], ["package_units"] * 2)
    assert mend_and_retry(stocked, second, ",3,", ",1,") == 2
    assert (lines(stocked), packages(stocked), codes(stocked)) == ([(3, 3, 0, 0)], [("T1", 2), ("T2", 1)], [])
    sound(stocked)


def mend_and_retry(store: Engine, item: tuple[Any, ...], before: str, after: str) -> int:
    version = one(store, f"select version from inbox_item where id = {item[0]}")
    mend(store, item[0], item[1].replace(before, after), version, COMMAND_LINE)
    return retry(store, [item[0]], COMMAND_LINE).taken


def test_those_of_one_question_come_in_by_an_exported_file(stocked: Engine, tmp_path: Path) -> None:
    take(stocked, tmp_path, sent("a", 3, "T1"), sent("a", 3, "T2"))
    path = tmp_path / "rows.csv"
    assert export_rows(stocked, None, path) == 2
    text = path.read_text()
    path.write_text(text.replace("MUG,,3", "MUG,,2", 1))
    half = import_orders(stocked, path, mapping(tmp_path))
    assert (half.quarantined, lines(stocked), len(codes(stocked))) == (2, [], 2)
    path.write_text(text.replace("MUG,,3", "MUG,,2", 1).replace("MUG,,3", "MUG,,1", 1))
    whole = import_orders(stocked, path, mapping(tmp_path))
    assert (whole.imported, whole.updated, lines(stocked), codes(stocked)) == (1, 1, [(3, 3, 0, 0)], [])
    sound(stocked)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (BY_PACKAGE.replace('tracking_number = "tracking"\ncarrier = "carrier"\n', ""), "needs columns.tracking_number or columns.carrier"),
        (SAYS_UNITS + '\n[lines]\nquantity = "package"\n', "for files without columns.shipped_quantity"),
        (NO_IDS + '\n[lines]\nquantity = "package"\nidentity = ["external_sku", "quantity"]\n', "lines.identity names quantity"),
        (SHOP + '\n[lines]\nquantity = "parcel"\n', "lines.quantity"),
    ],
)
def test_mappings_that_cannot_be_meant(text: str, sentence: str) -> None:
    with pytest.raises(InvalidInput, match=sentence):
        parse_mapping(text, "shop")
