"""What the live simulator knows: the company again, its listings, and up to when each channel's happenings have been sent."""

from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final

import numpy as np
import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from data_access.demo.company import Company, Floats, Ints
from data_access.demo.demand import Lines, local_day, rates
from data_access.demo.founding import make_company
from data_access.demo.fulfilment import late_factor
from data_access.demo.planning import expected_use
from data_access.demo.specs import CHANNEL_INDEX, CHANNELS, LOCATIONS
from data_access.demo.waiting import known_until
from data_access.engine import reading
from data_access.errors import InvalidInput
from data_access.schema.catalog import listing
from data_access.schema.channels import channel_state
from data_access.schema.stock import stock_level
from data_access.store.lifecycle import check_store

SOURCE: Final = "demo-live"
CHUNK: Final = 500


@dataclass(slots=True)
class DemoWindow:
    """What happens next: by channel, all after `since` and up to `until`; `now` is when it is sent. Times in microseconds."""

    since: Ints
    until: Ints
    begins: int
    now: int


@dataclass(slots=True)
class DemoWorld:
    """The company as it goes on. `sent_until`: by channel, up to when its happenings have been sent; `now`: the same for all else."""

    engine: Engine
    company: Company
    strain: Floats
    sku_of: dict[str, int]
    listings: dict[tuple[int, int], list[str]]
    sku_of_listing: dict[tuple[int, str], int]
    sent_until: Ints
    now: int
    random: np.random.Generator
    _rates: dict[int, Floats] = field(default_factory=dict)
    _use: dict[int, Floats] = field(default_factory=dict)

    def window(self, now: int) -> DemoWindow:
        """From what was sent last to what is known by `now`."""
        until = np.maximum(known_until(np.arange(len(CHANNELS)), now), self.sent_until)
        return DemoWindow(self.sent_until.copy(), until, self.now, now)

    def rates(self, day: int) -> Floats:
        """Expected lines of a day: SKU x channel."""
        if day not in self._rates:
            self._rates = {kept: value for kept, value in self._rates.items() if kept >= day - 2}
            self._rates[day] = rates(self.company, day, 1)[0]
        return self._rates[day]

    def use(self, day: int) -> Floats:
        """Units a day that the company expects to need: stocked SKU x location."""
        week = day - day % 7
        if week not in self._use:
            self._use = {week: expected_use(self.company, week)}
        return self._use[week]

    def lines(self, skus: list[str], channels: list[str], placed_at: list[int], quantity: list[int]) -> Lines:
        """Stored order lines, as the rules of the history take them."""
        channel = np.array([CHANNEL_INDEX[name] for name in channels], np.int64)
        placed = np.array(placed_at, np.int64)
        return Lines(
            np.array([self.sku_of[sku] for sku in skus], np.int64),
            channel,
            local_day(self.company, placed, channel),
            placed,
            np.array(quantity, np.int64),
            np.arange(len(skus)),
            np.full(len(skus), -1, np.int64),
        )

    def day(self, at: int) -> int:
        """The day of history (UTC) of a moment."""
        return (at - self.company.start_us) // 86_400_000_000

    def knows(self, row: Any) -> bool:
        """Whether a stored row is of a SKU and channel of the demo; others may have been added by hand."""
        return row.sku in self.sku_of and row.channel_id in CHANNEL_INDEX

    def parts(self, sku: int) -> list[tuple[int, int]]:
        """Stocked SKUs in one unit of a SKU, with their units."""
        return self.company.components.get(sku, [(sku, 1)]) if sku >= self.company.stocked else [(sku, 1)]


def open_world(engine: Engine) -> DemoWorld:
    """The world of a demo store.

    Raises:
        InvalidInput: the store is not a demo.

    """
    info = check_store(engine)
    made = info.meta.get("demo")
    if info.kind != "demo" or not isinstance(made, dict):
        raise InvalidInput(
            "This store is not a demo, and its events may not be invented: make one with `onhand demo`, "
            "or set ONHAND_DATABASE_URL to a demo store."
        )
    company = make_company(str(made["size"]), int(made["seed"]), date.fromisoformat(str(made["as_of"])))
    sku_of = {sku: number for number, sku in enumerate(company.skus)}
    listings: dict[tuple[int, int], list[str]] = {}
    sku_of_listing: dict[tuple[int, str], int] = {}
    with reading(engine) as connection:
        query = sa.select(listing.c.channel_id, listing.c.sku, listing.c.external_sku).order_by(listing.c.listing_id)
        for row in connection.execute(query):
            if row.sku in sku_of and row.channel_id in CHANNEL_INDEX:
                listings.setdefault((sku_of[row.sku], CHANNEL_INDEX[row.channel_id]), []).append(row.external_sku)
                sku_of_listing[CHANNEL_INDEX[row.channel_id], row.external_sku] = sku_of[row.sku]
        states = {row.channel_id: row.synced_until for row in connection.execute(sa.select(channel_state))}
    sent = np.array([states.get(spec.channel_id, company.end_us) for spec in CHANNELS], np.int64)
    now = int(sent.max())
    random = np.random.default_rng([company.seed, now])
    return DemoWorld(engine, company, late_factor(company), sku_of, listings, sku_of_listing, sent, now, random)


def in_chunks(values: list[Any]) -> list[list[Any]]:
    """Lists short enough for one statement."""
    return [values[start : start + CHUNK] for start in range(0, len(values), CHUNK)]


@dataclass(slots=True)
class Shelf:
    """Stock of some SKUs: sellable units that no line holds, all on order, both SKU x location; `held`: units of open lines."""

    row: dict[int, int]
    free: Ints
    on_order: Ints
    held: Ints
    sellable: Ints


def read_shelf(world: DemoWorld, connection: Connection, skus: list[int]) -> Shelf:
    """The stock of stocked SKUs."""
    place = {spec.location_id: number for number, spec in enumerate(LOCATIONS)}
    row = {sku: number for number, sku in enumerate(skus)}
    free, on_order, held, sellable = (np.zeros((len(skus), len(LOCATIONS)), np.int64) for _ in range(4))
    names = [world.company.skus[sku] for sku in skus]
    for part in in_chunks(names):
        for level in connection.execute(sa.select(stock_level).where(stock_level.c.sku.in_(part))):
            if level.location_id not in place:
                continue
            at = row[world.sku_of[level.sku]], place[level.location_id]
            sellable[at] = level.on_hand - level.unsellable
            free[at] = sellable[at] - level.allocated
            on_order[at], held[at] = level.on_order, level.allocated
    return Shelf(row, free, on_order, held, sellable)
