"""Rows that people set, one for each key: saved if they are as the person saw them, with an audit entry, and undone by it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from data_access.schema.audit import store_version
from data_access.write.audited_edits import Audited
from data_access.write.unit_of_work import UnitOfWork

Values = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class AuditedRows:
    """A table with `id` and `version`, whose rows are `kind`; `key`: the fields that find one; `topic`: whose version a change raises."""

    kind: Audited
    table: sa.Table
    key: tuple[str, ...]
    topic: str

    def take_turn(self, connection: Connection) -> None:
        """Whoever writes to the topic next waits until this is done, so that the version of a row that is not there yet is checked too."""
        connection.execute(sa.select(store_version.c.version).where(store_version.c.topic == self.topic).with_for_update())

    def like(self, connection: Connection, values: Values) -> dict[str, Any] | None:
        """The row that has the key of these values."""
        return self._first(connection, sa.and_(*(self.table.c[name] == values[name] for name in self.key)))

    def save(self, unit: UnitOfWork, edit: tuple[str, str | None], version: int | None, values: Values) -> int:
        """Put values in the place of the row with their key, or add it; its id.

        `edit`: the action, and why; `version`: of the row as the person saw it, None if there was none.

        Raises:
            ChangedMeanwhile: it was changed since the person saw it.

        """
        stored = self.like(unit.connection, values)
        self._require(unit.connection, stored, version)
        before = self.kind.values(stored)
        if stored is not None and before == values:
            return int(stored["id"])
        saved = unit.ids.take() if stored is None else int(stored["id"])
        self._put(unit, edit, saved, (before, values), 1 if stored is None else stored["version"] + 1)
        return saved

    def remove(self, unit: UnitOfWork, edit: tuple[str, str | None], row_id: int, version: int) -> None:
        """Take a row away, if it is as the person saw it. `edit`: the action, and why.

        Raises:
            ChangedMeanwhile: it was changed or removed since.

        """
        stored = self._first(unit.connection, self.table.c.id == row_id)
        self.kind.require_version(unit.connection, row_id, stored, version)
        self._put(unit, edit, row_id, (self.kind.values(stored), None), version + 1)

    def undo(self, unit: UnitOfWork, audit_id: int) -> int:
        """Take back a change (`audit_entry.id`), if nothing was changed since; the row's id.

        Raises:
            InvalidInput: there is no such change.
            Conflict: it was changed since.

        """
        connection = unit.connection
        change = self.kind.written(connection, audit_id)
        stored = self._first(connection, self.table.c.id == change.thing_id)
        self.kind.require_last(connection, change, stored)
        version = self.kind.next_version(connection, change.thing_id) if stored is None else stored["version"] + 1
        self._put(unit, ("undo", f"undo of change {audit_id}"), change.thing_id, (change.after, change.before), version)
        return change.thing_id

    def _require(self, connection: Connection, stored: Values | None, version: int | None) -> None:
        if stored is not None or version is not None:
            self.kind.require_version(connection, 0 if stored is None else stored["id"], stored, version)

    def _first(self, connection: Connection, which: sa.ColumnElement[bool]) -> dict[str, Any] | None:
        row = connection.execute(sa.select(self.table).where(which)).mappings().first()
        return None if row is None else dict(row)

    def _put(
        self, unit: UnitOfWork, edit: tuple[str, str | None], row_id: int, change: tuple[Values | None, Values | None], version: int
    ) -> None:
        (action, why), (before, after) = edit, change
        connection, mine = unit.connection, self.table.c.id == row_id
        if after is None:
            connection.execute(sa.delete(self.table).where(mine))
        elif before is None:
            connection.execute(sa.insert(self.table), {"id": row_id, **after, "version": version})
        else:
            connection.execute(sa.update(self.table).where(mine), {**after, "version": version})
        unit.audit(action, (self.kind.entity, row_id), before, after, why)
        unit.touch(self.topic, self.kind.entity, row_id)
