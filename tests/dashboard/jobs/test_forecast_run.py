"""Forecast runs of the demo company: what they leave, that they train only when they must, and that a kill changes nothing."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from filelock import FileLock
from sqlalchemy.engine import Engine

from dashboard.jobs import forecast_run
from dashboard.jobs.forecast_run import make
from data_access.commands.forecasts import RunDraft, RunSummary, begin
from data_access.engine import open_engine
from data_access.errors import InvalidInput, OnHandError, StoreUnavailable
from data_access.forecasts.files import NODES, RunFolder, is_running, progress
from data_access.forecasts.models import MANIFEST, VERSION
from data_access.forecasts.reading import Forecast
from data_access.mirror.scan import open_mirror
from data_access.queries.forecasts import runs
from data_access.write.permissions import COMMAND_LINE
from forecasting.rolling import LATE_PERIODS, Effort
from tests.conftest import DEMO_AS_OF, ROOT

EFFORT = Effort(4_000, 3_000, 8)
HORIZON = 14
DAYS = 400
"""Of histories that are drawn: more than a year, so that there is enough to learn from."""
TODAY = DEMO_AS_OF
LAST = TODAY - timedelta(days=9)


def run(engine: Engine, place: Path, last: object = LAST) -> tuple[int, RunSummary]:
    """Begin a run and make it."""
    run_id = begin(engine, RunDraft(last, HORIZON), TODAY, COMMAND_LINE)  # type: ignore[arg-type]
    return run_id, make(engine, place / "mirror", place / "forecasts", run_id, effort=EFFORT)


@pytest.fixture(scope="module")
def place(demo_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A demo company with a finished run."""
    folder = tmp_path_factory.mktemp("forecast")
    (folder / "store.db").write_bytes((demo_folder / "onhand.db").read_bytes())
    return folder


@pytest.fixture(scope="module")
def engine(place: Path) -> Iterator[Engine]:
    opened = open_engine(f"sqlite:///{place / 'store.db'}")
    yield opened
    opened.dispose()


@pytest.fixture(scope="module")
def first(engine: Engine, place: Path) -> tuple[int, RunSummary]:
    return run(engine, place)


def test_every_node_is_there_and_all_add_up(engine: Engine, place: Path, first: tuple[int, RunSummary]) -> None:
    run_id, summary = first
    forecast = Forecast(place / "forecasts", run_id)
    assert dict(forecast.nodes.schema) == dict(NODES)
    counts = dict(forecast.nodes.group_by("level").len().iter_rows())
    channels = forecast.nodes.filter(pl.col("level") == "channel")["channel_id"]
    assert counts["total"] == 1
    assert counts["series"] == summary.series
    assert counts["sku"] == forecast.nodes.filter(pl.col("level") == "series")["sku"].n_unique()
    assert summary == RunSummary(summary.inputs_version, run_id, "first training", summary.series, 0)

    def expected(nodes: pl.DataFrame) -> np.ndarray:
        return np.sum([forecast.ahead(node)["mean"].to_numpy() for node in nodes["node"]], axis=0)

    total = forecast.ahead(0)
    assert total["ds"].to_list() == [LAST + timedelta(days=day) for day in range(1, HORIZON + 1)]
    for level in ("channel", "category", "sku"):
        assert expected(forecast.nodes.filter(pl.col("level") == level)) == pytest.approx(total["mean"].to_numpy(), rel=1e-4)
    for channel_id in channels[:2]:
        of_channel = forecast.nodes.filter((pl.col("level") == "series") & (pl.col("channel_id") == channel_id))
        node = forecast.nodes.filter((pl.col("level") == "channel") & (pl.col("channel_id") == channel_id))
        assert expected(of_channel) == pytest.approx(expected(node), rel=1e-4)
    bands = total.select("q0.025", "q0.1", "q0.25", "q0.5", "q0.75", "q0.9", "q0.975").to_numpy()
    assert (np.diff(bands, axis=1) >= 0).all()
    assert np.isfinite(bands).all()


def test_the_history_is_that_of_the_orders(engine: Engine, place: Path, first: tuple[int, RunSummary]) -> None:
    forecast = Forecast(place / "forecasts", first[0])
    total = forecast.history(0)
    mirror = open_mirror(place / "mirror")
    assert mirror is not None
    placed = mirror.scan("line").select(pl.col("placed_at").min()).collect().item()
    assert (placed - timedelta(hours=12)).date() <= total["ds"][0] <= (placed + timedelta(hours=14)).date()  # the channel's own day
    assert (total["ds"][-1], total["available"].null_count()) == (LAST, len(total))
    node = int(forecast.nodes.filter(pl.col("level") == "sku")["node"][3])
    sku = forecast.nodes["sku"][node]
    own = forecast.history(node)
    series = [forecast.history(one) for one in forecast.nodes.filter((pl.col("level") == "series") & (pl.col("sku") == sku))["node"]]
    by_day = pl.concat(series).group_by("ds").agg(pl.col("units").sum(), pl.col("available").max()).sort("ds")
    both = own.join(by_day, on="ds", suffix="_of_series")
    assert both["units"].to_list() == both["units_of_series"].to_list()
    assert both["available"].to_list() == pytest.approx(both["available_of_series"].to_list())
    errors = forecast.errors(node)
    assert errors["cutoff"].to_list() == [LAST - timedelta(days=2 * HORIZON), LAST - timedelta(days=HORIZON)]
    came = own.filter(pl.col("ds") > LAST - timedelta(days=HORIZON))["units"].sum()
    assert errors["y"][1] >= came  # days out of stock count with what is usual around them
    assert not forecast.components(0).is_empty()


def test_the_next_day_uses_what_was_trained_and_a_week_later_it_is_trained_anew(
    engine: Engine, place: Path, first: tuple[int, RunSummary]
) -> None:
    run_id, summary = run(engine, place, LAST + timedelta(days=1))
    assert (summary.learned_by, summary.reason) == (first[0], f"trained on history up to {LAST.isoformat()}")
    assert not (place / "forecasts" / f"{run_id:08d}" / MANIFEST).exists()
    assert not (place / "forecasts" / f"{first[0]:08d}" / "units.npy").exists()
    assert Forecast(place / "forecasts", first[0]).history(0).is_empty()
    assert Forecast(place / "forecasts", first[0]).ahead(0).height == HORIZON  # forecasts are kept
    assert Forecast(place / "forecasts", run_id).errors(0).height == 2
    weekly, weekly_summary = run(engine, place, LAST + timedelta(days=7))
    assert (weekly_summary.learned_by, weekly_summary.reason) == (weekly, f"trained on history up to {LAST.isoformat()} before")
    assert runs(engine)["state"].to_list() == ["finished"] * 3


def frames(place: Path, run_id: int) -> dict[str, pl.DataFrame]:
    """All frames that a run left."""
    folder = place / "forecasts" / f"{run_id:08d}"
    return {path.name: pl.read_parquet(path) for path in sorted(folder.glob("*.parquet"))}


def test_what_another_store_s_run_of_the_same_id_left_is_not_taken_for_its_own(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path, 7)
    asked_at = datetime(2026, 9, 30, 12, tzinfo=UTC)
    folder.own(asked_at)
    folder.put_document("history.json", {"last": "2026-09-21"})
    folder.put_array("units.npy", np.zeros(3))
    (folder.path / "run.log").write_text("begun")
    folder.own(asked_at)
    assert folder.has("history.json")
    folder.own(asked_at + timedelta(microseconds=1))
    assert sorted(path.name for path in folder.path.iterdir()) == ["asked.json", "run.log"]


def test_a_run_that_is_killed_goes_on_and_ends_up_the_same(
    demo_url: str, tmp_path: Path, place: Path, first: tuple[int, RunSummary]
) -> None:
    own = open_engine(demo_url)
    run_id = begin(own, RunDraft(LAST, HORIZON), TODAY, COMMAND_LINE)
    command = [sys.executable, "-m", "tests.dashboard.jobs.killed_run", demo_url, str(tmp_path), str(run_id)]
    killed = []
    for stage in ("training", "series"):
        process = subprocess.Popen(command, cwd=ROOT, env={**os.environ, "OMP_NUM_THREADS": "1"})
        for _ in range(1_200):
            if progress(tmp_path / "forecasts", run_id)[0] == stage or process.poll() is not None:
                break
            time.sleep(0.05)
        process.kill()
        killed.append(process.wait() != 0)
        assert runs(own)["state"].to_list() == ["running"]
        assert not is_running(tmp_path / "forecasts")
    assert killed == [True, True]
    assert begin(own, RunDraft(LAST, HORIZON), TODAY, COMMAND_LINE) == run_id
    make(own, tmp_path / "mirror", tmp_path / "forecasts", run_id, effort=EFFORT)
    assert runs(own)["state"].to_list() == ["finished"]
    own.dispose()
    expected, resumed = frames(place, first[0]), frames(tmp_path, run_id)
    assert list(resumed) == list(expected)
    for name, frame in resumed.items():
        assert frame.equals(expected[name]), name


def test_another_run_leaves_one_that_was_interrupted(demo_store: Engine) -> None:
    first = begin(demo_store, RunDraft(LAST, HORIZON), TODAY, COMMAND_LINE)
    second = begin(demo_store, RunDraft(LAST, HORIZON + 1), TODAY, COMMAND_LINE)
    assert dict(runs(demo_store).select("run_id", "state").iter_rows()) == {first: "left", second: "running"}


def test_what_cannot_be_run_is_refused_and_changes_nothing(demo_store: Engine, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=f"The day {TODAY} is not over everywhere: let the history end before {TODAY}"):
        begin(demo_store, RunDraft(TODAY, HORIZON), TODAY, COMMAND_LINE)
    with pytest.raises(InvalidInput, match="A forecast of 0 days ahead cannot be made: choose 1 to 365"):
        begin(demo_store, RunDraft(LAST, 0), TODAY, COMMAND_LINE)
    with pytest.raises(OnHandError, match="Somebody is viewer and may not run forecasts: ask someone who is planner, manager or admin"):
        begin(demo_store, RunDraft(LAST, HORIZON), TODAY, "Somebody")
    assert runs(demo_store).is_empty()
    with pytest.raises(InvalidInput, match="Forecast 12 is not one that is running"):
        make(demo_store, tmp_path / "mirror", tmp_path / "forecasts", 12)
    run_id = begin(demo_store, RunDraft(LAST, HORIZON), TODAY, COMMAND_LINE)
    (tmp_path / "forecasts").mkdir(exist_ok=True)
    with FileLock(tmp_path / "forecasts" / "run.lock"):
        assert is_running(tmp_path / "forecasts")
        with pytest.raises(OnHandError, match="A forecast is being made already: wait until it is done"):
            make(demo_store, tmp_path / "mirror", tmp_path / "forecasts", run_id)
    assert runs(demo_store)["state"].to_list() == ["running"]


def test_a_history_that_ended_long_ago_is_forecast_from_its_end(demo_store: Engine) -> None:
    assert forecast_run.last_day(demo_store) == DEMO_AS_OF - timedelta(days=1)
    assert forecast_run.last_day(demo_store) < forecast_run.yesterday()


def test_a_store_without_orders_fails_in_a_sentence(store: Engine, tmp_path: Path) -> None:
    run_id = begin(store, RunDraft(LAST, HORIZON), TODAY, COMMAND_LINE)
    with pytest.raises(InvalidInput, match="Nothing was ordered yet, so there is nothing to forecast from"):
        make(store, tmp_path / "mirror", tmp_path / "forecasts", run_id)
    rows = runs(store)
    assert rows["state"].to_list() == ["failed"]
    assert rows["problem"][0].startswith("Nothing was ordered yet")


def test_the_command_line_tells_what_it_did(demo_url: str, tmp_path: Path) -> None:
    environment = {**os.environ, "ONHAND_DATABASE_URL": demo_url, "ONHAND_VAR_DIR": str(tmp_path)}
    command = [sys.executable, "-m", "dashboard.cli", "forecast", "run", "--last", TODAY.isoformat(), "--horizon", "400"]
    process = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert process.returncode == 2
    assert process.stderr.strip().endswith("Invalid value for '--horizon': Input should be less than or equal to 365")
    command = [sys.executable, "-m", "dashboard.cli", "forecast", "run", "--run", "7", "--json"]
    process = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert (process.returncode, process.stdout) == (2, "")
    assert process.stderr.strip() == "Forecast 7 is not one that is running: start a new one with `onhand forecast run`."


def test_the_past_is_told_without_keeping_anything(engine: Engine, place: Path, first: tuple[int, RunSummary]) -> None:
    before = sorted(path.name for path in (place / "forecasts").iterdir())
    errors = forecast_run.backtest(engine, place / "mirror", LAST, HORIZON, 0, lambda _done, _total: None, EFFORT)
    assert errors.group_by("level").len()["len"].to_list() == [2] * 6
    kept = Forecast(place / "forecasts", first[0])
    assert errors.filter(pl.col("level") == "total")["mean"].to_list() == kept.errors(0)["mean"].to_list()
    assert sorted(path.name for path in (place / "forecasts").iterdir()) == before


def drawn(store: Engine, root: Path, last: date, discount_from: int | None) -> int:
    """A run whose history is there already: 40 series of `DAYS` days, one of them at a discount from a day on (of all and those ahead)."""
    run_id = begin(store, RunDraft(last, HORIZON), TODAY, COMMAND_LINE)
    folder = RunFolder(root, run_id)
    folder.own(runs(store).filter(pl.col("run_id") == run_id)["asked_at"][0])
    names = [f"S{number:02d}" for number in range(20)]
    rows = [(name, channel, "toys", 0) for name in names for channel in ("m", "w")]
    folder.put_frame("series.parquet", pl.DataFrame(rows, ["sku", "channel_id", "category", "first"], orient="row"))
    folder.put_array("units.npy", np.random.default_rng(3).poisson(4.0, (40, DAYS)).astype(np.float32))
    folder.put_array("available.npy", np.full((40, DAYS), 100, np.uint8))
    discount = np.zeros((1, DAYS + HORIZON + LATE_PERIODS), np.float32)
    if discount_from is not None:
        discount[:, discount_from : discount_from + 10] = 0.2
    folder.put_array("discount_rows.npy", np.arange(discount_from is not None))
    folder.put_array("discount.npy", discount[: int(discount_from is not None)])
    folder.put_frame("regions.parquet", pl.DataFrame(schema={"channel_id": pl.String}))
    folder.put_document(
        "history.json", {"start": (last - timedelta(days=DAYS - 1)).isoformat(), "last": last.isoformat(), "version": "drawn"}
    )
    return run_id


def test_the_first_promotions_have_models_trained_anew(store: Engine, tmp_path: Path) -> None:
    summaries = []
    for day, discount_from in ((0, None), (1, DAYS + 5), (2, DAYS - 1), (3, DAYS - 2)):  # none; planned; begun; going on
        run_id = drawn(store, tmp_path / "forecasts", LAST + timedelta(days=day), discount_from)
        summaries.append(make(store, tmp_path / "mirror", tmp_path / "forecasts", run_id, effort=EFFORT))
    new = "there are other channels or categories, or the first promotions"
    assert [one.reason for one in summaries] == [
        "first training",
        new,
        new,
        f"trained on history up to {(LAST + timedelta(days=2)).isoformat()}",
    ]
    assert [one.fell_back for one in summaries] == [0, 0, 0, 0]


def test_models_that_were_damaged_or_are_of_another_release_are_trained_again(store: Engine, tmp_path: Path) -> None:
    root = tmp_path / "forecasts"

    def on_day(day: int) -> tuple[int, RunFolder, RunSummary]:
        run_id = drawn(store, root, LAST + timedelta(days=day), None)
        return run_id, RunFolder(root, run_id), make(store, tmp_path / "mirror", root, run_id, effort=EFFORT)

    first, folder, summary = on_day(0)
    assert (summary.learned_by, summary.reason) == (first, "first training")
    mean = folder.path / "models.series.mean.txt"
    mean.write_bytes(mean.read_bytes().replace(b"leaf_value=", b"leaf_value=9", 1)[:-1])
    second, folder, summary = on_day(1)
    sentence = f"The file models.series.mean.txt of forecast {first} was changed after it was written: its models are trained again"
    assert (summary.learned_by, summary.reason) == (second, sentence)
    folder.put_document(MANIFEST, {**folder.document(MANIFEST), "version": VERSION + 1})
    third, folder, summary = on_day(2)
    sentence = f"The models of forecast {second} are of version {VERSION + 1}, not {VERSION}: they are trained again"
    assert (summary.learned_by, summary.reason) == (third, sentence)
    for path in folder.path.glob("models.*"):
        path.unlink()
    folder.put_bytes("learned.2.bin", b"\x80\x04whatever an earlier release kept")
    RunFolder(root, first).put_bytes("learned.1.bin", b"\x80\x04whatever the one before kept")
    fourth, _, summary = on_day(3)
    sentence = f"The models of forecast {third} were kept by an earlier release and are not opened: they are trained again"
    assert (summary.learned_by, summary.reason) == (fourth, sentence)
    assert list(root.rglob("*.bin")) == []
    _, _, summary = on_day(4)
    assert (summary.learned_by, summary.reason) == (fourth, f"trained on history up to {(LAST + timedelta(days=3)).isoformat()}")


def test_a_run_that_goes_on_and_finds_its_models_damaged_trains_again_and_ends_up_the_same(
    store: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "forecasts"
    run_id = drawn(store, root, LAST, None)

    def interrupted(*_arguments: object) -> None:
        raise StoreUnavailable("The store is away.")

    with monkeypatch.context() as patch:
        patch.setattr(forecast_run, "finish", interrupted)
        with pytest.raises(StoreUnavailable):
            make(store, tmp_path / "mirror", root, run_id, effort=EFFORT)
    folder = RunFolder(root, run_id)
    expected = frames(tmp_path, run_id)
    assert folder.document("learned.json") == {"run": run_id, "reason": "first training"}
    above = folder.path / "models.above.mean.txt"
    content = above.read_bytes()
    above.write_bytes(content[:100])
    summary = make(store, tmp_path / "mirror", root, run_id, effort=EFFORT)
    sentence = (
        f"The file models.above.mean.txt of forecast {run_id} has 100 bytes instead of {len(content):,}: its models are trained again"
    )
    assert (summary.learned_by, summary.reason) == (run_id, sentence)
    assert runs(store)["reason"].to_list() == [sentence]
    again = frames(tmp_path, run_id)
    assert list(again) == list(expected)
    for name, frame in again.items():
        assert frame.equals(expected[name]), name
