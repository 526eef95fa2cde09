"""Each kind of metric on a few orders whose rate is worked out by hand, and what is done with orders that cannot be judged."""

from dataclasses import replace
from datetime import date, datetime

import polars as pl
import pytest

from data_access.domain.scorecards.causes import CAUSES, remarks, with_causes
from data_access.domain.scorecards.observe import observe, settle
from data_access.domain.scorecards.rates import Rate, cells_at, of_metric, rate, tally, today, wanted
from data_access.domain.scorecards.registry import registry
from data_access.domain.scorecards.subjects import subjects
from tests.data_access.domain.scorecards.small_facts import CHANNELS, ZONES, Back, Gone, Order, OrderLine, Sent, facts, utc

BY_ID = {metric.id: metric for metric in registry()}
MONDAY = utc("2026-03-23 09:00")
DUE = utc("2026-03-24 22:59")  # Tuesday 23:59 in Berlin
ARRIVE = utc("2026-03-27 22:59")
LATER = utc("2026-04-20 10:00")


def order(number: int, *lines: OrderLine, **more: object) -> Order:
    return replace(Order(MONDAY, list(lines), number=number), **more)  # type: ignore[arg-type]


def line(*sent: Sent, gone: list[Gone] | None = None, back: list[Back] | None = None, units: int = 1) -> OrderLine:
    return OrderLine(units, DUE, ARRIVE, list(sent), gone or [], back or [])


def parcel(text: str = "2026-03-24 12:00", **more: object) -> Sent:
    return replace(Sent(utc(text), uploaded=utc(text), scan=utc(text), delivered=utc("2026-03-26 12:00")), **more)  # type: ignore[arg-type]


def counted(orders: list[Order], kind: str, unit: str = "order", now: datetime = LATER) -> list[str]:
    seen = settle(observe(subjects(facts(orders), CHANNELS), kind, unit), now).collect().sort("order_id", "shipment_ref", "shipment_id")
    return seen.select(pl.coalesce(pl.col("reason").cast(pl.String), pl.col("outcome").cast(pl.String))).to_series().to_list()


def rated(orders: list[Order], metric_id: str, now: datetime = LATER, channel: str = "a") -> Rate:
    metric = BY_ID[metric_id]
    asked = wanted({channel: [metric]})
    cells = cells_at(tally(subjects(facts(orders), CHANNELS), asked, ZONES), now)
    return rate(of_metric(cells, channel, metric), metric, today(now, ZONES.get(channel)))


def test_late_shipment() -> None:
    orders = [
        order(1, line(parcel("2026-03-24 22:59"))),  # on its last minute
        order(2, line(parcel("2026-03-24 23:00"))),  # a minute late: Wednesday 00:00 in Berlin
        order(3, line()),  # never shipped
        order(4, line(parcel()), line(parcel("2026-03-25 08:00"))),  # its second line is late
        order(5, line(gone=[Gone(MONDAY)])),
    ]
    assert counted(orders, "late_shipment") == ["ok", "miss", "miss", "miss", "cancelled before it shipped"]
    assert counted(orders[2:3], "late_shipment", now=DUE) == ["open"]  # it may still leave in this minute
    rated_orders = rated(orders, "own-late-shipment-30d")
    assert (rated_orders.numerator, rated_orders.denominator, rated_orders.rate) == (3, 4, 0.75)  # 3 of 1, 2, 3, 4
    assert rated_orders.excluded == {"cancelled before it shipped": 1}
    assert rated_orders.first == date(2026, 3, 22)
    assert rated_orders.last == date(2026, 4, 20)


def test_late_acceptance() -> None:
    orders = [
        order(1, line(parcel(scan=utc("2026-03-24 22:59")))),
        order(2, line(parcel(scan=utc("2026-03-24 23:00")))),  # shipped in time, accepted late
        order(3, line(parcel(scan=None))),
    ]
    assert counted(orders, "late_acceptance") == ["ok", "miss", "miss"]
    rated_orders = rated(orders, "ebay-late-shipment-top-rated")
    assert (rated_orders.numerator, rated_orders.denominator) == (2, 3)
    assert rated_orders.first == date(2025, 4, 21)  # 3 < 400 transactions: twelve months


def test_cancellation() -> None:
    orders = [
        order(1, line(parcel())),
        order(2, line(gone=[Gone(MONDAY, "seller")])),
        order(3, line(parcel()), line(gone=[Gone(MONDAY, "seller")])),  # one of two lines
        order(4, line(gone=[Gone(MONDAY, "buyer")])),
        order(5, line(parcel()), line(gone=[Gone(MONDAY, "buyer")])),  # the rest went out
        order(6, line(gone=[Gone(MONDAY, "marketplace")])),
        order(7, line(gone=[Gone(MONDAY, "unknown")])),
        order(8, line(parcel(), gone=[Gone(utc("2026-03-28 12:00"), "seller")])),  # delivered on the 26th
        order(9, line()),  # still to be shipped: no cancellation so far
    ]
    assert counted(orders, "cancellation") == [
        "ok",
        "miss",
        "miss",
        "cancelled by the buyer",
        "ok",
        "cancelled by the marketplace",
        "cancelled, not known by whom",
        "cancelled after it shipped",
        "ok",
    ]
    rated_orders = rated(orders, "own-cancellation-30d")
    assert (rated_orders.numerator, rated_orders.denominator, rated_orders.rate) == (2, 5, 0.4)  # 2, 3 of 1, 2, 3, 5, 9
    assert sum(rated_orders.excluded.values()) == 4


def test_valid_tracking_by_package() -> None:
    orders = [
        order(1, line(parcel(), parcel(package="2", scan=None), units=2)),  # two packages, one without a scan
        order(2, line(parcel("2026-04-01 12:00", scan=utc("2026-04-15 12:00")))),  # on the last moment of 14 days
        order(3, line(parcel("2026-04-01 12:00", scan=utc("2026-04-15 12:01")))),
        order(4, line(parcel("2026-04-10 12:00", scan=None))),  # ten days ago: may still be scanned
    ]
    assert counted(orders, "valid_tracking", "package") == ["ok", "miss", "ok", "miss", "open"]
    assert counted(orders, "valid_tracking", "order") == ["miss", "ok", "miss", "open"]
    rated_orders = rated(orders, "own-valid-tracking-30d")  # 8 March to 6 April, two weeks ago
    assert (rated_orders.first, rated_orders.last) == (date(2026, 3, 8), date(2026, 4, 6))
    assert (rated_orders.numerator, rated_orders.denominator, rated_orders.open) == (2, 4, 0)
    late = rated(orders, "walmart-valid-tracking-30d")  # by order, without a lag
    assert (late.numerator, late.denominator, late.open, late.is_matured) == (1, 3, 1, False)


def test_tracking_on_time() -> None:
    orders = [
        order(1, line(parcel())),
        order(2, line(parcel(uploaded=utc("2026-03-25 08:00")))),  # shipped in time, told late
        order(3, line(parcel(number=False, uploaded=None))),
        order(4, line(parcel(scan=None))),  # never validated by the carrier
        order(5, line(parcel(uploaded=None))),  # no time told: with the shipment
    ]
    assert counted(orders, "tracking_on_time") == ["ok", "miss", "miss", "miss", "ok"]
    assert counted(orders, "shipped_with_tracking") == ["ok", "ok", "miss", "ok", "ok"]
    rated_orders = rated(orders, "own-tracking-on-time-30d")
    assert (rated_orders.numerator, rated_orders.denominator, rated_orders.misses) == (2, 5, 3)


def test_on_time_delivery() -> None:
    orders = [
        order(1, line(parcel(delivered=ARRIVE, units=3), units=3)),
        order(2, line(parcel(delivered=utc("2026-03-27 23:00")))),  # Saturday 00:00 in Berlin
        order(3, line(parcel(delivered=None))),  # tracked, never told
        order(4, line(parcel(number=False, delivered=None))),
        order(5, line(parcel(number=False))),  # without a number, but told
    ]
    assert counted(orders, "on_time_delivery") == ["ok", "miss", "miss", "neither tracked nor told as delivered", "ok"]
    assert counted(orders, "on_time_delivery", "unit") == ["ok", "miss", "miss", "no tracking number", "no tracking number"]
    assert counted(orders[2:3], "on_time_delivery", now=ARRIVE) == ["open"]
    rated_orders = rated(orders, "own-on-time-delivery-30d")
    assert (rated_orders.numerator, rated_orders.denominator, rated_orders.rate) == (2, 4, 0.5)
    units = rated(orders, "amazon-on-time-delivery-14d", utc("2026-04-08 10:00"))  # 19 March to 1 April
    assert (units.numerator, units.denominator, units.excluded) == (3, 5, {"no tracking number": 2})  # 3 units of order 1


def test_return_rate() -> None:
    orders = [
        order(1, line(parcel())),
        order(2, line(parcel(units=2), units=2, back=[Back(utc("2026-04-02 09:00"))])),  # one unit of two
        order(3, line(gone=[Gone(MONDAY)])),
        order(4, line(parcel(), back=[Back(utc("2026-04-02 09:00"))]), theirs=True),
    ]
    assert counted(orders, "return_rate") == ["ok", "miss", "cancelled before it shipped", "miss"]
    rated_orders = rated(orders, "own-return-60d")
    assert (rated_orders.numerator, rated_orders.denominator) == (2, 3)


def test_orders_that_cannot_be_judged_keep_their_reason() -> None:
    orders = [
        order(1, OrderLine(1, None, None, [parcel()])),
        order(2, line(parcel("2026-03-23 08:00"))),
        order(3, line(parcel()), theirs=True),
        order(4, line(parcel()), channel="nowhere"),
        order(5),
    ]
    shared = ["shipped before placed", "fulfilled by the marketplace", "channel without a time zone", "no lines"]
    assert counted(orders, "late_shipment") == ["no ship-by date", *shared]
    assert counted(orders, "on_time_delivery") == ["no deliver-by date", *shared]
    assert counted(orders, "valid_tracking") == ["ok", *shared]
    rated_orders = rated(orders, "own-late-shipment-30d")
    assert (rated_orders.rate, rated_orders.low, rated_orders.denominator) == (None, None, 0)
    assert rated_orders.excluded == {reason: 1 for reason in ("no ship-by date", *shared) if reason != "channel without a time zone"}
    assert rated(orders, "own-late-shipment-30d", channel="nowhere").excluded == {"channel without a time zone": 1}


def test_what_is_handed_over_at_a_till_is_no_shipment() -> None:
    bought = Sent(MONDAY)
    orders = [
        order(1, OrderLine(1, None, None, [bought])),
        order(2, OrderLine(1, None, None, [bought], back=[Back(utc("2026-04-02 09:00"))])),
        order(3, OrderLine(1, utc("2026-03-25 22:00"), None, [bought])),  # with a ship-by date it is sent, however quickly
    ]
    handed = "handed over when it was bought"
    assert counted(orders, "valid_tracking") == [handed, handed, "miss"]
    assert counted(orders, "valid_tracking", "package") == [handed, handed, "miss"]
    assert counted(orders, "late_shipment") == [handed, handed, "ok"]
    assert counted(orders, "cancellation") == ["ok", "ok", "ok"]
    assert counted(orders, "return_rate") == ["ok", "miss", "ok"]


def test_a_channel_without_orders_has_no_rate() -> None:
    rated_orders = rated([order(1, line(parcel()))], "own-late-shipment-30d", channel="b")
    assert (rated_orders.rate, rated_orders.denominator, rated_orders.excluded) == (None, 0, {})


@pytest.mark.parametrize(
    ("due", "channel", "counts"),
    [
        ("2026-03-29 21:59", "a", 1),  # Sunday 23:59 in Berlin, whose day had 23 hours
        ("2026-03-29 22:00", "a", 0),  # Monday
        ("2026-03-19 23:00", "a", 1),  # Friday the 20th, 00:00: the first of ten days to the 29th
        ("2026-03-19 22:59", "a", 0),
        ("2026-03-30 03:59", "b", 1),  # Sunday 23:59 in New York
        ("2026-03-20 03:59", "b", 0),  # Thursday there, Friday by UTC
    ],
)
def test_windows_are_cut_where_the_channel_is(due: str, channel: str, counts: int) -> None:
    sale = Order(utc("2026-03-18 09:00"), [OrderLine(1, utc(due), None, [parcel("2026-03-19 09:00")])], channel)
    now = utc("2026-03-29 21:30") if channel == "a" else utc("2026-03-30 03:30")
    rated_orders = rated([sale], "amazon-late-shipment-10d", now, channel)
    assert (rated_orders.first, rated_orders.last) == (date(2026, 3, 20), date(2026, 3, 29))
    assert rated_orders.denominator == counts


def test_causes_are_those_of_the_first_missed_line() -> None:
    first = replace(line(parcel()), sku="IN TIME")
    second = replace(line(parcel("2026-03-25 08:00", package="2")), sku="LATE")
    all_facts = facts([order(1, first, second), order(2, replace(line(gone=[Gone(MONDAY, "seller")]), sku="GONE"))])
    of_facts = subjects(all_facts, CHANNELS)
    late = with_causes(observe(of_facts, "late_shipment", "order").collect(), all_facts, ZONES)
    assert late.schema == CAUSES
    assert late.sort("order_id").select("sku", "location_id", "carrier", "weekday", "hour").rows() == [
        ("LATE", "wh", "DHL", 1, 10),  # Monday 09:00 UTC is 10:00 in Berlin
        ("GONE", None, None, 1, 10),
    ]
    gone = with_causes(observe(of_facts, "cancellation", "order").collect(), all_facts, ZONES)
    assert gone.sort("order_id")["sku"].to_list() == ["IN TIME", "GONE"]
    packages = with_causes(observe(of_facts, "valid_tracking", "package").collect(), all_facts, ZONES)
    assert packages.sort("shipment_ref")["sku"].to_list() == ["IN TIME", "LATE"]
    assert with_causes(late.head(0), all_facts, ZONES).schema == CAUSES


def test_remarks_count_what_is_odd() -> None:
    odd_facts = facts(
        [
            order(1, line(parcel(), units=2)),
            order(2, line(parcel(), parcel(package="2"), units=2)),
            order(3, line(parcel()), line(gone=[Gone(MONDAY)])),
            order(4, line(parcel(), gone=[Gone(LATER)]), channel="b"),
            order(5, line(parcel())),
        ]
    )
    assert remarks(odd_facts).rows() == [
        ("a", "partly cancelled by the buyer", 1),
        ("a", "partly shipped, the rest open", 1),
        ("a", "several packages", 1),
        ("b", "cancelled after it shipped", 1),
    ]
