"""Filters of pages: what the address says of them, and what is written into it."""

import pytest

from dashboard.shell.filters import Filter

CHANNEL = Filter("channel", {"web": "Web shop", "ebay": "eBay"})
STATE = Filter("state", {"out": "Out", "low": "Low"}, is_several=True)
TEXT = Filter("q", default="")
PAGE = Filter("page", {1: "1", 2: "2"}, default=1)


@pytest.mark.parametrize(
    ("held", "texts", "value", "unknown"),
    [
        (CHANNEL, ["Web shop"], "web", []),
        (CHANNEL, ["ebay"], "ebay", []),
        (CHANNEL, ["Etsy"], None, ["Etsy"]),
        (CHANNEL, [], None, []),
        (STATE, ["Low", "out", "Lost", "Low"], ["low", "out"], ["Lost"]),
        (STATE, [], [], []),
        (TEXT, ["a b"], "a b", []),
        (TEXT, [], "", []),
        (PAGE, ["2"], 2, []),
        (PAGE, ["99"], 1, ["99"]),
    ],
)
def test_an_address_is_read(held: Filter, texts: list[str], value: object, unknown: list[str]) -> None:
    assert held.read(texts) == (value, unknown)


@pytest.mark.parametrize(
    ("held", "value", "texts"),
    [
        (CHANNEL, "web", ["Web shop"]),
        (CHANNEL, None, []),
        (CHANNEL, "gone", []),
        (STATE, ["out", "low"], ["Out", "Low"]),
        (STATE, [], []),
        (TEXT, "a b", ["a b"]),
        (TEXT, "", []),
        (PAGE, 2, ["2"]),
        (PAGE, 1, []),
    ],
)
def test_what_is_chosen_is_written_but_for_the_default(held: Filter, value: object, texts: list[str]) -> None:
    assert held.write(value) == texts
