"""Setting listings' maxima: all or none, by who may, with the version of the listing that was seen."""

import threading
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from data_access.commands.inbox import map_listing
from data_access.commands.listings import MaximumChange, set_maximum, undo
from data_access.commands.people import add_user
from data_access.engine import row_ids, writing
from data_access.errors import ChangedMeanwhile, Conflict, Forbidden, InvalidInput, Refused
from data_access.imports.order_import import import_table
from data_access.queries import buffers as queries
from data_access.queries import live_stock as live
from data_access.write.kernel import SYSTEM
from data_access.write.permissions import COMMAND_LINE
from data_access.write.unit_of_work import Unit
from tests.data_access.import_files import table, write
from tests.data_access.small_company import T0, make_company

WEB_A, WEB_B, WEB_KIT, MARKET_A = 1_000_000, 1_000_001, 1_000_002, 1_000_003


@pytest.fixture
def company(store: Engine) -> Engine:
    make_company(store)
    for name, role in (("olga", "ops"), ("vic", "viewer"), ("pia", "planner")):
        add_user(store, name, role, COMMAND_LINE)
    return store


def everything(engine: Engine) -> list[list[tuple[Any, ...]]]:
    """All that a write could have changed."""
    names = ("listing", "audit_entry", "store_version", "change_log", "stock_level", "backorder_level")
    return [sorted(table(engine, f"select * from {name}"), key=str) for name in names]


def maxima(engine: Engine) -> dict[int, tuple[int | None, int]]:
    """Maximum and version of the listings that were ever changed."""
    rows = table(engine, "select listing_id, maximum, version from listing")
    return {key: (maximum, version) for key, maximum, version in rows if version > 1}


def audit_ids(engine: Engine, listing_id: int) -> list[int]:
    """The newest first."""
    return queries.history(engine, listing_id, entity="listing_maximum")["audit_id"].to_list()


def test_maxima_are_set_changed_and_taken_away(company: Engine) -> None:
    changes = [MaximumChange(WEB_A, 5, 1), MaximumChange(MARKET_A, 0, 1), MaximumChange(WEB_B, None, 1)]
    assert set_maximum(company, changes, "olga", " scarce ") == 2  # the third had none
    assert maxima(company) == {WEB_A: (5, 2), MARKET_A: (0, 2)}
    assert live.load_catalogue(company).caps.sort("channel_id", "sku").rows()[0] == ("A", "market", 0)
    before = everything(company)
    assert set_maximum(company, [MaximumChange(WEB_A, 5, 2)], "olga", "scarce") == 0  # nothing new: no entry, no version
    assert set_maximum(company, [], "olga", "scarce") == 0
    assert everything(company) == before
    assert set_maximum(company, [MaximumChange(WEB_A, None, 2)], "olga", "plenty") == 1
    assert maxima(company) == {WEB_A: (None, 3), MARKET_A: (0, 2)}
    history = queries.history(company, WEB_A, entity="listing_maximum")
    assert history.select("actor", "action", "before", "after", "why").rows() == [
        ("olga", "set_maximum", '{"maximum": 5}', '{"maximum": null}', "plenty"),
        ("olga", "set_maximum", '{"maximum": null}', '{"maximum": 5}', "scarce"),
    ]
    logged = table(company, "select version, entity, entity_id from change_log where topic = 'catalog' order by version, entity_id")
    assert logged == [(1, "bulk", "*"), (2, "listing", "market:market-A"), (2, "listing", "web:web-A"), (3, "listing", "web:web-A")]


def test_listings_are_read_with_their_maxima(company: Engine) -> None:
    with company.begin() as connection:
        row = {"listing_id": 7, "channel_id": "web", "external_sku": "new", "first_seen_at": T0}
        connection.execute(
            sa.text(
                "insert into listing (listing_id, channel_id, external_sku, first_seen_at) "
                "values (:listing_id, :channel_id, :external_sku, :first_seen_at)"
            ),
            row,
        )
    set_maximum(company, [MaximumChange(WEB_KIT, 1_000_000, 1)], "olga", "scarce")
    rows = queries.listings(company)
    assert rows.schema == queries.LISTING_MAXIMA
    assert rows.rows() == [  # not the one that sells nothing yet
        (MARKET_A, "market", "market-A", "A", None, 1),
        (MARKET_A + 1, "market", "market-B", "B", None, 1),
        (MARKET_A + 2, "market", "market-KIT", "KIT", None, 1),
        (WEB_A, "web", "web-A", "A", None, 1),
        (WEB_B, "web", "web-B", "B", None, 1),
        (WEB_KIT, "web", "web-KIT", "KIT", 1_000_000, 2),
    ]


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        (MaximumChange(WEB_B, -1, 1), "-1 is negative: give 0 or more units, or none for no maximum."),
        (
            MaximumChange(WEB_B, 1_000_001, 1),
            "1,000,001 units is more than a maximum may be (1,000,000): give less, or none for no maximum.",
        ),
        (MaximumChange(WEB_A, 6, 1), "This listing is named twice: give it one maximum."),
    ],
)
def test_what_cannot_be_set_is_said_at_its_place_and_nothing_is_set(company: Engine, wrong: MaximumChange, sentence: str) -> None:
    before = everything(company)
    with pytest.raises(Refused) as refused:
        set_maximum(company, [MaximumChange(WEB_A, 5, 1), wrong], "olga", "scarce")  # the first is right, and not set either
    assert refused.value.problems == {1: {"maximum": sentence}}
    assert everything(company) == before


@pytest.mark.parametrize("why", ["", "  ", "x" * 501])
def test_a_reason_is_needed(company: Engine, why: str) -> None:
    before = everything(company)
    with pytest.raises(InvalidInput) as refused:
        set_maximum(company, [MaximumChange(WEB_A, 5, 1)], "olga", why)
    assert str(refused.value) == "Say why the maximum changes, in at most 500 characters."
    assert everything(company) == before


@pytest.mark.parametrize("actor", ["vic", "pia", "nobody", ""])
def test_who_may_not_changes_nothing(company: Engine, actor: str) -> None:
    set_maximum(company, [MaximumChange(WEB_A, 5, 1)], "olga", "scarce")
    (entry,) = audit_ids(company, WEB_A)
    before = everything(company)
    with pytest.raises(Forbidden, match="may not change buffers: ask someone who is ops, manager or admin"):
        set_maximum(company, [MaximumChange(WEB_A, 6, 2)], actor, "scarce")
    with pytest.raises(Forbidden):
        undo(company, entry, actor)
    assert everything(company) == before


def test_the_second_of_two_writers_learns_what_changed(company: Engine) -> None:
    set_maximum(company, [MaximumChange(WEB_A, 5, 1)], COMMAND_LINE, "scarce")
    before = everything(company)
    with pytest.raises(ChangedMeanwhile) as conflict:
        set_maximum(company, [MaximumChange(WEB_B, 4, 1), MaximumChange(WEB_A, 6, 1)], "olga", "scarce")
    assert str(conflict.value) == "command line changed the listing web:web-A meanwhile; nothing was saved."
    assert (conflict.value.now, conflict.value.version, conflict.value.by) == ({"maximum": 5}, 2, COMMAND_LINE)
    with pytest.raises(ChangedMeanwhile) as unknown:
        set_maximum(company, [MaximumChange(WEB_B, 4, 1), MaximumChange(7, 6, 1)], "olga", "scarce")
    assert str(unknown.value) == "someone removed the listing 7 meanwhile; nothing was saved."
    assert (unknown.value.now, unknown.value.version) == ({}, None)
    assert everything(company) == before
    set_maximum(company, [MaximumChange(WEB_A, 6, conflict.value.version or 0)], "olga", "scarce")  # knowingly
    assert maxima(company) == {WEB_A: (6, 3)}


def test_who_mapped_the_listing_meanwhile_is_named_and_a_file_is_someone(company: Engine, tmp_path: Path) -> None:
    set_maximum(company, [MaximumChange(WEB_A, 5, 1)], "olga", "scarce")
    map_listing(company, "web", "web-A", "B", COMMAND_LINE, version=2)
    with pytest.raises(ChangedMeanwhile) as mapped:
        set_maximum(company, [MaximumChange(WEB_A, 6, 2)], "olga", "scarce")
    assert (mapped.value.now, mapped.value.version, mapped.value.by) == ({"maximum": 5}, 3, COMMAND_LINE)
    set_maximum(company, [MaximumChange(WEB_A, 6, 3)], "olga", "scarce")
    import_table(company, "listings", write(tmp_path / "listings.csv", "channel_id,external_sku,sku,maximum", "web,web-A,B,9"))
    before = everything(company)
    with pytest.raises(ChangedMeanwhile) as imported:
        set_maximum(company, [MaximumChange(WEB_A, 7, 4)], "olga", "scarce")
    assert str(imported.value) == "someone changed the listing web:web-A meanwhile; nothing was saved."
    assert (imported.value.now, imported.value.version) == ({"maximum": 9}, 5)
    with pytest.raises(Conflict):
        undo(company, audit_ids(company, WEB_A)[0], "olga")
    assert everything(company) == before


def test_the_last_change_can_be_undone(company: Engine) -> None:
    set_maximum(company, [MaximumChange(WEB_A, 5, 1), MaximumChange(WEB_B, 5, 1)], "olga", "scarce")
    set_maximum(company, [MaximumChange(WEB_A, 8, 2)], "olga", "less so")
    changed, first = audit_ids(company, WEB_A)
    before = everything(company)
    with pytest.raises(Conflict) as since:
        undo(company, first, "olga")
    assert str(since.value) == "The listing was changed since: look at its history, and change it by hand. Nothing was undone."
    with pytest.raises(InvalidInput, match="There is no change 0 of a listing maximum: look at the history again"):
        undo(company, 0, "olga")
    assert everything(company) == before
    assert undo(company, changed, "olga") == WEB_A
    assert maxima(company) == {WEB_A: (5, 4), WEB_B: (5, 2)}
    history = queries.history(company, WEB_A, entity="listing_maximum").row(0, named=True)
    entry = [history[name] for name in ("actor", "action", "before", "after", "why")]
    assert entry == ["olga", "undo", '{"maximum": 8}', '{"maximum": 5}', f"undo of change {changed}"]
    assert undo(company, audit_ids(company, WEB_B)[0], "olga") == WEB_B
    assert maxima(company) == {WEB_A: (5, 4), WEB_B: (None, 3)}
    logged = table(company, "select entity_id from change_log where topic = 'catalog' and entity = 'listing' order by version desc")
    assert logged[:2] == [("web:web-B",), ("web:web-A",)]


def test_mapping_a_listing_does_not_keep_its_maximum_from_being_undone(company: Engine) -> None:
    set_maximum(company, [MaximumChange(WEB_A, 5, 1)], "olga", "scarce")
    map_listing(company, "web", "web-A", "B", COMMAND_LINE, version=2)
    undo(company, audit_ids(company, WEB_A)[0], "olga")
    assert table(company, f"select sku, maximum, version from listing where listing_id = {WEB_A}") == [("B", None, 4)]


def test_of_eight_at_once_one_sets_it(company: Engine) -> None:
    outcomes: list[str] = []

    def work(maximum: int) -> None:
        changes = [MaximumChange(WEB_A, maximum, 1), MaximumChange(WEB_B, maximum, 1)]
        try:
            set_maximum(company, changes if maximum % 2 else changes[::-1], "olga", "scarce")
            outcomes.append("set")
        except ChangedMeanwhile:
            outcomes.append("conflict")

    threads = [threading.Thread(target=work, args=(maximum,)) for maximum in range(1, 9)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["conflict"] * 7 + ["set"]
    assert len(audit_ids(company, WEB_A)) == len(audit_ids(company, WEB_B)) == 1
    assert maxima(company)[WEB_A] == maxima(company)[WEB_B]


def test_a_file_that_is_being_taken_in_is_waited_for(company: Engine) -> None:
    """It would write back the maximum that it has read: who sets one meanwhile gets a conflict, and neither is lost."""
    conflicts: list[ChangedMeanwhile] = []

    def work() -> None:
        try:
            set_maximum(company, [MaximumChange(WEB_A, 5, 1)], "olga", "scarce")
        except ChangedMeanwhile as changed:
            conflicts.append(changed)

    thread = threading.Thread(target=work)
    ids = row_ids(company)
    ids.reserve(10)
    with writing(company) as connection:
        Unit(connection, ids, SYSTEM).lock_parents(None)
        thread.start()
        thread.join(0.5)
        assert thread.is_alive()
        connection.execute(sa.text(f"update listing set maximum = 9, version = 2 where listing_id = {WEB_A}"))
    thread.join()
    assert [(changed.now, changed.version) for changed in conflicts] == [({"maximum": 9}, 2)]
    assert maxima(company) == {WEB_A: (9, 2)}
