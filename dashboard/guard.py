"""What stands before Streamlit: whom the server answers, and what a browser may do with its pages.

Streamlit 1.67 answers under any Host, takes a WebSocket without an Origin or from any port of localhost, and for other Origins asks an
outside service for this machine's address. So requests are judged here first, HTTP and WebSocket alike.
"""

import base64
import hashlib
from collections.abc import Iterable, Iterator
from html.parser import HTMLParser
from typing import Final

from starlette.datastructures import MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dashboard.addresses import LOOPBACK_NAMES, Place, is_loopback, origin, places, written

MISDIRECTED: Final = 421
FORBIDDEN: Final = 403
NO_HOST: Final = (
    "OnHand does not answer under this address: open the one that it said at its start, or add this one to ONHAND_ORIGINS (https://...)."
)
NO_ORIGIN: Final = "A connection that does not say which page opened it (Origin) is refused: open OnHand in a browser."
FOREIGN: Final = (
    "A page of another address asked for this, so it is refused. If that is where OnHand is opened, behind a proxy or a tunnel, "
    "add the address to ONHAND_ORIGINS (https://...)."
)
BROKEN: Final = "Something went wrong in OnHand's server: its messages say what."


class _InlineScripts(HTMLParser):
    """The text of each script that stands in a page itself."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []
        self._is_inside = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._is_inside = tag == "script" and "src" not in dict(attrs)

    def handle_endtag(self, tag: str) -> None:
        self._is_inside &= tag != "script"

    def handle_data(self, data: str) -> None:
        if self._is_inside:
            self.texts.append(data)


def content_security_policy(page: str, scripts: Iterable[str]) -> str:
    """The policy for Streamlit's one page: all from this server, nothing evaluated, and of inline scripts the page's and `scripts`."""
    parser = _InlineScripts()
    parser.feed(page)
    hashes = [base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in (*parser.texts, *scripts)]
    rules = {
        "default-src": ["'self'"],
        "script-src": ["'self'", *(f"'sha256-{each}'" for each in hashes)],
        "style-src": ["'self'", "'unsafe-inline'"],  # Streamlit and Plotly write their styles into the page as they draw
        "img-src": ["'self'", "data:", "blob:"],
        "font-src": ["'self'", "data:"],
        "connect-src": ["'self'"],
        "object-src": ["'none'"],
        "base-uri": ["'self'"],
        "form-action": ["'self'"],
        "frame-ancestors": ["'none'"],
    }
    return "; ".join(" ".join([name, *sources]) for name, sources in rules.items())


class Guard:
    """ASGI middleware that refuses requests under a foreign Host or from a foreign Origin, and puts its headers on every response.

    The listener's own are `host` and the address that the connection came in at, with its port; on loopback all names of loopback.
    `origins` are further addresses at which people open the app. An Origin is right if it is the listener's or, of a request under
    one of `origins`, that very one; a proxy may also have put the listener's Host in place of its own.
    """

    def __init__(self, app: ASGIApp, *, host: str, origins: Iterable[str], policy: str) -> None:
        self._app = app
        self._host = written(host)
        self._origins = frozenset(each for each in map(origin, origins) if each is not None)
        self._headers = {"Content-Security-Policy": policy, "X-Content-Type-Options": "nosniff", "Referrer-Policy": "same-origin"}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        has_begun = False

        async def sending(message: Message) -> None:
            nonlocal has_begun
            if message["type"] in ("http.response.start", "websocket.http.response.start"):
                has_begun = True
                MutableHeaders(scope=message).update(self._headers)
            await send(message)

        refusal = self._refusal(scope)
        if refusal is not None:
            await refusal(scope, receive, sending)
            return
        try:
            await self._app(_for_streamlit(scope), receive, sending)
        except Exception:
            if scope["type"] == "http" and not has_begun:
                await PlainTextResponse(BROKEN, 500)(scope, receive, sending)
            raise

    def _refusal(self, scope: Scope) -> PlainTextResponse | None:
        hosts, origins = list(_values(scope, b"host")), list(_values(scope, b"origin"))
        addressed = places(hosts[0]) if len(hosts) == 1 else frozenset()
        own = self._own(scope)
        is_own = not addressed.isdisjoint(own)
        here = {each for each in self._origins if each.place in addressed}
        if not is_own and not here:
            return PlainTextResponse(NO_HOST, MISDIRECTED)
        if not origins:
            return PlainTextResponse(NO_ORIGIN, FORBIDDEN) if scope["type"] == "websocket" else None
        page = origin(origins[0]) if len(origins) == 1 else None
        if page is not None and (page in here or (is_own and (page.place in own or page in self._origins))):
            return None
        return PlainTextResponse(FOREIGN, FORBIDDEN)

    def _own(self, scope: Scope) -> frozenset[Place]:
        if not scope.get("server"):
            return frozenset()
        host, port = scope["server"]
        names = {self._host, written(host), *(LOOPBACK_NAMES if is_loopback(host) else ())}
        return frozenset(Place(name, port) for name in names)


def _values(scope: Scope, name: bytes) -> Iterator[str]:
    return (value.decode("latin-1") for key, value in scope["headers"] if key == name)


def _for_streamlit(scope: Scope) -> Scope:
    """The scope with the Host of the page that opened the WebSocket: then Streamlit asks nobody whether that page is its own."""
    if scope["type"] != "websocket":
        return scope
    page = next(_values(scope, b"origin")).partition("://")[2].encode("latin-1")
    return {**scope, "headers": [(key, page if key == b"host" else value) for key, value in scope["headers"]]}
