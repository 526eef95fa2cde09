"""Whether an actor may do what they ask for, checked in the transaction of the write itself."""

from typing import Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from data_access.domain.permissions import Permission, may, needed
from data_access.errors import Forbidden
from data_access.schema.users import app_user

COMMAND_LINE: Final = "command line"
"""Begins the name of whoever types commands where the store lies: who can do that can write to the store anyway."""

VIEWER: Final = "viewer"


def role_of(connection: Connection, actor: str) -> str:
    """The role of a person; of anyone who is not known, viewer."""
    if actor.startswith(COMMAND_LINE):
        return "admin"
    role = connection.execute(sa.select(app_user.c.role).where(app_user.c.name == actor)).scalar_one_or_none()
    return VIEWER if role is None else str(role)


def require(connection: Connection, actor: str, permission: Permission) -> None:
    """Make sure that the actor may do this.

    Raises:
        Forbidden: the actor's role does not include it.

    """
    role = role_of(connection, actor)
    if not may(role, permission):
        raise Forbidden(f"{actor} is {role} and may not {permission}: ask someone who is {needed(permission)}. Nothing was changed.")
