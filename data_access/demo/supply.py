"""Stock, day by day: what is allocated where, what runs out, what is ordered, moved, counted.

A loop over days; everything within a day is vectorised over lines, or over SKU x location. `free` is sellable stock that no order holds:
what may be allocated, moved or found missing. Shipping a held unit changes neither side of it, so balances of the ledger, which are
`free` plus what is held, stay at 0 or more at every moment as long as `free` does. Goods come in, and stock moves, before `GATE_US`.
"""

from dataclasses import dataclass, field
from typing import Final

import numpy as np

from data_access.demo.columns import GrowingColumns
from data_access.demo.company import Company, Flags, Ints, generator, group_of_location
from data_access.demo.demand import Lines
from data_access.demo.fates import Fates
from data_access.demo.fulfilment import BEYOND, GATE_US, cancel_after, delivered_at, late_factor, shipped_at
from data_access.demo.needs import UnitNeeds
from data_access.demo.planning import expected_use, order_quantities
from data_access.demo.returning import REFURBISH, RESTOCK, inspected_day, return_location
from data_access.demo.specs import (
    CHANNELS,
    DAY_US,
    EBAY,
    GROUP_GATE,
    GROUPS,
    HAMBURG,
    HOUR_US,
    LEIPZIG,
    LOCATION_INDEX,
    LOCATIONS,
    RETAIL,
    ROTTERDAM,
    SHOP,
    SHOPS,
    TIKTOK,
)
from data_access.demo.waiting import draw_patience, received_later, second_listing

LOST, HELD, WAITING, GIVEN_UP = range(4)
MEMORY_DAYS: Final = 30.0  # of the exponential mean with which the company plans
DAMAGED: Final = 0.00025  # chance a day that something of a SKU at a location breaks
ALLOCATE_HOURS: Final = 2
PLACES: Final = 3  # locations that serve a channel, at most
EBAY_SERVED: Final = [LOCATION_INDEX[name] for name in CHANNELS[EBAY].serves]


@dataclass(slots=True)
class Supply:
    """What happened. By line: `status`, `location` (-1 while not held), `held_day`, `given_up_at` (NEVER's of time where it does not).

    Rows: `openings` (sku, location, units); `orders` (po, day, supplier, location, expected day); `order_lines` (po, sku, units);
    `receipts` (day, po, sku, location, units); `transfers` (day, from, to, sku, units); `counts` (day, sku, location, change);
    `write_offs` (day, sku, location, units).
    """

    status: Ints
    location: Ints
    held_day: Ints
    given_up_at: Ints
    free: Ints
    openings: tuple[Ints, ...] = ()
    orders: tuple[Ints, ...] = ()
    order_lines: tuple[Ints, ...] = ()
    receipts: tuple[Ints, ...] = ()
    transfers: tuple[Ints, ...] = ()
    counts: tuple[Ints, ...] = ()
    write_offs: tuple[Ints, ...] = ()
    empty_days: Ints = field(default_factory=lambda: np.zeros((0, 0), np.int64))


class Simulation:
    """The state of the loop; `run` makes it."""

    def __init__(self, company: Company, lines: Lines, fates: Fates, until_us: int) -> None:
        self.company, self.lines, self.fates, self.until_us = company, lines, fates, until_us
        count = len(lines)
        stocked, places = company.stocked, len(LOCATIONS)
        self.status = np.full(count, LOST, np.int8)
        self.location = np.full(count, -1, np.int8)
        self.held_day = np.full(count, -1, np.int16)
        self.given_up_at = np.full(count, np.iinfo(np.int64).max)
        self.free = np.zeros((stocked, places), np.int64)
        self.flat = self.free.reshape(-1)
        self.on_order = np.zeros((stocked, GROUPS), np.int64)
        self.strain = late_factor(company)
        self.group = group_of_location()
        self.needs = UnitNeeds(company)
        serves = np.full((PLACES, len(CHANNELS)), -1)
        for number, spec in enumerate(CHANNELS):
            if number != RETAIL:
                for rank, name in enumerate(spec.serves):
                    serves[rank, number] = LOCATION_INDEX[name]
        self.serves = serves
        self.coming_back: dict[int, list[tuple[Ints, Ints]]] = {}
        self.arriving: dict[int, list[tuple[Ints, Ints, Ints, Ints]]] = {}
        self.backlog = np.empty(0, np.int64)
        self.rows = {name: GrowingColumns() for name in ("orders", "order_lines", "receipts", "transfers", "counts", "write_offs")}
        self.next_order = 0
        self.empty_days = np.zeros((stocked, len(CHANNELS)), np.int64)
        self.ebay_moved = np.zeros(stocked, np.int64)  # change of its pool this morning, before the gate
        self._plans()

    def explode(self, rows: Ints) -> tuple[Ints, Ints, Ints]:
        """`UnitNeeds` of lines by number."""
        return self.needs.explode(self.lines.sku[rows])

    def _plans(self) -> None:
        """Opening stock, and what the company believes about its demand."""
        company = self.company
        rng = generator(company.seed, "planning")
        self.rng = generator(company.seed, "supply")
        error = np.exp(rng.normal(0.0, 0.22, (company.stocked, len(LOCATIONS))))
        alive = company.launched[: company.stocked] <= 0
        use = expected_use(company, 0)
        later = expected_use(company, company.days // 2)
        self.use = np.where(alive[:, None], use, later) * error
        cover = np.array([26.0, 26.0, 30.0, 30.0, 18.0, 20.0, 20.0, 20.0])
        lead = company.suppliers.lead[company.supplier] * 0.8
        days = cover[None, :] + np.where(np.arange(len(LOCATIONS)) < LEIPZIG, lead[:, None], 0.0)
        opening = np.ceil(self.use * days * rng.uniform(0.6, 1.25, self.use.shape)).astype(np.int64)
        opening[:, ROTTERDAM] += np.where(company.stocks[:, ROTTERDAM], opening[:, HAMBURG] // 3, 0)
        self.free[:] = opening * alive[:, None] * company.stocks
        sku, place = np.nonzero(company.stocks)
        self.openings = (sku, place, self.free[sku, place].copy())
        self._schedule_counts(rng, sku, place)

    def _schedule_counts(self, rng: np.random.Generator, sku: Ints, place: Ints) -> None:
        """Each SKU is counted twice a year at each location, a location's counts being gathered on a weekday of its own."""
        days = self.company.days
        times = max(days // 182, 1)
        day = ((np.arange(times)[:, None] + rng.random((times, len(sku)))) * days / times).astype(np.int64)
        day = day - (day + self.company.start.weekday()) % 7 + place % 6
        shops = place >= SHOPS[0]
        odds = np.where(shops, 0.16, 0.07)
        draw = rng.random(day.shape)
        change = np.where(draw < odds, -rng.integers(1, 4, day.shape), np.where(draw > 1 - odds / 3, rng.integers(1, 3, day.shape), 0))
        keep = (day > 0) & (day < days)
        rows = np.nonzero(keep)
        table = np.stack([day[keep], sku[rows[1]], place[rows[1]], change[keep]])
        table = table[:, np.lexsort((table[1], table[2], table[0]))]
        table = table[:, np.concatenate([[True], (table[:3, 1:] != table[:3, :-1]).any(axis=0)])] if table.size else table
        self.count_table, self.count_from = table, np.searchsorted(table[0], np.arange(days + 1))
        hits = [np.unique(rng.integers(0, len(sku), rng.poisson(DAMAGED * len(sku)))) for _ in range(days)]
        self.damage = [(sku[rows], place[rows]) for rows in hits]
        self.damage_units = generator(self.company.seed, "damage")

    # ---- one day ---------------------------------------------------------------------------------------------------

    def run(self) -> Supply:
        """Simulate every day up to `until_us`."""
        company = self.company
        first = np.searchsorted(self.lines.placed_at, company.start_us + np.arange(company.days + 1) * DAY_US)
        for day in range(company.days):
            if company.start_us + day * DAY_US + GATE_US <= self.until_us:
                self.morning(day)
            self.sell(day, np.arange(first[day], first[day + 1]))
        waiting = self.backlog
        gone = self.given_up_at[waiting] <= self.until_us
        self.status[waiting[gone]] = GIVEN_UP
        late = (self.status == GIVEN_UP) & (self.given_up_at > self.until_us)
        self.status[late] = WAITING
        widths = {"orders": 5, "order_lines": 3, "receipts": 5, "transfers": 5, "counts": 4, "write_offs": 4}
        return Supply(
            self.status,
            self.location,
            self.held_day,
            self.given_up_at,
            self.free,
            openings=self.openings,
            empty_days=self.empty_days,
            **{name: self.rows[name].columns(width) for name, width in widths.items()},
        )

    def morning(self, day: int) -> None:
        """Before the gate: returns to the shelf, receipts, backorders, counts, transfers, purchase orders."""
        before = self._ebay_pool()
        for sku_place, units in self.coming_back.pop(day, ()):
            np.add.at(self.flat, sku_place, units)
        for order, sku, place, units in self.arriving.pop(day, ()):
            np.add.at(self.flat, sku * len(LOCATIONS) + place, units)
            group = np.array([spec.group for spec in LOCATIONS])[place]
            np.subtract.at(self.on_order, (sku, group), units)
            self.rows["receipts"].add(day, order, sku, place, units)
        self._serve_backlog(day)
        self._count(day)
        self._transfer(day)
        self._order(day)
        self.ebay_moved = self._ebay_pool() - before
        self.empty_days += self._empty(day)

    def _empty(self, day: int) -> Ints:
        """SKU x channel: 1 where the SKU is sold there and no location that serves it has any left."""
        company = self.company
        alive = (company.launched[: company.stocked] <= day) & (company.ended[: company.stocked] >= day)
        is_out = np.zeros((company.stocked, len(CHANNELS)), np.int64)
        for number, spec in enumerate(CHANNELS):
            left = self.free[:, [LOCATION_INDEX[name] for name in spec.serves]].sum(axis=1)
            is_out[:, number] = alive & company.listed[: company.stocked, number] & (left <= 0)
        return is_out

    def allocate(self, rows: Ints) -> Ints:
        """Hold stock for lines in the order given; the location of each, or -1. A line is held whole, at one location."""
        places = np.full(len(rows), -1)
        channel = self.lines.channel[rows]
        for rank in range(PLACES):
            target = np.where(channel == RETAIL, self.lines.shop[rows] if rank == 0 else -1, self.serves[rank][channel])
            todo = np.flatnonzero((places < 0) & (target >= 0))
            while len(todo):
                at, sku, per = self.explode(rows[todo])
                key = sku * len(LOCATIONS) + target[todo][at]
                units = per * self.lines.quantity[rows[todo]][at]
                fits = np.bincount(at[units > self.flat[key]], minlength=len(todo)) == 0
                if not fits.all():
                    todo = todo[fits]
                    continue
                order = np.argsort(key, kind="stable")
                ranked, running = key[order], np.cumsum(units[order])
                head = np.flatnonzero(np.concatenate([[True], ranked[1:] != ranked[:-1]]))
                size = np.diff(np.append(head, len(ranked)))
                running -= np.repeat(running[head] - units[order][head], size)
                served = np.bincount(at[order[running > self.flat[ranked]]], minlength=len(todo)) == 0
                if not served.any():
                    served[0] = True  # by itself it fits, as was seen above
                np.subtract.at(self.flat, key[served[at]], units[served[at]])
                places[todo[served]] = target[todo[served]]
                todo = todo[~served]
        return places

    def hold(self, rows: Ints, location: Ints, day: int) -> None:
        """Note what is held, and plan what comes back to the shelf from it."""
        company, fates = self.company, self.fates
        self.status[rows], self.location[rows], self.held_day[rows] = HELD, location, day
        cancelled = fates.cancels[rows] > 0
        self._plan_back(rows[cancelled], location[cancelled], np.full(int(cancelled.sum()), day + 1), self.lines.quantity[rows[cancelled]])
        back = fates.comes_back[rows] & ~cancelled & ~(fates.pick_fails[rows] & (location != LEIPZIG))
        rows, location = rows[back], location[back]
        number, returning = fates.number(rows), fates.returning
        good = returning.disposition[number] == RESTOCK
        good |= (returning.disposition[number] == REFURBISH) & returning.repaired[number]
        rows, location, number = rows[good], location[good], number[good]
        if len(rows):
            held = np.full(len(rows), day)
            shipped = shipped_at(company, fates.lines, fates.traits, self.strain, number, location, held)
            delivered = delivered_at(company, fates.lines, fates.traits, number, location, shipped)
            shelf = inspected_day(company, returning, number, delivered) + np.where(
                returning.disposition[number] == REFURBISH, returning.repair_days[number], 0
            )
            self._plan_back(rows, return_location(fates.lines.channel[number], location), shelf, returning.quantity[number])

    def _plan_back(self, rows: Ints, place: Ints, day: Ints, quantity: Ints) -> None:
        if len(rows) == 0:
            return
        at, sku, per = self.explode(rows)
        key, units, when = sku * len(LOCATIONS) + place[at], per * quantity[at], day[at]
        for value in np.unique(when):
            same = when == value
            self.coming_back.setdefault(int(value), []).append((key[same], units[same]))

    def sell(self, day: int, rows: Ints) -> None:
        """The day's lines: held, backordered where the channel did not know or the customer waits, else lost."""
        location = self._allocate_in_turn(rows)
        held = location >= 0
        self.hold(rows[held], location[held], day)
        self._learn(rows[held], location[held], day)
        left = rows[~held]
        if len(left) == 0:
            return
        at, sku, _ = self.explode(left)
        coming = np.bincount(at[self.on_order[sku, 0] <= 0], minlength=len(left)) == 0
        waits = draw_patience(self.company, self.lines.take(left)).waits
        taken = self._unaware(day, left, rows[held], location[held]) | (waits & coming)
        self._backorder(left[taken], day)

    def _allocate_in_turn(self, rows: Ints) -> Ints:
        """`allocate`, some hours at a time: so that what is sold later takes nothing from an earlier line that has to look further."""
        span = self.lines.placed_at[rows] // (ALLOCATE_HOURS * HOUR_US)
        ends = np.flatnonzero(np.diff(span)) + 1
        parts = [self.allocate(part) for part in np.split(rows, ends)]
        return np.concatenate(parts)

    def _unaware(self, day: int, left: Ints, held: Ints, location: Ints) -> Flags:
        """Whether the lagging channel still offers what these lines want: it sees the pool as it was when it was last told, less what the
        line's own listing sold since. `held`, `location`: the day's lines that got stock, and where.
        """
        lines, is_unaware = self.lines, np.zeros(len(left), bool)
        asking = np.flatnonzero(lines.channel[left] == EBAY)
        if len(asking) == 0:
            return is_unaware
        rows = left[asking]
        at, sku, per = self.explode(rows)
        placed, listing = lines.placed_at[rows][at], self._listing(rows)[at]
        last_told = placed - (received_later(lines.channel[rows], lines.placed_at[rows]) - lines.placed_at[rows])[at]
        near = np.isin(location, EBAY_SERVED)
        other_at, other_sku, other_per = self.explode(held[near])
        wanted_too = np.isin(other_sku, sku)
        other_at, other_sku, other_per = other_at[wanted_too], other_sku[wanted_too], other_per[wanted_too]
        other = held[near][other_at]
        same = sku[:, None] == other_sku[None, :]
        units = same * (other_per * lines.quantity[other])[None, :]
        later = lines.placed_at[other][None, :] > placed[:, None]
        unseen = ~later & (lines.placed_at[other][None, :] > last_told[:, None]) & (self._listing(other)[None, :] != listing[:, None])
        earlier = (sku[:, None] == sku[None, :]) & (np.arange(len(sku))[None, :] < np.arange(len(sku))[:, None])
        wanted = per * lines.quantity[rows][at]
        shown = self._ebay_pool()[sku] + (units * (later | unseen)).sum(axis=1) - (earlier * wanted[None, :]).sum(axis=1)
        shown -= np.where(last_told < self.company.start_us + day * DAY_US + GATE_US, self.ebay_moved[sku], 0)
        is_unaware[asking] = np.bincount(at[shown < wanted], minlength=len(rows)) == 0
        return is_unaware

    def _listing(self, rows: Ints) -> Ints:
        """A number for the listing that each line is sold by."""
        lines = self.lines.take(rows)
        return (lines.sku * len(CHANNELS) + lines.channel) * 2 + second_listing(self.company, lines.sku, lines.channel, lines.placed_at)

    def _ebay_pool(self) -> Ints:
        """By stocked SKU: what is free at the lagging channel's locations, less what is owed on the channels that share them."""
        waiting = self.backlog[np.isin(self.lines.channel[self.backlog], (EBAY, TIKTOK, SHOP))]
        at, part, per = self.explode(waiting)
        owed = np.bincount(part, weights=per * self.lines.quantity[waiting][at], minlength=self.company.stocked)
        pool: Ints = self.free[:, EBAY_SERVED].sum(axis=1) - owed.astype(np.int64)
        return pool

    def _backorder(self, rows: Ints, day: int) -> None:
        lines = self.lines.take(rows)
        patience = draw_patience(self.company, lines)
        cancelled, refused = self.fates.cancels[rows] > 0, patience.refused
        leaves = self.company.start_us + day * DAY_US + patience.leaves_after
        leaves = np.where(cancelled, lines.placed_at + cancel_after(self.company, lines), leaves)
        self.given_up_at[rows] = leaves
        never = cancelled | refused
        self.status[rows] = np.where(never, GIVEN_UP, WAITING)
        self.backlog = np.concatenate([self.backlog, rows[~never]])

    def _serve_backlog(self, day: int) -> None:
        if len(self.backlog) == 0:
            return
        gone = self.given_up_at[self.backlog] < self.company.start_us + day * DAY_US
        self.status[self.backlog[gone]] = GIVEN_UP
        waiting = self.backlog[~gone]
        location = self.allocate(waiting)
        served = location >= 0
        self.given_up_at[waiting[served]] = np.iinfo(np.int64).max
        self.hold(waiting[served], location[served], day)
        self.backlog = waiting[~served]

    def _count(self, day: int) -> None:
        table = self.count_table[:, self.count_from[day] : self.count_from[day + 1]]
        _, sku, place, change = table
        change = np.maximum(change, -self.free[sku, place])
        np.add.at(self.free, (sku, place), change)
        self.rows["counts"].add(day, sku, place, change)
        sku, place = self.damage[day]
        units = np.minimum(self.damage_units.integers(1, 4, len(sku)), self.free[sku, place])
        np.subtract.at(self.free, (sku, place), units)
        some = units > 0
        self.rows["write_offs"].add(day, sku[some], place[some], units[some])

    # ---- moving and ordering ---------------------------------------------------------------------------------------

    def _move(self, day: int, source: int, target: int, below_days: float, up_to_days: float, keep_days: float) -> None:
        """Fill a location up from another where it is low, as far as the other can spare it."""
        company = self.company
        use = self.use[:, target]
        alive = (company.launched[: company.stocked] <= day + 3) & (company.ended[: company.stocked] > day)
        low = alive & company.stocks[:, target] & (self.free[:, target] < use * below_days + 0.5)
        spare = self.free[:, source] - np.ceil(self.use[:, source] * keep_days).astype(np.int64)
        units = np.minimum(np.ceil(use * up_to_days).astype(np.int64) + 1 - self.free[:, target], spare)
        sku = np.flatnonzero(low & (units > 0))
        self.free[sku, source] -= units[sku]
        self.free[sku, target] += units[sku]
        self.rows["transfers"].add(day, source, target, sku, units[sku])

    def _transfer(self, day: int) -> None:
        today = (day + self.company.start.weekday()) % 7
        if today in (0, 3):
            self._move(day, ROTTERDAM, HAMBURG, 8, 20, 0)
        if today in (1, 4):
            self._move(day, HAMBURG, LEIPZIG, 8, 20, 4)
        for shop, weekday in zip(SHOPS, (0, 2, 3), strict=True):
            if today == weekday:
                self._move(day, HAMBURG, shop, 9, 30, 3)

    def _learn(self, rows: Ints, location: Ints, day: int) -> None:
        """Bring the company's exponential mean of use up to date, where there was stock to use."""
        company = self.company
        at, sku, per = self.explode(rows)
        used = np.bincount(
            sku * len(LOCATIONS) + location[at], weights=per * self.lines.quantity[rows][at], minlength=self.flat.size
        ).reshape(self.free.shape)
        alive = (company.launched[: company.stocked] <= day)[:, None]
        known = alive & ((self.free > 0) | (used > 0))
        self.use += np.where(known, (used - self.use) / MEMORY_DAYS, 0.0)

    def _order(self, day: int) -> None:
        """Suppliers whose weekday it is: order up to the target where the position is below the trigger."""
        company = self.company
        suppliers = company.suppliers
        today = (day + company.start.weekday()) % 7
        due = suppliers.weekday[company.supplier] == today
        lead = suppliers.lead[company.supplier]
        launched, ended = company.launched[: company.stocked], company.ended[: company.stocked]
        due &= (launched <= day + lead + 12) & (ended > day + lead + 14)
        sku = np.flatnonzero(due)
        if len(sku) == 0:
            return
        position = self.free[sku, : SHOPS[0]] @ self.group[: SHOPS[0]].astype(np.int64) + self.on_order[sku]
        units = order_quantities(company, day, sku, self.use[sku] @ self.group, position)
        row, group = np.nonzero(units)
        if len(row):
            self._place(day, sku[row], np.array(GROUP_GATE)[group], units[row, group])

    def _place(self, day: int, sku: Ints, place: Ints, units: Ints) -> None:
        """Purchase orders, one for each supplier and location; half of what Rotterdam can hold goes there."""
        company, rng = self.company, self.rng
        half = units // 2 // company.case_pack[sku] * company.case_pack[sku]
        split = (place == HAMBURG) & company.stocks[sku, ROTTERDAM] & (half >= company.moq[sku]) & (units >= 24)
        split &= self.free[sku, ROTTERDAM] < self.use[sku, HAMBURG] * 20
        sku, place = np.concatenate([sku, sku[split]]), np.concatenate([place, np.full(int(split.sum()), ROTTERDAM)])
        units = np.concatenate([np.where(split, units - half, units), half[split]])
        supplier = company.supplier[sku]
        order, line_order = np.unique(supplier * len(LOCATIONS) + place, return_inverse=True)
        from_supplier, to_place = order // len(LOCATIONS), order % len(LOCATIONS)
        suppliers = company.suppliers
        mean, spread = suppliers.lead[from_supplier], suppliers.spread[from_supplier]
        shape = (mean / spread) ** 2
        delayed = (suppliers.delayed_from[from_supplier] <= day) & (day <= suppliers.delayed_to[from_supplier])
        taken = rng.gamma(shape, mean / shape) * np.where(delayed, 1.8, 1.0)
        arrives = day + np.clip(np.round(taken), 2, BEYOND).astype(np.int64)
        number = self.next_order + np.arange(len(order))
        self.next_order += len(order)
        self.rows["orders"].add(number, day, from_supplier, to_place, day + np.ceil(mean).astype(np.int64))
        self.rows["order_lines"].add(number[line_order], sku, units)
        group = np.array([spec.group for spec in LOCATIONS])[place]
        np.add.at(self.on_order, (sku, group), units)
        in_two = (rng.random(len(sku)) < 0.08) & (units >= 4)
        second = np.where(in_two, units // 3, 0)
        again = rng.integers(4, 13, len(sku))
        self._arrive(number[line_order], sku, place, units - second, arrives[line_order])
        self._arrive(number[line_order][in_two], sku[in_two], place[in_two], second[in_two], (arrives[line_order] + again)[in_two])

    def _arrive(self, order: Ints, sku: Ints, place: Ints, units: Ints, day: Ints) -> None:
        for value in np.unique(day):
            same = day == value
            self.arriving.setdefault(int(value), []).append((order[same], sku[same], place[same], units[same]))
