"""What a spreadsheet could take for a formula is text there, and is what it was when it comes back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_access.spreadsheets import harmless_texts, restored_texts

UNSEEN = (
    "",
    " ",
    "\t",
    "\r",
    "\n",
    "\u00a0",
    "\u200b",
    "\u200d",
    "\ufeff",
    "\u202e",
    "\u2066",
    "\x00",
    "\x1b",
    "\u3164",
    "\u2800",
    "\ufe0f",
)


@pytest.mark.parametrize("unseen", UNSEEN)
@pytest.mark.parametrize("sign", "=+-@\uff1d\uff0b\uff0d\uff20\ufe66\ufe62\ufe63\ufe6b")
def test_a_sign_is_harmless_behind_whatever_cannot_be_seen(sign: str, unseen: str) -> None:
    for text in (f"{unseen}{sign}1", f"{unseen} {unseen}{sign}cmd|x", f"'{unseen}{sign}1"):
        assert harmless_texts([text]) == [f"'{text}"]


def test_other_texts_stay_as_they_are() -> None:
    plain = ["", "a=b", "Müller", "'tis", "''", "1-2", "#1", "  x", "\u200bx", "2026-03-01"]
    assert harmless_texts(plain) == plain
    assert restored_texts(plain) == plain


@given(st.lists(st.one_of(st.text(max_size=6), st.text(st.sampled_from("'=+-@ \t\n\u200b\ufeff\uff1da"), max_size=6))))
def test_texts_come_back_unchanged(texts: list[str]) -> None:
    harmless = harmless_texts(texts)
    assert restored_texts(harmless) == texts
    assert not [text for text in harmless if text.lstrip("\t\r\n \u200b\ufeff")[:1] in {"=", "+", "-", "@", "\uff1d"}]
