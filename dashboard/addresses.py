"""Hosts and origins: read from headers and settings, and written in one way so that they can be compared."""

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Final
from urllib.parse import urlsplit

DEFAULT_PORTS: Final = {"http": 80, "https": 443}
LOOPBACK_NAMES: Final = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True, slots=True)
class Place:
    """A host and a port, written in one way: names in lower case, addresses as `ipaddress` writes them, without brackets."""

    host: str
    port: int


@dataclass(frozen=True, slots=True)
class Origin:
    """Scheme, host and port of a page."""

    scheme: str
    place: Place


def places(host: str) -> frozenset[Place]:
    """What a Host header may mean: one place, or, where it names no port, the default port of either scheme. Empty: not a host."""
    try:
        parts = urlsplit(f"//{host}")
        port = parts.port
    except ValueError:
        return frozenset()
    if not parts.hostname or parts.netloc != host or "@" in host or parts.path or parts.query or parts.fragment:
        return frozenset()
    ports = DEFAULT_PORTS.values() if port is None else (port,)
    return frozenset(Place(written(parts.hostname), each) for each in ports)


def origin(text: str) -> Origin | None:
    """An origin as browsers and settings write it (`https://stock.example.com:8443`); None if it is none, or not of the web."""
    scheme, separator, host = text.partition("://")
    scheme = scheme.lower()
    if not separator or scheme not in DEFAULT_PORTS:
        return None
    meant = places(host)
    if len(meant) == 1:
        return Origin(scheme, next(iter(meant)))
    return next((Origin(scheme, place) for place in meant if place.port == DEFAULT_PORTS[scheme]), None)


def written(host: str) -> str:
    """A host in the one way of `Place`."""
    address = address_of(host)
    return host.lower() if address is None else str(address)


def address_of(host: str) -> IPv4Address | IPv6Address | None:
    """The IP address that a host is; None for a name. IPv4 in an IPv6 socket is IPv4."""
    try:
        address = ip_address(host)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def is_loopback(host: str) -> bool:
    """Whether a host is this computer itself: `localhost`, or an address of loopback."""
    address = address_of(host)
    return host.lower() == "localhost" if address is None else address.is_loopback
