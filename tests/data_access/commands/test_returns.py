"""Saying what a channel's return codes mean: by who may, with the version that was seen, and undone."""

from typing import Any

import pytest
from sqlalchemy.engine import Engine

from data_access.commands.people import add_user
from data_access.commands.returns import RuleOfReturns, map_return_code, remove_rule, set_rule, undo
from data_access.errors import ChangedMeanwhile, Conflict, Forbidden, InvalidInput, Refused
from data_access.queries.buffers import history
from data_access.write.permissions import COMMAND_LINE
from tests.data_access.import_files import table
from tests.data_access.small_company import make_company


@pytest.fixture
def shop(store: Engine) -> Engine:
    make_company(store)
    for name, role in (("mara", "manager"), ("olga", "ops"), ("pia", "planner")):
        add_user(store, name, role, COMMAND_LINE)
    return store


def decided(engine: Engine) -> list[tuple[Any, ...]]:
    return table(engine, "select channel_id, code_key, means, version from return_code order by 1, 2")


def written(engine: Engine) -> list[list[tuple[Any, ...]]]:
    """All that a decision could have changed."""
    return [
        sorted(table(engine, f"select * from {name}"), key=str) for name in ("return_code", "return_rule", "audit_entry", "store_version")
    ]


def test_a_code_is_mapped_changed_and_left_to_the_lists_again(shop: Engine) -> None:
    decision = map_return_code(shop, "web", "x-9", "late.never_arrived", "mara")
    assert decided(shop) == [("web", "X_9", "late.never_arrived", 1)]
    before = written(shop)
    assert map_return_code(shop, "web", "X 9", "late.never_arrived", "mara", 1) == decision  # nothing new: no entry, no version
    assert written(shop) == before
    map_return_code(shop, "web", "X_9", "wrong_item", "mara", 1)
    map_return_code(shop, "web", "X_9", None, "mara", 2)
    map_return_code(shop, "market", "X_9", "abuse", "mara")
    assert decided(shop) == [("market", "X_9", "abuse", 1), ("web", "X_9", None, 3)]
    entries = table(shop, "select action, entity, actor from audit_entry where entity = 'return_code'")
    assert entries == [("map_return_code", "return_code", "mara")] * 4


def test_a_decision_is_undone_unless_it_was_changed_since(shop: Engine) -> None:
    decision = map_return_code(shop, "web", "X9", "late", "mara")
    map_return_code(shop, "web", "X9", "abuse", "mara", 1)
    last, first = history(shop, decision, entity="return_code")["audit_id"]
    before = written(shop)
    with pytest.raises(Conflict, match="The return code was changed since"):
        undo(shop, first, "mara")
    with pytest.raises(Forbidden):
        undo(shop, last, "olga")
    with pytest.raises(InvalidInput, match="There is no change 1 of a return code"):
        undo(shop, 1, "mara")
    assert written(shop) == before
    undo(shop, last, "mara")
    assert decided(shop) == [("web", "X9", "late", 3)]


@pytest.mark.parametrize("actor", ["olga", "pia"])
def test_who_may_not_set_return_rules_changes_nothing(shop: Engine, actor: str) -> None:
    before = written(shop)
    with pytest.raises(Forbidden, match="may not set return rules: ask someone who is manager or admin"):
        map_return_code(shop, "web", "X9", "late", actor)
    assert written(shop) == before


@pytest.mark.parametrize(
    ("channel_id", "code", "means", "field", "sentence"),
    [
        ("none", "X9", "late", "channel_id", "There is no channel “none” in this store: choose another."),
        ("web", " - ", "late", "code", "Give a code that has a letter or a digit, of at most 200 characters."),
        ("web", "X" * 201, "late", "code", "Give a code that has a letter or a digit, of at most 200 characters."),
        ("web", "X9", "unmapped", "means", "There is no reason “unmapped”: choose one of the list."),
    ],
)
def test_what_cannot_be_is_refused_and_changes_nothing(
    shop: Engine, channel_id: str, code: str, means: str, field: str, sentence: str
) -> None:
    before = written(shop)
    with pytest.raises(Refused) as refused:
        map_return_code(shop, channel_id, code, means, "mara")
    assert refused.value.problems == {0: {field: sentence}}
    assert written(shop) == before


def test_another_s_decision_is_not_overwritten(shop: Engine) -> None:
    map_return_code(shop, "web", "X9", "late", "mara")
    before = written(shop)
    with pytest.raises(ChangedMeanwhile, match="mara changed the return code meanwhile; nothing was saved"):
        map_return_code(shop, "web", "X9", "abuse", "mara")
    assert written(shop) == before


def rules(engine: Engine) -> list[tuple[Any, ...]]:
    query = "select channel_id, category, window_days, inspect_days, condition, refund_days, version from return_rule"
    return sorted(table(engine, query), key=str)


def test_a_rule_is_set_for_all_for_a_channel_and_for_a_category(shop: Engine) -> None:
    set_rule(shop, RuleOfReturns(None, None, 14, 2, " as new "), "mara")
    one = set_rule(shop, RuleOfReturns("web", None, None, 3), "mara")
    set_rule(shop, RuleOfReturns("web", "fruit", 0, 0, refund_days=7), "mara")
    assert rules(shop) == [("web", "fruit", 0, 0, "", 7, 1), ("web", None, None, 3, "", 14, 1), (None, None, 14, 2, "as new", 14, 1)]
    assert set_rule(shop, RuleOfReturns("web", None, 30, 3), "mara", 1) == one
    before = written(shop)
    with pytest.raises(ChangedMeanwhile, match="mara changed the return rule meanwhile"):
        set_rule(shop, RuleOfReturns("web", None, 60, 3), "mara", 1)
    with pytest.raises(ChangedMeanwhile):
        set_rule(shop, RuleOfReturns(None, None, 60, 3), "mara")
    with pytest.raises(ChangedMeanwhile):
        remove_rule(shop, one, 1, "mara")
    assert written(shop) == before
    remove_rule(shop, one, 2, "mara")
    assert [row[:2] for row in rules(shop)] == [("web", "fruit"), (None, None)]
    entries = table(shop, f"select action, actor from audit_entry where entity = 'return_rule' and entity_id = '{one}' order by at, id")
    assert entries == [("set_return_rule", "mara"), ("set_return_rule", "mara"), ("remove_return_rule", "mara")]


@pytest.mark.parametrize(
    ("rule", "actor", "error", "sentence"),
    [
        (RuleOfReturns("web", None, -1, 2), "mara", Refused, "A return window has between 0 and 3650 days"),
        (RuleOfReturns("web", None, 14, -2), "mara", Refused, "Give days to inspection between 0 and 3650"),
        (RuleOfReturns("web", None, 14, 2, refund_days=-1), "mara", Refused, "Give days to the refund between 0 and 3650"),
        (RuleOfReturns("moon", None, 14, 2), "mara", Refused, "There is no channel “moon” in this store"),
        (RuleOfReturns(None, "moons", 14, 2), "mara", Refused, "There is no category “moons” in this store"),
        (RuleOfReturns("web", None, 14, 2), "olga", Forbidden, "may not set return rules"),
    ],
)
def test_a_rule_that_cannot_be_is_refused_and_changes_nothing(
    shop: Engine, rule: RuleOfReturns, actor: str, error: type[Exception], sentence: str
) -> None:
    before = written(shop)
    with pytest.raises(error, match=sentence):
        set_rule(shop, rule, actor)
    assert written(shop) == before
