"""Deciding on returned units: by who may, each unit once, changed while they are unsold, undone; a refused one changes nothing."""

import multiprocessing
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from data_access.commands.inspection import UnitDecision, inspect, undo
from data_access.commands.people import add_user
from data_access.commands.return_holds import hold, lift
from data_access.engine import open_engine
from data_access.errors import ChangedMeanwhile, Conflict, Forbidden, InvalidInput, OnHandError, Refused
from data_access.events import models as ev
from data_access.events.ingest import ingest
from data_access.queries.verification.verify import verify
from data_access.write.permissions import COMMAND_LINE
from tests.data_access.events.test_ingest import head, levels, receipt, rows_of_everything, sale, ship, statuses
from tests.data_access.import_files import table
from tests.data_access.small_company import make_company


def came_back(number: int, order: int, units: int, ref: str = "r1") -> ev.ReturnReceived:
    lines = ({"line_ref": "1", "quantity": units},)
    return ev.ReturnReceived(**head(number, 3), channel_id="web", order_ref=f"o{order}", return_ref=ref, location_id="south", lines=lines)


def by_units(number: int, *units: dict[str, Any], ref: str = "r1") -> ev.Inspection:
    return ev.Inspection(**head(number, 4), channel_id="web", return_ref=ref, units=units)


@pytest.fixture
def shop(store: Engine) -> Engine:
    """Three units of A came back to the south, and two kits."""
    make_company(store)
    for name, role in (("mara", "manager"), ("olga", "ops"), ("pia", "planner")):
        add_user(store, name, role, COMMAND_LINE)
    ingest(store, [receipt(1, "A", 9), receipt(2, "B", 9)])
    ingest(store, [sale(3, "A", 3, 1), sale(4, "KIT", 2, 1), ship(5, 3, 3, hours=2), ship(6, 4, 2, hours=2)])
    ingest(store, [came_back(7, 3, 3), came_back(8, 4, 2, "r2")])
    return store


def line_of(engine: Engine, ref: str) -> int:
    return int(table(engine, f"select id from return_line where return_ref = '{ref}'")[0][0])


def kept(engine: Engine, ref: str) -> tuple[Any, ...]:
    rows = table(engine, f"select disposition, inspected_at is null, fates from return_line where return_ref = '{ref}'")
    return str(rows[0][0]), bool(rows[0][1]), rows[0][2] is None


def south(engine: Engine, sku: str) -> tuple[int, int]:
    """On hand and unsellable in the south."""
    return levels(engine).get(f"{sku}@south", (0, 0, 0, 0))[:2]


def test_three_units_of_a_line_end_three_ways(shop: Engine) -> None:
    back = line_of(shop, "r1")
    assert south(shop, "A") == (5, 5)  # with those of the kits
    first = inspect(shop, [UnitDecision(back, "A", 1, "restock", 0)], "olga")
    assert kept(shop, "r1") == ("None", True, False)
    inspect(shop, [UnitDecision(back, "A", 1, "refurbish", 1), UnitDecision(back, "A", 1, "discard", 1)], "olga", "torn box")
    assert south(shop, "A") == (4, 3)
    assert kept(shop, "r1") == ("None", False, False)
    inspect(shop, [UnitDecision(back, "A", 1, "repaired", 3, "refurbish")], "mara")
    assert south(shop, "A") == (4, 2)
    entries = table(shop, "select action, entity, actor, why from audit_entry where entity = 'return' order by at, id")
    assert entries == [
        ("inspect", "return", "olga", None),
        ("inspect", "return", "olga", "torn box"),
        ("inspect", "return", "mara", None),
    ]
    with pytest.raises(Conflict, match="The return was changed since"):
        undo(shop, first, "olga")
    assert verify(shop).differences == 0


def test_a_kit_is_inspected_by_component(shop: Engine) -> None:
    back = line_of(shop, "r2")
    inspect(shop, [UnitDecision(back, "A", 2, "restock", 0), UnitDecision(back, "B", 3, "discard", 0)], "olga")
    assert (south(shop, "A"), south(shop, "B")) == ((5, 3), (1, 1))
    assert kept(shop, "r2")[1]  # one B waits
    with pytest.raises(InvalidInput, match="Return r2 has only 1 of B that are waiting"):
        inspect(shop, [UnitDecision(back, "B", 2, "restock", 2)], "olga")


def test_a_decision_is_undone_and_a_whole_return_needs_no_steps(shop: Engine) -> None:
    back = line_of(shop, "r1")
    before = south(shop, "A")
    done = inspect(shop, [UnitDecision(back, "A", 3, "restock", 0)], "olga")
    assert kept(shop, "r1") == ("restock", False, True)
    assert south(shop, "A") == (5, 2)
    again = undo(shop, done, "olga")
    assert (kept(shop, "r1"), south(shop, "A")) == (("None", True, False), before)
    undo(shop, again, "olga")  # taken back too
    assert south(shop, "A") == (5, 2)
    assert verify(shop).differences == 0


def test_a_person_s_decision_says_nothing_of_how_far_a_channel_is_known(shop: Engine) -> None:
    before = table(shop, "select * from channel_state order by 1")
    inspect(shop, [UnitDecision(line_of(shop, "r1"), "A", 3, "restock", 0)], "olga")
    assert table(shop, "select * from channel_state order by 1") == before
    assert table(shop, "select kind, status from event where source = 'onhand'") == [("inspection", "applied")]


@pytest.mark.parametrize(
    ("decision", "actor", "error", "sentence"),
    [
        ((("A", 1, "restock", 0),), "pia", Forbidden, "may not inspect returns"),
        ((("A", 0, "restock", 0),), "olga", Refused, "1 or more"),
        ((("A", 4, "restock", 0),), "olga", InvalidInput, "has only 3 of A that are waiting"),
        ((("B", 1, "restock", 0),), "olga", InvalidInput, "has only 0 of B that are waiting"),
        ((("A", 1, "repaired", 0),), "olga", Refused, "waiting cannot become repaired"),
        ((("A", 1, "restock", 1),), "olga", ChangedMeanwhile, "Someone decided on return r1 meanwhile"),
        ((("A", 2, "restock", 0), ("A", 2, "discard", 0)), "olga", Conflict, "not what they were"),
        ((), "olga", Refused, "Choose between 1 and 500"),
    ],
)
def test_a_refused_decision_changes_nothing(
    shop: Engine, decision: tuple[tuple[Any, ...], ...], actor: str, error: type[OnHandError], sentence: str
) -> None:
    before, back = rows_of_everything(shop), line_of(shop, "r1")
    with pytest.raises(error, match=sentence):
        inspect(shop, [UnitDecision(back, *one) for one in decision], actor)
    with pytest.raises(Refused, match="at most 500 characters"):
        inspect(shop, [UnitDecision(back, "A", 1, "restock", 0)], "olga", "x" * 501)
    assert rows_of_everything(shop) == before


def test_what_was_put_back_stays_so_once_it_is_promised(shop: Engine) -> None:
    back = line_of(shop, "r1")
    done = inspect(shop, [UnitDecision(back, "A", 3, "restock", 0)], "olga")
    # the north has 4 left; the market is served by the south alone
    assert statuses(shop, sale(9, "A", 2, 5, "market")) == ["applied"]
    before = rows_of_everything(shop)
    with pytest.raises(Conflict, match="3 of A are to leave what can be sold at south, where only 1 are not ordered by anyone"):
        undo(shop, done, "olga")
    assert rows_of_everything(shop) == before
    inspect(shop, [UnitDecision(back, "A", 1, "discard", 1, "restock")], "olga")
    assert south(shop, "A") == (4, 2)
    assert verify(shop).differences == 0


def test_units_by_a_feed_in_any_order(shop: Engine) -> None:
    repaired = by_units(11, {"quantity": 1, "before": "refurbish", "after": "repaired"})
    refurbished = by_units(12, {"quantity": 2, "after": "refurbish"})
    assert statuses(shop, repaired) == ["parked"]
    assert statuses(shop, refurbished) == ["applied"]
    assert table(shop, "select count(*) from event where status = 'parked'") == [(0,)]
    assert south(shop, "A") == (5, 4)
    rest = ev.Inspection(**head(13, 5), channel_id="web", return_ref="r1", disposition="discard")
    again = ev.Inspection(**head(14, 6), channel_id="web", return_ref="r1", disposition="restock")
    assert statuses(shop, rest, again) == ["applied", "refused"]
    assert south(shop, "A") == (4, 3)
    of_a_kit = by_units(15, {"quantity": 1, "after": "restock"}, ref="r2")
    assert statuses(shop, of_a_kit) == ["refused"]
    assert verify(shop).differences == 0


@pytest.mark.parametrize(
    "event",
    [
        {"units": ()},
        {},
        {"disposition": "restock", "units": ({"quantity": 1, "after": "restock"},)},
        {"units": ({"quantity": 1, "after": "repaired"},)},
        {"units": ({"quantity": 1, "after": "restock", "before": "restock"},)},
    ],
)
def test_an_event_that_says_nothing_or_what_cannot_be_is_no_event(event: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"units|disposition"):
        ev.Inspection(**head(1), channel_id="web", return_ref="r1", **event)


def decide(url: str, back: int, fate: str, start: Any, said: Any) -> None:
    engine = open_engine(url)
    start.wait()
    try:
        inspect(engine, [UnitDecision(back, "A", 3, fate, 0)], "olga")  # type: ignore[arg-type]
        said.put("done")
    except ChangedMeanwhile:
        said.put("changed")
    engine.dispose()


def test_two_workers_decide_on_the_same_return_and_each_unit_ends_once(shop: Engine) -> None:
    context = multiprocessing.get_context("spawn")
    start, said = context.Barrier(2), context.Queue()
    url = shop.url.render_as_string(hide_password=False)
    workers = [context.Process(target=decide, args=(url, line_of(shop, "r1"), fate, start, said)) for fate in ("restock", "discard")]
    for worker in workers:
        worker.start()
    assert sorted(said.get(timeout=120) for _ in workers) == ["changed", "done"]
    for worker in workers:
        worker.join()
    assert kept(shop, "r1")[2]
    assert south(shop, "A") in {(5, 2), (2, 2)}
    assert verify(shop).differences == 0


def test_verify_tells_what_became_of_no_unit(shop: Engine) -> None:
    inspect(shop, [UnitDecision(line_of(shop, "r1"), "A", 1, "restock", 0)], "olga")
    inspect(shop, [UnitDecision(line_of(shop, "r2"), "B", 4, "discard", 0)], "olga")
    report = verify(shop)
    assert (report.differences, report.checked["returned_goods"]) == (0, 3)
    with shop.begin() as connection:
        connection.execute(sa.text("update return_line set fates = replace(fates, '\"restock\"', '\"discard\"') where return_ref = 'r1'"))
    assert verify(shop).rows == [{"figure": "returned_goods", "key": "A south sellable", "stored": 1, "rebuilt": 0}]


@pytest.mark.parametrize("held", ["A", "KIT"])
def test_what_is_held_is_not_put_back_for_sale_until_the_hold_is_lifted(shop: Engine, held: str) -> None:
    back = line_of(shop, "r2")
    hold_id = hold(shop, held, "it leaks", "mara")
    before = rows_of_everything(shop)
    with pytest.raises(InvalidInput, match=rf"{held} is held at inspection \(it leaks\): refurbish or discard it"):
        inspect(shop, [UnitDecision(back, "B", 1, "discard", 0), UnitDecision(back, "A", 1, "restock", 0)], "olga")
    with pytest.raises(Forbidden, match="may not set return rules"):
        lift(shop, hold_id, 1, "olga")
    assert rows_of_everything(shop) == before
    inspect(shop, [UnitDecision(back, "A", 2, "refurbish", 0)], "olga")
    with pytest.raises(InvalidInput, match="is held at inspection"):
        inspect(shop, [UnitDecision(back, "A", 2, "repaired", 1, "refurbish")], "olga")
    lift(shop, hold_id, 1, "mara")
    inspect(shop, [UnitDecision(back, "A", 2, "repaired", 1, "refurbish")], "olga")
    assert south(shop, "A") == (5, 3)
