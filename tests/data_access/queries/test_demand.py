"""The demand history of a small company, reckoned by hand; and its days in stock against what live stock showed all along."""

import random
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl
import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from data_access.domain import sellable
from data_access.engine import reading, writing
from data_access.errors import InvalidInput
from data_access.events import models as ev
from data_access.events.ingest import ingest
from data_access.mirror.scan import Mirror
from data_access.mirror.writing import catch_up
from data_access.queries import demand, stock
from data_access.queries.demand import PROMOTIONS, REGIONS, SERIES, DemandHistory, demand_history, promotions
from data_access.schema.catalog import kit_component, listing, product
from data_access.schema.channels import channel, channel_location
from data_access.schema.demand import promotion
from tests.data_access.small_company import HOUR, make_company

FIRST = date(2025, 10, 10)
LAST = date(2025, 10, 14)
DAYS = 5


def at(day: int, hour: float, zone: str = "Europe/Berlin") -> int:
    """Microseconds of an hour on a day, 0 being `FIRST`."""
    begin = datetime(FIRST.year, FIRST.month, FIRST.day, tzinfo=ZoneInfo(zone)) + timedelta(days=day, hours=hour)
    return int(begin.timestamp()) * 1_000_000


def head(number: int, when: int) -> dict[str, Any]:
    return {"source": "test", "event_id": f"e{number}", "occurred_at": when, "received_at": when}


def sale(number: int, when: int, channel_id: str, sku: str, quantity: int = 1, **more: Any) -> ev.Sale:
    line = ev.SaleLine(line_ref="1", external_sku=f"{channel_id}-{sku}", quantity=quantity)
    return ev.Sale(**head(number, when), channel_id=channel_id, order_ref=f"o{number}", currency="EUR", lines=(line,), **more)


def ship(number: int, when: int, order: int, channel_id: str, location_id: str, quantity: int = 1) -> ev.Shipment:
    lines = (ev.OrderUnits(line_ref="1", quantity=quantity),)
    of = {"channel_id": channel_id, "order_ref": f"o{order}", "location_id": location_id}
    return ev.Shipment(**head(number, when), **of, shipment_ref=f"s{number}", lines=lines)


def cancel(number: int, when: int, order: int, channel_id: str, quantity: int, by: Any) -> ev.Cancellation:
    lines = (ev.CancelledLine(line_ref="1", quantity=quantity),)
    return ev.Cancellation(**head(number, when), channel_id=channel_id, order_ref=f"o{order}", lines=lines, cancelled_by=by)


def opening(number: int, when: int, location_id: str, **units: int) -> ev.Opening:
    """`A_unsellable=1` for units of A that cannot be sold."""
    lines = [
        ev.CountedStateUnits(sku=name.split("_")[0], quantity=quantity, state="unsellable" if "_" in name else "sellable")
        for name, quantity in units.items()
    ]
    return ev.Opening(**head(number, when), location_id=location_id, lines=tuple(lines))


def receipt(number: int, when: int, location_id: str, **units: int) -> ev.Receipt:
    lines = tuple(ev.SkuUnits(sku=sku, quantity=quantity) for sku, quantity in units.items())
    return ev.Receipt(**head(number, when), location_id=location_id, lines=lines)


def happened(engine: Engine, *events: ev.Event, until: int = at(6, 0)) -> None:
    """Take in events; everything up to a moment is known of both channels."""
    outcomes = ingest(engine, events, {"web": until, "market": until})
    assert {outcome.status for outcome in outcomes} <= {"applied"}


def history(engine: Engine, folder: Path, last: date | None = LAST, days: int = DAYS, ahead: int = 3) -> DemandHistory:
    return demand_history(engine, Mirror(folder, catch_up(engine, folder).manifest), last, days, ahead)


def row(found: DemandHistory, sku: str, channel_id: str) -> int:
    names = found.series.select("sku", "channel_id").rows()
    assert names == sorted(set(names))
    return names.index((sku, channel_id))


def units(found: DemandHistory, sku: str, channel_id: str) -> list[float]:
    return found.units[row(found, sku, channel_id)].tolist()


def available(found: DemandHistory, sku: str, channel_id: str) -> list[float]:
    return [round(float(share), 4) for share in found.available[row(found, sku, channel_id)]]


# ---- demand --------------------------------------------------------------------------------------------------------


def test_demand_is_of_the_channels_own_day(store: Engine, tmp_path: Path) -> None:
    make_company(store)
    with writing(store) as connection:
        connection.execute(sa.update(channel).where(channel.c.channel_id == "market").values(time_zone="America/New_York"))
    happened(
        store,
        opening(1, at(-1, 0), "south", A=50),
        sale(2, at(-1, 23.5), "web", "A", 7),  # the day before the first
        sale(3, at(0, 0), "web", "A"),
        sale(4, at(2, 0, "UTC"), "web", "A", 2),  # 2 in the morning in Berlin
        sale(5, at(2, 0, "UTC"), "market", "A", 3),  # 8 in the evening of the day before in New York
        sale(6, at(4, 23.9), "web", "A", 4),
        sale(7, at(5, 0), "web", "A", 7),  # the day after the last, but not in New York
        sale(8, at(5, 0), "market", "A", 5),
    )
    found = history(store, tmp_path)
    assert (found.start, found.last) == (FIRST, LAST)
    assert found.series.schema == SERIES
    assert found.series.rows() == [("A", "market", "fruit", 0), ("A", "web", "fruit", 0)]
    assert found.units.dtype == found.available.dtype == found.discount.dtype == np.float32
    assert units(found, "A", "web") == [1, 0, 2, 0, 4]
    assert units(found, "A", "market") == [0, 3, 0, 0, 5]


def test_only_what_buyers_cancel_before_it_ships_is_no_demand(store: Engine, tmp_path: Path) -> None:
    make_company(store)
    happened(
        store,
        opening(1, at(-1, 0), "south", A=50),
        sale(2, at(0, 9), "web", "A", 3),
        cancel(3, at(1, 9), 2, "web", 2, "buyer"),
        sale(4, at(1, 9), "web", "A", 5),
        ship(5, at(1, 10), 4, "web", "south", 4),
        cancel(6, at(1, 11), 4, "web", 3, "buyer"),  # only 1 had not shipped
        sale(7, at(2, 9), "web", "A", 4),
        cancel(8, at(2, 10), 7, "web", 3, "seller"),  # for want of stock: demand all the same
        cancel(9, at(2, 11), 7, "web", 3, "buyer"),  # of what is left, which is 1
        sale(10, at(3, 9), "web", "A", 2),
        cancel(11, at(3, 10), 10, "web", 2, "buyer"),
        sale(12, at(3, 9), "market", "A", 2),
        cancel(13, at(4, 10), 12, "market", 2, "buyer"),  # nothing is left: no series
    )
    found = history(store, tmp_path)
    assert found.series["channel_id"].to_list() == ["web"]
    assert units(found, "A", "web") == [1, 4, 3, 0, 0]


def test_kits_are_series_of_their_own(store: Engine, tmp_path: Path) -> None:
    make_company(store)
    happened(store, opening(1, at(-1, 0), "north", A=9, B=9), sale(2, at(1, 9), "web", "KIT", 2), sale(3, at(1, 9), "web", "B"))
    found = history(store, tmp_path)
    assert found.series.select("sku", "category").rows() == [("B", "fruit"), ("KIT", "baskets")]
    assert units(found, "KIT", "web") == [0, 2, 0, 0, 0]
    assert units(found, "B", "web") == [0, 1, 0, 0, 0]


def test_a_series_begins_with_its_listing_or_its_first_order(store: Engine, tmp_path: Path) -> None:
    make_company(store)
    with writing(store) as connection:
        for name, when in (("web-A", at(1, 12)), ("market-A", at(4, 0)), ("web-B", at(-300, 0)), ("web-KIT", at(-300, 0))):
            connection.execute(sa.update(listing).where(listing.c.external_sku == name).values(first_seen_at=when))
        connection.execute(sa.update(product).where(product.c.sku == "KIT").values(launched_on="2025-10-12"))
    happened(
        store,
        opening(1, at(-1, 0), "south", A=50, B=50),
        *(sale(2 + number, at(3, 9), *pair) for number, pair in enumerate((("web", "A"), ("market", "A"), ("web", "B"), ("web", "KIT")))),
    )
    found = history(store, tmp_path)
    assert dict(zip(found.series.select("sku", "channel_id").rows(), found.series["first"], strict=True)) == {
        ("A", "web"): 1,  # the listing
        ("A", "market"): 3,  # the first order, as the listing was seen later
        ("B", "web"): 0,
        ("KIT", "web"): 2,  # the launch, after the listing
    }


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
    found = history(store, tmp_path)
    assert units(found, "A", "web") == [1, 1, 1, 0, 0]
    assert available(found, "A", "web") == [1, round(15 / 24, 4), 0, round(6 / 24, 4), round(6 / 24, 4)]
    assert available(found, "A", "market") == available(found, "A", "web")


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
    found = history(store, tmp_path)
    assert available(found, "A", "web") == [1, 1, 1, 1, 1]
    assert available(found, "A", "market") == [0.25, 0, 0.5, 0.5, 0]


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
    found = history(store, tmp_path)
    assert available(found, "KIT", "web") == [0.25, 0.75, 0.25, 0.25, 0]
    assert available(found, "KIT", "market") == [0, 0, 0, 0.25, 0]


def test_a_kit_that_is_made_of_other_things_now_took_what_it_was_made_of(store: Engine, tmp_path: Path) -> None:
    make_company(store)
    happened(store, opening(1, at(-1, 0), "south", A=1, B=9), sale(2, at(1, 12), "web", "KIT"), sale(3, at(0, 12), "web", "B"))
    with writing(store) as connection:
        connection.execute(sa.insert(kit_component), {"kit_sku": "KIT", "kit_version": 2, "component_sku": "B", "quantity": 9})
        connection.execute(sa.update(product).where(product.c.sku == "KIT").values(kit_version=2))
    happened(store, sale(4, at(4, 0), "web", "A"))
    found = history(store, tmp_path)
    assert available(found, "A", "web") == [1, 0.5, 0, 0, 0]
    assert available(found, "KIT", "web") == [0.5, 0, 0, 0, 0]  # as it is made now: B fell from 9 to 8, and to 6


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
    found = history(store, tmp_path)
    assert available(found, "A", "web") == [1, 1, 1, 1, 1]  # it had sold before anything was known of its stock
    assert available(found, "B", "web") == [0, 0, 0.5, 1, 1]  # it had not
    assert available(found, "B", "market") == [1, 1, 1, 1, 1]  # no location serves it


def test_days_without_stock_on_which_some_order_stay_unknown_but_not_for_what_sells_without(store: Engine, tmp_path: Path) -> None:
    make_company(store)
    few = [sale(10 + day, at(day, 12), "web", "A", 3 if day else 8) for day in range(DAYS)]
    as_many = [sale(20 + day, at(day, 12), "web", "B", 6 if day else 8) for day in range(DAYS)]
    happened(store, opening(1, at(-1, 0), "south", A=8, B=8), *few, *as_many)
    found = history(store, tmp_path)
    assert available(found, "A", "web") == [0.5, 0, 0, 0, 0]
    assert available(found, "B", "web") == [1, 1, 1, 1, 1]


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
    found = history(store, tmp_path)
    # north sees 4 of 5 units
    assert available(found, "A", "web") == [round(0.8 + 0.2 / 2, 4), 0.8, 0.8, 0.8, 0.8]
    assert available(found, "B", "web") == [1, 1, 0, 0, 0]  # south never had any


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


# ---- what is known -------------------------------------------------------------------------------------------------


def test_the_last_day_is_over_everywhere(store: Engine, tmp_path: Path) -> None:
    make_company(store)
    with writing(store) as connection:
        connection.execute(sa.update(channel).where(channel.c.channel_id == "market").values(time_zone="America/New_York"))
    happened(store, opening(1, at(-1, 0), "south", A=5), sale(2, at(0, 9), "web", "A"), until=at(5, 5))  # 23:00 of day 4 in New York
    assert history(store, tmp_path, None).last == FIRST + timedelta(days=3)
    with pytest.raises(InvalidInput, match="2025-10-14 is not over on every channel: choose a day up to 2025-10-13"):
        history(store, tmp_path, LAST)
    happened(store, until=at(5, 6))
    assert history(store, tmp_path, None).last == LAST


def test_days_that_a_channels_data_do_not_reach_are_unknown(store: Engine, tmp_path: Path) -> None:
    make_company(store)
    ingest(
        store,
        [opening(1, at(-1, 0), "south", A=9), sale(2, at(0, 9), "web", "A"), sale(3, at(0, 9), "market", "A")],
        {"web": at(5, 0), "market": at(3, 12)},
    )
    found = history(store, tmp_path)
    assert available(found, "A", "web") == [1, 1, 1, 1, 1]
    assert available(found, "A", "market") == [1, 1, 1, 0, 0]
    ingest(store, [], {"web": at(40, 0)})
    found = history(store, tmp_path, FIRST + timedelta(days=39), 40)
    assert available(found, "A", "market") == [1] * 40  # silent for so long: it sells no more
    assert units(found, "A", "market") == [1] + [0] * 39


def test_hours_weigh_what_the_channel_sells_in_them(store: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demand, "LEAST_LINES", 3)
    make_company(store)
    happened(
        store,
        opening(1, at(-1, 0), "south", A=3),
        sale(2, at(0, 20.5), "web", "A"),
        sale(3, at(1, 20.5), "web", "A"),
        sale(4, at(2, 20), "web", "A"),
        sale(5, at(0, 9), "market", "B"),
    )
    found = history(store, tmp_path)
    assert available(found, "A", "web") == [1, 1, round(20 / 27, 4), 0, 0]  # each hour weighs 1 and its lines


def test_the_version_tells_what_was_read(store: Engine, tmp_path: Path) -> None:
    make_company(store)
    happened(store, opening(1, at(-1, 0), "south", A=9), sale(2, at(0, 9), "web", "A"))
    first = history(store, tmp_path)
    assert history(store, tmp_path).version == first.version
    happened(store, receipt(3, at(2, 9), "south", A=1))
    second = history(store, tmp_path)
    happened(store, sale(4, at(2, 9), "web", "A"))
    assert len({first.version, second.version, history(store, tmp_path).version}) == 3


def test_a_store_without_orders_has_no_series(store: Engine, tmp_path: Path) -> None:
    found = history(store, tmp_path, None)
    assert (found.series.rows(), found.units.shape, found.available.shape, found.discount.shape) == ([], (0, 5), (0, 5), (0, 8))
    assert found.last == datetime.now(UTC).date() - timedelta(days=1)
    make_company(store)
    assert history(store, tmp_path, None).series.schema == SERIES


# ---- promotions and regions ----------------------------------------------------------------------------------------


def test_promotions_mark_their_days_also_those_to_come(store: Engine, tmp_path: Path) -> None:
    make_company(store)
    happened(store, opening(1, at(-1, 0), "south", A=9), sale(2, at(0, 9), "web", "A"), sale(3, at(0, 9), "market", "A"))
    days = [("P3", "web", "A", 3, 6, 0.5), ("P1", "web", "A", -3, 0, 0.25), ("P2", "web", "A", 0, 1, 0.125), ("P4", "web", "B", 0, 4, 0.5)]
    with writing(store) as connection:
        for promotion_id, channel_id, sku, first, last, discount in days:
            starts_on, ends_on = ((FIRST + timedelta(days=day)).isoformat() for day in (first, last))
            values = {"starts_on": starts_on, "ends_on": ends_on, "discount": discount}
            connection.execute(sa.insert(promotion), {"promotion_id": promotion_id, "channel_id": channel_id, "sku": sku, **values})
    found = history(store, tmp_path)
    assert found.discount[row(found, "A", "web")].tolist() == [0.25, 0.125, 0, 0.5, 0.5, 0.5, 0.5, 0]
    assert found.discount[row(found, "A", "market")].tolist() == [0] * 8
    told = promotions(store)
    assert told.schema == PROMOTIONS
    assert told["promotion_id"].to_list() == ["P1", "P2", "P4", "P3"]
    assert told.row(0) == ("P1", "A", "web", date(2025, 10, 7), date(2025, 10, 10), 0.25)


def test_regions_share_the_demand_of_a_channel_and_category(store: Engine, tmp_path: Path) -> None:
    make_company(store)

    def sent(number: int, sku: str, quantity: int, region: str | None, channel_id: str = "market", day: int = 0) -> ev.Sale:
        return sale(number, at(day, 9), channel_id, sku, quantity, destination_country="GB", destination_region=region)

    happened(
        store,
        opening(1, at(-500, 0), "south", A=90, B=90),
        sent(2, "A", 5, "Wales"),
        sent(3, "B", 2, "England"),
        sent(4, "B", 4, "England", day=3),
        cancel(5, at(3, 10), 4, "market", 1, "buyer"),
        sent(6, "A", 10, None),
        sent(7, "KIT", 1, "Wales"),
        sent(8, "A", 3, None, "web"),
        sent(9, "A", 60, "Wales", day=-360),  # 365 days with the last one
        sent(10, "A", 1, "Kent", day=1),
        cancel(11, at(1, 10), 10, "market", 1, "buyer"),
    )
    found = history(store, tmp_path, days=400)
    assert found.regions.schema == REGIONS
    assert found.regions.rows() == [
        ("market", "baskets", "Wales", 1.0),
        ("market", "fruit", "England", 0.25),
        ("market", "fruit", "Wales", 0.25),
    ]


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
    found = {
        row["sku"]: row["on_hand"] - row["unsellable"] - row["allocated"] - waiting.get(row["sku"], 0)
        for row in levels.iter_rows(named=True)
        if row["location_id"] == "south"
    }
    return {**found, "KIT": min(found["A"], found["B"] // 2)}


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
    found = history(store, tmp_path)
    for sku in ("A", "B", "KIT"):
        had = np.zeros(DAYS * 24)
        for moment, left in shown:
            had[(moment - at(0, 0)) // HOUR :] = left[sku] > 0
        assert found.available[row(found, sku, "market")] == pytest.approx(had.reshape(DAYS, 24).mean(axis=1), abs=1e-5), sku
