"""A reservation as a person writes it: what is wrong in it, what is kept of it, and its words."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_access.domain.reservation_rules import ReservationDraft, in_words, problems

NOW = 1_760_000_000_000_000


def draft(**more: Any) -> ReservationDraft:
    return ReservationDraft(**{"sku": "A", "units": 5, "is_all": False, "channel_ids": ("web",), "reason": "launch", **more})


@pytest.mark.parametrize(
    ("wrong", "field", "sentence"),
    [
        (draft(sku=None), "sku", "Choose the SKU that is reserved."),
        (draft(sku=" "), "sku", "Choose the SKU that is reserved."),
        (draft(units=None), "units", "Give a number of units, or reserve all of them."),
        (draft(is_all=True), "units", "Give a number of units or reserve all of them, not both."),
        (draft(units=0), "units", "0 is too few: give 1 or more units."),
        (draft(units=-1_000), "units", "-1,000 is too few: give 1 or more units."),
        (
            draft(units=1_000_001),
            "units",
            "1,000,001 units is more than a reservation may keep (1,000,000): give less, or reserve all of them.",
        ),
        (draft(channel_ids=()), "channel_ids", "Choose the channels that the units are kept for."),
        (draft(reason=" "), "reason", "Say why, in at most 500 characters."),
        (draft(reason="x" * 501), "reason", "Say why, in at most 500 characters."),
        (draft(ends_at=NOW), "ends_at", "The end has passed already: choose a later day, or none."),
    ],
)
def test_what_is_wrong_is_said_at_its_field(wrong: ReservationDraft, field: str, sentence: str) -> None:
    assert problems(wrong, NOW) == {field: sentence}


def test_all_that_is_wrong_is_said_at_once() -> None:
    nothing = ReservationDraft(None, None, False, ())
    assert list(problems(nothing, NOW)) == ["sku", "units", "channel_ids", "reason"]


@pytest.mark.parametrize(
    "right",
    [draft(), draft(units=None, is_all=True), draft(units=1_000_000, location_ids=("north",), reason="x" * 500, ends_at=NOW + 1)],
)
def test_nothing_is_wrong(right: ReservationDraft) -> None:
    assert problems(right, NOW) == {}


@given(st.none() | st.integers(), st.booleans())
def test_units_are_a_number_in_range_or_all(units: int | None, is_all: bool) -> None:
    is_right = units is None if is_all else units is not None and 1 <= units <= 1_000_000
    assert (problems(draft(units=units, is_all=is_all), NOW) == {}) == is_right


def test_what_is_kept_does_not_depend_on_the_order_of_choosing() -> None:
    chosen = draft(channel_ids=("web", "market", "web"), location_ids=("south", "north"), reason=" launch ", ends_at=NOW)
    assert chosen.values() == {
        "sku": "A",
        "units": 5,
        "channel_ids": ["market", "web"],
        "location_ids": ["north", "south"],
        "reason": "launch",
        "ends_at": NOW,
    }
    assert draft(units=None, is_all=True).values()["units"] is None


def test_units_in_words() -> None:
    assert [in_words(units) for units in (1, 5, 1_200, None)] == ["1 unit", "5 units", "1,200 units", "all units"]
