"""How the demo company is made from a size, a seed and a date; every random choice has a generator of its own purpose."""

from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Final

import numpy as np
from numpy.typing import NDArray

from data_access.demo.company import NEVER, Company, Defects, Flags, Floats, Ints, Prices, PromotionPlan, Suppliers, generator
from data_access.demo.demand import rates, yearly
from data_access.demo.specs import (
    CATEGORIES,
    CHANNELS,
    HAMBURG,
    KIT_SHARE,
    LEEDS,
    LEIPZIG,
    LOCATIONS,
    NEWARK,
    ROTTERDAM,
    SHOPS,
    SIZES,
    Size,
)
from data_access.errors import InvalidInput

SLOT_DAYS: Final = 12  # promotions of a SKU are planned in slots of this many days, so that they never overlap
SLOTS_TAKEN: Final = 36 / 63  # share of slots in which a channel promotes something of a category
PLANNED_DAYS: Final = 28  # promotions are planned this far beyond the as-of date
RUNNING_DAYS: Final = 40  # since when the last defect episode has been running at the end of the history


def make_company(size: str, seed: int, as_of: date) -> Company:
    """The company of a size and seed whose history ends at a date.

    Raises:
        InvalidInput: there is no such size.

    """
    spec = _checked(size, seed)
    stocked = spec.skus
    goods = _assortment(seed, spec)
    category, listed, base = goods.category, goods.listed, goods.base
    kit, component, component_units = goods.kit, goods.component, goods.component_units
    count = len(base)
    rng = generator(seed, "habits")
    multi_buy = np.where(rng.random(count) < 0.15, rng.uniform(0.25, 0.5, count), rng.uniform(0.02, 0.14, count))
    multi_buy[stocked:] = 0.03
    rank = np.argsort(np.argsort(-base[:stocked], kind="stable"), kind="stable") / stocked
    abc = np.where(rank < 0.2, 0, np.where(rank < 0.5, 1, 2))
    by_amazon = np.zeros(count, bool)
    by_amazon[:stocked] = listed[:stocked, 0] & (rng.random(stocked) < np.array([0.85, 0.6, 0.35])[abc])
    list_price, unit_cost = _money(generator(seed, "money"), category, kit, component, component_units, stocked)
    supplier, suppliers = _suppliers(generator(seed, "suppliers"), spec, category[:stocked])
    case_pack = np.array([1, 2, 6, 12, 24])[np.minimum(rng.integers(0, 3, stocked) + 2 - np.minimum(abc, 2), 4)]
    company = Company(
        size=spec,
        size_name=size,
        seed=seed,
        as_of=as_of,
        days=spec.days,
        stocked=stocked,
        skus=tuple([f"{CATEGORIES[c].code}-{n + 1:04d}" for n, c in enumerate(category[:stocked])])
        + tuple(f"SET-{n + 1:04d}" for n in range(count - stocked)),
        names=_names(generator(seed, "names"), category, stocked),
        category=category,
        base=base,
        share=goods.share,
        listed=listed,
        second_listing=listed & (rng.random(listed.shape) < 0.07),
        marketplace_fulfilled=by_amazon,
        stocks=_stocks(generator(seed, "stocks"), listed[:stocked], by_amazon[:stocked], abc),
        trend=np.exp(rng.normal(0.04, 0.22, count)),
        launched=goods.launched,
        ended=goods.ended,
        multi_buy=multi_buy,
        spread=rng.uniform(0.2, 0.55, count),
        abc=abc,
        list_price=list_price,
        supplier=supplier,
        unit_cost=unit_cost,
        moq=case_pack * np.array([1, 1, 2, 3])[rng.integers(0, 4, stocked)],
        case_pack=case_pack,
        kit=kit,
        component=component,
        component_units=component_units,
        suppliers=suppliers,
        promotions=_promotions(generator(seed, "promotions"), spec, category, listed, goods.launched, goods.ended, stocked),
        prices=_prices(generator(seed, "prices"), spec.days, list_price, listed),
        defects=Defects(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0), ()),
    )
    return _scaled(company)


def _checked(size: str, seed: int) -> Size:
    spec = SIZES.get(size)
    if spec is None:
        names = [name for name in SIZES if name != "tiny"]
        raise InvalidInput(f"There is no demo of size {size!r}: choose {', '.join(names[:-1])} or {names[-1]}.")
    if not 0 <= seed < 2**31:
        raise InvalidInput(f"The demo's seed {seed} is out of range: choose one from 0 to {2**31 - 1}.")
    return spec


@dataclass(frozen=True, slots=True)
class _Assortment:
    """What is sold where, kits included, before its rates are scaled."""

    category: Ints
    launched: Ints
    ended: Ints
    base: Floats
    listed: Flags
    share: Floats
    kit: Ints
    component: Ints
    component_units: Ints


def _assortment(seed: int, spec: Size) -> _Assortment:
    """Stocked SKUs, then kits; a kit has the category of its first component, and lives while all of them do."""
    stocked, kits = spec.skus, max(round(spec.skus * KIT_SHARE), 2)
    rng = generator(seed, "catalogue")
    category = rng.choice(len(CATEGORIES), stocked, p=_weights([c.weight for c in CATEGORIES]))
    category.sort()
    category[: len(CATEGORIES)] = np.arange(len(CATEGORIES))
    category.sort()
    launched, ended = _lives(generator(seed, "lives"), stocked, spec.days)
    base = np.exp(generator(seed, "rates").normal(0.0, 1.25, stocked))
    listed, share = _listings(generator(seed, "listings"), base)
    kit, component, units = _kits(generator(seed, "kits"), stocked, kits, base, listed, launched, ended)
    parts = [component[kit == stocked + number] for number in range(kits)]
    first = np.array([members[0] for members in parts])
    slowest = np.array([base[members].min() for members in parts])
    listed = np.concatenate([listed, _kit_listed(listed, parts)])
    share = np.concatenate([share, share[first]]) * listed
    return _Assortment(
        category=np.concatenate([category, category[first]]),
        launched=np.concatenate([launched, [launched[members].max() for members in parts]]),
        ended=np.concatenate([ended, [ended[members].min() for members in parts]]),
        base=np.concatenate([base, slowest * generator(seed, "kit rates").uniform(0.25, 0.6, kits)]),
        listed=listed,
        share=share / share.sum(axis=1, keepdims=True),
        kit=kit,
        component=component,
        component_units=units,
    )


def _weights(values: list[float]) -> Floats:
    weights = np.array(values, np.float64)
    share: Floats = weights / weights.sum()
    return share


def _lives(rng: np.random.Generator, stocked: int, days: int) -> tuple[Ints, Ints]:
    """First and last day of sale. One in seven is launched, one in ten ends, within the history."""
    launched = np.where(rng.random(stocked) < 0.14, rng.integers(days // 8, days - days // 12, stocked), -NEVER)
    ended = np.where(rng.random(stocked) < 0.10, rng.integers(days // 4, days + days // 10, stocked), NEVER)
    ended = np.where((launched > -NEVER) & (ended - launched < days // 4), NEVER, ended)
    return launched, ended


def _listings(rng: np.random.Generator, base: Floats) -> tuple[Flags, Floats]:
    """Which channels sell a SKU, slow ones fewer than fast ones; and how its demand is shared among them."""
    stocked = len(base)
    rank = np.argsort(np.argsort(-base, kind="stable"), kind="stable") / stocked
    breadth = np.where(rank < 0.2, 1.15, np.where(rank < 0.5, 1.0, 0.55))
    listed = rng.random((stocked, len(CHANNELS))) < np.array([c.listed for c in CHANNELS]) * breadth[:, None]
    listed[~listed.any(axis=1), 2] = True
    share = rng.gamma(5.0, 1.0, (stocked, len(CHANNELS))) * np.array([c.share / c.listed for c in CHANNELS]) * listed
    return listed, share / share.sum(axis=1, keepdims=True)


def _kits(
    rng: np.random.Generator, stocked: int, kits: int, base: Floats, listed: Flags, launched: Ints, ended: Ints
) -> tuple[Ints, Ints, Ints]:
    """Rows of kit, component, units. Components are steady SKUs that share the web shop."""
    usable = np.flatnonzero(listed[:, 2] & (launched < 0) & (ended == NEVER))
    usable = usable[np.argsort(-base[usable], kind="stable")][: max(len(usable) * 2 // 3, 6)]
    rows: list[tuple[int, int, int]] = []
    for number in range(kits):
        parts = rng.choice(usable, int(rng.integers(2, 4)), replace=False)
        rows += [(stocked + number, int(part), int(units)) for part, units in zip(parts, rng.choice([1, 1, 2], len(parts)), strict=True)]
    table = np.array(sorted(rows), np.int64)
    return table[:, 0], table[:, 1], table[:, 2]


def _kit_listed(listed: Flags, parts: list[Ints]) -> Flags:
    """Kits are sold on Amazon, eBay and the web shop, where all their components are."""
    kits_listed = np.array([listed[members].all(axis=0) for members in parts])
    kits_listed[:, 3:] = False
    kits_listed[:, 2] = True
    return kits_listed


def _stocks(rng: np.random.Generator, listed: Flags, by_amazon: Flags, abc: Ints) -> Flags:
    stocks = np.zeros((len(abc), len(LOCATIONS)), bool)
    stocks[:, HAMBURG] = True
    stocks[:, LEEDS] = listed[:, 1] | listed[:, 3]
    stocks[:, ROTTERDAM] = rng.random(len(abc)) < np.array([0.8, 0.35, 0.05])[abc]
    stocks[:, NEWARK] = listed[:, 4]
    stocks[:, LEIPZIG] = by_amazon
    stocks[:, SHOPS] = listed[:, 5, None]
    return stocks


def _names(rng: np.random.Generator, category: Ints, stocked: int) -> tuple[str, ...]:
    makers = ("Alder", "Birk", "Corvo", "Dune", "Elm & Ash", "Fjell", "Grove", "Harbour")
    names: list[str] = []
    for number, code in enumerate(category.tolist()):
        spec = CATEGORIES[code]
        noun, variant = spec.nouns[rng.integers(len(spec.nouns))], spec.variants[rng.integers(len(spec.variants))]
        maker = makers[rng.integers(len(makers))]
        names.append(f"{maker} {noun} {variant}" if number < stocked else f"{maker} {noun} Set")
    return tuple(names)


def _money(rng: np.random.Generator, category: Ints, kit: Ints, component: Ints, units: Ints, stocked: int) -> tuple[Ints, Ints]:
    """List price in 1/10,000 EUR (ending in .90 or .50) and unit cost of the stocked SKUs."""
    price = np.array([c.price for c in CATEGORIES])[category] * np.exp(rng.normal(0.0, 0.45, len(category)))
    for row in range(stocked, len(category)):
        parts = kit == row
        price[row] = 0.9 * (price[component[parts]] * units[parts]).sum()
    listed = (np.maximum(np.round(price), 3) * 10_000 - np.where(rng.random(len(price)) < 0.8, 1_000, 5_000)).astype(np.int64)
    cost = np.round(listed[:stocked] * rng.uniform(0.32, 0.55, stocked) / 100).astype(np.int64) * 100
    return listed, cost


def _suppliers(rng: np.random.Generator, size: Size, category: Ints) -> tuple[Ints, Suppliers]:
    count = size.suppliers
    first = ("Hansa", "Lune", "Orient", "Vega", "Polar", "Delta", "Iber", "Baltic", "Kern", "Maas")
    second = ("Trading", "Works", "Manufaktur", "Supply", "Goods")
    names = tuple(f"{first[n % 10]} {second[(n // 10 + n) % 5]}{'' if n < 50 else f' {n // 50 + 1}'}" for n in range(count))
    lead = np.where(rng.random(count) < 0.35, rng.uniform(28, 48, count), rng.uniform(6, 21, count))
    lead = np.minimum(lead, size.days / 5)
    home = rng.integers(0, count, (len(CATEGORIES), max(count // 4, 2)))
    supplier = home[category, rng.integers(0, home.shape[1], len(category))]
    delayed_from = np.where(rng.random(count) < 0.6, rng.integers(20, max(size.days - 20, 21), count), NEVER)
    return supplier, Suppliers(
        names=names,
        currency=tuple("USD" if days > 26 else "GBP" if draw < 0.2 else "EUR" for days, draw in zip(lead, rng.random(count), strict=True)),
        lead=lead.round(1).astype(np.float64),
        spread=(lead * rng.uniform(0.14, 0.34, count)).round(1).astype(np.float64),
        weekday=rng.integers(0, 5, count),
        delayed_from=delayed_from,
        delayed_to=delayed_from + 35,
    )


def _promotions(
    rng: np.random.Generator, size: Size, category: Ints, listed: Flags, launched: Ints, ended: Ints, stocked: int
) -> PromotionPlan:
    """Promotions, drawn slot by slot: in a slot each channel takes SKUs of a category that no other channel promotes then."""
    slots = (size.days + PLANNED_DAYS - 4) // SLOT_DAYS
    columns: list[NDArray[np.float64]] = []
    number = 0
    for code in range(len(CATEGORIES)):
        members = np.flatnonzero(category[:stocked] == code)
        taken = rng.random((slots, len(CHANNELS))).argsort(axis=0) < round(slots * SLOTS_TAKEN)
        for slot in range(slots):
            pool = rng.permutation(members)
            for channel in np.flatnonzero(taken[slot]):
                start = 4 + slot * SLOT_DAYS + int(rng.integers(0, 4))
                end = start + int(rng.integers(2, 7))
                able = listed[pool, channel] & (launched[pool] < start - 20) & (ended[pool] > end)
                wanted = max(round(len(members) * size.promoted_share), 1)
                chosen = pool[able][:wanted]
                discount = float(rng.choice([0.1, 0.15, 0.2, 0.25, 0.3, 0.4], p=[0.1, 0.2, 0.3, 0.2, 0.15, 0.05]))
                if len(chosen) == 0:
                    continue
                pool = pool[~np.isin(pool, chosen)]
                row = np.empty((len(chosen), 6))
                row[:] = (number, 0, channel, start, end, discount)
                row[:, 1] = chosen
                columns.append(row)
                number += 1
    table = np.concatenate(columns)
    whole = [table[:, column].astype(np.int64) for column in range(5)]
    return PromotionPlan(whole[0], whole[1], whole[2], whole[3], whole[4], table[:, 5])


def _prices(rng: np.random.Generator, days: int, list_price: Ints, listed: Flags) -> Prices:
    """A first price everywhere, and now and then another, a few per cent up or down."""
    sku, channel = np.nonzero(listed)
    markup = np.array([c.markup for c in CHANNELS])[channel] * rng.uniform(0.96, 1.05, len(sku))
    first = np.maximum(np.round(list_price[sku] * markup / 1_000).astype(np.int64) * 1_000, 1_000)
    changes = rng.poisson(1.3 * days / 730, len(sku))
    row = np.repeat(np.arange(len(sku)), changes)
    ratio = np.exp(rng.normal(0.01, 0.06, len(row)))
    day = rng.integers(10, days, len(row))
    all_row = np.concatenate([np.arange(len(sku)), row])
    all_day = np.concatenate([np.zeros(len(sku), np.int64), day])
    all_ratio = np.concatenate([np.ones(len(sku)), ratio])
    key = np.unique(all_row * NEVER + all_day, return_index=True)[1]
    all_row, all_day, all_ratio = all_row[key], all_day[key], all_ratio[key]
    price = np.maximum(np.round(first[all_row] * all_ratio / 1_000).astype(np.int64) * 1_000, 1_000)
    return Prices(sku[all_row], channel[all_row], all_day, price, price / first[all_row])


def _scaled(company: Company) -> Company:
    """The same company, its rates scaled so that the history has about the lines aimed at, and with its defect episodes."""
    sampled = np.arange(0, company.days, 5)  # 5 and 7 have no common divisor, so all weekdays are met
    total = sum(float(rates(company, int(day), 1).sum()) for day in sampled) * company.days / len(sampled)
    company = replace(company, base=company.base * company.size.lines * 1.04 / total)
    return replace(company, defects=_defects(generator(company.seed, "defects"), company))


def _defects(rng: np.random.Generator, company: Company) -> Defects:
    """Episodes among the SKUs that sell enough for at least 30 further returns; the last one is still running at the end."""
    units = company.base[: company.stocked] * (1 + company.multi_buy[: company.stocked])
    steady = (company.launched[: company.stocked] < 0) & (company.ended[: company.stocked] == NEVER)
    order = np.argsort(-np.where(steady, units, 0), kind="stable")
    wanted = company.size.defects
    sku = np.sort(rng.choice(min(len(order), wanted * 4), wanted, replace=False))[::-1]  # the best seller last
    sku = order[sku]
    extra = rng.uniform(0.28, 0.42, wanted)
    start = (rng.uniform(0.04, 0.8, wanted) * company.days).astype(np.int64)
    start[-1] = company.days - RUNNING_DAYS
    season = yearly(np.array([(company.start + timedelta(days=int(day) + 20)).timetuple().tm_yday for day in start]))
    daily = units[sku] * season[np.arange(wanted), company.category[sku]] * company.trend[sku] ** ((start - company.days / 2) / 365.25)
    length = np.clip(np.ceil(80 / (daily * extra)), 14, company.days // 7).astype(np.int64)
    reasons = np.array(["product_fault", "product_fault", "not_as_described", "damaged_in_transit"])[rng.integers(0, 4, wanted)]
    fits = np.array([CATEGORIES[c].name == "Clothing" for c in company.category[sku]])
    reasons = np.where(fits & (reasons == "not_as_described"), "size_or_fit", reasons)
    return Defects(sku.astype(np.int64), start, start + length - 1, extra, tuple(str(reason) for reason in reasons))
