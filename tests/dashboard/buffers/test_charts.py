"""The curve of a back-test: a point for each size, what could not be observed apart, and the marks."""

import polars as pl

from dashboard.buffers.charts import Mark, curve
from dashboard.charts import colours
from data_access.domain.buffer_replay import CURVES

FRAME = pl.DataFrame([("A", 0, 100, 5, 0), ("A", 1, 98, 3, 0), ("A", 2, 96, 2, 1), ("A", 4, 93, 0, 3)], CURVES, orient="row")


def test_each_size_is_a_point_of_avoided_against_withheld() -> None:
    figure = curve(FRAME, 2, [Mark("Today: 1 unit", 0, 2), Mark("Suggested: 4 units", 3, 5, is_suggested=True)], 0)
    line, today, suggested = figure.data
    assert (list(line.x), list(line.y), list(line.customdata)) == ([0, 0, 1, 3], [0, 2, 3, 5], [0, 1, 2, 4])
    assert line.line.color == colours.channel(2)
    assert not line.showlegend
    assert (list(today.x), list(today.y), list(today.text), today.marker.symbol) == ([0], [2], ["Today: 1 unit"], "diamond")
    assert (list(suggested.x), list(suggested.y), suggested.marker.symbol) == ([3], [5], "star")


def test_sizes_that_could_not_be_observed_are_dotted_and_said() -> None:
    hidden, line = curve(FRAME, 1, [], 2).data
    assert (list(hidden.customdata), hidden.line.dash, hidden.name) == ([0, 1, 2], "dot", "could not be observed")
    assert list(line.customdata) == [2, 4]
    assert hidden.showlegend
    assert line.showlegend


def test_nothing_to_avoid_is_a_flat_line() -> None:
    figure = curve(FRAME.with_columns(oversold=pl.lit(0, pl.Int64)), 1, [], 0)
    assert list(figure.data[0].y) == [0, 0, 0, 0]
    assert figure.layout.yaxis.dtick == 1
