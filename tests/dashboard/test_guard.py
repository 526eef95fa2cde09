"""Whom the server answers: Host and Origin, of HTTP and WebSocket, and the headers on every response."""

import asyncio
import base64
import hashlib
import http.client
import json
from collections.abc import Coroutine, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from dashboard.addresses import Origin, Place, is_loopback, origin, places
from dashboard.guard import BROKEN, FOREIGN, NO_HOST, NO_ORIGIN, Guard, content_security_policy
from dashboard.settings import Settings
from tests.dashboard.serving import Server, first_message, served

SHOP = "https://stock.example.com"
POLICY_START = "default-src 'self'; script-src 'self' 'sha256-"
WATCH = """
import json, os, sys
def watch(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo", "socket.sendto"):
        with open(os.environ["CONNECTIONS"], "a") as file:
            file.write(json.dumps([event, str(arguments)]) + chr(10))
sys.addaudithook(watch)
"""


async def inner(scope: Scope, receive: Receive, send: Send) -> None:
    """What stands behind the guard here: it answers with the Host that it sees, or accepts a WebSocket."""
    if scope["path"] == "/broken":
        raise ZeroDivisionError
    if scope["type"] == "websocket":
        await send({"type": "websocket.accept", "headers": [(b"host-seen", value) for name, value in scope["headers"] if name == b"host"]})
        return
    await PlainTextResponse("in", headers={"X-Content-Type-Options": "anything"})(scope, receive, send)


def run(coroutine: Coroutine[Any, Any, None]) -> None:
    """Run it to its end, in a thread: where browser tests ran before, this one has an event loop already."""
    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, coroutine).result()


def messages(app: ASGIApp, kind: str, headers: list[tuple[bytes, bytes]], server: tuple[str, int], path: str = "/") -> list[Message]:
    """What comes out for one request."""
    sent: list[Message] = []
    scope = {
        "type": kind,
        "method": "GET",
        "path": path,
        "headers": headers,
        "server": server,
        "scheme": "http",
        "extensions": {"websocket.http.response": {}},
    }

    async def receive() -> Message:
        return {"type": "http.request"}

    async def send(message: Message) -> None:
        sent.append(message)

    run(app(scope, receive, send))
    return sent


def answer(
    kind: str, host: str | None, page: str | None, listener: str = "127.0.0.1", at: str = "127.0.0.1", origins: tuple[str, ...] = ()
) -> int | str:
    """The status of a refusal; for what is let in, the Host that Streamlit sees of a WebSocket, and 200 of anything else."""
    headers = [(b"host", host.encode())] if host is not None else []
    headers += [(b"origin", page.encode())] if page is not None else []
    guard = Guard(inner, host=listener, origins=origins, policy="default-src 'self'")
    first = messages(guard, kind, headers, (at, 8501))[0]
    if first["type"] == "websocket.accept":
        return str(first["headers"][0][1].decode())
    assert dict(first["headers"])[b"content-security-policy"] == b"default-src 'self'"
    return int(first["status"])


@pytest.mark.parametrize("host", ["localhost:8501", "LOCALHOST:8501", "127.0.0.1:8501", "[::1]:8501", "[0:0:0:0:0:0:0:1]:8501"])
def test_the_names_of_loopback_with_the_listeners_port_are_its_own(host: str) -> None:
    assert answer("http", host, None) == 200
    assert answer("http", host, "http://localhost:8501") == 200
    assert answer("websocket", host, "http://localhost:8501") == "localhost:8501"
    assert answer("websocket", host, "http://[::1]:8501") == "[::1]:8501"


@pytest.mark.parametrize(
    "host",
    [
        None,
        "",
        "localhost",
        "localhost:8502",
        "localhost.:8501",
        "evil.example:8501",
        "localhost:8501.evil.example",
        "evil@localhost:8501",
        "localhost:8501/",
        "localhost:port",
        "[::1:8501",
        "0.0.0.0:8501",
        "192.168.1.4:8501",
        "stock.example.com",
    ],
)
@pytest.mark.parametrize("kind", ["http", "websocket"])
def test_another_host_is_misdirected(kind: str, host: str | None) -> None:
    assert answer(kind, host, None) == 421
    assert answer(kind, host, "http://localhost:8501") == 421


@pytest.mark.parametrize(
    "page",
    [
        "null",
        "",
        "http://localhost:8502",
        "http://localhost",
        "https://evil.example",
        "http://evil.example:8501",
        "file://",
        "ws://localhost:8501",
    ],
)
@pytest.mark.parametrize("kind", ["http", "websocket"])
def test_a_page_of_another_address_is_refused(kind: str, page: str) -> None:
    assert answer(kind, "localhost:8501", page) == 403


def test_only_a_websocket_needs_an_origin() -> None:
    assert answer("http", "localhost:8501", None) == 200
    assert answer("websocket", "localhost:8501", None) == 403


def test_two_hosts_or_two_origins_are_refused() -> None:
    guard = Guard(inner, host="127.0.0.1", origins=(), policy="p")
    two_hosts = [(b"host", b"localhost:8501"), (b"host", b"evil.example")]
    assert messages(guard, "http", two_hosts, ("127.0.0.1", 8501))[0]["status"] == 421
    two_origins = [(b"host", b"localhost:8501"), (b"origin", b"http://localhost:8501"), (b"origin", b"http://evil.example")]
    assert messages(guard, "http", two_origins, ("127.0.0.1", 8501))[0]["status"] == 403


def test_on_all_addresses_the_one_that_was_connected_to_counts() -> None:
    everywhere = {"listener": "0.0.0.0", "at": "192.168.1.4"}
    assert answer("websocket", "192.168.1.4:8501", "http://192.168.1.4:8501", **everywhere) == "192.168.1.4:8501"
    assert answer("http", "0.0.0.0:8501", None, **everywhere) == 200
    assert answer("http", "localhost:8501", None, **everywhere) == 421
    assert answer("http", "192.168.1.5:8501", None, **everywhere) == 421
    assert answer("http", "192.168.1.4:8501", None, listener="::", at="::ffff:192.168.1.4") == 200
    assert answer("http", "nas.local:8501", None, listener="nas.local", at="192.168.1.4") == 200


def test_a_proxy_or_tunnel_that_is_set_is_let_in() -> None:
    def proxied(kind: str, host: str, page: str | None) -> int | str:
        return answer(kind, host, page, origins=(SHOP, "http://localhost:9000"))

    assert proxied("http", "stock.example.com", None) == 200
    assert proxied("http", "stock.example.com:443", SHOP) == 200
    assert proxied("websocket", "stock.example.com", SHOP) == "stock.example.com"
    assert proxied("websocket", "127.0.0.1:8501", SHOP) == "stock.example.com"  # a proxy that puts the listener's Host
    assert proxied("websocket", "localhost:9000", "http://localhost:9000") == "localhost:9000"
    assert proxied("http", "stock.example.com", "http://stock.example.com") == 403
    assert proxied("websocket", "stock.example.com", "http://localhost:9000") == 403
    assert proxied("websocket", "stock.example.com", "http://localhost:8501") == 403
    assert proxied("http", "stock.example.com:8501", None) == 421


def test_a_failure_behind_the_guard_has_the_headers_too() -> None:
    guard = Guard(inner, host="127.0.0.1", origins=(), policy="p")
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        return {"type": "http.request"}

    scope = {"type": "http", "method": "GET", "path": "/broken", "headers": [(b"host", b"localhost:8501")], "server": ("127.0.0.1", 8501)}
    with pytest.raises(ZeroDivisionError):
        run(guard(scope, receive, send))
    assert sent[0]["status"] == 500
    assert dict(sent[0]["headers"])[b"content-security-policy"] == b"p"
    assert sent[1]["body"] == BROKEN.encode()


def test_the_guards_headers_take_the_place_of_others() -> None:
    guard = Guard(inner, host="127.0.0.1", origins=(), policy="p")
    start = messages(guard, "http", [(b"host", b"localhost:8501")], ("127.0.0.1", 8501))[0]
    assert [value for name, value in start["headers"] if name == b"x-content-type-options"] == [b"nosniff"]


def test_hosts_and_origins_are_read_in_one_way() -> None:
    assert places("Stock.Example.com") == {Place("stock.example.com", 80), Place("stock.example.com", 443)}
    assert places("[::ffff:127.0.0.1]:1") == {Place("127.0.0.1", 1)}
    assert places("a b:99999") == frozenset()
    assert origin("HTTPS://stock.example.com") == Origin("https", Place("stock.example.com", 443))
    assert origin("http://stock.example.com:443") == Origin("http", Place("stock.example.com", 443))
    assert [origin(text) for text in ("stock.example.com", "https://", "https://a/b", "ftp://a", "https://u@a")] == [None] * 5
    assert [is_loopback(host) for host in ("localhost", "127.0.0.2", "::1", "::ffff:127.0.0.1", "10.0.0.1", "localhost.example", "")] == [
        *[True] * 4,
        *[False] * 3,
    ]


def test_origins_are_set_as_text_or_as_a_list(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "onhand.toml").write_text(f'origins = ["{SHOP}"]', encoding="utf-8")
    assert Settings().origins == (SHOP,)
    monkeypatch.setenv("ONHAND_ORIGINS", f" {SHOP} ,http://localhost:9000,")
    assert Settings().origins == (SHOP, "http://localhost:9000")
    monkeypatch.setenv("ONHAND_ORIGINS", "stock.example.com")
    with pytest.raises(ValueError, match="stock") as refused:
        Settings()
    assert "stock.example.com is not an address like https://stock.example.com or http://192.168.1.4:8501" in str(refused.value)


def test_inline_scripts_are_allowed_by_their_hash_and_nothing_may_be_evaluated() -> None:
    page = "<script src='a.js'></script><script>\n let a = '<b>'\n</script><script type='module'>1</script><p>text</p>"
    hashes = [base64.b64encode(hashlib.sha256(text).digest()).decode() for text in (b"\n let a = '<b>'\n", b"1", b"own")]
    policy = content_security_policy(page, ["own"])
    listed = " ".join(f"'sha256-{each}'" for each in hashes)
    assert policy == (
        f"default-src 'self'; script-src 'self' {listed}; style-src 'self' 'unsafe-inline'; "
        "img-src 'self' data: blob:; font-src 'self' data:; connect-src 'self'; object-src 'none'; base-uri 'self'; "
        "form-action 'self'; frame-ancestors 'none'"
    )


@pytest.fixture(scope="module")
def connections(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the server writes every address that it looks up or connects to."""
    return tmp_path_factory.mktemp("watched") / "connections"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path, connections: Path) -> Iterator[Server]:
    """The app that listens on all addresses, with one origin set."""
    folder = tmp_path_factory.mktemp("app")
    (connections.parent / "sitecustomize.py").write_text(WATCH, encoding="utf-8")
    environment = {
        "ONHAND_DATABASE_URL": f"sqlite:///{sqlite_template}",
        "ONHAND_VAR_DIR": str(folder / "var"),
        "ONHAND_HOST": "0.0.0.0",
        "ONHAND_ORIGINS": SHOP,
        "PYTHONPATH": str(connections.parent),
        "CONNECTIONS": str(connections),
    }
    with served(folder, **environment) as running:
        yield running


def get(server: Server, path: str, headers: Mapping[str, str]) -> tuple[int, dict[str, str], str]:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    try:
        connection.request("GET", path, headers=dict(headers))
        response = connection.getresponse()
        return response.status, {name.lower(): value for name, value in response.getheaders()}, response.read().decode()
    finally:
        connection.close()


def opening(server: Server, **options: Any) -> tuple[int, str]:
    """How the server answers a WebSocket: 101, or a refusal with its sentence."""
    try:
        with connect(f"ws://127.0.0.1:{server.port}/_stcore/stream", proxy=None, **options):
            return 101, ""
    except InvalidStatus as refused:
        return refused.response.status_code, bytes(refused.response.body or b"").decode()


def test_the_server_answers_its_own_pages_and_refuses_others_in_a_sentence(server: Server, connections: Path) -> None:
    own = f"localhost:{server.port}"
    for path in ("/", "/_stcore/health", "/_stcore/host-config", "/nothing/here.js", "/media/none"):
        status, headers, _ = get(server, path, {"Host": own})
        assert status in (200, 404), path
        assert headers["content-security-policy"].startswith(POLICY_START)
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "same-origin"
    status, headers, text = get(server, "/", {"Host": "evil.example"})
    assert (status, text) == (421, NO_HOST)
    assert headers["content-security-policy"].startswith(POLICY_START)
    assert get(server, "/_stcore/health", {"Host": own, "Origin": "https://evil.example"})[::2] == (403, FOREIGN)
    assert get(server, "/_stcore/health", {"Host": "stock.example.com", "Origin": SHOP})[::2] == (200, "ok")
    assert opening(server) == (403, NO_ORIGIN)
    assert opening(server, origin="https://evil.example") == (403, FOREIGN)
    assert opening(server, origin=f"http://localhost:{server.port + 1}") == (403, FOREIGN)
    assert opening(server, origin=f"http://[::1]:{server.port}") == (101, "")
    assert opening(server, origin=SHOP) == (101, "")
    assert first_message(server.port).HasField("new_session")
    looked_up = [json.loads(line) for line in connections.read_text(encoding="utf-8").splitlines()]
    assert [event for event, _ in looked_up] == ["socket.getaddrinfo"]  # whether its own port is free; nothing after that
    assert looked_up[0][1].startswith(f"('0.0.0.0', {server.port}, ")
