"""What a person decides about returns: what a channel's own codes mean, rules by channel and category. Checked, audited, versioned."""

from dataclasses import asdict, dataclass
from typing import Final

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from data_access.domain.permissions import Permission
from data_access.domain.returns.reasons import key_of, taxonomy
from data_access.domain.returns.rules import problems
from data_access.errors import Refused
from data_access.schema.catalog import product
from data_access.schema.channels import channel
from data_access.schema.returns import return_code, return_rule
from data_access.write.audited_edits import Audited
from data_access.write.audited_rows import AuditedRows
from data_access.write.kernel import work
from data_access.write.unit_of_work import UnitOfWork

PERMISSION: Final[Permission] = "set return rules"
MOST_CODE: Final = 200
_RULE_FIELDS: Final = ("channel_id", "category", "window_days", "inspect_days", "condition", "refund_days", "needs_approval")
_CODES: Final = AuditedRows(
    Audited("return_code", "return code", ("channel_id", "code_key", "means")), return_code, ("channel_id", "code_key"), "returns"
)

_RULES: Final = AuditedRows(Audited("return_rule", "return rule", _RULE_FIELDS), return_rule, ("channel_id", "category"), "returns")


@dataclass(frozen=True, slots=True)
class RuleOfReturns:
    """A rule as a person sets it; None as channel or category: all. Fields as `domain.returns.rules.RULE`."""

    channel_id: str | None
    category: str | None
    window_days: int | None
    inspect_days: int
    condition: str = ""
    refund_days: int = 14
    needs_approval: bool = False


def map_return_code(engine: Engine, channel_id: str, code: str, means: str | None, actor: str, version: int | None = None) -> int:
    """Say what a channel's own return code means; all returns that have it follow at once. The id of what was decided.

    `means`: a reason, or a finer one ("late.never_arrived"); None: what the lists say. `version`: of the decision as the person saw it;
    None if there was none.

    Raises:
        Forbidden: the actor may not set return rules.
        Refused: a field is wrong, at place 0.
        ChangedMeanwhile: it was changed since the person saw it.

    """
    key = key_of(code)

    def edit(unit: UnitOfWork) -> int:
        _CODES.take_turn(unit.connection)
        refusals = {}
        if unit.connection.execute(sa.select(channel.c.channel_id).where(channel.c.channel_id == channel_id)).first() is None:
            refusals["channel_id"] = f"There is no channel “{channel_id}” in this store: choose another."
        if not key or len(code) > MOST_CODE:
            refusals["code"] = f"Give a code that has a letter or a digit, of at most {MOST_CODE} characters."
        if means is not None and means not in taxonomy().reasons:
            refusals["means"] = f"There is no reason “{means}”: choose one of the list."
        if refusals:
            raise Refused({0: refusals})
        return _CODES.save(unit, ("map_return_code", None), version, {"channel_id": channel_id, "code_key": key, "means": means})

    return work(engine, actor, PERMISSION, edit, rows=2)


def set_rule(engine: Engine, rule: RuleOfReturns, actor: str, version: int | None = None) -> int:
    """Set the rule for a channel, a category, both or all; its id. `version`: of the rule as the person saw it; None if there was none.

    Raises:
        Forbidden: the actor may not set return rules.
        Refused: a field is wrong, at place 0.
        ChangedMeanwhile: it was changed since the person saw it.

    """

    def edit(unit: UnitOfWork) -> int:
        _RULES.take_turn(unit.connection)
        refusals = problems(rule.window_days, rule.inspect_days, rule.condition, rule.refund_days)
        for name, column, what in (("channel_id", channel.c.channel_id, "channel"), ("category", product.c.category, "category")):
            value = getattr(rule, name)
            if value is not None and unit.connection.execute(sa.select(column).where(column == value).limit(1)).first() is None:
                refusals[name] = f"There is no {what} “{value}” in this store: choose another."
        if refusals:
            raise Refused({0: refusals})
        return _RULES.save(unit, ("set_return_rule", None), version, {**asdict(rule), "condition": rule.condition.strip()})

    return work(engine, actor, PERMISSION, edit, rows=2)


def remove_rule(engine: Engine, rule_id: int, version: int, actor: str) -> None:
    """Take a rule away: the next closest holds.

    Raises:
        Forbidden: the actor may not set return rules.
        ChangedMeanwhile: it was changed or removed since the person saw it.

    """

    def edit(unit: UnitOfWork) -> None:
        _RULES.take_turn(unit.connection)
        _RULES.remove(unit, ("remove_return_rule", None), rule_id, version)

    work(engine, actor, PERMISSION, edit, rows=2)


def undo(engine: Engine, audit_id: int, actor: str) -> int:
    """Take back a decision (`audit_entry.id`), if it was not changed since; its id.

    Raises:
        Forbidden: the actor may not set return rules.
        InvalidInput: there is no such change.
        Conflict: it was changed since.

    """

    def edit(unit: UnitOfWork) -> int:
        _CODES.take_turn(unit.connection)
        return _CODES.undo(unit, audit_id)

    return work(engine, actor, PERMISSION, edit, rows=2)
