"""What a run starts from becomes a panel; what it is above the series; and short accounts of forecasts."""

from datetime import date

import numpy as np
import polars as pl
import pytest

from forecasting import history, rolling
from forecasting.engine import MODELS, Predicted
from forecasting.history import StoredDemand, demand_panel, history_above

START = date(2026, 1, 5)
UNITS = np.array([[1, 2, 3], [4, 5, 6], [0, 7, 8]], np.float32)
AVAILABLE = np.array([[100, 80, 49], [50, 100, 0], [30, 60, 100]], np.uint8)


def stored(discount_rows: list[int], discount: np.ndarray) -> StoredDemand:
    """A SKU on two channels, and one on the first of them that began a day later and has no category."""
    rows = [("b", "web", "toys", 0), ("b", "shop", "toys", 0), ("a", "web", None, 1)]
    return StoredDemand(
        series=pl.DataFrame(rows, ["sku", "channel_id", "category", "first"], orient="row"),
        start=START,
        units=UNITS.copy(),
        available=AVAILABLE,
        discount_rows=np.array(discount_rows, np.int64),
        discount=discount.astype(np.float32),
    )


@pytest.mark.parametrize("chunk", [1, 4_000])
def test_demand_is_scaled_by_the_share_available_and_unknown_below_half_or_before_the_first_day(
    chunk: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history, "CHUNK", chunk)
    kept = stored([], np.zeros((0, 5)))
    panel = demand_panel(kept, 2)
    nan = np.nan
    np.testing.assert_array_equal(
        panel.y, np.array([[1, 2 / np.float32(0.8), nan], [8, 5, nan], [nan, 7 / np.float32(0.6), 8]], np.float32)
    )
    np.testing.assert_array_equal(kept.units, UNITS)
    assert (panel.start, panel.step, panel.ahead, panel.first.tolist()) == (START, 1, 2, [0, 0, 1])
    assert panel.ids.to_list() == ["b\tweb", "b\tshop", "a\tweb"]
    assert panel.labels == {"sku": ["a", "b"], "channel": ["shop", "web"], "category": ["", "toys"]}
    assert {name: codes.tolist() for name, codes in panel.statics.items()} == {
        "sku": [1, 1, 0],
        "channel": [1, 0, 1],
        "category": [1, 1, 0],
    }
    assert panel.known == {}


def test_discounts_are_kept_for_the_series_that_have_one() -> None:
    panel = demand_panel(stored([1], np.array([[0.0, 0.2, 0.0, 0.0, 0.3]])), 2)
    np.testing.assert_array_equal(panel.known["discount"], np.array([[0] * 5, [0, 0.2, 0, 0, 0.3], [0] * 5], np.float32))


def test_above_the_series_are_the_nodes_and_then_skus_as_available_as_on_their_best_channel() -> None:
    scene = rolling.Scene.of(demand_panel(stored([], np.zeros((0, 5))), 2))
    units, available = history_above(scene, UNITS, AVAILABLE)
    nodes = scene.tree.nodes.height
    assert units[0].tolist() == [5.0, 14.0, 17.0]
    assert (available[:nodes] == 100).all()
    assert scene.tree.skus == ["a", "b"]
    assert units[nodes:].tolist() == [[0.0, 7.0, 8.0], [5.0, 7.0, 9.0]]
    assert available[nodes:].tolist() == [[0, 60, 100], [100, 100, 49]]  # "a" was not sold on its first day


def test_where_each_sku_has_one_series_only_nodes_are_above() -> None:
    kept = stored([], np.zeros((0, 5)))
    one = StoredDemand(
        series=kept.series[[0, 2]],
        start=START,
        units=UNITS[[0, 2]],
        available=AVAILABLE[[0, 2]],
        discount_rows=kept.discount_rows,
        discount=kept.discount,
    )
    scene = rolling.Scene.of(demand_panel(one, 2))
    assert scene.skus is None
    units, available = history_above(scene, one.units, one.available)
    assert units.shape == available.shape == (scene.tree.nodes.height, 3)
    assert units[0].tolist() == [1.0, 9.0, 11.0]


def test_days_outside_an_interval_are_those_below_or_above_it() -> None:
    panel = demand_panel(stored([], np.zeros((0, 5))), 2)
    total = rolling.hierarchy.filled(panel)[:, -2:].sum(axis=0, dtype=np.float64)
    assert rolling.days_outside(panel, total, total) == 0
    assert rolling.days_outside(panel, total + np.array([1.0, 0.0]), total + 2.0) == 1
    assert rolling.days_outside(panel, total - 2.0, total - 1.0) == 2


def test_the_main_model_is_that_of_most_periods() -> None:
    model = np.array([[0, 2, 2], [1, 1, 5], [4, 3, 4]])
    shape = np.zeros(model.shape)
    predicted = Predicted(shape, shape, shape.astype(np.int64), model)
    assert rolling.main_models(predicted).to_list() == [MODELS[2], MODELS[1], MODELS[4]]


def test_the_summary_weighs_shares_of_days_by_days() -> None:
    errors = pl.DataFrame(
        {
            "level": ["series"] * 2 + ["total"],
            "cutoff": [START] * 3,
            "periods": [1, 3, 4],
            "y": [10.0, 30.0, 40.0],
            "mean": [20.0, 30.0, 44.0],
            "absolute_error": [10.0, 10.0, 4.0],
            "scaled_pinball": [0.5, 1.5, 0.25],
            "inside_50": [1.0, 0.0, 0.5],
            "inside_80": [1.0, 1.0, 0.75],
            "inside_95": [0.0, 1.0, 1.0],
        }
    )
    assert rolling.summary(errors).rows() == [
        ("series", START, 2, 40.0, 50.0, 0.25, 0.5, 1.0, 0.25, 1.0, 0.75),
        ("total", START, 1, 40.0, 44.0, pytest.approx(0.1), 0.1, 0.25, 0.5, 0.75, 1.0),
    ]
    assert rolling.summary(errors).columns[:5] == ["level", "cutoff", "series", "y", "mean"]
