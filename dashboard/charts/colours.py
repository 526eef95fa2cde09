"""The colours of charts. A channel has one colour everywhere, by its position; nothing is told by colour alone.

The first four channel colours are Okabe and Ito's; the others were searched so that all eight stay apart in the three common
kinds of colour blindness. Each has a contrast of at least 3 to 1 on the backgrounds of both themes.
"""

from typing import Final

CHANNELS: Final = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#8C6EFA", "#A05032", "#64646E", "#AA8C46")
AVAILABLE: Final = "#7C8894"
UNSELLABLE: Final = "#8F7F6B"
TAKEN: Final = "#8B96A1"
TOTAL: Final = "#62789A"
PROMOTION: Final = "#B07D2B"
STOCK_OUT: Final = "rgba(128, 140, 152, 0.28)"
GRID: Final = "rgba(128, 140, 152, 0.25)"


def channel(position: int) -> str:
    """The colour of the channel at this position (`channel.position`), as #RRGGBB. Positions beyond eight begin again."""
    return CHANNELS[(position - 1) % len(CHANNELS)]


def see_through(colour: str, opacity: float) -> str:
    """A colour (#RRGGBB) as what is behind it shows through: 0 is unseen, 1 is solid."""
    red, green, blue = (int(colour[at : at + 2], 16) for at in (1, 3, 5))
    return f"rgba({red}, {green}, {blue}, {opacity:g})"
