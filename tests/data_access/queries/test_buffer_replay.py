"""Playing a channel's pools backwards gives the pools that there were, and the back-test rests on them. On both databases."""

import random
from typing import Any

import polars as pl
import pytest
from sqlalchemy.engine import Engine

from data_access.commands.buffers import Change, remove, save
from data_access.domain.buffer_replay import BY_SKU, Demand, by_sku, moments
from data_access.domain.buffer_rules import RuleDraft
from data_access.engine import now_us, reading
from data_access.events import models as ev
from data_access.events.ingest import ingest
from data_access.queries import catalog
from data_access.queries.buffer_replay import LONGEST_DELAY, back_test, demand, versions
from data_access.queries.live_stock import Live, load, load_catalogue, load_withheld
from data_access.queries.recent import DEMAND
from data_access.write.permissions import COMMAND_LINE
from tests.data_access.queries.busy_company import opening
from tests.data_access.small_company import DAY, HOUR, T0, make_company

MINUTE = HOUR // 60


def live(engine: Engine) -> Live:
    return load(engine, load_catalogue(engine), load_withheld(engine), DEMAND.to_frame(), now_us())


def pools(engine: Engine) -> dict[tuple[str, str], int]:
    """By channel and SKU, as live stock has them."""
    return {(row["channel_id"], row["sku"]): row["pool"] for row in live(engine).availability.iter_rows(named=True)}


def head(number: int, at: int, delay: int = 0) -> dict[str, Any]:
    return {"source": "test", "event_id": f"e{number}", "occurred_at": at, "received_at": at + delay}


def sale(number: int, at: int, channel: str, sku: str, quantity: int, delay: int = 0) -> ev.Sale:
    line = ev.SaleLine(line_ref="1", external_sku=f"{channel}-{sku}", quantity=quantity)
    return ev.Sale(**head(number, at, delay), channel_id=channel, order_ref=f"o{number}", currency="EUR", lines=(line,))


def read(engine: Engine, channel: str, since: int, until: int, skus: set[str] | None = None) -> Demand:
    with reading(engine) as connection:
        return demand(connection, catalog.channel_locations(connection), channel, skus, since, until)


def happening(rng: random.Random, number: int, at: int, open_units: dict[tuple[int, str], int]) -> ev.Event:
    """Something that moves the pool at `south`: most often a sale, of either channel. `open_units`: by order and its channel."""
    kind = rng.choice(("sale", "sale", "sale", "receipt", "count", "shipment", "write_off", "transfer", "cancellation"))
    if kind == "receipt":
        return ev.Receipt(**head(number, at), location_id="south", lines=(ev.SkuUnits(sku=rng.choice("AB"), quantity=rng.randint(1, 6)),))
    if kind == "count":
        counted = ev.CountedStateUnits(sku=rng.choice("AB"), quantity=rng.randint(4, 30))
        return ev.Count(**head(number, at), location_id="south", lines=(counted,))
    one = (ev.StateUnits(sku=rng.choice("AB"), quantity=1),)
    if kind == "write_off":
        return ev.WriteOff(**head(number, at), location_id="south", reason="broken", lines=one)
    if kind == "transfer":
        places = rng.choice((("north", "south"), ("south", "north")))
        return ev.Transfer(**head(number, at), from_location_id=places[0], to_location_id=places[1], lines=one)
    able = [one for one, units in open_units.items() if units]
    if kind in ("shipment", "cancellation") and able:
        order, channel = rng.choice(able)
        open_units[order, channel] -= 1
        of = {"channel_id": channel, "order_ref": f"o{order}"}
        if kind == "cancellation":
            return ev.Cancellation(**head(number, at), **of, lines=(ev.CancelledLine(line_ref="1", quantity=1),))
        lines = (ev.OrderUnits(line_ref="1", quantity=1),)
        return ev.Shipment(**head(number, at), **of, shipment_ref=f"s{number}", location_id="south", lines=lines)
    channel = rng.choice(("web", "market", "market"))
    open_units[number, channel] = quantity = rng.randint(1, 3)
    sold = sale(number, at, channel, rng.choice(("A", "A", "B", "KIT")), quantity, delay=rng.choice((0, 90 * MINUTE)))
    return sold.model_copy(update={"location_id": "south"})


@pytest.mark.parametrize("seed", range(4))
def test_the_pools_before_each_order_are_those_that_live_stock_showed(store: Engine, seed: int) -> None:
    """All orders of `market`, whose only location also ships what `web` sells."""
    make_company(store)
    ingest(store, [opening(1, "north", A=30, B=40), opening(2, "south", A=25, B=40)])
    rng = random.Random(seed)
    orders: dict[tuple[int, str], int] = {}
    shown: dict[int, dict[tuple[str, str], int]] = {}
    for number in range(10, 70):
        happened = happening(rng, number, T0 + number * HOUR, orders)
        shown[happened.occurred_at] = pools(store)
        ingest(store, [happened])
    replayed = moments(read(store, "market", T0, T0 + 100 * HOUR))
    assert replayed.height == sum(channel == "market" for _, channel in orders)
    differ = [
        (row["sku"], (row["at"] - T0) // HOUR, row["pool"], shown[row["at"]]["market", row["sku"]])
        for row in replayed.iter_rows(named=True)
        if (max(row["pool"], 0) if row["sku"] == "KIT" else row["pool"]) != shown[row["at"]]["market", row["sku"]]
    ]
    assert differ == []
    assert set(replayed["delay"]) == {0, 90 * MINUTE}


def test_what_the_channel_saw_is_the_pool_of_when_it_was_told(store: Engine) -> None:
    make_company(store)
    ingest(
        store,
        [
            opening(1, "south", A=5),
            sale(2, T0 + 10 * HOUR, "web", "A", 4),  # north has none: from south
            sale(3, T0 + 10 * HOUR + MINUTE, "market", "A", 1, delay=HOUR),
            sale(4, T0 + 10 * HOUR + 2 * MINUTE, "market", "A", 2, delay=HOUR),
        ],
    )
    replayed = moments(read(store, "market", T0, T0 + DAY))
    assert replayed.select("line_id", "pool", "seen").sort("pool", descending=True).drop("line_id").rows() == [(1, 5), (0, 4)]
    assert replayed["delay"].to_list() == [HOUR, HOUR]


def test_what_came_in_days_later_tells_no_delay(store: Engine) -> None:
    make_company(store)
    late = LONGEST_DELAY + 1
    ingest(
        store, [opening(1, "south", A=50), *(sale(n, T0 + n * HOUR, "market", "A", 1, delay=d) for n, d in ((2, 60), (3, 80), (4, late)))]
    )
    assert read(store, "market", T0, T0 + DAY).orders.sort("at")["delay"].to_list() == [60, 80, 70]
    assert read(store, "web", T0, T0 + DAY).orders.is_empty()


def test_one_sku_is_read_as_all_are(store: Engine) -> None:
    make_company(store)
    sold = [
        sale(n, T0 + n * HOUR, channel, sku, 1)
        for n, (channel, sku) in enumerate((("market", "A"), ("market", "KIT"), ("web", "B")), start=5)
    ]
    ingest(store, [opening(1, "south", A=9, B=9), *sold])
    everything = moments(read(store, "market", T0, T0 + DAY))
    for sku in ("A", "KIT"):
        alone = moments(read(store, "market", T0, T0 + DAY, {sku}))
        assert alone.rows() == everything.filter(pl.col("sku") == sku).rows()
        assert alone.height == 1
    assert everything.filter(pl.col("sku") == "KIT").select("pool", "seen").rows() == [(4, 4)]


def test_the_back_test_of_a_channel(store: Engine) -> None:
    make_company(store)
    now = now_us()
    start = now - 2 * DAY
    ingest(
        store,
        [
            ev.Opening(**head(1, start), location_id="south", lines=(ev.CountedStateUnits(sku="A", quantity=5, state="sellable"),)),
            sale(2, start + HOUR, "web", "A", 4),
            sale(3, start + HOUR + MINUTE, "market", "A", 2, delay=HOUR),
        ],
    )
    (rule_id,) = save(store, [Change(RuleDraft("channel", channel_id="market", amount=4.0, reason="slow"))], COMMAND_LINE)
    steps: list[tuple[float, str]] = []
    with reading(store) as connection:
        result = back_test(connection, live(store), "market", None, 90, now, lambda *step: steps.append(step))
    figures = by_sku(result.curves, result.wanted, result.today, result.observed_from, 0.0)
    assert figures.schema == BY_SKU
    assert figures.to_dicts() == [
        {
            "sku": "A", "wanted": 2, "today": 4, "oversold_without": 1, "oversold": 0, "avoided": 1, "withheld": 0, "costs": -1,
            "suggested": 4, "suggested_oversold": 0, "suggested_withheld": 0, "observed_from": 0,
        }
    ]  # fmt: skip
    assert (result.unexplained, result.delay, result.at) == (0, HOUR, now)
    assert [share for share, _ in steps] == sorted(share for share, _ in steps)
    remove(store, rule_id, 1, "enough", COMMAND_LINE)


def test_versions_of_rules_come_from_the_audit(store: Engine) -> None:
    make_company(store)
    (rule_id,) = save(store, [Change(RuleDraft("channel", channel_id="market", amount=4.0, reason="slow"))], COMMAND_LINE)
    save(store, [Change(RuleDraft("channel", channel_id="market", amount=6.0, reason="slower"), rule_id, 1)], COMMAND_LINE)
    save(store, [Change(RuleDraft("channel", channel_id="web", amount=1.0, reason="other"))], COMMAND_LINE)
    remove(store, rule_id, 2, "fast now", COMMAND_LINE)
    with reading(store) as connection:
        stretches = versions(connection, "market").sort("since")
    assert stretches.select("rule_id", "amount", "reason").rows() == [(rule_id, 4.0, "slow"), (rule_id, 6.0, "slower")]
    assert stretches["until"][0] == stretches["since"][1]
    assert stretches["until"][1] > stretches["since"][1]
