"""The history that a run starts from, as arrays beside a frame of series: the panel that it makes, and what it is above the series."""

from dataclasses import dataclass
from datetime import date
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from forecasting.grouping import CHUNK, sums
from forecasting.panel import LEAST_AVAILABLE, Floats, Ints, Panel
from forecasting.rolling import Scene

Percent = NDArray[np.uint8]

_STATICS: Final = (("sku", "sku"), ("channel", "channel_id"), ("category", "category"))
"""Statics of the panel, and the columns of the series that they come from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredDemand:
    """Daily demand of SKUs on channels. Arrays may lie on the disk: they are read part by part.

    `series`: `sku`, `channel_id`, `category` (may be null) and `first` (the day that each began on, from `start`). `units`: series x days;
    `available`: the same, per cent of the day in which it could be sold. `discount`: 0 to 1, days and days ahead, of `discount_rows` alone.
    """

    series: pl.DataFrame
    start: date
    units: Floats
    available: Percent
    discount_rows: NDArray[np.int64]
    discount: Floats


def demand_panel(stored: StoredDemand, ahead: int) -> Panel:
    """The panel of stored demand, `ahead` days known ahead: what was sold while a SKU was out of stock says little of demand."""
    first = stored.series["first"].cast(pl.Int32).to_numpy()
    y = np.array(stored.units)
    for begins in range(0, len(y), CHUNK):
        part = slice(begins, begins + CHUNK)
        available = stored.available[part].astype(np.float32) / 100.0
        y[part] = np.where(available >= LEAST_AVAILABLE, y[part] / np.maximum(available, LEAST_AVAILABLE), np.nan)
        y[part][np.arange(y.shape[1])[None, :] < first[part, None]] = np.nan
    known = {}
    if len(stored.discount_rows):
        discount = np.zeros((len(y), y.shape[1] + ahead), np.float32)
        discount[stored.discount_rows] = stored.discount
        known["discount"] = discount
    statics: dict[str, Ints] = {}
    labels: dict[str, list[str]] = {}
    for name, column in _STATICS:
        values = stored.series[column].fill_null("")
        names = values.unique().sort()
        statics[name] = values.replace_strict(names, pl.int_range(len(names), eager=True), return_dtype=pl.Int32).to_numpy()
        labels[name] = names.to_list()
    ids = stored.series.select(pl.concat_str("sku", "channel_id", separator="\t").alias("unique_id"))["unique_id"]
    return Panel(ids, stored.start, 1, y, first, ahead, known, {}, statics, labels)


def history_above(scene: Scene, units: Floats, available: Percent) -> tuple[Floats, Percent]:
    """Units and availability of the nodes above the series, then of SKUs where some have several series: rows x days.

    A SKU is as available as the channel where it is most so, once it is sold there; nodes above SKUs always are.
    """
    tree, panel = scene.tree, scene.panel
    nodes = (tree.cells.astype(np.float64) @ sums(units, tree.cell, tree.cells.shape[1])).astype(np.float32)
    always = np.full(nodes.shape, 100, np.uint8)
    if scene.skus is None:
        return nodes, always
    order = np.argsort(tree.sku, kind="stable")  # every SKU has a series
    begun = np.arange(panel.periods)[None, :] >= panel.first[:, None]
    sold = np.where(begun, available, np.uint8(0))[order]
    of_skus = np.maximum.reduceat(sold, np.flatnonzero(np.diff(tree.sku[order], prepend=-1)), axis=0)
    units_of_skus = sums(units, tree.sku, len(tree.skus)).astype(np.float32)
    return np.concatenate([nodes, units_of_skus]), np.concatenate([always, of_skus])
