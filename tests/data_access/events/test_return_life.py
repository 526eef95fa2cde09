"""The life of a return, reckoned by hand on both databases: asked for, decided, sent back, received in parts, refunded, closed."""

from itertools import permutations
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from data_access.events import models as ev
from data_access.events.ingest import ingest
from data_access.imports.undo.stops import _ON_LINES
from data_access.queries.verification.verify import verify
from data_access.schema.audit import inbox_item
from data_access.schema.returns import return_case, return_line, return_refund, return_request
from data_access.schema.stock import stock_level
from tests.data_access.events.test_ingest import head, receipt, sale, ship
from tests.data_access.small_company import HOUR, T0, forget_events, make_company

RETURN = {"channel_id": "web", "return_ref": "RMA-1"}
PER = 10_000  # of a currency


@pytest.fixture
def shop(store: Engine) -> Engine:
    make_company(store)
    return store


def asked(number: int, hours: float, units: int = 3, **more: Any) -> ev.ReturnRequested:
    said = {"reason_code": "TOO_SMALL", "customer_note": "too tight", **more}
    line = ev.RequestedUnits(line_ref="1", quantity=units, **said)
    return ev.ReturnRequested(**head(number, hours), **RETURN, order_ref="o2", lines=(line,))


def decided(number: int, hours: float, decision: str, reason: str | None = None) -> ev.ReturnDecided:
    return ev.ReturnDecided.model_validate({**head(number, hours), **RETURN, "decision": decision, "reason": reason})


def sent_back(number: int, hours: float, tracking_number: str) -> ev.ReturnSentBack:
    return ev.ReturnSentBack(**head(number, hours), **RETURN, carrier="DHL", tracking_number=tracking_number)


def came_in(number: int, hours: float, units: int, part: str | None = None) -> ev.ReturnReceived:
    line = ev.ReturnedUnits(line_ref="1", quantity=units)
    return ev.ReturnReceived(**head(number, hours), **RETURN, order_ref="o2", location_id="north", part=part, lines=(line,))


def refunded(number: int, hours: float, amount: int, currency: str = "EUR", **more: Any) -> ev.ReturnRefunded:
    line = ev.RefundedLine(line_ref="1", amount=amount)
    return ev.ReturnRefunded(**head(number, hours), **RETURN, order_ref="o2", currency=currency, lines=(line,), **more)


def closed(number: int, hours: float) -> ev.ReturnClosed:
    return ev.ReturnClosed(**head(number, hours), **RETURN)


def hour(number: float) -> int:
    return T0 + int(number * HOUR)


def rows(engine: Engine, table: sa.Table, *names: str) -> list[tuple[Any, ...]]:
    with engine.connect() as connection:
        return sorted(map(tuple, connection.execute(sa.select(*(table.c[name] for name in names)))), key=str)


def inbox(engine: Engine) -> list[str]:
    return [reason for (reason,) in rows(engine, inbox_item, "reason")]


BOUGHT = (receipt(1, "A", 10), sale(2, "A", 3, 1), ship(3, 2, 3, hours=2))
LIFE = (
    asked(4, 3),
    decided(5, 4, "approved", "within the window"),
    sent_back(6, 5, "B-1"),
    came_in(7, 6, 2, "parcel 1"),
    came_in(8, 7, 1, "parcel 2"),
    ev.Inspection(**head(9, 8), **RETURN, part="parcel 1", disposition="restock"),
    refunded(10, 9, 10 * PER),
    closed(11, 10),
)


def the_whole_life(engine: Engine) -> None:
    case = rows(engine, return_case, "requested_at", "decision", "decided_at", "decision_reason", "sent_at", "carrier", "tracking_number")
    assert case == [(hour(3), "approved", hour(4), "within the window", hour(5), "DHL", "B-1")]
    assert rows(engine, return_case, "received_at", "refunded_at", "closed_at") == [(hour(6), hour(9), hour(10))]
    assert rows(engine, return_request, "quantity", "reason_code", "customer_note") == [(3, "TOO_SMALL", "too tight")]
    names = ("part", "quantity", "disposition", "inspected_at", "refund", "currency", "refunded_at")
    # 10 euros for three units: 6.6666 for the two of the first parcel, and the rest for the other
    assert rows(engine, return_line, *names) == [
        ("parcel 1", 2, "restock", hour(8), 66_666, "EUR", hour(9)),
        ("parcel 2", 1, None, None, 33_334, "EUR", hour(9)),
    ]
    assert (
        rows(engine, return_line, "requested_at", "approved_at", "reason_code", "customer_note")
        == [(hour(3), hour(4), "TOO_SMALL", "too tight")] * 2
    )
    # 10 came, 3 left, 3 came back: one of them waits
    assert rows(engine, stock_level, "sku", "on_hand", "unsellable") == [("A", 10, 1)]
    assert inbox(engine) == []
    assert verify(engine).rows == []


def test_the_whole_life_in_order(shop: Engine) -> None:
    for event in (*BOUGHT, *LIFE):
        assert [outcome.status for outcome in ingest(shop, [event])] == ["applied"]
    the_whole_life(shop)


def test_the_life_told_backwards_and_all_at_once_ends_the_same(shop: Engine) -> None:
    for event in reversed((*BOUGHT, *LIFE)):
        ingest(shop, [event])
    the_whole_life(shop)
    forget_events(shop)
    ingest(shop, list(reversed((*BOUGHT, *LIFE))))
    the_whole_life(shop)


def test_a_request_after_the_receipt_a_refund_before_it(shop: Engine) -> None:
    for event in (*BOUGHT, LIFE[6], LIFE[3], LIFE[4], LIFE[1], LIFE[7], LIFE[5], LIFE[2], LIFE[0]):
        ingest(shop, [event])
    the_whole_life(shop)


def test_what_nobody_asked_for_waits_until_somebody_does(shop: Engine) -> None:
    ingest(shop, BOUGHT)
    outcome = ingest(shop, [decided(5, 4, "approved"), closed(11, 10)])
    assert [(one.status, one.waits_for) for one in outcome] == [("parked", "return:web:RMA-1")] * 2
    assert rows(shop, return_case, "id") == []
    ingest(shop, [asked(4, 3)])
    assert rows(shop, return_case, "decision", "closed_at") == [("approved", hour(10))]


@pytest.mark.parametrize("order", list(permutations(range(3))), ids=str)
def test_the_last_decision_holds_whatever_came_last(shop: Engine, order: tuple[int, ...]) -> None:
    tellings = (decided(5, 4, "refused", "worn"), decided(6, 6, "approved", "after a complaint"), decided(7, 5, "refused", "worn"))
    ingest(shop, [*BOUGHT, asked(4, 3), came_in(8, 7, 3)])
    for place in order:
        ingest(shop, [tellings[place]])
    assert rows(shop, return_case, "decision", "decided_at", "decision_reason") == [("approved", hour(6), "after a complaint")]
    assert rows(shop, return_line, "approved_at") == [(hour(6),)]


def test_a_refusal_takes_the_approval_back_and_goods_come_in_nevertheless(shop: Engine) -> None:
    ingest(shop, [*BOUGHT, asked(4, 3), decided(5, 4, "approved"), decided(6, 5, "refused", "too late"), came_in(7, 6, 3)])
    assert rows(shop, return_line, "approved_at", "quantity") == [(None, 3)]
    assert rows(shop, stock_level, "on_hand", "unsellable") == [(10, 3)]


def test_one_request_with_two_dates_is_one_request(shop: Engine) -> None:
    ingest(shop, [*BOUGHT, asked(4, 5)])
    assert [one.status for one in ingest(shop, [asked(5, 3), asked(6, 9)])] == ["applied", "applied"]
    assert rows(shop, return_case, "requested_at") == [(hour(3),)]
    assert rows(shop, return_request, "quantity") == [(3,)]


def test_a_request_of_other_units_is_refused_in_words(shop: Engine) -> None:
    ingest(shop, [*BOUGHT, asked(4, 3, 2)])
    assert [one.status for one in ingest(shop, [asked(5, 4, 1)])] == ["refused"]
    (reason,) = inbox(shop)
    assert reason == (
        "Return RMA-1 on web was requested by another event, of other units: it stands; send further units under a return id of their own."
    )
    assert rows(shop, return_request, "quantity") == [(2,)]


def test_more_than_was_bought_cannot_be_asked_for(shop: Engine) -> None:
    assert [one.status for one in ingest(shop, [*BOUGHT, asked(4, 3, 4)])][-1] == "refused"
    assert inbox(shop) == [
        "Return RMA-1 on web asks for 4 units of line 1 of order o2, of which 3 were bought: send it with at most as many."
    ]
    assert rows(shop, return_case, "id") == []


def test_a_request_before_its_order_waits_for_it(shop: Engine) -> None:
    (outcome,) = ingest(shop, [asked(4, 3)])
    assert (outcome.status, outcome.waits_for) == ("parked", "order:web:o2")
    ingest(shop, BOUGHT)
    assert rows(shop, return_request, "quantity") == [(3,)]


def test_what_the_receipt_says_is_not_overwritten(shop: Engine) -> None:
    line = ev.ReturnedUnits(line_ref="1", quantity=3, reason_code="DEFECTIVE", refund=5 * PER)
    receipt_ = ev.ReturnReceived(**head(7, 6), **RETURN, order_ref="o2", location_id="north", requested_at=hour(2.5), lines=(line,))
    ingest(shop, [*BOUGHT, receipt_, asked(4, 3)])
    assert rows(shop, return_line, "reason_code", "customer_note", "requested_at", "refund") == [
        ("DEFECTIVE", "too tight", hour(2.5), 5 * PER)
    ]


def test_refunds_of_a_line_add_up_and_one_told_twice_is_one(shop: Engine) -> None:
    first = refunded(8, 7, 4 * PER, refund_ref="F1")
    ingest(shop, [*BOUGHT, came_in(7, 6, 3), first, refunded(9, 8, 2 * PER, refund_ref="F2")])
    assert [one.status for one in ingest(shop, [refunded(10, 9, 4 * PER, refund_ref="F1")])] == ["duplicate"]
    assert rows(shop, return_line, "refund", "currency", "refunded_at") == [(6 * PER, "EUR", hour(7))]
    assert [one.status for one in ingest(shop, [refunded(11, 9, 5 * PER, refund_ref="F1")])] == ["refused"]
    assert rows(shop, return_refund, "refund_ref", "amount") == [("F1", 4 * PER), ("F2", 2 * PER)]


def test_two_currencies_are_never_added(shop: Engine) -> None:
    ingest(shop, [*BOUGHT, came_in(7, 6, 3), refunded(8, 7, 4 * PER), refunded(9, 8, 2 * PER, "USD")])
    assert rows(shop, return_line, "refund", "currency", "refunded_at") == [(None, None, hour(7))]
    assert rows(shop, return_refund, "amount", "currency") == [(2 * PER, "USD"), (4 * PER, "EUR")]
    assert verify(shop).rows == []


def test_a_negative_refund_is_no_event() -> None:
    with pytest.raises(ValueError, match="greater than or equal to 0"):
        ev.RefundedLine(line_ref="1", amount=-1)


def test_a_return_in_parts_is_inspected_part_by_part(shop: Engine) -> None:
    ingest(shop, [*BOUGHT, came_in(7, 6, 2, "parcel 1"), came_in(8, 7, 1, "parcel 2")])
    whole = ev.Inspection(**head(9, 8), **RETURN, disposition="restock")
    assert [one.status for one in ingest(shop, [whole])] == ["refused"]
    assert inbox(shop) == ["Return RMA-1 on web came in in parts: say which part was inspected."]
    assert rows(shop, stock_level, "unsellable") == [(3,)]


def test_a_part_twice_is_one_and_the_whole_beside_parts_is_refused(shop: Engine) -> None:
    ingest(shop, [*BOUGHT, came_in(7, 6, 2, "parcel 1")])
    again, other, whole = came_in(8, 7, 2, "parcel 1"), came_in(9, 7, 1, "parcel 1"), came_in(10, 7, 1)
    assert [one.status for one in ingest(shop, [again, other, whole])] == ["duplicate", "refused", "refused"]
    assert rows(shop, return_line, "part", "quantity") == [("parcel 1", 2)]


def test_an_import_with_requests_or_refunds_on_its_lines_cannot_be_taken_back() -> None:
    assert {return_request, return_refund} <= set(_ON_LINES)


def test_verify_sees_a_refund_that_no_line_keeps(shop: Engine) -> None:
    ingest(shop, [*BOUGHT, came_in(7, 6, 3), refunded(8, 7, 4 * PER)])
    with shop.begin() as connection:
        connection.execute(sa.update(return_line).values(refund=1))
        connection.execute(sa.update(return_case).values(refunded_at=None))
    assert verify(shop).rows == [
        {"figure": "refunds", "key": "web RMA-1", "stored": 1, "rebuilt": 4 * PER},
        {"figure": "refunds", "key": "when web RMA-1", "stored": None, "rebuilt": hour(7)},
    ]
