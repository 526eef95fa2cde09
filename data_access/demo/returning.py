"""Who sends what back, why, and what inspection makes of it: drawn for every line before anything is simulated."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from data_access.demo.company import Company, Flags, Ints, generator
from data_access.demo.demand import Lines
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


def draw_returning(company: Company, lines: Lines) -> Returning:
    """The luck of every line after its delivery."""
    rng = generator(company.seed, "returns")
    count = len(lines)
    category = company.category[lines.sku]
    rate = np.array([c.returned for c in CATEGORIES])[category] * np.array([c.returned for c in CHANNELS])[lines.channel]
    extra, fault = _defects(company, lines)
    draw = rng.random(count)
    comes_back = draw < rate + extra
    defective = comes_back & (draw >= rate)
    reason = np.where(defective, fault, _reasons(rng, lines.channel, category))
    whole = rng.random(count) < 0.7
    quantity = np.where(whole, lines.quantity, 1 + (rng.random(count) * lines.quantity).astype(np.int64))
    odds = np.cumsum([DISPOSITION_ODDS[name] for name in REASONS], axis=1)
    disposition = (rng.random(count)[:, None] > odds[reason][:, :2]).sum(axis=1)
    fulfilment_centre = lines.channel == 0
    return Returning(
        comes_back=comes_back,
        defective=defective,
        reason=reason,
        quantity=quantity,
        keep_days=np.minimum(1 + rng.gamma(1.7, 4.5, count), 45).astype(np.int64),
        inspect_days=1 + rng.poisson(np.where(fulfilment_centre, 0.6, 2.0)),
        disposition=disposition,
        repair_days=10 + rng.integers(0, 12, count),
        repaired=rng.random(count) < REPAIRED,
    )


def return_location(channel: Ints, location: Ints) -> Ints:
    """Where the units come back to, by channel and the location that shipped them."""
    home = np.array([HAMBURG, LEEDS, HAMBURG, LEEDS, NEWARK, HAMBURG])[channel]
    home = np.where((channel == 0) & (location == LEIPZIG), LEIPZIG, home)
    found: Ints = np.where(channel == RETAIL, location, home)
    return found


def received_day(company: Company, returning: Returning, rows: Ints, delivered: Ints) -> Ints:
    """The day on which returned units come in."""
    return (delivered - company.start_us) // DAY_US + 1 + returning.keep_days[rows]


def inspected_day(company: Company, returning: Returning, rows: Ints, delivered: Ints) -> Ints:
    """The day on which they are inspected, early in the morning."""
    return received_day(company, returning, rows, delivered) + returning.inspect_days[rows]


def _defects(company: Company, lines: Lines) -> tuple[np.ndarray[tuple[int], np.dtype[np.float64]], Ints]:
    extra = np.zeros(len(lines))
    fault = np.zeros(len(lines), np.int64)
    episodes = company.defects
    for number in range(len(episodes.sku)):
        hit = (lines.sku == episodes.sku[number]) & (lines.day >= episodes.start[number]) & (lines.day <= episodes.end[number])
        extra[hit] = episodes.extra[number]
        fault[hit] = REASONS.index(episodes.reason[number])
    return extra, fault


def _reasons(rng: np.random.Generator, channel: Ints, category: Ints) -> Ints:
    """Reasons by category, tilted by channel."""
    weights = np.zeros((len(CHANNELS), len(CATEGORIES), len(REASONS)))
    for row, spec in enumerate(CHANNELS):
        tilt = REASON_TILT.get(spec.channel_id, {})
        for column, kind in enumerate(CATEGORIES):
            for place, reason in enumerate(REASONS):
                weights[row, column, place] = (kind.reasons.get(reason, 0.0) + 1.0) * tilt.get(reason, 1.0)
    bounds = np.cumsum(weights / weights.sum(axis=2, keepdims=True), axis=2)
    found: Ints = (rng.random(len(channel))[:, None] > bounds[channel, category][:, :-1]).sum(axis=1)
    return found
