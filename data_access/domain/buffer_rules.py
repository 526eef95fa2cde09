"""One buffer rule as a person writes it: what it covers, what is wrong with it, and what it says in words."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Any, Final

from data_access.domain.buffers import BASES, LEVELS

LARGEST: Final = {"units": 1_000_000.0, "percent": 100.0, "days": 365.0}
MAX_REASON: Final = 500
SCOPE_FIELDS: Final = {
    "channel_sku": ("channel_id", "sku"),
    "sku": ("sku",),
    "channel_category": ("channel_id", "category"),
    "category": ("category",),
    "channel": ("channel_id",),
    "location": ("location_id", "sku"),
}
_NAMES: Final = {"channel_id": "channel", "sku": "SKU", "category": "category", "location_id": "location"}


@dataclass(frozen=True, slots=True)
class RuleDraft:
    """A rule before it is saved. `amount` is None if nothing readable was given; `ends_at` in microseconds since 1970, or None."""

    level: str
    channel_id: str | None = None
    sku: str | None = None
    category: str | None = None
    location_id: str | None = None
    basis: str = "units"
    amount: float | None = None
    reason: str = ""
    ends_at: int | None = None

    def values(self) -> dict[str, Any]:
        """The fields by name."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}

    @property
    def scope(self) -> str:
        """What it covers, as one text: two rules of one scope cannot be."""
        return "/".join([self.level, *(f"{name}={getattr(self, name)}" for name in SCOPE_FIELDS.get(self.level, ()))])


def problems(draft: RuleDraft, now: int) -> dict[str, str]:
    """A sentence for each field that is wrong in itself; whether the SKU, channel and so on exist is for the store to say."""
    if draft.level not in LEVELS:
        return {"level": f"“{draft.level}” is no scope of a rule: choose one of {', '.join(LEVELS)}."}
    sentences: dict[str, str] = {}
    for name, label in _NAMES.items():
        value = getattr(draft, name)
        if name in SCOPE_FIELDS[draft.level]:
            if value is None or not value.strip():
                sentences[name] = f"Choose the {label} that the rule is for."
        elif value is not None:
            sentences[name] = f"A rule of this scope names no {label}: leave it empty."
    if draft.basis not in BASES or (draft.level == "location" and draft.basis != "units"):
        allowed = "units" if draft.level == "location" else "units, percent or days"
        sentences["basis"] = f"“{draft.basis}” cannot be taken here: give {allowed}."
    elif sentence := _amount_problem(draft.amount, draft.basis):
        sentences["amount"] = sentence
    if not draft.reason.strip() or len(draft.reason) > MAX_REASON:
        sentences["reason"] = f"Say why, in at most {MAX_REASON} characters."
    if draft.ends_at is not None and draft.ends_at <= now:
        sentences["ends_at"] = "The end has passed already: choose a later day, or none."
    return sentences


def _amount_problem(amount: float | None, basis: str) -> str:
    if amount is None or not isfinite(amount):
        return f"Give a number of {basis}."
    if amount < 0:
        return f"{amount:g} is negative: give 0 or more {basis}."
    if amount > LARGEST[basis]:
        return f"{amount:,.15g} {basis} is more than a rule may withhold ({LARGEST[basis]:,.0f}): give less."
    if basis == "units" and amount != int(amount):
        return f"{amount:g} is not a whole number of units."
    if round(amount, 2) != amount:
        return f"{amount:.15g} has more than two decimals: round it."
    return ""


def amount_in_words(basis: str, amount: float) -> str:
    """The amount of a rule: "5 units", "12.5 % of the pool", "3 days of demand"."""
    number = f"{amount:,.2f}".rstrip("0").rstrip(".")
    if basis == "percent":
        return f"{number} % of the pool"
    what = "unit" if basis == "units" else "day"
    return f"{number} {what if amount == 1 else what + 's'}" + ("" if basis == "units" else " of demand")


def covers(values: Mapping[str, Any], named: Mapping[str, Mapping[str, str]]) -> str:
    """What a rule covers, in words: "eBay · category Toys". `named`: names by id, by field."""
    parts = []
    for name in SCOPE_FIELDS[values["level"]]:
        value = str(values[name] or "…")
        prefix = {"sku": "SKU ", "category": "category "}.get(name, "")
        parts.append(prefix + named.get(name, {}).get(value, value))
    everywhere = " on all channels" if values["level"] in ("sku", "category") else ""
    return " · ".join(parts) + everywhere
