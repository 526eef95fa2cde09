"""One change for many SKUs: what each one's own rule becomes."""

from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_access.domain.buffer_bulk import PLAN, Operation, planned, with_plan
from data_access.domain.buffers import RULES, winning

PAIRS = pl.DataFrame(
    [("A", "web", "fruit"), ("B", "web", "fruit"), ("C", "web", "nuts"), ("D", "web", "nuts")],
    ["sku", "channel_id", "category"],
    orient="row",
)


def rule(rule_id: int, level: str, amount: float, basis: str = "units", **scope: Any) -> dict[str, Any]:
    return {
        **dict.fromkeys(RULES),
        "rule_id": rule_id,
        "level": level,
        "basis": basis,
        "amount": amount,
        "reason": "x",
        "version": 3,
        **scope,
    }


RULES_NOW = pl.DataFrame(
    [
        rule(1, "channel_sku", 4.0, channel_id="web", sku="A"),
        rule(2, "channel", 2.0, channel_id="web"),
        rule(3, "channel_category", 10.0, "percent", channel_id="web", category="nuts"),
        rule(4, "channel_sku", 0.0, channel_id="web", sku="D"),
        rule(5, "channel_sku", 9.0, channel_id="other", sku="B"),
    ],
    RULES,
)


def plan(operation: Operation, amount: float, basis: str = "units", rules: pl.DataFrame = RULES_NOW) -> list[tuple[Any, ...]]:
    changes = planned(PAIRS, rules, rules, operation, basis, amount)
    assert changes.schema == PLAN
    return changes.select("sku", "rule_id", "amount_now", "basis", "amount", "outcome").rows()


def test_units_are_added_to_what_is_withheld_by_whatever_rule() -> None:
    assert plan("add", 2) == [
        ("A", 1, 4.0, "units", 6.0, "change"),
        ("B", None, 2.0, "units", 4.0, "new"),
        ("C", None, 10.0, "units", 12.0, "left"),
        ("D", 4, 0.0, "units", 2.0, "change"),
    ]
    notes = planned(PAIRS, RULES_NOW, RULES_NOW, "add", "units", 2)["note"].to_list()
    assert notes == [None, None, "It is in percent now: set it instead.", None]


def test_taking_ends_at_nothing_withheld() -> None:
    assert [row[4:] for row in plan("take", 3)] == [(1.0, "change"), (0.0, "new"), (7.0, "left"), (0.0, "same")]


def test_setting_takes_any_basis() -> None:
    assert [row[3:] for row in plan("set", 2)] == [
        ("units", 2.0, "change"), ("units", 2.0, "same"), ("units", 2.0, "new"), ("units", 2.0, "change"),
    ]  # fmt: skip
    assert [row[3:] for row in plan("set", 10, "percent")][2] == ("percent", 10.0, "same")


def test_an_ended_rule_of_the_sku_itself_is_changed_not_added_again() -> None:
    changes = planned(PAIRS, RULES_NOW, RULES_NOW.filter(pl.col("rule_id") != 1), "add", "units", 1)
    assert changes.row(0, named=True)["outcome"] == "change"
    assert (changes["rule_id"][0], changes["version"][0], changes["amount"][0]) == (1, 3, 3.0)


@pytest.mark.parametrize("operation", ["set", "add", "take"])
@given(amount=st.integers(0, 50))
def test_after_the_plan_each_sku_has_what_it_says(operation: Operation, amount: int) -> None:
    changes = planned(PAIRS, RULES_NOW, RULES_NOW, operation, "units", amount)
    after = winning(PAIRS, with_plan(RULES_NOW, changes, "more returns", None, 100)).sort("sku")
    for row, winner in zip(changes.iter_rows(named=True), after.iter_rows(named=True), strict=True):
        expected = (row["basis_now"], row["amount_now"]) if row["outcome"] == "left" else (row["basis"], row["amount"])
        assert (winner["basis"], winner["amount"]) == expected
    assert with_plan(RULES_NOW, changes, "r", 7, 100)["rule_id"].n_unique() == with_plan(RULES_NOW, changes, "r", 7, 100).height
