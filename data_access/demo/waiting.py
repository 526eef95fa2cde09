"""What happens to a line for which there is no stock, and when we hear of what happened on a channel."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from data_access.demo.company import Company, Flags, Ints
from data_access.demo.demand import Lines
from data_access.demo.luck import luck
from data_access.demo.specs import (
    CHANNELS,
    DAY_US,
    EBAY,
    HOUR_US,
    MINUTE_US,
)

SYNC_EVERY_US: Final = 70 * MINUTE_US  # the lagging channel is read this often ...
SYNC_TAKES_US: Final = 20 * MINUTE_US  # ... and each reading takes this long to arrive
HEARD_AFTER_US: Final = 7_000_000
"""What happens on other channels is known by then, at the latest."""


def known_until(channel: Ints, now_us: int) -> Ints:
    """Up to when we know by `now_us` what happened on a channel."""
    batch = (now_us - SYNC_TAKES_US) // SYNC_EVERY_US * SYNC_EVERY_US
    lagging = np.array([c.lag_minutes[1] > 0 for c in CHANNELS])[channel]
    return np.where(lagging, batch, now_us)


def received_later(channel: Ints, occurred_at: Ints) -> Ints:
    """When we hear of what happened on a channel: seconds later, or with the next reading of the lagging one."""
    batch = -(-occurred_at // SYNC_EVERY_US) * SYNC_EVERY_US + SYNC_TAKES_US
    soon = occurred_at + 2_000_000 + occurred_at % 5_000_000
    lagging = np.array([c.lag_minutes[1] > 0 for c in CHANNELS])[channel]
    return np.where(lagging, batch, soon)


def second_listing(company: Company, sku: Ints, channel: Ints, placed_at: Ints) -> Flags:
    """Which lines are sold by a SKU's second listing on the channel."""
    is_second: Flags = (luck(company.seed, "which listing", channel, placed_at, sku) < 0.4) & company.second_listing[sku, channel]
    return is_second


@dataclass(slots=True)
class Patience:
    """By line: whether its customer orders what is out of stock, whether the seller refuses an oversold line at once, and when either
    gives up waiting, in microseconds after midnight (UTC) of the day of placing.
    """

    waits: Flags
    refused: Flags
    leaves_after: Ints


def draw_patience(company: Company, lines: Lines) -> Patience:
    """The luck of lines for which there is no stock."""
    names = ("waits", "patience", "refused", "gives up")
    waits, days, refusal, clock = (luck(company.seed, name, lines.channel, lines.placed_at, lines.sku) for name in names)
    oversold = lines.channel == EBAY
    refused = (refusal < 0.45) & oversold
    patience = np.where(oversold, 4 + (days * 11).astype(np.int64), 10 + (days * 31).astype(np.int64))
    wait_clock = 9 * HOUR_US + (clock * 8 * HOUR_US).astype(np.int64)
    return Patience(
        waits=waits < np.array([c.waits for c in CHANNELS])[lines.channel],
        refused=refused,
        leaves_after=np.where(refused, DAY_US, patience * DAY_US) + wait_clock,
    )
