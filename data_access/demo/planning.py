"""How the demo company plans: the use it expects, and what it orders of each SKU."""

from datetime import timedelta
from typing import Final

import numpy as np

from data_access.demo.company import FAITH, Company, Floats, Ints
from data_access.demo.demand import rates, units_per_line, yearly
from data_access.demo.fulfilment import BEFORE
from data_access.demo.specs import (
    AMAZON,
    EBAY,
    HAMBURG,
    LEEDS,
    LEIPZIG,
    LOCATIONS,
    NEWARK,
    RETAIL,
    ROTTERDAM,
    SHOP,
    SHOP_SHARES,
    SHOPS,
    TIKTOK,
    WALMART,
)

SERVICE: Final = np.array([0.45, 0.0, -0.2])  # the company's safety factor by ABC class: too little, as in life
COVER_DAYS: Final = np.array([9.0, 16.0, 30.0])  # days that an order adds, by ABC class


def expected_use(company: Company, day: int) -> Floats:
    """Mean units a day by stocked SKU and location that a planner would expect around a day, kits taken apart; promotions left out."""
    sample = [rates(company, day + step, 1)[0] for step in range(7)]
    use = (sum(sample) / len(sample)) * units_per_line(company)[:, None]  # SKU x channel
    by_channel = use[: company.stocked].copy()
    np.add.at(by_channel, company.component, use[company.kit] * company.component_units[:, None])
    expected = np.zeros((company.stocked, len(LOCATIONS)))
    centre = np.where(company.stocks[:, LEIPZIG], 0.85, 0.0)
    expected[:, LEIPZIG] = by_channel[:, AMAZON] * centre
    expected[:, HAMBURG] = by_channel[:, AMAZON] * (1 - centre) + by_channel[:, SHOP] * 0.9
    expected[:, ROTTERDAM] = np.where(company.stocks[:, ROTTERDAM], by_channel[:, SHOP] * 0.1, 0.0)
    expected[:, LEEDS] = by_channel[:, EBAY] + by_channel[:, TIKTOK]
    expected[:, NEWARK] = by_channel[:, WALMART]
    expected[:, SHOPS] = by_channel[:, RETAIL, None] * np.array(SHOP_SHARES)
    return expected * company.stocks


def order_quantities(company: Company, day: int, sku: Ints, use: Floats, position: Ints) -> Ints:
    """Units to order of each SKU for each group: up to the target where the position is at or below the trigger, in whole cases.

    `use`: mean units a day, `position`: free and on order without what lies in shops; both SKU x group.
    """
    suppliers = company.suppliers
    lead = suppliers.lead[company.supplier[sku]]
    use = use * _season_ahead(company, day, lead, company.category[sku])[:, None]
    cover = (lead + 7.0)[:, None]
    spread = np.sqrt(use * cover * 1.6 + (use * suppliers.spread[company.supplier[sku], None]) ** 2)
    trigger = use * cover + SERVICE[company.abc[sku], None] * spread
    target = trigger + use * COVER_DAYS[company.abc[sku], None] + 1
    wanted = np.where(position <= trigger, np.maximum(np.ceil(target - position), company.moq[sku, None]), 0)
    case = company.case_pack[sku, None]
    units: Ints = (np.ceil(wanted / case) * case).astype(np.int64)
    units *= np.stack([np.ones(len(sku), bool), company.stocks[sku, LEEDS], company.stocks[sku, NEWARK]], axis=1)
    return units


def _season_ahead(company: Company, day: int, lead: Floats, category: Ints) -> Floats:
    """How much more a category sells when the goods arrive than in the weeks the mean was learned from, as far as planners allow."""
    dates = [company.start + timedelta(days=day + step) for step in range(-BEFORE * 2, 75)]
    season = yearly(np.array([value.timetuple().tm_yday for value in dates]))
    at = np.minimum(lead.astype(np.int64) + 10 + BEFORE * 2, len(dates) - 1)
    factor: Floats = (season[at, category] / season[0, category]) ** FAITH
    return factor
