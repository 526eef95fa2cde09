"""Reading a finished forecast, one node at a time: nothing is read but the rows of that node."""

from datetime import date, timedelta
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl

from data_access.errors import StoreUnavailable
from data_access.forecasts.files import QUANTILES, RunFolder

HISTORY: Final = pl.Schema({"ds": pl.Date, "units": pl.Float64, "available": pl.Float64})
"""`units`: demand of the day; `available`: share of the day in which it could be sold, null for nodes above SKUs."""

FORECAST: Final = pl.Schema({"ds": pl.Date, "mean": pl.Float32, **dict.fromkeys((f"q{quantile:g}" for quantile in QUANTILES), pl.Float32)})


class Forecast:
    """The files of a finished run.

    Raises:
        StoreUnavailable: they are not there, or cannot be read.

    """

    def __init__(self, root: Path, run_id: int) -> None:
        self.run_id, self.root = run_id, root
        self._folder = RunFolder(root, run_id)
        try:
            run = self._folder.document("run.json")
            self.nodes = self._folder.frame("nodes.parquet")
        except (OSError, ValueError, pl.exceptions.PolarsError) as error:
            raise StoreUnavailable(
                f"The files of forecast {run_id} in {self._folder.path} cannot be read: start a new forecast with `onhand forecast run`."
            ) from error
        self.start, self.last = date.fromisoformat(run["start"]), date.fromisoformat(run["last"])
        self.horizon, self.part = int(run["horizon"]), int(run["part"])
        self._above = int((self.nodes["level"] != "series").sum())
        self._learned_by = int(run["learned_by"])

    def history(self, node: int) -> pl.DataFrame:
        """`HISTORY` of a node, from its first day; empty if it is kept no more."""
        if not self._folder.has("above.npy"):
            return HISTORY.to_frame()
        first = int(self.nodes["first"][node])
        names, row = ("above.npy", "above_available.npy"), node
        if node >= self._above:
            names, row = ("units.npy", "available.npy"), node - self._above
        units = np.asarray(self._folder.array(names[0])[row, first:], np.float64)
        share = pl.Series("available", np.asarray(self._folder.array(names[1])[row, first:], np.float64) / 100.0)
        if self.nodes["level"][node] not in ("series", "sku"):
            share = share.set(share.is_not_null(), None)
        return pl.DataFrame({"ds": self._days(first, len(units)), "units": units, "available": share}, HISTORY)

    def ahead(self, node: int) -> pl.DataFrame:
        """`FORECAST` of a node."""
        name = "forecast.above.parquet" if node < self._above else f"forecast.{(node - self._above) // self.part}.parquet"
        rows = pl.scan_parquet(self._folder.path / name).filter(pl.col("node") == node).sort("ahead").collect()
        day = pl.lit(self.last) + pl.duration(days=pl.col("ahead").cast(pl.Int64))
        return rows.select(day.alias("ds"), *FORECAST.names()[1:])

    def expected(self, nodes: pl.Series, days: int) -> pl.DataFrame:
        """`node`, `units`: what is expected in the first days ahead of nodes above the series, each in one read with the others."""
        rows = pl.scan_parquet(self._folder.path / "forecast.above.parquet").filter(pl.col("node").is_in(nodes.implode()))
        return rows.filter(pl.col("ahead") <= days).group_by("node").agg(units=pl.col("mean").sum()).sort("node").collect()

    def errors(self, node: int) -> pl.DataFrame:
        """How far forecasts of a node were off when its models were trained: `cutoff` and more, as `forecasting.api.ERRORS`."""
        level, unique_id = self.nodes.select("level", "unique_id").row(node)
        path = RunFolder(self.root, self._learned_by).path / "errors.parquet"
        return pl.scan_parquet(path).filter((pl.col("unique_id") == unique_id) & (pl.col("level") == level)).sort("cutoff").collect()

    def components(self, node: int) -> pl.DataFrame:
        """What Prophet tells apart of a node, if it was tried on it: `ds`, `trend` (units), `weekly`, `yearly`, `holidays`, `discount`."""
        path = RunFolder(self.root, self._learned_by).path / "components.parquet"
        return pl.scan_parquet(path).filter(pl.col("unique_id") == self.nodes["unique_id"][node]).drop("unique_id").sort("ds").collect()

    def regions(self) -> pl.DataFrame:
        """channel_id, category, region, share: of the last 364 days' demand, by where it was sent. A forecast is split by it."""
        return self._folder.frame("regions.parquet")

    def _days(self, first: int, count: int) -> pl.Series:
        start = self.start + timedelta(days=first)
        return pl.date_range(start, start + timedelta(days=count - 1), eager=True) if count else pl.Series([], dtype=pl.Date)
