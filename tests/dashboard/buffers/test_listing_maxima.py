"""Which listings are found, and in what order."""

import polars as pl
import pytest

from dashboard.buffers.listing_maxima import matching, maximum_in_words
from data_access.queries.buffers import LISTING_MAXIMA

ROWS = pl.DataFrame(
    [
        (1, "ebay", "EB-1", "LAMP-1", None, 1),
        (2, "ebay", "EB-2", "DESK-1", 5, 1),
        (3, "web", "W(1", "LAMP-1", 0, 1),
        (4, "web", "W-2", "DESK-1", None, 1),
    ],
    schema=LISTING_MAXIMA,
    orient="row",
)


@pytest.mark.parametrize(
    ("channel_id", "text", "expected"),
    [
        (None, "", [2, 3, 1, 4]),
        ("web", " ", [3, 4]),
        (None, "lamp", [3, 1]),
        (None, "w(", [3]),
        ("ebay", "desk-1", [2]),
        ("ebay", "w-2", []),
    ],
)
def test_listings_with_a_maximum_come_first(channel_id: str | None, text: str, expected: list[int]) -> None:
    assert matching(ROWS, channel_id, text)["listing_id"].to_list() == expected


def test_a_maximum_in_words() -> None:
    assert [maximum_in_words(one) for one in (None, 0, 1, 1_200)] == ["no maximum", "0 units", "1 unit", "1,200 units"]
