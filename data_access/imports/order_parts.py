"""Large files of orders, taken in part by part: an order's rows are in one part, wherever in the file they stand.

What one row says can change what another means only within an order, so each part can be understood by itself; but the dates of all of
them decide together how they are written.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import polars as pl

from data_access.imports.files.date_order import date_cells, decided_dates
from data_access.imports.files.mapping import Mapping
from data_access.imports.files.order_cells import order_keys
from data_access.imports.files.reader import PART_ROWS, WHOLE_ROWS, Contents, RecordFile, open_records, read_records
from data_access.imports.files.sheets.workbook import is_workbook

_ROWS: Final = pl.Schema({"row_no": pl.Int64, "order": pl.UInt64})


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderParts:
    """A large file in parts. `mapping` and `dates`: as of `date_order.with_decided_dates`;"""

    file: RecordFile
    mapping: Mapping
    dates: dict[str, Any]
    parts: tuple[Sequence[int], ...]

    @property
    def rows(self) -> int:
        """How many rows there are, blank ones counted in."""
        return len(self.file)

    def __iter__(self) -> Iterator[Contents]:
        return (self.file.contents(row_nos) for row_nos in self.parts)


def order_parts(path: Path, mapping: Mapping) -> OrderParts | Contents:
    """A file of orders, in parts if it is large; else the whole.

    Raises:
        InvalidInput: it cannot be read, or its dates can be read two ways.

    """
    columns = (mapping.file_columns, mapping.optional_columns, mapping.never_empty)
    if is_workbook(path):
        return read_records(path, mapping.file, *columns, decimal=mapping.formats.decimal)
    file = open_records(path, mapping.file, *columns)
    if len(file) <= WHOLE_ROWS or file.row_ids:
        return file.contents()
    keys, cells = [], []
    for start in range(0, len(file), PART_ROWS):
        contents = file.contents(range(start, min(start + PART_ROWS, len(file))))
        keys.append(order_keys(contents, mapping).cast(_ROWS))
        keys.append(pl.DataFrame({"row_no": [record.row_no for record in contents.bad], "order": None}, schema=_ROWS))
        cells += date_cells(contents, mapping)
    decided, dates = decided_dates(mapping, cells, path.name)
    return OrderParts(file=file, mapping=decided, dates=dates, parts=tuple(_parts(pl.concat(keys))))


def _parts(rows: pl.DataFrame) -> Iterator[list[int]]:
    """The row numbers of each part: of orders that begin in the same stretch of the file; rows of no order where they stand."""
    first = pl.when(pl.col("order").is_null()).then("row_no").otherwise(pl.col("row_no").min().over("order"))
    placed = rows.select("row_no", part=first // PART_ROWS).sort("part", "row_no")
    for part in placed.partition_by("part", maintain_order=True):
        yield part["row_no"].to_list()
