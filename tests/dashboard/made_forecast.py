"""The files of a finished forecast as the job leaves them, with figures that a test can reckon with."""

from datetime import date, timedelta
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl

from data_access.forecasts.files import AHEAD, NODES, QUANTILES, RunFolder
from data_access.queries.demand import REGIONS
from forecasting.api import ERRORS
from forecasting.models.prophets import COMPONENTS

START: Final = date(2026, 10, 1)
DAYS: Final = 30
HORIZON: Final = 35
PART: Final = 2  # series of a file
LAST: Final = START + timedelta(days=DAYS - 1)
_ABOVE: Final = [
    ("total", None, None, None),
    ("channel", "market", None, None),
    ("channel", "web", None, None),
    ("category", None, "baskets", None),
    ("category", None, "fruit", None),
    ("channel x category", "market", "fruit", None),
    ("channel x category", "web", "baskets", None),
    ("channel x category", "web", "fruit", None),
    ("sku", None, "fruit", "A"),
]
_SERIES: Final = [("market", "fruit", "A"), ("web", "fruit", "A"), ("web", "baskets", "KIT")]


def write(root: Path, run_id: int) -> None:
    """Put the files in place. The mean of node n is n + 1 units a day; of day d of its history, n * 100 + d were ordered."""
    folder = RunFolder(root, run_id)
    folder.make()
    rows = [*_ABOVE, *(("series", *one) for one in _SERIES)]
    count, above = len(rows), len(_ABOVE)
    ids = [f"node {number}" for number in range(count)]
    filled = [(number, ids[number], *row, 0, "blend", None) for number, row in enumerate(rows)]
    nodes = pl.DataFrame(filled, NODES, orient="row").with_columns(
        first=pl.when(pl.col("node") == 9).then(20).otherwise(0).cast(pl.Int32),
        fallback=pl.when(pl.col("node") == 11).then(pl.lit("the forecast was not finite")),
    )
    units = np.arange(count)[:, None] * 100.0 + np.arange(DAYS)[None, :]
    available = np.full((count, DAYS), 100, np.uint8)
    available[9, 29] = 40
    folder.put_array("above.npy", units[:above].astype(np.float32))
    folder.put_array("above_available.npy", available[:above])
    folder.put_array("units.npy", units[above:].astype(np.float32))
    folder.put_array("available.npy", available[above:])
    folder.put_frame("forecast.above.parquet", _ahead(0, above))
    for number, first in enumerate(range(above, count, PART)):
        folder.put_frame(f"forecast.{number}.parquet", _ahead(first, min(first + PART, count)))
    errors = [(ids[9], "chosen", date(2026, 9, 1), 10, 50.0, 55.0, 20.0, 1.0, 1.0, 0.5, 0.8, 1.0, "series")]
    folder.put_frame("errors.parquet", pl.DataFrame(errors, {**ERRORS, "level": pl.String}, orient="row"))
    folder.put_frame("components.parquet", pl.DataFrame([(ids[0], LAST, 4.0, 0.1, 0.0, 0.0, 0.0)], COMPONENTS, orient="row"))
    regions = [("market", "fruit", "North", 0.75), ("web", "fruit", "South", 1.0), ("web", None, "South", 1.0)]
    folder.put_frame("regions.parquet", pl.DataFrame(regions, REGIONS, orient="row"))
    folder.put_frame("nodes.parquet", nodes)
    run = {"start": START.isoformat(), "last": LAST.isoformat(), "horizon": HORIZON, "part": PART, "learned_by": run_id}
    folder.tell("run.json", run)


def _ahead(first: int, end: int) -> pl.DataFrame:
    node = np.repeat(np.arange(first, end), HORIZON)
    quantiles = {f"q{quantile:g}": (node + 1) * quantile for quantile in QUANTILES}
    ahead = np.tile(np.arange(1, HORIZON + 1), end - first)
    return pl.DataFrame({"node": node, "ahead": ahead, "mean": node + 1.0, **quantiles}, AHEAD, strict=False)
