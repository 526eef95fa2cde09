"""The law of promotions, clocks and calendars."""

from datetime import UTC, date, datetime
from itertools import pairwise
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from data_access.demo.company import Company
from data_access.demo.demand import local_day, promoted, promotion_effects, rates, to_utc, yearly
from data_access.demo.founding import make_company
from data_access.demo.fulfilment import business_day, open_day
from data_access.demo.luck import geometric_days, luck
from data_access.demo.specs import AFFINITY, CATEGORIES, CHANNELS
from data_access.demo.waiting import known_until, received_later


@pytest.fixture(scope="module")
def company() -> Company:
    return make_company("tiny", 7, date(2026, 9, 30))


def test_what_a_promotion_diverts_arrives_on_its_channel(company: Company) -> None:
    row = np.arange(len(company.promotions.sku))
    before = np.random.default_rng(1).uniform(0.1, 3.0, (len(row), len(CHANNELS)))
    after = promoted(company, row, before)
    at, channel = np.arange(len(row)), company.promotions.channel
    elasticity = np.array([c.elasticity for c in CATEGORIES])[company.category[company.promotions.sku]]
    own = before[at, channel] * (1 - company.promotions.discount) ** -elasticity
    change = after - before
    change[at, channel] = 0.0
    assert (change <= 0).all()
    assert np.allclose(after[at, channel], own - change.sum(axis=1))


def test_one_promotion_by_hand(company: Company) -> None:
    sku, channel, discount = (getattr(company.promotions, name)[0] for name in ("sku", "channel", "discount"))
    spec = CATEGORIES[company.category[sku]]
    before = np.full((1, len(CHANNELS)), 2.0)
    after = promoted(company, np.array([0]), before)[0]
    other = (channel + 1) % len(CHANNELS)
    switched = 1 - np.exp(-4 * spec.switching * discount * AFFINITY[other][channel])
    assert after[other] == pytest.approx(2 * (1 - switched))


def test_expected_effects_are_differences_of_the_rates(company: Company) -> None:
    effects = promotion_effects(company)
    promotions = company.promotions
    row = int(effects["row"][0])
    days = int(promotions.end[row] - promotions.start[row] + 1)
    with_it = rates(company, int(promotions.start[row]), days)[:, promotions.sku[row]]
    first = effects.filter(effects["row"] == row, effects["channel"] == promotions.channel[row])["units"][0]
    assert first < with_it[:, promotions.channel[row]].sum() / (1 - company.multi_buy[promotions.sku[row]])


def test_promotions_of_a_sku_never_overlap(company: Company) -> None:
    promotions = company.promotions
    for sku in np.unique(promotions.sku):
        rows = np.flatnonzero(promotions.sku == sku)
        spans = sorted(zip(promotions.start[rows].tolist(), promotions.end[rows].tolist(), strict=True))
        assert all(later[0] > earlier[1] for earlier, later in pairwise(spans))


@pytest.mark.parametrize("moment", ["2026-03-29T00:30", "2026-03-29T03:30", "2026-06-01T12:00", "2026-10-25T12:00", "2026-01-01T00:00"])
def test_clocks_agree_with_the_time_zones(moment: str) -> None:
    company = make_company("small", 1, date(2026, 12, 31))
    for number, spec in enumerate(CHANNELS):
        clock = datetime.fromisoformat(moment)
        exact = int(clock.replace(tzinfo=ZoneInfo(spec.time_zone)).timestamp() * 1e6)
        local = int(clock.replace(tzinfo=UTC).timestamp() * 1e6)
        assert to_utc(company, np.array([local]), np.array([number]))[0] == exact
        assert local_day(company, np.array([exact]), np.array([number]))[0] == (clock.date() - company.start).days


def test_business_days_skip_weekends(company: Company) -> None:
    monday = next(day for day in range(7) if (company.start.weekday() + day) % 7 == 0)
    week = np.arange(monday, monday + 7)
    after_one = business_day(company, week, np.ones(7, np.int64)) - monday
    assert after_one.tolist() == [1, 2, 3, 4, 7, 7, 7]
    assert business_day(company, week, np.zeros(7, np.int64)).tolist() == week.tolist()
    assert (business_day(company, week, np.full(7, 5)) - monday).tolist() == [7, 8, 9, 10, 11, 11, 11]
    assert (open_day(company, week) - monday).tolist() == [0, 1, 2, 3, 4, 5, 7]


def test_seasons_have_their_peaks() -> None:
    season = yearly(np.arange(1, 366))
    peaks = {spec.name: int(season[:, number].argmax()) + 1 for number, spec in enumerate(CATEGORIES)}
    assert 120 <= peaks["Garden"] <= 180
    assert 335 <= peaks["Toys"] <= 355


def test_luck_is_uniform_and_its_own_for_each_purpose() -> None:
    keys = np.arange(100_000)
    first, second = luck(7, "a", keys), luck(7, "b", keys)
    assert abs(first.mean() - 0.5) < 0.005
    assert abs(np.corrcoef(first, second)[0, 1]) < 0.02
    assert first.min() >= 0
    assert first.max() < 1
    assert abs(geometric_days(first, 2.0).mean() - 2.0) < 0.05


def test_a_lagging_channel_is_heard_of_with_its_next_reading() -> None:
    channels = np.arange(len(CHANNELS))
    at = np.full(len(CHANNELS), 1_790_000_000_000_000)
    received = received_later(channels, at)
    lag = np.array([spec.lag_minutes[1] > 0 for spec in CHANNELS])
    assert ((received - at)[lag] >= 20 * 60e6).all()
    assert ((received - at)[~lag] < 10e6).all()
    assert (known_until(channels, int(received.max())) >= at).all()
    assert (known_until(channels[lag], int(received[lag].max()) - 1) < at[lag]).all()
