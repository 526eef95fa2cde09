"""Importing files of products, kits, listings, locations, channels, suppliers and stock counts."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import polars as pl
from sqlalchemy.engine import Engine

from data_access.engine import reading
from data_access.imports.channel_files.channel_import import ChannelExport, import_channel_file
from data_access.imports.create_master_data import release_keys
from data_access.imports.files.reader import PART_ROWS, WHOLE_ROWS, Contents, open_records, read_records
from data_access.imports.files.sheets.workbook import is_workbook
from data_access.imports.files.tables import Kind, LoadedTable, TableFile, load_table_mapping, table_rows
from data_access.imports.import_run import FilePortion, ImportJob, ImportResult, Progress, Run, Tally, Workload
from data_access.imports.inbox_files.reentries import Reentries, reentries
from data_access.imports.matching.respelled_ids import with_respelled_products
from data_access.imports.places import location_zones
from data_access.imports.quarantine import ImportOrigin, Quarantine
from data_access.imports.retry_quarantined import retry_waiting
from data_access.imports.table_rows import write_table
from data_access.store.lifecycle import require_current
from data_access.write.unit_of_work import UnitOfWork

_IDS_PER_ROW: Final = 24


def import_export(engine: Engine, export: ChannelExport, progress: Progress | None = None) -> ImportResult:
    """Import what a channel exports of its products or stock. Rows in the inbox that waited for what it brings are tried again.

    Args:
        engine: the store.
        export: the file, and what it is of.
        progress: called after each chunk.

    Raises:
        InvalidInput: the file, its layout or a place cannot be used; nothing was written.
        Conflict: another process imports the same file.
        StoreOutOfDate, StoreUnavailable: see there; what was taken in stays.

    """
    require_current(engine)
    result = import_channel_file(engine, export, progress)
    retry_waiting(engine)
    return result


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadTable:
    """A file of one kind as it is understood beside the store. `rows`: as `files.tables.table_rows` says; `back`: which of them the inbox
    knows; `dates`: what a retry of single rows needs to know of how its dates are written.
    """

    contents: Contents
    dates: dict[str, Any]
    back: Reentries
    rows: pl.DataFrame


def read_table_file(engine: Engine, path: Path, loaded: LoadedTable, table: TableFile) -> ReadTable:
    """Read and understand a file of one kind as a whole; nothing is written.

    Raises:
        InvalidInput: the file cannot be read by the mapping.

    """
    contents = read_records(path, table.mapping.file, table.needed, table.optional, table.never_empty, decimal=table.decimal)
    table, dates = table.with_decided_dates(table.date_cells(contents), path.name)
    return _understood(engine, contents, loaded, table, dates)


def _table_files(engine: Engine, path: Path, loaded: LoadedTable, table: TableFile) -> tuple[Iterator[ReadTable], int | None]:
    """A file of one kind, in parts if it is large, and how many rows all of them have, at most; files of kits whole, as kits are."""
    if is_workbook(path):
        return iter([read_table_file(engine, path, loaded, table)]), None
    file = open_records(path, table.mapping.file, table.needed, table.optional, table.never_empty)
    if len(file) <= WHOLE_ROWS or file.row_ids or table.kind == "kits":
        contents = file.contents()
        table, dates = table.with_decided_dates(table.date_cells(contents), path.name)
        return iter([_understood(engine, contents, loaded, table, dates)]), None
    parts = [range(start, min(start + PART_ROWS, len(file))) for start in range(0, len(file), PART_ROWS)]
    cells = [column for part in parts for column in table.date_cells(file.contents(part))]
    decided, dates = table.with_decided_dates(cells, path.name)
    return (_understood(engine, file.contents(part), loaded, decided, dates) for part in parts), len(file)


def _understood(engine: Engine, contents: Contents, loaded: LoadedTable, table: TableFile, dates: dict[str, Any]) -> ReadTable:
    with reading(engine) as connection:
        contents, back = reentries(connection, contents, table.kind, f"import:{loaded.name}")
        rows = table_rows(contents, table, location_zones(connection))
        if table.kind == "products":
            rows = with_respelled_products(connection, rows)
    return ReadTable(contents=contents, dates=dates, back=back, rows=rows)


def import_table(engine: Engine, kind: str, path: Path, mapping: str | None = None, progress: Progress | None = None) -> ImportResult:
    """Import a file of one kind. Rows in the inbox that waited for what it brings are tried again.

    Args:
        engine: the store.
        kind: products, kits, listings, locations, channels, suppliers or counts.
        path: the file: delimited text, plain or gzip, or a workbook (XLSX, ODS).
        mapping: path of a TOML file, where columns have other names than `docs/importing.md` says.
        progress: called after each chunk.

    Raises:
        InvalidInput: the kind, the mapping or the file cannot be used; nothing was written.
        Conflict: another process imports the same file.
        StoreOutOfDate, StoreUnavailable: see there; what was taken in stays.

    """
    require_current(engine)
    loaded, table = load_table_mapping(kind, mapping)
    files, most = _table_files(engine, path, loaded, table)
    source, start = f"import:{loaded.name}", 0
    run: Run | None = None
    quarantine: Quarantine | None = None
    for file in files:
        rows, texts, back = file.rows, file.contents.texts, file.back
        if run is None:
            recipe = file.contents.recipe(loaded.text, file.dates)
            job = (table.kind, path.name, file.contents.file_hash, loaded.name, loaded.hash(table.kind), recipe, file.contents.joined)
            run = Run(engine, ImportJob(*job))
        del file  # for the sake of memory
        load = Workload(_IDS_PER_ROW)
        if table.kind == "kits":
            rows, ends = _by_kit(rows)
            load = Workload(_IDS_PER_ROW, ends)
        origin = ImportOrigin(source=source, run_id=run.id, text=texts, reentries=back.open)
        if quarantine is None:
            quarantine = Quarantine(engine, origin)
        quarantine.turn_to(origin)
        writer = _TableWriter(table.kind, (source, run.id), rows, quarantine)
        run.go_through(rows.height, writer, progress, load, part=FilePortion(start, rows.height if most is None else most))
        start += rows.height
    if run is None:
        raise AssertionError("a file has one part at least")
    result = run.finish()
    retry_waiting(engine)
    return result


class _TableWriter:
    """Writes the rows of one import, chunk by chunk: see `import_run.Writer`."""

    def __init__(self, kind: Kind, origin: tuple[str, int], rows: pl.DataFrame, quarantine: Quarantine) -> None:
        self._kind = kind
        self._origin = origin
        self._rows = rows
        self._quarantine = quarantine
        self._keys: list[str] = []

    def prepare(self, start: int, end: int) -> None:
        """Nothing is worked out beforehand."""

    def write(self, unit: UnitOfWork, start: int, end: int) -> Tally:
        """Take in some rows."""
        self._quarantine.begin(start)
        chunk = write_table(unit, self._kind, self._origin, self._rows.slice(start, end - start))
        self._quarantine.keep(unit, chunk.bad, chunk.tally)
        self._quarantine.resolve(unit, chunk.taken)
        self._keys = chunk.keys
        return chunk.tally

    def flushed(self, unit: UnitOfWork) -> None:
        """Release what waited for the rows."""
        release_keys(unit, self._keys)


def _by_kit(rows: pl.DataFrame) -> tuple[pl.DataFrame, list[int]]:
    """Rows of a kit together, in the order in which kits first appear, and the positions where kits end."""
    rows = rows.with_columns(first=pl.col("row_no").min().over("reference")).sort("first", "row_no")
    rows = rows.with_columns(position=pl.int_range(pl.len(), dtype=pl.Int64))
    ends = (rows.group_by("first", maintain_order=True).agg(pl.col("position").max()).get_column("position") + 1).to_list()
    return rows.drop("first"), ends
