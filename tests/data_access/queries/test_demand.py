"""The demand history of a small company, reckoned by hand."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from data_access.engine import writing
from data_access.errors import InvalidInput
from data_access.events import models as ev
from data_access.events.ingest import ingest
from data_access.queries import demand
from data_access.queries.demand import PROMOTIONS, REGIONS, SERIES, promotions
from data_access.schema.catalog import listing, product
from data_access.schema.channels import channel
from data_access.schema.demand import promotion
from tests.data_access.queries.demand_store import (
    FIRST,
    LAST,
    at,
    available,
    cancel,
    happened,
    history,
    opening,
    receipt,
    row,
    sale,
    ship,
    units,
)
from tests.data_access.small_company import make_company

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
    history_read = history(store, tmp_path)
    assert (history_read.start, history_read.last) == (FIRST, LAST)
    assert history_read.series.schema == SERIES
    assert history_read.series.rows() == [("A", "market", "fruit", 0), ("A", "web", "fruit", 0)]
    assert history_read.units.dtype == history_read.available.dtype == history_read.discount.dtype == np.float32
    assert units(history_read, "A", "web") == [1, 0, 2, 0, 4]
    assert units(history_read, "A", "market") == [0, 3, 0, 0, 5]


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
    history_read = history(store, tmp_path)
    assert history_read.series["channel_id"].to_list() == ["web"]
    assert units(history_read, "A", "web") == [1, 4, 3, 0, 0]


def test_kits_are_series_of_their_own(store: Engine, tmp_path: Path) -> None:
    make_company(store)
    happened(store, opening(1, at(-1, 0), "north", A=9, B=9), sale(2, at(1, 9), "web", "KIT", 2), sale(3, at(1, 9), "web", "B"))
    history_read = history(store, tmp_path)
    assert history_read.series.select("sku", "category").rows() == [("B", "fruit"), ("KIT", "baskets")]
    assert units(history_read, "KIT", "web") == [0, 2, 0, 0, 0]
    assert units(history_read, "B", "web") == [0, 1, 0, 0, 0]


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
    history_read = history(store, tmp_path)
    assert dict(zip(history_read.series.select("sku", "channel_id").rows(), history_read.series["first"], strict=True)) == {
        ("A", "web"): 1,  # the listing
        ("A", "market"): 3,  # the first order, as the listing was seen later
        ("B", "web"): 0,
        ("KIT", "web"): 2,  # the launch, after the listing
    }


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
    history_read = history(store, tmp_path)
    assert available(history_read, "A", "web") == [1, 1, 1, 1, 1]
    assert available(history_read, "A", "market") == [1, 1, 1, 0, 0]
    ingest(store, [], {"web": at(40, 0)})
    history_read = history(store, tmp_path, FIRST + timedelta(days=39), 40)
    assert available(history_read, "A", "market") == [1] * 40  # silent for so long: it sells no more
    assert units(history_read, "A", "market") == [1] + [0] * 39


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
    history_read = history(store, tmp_path)
    assert available(history_read, "A", "web") == [1, 1, round(20 / 27, 4), 0, 0]  # each hour weighs 1 and its lines


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
    history_read = history(store, tmp_path, None)
    assert (history_read.series.rows(), history_read.units.shape, history_read.available.shape, history_read.discount.shape) == (
        [],
        (0, 5),
        (0, 5),
        (0, 8),
    )
    assert history_read.last == datetime.now(UTC).date() - timedelta(days=1)
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
    history_read = history(store, tmp_path)
    assert history_read.discount[row(history_read, "A", "web")].tolist() == [0.25, 0.125, 0, 0.5, 0.5, 0.5, 0.5, 0]
    assert history_read.discount[row(history_read, "A", "market")].tolist() == [0] * 8
    planned = promotions(store)
    assert planned.schema == PROMOTIONS
    assert planned["promotion_id"].to_list() == ["P1", "P2", "P4", "P3"]
    assert planned.row(0) == ("P1", "A", "web", date(2025, 10, 7), date(2025, 10, 10), 0.25)


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
    history_read = history(store, tmp_path, days=400)
    assert history_read.regions.schema == REGIONS
    assert history_read.regions.rows() == [
        ("market", "baskets", "Wales", 1.0),
        ("market", "fruit", "England", 0.25),
        ("market", "fruit", "Wales", 0.25),
    ]
