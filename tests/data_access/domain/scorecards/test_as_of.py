"""Facts as they were known at a moment: what happened at the moment itself is known, a microsecond before it is not."""

from datetime import datetime, timedelta

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from data_access.domain.scorecards.as_of import as_of
from data_access.domain.scorecards.subjects import Facts
from tests.data_access.domain.scorecards.small_facts import Back, Gone, Order, OrderLine, Sent, facts, frames, known, utc

PLACED, MOMENT = utc("2026-03-01 09:00"), utc("2026-03-05 12:00")
JUST_BEFORE = MOMENT - timedelta(microseconds=1)
ORDERS = [
    Order(
        PLACED,
        [OrderLine(5, sent=[Sent(MOMENT, 2, uploaded=MOMENT, scan=MOMENT, delivered=MOMENT)], gone=[Gone(MOMENT)], back=[Back(MOMENT)])],
        number=1,
    ),
    Order(PLACED, [OrderLine(2, sent=[Sent(PLACED, 2, uploaded=MOMENT, scan=MOMENT, delivered=MOMENT)])], number=2),
    Order(MOMENT, [OrderLine(1)], number=3),
]


@pytest.mark.parametrize("moment", [PLACED, JUST_BEFORE, MOMENT])
def test_what_happened_at_the_moment_itself_is_known(moment: datetime) -> None:
    for seen, expected in zip(frames(as_of(facts(ORDERS), moment)), frames(facts(known(ORDERS, moment))), strict=True):
        assert_frame_equal(seen, expected)


def test_a_return_is_inspected_when_it_is() -> None:
    whole = facts(ORDERS)
    inspected = {"inspected_at": pl.lit(MOMENT), "disposition": pl.lit("restock"), "is_disposition_assumed": pl.lit(value=True)}
    received = whole.returns.with_columns(received_at=pl.lit(PLACED), **inspected).cast(whole.returns.collect_schema())
    known_returns = Facts(whole.orders, whole.lines, whole.shipments, whole.cancellations, received)
    columns = ("disposition", "is_disposition_assumed")
    assert as_of(known_returns, MOMENT).returns.select(columns).collect().rows() == [("restock", True)]
    assert as_of(known_returns, JUST_BEFORE).returns.select(columns).collect().rows() == [(None, None)]


def test_the_first_scan_stands_for_a_latest_one_that_is_still_to_come() -> None:
    whole = facts([Order(PLACED, [OrderLine(1, sent=[Sent(PLACED, scan=PLACED)])])])
    later = Facts(whole.orders, whole.lines, whole.shipments.with_columns(last_scan_at=pl.lit(MOMENT)), whole.cancellations, whole.returns)
    assert as_of(later, MOMENT).shipments.select("last_scan_at").collect().item() == MOMENT
    assert as_of(later, JUST_BEFORE).shipments.select("last_scan_at").collect().item() == PLACED
