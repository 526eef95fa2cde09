"""What came in before goods came back: worked out by hand."""

from datetime import UTC, date, datetime

from sqlalchemy.engine import Engine

from data_access.events import models as ev
from data_access.events.ingest import ingest
from data_access.queries.returns.picture import receipts_before
from tests.data_access.small_company import make_company


def us(year: int, month: int, day: int, hour: int = 0) -> int:
    return int(datetime(year, month, day, hour, tzinfo=UTC).timestamp()) * 1_000_000


def receipt(number: int, at: int, location_id: str, **units: int) -> ev.Receipt:
    lines = tuple(ev.SkuUnits(sku=sku, quantity=count) for sku, count in units.items())
    return ev.Receipt(source="test", event_id=f"r{number}", occurred_at=at, received_at=at, location_id=location_id, lines=lines)


def test_receipts_of_the_sixty_days_that_end_with_the_week(store: Engine) -> None:
    make_company(store)
    came = [
        receipt(1, us(2026, 3, 11, 23), "north", A=1),  # the 60 days that end with 10 May begin with 12 March
        receipt(2, us(2026, 3, 12), "north", A=2, B=20),
        receipt(3, us(2026, 5, 10, 23), "south", A=3),  # the Sunday of the week
        receipt(4, us(2026, 5, 11), "south", A=4),
    ]
    assert {outcome.status for outcome in ingest(store, came)} == {"applied"}
    opening = ev.Adjustment(
        source="test",
        event_id="a1",
        occurred_at=us(2026, 4, 1),
        received_at=us(2026, 4, 1),
        location_id="north",
        reason="found",
        lines=(ev.SignedStateUnits(sku="A", state="sellable", quantity=50),),
    )
    assert {outcome.status for outcome in ingest(store, [opening])} == {"applied"}
    week = date(2026, 5, 4)
    third = datetime(2026, 5, 10, 23, tzinfo=UTC), "south", "A", 3
    second = datetime(2026, 3, 12, tzinfo=UTC), "north"
    assert receipts_before(store, "A", week).rows() == [third, (*second, "A", 2)]
    assert receipts_before(store, "B", week).rows() == [(*second, "B", 20)]
    assert receipts_before(store, "KIT", week).rows() == [third, (*second, "A", 2), (*second, "B", 20)]
    assert receipts_before(store, "KIT", date(2026, 1, 5)).is_empty()
