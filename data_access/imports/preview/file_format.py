"""What a file is, by its header: its kind, and the mapping that reads it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from data_access.errors import InvalidInput
from data_access.imports.channel_files.layouts import LAYOUT_NAMES, LAYOUTS, recognised_layout
from data_access.imports.channel_files.layouts import Kind as ExportKind
from data_access.imports.files.delimited.dialect import encoding_of
from data_access.imports.files.delimited.records import unpacked
from data_access.imports.files.mapping_parts import FilePart
from data_access.imports.files.reader import headers_of
from data_access.imports.files.recognise import recognised
from data_access.imports.files.sheets.workbook import is_workbook
from data_access.imports.files.tables import KINDS, TABLES, Kind

ORDERS: Final = "orders"
IN_ORDER: Final = ("locations", "channels", "products", "kits", "listings", "suppliers", "counts", ORDERS)
"""Kinds of files in the order in which they are best imported: what others name comes first."""

_HEAD_BYTES: Final = 4_096
_LEAST_COLUMNS: Final = 2  # a file of which a single column has a known name is no file of that kind


@dataclass(frozen=True, slots=True)
class FileFormat:
    """A kind of file (`orders` or one of `tables.KINDS`) and the mapping that reads it; None: its columns have OnHand's own names."""

    kind: str
    mapping: str | None = None

    @property
    def is_export(self) -> bool:
        """Whether it is a channel's own export of products or stock."""
        return self.mapping in LAYOUT_NAMES

    @property
    def export_kind(self) -> ExportKind:
        """What an export is of."""
        return "products" if self.kind == "products" else "counts"


EXPORTS: Final = tuple(dict.fromkeys(FileFormat(layout.kind, layout.name) for layout in LAYOUTS))
"""The exports of products and stock that are known."""


def format_of(path: Path) -> FileFormat:
    """The format of a file.

    Raises:
        InvalidInput: the file cannot be read, or none fits its header.

    """
    _require_table(path)
    try:
        return FileFormat(ORDERS, recognised(path).name)
    except InvalidInput as error:
        layout = recognised_layout(path)
        if layout is not None:
            return FileFormat(layout.kind, layout.name)
        kind = _table_kind(path)
        if kind is None:
            raise error from None
        return FileFormat(kind)


def _require_table(path: Path) -> None:
    """Make sure that a file is text or a workbook: a picture has a first line too.

    Raises:
        InvalidInput: it is neither, or cannot be read.

    """
    if is_workbook(path):
        return
    head = next(unpacked(path), b"")[:_HEAD_BYTES]
    if b"\x00" in head and not encoding_of([head]).startswith("utf-16"):
        raise InvalidInput(f"{path} is neither text nor a workbook: save the table as CSV, XLSX or ODS.")


def _table_kind(path: Path) -> Kind | None:
    """The kind all of whose needed columns the header has; of several, the one that reads most of its columns."""
    names = {kind: [column.name for column in TABLES[kind]] for kind in KINDS}
    headers = headers_of(path, [(FilePart(), names[kind]) for kind in KINDS])
    fits: list[tuple[int, int, Kind]] = []
    for place, (kind, header) in enumerate(zip(KINDS, headers, strict=True)):
        if isinstance(header, InvalidInput):
            raise header
        needed = {column.name for column in TABLES[kind] if column.need == "always"}
        known = len(set(names[kind]) & set(header))
        if needed <= set(header) and known >= _LEAST_COLUMNS:
            fits.append((known, -place, kind))
    return max(fits)[2] if fits else None
