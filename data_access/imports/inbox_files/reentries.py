"""Rows that the inbox has exported and that come in again: each belongs to its inbox item, whatever was mended in it."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

import polars as pl
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from data_access.errors import InvalidInput
from data_access.imports.files.delimited.frames import BadRecord
from data_access.imports.files.delimited.records import Form, Unfit, fitted
from data_access.imports.files.order_cells import ROW_FACTS
from data_access.imports.files.reader import Contents, header_cells
from data_access.imports.files.row_ids import ROW_COLUMN, record_of
from data_access.imports.inbox_files.hiding import HIDDEN, Hiding
from data_access.imports.inbox_files.layout import RUN_COLUMNS, FileLayout, layout_of
from data_access.schema.audit import import_run, inbox_item
from data_access.write.bulk import in_values

CODE: Final = "inbox_row"
_EMPTY_IT: Final = f"empty the cell {ROW_COLUMN}, and it is a row of its own."


@dataclass(frozen=True, slots=True, kw_only=True)
class Reentry:
    """An open inbox item whose row comes in again. `text`: as it is now, written like its import's rows; None if nothing was mended.

    `reason_code`: of why it waits; `is_unmended`: it still says what it said when that was seen.
    """

    item_id: int
    run_id: int
    reason_code: str
    is_unmended: bool
    text: str | None
    row_facts: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Reentries:
    """The rows of a file that are known by their inbox items. `open`: those of open ones, by row number.

    `row_facts`: by `ROW_FACTS`, what the files that they came from said of them; also of rows whose items were closed as they are.
    `run_ids`: the imports of those files.
    """

    open: Mapping[int, Reentry] = field(default_factory=dict)
    row_facts: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=ROW_FACTS))
    run_ids: Sequence[int] = ()

    @property
    def row_nos(self) -> list[int]:
        """Those of the rows, known by open items or closed ones."""
        return self.row_facts["row_no"].to_list()

    def unmended(self, reason_code: str) -> list[int]:
        """Those of the rows that wait for this reason and still say what they said then."""
        return [row_no for row_no, reentry in self.open.items() if reentry.reason_code == reason_code and reentry.is_unmended]

    def waiting_for(self, reason_code: str) -> list[int]:
        """The row numbers of those that wait for this reason."""
        return [row_no for row_no, reentry in self.open.items() if reentry.reason_code == reason_code]

    def renumbered(self, row_nos: Mapping[int, int]) -> "Reentries":
        """The same rows by other numbers."""
        facts = self.row_facts.with_columns(pl.col("row_no").replace_strict(row_nos, return_dtype=pl.Int64))
        return Reentries({row_nos[row_no]: reentry for row_no, reentry in self.open.items()}, facts, self.run_ids)


class _Refused(ValueError):
    """A row that cannot be the row of the inbox that it says it is."""


def reentries(connection: Connection, contents: Contents, kind: str, source: str) -> tuple[Contents, Reentries]:
    """The rows of the file that are rows of the inbox, and the file with those that cannot be such among its bad records.

    `kind` and `source`: of the import.

    Raises:
        InvalidInput: the columns are not those of the file that they came from.

    """
    if not contents.row_ids:
        return contents, Reentries()
    items = _items(connection, contents.row_ids.values())
    layouts = {item.import_run_id: layout_of(item) for item in items.values() if (item.run_kind, item.source) == (kind, source)}
    for layout in layouts.values():
        _check_columns(contents, layout)
    contents = _revealed(contents, items, layouts)
    is_open, facts, refused, lines = {}, [], {}, _line_numbers(contents)
    taken: dict[int, int] = {}
    for row_no in sorted(row_no for row_no in contents.row_ids if row_no in lines):  # others are empty rows
        try:
            item = _item(items, contents.row_ids[row_no], layouts, taken)
            reentry = _reentry(contents, row_no, item, layouts[item.import_run_id])
        except _Refused as refusal:
            refused[row_no] = str(refusal)
            continue
        taken[item.id] = lines[row_no]
        facts.append({**dict.fromkeys(ROW_FACTS), **reentry.row_facts, "row_no": row_no})
        if item.status == "open":
            is_open[row_no] = reentry
    return _without(contents, refused, lines), Reentries(is_open, pl.DataFrame(facts, schema=ROW_FACTS), sorted(layouts))


def _items(connection: Connection, row_ids: Iterable[str]) -> dict[str, Any]:
    """The rows of the inbox with these ids, by the id as text."""
    wanted = sorted({int(row_id) for row_id in row_ids if re.fullmatch(r"[1-9]\d{0,17}", row_id, re.ASCII)})
    i = inbox_item.c
    query = (
        sa.select(
            i.id,
            i.status,
            i.source,
            i.reason_code,
            i.mended,
            i.import_run_id,
            sa.func.coalesce(i.mended, i.content).label("text"),
            i.row_facts,
            *RUN_COLUMNS,
        )
        .join(import_run, import_run.c.id == i.import_run_id)
        .where(in_values(connection, i.id, wanted), i.kind == "row")
    )
    return {str(item.id): item for item in connection.execute(query)}


def _item(items: Mapping[str, Any], said: str, layouts: Mapping[int, FileLayout], taken: Mapping[int, int]) -> Any:
    """The row of the inbox that a row says it is. `taken`: by the ids of others of the file, their lines."""
    item = items.get(said)
    if item is None:
        raise _Refused(f"The inbox has no row {said[:40]!r}, which the cell {ROW_COLUMN} names: {_EMPTY_IT}")
    if item.import_run_id not in layouts:
        raise _Refused(f"The inbox row {item.id} is of an import of {item.run_kind} by the mapping {item.mapping}: import it by that.")
    if item.id in taken:
        raise _Refused(f"The inbox row {item.id} is line {taken[item.id]} too: {_EMPTY_IT}")
    return item


def _reentry(contents: Contents, row_no: int, item: Any, layout: FileLayout) -> Reentry:
    text = _mended(contents, row_no, item.text, layout)
    if text is not None and item.status != "open":
        raise _Refused(f"The inbox row {item.id}, which this row mends, was {item.status} before: {_EMPTY_IT}")
    row_facts = json.loads(item.row_facts or "{}")
    if text is not None:
        row_facts.pop("occurrence", None)
    is_unmended = text is None and item.mended is None
    reason = item.reason_code
    return Reentry(item_id=item.id, run_id=item.import_run_id, reason_code=reason, is_unmended=is_unmended, text=text, row_facts=row_facts)


def _check_columns(contents: Contents, layout: FileLayout) -> None:
    if header_cells(contents.header_text, contents.form, "The file") != layout.header:
        raise InvalidInput(
            f"The columns of the file are not those that its rows were exported with ({', '.join(layout.header)[:500]}): leave them as "
            f"they were, or remove the column {ROW_COLUMN}."
        )


def _revealed(contents: Contents, items: Mapping[str, Any], layouts: Mapping[int, FileLayout]) -> Contents:
    """The file with what is stored in place of what the export has hidden."""
    raw, values = list(contents.texts.raw), dict[int, dict[str, str]]()
    for row_no, row_id in contents.row_ids.items():
        item, text = items.get(row_id), contents.texts(row_no)
        if item is None or item.import_run_id not in layouts or HIDDEN not in text:
            continue
        layout = layouts[item.import_run_id]
        hiding, width = Hiding(layout.header, contents.form), len(layout.header)
        cells, stored = _cells(text, contents.form, width), _cells(item.text, layout.form, width)
        if cells is None or stored is None:
            after = hiding.revealed(text, item.text)
        else:
            after = record_of(hiding.revealed_cells(cells, stored), contents.form)
            hidden = (place for place, cell in enumerate(cells) if cell.strip() == HIDDEN)
            values[row_no] = {layout.header[place]: stored[place].strip() for place in hidden}
        raw[row_no] = after.encode(contents.texts.encoding.removesuffix("-sig"), errors="backslashreplace")
    if raw == list(contents.texts.raw):
        return contents
    columns = {name for cells_of_row in values.values() for name in cells_of_row if name in contents.frame.columns}
    known = pl.col("row_no").replace_strict
    frame = contents.frame.with_columns(
        pl.coalesce(
            known({row_no: row[name] for row_no, row in values.items() if name in row}, default=None, return_dtype=pl.String), name
        ).alias(name)
        for name in sorted(columns)
    )
    return replace(contents, frame=frame, texts=replace(contents.texts, raw=tuple(raw)))


def _mended(contents: Contents, row_no: int, text: str, layout: FileLayout) -> str | None:
    """The row's text as rows of its first import are written, or None if it says the same."""
    now, width = contents.texts(row_no), len(layout.header)
    cells, before = _cells(now, contents.form, width), _cells(text, layout.form, width)
    if cells is None or before is None:
        return None if now.strip() == text.strip() else now
    if [cell.strip() for cell in cells] == [cell.strip() for cell in before]:
        return None
    return now if contents.form == layout.form else record_of(cells, layout.form)


def _cells(text: str, form: Form, width: int) -> tuple[str, ...] | None:
    try:
        return fitted(text, form, width)
    except Unfit:
        return None


def _line_numbers(contents: Contents) -> dict[int, int]:
    of_rows = dict(contents.frame.select("row_no", "line_number").iter_rows())
    return of_rows | {record.row_no: record.line_number for record in contents.bad}


def _without(contents: Contents, refused: Mapping[int, str], lines: Mapping[int, int]) -> Contents:
    if not refused:
        return contents
    others = [record for record in contents.bad if record.row_no not in refused]
    bad = [BadRecord(row_no, lines[row_no], contents.texts(row_no), CODE, sentence) for row_no, sentence in refused.items()]
    frame = contents.frame.filter(~pl.col("row_no").is_in(list(refused)))
    return replace(contents, frame=frame, bad=tuple(sorted([*others, *bad], key=lambda record: record.row_no)))
