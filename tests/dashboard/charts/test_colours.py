"""The palette holds what its docstring promises: contrast on both themes, and apart for colour-blind readers."""

import tomllib
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from dashboard.charts import colours

ROOT = Path(__file__).resolve().parents[3]
# Machado, Oliveira and Fernandes 2009, severity 1, on linear RGB
SEEN_BY = {
    "most": np.eye(3),
    "protanopes": np.array([[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]),
    "deuteranopes": np.array([[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]),
    "tritanopes": np.array([[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]]),
}
TO_XYZ = np.array([[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]])


def linear(colour: str) -> NDArray[np.float64]:
    channels = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    return np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)


def contrast(one: str, other: str) -> float:
    light, dark = sorted((float(TO_XYZ[1] @ linear(one)), float(TO_XYZ[1] @ linear(other))), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def lab(colour: str, seen: NDArray[np.float64]) -> NDArray[np.float64]:
    xyz = TO_XYZ @ np.clip(seen @ linear(colour), 0, 1) / np.array([0.95047, 1, 1.08883])
    x, y, z = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize(
    "colour", [*colours.CHANNELS, colours.AVAILABLE, colours.UNSELLABLE, colours.TAKEN, colours.TOTAL, colours.PROMOTION]
)
def test_a_colour_stands_out_from_the_background(colour: str, theme: str) -> None:
    config = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text(encoding="utf-8"))
    floor = 3.0 if colour in (*colours.CHANNELS, colours.TOTAL) else 2.5  # neutral areas are always labelled beside them
    assert contrast(colour, config["theme"][theme]["backgroundColor"]) >= floor


@pytest.mark.parametrize("eyes", SEEN_BY)
def test_channels_stay_apart(eyes: str) -> None:
    nearest = min(float(np.linalg.norm(lab(a, SEEN_BY[eyes]) - lab(b, SEEN_BY[eyes]))) for a, b in combinations(colours.CHANNELS, 2))
    assert nearest > 12


def test_a_colour_goes_with_the_position() -> None:
    assert [colours.channel(position) for position in (1, 8, 9)] == [colours.CHANNELS[0], colours.CHANNELS[7], colours.CHANNELS[0]]


def test_a_colour_can_be_seen_through() -> None:
    assert colours.see_through("#0072B2", 0.25) == "rgba(0, 114, 178, 0.25)"
