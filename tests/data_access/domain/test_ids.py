"""Ids that look alike are alike, and hold nothing that nobody sees."""

import re
import unicodedata

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_access.domain.ids import likeness, proper_id, proper_ids, unseen_in, visible

UNSEEN = ("\x00", "\t", "\n", "\x1b", "\x7f", "\x85", "\u00ad", "\u200b", "\u200e", "\u202e", "\u2028", "\u2066", "\ufeff", "\u3164")


@pytest.mark.parametrize("letter", UNSEEN)
def test_characters_that_nobody_sees_are_refused_and_named(letter: str) -> None:
    code = visible(letter)
    assert code.isascii()
    with pytest.raises(ValueError, match="which nobody sees") as error:
        proper_id(f"A{letter}1")
    assert str(error.value) == f"'A{code}1' holds the character {code}, which nobody sees: write it without."
    assert pl.DataFrame({"id": [f"A{letter}1", "A1", None]}).select(unseen_in(pl.col("id")))["id"].to_list() == [code, None, None]


def test_an_id_has_one_form() -> None:
    assert proper_id("GRU\u0308N-1") == "GR\u00dcN-1"
    assert proper_ids(pl.Series("id", ["GRU\u0308N-1", None, "A"])).to_list() == ["GR\u00dcN-1", None, "A"]
    assert proper_id("H\u0041A 1/2 \u00d7 \u6f22\u5b57 \U0001f98a") == "HAA 1/2 \u00d7 \u6f22\u5b57 \U0001f98a"


@given(st.text(st.characters(codec="utf-8"), max_size=8))
def test_single_ids_and_columns_of_them_are_judged_alike(text: str) -> None:
    codes = pl.DataFrame({"id": [text]}, {"id": pl.String}).select(unseen_in(pl.col("id")))["id"]
    if codes[0] is None:
        assert proper_id(text) == unicodedata.normalize("NFC", text)
    else:
        with pytest.raises(ValueError, match=re.escape(f"holds the character {codes[0]}, which nobody sees")):
            proper_id(text)


@pytest.mark.parametrize("other", ["ANN", "\uff21nn", "ann", "Ann "])
def test_names_that_differ_by_case_and_form_are_alike(other: str) -> None:
    assert likeness(other) == likeness("Ann")


def test_names_that_differ_by_more_are_not() -> None:
    assert likeness("Stra\u00dfe") == likeness("STRASSE")
    assert len({likeness(name) for name in ("Ann", "Anna", "\u00c4nn", "Ann B")}) == 4
