"""The trained models of forecast runs: keeping them, taking them up again, and when they are to be trained again."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Final

import polars as pl

from data_access.forecasts.files import RunFolder
from data_access.forecasts.models import UnusableModels, has_models, models, put_models
from forecasting import keeping, rolling
from forecasting.drivers import changing
from forecasting.errors import InvalidModels
from forecasting.panel import Panel
from forecasting.rolling import Learned

TRAINED_DAYS: Final = 7
"""Days after which models are trained again."""

DRIFT_DAYS: Final = 5
"""Of the last 7 days, on how many the total must have left its 80 % interval for models to be trained again before (assumed)."""

FIRST_TRAINING: Final = "first training"

_LABELS: Final = "labels.json"


def keep(folder: RunFolder, learned: Learned, panel: Panel) -> None:
    """Keep models in the folder of the run that trained them, with what they were trained to read."""
    put_models(folder, {**keeping.contents(learned), _LABELS: json.dumps(labels_of(panel)).encode()})


def load(root: Path, run_id: int) -> tuple[Learned, dict[str, list[str]]]:
    """The models that a run kept, and the names that they were trained to read.

    Raises:
        UnusableModels: they are not there, of another version, or not as they were written.

    """
    contents = models(RunFolder(root, run_id), run_id)
    try:
        labels: dict[str, list[str]] = json.loads(contents[_LABELS])
        return keeping.learned_from(contents), labels
    except (InvalidModels, KeyError, ValueError) as error:
        raise UnusableModels(f"The models of forecast {run_id} do not fit together ({error}): they are trained again.") from error


def reason_of(error: UnusableModels) -> str:
    """Why models are trained again, when those that were kept cannot be used: its sentence, to be read within another."""
    return str(error).removesuffix(".")


def why_train(root: Path, earlier: pl.DataFrame, panel: Panel, horizon: int) -> str | None:
    """The reason to train again; None if last week's models will do. `earlier`: finished runs, the newest first."""
    if earlier.is_empty() or not has_models(RunFolder(root, int(earlier["learned_by"][0]))):
        return FIRST_TRAINING
    try:
        learned, labels = load(root, int(earlier["learned_by"][0]))
    except UnusableModels as error:
        return reason_of(error)
    if learned.horizon != horizon:
        return f"trained for {learned.horizon} days ahead before"
    if labels != labels_of(panel):
        return "there are other channels or categories, or the first promotions"
    next_day = panel.day(panel.periods)
    if not timedelta() <= next_day - learned.day < timedelta(days=TRAINED_DAYS):
        return f"trained on history up to {(learned.day - timedelta(days=1)).isoformat()} before"
    outside = _days_outside(root, earlier, panel)
    return f"drift: on {outside} of the last 7 days the total left its 80 % interval" if outside >= DRIFT_DAYS else None


def _days_outside(root: Path, earlier: pl.DataFrame, panel: Panel) -> int:
    """On how many of the last 7 days the total was outside the 80 % interval that the newest run before them gave."""
    before = earlier.filter(pl.col("last_on") <= panel.day(panel.periods - 8)).head(1)
    if before.is_empty():
        return 0
    folder = RunFolder(root, int(before["run_id"][0]))
    if not folder.has("forecast.above.parquet"):
        return 0
    late = (panel.day(panel.periods - 7) - before["last_on"][0]).days
    total_ahead = pl.scan_parquet(folder.path / "forecast.above.parquet").filter((pl.col("node") == 0) & (pl.col("ahead") >= late))
    interval = total_ahead.sort("ahead").head(7).select("q0.1", "q0.9").collect()
    if len(interval) < 7:
        return 0
    return rolling.days_outside(panel, interval["q0.1"].to_numpy(), interval["q0.9"].to_numpy())


def labels_of(panel: Panel) -> dict[str, list[str]]:
    """What models were trained to read: the names behind the numbers of channels and categories, and the covariates."""
    return {**{name: panel.labels[name] for name in ("channel", "category")}, "known": list(panel.known), "changing": changing(panel)}
