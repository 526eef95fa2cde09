"""What all events have in common."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from pydantic import ValidationError

from data_access.domain.events import Event

LAST = 9_223_372_036_854_774
GOOD: dict[str, Any] = {"kind": "sale", "source": "feed", "event_id": "1", "occurred_at": 0, "received_at": LAST}
NINE = datetime(2026, 3, 1, 9, tzinfo=UTC)
MICROS = 1_772_355_600_000_000


def event(**changes: Any) -> Event:
    return Event(**{**GOOD, **changes})


def test_times_are_microseconds_whatever_they_are_given_as() -> None:
    berlin = NINE.astimezone(timezone(timedelta(hours=1)))
    for value in (MICROS, NINE, berlin, "2026-03-01T09:00:00+00:00", "2026-03-01T10:00:00+01:00", "2026-03-01T09:00:00Z"):
        assert event(occurred_at=value).occurred_at == MICROS
    assert (event().occurred_at, event().received_at) == (0, LAST)


@pytest.mark.parametrize("value", [-1, LAST + 1, 1.5, "9 o'clock", "2026-03-01T09:00:00", datetime(2026, 3, 1), None])  # noqa: DTZ001
def test_times_that_cannot_be(value: object) -> None:
    with pytest.raises(ValidationError):
        event(occurred_at=value)


@pytest.mark.parametrize("changes", [{"source": ""}, {"event_id": "x" * 201}, {"colour": "red"}])
def test_what_else_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        event(**changes)


def test_the_payload_is_the_same_whenever_it_came_and_cannot_be_changed() -> None:
    first, again, other = event(), event(received_at=5), event(occurred_at=1)
    assert first.payload == '{"event_id":"1","kind":"sale","occurred_at":0,"source":"feed"}'
    assert (again.payload_hash, len(first.payload_hash)) == (first.payload_hash, 32)
    assert other.payload_hash != first.payload_hash
    with pytest.raises(ValidationError):
        first.source = "other"
