"""Addresses of stores: reading them, and showing them to people without what is secret in them."""

import re
from pathlib import Path
from typing import Final
from urllib.parse import unquote

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from data_access.errors import StoreUnavailable

UNREADABLE: Final = "(an address that cannot be read)"
HIDDEN: Final = "***"
_HARMLESS: Final = frozenset(
    ("application_name", "cache", "connect_timeout", "dbname", "host", "immutable", "mode", "port", "sslmode", "timeout", "uri", "user")
)
_PLAIN: Final = re.compile(r"[\w./:,-]*")
_TORN: Final = re.compile(r"[@;=#\s]")
_LATE_AT: Final = re.compile(r"(?!sqlite)[^:]*://[^/?#]*[/?#].*@")
"""An @ after the name of the server: it belongs to a password, and what stands around it would be taken for a server's name."""


def parsed(address: str) -> URL:
    """The parts of an address.

    Raises:
        StoreUnavailable: it cannot be read. The sentence does not repeat it, for nobody knows which part of it is the password.

    """
    try:
        url = make_url(address) if address.isprintable() and not _LATE_AT.match(address) else None
    except (ArgumentError, ValueError):
        url = None
    if url is None or _is_torn(url):
        raise StoreUnavailable(
            "The database address cannot be read: set ONHAND_DATABASE_URL to sqlite:///path or postgresql://user@host/name; "
            "in a password, write @ as %40, : as %3A and / as %2F."
        )
    return url


def shown(address: str | URL) -> str:
    """An address as people are shown it: without its password, and without parameters that may hold one."""
    try:
        url = parsed(address) if isinstance(address, str) else address
    except StoreUnavailable:
        return UNREADABLE
    if _is_torn(url):
        return UNREADABLE
    place = url.set(query={}).render_as_string(hide_password=True)
    parts = [f"{name}={value}" for name, value in _parameters(url)]
    return place + ("?" + "&".join(parts) if parts else "")


def _parameters(url: URL) -> list[tuple[str, str]]:
    """The address's parameters, those hidden whose values may be secret, and those whose very names may be part of something torn."""
    shown_parts = []
    for name, value in url.query.items():
        is_harmless = name in _HARMLESS and isinstance(value, str) and _PLAIN.fullmatch(value) is not None
        shown_parts.append((name if name.isidentifier() else HIDDEN, str(value) if is_harmless else HIDDEN))
    return shown_parts


def _is_torn(url: URL) -> bool:
    """Whether a sign stands where none belongs, so that a piece of a password may be in another part. Files may have any name."""
    if url.get_backend_name() == "sqlite":
        return bool(url.host or url.username or url.password or url.port)
    return any(_TORN.search(part) is not None for part in (url.username, url.host, url.database) if part)


def whole(url: URL) -> str:
    """The address with its password, for a process that is to open the store: never for people."""
    return url.render_as_string(hide_password=False)


def sqlite_file(address: str | URL) -> Path | None:
    """The store's file; None on PostgreSQL, in memory, or where the address cannot be read (opening it says why)."""
    try:
        url = parsed(address) if isinstance(address, str) else address
    except StoreUnavailable:
        return None
    name = url.database or ""
    if url.get_backend_name() != "sqlite" or name in ("", ":memory:") or url.query.get("mode") == "memory":
        return None
    if url.query.get("uri") and name.startswith("file:"):
        name = unquote(name.removeprefix("file:").removeprefix("//"))
        return None if name == ":memory:" else Path(name)
    return Path(name)


def absolute(address: str) -> str:
    """The same store for a process that runs in another folder, with its password."""
    path = sqlite_file(address)
    url = parsed(address) if path is not None else None
    if path is None or url is None or url.query.get("uri"):
        return address
    return whole(url.set(database=str(path.absolute())))
