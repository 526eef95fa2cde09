"""The days in stock of a demand history: reckoned by hand, and against what live stock showed all along."""

import random
from datetime import timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from data_access.domain import sellable
from data_access.engine import reading, writing
from data_access.events import models as ev
from data_access.mirror.scan import Mirror
from data_access.mirror.writing import catch_up
from data_access.queries import stock
from data_access.queries.demand import demand_history
from data_access.schema.catalog import kit_component, product
from data_access.schema.channels import channel, channel_location
from tests.data_access.queries.demand_store import (
    DAYS,
    FIRST,
    LAST,
    at,
    available,
    cancel,
    happened,
    head,
    history,
    opening,
    receipt,
    row,
    sale,
    ship,
    units,
)
from tests.data_access.small_company import HOUR, make_company

# ---- in stock ------------------------------------------------------------------------------------------------------


def test_it_runs_out_at_three_in_the_afternoon(store: Engine, tmp_path: Path) -> None:
    make_company(store)
    happened(
        store,
        opening(1, at(-1, 0), "south", A=2),
        sale(2, at(0, 9), "web", "A"),
        sale(3, at(1, 15), "web", "A"),  # the last: shipped a day later, but nobody else can have it
        ship(4, at(2, 12), 3, "web", "south"),
        sale(5, at(2, 20), "web", "A"),  # waits for the receipt
        receipt(6, at(3, 18), "south", A=3),
        ship(7, at(3, 19), 5, "web", "south"),
        sale(8, at(4, 6), "market", "A", 2),
    )
    demand = history(store, tmp_path)
    assert units(demand, "A", "web") == [1, 1, 1, 0, 0]
    assert available(demand, "A", "web") == [1, round(15 / 24, 4), 0, round(6 / 24, 4), round(6 / 24, 4)]
    assert available(demand, "A", "market") == available(demand, "A", "web")


def test_stock_elsewhere_helps_only_channels_that_it_serves(store: Engine, tmp_path: Path) -> None:
    make_company(store)
    one = (ev.StateUnits(sku="A", quantity=2),)
    happened(
        store,
        opening(1, at(-1, 0), "north", A=9),
        opening(2, at(-1, 0), "south", A=1),
        sale(3, at(0, 6), "market", "A"),
        sale(4, at(0, 7), "web", "A"),
        ev.Transfer(**head(5, at(2, 12)), from_location_id="north", to_location_id="south", lines=one),
        ev.Transfer(**head(6, at(3, 12)), from_location_id="south", to_location_id="north", lines=one),
    )
    demand = history(store, tmp_path)
    assert available(demand, "A", "web") == [1, 1, 1, 1, 1]
    assert available(demand, "A", "market") == [0.25, 0, 0.5, 0.5, 0]


def test_what_is_unsellable_or_written_off_cannot_be_sold(store: Engine, tmp_path: Path) -> None:
    make_company(store)
    happened(
        store,
        opening(1, at(-1, 0), "south", A=1, A_unsellable=4),
        sale(2, at(0, 0), "web", "A"),
        ship(3, at(0, 1), 2, "web", "south"),
        ev.ReturnReceived(
            **head(4, at(1, 6)),
            channel_id="web",
            order_ref="o2",
            return_ref="r1",
            location_id="south",
            lines=(ev.ReturnedUnits(line_ref="1", quantity=1),),
        ),
        ev.Inspection(**head(5, at(2, 6)), channel_id="web", return_ref="r1", disposition="restock"),
        ev.WriteOff(**head(6, at(3, 18)), location_id="south", reason="broken", lines=(ev.StateUnits(sku="A", quantity=1),)),
    )
    assert available(history(store, tmp_path), "A", "web") == [0, 0, 0.75, 0.75, 0]


def test_a_cancellation_gives_stock_back(store: Engine, tmp_path: Path) -> None:
    make_company(store)
    happened(
        store,
        opening(1, at(-1, 0), "south", A=2),
        sale(2, at(0, 12), "market", "A", 2),
        cancel(3, at(1, 12), 2, "market", 1, "buyer"),
        sale(4, at(3, 12), "market", "A", 1),
    )
    assert available(history(store, tmp_path), "A", "market") == [0.5, 0.5, 1, 0.5, 0]


def test_a_kit_needs_all_of_its_components_at_one_location(store: Engine, tmp_path: Path) -> None:
    make_company(store)
    happened(
        store,
        opening(1, at(-1, 0), "north", A=5, B=3),
        opening(2, at(-1, 0), "south", A=0, B=1),
        sale(3, at(0, 6), "web", "KIT"),  # 4 A and 1 B are left at north: a kit needs 2 B
        ev.Transfer(**head(4, at(1, 6)), from_location_id="south", to_location_id="north", lines=(ev.StateUnits(sku="B", quantity=1),)),
        ev.Transfer(**head(5, at(2, 6)), from_location_id="north", to_location_id="south", lines=(ev.StateUnits(sku="A", quantity=4),)),
        receipt(6, at(3, 18), "south", B=2),
        sale(7, at(4, 0), "market", "KIT"),
    )
    demand = history(store, tmp_path)
    assert available(demand, "KIT", "web") == [0.25, 0.75, 0.25, 0.25, 0]
    assert available(demand, "KIT", "market") == [0, 0, 0, 0.25, 0]


def test_a_kit_that_is_made_of_other_things_now_took_what_it_was_made_of(store: Engine, tmp_path: Path) -> None:
    make_company(store)
    happened(store, opening(1, at(-1, 0), "south", A=1, B=9), sale(2, at(1, 12), "web", "KIT"), sale(3, at(0, 12), "web", "B"))
    with writing(store) as connection:
        connection.execute(sa.insert(kit_component), {"kit_sku": "KIT", "kit_version": 2, "component_sku": "B", "quantity": 9})
        connection.execute(sa.update(product).where(product.c.sku == "KIT").values(kit_version=2))
    happened(store, sale(4, at(4, 0), "web", "A"))
    demand = history(store, tmp_path)
    assert available(demand, "A", "web") == [1, 0.5, 0, 0, 0]
    assert available(demand, "KIT", "web") == [0.5, 0, 0, 0, 0]  # as it is made now: B fell from 9 to 8, and to 6


def test_stock_that_is_not_kept_is_never_out(store: Engine, tmp_path: Path) -> None:
    make_company(store)
    with writing(store) as connection:
        connection.execute(sa.delete(channel_location).where(channel_location.c.channel_id == "market"))
    happened(
        store,
        sale(1, at(0, 9), "web", "A"),
        sale(2, at(0, 9), "market", "B"),
        receipt(3, at(3, 6), "north", A=9),
        sale(4, at(3, 12), "web", "B"),
        receipt(5, at(2, 12), "north", B=9),
    )
    demand = history(store, tmp_path)
    assert available(demand, "A", "web") == [1, 1, 1, 1, 1]  # it had sold before anything was known of its stock
    assert available(demand, "B", "web") == [0, 0, 0.5, 1, 1]  # it had not
    assert available(demand, "B", "market") == [1, 1, 1, 1, 1]  # no location serves it


def test_days_without_stock_on_which_some_order_stay_unknown_but_not_for_what_sells_without(store: Engine, tmp_path: Path) -> None:
    make_company(store)
    few = [sale(10 + day, at(day, 12), "web", "A", 3 if day else 8) for day in range(DAYS)]
    as_many = [sale(20 + day, at(day, 12), "web", "B", 6 if day else 8) for day in range(DAYS)]
    happened(store, opening(1, at(-1, 0), "south", A=8, B=8), *few, *as_many)
    demand = history(store, tmp_path)
    assert available(demand, "A", "web") == [0.5, 0, 0, 0, 0]
    assert available(demand, "B", "web") == [1, 1, 1, 1, 1]


def test_tills_sell_what_lies_in_their_own_shop(store: Engine, tmp_path: Path) -> None:
    make_company(store)
    with writing(store) as connection:
        connection.execute(sa.update(channel).where(channel.c.channel_id == "web").values(kind="retail"))
    till = {"is_till": True}
    happened(
        store,
        opening(1, at(-1, 0), "north", A=4, B=1),
        opening(2, at(-1, 0), "south", A=1),
        sale(3, at(0, 12), "web", "A", 1, location_id="south", **till),
        sale(4, at(1, 12), "web", "A", 3, location_id="north", **till),
        sale(5, at(2, 0), "web", "B", 1, location_id="north", **till),
    )
    demand = history(store, tmp_path)
    # north sees 4 of 5 units
    assert available(demand, "A", "web") == [round(0.8 + 0.2 / 2, 4), 0.8, 0.8, 0.8, 0.8]
    assert available(demand, "B", "web") == [1, 1, 0, 0, 0]  # south never had any


def test_an_earlier_last_day_is_as_if_nothing_had_come_after(store: Engine, tmp_path: Path) -> None:
    make_company(store)
    happened(
        store,
        opening(1, at(-1, 0), "south", A=2),
        sale(2, at(0, 12), "web", "A", 2),  # allocated at the end of the day before the last, shipped on the last
        receipt(3, at(1, 18), "south", A=1),
        sale(4, at(2, 12), "web", "A"),
        ship(5, at(3, 12), 2, "web", "south", 2),
        cancel(6, at(3, 13), 4, "web", 1, "seller"),
        ev.WriteOff(**head(7, at(4, 6)), location_id="south", reason="broken", lines=(ev.StateUnits(sku="A", quantity=1),)),
    )
    whole = history(store, tmp_path)
    assert available(whole, "A", "web") == [0.5, 0.25, 0.5, round(11 / 24, 4), 0.25]
    for days in range(1, 5):
        part = history(store, tmp_path, FIRST + timedelta(days=days - 1), days)
        assert available(part, "A", "web") == available(whole, "A", "web")[:days]
        assert units(part, "A", "web") == units(whole, "A", "web")[:days]


def test_what_comes_in_after_the_mirror_was_caught_up_changes_nothing_before(store: Engine, tmp_path: Path) -> None:
    make_company(store)
    happened(
        store,
        opening(1, at(-1, 0), "south", A=3),
        sale(2, at(0, 12), "market", "A"),
        sale(3, at(2, 12), "market", "A"),
        sale(4, at(4, 12), "market", "A"),
    )
    mirror = Mirror(tmp_path, catch_up(store, tmp_path).manifest)
    before = demand_history(store, mirror, LAST, DAYS)
    assert available(before, "A", "market") == [1, 1, 1, 1, 0.5]
    happened(
        store,
        ship(5, at(6, 1), 2, "market", "south"),
        cancel(6, at(6, 2), 3, "market", 1, "seller"),
        receipt(7, at(6, 3), "south", A=9),
        sale(8, at(6, 4), "web", "A", 4),
    )
    after = demand_history(store, mirror, LAST, DAYS)
    assert (after.units == before.units).all()
    assert (after.available == before.available).all()


# ---- against live stock --------------------------------------------------------------------------------------------


def happening(rng: random.Random, number: int, when: int, open_units: dict[tuple[int, str], int]) -> ev.Event:
    """Something that moves the stock at `south`. `open_units`: of orders, by number and channel."""
    kind = rng.choice(("sale", "sale", "sale", "sale", "receipt", "count", "shipment", "write_off", "transfer", "cancellation"))
    one = (ev.StateUnits(sku=rng.choice("AB"), quantity=rng.randint(1, 2)),)
    if kind == "receipt":
        return receipt(number, when, "south", **{rng.choice("AB"): rng.randint(1, 5)})
    if kind == "count":
        counted = ev.CountedStateUnits(sku=rng.choice("AB"), quantity=rng.randint(0, 6))
        return ev.Count(**head(number, when), location_id="south", lines=(counted,))
    if kind == "write_off":
        return ev.WriteOff(**head(number, when), location_id="south", reason="broken", lines=one)
    if kind == "transfer":
        places = rng.choice((("north", "south"), ("south", "north")))
        return ev.Transfer(**head(number, when), from_location_id=places[0], to_location_id=places[1], lines=one)
    able = sorted(one for one, left in open_units.items() if left)
    if kind in ("shipment", "cancellation") and able:
        order, channel_id = rng.choice(able)
        open_units[order, channel_id] -= 1
        if kind == "cancellation":
            return cancel(number, when, order, channel_id, 1, rng.choice(("buyer", "seller")))
        return ship(number, when, order, channel_id, "south")
    channel_id, sku = rng.choice(("web", "market", "market")), rng.choice(("A", "A", "B", "KIT"))
    open_units[number, channel_id] = quantity = rng.randint(1, 3)
    return sale(number, when, channel_id, sku, quantity, location_id="south")


def free(engine: Engine) -> dict[str, int]:
    """Sellable units at `south` that no order holds or waits for, as live stock has them; of KIT, whole ones."""
    with reading(engine) as connection:
        levels, owed = stock.levels(connection), stock.backorders(connection).group_by("sku").agg(pl.col("backordered").sum())
    waiting = dict(owed.iter_rows())
    components = {
        row["sku"]: row["on_hand"] - row["unsellable"] - row["allocated"] - waiting.get(row["sku"], 0)
        for row in levels.iter_rows(named=True)
        if row["location_id"] == "south"
    }
    return {**components, "KIT": min(components["A"], components["B"] // 2)}


@pytest.mark.parametrize("seed", range(3))
def test_in_stock_is_when_live_stock_had_some(store: Engine, tmp_path: Path, seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """`market`, whose only location also ships what `web` sells, over five days; the history is read on the way, too."""
    monkeypatch.setattr(sellable, "LEAST_UNITS", 1_000_000)
    make_company(store)
    rng = random.Random(seed)
    happened(store, opening(1, at(0, 0), "north", A=30, B=40), opening(2, at(0, 0), "south", A=5, B=8))
    happened(store, *(sale(number, at(0, 0), "market", sku, location_id="south") for number, sku in ((3, "A"), (4, "B"), (5, "KIT"))))
    orders: dict[tuple[int, str], int] = {}
    shown = [(at(0, 0), free(store))]
    while shown[-1][0] < at(DAYS, 0):
        when = shown[-1][0] + rng.randint(1, 3) * HOUR
        happened(store, happening(rng, 10 + len(shown), when, orders))
        shown.append((when, free(store)))
        if rng.random() < 0.1:
            history(store, tmp_path, FIRST)
    demand = history(store, tmp_path)
    for sku in ("A", "B", "KIT"):
        had = np.zeros(DAYS * 24)
        for moment, left in shown:
            had[(moment - at(0, 0)) // HOUR :] = left[sku] > 0
        assert demand.available[row(demand, sku, "market")] == pytest.approx(had.reshape(DAYS, 24).mean(axis=1), abs=1e-5), sku
