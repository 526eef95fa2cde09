"""Trained models as files that hold data alone: LightGBM's own text for its trees, JSON for small tables, Parquet for series.

Nothing in them is code, so reading them runs none. Whoever keeps the files makes sure that they are the ones that were written: LightGBM's
parser trusts its text.
"""

import io
import json
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, Final

import numpy as np
import polars as pl

from forecasting.distribution import SCORES, Calibration
from forecasting.engine import MODELS, Array, Fitted
from forecasting.errors import InvalidModels
from forecasting.hierarchy import Errors
from forecasting.models import pooled, prophets
from forecasting.promotions import Promotions
from forecasting.rolling import LATE_PERIODS, Learned
from forecasting.segments import SEGMENTS

PROPHET: Final = pl.Schema([("unique_id", pl.String), ("mean", pl.List(pl.Float64))])
"""Expected demand of a node, from the day that models were trained on: one row per node."""

_LEARNED, _PROPHET, _COMPONENTS = "learned.json", "prophet.parquet", "components.parquet"
_SPREADS: Final = 2


def contents(learned: Learned) -> dict[str, bytes]:
    """What was learned as the contents of files, by name."""
    levels = {"series": learned.series, "skus": learned.skus, "above": learned.above}
    law = learned.law
    tables = {
        "horizon": learned.horizon,
        "day": learned.day.isoformat(),
        "levels": {name: _tables(fitted) for name, fitted in levels.items() if fitted is not None},
        "errors": {level: _numbers(squares) for level, squares in learned.errors.squares.items()},
        "law": None if law is None else {"pull": _numbers(law.pull), "gain": _numbers(law.gain)},
    }
    means = pl.DataFrame([list(learned.prophet), [mean.tolist() for mean in learned.prophet.values()]], PROPHET)
    files = {
        _LEARNED: json.dumps(tables).encode(),
        _PROPHET: _parquet(means),
        _COMPONENTS: _parquet(learned.components),
    }
    for name, fitted in levels.items():
        if fitted is not None and fitted.mean is not None:
            for part, booster in zip(_parts(name), [fitted.mean.booster, *fitted.spread], strict=True):
                files[part] = booster.model_to_string(num_iteration=-1).encode()
    return files


def learned_from(files: Mapping[str, bytes]) -> Learned:
    """What was learned, from the `contents` of files that are known to be unchanged.

    Raises:
        InvalidModels: a part is missing, cannot be read or has another shape than the rest.

    """
    try:
        tables = json.loads(files[_LEARNED])
        horizon = int(tables["horizon"])
        levels = {name: _fitted(files, name, level, horizon) for name, level in tables["levels"].items()}
        return Learned(
            horizon=horizon,
            day=date.fromisoformat(tables["day"]),
            series=levels["series"],
            skus=levels.get("skus"),
            above=levels["above"],
            errors=Errors({level: _array(squares, (4,), "errors") for level, squares in tables["errors"].items()}),
            law=None if tables["law"] is None else _law(tables["law"]),
            prophet=_prophet(files[_PROPHET], horizon + LATE_PERIODS),
            components=_frame(files[_COMPONENTS], prophets.COMPONENTS, "components"),
        )
    except KeyError as error:
        raise InvalidModels(f"the part {error} is missing") from error
    except (ValueError, TypeError, AttributeError) as error:
        raise InvalidModels(f"a part is not what it should be ({error})") from error


def _parts(name: str) -> list[str]:
    """The files of the trees of a level: the mean, and the two models of the spread."""
    return [f"{name}.mean.txt", *(f"{name}.spread{number}.txt" for number in range(_SPREADS))]


def _tables(fitted: Fitted) -> dict[str, Any]:
    return {
        "learned": fitted.mean is not None,
        "choice": fitted.choice.tolist(),
        "calibrations": [_numbers(calibration.levels) for calibration in fitted.calibrations],
        "losses": _numbers(fitted.losses),
        "raised": _numbers(fitted.raised),
        "whole": fitted.whole,
    }


def _fitted(files: Mapping[str, bytes], name: str, tables: Mapping[str, Any], horizon: int) -> Fitted:
    mean, spread = None, []
    if tables["learned"]:
        trees, *spread = [_trees(files[part], part) for part in _parts(name)]
        if any(booster.num_feature() != trees.num_feature() + 2 for booster in spread):  # the mean, and the mean over the scale
            raise InvalidModels(f"the spread of {name} is of other features than its mean")
        mean = pooled.Pooled(trees)
    choice = _array(tables["choice"], (SEGMENTS,), f"the choice of {name}").astype(np.int64)
    if not ((choice >= 0) & (choice < len(MODELS))).all():
        raise InvalidModels(f"the choice of {name} names a model that there is not")
    shape = len(MODELS), SEGMENTS, len(SCORES)
    calibrations = [Calibration(levels) for levels in _array(tables["calibrations"], shape, f"the calibration of {name}")]
    losses = _array(tables["losses"], shape[:2], f"the losses of {name}")
    raised = _array(tables["raised"], shape[:1], f"what is raised of {name}")
    return Fitted(horizon, mean, spread, choice, calibrations, losses, raised, bool(tables["whole"]))


def _trees(content: bytes, name: str) -> Any:
    lightgbm = pooled.library()
    try:
        return lightgbm.Booster(model_str=content.decode())
    except lightgbm.basic.LightGBMError as error:
        raise InvalidModels(f"LightGBM cannot read {name}") from error


def _law(tables: Mapping[str, Any]) -> Promotions:
    pull, gain = np.array(tables["pull"], np.float64), np.array(tables["gain"], np.float64)
    if gain.ndim != 2 or pull.shape != (len(gain), *gain.shape):
        raise InvalidModels(f"the law of promotions is of shapes {pull.shape} and {gain.shape}")
    return Promotions(pull, gain)


def _prophet(content: bytes, periods: int) -> dict[str, Array]:
    frame = _frame(content, PROPHET, "Prophet's means")
    return {unique_id: _array(mean, (periods,), "Prophet's means") for unique_id, mean in frame.iter_rows()}


def _frame(content: bytes, schema: pl.Schema, what: str) -> pl.DataFrame:
    try:
        frame = pl.read_parquet(io.BytesIO(content))
    except pl.exceptions.PolarsError as error:
        raise InvalidModels(f"{what} cannot be read as Parquet") from error
    if frame.schema != schema:
        raise InvalidModels(f"{what} have other columns")
    return frame


def _parquet(frame: pl.DataFrame) -> bytes:
    file = io.BytesIO()
    frame.write_parquet(file, compression="zstd")
    return file.getvalue()


def _numbers(values: Array) -> Any:
    """Nested lists of numbers, exact; null for NaN."""
    numbers = values.astype(object)
    numbers[np.isnan(values)] = None
    return numbers.tolist()


def _array(numbers: Sequence[Any], shape: tuple[int, ...], what: str) -> Array:
    values = np.array(numbers, np.float64)
    if values.shape != shape:
        raise InvalidModels(f"{what}: of shape {values.shape}, not {shape}")
    return values
