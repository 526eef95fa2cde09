"""Buffer rules and reservations as the page shows them, reckoned by hand on the small company."""

from collections.abc import Mapping
from typing import Any

import polars as pl
import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from data_access.commands import reservations
from data_access.commands.buffers import Change, save
from data_access.commands.listings import MaximumChange, set_maximum
from data_access.domain.availability import caps
from data_access.domain.buffer_rules import RuleDraft
from data_access.domain.buffers import effect
from data_access.domain.reservation_rules import ReservationDraft
from data_access.engine import now_us
from data_access.events import models as ev
from data_access.events.ingest import ingest
from data_access.queries import buffers as queries
from data_access.queries import live_stock as live
from data_access.queries.recent import DEMAND
from data_access.queries.withheld import BY_CHANNEL, RESERVATION_TABLE, RULE_TABLE, by_channel, reservation_table, rule_table
from data_access.write.permissions import COMMAND_LINE
from tests.data_access.queries.busy_company import sale
from tests.data_access.small_company import DAY, T0, make_company


@pytest.fixture
def company(store: Engine) -> Engine:
    """10 `A` and 3 `B` at north, 4 `A` at south."""
    make_company(store)
    for number, (place, lines) in enumerate({"north": {"A": 10, "B": 3}, "south": {"A": 4}}.items()):
        head = {"source": "test", "event_id": str(number), "occurred_at": T0, "received_at": T0}
        counted = tuple(ev.CountedStateUnits(sku=sku, quantity=units) for sku, units in lines.items())
        ingest(store, [ev.Opening(**head, location_id=place, lines=counted)])
    return store


def figured(engine: Engine, now: int) -> live.Live:
    return live.load(engine, live.load_catalogue(engine), live.load_withheld(engine), DEMAND.to_frame(), now)


def reserve(engine: Engine, sku: str, units: int | None, channel_id: str, *location_ids: str, **more: Any) -> int:
    draft = ReservationDraft(sku, units, units is None, (channel_id,), location_ids, **{"reason": "launch", **more})
    return reservations.save(engine, draft, COMMAND_LINE)


def outcomes(engine: Engine, now: int) -> dict[int, tuple[str, int, int]]:
    """State, kept and withheld of each reservation."""
    rows = reservation_table(figured(engine, now), queries.reservation_rows(engine), now)
    assert dict(rows.schema) == dict(RESERVATION_TABLE)
    return {row["reservation_id"]: (row["state"], row["kept"], row["withheld"]) for row in rows.iter_rows(named=True)}


def test_rules_with_what_they_decide_and_withhold(company: Engine) -> None:
    now = now_us()
    drafts = [
        RuleDraft("channel", channel_id="web", amount=2.0, reason="all of it"),
        RuleDraft("channel_sku", channel_id="web", sku="B", amount=7.0, reason="more than there is"),
        RuleDraft("channel_sku", channel_id="market", sku="A", amount=1.0, reason="soon over", ends_at=now + 3 * DAY),
        RuleDraft("location", sku="A", location_id="south", amount=3.0, reason="display"),
        RuleDraft("category", category="baskets", amount=0.0, reason="nothing"),
    ]
    save(company, [Change(draft) for draft in drafts], COMMAND_LINE)
    rows = rule_table(figured(company, now), live.load_withheld(company).rules, now)
    assert dict(rows.schema) == dict(RULE_TABLE)
    by_reason = {row["reason"]: (row["state"], row["decides"], row["withheld"], row["zeros"]) for row in rows.iter_rows(named=True)}
    # web sells A (10 + 1 left), B (3) and KIT; market sells A from south alone, where 1 is left of 4
    assert by_reason["all of it"][:3] == ("active", 1, 2)
    assert by_reason["more than there is"] == ("active", 1, 3, 1)
    assert by_reason["soon over"] == ("ending", 1, 1, 1)
    assert by_reason["display"] == ("active", 1, 3, 0)
    assert by_reason["nothing"][0] == "without effect"
    later = now + 4 * DAY
    ended = rule_table(figured(company, later), live.load_withheld(company).rules, later)
    assert {row["reason"]: row["state"] for row in ended.iter_rows(named=True)}["soon over"] == "ended"


def test_the_effect_of_a_change_by_channel(company: Engine) -> None:
    now = now_us()
    save(company, [Change(RuleDraft("channel_sku", channel_id="market", sku="A", amount=4.0, reason="all"))], COMMAND_LINE)
    before = figured(company, now)
    rules = live.load_withheld(company).rules
    after = live.previewed(before, now, rules.clear())
    changed = by_channel(effect(before.availability, after))
    assert dict(changed.schema) == dict(BY_CHANNEL)
    assert changed.rows() == [("market", 1, 0, 4, 0, 1)]
    assert live.previewed(before, now, rules).equals(before.availability)


def test_a_location_buffer_is_previewed_with_its_kits(company: Engine) -> None:
    now = now_us()
    before = figured(company, now)
    save(company, [Change(RuleDraft("location", sku="B", location_id="north", amount=2.0, reason="display"))], COMMAND_LINE)
    after = live.previewed(before, now, live.load_withheld(company).rules)
    assert after.equals(figured(company, now).availability)
    changed = effect(before.availability, after).rows()
    assert changed == [("B", "web", 3, 1), ("KIT", "web", 1, 0)]


def test_reservations_with_what_they_keep_and_withhold(company: Engine) -> None:
    now = now_us()
    some = reserve(company, "A", 5, "web")
    south = reserve(company, "A", None, "market", "south", ends_at=now + 3 * DAY)
    nothing = reserve(company, "B", None, "market")
    assert outcomes(company, now) == {
        some: ("active", 5, 4),  # of 14; market reaches only the 4 at south
        south: ("ending", 4, 4),
        nothing: ("without effect", 0, 0),  # no B lies where market is served
    }
    ingest(company, [sale(50, "web", "A", 3, 1)])
    assert outcomes(company, now)[some] == ("active", 2, 2)  # 3 of the 5 are allocated to its own order
    ingest(company, [sale(51, "web", "A", 2, 2)])
    assert outcomes(company, now)[some] == ("without effect", 0, 0)
    assert outcomes(company, now + 4 * DAY)[south] == ("ended", 0, 0)


def test_reservations_of_one_sku_share_what_a_channel_has_less(company: Engine) -> None:
    """Together they ask for 6 of the 4 that market has: the lower id is served first, and the rest is the other's."""
    now = now_us()
    first, second = reserve(company, "A", 3, "web", "south"), reserve(company, "A", 3, "web")
    assert outcomes(company, now) == {first: ("active", 3, 3), second: ("active", 3, 1)}
    reserved = figured(company, now).availability.filter(pl.col("reserved_elsewhere") > 0)
    assert reserved.select("sku", "channel_id", "reserved_elsewhere", "available_to_sell").rows() == [("A", "market", 4, 0)]
    third = reserve(company, "A", 2, "market")
    assert outcomes(company, now)[third] == ("active", 2, 2)  # from web, of which nobody else takes


def test_who_does_not_sell_the_sku_has_nothing_to_lose(company: Engine) -> None:
    with company.begin() as connection:
        connection.execute(sa.text("delete from listing where channel_id = 'market' and sku = 'A'"))
    key = reserve(company, "A", 5, "web")
    assert outcomes(company, now_us()) == {key: ("without effect", 5, 0)}


def test_reservations_are_previewed_as_they_are_after_saving(company: Engine) -> None:
    """Added, changed, ended and removed, with the kit of it."""
    now = now_us()
    empty = queries.reservations(company)

    def saved(before: live.Live, expected: list[tuple[str, str, int, int]]) -> live.Live:
        after = figured(company, now)
        previewed = live.previewed(before, now, reservations=queries.reservations(company))
        assert previewed.equals(after.availability)
        assert effect(before.availability, previewed).rows() == expected
        return after

    state = saved(figured(company, now), [])
    key = reserve(company, "B", 2, "market", "north", "south")
    state = saved(state, [("B", "web", 3, 1), ("KIT", "web", 1, 0)])
    wider = ReservationDraft("A", None, True, ("web",), (), "all of it", now + DAY)
    reservations.save(company, wider, COMMAND_LINE, key, 1)
    state = saved(state, [("A", "market", 4, 0), ("B", "web", 1, 3), ("KIT", "web", 0, 1)])
    ended = live.previewed(state, now + 2 * DAY, reservations=queries.reservations(company))
    assert ended.equals(figured(company, now + 2 * DAY).availability)
    assert live.previewed(state, now).equals(state.availability)
    reservations.remove(company, key, 2, "over", COMMAND_LINE)
    state = saved(state, [("A", "market", 0, 4)])
    assert live.previewed(state, now, reservations=empty).equals(state.availability)


def test_maxima_are_previewed_as_they_are_after_saving(company: Engine) -> None:
    """Set, lowered to nothing and cleared, with the kit; a second listing without a maximum lifts the cap."""
    now = now_us()
    rule = RuleDraft("channel_sku", channel_id="web", sku="A", basis="percent", amount=10.0, reason="always")
    save(company, [Change(rule)], COMMAND_LINE)

    def saved(maxima: Mapping[str, int | None], expected: list[tuple[str, str, int, int]]) -> None:
        before, listed = figured(company, now), queries.listings(company)
        wanted = pl.col("external_sku").replace_strict(maxima, default=pl.col("maximum"), return_dtype=pl.Int64)
        previewed = live.previewed(before, now, caps=caps(listed.with_columns(maximum=wanted)))
        rows = listed.filter(pl.col("external_sku").is_in(list(maxima))).iter_rows(named=True)
        changes = [MaximumChange(row["listing_id"], maxima[row["external_sku"]], row["version"]) for row in rows]
        assert set_maximum(company, changes, COMMAND_LINE, "scarce") == len(maxima)
        assert previewed.equals(figured(company, now).availability)
        assert effect(before.availability, previewed).rows() == expected

    saved({"web-A": 3, "web-KIT": 0, "market-A": 5}, [("A", "web", 12, 3), ("KIT", "web", 1, 0)])
    saved({"web-A": 0, "market-A": 1}, [("A", "market", 4, 1), ("A", "web", 3, 0)])
    saved({"web-A": None, "web-KIT": None}, [("A", "web", 0, 12), ("KIT", "web", 0, 1)])
    with company.begin() as connection:
        connection.execute(sa.text("update listing set sku = 'A' where external_sku = 'market-B'"))
    saved({"market-B": 2}, [("A", "market", 4, 2)])
