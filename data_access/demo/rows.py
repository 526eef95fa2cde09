"""Rows in the making: the one sequence of row ids, event rows, and texts by number."""

from collections.abc import Sequence
from typing import Final

import numpy as np
import polars as pl

from data_access.demo.company import Ints
from data_access.demo.specs import CHANNELS

SOURCE: Final = "demo-history"


class RowNumbers:
    """Row ids, consecutive from 1 over all tables."""

    def __init__(self) -> None:
        self.next_id = 1

    def take(self, count: int) -> Ints:
        """The next `count` ids."""
        first, self.next_id = self.next_id, self.next_id + count
        return np.arange(first, first + count)


class Events:
    """Event rows, block by block. An event id is its kind and number; the payload's hash stands for a payload that is not kept."""

    def __init__(self, numbers: RowNumbers) -> None:
        self._numbers = numbers
        self._blocks: list[pl.DataFrame] = []

    def add(self, kind: str, channel: Ints | None, occurred_at: Ints, received_at: Ints | None = None) -> Ints:
        """Add events of one kind; `channel` as numbers, or None for none; received a second later if not told. Returns their ids."""
        ids = self._numbers.take(len(occurred_at))
        self._blocks.append(
            pl.DataFrame(
                {
                    "id": ids,
                    "source": pl.Series([SOURCE]).new_from_index(0, len(ids)) if len(ids) else pl.Series([], dtype=pl.String),
                    "event_id": pl.Series(ids).cast(pl.String),
                    "kind": pl.repeat(kind, len(ids), dtype=pl.String, eager=True),
                    "channel_id": pl.repeat(None, len(ids), dtype=pl.String, eager=True)
                    if channel is None
                    else texts([spec.channel_id for spec in CHANNELS], channel),
                    "occurred_at": occurred_at,
                    "received_at": occurred_at + 1_000_000 if received_at is None else received_at,
                }
            ).with_columns(event_id=pl.col("kind") + "-" + pl.col("event_id"))
        )
        return ids

    def frame(self) -> pl.DataFrame:
        """All rows, as the table has them."""
        return pl.concat(self._blocks).with_columns(
            payload_hash=pl.col("id").cast(pl.String).str.zfill(32),
            status=pl.lit("applied"),
            waits_for=pl.lit(None, pl.String),
            payload=pl.lit(None, pl.String),
        )


def texts(values: Sequence[str | None], numbers: Ints) -> pl.Series:
    """The texts that numbers stand for; below 0 stands for none."""
    table = pl.Series([*values, None], dtype=pl.String)
    return table.gather(np.where(numbers < 0, len(values), numbers))


def within(groups: Ints) -> Ints:
    """The number (from 1) of each row within its group; rows of a group keep their order."""
    order = np.argsort(groups, kind="stable")
    ranked = groups[order]
    head = np.flatnonzero(np.concatenate([[True], ranked[1:] != ranked[:-1]])) if len(ranked) else np.empty(0, np.int64)
    size = np.diff(np.append(head, len(ranked)))
    found = np.empty(len(groups), np.int64)
    found[order] = np.arange(len(ranked)) - np.repeat(head, size) + 1
    return found


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
