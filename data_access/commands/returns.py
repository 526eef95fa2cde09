"""What a person decides about returns: what a channel's own codes mean, and to take that back. Checked, audited, versioned."""

from typing import Final

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from data_access.domain.permissions import Permission
from data_access.domain.returns.reasons import key_of, taxonomy
from data_access.errors import Refused
from data_access.schema.channels import channel
from data_access.schema.returns import return_code
from data_access.write.audited_edits import Audited
from data_access.write.audited_rows import AuditedRows
from data_access.write.kernel import work
from data_access.write.unit_of_work import UnitOfWork

PERMISSION: Final[Permission] = "set return rules"
MOST_CODE: Final = 200
_CODES: Final = AuditedRows(
    Audited("return_code", "return code", ("channel_id", "code_key", "means")), return_code, ("channel_id", "code_key"), "returns"
)


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
