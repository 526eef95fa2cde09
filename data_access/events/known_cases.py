"""What is known of the returns of one unit of work besides their goods: the case, what was asked for, what was refunded."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from data_access.events.known_facts import by_channel
from data_access.prepared import Prepared, in_list
from data_access.schema.returns import return_case, return_refund, return_request

ReturnKey = tuple[str, str]
"""A channel and the return's reference there."""
CASE_COLUMNS: Final = tuple(column.name for column in return_case.c)


def _of_cases(table: sa.Table) -> Prepared:
    return Prepared(
        sa.select(table, return_case.c.return_ref)
        .join(return_case, return_case.c.id == table.c.case_id)
        .where(return_case.c.channel_id == sa.bindparam("channel"), in_list(return_case.c.return_ref, "refs"))
        .order_by(table.c.id)
    )


_CASES: Final = Prepared(
    sa.select(return_case).where(return_case.c.channel_id == sa.bindparam("channel"), in_list(return_case.c.return_ref, "refs"))
)
_REQUESTS, _REFUNDS = _of_cases(return_request), _of_cases(return_refund)


@dataclass(slots=True)
class KnownCase:
    """A return's case: rows by the columns of `return_case`, `return_request` and `return_refund`. `is_new`: it is not stored yet."""

    row: dict[str, Any]
    is_new: bool = False
    requests: list[dict[str, Any]] = field(default_factory=list)
    refunds: list[dict[str, Any]] = field(default_factory=list)


@dataclass(slots=True)
class KnownCases:
    """The cases by channel and return reference; None: looked up, and not there."""

    _cases: dict[ReturnKey, KnownCase | None] = field(default_factory=dict)

    def of(self, key: ReturnKey) -> KnownCase | None:
        """The case of a return that was looked up, if it has one."""
        return self._cases[key]

    def add(self, key: ReturnKey, case: KnownCase) -> None:
        """A case that an event brings."""
        self._cases[key] = case

    def load(self, connection: Connection, keys: Iterable[ReturnKey]) -> None:
        """Look up the cases of these returns."""
        for channel_id, refs in by_channel(set(keys) - self._cases.keys()):
            self._cases.update({(channel_id, ref): None for ref in refs})
            cases: dict[int, KnownCase] = {}
            for row in _CASES.all(connection, channel=channel_id, refs=refs):
                self._cases[(channel_id, row.return_ref)] = cases[row.id] = KnownCase({name: getattr(row, name) for name in CASE_COLUMNS})
            if not cases:
                continue
            for row in _REQUESTS.all(connection, channel=channel_id, refs=refs):
                cases[row.case_id].requests.append({column.name: getattr(row, column.name) for column in return_request.c})
            for row in _REFUNDS.all(connection, channel=channel_id, refs=refs):
                cases[row.case_id].refunds.append({column.name: getattr(row, column.name) for column in return_refund.c})
