"""The back-test of a buffer against a plain simulation of the same rules, order by order."""

from dataclasses import dataclass, field

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_access.domain.buffer_replay import (
    CANCELLED,
    CHANGES,
    CURVES,
    MOMENTS,
    ORDERS,
    PARTS,
    Demand,
    by_sku,
    moments,
    replay,
    suggested,
    total,
)

SIZES = (0, 1, 2, 5, 40)
POOLS = {"sku": pl.String, "pool": pl.Int64}


@dataclass
class ReplayOrder:
    line_id: int
    sku: str
    at: int
    units: int
    listing: str = "one"
    delay: int = 0
    cancelled: list[tuple[int, int]] = field(default_factory=list)  # at, units


@dataclass
class World:
    """Orders of the channel, and other changes of the pool: sku, at, units. `start`: pools before all."""

    start: dict[str, int]
    orders: list[ReplayOrder]
    others: list[tuple[str, int, int]]

    def changes(self) -> list[tuple[str, int, int, int]]:
        """All changes as rows of CHANGES, in order."""
        rows = [(sku, at, 0, units) for sku, at, units in self.others]
        rows += [(one.sku, one.at, one.line_id, -one.units) for one in self.orders]
        rows += [(one.sku, at, 0, units) for one in self.orders for at, units in one.cancelled]
        return sorted(rows)

    def demand(self) -> Demand:
        changes = self.changes()
        now = {sku: start + sum(row[3] for row in changes if row[0] == sku) for sku, start in self.start.items()}
        return Demand(
            orders=pl.DataFrame([(o.line_id, o.sku, 0, o.listing, o.at, o.units, o.delay) for o in self.orders], ORDERS, orient="row"),
            cancelled=pl.DataFrame([(o.line_id, *one) for o in self.orders for one in o.cancelled], CANCELLED, orient="row"),
            changes=pl.DataFrame(changes, CHANGES, orient="row"),
            pools=pl.DataFrame(list(now.items()), POOLS, orient="row"),
            parts=PARTS.to_frame(),
        )

    def seen_and_pool(self, order: ReplayOrder) -> tuple[int, int]:
        own = [row for row in self.changes() if row[0] == order.sku]
        pool = self.start[order.sku] + sum(units for _, at, line, units in own if (at, line) < (order.at, order.line_id))
        if order.delay == 0:
            return pool, pool
        told_at = order.at - order.delay
        last_told = self.start[order.sku] + sum(units for _, at, _, units in own if at <= told_at)
        since = [o for o in self.orders if (o.sku, o.listing) == (order.sku, order.listing) and o.at > told_at]
        return last_told - sum(o.units for o in since if (o.at, o.line_id) < (order.at, order.line_id)), pool

    def curve(self, sku: str, size: int) -> tuple[int, int, int]:
        """Sold, oversold, withheld."""
        sold, oversold = self._sold(sku, size)
        sold_without, oversold_without = self._sold(sku, 0)
        return sold, oversold, max(sold_without - oversold_without - (sold - oversold), 0)

    def _sold(self, sku: str, size: int) -> tuple[int, int]:
        steps: list[tuple[int, int, int, ReplayOrder, int]] = []
        for one in self.orders:
            if one.sku == sku:
                steps.append((one.at, 0, one.line_id, one, 0))
                steps += [(at, 1, one.line_id, one, units) for at, units in one.cancelled]
        kept = sold = oversold = 0
        refused: dict[int, int] = {}
        for _, is_cancelled, line, order, units in sorted(steps, key=lambda step: step[:3]):
            if is_cancelled:
                back = min(units, refused[line])
                refused[line] -= back
                kept -= back
                continue
            seen, pool = self.seen_and_pool(order)
            there = max(pool + kept, 0)
            taken = min(order.units, max(seen + kept - size, 0))
            sold += taken
            oversold += max(taken - there, 0)
            refused[line] = order.units - taken
            kept += refused[line]
        return sold, oversold


@st.composite
def worlds(draw: st.DrawFn) -> World:
    sku, small = st.sampled_from(["A", "B"]), st.integers(1, 4)
    orders = [
        ReplayOrder(line_id + 1, draw(sku), 2 * draw(st.integers(0, 30)), draw(small), draw(st.sampled_from(["one", "two"])), draw(delays))
        for line_id in range(draw(st.integers(0, 12)))
    ]
    for order in orders:
        if draw(st.booleans()):
            # at odd moments: what comes first of an order and a cancellation of one moment is not told
            order.cancelled = [(order.at + 1 + 2 * draw(st.integers(0, 10)), draw(st.integers(1, order.units)))]
    others = draw(st.lists(st.tuples(sku, st.integers(0, 60), st.integers(-5, 6)), max_size=12))
    return World({"A": draw(st.integers(-2, 12)), "B": draw(st.integers(0, 6))}, orders, others)


delays = st.sampled_from([0, 0, 1, 4, 11, 40])


@given(worlds())
def test_each_order_saw_what_the_rules_say(world: World) -> None:
    replayed = moments(world.demand())
    assert replayed.schema == MOMENTS
    by_line = {row["line_id"]: (row["seen"], row["pool"]) for row in replayed.iter_rows(named=True)}
    assert by_line == {order.line_id: world.seen_and_pool(order) for order in world.orders}


@given(worlds())
def test_the_replay_is_the_simulation_order_by_order(world: World) -> None:
    demand = world.demand()
    curves = replay(moments(demand), demand.cancelled, SIZES)
    assert curves.schema == CURVES
    by_size = {(row["sku"], row["size"]): (row["sold"], row["oversold"], row["withheld"]) for row in curves.iter_rows(named=True)}
    skus = {order.sku for order in world.orders}
    assert by_size == {(sku, size): world.curve(sku, size) for sku in skus for size in SIZES}
    for (sku, size), (sold, oversold, withheld) in by_size.items():
        wanted = sum(order.units for order in world.orders if order.sku == sku)
        assert 0 <= oversold <= sold <= wanted
        assert 0 <= withheld <= wanted - sold
        assert size or withheld == 0


def test_a_stale_view_oversells_and_a_buffer_prevents_it() -> None:
    """Five units; the shop sells four of them at noon, and the channel hears of it an hour later."""
    world = World({"A": 5}, [ReplayOrder(1, "A", 130, 2, delay=60), ReplayOrder(2, "A", 150, 2, delay=60)], [("A", 120, -4)])
    assert [world.seen_and_pool(order) for order in world.orders] == [(5, 1), (3, -1)]
    demand = world.demand()
    curves = replay(moments(demand), demand.cancelled, (0, 1, 2, 3, 4, 5))
    assert curves.drop("sku").rows() == [(0, 4, 3, 0), (1, 4, 3, 0), (2, 3, 2, 0), (3, 2, 1, 0), (4, 1, 0, 0), (5, 0, 0, 1)]
    nobody = pl.DataFrame(schema={"sku": pl.String, "size": pl.Int64})
    assert suggested(curves, 0.0, nobody).rows() == [("A", 4)]
    assert suggested(curves, 0.5, nobody).rows() == [("A", 3)]
    assert suggested(curves, 0.0, pl.DataFrame({"sku": ["A"], "size": [5]})).rows() == [("A", 5)]
    assert suggested(curves.head(3), 0.0, nobody).rows() == [("A", None)]


def test_what_a_buffer_refuses_stays_for_later_orders() -> None:
    orders = [ReplayOrder(1, "A", 10, 3), ReplayOrder(2, "A", 20, 3), ReplayOrder(3, "A", 30, 1)]
    world = World({"A": 4}, orders, [("A", 25, 2)])
    demand = world.demand()
    # with 3 withheld: 1 of 3 is taken, 3 are left; none of 3; 2 come, 5 are left; 1 of 1. Without: 3 of 3, 1 of 3, 1 of 1.
    assert replay(moments(demand), demand.cancelled, (3,)).drop("sku").rows() == [(0, 5, 0, 0), (3, 2, 0, 3)]


def test_a_refused_order_that_was_cancelled_anyway_leaves_nothing() -> None:
    orders = [ReplayOrder(1, "A", 10, 4, cancelled=[(15, 4)]), ReplayOrder(2, "A", 20, 4)]
    demand = World({"A": 4}, orders, []).demand()
    assert replay(moments(demand), demand.cancelled, (4,)).drop("sku").rows() == [(0, 8, 0, 0), (4, 0, 0, 8)]


def test_a_kit_has_the_pool_of_its_scarcest_component() -> None:
    demand = Demand(
        orders=pl.DataFrame([(1, "KIT", 1, "k", 10, 2, 5), (2, "KIT", 1, "k", 20, 1, 15)], ORDERS, orient="row"),
        cancelled=CANCELLED.to_frame(),
        changes=pl.DataFrame(
            [("A", 10, 1, -2), ("B", 10, 1, -4), ("A", 20, 2, -1), ("B", 20, 2, -2), ("B", 7, 0, -3)], CHANGES, orient="row"
        ),
        pools=pl.DataFrame([("A", 7), ("B", -1)], POOLS, orient="row"),
        parts=pl.DataFrame([("KIT", 1, "A", 1), ("KIT", 1, "B", 2)], PARTS, orient="row"),
    )
    # A: 10, then 8, then 7. B: 8, less 3 at 7, less 4, less 2. The channel sees 4 kits before 7, and both times counts its own down.
    replayed = moments(demand)
    assert replayed.select("line_id", "pool", "seen").rows() == [(1, 2, 4), (2, 0, 2)]


def test_the_sum_over_skus_is_by_size() -> None:
    curves = pl.DataFrame([("A", 0, 10, 1, 0), ("B", 0, 5, 0, 0), ("A", 2, 8, 0, 1), ("B", 2, 4, 0, 1)], CURVES, orient="row")
    assert total(curves, "all").rows() == [("all", 0, 15, 1, 0), ("all", 2, 12, 0, 2)]


def test_skus_are_listed_by_what_their_buffer_costs_then_by_what_it_withholds() -> None:
    """B and C withhold 3 units and 1 more than they save, A, F and D as many as they save; E has no buffer."""
    curve = {"A": (4, 0, 4), "B": (2, 1, 4), "C": (1, 0, 2), "D": (1, 0, 1), "E": (0, 0, 0), "F": (3, 0, 3)}
    without = [(sku, 0, 10, oversold, 0) for sku, (oversold, _, _) in curve.items()]
    withholding = [(sku, 2, 8, oversold, withheld) for sku, (_, oversold, withheld) in curve.items()]
    curves = pl.DataFrame([*without, *withholding], CURVES, orient="row")
    wanted = pl.DataFrame({"sku": list(curve), "wanted": [12] * 6})
    today = pl.DataFrame({"sku": ["A", "B", "C", "D", "F"], "size": [2] * 5})
    listed = by_sku(curves, wanted, today, pl.DataFrame(schema={"sku": pl.String, "size": pl.Int64}), 0.0)
    assert listed.select("sku", "today", "avoided", "withheld", "costs").rows() == [
        ("B", 2, 1, 4, 3),
        ("C", 2, 1, 2, 1),
        ("A", 2, 4, 4, 0),
        ("F", 2, 3, 3, 0),
        ("D", 2, 1, 1, 0),
        ("E", 0, 0, 0, 0),
    ]


@pytest.mark.parametrize("delay", [0, 5])
def test_a_pool_that_nothing_changed_is_what_it_is_now(delay: int) -> None:
    demand = World({"A": 3}, [ReplayOrder(1, "A", 10, 1, delay=delay)], []).demand()
    elsewhere = Demand(demand.orders, demand.cancelled, CHANGES.to_frame(), pl.DataFrame({"sku": ["A"], "pool": [5]}), demand.parts)
    assert moments(elsewhere).select("pool", "seen").rows() == [(5, 5)]


def test_nothing_sold_is_no_curve() -> None:
    demand = World({"A": 3}, [], [("A", 3, -1)]).demand()
    assert replay(moments(demand), demand.cancelled, SIZES).rows() == []


@pytest.mark.parametrize("delay", [0, 5])
def test_a_line_that_took_nothing_from_the_pool_sees_what_was_there(delay: int) -> None:
    """As of a till whose location does not serve the channel any more."""
    demand = World({"A": 3}, [ReplayOrder(1, "A", 10, 1, delay=delay)], [("A", 7, 2)]).demand()
    elsewhere = Demand(
        demand.orders,
        demand.cancelled,
        demand.changes.filter(pl.col("line_id") == 0),
        pl.DataFrame({"sku": ["A"], "pool": [5]}),
        demand.parts,
    )
    assert moments(elsewhere).select("pool", "seen").rows() == [(5, 3 if delay else 5)]
