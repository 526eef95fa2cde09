"""Stores of earlier releases."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy.engine import Connection

from data_access import migrations


def upgrade_to(connection: Connection, revision: str) -> None:
    """Bring an empty database, or an older store, to a revision."""
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    config.attributes["connection"] = connection
    command.upgrade(config, revision)
