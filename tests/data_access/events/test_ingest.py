"""Events in, reckoned by hand, on both databases."""

import json
import multiprocessing
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from data_access.engine import open_engine
from data_access.events import models as ev
from data_access.events.ingest import ingest, ingest_json
from data_access.queries.verification.verify import verify
from data_access.schema import metadata
from data_access.schema.audit import change_log, inbox_item, store_version
from data_access.schema.catalog import listing
from data_access.schema.orders import allocation, order_line, sales_order
from data_access.schema.stock import backorder_level, stock_level, stock_movement
from data_access.schema.stock import event as event_table
from tests.data_access.small_company import HOUR, T0, make_company


@pytest.fixture
def company(store: Engine) -> Engine:
    make_company(store)
    return store


def head(number: int, hours: float = 0) -> dict[str, Any]:
    at = T0 + int(hours * HOUR)
    return {"source": "test", "event_id": f"e{number}", "occurred_at": at, "received_at": at}


def sale(number: int, sku: str, quantity: int, hours: float = 0, channel: str = "web", **more: Any) -> ev.Sale:
    line = ev.SaleLine(line_ref="1", external_sku=f"{channel}-{sku}", quantity=quantity)
    return ev.Sale(**head(number, hours), channel_id=channel, order_ref=f"o{number}", currency="EUR", lines=(line,), **more)


def receipt(number: int, sku: str, quantity: int, place: str = "north", hours: float = 0) -> ev.Receipt:
    return ev.Receipt(**head(number, hours), location_id=place, lines=(ev.SkuUnits(sku=sku, quantity=quantity),))


def ship(number: int, order: int, quantity: int, place: str = "north", hours: float = 0, channel: str = "web") -> ev.Shipment:
    return ev.Shipment(
        **head(number, hours),
        channel_id=channel,
        order_ref=f"o{order}",
        shipment_ref=f"p{number}",
        location_id=place,
        lines=(ev.OrderUnits(line_ref="1", quantity=quantity),),
    )


def count(number: int, sku: str, quantity: int, place: str = "north", hours: float = 0) -> ev.Count:
    return ev.Count(**head(number, hours), location_id=place, lines=(ev.CountedStateUnits(sku=sku, quantity=quantity),))


def levels(engine: Engine) -> dict[str, tuple[int, int, int, int]]:
    """By `sku@location`: on hand, unsellable, allocated, on order; levels of nothing left out."""
    c = stock_level.c
    with engine.connect() as connection:
        rows = connection.execute(sa.select(c.sku, c.location_id, c.on_hand, c.unsellable, c.allocated, c.on_order)).all()
    return {f"{row[0]}@{row[1]}": (row[2], row[3], row[4], row[5]) for row in rows if any(row[2:])}


def backorders(engine: Engine) -> dict[str, int]:
    c = backorder_level.c
    with engine.connect() as connection:
        return {
            f"{row.sku}@{row.channel_id}": row.backordered
            for row in connection.execute(sa.select(backorder_level).where(c.backordered > 0))
        }


def movements(engine: Engine) -> list[tuple[str, str, str, int]]:
    c = stock_movement.c
    with engine.connect() as connection:
        rows = connection.execute(sa.select(c.kind, c.sku, c.location_id, c.quantity).order_by(c.occurred_at, c.id)).all()
    return [(row[0], row[1], row[2], row[3]) for row in rows]


def rows_of_everything(engine: Engine) -> dict[str, list[Any]]:
    with engine.connect() as connection:
        return {
            name: sorted((tuple(row) for row in connection.execute(sa.select(table))), key=str)
            for name, table in metadata.tables.items()
            if name != "id_block"
        }


def statuses(engine: Engine, *events: ev.Event) -> list[str]:
    return [outcome.status for outcome in ingest(engine, events)]


def test_a_sale_allocates_and_leaves_on_hand(company: Engine) -> None:
    assert statuses(company, receipt(1, "A", 5), sale(2, "A", 3, 1)) == ["applied", "applied"]
    assert levels(company) == {"A@north": (5, 0, 3, 0)}
    assert backorders(company) == {}


def test_what_cannot_be_allocated_is_backordered_and_served_oldest_first(company: Engine) -> None:
    statuses(company, receipt(1, "A", 2), sale(2, "A", 5, 1), sale(3, "A", 1, 2))
    assert levels(company) == {"A@north": (2, 0, 2, 0)}
    assert backorders(company) == {"A@web": 4}
    statuses(company, receipt(4, "A", 3, hours=3))
    assert levels(company) == {"A@north": (5, 0, 5, 0)}
    assert backorders(company) == {"A@web": 1}
    with company.connect() as connection:
        held = connection.execute(
            sa.select(sales_order.c.order_ref, order_line.c.allocated_quantity, order_line.c.backordered_quantity)
            .join(order_line, order_line.c.order_id == sales_order.c.id)
            .order_by(sales_order.c.order_ref)
        ).all()
    assert [tuple(row) for row in held] == [("o2", 5, 0), ("o3", 0, 1)]


def test_a_line_goes_whole_to_one_location_before_it_is_split(company: Engine) -> None:
    statuses(company, receipt(1, "A", 2), receipt(2, "A", 4, "south"), sale(3, "A", 4, 1))
    assert levels(company) == {"A@north": (2, 0, 0, 0), "A@south": (4, 0, 4, 0)}
    statuses(company, sale(4, "A", 1, 2), receipt(5, "A", 1, "south", 3), sale(6, "A", 2, 4))
    assert levels(company) == {"A@north": (2, 0, 2, 0), "A@south": (5, 0, 5, 0)}


def test_a_location_that_does_not_serve_the_channel_is_left_alone(company: Engine) -> None:
    statuses(company, receipt(1, "A", 5), sale(2, "A", 1, 1, channel="market"))
    assert levels(company) == {"A@north": (5, 0, 0, 0)}
    assert backorders(company) == {"A@market": 1}


def test_kits_are_allocated_whole_at_one_location(company: Engine) -> None:
    statuses(company, receipt(1, "A", 3), receipt(2, "B", 4), receipt(3, "A", 1, "south"), receipt(4, "B", 1, "south"))
    statuses(company, sale(5, "KIT", 3, 1))
    assert levels(company) == {"A@north": (3, 0, 2, 0), "B@north": (4, 0, 4, 0), "A@south": (1, 0, 0, 0), "B@south": (1, 0, 0, 0)}
    assert backorders(company) == {"A@web": 1, "B@web": 2}
    statuses(company, receipt(6, "B", 1, "south", 2))
    assert levels(company)["A@south"] == (1, 0, 1, 0)
    assert backorders(company) == {}
    assert verify(company).rows == []


def test_a_cancellation_releases_for_others(company: Engine) -> None:
    statuses(company, receipt(1, "A", 2), sale(2, "A", 2, 1), sale(3, "A", 1, 2))
    cancelled = ev.Cancellation(**head(4, 3), channel_id="web", order_ref="o2", cancelled_by="buyer", reason="changed mind")
    assert statuses(company, cancelled) == ["applied"]
    assert levels(company) == {"A@north": (2, 0, 1, 0)}
    assert backorders(company) == {}


def test_a_shipment_deducts_where_it_really_left(company: Engine) -> None:
    statuses(company, receipt(1, "A", 3), receipt(2, "A", 3, "south"), sale(3, "A", 2, 1), ship(4, 3, 2, "south", 2))
    assert levels(company) == {"A@north": (3, 0, 0, 0), "A@south": (1, 0, 0, 0)}


def test_a_till_sale_ships_at_once(company: Engine) -> None:
    statuses(company, receipt(1, "A", 3), sale(2, "A", 2, 1, location_id="north", is_till=True))
    assert levels(company) == {"A@north": (1, 0, 0, 0)}


def test_a_shipment_beyond_on_hand_posts_a_flagged_discrepancy(company: Engine) -> None:
    statuses(company, receipt(1, "A", 1), sale(2, "A", 3, 1), ship(3, 2, 3, hours=2))
    assert levels(company) == {}
    assert movements(company) == [("receipt", "A", "north", 1), ("shipment", "A", "north", -3), ("discrepancy", "A", "north", 2)]


def test_a_late_receipt_takes_the_discrepancy_back(company: Engine) -> None:
    statuses(company, sale(2, "A", 3, 1), ship(3, 2, 3, hours=2))
    statuses(company, receipt(1, "A", 10))
    assert levels(company) == {"A@north": (7, 0, 0, 0)}
    assert movements(company) == [
        ("receipt", "A", "north", 10),
        ("shipment", "A", "north", -3),
        ("discrepancy", "A", "north", 3),
        ("discrepancy", "A", "north", -3),
    ]


def test_a_count_makes_the_ledger_equal_and_absorbs_what_comes_late(company: Engine) -> None:
    statuses(company, receipt(1, "A", 10), count(2, "A", 7, hours=5), receipt(3, "A", 1, hours=6))
    assert levels(company) == {"A@north": (8, 0, 0, 0)}
    statuses(company, receipt(4, "A", 4, hours=1))
    assert levels(company) == {"A@north": (8, 0, 0, 0)}
    assert [row for row in movements(company) if row[0] == "count"] == [("count", "A", "north", -3), ("count", "A", "north", -4)]


def test_a_count_below_what_is_allocated_backorders_the_newest_lines(company: Engine) -> None:
    statuses(company, receipt(1, "A", 5), sale(2, "A", 3, 1), sale(3, "A", 2, 2), count(4, "A", 4, hours=3))
    assert levels(company) == {"A@north": (4, 0, 4, 0)}
    assert backorders(company) == {"A@web": 1}
    with company.connect() as connection:
        newest = connection.execute(sa.select(order_line.c.backordered_quantity).order_by(order_line.c.placed_at.desc())).scalars().first()
    assert newest == 1


def test_a_return_waits_as_unsellable_until_it_is_inspected(company: Engine) -> None:
    returned = ev.ReturnReceived(
        **head(4, 3), channel_id="web", order_ref="o2", return_ref="r1", location_id="south", lines=({"line_ref": "1", "quantity": 2},)
    )
    statuses(company, receipt(1, "A", 3), sale(2, "A", 3, 1), ship(3, 2, 3, hours=2), returned)
    assert levels(company) == {"A@south": (2, 2, 0, 0)}
    inspected = ev.Inspection(**head(5, 4), channel_id="web", return_ref="r1", disposition="restock")
    again = ev.Inspection(**head(6, 5), channel_id="web", return_ref="r1", disposition="discard")
    assert statuses(company, inspected) == ["applied"]
    assert levels(company) == {"A@south": (2, 0, 0, 0)}
    before = levels(company)
    assert statuses(company, again) == ["refused"]
    assert levels(company) == before


def test_a_purchase_order_is_on_order_until_it_comes_in(company: Engine) -> None:
    bought = ev.PurchaseOrder(**head(1), po_ref="po1", supplier_id="sup", location_id="south", lines=({"sku": "B", "quantity": 10},))
    early = ev.Receipt(**head(2, 1), location_id="south", po_ref="po1", lines=({"sku": "B", "quantity": 4},))
    assert statuses(company, early) == ["parked"]
    assert statuses(company, bought) == ["applied"]
    assert levels(company) == {"B@south": (4, 0, 0, 6)}
    more = ev.Receipt(**head(3, 2), location_id="south", po_ref="po1", lines=({"sku": "B", "quantity": 9},))
    assert statuses(company, more) == ["applied"]
    assert levels(company) == {"B@south": (13, 0, 0, 0)}


def test_the_same_event_again_changes_nothing_at_all(company: Engine) -> None:
    events = [receipt(1, "A", 5), sale(2, "A", 3, 1), ship(3, 2, 1, hours=2)]
    ingest(company, events)
    before = rows_of_everything(company)
    later = [event.model_copy(update={"received_at": event.received_at + HOUR}) for event in events]
    assert [outcome.status for outcome in ingest(company, [*later, *events])] == ["duplicate"] * 6
    assert rows_of_everything(company) == before


def test_the_same_id_with_another_payload_is_kept_as_a_conflict(company: Engine) -> None:
    ingest(company, [receipt(1, "A", 5)])
    assert statuses(company, receipt(1, "A", 6), receipt(1, "A", 6)) == ["conflict", "conflict"]
    assert levels(company) == {"A@north": (5, 0, 0, 0)}
    with company.connect() as connection:
        kept = connection.execute(sa.select(inbox_item.c.kind, inbox_item.c.reference, inbox_item.c.content)).all()
    assert [(row.kind, row.reference, json.loads(row.content)["lines"]) for row in kept] == [
        ("conflict", "e1", [{"quantity": 6, "sku": "A"}])
    ]


def test_an_unmapped_listing_parks_the_sale_and_is_noted(company: Engine) -> None:
    unknown = sale(1, "NEW", 1)
    outcome = ingest(company, [unknown, ship(2, 1, 1, hours=1)])
    assert [(o.status, o.waits_for) for o in outcome] == [("parked", "listing:web:web-NEW"), ("parked", "order:web:o1")]
    with company.connect() as connection:
        noted = connection.execute(sa.select(listing.c.sku).where(listing.c.external_sku == "web-NEW")).all()
        parked = connection.execute(sa.select(event_table.c.status)).scalars().all()
    assert [tuple(row) for row in noted] == [(None,)]
    assert parked == ["parked", "parked"]


@pytest.mark.parametrize("missing", ["location", "sku", "kit"])
def test_unknown_places_and_skus_wait_and_kits_are_refused(company: Engine, missing: str) -> None:
    event = receipt(1, {"sku": "Z", "kit": "KIT"}.get(missing, "A"), 1, "nowhere" if missing == "location" else "north")
    outcome = ingest(company, [event])[0]
    expected = {"location": ("parked", "location:nowhere"), "sku": ("parked", "sku:Z"), "kit": ("refused", None)}
    assert (outcome.status, outcome.waits_for) == expected[missing]
    assert levels(company) == {}


def test_an_event_that_is_not_valid_goes_to_the_inbox_whole(company: Engine) -> None:
    bad = json.dumps(
        {
            "kind": "receipt",
            "source": "test",
            "event_id": "x",
            "occurred_at": T0,
            "received_at": T0,
            "location_id": "north",
            "lines": [{"sku": "A", "quantity": -4}],
        }
    )
    assert [o.status for o in ingest_json(company, [bad, "{no json"], "test")] == ["refused", "refused"]
    with company.connect() as connection:
        kept = connection.execute(
            sa.select(inbox_item.c.reference, inbox_item.c.reason, inbox_item.c.content).order_by(inbox_item.c.id)
        ).all()
    assert [row.content for row in kept] == [bad, "{no json"]
    assert kept[0].reason == "receipt.lines.0.quantity: input should be greater than 0; mend the event and send it again."


def test_versions_rise_once_a_transaction_and_say_what_changed(company: Engine) -> None:
    def versions() -> dict[str, int]:
        with company.connect() as connection:
            return {row.topic: row.version for row in connection.execute(sa.select(store_version))}

    before = versions()
    ingest(company, [receipt(1, "A", 5), sale(2, "A", 3, 1)])
    after = versions()
    assert {topic: after[topic] - before[topic] for topic in after if after[topic] != before[topic]} == {
        "freshness": 1,
        "orders": 1,
        "stock": 1,
    }
    with company.connect() as connection:
        logged = connection.execute(
            sa.select(change_log.c.entity, change_log.c.entity_id).where(
                change_log.c.topic == "stock", change_log.c.version == after["stock"]
            )
        ).all()
    assert [tuple(row) for row in logged] == [("sku", "A")]


def _sell(url: str, worker: int, gate: Any) -> None:
    engine = open_engine(url)
    gate.wait()
    share = 13 if worker < 4 else 12
    for number in range(share):
        ingest(engine, [sale(1000 * (worker + 1) + number, "A", 1, 1, channel="market")])
    engine.dispose()


def test_eight_processes_sell_a_hundred_units_of_twenty(store_url: str) -> None:
    engine = open_engine(store_url)
    make_company(engine)
    ingest(engine, [receipt(1, "A", 20, "south")])
    engine.dispose()
    spawn = multiprocessing.get_context("spawn")
    gate = spawn.Barrier(8)
    workers = [spawn.Process(target=_sell, args=(store_url, number, gate)) for number in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(120)
    assert [worker.exitcode for worker in workers] == [0] * 8
    engine = open_engine(store_url)
    assert levels(engine) == {"A@south": (20, 0, 20, 0)}
    assert backorders(engine) == {"A@market": 80}
    with engine.connect() as connection:
        assert connection.execute(sa.select(sa.func.count()).select_from(event_table)).scalar_one() == 101
        assert connection.execute(sa.select(sa.func.sum(allocation.c.quantity))).scalar_one() == 20
    assert verify(engine).differences == 0
    engine.dispose()


def test_what_is_found_missing_is_taken_from_the_line_that_holds_it(company: Engine) -> None:
    """One line holds all units of its place; nothing else is in the store that could be mistaken for it."""
    ingest(company, [receipt(1, "A", 3), sale(2, "A", 3, hours=1)])
    ingest(company, [count(3, "A", 0, hours=2)])
    with company.connect() as connection:
        line = connection.execute(sa.select(order_line.c.allocated_quantity, order_line.c.backordered_quantity)).one()
        held = connection.execute(sa.select(allocation)).all()
    assert (tuple(line), held) == ((0, 3), [])
    assert verify(company).differences == 0
