"""No data is not zero: a metric whose data a channel never sent has no figure; once one such fact has come in, it is computed."""

from datetime import datetime

import polars as pl
import pytest
from hypothesis import given

from data_access.domain.scorecards.card import CARDS, cards
from data_access.domain.scorecards.evidence import EVIDENCE, RESTS_ON, brings, by_channel, missing, sent
from data_access.domain.scorecards.headroom import headroom, state
from data_access.domain.scorecards.observe import SPECS
from data_access.domain.scorecards.rates import cells_at, of_metric, rate, tally, today, wanted
from data_access.domain.scorecards.registry import Metric, registry
from data_access.domain.scorecards.subjects import subjects
from tests.data_access.domain.scorecards.small_facts import CHANNELS, ZONES, Back, Gone, Order, OrderLine, Sent, facts, utc
from tests.data_access.domain.scorecards.strategies import moments, orders

METRICS: dict[str, tuple[Metric, ...]] = {channel: registry() for channel in ("a", "b", "nowhere")}
NO_FIGURES = pl.DataFrame(schema={"channel_id": pl.String, "metric_id": pl.String, "day": pl.Date, "value": pl.String})
FIGURES = ("value", "low", "high", "numerator", "denominator", "misses", "further", "excess", "trend", "difference")
NOW = utc("2026-04-28 12:00")


def shown(all_orders: list[Order], now: datetime, figures: pl.DataFrame = NO_FIGURES) -> pl.DataFrame:
    theirs = facts(all_orders)
    cells = cells_at(tally(subjects(theirs, CHANNELS), wanted(METRICS), ZONES), now)
    return cards(cells, sent(theirs), METRICS, ZONES, figures, now)


def sent_by_loop(all_orders: list[Order], channel: str) -> set[str]:
    """What a channel has sent, order by order."""
    ever = set()
    for order in all_orders:
        if order.channel != channel:
            continue
        ever.add("order")
        for line in order.lines:
            ever |= {"ship_by"} if line.ship_by else set()
            ever |= {"deliver_by"} if line.deliver_by else set()
            ever |= {"return"} if line.back else set()
            ever |= {"cancellation"} if any(one.by != "unknown" for one in line.gone) else set()
            for part in line.sent:
                ever |= {"shipment", *(["tracking"] if part.number else [])}
                ever |= {"scan"} if part.scan else set()
                ever |= {"delivery"} if part.delivered else set()
    return ever


@given(orders(), moments)
def test_a_figure_is_shown_where_what_it_rests_on_was_ever_sent(all_orders: list[Order], now: datetime) -> None:
    cells = cells_at(tally(subjects(facts(all_orders), CHANNELS), wanted(METRICS), ZONES), now)
    rows = {(row["channel_id"], row["metric_id"]): row for row in shown(all_orders, now).iter_rows(named=True)}
    for channel, metrics in METRICS.items():
        ever = sent_by_loop(all_orders, channel)
        assert by_channel(sent(facts(all_orders))).get(channel, frozenset()) == ever
        for metric in metrics:
            row = rows[channel, metric.id]
            if metric.computes is None or "order" not in ever or not set(RESTS_ON[metric.computes, metric.unit]) <= ever:
                assert row["state"] == ("no data" if metric.on else "off")
                assert [row[name] for name in FIGURES] == [None] * len(FIGURES)
                assert row["brings"].endswith(".")
                continue
            current = rate(of_metric(cells, channel, metric), metric, today(now, ZONES.get(channel)))
            room = headroom(current.misses, current.denominator, metric)
            assert row["state"] == (state(current, metric) if metric.on else "off")
            assert (row["value"], row["numerator"], row["denominator"]) == (current.rate, current.numerator, current.denominator)
            assert (row["further"], row["excess"], row["brings"]) == (room.further, room.excess, None)


def test_every_kind_says_what_it_rests_on() -> None:
    assert set(RESTS_ON) == set(SPECS)
    assert {name for names in RESTS_ON.values() for name in names} | {"order"} == set(EVIDENCE)


PLACED = utc("2026-04-10 08:00")


def one(**of_line: object) -> Order:
    sent_at = utc("2026-04-10 20:00")
    line = {"ship_by": utc("2026-04-11 08:00"), "deliver_by": utc("2026-04-14 08:00"), "sent": [Sent(sent_at, number=False)]}
    return Order(PLACED, [OrderLine(**{**line, **of_line})])  # type: ignore[arg-type]


def card(all_orders: list[Order], metric_id: str) -> dict[str, object]:
    return shown(all_orders, NOW).row(by_predicate=(pl.col("channel_id") == "a") & (pl.col("metric_id") == metric_id), named=True)


ON_TIME = Sent(utc("2026-04-10 20:00"), scan=utc("2026-04-10 22:00"), delivered=utc("2026-04-12 12:00"))
LONG_AGO = utc("2024-01-10 08:00")  # outside every window


def long_ago(**of_line: object) -> Order:
    return Order(LONG_AGO, [OrderLine(**of_line)], number=2)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("metric_id", "first", "state_then", "value", "lacking"),
    [
        ("own-cancellation-30d", {"gone": [Gone(LONG_AGO)]}, "safe", 0.0, "cancellations that say who cancelled"),
        ("own-return-60d", {"sent": [Sent(LONG_AGO)], "back": [Back(LONG_AGO)]}, "safe", 0.0, "returns"),
        ("own-valid-tracking-30d", {"sent": [Sent(LONG_AGO, scan=LONG_AGO)]}, "breach", 0.0, "carriers' scans of tracking numbers"),
        ("own-on-time-delivery-30d", {"sent": [Sent(LONG_AGO, delivered=LONG_AGO)]}, "no orders", None, "delivery times"),
        ("etsy-shipping", {"sent": [Sent(LONG_AGO)]}, "breach", 0.0, "tracking numbers"),
    ],
)
def test_one_fact_outside_the_window_makes_no_data_a_figure(
    metric_id: str, first: dict[str, object], state_then: str, value: float | None, lacking: str
) -> None:
    before = card([one()], metric_id)
    sentence = f"Import a file or send events with {lacking}: this channel has never sent any."
    assert (before["state"], before["value"], before["trend"], before["brings"]) == ("no data", None, None, sentence)
    after = card([one(), long_ago(**first)], metric_id)
    assert (after["state"], after["value"], after["brings"]) == (state_then, value, None)


def test_who_cancelled_is_what_a_cancellation_rate_rests_on() -> None:
    nobody = one(units=2, gone=[Gone(PLACED, "unknown")])
    assert card([nobody], "own-cancellation-30d")["state"] == "no data"
    assert card([nobody, long_ago(gone=[Gone(LONG_AGO, "seller")])], "own-cancellation-30d")["state"] == "safe"


def test_the_parts_that_lack_are_listed() -> None:
    metric = next(metric for metric in registry() if metric.id == "own-tracking-on-time-30d")
    assert missing(frozenset(), metric) == ("order",)
    assert missing(frozenset({"order", "tracking"}), metric) == ("ship_by", "scan")
    assert brings(("ship_by", "tracking", "scan"), metric) == (
        "Import a file or send events with ship-by dates, tracking numbers and carriers' scans of tracking numbers: "
        "this channel has never sent any."
    )
    assert brings(("order",), metric) == "Import a file or send events with orders: this channel has never sent any."
    theirs = next(metric for metric in registry() if metric.id == "etsy-rating")
    assert (missing(frozenset(), theirs), brings((), theirs)) == (
        (),
        "Record the marketplace's own figure: OnHand does not have all of what it rests on (ratings).",
    )


def test_the_marketplaces_figure_stays_beside_no_data() -> None:
    figures = pl.DataFrame([("a", "own-return-60d", NOW.date(), "0.02")], NO_FIGURES.schema, orient="row")
    rows = shown([one(sent=[ON_TIME])], NOW, figures)
    assert rows.schema == CARDS
    row = rows.row(by_predicate=(pl.col("channel_id") == "a") & (pl.col("metric_id") == "own-return-60d"), named=True)
    assert (row["state"], row["theirs"], row["difference"], row["value"]) == ("no data", 0.02, None, None)


def test_a_return_of_an_unknown_purchase_is_no_evidence() -> None:
    theirs = facts([one(back=[Back(NOW)])])
    assert "return" in by_channel(sent(theirs))["a"]
    theirs = facts([one()])
    lone = facts([one(back=[Back(NOW)])]).returns.with_columns(order_id=pl.lit(None, pl.Int64), line_id=pl.lit(None, pl.Int64))
    assert "return" not in by_channel(sent(type(theirs)(theirs.orders, theirs.lines, theirs.shipments, theirs.cancellations, lone)))["a"]
