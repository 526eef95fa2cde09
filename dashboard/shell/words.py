"""How figures, ages, days and states are said to people."""

from datetime import UTC, datetime
from typing import Final

STATE_LABELS: Final = {"oversell": "About to oversell", "out": "Out", "low": "Low", "over": "Over", "healthy": "Healthy"}
STATE_ICONS: Final = {"oversell": "⚠", "out": "✕", "low": "▼", "over": "▲", "healthy": "✓"}


RULES: Final = {
    "no location": "no location serves it",
    "not listed": "it has no listing there",
    "listing maximum": "the listing's maximum caps it",
    "channel buffer": "the channel buffer withholds units",
    "reserved": "units are reserved for other channels",
    "backordered": "units already owed come first",
    "location buffer": "location buffers withhold units",
    "kit component": "the kit's scarcest component decides",
    "pool": "all that its locations have left",
}


def rule(code: str | None, component: str | None = None) -> str:
    """Which rule made a channel's figure what it is (`domain.availability.RULES`), as words; `component`: of a kit."""
    if code == "kit component" and component:
        return f"{component} decides, the kit's scarcest component"
    return RULES.get(code or "", code or "")


def state(value: str) -> str:
    """A stock state as an icon and its words, so that it is never told by colour alone."""
    return f"{STATE_ICONS.get(value, '')} {STATE_LABELS.get(value, value)}".strip()


def units(count: int | None) -> str:
    """A number of units with thousands apart; a dash where there is none."""
    return "—" if count is None else f"{count:,}"


def amount(expected: float) -> str:
    """Expected units, which need not be whole: to a tenth where there are few."""
    if 0 < expected < 0.05:
        return "under 0.1"
    return f"{expected:.1f}" if 0 < expected < 9.95 else f"{expected:,.0f}"


def counted(count: int, one: str, many: str | None = None) -> str:
    """`3 units`, `1 unit`: a number with its noun."""
    return f"{units(count)} {one if count == 1 else many or one + 's'}"


def plain(text: str) -> str:
    """Text from the store, so that nothing in it is read as Markdown."""
    return "".join(f"\\{letter}" if letter in r"\`*_{}[]()<>#+-.!|~:$" else letter for letter in text)


def age(seconds: float | None) -> str:
    """How long ago, in the largest unit that tells enough: 12 s, 3 min, 5 h, 2 days."""
    if seconds is None:
        return "no data yet"
    if seconds < 60:
        return f"{max(seconds, 0):.0f} s"
    if seconds < 3_600:
        return f"{seconds // 60:.0f} min"
    if seconds < 48 * 3_600:
        return f"{seconds // 3_600:.0f} h"
    return f"{seconds // 86_400:.0f} days"


def moment(at: datetime | None) -> str:
    """A moment in UTC to the second; a dash where there is none."""
    return "—" if at is None else at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")
