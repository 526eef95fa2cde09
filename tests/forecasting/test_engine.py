"""What is tried on the past knows nothing of what came after it."""

from datetime import date

import numpy as np
import polars as pl

from forecasting.engine import kinds_then
from forecasting.features import Rows
from forecasting.panel import Panel
from forecasting.segments import kinds


def test_the_kinds_of_what_is_held_out_are_those_of_its_origins() -> None:
    chance = np.random.default_rng(1)
    y = chance.poisson(np.linspace(0.1, 4.0, 40)[:, None], (40, 60)).astype(np.float32)
    y[:20, 30:] *= 50.0  # the little sold sell most, later
    panel = Panel(pl.Series([f"s{row}" for row in range(40)]), date(2025, 1, 6), 7, y, np.zeros(40, np.int32))
    early, late = kinds(panel.take(np.arange(40), 30)), kinds(panel.take(np.arange(40), 50))
    assert (early != late).sum() > 20
    rows = Rows(np.tile(np.arange(40), 2), np.repeat([30, 50], 40), np.full(80, 3))
    np.testing.assert_array_equal(kinds_then(panel, rows), np.concatenate([early, late]))
