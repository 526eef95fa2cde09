"""What commands share on things with a version and an audit: whether one may be overwritten, and whether a change can be undone."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from data_access.errors import ChangedMeanwhile, Conflict, InvalidInput
from data_access.schema.audit import audit_entry


@dataclass(frozen=True, slots=True)
class Written:
    """A change that is in the audit: its id there, the id of the thing, and the thing's values (None: it was new, or is gone)."""

    audit_id: int
    thing_id: int
    before: dict[str, Any] | None
    after: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class Audited:
    """A kind of thing: its `entity` in the audit, its `name` in sentences, and the `fields` that a change of it tells."""

    entity: str
    name: str
    fields: tuple[str, ...]

    def values(self, stored: Mapping[str, Any] | None) -> dict[str, Any] | None:
        """The fields of a stored row; None if there is none."""
        return None if stored is None else {name: stored[name] for name in self.fields}

    def require_version(
        self, connection: Connection, thing_id: int, stored: Mapping[str, Any] | None, version: int | None
    ) -> Mapping[str, Any]:
        """Make sure that a thing is as the person saw it; its row.

        Raises:
            ChangedMeanwhile: it was changed or removed since.

        """
        if stored is None or stored["version"] != version:
            by = author(connection, [(self.entity, str(thing_id))], stored)
            raise changed_meanwhile(self.name, self.values(stored), None if stored is None else stored["version"], by)
        return stored

    def next_version(self, connection: Connection, thing_id: int) -> int:
        """Above any version that someone may have seen of a thing that is gone: it had at most one for each entry."""
        count = sa.select(sa.func.count()).select_from(audit_entry).where(_of(self.entity, str(thing_id)))
        return int(connection.execute(count).scalar_one()) + 1

    def written(self, connection: Connection, audit_id: int) -> Written:
        """A change by its `audit_entry.id`.

        Raises:
            InvalidInput: there is no such change of a thing of this kind.

        """
        c = audit_entry.c
        query = sa.select(c.entity_id, c.before, c.after).where(c.id == audit_id, c.entity == self.entity)
        change = connection.execute(query).first()
        if change is None:
            raise InvalidInput(f"There is no change {audit_id} of a {self.entity.replace('_', ' ')}: look at the history again.")
        return Written(audit_id, int(change.entity_id), _read(change.before), _read(change.after))

    def require_last(self, connection: Connection, written: Written, stored: Mapping[str, Any] | None) -> None:
        """Make sure that nothing was changed since a change, after which the thing is `stored`.

        Raises:
            Conflict: it was.

        """
        last = connection.execute(_newest(_of(self.entity, str(written.thing_id)))).one()
        if last.id != written.audit_id or self.values(stored) != written.after:
            raise Conflict(f"The {self.name} was changed since: look at its history, and change it by hand. Nothing was undone.")


def author(connection: Connection, things: Sequence[tuple[str, str]], stored: Mapping[str, Any] | None) -> str:
    """Who changed a thing last, which has these entities and ids in the audit.

    "someone" if it is not as the last entry says, for an import leaves none.
    """
    last = connection.execute(_newest(sa.or_(*(_of(*thing) for thing in things)))).first()
    if last is None:
        return "someone"
    after = _read(last.after)
    is_so = after is None if stored is None else after is not None and all(stored[name] == value for name, value in after.items())
    return str(last.actor) if is_so else "someone"


def changed_meanwhile(name: str, now: Mapping[str, Any] | None, version: int | None, by: str) -> ChangedMeanwhile:
    """The refusal of what would overwrite another's change. `now`: the values, or None if the thing is gone."""
    done = "removed" if now is None else "changed"
    return ChangedMeanwhile(f"{by} {done} the {name} meanwhile; nothing was saved.", now or {}, version, by)


def _of(entity: str, entity_id: str) -> sa.ColumnElement[bool]:
    return sa.and_(audit_entry.c.entity == entity, audit_entry.c.entity_id == entity_id)


def _newest(which: sa.ColumnElement[bool]) -> sa.Select[int, str, str]:
    # not by id first: processes take ids in blocks, so a later entry may have a lower one
    c = audit_entry.c
    return sa.select(c.id, c.actor, c.after).where(which).order_by(c.at.desc(), c.id.desc()).limit(1)


def _read(text: str | None) -> dict[str, Any] | None:
    values: dict[str, Any] | None = None if text is None else json.loads(text)
    return values
