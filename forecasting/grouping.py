"""Rows of a matrix added up by group, without a copy of all of it."""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

CHUNK: Final = 4_000


def sums(
    values: NDArray[Any], group: NDArray[np.integer[Any]], count: int, weights: NDArray[np.float64] | None = None
) -> NDArray[np.float64]:
    """Rows added up by group: groups x columns. What is missing counts as 0. `group`: from 0; `weights`: of each row."""
    totals = np.zeros((count, values.shape[1]))
    order = np.argsort(group, kind="stable")
    for start in range(0, len(order), CHUNK):
        rows = order[start : start + CHUNK]
        part = np.nan_to_num(values[rows])
        if weights is not None:
            part = part * weights[rows, None]
        starts = np.flatnonzero(np.diff(group[rows], prepend=-1))
        totals[group[rows][starts]] += np.add.reduceat(part, starts, axis=0, dtype=np.float64)
    return totals
