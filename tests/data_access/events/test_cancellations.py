"""What is cancelled of a line is never more than was ordered, whatever cancellations say and in whatever order they come."""

from itertools import permutations
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from sqlalchemy.engine import Engine

from data_access.commands.imports import undo_import
from data_access.engine import reading
from data_access.events import models as ev
from data_access.events.ingest import ingest
from data_access.mirror import reading as facts
from data_access.mirror.verify import verify_mirror
from data_access.mirror.writing import catch_up
from data_access.queries.verification.contradictions import contradictions
from data_access.write.permissions import COMMAND_LINE
from tests.data_access.import_files import row, sound, table
from tests.data_access.imports.test_undo import orders, prepare
from tests.data_access.small_company import DAY

MARCH_1 = 1_772_323_200_000_000  # 2026-03-01


def gone(number: int, day: int, units: int | None) -> ev.Cancellation:
    at = MARCH_1 + day * DAY
    head: dict[str, Any] = {"source": "feed", "event_id": f"c{number}", "occurred_at": at, "received_at": at}
    lines = () if units is None else ({"line_ref": "a", "quantity": units},)
    return ev.Cancellation(**head, channel_id="shop", order_ref="1", lines=lines, cancelled_by="buyer")


def state(store: Engine) -> tuple[list[tuple[Any, ...]], list[tuple[Any, ...]]]:
    """Of the line: ordered, cancelled, allocated. Of each cancellation: what it cancels, and what it said beside that."""
    line = "select l.quantity, l.cancelled_quantity, l.allocated_quantity from order_line l join sales_order o on o.id = l.order_id"
    return (
        table(store, f"{line} where o.order_ref = '1'"),
        table(store, "select quantity, said_quantity from cancellation order by cancelled_at, id"),
    )


@pytest.fixture
def ordered(store: Engine, tmp_path: Path) -> Engine:
    """An order of seven of ten mugs."""
    prepare(store, tmp_path)
    orders(store, tmp_path, "first", row("1", "a", "MUG", 7))
    return store


@pytest.mark.parametrize("order", list(permutations(range(3))), ids=str)
def test_the_whole_after_a_part_is_what_is_left(ordered: Engine, tmp_path: Path, order: tuple[int, ...]) -> None:
    """Two of seven, then all, then all again: five more, and nothing; the mirror and the list of contradictions agree."""
    mirror = tmp_path / "mirror"
    catch_up(ordered, mirror)
    said = [gone(1, 1, 2), gone(2, 2, None), gone(3, 3, None)]
    for place in order:
        ingest(ordered, [said[place]])
        sound(ordered)
    assert state(ordered) == ([(7, 7, 0)], [(2, None), (5, 7)])
    assert contradictions(ordered).height == 0
    catch_up(ordered, mirror)
    report = verify_mirror(ordered, mirror)
    assert (report is not None and report.first_differences) == []
    with reading(ordered) as connection:
        fact = pl.concat(facts.chunks(connection, "cancellation"))
    assert (fact["quantity"].sum(), fact.height) == (7, 2)


def test_the_whole_is_whole_again_once_the_part_is_taken_back(ordered: Engine, tmp_path: Path) -> None:
    """A file says that there were two fewer, a feed that all is cancelled; the file was wrong."""
    part = orders(ordered, tmp_path, "second", row("1", "a", "MUG", 5))
    assert state(ordered) == ([(7, 2, 5)], [(2, None)])
    ingest(ordered, [gone(1, 9, None)])
    assert state(ordered) == ([(7, 7, 0)], [(2, None), (5, 7)])
    undo_import(ordered, part.import_run_id, COMMAND_LINE)
    assert state(ordered) == ([(7, 7, 0)], [(7, None)])
    sound(ordered)


def test_a_file_cancels_what_is_left(ordered: Engine, tmp_path: Path) -> None:
    ingest(ordered, [gone(1, 1, 2)])
    orders(ordered, tmp_path, "second", row("1", "a", "MUG", 7, "Cancelled"))
    assert state(ordered) == ([(7, 7, 0)], [(5, 7), (2, None)])
    ingest(ordered, [gone(2, 3, 3), gone(3, 0, 4)])
    assert state(ordered) == ([(7, 7, 0)], [(4, None), (3, 7)])
    assert contradictions(ordered).height == 0
    sound(ordered)


def test_what_has_left_stays_and_is_no_contradiction(ordered: Engine) -> None:
    """Two cancelled, three left, then all cancelled: all that has not left."""
    at = MARCH_1 + 2 * DAY
    head: dict[str, Any] = {"source": "feed", "event_id": "s", "occurred_at": at, "received_at": at, "channel_id": "shop"}
    left = [{"line_ref": "a", "quantity": 3}]
    ingest(ordered, [gone(1, 1, 2), ev.Shipment(**head, order_ref="1", shipment_ref="P", location_id="main", lines=left)])
    ingest(ordered, [gone(2, 3, None)])
    assert state(ordered) == ([(7, 7, 0)], [(2, None), (5, 7)])
    assert table(ordered, "select on_hand, allocated from stock_level where sku = 'MUG'") == [(7, 1)]
    assert contradictions(ordered).height == 0
    sound(ordered)
