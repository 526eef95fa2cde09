"""A check that a migration widens takes what it took, and the new values, and nothing else."""

from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from alembic.migration import MigrationContext
from alembic.operations import Operations
from sqlalchemy.engine import Connection, Engine

from data_access.engine import writing
from data_access.migrations.checks import allow
from data_access.schema.stock import event


@pytest.fixture
def connection(store: Engine) -> Iterator[Connection]:
    with writing(store) as connection, Operations.context(MigrationContext.configure(connection)):
        yield connection


def row(row_id: int, kind: str) -> dict[str, object]:
    times = {"occurred_at": 1, "received_at": 1}
    return {"id": row_id, "source": "s", "event_id": str(row_id), "kind": kind, "payload_hash": "h", "status": "applied", **times}


def test_new_values_are_taken_beside_the_old(connection: Connection) -> None:
    connection.execute(sa.insert(event), row(1, "sale"))
    allow("event", "kind", "sample_a", "sample_b")
    connection.execute(sa.insert(event), [row(2, "sale"), row(3, "sample_a"), row(4, "sample_b"), row(5, "order_row")])
    assert connection.execute(sa.select(sa.func.count()).select_from(event)).scalar_one() == 5
    with pytest.raises(sa.exc.IntegrityError), connection.begin_nested():
        connection.execute(sa.insert(event), row(6, "nonsense"))
    with pytest.raises(sa.exc.IntegrityError), connection.begin_nested():
        connection.execute(sa.insert(event), {**row(7, "sale"), "status": "nonsense"})


def test_a_column_without_such_a_check_is_refused(connection: Connection) -> None:
    with pytest.raises(ValueError, match="event has no check of source that lists values"):
        allow("event", "source", "x")
