"""The company's master data as rows: products, kits, locations, channels, listings, suppliers, prices, promotions."""

import numpy as np
import polars as pl

from data_access.demo.company import NEVER, Company, Ints, generator
from data_access.demo.rows import RowNumbers, texts
from data_access.demo.specs import CATEGORIES, CHANNELS, LOCATIONS

MERCHANT, OTHER, BY_MARKETPLACE = range(3)


def catalogue(company: Company) -> dict[str, pl.DataFrame]:
    """Rows of all tables that do not change with what happens."""
    skus = list(company.skus)
    ended = [company.day_text(day) if day < company.days else None for day in company.ended.tolist()]
    products = pl.DataFrame(
        {
            "sku": skus,
            "name": list(company.names),
            "category": texts([c.name for c in CATEGORIES], company.category),
            "kit_version": (np.arange(len(skus)) >= company.stocked).astype(np.int64),
            "price": company.list_price,
            "currency": ["EUR"] * len(skus),
            "launched_on": [company.day_text(day) if day > -NEVER else None for day in company.launched.tolist()],
            "ended_on": ended,
            "version": np.ones(len(skus), np.int64),
        },
        schema_overrides={"launched_on": pl.String, "ended_on": pl.String},
    )
    kits = pl.DataFrame(
        {
            "kit_sku": texts(skus, company.kit),
            "kit_version": np.ones(len(company.kit), np.int64),
            "component_sku": texts(skus, company.component),
            "quantity": company.component_units,
        }
    )
    return {
        "product": products,
        "kit_component": kits,
        **_places(),
        "channel_price": _prices(company),
        "promotion": _promotions(company),
        **_suppliers(company),
    }


def _places() -> dict[str, pl.DataFrame]:
    locations = pl.DataFrame(
        [(s.location_id, s.name, s.kind, s.country, s.region, s.time_zone, 1) for s in LOCATIONS],
        schema=["location_id", "name", "kind", "country", "region", "time_zone", "version"],
        orient="row",
    )
    channels = pl.DataFrame(
        [
            (s.channel_id, s.name, s.kind, s.marketplace, s.currency, s.time_zone, s.country, number + 1, s.stale_after_seconds, 1)
            for number, s in enumerate(CHANNELS)
        ],
        schema=[
            "channel_id",
            "name",
            "kind",
            "marketplace",
            "currency",
            "time_zone",
            "country",
            "position",
            "stale_after_seconds",
            "version",
        ],
        orient="row",
    )
    serving = [(spec.channel_id, place, rank + 1) for spec in CHANNELS for rank, place in enumerate(spec.serves)]
    return {
        "location": locations,
        "channel": channels,
        "channel_location": pl.DataFrame(serving, schema=["channel_id", "location_id", "priority"], orient="row"),
    }


def _prices(company: Company) -> pl.DataFrame:
    prices = company.prices
    days = [company.day_text(day) for day in range(company.days)]
    return pl.DataFrame(
        {
            "channel_id": texts([c.channel_id for c in CHANNELS], prices.channel),
            "sku": texts(company.skus, prices.sku),
            "valid_from_on": texts(days, prices.day),
            "price": prices.price,
        }
    )


def promotion_ids(numbers: Ints) -> pl.Series:
    """The ids that promotions have in the store and in the truth."""
    return "P" + pl.Series(numbers + 1).cast(pl.String).str.zfill(5)


def _promotions(company: Company) -> pl.DataFrame:
    rows = company.promotions
    days = [company.day_text(day) for day in range(int(rows.end.max()) + 1)]
    return pl.DataFrame(
        {
            "promotion_id": promotion_ids(rows.promotion),
            "channel_id": texts([c.channel_id for c in CHANNELS], rows.channel),
            "sku": texts(company.skus, rows.sku),
            "starts_on": texts(days, rows.start),
            "ends_on": texts(days, rows.end),
            "discount": rows.discount,
        }
    )


def _suppliers(company: Company) -> dict[str, pl.DataFrame]:
    suppliers = company.suppliers
    ids = [f"sup-{number + 1:03d}" for number in range(len(suppliers.names))]
    return {
        "supplier": pl.DataFrame(
            {
                "supplier_id": ids,
                "name": list(suppliers.names),
                "lead_time_days": suppliers.lead,
                "lead_time_sd_days": suppliers.spread,
                "currency": list(suppliers.currency),
                "version": np.ones(len(ids), np.int64),
            }
        ),
        "supplier_item": pl.DataFrame(
            {
                "supplier_id": texts(ids, company.supplier),
                "sku": texts(company.skus[: company.stocked], np.arange(company.stocked)),
                "unit_cost": company.unit_cost,
                "moq": company.moq,
                "case_pack": company.case_pack,
                "lead_time_days": pl.repeat(None, company.stocked, dtype=pl.Float64, eager=True),
            }
        ),
    }


def listings(company: Company, numbers: RowNumbers) -> pl.DataFrame:
    """One row per listing, with numbers of SKU and channel and which listing it is (`slot`): a SKU's first, its second, or the one that
    the marketplace fulfils.
    """
    rng = generator(company.seed, "external ids")
    sku, channel = np.nonzero(company.listed)
    more = company.second_listing[sku, channel]
    theirs = (channel == 0) & company.marketplace_fulfilled[sku]
    slot = np.concatenate([np.full(len(sku), MERCHANT), np.full(int(more.sum()), OTHER), np.full(int(theirs.sum()), BY_MARKETPLACE)])
    sku, channel = np.concatenate([sku, sku[more], sku[theirs]]), np.concatenate([channel, channel[more], channel[theirs]])
    order = np.lexsort((slot, sku, channel))
    sku, channel, slot = sku[order], channel[order], slot[order]
    codes = rng.permutation(900_000)[: len(sku)] + 100_000
    return pl.DataFrame(
        {
            "listing_id": numbers.take(len(sku)),
            "channel_id": texts([c.channel_id for c in CHANNELS], channel),
            "external_sku": [_external(*row) for row in zip(channel.tolist(), slot.tolist(), codes.tolist(), strict=True)],
            "sku": texts(company.skus, sku),
            "title": texts(company.names, sku),
            "maximum": pl.Series(np.where(rng.random(len(sku)) < 0.04, rng.integers(2, 12, len(sku)), 0)).replace(0, None),
            "version": np.ones(len(sku), np.int64),
            "first_seen_at": company.start_us + np.maximum(company.launched[sku], 0) * 86_400_000_000,
            "sku_number": sku,
            "channel_number": channel,
            "slot": slot,
        }
    )


def _external(channel: int, slot: int, code: int) -> str:
    suffix = {MERCHANT: "", OTHER: "-2", BY_MARKETPLACE: "-FBA"}[slot]
    if channel == 0:
        return f"NL-{code:06d}{suffix}"
    pattern = ("", "2846{:06d}51", "41{:06d}", "17295{:06d}3301", "WM{:06d}", "40123{:06d}7")[channel]
    return pattern.format(code)
