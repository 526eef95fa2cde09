"""What waits for a person to look at, by hand: by component, what is needed soonest first, and what is refurbished."""

import pytest
import sqlalchemy as sa
from sqlalchemy import event as listening
from sqlalchemy.engine import Engine

from data_access.commands.inspection import UnitDecision, inspect
from data_access.commands.return_holds import hold
from data_access.commands.returns import RuleOfReturns, set_rule
from data_access.events.ingest import ingest
from data_access.queries.returns import inspection
from data_access.write.permissions import COMMAND_LINE
from tests.data_access.commands.test_inspection import came_back, line_of
from tests.data_access.events.test_ingest import receipt, sale, ship
from tests.data_access.small_company import DAY, make_company


@pytest.fixture
def shop(store: Engine) -> Engine:
    """Three units of A and two kits came back; customers wait for two units of B."""
    make_company(store)
    ingest(store, [receipt(1, "A", 9), receipt(2, "B", 4)])
    ingest(store, [sale(3, "A", 3, 1), sale(4, "KIT", 2, 1), ship(5, 3, 3, hours=2), ship(6, 4, 2, hours=2)])
    ingest(store, [came_back(7, 3, 3), came_back(8, 4, 2, "r2"), sale(9, "B", 2, 4)])
    return store


def rows(engine: Engine) -> list[tuple[object, ...]]:
    queue = inspection.waiting(engine)
    assert queue.schema == inspection.QUEUE
    return queue.select("return_ref", "sku", "sold_as", "units", "backordered", "free", "version").rows()


def test_what_customers_wait_for_is_first_and_kits_are_by_component(shop: Engine) -> None:
    assert rows(shop) == [
        ("r2", "B", "KIT", 4, 2, 0, 0),
        ("r1", "A", "A", 3, 0, 4, 0),
        ("r2", "A", "KIT", 2, 0, 4, 0),
    ]
    first = inspection.waiting(shop).row(0, named=True)
    assert (first["name"], first["channel_id"], first["order_ref"], first["location_id"]) == ("Banana", "web", "o4", "south")


def test_units_leave_the_queue_one_by_one(shop: Engine) -> None:
    one, two = line_of(shop, "r1"), line_of(shop, "r2")
    inspect(shop, [UnitDecision(one, "A", 1, "restock", 0), UnitDecision(two, "B", 4, "refurbish", 0)], COMMAND_LINE)
    assert rows(shop) == [("r1", "A", "A", 2, 0, 5, 1), ("r2", "A", "KIT", 2, 0, 5, 1)]
    mended = inspection.refurbished(shop)
    assert mended.select("return_ref", "sku", "units", "version").rows() == [("r2", "B", 4, 1)]
    inspect(shop, [UnitDecision(one, "A", 2, "refurbish", 1), UnitDecision(two, "A", 2, "refurbish", 1)], COMMAND_LINE)
    assert rows(shop) == []
    mended = inspection.refurbished(shop)
    assert sorted(mended.select("return_ref", "sku", "units", "version").rows()) == [
        ("r1", "A", 2, 2),
        ("r2", "A", 2, 2),
        ("r2", "B", 4, 2),
    ]
    inspect(
        shop, [UnitDecision(two, "A", 2, "repaired", 2, "refurbish"), UnitDecision(two, "B", 4, "discard", 2, "refurbish")], COMMAND_LINE
    )
    assert inspection.refurbished(shop)["return_ref"].to_list() == ["r1"]


def test_the_closest_rule_says_how_long_it_may_take_and_whether_it_was_asked_for_in_time(shop: Engine) -> None:
    set_rule(shop, RuleOfReturns("web", None, 0, 4, "sealed"), COMMAND_LINE)
    set_rule(shop, RuleOfReturns(None, "baskets", 9, 1), COMMAND_LINE)
    held = {row["return_ref"]: row for row in inspection.waiting(shop).iter_rows(named=True)}
    assert [held["r1"][name] for name in ("window_days", "inspect_days", "condition", "outside_days")] == [0, 4, "sealed", None]
    set_rule(shop, RuleOfReturns("web", "baskets", None, 7), COMMAND_LINE)
    with shop.begin() as connection:
        connection.execute(sa.text(f"update shipment set shipped_at = shipped_at - {3 * DAY}, delivered_at = shipped_at - {2 * DAY}"))
    held = {row["return_ref"]: row for row in inspection.waiting(shop).iter_rows(named=True)}
    assert held["r1"]["outside_days"] == 2
    assert (held["r2"]["window_days"], held["r2"]["inspect_days"], held["r2"]["outside_days"]) == (None, 7, None)


def test_what_is_held_says_so_as_stocked_and_as_sold(shop: Engine) -> None:
    assert inspection.waiting(shop)["held"].to_list() == [None] * 3
    hold(shop, "KIT", "a part is missing", COMMAND_LINE)
    hold(shop, "A", "it leaks", COMMAND_LINE)
    held = inspection.waiting(shop).select("return_ref", "sku", "held").rows()
    assert held == [("r2", "B", "a part is missing"), ("r1", "A", "it leaks"), ("r2", "A", "it leaks")]


def test_a_package_leads_to_what_came_back_of_it(shop: Engine) -> None:
    with shop.begin() as connection:
        connection.execute(sa.text("update shipment set tracking_number = 'T 1' where shipment_ref = 'p6'"))
    assert inspection.of_package(shop, "T 1").rows() == [(line_of(shop, "r2"),)]
    assert inspection.of_package(shop, "T 2").is_empty()


def test_the_queue_is_found_by_its_index(shop: Engine) -> None:
    if shop.dialect.name != "sqlite":
        pytest.skip("PostgreSQL reads a table this small at once")
    asked: list[tuple[str, tuple[object, ...]]] = []
    listening.listen(shop, "before_cursor_execute", lambda *call: asked.append((call[2], call[3])))
    inspection.waiting(shop)
    of_returns = [one for one in asked if "return_line" in one[0]]
    with shop.connect() as connection:
        plans = [str(connection.exec_driver_sql(f"explain query plan {statement}", values).all()) for statement, values in of_returns]
    assert len(plans) == 1
    assert all("ix_return_line_open" in plan for plan in plans)
