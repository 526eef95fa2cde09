"""Saving reservations: whole or not at all, by who may, with the version that was seen; and that they withhold."""

import json
import threading
from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from data_access.commands.people import add_user
from data_access.commands.reservations import remove, save, undo
from data_access.domain.reservation_rules import ReservationDraft
from data_access.engine import now_us
from data_access.errors import ChangedMeanwhile, Conflict, Forbidden, InvalidInput, OnHandError, Refused
from data_access.events import models as ev
from data_access.events.ingest import ingest
from data_access.queries import buffers as queries
from data_access.queries import live_stock as live
from data_access.queries.recent import DEMAND
from data_access.write.permissions import COMMAND_LINE
from tests.conftest import opened
from tests.data_access.import_files import table
from tests.data_access.small_company import DAY, T0, make_company

TAKEN = "There is a reservation for exactly this already: change that one."


@pytest.fixture
def company(store: Engine) -> Engine:
    make_company(store)
    for name, role in (("olga", "ops"), ("vic", "viewer"), ("pia", "planner")):
        add_user(store, name, role, COMMAND_LINE)
    return store


def draft(units: int | None = 5, **more: Any) -> ReservationDraft:
    return ReservationDraft(**{"sku": "A", "units": units, "is_all": units is None, "channel_ids": ("web",), "reason": "launch", **more})


def everything(engine: Engine) -> list[list[tuple[Any, ...]]]:
    """All that a write could have changed."""
    names = ("channel_reservation", "reservation_channel", "reservation_location", "audit_entry", "store_version", "change_log")
    return [sorted(table(engine, f"select * from {name}"), key=str) for name in (*names, "stock_level", "backorder_level")]


def rows(engine: Engine) -> list[tuple[Any, ...]]:
    reservations = queries.reservation_rows(engine)
    assert reservations.schema == queries.RESERVATION_ROWS
    return reservations.rows()


def audit_ids(engine: Engine, reservation_id: int) -> list[int]:
    """The newest first."""
    return queries.history(engine, reservation_id, entity="reservation")["audit_id"].to_list()


def at_once(count: int, work: Callable[[], object]) -> list[str]:
    """What became of the same work in several threads at once: "done" or the name of the error."""
    outcomes: list[str] = []

    def run() -> None:
        try:
            work()
            outcomes.append("done")
        except OnHandError as error:
            outcomes.append(type(error).__name__)

    threads = [threading.Thread(target=run) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sorted(outcomes)


def test_a_reservation_is_saved_changed_and_removed(company: Engine) -> None:
    end = now_us() + DAY
    key = save(company, draft(channel_ids=("web", "market"), location_ids=("south", "north"), ends_at=end), "olga")
    assert rows(company) == [(key, "A", 5, ["market", "web"], ["north", "south"], "launch", end, 1)]
    assert save(company, draft(None, sku="B", location_ids=("north",), reason=" press "), "olga", key, 1) == key
    assert rows(company) == [(key, "B", None, ["web"], ["north"], "press", None, 2)]
    before = everything(company)
    assert save(company, draft(None, sku="B", location_ids=("north",), reason="press"), "olga", key, 2) == key
    assert everything(company) == before  # nothing new: no entry, no version
    remove(company, key, 2, " sold out ", "olga")
    assert rows(company) == []
    assert table(company, "select * from reservation_channel") == table(company, "select * from reservation_location") == []
    history = queries.history(company, key, entity="reservation")
    assert history.select("actor", "action", "why").rows() == [
        ("olga", "remove_reservation", "sold out"),
        ("olga", "change_reservation", "press"),
        ("olga", "add_reservation", "launch"),
    ]
    states = [[None if text is None else json.loads(text) for text in history[name]] for name in ("before", "after")]
    first = {"sku": "A", "units": 5, "channel_ids": ["market", "web"], "location_ids": ["north", "south"], "reason": "launch"}
    second = {"sku": "B", "units": None, "channel_ids": ["web"], "location_ids": ["north"], "reason": "press", "ends_at": None}
    assert states == [[second, {**first, "ends_at": end}, None], [None, second, {**first, "ends_at": end}]]
    assert table(company, "select version from store_version where topic = 'buffers'") == [(3,)]
    logged = table(company, "select version, entity, entity_id from change_log where topic = 'buffers' order by version")
    assert logged == [(version, "reservation", str(key)) for version in (1, 2, 3)]


@pytest.mark.parametrize(
    ("wrong", "field", "sentence"),
    [
        (draft(0), "units", "0 is too few: give 1 or more units."),
        (draft(is_all=True), "units", "Give a number of units or reserve all of them, not both."),
        (draft(channel_ids=()), "channel_ids", "Choose the channels that the units are kept for."),
        (draft(ends_at=1), "ends_at", "The end has passed already: choose a later day, or none."),
        (draft(sku="NONE"), "sku", "There is no SKU “NONE” in this store: choose one of those listed."),
        (draft(sku="KIT"), "sku", "“KIT” is a kit and lies nowhere itself: reserve its components."),
        (draft(channel_ids=("web", "moon")), "channel_ids", "There is no channel “moon” in this store: choose one of those listed."),
        (draft(location_ids=("sea", "north")), "location_ids", "There is no location “sea” in this store: choose one of those listed."),
        (
            draft(channel_ids=("market",), location_ids=("north",)),
            "location_ids",
            "None of these locations serves the channels it is for: choose one that does, or none.",
        ),
    ],
)
def test_what_is_wrong_is_said_at_its_field_and_nothing_is_saved(
    company: Engine, wrong: ReservationDraft, field: str, sentence: str
) -> None:
    key = save(company, draft(location_ids=("south",)), "olga")
    before = everything(company)
    for reservation_id, version in ((None, None), (key, 1)):
        with pytest.raises(Refused) as refused:
            save(company, wrong, "olga", reservation_id, version)
        assert refused.value.problems == {0: {field: sentence}}
    assert everything(company) == before


def test_all_that_is_wrong_is_said_at_once(company: Engine) -> None:
    before = everything(company)
    with pytest.raises(Refused) as refused:
        save(company, draft(0, sku="KIT", channel_ids=("moon",), location_ids=("sea",), reason=""), "olga")
    assert sorted(refused.value.problems[0]) == ["channel_ids", "location_ids", "reason", "sku", "units"]
    assert everything(company) == before


def test_a_channel_that_no_location_serves_can_be_reserved_for(company: Engine) -> None:
    with company.begin() as connection:
        connection.execute(sa.text("delete from channel_location where channel_id = 'market'"))
    key = save(company, draft(channel_ids=("market",)), "olga")
    some = save(company, draft(channel_ids=("market", "web"), location_ids=("north",)), "olga")  # one of them is served from there
    assert [row[0] for row in rows(company)] == [key, some]


@pytest.mark.parametrize("actor", ["vic", "pia", "nobody", ""])
def test_who_may_not_changes_nothing(company: Engine, actor: str) -> None:
    key = save(company, draft(), "olga")
    (entry,) = audit_ids(company, key)
    before = everything(company)
    with pytest.raises(Forbidden, match="may not change buffers: ask someone who is ops, manager or admin"):
        save(company, draft(sku="B"), actor)
    with pytest.raises(Forbidden):
        remove(company, key, 1, "because", actor)
    with pytest.raises(Forbidden):
        undo(company, entry, actor)
    assert everything(company) == before


def test_a_scope_has_one_reservation_that_has_not_ended(company: Engine) -> None:
    both = ("web", "market")
    key = save(company, draft(channel_ids=both, ends_at=now_us() + DAY), "olga")
    others = [
        save(company, draft(channel_ids=both, sku="B"), "olga"),
        save(company, draft(), "olga"),
        save(company, draft(channel_ids=both, location_ids=("south",)), "olga"),
    ]
    before = everything(company)
    for again in (draft(7, channel_ids=("market", "web", "web")), draft(None, channel_ids=both, reason="other")):
        for reservation_id, version in ((None, None), (others[1], 1)):
            with pytest.raises(Refused) as refused:
                save(company, again, "olga", reservation_id, version)
            assert refused.value.problems == {0: {"sku": TAKEN}}
    assert everything(company) == before
    save(company, draft(7, channel_ids=both), "olga", key, 1)  # it is not in its own way
    with company.begin() as connection:
        connection.execute(sa.text("update channel_reservation set ends_at = 1 where id = :key"), {"key": key})
    after = save(company, draft(8, channel_ids=both), "olga")
    assert [row[:3] for row in rows(company) if row[0] in (key, after)] == [(key, "A", 7), (after, "A", 8)]


def test_the_second_of_two_writers_learns_what_changed(company: Engine) -> None:
    key = save(company, draft(), "olga")
    save(company, draft(8, location_ids=("north",)), COMMAND_LINE, key, 1)
    before = everything(company)
    with pytest.raises(ChangedMeanwhile) as conflict:
        save(company, draft(6), "olga", key, 1)
    assert str(conflict.value) == "command line changed the reservation meanwhile; nothing was saved."
    now = {"sku": "A", "units": 8, "channel_ids": ["web"], "location_ids": ["north"], "reason": "launch", "ends_at": None}
    assert (conflict.value.now, conflict.value.version, conflict.value.by) == (now, 2, COMMAND_LINE)
    with pytest.raises(ChangedMeanwhile):
        remove(company, key, 1, "because", "olga")
    with pytest.raises(ChangedMeanwhile):
        save(company, draft(6), "olga", key)  # without a version
    assert everything(company) == before
    save(company, draft(6), "olga", key, conflict.value.version)  # knowingly
    remove(company, key, 3, "because", "olga")
    before = everything(company)
    with pytest.raises(ChangedMeanwhile) as gone:
        save(company, draft(6), COMMAND_LINE, key, 3)
    assert str(gone.value) == "olga removed the reservation meanwhile; nothing was saved."
    assert (gone.value.now, gone.value.version, gone.value.by) == ({}, None, "olga")
    with pytest.raises(ChangedMeanwhile, match="someone removed the reservation meanwhile"):
        remove(company, 0, 1, "because", "olga")
    for why in (" ", "x" * 501):
        with pytest.raises(InvalidInput, match="Say why the reservation goes, in at most 500 characters"):
            remove(company, key, 3, why, "olga")
    assert everything(company) == before


def test_the_last_change_can_be_undone(company: Engine) -> None:
    key = save(company, draft(channel_ids=("web", "market"), location_ids=("south",)), "olga")
    save(company, draft(None), "olga", key, 1)
    changed, added = audit_ids(company, key)
    before = everything(company)
    with pytest.raises(Conflict) as since:
        undo(company, added, "olga")
    assert str(since.value) == "The reservation was changed since: look at its history, and change it by hand. Nothing was undone."
    with pytest.raises(InvalidInput, match="There is no change 0 of a reservation: look at the history again"):
        undo(company, 0, "olga")
    assert everything(company) == before
    assert undo(company, changed, "olga") == key
    assert rows(company) == [(key, "A", 5, ["market", "web"], ["south"], "launch", None, 3)]
    remove(company, key, 3, "because", "olga")
    undo(company, audit_ids(company, key)[0], "olga")
    ((*values, version),) = rows(company)
    assert values == [key, "A", 5, ["market", "web"], ["south"], "launch", None]
    assert version > 3
    undo(company, audit_ids(company, key)[0], "olga")  # taking back the undoing
    assert rows(company) == []
    history = queries.history(company, key, entity="reservation")
    assert history["action"][0] == "undo"
    assert history["why"][0] == f"undo of change {history['audit_id'][1]}"
    other = save(company, draft(sku="B"), "olga")
    undo(company, audit_ids(company, other)[0], "olga")
    assert rows(company) == []
    assert table(company, "select * from reservation_channel") == table(company, "select * from reservation_location") == []


def test_what_cannot_be_saved_any_more_is_not_brought_back(company: Engine) -> None:
    key = save(company, draft(), "olga")
    remove(company, key, 1, "because", "olga")
    save(company, draft(9), "olga")
    before = everything(company)
    with pytest.raises(Refused) as refused:
        undo(company, audit_ids(company, key)[0], "olga")
    assert refused.value.problems == {0: {"sku": TAKEN}}
    assert everything(company) == before


def test_the_last_change_is_the_last_in_time_whichever_process_wrote_it(company: Engine, store_url: str) -> None:
    """Processes take row ids in blocks of their own: the second change here has the higher id, the third a lower one again."""
    key = save(company, draft(), "olga")
    with opened(store_url) as other:
        save(other, draft(6), COMMAND_LINE, key, 1)
    save(company, draft(7), "olga", key, 2)
    last, second, first = audit_ids(company, key)
    assert first < last < second
    with pytest.raises(ChangedMeanwhile, match="olga changed the reservation meanwhile"):
        save(company, draft(8), COMMAND_LINE, key, 2)
    with pytest.raises(Conflict):
        undo(company, second, "olga")
    undo(company, last, "olga")
    assert [row[2] for row in rows(company)] == [6]


def test_two_at_once_make_one_reservation(company: Engine) -> None:
    """Of eight people who reserve the same at once, one does; the others are refused."""
    assert at_once(8, lambda: save(company, draft(channel_ids=("web", "market")), "olga")) == ["Refused"] * 7 + ["done"]
    ((key, *_),) = rows(company)
    assert table(company, "select count(*) from audit_entry where entity = 'reservation'") == [(1,)]
    assert at_once(4, lambda: save(company, draft(9), "olga", key, 1)) == ["ChangedMeanwhile"] * 3 + ["done"]
    remove(company, key, 2, "because", "olga")
    removed = audit_ids(company, key)[0]
    assert at_once(4, lambda: undo(company, removed, "olga")) == ["Conflict"] * 3 + ["done"]
    assert [(row[0], row[2]) for row in rows(company)] == [(key, 9)]


def test_reservations_are_read_by_sku_and_as_the_figures_take_them(company: Engine) -> None:
    second = save(company, draft(None, sku="B", location_ids=("north",)), "olga")
    first = save(company, draft(channel_ids=("web", "market")), "olga")
    assert [row[0] for row in rows(company)] == [first, second]
    expected = [(first, "A", 5, ["market", "web"], [], None), (second, "B", None, ["web"], ["north"], None)]
    assert queries.reservations(company).rows() == expected
    assert live.load_withheld(company).reservations.rows() == expected


def test_what_is_saved_is_withheld_until_it_ends_or_goes(company: Engine) -> None:
    """10 `A` at north, 4 at south: web sells both, market those at south."""
    for number, (place, units) in enumerate((("north", 10), ("south", 4))):
        head = {"source": "test", "event_id": str(number), "occurred_at": T0, "received_at": T0}
        lines = (ev.CountedStateUnits(sku="A", quantity=units),)
        ingest(company, [ev.Opening(**head, location_id=place, lines=lines)])
    now = now_us()

    def sellable(at: int) -> list[tuple[str, int, int]]:
        figured = live.load(company, live.load_catalogue(company), live.load_withheld(company), DEMAND.to_frame(), at)
        own = figured.availability.filter(figured.availability["sku"] == "A").sort("channel_id")
        return own.select("channel_id", "reserved_elsewhere", "available_to_sell").rows()

    free = [("market", 0, 4), ("web", 0, 14)]
    assert sellable(now) == free
    key = save(company, draft(3, location_ids=("south",), ends_at=now + DAY), "olga")
    assert sellable(now) == [("market", 3, 1), ("web", 0, 14)]
    assert sellable(now + DAY) == free
    save(company, draft(None, channel_ids=("market",), ends_at=now + DAY), "olga", key, 1)
    assert sellable(now) == [("market", 0, 4), ("web", 4, 10)]
    remove(company, key, 2, "over", "olga")
    assert sellable(now) == free
