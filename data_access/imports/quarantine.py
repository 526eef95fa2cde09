"""Rows that cannot be taken in go to the inbox with their whole text; one that is there already is not added again."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from data_access.engine import now_us, reading
from data_access.imports.import_run import Tally
from data_access.imports.inbox_files.reentries import Reentry
from data_access.imports.order_plan import Bad, Ignored
from data_access.schema.audit import ignored_row, import_run, inbox_item
from data_access.write.unit_of_work import UnitOfWork

Text = Callable[[int], str]
"""The text of a row of the file, by its row number."""


RowFacts = Callable[[Sequence[int]], Mapping[int, Mapping[str, Any]]]
"""What the file says of some rows beside their texts, by row number (`files.orders.ROW_FACTS`)."""


def nothing(_: Sequence[int]) -> Mapping[int, Mapping[str, Any]]:
    """The `RowFacts` of files whose rows say everything themselves."""
    return {}


ItemNumber = Callable[[int], int | None]
"""The number of the item that a row is of its record, by row number; None where a record is one row."""


def no_item(_: int) -> None:
    """The `ItemNumber` of files whose records are one row each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportOrigin:
    """The import that rows come from. `reentries`: rows of the inbox among them, by row number."""

    source: str
    run_id: int
    text: Text
    row_facts: RowFacts = nothing
    item: ItemNumber = no_item
    reentries: Mapping[int, Reentry] = field(default_factory=dict)


_Key = tuple[str, int | None]


@dataclass(slots=True)
class _Known:
    item_id: int
    is_open: bool


class Quarantine:
    """The inbox of one import. Items that earlier imports of the same source left there are recognised by their texts.

    A row that is bad again, and waits already, is counted as quarantined, but its item stands there once; if a person has dealt with
    the item, the row is a duplicate. A row that is good now resolves the item that waits with its text, or that it was exported from.
    """

    def __init__(self, engine: Engine, origin: ImportOrigin) -> None:
        self._origin = origin
        self._known: dict[_Key, list[_Known]] = {}
        self._popped: list[tuple[_Key, _Known]] = []
        self._position = -1
        i = inbox_item.c
        undone = sa.select(import_run.c.id).where(import_run.c.status == "undone")
        query = sa.select(i.id, i.status, i.content, i.row_facts).where(
            i.source == origin.source,
            i.kind == "row",
            sa.or_(i.import_run_id.is_(None), sa.and_(i.import_run_id != origin.run_id, i.import_run_id.not_in(undone))),
        )
        with reading(engine) as connection:
            for row in connection.execute(query.order_by(i.id.desc())):
                item = json.loads(row.row_facts).get("item") if row.row_facts else None
                self._known.setdefault((row.content, item), []).append(_Known(row.id, row.status == "open"))

    def begin(self, position: int) -> None:
        """Before each chunk: if the same chunk is tried again, forget what the failed attempt did."""
        if position == self._position:
            for key, known in reversed(self._popped):
                self._known[key].append(known)
        self._position = position
        self._popped = []

    def turn_to(self, origin: ImportOrigin) -> None:
        """Go on with the next part of the file."""
        self._origin, self._position, self._popped = origin, -1, []

    def skip(self, row_nos: Sequence[int]) -> None:
        """Rows that the import dealt with before it was interrupted: the items with their texts are used up."""
        for row_no in row_nos if self._known else ():
            self._pop(row_no)

    def _pop(self, row_no: int) -> _Known | None:
        key = (self._origin.text(row_no), self._origin.item(row_no))
        known = self._known.get(key)
        if not known:
            return None
        item = known.pop()
        self._popped.append((key, item))
        return item

    def keep(self, unit: UnitOfWork, bad: Sequence[Bad], tally: Tally, channel_id: str | None = None) -> None:
        """Put bad rows, of this channel, into the inbox; those that a person has dealt with are counted as duplicates instead."""
        facts = self._origin.row_facts([row.row_no for row in bad]) if bad else {}
        for row in bad:
            reentry = self._origin.reentries.get(row.row_no)
            if reentry is not None and _change(unit, reentry, _still_wrong(row, reentry)):
                continue
            known = self._pop(row.row_no)
            if known is not None:
                if not known.is_open:
                    tally.quarantined -= 1
                    tally.duplicates += 1
                continue
            item_id = unit.ids.take()
            unit.add(inbox_item, self._item(item_id, row, facts.get(row.row_no), channel_id))
            unit.touch("inbox", "item", item_id)

    def _item(self, item_id: int, row: Bad, facts: Mapping[str, Any] | None, channel_id: str | None) -> dict[str, Any]:
        return {
            "id": item_id,
            "kind": "row",
            "status": "open",
            "source": self._origin.source,
            "reference": row.reference,
            "channel_id": channel_id,
            "external_sku": row.external_sku,
            "import_run_id": self._origin.run_id,
            "line_number": row.line_number,
            "reason": row.reason,
            "reason_code": row.code,
            "content": self._origin.text(row.row_no),
            "row_facts": json.dumps(facts, ensure_ascii=False, sort_keys=True) if facts else None,
            "created_at": now_us(),
        }

    def note(self, unit: UnitOfWork, ignored: Sequence[Ignored]) -> None:
        """Keep what changed rows say that was not taken as a change."""
        note_ignored(unit, self._origin.run_id, ignored)

    def resolve(self, unit: UnitOfWork, taken: Sequence[int]) -> None:
        """Close the items of rows that are in the store now: those they were exported from, or that wait with their texts."""
        self._close(unit, [row_no for row_no in taken if row_no in self._origin.reentries])
        for row_no in taken if self._known else ():
            item = self._pop(row_no) if row_no not in self._origin.reentries else None
            if item is not None and item.is_open:
                changes = {"status": "resolved", "closed_at": now_us(), "version": inbox_item.c.version + 1}
                unit.connection.execute(sa.update(inbox_item).where(inbox_item.c.id == item.item_id).values(changes))
                unit.touch("inbox", "item", item.item_id)

    def _close(self, unit: UnitOfWork, row_nos: Sequence[int]) -> None:
        """Close items whose rows came in again; in the figures of their own imports they are known, by this one, and wait no more."""
        facts = self._origin.row_facts(row_nos) if row_nos else {}
        for row_no in row_nos:
            reentry = self._origin.reentries[row_no]
            values: dict[str, Any] = {"status": "resolved", "closed_at": now_us()}
            if reentry.text is not None:
                values["mended"] = reentry.text
            if "occurrence" in facts.get(row_no, {}):
                row_facts = {**reentry.row_facts, "occurrence": facts[row_no]["occurrence"]}
                values["row_facts"] = json.dumps(row_facts, ensure_ascii=False, sort_keys=True)
            if _change(unit, reentry, values):
                r = import_run.c
                moved = {"quarantined": r.quarantined - 1, "duplicates": r.duplicates + 1}
                unit.connection.execute(sa.update(import_run).where(r.id == reentry.run_id).values(moved))


def _still_wrong(row: Bad, reentry: Reentry) -> dict[str, Any]:
    values = {"reason": row.reason, "reason_code": row.code, "external_sku": row.external_sku}
    if row.reference:
        values["reference"] = row.reference
    return values if reentry.text is None else {**values, "mended": reentry.text}


def _change(unit: UnitOfWork, reentry: Reentry, values: Mapping[str, Any]) -> bool:
    """Change the item of a row that came in again; False if it was closed meanwhile."""
    i = inbox_item.c
    query = sa.update(inbox_item).where(i.id == reentry.item_id, i.status == "open").values(**values, version=i.version + 1)
    is_changed = unit.connection.execute(query).rowcount == 1
    if is_changed:
        unit.touch("inbox", "item", reentry.item_id)
    return is_changed


def note_ignored(unit: UnitOfWork, run_id: int, ignored: Sequence[Ignored]) -> None:
    """Keep what changed rows of an import say that was not taken as a change."""
    for one in ignored:
        said = {"line_number": one.line_number, "reference": one.reference, "reason_code": one.code, "reason": one.reason}
        unit.add(ignored_row, {"id": unit.ids.take(), "import_run_id": run_id, **said})
