"""Importing what channels export of their products and stock. Files of orders are `order_import`'s."""

import datetime as dt
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import polars as pl
import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from data_access.engine import now_us, reading
from data_access.errors import InvalidInput
from data_access.imports.channel_files.layouts import ChannelFile, Kind, layout_of
from data_access.imports.channel_files.rows import FACTS, channel_rows, product_facts
from data_access.imports.channel_files.writer import counted_twice, write_channel_rows
from data_access.imports.create_master_data import release_keys
from data_access.imports.files.mapping_parts import FilePart
from data_access.imports.files.reader import Contents, read_records, read_text
from data_access.imports.files.recipe import Recipe
from data_access.imports.import_run import ImportJob, ImportResult, Progress, Run, Tally, Workload
from data_access.imports.places import ChosenPlaces, channel_part, location_part
from data_access.imports.quarantine import ImportOrigin, Quarantine, RowFacts, nothing
from data_access.schema.audit import import_run
from data_access.write.unit_of_work import UnitOfWork

_IDS_PER_ROW: Final = 24
_EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelExport:
    """A file that a channel wrote, and what it is of.

    `mapping`: auto, or the name of a layout; `as_of`: when its units were there, as ISO 8601; without an offset in the channel's zone,
    or UTC.
    """

    path: Path
    kind: Kind
    mapping: str = "auto"
    places: ChosenPlaces = field(default_factory=ChosenPlaces)
    as_of: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadExport:
    """An export as it is understood at the places that were chosen. `rows`: as `rows.channel_rows` says; `name`: of its layout and channel;
    `job_hash`: of all that decides how it is read.
    """

    file: ChannelFile
    contents: Contents
    rows: pl.DataFrame
    name: str
    job_hash: str

    @property
    def source(self) -> str:
        """Of the events that its counts are."""
        return f"import:{self.name}"


def read_channel_file(engine: Engine, export: ChannelExport) -> ReadExport:
    """Read an export of products or stock; nothing is written.

    Raises:
        InvalidInput: the file, its layout or a place cannot be used.

    """
    file = layout_of(export.path, export.kind, export.mapping)
    with reading(engine) as connection:
        file, time_zone = _placed(connection, file, export.places)
    as_of = None if export.as_of is None else _instant(export.as_of, time_zone)
    contents = read_records(export.path, FilePart(), file.wanted)
    name = file.layout if file.channel_id is None else f"{file.layout}:{file.channel_id}"
    text = json.dumps([name, file.location_id, as_of])
    job_hash = hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
    with reading(engine) as connection:
        counted_at = as_of if as_of is not None else _first_import(connection, file.kind, contents.file_hash, job_hash)
        file = replace(file, counted_at=now_us() if counted_at is None else counted_at)
        rows = counted_twice(connection, file, channel_rows(contents, file))
    _check_places(file, rows)
    return ReadExport(file=file, contents=contents, rows=rows, name=name, job_hash=job_hash)


def import_channel_file(engine: Engine, export: ChannelExport, progress: Progress | None = None) -> ImportResult:
    """Import an export of products or stock. After it, `retry_quarantined.retry_waiting` tries rows again that waited for what it brought.

    Args:
        engine: the store, at the current schema.
        export: the file.
        progress: called after each chunk.

    Raises:
        InvalidInput: the file, its layout or a place cannot be used; nothing was written.
        Conflict: another process imports the same file.
        StoreUnavailable: see there; what was taken in stays.

    """
    read = read_channel_file(engine, export)
    file, contents = read.file, read.contents
    recipe = Recipe("", contents.header_text, file.as_options(), contents.read_as, contents.is_sheet)
    job = ImportJob(file.kind, export.path.name, contents.file_hash, read.name, read.job_hash, recipe, contents.joined)
    run = Run(engine, job)
    facts = _look_up(product_facts(contents, file)) if file.kind == "products" else nothing
    quarantine = Quarantine(engine, ImportOrigin(source=read.source, run_id=run.id, text=contents.texts, row_facts=facts))
    load = Workload(_IDS_PER_ROW * (1 + len(file.places)))
    run.go_through(read.rows.height, _ChannelWriter(file, (read.source, run.id), read.rows, quarantine), progress, load)
    return run.finish()


class _ChannelWriter:
    """Writes the rows of one import, chunk by chunk: see `import_run.Writer`."""

    def __init__(self, file: ChannelFile, origin: tuple[str, int], rows: pl.DataFrame, quarantine: Quarantine) -> None:
        self._file = file
        self._origin = origin
        self._rows = rows
        self._quarantine = quarantine
        self._keys: list[str] = []

    def prepare(self, start: int, end: int) -> None:
        """Nothing is worked out beforehand."""

    def write(self, unit: UnitOfWork, start: int, end: int) -> Tally:
        """Take in some rows."""
        self._quarantine.begin(start)
        chunk = write_channel_rows(unit, self._file, self._origin, self._rows.slice(start, end - start))
        self._quarantine.keep(unit, chunk.bad, chunk.tally, self._file.channel_id)
        self._quarantine.resolve(unit, chunk.taken)
        self._keys = chunk.keys
        return chunk.tally

    def flushed(self, unit: UnitOfWork) -> None:
        """Release what waited for the rows."""
        release_keys(unit, self._keys)


def understood_again(
    connection: Connection, recipe: Recipe, texts: Sequence[tuple[int, int, str]], facts: Sequence[dict[str, Any]]
) -> tuple[ChannelFile, pl.DataFrame]:
    """Rows that an import put aside, given as row number, line number and text, each with its facts: what its file was, and the rows.

    They are as `rows.channel_rows` says.
    """
    file = ChannelFile.from_options(recipe.options)
    contents = read_text(recipe.header, texts, FilePart(), file.wanted, is_sheet=recipe.is_sheet)
    rows = [{**dict.fromkeys(FACTS), **kept, "row_no": row_no} for (row_no, _, _), kept in zip(texts, facts, strict=True)]
    return file, counted_twice(connection, file, channel_rows(contents, file, pl.DataFrame(rows, schema=FACTS)))


def _placed(connection: Connection, file: ChannelFile, places: ChosenPlaces) -> tuple[ChannelFile, ZoneInfo]:
    """The file at the places that were chosen, and the zone of times that are given without an offset."""
    time_zone = ZoneInfo("UTC")
    if places.channel_id is not None:
        channel = channel_part(connection, places.channel_id)
        file, time_zone = replace(file, channel_id=channel.id, currency=channel.currency), ZoneInfo(channel.time_zone)
    elif file.kind == "products":
        raise InvalidInput("Say with --channel whose products they are.")
    if places.location_id is not None:
        file = replace(file, location_id=location_part(connection, places.location_id).id)
    elif file.kind == "counts" and not file.places and "place" not in file.columns:
        raise InvalidInput("The file names no location: say with --location where the units are.")
    return file, time_zone


def _check_places(file: ChannelFile, rows: pl.DataFrame) -> None:
    """Refuse a location that was given for a file that names several: the units of all would be counted there."""
    if file.location_id is None or file.kind != "counts":
        return
    named = rows.explode("counts")["counts"].struct.field("place").drop_nulls().unique().sort()
    if named.len() > 1:
        listed = ", ".join(named[:3])
        raise InvalidInput(f"The file names several locations ({listed}): import it without --location, or export one of them.")


def _instant(text: str, time_zone: ZoneInfo) -> int:
    try:
        moment = dt.datetime.fromisoformat(text)
    except ValueError as error:
        raise InvalidInput(f"{text!r} is no time such as 2026-11-29T08:00+01:00: mend --as-of.") from error
    moment = moment if moment.tzinfo is not None else moment.replace(tzinfo=time_zone)
    instant = (moment - _EPOCH) // dt.timedelta(microseconds=1)
    if not 0 <= instant <= now_us():
        raise InvalidInput(f"{text} is no time at which units can have been counted: mend --as-of.")
    return instant


def _first_import(connection: Connection, kind: Kind, file_hash: str, job_hash: str) -> int | None:
    """When the units of the same file were taken to be there before: the same file again counts nothing again."""
    r = import_run.c
    query = sa.select(r.recipe).where(r.kind == kind, r.file_hash == file_hash, r.mapping_hash == job_hash).order_by(r.id).limit(1)
    recipe = connection.execute(query).scalar()
    return None if recipe is None else ChannelFile.from_options(Recipe.from_json(recipe).options).counted_at


def _look_up(facts: pl.DataFrame) -> RowFacts:
    """The facts of rows, by row number."""

    def look_up(row_nos: Sequence[int]) -> dict[int, dict[str, Any]]:
        some = facts.filter(pl.col("row_no").is_in(row_nos))
        return {row.pop("row_no"): {name: value for name, value in row.items() if value is not None} for row in some.iter_rows(named=True)}

    return look_up
