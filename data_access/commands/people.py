"""People: who they are, their roles, and whether they may do what they ask for."""

from typing import Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from data_access.domain.permissions import Permission, may, needed
from data_access.engine import now_us, row_ids, writing
from data_access.errors import Conflict, Forbidden, InvalidInput
from data_access.schema.audit import audit_entry
from data_access.schema.users import ROLES, app_user
from data_access.write.audit import entry

COMMAND_LINE: Final = "command line"
"""Begins the name of whoever types commands where the store lies: who can do that can write to the store anyway."""

VIEWER: Final = "viewer"
MAX_NAME: Final = 80


def role_of(connection: Connection, actor: str) -> str:
    """The role of a person; of anyone who is not known, viewer."""
    if actor.startswith(COMMAND_LINE):
        return "admin"
    found = connection.execute(sa.select(app_user.c.role).where(app_user.c.name == actor)).scalar_one_or_none()
    return VIEWER if found is None else str(found)


def require(connection: Connection, actor: str, permission: Permission) -> None:
    """Make sure, in the transaction of a command, that the actor may do this.

    Raises:
        Forbidden: the actor's role does not include it.

    """
    role = role_of(connection, actor)
    if not may(role, permission):
        raise Forbidden(f"{actor} is {role} and may not {permission}: ask someone who is {needed(permission)}. Nothing was changed.")


def add_user(engine: Engine, name: str, role: str, actor: str) -> None:
    """Add a person.

    Raises:
        InvalidInput: the name or role cannot be taken.
        Conflict: there is a person of that name.
        Forbidden: the actor may not manage users.

    """
    name = name.strip()
    if not name or len(name) > MAX_NAME or name.startswith(COMMAND_LINE) or not name.isprintable():
        raise InvalidInput(f"{name!r} cannot be a name: give 1 to {MAX_NAME} printable characters, not beginning with “{COMMAND_LINE}”.")
    _require_role(role)
    ids = row_ids(engine)
    ids.reserve(1)
    with writing(engine) as connection:
        require(connection, actor, "manage users")
        if connection.execute(sa.select(app_user.c.name).where(app_user.c.name == name)).first() is not None:
            raise Conflict(f"There is a user {name!r} already: change the role with `onhand users role`.")
        connection.execute(sa.insert(app_user), {"name": name, "role": role, "created_at": now_us()})
        connection.execute(sa.insert(audit_entry), entry(ids, actor, "add_user", "user", name, None, {"role": role}, None))


def set_role(engine: Engine, name: str, role: str, actor: str) -> None:
    """Give a person another role.

    Raises:
        InvalidInput: there is no such person or role.
        Forbidden: the actor may not manage users.

    """
    _require_role(role)
    ids = row_ids(engine)
    ids.reserve(1)
    with writing(engine) as connection:
        require(connection, actor, "manage users")
        before = _role(connection, name)
        change = {"role": role, "version": app_user.c.version + 1}
        connection.execute(sa.update(app_user).where(app_user.c.name == name).values(**change))
        connection.execute(sa.insert(audit_entry), entry(ids, actor, "set_role", "user", name, {"role": before}, {"role": role}, None))


def remove_user(engine: Engine, name: str, actor: str) -> None:
    """Remove a person; what they did stays in the audit.

    Raises:
        InvalidInput: there is no such person.
        Forbidden: the actor may not manage users.

    """
    ids = row_ids(engine)
    ids.reserve(1)
    with writing(engine) as connection:
        require(connection, actor, "manage users")
        before = _role(connection, name)
        connection.execute(sa.delete(app_user).where(app_user.c.name == name))
        connection.execute(sa.insert(audit_entry), entry(ids, actor, "remove_user", "user", name, {"role": before}, None, None))


def _role(connection: Connection, name: str) -> str:
    found = connection.execute(sa.select(app_user.c.role).where(app_user.c.name == name).with_for_update()).scalar_one_or_none()
    if found is None:
        raise InvalidInput(f"There is no user {name!r}: see `onhand users list`.")
    return str(found)


def _require_role(role: str) -> None:
    if role not in ROLES:
        raise InvalidInput(f"{role!r} is no role: choose one of {', '.join(ROLES)}.")
