"""For what share of each day a SKU could be sold on a channel, as far as stock tells.

- A SKU can be sold while some location that serves the channel has sellable stock that no order holds or waits for; a kit while some
  location has all of its components, as it is made now.
- A till sells only what lies in its own shop: of a retail channel each location counts for itself, by its share of the channel's demand.
- Before the first count, opening or receipt of a SKU at a channel's locations nothing is known of its stock: it was there if it sold.
- A channel without locations, and a SKU without stock at any of them, is never out of stock: its stock is not kept here.
"""

from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from data_access.domain.in_stock import Clock, Ints, Numbers, Stretches, held, overlapping, shares

Shares = NDArray[np.float32]

KNOWN: Final = 0.5
"""A day with at least this share in stock counts as one with stock."""

LEAST_UNITS: Final = 10
AS_WELL: Final = 0.75
_NEVER: Final = 2**62


@dataclass(frozen=True, slots=True)
class Places:
    """SKUs, kits too, at locations, by number; when each had any free; and from when on its stock is known (microseconds)."""

    sku: Numbers
    location: Numbers
    known_from: Ints
    in_stock: Stretches


@dataclass(frozen=True, slots=True)
class Pool:
    """Locations that serve a channel together, by number, and what share of its demand they see."""

    locations: tuple[int, ...]
    weight: float


def places(stocked: pl.DataFrame, changes: pl.DataFrame, kits: pl.DataFrame, skus: int, begins: int, ends: int) -> Places:
    """Play the stock of each place backwards.

    Args:
        stocked: sku, location (numbers), free (units right before `ends`), known_from (null: never).
        changes: sku, location, at, units: what changed free units from `begins` to before `ends`; at other places than `stocked` it is
            left out.
        kits: kit, component (numbers), quantity.
        skus: how many there are.
        begins: microseconds since 1970.
        ends: the moment after the last.

    """
    kits = kits.with_columns(parts=pl.len().over("kit"))
    parts: list[Places] = []
    for (location,), here in sorted(stocked.partition_by("location", as_dict=True).items()):
        row_of = np.full(skus, -1, np.int32)
        row_of[here["sku"].to_numpy()] = np.arange(here.height)
        own = changes.filter(pl.col("location") == location)
        own = own.select("at", "units", row=pl.Series(row_of[own["sku"].to_numpy()])).filter(pl.col("row") >= 0)
        parts.append(_alone(here, own, begins, ends))
        parts.append(_together(here.with_row_index("row"), own, kits, begins, ends))
    return _joined(parts)


def _alone(here: pl.DataFrame, changes: pl.DataFrame, begins: int, ends: int) -> Places:
    """Stocked SKUs at a location. `changes`: row (in `here`), at, units."""
    in_stock = held(here["free"].to_numpy(), np.ones(here.height, np.int64), changes, begins, ends)
    known_from = here["known_from"].fill_null(_NEVER).to_numpy()
    return Places(here["sku"].to_numpy(), here["location"].to_numpy(), known_from, in_stock)


def _together(here: pl.DataFrame, changes: pl.DataFrame, kits: pl.DataFrame, begins: int, ends: int) -> Places:
    """Kits at a location that keeps all of their components."""
    parts = (
        kits.join(here, left_on="component", right_on="sku")
        .filter(pl.len().over("kit") == pl.col("parts"))
        .sort("kit", "component")
        .with_columns(part=pl.int_range(pl.len(), dtype=pl.Int32))
    )
    whole = parts.group_by("kit", maintain_order=True).agg(
        pl.len().cast(pl.Int64), pl.col("location").first(), pl.col("known_from").fill_null(_NEVER).max()
    )
    own = changes.join(parts.select(pl.col("row").cast(pl.Int32), "part"), on="row").select("at", "units", row="part")
    each = held(parts["free"].to_numpy(), parts["quantity"].to_numpy(), own, begins, ends)
    kit_of = np.repeat(np.arange(whole.height, dtype=np.int32), whole["len"].to_numpy())
    in_stock = overlapping(kit_of[each.row], each, whole["len"].to_numpy())
    return Places(whole["kit"].to_numpy(), whole["location"].to_numpy(), whole["known_from"].to_numpy(), in_stock)


def _joined(parts: list[Places]) -> Places:
    before = np.cumsum([0, *(len(part.sku) for part in parts)], dtype=np.int32)

    def all_of(columns: list[NDArray[Any]], kind: type[np.signedinteger[Any]]) -> NDArray[Any]:
        return np.concatenate([np.zeros(0, kind), *columns])

    return Places(
        all_of([part.sku for part in parts], np.int32),
        all_of([part.location for part in parts], np.int32),
        all_of([part.known_from for part in parts], np.int64),
        Stretches(
            all_of([part.in_stock.row + first for part, first in zip(parts, before, strict=False)], np.int32),
            all_of([part.in_stock.since for part in parts], np.int64),
            all_of([part.in_stock.until for part in parts], np.int64),
        ),
    )


class Span(NamedTuple):
    """The days of a channel that are looked at: their clock, first and last instant in microseconds, and number."""

    clock: Clock
    begins: int
    ends: int
    days: int


def sellable(known: Places, skus: Numbers, sold_from: Ints, pools: list[Pool], span: Span) -> Shares:
    """For what share of each day the SKUs (numbers, each once) could be sold on a channel: SKUs x days.

    `sold_from`: when each was first ordered on the channel, in microseconds.
    """
    clock, begins, ends, days = span
    row_of = np.full(int(max(skus.max(initial=0), known.sku.max(initial=0))) + 1, -1, np.int32)
    row_of[skus] = np.arange(len(skus))
    shares_sold, weight = np.zeros((len(skus), days), np.float32), np.zeros(len(skus), np.float32)
    for pool in pools:
        mine = np.isin(known.location, pool.locations)
        row = np.where(mine, row_of[known.sku], -1).astype(np.int32)
        held_here = np.unique(row[row >= 0])
        if not len(held_here):
            continue
        known_from = np.full(len(skus), _NEVER)
        np.minimum.at(known_from, row[row >= 0], known.known_from[row >= 0])
        chosen = np.flatnonzero(row[known.in_stock.row] >= 0)
        unknown = held_here[(sold_from[held_here] < known_from[held_here]) & (known_from[held_here] > begins)]
        at = known.in_stock.take(chosen)
        both = Stretches(
            np.concatenate([row[at.row], unknown.astype(np.int32)]),
            np.concatenate([at.since, np.full(len(unknown), begins)]),
            np.concatenate([at.until, np.minimum(known_from[unknown], ends)]),
        )
        together = overlapping(both.row, both, np.ones(len(skus), np.int64))
        shares_sold[held_here] += np.float32(pool.weight) * shares(together, clock, len(skus), days)[held_here]
        weight[held_here] += np.float32(pool.weight)
    kept = weight > 0
    shares_sold[kept] /= weight[kept, None]
    shares_sold[~kept] = 1.0
    return np.clip(shares_sold, 0.0, 1.0)


def unlimited(units: Shares, available: Shares, first: Numbers) -> NDArray[np.bool_]:
    """Which series sell as well without stock as with it: their stock is not kept, or customers order what is yet to come.

    Of a day without stock on which something was ordered nobody knows what more would have been: most often only some customers wait. So
    it stays a day of unknown demand, unless on all such days of a series together, or of all series, at least `AS_WELL` of what sells in as
    many days with stock was ordered, `LEAST_UNITS` or more; or it never had stock at all. `first`: the day that each series begins on.
    """
    begun = np.arange(units.shape[1])[None, :] >= first[:, None]
    without, known = begun & (available == 0), begun & (available >= KNOWN)
    never = ~(begun & (available > 0)).any(axis=1)
    ordered = np.where(without, units, 0).sum(axis=1)
    with_stock = np.where(known, units, 0).sum(axis=1)
    usual = with_stock / np.maximum(known.sum(axis=1), 1) * without.sum(axis=1)
    is_unlimited: NDArray[np.bool_] = (never & (ordered > 0)) | ((ordered >= LEAST_UNITS) & (ordered >= AS_WELL * usual))
    everything = ordered.sum()
    return is_unlimited | bool(everything >= LEAST_UNITS and everything >= AS_WELL * usual.sum())
