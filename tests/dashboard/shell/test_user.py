"""Where a choice of who one is may stand in for a login."""

import pytest

from dashboard.shell.user import may_be_offered


@pytest.mark.parametrize(
    ("host", "headers", "is_offered"),
    [
        ("127.0.0.1", {"Host": "localhost:8501"}, True),
        ("localhost", {}, True),
        ("::1", {}, True),
        ("0.0.0.0", {}, False),
        ("192.168.1.4", {}, False),
        ("onhand.example", {}, False),
        ("127.0.0.1", {"X-Forwarded-For": "10.0.0.7"}, False),
        ("127.0.0.1", {"forwarded": "for=10.0.0.7"}, False),
        ("127.0.0.1", {"X-Real-Ip": "10.0.0.7"}, False),
        ("127.0.0.1", {"Via": "1.1 proxy"}, False),
    ],
)
def test_the_choice_is_offered_on_the_own_computer_alone(host: str, headers: dict[str, str], is_offered: bool) -> None:
    assert may_be_offered(host, headers) == is_offered
