"""Who sends what back, why, and what inspection makes of it: drawn for every line before anything is simulated."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from data_access.demo.company import Company, Flags, Floats, Ints
from data_access.demo.demand import Lines
from data_access.demo.luck import geometric_days, luck
from data_access.demo.specs import (
    CATEGORIES,
    CHANNELS,
    DAY_US,
    DISPOSITION_ODDS,
    HAMBURG,
    LEEDS,
    LEIPZIG,
    NEWARK,
    REASON_TILT,
    REASONS,
    RETAIL,
)

RESTOCK, REFURBISH, DISCARD = range(3)
DISPOSITION_NAMES: Final = ("restock", "refurbish", "discard")
# Share of returns that have come back this many days after delivery: most within two weeks, all within 44 days.
KEEPS: Final = np.cumsum(np.arange(1, 45) ** 1.0 * np.exp(-np.arange(1, 45) / 4.5)) / np.sum(
    np.arange(1, 45) ** 1.0 * np.exp(-np.arange(1, 45) / 4.5)
)
REPAIRED: Final = 0.75  # share of refurbished units that are sold again; the rest are written off


@dataclass(slots=True)
class Returning:
    """By line: whether it comes back if it is shipped, and how. Days are counted from delivery (`keep_days`) and from receipt
    (`inspect_days`, `repair_days` after inspection). `defective`: would not have come back but for a defect episode.
    """

    comes_back: Flags
    defective: Flags
    reason: Ints
    quantity: Ints
    keep_days: Ints
    inspect_days: Ints
    disposition: Ints
    repair_days: Ints
    repaired: Flags

    def take(self, rows: Ints) -> "Returning":
        """Those of some of the lines."""
        return Returning(*(getattr(self, name)[rows] for name in self.__dataclass_fields__))


def draw_returning(company: Company, lines: Lines) -> Returning:
    """The luck of every line after its delivery."""
    names = ("returns", "reason", "whole", "part", "disposition", "keeps", "inspected", "repairs", "repaired")
    drawn = [luck(company.seed, name, lines.channel, lines.placed_at, lines.sku) for name in names]
    draw, why, whole, part, fate, keeps, waits, repairs, repaired = drawn
    category = company.category[lines.sku]
    rate = np.array([c.returned for c in CATEGORIES])[category] * np.array([c.returned for c in CHANNELS])[lines.channel]
    extra, fault = _defects(company, lines)
    comes_back = draw < rate + extra
    defective = comes_back & (draw >= rate)
    reason = np.where(defective, fault, _reasons(why, lines.channel, category))
    quantity = np.where(whole < 0.7, lines.quantity, 1 + (part * lines.quantity).astype(np.int64))
    odds = np.cumsum([DISPOSITION_ODDS[name] for name in REASONS], axis=1)
    disposition = (fate[:, None] > odds[reason][:, :2]).sum(axis=1)
    fulfilment_centre = lines.channel == 0
    return Returning(
        comes_back=comes_back,
        defective=defective,
        reason=reason,
        quantity=quantity,
        keep_days=np.searchsorted(KEEPS, keeps) + 1,
        inspect_days=1 + np.where(fulfilment_centre, geometric_days(waits, 0.4), geometric_days(waits, 1.7)),
        disposition=disposition,
        repair_days=10 + (repairs * 12).astype(np.int64),
        repaired=repaired < REPAIRED,
    )


def return_location(channel: Ints, location: Ints) -> Ints:
    """Where the units come back to, by channel and the location that shipped them."""
    home = np.array([HAMBURG, LEEDS, HAMBURG, LEEDS, NEWARK, HAMBURG])[channel]
    home = np.where((channel == 0) & (location == LEIPZIG), LEIPZIG, home)
    destination: Ints = np.where(channel == RETAIL, location, home)
    return destination


def received_day(company: Company, returning: Returning, rows: Ints, delivered: Ints) -> Ints:
    """The day on which returned units come in."""
    return (delivered - company.start_us) // DAY_US + 1 + returning.keep_days[rows]


def inspected_day(company: Company, returning: Returning, rows: Ints, delivered: Ints) -> Ints:
    """The day on which they are inspected, early in the morning."""
    return received_day(company, returning, rows, delivered) + returning.inspect_days[rows]


def _defects(company: Company, lines: Lines) -> tuple[Floats, Ints]:
    extra = np.zeros(len(lines))
    fault = np.zeros(len(lines), np.int64)
    episodes = company.defects
    for number in range(len(episodes.sku)):
        hit = (lines.sku == episodes.sku[number]) & (lines.day >= episodes.start[number]) & (lines.day <= episodes.end[number])
        extra[hit] = episodes.extra[number]
        fault[hit] = REASONS.index(episodes.reason[number])
    return extra, fault


def _reasons(draw: Floats, channel: Ints, category: Ints) -> Ints:
    """Reasons by category, tilted by channel."""
    weights = np.zeros((len(CHANNELS), len(CATEGORIES), len(REASONS)))
    for row, spec in enumerate(CHANNELS):
        tilt = REASON_TILT.get(spec.channel_id, {})
        for column, kind in enumerate(CATEGORIES):
            for place, reason in enumerate(REASONS):
                weights[row, column, place] = (kind.reasons.get(reason, 0.0) + 1.0) * tilt.get(reason, 1.0)
    bounds = np.cumsum(weights / weights.sum(axis=2, keepdims=True), axis=2)
    drawn: Ints = (draw[:, None] > bounds[channel, category][:, :-1]).sum(axis=1)
    return drawn
