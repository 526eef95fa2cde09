"""What makes a file, or rows of it, no text: called what it is."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from data_access.errors import InvalidInput

SLICE_RECORDS: Final = 50_000  # looked at, or split, at a time, for the sake of memory
LONE_CR: Final = "A carriage return (CR) alone parts lines in this row: save the file with line ends LF or CRLF alone."
_ZERO_BYTE: Final = "The row holds a zero byte (NUL), which is no text: remove it."


def has_lone_cr(text: str) -> bool:
    """Whether a line holds the end of another, of the form that few programs write."""
    return "\r" in text.strip() and '"' not in text.partition("\r")[0]


def check_encoding(texts: Sequence[bytes], encodings: tuple[str, str], path: Path, problems: dict[int, tuple[str, str]]) -> None:
    """Add to `problems` the rows that are not text. `encodings`: of the records, and of the file; another, if they were recoded.

    Raises:
        InvalidInput: most rows are such: the encoding is wrong.

    """
    encoding, name = encodings
    reason = f"The row holds bytes that are not {name} text: mend it, or set file.encoding in the mapping."
    is_recoded = name != encoding
    broken = with_zeros = 0
    for start in range(0, len(texts), SLICE_RECORDS):
        joined = b"\n".join(texts[start : start + SLICE_RECORDS])
        try:
            text = joined.decode(encoding)
        except UnicodeDecodeError:
            pass
        else:
            if "\x00" not in text and not (is_recoded and "\ufffd" in text):
                continue
        for index in range(start, min(start + SLICE_RECORDS, len(texts))):
            try:
                text = texts[index].decode(encoding)
                is_broken = is_recoded and "\ufffd" in text
            except UnicodeDecodeError:
                is_broken = True
            has_zero = not is_broken and "\x00" in text
            if is_broken or has_zero:
                broken += is_broken
                with_zeros += has_zero
                problems.setdefault(index, ("undecodable", _ZERO_BYTE if has_zero else reason))
    if with_zeros * 2 > len(texts):
        raise InvalidInput(f"Most rows of {path} hold zero bytes (NUL): set file.encoding if it is UTF-16, or fetch the file again.")
    if (broken + with_zeros) * 2 > len(texts):
        raise InvalidInput(f"Most rows of {path} are not {name} text: set file.encoding in the mapping.")
