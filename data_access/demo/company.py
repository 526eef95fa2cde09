"""What the demo company consists of: SKUs, kits, listings, suppliers, prices, promotions.

Stocked SKUs come first (0 .. `stocked` - 1), kits after them. Days are numbered from the first day of history (0); the last day is
`days` - 1, the as-of date. Every random choice has a generator of its own purpose, so that adding one does not change the others.
"""

import zlib
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from data_access.demo.specs import (
    DAY_US,
    GROUPS,
    LOCATIONS,
    Size,
)

Ints = NDArray[np.signedinteger[Any]]  # whole numbers; many millions of them are kept in narrow types
Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
NEVER: Final = 100_000
FAITH: Final = 0.65  # how much of the coming season the company's planners allow for


def generator(seed: int, purpose: str, number: int = 0) -> np.random.Generator:
    """A random generator of its own for a purpose (and a part of it)."""
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, zlib.crc32(purpose.encode()), number])))


@dataclass(frozen=True, slots=True)
class PromotionPlan:
    """One row per promotion and SKU. `start` and `end` are days of history, both included; they may lie after its end."""

    promotion: Ints
    sku: Ints
    channel: Ints
    start: Ints
    end: Ints
    discount: Floats


@dataclass(frozen=True, slots=True)
class Prices:
    """Prices by SKU, channel and first day, in 1/10,000 of the channel's currency; sorted. `ratio`: against the first price."""

    sku: Ints
    channel: Ints
    day: Ints
    price: Ints
    ratio: Floats


@dataclass(frozen=True, slots=True)
class Defects:
    """A fault of one SKU's deliveries: what was sold in [start, end] comes back more often, for one reason."""

    sku: Ints
    start: Ints
    end: Ints
    extra: Floats
    reason: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Suppliers:
    """Suppliers: mean lead time and its standard deviation in days, weekday of ordering (0 = Monday), delayed weeks [start, end]."""

    names: tuple[str, ...]
    currency: tuple[str, ...]
    lead: Floats
    spread: Floats
    weekday: Ints
    delayed_from: Ints
    delayed_to: Ints


@dataclass(frozen=True, slots=True)
class Company:
    """All that stays fixed. Arrays by SKU unless said otherwise; `listed`, `share`, `second_listing` are SKU x channel; `stocks` is
    stocked SKU x location; `base` is lines a day over all channels at a neutral season.
    """

    size: Size
    size_name: str
    seed: int
    as_of: date
    days: int
    stocked: int
    skus: tuple[str, ...]
    names: tuple[str, ...]
    category: Ints
    base: Floats
    share: Floats
    listed: Flags
    second_listing: Flags
    marketplace_fulfilled: Flags
    stocks: Flags
    trend: Floats
    launched: Ints
    ended: Ints
    multi_buy: Floats
    spread: Floats
    abc: Ints
    list_price: Ints
    supplier: Ints
    unit_cost: Ints
    moq: Ints
    case_pack: Ints
    kit: Ints
    component: Ints
    component_units: Ints
    suppliers: Suppliers
    promotions: PromotionPlan
    prices: Prices
    defects: Defects

    @property
    def start(self) -> date:
        """First day of history."""
        return self.as_of - timedelta(days=self.days - 1)

    @property
    def start_us(self) -> int:
        """Midnight (UTC) of the first day of history."""
        return int(datetime(self.start.year, self.start.month, self.start.day, tzinfo=UTC).timestamp()) * 1_000_000

    @property
    def end_us(self) -> int:
        """Midnight (UTC) after the as-of date."""
        return self.start_us + self.days * DAY_US

    @property
    def components(self) -> dict[int, list[tuple[int, int]]]:
        """By kit: its components and the units of each."""
        parts: dict[int, list[tuple[int, int]]] = {}
        for kit, part, units in zip(self.kit.tolist(), self.component.tolist(), self.component_units.tolist(), strict=True):
            parts.setdefault(kit, []).append((part, units))
        return parts

    def day_text(self, day: int) -> str:
        """A day of history as `YYYY-MM-DD`."""
        return (self.start + timedelta(days=day)).isoformat()


def group_of_location() -> Floats:
    """Location x group: 1 where the location belongs to the group."""
    belongs = np.zeros((len(LOCATIONS), GROUPS))
    for number, spec in enumerate(LOCATIONS):
        belongs[number, spec.group] = 1.0
    return belongs
