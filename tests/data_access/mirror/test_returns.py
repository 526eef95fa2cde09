"""Returns in the mirror: each with the week in which its line was first shipped, and nothing lost."""

import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from sqlalchemy.engine import Engine

from data_access.domain.returns.units import SHIPPED
from data_access.domain.scorecards.days import zones
from data_access.engine import open_engine, writing
from data_access.events import models as ev
from data_access.events.ingest import ingest
from data_access.mirror.returns import RETURNS_SHIPPED, ReturnHistory, read_returns
from data_access.mirror.scan import Mirror
from data_access.mirror.writing import catch_up
from data_access.queries import scorecards as queries
from data_access.schema.orders import shipment
from data_access.schema.returns import return_line
from tests.data_access.histories import histories
from tests.data_access.import_files import table
from tests.data_access.small_company import DAY, forget_events, make_company

SUNDAY_NIGHT = int(datetime(2026, 3, 1, 22, 59, tzinfo=UTC).timestamp()) * 1_000_000  # 23:59 in Berlin
MONDAY = SUNDAY_NIGHT + 60_000_000


def seen(engine: Engine, folder: Path, before: ReturnHistory | None = None) -> ReturnHistory:
    done = catch_up(engine, folder)
    return read_returns(Mirror(folder, done.manifest), zones(queries.zones(engine)), before)


def head(name: str, at: int) -> dict[str, object]:
    return {"source": "test", "event_id": name, "occurred_at": at, "received_at": at}


def order(ref: str, quantity: int, *shipped: tuple[int, int]) -> list[ev.Event]:
    """An order of A on `web`, and its shipments: when, and how many units."""
    line = ev.SaleLine(line_ref="1", external_sku="web-A", quantity=quantity)
    events: list[ev.Event] = [
        ev.Sale.model_validate(
            {**head(ref, shipped[0][0] - DAY), "channel_id": "web", "order_ref": ref, "currency": "EUR", "lines": (line,)}
        )
    ]
    for number, (at, units) in enumerate(shipped):
        fact = {"channel_id": "web", "order_ref": ref, "shipment_ref": f"{ref}-{number}", "location_id": "north"}
        lines = (ev.OrderUnits(line_ref="1", quantity=units),)
        events.append(ev.Shipment.model_validate({**head(f"{ref}-{number}", at), **fact, "lines": lines}))
    return events


def back(ref: str, quantity: int, at: int) -> ev.Event:
    line = ev.ReturnedUnits(line_ref="1", quantity=quantity, reason_code="x9", customer_note="far too late")
    fact = {"channel_id": "web", "order_ref": ref, "return_ref": f"r-{ref}", "location_id": "north", "lines": (line,)}
    return ev.ReturnReceived.model_validate({**head(f"back-{ref}", at), **fact})


def test_units_belong_to_the_week_in_which_their_line_first_shipped(store: Engine, tmp_path: Path) -> None:
    make_company(store)
    events = [*order("early", 3, (SUNDAY_NIGHT, 1), (MONDAY, 2)), *order("late", 4, (MONDAY, 4)), back("early", 2, MONDAY + DAY)]
    assert {outcome.status for outcome in ingest(store, events)} == {"applied"}
    history = seen(store, tmp_path / "mirror")
    assert history.shipped.schema == SHIPPED
    assert sorted(history.shipped.rows()) == [(date(2026, 2, 23), "web", "A", 3), (date(2026, 3, 2), "web", "A", 4)]
    assert history.returned.schema == RETURNS_SHIPPED
    row = history.returned.row(0, named=True)
    assert (row["return_ref"], row["units"], row["ship_week"], row["received_on"]) == ("r-early", 2, date(2026, 2, 23), date(2026, 3, 3))
    assert (row["reason_code"], row["return_reason"], row["customer_note"]) == ("x9", None, "far too late")


def test_a_return_whose_purchase_is_not_known_is_kept_without_a_week(store: Engine, tmp_path: Path) -> None:
    make_company(store)
    ingest(store, [*order("o", 2, (MONDAY, 2)), back("o", 1, MONDAY + DAY)])
    with writing(store) as connection:
        connection.execute(sa.update(return_line).values(line_id=None))
    history = seen(store, tmp_path / "mirror")
    assert history.returned.select("order_id", "ship_week", "units", "received_on").rows() == [(None, None, 1, date(2026, 3, 3))]


def test_only_months_that_changed_are_read_again(store: Engine, tmp_path: Path) -> None:
    make_company(store)
    later = MONDAY + 70 * DAY
    ingest(store, [*order("o", 2, (MONDAY, 2)), *order("p", 2, (later, 2))])
    first = seen(store, tmp_path / "mirror")
    assert seen(store, tmp_path / "mirror", first) is first
    ingest(store, [back("p", 1, later + DAY)])
    second = seen(store, tmp_path / "mirror", first)
    months = sorted(second.months)
    assert len(months) == 2
    assert [second.months[month] is first.months[month] for month in months] == [True, False]
    assert second.returned["units"].to_list() == [1]
    of_another = replace(second, store_id="another")
    manifest = catch_up(store, tmp_path / "mirror").manifest
    afresh = read_returns(Mirror(tmp_path / "mirror", manifest), second.zone_of, of_another)
    assert not any(afresh.months[month] is second.months[month] for month in months)
    assert afresh.returned.equals(second.returned)
    in_new_york = dict.fromkeys(first.zone_of, "America/New_York")
    elsewhere = read_returns(Mirror(tmp_path / "mirror", manifest), in_new_york, second)
    assert not any(elsewhere.months[month] is second.months[month] for month in months)
    assert elsewhere.shipped["ship_week"].min() == date(2026, 2, 23)


@pytest.fixture(scope="module")
def company(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """The small company; each example empties it again."""
    path = tmp_path_factory.mktemp("returns") / "store.db"
    shutil.copyfile(sqlite_template, path)
    engine = open_engine(f"sqlite:///{path}")
    make_company(engine)
    yield engine
    engine.dispose()


@settings(max_examples=20, suppress_health_check=[HealthCheck.too_slow])
@given(history=histories(hours=(0, 1, 30, 400)))
def test_no_unit_is_lost_or_counted_twice(company: Engine, tmp_path_factory: pytest.TempPathFactory, history: list[ev.Event]) -> None:
    forget_events(company)
    ingest(company, history)
    result = seen(company, tmp_path_factory.mktemp("mirror"))
    of_store = {
        name: table(company, f"select coalesce(sum(quantity), 0), count(*) from {name}")[0] for name in (shipment.name, return_line.name)
    }
    assert int(result.shipped["units"].sum()) == of_store["shipment"][0]
    assert (int(result.returned["units"].sum()), result.returned.height) == of_store["return_line"]
    assert result.returned.filter(pl.col("order_id").is_not_null(), pl.col("ship_week").is_null()).is_empty()
