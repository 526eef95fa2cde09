"""Alembic's entry: migrates the connection it is handed, or the store that ONHAND_DATABASE_URL names."""

import os

from alembic import context
from sqlalchemy.engine import Connection

from data_access.engine import open_engine
from data_access.events import registry  # noqa: F401 - it completes the schema with the checks of kinds
from data_access.schema import metadata


def _run(connection: Connection) -> None:
    context.configure(connection=connection, target_metadata=metadata, render_as_batch=True, compare_type=True)
    with context.begin_transaction():
        context.run_migrations()


handed: Connection | None = context.config.attributes.get("connection")
if handed is not None:
    _run(handed)
else:
    with open_engine(os.environ.get("ONHAND_DATABASE_URL", "sqlite:///var/onhand.db")).connect() as own:
        _run(own)
