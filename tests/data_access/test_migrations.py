"""The migrations make exactly the schema that the code declares, on both databases."""

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy.engine import Engine

from data_access.engine import open_engine
from data_access.errors import StoreOutOfDate
from data_access.schema import metadata
from data_access.store.lifecycle import head_revision, migrate, require_current
from tests.data_access.revisions import upgrade_to


def test_migrations_and_schema_agree(store: Engine) -> None:
    with store.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection, opts={"compare_type": True}), metadata) == []


def test_a_store_of_the_first_release_is_brought_up_to_date(empty_url: str) -> None:
    engine = open_engine(empty_url)
    with engine.begin() as connection:
        upgrade_to(connection, "0001")
        connection.execute(sa.text("insert into store_version values ('catalog', 3), ('stock', 41)"))
    with pytest.raises(StoreOutOfDate, match="is of an older release"):
        require_current(engine)
    assert migrate(engine) == head_revision()
    with engine.begin() as connection:
        version_rows = connection.execute(sa.text("select topic, version from store_version order by topic")).all()
        assert [tuple(row) for row in version_rows] == [("buffers", 0), ("catalog", 3), ("jobs", 0), ("scorecards", 0), ("stock", 41)]
        assert compare_metadata(MigrationContext.configure(connection, opts={"compare_type": True}), metadata) == []
    with pytest.raises(sa.exc.IntegrityError), engine.begin() as connection:
        connection.execute(sa.text("insert into store_version values ('nonsense', 0)"))
    engine.dispose()
