"""What a person decides about a request for a return: approved or refused. Checked, audited, against what the person saw.

A decision is an event like those that feeds send, in the same transaction as its audit entry.
"""

from typing import Any, Final, Literal
from uuid import uuid4

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from data_access.domain.events import OWN_SOURCE
from data_access.domain.permissions import Permission
from data_access.engine import now_us
from data_access.errors import ChangedMeanwhile, Conflict, Refused
from data_access.events.ingest import take_in
from data_access.events.models import ReturnDecided
from data_access.schema.returns import return_case
from data_access.write.audited_edits import Audited, author
from data_access.write.kernel import work
from data_access.write.unit_of_work import UnitOfWork

PERMISSION: Final[Permission] = "inspect returns"
MOST_REASON: Final = 200
_KIND: Final = Audited("return_case", "request", ("decision", "decided_at", "decision_reason"))


def decide(engine: Engine, case_id: int, decision: Literal["approved", "refused"], reason: str, actor: str, seen: str | None = None) -> int:
    """Approve or refuse a request (`return_case.id`); the audit entry's id. It can be decided again: the last decision holds.

    `seen`: the decision as the person saw it, None if there was none. `reason`: needed to refuse.

    Raises:
        Forbidden: the actor may not inspect returns.
        Refused: the reason is missing or too long, at place 0.
        ChangedMeanwhile: somebody decided since the person saw it, or what brought the request was taken back.

    """
    reason = reason.strip()
    if len(reason) > MOST_REASON or (decision == "refused" and not reason):
        raise Refused({0: {"reason": f"Say why it is refused, in at most {MOST_REASON} characters."}})

    def edit(unit: UnitOfWork) -> int:
        row = _read(unit.connection, case_id)
        if row is not None:
            unit.lock_parents({f"return:{row['channel_id']}:{row['return_ref']}"})
            row = _read(unit.connection, case_id)  # again: another may have decided while this one waited
        if row is None:
            raise ChangedMeanwhile("The request is not there any more. Nothing was changed.", {}, None, "someone")
        if row["decision"] != seen:
            values = _KIND.values(row) or {}
            by = author(unit.connection, [(_KIND.entity, str(case_id))], row)
            sentence = f"{by.capitalize()} {row['decision'] or 'reopened'} return {row['return_ref']} meanwhile. Nothing was changed."
            raise ChangedMeanwhile(sentence, values, None, by)
        return _carry_out(unit, row, decision, reason)

    return work(engine, actor, PERMISSION, edit, rows=2_000)


def _carry_out(unit: UnitOfWork, row: dict[str, Any], decision: Literal["approved", "refused"], reason: str) -> int:
    now = max(now_us(), (row["decided_at"] or 0) + 1)
    event = ReturnDecided(
        source=OWN_SOURCE,
        event_id=str(uuid4()),
        occurred_at=now,
        received_at=now,
        channel_id=row["channel_id"],
        return_ref=row["return_ref"],
        decision=decision,
        reason=reason or None,
    )
    (outcome,) = take_in(unit, [event])
    if outcome.status != "applied":
        raise Conflict(outcome.reason or "The request is not what it was any more: look at it again. Nothing was changed.")
    after = {**row, "decision": decision, "decided_at": now, "decision_reason": reason or None}
    return unit.audit("decide_on_return", (_KIND.entity, row["id"]), _KIND.values(row), _KIND.values(after), reason or None)


def _read(connection: Connection, case_id: int) -> dict[str, Any] | None:
    row = connection.execute(sa.select(return_case).where(return_case.c.id == case_id)).mappings().first()
    return None if row is None else dict(row)
