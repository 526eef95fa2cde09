"""Who is at the keyboard. There is no login: a choice, marked as unauthenticated, stands in for one on the own computer alone."""

from collections.abc import Mapping
from typing import Final

import streamlit as st

from dashboard.addresses import is_loopback, places
from dashboard.shell import reads, words
from data_access.domain.permissions import Permission, may, needed

UNAUTHENTICATED: Final = "unauthenticated (this computer)"
# What a browser sends with the request that opens its connection; a proxy, whatever it is, adds something else.
BROWSER_HEADERS: Final = frozenset(
    {
        *("accept", "accept-encoding", "accept-language", "cache-control", "connection", "cookie", "dnt", "host", "origin", "pragma"),
        *("priority", "referer", "sec-gpc", "te", "upgrade", "upgrade-insecure-requests", "user-agent"),
        *(f"sec-fetch-{name}" for name in ("dest", "mode", "site", "storage-access", "user")),
        *(f"sec-websocket-{name}" for name in ("extensions", "key", "protocol", "version")),
        *("sec-ch-ua", *(f"sec-ch-ua-{name}" for name in ("arch", "bitness", "form-factors", "full-version", "full-version-list"))),
        *(f"sec-ch-ua-{name}" for name in ("mobile", "model", "platform", "platform-version", "wow64")),
        *(f"sec-ch-prefers-{name}" for name in ("color-scheme", "reduced-motion", "reduced-transparency")),
    }
)
_OBSTACLE: Final = "user.obstacle"
_CHOSEN: Final = "user.chosen"


def current() -> str:
    """The name that goes into the audit, and whose role decides: what was chosen in this session, if a choice may be offered."""
    return UNAUTHENTICATED if _obstacle() else str(st.session_state.get(_CHOSEN) or UNAUTHENTICATED)


def act_as(name: str) -> None:
    """Choose a person in this session, if a choice may be offered: one who was just added."""
    st.session_state[_CHOSEN] = name


def is_safe() -> bool:
    """Whether a choice may be offered, because nobody but who sits at this computer can be at the page."""
    return not _obstacle()


def role() -> str:
    """The role of `current`, for saying beforehand what commands will refuse."""
    roles: dict[str, str] = dict(reads.users().select("name", "role").iter_rows())
    return roles.get(current(), "viewer")


def choose(permission: Permission) -> bool:
    """Draw who is at the keyboard; whether the role includes the permission, which the command checks again."""
    users, hindrance = reads.users(), _obstacle()
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        if not hindrance and not users.is_empty():
            roles = dict(users.select("name", "role").iter_rows())
            names = list(roles)
            before = st.session_state.get(_CHOSEN)
            st.session_state[_CHOSEN] = st.selectbox(
                "Acting as (not signed in)",
                names,
                index=names.index(before) if before in names else None,
                placeholder="Choose, to change something",
                format_func=lambda one: f"{one} · {roles[one]}",
                key="user.choice",
                width=280,
            )
    if may(role(), permission):
        return True
    if hindrance:
        st.caption(f"Everyone is a viewer here: there is no login yet, and {words.plain(hindrance)}.")
    elif users.is_empty():
        st.caption("Nobody may change anything yet: add people with `onhand users add NAME --role ops`.")
    else:
        st.caption(f"To {permission}, you need the role {needed(permission)}.")
    return False


def _obstacle() -> str:
    headers = st.context.headers.to_dict()
    if headers:
        st.session_state[_OBSTACLE] = obstacle(str(st.get_option("server.address") or ""), st.context.ip_address, headers)
    # a browser that left while its last act is being done has no headers any more: what was so before is so still
    return str(st.session_state.get(_OBSTACLE, "no browser is connected"))


def obstacle(listener: str, peer: str | None, headers: Mapping[str, str]) -> str:
    """Why the choice is not safe to offer, as the end of a sentence; empty where it is.

    `listener` is the address that the server listens on, `peer` the one that the connection came from (None: this computer),
    `headers` those of its opening request.
    """
    if not is_loopback(listener):
        return "this app listens for other computers too"
    if peer is not None and not is_loopback(peer):
        return f"the request came from {peer}, another computer"
    values = {name.lower(): value for name, value in headers.items()}
    if not any(is_loopback(place.host) for place in places(values.get("host", ""))):
        return "the request's Host header is not this computer"
    unknown = sorted(values.keys() - BROWSER_HEADERS)
    return f"the request carries the header {unknown[0]}, which no browser sends by itself" if unknown else ""
