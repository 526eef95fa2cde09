"""Columns of numbers that grow while the simulation runs."""

from dataclasses import dataclass, field

import numpy as np

from data_access.demo.company import Ints


@dataclass(slots=True)
class GrowingColumns:
    """Columns that grow day by day."""

    parts: list[tuple[Ints, ...]] = field(default_factory=list)

    def add(self, *columns: Ints | int) -> None:
        """Add rows; numbers are repeated."""
        arrays = np.broadcast_arrays(*columns)
        if arrays[0].size:
            self.parts.append(tuple(np.array(column, np.int64).ravel() for column in arrays))

    def columns(self, width: int) -> tuple[Ints, ...]:
        """All rows, column by column."""
        if not self.parts:
            return tuple(np.empty(0, np.int64) for _ in range(width))
        return tuple(np.concatenate([part[column] for part in self.parts]) for column in range(width))
