"""How a delimited file is written, where its mapping does not say: the encoding by its bytes, the delimiter by its header."""

import codecs
import csv
from collections.abc import Iterable, Sequence
from typing import Final

from data_access.imports.files.delimited.records import cells_of

DELIMITERS: Final = (",", ";", "\t", "|")
NAMES: Final = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "vertical bars"}
_MARKS: Final = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_LONE: Final = "cp1252"  # what Western spreadsheets save; every Latin-1 text is one


def encoding_of(blocks: Iterable[bytes]) -> str:
    """The encoding of a file, read as far as it must be to be sure: by its byte order mark, or UTF-8 if anything beyond ASCII is.

    A file with bytes that are no UTF-8 is cp1252, unless other bytes of it are text in UTF-8 alone: then single rows are broken, not the
    file.
    """
    decoder = codecs.getincrementaldecoder("utf-8")(errors="surrogateescape")
    is_first, has_foreign, has_other = True, False, False
    for block in blocks:
        if is_first:
            for mark, name in _MARKS:
                if block.startswith(mark):
                    return name
            if _looks_wide(block):
                return "utf-16-le" if block[1:2] == b"\x00" else "utf-16-be"
            is_first = False
        if block.isascii() and not decoder.getstate()[0]:
            continue
        text = decoder.decode(block)
        has_foreign = has_foreign or any("\udc80" <= letter <= "\udcff" for letter in set(text))
        has_other = has_other or any(letter >= "\x80" and not "\udc80" <= letter <= "\udcff" for letter in set(text))
        if has_other and has_foreign:
            break
    return _LONE if has_foreign and not has_other else "utf-8"


def _looks_wide(block: bytes) -> bool:
    """Whether a file without a mark is UTF-16: every other byte of its beginning is 0."""
    head = block[:200]
    return len(head) >= 4 and (not any(head[1::2]) or not any(head[::2]))


def delimiter_of(header: str, needed: Sequence[str]) -> str:
    """The delimiter with which the header holds most of the needed columns; of equals, the one that makes most columns."""

    def fit(delimiter: str) -> tuple[int, int]:
        try:
            cells = {cell.strip() for cell in cells_of(header, delimiter)}
        except csv.Error:
            cells = {cell.strip() for cell in header.split(delimiter)}
        return sum(name.strip() in cells for name in needed), len(cells)

    return max(DELIMITERS, key=fit)  # the first of equals
