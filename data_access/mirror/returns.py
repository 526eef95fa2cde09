"""What the mirror tells of returns, a month of placing at a time: units shipped by week, and every return with the week of its shipment.

Units of an order line, and what comes back of them, belong to the week in which the line first shipped, on the channel's calendar. A return
whose purchase is not known, or left no trace of shipping, belongs to none: it is kept, counted and listed, and in no rate.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import polars as pl

from data_access.domain.facts import MICROS
from data_access.domain.returns.units import SHIPPED
from data_access.domain.scorecards.days import local_days
from data_access.mirror.manifest import Part
from data_access.mirror.scan import Mirror

RETURNS_SHIPPED: Final = pl.Schema(
    {
        "return_id": pl.Int64,
        "order_id": pl.Int64,  # null: no purchase is known
        "channel_id": pl.String,
        "return_ref": pl.String,
        "sku": pl.String,  # as sold; may be a kit
        "location_id": pl.String,
        "units": pl.Int64,
        "ship_week": pl.Date,  # null: not known
        "received_on": pl.Date,  # the channel's day
        "requested_at": MICROS,
        "received_at": MICROS,
        "inspected_at": MICROS,
        "disposition": pl.String,
        "reason_code": pl.String,
        "return_reason": pl.String,
        "customer_note": pl.String,
        "refund": pl.Int64,  # in 1/10,000 of `currency`
        "currency": pl.String,
        "approved_at": MICROS,  # null: not approved, or not known
        "refunded_at": MICROS,
    }
)
"""Every return, as the store has it, with the week of its shipment."""

_FACTS: Final = ("line", "shipment", "return")
_MonthParts = tuple[Part | None, ...]


@dataclass(frozen=True, slots=True)
class ReturnsMonth:
    """A month of placing: `parts` of the mirror that it was read from; `units.SHIPPED`; `RETURNS_SHIPPED`."""

    parts: _MonthParts
    shipped: pl.DataFrame
    returned: pl.DataFrame


@dataclass(frozen=True, slots=True)
class ReturnHistory:
    """All months of a state of the mirror (`store_id`, `generation`). `zone_of`: the time zones of channels by which days were told;
    `shipped` and `returned`: of all months.
    """

    store_id: str
    generation: int
    zone_of: Mapping[str, str]
    months: Mapping[str, ReturnsMonth]
    shipped: pl.DataFrame
    returned: pl.DataFrame


def read_returns(mirror: Mirror, zone_of: Mapping[str, str], before: ReturnHistory | None = None) -> ReturnHistory:
    """The returns of a mirror's state. `before`: of an earlier state of it, of which unchanged months are taken as they are."""
    manifest, parts = mirror.manifest, mirror.manifest.parts
    is_later = before is not None and before.store_id == manifest.store_id and before.generation <= manifest.generation
    known = before.months if before is not None and is_later and before.zone_of == zone_of else {}
    months: dict[str, ReturnsMonth] = {}
    for month in sorted(set().union(*(parts[fact] for fact in _FACTS))):
        own = tuple(parts[fact].get(month) for fact in _FACTS)
        kept = known.get(month)
        months[month] = kept if kept is not None and kept.parts == own else _month(mirror, month, own, zone_of)
    if before is not None and len(known) == len(months) and all(months[month] is known.get(month) for month in months):
        return before
    shipped = pl.concat([SHIPPED.to_frame(), *(one.shipped for one in months.values())])
    returned = pl.concat([RETURNS_SHIPPED.to_frame(), *(one.returned for one in months.values())])
    together = shipped.group_by("ship_week", "channel_id", "sku").agg(pl.col("units").sum()).select(SHIPPED.names())
    return ReturnHistory(manifest.store_id, manifest.generation, zone_of, months, together, returned)


def _month(mirror: Mirror, month: str, parts: _MonthParts, zone_of: Mapping[str, str]) -> ReturnsMonth:
    only = {month}
    lines = mirror.scan("line", only=only).filter(pl.col("shipped_quantity") > 0).select("line_id", "sku")
    shipments = mirror.scan("shipment", only=only).select("line_id", "channel_id", "quantity", "shipped_at").join(lines, on="line_id")
    left, returns = pl.collect_all([shipments, mirror.scan("return", only=only)])
    left = left.with_columns(ship_week=local_days(left["shipped_at"], left["channel_id"], zone_of).dt.truncate("1w"))
    first = left.group_by("line_id", "channel_id", "sku").agg(pl.col("ship_week").min(), pl.col("quantity").sum())
    back = returns.with_columns(received_on=local_days(returns["received_at"], returns["channel_id"], zone_of))
    return ReturnsMonth(
        parts,
        first.group_by("ship_week", "channel_id", "sku").agg(units=pl.col("quantity").sum()).select(SHIPPED.names()),
        back.join(first.select("line_id", "ship_week"), on="line_id", how="left")
        .rename({"quantity": "units"})
        .sort("return_id")
        .select(RETURNS_SHIPPED.names()),
    )
