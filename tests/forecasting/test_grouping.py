"""Rows added up by group."""

import numpy as np
import pytest

from forecasting import grouping
from forecasting.grouping import sums


def test_rows_are_added_up_by_group_whatever_the_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(grouping, "CHUNK", 3)
    values = np.array([[1.0, np.nan], [2.0, 4.0], [3.0, 5.0], [4.0, 6.0], [5.0, 7.0]], np.float32)
    group = np.array([2, 0, 2, 0, 2])
    assert sums(values, group, 4).tolist() == [[6.0, 10.0], [0.0, 0.0], [9.0, 12.0], [0.0, 0.0]]
    weights = np.array([1.0, 0.5, 0.0, 2.0, 10.0])
    assert sums(values, group, 3, weights).tolist() == [[9.0, 14.0], [0.0, 0.0], [51.0, 70.0]]
    assert sums(values[:0], group[:0], 2).tolist() == [[0.0, 0.0], [0.0, 0.0]]
