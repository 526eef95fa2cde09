"""What a person does with buffer rules: save, remove, undo. Each is checked, audited and versioned in one transaction."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from data_access.domain.buffer_rules import MAX_REASON, RuleDraft, problems
from data_access.engine import now_us
from data_access.errors import InvalidInput, Refused
from data_access.schema.buffers import buffer_rule
from data_access.schema.catalog import location, product
from data_access.schema.channels import channel
from data_access.write.audited_edits import Audited
from data_access.write.bulk import among
from data_access.write.kernel import work
from data_access.write.unit_of_work import Unit

FIELDS: Final = ("level", "channel_id", "sku", "category", "location_id", "basis", "amount", "reason", "ends_at")
_RULE: Final = Audited("buffer_rule", "rule", FIELDS)
MOST_AT_ONCE: Final = 5_000
"""Rules in one transaction: more would keep other writers waiting."""

_KIT: Final = "kit"


@dataclass(frozen=True, slots=True)
class Change:
    """A rule to save: a new one, or new values of one that is there, as it was when the person saw it (`version`)."""

    draft: RuleDraft
    rule_id: int | None = None
    version: int | None = None


def save(engine: Engine, changes: Sequence[Change], actor: str) -> list[int]:
    """Save rules, all or none; their ids, in order.

    Raises:
        Forbidden: the actor may not change buffers.
        InvalidInput: they are more than `MOST_AT_ONCE`.
        Refused: some cannot be saved: a field is wrong, or its scope has a rule already.
        ChangedMeanwhile: one was changed or removed since the person saw it.

    """
    if len(changes) > MOST_AT_ONCE:
        raise InvalidInput(f"{len(changes):,} rules are more than are saved at once ({MOST_AT_ONCE:,}): save them in parts.")
    return work(engine, actor, "change buffers", lambda unit: _save(unit, changes), rows=2 * len(changes))


def _save(unit: Unit, changes: Sequence[Change]) -> list[int]:
    connection = unit.connection
    stored = _held(connection, [change.rule_id for change in changes if change.rule_id is not None])
    for change in changes:
        if change.rule_id is not None:
            _RULE.require_version(connection, change.rule_id, stored.get(change.rule_id), change.version)
    _refuse(connection, changes)
    new, changed = [], []
    rule_ids = []
    for change in changes:
        values = {**change.draft.values(), "reason": change.draft.reason.strip()}
        before = stored.get(change.rule_id) if change.rule_id is not None else None
        rule_id = unit.ids.take() if before is None else int(before["id"])
        rule_ids.append(rule_id)
        values_before = _RULE.values(before)
        if before is None:
            new.append({"id": rule_id, "scope": change.draft.scope, **values, "version": 1})
        elif values_before == values:
            continue
        else:
            changed.append({"b_id": rule_id, "scope": change.draft.scope, **values, "version": before["version"] + 1})
        action = "add_rule" if before is None else "change_rule"
        _account(unit, action, rule_id, values_before, values, values["reason"])
    _write(connection, new, changed)
    return rule_ids


def remove(engine: Engine, rule_id: int, version: int, why: str, actor: str) -> None:
    """Remove a rule; its history stays.

    Raises:
        Forbidden: the actor may not change buffers.
        InvalidInput: no reason is given.
        ChangedMeanwhile: it was changed or removed since the person saw it.

    """
    if not why.strip() or len(why) > MAX_REASON:
        raise InvalidInput(f"Say why the rule goes, in at most {MAX_REASON} characters.")

    def edit(unit: Unit) -> None:
        before = _RULE.require_version(unit.connection, rule_id, _held(unit.connection, [rule_id]).get(rule_id), version)
        unit.connection.execute(sa.delete(buffer_rule).where(buffer_rule.c.id == rule_id))
        _account(unit, "remove_rule", rule_id, _RULE.values(before), None, why.strip())

    work(engine, actor, "change buffers", edit)


def undo(engine: Engine, audit_id: int, actor: str) -> int:
    """Take back a change of a rule (`audit_entry.id`), if nothing was changed since; the rule's id.

    A rule that was added goes, one that was removed comes back, one that was changed gets its values of before.

    Raises:
        Forbidden: the actor may not change buffers.
        InvalidInput: there is no such change.
        Conflict: the rule was changed since.
        Refused: what it was cannot be saved any more.

    """

    def edit(unit: Unit) -> int:
        connection = unit.connection
        change = _RULE.written(connection, audit_id)
        rule_id, before = change.thing_id, change.before
        stored = _held(connection, [rule_id]).get(rule_id)
        _RULE.require_last(connection, change, stored)
        _account(unit, "undo", rule_id, change.after, before, f"undo of change {audit_id}")
        if before is None:
            connection.execute(sa.delete(buffer_rule).where(buffer_rule.c.id == rule_id))
            return rule_id
        draft = RuleDraft(**before)
        _refuse(connection, [Change(draft, rule_id)])
        row = {"scope": draft.scope, **before}
        if stored is None:
            _write(connection, [{"id": rule_id, **row, "version": _RULE.next_version(connection, rule_id)}], [])
        else:
            _write(connection, [], [{"b_id": rule_id, **row, "version": stored["version"] + 1}])
        return rule_id

    return work(engine, actor, "change buffers", edit)


def _held(connection: Connection, rule_ids: Sequence[int]) -> dict[int, dict[str, Any]]:
    """Rules by id, locked."""
    if not rule_ids:
        return {}
    query = sa.select(buffer_rule).where(among(connection, buffer_rule.c.id, rule_ids)).order_by(buffer_rule.c.id).with_for_update()
    return {row["id"]: dict(row) for row in connection.execute(query).mappings()}


def _refuse(connection: Connection, changes: Sequence[Change]) -> None:
    """Refuse what cannot be saved.

    Raises:
        Refused: by the place of each change and field.

    """
    drafts, now = [change.draft for change in changes], now_us()
    refusals = {place: problems(draft, now) for place, draft in enumerate(drafts)}
    known = _known(connection, drafts)
    for place, draft in enumerate(drafts):
        for name, noun in (("channel_id", "channel"), ("sku", "SKU"), ("category", "category"), ("location_id", "location")):
            value = getattr(draft, name)
            if value is not None and name not in refusals[place] and value not in known[name]:
                refusals[place][name] = f"There is no {noun} “{value}” in this store: choose one of those listed."
        if draft.level == "location" and "sku" not in refusals[place] and draft.sku in known[_KIT]:
            refusals[place]["sku"] = f"“{draft.sku}” is a kit and lies nowhere itself: give each of its components a rule."
    _refuse_twice(connection, changes, refusals)
    if any(refusals.values()):
        raise Refused({place: fields for place, fields in refusals.items() if fields})


def _refuse_twice(connection: Connection, changes: Sequence[Change], refusals: dict[int, dict[str, str]]) -> None:
    scopes = [change.draft.scope for change in changes]
    own = {change.rule_id for change in changes}
    query = sa.select(buffer_rule.c.scope, buffer_rule.c.id).where(among(connection, buffer_rule.c.scope, scopes))
    taken = {row.scope for row in connection.execute(query) if row.id not in own}
    seen: set[str] = set()
    for place, scope in enumerate(scopes):
        if not refusals[place] and (scope in taken or scope in seen):
            refusals[place]["level"] = "There is a rule for exactly this already: change that one, for a scope has one rule."
        seen.add(scope)


def _known(connection: Connection, drafts: Sequence[RuleDraft]) -> dict[str, set[str]]:
    """Which of the values that drafts name there are, by field; and which SKUs are kits."""

    def there(column: sa.ColumnElement[str], name: str, *where: sa.ColumnElement[bool]) -> set[str]:
        named = sorted({value for draft in drafts if (value := getattr(draft, name)) is not None})
        if not named:
            return set()
        return set(connection.execute(sa.select(column).where(among(connection, column, named), *where).distinct()).scalars())

    return {
        "channel_id": there(channel.c.channel_id, "channel_id"),
        "sku": there(product.c.sku, "sku"),
        "category": there(product.c.category, "category"),
        "location_id": there(location.c.location_id, "location_id"),
        _KIT: there(product.c.sku, "sku", product.c.kit_version > 0),
    }


def _account(
    unit: Unit, action: str, rule_id: int, before: Mapping[str, Any] | None, after: Mapping[str, Any] | None, why: str | None
) -> None:
    unit.audit(action, (_RULE.entity, rule_id), before, after, why)
    unit.touch("buffers", "rule", rule_id)


def _write(connection: Connection, new: Sequence[dict[str, Any]], changed: Sequence[dict[str, Any]]) -> None:
    if new:
        connection.execute(sa.insert(buffer_rule), list(new))
    if changed:
        values: dict[str, Any] = {name: sa.bindparam(name) for name in changed[0] if name != "b_id"}
        connection.execute(sa.update(buffer_rule).where(buffer_rule.c.id == sa.bindparam("b_id")).values(**values), list(changed))
