"""One reservation as a person writes it: what it keeps for whom, what is wrong with it, and what it says in words."""

from dataclasses import dataclass
from typing import Any

from data_access.domain.buffer_rules import LARGEST, MAX_REASON, amount_in_words


@dataclass(frozen=True, slots=True)
class ReservationDraft:
    """A reservation before it is saved: `units` of a SKU, or all of them, for channels. No locations: at all that serve the channels.

    `units` is None if nothing readable was given, or if it is for all; `ends_at` in microseconds since 1970, or None.
    """

    sku: str | None
    units: int | None
    is_all: bool
    channel_ids: tuple[str, ...]
    location_ids: tuple[str, ...] = ()
    reason: str = ""
    ends_at: int | None = None

    def values(self) -> dict[str, Any]:
        """The values by field, as they are stored and audited: `units` None for all, channels and locations sorted."""
        return {
            "sku": self.sku,
            "units": self.units,
            "channel_ids": sorted(set(self.channel_ids)),
            "location_ids": sorted(set(self.location_ids)),
            "reason": self.reason.strip(),
            "ends_at": self.ends_at,
        }


def problems(draft: ReservationDraft, now: int) -> dict[str, str]:
    """A sentence for each field that is wrong in itself; whether the SKU, channels and so on exist is for the store to say."""
    sentences: dict[str, str] = {}
    if draft.sku is None or not draft.sku.strip():
        sentences["sku"] = "Choose the SKU that is reserved."
    if sentence := _units_problem(draft.units, draft.is_all):
        sentences["units"] = sentence
    if not draft.channel_ids:
        sentences["channel_ids"] = "Choose the channels that the units are kept for."
    if not draft.reason.strip() or len(draft.reason) > MAX_REASON:
        sentences["reason"] = f"Say why, in at most {MAX_REASON} characters."
    if draft.ends_at is not None and draft.ends_at <= now:
        sentences["ends_at"] = "The end has passed already: choose a later day, or none."
    return sentences


def _units_problem(units: int | None, is_all: bool) -> str:
    if is_all:
        return "" if units is None else "Give a number of units or reserve all of them, not both."
    if units is None:
        return "Give a number of units, or reserve all of them."
    if units < 1:
        return f"{units:,} is too few: give 1 or more units."
    if units > LARGEST["units"]:
        return f"{units:,} units is more than a reservation may keep ({LARGEST['units']:,.0f}): give less, or reserve all of them."
    return ""


def in_words(units: int | None) -> str:
    """How many units a reservation keeps (None: all): "5 units", "all units"."""
    return "all units" if units is None else amount_in_words("units", units)
