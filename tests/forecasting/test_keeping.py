"""Models that were kept and taken up again predict the same; what does not fit together is refused in a sentence."""

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from forecasting import keeping, rolling
from forecasting.engine import Fitted, Predicted, quantiles
from forecasting.errors import InvalidModels
from forecasting.panel import Panel
from forecasting.promotions import Promotions
from forecasting.rolling import Learned, Scene
from tests.forecasting.test_rolling import EFFORT, HORIZON, company

Files = dict[str, bytes]
TREES = [f"{level}.{part}.txt" for level in ("above", "series", "skus") for part in ("mean", "spread0", "spread1")]


@pytest.fixture(scope="module")
def panel() -> Panel:
    return company()


@pytest.fixture(scope="module")
def learned(panel: Panel) -> Learned:
    return rolling.learn(Scene.of(panel), HORIZON, 0, effort=EFFORT)[0]


@pytest.fixture(scope="module")
def kept(learned: Learned) -> Files:
    return keeping.contents(learned)


def predicted(learned: Learned, panel: Panel) -> list[tuple[Predicted, Fitted]]:
    """All that is expected at each level, and by what."""
    scene = Scene.of(panel)
    settled = rolling.settle(learned, scene, rolling.ahead(learned, scene, np.arange(len(panel)))[0])
    assert settled.skus is not None
    assert learned.skus is not None
    return [(settled.series, learned.series), (settled.skus, learned.skus), (settled.above, learned.above)]


def test_models_that_were_kept_predict_the_same(panel: Panel, learned: Learned, kept: Files) -> None:
    again = keeping.learned_from(kept)
    for (one, by), (other, other_by) in zip(predicted(learned, panel), predicted(again, panel), strict=True):
        assert np.abs(one.mean - other.mean).max() <= 1e-12
        assert np.abs(one.alpha - other.alpha).max() <= 1e-12
        assert (one.model == other.model).all()
        assert (one.segment == other.segment).all()
        levels = (0.1, 0.5, 0.9)
        assert np.abs(quantiles(by, one, levels) - quantiles(other_by, other, levels)).max() <= 1e-12
        assert np.array_equal(by.losses, other_by.losses, equal_nan=True)
    assert (again.horizon, again.day, again.law) == (HORIZON, learned.day, None)
    assert again.components.equals(learned.components)
    assert again.errors.squares.keys() == learned.errors.squares.keys()
    for level, squares in learned.errors.squares.items():
        assert np.array_equal(again.errors.squares[level], squares, equal_nan=True)
    assert again.prophet.keys() == learned.prophet.keys()
    assert all(np.array_equal(again.prophet[name], mean) for name, mean in learned.prophet.items())


def test_they_are_text_tables_and_nothing_else(kept: Files) -> None:
    assert sorted(kept) == sorted([*TREES, "learned.json", "prophet.parquet", "components.parquet"])
    assert all(kept[name].startswith(b"tree\nversion=v4\n") for name in TREES)
    assert json.loads(kept["learned.json"])["horizon"] == HORIZON
    assert all(content[:4] == b"PAR1" for name, content in kept.items() if name.endswith(".parquet"))


def test_how_promotions_act_is_kept(learned: Learned) -> None:
    pull, gain = np.random.default_rng(0).random((2, 2, 3)), np.random.default_rng(1).random((2, 3))
    law = Promotions(pull, gain)
    learned.law = law
    files = keeping.contents(learned)
    learned.law = None
    again = keeping.learned_from(files).law
    assert again is not None
    assert np.array_equal(again.pull, pull)
    assert np.array_equal(again.gain, gain)
    with pytest.raises(InvalidModels, match=r"the law of promotions is of shapes \(2, 2, 3\) and \(2, 2\)"):
        keeping.learned_from(changed(files, lambda tables: tables["law"].update(gain=[[1.0, 1.0], [1.0, 1.0]])))


def test_where_nothing_could_be_learned_that_is_kept(panel: Panel) -> None:
    short = panel.take(np.arange(len(panel)), 11)
    learned, _ = rolling.learn(Scene.of(short), HORIZON, 0, effort=EFFORT)
    assert learned.series.mean is None
    files = keeping.contents(learned)
    assert not [name for name in files if name.endswith(".txt")]
    again = keeping.learned_from(files)
    for (one, _), (other, _) in zip(predicted(learned, short), predicted(again, short), strict=True):
        assert np.abs(one.mean - other.mean).max() <= 1e-12
        assert np.abs(one.alpha - other.alpha).max() <= 1e-12


def changed(files: Files, change: Callable[[dict[str, Any]], object]) -> Files:
    """The same files with another table."""
    tables = json.loads(files["learned.json"])
    change(tables)
    return {**files, "learned.json": json.dumps(tables).encode()}


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda tables: tables["levels"]["series"]["choice"].pop(), r"the choice of series: of shape \(35,\), not \(36,\)"),
        (lambda tables: tables["levels"]["skus"]["choice"].__setitem__(0, 6), "the choice of skus names a model that there is not"),
        (
            lambda tables: tables["levels"]["above"]["calibrations"].pop(),
            r"the calibration of above: of shape \(5, 36, 97\), not \(6, 36, 97\)",
        ),
        (lambda tables: tables["levels"]["above"]["losses"].pop(), r"the losses of above: of shape \(5, 36\), not \(6, 36\)"),
        (lambda tables: tables["levels"]["above"]["raised"].pop(), r"what is raised of above: of shape \(5,\), not \(6,\)"),
        (lambda tables: tables["errors"].update(total=[1.0]), r"errors: of shape \(1,\), not \(4,\)"),
        (lambda tables: tables.update(horizon=HORIZON + 1), r"Prophet's means: of shape \(28,\), not \(29,\)"),
        (lambda tables: tables["levels"].pop("above"), "the part 'above' is missing"),
        (lambda tables: tables.update(day="some day"), r"a part is not what it should be \(Invalid isoformat string: 'some day'\)"),
    ],
)
def test_tables_of_another_shape_are_refused(kept: Files, change: Callable[[dict[str, Any]], object], sentence: str) -> None:
    with pytest.raises(InvalidModels, match=sentence):
        keeping.learned_from(changed(kept, change))


def test_files_that_do_not_belong_are_refused(kept: Files) -> None:
    with pytest.raises(InvalidModels, match=r"the part 'skus.spread1.txt' is missing"):
        keeping.learned_from({name: content for name, content in kept.items() if name != "skus.spread1.txt"})
    with pytest.raises(InvalidModels, match=r"LightGBM cannot read series.mean.txt"):
        keeping.learned_from({**kept, "series.mean.txt": b"no trees"})
    with pytest.raises(InvalidModels, match="the spread of series is of other features than its mean"):
        keeping.learned_from({**kept, "series.spread0.txt": kept["series.mean.txt"]})
    with pytest.raises(InvalidModels, match="components cannot be read as Parquet"):
        keeping.learned_from({**kept, "components.parquet": b"PAR1"})
    with pytest.raises(InvalidModels, match="components have other columns"):
        keeping.learned_from({**kept, "components.parquet": kept["prophet.parquet"]})
