"""Making, checking and migrating a store."""

import json
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import DBAPIError

from data_access import migrations
from data_access.engine import explained
from data_access.errors import OnHandError, StoreOutOfDate
from data_access.schema.audit import TOPICS, id_block, ingest_lock, store_meta, store_version
from data_access.store_address import shown
from data_access.store_file import STORE_ID

STRIPES: Final = 64
StoreKind = Literal["own", "demo"]
RevisionState = Literal["empty", "current", "older", "newer"]


@dataclass(frozen=True, slots=True)
class StoreInfo:
    """What kind of store this is, and whether its schema fits this code. `revision` is empty for an empty database."""

    kind: StoreKind
    meta: dict[str, Any]
    revision: str | None
    revision_state: RevisionState


def _config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    config.attributes["connection"] = connection
    return config


def _script() -> ScriptDirectory:
    return ScriptDirectory(str(Path(migrations.__file__).parent))


def head_revision() -> str:
    """The schema revision that this code is written for."""
    head = _script().get_current_head()
    if head is None:
        raise OnHandError("This installation of OnHand holds no migrations: install it again.")
    return head


def create_store(engine: Engine, kind: StoreKind = "own", **meta: Any) -> None:
    """Make the tables of an empty database and the rows that every writer expects; `meta` goes to `store_meta` as JSON.

    Raises:
        OnHandError: the database already holds a store.
        StoreUnavailable: the database refused.

    """
    if check_store(engine).revision_state != "empty":
        raise OnHandError(f"{shown(engine.url)} already holds a store: choose another, or run `onhand migrate`.")
    try:
        with engine.connect() as connection, connection.begin():
            create_store_in(connection, kind, **meta)
    except DBAPIError as error:
        raise explained(error, engine) from error


def create_store_in(connection: Connection, kind: StoreKind = "own", **meta: Any) -> None:
    """The same in a transaction of the caller's, on a database that is known to be empty."""
    command.upgrade(_config(connection), "head")
    name_store(connection)
    facts = {"kind": kind, **meta}
    connection.execute(sa.insert(store_meta), [{"key": key, "value": json.dumps(value)} for key, value in facts.items()])
    connection.execute(sa.insert(store_version), [{"topic": topic, "version": 0} for topic in TOPICS])
    connection.execute(sa.insert(id_block), {"name": "row", "next_id": 1})
    connection.execute(sa.insert(ingest_lock), [{"stripe": stripe} for stripe in range(STRIPES)])


def name_store(connection: Connection) -> None:
    """Give the store an id that no other store has, in place of the one that it has."""
    connection.execute(sa.delete(store_meta).where(store_meta.c.key == STORE_ID))
    connection.execute(sa.insert(store_meta), {"key": STORE_ID, "value": json.dumps(uuid.uuid4().hex)})


def check_store(engine: Engine) -> StoreInfo:
    """What is there. A database without tables is `empty`.

    Raises:
        OnHandError: the database holds tables, but not a store of ours.
        StoreUnavailable: the database cannot be reached or read.

    """
    try:
        with engine.connect() as connection:
            revision = MigrationContext.configure(connection).get_current_revision()
            if revision is None:
                names = sa.inspect(connection).get_table_names()
                if set(names) - {"alembic_version"}:
                    raise OnHandError(
                        f"{shown(engine.url)} holds tables that are not OnHand's: set ONHAND_DATABASE_URL to another database."
                    )
                return StoreInfo("own", {}, None, "empty")
            known = {script.revision for script in _script().walk_revisions()}
            if revision not in known:
                return StoreInfo("own", {}, revision, "newer")
            meta = {row.key: json.loads(row.value) for row in connection.execute(sa.select(store_meta))}
            state: RevisionState = "current" if revision == head_revision() else "older"
            return StoreInfo("demo" if meta.get("kind") == "demo" else "own", meta, revision, state)
    except DBAPIError as error:
        raise explained(error, engine) from error


def require_current(engine: Engine) -> StoreInfo:
    """The store's description, if this code can use it.

    Raises:
        StoreOutOfDate: it is empty, older or newer; the sentence says what to do.

    """
    info = check_store(engine)
    where = shown(engine.url)
    if info.revision_state == "empty":
        raise StoreOutOfDate(f"There is no store at {where}: run `onhand migrate` for an empty one, or `onhand demo` for a demo.")
    if info.revision_state == "older":
        raise StoreOutOfDate(
            f"The store at {where} is of an older release (revision {info.revision}): back it up, then run `onhand migrate`."
        )
    if info.revision_state == "newer":
        raise StoreOutOfDate(
            f"The store at {where} is of a newer release (revision {info.revision}) than this code ({head_revision()}): update OnHand."
        )
    return info


def migrate(engine: Engine) -> str:
    """Bring the store to this code's revision, making it if the database is empty. Returns the revision.

    Raises:
        StoreOutOfDate: the store is newer than this code.
        StoreUnavailable: the database refused.

    """
    state = check_store(engine).revision_state
    if state == "empty":
        create_store(engine)
    elif state == "newer":
        require_current(engine)
    elif state == "older":
        try:
            with engine.connect() as connection, connection.begin():
                command.upgrade(_config(connection), "head")
        except DBAPIError as error:
            raise explained(error, engine) from error
    return head_revision()
