"""True demand: rates by SKU, channel and day, the law of promotions, and the lines that customers would order.

The law of promotions. SKU k is discounted by d on channel c. Of the customers who would have bought k on another channel c', the share
`1 - exp(-switching(category) * d * affinity(c', c) * 4)` buys on c instead: that is the *diversion*. Besides, demand of c's own customers
is multiplied by `(1 - d) ** -elasticity(category)`. The *lift* on c is both together. Nothing else is borrowed: demand before and
after a promotion is untouched.

A *rush*: someone shows a SKU on the social channel in the evening, and within the hour it sells there, and on the marketplace that people
look it up on, what it else sells in weeks. Rushes come on top of the rates. They are when a channel that hears late oversells.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from data_access.demo.company import Company, Flags, Floats, Ints, generator
from data_access.demo.specs import AFFINITY, CATEGORIES, CHANNELS, DAY_US, EBAY, HOUR_US, SHOP_SHARES, SHOPS, TIKTOK

BLOCK_DAYS: Final = 32
CHANNEL_NOISE: Final = 0.10
SWITCHING_SCALE: Final = 4.0
RUSH_EVERY: Final = 120.0  # mean days between two rushes for a SKU that both channels sell
RUSH_DAYS: Final = 25.0  # how many days' demand of both channels comes in one
RUSH_HOUR: Final = 20  # by the social channel's clock
CLOCK_BEFORE: Final = 100
CLOCK_BEYOND: Final = 800


def rates(company: Company, first: int, count: int) -> Floats:
    """Expected lines of `count` days from day `first`: day x SKU x channel. Days before and after the history are allowed."""
    expected = _before_promotions(company, first, count)
    row, offset = _promoted_days(company, first, count)
    if len(row):
        sku = company.promotions.sku[row]
        expected[offset, sku] = promoted(company, row, expected[offset, sku])
    return expected


def promoted(company: Company, row: Ints, before: Floats) -> Floats:
    """Rates by channel (rows x channels) under the promotions `row`, by the law above."""
    promotions = company.promotions
    channel, discount = promotions.channel[row], promotions.discount[row]
    category = company.category[promotions.sku[row]]
    elasticity = np.array([c.elasticity for c in CATEGORIES])[category]
    switching = np.array([c.switching for c in CATEGORIES])[category]
    share = 1.0 - np.exp(-SWITCHING_SCALE * (switching * discount)[:, None] * np.array(AFFINITY).T[channel])
    at = np.arange(len(row))
    share[at, channel] = 0.0
    moved = before * share
    after: Floats = before - moved
    after[at, channel] = before[at, channel] * (1.0 - discount) ** -elasticity + moved.sum(axis=1)
    return after


def promotion_effects(company: Company) -> pl.DataFrame:
    """Expected units each promotion adds or takes: promotion, sku, channel, units (signed), over all its days."""
    promotions = company.promotions
    effects = np.zeros((len(promotions.sku), len(CHANNELS)))
    last = int(promotions.end.max()) + 1
    for first in range(0, last, BLOCK_DAYS):
        count = min(BLOCK_DAYS, last - first)
        row, offset = _promoted_days(company, first, count)
        if len(row) == 0:
            continue
        before = _before_promotions(company, first, count)[offset, promotions.sku[row]]
        np.add.at(effects, row, promoted(company, row, before) - before)
    effects *= units_per_line(company)[promotions.sku][:, None]
    row, channel = np.nonzero(effects)
    return pl.DataFrame({"row": row, "channel": channel, "units": effects[row, channel]})


def units_per_line(company: Company) -> Floats:
    """Mean units of one line, by SKU: 1 plus a geometric number more."""
    units: Floats = 1.0 / (1.0 - company.multi_buy)
    return units


def _promoted_days(company: Company, first: int, count: int) -> tuple[Ints, Ints]:
    """Promotion rows and day offsets in a window, one pair a day."""
    start = np.maximum(company.promotions.start, first)
    length = np.maximum(np.minimum(company.promotions.end, first + count - 1) - start + 1, 0)
    row = np.repeat(np.arange(len(start)), length)
    within = np.arange(len(row)) - np.repeat(np.cumsum(length) - length, length)
    return row, start[row] - first + within


def _before_promotions(company: Company, first: int, count: int) -> Floats:
    days = np.arange(first, first + count)
    dates = [company.start + timedelta(days=int(day)) for day in days]
    weekday = np.array([day.weekday() for day in dates])
    year_day = np.array([day.timetuple().tm_yday for day in dates])
    season = yearly(year_day)
    week = np.array([c.weekdays for c in CHANNELS])[:, weekday].T
    expected: Floats = (company.base[:, None] * company.share)[None] * week[:, None, :]
    expected *= (season[:, company.category] * _life(company, days))[:, :, None]
    expected *= _price_effect(company, days)
    return expected


def yearly(year_day: Ints) -> Floats:
    """The yearly season: day x category, about 1 on average."""
    season = np.empty((len(year_day), len(CATEGORIES)))
    for number, spec in enumerate(CATEGORIES):
        wave = 1.0 + spec.swing * np.cos(2 * np.pi * (year_day - spec.peak_day) / 365.25)
        gift = spec.gift * np.exp(-(((year_day - 344) / 13.0) ** 2))
        season[:, number] = wave + gift
    return season


def _life(company: Company, days: Ints) -> Floats:
    """Trend, launch and end of life: day x SKU."""
    years = (days - company.days / 2) / 365.25
    trend = company.trend[None, :] ** years[:, None]
    age = days[:, None] - company.launched[None, :]
    ramp = np.where(age < 0, 0.0, np.minimum(0.35 + 0.65 * age / 35.0, 1.0))
    left = company.ended[None, :] - days[:, None]
    fade = np.where(left < 0, 0.0, np.minimum(0.4 + 0.6 * left / 45.0, 1.0))
    factor: Floats = trend * ramp * fade
    return factor


def _price_effect(company: Company, days: Ints) -> Floats:
    """Demand under the price of the day against the first price: ratio ** (-elasticity / 2)."""
    prices = company.prices
    power = np.array([c.elasticity for c in CATEGORIES])[company.category] / 2
    logs = -power[prices.sku] * np.log(prices.ratio)
    same = np.zeros(len(logs), bool)
    same[1:] = (prices.sku[1:] == prices.sku[:-1]) & (prices.channel[1:] == prices.channel[:-1])
    change = logs - np.where(same, np.concatenate([[0.0], logs[:-1]]), 0.0)
    steps: Floats = np.zeros((len(days), len(company.base), len(CHANNELS)))
    known = prices.day <= days[-1]
    np.add.at(steps, (np.maximum(prices.day[known] - days[0], 0), prices.sku[known], prices.channel[known]), change[known])
    np.cumsum(steps, axis=0, out=steps)
    effect: Floats = np.exp(steps)
    return effect


@dataclass(slots=True)
class Lines:
    """Lines that customers would order, in order of time. `day`: the channel's own day; `order`: lines of one order share it;
    `shop`: the location of a till, else -1. All lines of a history are kept in narrow types: reckon with a `part` of them.
    """

    sku: Ints
    channel: Ints
    day: Ints
    placed_at: Ints
    quantity: Ints
    order: Ints
    shop: Ints

    def __len__(self) -> int:
        return len(self.sku)

    def take(self, rows: Ints | Flags) -> "Lines":
        """Some of the lines, in the types they are kept in."""
        return Lines(*(getattr(self, name)[rows] for name in self.__dataclass_fields__))

    def part(self, rows: Ints | slice) -> "Lines":
        """Some of the lines, in 64 bits."""
        return Lines(*(getattr(self, name)[rows].astype(np.int64) for name in self.__dataclass_fields__))


def draw_lines(company: Company, until_us: int) -> Lines:
    """All lines wanted from the start of history until `until_us`."""
    days, skus, channels = _cells(company)
    rng = generator(company.seed, "lines")
    placed_at = _times(rng, days, channels, company)
    rush = rushes(company)
    days = np.concatenate([days, rush.day.astype(days.dtype)])
    skus = np.concatenate([skus, rush.sku.astype(skus.dtype)])
    channels = np.concatenate([channels, rush.channel.astype(channels.dtype)])
    placed_at = np.concatenate([placed_at, rush.placed_at])
    quantity = rng.geometric(1.0 - company.multi_buy[skus]).astype(np.int16)
    inside = (placed_at >= company.start_us) & (placed_at < until_us)
    count = len(skus)
    lines = Lines(skus, channels, days, placed_at, quantity, np.zeros(count, np.int32), np.full(count, -1, np.int8))
    del days, skus, channels, quantity
    joins = rng.random(count)
    shop = rng.choice(np.array(SHOPS, np.int8), count, p=SHOP_SHARES)
    order = np.lexsort((placed_at, lines.channel))
    order = order[inside[order]]
    lines, joins, shop = lines.take(order), joins[order], shop[order]
    del placed_at, inside, order
    _join_orders(lines, joins, shop)
    return lines.take(np.lexsort((np.arange(len(lines)), lines.order, lines.placed_at)))


@dataclass(slots=True)
class Rushes:
    """Lines that rushes add, one each. `day`: the channel's own day."""

    day: Ints
    sku: Ints
    channel: Ints
    placed_at: Ints


def rushes(company: Company) -> Rushes:
    """All rushes of the history: three in five of their lines come on the social channel."""
    rng = generator(company.seed, "rushes")
    shown = np.flatnonzero(company.listed[: company.stocked, EBAY] & company.listed[: company.stocked, TIKTOK])
    day, at = np.nonzero(rng.random((company.days, len(shown))) < 1.0 / RUSH_EVERY)
    sku = shown[at]
    expected = np.zeros(len(day))
    for first in range(0, company.days, BLOCK_DAYS):
        rows = np.flatnonzero((day >= first) & (day < first + BLOCK_DAYS))
        by_day = rates(company, first, BLOCK_DAYS)[:, :, [EBAY, TIKTOK]].sum(axis=2)
        expected[rows] = RUSH_DAYS * by_day[day[rows] - first, sku[rows]]
    count = rng.poisson(expected)
    day, sku = np.repeat(day, count), np.repeat(sku, count)
    channel = np.where(rng.random(len(day)) < 0.6, TIKTOK, EBAY)
    local = company.start_us + day * DAY_US + RUSH_HOUR * HOUR_US + rng.integers(0, HOUR_US, len(day))
    placed_at = to_utc(company, local, np.full(len(day), TIKTOK))
    return Rushes(local_day(company, placed_at, channel), sku, channel, placed_at)


def _cells(company: Company) -> tuple[Ints, Ints, Ints]:
    """Day, SKU and channel of each line: negative binomial around the rates, channels sharing a SKU's good and bad days."""
    parts: list[tuple[Ints, Ints, Ints]] = []
    for number, first in enumerate(range(-1, company.days + 1, BLOCK_DAYS)):
        count = min(BLOCK_DAYS, company.days + 1 - first)
        rng = generator(company.seed, "demand", number)
        shape = 1.0 / company.spread**2
        mood = rng.gamma(np.broadcast_to(shape, (BLOCK_DAYS, len(shape))), 1.0 / shape)[:count]
        tide = np.exp(rng.normal(0.0, CHANNEL_NOISE, (BLOCK_DAYS, len(CHANNELS))))[:count]
        drawn = rng.poisson(rates(company, first, count) * mood[:, :, None] * tide[:, None, :])
        day, sku, channel = np.nonzero(drawn)
        times = drawn[day, sku, channel]
        parts.append(
            (
                np.repeat((day + first).astype(np.int16), times),
                np.repeat(sku.astype(np.int32), times),
                np.repeat(channel.astype(np.int8), times),
            )
        )
    return (
        np.concatenate([part[0] for part in parts]),
        np.concatenate([part[1] for part in parts]),
        np.concatenate([part[2] for part in parts]),
    )


def _times(rng: np.random.Generator, days: Ints, channels: Ints, company: Company) -> Ints:
    """Times of day by the channel's profile, in its time zone."""
    hours = np.empty(len(days), np.int8)
    draw = rng.random(len(days))
    for number, spec in enumerate(CHANNELS):
        rows = channels == number
        hours[rows] = np.searchsorted(np.cumsum(spec.hours) / sum(spec.hours), draw[rows], side="right")
    local = rng.integers(0, HOUR_US, len(days))
    local += company.start_us + days.astype(np.int64) * DAY_US
    local += hours.astype(np.int64) * HOUR_US
    return to_utc(company, local, channels)


@lru_cache(maxsize=4)
def _offsets(start: date, days: int) -> Ints:
    """What each channel's clock is ahead of UTC, by hour from `CLOCK_BEFORE` days before the start: channel x hour, in microseconds."""
    begin = datetime(start.year, start.month, start.day) - timedelta(days=CLOCK_BEFORE)  # noqa: DTZ001
    hours = (CLOCK_BEFORE + days + CLOCK_BEYOND) * 24
    clock = pl.datetime_range(begin, begin + timedelta(hours=hours - 1), "1h", time_zone="UTC", eager=True)
    local = [clock.dt.convert_time_zone(spec.time_zone).dt.replace_time_zone(None) for spec in CHANNELS]
    return np.stack([times.dt.epoch("us").to_numpy() - clock.dt.epoch("us").to_numpy() for times in local])


def _ahead(company: Company, at: Ints, channels: Ints) -> Ints:
    """What each channel's clock is ahead of UTC at moments in UTC, in microseconds."""
    hour = (at - company.start_us) // HOUR_US + CLOCK_BEFORE * 24
    table = _offsets(company.start, company.days)
    offset: Ints = table[channels, np.clip(hour, 0, table.shape[1] - 1)]
    return offset


def to_utc(company: Company, local: Ints, channels: Ints) -> Ints:
    """Local clock times of channels as UTC. Times that do not exist move an hour on; of two that are the same, the later."""
    guess = local - _ahead(company, local, channels)
    return local - _ahead(company, guess, channels)


def local_day(company: Company, at: Ints, channels: Ints) -> Ints:
    """The day of history, in each channel's time zone, of moments in UTC."""
    return (at + _ahead(company, at, channels) - company.start_us) // DAY_US


def _join_orders(lines: Lines, joins: Floats, shop: Ints) -> None:
    """Put lines that follow each other on a channel and day into one order, placed when its first line was."""
    joined = np.zeros(len(lines), bool)
    same = (lines.channel[1:] == lines.channel[:-1]) & (lines.day[1:] == lines.day[:-1])
    joined[1:] = same & (joins[1:] < np.array([c.joined for c in CHANNELS])[lines.channel[1:]])
    lines.order = np.cumsum(~joined, dtype=np.int32) - 1
    first: NDArray[np.int64] = np.flatnonzero(~joined)
    lines.placed_at = lines.placed_at[first][lines.order]
    lines.shop = np.where(lines.channel == len(CHANNELS) - 1, shop[first][lines.order], np.int8(-1))
