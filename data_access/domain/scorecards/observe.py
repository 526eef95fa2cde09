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
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import polars as pl

from data_access.domain.facts import MICROS
from data_access.domain.scorecards.registry import COMPUTED, UNITS
from data_access.domain.scorecards.subjects import NOT_YET, Subjects

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


def observe(subjects: Subjects, kind: str, unit: str) -> pl.LazyFrame:
    """`OBSERVATIONS` of one kind.

    Raises:
        KeyError: the kind does not count such units.

    """
    spec, frame = SPECS[kind, unit], subjects.of(unit)
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
    code = judged.otherwise(pl.lit(OK, pl.UInt8))
    for why, held in reversed(spec.excluded):
        code = pl.when(held).then(pl.lit(EXCLUDED + places[why], pl.UInt8)).otherwise(code)
    return code


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
