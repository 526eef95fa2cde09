"""The write kernel: every write to the store's data, by people, events, imports and jobs, is one call of `work`."""

from collections.abc import Callable, Iterable
from typing import Final, TypeVar

from sqlalchemy.engine import Engine

from data_access.domain.permissions import Permission
from data_access.engine import retrying, row_ids, writing
from data_access.write import lookups
from data_access.write.permissions import require
from data_access.write.unit_of_work import Unit

SYSTEM: Final = "system"
"""The actor of what no person does: feeds, imports and jobs, whose own rows are their audit."""

NO_PARENTS: Final[tuple[str, ...]] = ()
_T = TypeVar("_T")


def work(
    engine: Engine,
    actor: str,
    permission: Permission | None,
    fn: Callable[[Unit], _T],
    *,
    rows: int = 1,
    parents: Iterable[str] | None = NO_PARENTS,
) -> _T:
    """Run `fn` with a unit of work in one writing transaction, flush the unit, commit, and return what `fn` returned.

    It is tried again if it lost to another writer, or took more row ids than were reserved (four times as many are, then).

    Args:
        engine: the store.
        actor: who writes; `SYSTEM` for what no person does.
        permission: what the actor must be allowed, checked in the transaction; None only for `SYSTEM`.
        fn: does the work; it may be called more than once, so it must change nothing outside of the unit.
        rows: about how many row ids it takes.
        parents: keys of parents (`order:CHANNEL:REF`, `return:...`, `po:...`) that no other writer may take in meanwhile; None: all.

    Raises:
        Forbidden: the actor may not; nothing was changed.
        StoreUnavailable: the database refused; nothing was changed.

    """
    if permission is None and actor != SYSTEM:
        raise ValueError(f"a write by {actor} needs a permission")
    ids = row_ids(engine)
    for attempt in retrying():
        with attempt:
            ids.reserve(rows * 4 ** (attempt.retry_state.attempt_number - 1))
            try:
                with writing(engine) as connection:
                    if permission is not None:
                        require(connection, actor, permission)
                    unit = Unit(connection, ids, actor)
                    if parents is None or parents:
                        unit.lock_parents(parents)
                    result = fn(unit)
                    unit.flush()
            except BaseException:
                lookups.forget()  # this thread's copy may hold what was just rolled back
                raise
    return result
