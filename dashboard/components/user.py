"""Who is at the keyboard."""

from typing import Final

UNAUTHENTICATED: Final = "unauthenticated (this computer)"


def current() -> str:
    """The name that goes into the audit. There is no login: the app listens on this computer, and says so."""
    return UNAUTHENTICATED
