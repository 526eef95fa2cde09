"""What the metrics can count: orders, packages and units, one row each, with the moments that the kinds look at."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final

import numpy as np
import polars as pl

from data_access.domain.facts import MICROS
from data_access.domain.scorecards.days import zones

SCAN_DAYS: Final = 14
"""A package may be scanned so many days after it left; then it is one without a scan. Amazon reports with this lag."""
NOT_YET: Final = pl.lit(datetime(9999, 1, 1, tzinfo=UTC), MICROS)
MOMENTS: Final[Mapping[str, tuple[str, str]]] = {
    "ship": ("shipped_at", "ship_by_at"),
    "accept": ("first_scan_at", "ship_by_at"),
    "upload": ("uploaded_at", "ship_by_at"),
    "number": ("uploaded_at", "scan_by_at"),
    "scan": ("first_scan_at", "scan_by_at"),
    "deliver": ("delivered_at", "deliver_by_at"),
}
"""What has to happen, and by when."""


@dataclass(frozen=True, slots=True)
class Facts:
    """The facts of some orders, by the schemas of `data_access.domain.facts`; all facts of an order are in it, or none."""

    orders: pl.LazyFrame
    lines: pl.LazyFrame
    shipments: pl.LazyFrame
    cancellations: pl.LazyFrame
    returns: pl.LazyFrame


@dataclass(frozen=True, slots=True)
class Subjects:
    """What can be counted, one row each, with the moments that the kinds look at. Made once for all kinds by `subjects`."""

    orders: pl.DataFrame
    packages: pl.DataFrame
    units: pl.DataFrame

    def of(self, unit: str) -> pl.DataFrame:
        """The frame in which a row is an order, a package or a shipment's units."""
        return {"order": self.orders, "package": self.packages, "unit": self.units}[unit]


def subjects(facts: Facts, channels: pl.DataFrame, asked: pl.DataFrame | None = None) -> Subjects:
    """Orders, packages and shipped units of the facts, with the moments at which what was due was done or missed.

    `asked`: channel_id, unit; packages and units only of channels that are judged by them, all without it.
    """
    names = facts.orders.select(pl.col("channel_id").unique()).collect()["channel_id"]
    facts = replace(
        facts, **{name: getattr(facts, name).with_columns(pl.col("channel_id").cast(pl.Enum(names.sort()))) for name in ("orders", "lines")}
    )
    zoned = sorted(set(zones(channels)) & set(names))
    parts = parts_of(facts, zoned).collect()

    def sent(unit: str) -> pl.LazyFrame:
        shipped = parts.lazy().filter(pl.col("shipment_id").is_not_null())
        if asked is None:
            return shipped
        judged = set(asked.filter(pl.col("unit") == unit)["channel_id"]) & set(names)
        return shipped.filter(pl.col("channel_id").is_in(sorted(judged)))

    return Subjects(_orders(facts, parts, zoned), _packages(sent("package")), _units(sent("unit")))


def parts_of(facts: Facts, zoned: list[str]) -> pl.LazyFrame:
    """A row for each shipment of a line, or for a line that has none; `*_done` and `*_miss` are null where nothing is to be shipped."""
    is_open = pl.col("quantity") > pl.col("shipped_quantity") + pl.col("cancelled_quantity")
    lines = facts.lines.select(
        "line_id",
        "order_id",
        "channel_id",
        "placed_at",
        "ship_by_at",
        "deliver_by_at",
        theirs=pl.col("order_id").is_in(_theirs(facts)),
        has_zone=pl.col("channel_id").is_in(zoned),
        is_open=is_open,
        live=is_open | (pl.col("shipped_quantity") > 0),
    )
    tracked = pl.col("tracking_number").is_not_null()
    shipments = facts.shipments.select(
        "shipment_id",
        "line_id",
        "shipment_ref",
        "quantity",
        "shipped_at",
        "first_scan_at",
        "delivered_at",
        tracked=tracked,
        uploaded_at=pl.when(tracked).then(pl.coalesce("tracking_uploaded_at", "shipped_at")),
    )
    return (
        lines.join(shipments, on="line_id", how="left", maintain_order="left")
        .with_columns(
            pl.when("live").then("ship_by_at"),
            pl.when("live").then("deliver_by_at"),
            scan_by_at=pl.col("shipped_at") + timedelta(days=SCAN_DAYS),
            first_shipped_at="shipped_at",
            no_ship_by=pl.col("live") & pl.col("ship_by_at").is_null(),
            no_deliver_by=pl.col("live") & pl.col("deliver_by_at").is_null(),
            untracked=~pl.col("tracked"),
            untold=(~pl.col("tracked") & pl.col("delivered_at").is_null()).fill_null(False),
            **{f"{name}_done": _done(event) for name, (event, _) in MOMENTS.items()},
        )
        .with_columns(**{f"{name}_miss": _miss(f"{name}_done", by) for name, (_, by) in MOMENTS.items()})
    )


def _theirs(facts: Facts) -> pl.Series:
    """Orders that the marketplace fulfils."""
    return facts.orders.filter(pl.col("fulfilled_by") == "marketplace").select("order_id").collect()["order_id"].implode()


def _done(event: str) -> pl.Expr:
    return pl.when("live").then(pl.when("is_open").then(NOT_YET).otherwise(pl.col(event).fill_null(NOT_YET)))


def _miss(done: str, by: str) -> pl.Expr:
    return pl.when(pl.col(done) > pl.col(by)).then(by).otherwise(NOT_YET)


_BY_ORDER: Final = ("channel_id", "placed_at", "theirs", "has_zone")
_LEAST: Final = ("ship_by_at", "deliver_by_at", "first_shipped_at", *(f"{name}_miss" for name in MOMENTS))
_MOST: Final = ("live", "no_ship_by", "no_deliver_by", "untold", *(f"{name}_done" for name in MOMENTS))


def _repeated(keys: pl.Series) -> pl.Series:
    """Which rows share their key with another. Ids of orders lie close together: counting them takes a tenth of the time of hashing."""
    if keys.is_empty():
        return pl.Series([], dtype=pl.Boolean)
    least, most = keys.min(), keys.max()
    if int(most) - int(least) > 20 * len(keys):  # type: ignore[arg-type]
        return keys.is_duplicated()
    place = keys.to_numpy() - least
    return pl.Series(np.bincount(place)[place] > 1)


def _orders(facts: Facts, parts: pl.DataFrame, zoned: list[str]) -> pl.DataFrame:
    repeated = _repeated(parts["order_id"])  # most orders are one part: only the others need grouping
    names = ["order_id", *_BY_ORDER, *_LEAST, *_MOST]
    grouped = (
        parts.lazy().filter(repeated).group_by("order_id").agg(pl.col(*_BY_ORDER).first(), pl.col(*_LEAST).min(), pl.col(*_MOST).max())
    )
    whole = [*pl.collect_all([parts.lazy().filter(~repeated).select(names), grouped.select(names)])]
    if sum(frame.height for frame in whole) != facts.orders.select(pl.len()).collect().item():
        whole.append(_without_lines(facts, zoned).collect())
    orders = pl.concat(whole, how="diagonal")
    returned = facts.returns.filter(pl.col("order_id").is_not_null()).group_by("order_id").agg(returned_at=pl.col("received_at").min())
    more = orders.lazy().select("order_id")
    for other in (_cancelled(facts), returned):
        more = more.join(other, on="order_id", how="left", maintain_order="left")
    return orders.hstack(more.drop("order_id").collect()).with_columns(
        shipped_at=pl.when(pl.col("ship_done") < NOT_YET).then("ship_done"),
        delivered_at=pl.when(pl.col("deliver_done") < NOT_YET).then("deliver_done"),
        known_at="placed_at",
        weight=pl.lit(1, pl.Int64),
    )


def _without_lines(facts: Facts, zoned: list[str]) -> pl.LazyFrame:
    return facts.orders.join(facts.lines.select("order_id"), on="order_id", how="anti").select(
        "order_id",
        "channel_id",
        "placed_at",
        theirs=pl.col("fulfilled_by") == "marketplace",
        has_zone=pl.col("channel_id").is_in(zoned),
    )


def _cancelled(facts: Facts) -> pl.LazyFrame:
    """By order: when the seller first took units away, the last cancellation, whether any took units away, and by whom."""
    lines = facts.lines.select("line_id", took=pl.col("shipped_quantity") < pl.col("quantity"))
    seller = pl.when(pl.col("took") & (pl.col("cancelled_by") == "seller")).then("cancelled_at")
    by = {name: (pl.col("took") & (pl.col("cancelled_by") == name)).any() for name in ("unknown", "marketplace", "buyer")}
    return (
        facts.cancellations.select("line_id", "order_id", "cancelled_at", "cancelled_by")
        .join(lines, on="line_id", how="inner")
        .group_by("order_id")
        .agg(
            seller_at=seller.min(),
            cancelled_at=pl.col("cancelled_at").max(),
            cancel_took=pl.col("took").any(),
            cancelled_by=pl.coalesce(pl.when(held).then(pl.lit(name)) for name, held in by.items()),
        )
    )


def _packages(shipped: pl.LazyFrame) -> pl.DataFrame:
    columns = ("order_id", "shipment_ref", *_BY_ORDER, "shipped_at", "ship_by_at", "deliver_by_at", "first_scan_at", "delivered_at")
    sent = shipped.select(columns).collect()
    least = ("shipped_at", "ship_by_at", "deliver_by_at", "first_scan_at")
    names = ["order_id", "shipment_ref", *_BY_ORDER, *least, "delivered_at"]
    repeated = _repeated(sent["order_id"])
    grouped = (
        sent.filter(repeated)
        .group_by("order_id", "shipment_ref")
        .agg(pl.col(*_BY_ORDER).first(), pl.col(*least).min(), pl.col("delivered_at").max())
    )
    return (
        pl.concat([sent.filter(~repeated).select(names), grouped.select(names)])
        .with_columns(scan_done=pl.col("first_scan_at").fill_null(NOT_YET), scan_by_at=pl.col("shipped_at") + timedelta(days=SCAN_DAYS))
        .with_columns(
            scan_miss=_miss("scan_done", "scan_by_at"),
            live=pl.lit(True),
            first_shipped_at="shipped_at",
            known_at="shipped_at",
            weight=pl.lit(1, pl.Int64),
        )
    )


def _units(shipped: pl.LazyFrame) -> pl.DataFrame:
    """Shipped units judge themselves, whatever else of their line is open."""
    return (
        shipped.select(
            "order_id",
            "shipment_id",
            "shipment_ref",
            *_BY_ORDER,
            "shipped_at",
            "delivered_at",
            "ship_by_at",
            "deliver_by_at",
            "untracked",
            "no_deliver_by",
            "live",
            "first_shipped_at",
            weight="quantity",
            known_at="shipped_at",
            deliver_done=pl.col("delivered_at").fill_null(NOT_YET),
        )
        .with_columns(deliver_miss=_miss("deliver_done", "deliver_by_at"))
        .collect()
    )
