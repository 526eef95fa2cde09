"""The back-test of a channel buffer: what would have been oversold, and what withheld, with other sizes. Pure frames in, frames out.

The channel is taken to have seen, at an order, `seen = pool(t - delay) - its own sales since`, where `delay` is how late its events reach
us. Its own sales are those of the listing ordered: a channel counts down each listing by itself, so that of two listings of a SKU neither
knows what the other sold. The true pool was `pool = pool(t)`. With a buffer of `b` units it would have taken, of an order of `q` units,

```
sold     = min(q, max(seen - b, 0))
oversold = the part of sold that is beyond max(pool, 0)
withheld = sold - oversold without a buffer, less sold - oversold with it, over the whole window; at least 0
```

so that a unit that stays withheld from ten orders is lost once, for without the buffer the first of them would have had it.

What it does not take stays in stock: from then on `pool` and `seen` are higher by it, until the order would have been cancelled anyway.
Only the channel's own sales are replayed; those of others, receipts and returns are taken as they were. The pool is that of stock alone:
sellable units less those that orders are tied to or owed, before reservations and location buffers. The oversell rate is oversold / sold.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

CHANGES: Final = pl.Schema(
    {
        "sku": pl.String,  # stocked
        "at": pl.Int64,  # microseconds since 1970
        "line_id": pl.Int64,  # of the order line that was placed; 0 for any other change, which comes before lines of the same moment
        "units": pl.Int64,  # signed change of the channel's pool
    }
)
ORDERS: Final = pl.Schema(
    {
        "line_id": pl.Int64,
        "sku": pl.String,  # as sold; may be a kit
        "kit_version": pl.Int64,
        "listing": pl.String,  # the channel's own id
        "at": pl.Int64,
        "units": pl.Int64,
        "delay": pl.Int64,  # microseconds
    }
)
CANCELLED: Final = pl.Schema({"line_id": pl.Int64, "at": pl.Int64, "units": pl.Int64})
PARTS: Final = pl.Schema({"sku": pl.String, "kit_version": pl.Int64, "component_sku": pl.String, "quantity": pl.Int64})
MOMENTS: Final = pl.Schema({**ORDERS, "pool": pl.Int64(), "seen": pl.Int64()})  # of the SKU or kit, just before the order
CURVES: Final = pl.Schema(
    {
        "sku": pl.String,
        "size": pl.Int64,  # of the buffer, in units
        "sold": pl.Int64,
        "oversold": pl.Int64,
        "withheld": pl.Int64,
    }
)
BY_SKU: Final = pl.Schema(
    {
        "sku": pl.String,
        "wanted": pl.Int64,  # units ordered in the window
        "today": pl.Int64,  # the size of now, in units
        "oversold_without": pl.Int64,
        "oversold": pl.Int64,  # with today's size
        "avoided": pl.Int64,  # oversold_without - oversold
        "withheld": pl.Int64,  # by today's size, from units that could have been sold and shipped
        "costs": pl.Int64,  # withheld - avoided: above 0, the buffer costs more units than it saves
        "suggested": pl.Int64,  # null: no size that was tried meets the target
        "suggested_oversold": pl.Int64,
        "suggested_withheld": pl.Int64,
        "observed_from": pl.Int64,  # smaller sizes could not be observed, for more was withheld then
    }
)
SUGGESTED: Final = pl.Schema({"sku": pl.String, "suggested": pl.Int64})  # null: no size that was tried meets the target
_Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Demand:
    """What a channel sold in a window, and what its pools did: by `ORDERS`, `CANCELLED`, `CHANGES`, `PARTS`.

    `pools`: sku, pool of stocked SKUs at the end of `changes`, which begin a longest delay before the first order.
    """

    orders: pl.DataFrame
    cancelled: pl.DataFrame
    changes: pl.DataFrame
    pools: pl.DataFrame
    parts: pl.DataFrame


def moments(demand: Demand) -> pl.DataFrame:
    """`MOMENTS`: each order with the true pool just before it, and what the channel is taken to have seen."""
    steps = _steps(demand)
    asked = demand.orders.with_columns(seen_at=pl.col("at") - pl.col("delay"))
    parts = _parts(asked, demand.parts)
    true = parts.join(
        steps.filter(pl.col("line_id") > 0).select("component_sku", "line_id", pool=pl.col("after") - pl.col("units")),
        on=["component_sku", "line_id"],
        how="left",
    )
    # a line that no location of the channel was tied to changed nothing; it saw what was there
    there = _as_of(parts, steps, "at", "there")
    then = _as_of(parts, steps, "seen_at", "then")
    whole = (
        true.join(there, on=["line_id", "component_sku"])
        .join(then, on=["line_id", "component_sku"])
        .with_columns(pool=pl.col("pool").fill_null(pl.col("there")).floordiv("quantity"), then=pl.col("then").floordiv("quantity"))
        .group_by("line_id")
        .agg(pl.col("pool", "then").min())
    )
    orders = asked.join(whole, on="line_id").join(_own_since(asked), on="line_id")
    seen = pl.when(pl.col("delay") > 0).then(pl.col("then") - pl.col("own")).otherwise("pool")
    return orders.with_columns(seen=seen).select(MOMENTS.names()).sort("sku", "at", "line_id")


def _steps(demand: Demand) -> pl.DataFrame:
    """The changes in order, with the pool `after` each; a first step of each SKU has the pool before all."""
    ordered = demand.changes.sort("sku", "at", "line_id")
    after = pl.col("pool") - (pl.col("units").sum().over("sku") - pl.col("units").cum_sum().over("sku"))
    moved = ordered.join(demand.pools, on="sku", how="left").with_columns(after=after.fill_null(0))
    before = demand.pools.join(ordered.group_by("sku").agg(pl.col("units").sum()), on="sku", how="left").select(
        "sku",
        at=pl.lit(np.iinfo(np.int64).min, pl.Int64),
        line_id=pl.lit(0, pl.Int64),
        units=pl.lit(0, pl.Int64),
        after=pl.col("pool") - pl.col("units").fill_null(0),
    )
    return pl.concat([before, moved.select(before.columns)]).rename({"sku": "component_sku"}).sort("at", "line_id", maintain_order=True)


def _parts(asked: pl.DataFrame, parts: pl.DataFrame) -> pl.DataFrame:
    """A row for each order and stocked SKU that it needs: line_id, component_sku, quantity, at, seen_at."""
    columns = ["line_id", "component_sku", "quantity", "at", "seen_at"]
    single = asked.filter(pl.col("kit_version") == 0).with_columns(component_sku="sku", quantity=pl.lit(1, pl.Int64))
    kits = asked.filter(pl.col("kit_version") > 0).join(parts, on=["sku", "kit_version"])
    return pl.concat([single.select(columns), kits.select(columns)])


def _as_of(parts: pl.DataFrame, steps: pl.DataFrame, moment: str, name: str) -> pl.DataFrame:
    """The pool of each part after all that happened up to a moment; 0 of a SKU that never had any."""
    levels = parts.sort(moment).join_asof(
        steps.select("component_sku", pl.col("at").alias("step_at"), after="after"),
        left_on=moment,
        right_on="step_at",
        by="component_sku",
        strategy="backward",
        check_sortedness=False,
    )
    return levels.select("line_id", "component_sku", pl.col("after").fill_null(0).alias(name))


def _own_since(asked: pl.DataFrame) -> pl.DataFrame:
    """`line_id`, `own`: units that the same listing sold after what it saw, before the order itself."""
    by = ["sku", "listing"]
    sold = asked.sort(*by, "at", "line_id").with_columns(until=pl.col("units").cum_sum().over(by))
    sold_by = sold.sort("at", "line_id", maintain_order=True).select(*by, pl.col("at").alias("sold_at"), sold_until="until")
    since = sold.sort("seen_at").join_asof(
        sold_by, left_on="seen_at", right_on="sold_at", by=by, strategy="backward", check_sortedness=False
    )
    own = (pl.col("until") - pl.col("units") - pl.col("sold_until").fill_null(0)).clip(lower_bound=0)
    return since.select("line_id", own=own)


def replay(orders_seen: pl.DataFrame, cancelled: pl.DataFrame, sizes: Sequence[int], own: pl.DataFrame | None = None) -> pl.DataFrame:
    """`CURVES` of `MOMENTS` and `CANCELLED` for each SKU and size; 0 is always among the sizes. `own`: sku, size: one more for a SKU.

    Orders of one SKU follow each other, so the loop is over the first, second, ... of every SKU at once, for all sizes.
    """
    orders = orders_seen.with_row_index("order").with_columns(pl.col("order").cast(pl.Int64))
    gone = cancelled.join(orders.select("line_id", "sku", "order"), on="line_id")
    items = pl.concat(
        [
            orders.select("sku", "at", "units", "order", "pool", "seen", is_order=pl.lit(True)),
            gone.select("sku", "at", "units", "order", is_order=pl.lit(False)).with_columns(
                pool=pl.lit(0, pl.Int64), seen=pl.lit(0, pl.Int64)
            ),
        ],
        how="diagonal",
    ).sort("sku", "at", pl.col("is_order").not_(), "order")
    counts = items.group_by("sku", maintain_order=True).len()
    starts = np.concatenate([[0], np.cumsum(counts["len"].to_numpy())[:-1]]).astype(np.int64)
    ranked = np.argsort(-counts["len"].to_numpy().astype(np.int64), kind="stable")
    tried = np.tile(np.array(sorted({0, *sizes}), np.int64), (len(counts), 1))
    if own is not None:
        more = counts.join(own, on="sku", how="left", maintain_order="left")["size"].fill_null(0)
        tried = np.column_stack([tried, more.to_numpy()])
    state = _Replay(items, len(orders), tried)
    longest = counts["len"].to_numpy().astype(np.int64)[ranked]
    for step in range(int(longest[0]) if len(longest) else 0):
        active = ranked[: int(np.searchsorted(-longest, -step, side="left"))]
        state.step(starts[active] + step, active)
    served = state.sold - state.oversold
    return (
        pl.DataFrame(
            {
                "sku": np.repeat(counts["sku"].to_numpy(), tried.shape[1]),
                "size": tried.ravel(),
                "sold": state.sold.ravel(),
                "oversold": state.oversold.ravel(),
                "withheld": np.maximum(served[:, :1] - served, 0).ravel(),
            },
            schema=CURVES,
        )
        .unique(["sku", "size"], keep="first", maintain_order=True)
        .sort("sku", "size", maintain_order=True)
    )


class _Replay:
    """The state of the loop: by SKU and size. `sizes` are by SKU too."""

    def __init__(self, items: pl.DataFrame, orders: int, sizes: _Ints) -> None:
        self.sizes = sizes
        self.units, self.pool, self.seen, self.order = (items[name].to_numpy() for name in ("units", "pool", "seen", "order"))
        self.is_order = items["is_order"].to_numpy()
        self.kept, self.sold, self.oversold = (np.zeros(sizes.shape, np.int64) for _ in range(3))
        self.refused = np.zeros((orders, sizes.shape[1]), np.int64)

    def step(self, rows: _Ints, skus: _Ints) -> None:
        """One item of each of these SKUs."""
        placing = self.is_order[rows]
        self._place(rows[placing], skus[placing])
        self._cancel(rows[~placing], skus[~placing])

    def _place(self, rows: _Ints, skus: _Ints) -> None:
        kept = self.kept[skus]
        units = self.units[rows, None]
        there = np.maximum(self.pool[rows, None] + kept, 0)
        sold = np.minimum(units, np.maximum(self.seen[rows, None] + kept - self.sizes[skus], 0))
        self.sold[skus] += sold
        self.oversold[skus] += np.maximum(sold - there, 0)
        self.refused[self.order[rows]] = units - sold
        self.kept[skus] = kept + units - sold

    def _cancel(self, rows: _Ints, skus: _Ints) -> None:
        order = self.order[rows]
        back = np.minimum(self.units[rows, None], self.refused[order])
        self.refused[order] -= back
        self.kept[skus] -= back


def total(curves: pl.DataFrame, label: str) -> pl.DataFrame:
    """`CURVES` of one rule for all SKUs: their sum by size, under `label` as SKU."""
    summed = curves.group_by("size").agg(pl.col("sold", "oversold", "withheld").sum())
    return summed.with_columns(sku=pl.lit(label, pl.String)).select(CURVES.names()).sort("size")


def rate(sold: pl.Expr, oversold: pl.Expr) -> pl.Expr:
    """The oversell rate: oversold / sold; 0 where nothing was sold."""
    return pl.when(sold > 0).then(oversold / sold).otherwise(0.0)


def suggested(curves: pl.DataFrame, target: float, observed_from: pl.DataFrame) -> pl.DataFrame:
    """`SUGGESTED`: for each SKU the smallest size that could be observed and whose oversell rate is at most the target.

    `observed_from`: sku, size: the smallest size that could be observed (`in_force.observed_from`); SKUs without a row: 0.
    """
    fits = (
        curves.join(observed_from.select("sku", least="size"), on="sku", how="left")
        .filter(pl.col("size") >= pl.col("least").fill_null(0))
        .filter(rate(pl.col("sold"), pl.col("oversold")) <= target)
    )
    least = fits.group_by("sku").agg(suggested=pl.col("size").min())
    return curves.select("sku").unique(maintain_order=True).join(least, on="sku", how="left", maintain_order="left")


def by_sku(curves: pl.DataFrame, wanted: pl.DataFrame, today: pl.DataFrame, observed_from: pl.DataFrame, target: float) -> pl.DataFrame:
    """`BY_SKU`, where a buffer costs most first. `wanted`: sku, wanted; `today`: sku, size (SKUs without a row: 0); see `suggested`."""

    def at(size: str, **columns: str) -> pl.DataFrame:
        return curves.select("sku", pl.col("size").alias(size), **{name: pl.col(column) for name, column in columns.items()})

    return (
        wanted.join(today.select("sku", today="size"), on="sku", how="left")
        .join(suggested(curves, target, observed_from), on="sku", how="left")
        .join(observed_from.select("sku", observed_from="size"), on="sku", how="left")
        .with_columns(pl.col("today", "observed_from").fill_null(0))
        .join(curves.filter(pl.col("size") == 0).select("sku", oversold_without="oversold"), on="sku")
        .join(at("today", oversold="oversold", withheld="withheld"), on=["sku", "today"])
        .join(at("suggested", suggested_oversold="oversold", suggested_withheld="withheld"), on=["sku", "suggested"], how="left")
        .with_columns(avoided=pl.col("oversold_without") - pl.col("oversold"))
        .with_columns(costs=pl.col("withheld") - pl.col("avoided"))
        .select(BY_SKU.names())
        .sort("costs", "withheld", "sku", descending=[True, True, False])
    )
