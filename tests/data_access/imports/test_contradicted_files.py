"""Files and events that tell of the same lines: what contradicts is set aside, heals, and lets an import be taken back."""

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.engine import Engine

from data_access.commands.imports import undo_import
from data_access.errors import Conflict
from data_access.events import models as ev
from data_access.events.ingest import ingest
from data_access.queries.verification.contradictions import contradictions
from data_access.write.permissions import COMMAND_LINE
from tests.data_access.import_files import one, row, sound, table
from tests.data_access.imports.test_undo import orders, prepare
from tests.data_access.small_company import DAY, T0

MARCH_1 = 1_772_323_200_000_000  # 2026-03-01


def sent(number: int, ref: str, units: int, day: int, order: str = "1") -> ev.Shipment:
    at = MARCH_1 + day * DAY
    head: dict[str, Any] = {"source": "feed", "event_id": f"f{number}", "occurred_at": at, "received_at": at + DAY}
    lines = [{"line_ref": "a", "quantity": units}]
    return ev.Shipment(**head, channel_id="shop", order_ref=order, shipment_ref=ref, location_id="main", lines=lines)


def state(engine: Engine) -> list[tuple[Any, ...]]:
    """Shipped and returned of order 1's line, and the units of its product on hand and unsellable."""
    return table(
        engine,
        "select l.shipped_quantity, l.returned_quantity, s.on_hand, s.unsellable from order_line l join sales_order o on o.id = l.order_id"
        " join stock_level s on s.sku = l.sku where o.order_ref = '1' and o.channel_id = 'shop'",
    )


def codes(engine: Engine) -> list[str]:
    return contradictions(engine)["code"].to_list()


@pytest.fixture
def ordered(store: Engine, tmp_path: Path) -> Engine:
    """Ten mugs, and an order of two."""
    assert T0 < MARCH_1
    prepare(store, tmp_path)
    orders(store, tmp_path, "first", row("1", "a", "MUG", 2))
    return store


def test_a_package_of_a_file_and_of_a_feed_is_one_and_outlives_the_file(ordered: Engine, tmp_path: Path) -> None:
    shipped = orders(ordered, tmp_path, "second", row("1", "a", "MUG", 2, "Shipped", shipped="2026-03-02 10:00:00", tracking="T1"))
    (outcome,) = ingest(ordered, [sent(1, "T1", 2, 3)])
    assert (outcome.status, state(ordered)) == ("duplicate", [(2, 0, 8, 0)])
    undo_import(ordered, shipped.import_run_id, COMMAND_LINE)
    assert (state(ordered), codes(ordered)) == ([(2, 0, 8, 0)], [])
    assert one(ordered, "select count(*) from contradicted_fact") == 0
    assert one(ordered, "select count(*) from event where source = 'feed' and status = 'applied'") == 1
    sound(ordered)


def test_a_file_ships_what_came_back_before(ordered: Engine, tmp_path: Path) -> None:
    at = MARCH_1 + 9 * DAY
    head: dict[str, Any] = {"source": "feed", "event_id": "r", "occurred_at": at, "received_at": at}
    lines = [{"line_ref": "a", "quantity": 1}]
    back = ev.ReturnReceived(**head, channel_id="shop", order_ref="1", return_ref="R", location_id="main", lines=lines)
    (outcome,) = ingest(ordered, [back])
    assert (outcome.status, outcome.waits_for, state(ordered)) == ("parked", "shipped:shop:1", [(0, 0, 10, 0)])
    orders(ordered, tmp_path, "second", row("1", "a", "MUG", 2, "Shipped", shipped="2026-03-02 10:00:00", tracking="T1"))
    assert (state(ordered), codes(ordered)) == ([(2, 1, 9, 1)], [])
    assert one(ordered, "select status from event where event_id = 'r'") == "applied"
    sound(ordered)


def test_a_file_whose_package_an_earlier_one_displaced_is_taken_back(ordered: Engine, tmp_path: Path) -> None:
    shipped = orders(ordered, tmp_path, "second", row("1", "a", "MUG", 2, "Shipped", shipped="2026-03-06 10:00:00", tracking="T1"))
    ingest(ordered, [sent(1, "P", 1, 2)])
    assert (state(ordered), codes(ordered)) == ([(1, 0, 9, 0)], ["beyond_ordered"])
    sound(ordered)
    undo_import(ordered, shipped.import_run_id, COMMAND_LINE)
    assert (state(ordered), codes(ordered)) == ([(1, 0, 9, 0)], [])
    assert one(ordered, "select count(*) from contradicted_fact") == 0
    sound(ordered)


def test_a_feeds_contradiction_on_its_lines_stops_the_taking_back(store: Engine, tmp_path: Path) -> None:
    prepare(store, tmp_path)
    first = orders(store, tmp_path, "first", row("1", "a", "MUG", 2))
    (outcome,) = ingest(store, [sent(1, "P", 3, 2)])
    assert (outcome.status, outcome.waits_for) == ("parked", "ordered:shop:1")
    before = state(store)
    with pytest.raises(Conflict, match=r"1 contradictions from another source are of its lines: order 1 \(feed\)\. Nothing was changed"):
        undo_import(store, first.import_run_id, COMMAND_LINE)
    assert (state(store), codes(store)) == (before, ["beyond_ordered"])
    sound(store)
