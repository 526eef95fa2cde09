"""Luck that can be worked out again from what the store knows: a line's fate is a function of its channel, time and SKU.

So the packages and returns that are under way when the history ends go on in the live simulator as they were meant to.
"""

import zlib

import numpy as np
from numpy.typing import NDArray

from data_access.demo.company import Floats, Ints


def luck(seed: int, purpose: str, *keys: Ints) -> Floats:
    """Numbers in [0, 1), uniform and independent by purpose and keys (splitmix64)."""
    state: NDArray[np.uint64] = np.full(
        len(keys[0]), (seed * 0x9E3779B97F4A7C15 + zlib.crc32(purpose.encode())) & 0xFFFFFFFFFFFFFFFF, np.uint64
    )
    for key in keys:
        state = _mixed(state ^ _mixed(key.astype(np.uint64)))
    uniform: Floats = (state >> np.uint64(11)).astype(np.float64) * 2.0**-53
    return uniform


def geometric_days(draw: Floats, mean: float) -> Ints:
    """Whole days from 0 with a geometric tail, from uniform numbers."""
    days: Ints = np.floor(np.log1p(-draw) / np.log(mean / (1.0 + mean))).astype(np.int64)
    return days


def _mixed(value: NDArray[np.uint64]) -> NDArray[np.uint64]:
    value = value + np.uint64(0x9E3779B97F4A7C15)
    value = (value ^ (value >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    value = (value ^ (value >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return value ^ (value >> np.uint64(31))
