"""Day before month, or month before day: which of a mapping's patterns a file is written in, for a cell alone does not say."""

from collections.abc import Iterable, Sequence
from itertools import combinations
from typing import Any, Final

import polars as pl

from data_access.errors import InvalidInput
from data_access.imports.files import values
from data_access.imports.files.mapping import Mapping
from data_access.imports.files.order_cells import TIMES, cells
from data_access.imports.files.reader import Contents

OPTION: Final = "dates"


def decided(patterns: Sequence[str], columns: Iterable[pl.Series], file_name: str) -> list[str]:
    """Those of the patterns that all cells of a file can be read by, each in one way.

    Of two that read some cell as different times, the one stays that reads all cells of the other, and more.

    Raises:
        InvalidInput: neither does, so that the file can be read two ways, or is written in two.

    """
    if len(patterns) == 1:
        return list(patterns)
    texts = pl.concat([pl.Series("text", [], pl.String), *(column.alias("text") for column in columns)]).drop_nulls().unique().sort()
    read = pl.DataFrame(texts).with_columns(values.micros("text", [pattern], "UTC").alias(pattern) for pattern in patterns)
    dropped: set[str] = set()
    for one, other in combinations(patterns, 2):
        first, second = pl.col(one), pl.col(other)
        both_ways = read.filter(first != second)
        if both_ways.is_empty():
            continue
        only_one = read.filter(first.is_not_null() & second.is_null())
        only_other = read.filter(second.is_not_null() & first.is_null())
        if only_one.is_empty() == only_other.is_empty():
            raise InvalidInput(_two_ways(file_name, (one, other), both_ways, only_one, only_other))
        dropped.add(other if only_other.is_empty() else one)
    return [pattern for pattern in patterns if pattern not in dropped]


def with_decided_dates(contents: Contents, mapping: Mapping, file_name: str) -> tuple[Mapping, dict[str, Any]]:
    """The mapping with the patterns that the file is written in, and what a retry of single rows needs to know of it.

    Raises:
        InvalidInput: its dates can be read two ways.

    """
    return decided_dates(mapping, date_cells(contents, mapping), file_name)


def date_cells(contents: Contents, mapping: Mapping) -> list[pl.Series]:
    """The different cells of the times of a file, by column; none where the mapping knows one way of writing times."""
    if len(mapping.formats.dates) == 1:
        return []
    raw = cells(contents, mapping)
    return [raw[f"raw_{name}"].drop_nulls().unique() for name in TIMES if name in mapping.columns.named]


def decided_dates(mapping: Mapping, columns: Iterable[pl.Series], file_name: str) -> tuple[Mapping, dict[str, Any]]:
    """`with_decided_dates` of a file with these cells.

    Raises:
        InvalidInput: they can be read two ways.

    """
    patterns = mapping.formats.dates
    dates = decided(patterns, columns, file_name)
    return (mapping, {}) if dates == patterns else (with_dates(mapping, {OPTION: dates}), {OPTION: dates})


def with_dates(mapping: Mapping, options: dict[str, Any]) -> Mapping:
    """A mapping with the patterns that were decided on, as `with_decided_dates` returned them."""
    if OPTION not in options:
        return mapping
    return mapping.model_copy(update={"formats": mapping.formats.model_copy(update={"dates": options[OPTION]})})


def _two_ways(file_name: str, patterns: tuple[str, str], both_ways: pl.DataFrame, only_one: pl.DataFrame, only_other: pl.DataFrame) -> str:
    remedy = "keep the right one in formats.dates of the mapping."
    if only_one.height:
        ways = " and ".join(
            f"{read['text'][0]!r} only by {pattern}" for read, pattern in zip((only_one, only_other), patterns, strict=True)
        )
        return f"{file_name} has dates written in two ways, of which one contradicts the other ({ways}): {remedy}"
    text, times = both_ways["text"][0], both_ways.select(pl.from_epoch(name, "us").dt.date() for name in patterns).row(0)
    ways = " and ".join(f"{day} by {pattern}" for day, pattern in zip(times, patterns, strict=True))
    return f"The dates of {file_name} can be read two ways: {text!r} is {ways}; {remedy}"
