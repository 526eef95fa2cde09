"""What each order, package or unit means for each kind of metric: fine, missed, still open, or not counted and why. Frames in, frames out.

A kind is one row of `SPECS`: what is counted, what is excluded and why, and two moments. `done_at` is when all that the kind waits for had
happened; `miss_at` is the first moment at which something it waits for was not there in time. So a subject is

```
excluded  if a reason holds (the first of those listed)
open      if it is not done:  a miss from `miss_at` on, if nothing happens until then; never, if that is null
miss      if it is done and something was late
ok        if it is done and nothing was late
```

and what is open is judged by `settle` for a given moment. All moments come from the facts alone, never from the clock: an observation
changes only if the facts do. `docs/scorecards.md` has the rules as a table.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import numpy as np
import polars as pl

from data_access.domain.facts import MICROS
from data_access.domain.scorecards.days import zones
from data_access.domain.scorecards.registry import COMPUTED, UNITS

KINDS: Final[Any] = pl.Enum(list(COMPUTED))
COUNTED: Final[Any] = pl.Enum(list(UNITS))
OUTCOMES: Final[Any] = pl.Enum(["ok", "miss", "open", "excluded"])
OK, MISS, OPEN, EXCLUDED = range(4)
NO_LINES: Final = "no lines"
NO_ZONE: Final = "channel without a time zone"
THEIRS: Final = "fulfilled by the marketplace"
CANCELLED: Final = "cancelled before it shipped"
TIME_TRAVEL: Final = "shipped before placed"
HANDED_OVER: Final = "handed over when it was bought"
NO_SHIP_BY: Final = "no ship-by date"
NO_DELIVER_BY: Final = "no deliver-by date"
UNTRACKED: Final = "no tracking number"
UNTOLD: Final = "neither tracked nor told as delivered"
AFTER_SHIPPING: Final = "cancelled after it shipped"
BY_BUYER: Final = "cancelled by the buyer"
BY_MARKETPLACE: Final = "cancelled by the marketplace"
BY_UNKNOWN: Final = "cancelled, not known by whom"
REASONS: Final[Any] = pl.Enum(
    [
        NO_LINES,
        NO_ZONE,
        THEIRS,
        TIME_TRAVEL,
        HANDED_OVER,
        AFTER_SHIPPING,
        BY_BUYER,
        BY_MARKETPLACE,
        BY_UNKNOWN,
        CANCELLED,
        NO_SHIP_BY,
        NO_DELIVER_BY,
        UNTRACKED,
        UNTOLD,
    ]
)
OBSERVATIONS: Final = pl.Schema(
    {
        "channel_id": pl.String,
        "kind": KINDS,
        "unit": COUNTED,
        "order_id": pl.Int64,
        "shipment_ref": pl.String,  # the package; null where orders are counted
        "shipment_id": pl.Int64,  # null unless units are counted
        "weight": pl.Int64,  # units; 1 for an order or a package
        "placed_at": MICROS,
        "ship_by_at": MICROS,  # the earliest of the order's lines
        "shipped_at": MICROS,  # when the last of it left; null until then
        "deliver_by_at": MICROS,
        "delivered_at": MICROS,  # when the last of it arrived
        "known_at": MICROS,  # since when there is such a subject
        "decided_at": MICROS,  # since when the outcome is what it is; null while it may still change
        "outcome": OUTCOMES,
        "reason": REASONS,  # of an exclusion
        "miss_from": MICROS,  # of an open one
    }
)
SCAN_DAYS: Final = 14
"""A package may be scanned so many days after it left; then it is one without a scan. Amazon reports with this lag."""
MOMENTS: Final[Mapping[str, tuple[str, str]]] = {
    "ship": ("shipped_at", "ship_by_at"),
    "accept": ("first_scan_at", "ship_by_at"),
    "upload": ("uploaded_at", "ship_by_at"),
    "number": ("uploaded_at", "scan_by_at"),
    "scan": ("first_scan_at", "scan_by_at"),
    "deliver": ("delivered_at", "deliver_by_at"),
}
"""What has to happen, and by when."""
NOT_YET: Final = pl.lit(datetime(9999, 1, 1, tzinfo=UTC), MICROS)


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


@dataclass(frozen=True, slots=True)
class Spec:
    """How a kind judges. `waits`: what has to happen in time, of `MOMENTS`; none for what must not happen at all.

    `judges_open`: what is open counts as fine so far, as marketplaces count all orders; else it is not judged yet.
    `is_final`: once fine, it stays so; a return may come at any time.
    """

    done_at: pl.Expr
    miss_at: pl.Expr
    excluded: tuple[tuple[str, pl.Expr], ...]
    waits: tuple[str, ...] = ()
    judges_open: bool = False
    is_final: bool = True


_SHARED: Final = (
    (NO_LINES, pl.col("live").is_null()),
    (NO_ZONE, ~pl.col("has_zone")),
)
_OURS: Final = (*_SHARED, (THEIRS, pl.col("theirs")))
_AT_A_TILL: Final = (pl.col("first_shipped_at") == pl.col("placed_at")) & pl.col("ship_by_at").is_null()
_SHIPS: Final = (
    *_OURS,
    (CANCELLED, ~pl.col("live")),
    (TIME_TRAVEL, pl.col("first_shipped_at") < pl.col("placed_at")),
    (HANDED_OVER, _AT_A_TILL),
)
_DUE: Final = (*_SHIPS, (NO_SHIP_BY, pl.col("no_ship_by")))
_PROMISED: Final = (*_SHIPS, (NO_DELIVER_BY, pl.col("no_deliver_by")))
_WHOLE_CANCEL: Final = pl.col("seller_at").is_null() & pl.col("cancelled_at").is_not_null()


def _waits(names: tuple[str, ...], excluded: tuple[tuple[str, pl.Expr], ...]) -> Spec:
    """A kind for which one or more things all have to happen in time."""
    return Spec(
        done_at=pl.max_horizontal(f"{name}_done" for name in names),
        miss_at=pl.min_horizontal(f"{name}_miss" for name in names),
        excluded=excluded,
        waits=names,
    )


SPECS: Final[Mapping[tuple[str, str], Spec]] = {
    ("late_shipment", "order"): _waits(("ship",), _DUE),
    ("late_acceptance", "order"): _waits(("accept",), _DUE),
    ("shipped_with_tracking", "order"): _waits(("ship", "number"), _DUE),
    ("tracking_on_time", "order"): _waits(("upload", "scan"), _DUE),
    ("valid_tracking", "order"): _waits(("scan",), _SHIPS),
    ("valid_tracking", "package"): _waits(("scan",), _SHIPS),
    ("on_time_delivery", "order"): _waits(("deliver",), (*_PROMISED, (UNTOLD, pl.col("untold")))),
    ("on_time_delivery", "unit"): _waits(("deliver",), (*_PROMISED, (UNTRACKED, pl.col("untracked")))),
    ("cancellation", "order"): Spec(
        done_at=pl.coalesce("seller_at", "ship_done", NOT_YET),
        miss_at=pl.col("seller_at").fill_null(NOT_YET),
        excluded=(
            *_OURS,
            (AFTER_SHIPPING, _WHOLE_CANCEL & ~pl.col("cancel_took")),
            (BY_BUYER, _WHOLE_CANCEL & ~pl.col("live") & (pl.col("cancelled_by") == "buyer")),
            (BY_MARKETPLACE, _WHOLE_CANCEL & ~pl.col("live") & (pl.col("cancelled_by") == "marketplace")),
            (BY_UNKNOWN, pl.col("seller_at").is_null() & ~pl.col("live")),
        ),
        judges_open=True,
    ),
    ("return_rate", "order"): Spec(
        done_at=pl.coalesce("returned_at", "ship_done", NOT_YET),
        miss_at=pl.col("returned_at").fill_null(NOT_YET),
        excluded=(*_SHARED, (CANCELLED, ~pl.col("live"))),
        judges_open=True,
        is_final=False,
    ),
}


def observe(found: Subjects, kind: str, unit: str) -> pl.LazyFrame:
    """`OBSERVATIONS` of one kind.

    Raises:
        KeyError: the kind does not count such units.

    """
    spec, frame = SPECS[kind, unit], found.of(unit)
    code = pl.col("status")
    is_open, is_miss, is_excluded = code == OPEN, code == MISS, code >= EXCLUDED
    if unit == "order":
        settled_at = pl.max_horizontal("known_at", "done", pl.when("cancel_took").then("cancelled_at"))
        dropped_at = pl.max_horizontal("known_at", "cancelled_at")
    else:
        settled_at, dropped_at = pl.max_horizontal("known_at", "done"), pl.col("known_at")
    settled = pl.when(code == OK).then(settled_at if spec.is_final else pl.lit(None, MICROS))
    return (
        frame.lazy()
        .with_columns(status=status(spec), done=spec.done_at, miss=spec.miss_at)
        .with_columns(
            *[pl.lit(None, OBSERVATIONS[name]).alias(name) for name in ("shipment_ref", "shipment_id") if name not in frame.columns],
            pl.col("channel_id").cast(pl.String),
            kind=pl.lit(kind, KINDS),
            unit=pl.lit(unit, COUNTED),
            outcome=outcome(code),
            reason=reason(code),
            decided_at=pl.when(is_excluded).then(dropped_at).when(is_miss).then(pl.max_horizontal("miss", "known_at")).otherwise(settled),
            miss_from=pl.when(is_open & (pl.col("miss") < NOT_YET)).then("miss"),
        )
        .select(OBSERVATIONS.names())
    )


def status(spec: Spec) -> pl.Expr:
    """Outcome and reason as one small number: OK, MISS, OPEN, or EXCLUDED plus the place in `REASONS` of the first that holds."""
    places = {name: place for place, name in enumerate(REASONS.categories)}
    judged = pl.when(spec.done_at >= NOT_YET).then(pl.lit(OPEN, pl.UInt8)).when(spec.miss_at < NOT_YET).then(pl.lit(MISS, pl.UInt8))
    found = judged.otherwise(pl.lit(OK, pl.UInt8))
    for why, held in reversed(spec.excluded):
        found = pl.when(held).then(pl.lit(EXCLUDED + places[why], pl.UInt8)).otherwise(found)
    return found


def outcome(code: pl.Expr) -> pl.Expr:
    """The outcome that a `status` stands for."""
    return pl.min_horizontal(code, pl.lit(EXCLUDED, pl.UInt8)).cat.to(OUTCOMES)


def reason(code: pl.Expr) -> pl.Expr:
    """The reason of exclusion that a `status` stands for, or null."""
    return pl.when(code >= EXCLUDED).then(code - EXCLUDED).cat.to(REASONS)


def judged(now: datetime) -> pl.Expr:
    """The outcome at a moment: what is open and past its `miss_from` is a miss; where the kind `judges_open`, the rest of it is fine."""
    is_open = pl.col("outcome") == "open"
    fine = is_open & pl.any_horizontal(
        (pl.col("kind") == kind) & (pl.col("unit") == unit) for (kind, unit), spec in SPECS.items() if spec.judges_open
    )
    return pl.when(_late(now)).then(pl.lit("miss", OUTCOMES)).when(fine).then(pl.lit("ok", OUTCOMES)).otherwise("outcome")


def _late(now: datetime) -> pl.Expr:
    return (pl.col("outcome") == "open") & (pl.col("miss_from") < pl.lit(now, MICROS))


def settle(observations: pl.LazyFrame, now: datetime) -> pl.LazyFrame:
    """The observations as `judged` at a moment."""
    late = _late(now)
    return observations.with_columns(
        outcome=judged(now),
        decided_at=pl.when(late).then(pl.max_horizontal("miss_from", "known_at")).otherwise("decided_at"),
        miss_from=pl.when(~late).then("miss_from"),
    )


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
