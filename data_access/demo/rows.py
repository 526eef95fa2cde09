"""Rows in the making: the one sequence of row ids, event rows, and texts by number."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl

from data_access.demo.company import Ints
from data_access.demo.specs import CHANNELS

SOURCE: Final = "demo-history"
PART: Final = 400_000  # rows in the making at a time


def parts(count: int) -> Iterator[slice]:
    """Slices of at most `PART` rows that make up `count` rows; one, if there are none."""
    for begin in range(0, max(count, 1), PART):
        yield slice(begin, min(begin + PART, count))


class RowNumbers:
    """Row ids, consecutive from 1 over all tables."""

    def __init__(self) -> None:
        self.next_id = 1

    def reserve(self, count: int) -> int:
        """The first of the next `count` ids."""
        first, self.next_id = self.next_id, self.next_id + count
        return first

    def take(self, count: int) -> Ints:
        """The next `count` ids."""
        first = self.reserve(count)
        return np.arange(first, first + count)


@dataclass(frozen=True, slots=True)
class _Block:
    first: int
    kind: str
    channel: Ints | None
    occurred_at: Ints
    received_at: Ints | None


class Events:
    """Event rows, block by block. An event id is its kind and number; the payload's hash stands for a payload that is not kept."""

    def __init__(self, numbers: RowNumbers) -> None:
        self._numbers = numbers
        self._blocks: list[_Block] = []

    def add(self, kind: str, channel: Ints | None, occurred_at: Ints, received_at: Ints | None = None) -> Ints:
        """Add events of one kind; `channel` as numbers, or None for none; received a second later if not told. Returns their ids."""
        first = self._numbers.reserve(len(occurred_at))
        narrow = None if channel is None else channel.astype(np.int8)
        self._blocks.append(_Block(first, kind, narrow, occurred_at, received_at))
        return np.arange(first, self._numbers.next_id)

    def frames(self) -> Iterator[pl.DataFrame]:
        """The rows added since the last time, as the table has them. They are not kept."""
        while self._blocks:
            block = self._blocks.pop(0)
            for part in parts(len(block.occurred_at)):
                yield _event_rows(block, part)


def _event_rows(block: _Block, part: slice) -> pl.DataFrame:
    occurred_at = block.occurred_at[part]
    count = len(occurred_at)
    return pl.DataFrame(
        {
            "id": np.arange(count) + block.first + part.start,
            "source": pl.repeat(SOURCE, count, dtype=pl.String, eager=True),
            "kind": pl.repeat(block.kind, count, dtype=pl.String, eager=True),
            "channel_id": pl.repeat(None, count, dtype=pl.String, eager=True)
            if block.channel is None
            else texts([spec.channel_id for spec in CHANNELS], block.channel[part]),
            "occurred_at": occurred_at,
            "received_at": occurred_at + 1_000_000 if block.received_at is None else block.received_at[part],
        }
    ).select(
        "id",
        "source",
        (pl.col("kind") + "-" + pl.col("id").cast(pl.String)).alias("event_id"),
        "kind",
        "channel_id",
        "occurred_at",
        "received_at",
        payload_hash=pl.col("id").cast(pl.String).str.zfill(32),
        status=pl.lit("applied"),
        waits_for=pl.lit(None, pl.String),
        payload=pl.lit(None, pl.String),
    )


def texts(values: Sequence[str | None], numbers: Ints) -> pl.Series:
    """The texts that numbers stand for; below 0 stands for none."""
    table = pl.Series([*values, None], dtype=pl.String)
    return table.gather(np.where(numbers < 0, len(values), numbers.astype(np.int64, copy=False)))


def within(groups: Ints) -> Ints:
    """The number (from 1) of each row within its group; rows of a group keep their order."""
    order = np.argsort(groups, kind="stable")
    ranked = groups[order]
    head = np.flatnonzero(np.concatenate([[True], ranked[1:] != ranked[:-1]])) if len(ranked) else np.empty(0, np.int64)
    size = np.diff(np.append(head, len(ranked)))
    numbers = np.empty(len(groups), np.int32)
    numbers[order] = np.arange(len(ranked)) - np.repeat(head, size) + 1
    return numbers


def grouped(*keys: Ints) -> tuple[Ints, Ints]:
    """Rows with equal keys as groups: the first row of each group, in order of keys, and each row's group."""
    if len(keys[0]) == 0:
        return np.empty(0, np.int64), np.empty(0, np.int64)
    order = np.lexsort(keys[::-1])
    changed = np.zeros(len(order), bool)
    changed[0] = True
    for key in keys:
        changed[1:] |= key[order][1:] != key[order][:-1]
    number = np.empty(len(order), np.int64)
    number[order] = np.cumsum(changed) - 1
    return order[changed], number
