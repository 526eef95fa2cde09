"""Ids, such as those of SKUs, orders, channels and locations, and people's names: texts that look different if they are different.

So each character has one form (NFC), and none of them is one that nobody sees: a control, zero-width or direction character.
"""

import re
import unicodedata
from typing import Final

import polars as pl

_UNSEEN: Final = r"[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\x{034f}\x{115f}\x{1160}\x{17b4}\x{17b5}\x{180b}-\x{180e}\x{3164}\x{ffa0}]"
_CATEGORIES: Final = {"Cc", "Cf", "Zl", "Zp", "Cs"}
_OTHERS: Final = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180e\u3164\uffa0")


def proper_id(text: str) -> str:
    """The id in the one form of its characters.

    Raises:
        ValueError: it holds a character that nobody sees; the sentence names it.

    """
    unseen = next((letter for letter in text if _is_unseen(letter)), None)
    if unseen is not None:
        raise ValueError(f"'{visible(text[:100])}' holds the character {visible(unseen)}, which nobody sees: write it without.")
    return unicodedata.normalize("NFC", text)


def proper_ids(texts: pl.Series) -> pl.Series:
    """Ids in the one form of their characters, also those that are refused."""
    is_plain = (texts.str.len_bytes() == texts.str.len_chars()).all()
    return texts if is_plain else texts.str.normalize("NFC")


def unseen_in(text: pl.Expr) -> pl.Expr:
    """The first character that nobody sees, by its code; null if there is none."""
    return text.str.extract(f"({_UNSEEN})").map_elements(visible, return_dtype=pl.String)


def visible(text: str, kept: str = "") -> str:
    r"""The text with the code of each character that nobody sees in its place, such as \u200b; those in `kept` stay."""
    if text.isprintable() and _OTHERS.isdisjoint(text):  # nearly all are
        return text
    return "".join(_code(letter) if _is_unseen(letter) and letter not in kept else letter for letter in text)


def likeness(name: str) -> str:
    """What two names have in common that differ by case and form alone."""
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())
    return re.sub(r"\s+", " ", folded).strip()


def _is_unseen(letter: str) -> bool:
    return unicodedata.category(letter) in _CATEGORIES or letter in _OTHERS


def _code(letter: str) -> str:
    number = ord(letter)
    return f"\\x{number:02x}" if number < 0x100 else f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"
