"""Series that add up: what is above the series of a panel (total, channel, category, region, SKU), and forecasts that add up with it.

A *cell* is a combination of channel, category and region, as far as a panel has them; a *node* is a cell or a sum of cells. Forecasts of
nodes are made by themselves and as the sum of their series'. They are combined by weighted least squares on the cells, weights being the
inverse of each forecast's mean squared error on the past (Hyndman et al., *Optimal combination forecasts for hierarchical time series*,
2011, with diagonal weights as in Wickramasuriya et al., 2019), none below 0. Each series is then multiplied by what its cell and its SKU
were changed by: everything above is a sum of series, so it adds up.
"""

from dataclasses import dataclass, field
from itertools import combinations
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from forecasting.grouping import CHUNK, sums
from forecasting.panel import Floats, Ints, Panel

Array = NDArray[np.float64]
Index = NDArray[np.int64]

KEYS: Final = ("channel", "category", "region")
AROUND: Final = {1: 28, 7: 4}
"""Known periods on either side whose mean stands for a period that is unknown, in sums."""

FACTORS: Final = (0.5, 2.0)
"""A series is changed by its SKU, and by its cell, at most so much."""

TOTAL: Final = "total"
SKU: Final = "sku"
"""The level of SKUs over all channels and regions."""

CLEARLY: Final = 0.98
"""Prophet is taken for a level where its squared error is less than so much of the pooled model's."""


@dataclass(frozen=True, slots=True)
class Tree:
    """Nodes above the series of a panel.

    `nodes`: `level` (such as "channel x category"; "total"), and a column for each of `KEYS` that the panel has, null where all are
    summed; `cells`: nodes x cells, whether a cell belongs to it; `cell`: the cell of each series; `skus` and `sku`: the SKUs, and each
    series' place among them, where a SKU has more than one series.
    """

    nodes: pl.DataFrame
    cells: NDArray[np.bool_]
    cell: Index
    skus: list[str]
    sku: Index


def tree(panel: Panel) -> Tree:
    """The nodes of a panel, from its static columns. A panel without any has the total alone."""
    keys = [name for name in KEYS if name in panel.statics]
    codes = np.zeros((len(panel), max(len(keys), 1)), np.int64)
    for place, name in enumerate(keys):
        codes[:, place] = panel.statics[name]
    distinct, cell = np.unique(codes, axis=0, return_inverse=True)
    parts, member = [], []
    for chosen in (some for count in range(len(keys) + 1) for some in combinations(range(len(keys)), count)):
        groups, of_cell = np.unique(distinct[:, list(chosen)], axis=0, return_inverse=True)
        level = " x ".join(keys[place] for place in chosen) or TOTAL
        columns: dict[str, list[str] | list[None]] = {"level": [level] * len(groups)}
        for place, name in enumerate(keys):
            codes_of = groups[:, chosen.index(place)].tolist() if place in chosen else []
            columns[name] = [panel.labels[name][code] for code in codes_of] if place in chosen else [None] * len(groups)
        parts.append(pl.DataFrame(columns, pl.Schema([(name, pl.String) for name in ("level", *keys)])))
        member.append(of_cell.ravel()[None, :] == np.arange(len(groups))[:, None])
    skus, sku = [], np.zeros(len(panel), np.int64)
    if "sku" in panel.statics and len(np.unique(panel.statics["sku"])) < len(panel):
        present, sku = np.unique(panel.statics["sku"], return_inverse=True)
        skus = [panel.labels["sku"][code] for code in present]
    return Tree(pl.concat(parts), np.concatenate(member), cell.ravel().astype(np.int64), skus, sku.astype(np.int64))


def filled(panel: Panel) -> Floats:
    """Demand in which a period that is unknown is taken to be the mean of what is known around it; 0 before a series began."""
    reach, periods = AROUND[panel.step], panel.periods
    complete = np.empty(panel.y.shape, np.float32)
    low = np.clip(np.arange(periods) - reach, 0, periods)
    high = np.clip(np.arange(periods) + reach + 1, 0, periods)
    for start in range(0, len(panel), CHUNK):
        y = panel.y[start : start + CHUNK]
        known = ~np.isnan(y)
        units, counts = np.zeros((len(y), periods + 1)), np.zeros((len(y), periods + 1), np.int32)
        np.cumsum(np.where(known, y, 0.0), axis=1, out=units[:, 1:])
        np.cumsum(known, axis=1, out=counts[:, 1:])
        around = (units[:, high] - units[:, low]) / np.maximum(counts[:, high] - counts[:, low], 1)
        complete[start : start + CHUNK] = np.where(known, y, around)
    complete[np.arange(periods)[None, :] < panel.first[:, None]] = 0.0
    return complete


def upper_panel(panel: Panel, above: Tree, values: Floats) -> Panel:
    """The nodes as series of their own, from `values` (`filled`), with what is known ahead as the mean of their series, by units."""
    of_cells = sums(values, above.cell, above.cells.shape[1])
    levels = above.nodes["level"]
    names = levels.unique(maintain_order=True).to_list()
    keys = above.nodes.columns[1:]
    ids = above.nodes.select(
        pl.concat_str([pl.col("level"), *(pl.col(name).fill_null("") for name in keys)], separator="\t").alias("unique_id")
    )
    statics: dict[str, Ints] = {"category": levels.replace_strict(names, range(len(names)), return_dtype=pl.Int32).to_numpy()}
    weights = values.sum(axis=1, dtype=np.float64) + 1e-9
    every, count = above.cells.astype(np.float64), above.cells.shape[1]
    below = every @ np.bincount(above.cell, weights, count)[:, None]
    known = {name: (every @ sums(column, above.cell, count, weights) / below).astype(np.float32) for name, column in panel.known.items()}
    return _of_sums(panel, ids["unique_id"], every @ of_cells, known, statics, {"category": names})


def sku_panel(panel: Panel, above: Tree, values: Floats) -> Panel:
    """The SKUs as series of their own, over all their channels and regions."""
    weights = values.sum(axis=1, dtype=np.float64) + 1e-9
    count = len(above.skus)
    below = np.bincount(above.sku, weights, count)[:, None]
    known = {name: (sums(column, above.sku, count, weights) / below).astype(np.float32) for name, column in panel.known.items()}
    statics, labels = {}, {}
    if "category" in panel.statics:
        category = np.zeros(count, np.int32)
        category[above.sku] = panel.statics["category"]
        statics, labels = {"category": category}, {"category": panel.labels["category"]}
    return _of_sums(panel, pl.Series("unique_id", above.skus), sums(values, above.sku, count), known, statics, labels)


def _of_sums(
    panel: Panel, ids: pl.Series, y: Array, known: dict[str, Floats], statics: dict[str, Ints], labels: dict[str, list[str]]
) -> Panel:
    """A panel of sums: each begins with its first demand."""
    sold = y > 0
    first = np.where(sold.any(axis=1), sold.argmax(axis=1), 0).astype(np.int32)
    units = y.astype(np.float32)
    units[np.arange(panel.periods)[None, :] < first[:, None]] = np.nan
    return Panel(ids, panel.start, panel.step, units, first, panel.ahead, known, {}, statics, labels)


@dataclass(slots=True)
class Errors:
    """How far forecasts of nodes were off on the past, by level; "sku" is the level of SKUs over all channels.

    `squares`: for each level the squared errors of the pooled model on the node's own history, of Prophet on it (NaN where it was not
    tried) and of the sum of its series, and the squared units; all summed.
    """

    squares: dict[str, Array] = field(default_factory=dict)

    def add(self, level: str, y: Array, own: Array, below: Array, prophet: Array | None = None) -> None:
        """Take in what came of a level's nodes (nodes x periods) and what was forecast."""
        other = np.nan if prophet is None else float(((prophet - y) ** 2).sum())
        squares = np.array([((own - y) ** 2).sum(), other, ((below - y) ** 2).sum(), (y**2).sum()], np.float64)
        self.squares[level] = self.squares.get(level, np.zeros(4)) + squares

    def by_prophet(self, level: str) -> bool:
        """Whether Prophet was clearly nearer than the pooled model."""
        squares = self.squares.get(level)
        return squares is not None and bool(squares[1] < CLEARLY * squares[0])

    def relative(self, level: str) -> tuple[float, float]:
        """Squared error over squared units, of a level's own forecasts and of the sums of series; alike where nothing is known."""
        squares = self.squares.get(level)
        if squares is None:
            return 1.0, 1.0
        own = squares[1] if self.by_prophet(level) else squares[0]
        return float(own / max(squares[3], 1e-9)) + 1e-6, float(squares[2] / max(squares[3], 1e-9)) + 1e-6


def combined(above: Tree, errors: Errors, own: Array, below: Array) -> Array:
    """Forecasts of cells (cells x periods) that fit those of all nodes best. `own`, `below`: nodes x periods."""
    from scipy.optimize import nnls

    cells = above.cells.astype(np.float64)
    forecasts = np.concatenate([own, below])
    known = np.array([errors.relative(level) for level in above.nodes["level"]])
    size = np.tile(np.maximum(below.mean(axis=1), 1e-6), 2)
    weight = 1.0 / (np.sqrt(known.T.ravel()) * size)
    design = np.concatenate([cells, cells]) * weight[:, None]
    result = np.zeros((cells.shape[1], own.shape[1]))
    for period in range(own.shape[1]):
        result[:, period] = nnls(design, forecasts[:, period] * weight)[0]
    return result


def sku_factors(errors: Errors, own: Array, below: Array) -> Array:
    """What the series of each SKU are multiplied by (SKUs x periods), so that their sum moves towards the SKU's own forecast."""
    of_own, of_below = errors.relative(SKU)
    share = of_below / (of_own + of_below)
    return _factor(share * own + (1.0 - share) * below, below)


def cell_factors(wanted: Array, below: Array) -> Array:
    """What the series of each cell are multiplied by (cells x periods), so that they add up to what is wanted."""
    return _factor(wanted, below)


def _factor(wanted: Array, below: Array) -> Array:
    factor: Array = np.clip(np.divide(wanted, below, out=np.ones(below.shape), where=below > 1e-9), *FACTORS)
    return factor
