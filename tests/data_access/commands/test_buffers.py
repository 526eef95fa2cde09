"""Saving buffer rules: whole or not at all, by who may, with the version that was seen."""

import threading
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy.engine import Engine

from data_access.commands.buffers import MOST_AT_ONCE, Change, remove, save, undo
from data_access.commands.people import add_user
from data_access.domain.buffer_rules import RuleDraft, amount_in_words, problems
from data_access.engine import now_us
from data_access.errors import ChangedMeanwhile, Conflict, Forbidden, InvalidInput, Refused
from data_access.queries import buffers as queries
from data_access.write.permissions import COMMAND_LINE
from tests.data_access.import_files import table
from tests.data_access.small_company import make_company


@pytest.fixture
def company(store: Engine) -> Engine:
    make_company(store)
    for name, role in (("olga", "ops"), ("vic", "viewer"), ("pia", "planner")):
        add_user(store, name, role, COMMAND_LINE)
    return store


def draft(amount: float | None = 5, level: str = "channel_sku", **more: Any) -> RuleDraft:
    scope = {"channel_sku": {"channel_id": "web", "sku": "A"}, "channel": {"channel_id": "web"}, "sku": {"sku": "A"}}.get(level, {})
    return RuleDraft(level, **{**scope, "amount": amount, "reason": "returns", **more})


def everything(engine: Engine) -> list[list[tuple[Any, ...]]]:
    """All that a write could have changed."""
    names = ("buffer_rule", "audit_entry", "store_version", "change_log", "stock_level", "backorder_level")
    return [sorted(table(engine, f"select * from {name}"), key=str) for name in names]


def rules(engine: Engine) -> list[tuple[Any, ...]]:
    return queries.rules(engine).select("rule_id", "level", "channel_id", "sku", "basis", "amount", "reason", "version").rows()


def test_a_rule_is_saved_changed_and_removed(company: Engine) -> None:
    (rule_id,) = save(company, [Change(draft())], "olga")
    assert rules(company) == [(rule_id, "channel_sku", "web", "A", "units", 5.0, "returns", 1)]
    save(company, [Change(draft(12.5, basis="percent", reason=" damage "), rule_id, 1)], "olga")
    assert rules(company) == [(rule_id, "channel_sku", "web", "A", "percent", 12.5, "damage", 2)]
    save(company, [Change(draft(12.5, basis="percent", reason="damage"), rule_id, 2)], "olga")  # nothing new: no entry, no version
    remove(company, rule_id, 2, "no longer needed", "olga")
    assert rules(company) == []
    history = queries.history(company, rule_id)
    assert history.select("actor", "action", "why").rows() == [
        ("olga", "remove_rule", "no longer needed"),
        ("olga", "change_rule", "damage"),
        ("olga", "add_rule", "returns"),
    ]
    assert history["before"].null_count() == history["after"].null_count() == 1
    assert history["before"][0] == history["after"][1]
    assert table(company, "select version from store_version where topic = 'buffers'") == [(3,)]
    logged = table(company, "select version, entity, entity_id from change_log where topic = 'buffers' order by version")
    assert logged == [(version, "rule", str(rule_id)) for version in (1, 2, 3)]


@pytest.mark.parametrize(
    ("wrong", "field", "sentence"),
    [
        (draft(-1), "amount", "-1 is negative: give 0 or more units."),
        (draft(None), "amount", "Give a number of units."),
        (draft(float("nan")), "amount", "Give a number of units."),
        (draft(1.5), "amount", "1.5 is not a whole number of units."),
        (draft(2_000_000), "amount", "2,000,000 units is more than a rule may withhold (1,000,000): give less."),
        (draft(100.01, basis="percent"), "amount", "100.01 percent is more than a rule may withhold (100): give less."),
        (draft(0.125, basis="percent"), "amount", "0.125 has more than two decimals: round it."),
        (draft(366, basis="days"), "amount", "366 days is more than a rule may withhold (365): give less."),
        (draft(basis="pallets"), "basis", "“pallets” cannot be taken here: give units, percent or days."),
        (draft(reason="  "), "reason", "Say why, in at most 500 characters."),
        (draft(reason="x" * 501), "reason", "Say why, in at most 500 characters."),
        (draft(ends_at=1), "ends_at", "The end has passed already: choose a later day, or none."),
        (draft(sku="NONE"), "sku", "There is no SKU “NONE” in this store: choose one of those listed."),
        (draft(channel_id="moon"), "channel_id", "There is no channel “moon” in this store: choose one of those listed."),
        (draft(level="category", category="nuts"), "category", "There is no category “nuts” in this store: choose one of those listed."),
        (draft(channel_id=None), "channel_id", "Choose the channel that the rule is for."),
        (draft(level="sku", channel_id="web"), "channel_id", "A rule of this scope names no channel: leave it empty."),
        (draft(level="galaxy"), "level", "“galaxy” is no scope of a rule: choose one of "),
        (
            draft(level="location", sku="KIT", location_id="north"),
            "sku",
            "“KIT” is a kit and lies nowhere itself: give each of its components a rule.",
        ),
        (draft(level="location", sku="A", location_id="north", basis="days"), "basis", "“days” cannot be taken here: give units."),
    ],
)
def test_what_is_wrong_is_said_at_its_field_and_nothing_is_saved(company: Engine, wrong: RuleDraft, field: str, sentence: str) -> None:
    before = everything(company)
    with pytest.raises(Refused) as refused:
        save(company, [Change(draft(level="channel")), Change(wrong)], "olga")  # the first is right, and not saved either
    assert list(refused.value.problems) == [1]
    assert list(refused.value.problems[1]) == [field]
    assert refused.value.problems[1][field].startswith(sentence)
    assert everything(company) == before


@pytest.mark.parametrize("actor", ["vic", "pia", "nobody", ""])
def test_who_may_not_changes_nothing(company: Engine, actor: str) -> None:
    (rule_id,) = save(company, [Change(draft())], "olga")
    entry = int(queries.history(company, rule_id)["audit_id"][0])
    before = everything(company)
    with pytest.raises(Forbidden, match="may not change buffers: ask someone who is ops, manager or admin"):
        save(company, [Change(draft(level="sku"))], actor)
    with pytest.raises(Forbidden):
        remove(company, rule_id, 1, "because", actor)
    with pytest.raises(Forbidden):
        undo(company, entry, actor)
    assert everything(company) == before


def test_a_scope_has_one_rule(company: Engine) -> None:
    save(company, [Change(draft())], "olga")
    before = everything(company)
    for changes, place in (([Change(draft(7))], 0), ([Change(draft(level="sku")), Change(draft(9, level="sku"))], 1)):
        with pytest.raises(Refused) as refused:
            save(company, changes, "olga")
        assert refused.value.problems == {
            place: {"level": "There is a rule for exactly this already: change that one, for a scope has one rule."}
        }
    assert everything(company) == before


def test_the_second_of_two_writers_learns_what_changed(company: Engine) -> None:
    (rule_id,) = save(company, [Change(draft())], "olga")
    save(company, [Change(draft(8), rule_id, 1)], COMMAND_LINE)
    before = everything(company)
    with pytest.raises(ChangedMeanwhile) as conflict:
        save(company, [Change(draft(6), rule_id, 1)], "olga")
    assert str(conflict.value) == "command line changed the rule meanwhile; nothing was saved."
    assert (conflict.value.now["amount"], conflict.value.version, conflict.value.by) == (8.0, 2, COMMAND_LINE)
    with pytest.raises(ChangedMeanwhile):
        remove(company, rule_id, 1, "because", "olga")
    assert everything(company) == before
    save(company, [Change(draft(6), rule_id, conflict.value.version)], "olga")  # knowingly
    remove(company, rule_id, 3, "because", "olga")
    with pytest.raises(ChangedMeanwhile, match="olga removed the rule meanwhile"):
        save(company, [Change(draft(6), rule_id, 3)], "olga")
    with pytest.raises(InvalidInput, match="Say why the rule goes"):
        remove(company, rule_id, 3, " ", "olga")


def test_the_last_change_can_be_undone(company: Engine) -> None:
    (rule_id,) = save(company, [Change(draft())], "olga")
    save(company, [Change(draft(8), rule_id, 1)], "olga")
    changed, added = queries.history(company, rule_id)["audit_id"].to_list()
    with pytest.raises(Conflict, match="The rule was changed since"):
        undo(company, added, "olga")
    assert undo(company, changed, "olga") == rule_id
    assert rules(company) == [(rule_id, "channel_sku", "web", "A", "units", 5.0, "returns", 3)]
    remove(company, rule_id, 3, "because", "olga")
    undo(company, int(queries.history(company, rule_id)["audit_id"][0]), "olga")
    ((_, _, _, _, _, amount, _, version),) = rules(company)
    assert (amount, version > 3) == (5.0, True)
    (other,) = save(company, [Change(draft(level="sku"))], "olga")
    undo(company, int(queries.history(company, other)["audit_id"][0]), "olga")
    assert [row[0] for row in rules(company)] == [rule_id]
    with pytest.raises(InvalidInput, match="There is no change 0 of a buffer rule"):
        undo(company, 0, "olga")


def test_two_at_once_make_one_rule(company: Engine) -> None:
    """Of eight people who add a rule for the same at once, one does; the others are refused."""
    outcomes: list[str] = []

    def work() -> None:
        try:
            save(company, [Change(draft())], "olga")
            outcomes.append("saved")
        except Refused:
            outcomes.append("refused")

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["refused"] * 7 + ["saved"]
    assert len(rules(company)) == 1
    assert table(company, "select count(*) from audit_entry where entity = 'buffer_rule'") == [(1,)]


@given(amount=st.floats(allow_nan=True, allow_infinity=True), basis=st.sampled_from(["units", "percent", "days"]))
@settings(max_examples=200)
def test_any_number_is_saved_whole_or_refused(amount: float, basis: str) -> None:
    by_field = problems(draft(amount, basis=basis), now_us())
    good = 0 <= amount <= {"units": 1_000_000, "percent": 100, "days": 365}[basis] and amount == round(amount, 0 if basis == "units" else 2)
    assert (by_field == {}) == good
    if good:
        assert amount_in_words(basis, amount)


def test_amounts_in_words() -> None:
    cases = [("units", 1.0), ("units", 1_200.0), ("percent", 12.5), ("percent", 10.0), ("days", 1.0), ("days", 0.25)]
    words = [amount_in_words(basis, amount) for basis, amount in cases]
    assert words == ["1 unit", "1,200 units", "12.5 % of the pool", "10 % of the pool", "1 day of demand", "0.25 days of demand"]


def test_reservations_are_read_with_their_channels_and_locations(company: Engine) -> None:
    with company.begin() as connection:
        connection.execute(sa.text("insert into channel_reservation values (1, 'A', 5, 'launch', null, 1), (2, 'B', null, 'launch', 9, 1)"))
        connection.execute(sa.text("insert into reservation_channel values (1, 'web'), (1, 'market'), (2, 'web')"))
        connection.execute(sa.text("insert into reservation_location values (2, 'north')"))
    assert queries.reservations(company).rows() == [(1, "A", 5, ["market", "web"], [], None), (2, "B", None, ["web"], ["north"], 9)]


def test_more_rules_than_are_saved_at_once_change_nothing(company: Engine) -> None:
    before = everything(company)
    many = [Change(draft(amount)) for amount in range(MOST_AT_ONCE + 1)]
    with pytest.raises(InvalidInput, match=r"^5,001 rules are more than are saved at once \(5,000\): save them in parts\.$"):
        save(company, many, "olga")
    assert everything(company) == before


def test_many_problems_make_a_few_sentences(company: Engine) -> None:
    wrong = [Change(draft(5, sku=f"NO-{number}")) for number in range(9)]
    with pytest.raises(Refused) as refused:
        save(company, wrong, "olga")
    assert len(refused.value.problems) == 9
    assert str(refused.value).endswith("There is no SKU “NO-2” in this store: choose one of those listed. And 6 other problems.")
