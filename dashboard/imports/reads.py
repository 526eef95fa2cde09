"""What the Import page reads: previews of kept files, runs of imports, and what taking one back would do."""

from pathlib import Path
from typing import Final

import polars as pl
import streamlit as st
from sqlalchemy.engine import Engine

from dashboard.shell import reads as shared
from data_access.errors import InvalidInput
from data_access.imports.channel_files.channel_import import ChannelExport
from data_access.imports.files.tables import KINDS
from data_access.imports.places import ChosenPlaces
from data_access.imports.preview.channel_file import places_named, preview_channel_file
from data_access.imports.preview.file_format import ORDERS, FileFormat, format_of
from data_access.imports.preview.findings import Preview
from data_access.imports.preview.order_file import preview_orders
from data_access.imports.preview.proposal import Sample, sample
from data_access.imports.preview.table_file import preview_table
from data_access.imports.undo.preview import UndoPreview, preview_undo
from data_access.queries import imports as queries

RUNS_SHOWN: Final = 50


@st.cache_data(max_entries=200, ttl=3_600, show_spinner=False)
def file_format(path: Path, file_hash: str) -> tuple[FileFormat | None, str]:  # noqa: ARG001 - part of the key
    """What a kept file is, or None and why it is not known."""
    try:
        return format_of(path), ""
    except InvalidInput as error:
        return None, shown(error, path)


@st.cache_resource(max_entries=8, ttl=600, show_spinner="Reading the file")
def sample_of(path: Path, file_hash: str) -> Sample | None:  # noqa: ARG001 - part of the key
    """The beginning of a kept file of an unknown form; None if it cannot be read."""
    try:
        return sample(path)
    except InvalidInput:
        return None


@st.cache_data(max_entries=200, ttl=3_600, show_spinner="Reading the file")
def places_named_in(path: Path, file_hash: str, form: FileFormat) -> tuple[str, ...]:  # noqa: ARG001 - part of the key
    """The locations that a kept export names; none where it cannot be read, which its preview says."""
    try:
        return places_named(path, form)
    except InvalidInput:
        return ()


def preview(path: Path, file_hash: str, form: FileFormat, places: ChosenPlaces) -> tuple[Preview | None, str]:
    """A kept file as it would be imported, or None and why it cannot be."""
    catalogue = tuple(shared.version(topic) for topic in ("catalog", "channels", "inbox"))
    imported = tuple(runs().select("import_run_id", "status").iter_rows())
    return _preview(shared.engine(), path, file_hash, form, places, (catalogue, imported))


@st.cache_resource(max_entries=8, ttl=600, show_spinner="Reading the file")
def _preview(
    _engine: Engine,
    path: Path,
    file_hash: str,  # noqa: ARG001 - part of the key
    form: FileFormat,
    places: ChosenPlaces,
    versions: tuple[object, ...],  # noqa: ARG001 - part of the key
) -> tuple[Preview | None, str]:
    try:
        if form.kind == ORDERS:
            return preview_orders(_engine, path, form.mapping or "auto", places), ""
        if form.is_export:
            return preview_channel_file(
                _engine, ChannelExport(path=path, kind=form.export_kind, mapping=form.mapping or "auto", places=places)
            ), ""
        return preview_table(_engine, form.kind, path, form.mapping), ""
    except InvalidInput as error:
        return None, shown(error, path)


def shown(error: InvalidInput, path: Path) -> str:
    """An error's sentence with the file's name for its path."""
    return str(error).replace(str(path), path.name)


def kinds() -> tuple[str, ...]:
    """All kinds of files, those of orders first."""
    return (ORDERS, *KINDS)


def runs() -> pl.DataFrame:
    """`imports.RUNS`, the newest first."""
    return shared.hub().ask(lambda bind: queries.runs(bind, RUNS_SHOWN))


def rows_taken_in(file_hash: str) -> int:
    """How many rows of a file that is being imported are taken in."""
    return shared.hub().ask(lambda bind: queries.rows_taken_in(bind, file_hash))


def undo_preview(run_id: int) -> tuple[UndoPreview | None, str]:
    """What taking an import back would do, or None and why it cannot be."""
    try:
        return preview_undo(shared.engine(), run_id), ""
    except InvalidInput as error:
        return None, str(error)
