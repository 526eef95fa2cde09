"""The change log is kept for a week."""

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from data_access.engine import writing
from data_access.schema.audit import change_log
from data_access.store.change_log import KEPT_US, ROWS_PER_TURN, trim_change_log

NOW = 1_760_000_000_000_000


def test_what_is_older_than_a_week_goes_and_the_rest_stays(store: Engine) -> None:
    old = [(number, NOW - KEPT_US - 1 - number // 2) for number in range(ROWS_PER_TURN + 500)]
    young = [(ROWS_PER_TURN + 500 + number, NOW - KEPT_US + number) for number in range(3)]
    rows = [{"topic": "stock", "version": v, "entity": "sku", "entity_id": "A", "logged_at": at} for v, at in old + young]
    with writing(store) as connection:
        connection.execute(sa.insert(change_log), rows)
    assert trim_change_log(store, NOW) == ROWS_PER_TURN + 500
    with store.connect() as connection:
        left = connection.execute(sa.select(change_log.c.version).order_by(change_log.c.version)).scalars().all()
    assert left == [version for version, _ in young]
    assert trim_change_log(store, NOW) == 0
