"""Who is at the keyboard. There is no login: a choice, marked as unauthenticated, stands in for one on the own computer alone."""

from collections.abc import Mapping
from ipaddress import ip_address
from typing import Final

import streamlit as st

from dashboard.settings import settings
from dashboard.shell import reads
from data_access.domain.permissions import Permission, may, needed

UNAUTHENTICATED: Final = "unauthenticated (this computer)"
FORWARDING: Final = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip", "via")
_CHOSEN: Final = "user.chosen"


def current() -> str:
    """The name that goes into the audit, and whose role decides: what was chosen in this session, if a choice may be offered."""
    return str(st.session_state.get(_CHOSEN) or UNAUTHENTICATED) if _may_choose() else UNAUTHENTICATED


def role() -> str:
    """The role of `current`, for saying beforehand what commands will refuse."""
    roles: dict[str, str] = dict(reads.users().select("name", "role").iter_rows())
    return roles.get(current(), "viewer")


def choose(permission: Permission) -> bool:
    """Draw who is at the keyboard; whether the role includes the permission, which the command checks again."""
    users = reads.users()
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        if _may_choose() and not users.is_empty():
            roles = dict(users.select("name", "role").iter_rows())
            names = list(roles)
            before = st.session_state.get(_CHOSEN)
            st.session_state[_CHOSEN] = st.selectbox(
                "Who are you? (not authenticated)",
                names,
                index=names.index(before) if before in names else None,
                placeholder="Choose, to change something",
                format_func=lambda one: f"{one} · {roles[one]}",
                key="user.choice",
                width=280,
            )
    if may(role(), permission):
        return True
    if not _may_choose():
        st.caption("Everyone is a viewer here: there is no login yet, and this page is served to others than this computer.")
    elif users.is_empty():
        st.caption("Nobody may change anything yet: add people with `onhand users add NAME --role ops`.")
    else:
        st.caption(f"To {permission}, choose someone who is {needed(permission)}.")
    return False


def _may_choose() -> bool:
    return may_be_offered(settings().host, st.context.headers.to_dict())


def may_be_offered(host: str, headers: Mapping[str, object]) -> bool:
    """Whether the choice is safe to offer: the server listens on loopback, and no proxy forwards the request."""
    try:
        is_local = host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        is_local = False
    return is_local and not any(name.lower() in FORWARDING for name in headers)
