"""Nodes above series: what they are, what they sum, and forecasts that add up."""

from datetime import date

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecasting import hierarchy
from forecasting.grouping import sums
from forecasting.hierarchy import Errors
from forecasting.panel import Panel


def make(y: np.ndarray, first: list[int] | None = None) -> Panel:
    """Two SKUs of different categories on two channels; the second one is not sold on the second channel."""
    return Panel(
        ids=pl.Series("unique_id", ["a/x", "a/y", "b/x"]),
        start=date(2026, 1, 1),
        step=1,
        y=y.astype(np.float32),
        first=np.array(first or [0, 0, 0], np.int32),
        known={"discount": np.array([[0.0] * 4, [0.2] * 4, [0.4] * 4], np.float32)},
        statics={"sku": np.array([0, 0, 1], np.int32), "channel": np.array([0, 1, 0], np.int32), "category": np.array([0, 0, 1], np.int32)},
        labels={"sku": ["a", "b"], "channel": ["x", "y"], "category": ["k", "l"]},
    )


Y = np.array([[1.0, 2, 3, 4], [10, 20, 30, 40], [100, 200, 300, 400]])


def test_nodes_are_the_total_and_every_combination_of_keys() -> None:
    tree = hierarchy.tree(make(Y))
    assert tree.nodes.rows() == [
        ("total", None, None),
        ("channel", "x", None),
        ("channel", "y", None),
        ("category", None, "k"),
        ("category", None, "l"),
        ("channel x category", "x", "k"),
        ("channel x category", "x", "l"),
        ("channel x category", "y", "k"),
    ]
    assert tree.cell.tolist() == [0, 2, 1]
    assert tree.skus == ["a", "b"]
    assert tree.sku.tolist() == [0, 0, 1]


def test_without_keys_there_is_the_total_alone() -> None:
    bare = make(Y)
    tree = hierarchy.tree(Panel(bare.ids, bare.start, 1, bare.y, bare.first))
    assert tree.nodes.rows() == [("total",)]
    assert tree.skus == []


def test_the_nodes_are_sums_and_their_discount_a_mean_by_units() -> None:
    panel = make(Y)
    above = hierarchy.tree(panel)
    upper = hierarchy.upper_panel(panel, above, hierarchy.filled(panel))
    assert upper.y[0].tolist() == [111, 222, 333, 444]
    assert upper.y[1].tolist() == [101, 202, 303, 404]
    assert upper.y[7].tolist() == [10, 20, 30, 40]
    assert upper.known["discount"][0, 0] == pytest.approx((0.2 * 100 + 0.4 * 1000) / 1110, rel=1e-5)
    skus = hierarchy.sku_panel(panel, above, hierarchy.filled(panel))
    assert skus.ids.to_list() == ["a", "b"]
    assert skus.y.tolist() == [[11, 22, 33, 44], [100, 200, 300, 400]]
    assert skus.known["discount"][0, 0] == pytest.approx(0.2 * 100 / 110, rel=1e-5)


def test_unknown_periods_are_taken_to_be_the_mean_of_those_around_and_none_come_before_the_first() -> None:
    y = Y.copy()
    y[0, 2] = np.nan
    y[1, :2] = np.nan
    units = hierarchy.filled(make(y, [0, 2, 0]))
    assert units[0].tolist() == pytest.approx([1, 2, 7 / 3, 4])
    assert units[1].tolist() == [0, 0, 30, 40]


def test_a_level_s_better_forecast_counts_more() -> None:
    above = hierarchy.tree(make(Y))
    below = above.cells.astype(float) @ np.array([[1.0], [100.0], [10.0]])
    own = below * 2.0
    sure, unsure = Errors(), Errors()
    for errors, exact in ((sure, own), (unsure, below)):
        for level in above.nodes["level"].unique(maintain_order=True):
            mine = (above.nodes["level"] == level).to_numpy()
            errors.add(level, exact[mine], own[mine], below[mine])
    assert hierarchy.combined(above, sure, own, below).ravel() == pytest.approx([2, 200, 20], rel=1e-2)
    assert hierarchy.combined(above, unsure, own, below).ravel() == pytest.approx([1, 100, 10], rel=1e-2)
    assert hierarchy.combined(above, Errors(), own, below).ravel() == pytest.approx([1.5, 150, 15], rel=1e-6)


def test_prophet_is_taken_only_where_it_was_clearly_nearer() -> None:
    errors = Errors()
    came, own = np.array([[10.0, 10.0]]), np.array([[12.0, 12.0]])
    errors.add("total", came, own, own, prophet=np.array([[11.0, 11.0]]))
    errors.add("channel", came, own, own, prophet=np.array([[12.0, 11.99]]))
    errors.add("category", came, own, own)
    assert [errors.by_prophet(level) for level in ("total", "channel", "category", "region")] == [True, False, False, False]
    assert errors.relative("total") == pytest.approx((2 / 200 + 1e-6, 8 / 200 + 1e-6))
    assert errors.relative("region") == (1.0, 1.0)


numbers = st.floats(0.0, 1e4)


@given(st.lists(numbers, min_size=3, max_size=3), st.lists(numbers, min_size=8, max_size=8))
def test_cells_are_never_negative_and_series_that_are_multiplied_add_up(series: list[float], own: list[float]) -> None:
    above = hierarchy.tree(make(Y))
    mean = np.array(series)[:, None]
    every = above.cells.astype(float)
    below = sums(mean, above.cell, 3)
    wanted = hierarchy.combined(above, Errors(), np.array(own)[:, None], every @ below)
    assert (wanted >= 0).all()
    factors = hierarchy.cell_factors(wanted, below)
    assert ((factors >= 0.5) & (factors <= 2.0)).all()
    mean = mean * factors[above.cell]
    nodes = (every @ sums(mean, above.cell, 3)).ravel()
    assert nodes[0] == pytest.approx(mean.sum())
    assert nodes[1:3].sum() == pytest.approx(nodes[0])
    assert nodes[3:5].sum() == pytest.approx(nodes[0])
    assert nodes[5:].sum() == pytest.approx(nodes[0])
