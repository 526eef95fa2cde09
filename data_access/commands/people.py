"""What an admin does with people: add one, give another role, remove one."""

import unicodedata
from typing import Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from data_access.domain.ids import likeness
from data_access.engine import now_us
from data_access.errors import Conflict, InvalidInput
from data_access.schema.users import ROLES, app_user
from data_access.write.kernel import work
from data_access.write.permissions import COMMAND_LINE
from data_access.write.unit_of_work import UnitOfWork

MAX_NAME: Final = 80


def add_user(engine: Engine, name: str, role: str, actor: str) -> None:
    """Add a person.

    Raises:
        InvalidInput: the name or role cannot be taken.
        Conflict: there is a person of that name.
        Forbidden: the actor may not manage users.

    """
    name = checked_name(name)
    _require_role(role)

    def edit(unit: UnitOfWork) -> None:
        names = unit.connection.execute(sa.select(app_user.c.name)).scalars().all()
        if name in names:
            raise Conflict(f"There is a user {name!r} already: change the role with `onhand users role`.")
        if (alike := next((other for other in names if likeness(other) == likeness(name)), None)) is not None:
            raise Conflict(f"There is a user {alike!r}, and {name!r} could be taken for the same: choose a name that differs by more.")
        unit.connection.execute(sa.insert(app_user), {"name": name, "role": role, "created_at": now_us()})
        unit.audit("add_user", ("user", name), None, {"role": role})

    work(engine, actor, "manage users", edit)


def set_role(engine: Engine, name: str, role: str, actor: str) -> None:
    """Give a person another role.

    Raises:
        InvalidInput: there is no such person or role.
        Forbidden: the actor may not manage users.

    """
    _require_role(role)

    def edit(unit: UnitOfWork) -> None:
        before = _role(unit.connection, name)
        change = {"role": role, "version": app_user.c.version + 1}
        unit.connection.execute(sa.update(app_user).where(app_user.c.name == name).values(**change))
        unit.audit("set_role", ("user", name), {"role": before}, {"role": role})

    work(engine, actor, "manage users", edit)


def remove_user(engine: Engine, name: str, actor: str) -> None:
    """Remove a person; what they did stays in the audit.

    Raises:
        InvalidInput: there is no such person.
        Forbidden: the actor may not manage users.

    """

    def edit(unit: UnitOfWork) -> None:
        before = _role(unit.connection, name)
        unit.connection.execute(sa.delete(app_user).where(app_user.c.name == name))
        unit.audit("remove_user", ("user", name), {"role": before}, None)

    work(engine, actor, "manage users", edit)


def checked_name(name: str) -> str:
    """A person's name, without spaces around it.

    Raises:
        InvalidInput: it cannot be one.

    """
    name = unicodedata.normalize("NFC", name).strip()
    if not name or len(name) > MAX_NAME or name.startswith(COMMAND_LINE) or not name.isprintable():
        raise InvalidInput(f"{name!r} cannot be a name: give 1 to {MAX_NAME} printable characters, not beginning with “{COMMAND_LINE}”.")
    return name


def _role(connection: Connection, name: str) -> str:
    role = connection.execute(sa.select(app_user.c.role).where(app_user.c.name == name).with_for_update()).scalar_one_or_none()
    if role is None:
        raise InvalidInput(f"There is no user {name!r}: see `onhand users list`.")
    return str(role)


def _require_role(role: str) -> None:
    if role not in ROLES:
        raise InvalidInput(f"{role!r} is no role: choose one of {', '.join(ROLES)}.")
