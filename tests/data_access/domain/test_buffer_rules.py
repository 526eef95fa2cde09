"""A buffer rule as a person writes it."""

from typing import Any

import pytest

from data_access.domain.buffer_rules import MAX_REASON, RuleDraft, amount_in_words, covers, problems

NOW = 1_000
GOOD = RuleDraft("channel_sku", "web", "A", amount=5, reason="late events")
SCOPES: dict[str, dict[str, Any]] = {
    "channel_sku": {"channel_id": "web", "sku": "A"},
    "sku": {"sku": "A"},
    "channel_category": {"channel_id": "web", "category": "fruit"},
    "category": {"category": "fruit"},
    "channel": {"channel_id": "web"},
    "location": {"location_id": "north", "sku": "A"},
}


def wrong(**changes: Any) -> dict[str, str]:
    return problems(RuleDraft(**{**GOOD.values(), **changes}), NOW)


@pytest.mark.parametrize("level", list(SCOPES))
def test_each_scope_names_its_own_fields_and_no_other(level: str) -> None:
    labels = {"channel_id": "channel", "sku": "SKU", "category": "category", "location_id": "location"}
    assert problems(RuleDraft(level, **SCOPES[level], amount=5, reason="x"), NOW) == {}
    for name, label in labels.items():
        given = SCOPES[level]
        for value in ("", " ", None) if name in given else ("surplus",):
            sentence = (
                f"Choose the {label} that the rule is for." if name in given else f"A rule of this scope names no {label}: leave it empty."
            )
            assert problems(RuleDraft(level, **{**given, name: value}, amount=5, reason="x"), NOW) == {name: sentence}


def test_an_unknown_scope_is_all_that_is_said() -> None:
    sentence = "“shelf” is no scope of a rule: choose one of"
    assert [(name, text.startswith(sentence)) for name, text in wrong(level="shelf", reason="").items()] == [("level", True)]


@pytest.mark.parametrize(
    ("basis", "amount", "sentence"),
    [
        ("units", None, "Give a number of units."),
        ("days", float("nan"), "Give a number of days."),
        ("percent", float("inf"), "Give a number of percent."),
        ("units", -1, "-1 is negative: give 0 or more units."),
        ("units", 1_000_001, "1,000,001 units is more than a rule may withhold (1,000,000): give less."),
        ("percent", 100.01, "100.01 percent is more than a rule may withhold (100): give less."),
        ("days", 365.01, "365.01 days is more than a rule may withhold (365): give less."),
        ("units", 2.5, "2.5 is not a whole number of units."),
        ("days", 2.125, "2.125 has more than two decimals: round it."),
    ],
)
def test_amounts_that_cannot_be(basis: str, amount: float | None, sentence: str) -> None:
    assert wrong(basis=basis, amount=amount) == {"amount": sentence}


@pytest.mark.parametrize(("basis", "amount"), [("units", 0), ("units", 1_000_000), ("percent", 100), ("days", 365), ("days", 2.12)])
def test_the_least_and_the_most_that_can(basis: str, amount: float) -> None:
    assert wrong(basis=basis, amount=amount) == {}


def test_bases() -> None:
    assert wrong(basis="boxes") == {"basis": "“boxes” cannot be taken here: give units, percent or days."}
    draft = RuleDraft("location", sku="A", location_id="north", basis="percent", amount=5, reason="x")
    assert problems(draft, NOW) == {"basis": "“percent” cannot be taken here: give units."}


def test_reason_and_end() -> None:
    say_why = {"reason": f"Say why, in at most {MAX_REASON} characters."}
    assert wrong(reason=" ") == say_why
    assert wrong(reason="x" * 501) == say_why
    assert wrong(reason="x" * 500) == {}
    passed = {"ends_at": "The end has passed already: choose a later day, or none."}
    assert (wrong(ends_at=NOW), wrong(ends_at=NOW + 1), wrong(ends_at=None)) == (passed, {}, {})


@pytest.mark.parametrize(
    ("basis", "amount", "text"),
    [
        ("units", 1, "1 unit"),
        ("units", 1_200, "1,200 units"),
        ("percent", 12.5, "12.5 % of the pool"),
        ("percent", 10, "10 % of the pool"),
        ("days", 1, "1 day of demand"),
        ("days", 2.25, "2.25 days of demand"),
        ("days", 0, "0 days of demand"),
    ],
)
def test_amounts_in_words(basis: str, amount: float, text: str) -> None:
    assert amount_in_words(basis, amount) == text


@pytest.mark.parametrize(
    ("level", "text"),
    [
        ("channel_sku", "Web shop · SKU A"),
        ("sku", "SKU A on all channels"),
        ("channel_category", "Web shop · category fruit"),
        ("category", "category fruit on all channels"),
        ("channel", "Web shop"),
        ("location", "north · SKU A"),
    ],
)
def test_what_a_rule_covers(level: str, text: str) -> None:
    assert covers(RuleDraft(level, **SCOPES[level]).values(), {"channel_id": {"web": "Web shop"}}) == text
    assert covers(RuleDraft("channel").values(), {}) == "…"


def test_two_rules_of_one_scope_have_one_text() -> None:
    assert GOOD.scope == "channel_sku/channel_id=web/sku=A"
    assert RuleDraft("sku", "web", "A").scope == "sku/sku=A"
