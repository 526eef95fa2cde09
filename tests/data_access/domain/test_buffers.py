"""What buffers and reservations withhold, against plain loops over the rules, and by hand."""

import math
from dataclasses import replace
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_access.domain import availability, buffers
from data_access.domain.availability import Stock
from data_access.domain.buffers import CHANNEL_LEVELS, RESERVATIONS, RULES, Withheld
from tests.data_access.domain.test_availability import CHANNELS, KITS, PLACES, SKUS, Naive, stock_of, stocks, table

CATEGORY = {"A": "x", "B": "x", "C": "y", "K1": "y", "K2": "x"}
CATEGORIES = table(CATEGORY.items(), buffers.CATEGORIES)
KEYS = {
    "channel_sku": ("channel_id", "sku"),
    "sku": ("sku",),
    "channel_category": ("channel_id", "category"),
    "category": ("category",),
    "channel": ("channel_id",),
}


def rule(rule_id: int, level: str, amount: float, basis: str = "units", ends_at: int | None = None, **scope: str) -> dict[str, Any]:
    empty = dict.fromkeys(RULES)
    return {**empty, "rule_id": rule_id, "level": level, "amount": amount, "basis": basis, "ends_at": ends_at, "version": 1, **scope}


def rules_of(*rows: dict[str, Any]) -> pl.DataFrame:
    return pl.DataFrame(list(rows), schema=RULES)


@st.composite
def rule_sets(draw: st.DrawFn) -> pl.DataFrame:
    drawn, seen = [], set()
    for number in range(draw(st.integers(0, 8))):
        level = draw(st.sampled_from(CHANNEL_LEVELS))
        values = {"channel_id": CHANNELS, "sku": tuple(CATEGORY), "category": ("x", "y")}
        scope = {key: draw(st.sampled_from(values[key])) for key in KEYS[level]}
        if (level, *scope.values()) not in seen:
            seen.add((level, *scope.values()))
            basis = draw(st.sampled_from(buffers.BASES))
            amount = draw(st.integers(0, 9)) if basis == "units" else draw(st.integers(0, 4_000)) / 100
            drawn.append(rule(number, level, amount, basis, **scope))
    for number, (sku, place) in enumerate(draw(st.sets(st.tuples(st.sampled_from(SKUS), st.sampled_from(PLACES)), max_size=2))):
        drawn.append(rule(100 + number, "location", draw(st.integers(0, 9)), sku=sku, location_id=place))
    return rules_of(*drawn)


@st.composite
def reservation_sets(draw: st.DrawFn) -> pl.DataFrame:
    rows = [
        (
            number,
            draw(st.sampled_from(SKUS)),
            draw(st.none() | st.integers(1, 25)),
            sorted(draw(st.sets(st.sampled_from(CHANNELS), min_size=1, max_size=2))),
            sorted(draw(st.sets(st.sampled_from(PLACES), max_size=2))),
            None,
        )
        for number in range(draw(st.integers(0, 3)))
    ]
    return table(rows, RESERVATIONS)


@st.composite
def demands(draw: st.DrawFn) -> pl.DataFrame:
    pairs = draw(st.sets(st.tuples(st.sampled_from(tuple(CATEGORY)), st.sampled_from(CHANNELS)), max_size=8))
    return table(((*pair, draw(st.integers(0, 80)) / 28) for pair in sorted(pairs)), buffers.DEMAND)


@st.composite
def allocations(draw: st.DrawFn, stock: Stock) -> pl.DataFrame:
    rows = [
        (row["sku"], row["location_id"], draw(st.sampled_from(CHANNELS)), row["allocated"])
        for row in stock.levels.iter_rows(named=True)
        if row["allocated"]
    ]
    return table(rows, buffers.ALLOCATED)


@st.composite
def cases(draw: st.DrawFn) -> tuple[Stock, Withheld]:
    stock = draw(stocks(with_rules=False))
    rules, reservations, demand = draw(rule_sets()), draw(reservation_sets()), draw(demands())
    return stock, Withheld(rules, reservations, CATEGORIES, demand, draw(allocations(stock)))


def naive_buffer(withheld: Withheld, sku: str, channel: str, pool: int) -> tuple[int | None, int]:
    """Rule id and units of the rule that wins, by looking at all of them."""
    has = {"channel_id": channel, "sku": sku, "category": CATEGORY[sku]}
    for level in CHANNEL_LEVELS:
        for one in withheld.rules.filter(pl.col("level") == level).iter_rows(named=True):
            if all(one[key] == has[key] for key in KEYS[level]):
                daily = {row[:2]: row[2] for row in withheld.demand.iter_rows()}.get((sku, channel), 0.0)
                of = {
                    "units": one["amount"],
                    "percent": round(one["amount"] * 100) * max(pool, 0) / 10_000,
                    "days": one["amount"] * daily,
                }[one["basis"]]
                return one["rule_id"], math.ceil(of - 1e-9)
    return None, 0


def naive_reserved(stock: Stock, withheld: Withheld, naive: Naive, sku: str, channel: str) -> int:
    """Reservations for others, one by one, at most what is there after backorders."""
    total, here = 0, naive.serving[channel]
    for one in withheld.reservations.filter(pl.col("sku") == sku).iter_rows(named=True):
        if channel in one["channel_ids"]:
            continue
        serving = {place for other in one["channel_ids"] for place in naive.serving[other]}
        where = set(one["location_ids"]) or serving
        there = sum(max(naive.available(sku, place) or 0, 0) for place in where)
        tied = sum(
            units for s, place, c, units in withheld.allocated.iter_rows() if s == sku and place in where and c in one["channel_ids"]
        )
        left = there if one["units"] is None else min(there, max(one["units"] - tied, 0))
        total += min(left, sum(max(naive.available(sku, place) or 0, 0) for place in where & set(here)))
    return min(total, max(naive.pool(sku, channel), 0))


@given(cases())
def test_equals_the_rules_as_loops(case: tuple[Stock, Withheld]) -> None:
    stock, withheld = case
    naive = Naive(stock)
    naive.buffers = {
        (row["sku"], row["location_id"]): int(row["amount"])
        for row in withheld.rules.filter(pl.col("level") == "location").iter_rows(named=True)
    }
    reserved = {(sku, channel): naive_reserved(stock, withheld, naive, sku, channel) for sku in SKUS for channel in CHANNELS}
    naive.reserved = reserved
    _, by_channel = buffers.figures(stock, withheld)
    assert by_channel.schema == availability.AVAILABILITY
    for row in by_channel.iter_rows(named=True):
        sku, channel = row["sku"], row["channel_id"]
        pool = naive.pool(sku, channel)
        rule_id, units = naive_buffer(withheld, sku, channel, pool)
        naive.withheld = {(sku, channel): units}
        assert (row["buffer_rule_id"], row["channel_buffer"], row["pool"]) == (rule_id, units, pool), row
        assert row["available_to_sell"] == naive.available_to_sell(sku, channel), row


@given(cases())
def test_nothing_is_negative_each_figure_could_be_shipped_and_the_waterfall_adds_up(case: tuple[Stock, Withheld]) -> None:
    stock, withheld = case
    naive = Naive(stock)
    _, by_channel = buffers.figures(stock, withheld)
    names = ("on_hand", "allocated", "unsellable", "location_buffer", "available", "backordered", "reserved_elsewhere", "channel_buffer")
    for row in by_channel.iter_rows(named=True):
        assert min(row[name] for name in (*names, "available_to_sell")) >= 0, row
        places = naive.serving[row["channel_id"]]
        for part, need in KITS.get(row["sku"], {row["sku"]: 1}).items():
            assert row["available_to_sell"] * need <= sum(max(naive.available(part, place) or 0, 0) for place in places)
    steps = availability.waterfall(by_channel)
    last = steps.group_by("sku", "channel_id").agg(pl.col("running").sort_by("step").last(), pl.col("binds").sum())
    ends = last.join(by_channel, on=["sku", "channel_id"])
    assert ends.height == by_channel.height
    assert (ends["running"] == ends["available_to_sell"]).all()
    assert (ends["binds"] == 1).all()


@given(st.data())
def test_where_all_units_are_reserved_the_channels_together_sell_no_more_than_there_is(data: st.DataObject) -> None:
    """Each location serves any channels; every unit at it is reserved for one of them."""
    stock = data.draw(stocks(with_rules=False))
    rows = []
    for sku in SKUS:
        for place in PLACES:
            serving = stock.channel_locations.filter(pl.col("location_id") == place)["channel_id"].to_list()
            if serving:
                rows.append((len(rows), sku, None, [data.draw(st.sampled_from(sorted(serving)))], [place], None))
    withheld = Withheld(data.draw(rule_sets()), table(rows, RESERVATIONS), CATEGORIES)
    _, by_channel = buffers.figures(stock, withheld)
    free = stock.levels.group_by("sku").agg(free=(pl.col("on_hand") - pl.col("allocated") - pl.col("unsellable")).sum())
    sums = by_channel.filter(~pl.col("is_kit")).group_by("sku").agg(pl.col("available_to_sell").sum()).join(free, on="sku", how="left")
    assert (sums["available_to_sell"] <= sums["free"].fill_null(0)).all()


@given(st.data())
def test_where_every_location_serves_one_channel_they_sell_no_more_than_there_is(data: st.DataObject) -> None:
    stock = data.draw(stocks(with_rules=False))
    one_each = stock.channel_locations.unique("location_id", keep="first", maintain_order=True)
    _, by_channel = buffers.figures(
        replace(stock, channel_locations=one_each), Withheld(data.draw(rule_sets()), data.draw(reservation_sets()), CATEGORIES)
    )
    free = stock.levels.group_by("sku").agg(free=(pl.col("on_hand") - pl.col("allocated") - pl.col("unsellable")).sum())
    sums = by_channel.filter(~pl.col("is_kit")).group_by("sku").agg(pl.col("available_to_sell").sum()).join(free, on="sku", how="left")
    assert (sums["available_to_sell"] <= sums["free"].fill_null(0)).all()


def test_the_narrowest_rule_wins() -> None:
    stock = stock_of([("A", "L1", 20, 0, 0)], [], [("c1", "L1")], [("A", "c1", None)], {})
    given_rules = [
        rule(1, "channel", 1, channel_id="c1"),
        rule(2, "category", 2, category="x"),
        rule(3, "channel_category", 3, channel_id="c1", category="x"),
        rule(4, "sku", 4, sku="A"),
        rule(5, "channel_sku", 5, channel_id="c1", sku="A"),
    ]
    for count in range(1, 6):
        _, by_channel = buffers.figures(stock, Withheld(rules_of(*given_rules[:count]), categories=CATEGORIES))
        assert by_channel.select("buffer_rule_id", "channel_buffer", "available_to_sell").rows() == [(count, count, 20 - count)]


@pytest.mark.parametrize(
    ("basis", "amount", "daily", "expected"),
    [
        ("percent", 7, 0.0, 7),
        ("percent", 7.01, 0.0, 8),
        ("percent", 100, 0.0, 100),
        ("days", 3, 1.5, 5),
        ("days", 0.5, 14.0, 7),
        ("days", 3, 0.0, 0),
    ],
)
def test_percent_and_days_are_rounded_up(basis: str, amount: float, daily: float, expected: int) -> None:
    """7 % of 100 is 7 units, though 0.07 * 100 is 7.000000000000001; 3 days at 1.5 a day are 4.5, so 5."""
    stock = stock_of([("A", "L1", 100, 0, 0)], [], [("c1", "L1")], [("A", "c1", None)], {})
    demand = table([("A", "c1", daily)], buffers.DEMAND)
    _, by_channel = buffers.figures(stock, Withheld(rules_of(rule(1, "sku", amount, basis, sku="A")), categories=CATEGORIES, demand=demand))
    assert by_channel["channel_buffer"].to_list() == [expected]


def test_the_least_share_of_a_unit_is_a_unit_and_no_demand_needs_none() -> None:
    """0.01 % of 1 unit is held as 1; three days of a SKU that nobody has asked for are 0."""
    stock = stock_of([("A", "L1", 1, 0, 0)], [], [("c1", "L1")], [("A", "c1", None)], {})
    least = Withheld(rules_of(rule(1, "sku", 0.01, "percent", sku="A")), categories=CATEGORIES)
    assert buffers.figures(stock, least)[1]["channel_buffer"].to_list() == [1]
    unasked = Withheld(rules_of(rule(1, "sku", 3, "days", sku="A")), categories=CATEGORIES)
    assert buffers.figures(stock, unasked)[1]["channel_buffer"].to_list() == [0]


def test_a_reservation_is_used_up_by_its_channel_s_own_orders() -> None:
    """20 units at L1, 6 of them allocated to c1: of 10 reserved for c1, 4 are left, so c2 may sell 14 - 4."""
    stock = stock_of([("A", "L1", 20, 0, 6)], [], [("c1", "L1"), ("c2", "L1")], [("A", "c1", None), ("A", "c2", None)], {})
    reserved = table([(1, "A", 10, ["c1"], [], None)], RESERVATIONS)
    allocated = table([("A", "L1", "c1", 6)], buffers.ALLOCATED)
    _, by_channel = buffers.figures(stock, Withheld(reservations=reserved, categories=CATEGORIES, allocated=allocated))
    assert by_channel.select("channel_id", "reserved_elsewhere", "available_to_sell").rows() == [("c1", 0, 14), ("c2", 4, 10)]


def test_a_location_with_less_than_nothing_takes_nothing_from_what_is_kept() -> None:
    """10 units at L1, and 3 allocated at L2 that are not there: of 20 reserved for c1, 10 are kept from c2, which L1 serves."""
    stock = stock_of([("A", "L1", 10, 0, 0), ("A", "L2", 0, 0, 3)], [], [("c1", "L1"), ("c1", "L2"), ("c2", "L1")], [("A", "c2", None)], {})
    withheld = Withheld(reservations=table([(1, "A", 20, ["c1"], [], None)], RESERVATIONS), categories=CATEGORIES)
    places, by_channel = buffers.figures(stock, withheld)
    left, asked = buffers.kept(withheld, places, stock.channel_locations)
    assert left["kept"].to_list() == [10]
    assert asked.select("channel_id", "units").rows() == [("c2", 10)]
    assert by_channel.filter(channel_id="c2")["reserved_elsewhere"].to_list() == [10]


def test_what_has_ended_does_not_count() -> None:
    all_rules = rules_of(rule(1, "sku", 5, ends_at=100, sku="A"), rule(2, "sku", 5, ends_at=300, sku="B"), rule(3, "sku", 5, sku="C"))
    withheld = Withheld(all_rules)
    assert withheld.at(99).rules["rule_id"].to_list() == [1, 2, 3]
    assert withheld.at(100).rules["rule_id"].to_list() == [2, 3]
    assert (withheld.next_end(), withheld.at(100).next_end(), withheld.at(300).next_end()) == (100, 300, None)


@given(cases(), rule_sets())
def test_other_channel_buffers_on_the_same_pools_equal_working_out_anew(case: tuple[Stock, Withheld], others: pl.DataFrame) -> None:
    stock, withheld = case
    is_location = pl.col("level") == "location"
    changed = replace(withheld, rules=pl.concat([others.filter(~is_location), withheld.rules.filter(is_location)]))
    _, before = buffers.figures(stock, withheld)
    _, after = buffers.figures(stock, changed)
    new = buffers.channel_buffers(changed, before.select("sku", "channel_id", "pool"), stock.caps)
    assert availability.rebuffered(before, new).equals(after)
    changes = buffers.effect(before, after)
    moved = {(sku, channel): units for sku, channel, _, units in changes.iter_rows()}
    assert after["available_to_sell"].to_list() == [
        moved.get((row["sku"], row["channel_id"]), row["available_to_sell"]) for row in before.iter_rows(named=True)
    ]
