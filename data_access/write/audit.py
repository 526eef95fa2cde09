"""The audit of what people change: a row of `audit_entry`, which the command writes in the change's own transaction."""

import json
from collections.abc import Mapping
from typing import Any

from data_access.engine import RowIds, now_us


def entry(
    ids: RowIds,
    actor: str,
    action: str,
    entity: str,
    entity_id: object,
    before: Mapping[str, Any] | None,
    after: Mapping[str, Any] | None,
    why: str | None,
) -> dict[str, Any]:
    """A row of `audit_entry`. `before` is None if the thing is new, `after` if it is gone."""
    return {
        "id": ids.take(),
        "at": now_us(),
        "actor": actor,
        "action": action,
        "entity": entity,
        "entity_id": str(entity_id),
        "before": None if before is None else json.dumps(before, ensure_ascii=False, sort_keys=True),
        "after": None if after is None else json.dumps(after, ensure_ascii=False, sort_keys=True),
        "why": why,
    }
