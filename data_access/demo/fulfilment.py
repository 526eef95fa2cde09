"""How an order is shipped and delivered: promised times, late packages, missing tracking and scans, buyers who cancel.

Each line's luck (`Traits`) is drawn before anything is simulated; the times follow from it and from where and when the line was
allocated. Goods come in and stock is allocated in the morning, until `GATE_US` (06:30 UTC); packages leave after that.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import numpy as np

from data_access.demo.company import Company, Flags, Floats, Ints, generator
from data_access.demo.demand import Lines, to_utc
from data_access.demo.luck import luck
from data_access.demo.specs import CARRIERS, CHANNELS, DAY_US, HOUR_US, LEIPZIG, LOCATIONS, MINUTE_US, NEWARK, RETAIL

NOT_YET: Final = np.iinfo(np.int64).max
CARRIER_NAMES: Final = tuple(name for spec in LOCATIONS for name in CARRIERS[spec.country])
GATE_US: Final = 6 * HOUR_US + 30 * MINUTE_US
BEFORE: Final = 10  # days that the calendar reaches back before the history
BEYOND: Final = 120  # and beyond it
PICK_FAILS: Final = 0.003  # of allocated lines: not found on the shelf
MARKETPLACE_CANCELS: Final = 0.0015
BUYER, MARKETPLACE, SELLER = 1, 2, 3
LOCAL_SHIFT: Final = np.array([5 * HOUR_US if number == NEWARK else 0 for number in range(len(LOCATIONS))])


@dataclass(slots=True)
class Traits:
    """What will become of each line if it is allocated. `cancels`: 0, BUYER or MARKETPLACE, `cancel_after` microseconds after placing.
    `due_day`: the channel's own day until whose end it is to be shipped; `luck` and the rest are equal within an order.
    """

    cancels: Ints
    cancel_after: Ints
    pick_fails: Flags
    due_day: Ints
    ship_by_at: Ints
    deliver_by_at: Ints
    luck: Floats
    late_by: Ints
    clock: Floats
    transit: Floats
    tracked: Floats
    scanned: Floats

    def take(self, rows: Ints) -> "Traits":
        """Those of some of the lines."""
        return Traits(*(getattr(self, name)[rows] for name in self.__dataclass_fields__))


def draw_traits(company: Company, lines: Lines) -> Traits:
    """The luck of every line, from the seed, its channel and its time: lines of one order share it."""
    names = ("late", "clock", "transit", "tracked", "scanned", "cancels", "late by")
    drawn = [luck(company.seed, name, lines.channel, lines.placed_at) for name in names]
    lateness, clock, transit, tracked, scanned, wants, days = drawn
    late_by = np.array([1, 1, 1, 2, 2, 3, 4])[(days * 7).astype(np.int64)]
    buyers = np.array([c.buyer_cancels for c in CHANNELS])[lines.channel]
    remote = lines.channel != RETAIL
    cancels = np.where(wants < buyers, BUYER, np.where(wants < buyers + MARKETPLACE_CANCELS, MARKETPLACE, 0)) * remote
    due_day = business_day(company, lines.day, np.array([c.handling_days for c in CHANNELS])[lines.channel])
    promised = business_day(company, due_day, np.array([c.transit_days for c in CHANNELS])[lines.channel])
    last_second = DAY_US - 1_000_000
    return Traits(
        cancels=cancels,
        cancel_after=cancel_after(company, lines),
        pick_fails=(luck(company.seed, "picking", lines.channel, lines.placed_at, lines.sku) < PICK_FAILS) & remote,
        due_day=due_day,
        ship_by_at=to_utc(company, company.start_us + due_day * DAY_US + last_second, lines.channel),
        deliver_by_at=to_utc(company, company.start_us + promised * DAY_US + last_second, lines.channel),
        luck=lateness,
        late_by=late_by,
        clock=clock,
        transit=transit,
        tracked=tracked,
        scanned=scanned,
    )


def cancel_after(company: Company, lines: Lines) -> Ints:
    """How long after placing lines are cancelled by a buyer or marketplace, if they are; in microseconds."""
    after = luck(company.seed, "cancels after", lines.channel, lines.placed_at)
    delay: Ints = (3 * MINUTE_US + after * 50 * MINUTE_US).astype(np.int64)
    return delay


def weekday(company: Company, day: Ints) -> Ints:
    """Weekday of days of history, 0 = Monday."""
    return (day + company.start.weekday()) % 7


def business_day(company: Company, day: Ints, count: Ints) -> Ints:
    """The `count`-th business day (Monday to Friday) after each day; 0 is the day itself."""
    today = weekday(company, day)
    begin = np.minimum(today, 4)  # from a weekend, count from Friday
    weeks, rest = np.divmod(begin + count, 5)
    due: Ints = np.where(count == 0, day, day - today + weeks * 7 + rest)
    return due


def open_day(company: Company, day: Ints) -> Ints:
    """The day itself, or Monday for a Sunday: warehouses work six days."""
    open_on: Ints = day + (weekday(company, day) == 6)
    return open_on


def missing_when_picked(traits: Traits, rows: Ints, location: Ints) -> Flags:
    """Lines whose units will not be on the shelf when they are to be picked; the marketplace's own centre always finds them."""
    is_missing: Flags = traits.pick_fails[rows] & (location != LEIPZIG)
    return is_missing


def late_factor(company: Company) -> Floats:
    """How strained each location is: (day + BEFORE) x location, about 1; higher before Christmas and in a few bad fortnights."""
    days = np.arange(-BEFORE, company.days + BEYOND)
    year_day = np.array([(company.start + timedelta(days=int(day))).timetuple().tm_yday for day in days])
    strain = np.repeat(0.85 + 0.8 * np.exp(-(((year_day - 350) / 10.0) ** 2))[:, None], len(LOCATIONS), axis=1)
    rng = generator(company.seed, "strain")
    for location in range(len(LOCATIONS)):
        for start in rng.integers(0, company.days, max(company.days // 240, 1)):
            strain[start + BEFORE : start + BEFORE + 14, location] *= rng.uniform(1.5, 3.0)
    return strain


def shipped_at(company: Company, lines: Lines, traits: Traits, strain: Floats, rows: Ints, location: Ints, held_day: Ints) -> Ints:
    """When lines that were allocated on `held_day` at `location` leave it. Till sales leave at once."""
    placed = lines.placed_at[rows]
    ready = np.maximum(placed, company.start_us + held_day * DAY_US + GATE_US)
    shift = LOCAL_SHIFT[location]
    local = ready - company.start_us - shift
    day = local // DAY_US
    morning = local - day * DAY_US < 12 * HOUR_US
    soonest = open_day(company, np.where(morning, day, day + 1))
    clock, lateness = traits.clock[rows], traits.luck[rows]
    usual = open_day(company, np.where(morning & (clock < 0.75), day, day + 1))
    due = traits.due_day[rows]
    leaves = np.where(usual > due, np.maximum(due, soonest), usual)
    odds = np.array([c.late for c in CHANNELS])[lines.channel[rows]] * strain[np.clip(held_day + BEFORE, 0, len(strain) - 1), location]
    late = lateness < odds
    leaves = np.where(late, np.maximum(leaves, open_day(company, due + traits.late_by[rows])), leaves)
    fraction = lateness * 997 % 1.0
    hour = np.where(leaves == day, 13 + 4 * fraction, 8 + 9 * fraction) * HOUR_US
    leaves_at = company.start_us + leaves * DAY_US + hour.astype(np.int64) + shift
    centre = ready + ((2 + 18 * fraction) * HOUR_US).astype(np.int64) + (lateness < 0.003) * 2 * DAY_US
    leaves_at = np.where(location == LEIPZIG, centre, leaves_at)
    return np.where(lines.channel[rows] == RETAIL, placed, leaves_at)


def delivered_at(company: Company, lines: Lines, traits: Traits, rows: Ints, location: Ints, shipped: Ints) -> Ints:
    """When packages reach the customer (whether or not anybody tells us)."""
    base = np.array([1.0, 1.0, 1.0, 2.0, 1.0, 0, 0, 0])[location]
    abroad = (location != NEWARK) & (np.array([c.country == "GB" for c in CHANNELS])[lines.channel[rows]] != (location == 1))
    draw = traits.transit[rows]
    extra = np.searchsorted(np.array([0.50, 0.80, 0.93, 0.965, 0.985, 0.996]), draw)
    days = base.astype(np.int64) + extra + 2 * abroad
    shift = LOCAL_SHIFT[location]
    day = open_day(company, (shipped - company.start_us - shift) // DAY_US + days)
    hour = (8 + 11 * (draw * 9973 % 1.0)) * HOUR_US
    arrives_at = company.start_us + day * DAY_US + hour.astype(np.int64) + shift
    return np.where(lines.channel[rows] == RETAIL, lines.placed_at[rows], arrives_at)


def package_times(lines: Lines, traits: Traits, rows: Ints, shipped: Ints, delivered: Ints) -> tuple[Ints, Ints, Ints]:
    """When the channel is given the tracking number, the carrier scans a package first, and its delivery is told; NOT_YET for never.

    Till sales have none of these.
    """
    channel = lines.channel[rows]
    clock, scanned = traits.clock[rows], traits.scanned[rows]
    remote = channel != RETAIL
    tracked = (traits.tracked[rows] >= np.array([c.untracked for c in CHANNELS])[channel]) & remote
    uploaded = shipped + ((0.05 + 5 * clock**6) * HOUR_US).astype(np.int64) + (scanned > 0.985) * 26 * HOUR_US
    scan = shipped + np.minimum((delivered - shipped) * 6 // 10, ((1.5 + 16 * scanned) * HOUR_US).astype(np.int64))
    seen = tracked & (scanned >= np.array([c.unscanned for c in CHANNELS])[channel])
    is_reported = (tracked | (scanned < 0.5)) & (clock < 0.994) & remote
    return np.where(tracked, uploaded, NOT_YET), np.where(seen, scan, NOT_YET), np.where(is_reported, delivered, NOT_YET)


def carriers(traits: Traits, rows: Ints, location: Ints) -> Ints:
    """Which of `CARRIER_NAMES` takes each package: one of the two of the location's country."""
    carrier: Ints = location * 2 + (traits.clock[rows] * 7 % 1.0 < 0.3)
    return carrier
