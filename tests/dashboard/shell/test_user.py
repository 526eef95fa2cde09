"""Where a choice of who one is may stand in for a login."""

import pytest

from dashboard.shell.user import obstacle

CHROMIUM = {
    "Host": "localhost:8501",
    "Connection": "Upgrade",
    "Pragma": "no-cache",
    "Cache-Control": "no-cache",
    "User-Agent": "Mozilla/5.0",
    "Upgrade": "websocket",
    "Origin": "http://localhost:8501",
    "Sec-Websocket-Version": "13",
    "Accept-Encoding": "gzip, deflate, br, zstd",
    "Accept-Language": "en-GB",
    "Cookie": "_streamlit_xsrf=2",
    "Sec-Websocket-Key": "AAAA",
    "Sec-Websocket-Extensions": "permessage-deflate",
    "Sec-Websocket-Protocol": "streamlit",
}
FIREFOX = {
    **CHROMIUM,
    "Accept": "*/*",
    "DNT": "1",
    "Sec-GPC": "1",
    "Sec-Fetch-Dest": "empty",
    "Sec-Fetch-Mode": "websocket",
    "Sec-Fetch-Site": "same-origin",
    "Priority": "u=4",
}
OTHERS = "this app listens for other computers too"


@pytest.mark.parametrize("listener", ["127.0.0.1", "localhost", "::1"])
@pytest.mark.parametrize("peer", [None, "127.0.0.1", "::1", "127.0.0.2"])
@pytest.mark.parametrize("headers", [CHROMIUM, FIREFOX, CHROMIUM | {"Host": "127.0.0.1:9"}, CHROMIUM | {"Host": "[::1]:9"}])
def test_the_choice_is_offered_to_a_browser_on_the_own_computer(listener: str, peer: str | None, headers: dict[str, str]) -> None:
    assert obstacle(listener, peer, headers) == ""


@pytest.mark.parametrize("listener", ["0.0.0.0", "::", "192.168.1.4", "onhand.example", ""])
def test_not_where_the_app_listens_for_others(listener: str) -> None:
    assert obstacle(listener, None, CHROMIUM) == OTHERS


@pytest.mark.parametrize("peer", ["10.0.0.7", "fe80::1", "unknown", ""])
def test_not_to_another_computer(peer: str) -> None:
    assert obstacle("127.0.0.1", peer, CHROMIUM) == f"the request came from {peer}, another computer"


@pytest.mark.parametrize("host", [None, "", "stock.example.com", "192.168.1.4:8501", "localhost.example:8501"])
def test_not_under_another_host(host: str | None) -> None:
    headers = {name: value for name, value in CHROMIUM.items() if name != "Host"} | ({} if host is None else {"Host": host})
    assert obstacle("127.0.0.1", None, headers) == "the request's Host header is not this computer"


@pytest.mark.parametrize(
    "header", ["X-Forwarded-For", "Forwarded", "Via", "X-Real-Ip", "X-Request-Id", "Cf-Ray", "Sec-Anything", "Authorization", "From"]
)
def test_not_with_a_header_that_no_browser_sends_and_that_is_named(header: str) -> None:
    expected = f"the request carries the header {header.lower()}, which no browser sends by itself"
    assert obstacle("127.0.0.1", None, CHROMIUM | {header: "anything"}) == expected
