"""Packages told twice, more shipped than ordered, more back than left: reckoned by hand, on both databases."""

from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from data_access.commands.inbox import dismiss_parked
from data_access.events import models as ev
from data_access.events.ingest import ingest
from data_access.mirror.verify import verify_mirror
from data_access.mirror.writing import catch_up
from data_access.queries.verification.contradictions import CONTRADICTED, contradictions
from data_access.queries.verification.verify import verify
from data_access.schema.orders import cancellation, order_line, shipment
from data_access.schema.returns import return_line
from data_access.schema.stock import event as event_table
from data_access.write.permissions import COMMAND_LINE
from tests.data_access.events.test_ingest import head, levels, receipt, sale, ship
from tests.data_access.small_company import make_company


@pytest.fixture
def company(store: Engine) -> Engine:
    make_company(store)
    ingest(store, [receipt(1, "A", 10), sale(2, "A", 3, 1)])
    return store


def package(number: int, reference: str, quantity: int, hours: float, **more: Any) -> ev.Shipment:
    line = ev.OrderUnits(line_ref="1", quantity=quantity)
    base = {"channel_id": "web", "order_ref": "o2", "shipment_ref": reference, "location_id": "north", "lines": (line,)}
    return ev.Shipment(**{**head(number, hours), **base, **more})


def tracking(number: int, reference: str, of_carrier: str, hours: float) -> ev.Tracking:
    return ev.Tracking(**head(number, hours), channel_id="web", order_ref="o2", shipment_ref=reference, tracking_number=of_carrier)


def came_back(number: int, quantity: int, hours: float, ref: str = "r1") -> ev.ReturnReceived:
    line = ev.ReturnedUnits(line_ref="1", quantity=quantity)
    return ev.ReturnReceived(**head(number, hours), channel_id="web", order_ref="o2", return_ref=ref, location_id="north", lines=(line,))


def outcomes(engine: Engine, *events: ev.Event) -> list[tuple[str, str | None]]:
    return [(outcome.status, outcome.waits_for) for outcome in ingest(engine, events)]


def quantities(engine: Engine) -> tuple[int, int, int]:
    """Shipped, cancelled and returned of the order's line."""
    c = order_line.c
    with engine.connect() as connection:
        shipped, cancelled, returned = connection.execute(sa.select(c.shipped_quantity, c.cancelled_quantity, c.returned_quantity)).one()
    return shipped, cancelled, returned


def rows_of(engine: Engine, table: sa.Table) -> int:
    with engine.connect() as connection:
        return connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()


def codes(engine: Engine) -> list[tuple[str | None, str, int | None]]:
    """What verify lists as contradictions: the event, the code, its units."""
    listed = contradictions(engine)
    assert listed.schema == CONTRADICTED
    return list(listed.select("event_id", "code", "units").iter_rows())


def sound(engine: Engine) -> None:
    assert verify(engine).rows == []


def test_a_package_told_by_two_sources_under_one_reference_ships_once(company: Engine) -> None:
    again = package(4, "p1", 3, 5, source="poll")
    assert outcomes(company, package(3, "p1", 3, 2), again) == [("applied", None), ("duplicate", None)]
    assert levels(company) == {"A@north": (7, 0, 0, 0)}
    assert (quantities(company), rows_of(company, shipment), codes(company)) == ((3, 0, 0), 1, [])
    sound(company)


def test_a_package_under_two_references_is_one_as_soon_as_its_tracking_number_is(company: Engine) -> None:
    first = outcomes(company, package(3, "p1", 2, 2, carrier="DHL"), package(4, "x9", 2, 3, source="poll", carrier="dhl"))
    assert first == [("applied", None), ("parked", "ordered:web:o2")]
    assert outcomes(company, tracking(5, "p1", "T1", 4), tracking(6, "x9", "T1", 4)) == [("applied", None), ("applied", None)]
    assert (quantities(company), rows_of(company, shipment), codes(company)) == ((2, 0, 0), 1, [])
    assert levels(company) == {"A@north": (8, 0, 1, 0)}
    with company.connect() as connection:
        assert connection.execute(sa.select(event_table.c.event_id).where(event_table.c.status == "parked")).all() == []
    sound(company)


def test_a_package_told_with_other_units_waits_for_a_decision(company: Engine) -> None:
    results = outcomes(company, package(3, "p1", 1, 2), package(4, "p1", 2, 3, source="poll"))
    assert results == [("applied", None), ("parked", "package:web:o2")]
    assert (quantities(company), codes(company)) == ((1, 0, 0), [("e4", "other_units", 2)])
    sound(company)


def test_more_cannot_leave_than_was_ordered(company: Engine) -> None:
    assert outcomes(company, package(3, "p1", 2, 2), package(4, "p2", 2, 3)) == [("applied", None), ("parked", "ordered:web:o2")]
    assert levels(company) == {"A@north": (8, 0, 1, 0)}
    assert codes(company) == [("e4", "beyond_ordered", 2)]
    assert contradictions(company)["cause"].to_list() == ["More left than was ordered: this package moves no stock."]
    assert len(verify(company).contradicted) == 1
    sound(company)


def test_an_earlier_package_takes_the_room_of_a_later_one(company: Engine, tmp_path: Path) -> None:
    ingest(company, [package(3, "p1", 2, 5)])
    catch_up(company, tmp_path)
    assert outcomes(company, package(4, "p2", 2, 2)) == [("applied", None)]
    assert (quantities(company), codes(company)) == ((2, 0, 0), [("e3", "beyond_ordered", 2)])
    assert levels(company) == {"A@north": (8, 0, 1, 0)}
    sound(company)
    catch_up(company, tmp_path)
    report = verify_mirror(company, tmp_path)
    assert report is not None
    assert report.first_differences == []


def test_a_return_told_before_its_shipment_is_taken_when_that_comes(company: Engine) -> None:
    assert outcomes(company, came_back(5, 2, 6)) == [("parked", "shipped:web:o2")]
    assert (levels(company), rows_of(company, return_line)) == ({"A@north": (10, 0, 3, 0)}, 0)
    assert codes(company) == [("e5", "beyond_shipped", 2)]
    assert outcomes(company, package(3, "p1", 3, 2)) == [("applied", None)]
    assert (quantities(company), codes(company)) == ((3, 0, 2), [])
    assert levels(company) == {"A@north": (9, 2, 0, 0)}
    with company.connect() as connection:
        assert connection.execute(sa.select(event_table.c.status, event_table.c.waits_for)).all() == [("applied", None)] * 4
    sound(company)


def test_no_more_comes_back_than_left(company: Engine) -> None:
    ingest(company, [package(3, "p1", 2, 2)])
    results = outcomes(company, came_back(4, 2, 5), came_back(5, 1, 6, "r2"))
    assert results == [("applied", None), ("parked", "shipped:web:o2")]
    assert levels(company) == {"A@north": (10, 2, 1, 0)}
    assert codes(company) == [("e5", "beyond_shipped", 1)]
    sound(company)


def test_what_is_dismissed_leaves_nothing_behind(company: Engine) -> None:
    ingest(company, [package(3, "p1", 2, 2), package(4, "p2", 2, 3)])
    with company.connect() as connection:
        row_id = connection.execute(sa.select(event_table.c.id).where(event_table.c.status == "parked")).scalar_one()
    dismiss_parked(company, [row_id], "counted twice at the door", COMMAND_LINE)
    assert (codes(company), quantities(company)) == ([], (2, 0, 0))
    # what was dismissed is not judged again
    ingest(company, [package(5, "p3", 1, 4)])
    assert (codes(company), quantities(company), levels(company)) == ([], (3, 0, 0), {"A@north": (7, 0, 0, 0)})
    sound(company)


def test_cancelling_more_than_is_left_cancels_what_is_left(company: Engine) -> None:
    def gone(number: int, units: int, hours: float) -> ev.Cancellation:
        lines = (ev.CancelledLine(line_ref="1", quantity=units),)
        return ev.Cancellation(**head(number, hours), channel_id="web", order_ref="o2", lines=lines, cancelled_by="buyer")

    assert outcomes(company, package(3, "p1", 2, 2), gone(4, 2, 3)) == [("applied", None), ("applied", None)]
    assert levels(company) == {"A@north": (8, 0, 0, 0)}
    assert codes(company) == [(None, "cancelled_too_much", None)]
    assert outcomes(company, gone(5, 2, 3)) == [("duplicate", None)]
    assert rows_of(company, cancellation) == 1
    sound(company)


def test_other_lines_of_a_package_count_though_one_does_not(company: Engine) -> None:
    lines = tuple(ev.SaleLine(line_ref=ref, external_sku="web-A", quantity=1) for ref in ("1", "2"))
    sold = ev.Sale(**head(6, 1), channel_id="web", order_ref="o6", currency="EUR", lines=lines)
    both = tuple(ev.OrderUnits(line_ref=ref, quantity=1) for ref in ("1", "2"))
    first, all_of_it = (
        ev.Shipment(**head(number, 3), channel_id="web", order_ref="o6", shipment_ref=ref, location_id="north", lines=of)
        for number, ref, of in ((7, "a", both[:1]), (8, "b", both))
    )
    results = outcomes(company, sold, first, all_of_it)
    assert results == [("applied", None), ("applied", None), ("parked", "ordered:web:o6")]
    assert codes(company) == [("e8", "beyond_ordered", 1)]
    assert levels(company) == {"A@north": (8, 0, 3, 0)}
    sound(company)


def test_an_older_stores_contradictions_are_listed(company: Engine) -> None:
    ingest(company, [package(3, "p1", 3, 2)])
    # as an older release left it, which took every telling for true
    with company.begin() as connection:
        connection.execute(sa.update(order_line).values(shipped_quantity=5, returned_quantity=6))
    assert codes(company) == [(None, "returned_too_much", None), (None, "shipped_too_much", None)]
    causes = contradictions(company)["cause"].to_list()
    assert causes == ["More came back than left, and all of it is in stock.", "More left than was ordered, and all of it moved stock."]


def test_a_shipment_of_another_order_is_judged_by_itself(company: Engine) -> None:
    ingest(company, [sale(7, "A", 3, 1)])
    assert outcomes(company, package(3, "p1", 3, 2), ship(8, 7, 3, hours=2)) == [("applied", None), ("applied", None)]
    assert levels(company) == {"A@north": (4, 0, 0, 0)}
    sound(company)
