"""Segments: what kinds of series there are, by how much and how regularly they sell. Models are chosen and calibrated by segment.

ABC by units: A the series that make up the first 80 % of all, B the next 15 %, C the rest. The demand pattern by average interval between
demands and squared coefficient of variation of their sizes, cut at 1.32 and 0.49 (Syntetos, Boylan and Croston, *On the categorization of
demand patterns*, JORS 2005): smooth, erratic, intermittent, lumpy. The horizon in thirds.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from forecasting.panel import Panel

CLASSES: Final = ("A", "B", "C")
PATTERNS: Final = ("smooth", "erratic", "intermittent", "lumpy")
THIRDS: Final = 3
INTERVAL_CUT: Final = 1.32
SIZE_CUT: Final = 0.49
SEGMENTS: Final = len(CLASSES) * len(PATTERNS) * THIRDS
"""Class and pattern of a series, and third of the horizon, as one number."""

Codes = NDArray[np.int64]


def kinds(panel: Panel) -> Codes:
    """The class and pattern of each series, as `class * 4 + pattern`."""
    known = ~np.isnan(panel.y)
    units = np.where(known, panel.y, 0.0)
    total = units.sum(axis=1, dtype=np.float64)
    order = np.argsort(-total, kind="stable")
    before = np.cumsum(total[order]) - total[order]
    share = np.empty(len(total))
    share[order] = before / max(float(total.sum()), 1e-9)
    by_class = np.searchsorted([0.8, 0.95], share, side="right")
    sold = (units > 0).sum(axis=1)
    interval = known.sum(axis=1) / np.maximum(sold, 1)
    size = total / np.maximum(sold, 1)
    squares = (units.astype(np.float64) ** 2).sum(axis=1) / np.maximum(sold, 1)
    spread = np.divide(squares - size**2, size**2, out=np.zeros(len(size)), where=size > 0)
    pattern = 2 * (interval > INTERVAL_CUT) + (spread > SIZE_CUT)
    codes: Codes = (by_class * len(PATTERNS) + pattern).astype(np.int64)
    return codes


def segment(kind: Codes, ahead: Codes, horizon: int) -> Codes:
    """The segment of rows of a kind, so many periods ahead (1 for the next)."""
    third = np.minimum((ahead - 1) * THIRDS // max(horizon, 1), THIRDS - 1)
    return kind * THIRDS + third


def name(code: int) -> str:
    """A segment in words."""
    kind, third = divmod(code, THIRDS)
    by_class, pattern = divmod(kind, len(PATTERNS))
    return f"{CLASSES[by_class]} {PATTERNS[pattern]}, {('near', 'middle', 'far')[third]}"
