"""Which buffer was in force when, and what could therefore not be observed."""

from typing import Any

import polars as pl

from data_access.domain.buffers_in_force import HIDDEN, OBSERVED_FROM, PAIRS, VERSIONS, hidden, observed_from

DAY = 86_400_000_000
SINCE, UNTIL = 100 * DAY, 190 * DAY
TWO = pl.DataFrame([("A", "web", "fruit", 40, 1.5), ("B", "web", "nuts", 7, None)], PAIRS, orient="row")


def version(since: float, until: float | None, level: str = "channel", **more: Any) -> dict[str, Any]:
    scope = {"channel": {"channel_id": "web"}, "channel_sku": {"channel_id": "web", "sku": "A"}, "category": {"category": "nuts"}}
    row = {"rule_id": 1, "level": level, "basis": "units", "amount": 5.0, "reason": "", "version": 1, **scope.get(level, {}), **more}
    return {**dict.fromkeys(VERSIONS), **row, "since": int(since * DAY), "until": None if until is None else int(until * DAY)}


def in_force(*versions: dict[str, Any]) -> list[tuple[Any, ...]]:
    frame = hidden(TWO, pl.DataFrame(list(versions), VERSIONS), SINCE, UNTIL)
    assert frame.schema == HIDDEN
    return sorted(frame.rows())


def test_a_rule_counts_for_as_long_as_it_was_so() -> None:
    assert in_force() == []
    assert in_force(version(0, None)) == [("A", 5, 90.0), ("B", 5, 90.0)]
    assert in_force(version(110, 130)) == [("A", 5, 20.0), ("B", 5, 20.0)]
    assert in_force(version(0, 100), version(190, None)) == []
    assert in_force(version(150, None, ends_at=160 * DAY)) == [("A", 5, 10.0), ("B", 5, 10.0)]


def test_the_winning_rule_alone_counts_and_changes_are_told_apart() -> None:
    own = version(120, 140, "channel_sku", rule_id=2, amount=9.0)
    raised = version(150, None, amount=8.0)
    assert in_force(version(100, 150), raised, own) == [("A", 5, 30.0), ("A", 8, 40.0), ("A", 9, 20.0), ("B", 5, 50.0), ("B", 8, 40.0)]


def test_percent_and_days_are_taken_of_what_is_known() -> None:
    assert in_force(version(100, None, basis="percent", amount=10.0)) == [("A", 4, 90.0), ("B", 1, 90.0)]
    assert in_force(version(100, None, basis="days", amount=3.0)) == [("A", 5, 90.0)]
    assert in_force(version(100, None, level="location", location_id="x", sku="A")) == []


def test_a_size_is_observed_if_larger_buffers_were_in_force_for_less_than_a_day() -> None:
    days = pl.DataFrame(
        [("A", 5, 30.0), ("A", 8, 0.6), ("A", 9, 0.3), ("B", 2, 0.9), ("C", 3, 2.0), ("D", 1, 0.5), ("D", 4, 0.6)], HIDDEN, orient="row"
    )
    least = observed_from(days)
    assert least.schema == OBSERVED_FROM
    assert sorted(least.rows()) == [("A", 5), ("C", 3), ("D", 1)]
