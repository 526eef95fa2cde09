"""What a channel may sell, against a plain loop over the rules, and by hand."""

from typing import Any

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from data_access.domain import availability as rules

SKUS = ("A", "B", "C")
PLACES = ("L1", "L2", "L3")
CHANNELS = ("c1", "c2", "c3")
KITS = {"K1": {"A": 1, "B": 2}, "K2": {"C": 3}}
LEVELS = pl.Schema({"sku": pl.String, "location_id": pl.String, "on_hand": pl.Int64, "unsellable": pl.Int64, "allocated": pl.Int64})
BACKORDERS = pl.Schema({"sku": pl.String, "channel_id": pl.String, "backordered": pl.Int64})
LISTINGS = pl.Schema({"sku": pl.String, "channel_id": pl.String, "maximum": pl.Int64})
SERVING = pl.Schema({"channel_id": pl.String, "location_id": pl.String})
KIT_PARTS = pl.Schema({"kit_sku": pl.String, "component_sku": pl.String, "quantity": pl.Int64})


def table(rows: Any, schema: pl.Schema) -> pl.DataFrame:
    return pl.DataFrame(list(rows), schema=schema, orient="row")


def stock_of(levels: Any, backorders: Any, serving: Any, listings: Any, kits: Any = KITS, **more: pl.DataFrame) -> rules.Stock:
    listed = table(listings, LISTINGS)
    return rules.Stock(
        levels=table(levels, LEVELS),
        backorders=table(backorders, BACKORDERS),
        channel_locations=table(serving, SERVING),
        kits=table(((kit, sku, need) for kit, parts in kits.items() for sku, need in parts.items()), KIT_PARTS),
        caps=rules.caps(listed),
        keeps_listings=frozenset(listed["channel_id"]),
        **more,
    )


def units(top: int = 12) -> st.SearchStrategy[int]:
    return st.integers(0, top)


@st.composite
def stocks(draw: st.DrawFn, with_rules: bool = True) -> rules.Stock:
    levels = []
    for sku in SKUS:
        for place in draw(st.sets(st.sampled_from(PLACES))):
            on_hand = draw(units(20))
            unsellable = draw(units(on_hand))
            levels.append((sku, place, on_hand, unsellable, draw(units(on_hand - unsellable))))
    pairs = st.tuples(st.sampled_from(SKUS), st.sampled_from(CHANNELS))
    both = st.tuples(st.sampled_from([*SKUS, *KITS]), st.sampled_from(CHANNELS))
    backorders = [(*pair, draw(st.integers(1, 9))) for pair in draw(st.sets(pairs, max_size=3))]
    serving = draw(st.sets(st.tuples(st.sampled_from(CHANNELS), st.sampled_from(PLACES)), max_size=7))
    listings = [(*pair, draw(st.none() | units())) for pair in draw(st.lists(both, max_size=10))]
    if not with_rules:
        return stock_of(levels, backorders, serving, listings)
    at_places = st.sets(st.tuples(st.sampled_from(SKUS), st.sampled_from(PLACES)), max_size=3)
    return stock_of(
        levels,
        backorders,
        serving,
        listings,
        location_buffers=table(((*at, draw(units())) for at in draw(at_places)), rules.LOCATION_BUFFERS),
        reserved_elsewhere=table(((*at, draw(units(5))) for at in draw(st.sets(both, max_size=3))), rules.RESERVED_ELSEWHERE),
        channel_buffers=table(((*at, draw(units(5)), 1) for at in draw(st.sets(both, max_size=3))), rules.CHANNEL_BUFFERS),
    )


class Naive:
    """The rules as loops."""

    def __init__(self, stock: rules.Stock) -> None:
        self.levels = {row[:2]: row[2:] for row in stock.levels.iter_rows()}
        self.buffers = {row[:2]: row[2] for row in stock.location_buffers.iter_rows()}
        self.owed = {row[:2]: row[2] for row in stock.backorders.iter_rows()}
        self.reserved = {row[:2]: row[2] for row in stock.reserved_elsewhere.iter_rows()}
        self.withheld = {row[:2]: row[2] for row in stock.channel_buffers.iter_rows()}
        self.caps = {row[:2]: row[2] for row in stock.caps.iter_rows()}
        self.keeps = stock.keeps_listings
        self.serving = {channel: [place for one, place in stock.channel_locations.iter_rows() if one == channel] for channel in CHANNELS}

    def available(self, sku: str, place: str) -> int | None:
        if (sku, place) not in self.levels:
            return None
        on_hand, unsellable, allocated = self.levels[sku, place]
        free = on_hand - unsellable - allocated
        return free - min(self.buffers.get((sku, place), 0), free)

    def kits_at(self, kit: str, place: str) -> int:
        needs = [(self.available(sku, place), need) for sku, need in KITS[kit].items()]
        return min(0 if left is None else left // need for left, need in needs)

    def owed_at(self, sku: str, channel: str) -> int:
        shared = [one for one in CHANNELS if one == channel or set(self.serving[one]) & set(self.serving[channel])]
        return sum(self.owed.get((sku, one), 0) for one in shared)

    def pool(self, sku: str, channel: str) -> int:
        reserved = self.reserved.get((sku, channel), 0)
        if sku in KITS:
            whole = sum(self.kits_at(sku, place) for place in self.serving[channel])
            most = [max(self.pool(part, channel), 0) // need for part, need in KITS[sku].items()]
            return max(min([whole, *most]) - reserved, 0)
        held = [self.available(sku, place) for place in self.serving[channel]]
        is_known = any(left is not None for left in held) or self.owed_at(sku, channel)
        return sum(left or 0 for left in held) - self.owed_at(sku, channel) - (reserved if is_known else 0)

    def available_to_sell(self, sku: str, channel: str) -> int:
        if (sku, channel) not in self.caps and channel in self.keeps:
            return 0
        left = max(self.pool(sku, channel) - self.withheld.get((sku, channel), 0), 0)
        cap = self.caps.get((sku, channel))
        return left if cap is None else min(left, cap)


@given(stocks())
def test_equals_the_rules_as_loops(stock: rules.Stock) -> None:
    naive = Naive(stock)
    result = rules.availability(stock)
    assert result.schema == rules.AVAILABILITY
    assert result.select("sku", "channel_id").is_unique().all()
    for row in result.iter_rows(named=True):
        key = row["sku"], row["channel_id"]
        assert (row["pool"], row["available_to_sell"]) == (naive.pool(*key), naive.available_to_sell(*key)), row
        assert row["is_kit"] == (row["sku"] in KITS)
    assert set(naive.caps) <= set(result.select("sku", "channel_id").iter_rows())


@given(stocks())
def test_nothing_is_negative_and_each_figure_could_be_shipped(stock: rules.Stock) -> None:
    naive = Naive(stock)
    for row in rules.availability(stock).iter_rows(named=True):
        sku, channel = row["sku"], row["channel_id"]
        names = (
            "on_hand",
            "allocated",
            "unsellable",
            "location_buffer",
            "available",
            "backordered",
            "reserved_elsewhere",
            "available_to_sell",
        )
        assert min(row[name] for name in [*names, "available_to_sell"]) >= 0, row
        assert row["available"] == row["on_hand"] - row["allocated"] - row["unsellable"] - row["location_buffer"]
        assert row["pool"] == row["available"] - row["backordered"] - row["reserved_elsewhere"]
        places = naive.serving[channel]
        if sku in KITS:
            assert row["available_to_sell"] <= sum(naive.kits_at(sku, place) for place in places)
        for part, need in KITS.get(sku, {sku: 1}).items():
            unallocated = sum(naive.available(part, place) or 0 for place in places)
            assert row["available_to_sell"] * need <= max(unallocated - naive.owed_at(part, channel), 0)


@given(stocks())
def test_the_waterfall_adds_up_and_one_step_binds(stock: rules.Stock) -> None:
    result = rules.availability(stock)
    steps = rules.waterfall(result)
    assert steps.schema == rules.WATERFALL
    for row in result.iter_rows(named=True):
        own = steps.filter((pl.col("sku") == row["sku"]) & (pl.col("channel_id") == row["channel_id"]))
        first, last = own.row(0, named=True), own.row(-1, named=True)
        changes = own.filter(~pl.col("is_total"))["units"].sum()
        assert (first["rule"], first["units"]) == ("kit component" if row["is_kit"] else "on hand", row["on_hand"])
        assert first["units"] + changes == last["units"] == last["running"] == row["available_to_sell"]
        totals = own.filter("is_total")
        assert totals["units"].to_list() == totals["running"].to_list()
        assert own.filter("binds")["rule"].to_list() == [row["binding_rule"]]


@given(stocks(), st.sets(st.sampled_from(SKUS), min_size=1))
def test_a_part_of_the_stock_gives_the_same_figures(stock: rules.Stock, changed: set[str]) -> None:
    wanted = rules.affected(stock.kits, changed)
    part = rules.availability(stock.of(wanted)).filter(pl.col("sku").is_in(wanted))
    assert part.equals(rules.availability(stock).filter(pl.col("sku").is_in(wanted)))


def test_by_hand() -> None:
    stock = stock_of(
        levels=[("A", "L1", 10, 1, 2), ("A", "L2", 5, 0, 0), ("B", "L1", 9, 0, 0), ("C", "L3", 4, 0, 4)],
        backorders=[("A", "c2", 3), ("C", "c3", 2)],
        serving=[("c1", "L1"), ("c1", "L2"), ("c2", "L2"), ("c3", "L3")],
        listings=[("A", "c1", None), ("A", "c1", 4), ("A", "c2", 1), ("K1", "c1", 3), ("C", "c3", None), ("B", "c3", None)],
    )
    result = rules.availability(stock).select(
        "sku", "channel_id", "on_hand", "available", "backordered", "pool", "available_to_sell", "binding_rule"
    )
    assert result.rows() == [
        ("A", "c1", 15, 12, 3, 9, 9, "backordered"),  # c2 draws on L2 too, so its 3 come first
        ("A", "c2", 5, 5, 3, 2, 1, "listing maximum"),
        ("B", "c3", 0, 0, 0, 0, 0, "pool"),
        ("C", "c3", 4, 0, 2, -2, 0, "backordered"),
        ("K1", "c1", 4, 4, 0, 4, 3, "listing maximum"),  # min(7 // 1, 9 // 2) at L1; L2 has no B
    ]


def test_units_owed_of_a_component_are_not_sold_again_in_a_kit() -> None:
    stock = stock_of(
        levels=[("A", "L1", 6, 0, 0), ("B", "L1", 20, 0, 0)],
        backorders=[("A", "c1", 4)],
        serving=[("c1", "L1")],
        listings=[("A", "c1", None), ("K1", "c1", None)],
    )
    row = rules.availability(stock).filter(pl.col("sku") == "K1").row(0, named=True)
    assert (row["available"], row["backordered"], row["pool"], row["available_to_sell"]) == (6, 4, 2, 2)
    assert (row["binding_rule"], row["binding_component"]) == ("backordered", "A")


def test_a_till_needs_no_listing_and_a_listed_channel_does() -> None:
    stock = stock_of(
        levels=[("A", "L1", 6, 0, 0), ("B", "L1", 2, 0, 0)],
        backorders=[("B", "c1", 1)],
        serving=[("c1", "L1"), ("c2", "L1")],
        listings=[("A", "c1", None), ("C", "c3", None)],
    )
    result = rules.availability(stock).select("sku", "channel_id", "is_listed", "pool", "available_to_sell", "binding_rule")
    assert result.rows() == [
        ("A", "c1", True, 6, 6, "pool"),
        ("A", "c2", True, 6, 6, "pool"),
        ("B", "c1", False, 1, 0, "not listed"),  # owed there, as a part of a kit perhaps
        ("B", "c2", True, 1, 1, "backordered"),
        ("C", "c3", True, 0, 0, "no location"),
        ("K1", "c2", True, 0, 0, "backordered"),  # it takes 2 B, and one of the two is owed
    ]


def test_totals_are_over_locations_never_over_channels() -> None:
    stock = stock_of(
        levels=[("A", "L1", 10, 1, 2), ("A", "L2", 5, 0, 0), ("B", "L1", 3, 0, 0)],
        backorders=[],
        serving=[("c1", "L1"), ("c2", "L1"), ("c3", "L1")],
        listings=[("A", "c1", None), ("A", "c2", None)],
    )
    result = rules.totals(rules.places(stock)).sort("sku").select("sku", "is_kit", "on_hand", "available")
    assert result.rows() == [("A", False, 15, 12), ("B", False, 3, 3), ("K1", True, 1, 1)]


def test_an_empty_store_has_no_figures() -> None:
    stock = stock_of([], [], [], [], kits={})
    assert rules.availability(stock).equals(rules.AVAILABILITY.to_frame())
    assert rules.waterfall(rules.availability(stock)).equals(rules.WATERFALL.to_frame())
