"""A cancelled order that lives again is open again where its channel says so, and a question elsewhere."""

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.engine import Engine

from data_access.commands.imports import undo_import
from data_access.errors import Conflict, InvalidInput
from data_access.events import models as ev
from data_access.events.ingest import ingest
from data_access.imports.files.mapping import parse_mapping
from data_access.imports.order_import import ImportResult
from data_access.imports.undo.preview import preview_undo
from data_access.mirror.verify import verify_mirror
from data_access.mirror.writing import catch_up
from data_access.write.permissions import COMMAND_LINE
from tests.data_access.import_files import SHOP, one, row, sound, table
from tests.data_access.imports.test_undo import history, orders, prepare
from tests.data_access.small_company import DAY

MARCH_1 = 1_772_323_200_000_000  # 2026-03-01
REOPENS = SHOP + "\n[lines]\nreopens = true\n"
OPEN, GONE = row("1", "a", "MUG", 4), row("1", "a", "MUG", 4, "Cancelled", by="Us")
SENT = row("1", "a", "MUG", 4, "Shipped", shipped="2026-03-04 10:00:00", tracking="T1")


def line(store: Engine) -> tuple[Any, ...]:
    """Ordered, shipped, cancelled, allocated and backordered units of order 1's line."""
    names = ("quantity", "shipped_quantity", "cancelled_quantity", "allocated_quantity", "backordered_quantity")
    columns = ", ".join(f"l.{name}" for name in names)
    (known,) = table(store, f"select {columns} from order_line l join sales_order o on o.id = l.order_id where o.order_ref = '1'")
    return known


def became(result: ImportResult) -> dict[str, int]:
    return {name: rows for name in ("imported", "updated", "ignored", "duplicates", "quarantined") if (rows := getattr(result, name))}


def cancelled_by_feed(store: Engine, number: int = 1) -> None:
    head: dict[str, Any] = {"source": "feed", "event_id": f"c{number}", "occurred_at": MARCH_1 + DAY, "received_at": MARCH_1 + DAY}
    ingest(store, [ev.Cancellation(**head, channel_id="shop", order_ref="1")])


@pytest.fixture
def stocked(store: Engine, tmp_path: Path) -> Engine:
    """Ten mugs."""
    prepare(store, tmp_path)
    return store


@pytest.mark.parametrize("again", [OPEN, SENT, row("1", "a", "MUG", 3)], ids=["open", "sent", "fewer"])
def test_it_is_open_again_and_its_import_is_taken_back(stocked: Engine, tmp_path: Path, again: str) -> None:
    mirror = tmp_path / "mirror"
    orders(stocked, tmp_path, "first", OPEN, text=REOPENS)
    orders(stocked, tmp_path, "second", GONE, text=REOPENS)
    cancelled_by_feed(stocked)  # a repeat, which does not count once the line lives again
    assert line(stocked) == (4, 0, 4, 0, 0)
    before = history(stocked)
    catch_up(stocked, mirror)
    third = orders(stocked, tmp_path, "third", again, row("2", "a", "CUP"), text=REOPENS)
    expected = {OPEN: (4, 0, 0, 4, 0), SENT: (4, 4, 0, 0, 0)}.get(again, (4, 0, 1, 3, 0))
    assert (became(third), line(stocked)) == ({"imported": 1, "updated": 1}, expected)
    sound(stocked)
    catch_up(stocked, mirror)
    report = verify_mirror(stocked, mirror)
    assert (report is not None and report.first_differences) == []
    after = history(stocked)
    assert became(orders(stocked, tmp_path, "fourth", row("2", "a", "CUP"), again, text=REOPENS)) == {"duplicates": 2}
    assert history(stocked) == after
    undo_import(stocked, third.import_run_id, COMMAND_LINE)
    assert history(stocked) == before
    sound(stocked)
    catch_up(stocked, mirror)
    report = verify_mirror(stocked, mirror)
    assert (report is not None and report.first_differences) == []


def test_what_a_feed_cancelled_lives_again_too(stocked: Engine, tmp_path: Path) -> None:
    """There are not enough mugs for it any more: the rest is backordered."""
    orders(stocked, tmp_path, "first", OPEN, text=REOPENS)
    cancelled_by_feed(stocked)
    orders(stocked, tmp_path, "other", row("9", "a", "MUG", 8), text=REOPENS)
    third = orders(stocked, tmp_path, "third", OPEN, row("2", "a", "CUP"), text=REOPENS)
    assert line(stocked) == (4, 0, 0, 1, 3)
    sound(stocked)
    cancelled_by_feed(stocked)
    assert line(stocked) == (4, 0, 0, 1, 3)
    cancelled_by_feed(stocked, 2)
    assert line(stocked) == (4, 0, 4, 0, 0)
    (stop,) = preview_undo(stocked, third.import_run_id).stops
    assert str(stop) == "1 shipments or cancellations from another source are of lines that live again by it: order 1 (feed)"
    with pytest.raises(Conflict, match="of lines that live again by it"):
        undo_import(stocked, third.import_run_id, COMMAND_LINE)
    sound(stocked)


def test_the_states_of_one_line_may_change_as_often_as_they_do(stocked: Engine, tmp_path: Path) -> None:
    """The same words each time; the import that cancelled is not taken back before the one that let it live again."""
    runs = [
        orders(stocked, tmp_path, f"f{day}", state, row(f"d{day}", "a", "CUP"), text=REOPENS) for day, state in enumerate([OPEN, GONE] * 3)
    ]
    assert line(stocked) == (4, 0, 4, 0, 0)
    assert [became(run) for run in runs] == [{"imported": 2}] + [{"imported": 1, "updated": 1}] * 5
    with pytest.raises(Conflict, match=r"1 lines that it cancelled live again by another import: import \d+"):
        undo_import(stocked, runs[1].import_run_id, COMMAND_LINE)
    for run, expected in zip(reversed(runs[1:]), [(4, 0, 0, 4, 0), (4, 0, 4, 0, 0)] * 2, strict=False):
        undo_import(stocked, run.import_run_id, COMMAND_LINE)
        assert line(stocked) == expected
        sound(stocked)


def test_states_in_one_file_come_in_as_its_last_one(stocked: Engine, tmp_path: Path) -> None:
    whole = orders(stocked, tmp_path, "file", OPEN, GONE, row("1", "a", "MUG", 4, "Open", tracking="T"), text=REOPENS)
    assert (became(whole), line(stocked)) == ({"imported": 1, "updated": 2}, (4, 0, 0, 4, 0))
    assert became(orders(stocked, tmp_path, "file", OPEN, GONE, row("2", "a", "CUP"), text=REOPENS)) == {
        "imported": 1,
        "updated": 1,
        "duplicates": 1,
    }
    assert line(stocked) == (4, 0, 4, 0, 0)
    sound(stocked)


def test_units_that_the_cancellation_had_lost_come_back_with_it(stocked: Engine, tmp_path: Path) -> None:
    text = SHOP + '\n[lines]\nreopens = true\nzero_quantity = "cancelled"\n'
    first = orders(stocked, tmp_path, "first", row("1", "a", "MUG", 0, "Cancelled"), text=text)
    before = history(stocked)
    second = orders(stocked, tmp_path, "second", OPEN, text=text)
    assert (first.imported, line(stocked)) == (1, (4, 0, 0, 4, 0))
    sound(stocked)
    undo_import(stocked, second.import_run_id, COMMAND_LINE)
    assert history(stocked) == before
    sound(stocked)


def test_elsewhere_it_is_asked_about_though_it_was_said_before(stocked: Engine, tmp_path: Path) -> None:
    orders(stocked, tmp_path, "first", OPEN)
    orders(stocked, tmp_path, "second", GONE)
    before = history(stocked)
    assert became(orders(stocked, tmp_path, "first", OPEN)) == {"duplicates": 1}  # the same file tells nothing new
    third = orders(stocked, tmp_path, "third", OPEN, row("0", "a", "MUG"))
    assert became(third) == {"duplicates": 1, "quarantined": 1}
    ((code, reason),) = table(stocked, "select reason_code, reason from inbox_item")
    assert (code, reason.split(":")[0]) == ("lives_again", "The line was cancelled, and the row says that it is open")
    assert history(stocked) == before
    assert became(orders(stocked, tmp_path, "third", OPEN, row("0", "a", "MUG"), text=REOPENS)) == {"duplicates": 1, "updated": 1}
    assert (line(stocked), one(stocked, "select status from inbox_item")) == ((4, 0, 0, 4, 0), "resolved")
    sound(stocked)


def test_it_needs_a_status() -> None:
    text = REOPENS.replace('status = "status"\n', "").split("[status]")[0] + "\n[lines]\nreopens = true\n"
    with pytest.raises(InvalidInput, match=r"lines\.reopens needs columns\.status"):
        parse_mapping(text, "shop")
