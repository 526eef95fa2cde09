"""Deleting the files of forecasts that came to nothing. Those of finished ones are kept."""

import json
import shutil
from pathlib import Path

import polars as pl

from data_access.errors import OnHandError
from data_access.forecasts.files import RunFolder, one_run


def remove_unfinished(root: Path, runs: pl.DataFrame) -> int:
    """Delete the folders of failed and superseded runs (`queries.forecasts.RUNS`); how many there were. None while a forecast is made.

    A folder that a run of another store wrote under the same id is left alone.

    Raises:
        StoreUnavailable: the folder of all runs cannot be written.

    """
    if not root.exists():
        return 0
    try:
        with one_run(root):
            count = 0
            for run_id, asked_at in runs.filter(pl.col("state").is_in(["failed", "left"])).select("run_id", "asked_at").iter_rows():
                path = RunFolder(root, run_id).path
                if _owner(path) == asked_at.isoformat():
                    shutil.rmtree(path)
                    count += 1
            return count
    except OnHandError:
        return 0


def _owner(path: Path) -> str | None:
    """When the run was asked for that wrote a folder."""
    try:
        return str(json.loads((path / "asked.json").read_text())["asked_at"])
    except (OSError, ValueError, KeyError):
        return None
