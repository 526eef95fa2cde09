"""A run of the demand forecast: history from the mirror, models from last week or trained again, forecasts of everything.

Each step leaves its files in the run's folder; a run that was killed goes on from there and ends up the same. Nothing of it shows until it
is recorded as finished.
"""

import ctypes
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray
from sqlalchemy.engine import Engine

from dashboard.jobs import forecast_models as models
from data_access.commands.forecasts import RunSummary, fail, finish
from data_access.errors import InvalidInput, OnHandError, StoreUnavailable
from data_access.forecasts.files import AHEAD, NODES, QUANTILES, ROW_GROUP, RunFolder, one_run
from data_access.forecasts.models import UnusableModels, drop_earlier
from data_access.mirror.scan import Mirror
from data_access.mirror.writing import catch_up
from data_access.queries import forecasts as queries
from data_access.queries.catalog import main_country
from data_access.queries.demand import demand_history, last_over
from forecasting import hierarchy, rolling
from forecasting.engine import Predicted
from forecasting.engine import quantiles as quantiles_of
from forecasting.grouping import CHUNK
from forecasting.history import StoredDemand, demand_panel, history_above
from forecasting.panel import Panel
from forecasting.parallel import side_by_side
from forecasting.rolling import FULL, LATE_PERIODS, Effort, Learned, Scene, Settled

DAYS: Final = 730
"""Days of history."""

NOTHING: Final = "Nothing was ordered yet, so there is nothing to forecast from: load orders with `onhand import orders`."
SERIES: Final = "series"
_MMAP_THRESHOLD: Final = -3
"""What `mallopt` calls the size from which memory is taken from the system and given back to it."""
_SHARES: Final = {"history": 0.1, "training": 0.65, "series": 0.85, "writing": 1.0}
"""The share of a run that is done when a stage ends."""

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class StageProgress:
    """How far a run is, for whoever waits and for the pages."""

    folder: RunFolder
    progress: Progress

    def __call__(self, stage: str, share: float) -> None:
        ends = list(_SHARES.values())
        place = list(_SHARES).index(stage)
        began = ends[place - 1] if place else 0.0
        done = began + (ends[place] - began) * share
        self.folder.put_document("progress.json", {"stage": stage, "share": done})
        self.progress(round(done * 1_000), 1_000)


@dataclass(frozen=True, slots=True, kw_only=True)
class ForecastJob:
    """One run that was begun: where it reads and writes, and what it was asked for."""

    engine: Engine
    mirror_dir: Path
    root: Path
    folder: RunFolder
    run_id: int
    last: date
    horizon: int
    seed: int
    effort: Effort


def make(
    engine: Engine,
    mirror_dir: Path,
    root: Path,
    run_id: int,
    progress: Progress = lambda _done, _total: None,
    effort: Effort = FULL,
) -> RunSummary:
    """Make a run that was begun, or go on with it.

    Raises:
        InvalidInput: there is no such run, it has ended, or there is no history to forecast from.
        OnHandError, StoreUnavailable: another process is forecasting, or the store or a folder cannot be used.

    """
    _give_memory_back()
    with one_run(root):
        rows = queries.run(engine, run_id)
        if rows.is_empty() or rows["state"][0] != "running":
            raise InvalidInput(f"Forecast {run_id} is not one that is running: start a new one with `onhand forecast run`.")
        row = rows.row(0, named=True)
        try:
            folder = RunFolder(root, run_id)
            folder.own(row["asked_at"])
            job = ForecastJob(
                engine=engine,
                mirror_dir=mirror_dir,
                root=root,
                folder=folder,
                run_id=run_id,
                last=row["last_on"],
                horizon=row["horizon"],
                seed=row["seed"],
                effort=effort,
            )
            return _make(job, StageProgress(folder, progress))
        except StoreUnavailable:
            raise  # it can go on when the store is there again
        except Exception as error:
            fail(engine, run_id, str(error) if isinstance(error, OnHandError) else f"{type(error).__name__}: {error}")
            raise


def _make(job: ForecastJob, stage: StageProgress) -> RunSummary:
    folder, horizon = job.folder, job.horizon
    if not folder.has("history.json"):
        _put_history(job.engine, job.mirror_dir, folder, job.last, horizon, stage)
    panel = demand_panel(_stored(folder), horizon + LATE_PERIODS)
    learned_by, reason, learned, scene = _learned(job, panel, stage)
    means, fallbacks = _means(folder, learned, scene, stage)
    settled = rolling.settle(learned, scene, means)
    _put_forecasts(folder, learned, scene, settled, stage)
    _put_nodes(folder, scene, settled, fallbacks)
    version = str(folder.document("history.json")["version"])
    start, last = panel.start.isoformat(), job.last.isoformat()
    folder.put_document("run.json", {"start": start, "last": last, "horizon": horizon, "part": CHUNK, "learned_by": learned_by})
    summary = RunSummary(version, learned_by, reason, len(panel), len(fallbacks))
    finish(job.engine, job.run_id, summary)
    folder.drop("mean.*")
    for older in queries.runs(job.engine).filter((pl.col("state") != "running") & (pl.col("run_id") != job.run_id))["run_id"]:
        RunFolder(job.root, older).drop_history()
        drop_earlier(RunFolder(job.root, older))
    return summary


def _give_memory_back() -> None:
    """Have freed arrays of some megabytes go back to the system: glibc else keeps them, thread by thread, twice what a run needs."""
    with suppress(OSError, AttributeError):  # another C library has no need of it
        ctypes.CDLL("libc.so.6").mallopt(_MMAP_THRESHOLD, 16 << 20)


def yesterday() -> date:
    """The last day that is over in all time zones."""
    return (datetime.now(UTC) - timedelta(hours=12)).date() - timedelta(days=1)


def last_day(engine: Engine) -> date:
    """The last day that a history may end with: it is over everywhere, and not after what was heard from the channels."""
    return min(yesterday(), last_over(engine))


def backtest(
    engine: Engine, mirror_dir: Path, last: date, horizon: int, seed: int, progress: Progress, effort: Effort = FULL
) -> pl.DataFrame:
    """How far forecasts would have been off on the past, by `level` and `cutoff` (`rolling.summary`); nothing is kept."""
    with TemporaryDirectory() as place:
        folder = RunFolder(Path(place), 0)
        folder.make()
        stage = StageProgress(folder, progress)
        _put_history(engine, mirror_dir, folder, last, horizon, stage)
        panel = demand_panel(_stored(folder), horizon + LATE_PERIODS)
        _, errors = rolling.learn(Scene.of(panel), horizon, seed, main_country(engine), lambda share: stage("training", share), effort)
        stage("writing", 1.0)
    return rolling.summary(errors)


# ---- history -------------------------------------------------------------------------------------------------------


def _put_history(engine: Engine, mirror_dir: Path, folder: RunFolder, last: date, horizon: int, stage: StageProgress) -> None:
    """Keep what the run starts from, so that what is sold meanwhile does not change it."""
    stage("history", 0.0)
    done = catch_up(engine, mirror_dir)
    stage("history", 0.3)
    mirror = Mirror(mirror_dir, done.manifest)
    if not mirror.count("line"):
        raise InvalidInput(NOTHING)
    history = demand_history(engine, mirror, last, DAYS, horizon + LATE_PERIODS)
    if history.series.is_empty():
        raise InvalidInput(NOTHING)
    promoted = np.flatnonzero(history.discount.any(axis=1))
    folder.put_frame("series.parquet", history.series)
    folder.put_array("units.npy", history.units)
    folder.put_array("available.npy", np.round(history.available * 100.0).astype(np.uint8))
    folder.put_array("discount_rows.npy", promoted)
    folder.put_array("discount.npy", history.discount[promoted])
    folder.put_frame("regions.parquet", history.regions)
    folder.put_document("history.json", {"start": history.start.isoformat(), "last": history.last.isoformat(), "version": history.version})
    stage("history", 1.0)


def _stored(folder: RunFolder) -> StoredDemand:
    """The history that was kept; its arrays stay on the disk until they are read."""
    return StoredDemand(
        series=folder.frame("series.parquet"),
        start=date.fromisoformat(str(folder.document("history.json")["start"])),
        units=folder.array("units.npy"),
        available=folder.array("available.npy"),
        discount_rows=np.asarray(folder.array("discount_rows.npy")),
        discount=folder.array("discount.npy"),
    )


# ---- training ------------------------------------------------------------------------------------------------------


def _learned(job: ForecastJob, panel: Panel, stage: StageProgress) -> tuple[int, str, Learned, Scene]:
    """The run whose models are used, why those, the models, and the scene by their law.

    They are those of the last run that trained, unless there is a reason to train again.
    """
    folder, problem = job.folder, None
    if folder.has("learned.json"):
        chosen = folder.document("learned.json")
        try:
            learned, _ = models.load(job.root, int(chosen["run"]))
        except UnusableModels as error:
            problem = models.reason_of(error)
        else:
            return int(chosen["run"]), str(chosen["reason"]), learned, Scene.of(panel, learned.law)
    earlier = queries.runs(job.engine).filter(pl.col("state") == "finished")
    problem = problem or models.why_train(job.root, earlier, panel, job.horizon)
    if problem is not None:
        scene = _train(job, panel, stage)
        folder.put_document("learned.json", {"run": job.run_id, "reason": problem})
        return job.run_id, problem, models.load(job.root, job.run_id)[0], scene
    learned_by = int(earlier["learned_by"][0])
    trained = earlier.filter(pl.col("run_id") == learned_by)["last_on"]
    reason = f"trained on history up to {trained[0].isoformat()}" if len(trained) else "trained before"
    folder.put_document("learned.json", {"run": learned_by, "reason": reason})
    learned, _ = models.load(job.root, learned_by)
    return learned_by, reason, learned, Scene.of(panel, learned.law)


def _train(job: ForecastJob, panel: Panel, stage: StageProgress) -> Scene:
    """Train and keep the models; the scene they were trained on."""
    for pattern in ("mean.*", "forecast.*"):  # what other models expected, if this run had those before
        job.folder.drop(pattern)
    scene = Scene.of(panel)
    country = main_country(job.engine)
    learned, errors = rolling.learn(scene, job.horizon, job.seed, country, lambda share: stage("training", share), job.effort)
    job.folder.put_frame("errors.parquet", errors.sort("level", "unique_id", "cutoff"), 4_096)
    job.folder.put_frame("components.parquet", learned.components)
    models.keep(job.folder, learned, panel)
    return scene


# ---- forecasts -----------------------------------------------------------------------------------------------------


def _means(folder: RunFolder, learned: Learned, scene: Scene, stage: StageProgress) -> tuple[Predicted, dict[int, str]]:
    """What is expected of all series, part by part; and why some got their average, by row."""
    parts, predictions = scene.parts(), []
    fallbacks: dict[int, str] = {}

    def one(number: int) -> str:
        name, rows = f"mean.{number}.npz", parts[number]
        if not folder.has(name):
            one, reasons = rolling.ahead(learned, scene, rows)
            folder.put_arrays(
                name,
                mean=one.mean,
                alpha=one.alpha,
                segment=one.segment.astype(np.int16),
                model=one.model.astype(np.int8),
                wrong=np.array(list(reasons), np.int64),
                reasons=np.array(list(reasons.values()), np.str_),
            )
        return name

    for number, name in enumerate(side_by_side(one, range(len(parts)))):
        with np.load(folder.path / name, allow_pickle=False) as kept:
            predictions.append(Predicted(kept["mean"], kept["alpha"], kept["segment"].astype(np.int64), kept["model"].astype(np.int64)))
            fallbacks.update(zip(kept["wrong"].tolist(), kept["reasons"].tolist(), strict=True))
        stage("series", (number + 1) / len(parts))
    return rolling.join(predictions), fallbacks


def _put_forecasts(folder: RunFolder, learned: Learned, scene: Scene, settled: Settled, stage: StageProgress) -> None:
    above = [_ahead(settled.above, quantiles_of(learned.above, settled.above, QUANTILES), 0)]
    offset = len(settled.above.mean)
    if settled.skus is not None and learned.skus is not None:
        above.append(_ahead(settled.skus, quantiles_of(learned.skus, settled.skus, QUANTILES), offset))
        offset += len(settled.skus.mean)
    folder.put_frame("forecast.above.parquet", pl.concat(above), ROW_GROUP * learned.horizon)
    parts = scene.parts()

    def one(number: int) -> None:
        name, rows = f"forecast.{number}.parquet", parts[number]
        if not folder.has(name):
            part = rolling.take(settled.series, rows)
            frame = _ahead(part, quantiles_of(learned.series, part, QUANTILES), offset + int(rows[0]))
            folder.put_frame(name, frame, ROW_GROUP * learned.horizon)

    for number, _ in enumerate(side_by_side(one, range(len(parts)))):
        stage("writing", (number + 1) / (len(parts) + 1))


def _ahead(predicted: Predicted, spread: NDArray[np.float64], offset: int) -> pl.DataFrame:
    """`AHEAD` of nodes in order, numbered from `offset`."""
    count, horizon = predicted.mean.shape
    return pl.DataFrame(
        {
            "node": np.repeat(np.arange(offset, offset + count, dtype=np.int32), horizon),
            "ahead": np.tile(np.arange(1, horizon + 1, dtype=np.int16), count),
            "mean": predicted.mean.ravel(),
            **{f"q{quantile:g}": spread[:, :, number].ravel() for number, quantile in enumerate(QUANTILES)},
        },
        AHEAD,
        strict=False,
    )


def _put_nodes(folder: RunFolder, scene: Scene, settled: Settled, fallbacks: dict[int, str]) -> None:
    """What the nodes are, and the history of those above the series."""
    panel = scene.panel
    names = scene.tree.nodes.rename({"channel": "channel_id"}).with_columns(
        unique_id=scene.above.ids, sku=pl.lit(None, pl.String), first=scene.above.first, model=rolling.main_models(settled.above)
    )
    parts = [_nodes(names, {})]
    if scene.skus is not None and settled.skus is not None:
        category = pl.Series([panel.labels["category"][code] for code in scene.skus.statics["category"]])
        models_used = rolling.main_models(settled.skus)
        skus = pl.DataFrame({"sku": scene.tree.skus, "category": category, "first": scene.skus.first, "model": models_used})
        parts.append(_nodes(skus.with_columns(level=pl.lit(hierarchy.SKU), unique_id="sku", channel_id=pl.lit(None, pl.String)), {}))
    series = folder.frame("series.parquet").with_columns(
        level=pl.lit(SERIES), unique_id=panel.ids, category=pl.col("category").fill_null(""), model=rolling.main_models(settled.series)
    )
    parts.append(_nodes(series, fallbacks))
    units, available = history_above(scene, folder.array("units.npy"), folder.array("available.npy"))
    folder.put_array("above.npy", units)
    folder.put_array("above_available.npy", available)
    folder.put_frame("nodes.parquet", pl.concat(parts).with_columns(node=pl.int_range(pl.len(), dtype=pl.Int32)).select(NODES.names()))


def _nodes(rows: pl.DataFrame, fallbacks: dict[int, str]) -> pl.DataFrame:
    reasons = pl.DataFrame({"row": list(fallbacks), "fallback": list(fallbacks.values())}, {"row": pl.UInt32, "fallback": pl.String})
    nodes = rows.with_row_index("row").join(reasons, on="row", how="left", maintain_order="left").with_columns(node=pl.lit(0))
    return nodes.select(pl.col(name).cast(kind) for name, kind in NODES.items())
