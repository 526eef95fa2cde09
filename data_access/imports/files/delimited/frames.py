"""Records to rows: a frame with a text column for each wanted column of the header, and what cannot be read as such a row."""

import io
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import polars as pl

from data_access.imports.files.delimited.dialect import NAMES
from data_access.imports.files.delimited.faults import LONE_CR, SLICE_RECORDS, check_encoding
from data_access.imports.files.delimited.records import MAX_RECORD_BYTES, QUOTE, Form, Records, Unfit, fitted

_KEYS: Final = {"row_no": pl.Int64, "line_number": pl.Int64}
Problems = dict[int, tuple[str, str]]
"""By row number, the code and the reason of rows that are known to be bad."""


@dataclass(frozen=True, slots=True)
class BadRecord:
    """A record that is not one of the file's form. `line_number`: of its first line, the first line of the file being 1."""

    row_no: int
    line_number: int
    text: str
    code: str
    reason: str


def readable(raw: bytes, encoding: str) -> str:
    """Bytes as text that both databases can keep; what cannot be decoded is shown by its hexadecimal code."""
    return raw.decode(encoding, errors="backslashreplace").replace("\x00", "\\x00")


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadAs:
    """How the records of a file become rows. `name`: of the file's encoding; `encoding`: of the records, the same or UTF-8;

    `wanted`: by column, its place among the `width` fields.
    """

    form: Form
    encoding: str
    name: str
    width: int
    wanted: dict[str, int]
    path: Path

    @property
    def in_words(self) -> str:
        """Such as "utf-8 with tabs"."""
        return f"{self.name} with {NAMES.get(self.form.delimiter, repr(self.form.delimiter))}"


def problems_of(records: Records, form: ReadAs) -> Problems:
    """The rows of a file that are too long, no text, or in doubt.

    Raises:
        InvalidInput: most rows are no text.

    """
    too_long = f"The row is longer than {MAX_RECORD_BYTES:,} bytes, and only its beginning is kept: import it again shortened."
    swallowing = "A quote opens in one row here and closes in another: close it, or set file.quoting in the mapping."
    problems: Problems = dict.fromkeys(records.long, ("too_long", too_long)) | dict.fromkeys(records.suspect, ("open_quote", swallowing))
    check_encoding(records.texts, (form.encoding, form.name), form.path, problems)
    return problems


def split(records: Records, form: ReadAs, known: Problems, row_nos: Sequence[int]) -> tuple[pl.DataFrame, list[BadRecord]]:
    """Some rows of a file as a frame, ascending, and the bad ones among them. `known`: by `problems_of`."""
    texts, line_numbers, encoding, wanted = records.texts, records.line_numbers, form.encoding, form.wanted
    problems: Problems = {}
    comma = form.form.delimiter.encode()
    blank = (comma, b" ", b"\t")  # what a row of empty cells begins with: it is no row
    plain = array("q")
    careful: list[tuple[int, int, list[str]]] = []
    for index, raw in zip(row_nos, texts.take(row_nos), strict=True):
        if index in known:
            problems[index] = known[index]
            continue
        if QUOTE not in raw and raw.count(comma) + 1 == form.width:
            if raw[:1] not in blank or raw.replace(comma, b"").strip():
                plain.append(index)
            continue
        try:
            cells = fitted(raw.decode(encoding), form.form, form.width)
        except Unfit as unfit:
            problems[index] = ("lone_cr", LONE_CR) if b"\r" in raw else (unfit.code, str(unfit))
        else:
            if any(cell.strip() for cell in cells):
                careful.append((index, line_numbers[index], [cells[place] for place in wanted.values()]))
    frame = pl.concat([_fast(records, plain, form), frame_of(careful, list(wanted))]).sort("row_no")
    bad = [BadRecord(i, line_numbers[i], readable(texts[i], encoding), *problems[i]) for i in sorted(problems)]
    return frame, bad


def _fast(records: Records, plain: Sequence[int], form: ReadAs) -> pl.DataFrame:
    """Those records, by their row numbers, that have no quotes and the right width."""
    texts, line_numbers, wanted = records.texts, records.line_numbers, form.wanted
    parts, places = [frame_of([], list(wanted))], sorted({*wanted.values(), 0})
    schema = {f"c{place}": pl.String for place in range(form.width)}
    for start in range(0, len(plain), SLICE_RECORDS):
        chosen = plain[start : start + SLICE_RECORDS]
        joined = b"\n".join(texts.take(chosen))
        if form.encoding not in {"utf-8", "utf-8-sig", "ascii"}:
            joined = joined.decode(form.encoding).encode()
        lazy = pl.scan_csv(
            io.BytesIO(joined),
            has_header=False,
            schema=schema,
            separator=form.form.delimiter,
            quote_char=None,
        )
        split = lazy.select(f"c{place}" for place in places).collect()
        if split.height != len(chosen):
            raise AssertionError(f"{split.height} of {len(chosen)} rows came back")
        rows = pl.DataFrame({"row_no": chosen, "line_number": [line_numbers[index] for index in chosen]}, schema=_KEYS)
        parts.append(_cleaned(rows.hstack([split[f"c{place}"].alias(name) for name, place in wanted.items()])))
    return pl.concat(parts)


def frame_of(rows: Sequence[tuple[int, int, list[str]]], names: Sequence[str]) -> pl.DataFrame:
    """A frame of rows by their row number, line number and cells of the named columns."""
    keys = pl.DataFrame({"row_no": [row[0] for row in rows], "line_number": [row[1] for row in rows]}, schema=_KEYS)
    cells = [pl.Series(name, [row[2][place] for row in rows], dtype=pl.String) for place, name in enumerate(names)]
    return _cleaned(keys.hstack(cells))


def _cleaned(frame: pl.DataFrame) -> pl.DataFrame:
    """Without spaces around the cells; what is empty then is null."""
    stripped = pl.col(pl.String).str.strip_chars()
    return frame.with_columns(pl.when(stripped != "").then(stripped))
