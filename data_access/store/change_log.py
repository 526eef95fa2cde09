"""Keeping the change log short."""

from typing import Final

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from data_access.engine import now_us, writing
from data_access.schema.audit import change_log

KEPT_US: Final = 7 * 86_400_000_000
ROWS_PER_TURN: Final = 20_000  # so that no turn holds the write lock for long


def trim_change_log(engine: Engine, now: int | None = None) -> int:
    """Delete what was logged more than 7 days before `now` (microseconds; the present by default). Returns the rows deleted.

    Raises:
        StoreUnavailable: the database refused.

    """
    end = (now if now is not None else now_us()) - KEPT_US
    deleted = 0
    while True:
        with writing(engine) as connection:
            later = sa.select(change_log.c.logged_at).order_by(change_log.c.logged_at).limit(1).offset(ROWS_PER_TURN)
            until = connection.execute(later).scalar_one_or_none()
            turn = end if until is None else min(end, until)
            deleted_now = connection.execute(sa.delete(change_log).where(change_log.c.logged_at < turn)).rowcount
            if deleted_now == 0 and turn < end:  # more than a turn's rows were logged at one instant
                deleted_now = connection.execute(sa.delete(change_log).where(change_log.c.logged_at <= turn)).rowcount
        deleted += deleted_now
        if deleted_now == 0:
            return deleted
