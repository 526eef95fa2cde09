"""Mean demand over in-stock days, and the days behind us, reckoned by hand."""

import polars as pl
import pytest
from sqlalchemy.engine import Engine

from data_access.events import models as ev
from data_access.events.ingest import ingest
from data_access.queries import live_stock as live
from data_access.queries import stock
from data_access.queries.recent import DEMAND, HISTORY_DAYS, Recent, recent
from tests.data_access.queries.busy_company import head, make_busy_company, opening, sale
from tests.data_access.small_company import DAY, T0, make_company


def weeks(engine: Engine, now: int) -> Recent:
    known = live.load_catalogue(engine)
    return recent(engine, stock.levels(engine), stock.backorders(engine), known.kits, known.channels, known.channel_locations, now)


def demand(last_weeks: Recent, sku: str, channel_id: str | None) -> tuple[float, float, int]:
    row = last_weeks.demand.filter((pl.col("sku") == sku) & pl.col("channel_id").eq_missing(pl.lit(channel_id)))
    return row.select("own_daily", "shared_daily", "in_stock_days").row(0)


def test_demand_by_channel_and_of_those_that_share_its_stock(store: Engine) -> None:
    make_busy_company(store)
    last_weeks = weeks(store, T0 + 5 * DAY)
    assert last_weeks.demand.schema == DEMAND
    assert demand(last_weeks, "A", None) == pytest.approx((11 / 5, 11 / 5, 5))
    assert demand(last_weeks, "A", "web") == pytest.approx((5 / 5, 11 / 5, 5))  # 3, and 2 in kits
    assert demand(last_weeks, "A", "market") == pytest.approx((6 / 5, 11 / 5, 5))
    assert demand(last_weeks, "B", "web") == pytest.approx((4 / 5, 4 / 5, 5))
    assert demand(last_weeks, "KIT", "web") == pytest.approx((2 / 5, 2 / 5, 5))
    # market has no B: no day in stock there but the one with demand on the shared stock
    assert demand(last_weeks, "B", "market") == pytest.approx((0, 4, 1))


def test_only_what_the_buyer_cancelled_before_shipping_is_no_demand(store: Engine) -> None:
    make_company(store)
    gone = {"channel_id": "web", "order_ref": "o2"}
    ingest(
        store,
        [
            opening(1, "north", A=50),
            sale(2, "web", "A", 10, 1),
            ev.Cancellation(**head(3, 2), **gone, lines=(ev.CancelledLine(line_ref="1", quantity=3),), cancelled_by="buyer"),
            ev.Cancellation(**head(4, 3), **gone, lines=(ev.CancelledLine(line_ref="1", quantity=2),), cancelled_by="seller"),
        ],
    )
    assert demand(weeks(store, T0 + DAY), "A", "web")[0] == pytest.approx(7.0)
    ship = ev.Shipment(**head(5, 4), **gone, shipment_ref="p", location_id="north", lines=(ev.OrderUnits(line_ref="1", quantity=9),))
    ingest(store, [ship])  # 9 of the 10 left after all: only 1 was really cancelled, the buyer's first
    assert demand(weeks(store, T0 + DAY), "A", "web")[0] == pytest.approx(9.0)


def test_a_day_is_the_channels_own(store: Engine) -> None:
    """14 hours after T0 it is 22:53 UTC, and 00:53 of the next day in Berlin."""
    make_company(store)
    ingest(store, [opening(1, "north", A=50), sale(2, "web", "A", 4, 14)])
    assert demand(weeks(store, T0 + DAY), "A", "web") == pytest.approx((0, 0, 1))  # in stock on T0's day; the demand is today's
    assert demand(weeks(store, T0 + 2 * DAY), "A", "web") == pytest.approx((2, 2, 2))


def test_the_mean_is_over_the_last_28_days_in_stock(store: Engine) -> None:
    """In stock for 10 days selling 1 a day, out for 40, in stock again for 20 selling 2 a day."""
    make_company(store)
    first = [opening(1, "north", A=10)]
    sales = [sale(10 + day, "web", "A", 1, 24 * day + 1) for day in range(10)]
    ships = [
        ev.Shipment(
            **head(50 + day, 24 * day + 2),
            channel_id="web",
            order_ref=f"o{10 + day}",
            shipment_ref=f"p{day}",
            location_id="north",
            lines=(ev.OrderUnits(line_ref="1", quantity=1),),
        )
        for day in range(10)
    ]
    again = [ev.Receipt(**head(90, 24 * 50), location_id="north", lines=(ev.SkuUnits(sku="A", quantity=100),))]
    later = [sale(100 + day, "web", "A", 2, 24 * (50 + day) + 1) for day in range(20)]
    ingest(store, [*first, *sales, *ships, *again, *later])
    last_weeks = weeks(store, T0 + 70 * DAY)
    # 20 days of 2, and the last 8 of the 10 days of 1 (on the tenth the last unit left, but there was demand)
    assert demand(last_weeks, "A", "web") == pytest.approx(((20 * 2 + 8) / 28, (20 * 2 + 8) / 28, 28))
    at_end = last_weeks.on_hand[0].tolist()
    assert len(at_end) == HISTORY_DAYS + 1
    assert at_end == [0] * 10 + [100] * 21
    assert last_weeks.open_units[last_weeks.skus.to_list().index("A")].tolist() == [0] * 10 + [2 * (1 + day) for day in range(20)] + [40]


def test_what_is_older_than_the_window_has_no_demand(store: Engine) -> None:
    make_busy_company(store)
    last_weeks = weeks(store, T0 + 200 * DAY)
    assert demand(last_weeks, "A", "web") == (0, 0, 28)  # in stock, but nothing sold
    assert last_weeks.demand.filter(pl.col("sku") == "B", pl.col("channel_id") == "market").is_empty()  # never in stock there
