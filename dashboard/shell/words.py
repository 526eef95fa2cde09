"""How figures, ages, days and states are said to people."""

import re
from datetime import UTC, datetime
from html import escape
from typing import Final

STATE_LABELS: Final = {"oversell": "About to oversell", "out": "Out", "low": "Low", "over": "Overstocked", "healthy": "Healthy"}
STATE_ICONS: Final = {"oversell": "⚠", "out": "✕", "low": "▼", "over": "▲", "healthy": "✓"}

_JOINER: Final = "\u2060"  # takes no room, and parts what would be read as one
_MARKDOWN: Final = re.compile(rf"[\\`*_\[\]()<~$&]|:(?={_JOINER})|^(?:[-+>#=|:]|\d+[.)])")  # a backslash goes before its last letter
# What a backslash does not help against, for Streamlit looks for it in the text that is left when Markdown was read: addresses, e-mail
# addresses, names between colons (emoji, icons), arrows and dashes. The joiner goes after its first letter.
_LEFT_TO_READ: Final = re.compile(
    r"(?<=http):(?=//)|(?<=https):(?=//)|w(?=ww\.)|@|:(?=[\w+-]*[a-z+-]|1(?:00|234):)|(?<!\S)(?:<->|->|<-|--|>=|<=|~=)(?!\S)", re.IGNORECASE
)

RULES: Final = {
    "no location": "no location serves it",
    "not listed": "not listed",
    "listing maximum": "the listing's maximum caps it",
    "channel buffer": "the channel buffer withholds units",
    "reserved": "units are reserved for other channels",
    "backordered": "backorders take all stock",
    "location buffer": "location buffers withhold units",
    "kit component": "the kit's scarcest component decides",
    "pool": "limited by stock",
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
    """What people or channels wrote, for a place where Streamlit reads Markdown: drawn letter by letter, in one line.

    Everything that is drawn there and is not the app's own goes through here: names, codes, reasons, and sentences that quote them.
    Select boxes, placeholders and cells of tables take text as it is; HTML is escaped with `html.escape`, charts with `in_chart`.
    """
    parted = _LEFT_TO_READ.sub(lambda read: f"{read[0][0]}{_JOINER}{read[0][1:]}", " ".join(text.split()))
    return _MARKDOWN.sub(lambda read: f"{read[0][:-1]}\\{read[0][-1]}", parted)


def in_chart(text: str) -> str:
    """What people or channels wrote, for a text of a chart: Plotly reads tags, entities, placeholders and formulas."""
    whole = escape(" ".join(text.split()), quote=False)
    return whole.replace("%{", f"%{_JOINER}{{").replace("$", "&#36;")


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


def actor(stored: str) -> str:
    """Who did something, as the audit and runs of jobs keep it: a person's name, or the command line and who was at it."""
    at_command_line = re.fullmatch(r"command line \((.+)\)", stored)
    if at_command_line is None:
        return stored
    return "the schedule" if at_command_line[1] == "schedule" else f"{at_command_line[1]}, command line"


def moment(at: datetime | None) -> str:
    """A moment in UTC to the second; a dash where there is none."""
    return "—" if at is None else at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")
